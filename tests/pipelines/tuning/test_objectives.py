"""Objectives and constraints: known answers, the R they are told in, robust forms, and the point chosen on a front."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import DAY_NS
from exitladder.errors import ModelError, SettingsError
from exitladder.execution import simulate, simulate_own_exits
from exitladder.measures.marked_days import MarkedDays
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.space.neighbours import neighbours
from exitladder.models.search.space.space import SearchSpace
from exitladder.pipelines.backtest import backtest
from exitladder.pipelines.inputs.prepare import Prepared, base_ladder, prepare
from exitladder.pipelines.tuning.measures import CONSTRAINTS, OBJECTIVES, expectancy, standard_error
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.pipelines.tuning.policies import baseline_candidates
from exitladder.pipelines.tuning.results import (
    Results,
    base_risk,
    capital_in_r,
    net_r_of,
    results_of,
    results_of_simulation,
)
from exitladder.plans.ladder import Execution, Ladder, Rung, Stop
from exitladder.plans.units import Distance, Target
from exitladder.settings.contracts import Contract, Contracts
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings, TuningSettings
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import PlacedTrades, Trades, place_trades

# Ten daily returns, 1R being 1 % of the account.
TEN = np.array([0.01, -0.02, 0.03, -0.01, 0.005, -0.015, 0.02, 0.01, -0.03, 0.025])
ONE_A_DAY = Results(
    net_r=np.repeat(TEN[:, None] * 100, 2, axis=1),
    entry_day=np.arange(10),
    n_fills=np.full((10, 2), 3),
    mfe_r=np.repeat(np.maximum(TEN, 0.001)[:, None] * 200, 2, axis=1),
    gross_r=np.repeat(TEN[:, None] * 100 + 0.2, 2, axis=1),
    bars=np.full((10, 2), 4),
    capital_days=np.full((10, 2), 50.0),
    days=(MarkedDays(TEN * 100, np.arange(11), np.arange(10)),) * 2,
    drawdown_r=np.full(2, -3.0),
    drift_r=np.full((10, 2), 0.25),
)
YEAR = math.sqrt(365.25 / 252)


def objective(name: str, results: Results = ONE_A_DAY, **settings: Any) -> float:
    values = OBJECTIVES[name].measure(results, TuningSettings(**settings))
    assert values.shape == (results.net_r.shape[1],)
    assert (values == values[0]).all() or np.isnan(values).all()
    return float(values[0])


def violation(name: str, limit: float, results: Results = ONE_A_DAY) -> float:
    return float(CONSTRAINTS[name].violation(results, limit)[0])


def test_known_answers_of_the_daily_series() -> None:
    """Sharpe 1.954017, Sortino 3.113247, Calmar 26.352225 at 252 days a year; ours count 365.25 calendar days."""
    assert objective("sharpe") == pytest.approx(1.954017 * YEAR, rel=1e-6)
    assert objective("sortino") == pytest.approx(3.113247 * YEAR, rel=1e-6)
    training = np.prod(1 + TEN) ** (365.25 / 10) - 1
    assert objective("calmar") == pytest.approx(training / 0.03, rel=1e-9)
    assert np.prod(1 + TEN) ** (252 / 10) - 1 == pytest.approx(0.790567, abs=1e-6)
    path = np.cumprod(1 + TEN)
    falls = path / np.maximum.accumulate(np.concatenate([[1.0], path]))[1:] - 1
    assert objective("ulcer") == pytest.approx(-np.sqrt(np.mean(falls**2)), rel=1e-12)
    assert objective("ulcer", risk_per_trade=0.005) > objective("ulcer")
    assert objective("sharpe", risk_per_trade=0.005) == pytest.approx(objective("sharpe"))


def test_known_answers_of_trades() -> None:
    twenty = Results(np.tile(TEN, 4)[:, None], np.arange(40))
    assert objective("cvar_r", twenty) == pytest.approx(-0.03)  # two of forty: both -0.03
    assert objective("expectancy_r") == pytest.approx(100 * TEN.mean())
    downside = math.sqrt(np.mean(np.minimum(TEN, 0) ** 2)) * 100
    assert objective("mean_minus_downside", downside_weight=0.5) == pytest.approx(100 * TEN.mean() - 0.5 * downside)
    assert objective("lower_bound") == pytest.approx(100 * (TEN.mean() - 1.645 * TEN.std(ddof=1) / math.sqrt(10)))
    assert objective("profit_per_fill") == pytest.approx(100 * TEN.sum() / 30)
    assert objective("capture") == pytest.approx(TEN.sum() / np.maximum(TEN, 0.001).sum() / 2)
    assert objective("r_per_bar") == pytest.approx(100 * TEN.sum() / 40)
    assert objective("r_per_capital_day") == pytest.approx(100 * TEN.sum() / 500)
    blocks = replace(twenty, net_r=twenty.net_r + np.repeat(np.arange(10), 4)[:, None])
    assert objective("worst_block_r", blocks) == pytest.approx(TEN[:4].mean())


def test_constraints_are_kept_where_their_violation_is_at_most_zero() -> None:
    assert violation("max_fills", 3.0) == 0.0
    assert violation("max_fills", 2.5) == 0.5
    assert violation("min_trades", 10) == 0.0
    assert violation("min_trades", 12) == 2.0
    assert violation("max_drawdown_r", 2.0) == pytest.approx(1.0)
    gross = 100 * TEN.mean() + 0.2
    assert violation("max_cost_share", 0.2 / gross) == pytest.approx(0.0)
    assert violation("max_cost_share", 0.1 / gross) == pytest.approx(0.1)
    losing = replace(ONE_A_DAY, gross_r=-np.ones((10, 2)), net_r=-np.ones((10, 2)) * 1.5)
    assert violation("max_cost_share", 0.9, losing) == pytest.approx(0.5)


def test_skipped_trades_take_part_in_nothing() -> None:
    gone = np.zeros((3, 2))
    with_skipped = Results(
        net_r=np.concatenate([ONE_A_DAY.net_r, gone * np.nan]),
        entry_day=np.concatenate([ONE_A_DAY.entry_day, [-50, 3, 90]]),
        n_fills=np.concatenate([ONE_A_DAY.n_fills, gone]).astype(np.int64),
        mfe_r=np.concatenate([ONE_A_DAY.mfe_r, gone * np.nan]),
        gross_r=np.concatenate([ONE_A_DAY.gross_r, gone * np.nan]),
        bars=np.concatenate([ONE_A_DAY.bars, gone]).astype(np.int64),
        capital_days=np.concatenate([ONE_A_DAY.capital_days, gone * np.nan]),
        days=(MarkedDays(TEN * 100, np.append(np.arange(11), [10, 10, 10]), np.append(np.arange(10), [-50, 3, 90])),)
        * 2,
        drawdown_r=ONE_A_DAY.drawdown_r,
        drift_r=np.concatenate([ONE_A_DAY.drift_r, gone * np.nan]),
    )
    for name in OBJECTIVES:
        if name != "worst_block_r":
            assert objective(name, with_skipped) == pytest.approx(objective(name)), name
    for name in CONSTRAINTS:
        assert violation(name, 1.0, with_skipped) == pytest.approx(violation(name, 1.0)), name
    nothing = with_skipped.take(np.array([10, 11, 12]))
    for name in OBJECTIVES:
        assert math.isnan(objective(name, nothing)), name


def test_the_jackknife_of_a_mean_is_its_textbook_standard_error() -> None:
    expected = TEN.std(ddof=1) * 100 / math.sqrt(10)
    np.testing.assert_allclose(standard_error(expectancy, ONE_A_DAY, blocks=10), expected)
    rng = np.random.default_rng(1)
    runs = [standard_error(expectancy, Results(rng.normal(0, 1, (400, 1)), np.arange(400)))[0] for _ in range(200)]
    assert np.sqrt(np.mean(np.square(runs))) == pytest.approx(1 / 20, rel=0.03)


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades) -> Prepared:
    return prepare(bars, trades, Settings())


def test_the_risk_of_a_trade_needs_no_walk_to_its_end(prepared: Prepared) -> None:
    np.testing.assert_array_equal(prepared.risk, simulate(prepared.placed, base_ladder(Settings())).risk)


BASE = base_ladder(load_settings(None, ["costs.commission_bps=5", "costs.slippage_bps=3"]))
LADDERS = [
    replace(BASE, name="a", rungs=(Rung(0.5, Target(1.0, "R")),), stop=replace(BASE.stop, time=20)),
    replace(BASE, name="b", rungs=(), stop=replace(BASE.stop, trail=Distance(3.0, "ATR"), time=40)),
    replace(BASE, name="c", rungs=(Rung(1.0, Target(2.0, "R")),), stop=replace(BASE.stop, time=60)),
]


def objectives(prepared: Prepared, *overrides: str, space: SearchSpace | None = None) -> Objectives:
    settings = load_settings(None, [*(f"tuning.{o}" for o in overrides), "project.threads=1"])
    return Objectives.of(settings, prepared.placed, None, BASE, space)


def test_results_are_those_of_single_simulations(prepared: Prepared) -> None:
    found = results_of(prepared.placed, LADDERS, None, BASE, with_fills=True, with_gross=True, with_time=True)
    for m, ladder in enumerate(LADDERS):
        one = results_of_simulation(
            simulate(prepared.placed, ladder),
            simulate(prepared.placed, replace(ladder, costs=BASE.costs.times(0))),
            BASE,
        )
        for name in ("net_r", "n_fills", "mfe_r", "gross_r", "bars", "capital_days"):
            np.testing.assert_array_equal(getattr(found, name)[:, m], getattr(one, name)[:, 0])
        assert found.gross_r is not None and (found.gross_r[:, m] >= found.net_r[:, m]).all()


def test_the_account_of_an_objective_is_that_of_a_backtest(prepared: Prepared, small: Settings) -> None:
    """Equal risk per trade in money makes the account in money a multiple of that in R."""
    placed = prepared.placed
    trades = replace(placed.trades, quantity=100.0 / np.abs(placed.trades.entry_price - placed.trades.stop_price))
    judge = objectives(
        replace(prepared, placed=replace(placed, trades=trades)), "objectives=['sharpe', 'sortino']", "max_drawdown_r=1"
    )
    ladder = replace(LADDERS[1], costs=replace(BASE.costs, lot=0.0, min_quantity=0.0))
    evaluation = judge.judge([LADDERS[0], ladder])
    summary = backtest(placed.bars, trades, ladder, small).summary
    assert summary["n_open"] > 0
    for k, name in enumerate(("sharpe", "sortino")):
        printed = summary[f"{name}_daily_annualised"]["value"]
        assert evaluation.values[1, k] == pytest.approx(printed, rel=1e-9)
    assert evaluation.violations[1, 0] == pytest.approx(-summary["max_drawdown_account_r"] - 1, rel=1e-9)


def test_a_dip_of_one_r_before_the_sale_is_seen_by_the_objectives() -> None:
    """Closes at 98, 102 and 104 after an entry at 100 with the stop at 97: -2, +4 and +2 points, of an R of 3."""
    prices = np.array([[100.0, 101, 97.5, 98], [98, 103, 98, 102], [102, 104, 101, 104]])
    bars = BarSet([Bars("X", DAY_NS, np.arange(3) * DAY_NS, *prices.T)])
    row = {"trade_id": "a", "symbol": "X", "side": "long", "entry_time": "1970-01-01", "quantity": 1.0}
    placed = place_trades(trades_from_frame(pd.DataFrame([row | {"entry_price": 100.0, "stop_price": 97.0}])), bars)
    base = Ladder()
    found = results_of(placed, [base], None, base, with_days=True, with_drawdown=True)
    assert found.days is not None and found.drawdown_r is not None
    np.testing.assert_allclose(found.days[0].daily(), np.array([-2.0, 4.0, 2.0]) / 3.0)
    assert found.drawdown_r[0] == pytest.approx(-2 / 3)
    assert objective("sortino", found) > 0  # unknown without a loss: the sale alone has none


def test_a_ladder_is_judged_the_same_in_any_batch(prepared: Prepared) -> None:
    names = ("sharpe", "cvar_r", "capture", "r_per_bar", "r_per_capital_day")
    judge = objectives(prepared, f"objectives={list(names)}", "max_fills=2.4", "max_cost_share=0.5", "max_drawdown_r=5")
    together = judge.judge(LADDERS)
    assert together.objectives == names
    assert together.constraints == ("max_fills", "max_cost_share", "max_drawdown_r")
    for k, ladder in enumerate(LADDERS):
        alone = judge.judge([ladder])
        np.testing.assert_array_equal(alone.values[0], together.values[k])
        np.testing.assert_array_equal(alone.violations[0], together.violations[k])
    assert together.violations[0, 0] > 0 >= together.violations[1, 0]
    assert len(judge.judge([])) == 0


def test_own_exits_are_judged_as_a_ladder_is(bars: BarSet, some_open: Trades) -> None:
    prepared = prepare(bars, some_open, Settings())
    named = "objectives=['expectancy_r', 'sharpe', 'profit_per_fill', 'r_per_bar', 'r_per_capital_day']"
    judge = objectives(prepared, named, "max_cost_share=0.5")
    own = judge.judge_own_exits()
    assert own is not None
    simulated = simulate_own_exits(prepared.placed, BASE)
    assert own.values[0, 0] == pytest.approx(np.nanmean(simulated.r))
    assert np.isfinite(own.values).all() and own.violations.shape == (1, 1)
    assert own.values[0, 3] == pytest.approx(np.nansum(simulated.r) / simulated.bars_in_market.sum())


def placed_long(**changes: Any) -> PlacedTrades:
    """Return a long at 100, stopped at 98, over two daily bars of a Friday and a Monday; it is 5 R on the second."""
    prices = np.array([[100.0, 101.0, 99.0, 100.5], [100.5, 111.0, 100.0, 110.0]])
    day = np.array(["2024-01-05", "2024-01-08"], dtype="datetime64[ns]").astype(np.int64)
    bars = BarSet([Bars("X", DAY_NS, day, *prices.T)])
    row = {"trade_id": "a", "symbol": "X", "side": "long", "entry_time": "2024-01-05"}
    price = {"entry_price": 100.0, "stop_price": 98.0, "quantity": 1.0}
    return place_trades(trades_from_frame(pd.DataFrame([row | price | changes])), bars)


@pytest.mark.parametrize("leverage", [0.0, 5.0])
def test_bars_count_two_and_days_four_over_a_weekend(leverage: float) -> None:
    """Sold at 110, 5 R: over two bars, and over four days at a capital of 50 R, or of 10 R at a leverage of 5."""
    placed = placed_long()
    base = Ladder(execution=Execution(leverage=leverage))
    ladder = replace(base, rungs=(Rung(1.0, Target(5.0, "R")),))
    found = results_of(placed, [ladder], None, base, with_time=True)
    assert objective("r_per_bar", found) == pytest.approx(5.0 / 2)
    capital = 50.0 / max(leverage, 1.0)
    assert objective("r_per_capital_day", found) == pytest.approx(5.0 / (capital * 4))


def test_capital_does_not_depend_on_the_size_of_the_position(prepared: Prepared) -> None:
    """Notional and R grow alike with quantity, multiplier and currency, so their ratio does not."""
    small, large = capital_in_r(placed_long(), BASE), capital_in_r(placed_long(quantity=250.0), BASE)
    np.testing.assert_array_equal(small, 50.0)
    np.testing.assert_array_equal(large, 50.0)
    contract = Contracts({"X": Contract(multiplier=20.0)})
    placed = placed_long()
    np.testing.assert_array_equal(capital_in_r(replace(placed, bars=placed.bars.with_contracts(contract)), BASE), 50.0)
    simulated = simulate(prepared.placed, LADDERS[0])
    np.testing.assert_allclose(capital_in_r(prepared.placed, BASE), prepared.placed.trades.entry_price / simulated.risk)


def test_a_wider_stop_loses_more_of_the_first_risk(prepared: Prepared) -> None:
    """The size stays: what a stop three ATR away loses is one and a half of the R of two ATR."""
    wide = replace(BASE, stop=replace(BASE.stop, initial=Distance(3.0, "ATR"), time=60))
    free = replace(
        prepared.placed, trades=replace(prepared.placed.trades, stop_price=np.full(len(prepared.placed), np.nan))
    )
    own = simulate(free, wide).r
    np.testing.assert_array_equal(net_r_of(free, [wide, LADDERS[0]], None, BASE)[:, 0], own * 1.5)
    assert net_r_of(free, [wide], None, BASE).min() < -1.4
    np.testing.assert_array_equal(base_risk(free, LADDERS[0], BASE), 1.0)
    given = replace(free, trades=replace(free.trades, stop_price=free.trades.entry_price - free.trades.side))
    np.testing.assert_array_equal(base_risk(given, wide, BASE), 1.0)
    with pytest.raises(ValueError, match="the same unit"):
        base_risk(free, replace(wide, stop=replace(wide.stop, initial=Distance(3.0, "%"))), BASE)


def test_a_stop_that_every_trade_brings_is_not_searched(prepared: Prepared) -> None:
    settings = load_settings(None, ["search.stop=[1, 3]"])
    assert np.isfinite(prepared.placed.trades.stop_price).all()
    with pytest.raises(SettingsError, match=r"search\.stop has no effect"):
        Objectives.of(settings, prepared.placed, None, BASE)


def test_robust_forms_are_what_they_say(prepared: Prepared) -> None:
    plain = objectives(prepared, "objectives=expectancy_r").judge(LADDERS).values
    lower = objectives(prepared, "objectives=expectancy_r", "robust=lower_bound").judge(LADDERS).values
    results = results_of(prepared.placed, LADDERS, None, BASE)
    np.testing.assert_allclose(plain - lower, 1.645 * standard_error(expectancy, results)[:, None])
    dear = objectives(prepared, "objectives=expectancy_r", "robust=double_costs").judge(LADDERS).values
    twice = [np.nanmean(simulate(prepared.placed, replace(one, costs=BASE.costs.times(2))).r) for one in LADDERS]
    np.testing.assert_allclose(dear[:, 0], twice)
    space = SearchSpace(Settings().search, BASE)
    near = objectives(prepared, "objectives=expectancy_r", "robust=neighbours", space=space)
    around = [LADDERS[0], *neighbours(space, LADDERS[0], 8, 0)]
    assert len(around) == 9
    values = objectives(prepared, "objectives=expectancy_r").judge(around).values
    assert near.judge(LADDERS).values[0, 0] == np.median(values)
    with pytest.raises(SettingsError, match="all costs are 0"):
        Objectives.of(load_settings(None, ["tuning.robust=double_costs"]), prepared.placed, None, Ladder())


def test_one_objective_chooses_the_greatest_feasible(prepared: Prepared) -> None:
    judge = objectives(prepared, "objectives=expectancy_r")
    values = np.array([[1.0], [3.0], [2.0], [2.0]])
    evaluation = Evaluation(values, np.array([[0.0], [1.0], [0.0], [0.0]]), ("expectancy_r",), ("max_fills",))
    assert judge.choose(evaluation, [*LADDERS, LADDERS[0]]) == 2
    with pytest.raises(ModelError, match="all 1 have none in expectancy_r"):
        judge.choose(Evaluation.of_values([math.nan], "expectancy_r"), LADDERS[:1])


def test_several_objectives_give_up_no_more_of_the_first_than_chance(prepared: Prepared) -> None:
    judge = objectives(prepared, "objectives=['expectancy_r', 'cvar_r']")
    ladders = [ladder for family in baseline_candidates(BASE, Settings().search).values() for ladder in family]
    evaluation = judge.judge(ladders)
    chosen = judge.choose(evaluation, ladders)
    front = evaluation.front()
    assert chosen in front
    best = int(front[np.argmax(evaluation.values[front, 0])])
    errors = judge.standard_errors([ladders[k] for k in front], list(front).index(best))
    behind = evaluation.values[best, 0] - evaluation.values[front, 0]
    allowed = front[behind <= errors]
    assert evaluation.values[chosen, 1] == evaluation.values[allowed, 1].max()
    results = results_of(prepared.placed, [ladders[best], ladders[front[0]]], None, BASE)
    difference = replace(results, net_r=results.net_r[:, :1] - results.net_r[:, 1:])
    assert errors[0] == pytest.approx(standard_error(expectancy, difference)[0])


def test_results_without_fills_are_not_asked_for_them() -> None:
    with pytest.raises(ValueError, match="net R only"):
        objective("sharpe", Results(ONE_A_DAY.net_r, ONE_A_DAY.entry_day))
    assert Stop().initial is None
