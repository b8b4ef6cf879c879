"""The exit on the signal of the model as a candidate of `tune`: in every part, chosen on its past alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.pipelines.inputs.predictions import RowPredictions
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.tuning.choice import Tuning
from exitladder.pipelines.tuning.folds import walk_forward
from exitladder.pipelines.tuning.model_policy import known_rows, model_conditions, tune_model_policy
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL, TUNED, WITHOUT_MODEL
from exitladder.pipelines.tuning.recommendation.exit_choice import ExitChoice, levels_of
from exitladder.pipelines.tuning.recommendation.recommended import recommended_exit
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades, small: Settings) -> Prepared:
    return prepare(bars, trades, small)


@pytest.fixture(scope="module")
def perfect(prepared: Prepared) -> RowPredictions:
    """Predictions of a model that knows the next ten bars, and whose training found an edge."""
    bars, bar = prepared.placed.bars, prepared.rows.bar
    later = np.minimum(bar + 10, prepared.placed.end_bar[prepared.rows.trade] - 1)
    gain = prepared.placed.trades.side[prepared.rows.trade] * (bars.close[later] / bars.close[bar] - 1)
    order = np.argsort(np.argsort(-gain)) / len(gain)
    return RowPredictions(order, gain, np.zeros(len(gain), dtype=np.int16), 1, finding="edge")


@pytest.fixture(scope="module")
def few_trials(small: Settings) -> Settings:
    return small.with_values({"tuning": {"n_trials": 4}, "validation": {"n_test_parts": 2}})


@pytest.fixture(scope="module")
def tuned(prepared: Prepared, perfect: RowPredictions, few_trials: Settings) -> Tuned:
    return tune_ladder(prepared, few_trials, predictions=perfect)


def test_every_part_has_the_exit_that_train_would_tune_on_its_past(
    tuned: Tuned, prepared: Prepared, perfect: RowPredictions, few_trials: Settings
) -> None:
    for choice in (*tuned.folds, tuned.choice):
        trained = tune_model_policy(prepared, perfect, few_trials, trades=np.flatnonzero(choice.training))
        offered = choice.ladder_of(MODEL_OR_TRAIL)
        # Of the past alone: thresholds are quantiles of what was known by the cut.
        assert trained.uses_model and offered.series
        assert offered.stop.time == trained.ladder.stop.time
        assert MODEL_OR_TRAIL in {policy.name for policy in choice.policies}
    assert (
        tuned.choice.ladder_of(MODEL_OR_TRAIL)
        == tune_model_policy(prepared, perfect, few_trials, trades=np.flatnonzero(tuned.choice.training)).ladder
    )


def test_the_tuned_ladder_is_at_least_as_good_as_it_on_the_trades_tuned_on(tuned: Tuned) -> None:
    """Four trials find nothing of the kind; the model's own exit is a candidate beside them."""
    for choice in tuned.folds:
        warm = choice.search.table.query("source == 'warm_start'").index
        ladders = [choice.search.ladders[k] for k in warm]
        assert choice.ladder_of(MODEL_OR_TRAIL) in ladders
        assert choice.search.evaluation.values[choice.best, 0] >= choice.search.evaluation.values[warm, 0].max()


def test_it_is_scored_out_of_sample_and_can_be_recommended(tuned: Tuned) -> None:
    row = tuned.scoreboard.table.set_index("policy").loc[MODEL_OR_TRAIL]
    assert row["n_trades"] == tuned.walk.test.sum()
    (compared,) = [item for item in tuned.recommendation.choice.evidence if item.exit == MODEL_OR_TRAIL]
    won = ExitChoice(MODEL_OR_TRAIL, (replace(compared, verdict="better"),))
    found = recommended_exit(replace(tuned, recommendation=replace(tuned.recommendation, choice=won)))
    assert found.choice == "ladder_with_model"
    assert found.ladder == tuned.choice.ladder_of(MODEL_OR_TRAIL)
    assert "Use the model's own exit" in found.sentence


def test_a_model_without_an_edge_closes_it_to_recommendation() -> None:
    names = [TUNED, WITHOUT_MODEL, MODEL_OR_TRAIL, "your own exits"]
    assert levels_of(names, model_has_edge=True)[-3:] == ((WITHOUT_MODEL,), (MODEL_OR_TRAIL,), (TUNED,))
    assert levels_of(names, model_has_edge=False)[-1] == (WITHOUT_MODEL,)


def test_thresholds_do_not_depend_on_bars_after_the_cut(
    prepared: Prepared, perfect: RowPredictions, small: Settings
) -> None:
    """Rows of a trade may reach beyond the cut, to which its longest exit does not."""
    cut = walk_forward(prepared, small.validation, max(small.search.time_bars)).folds[0].cut
    entered = prepared.entry_time < cut
    late = ~known_rows(prepared, entered, cut)
    changed = replace(
        perfect,
        exhaustion=np.where(late, 0.0, perfect.exhaustion),
        hold_value_r=np.where(late, 9.0, perfect.hold_value_r),
    )
    assert (late & np.repeat(entered, prepared.rows.lengths)).any()

    def conditions(predictions: RowPredictions, until: int | None) -> list[object]:
        return list(model_conditions(prepared, predictions, entered, reachable_atr=8.0, until=until))

    assert conditions(perfect, cut) == conditions(changed, cut)
    assert conditions(perfect, None) != conditions(changed, None)
    spaces = [Tuning.of(prepared, small, each, None)._space(entered, cut) for each in (perfect, changed)]
    assert spaces[0] == spaces[1]


def test_without_a_model_there_is_no_such_exit(prepared: Prepared, few_trials: Settings, tuned: Tuned) -> None:
    assert tuned.without_model is not None
    assert MODEL_OR_TRAIL not in {policy.name for policy in tuned.without_model.choice.policies}
