"""What always holds of plans with adds (docs/plans.md), whatever the market, the trades and the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exitladder.errors import LadderError
from exitladder.execution import ORDERS, Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.measures.marked import marked_account
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import PlacedTrades

Place = Callable[..., PlacedTrades]
COARSE = ("stop_first", "target_first", "ohlc", "nearer_extreme")
ENTRY, ADD, MARK = (ORDERS.index(name) for name in ("entry", "add", "mark"))
HALF = settings(max_examples=max(10, settings().max_examples // 2))


def played(world: Any, table: dict[str, Any], placed_on: Place) -> Simulation:
    placed = placed_on(world.rows, world.trades)
    n = len(world.rows)
    arrays = {name: np.resize(np.array(values), n) for name, values in world.series.items()}
    try:
        return simulate(placed, ladder_from_mapping(table), Signals.from_bars(placed, arrays, arrays))
    except LadderError:  # at or beyond the stop, or liquidated before the last averaging add
        assume(False)
        raise


def drawn(data: st.DataObject, worlds: ModuleType, policies: tuple[str, ...] = COARSE) -> tuple[Any, dict[str, Any]]:
    world = data.draw(worlds.worlds(policies, with_slices=False))
    return world, data.draw(worlds.plan_tables(world))


@HALF
@given(data=st.data())
def test_1_and_2_quantities_add_up_and_stay_within_the_maximum(
    data: st.DataObject, worlds: ModuleType, placed_on: Place
) -> None:
    world, table = drawn(data, worlds)
    done = played(world, table, placed_on)
    fills, size = done.fills, done.ladder.size
    change = (
        np.where(np.isin(fills.order, (ENTRY, ADD)), 1.0, np.where(fills.order == MARK, 0.0, -1.0)) * fills.quantity
    )
    cash = -fills.side * fills.price * fills.quantity - fills.commission
    account, known_pnl = marked_account([done], [done.money_per_r]), np.nansum(done.pnl)
    np.testing.assert_allclose(0.0 if account is None else account.pnl.sum(), known_pnl, atol=1e-6)
    for i in np.flatnonzero(done.status != 2):
        mine = np.flatnonzero(fills.trade == i)
        held = np.cumsum(change[mine])
        np.testing.assert_allclose(held[-1], done.quantity_left[i], rtol=1e-12, atol=1e-9)
        np.testing.assert_allclose(change[mine][change[mine] > 0].sum(), done.quantity_entered[i], rtol=1e-12)
        np.testing.assert_allclose(cash[mine].sum() - done.financing[i], done.pnl[i], atol=1e-7)
        np.testing.assert_allclose(fills.r[mine].sum(), done.r[i], atol=1e-7)
        np.testing.assert_allclose(done.r[i] * done.planned_risk[i], done.pnl[i], atol=1e-7)
        # Never short, and no order after the last exit.
        assert (held > -1e-9).all()
        assert (held[:-1] > 1e-9).all()
        most = np.inf
        if size.maximum is not None:
            most = size.maximum * done.quantity[i]
        elif size.maximum_units is not None:
            most = size.maximum_units
        assert (held <= most * (1 + 1e-9)).all()
        if size.maximum_money is not None:
            bought = mine[1:][fills.order[mine[1:]] == ADD]
            value = held[np.isin(mine, bought)] * fills.price[bought]
            assert (value <= size.maximum_money * (1 + 1e-9)).all()


@HALF
@given(data=st.data(), cut=st.integers(1, 15))
def test_3_the_future_changes_nothing(data: st.DataObject, cut: int, worlds: ModuleType, placed_on: Place) -> None:
    world, table = drawn(data, worlds)
    cut = min(cut, len(world.rows) - 1)
    keep = [i for i, trade in enumerate(world.trades) if trade["bar"] < cut - 1]
    assume(keep)
    whole = played(world, table, placed_on)
    changed = [[v * 1.5 for v in row[:4]] + [row[4]] for row in world.rows[cut:]]
    trades = [world.trades[i] for i in keep]
    for rows in (world.rows[:cut], world.rows[:cut] + changed):
        part = played(replace(world, rows=rows, trades=trades), table, placed_on)
        for new, old in enumerate(keep):
            assert known(part, new, cut) == known(whole, old, cut)
            assert part.planned_risk[new] == whole.planned_risk[old] or np.isnan(whole.planned_risk[old])


def known(done: Simulation, i: int, cut: int) -> list[tuple[int, int, float, float]]:
    fills = done.fills
    rows = np.flatnonzero((fills.trade == i) & (fills.bar < cut) & (fills.order != MARK))
    return [(int(fills.bar[k]), int(fills.order[k]), fills.quantity[k], fills.price[k]) for k in rows]


@HALF
@given(data=st.data(), power=st.sampled_from([-9, -1, 1, 12]))
def test_3_scaling_by_a_power_of_two_changes_no_bit(
    data: st.DataObject, power: int, worlds: ModuleType, placed_on: Place
) -> None:
    """Plans in R, ATR and multiples of the first quantity; amounts of money and units would scale along."""
    world, table = drawn(data, worlds)
    scale = 2.0**power
    kinds = ("commission_bps", "slippage_bps", "half_spread_bps")
    table = {
        **table,
        "rungs": [rung for rung in table["rungs"] if not isinstance(rung.get("target"), float)],
        "adds": [
            {**{k: v for k, v in add.items() if k not in ("units", "money")}, "quantity": add.get("quantity", 1.0)}
            for add in table["adds"]
            if not isinstance(add.get("at"), float)
        ],
        "stop": {k: v for k, v in table["stop"].items() if not k.startswith("breakeven") and k != "trail_after"},
        "costs": {k: v for k, v in table["costs"].items() if k in kinds},
        "execution": {k: v for k, v in table["execution"].items() if k in ("intrabar", "limit_fill")},
        "size": {k: v for k, v in table.get("size", {}).items() if k == "maximum"},
    }
    assume(table["adds"])
    rows = [[v * scale for v in row[:4]] + [row[4]] for row in world.rows]
    in_price = [
        {**t, "entry": t["entry"] * scale, "stop": None if t["stop"] is None else t["stop"] * scale}
        for t in world.trades
    ]
    in_quantity = [{**t, "quantity": t["quantity"] * scale} for t in world.trades]
    one = played(world, table, placed_on)
    for other in (
        played(replace(world, rows=rows, trades=in_price), table, placed_on),
        played(replace(world, trades=in_quantity), table, placed_on),
    ):
        np.testing.assert_array_equal(other.r, one.r)
        np.testing.assert_array_equal(other.n_adds, one.n_adds)
        np.testing.assert_array_equal(other.mfe_r, one.mfe_r)


@HALF
@given(data=st.data())
def test_3_a_mirrored_market_gives_the_mirrored_result(
    data: st.DataObject, worlds: ModuleType, placed_on: Place
) -> None:
    world, table = drawn(data, worlds, ("stop_first", "target_first", "nearer_extreme"))
    prices = np.array([row[:4] for row in world.rows])
    assume((prices * 4 == np.round(prices * 4)).all() and prices.max() < 250)  # dyadic, so that mirroring is exact
    table = {
        **table,
        "rungs": [r for r in table["rungs"] if not isinstance(r.get("target"), float) and "%" not in str(r)],
        "adds": [
            {k: v for k, v in add.items() if k not in ("units", "money")} | {"quantity": add.get("quantity", 1.0)}
            for add in table["adds"]
            if not isinstance(add.get("at"), float) and "%" not in str(add)
        ],
        "stop": {"initial": "2ATR", "trail": "1ATR"},
        "costs": {},
        "execution": {k: v for k, v in table["execution"].items() if k in ("intrabar", "limit_fill", "participation")},
        "size": {k: v for k, v in table.get("size", {}).items() if k == "maximum"},
    }
    assume(table["adds"])
    mirror = 256.0
    rows = [[mirror - o, mirror - low, mirror - h, mirror - c, v] for o, h, low, c, v in world.rows]
    trades = [
        {
            **t,
            "side": -t["side"],
            "entry": mirror - t["entry"],
            "stop": None if t["stop"] is None else mirror - t["stop"],
        }
        for t in world.trades
    ]
    one = played(world, table, placed_on)
    two = played(replace(world, rows=rows, trades=trades), table, placed_on)
    np.testing.assert_allclose(two.r, one.r, rtol=0, atol=1e-11)
    np.testing.assert_array_equal(two.fills.bar, one.fills.bar)
    np.testing.assert_array_equal(two.fills.order, one.fills.order)
    np.testing.assert_allclose(two.fills.quantity, one.fills.quantity, rtol=1e-12)
    np.testing.assert_array_equal(two.ambiguous_bars, one.ambiguous_bars)


@HALF
@given(data=st.data())
def test_4_adds_that_cannot_be_reached_change_no_bit(data: st.DataObject, worlds: ModuleType, placed_on: Place) -> None:
    world = data.draw(worlds.worlds(COARSE, with_slices=False))
    table = dict(world.ladder)
    # While adds rest, dust of a position stays: that is the one difference (docs/plans.md).
    table["costs"] = {k: v for k, v in table["costs"].items() if k != "min_quantity"}
    far = [{"quantity": 1.0, "at": "900R"}, {"money": 50.0, "at": "1R", "spacing": "previous", "stop": "1R"}]
    plain, plan = played(world, table, placed_on), played(world, {**table, "adds": far}, placed_on)
    for column in ("trade", "bar", "order", "rung", "quantity", "price", "commission", "slippage", "financing"):
        np.testing.assert_array_equal(getattr(plan.fills, column), getattr(plain.fills, column))
    for name in ("pnl", "mfe_r", "mae_r", "bars_held", "ambiguous_bars", "exit_price"):
        np.testing.assert_array_equal(getattr(plan, name), getattr(plain, name))
