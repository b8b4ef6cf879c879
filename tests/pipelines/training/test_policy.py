"""Leaving on the model's word: what is tuned on what, and that the trail alone stands where the model gains nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.execution import simulate_many
from exitladder.pipelines.inputs.predictions import RowPredictions, predicted_trades
from exitladder.pipelines.inputs.prepare import Prepared, base_ladder, prepare
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.train import TrainResult
from exitladder.pipelines.training.value import model_value, shuffle_predictions
from exitladder.pipelines.tuning import model_policy
from exitladder.pipelines.tuning.model_policy import MOST_WIDTHS, trail_ladders, tune_model_policy
from exitladder.plans.file import read_ladder
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.units import Condition, Distance
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades, small: Settings) -> Prepared:
    return prepare(bars, trades, small)


@pytest.fixture(scope="module")
def predictions(trained: TrainResult) -> RowPredictions:
    return trained.trained.predictions


@pytest.fixture(scope="module")
def perfect(prepared: Prepared, predictions: RowPredictions) -> RowPredictions:
    """Predictions of a model that knows the next ten bars."""
    bars, bar = prepared.placed.bars, prepared.rows.bar
    later = np.minimum(bar + 10, prepared.placed.end_bar[prepared.rows.trade] - 1)
    gain = prepared.placed.trades.side[prepared.rows.trade] * (bars.close[later] / bars.close[bar] - 1)
    order = np.argsort(np.argsort(-gain)) / len(gain)
    return replace(predictions, exhaustion=np.where(predictions.stage >= 0, order, np.nan), hold_value_r=gain)


def objective(prepared: Prepared, predictions: RowPredictions, settings: Settings, ladder: Ladder) -> float:
    trades = predicted_trades(prepared, predictions)
    signals = signals_for(prepared.placed, ladder.series, prepared, predictions).take(trades)
    net_r = simulate_many(prepared.placed.take(trades), [ladder], signals)[:, 0]
    losses = np.minimum(net_r, 0.0)
    return float(net_r.mean() - settings.tuning.downside_weight * np.sqrt((losses**2).mean()))


def test_no_other_trail_was_better_on_the_trades_that_were_tuned_on(
    prepared: Prepared, predictions: RowPredictions, small: Settings
) -> None:
    tuned = tune_model_policy(prepared, predictions, small)
    assert tuned.n_trades == len(predicted_trades(prepared, predictions)) < len(prepared.placed)
    best = objective(prepared, predictions, small, tuned.trail)
    assert best == pytest.approx(
        max(objective(prepared, predictions, small, trail) for trail in trail_ladders(base_ladder(small), small.search))
    )
    for trail in (None, Distance(2.0, "ATR")):
        never = replace(tuned.trail, stop=replace(tuned.trail.stop, trail=trail))
        assert best >= objective(prepared, predictions, small, never)


def test_both_sides_try_the_same_widths_at_most_so_many_and_none(small: Settings) -> None:
    fine = small.with_values({"search": {"trail_width": ["1ATR", "16ATR"], "trail_step": ["0.1ATR"]}})
    trails = [ladder.stop.trail for ladder in trail_ladders(base_ladder(fine), fine.search)]
    widths = [trail.value for trail in trails if trail is not None]
    assert trails[-1] is None and len(widths) == MOST_WIDTHS
    assert (widths[0], widths[-1]) == (1.0, 16.0)
    ratios = np.array(widths[1:]) / widths[:-1]
    assert ratios.max() < 1.2


def test_a_perfect_model_is_used_and_a_constant_one_is_not(
    prepared: Prepared, predictions: RowPredictions, perfect: RowPredictions, small: Settings
) -> None:
    knowing = tune_model_policy(prepared, perfect, small)
    assert knowing.uses_model
    assert knowing.errors > 5
    assert knowing.ladder.rungs[0].fraction == 1.0
    always_the_same = replace(
        predictions, exhaustion=np.full(len(predictions.stage), 0.5), hold_value_r=np.zeros(len(predictions.stage))
    )
    blind = tune_model_policy(prepared, always_the_same, small)
    assert not blind.uses_model
    assert blind.ladder == blind.trail


def test_only_the_named_series_are_tried(prepared: Prepared, perfect: RowPredictions, small: Settings) -> None:
    for series in ("exhaustion", "hold_value_r"):
        tuned = tune_model_policy(prepared, perfect, small, rungs=[series])
        assert tuned.by_model.series == (series,)
    both = tune_model_policy(prepared, perfect, small)
    assert objective(prepared, perfect, small, both.by_model) == pytest.approx(
        max(
            objective(prepared, perfect, small, tune_model_policy(prepared, perfect, small, rungs=[s]).by_model)
            for s in ("exhaustion", "hold_value_r")
        )
    )


def test_the_simpler_exit_is_kept_unless_the_model_gains_more_than_its_error(
    prepared: Prepared, perfect: RowPredictions, small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = tune_model_policy(prepared, perfect, small)
    monkeypatch.setattr(model_policy, "LEAST_ERRORS", tuned.errors + 0.01)
    assert tune_model_policy(prepared, perfect, small).ladder == tuned.trail
    monkeypatch.setattr(model_policy, "LEAST_ERRORS", tuned.errors)
    assert tune_model_policy(prepared, perfect, small).ladder == tuned.by_model


def test_predictions_of_later_trades_change_nothing_tuned_on_earlier_ones(
    prepared: Prepared, predictions: RowPredictions, perfect: RowPredictions, small: Settings
) -> None:
    predicted = predicted_trades(prepared, predictions)
    earlier = predicted[: len(predicted) // 2]
    ours = np.isin(prepared.rows.trade, earlier)
    mixed = replace(
        predictions,
        exhaustion=np.where(ours, predictions.exhaustion, perfect.exhaustion),
        hold_value_r=np.where(ours, predictions.hold_value_r, perfect.hold_value_r),
    )
    found = [tune_model_policy(prepared, each, small, trades=earlier) for each in (predictions, mixed)]
    # By their text: a gain in standard errors may be unknown, and NaN is not equal to itself.
    assert repr(found[0]) == repr(found[1])


def test_a_perfect_model_has_an_edge(prepared: Prepared, perfect: RowPredictions, small: Settings) -> None:
    value = model_value(prepared, perfect, small)
    assert value.finding == "edge"
    assert value.comparison is not None
    assert (
        value.comparison.n == len(predicted_trades(prepared, perfect)) - len(predicted_trades(prepared, perfect)) // 2
    )


def test_shuffled_predictions_have_no_edge(prepared: Prepared, perfect: RowPredictions, small: Settings) -> None:
    others = shuffle_predictions(prepared, perfect, seed=0)
    assert model_value(prepared, others, small).finding != "edge"
    aged = shuffle_predictions(prepared, perfect, seed=0, keeps_age=True)
    # Within a stage the same things are said, at the same bars of a trade, and none of them of itself.
    starts = prepared.rows.start[:-1][predicted_trades(prepared, perfect)]
    first, shuffled = perfect.hold_value_r[starts], aged.hold_value_r[starts]
    np.testing.assert_array_equal(np.sort(first), np.sort(shuffled))
    assert (first == shuffled).mean() < 0.05
    before_first_stage = perfect.stage[prepared.rows.start[prepared.rows.trade]] < 0
    np.testing.assert_array_equal(others.hold_value_r[before_first_stage], perfect.hold_value_r[before_first_stage])


def test_only_one_of_the_controls_knows_the_age_of_a_trade(
    prepared: Prepared, predictions: RowPredictions, small: Settings
) -> None:
    """Predictions that tell nothing but the age: shuffled at equal age they earn the same, else they know no age."""
    rows = prepared.rows
    age = (np.arange(rows.n_rows) - rows.start[rows.trade]).astype(np.float64)
    whole = np.repeat(rows.lengths == rows.lengths.max(), rows.lengths)
    aged = replace(
        predictions,
        exhaustion=np.full(rows.n_rows, 0.5),
        hold_value_r=np.asarray(20.0 - age, dtype=np.float64),
        silent={},
    )
    at_age, anywhere = (shuffle_predictions(prepared, aged, 0, keeps_age=keeps) for keeps in (True, False))
    known = whole & (aged.stage >= 0)
    assert (at_age.hold_value_r == aged.hold_value_r)[known].mean() > 0.95
    assert abs(np.corrcoef(anywhere.hold_value_r[known], age[known])[0, 1]) < 0.1
    value = model_value(prepared, aged, small)
    assert value.comparison is not None
    assert value.same_age_gain_r == pytest.approx(value.comparison.difference_r, abs=0.02)
    assert value.shuffled_gain_r != value.same_age_gain_r


def test_the_model_is_advised_only_with_an_edge(trained: TrainResult) -> None:
    found = trained.trained
    assert found.policy is not None
    assert found.policy.uses_model == (found.value.finding == "edge")
    assert found.policy.advised(True).ladder == found.policy.by_model
    assert found.policy.advised(False).ladder == found.policy.trail


def test_a_gain_that_mishearing_has_too_is_no_edge(
    prepared: Prepared, perfect: RowPredictions, small: Settings
) -> None:
    value = model_value(prepared, perfect, small)
    assert value.comparison is not None
    assert value.shuffled_gain_r < value.comparison.low
    assert replace(value, shuffled_gain_r=value.comparison.difference_r).finding == "no edge"


def test_train_keeps_the_tuned_exit_as_a_ladder_that_can_be_read(trained: TrainResult, store: Path) -> None:
    policy = trained.trained.policy
    assert policy is not None
    kept = [p for p in store.rglob("model_policy.toml") if trained.run_id in str(p)]
    assert [read_ladder(p) for p in kept] == [policy.ladder]
    assert trained.to_mapping()["policy"]["uses_model"] == policy.uses_model


def test_a_silent_stage_fires_no_rung_and_leaves_the_trail_alone(
    prepared: Prepared, perfect: RowPredictions, small: Settings
) -> None:
    """Even of a perfect model: what is silent is not read, whichever way the condition points."""
    n = perfect.n_stages
    silent = replace(perfect, silent={"exhaustion": (True,) * n, "hold_value_r": (True,) * n})
    trail, chosen = trail_ladders(base_ladder(small), small.search)[3], predicted_trades(prepared, perfect)
    for condition in (
        Condition("exhaustion", ">=", 0.0),
        Condition("exhaustion", "<=", 1.0),
        Condition("hold_value_r", "<=", 9.0),
        Condition("hold_value_r", ">", -9.0),
    ):
        ladder = replace(trail, rungs=(Rung(1.0, when=(condition,)),))
        signals = signals_for(prepared.placed, ladder.series, prepared, silent).take(chosen)
        net_r = simulate_many(prepared.placed.take(chosen), [ladder, trail], signals)
        np.testing.assert_array_equal(net_r[:, 0], net_r[:, 1])
    tuned = tune_model_policy(prepared, silent, small)
    assert not tuned.uses_model
    assert not tuned.by_model.rungs
    assert tuned.ladder == tuned.trail
    assert tuned.to_mapping()["condition"] is None
    assert model_value(prepared, silent, small).finding == "no edge"


def test_only_the_series_that_speaks_is_tuned(prepared: Prepared, perfect: RowPredictions, small: Settings) -> None:
    half = replace(perfect, silent={"exhaustion": (True,) * perfect.n_stages})
    assert tune_model_policy(prepared, half, small).by_model.series == ("hold_value_r",)


def test_harm_and_edge_need_a_p_value_too(prepared: Prepared, perfect: RowPredictions, small: Settings) -> None:
    value = model_value(prepared, perfect, small)
    assert value.comparison is not None
    unsure = replace(value.comparison, p_value=0.06)
    assert replace(value, comparison=unsure).finding == "no edge"
    worse = replace(value.comparison, low=-0.5, high=-0.1)
    assert replace(value, comparison=worse).finding == "harm"
    assert replace(value, comparison=replace(worse, p_value=0.06)).finding == "no edge"


def test_a_gain_is_measured_in_errors_of_days_of_entry() -> None:
    """Ten trades a day with one difference a day: the error is that of the days."""
    daily = np.random.default_rng(1).normal(0.3, 1.0, 30)
    gain, errors = model_policy._gain(np.repeat(daily, 10), np.zeros(300), np.repeat(np.arange(30), 10))
    assert gain == pytest.approx(daily.mean())
    assert errors == pytest.approx(daily.mean() / (daily.std(ddof=1) / np.sqrt(30)))
    assert np.isnan(model_policy._gain(np.ones(5), np.zeros(5), np.zeros(5, dtype=np.int64))[1])
