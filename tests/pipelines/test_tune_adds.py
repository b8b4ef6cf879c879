"""`tune` with adds: searched per unit of planned risk, recommended only with evidence against the same without adds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError, SettingsError
from exitladder.execution import simulate, simulate_many
from exitladder.pipelines.backtest import backtest, backtest_walk_forward
from exitladder.pipelines.inputs.prepare import base_ladder, prepare
from exitladder.pipelines.tune import TuneResult, tune
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.pipelines.tuning.policies import OWN_EXITS, OWN_LADDER, SIMPLEST, TUNED, WITHOUT_ADDS
from exitladder.pipelines.tuning.recommendation.exit_choice import SIMPLE_EXITS, levels_of
from exitladder.pipelines.tuning.tuned import tune_ladder
from exitladder.plans.file import ladder_from_mapping, read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.plans.size import Size
from exitladder.settings.tables import Settings
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import Trades, place_trades

ADDS = {"adds": ["pyramid", "average"], "add_factor": [0.5, 2.0], "add_stop": ["off", "fill"]}


@pytest.fixture(scope="module")
def with_adds(small: Settings) -> Settings:
    """No ladder of the search is without adds; simple exits are candidates all the same."""
    return small.with_values({"search": ADDS, "tuning": {"n_trials": 60}, "validation": {"n_test_parts": 2}})


@pytest.fixture(scope="module")
def reversals(bars: BarSet) -> Trades:
    """Entries on which a plan with adds is tuned in one part and at the end, and an exit without adds in the other."""
    return make_trades(bars, "rsi_reversal")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tuned") / "out"


@pytest.fixture(scope="module")
def tuned(bars: BarSet, reversals: Trades, with_adds: Settings, folder: Path) -> TuneResult:
    return tune(bars, reversals, with_adds, out=folder)


@pytest.fixture(scope="module")
def plan() -> Ladder:
    adds = [{"quantity": 1.0, "at": "0.5ATR", "spacing": "previous", "stop": "2ATR"}] * 2
    stop = {"initial": "2ATR", "trail": "4ATR", "time": 40}
    costs = {"commission_bps": 2.0, "slippage_bps": 3.0}
    return ladder_from_mapping({"name": "mine", "adds": adds, "stop": stop, "costs": costs})


@pytest.mark.slow
def test_the_tuning_without_adds_is_the_one_that_the_default_settings_make(
    tuned: TuneResult, bars: BarSet, reversals: Trades, with_adds: Settings
) -> None:
    off = with_adds.with_values({"search": {"adds": ["off"]}})
    alone = tune_ladder(prepare(bars, reversals, off), off)
    assert WITHOUT_ADDS not in alone.net_r
    without = tuned.tuned.net_r[WITHOUT_ADDS].to_numpy()
    np.testing.assert_array_equal(without, alone.net_r[TUNED].to_numpy())
    assert tuned.tuned.simpler[WITHOUT_ADDS].choice.ladder == alone.ladder
    tried = [ladder for choice in tuned.tuned.folds for ladder in choice.search.ladders]
    assert {kind.is_plan for kind in tried} == {True, False}  # simple exits are candidates, too
    assert not any(
        ladder.is_plan for choice in tuned.tuned.simpler[WITHOUT_ADDS].folds for ladder in choice.search.ladders
    )


@pytest.mark.slow
def test_a_plan_is_recommended_only_with_evidence(tuned: TuneResult) -> None:
    found = tuned.tuned.recommendation
    compared = {item.exit for item in found.choice.evidence}
    assert compared == {WITHOUT_ADDS, TUNED}
    assert found.choice.deciding is not None or not tuned.recommended.is_plan
    every = [TUNED, WITHOUT_ADDS, SIMPLEST, *SIMPLE_EXITS, OWN_LADDER, OWN_EXITS]
    simple = (OWN_LADDER, *SIMPLE_EXITS)
    assert levels_of(every, model_has_edge=False) == ((OWN_EXITS,), simple, (WITHOUT_ADDS,), (TUNED,))


@pytest.mark.slow
def test_the_files_are_read_by_backtest_and_give_the_numbers_of_the_tuning(
    tuned: TuneResult, bars: BarSet, reversals: Trades, with_adds: Settings, folder: Path
) -> None:
    ladder = read_ladder(folder / "ladder.toml")
    assert ladder.adds
    assert {bool(choice.ladder.adds) for choice in tuned.tuned.folds} == {True, False}
    assert ladder == tuned.ladder
    assert ladder.tuned is not None
    again = backtest_walk_forward(bars, reversals, folder, with_adds)
    expected = tuned.tuned.net_r.loc[tuned.tuned.walk.test, TUNED]
    assert again.trades.set_index("trade_id")["r"].to_numpy() == pytest.approx(
        expected.to_numpy(), abs=1e-12, nan_ok=True
    )
    trials = pd.read_csv(folder / "trials.csv")
    assert {"adds", "add_factor_steps"} <= set(trials.columns)
    assert trials["ladder"].str.contains("add 1x|add 0.5x|add 2x").any()
    written = pd.read_csv(folder / "trades.csv")
    assert written["n_adds"].notna().all()
    assert written["quantity_entered"].ge(written["quantity"]).all()
    assert written["n_adds"].sum() > 0
    assert backtest(bars, reversals, ladder, with_adds).summary["adds"]["n_adds"] > 0


def test_more_size_is_not_more_score(bars: BarSet, trades: Trades, small: Settings, plan: Ladder) -> None:
    placed = place_trades(trades, bars)
    base = base_ladder(small)
    free = replace(plan, costs=base.costs)
    twice = replace(placed, trades=replace(placed.trades, quantity=2.0 * placed.trades.quantity))
    values = [Objectives.of(small, some, None, base).judge([free]).values[0, 0] for some in (placed, twice)]
    assert values[0] == values[1]
    net, planned = simulate(placed, free).pnl, simulate(placed, free).planned_risk
    np.testing.assert_allclose(
        Objectives.of(small, placed, None, base).results([free]).net_r[:, 0],
        (net / planned)[np.argsort(placed.trades.entry_time, kind="stable")],
        rtol=1e-12,
    )


@pytest.mark.slow
def test_a_plan_of_the_user_is_a_candidate_and_its_exits_without_the_adds_are_too(
    bars: BarSet, trades: Trades, small: Settings, plan: Ladder
) -> None:
    few = small.with_values({"tuning": {"n_trials": 4}, "validation": {"n_test_parts": 1}})
    found = tune_ladder(prepare(bars, trades, few), few, own_ladder=plan)
    own = next(policy.ladder for policy in found.policies if policy.name == OWN_LADDER)
    assert own == plan
    assert found.search.ladders[0] == plan
    assert not found.base.is_plan
    assert not any(ladder.is_plan for ladder in found.simpler[WITHOUT_ADDS].choice.search.ladders)
    assert found.simpler[WITHOUT_ADDS].choice.search.ladders[0].stop == plan.stop
    assert found.recommendation.default == OWN_LADDER


@pytest.mark.parametrize(
    ("settings", "model", "message"),
    [
        ({"search": {"adds": ["off", "pyramid"]}}, "models:/m/1", "Adds cannot yet be tuned together with a model"),
        (
            {"search": {"adds": ["pyramid"]}, "tuning": {"objectives": ["r_per_capital_day"]}},
            None,
            "tuning.objectives must not have r_per_capital_day",
        ),
    ],
)
def test_what_cannot_be_tuned_with_adds_is_refused_before_anything_runs(
    bars: BarSet, trades: Trades, small: Settings, tmp_path: Path, settings: dict[str, object], model: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        tune(bars, trades, small.with_values(settings), model=model, out=tmp_path)


def test_sizes_and_limits_that_follow_other_trades_are_refused(
    bars: BarSet, trades: Trades, small: Settings, plan: Ladder, tmp_path: Path
) -> None:
    sized = replace(plan, size=Size(rule="fixed", units=10.0))
    limited = ladder_from_mapping({"limits": [{"when": ["open_loss_r >= 1"], "reduce_to": 0.5}]})
    for own, message in ((sized, 'rule = "fixed"'), (limited, r"\[\[limits\]\]")):
        with pytest.raises(LadderError, match=message):
            tune(bars, trades, small, ladder=own, out=tmp_path)
        with pytest.raises(LadderError, match=message):
            simulate_many(place_trades(trades, bars), [own])


def test_days_of_a_plan_sum_to_its_marked_account(bars: BarSet, trades: Trades, plan: Ladder) -> None:
    from exitladder.measures.marked import marked_account
    from exitladder.measures.marked_days import marked_days

    done = simulate(place_trades(trades.take(np.arange(80)), bars), plan)
    worth = np.ones(len(done))
    account = marked_account([done], [worth])
    assert account is not None
    np.testing.assert_allclose(marked_days(done, worth).daily(), account.daily(), atol=1e-9)
    assert done.n_adds.sum() > 20
