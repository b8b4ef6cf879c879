"""Known answers of plans that add to positions (docs/plans.md)."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from exitladder.errors import LadderError
from exitladder.execution import Simulation, simulate, simulate_many
from exitladder.execution.many_ladders import simulate_outcomes
from exitladder.execution.tranches import tranches
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import PlacedTrades

Run = Callable[..., Simulation]
near: Any = pytest.approx

FLAT = [100.0, 100.0, 100.0, 100.0]


def fills_of(simulation: Simulation) -> list[tuple[int, str, float, float]]:
    """Every fill: bar, order, quantity, price."""
    fills, frame = simulation.fills, simulation.fills_frame()
    return [
        (int(bar), str(order), float(quantity), float(price))
        for bar, order, quantity, price in zip(fills.bar, frame["order"], fills.quantity, fills.price, strict=True)
    ]


def plan_of(*adds: dict[str, Any], **tables: Any) -> dict[str, Any]:
    return {"rungs": [], "adds": list(adds), **tables}


@pytest.mark.parametrize(
    ("n", "entry", "levels", "stop"),
    [(2.5, 310.0, [311.25, 312.5, 313.75], 308.75), (1.2, 28.3, [28.9, 29.5, 30.1], 27.7)],
    ids=["gold", "crude"],
)
def test_turtle_adds_are_half_an_n_apart_with_the_stop_two_n_below_the_newest(
    run: Run, n: float, entry: float, levels: list[float], stop: float
) -> None:
    unit = {"quantity": 1.0, "at": "0.5ATR", "spacing": "previous", "stop": "2ATR"}
    # Bars of a range of N give an ATR of N; then a rise through every level, and a fall to the last stop.
    rows = [[entry, entry + n / 2, entry - n / 2, entry]] * 3
    rows += [[entry, levels[2], entry, levels[2]], [levels[2], levels[2], stop - n, stop - n]]
    done = run(rows, {"atr_window": 2, **plan_of(unit, unit, unit)}, {"bar": 3, "entry": entry, "stop": entry - 2 * n})
    got = fills_of(done)
    assert [fill[1] for fill in got] == ["entry", "add", "add", "add", "stop"]
    assert [fill[3] for fill in got[1:4]] == near(levels, rel=1e-12)
    assert got[4][3] == near(stop, rel=1e-12)
    assert done.reason[0] == "stop"
    # Planned as it came: four units with one stop 2N below the newest, each half an N from the one before.
    assert done.r[0] == near(-1.0, rel=1e-9)
    assert done.planned_risk[0] == near(sum(level - stop for level in [entry, *levels]), rel=1e-9)


def test_the_spacing_counts_from_the_fill_slippage_included(run: Run) -> None:
    unit = {"quantity": 1.0, "at": "0.5R", "spacing": "previous"}
    rows = [[100, 101.2, 100, 101.2], [101.2, 102.2, 101.2, 102.2]]
    plan = plan_of(unit, unit, costs={"tick": 0.1, "slippage_ticks": 1.0})
    done = run(rows, plan, {"entry": 100.0, "stop": 98.0})
    assert [(f[1], f[3]) for f in fills_of(done)][1:3] == [("add", near(101.1)), ("add", near(102.2))]


@pytest.mark.parametrize(("lot", "averages"), [(0.0, [100.0, 97.9592, 95.8888]), (1.0, [100.0, 98.0, 96.0])])
def test_tranches_of_money_buy_more_units_lower_down(run: Run, lot: float, averages: list[float]) -> None:
    tranche = {"money": 300.0}
    rows = [FLAT, [100, 100, 96, 96], [96, 96, 92, 92], [92, 92, 91, 91]]
    found = []
    for adds in ([], [{**tranche, "at": 96.0}], [{**tranche, "at": 96.0}, {**tranche, "at": 92.0}]):
        done = run(rows, plan_of(*adds, costs={"lot": lot}), {"entry": 100.0, "stop": 80.0, "quantity": 3.0})
        found.append(float(done.average_entry[0]))
    assert found == near(averages, abs=5e-5)
    if lot:
        assert [fill[2] for fill in fills_of(done)] == [3.0, 3.0, 3.0, 9.0]


def test_the_worst_order_buys_every_add_and_then_stops_all(run: Run) -> None:
    plan = plan_of({"quantity": 1.0, "at": "-0.5R"}, {"quantity": 1.0, "at": "0.5R"})
    plan["rungs"] = [{"fraction": 0.5, "target": "1R"}]
    bar = [100.0, 103.0, 97.0, 100.0]  # reaches the stop, both adds and the target
    want = {
        "stop_first": [("add", 101.0), ("add", 99.0), ("stop", 98.0)],
        "target_first": [("add", 99.0), ("rung", 102.0), ("stop", 98.0)],
        "ohlc": [("add", 101.0), ("rung", 102.0), ("add", 99.0), ("stop", 98.0)],
    }
    for policy, order in want.items():
        done = run([bar], {**plan, "execution": {"intrabar": policy}}, {"entry": 100.0, "stop": 98.0})
        assert [(fill[1], fill[3]) for fill in fills_of(done)[1:]] == order, policy
        assert done.ambiguous_bars[0] == 1


@pytest.mark.parametrize(
    ("adds", "size", "last", "risk"),
    [
        # 10 at 100 and 10 at 102, all closed at 98, before the add at 104 moves the stop
        ([{"quantity": 1.0, "at": "2R", "stop": "1R"}, {"quantity": 1.0, "at": "1R"}], {}, 102.5, 60.0),
        # 10 at 100, 20 at 99.6 and none of the add lower down, because 30 is the most
        ([{"quantity": 2.0, "at": "-0.8R"}, {"quantity": 2.0, "at": "-0.2R"}], {"size": {"maximum": 3.0}}, 99.5, 52.0),
    ],
    ids=["pyramiding", "averaging"],
)
def test_planned_risk_does_not_depend_on_the_order_in_the_file(
    run: Run, adds: list[dict[str, Any]], size: dict[str, Any], last: float, risk: float
) -> None:
    rows = [FLAT, [100, max(last, 100), min(last, 100), last], [last, last, 97, 97.5]]
    for listed in (adds, adds[::-1]):
        done = run(rows, plan_of(*listed, **size), {"entry": 100.0, "stop": 98.0, "quantity": 10.0})
        assert done.planned_risk[0] == near(risk)
        assert done.r[0] == near(-1.0)
        table = tranches(ladder_from_mapping(plan_of(*listed, **size)), entry=100.0, stop=98.0, quantity=10.0)
        assert table["risk"].max() == near(risk)


def test_a_gap_fills_the_first_of_a_chain_at_the_open_and_the_next_beyond_it(run: Run) -> None:
    unit = {"quantity": 1.0, "at": "0.5R", "spacing": "previous"}
    rows = [FLAT, [103.0, 103.5, 102.5, 103.2], [103.2, 104.0, 103.0, 103.5]]
    done = run(rows, plan_of(unit, unit), {"entry": 100.0, "stop": 98.0})
    assert [f for f in fills_of(done) if f[1] == "add"] == [(1, "add", 1.0, 103.0), (2, "add", 1.0, 104.0)]


def test_a_limit_add_fills_at_a_better_open_but_not_on_the_bar_of_the_entry(run: Run) -> None:
    plan = plan_of({"quantity": 1.0, "at": "-0.5R"})
    gapped = run([FLAT, [98.5, 98.6, 98.4, 98.5]], plan, {"entry": 100.0, "stop": 98.0})
    assert fills_of(gapped)[1] == (1, "add", 1.0, 98.5)
    on_entry = run([[98.5, 99.5, 98.4, 98.5]], plan, {"entry": 100.0, "stop": 98.0, "at": "open"})
    assert fills_of(on_entry)[1] == (0, "add", 1.0, 99.0)


def test_a_gap_beyond_the_stop_adds_nothing(run: Run) -> None:
    plan = plan_of({"quantity": 1.0, "at": "-0.5R"}, {"quantity": 1.0, "when": ["open_r <= 0"]})
    done = run([FLAT, [97.0, 97.5, 96.0, 97.0]], plan, {"entry": 100.0, "stop": 98.0})
    assert fills_of(done)[1:] == [(1, "stop", 1.0, 97.0)]
    # both were planned: 1R of the entry, half an R of the averaging add, 1R of the signal add, so 3 of 5 are lost
    assert (done.planned_risk[0], done.r[0]) == (5.0, near(-3.0 / 5.0))


def test_an_exit_withdraws_adds_from_the_next_bar_on(run: Run) -> None:
    plan = plan_of({"quantity": 1.0, "at": "-0.5R"})
    plan["rungs"] = [{"fraction": 0.5, "target": "0.5R"}]
    same_bar = run([FLAT, [100, 101, 99, 100]], plan, {"entry": 100.0, "stop": 98.0})
    assert [f[1] for f in fills_of(same_bar)] == ["entry", "rung", "add", "mark"]
    rows = [FLAT, [100, 101, 100, 100], [100, 100, 99, 99.5]]
    assert [f[1] for f in fills_of(run(rows, plan, {"entry": 100.0, "stop": 98.0}))] == ["entry", "rung", "mark"]
    allowed = {**plan, "add_rules": {"after_exit": True}}
    got = fills_of(run(rows, allowed, {"entry": 100.0, "stop": 98.0}))
    assert [f[1] for f in got] == ["entry", "rung", "add", "mark"]


def test_rungs_sell_a_fraction_of_the_quantity_entered_before_the_bar(run: Run) -> None:
    plan = plan_of({"quantity": 1.0, "at": "0.5R"}, add_rules={"after_exit": True})
    plan["rungs"] = [{"fraction": 0.5, "target": "1R"}]
    grown = run([[100, 101, 100, 101], [101, 102, 101, 102]], plan, {"entry": 100.0, "stop": 98.0, "quantity": 2.0})
    assert fills_of(grown)[2] == (1, "rung", 2.0, 102.0)
    together = run([[100, 102, 100, 102]], plan, {"entry": 100.0, "stop": 98.0, "quantity": 2.0})
    assert fills_of(together)[1:3] == [(0, "rung", 1.0, 102.0), (0, "add", 2.0, 101.0)]


def test_fills_count_from_the_average_held_and_sum_to_the_trade(run: Run) -> None:
    plan = plan_of({"quantity": 1.0, "at": "-0.5R"}, add_rules={"after_exit": True})
    plan["rungs"] = [{"fraction": 0.5, "target": "0.5R", "measured_from": "average"}]
    rows = [[100, 100, 99, 99], [99, 101, 99, 101], [101, 101, 97, 97]]
    done = run(rows, plan, {"entry": 100.0, "stop": 98.0, "quantity": 2.0})
    # 2 at 100 and 2 at 99 are 4 at 99.5; the rung is 1R x 0.5 above that; W = 2 x 2 + 2 x 1.
    assert fills_of(done)[2:] == [(1, "rung", 2.0, 100.5), (2, "stop", 2.0, 98.0)]
    assert done.planned_risk[0] == 6.0
    assert done.fills.r == near(np.array([0, 0, 2 * 1.0 / 6, -2 * 1.5 / 6]))
    assert done.r[0] == near(-1.0 / 6)
    assert (done.trades_frame()["n_adds"][0], done.trades_frame()["quantity_entered"][0]) == (1, 4.0)


def test_caps_cut_an_add_and_drop_what_is_too_small(run: Run) -> None:
    add = {"quantity": 2.0, "at": "0.5R"}
    rows = [[100, 101, 100, 101], [101, 101, 101, 101]]
    trade = {"entry": 100.0, "stop": 98.0, "quantity": 10.0}
    cut = run(rows, plan_of(add, size={"maximum": 2.5}), trade)
    assert (cut.quantity_entered[0], cut.dropped_adds[0]) == (25.0, 0)
    dropped = run(rows, plan_of(add, size={"maximum": 1.2}, costs={"min_quantity": 3.0}), trade)
    assert (dropped.quantity_entered[0], dropped.dropped_adds[0]) == (10.0, 1)
    money = run(rows, plan_of(add, size={"maximum_money": 1_313.0}), trade)
    assert money.quantity_entered[0] == near(13.0)
    refused = run(rows, plan_of(add, size={"maximum_units": 9.0}), trade)
    assert refused.reason[0] == "above_maximum_size"


def test_an_add_at_the_newest_fill_can_lose_more_than_planned(run: Run) -> None:
    """A chained add of the other direction and the stop in one bar: r is below -1 without a gap, and is counted."""
    plan = plan_of({"quantity": 1.0, "when": ["bars_held >= 1"]})
    done = run([FLAT, [100.5, 101, 97, 97]], plan, {"entry": 100.0, "stop": 98.0})
    assert done.planned_risk[0] == 4.0
    assert done.r[0] == near(-4.5 / 4.0)


def test_averaging_without_a_stop_in_the_plan_or_the_trade_is_refused(run: Run) -> None:
    plan = plan_of({"quantity": 1.0, "at": "-0.5%"})
    with pytest.raises(LadderError, match="unplanned averaging down"):
        run([FLAT, FLAT], plan, {"entry": 100.0})
    assert run([FLAT, FLAT], plan, {"entry": 100.0, "stop": 98.0}).inactive_adds[0] == 0
    # resolved beyond the stop of one trade, it is inactive there
    assert run([FLAT, FLAT], plan, {"entry": 100.0, "stop": 99.75}).inactive_adds[0] == 1


def test_a_plan_that_is_liquidated_before_its_last_averaging_add_is_refused(run: Run) -> None:
    plan = plan_of({"quantity": 1.0, "at": "-3%"}, {"quantity": 1.0, "at": "-12%"}, execution={"leverage": 10.0})
    with pytest.raises(LadderError, match=r"adds\[2\].* would be liquidated at 88.65"):
        run([FLAT, FLAT], plan, {"entry": 100.0, "stop": 80.0})


def test_a_trade_above_the_maximum_says_nothing_about_liquidation(
    run: Run, placed_on: Callable[..., PlacedTrades]
) -> None:
    """PL9: it is skipped, so no add of it can lie beyond liquidation; one that is entered still refuses the plan."""
    adds = ({"quantity": 1.0, "at": "-3%"}, {"quantity": 1.0, "at": "-12%"})
    plan = ladder_from_mapping(plan_of(*adds, execution={"leverage": 10.0}, size={"maximum_units": 5.0}))
    large = {"entry": 100.0, "stop": 80.0, "quantity": 6.0}
    assert run([FLAT, FLAT], plan, large).reason.tolist() == ["above_maximum_size"]
    many = simulate_outcomes(placed_on([FLAT, FLAT], large), [plan, plan])
    assert np.isnan(many.net_r).all() and (many.n_fills == 0).all()
    both = placed_on([FLAT, FLAT], [large, {**large, "quantity": 2.0}])
    with pytest.raises(LadderError, match=r"would be liquidated at .*\(1 trades in all\)"):
        simulate(both, plan)
    with pytest.raises(LadderError, match="would be liquidated at"):
        simulate_outcomes(both, [plan, plan])


def test_liquidation_follows_the_average(run: Run) -> None:
    plan = plan_of({"quantity": 1.0, "at": "5%"}, execution={"leverage": 10.0})
    rows = [[100, 105, 100, 105], [105, 105, 92, 92]]
    done = run(rows, plan, {"entry": 100.0, "stop": 50.0})
    assert fills_of(done)[2] == (1, "liquidation", 2.0, near(102.5 * 0.9))


def test_peers_averages(run: Run) -> None:
    """Jesse: 100 at 10 and at 15; backtrader: 10 at 10, 5 sold, 7 at 14.5 are (5 x 10 + 7 x 14.5) / 12 held."""
    jesse = run(
        [[10, 15, 10, 15], [15, 15, 12, 12]],
        plan_of({"quantity": 1.0, "at": 15.0, "stop": "3R"}),
        {"entry": 10.0, "stop": 9.0, "quantity": 100.0},
    )
    assert jesse.average_entry[0] == 12.5
    plan = plan_of({"units": 7.0, "at": 14.5}, add_rules={"after_exit": True})
    plan["rungs"] = [{"fraction": 0.5, "target": 12.5}]
    trader = run([[10, 12.5, 10, 12.5], [12.5, 14.5, 12.5, 14.5]], plan, {"entry": 10.0, "stop": 9.0, "quantity": 10.0})
    held = (5 * 10 + 7 * 14.5) / 12
    mark = trader.fills.r[-1] * trader.planned_risk[0]
    assert mark == near((14.5 - held) * 12)
    assert trader.average_entry[0] == near((10 * 10 + 7 * 14.5) / 17)


def test_a_plan_whose_adds_are_never_reached_gives_the_bits_of_its_ladder(run: Run) -> None:
    ladder = {
        "rungs": [{"fraction": 0.3, "target": "1R"}, {"fraction": 0.3, "target": "1.7R"}],
        "stop": {"breakeven_after": 1, "trail": "1.3R"},
        "costs": {"commission_bps": 3.0, "slippage_bps": 1.1, "tick": 0.01, "funding_bps_per_bar": 0.7},
    }
    rows = [[100, 101.3, 99.4, 100.9], [100.9, 102.7, 100.6, 102.5], [102.5, 103.9, 102.1, 103.3], [103, 103, 99, 99.7]]
    for policy in ("stop_first", "target_first", "ohlc", "nearer_extreme"):
        table = {**ladder, "execution": {"intrabar": policy}}
        trade = {"entry": 100.0, "stop": 98.3, "quantity": 7.0}
        plain = run(rows, table, trade)
        plan = run(rows, {**table, "adds": [{"quantity": 1.0, "at": "30R"}]}, trade)
        for column in ("bar", "order", "rung", "quantity", "price", "commission", "slippage", "financing"):
            np.testing.assert_array_equal(getattr(plain.fills, column), getattr(plan.fills, column))
        np.testing.assert_array_equal(plain.pnl, plan.pnl)
        np.testing.assert_array_equal(plain.mfe_r, plan.mfe_r)


def test_many_plans_give_what_each_gives_alone(placed_on: Callable[..., Any]) -> None:
    """Also with a ladder among them, which is executed as one."""
    rng = np.random.default_rng(4)
    close = 100 + np.cumsum(rng.normal(0, 0.5, 80))
    rows = [[c, c + 0.6, c - 0.6, c + 0.1] for c in close]
    placed = placed_on(
        rows, [{"bar": b, "entry": rows[b][0], "stop": rows[b][0] - 1.5, "at": "open"} for b in range(5)]
    )
    rungs = [{"fraction": 0.5, "target": "1R"}]
    plans = [ladder_from_mapping({"rungs": rungs})]
    plans += [ladder_from_mapping(plan_of({"quantity": 1.0, "at": at}) | {"rungs": rungs}) for at in ("0.3R", "-0.3R")]
    many, ends = simulate_many(placed, plans), simulate_outcomes(placed, plans)
    for m, plan in enumerate(plans):
        alone = simulate(placed, plan)
        np.testing.assert_array_equal(many[:, m], alone.r)
        np.testing.assert_array_equal(ends.n_fills[:, m], alone.n_fills)
        np.testing.assert_array_equal(ends.mfe_r[:, m], alone.mfe_r)
    assert (ends.n_fills[:, 1:] > ends.n_fills[:, :1]).any()


PLANS: dict[str, dict[str, Any]] = {
    "averaging": plan_of({"quantity": 1.0, "at": -4.0}, {"quantity": 2.0, "at": -8.0}),
    "pyramiding": plan_of(*[{"quantity": 1.0, "at": "0.1R", "spacing": "previous", "stop": "0.2R"}] * 3),
    "martingale": plan_of(*[{"quantity": 2.0**k, "at": f"-{k / 10}R"} for k in range(1, 5)]),
    "signals": plan_of({"quantity": 1.0, "when": ["open_r >= 0.1"]}, {"quantity": 1.0, "when": ["open_r <= -0.1"]}),
}


@pytest.mark.parametrize("name", PLANS)
def test_no_plan_earns_on_a_driftless_walk(name: str, paths: ModuleType) -> None:
    """Without costs the mean is 0 within its standard error, whatever is added and wherever."""
    rng = np.random.default_rng(11)
    points = np.cumsum(np.concatenate([np.zeros((3000, 1)), rng.choice([-1.0, 1.0], size=(3000, 60))], axis=1), axis=1)
    table = {**PLANS[name], "rungs": [{"fraction": 0.5, "target": "0.6R"}]}
    for add in table["adds"]:
        if isinstance(add.get("at"), float):
            add["at"] = paths.PRICE + add["at"]
    done = simulate(paths.place(paths.step_bars(points), risk=20.0), ladder_from_mapping(table))
    assert (done.n_adds > 0).mean() > 0.3
    assert paths.mean_of(done.pnl).is_near(0.0)


def test_the_variance_of_a_walk_grows_with_the_square_of_the_size(paths: ModuleType) -> None:
    """One unit in the first bar and two in the 39 after it: 1 + 4 x 39 on a walk of steps of 1."""
    rng = np.random.default_rng(12)
    points = np.cumsum(np.concatenate([np.zeros((4000, 1)), rng.choice([-1.0, 1.0], size=(4000, 41))], axis=1), axis=1)
    plan = ladder_from_mapping(plan_of({"quantity": 1.0, "when": ["bars_held >= 1"]}, stop={"time": 40}))
    pnl = simulate(paths.place(paths.step_bars(points)), plan).pnl
    assert pnl.var() == near(1 + 4 * 39, rel=4 * np.sqrt(2 / len(pnl)))


def test_tranches_as_if_all_fill() -> None:
    """Money tranches with a commission of 0.1%: the average, the price that pays all costs, the risk at the stop."""
    plan = plan_of({"money": 300.0, "at": 96.0}, {"money": 300.0, "at": 92.0}, costs={"commission_bps": 10.0})
    table = tranches(ladder_from_mapping(plan), entry=100.0, stop=90.0, quantity=3.0)
    assert table["average_entry"].tolist() == near([100.0, 97.9592, 95.8888], abs=5e-5)
    assert table["held"].tolist() == near([3.0, 6.125, 6.125 + 300 / 92])
    # entry and exit cost 0.1% of about the same money each
    assert (table["breakeven"] / table["average_entry"]).tolist() == near([1.002] * 3, abs=1e-9)
    assert table["risk"].tolist() == near([30.0, 30 + 3.125 * 6, 30 + 3.125 * 6 + 2 * 300 / 92])
    assert table.attrs["planned_risk"] == near(table["risk"].iloc[-1])
    half = ladder_from_mapping(plan_of({"quantity": 1.0, "at": "0.5R", "stop": "average"}))
    short = tranches(half, entry=50.0, stop=52.0, side="short")
    columns = ["price", "average_entry", "stop", "risk"]
    assert short[columns].to_numpy().tolist() == [[50.0, 50.0, 52.0, 2.0], [49.0, 49.5, 49.5, 0.0]]
    with pytest.raises(LadderError, match="cannot enter this trade: no_stop"):
        tranches(ladder_from_mapping(plan), entry=100.0)
