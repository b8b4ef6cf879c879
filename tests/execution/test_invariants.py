"""What always holds (the numbered list at the end of the rules of execution), on random worlds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution import ORDERS, Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import PlacedTrades

HOUR = 3_600 * 10**9
COARSE = ("stop_first", "target_first", "ohlc", "nearer_extreme")
Place = Callable[..., PlacedTrades]


def signals_of(world: Any, placed: PlacedTrades) -> Signals:
    arrays = {name: np.array(values[: placed.bars.n_bars]) for name, values in world.series.items()}
    return Signals.from_bars(placed, arrays, arrays)


def played(world: Any, placed_on: Place, **changes: Any) -> Simulation:
    """Simulate a world, its ladder's tables changed by name."""
    table = dict(world.ladder)
    for name, values in changes.items():
        table[name] = {**table.get(name, {}), **values} if values else {}
    placed = placed_on(world.rows, world.trades)
    return simulate(placed, ladder_from_mapping(table), signals_of(world, placed))


@given(data=st.data())
def test_1_quantities_add_up(data: st.DataObject, worlds: ModuleType, placed_on: Place) -> None:
    simulation = played(data.draw(worlds.worlds(COARSE)), placed_on)
    fills = simulation.fills
    lot = simulation.ladder.costs.lot
    for i in np.flatnonzero(simulation.status != 2):
        mine = fills.trade == i
        bought = fills.quantity[mine & (fills.order == ORDERS.index("entry"))].sum()
        sold = fills.quantity[mine & (fills.order != ORDERS.index("entry")) & (fills.order != ORDERS.index("mark"))]
        np.testing.assert_allclose(sold.sum() + simulation.quantity_left[i], bought, rtol=1e-12)
        if lot > 0:
            np.testing.assert_allclose(
                np.append(sold, bought) / lot, np.round(np.append(sold, bought) / lot), atol=1e-9
            )


@given(data=st.data())
def test_2_profit_is_the_cash_of_the_fills(data: st.DataObject, worlds: ModuleType, placed_on: Place) -> None:
    simulation = played(data.draw(worlds.worlds(COARSE)), placed_on)
    fills = simulation.fills
    cash = -fills.side * fills.price * fills.quantity - fills.commission
    for i in np.flatnonzero(simulation.status != 2):
        mine = fills.trade == i
        np.testing.assert_allclose(cash[mine].sum() - simulation.financing[i], simulation.pnl[i], atol=1e-9)
        np.testing.assert_allclose(fills.net_r[mine].sum(), simulation.r[i], atol=1e-9)


@given(data=st.data())
def test_3_fills_lie_within_their_bar(data: st.DataObject, worlds: ModuleType, placed_on: Place) -> None:
    """T8."""
    world = data.draw(worlds.worlds(COARSE))
    simulation = played(world, placed_on, costs={})
    fills, bars = simulation.fills, simulation.placed.bars
    sold = fills.order != ORDERS.index("entry")
    assert (fills.price[sold] <= bars.high[fills.bar[sold]]).all()
    assert (fills.price[sold] >= bars.low[fills.bar[sold]]).all()


@given(data=st.data(), cut=st.integers(1, 15))
def test_4_the_future_changes_nothing(data: st.DataObject, cut: int, worlds: ModuleType, placed_on: Place) -> None:
    """T1."""
    world = data.draw(worlds.worlds(COARSE))
    cut = min(cut, len(world.rows) - 1)
    whole = played(world, placed_on)
    early = [t for t in world.trades if t["bar"] < cut]
    assume(early)
    keep = [i for i, t in enumerate(world.trades) if t["bar"] < cut]
    other_future = [[v * 1.5 for v in row[:4]] + [row[4]] for row in world.rows[cut:]]
    for rows in (world.rows[:cut], world.rows[:cut] + other_future):
        part = played(replace(world, rows=rows, trades=early), placed_on)
        for new, old in enumerate(keep):
            got = [_fill(part, k) for k in np.flatnonzero(part.fills.trade == new) if part.fills.bar[k] < cut]
            want = [_fill(whole, k) for k in np.flatnonzero(whole.fills.trade == old) if whole.fills.bar[k] < cut]
            without_mark = [f for f in got if f[1] != "mark"]
            # An entry in the last bar of cut data is no fill yet: the trade has not lived through a bar.
            assert without_mark == [f for f in want if f[1] != "mark"][: len(without_mark)] or not without_mark
            if part.reason[new] != "no_bar_after_entry":
                assert without_mark == [f for f in want if f[1] != "mark"]


def _fill(simulation: Simulation, k: np.integer[Any] | int) -> tuple[int, str, float, float]:
    fills = simulation.fills
    return int(fills.bar[k]), ORDERS[int(fills.order[k])], float(fills.quantity[k]), float(fills.price[k])


@given(data=st.data(), t=st.integers(0, 15))
def test_4_a_close_changes_nothing_inside_its_bar(
    data: st.DataObject, t: int, worlds: ModuleType, placed_on: Place
) -> None:
    # The walking policies end their walk at the close, which is theirs to meet; the others know no close inside.
    world = data.draw(worlds.worlds(("stop_first", "target_first")))
    t = min(t, len(world.rows) - 1)
    rows = [list(row) for row in world.rows]
    rows[t][3] = rows[t][1] if rows[t][3] != rows[t][1] else rows[t][2]
    trades = [trade for trade in world.trades if trade["at"] != "close" or trade["bar"] != t]
    assume(trades)
    one = played(replace(world, trades=trades), placed_on)
    two = played(replace(world, rows=rows, trades=trades), placed_on)
    for simulation, other in ((one, two), (two, one)):
        for k in np.flatnonzero((simulation.fills.bar <= t) & (simulation.fills.order != ORDERS.index("mark"))):
            same = np.flatnonzero((other.fills.trade == simulation.fills.trade[k]) & (other.fills.bar <= t))
            assert _fill(simulation, int(k)) in [_fill(other, int(j)) for j in same]


@given(data=st.data())
def test_5_a_mirrored_market_gives_the_mirrored_result(
    data: st.DataObject, worlds: ModuleType, placed_on: Place
) -> None:
    world = data.draw(worlds.worlds(("stop_first", "target_first", "nearer_extreme")))
    table = {**world.ladder, "costs": {}}
    table["rungs"] = [
        _unarmed(r) for r in table["rungs"] if not isinstance(r.get("target"), float) and "%" not in str(r)
    ]
    table["stop"] = {k: v for k, v in table["stop"].items() if k in ("time",)} | {"initial": "2ATR", "trail": "1ATR"}
    table["execution"] = {k: v for k, v in table["execution"].items() if "margin" not in k and "leverage" not in k}
    prices = np.array([row[:4] for row in world.rows])
    assume((prices * 4 == np.round(prices * 4)).all())  # dyadic, so that mirroring is exact
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
    one = played(replace(world, ladder=table), placed_on)
    two = played(replace(world, ladder=table, rows=rows, trades=trades), placed_on)
    np.testing.assert_allclose(two.r, one.r, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(two.fills.bar, one.fills.bar)
    np.testing.assert_array_equal(two.fills.quantity, one.fills.quantity)
    np.testing.assert_array_equal(two.fills.order, one.fills.order)
    np.testing.assert_array_equal(two.ambiguous_bars, one.ambiguous_bars)


def _unarmed(rung: dict[str, Any]) -> dict[str, Any]:
    """A rung whose own trail no other rung arms: rungs are left out, which changes their numbers."""
    return {k: v for k, v in rung.items() if k != "trail_after"}


@given(data=st.data(), power=st.sampled_from([-9, -1, 1, 12]))
def test_6_scaling_by_a_power_of_two_changes_no_bit(
    data: st.DataObject, power: int, worlds: ModuleType, placed_on: Place
) -> None:
    world = data.draw(worlds.worlds(COARSE))
    table = dict(world.ladder)
    table["rungs"] = [_unarmed(r) for r in table["rungs"] if not isinstance(r.get("target"), float)]
    table["stop"] = {
        k: v for k, v in table["stop"].items() if k not in ("breakeven_after", "breakeven_offset", "trail_after")
    }
    table["costs"] = {
        k: v for k, v in table["costs"].items() if k in ("commission_bps", "slippage_bps", "half_spread_bps")
    }
    table["execution"] = {k: v for k, v in table["execution"].items() if k != "participation"}
    scale = 2.0**power
    rows = [[v * scale for v in row[:4]] + [row[4]] for row in world.rows]
    in_price = [
        {**t, "entry": t["entry"] * scale, "stop": None if t["stop"] is None else t["stop"] * scale}
        for t in world.trades
    ]
    in_quantity = [{**t, "quantity": t["quantity"] * scale} for t in world.trades]
    one = played(replace(world, ladder=table), placed_on)
    np.testing.assert_array_equal(played(replace(world, ladder=table, rows=rows, trades=in_price), placed_on).r, one.r)
    np.testing.assert_array_equal(played(replace(world, ladder=table, trades=in_quantity), placed_on).r, one.r)


@given(data=st.data())
def test_7_without_ambiguity_all_policies_agree(data: st.DataObject, worlds: ModuleType, placed_on: Place) -> None:
    world = data.draw(worlds.worlds(("stop_first",)))
    results = {p: played(world, placed_on, execution={"intrabar": p}) for p in COARSE}
    first = results["stop_first"]
    clear = np.flatnonzero((first.ambiguous_bars == 0) & (first.status != 2))
    for policy in COARSE[1:]:
        other = results[policy]
        for i in clear:
            # Clear under one policy is clear under all, and then they agree to the bit.
            assert other.ambiguous_bars[i] == 0
            assert other.r[i] == first.r[i]
            assert other.exit_bar[i] == first.exit_bar[i]


@given(data=st.data())
def test_7_stop_first_is_the_worst_and_target_first_the_best_of_a_static_bracket(
    data: st.DataObject, worlds: ModuleType, placed_on: Place
) -> None:
    world = data.draw(worlds.worlds(("stop_first",)))
    table = {
        "rungs": [
            {k: v for k, v in r.items() if k in ("fraction", "target", "stop")}
            for r in world.ladder["rungs"]
            if "when" not in r and ("target" in r or "stop" in r)
        ],
        "stop": {"initial": "2ATR"},
        "atr_window": world.ladder["atr_window"],
    }
    results = [
        played(replace(world, ladder=table), placed_on, execution={"intrabar": p}).r
        for p in ("stop_first", "ohlc", "nearer_extreme", "target_first")
    ]
    lived = np.isfinite(results[0])
    for walk in results[1:3]:
        assert (results[0][lived] <= walk[lived] + 1e-12).all()
        assert (walk[lived] <= results[3][lived] + 1e-12).all()


@given(data=st.data(), target=st.sampled_from([0.5, 1.0, 2.0]))
def test_8_one_rung_of_everything_is_a_plain_bracket(
    data: st.DataObject, target: float, worlds: ModuleType, placed_on: Place
) -> None:
    world = data.draw(worlds.worlds(("stop_first",)))
    table = {"rungs": [{"fraction": 1.0, "target": f"{target}R"}], "stop": {"initial": "2ATR"}, "atr_window": 1}
    simulation = played(replace(world, ladder=table), placed_on)
    bars = simulation.placed.bars
    for i in np.flatnonzero(simulation.status != 2):
        side, entry = int(simulation.placed.trades.side[i]), float(simulation.placed.trades.entry_price[i])
        risk = simulation.risk[i]
        got, at = _plain_bracket(
            simulation.placed, int(i), side, entry, entry - side * risk, entry + side * target * risk
        )
        want = bars.close[-1] if got is None else got
        np.testing.assert_allclose(simulation.r[i], side * (want - entry) / risk, atol=1e-9)
        assert simulation.exit_bar[i] == at


def _plain_bracket(
    placed: PlacedTrades, i: int, side: int, entry: float, stop: float, target: float
) -> tuple[float | None, int]:
    """Stop or target, whichever comes first and the stop if both; gaps at the open."""
    bars = placed.bars
    near = 1e-9
    for t in range(int(placed.first_bar[i]), int(placed.end_bar[i])):
        is_entry = t == placed.entry_bar[i]
        adverse = bars.low[t] if side > 0 else bars.high[t]
        good = bars.high[t] if side > 0 else bars.low[t]
        if side * (bars.open[t] - stop) <= near:
            return float(bars.open[t]), t
        if side * (bars.open[t] - target) >= -near and not is_entry:
            return float(bars.open[t]), t
        if side * (adverse - stop) <= near:
            return stop, t
        if side * (good - target) >= -near:
            return float(np.clip(target, bars.low[t], bars.high[t])), t
    return None, -1


@given(data=st.data())
def test_costs_never_help(data: st.DataObject, worlds: ModuleType, placed_on: Place) -> None:
    world = data.draw(worlds.worlds(COARSE))
    dear = {
        k: v
        for k, v in world.ladder["costs"].items()
        if k.startswith(("commission", "slippage_bps", "half", "slippage_atr"))
    }
    world = replace(world, ladder={**world.ladder, "costs": {}})
    free, paid = played(world, placed_on), played(world, placed_on, costs=dear or {"commission_bps": 1.0})
    both = np.isfinite(free.r) & np.isfinite(paid.r)
    assert (paid.r[both] <= free.r[both] + 1e-12).all()


@given(data=st.data(), part=st.integers(1, 2))
def test_a_trade_does_not_depend_on_its_neighbours(
    data: st.DataObject, part: int, worlds: ModuleType, placed_on: Place, bars_from: Callable[..., Bars]
) -> None:
    world = data.draw(worlds.worlds(COARSE))
    alone = played(world, placed_on)
    others = [bars_from([[v + 7 for v in row[:4]] + [row[4]] for row in world.rows], symbol=s) for s in ("A", "Z")]
    among = placed_on(BarSet([*others[:part], bars_from(world.rows)]), world.trades)
    shift = int(among.bars.start[among.bars.index("X")])
    values = np.concatenate([np.full(shift, 0.7), world.series["signal"], np.full(among.bars.n_bars, 0.7)])
    arrays = {"signal": values[: among.bars.n_bars]}
    result = simulate(among, ladder_from_mapping(world.ladder), Signals.from_bars(among, arrays, arrays))
    np.testing.assert_array_equal(result.r, alone.r)


@given(data=st.data())
def test_slices_at_the_initial_stop_leave_as_rungs_do(
    data: st.DataObject, worlds: ModuleType, placed_on: Place
) -> None:
    """A slice whose stop is the initial one leaves when the trade does; only the rows of the fills differ."""
    world = data.draw(worlds.worlds(COARSE, False))
    drop = ("commission_fixed", "commission_min", "min_quantity", "lot")  # these count fills and their sizes
    table = {**world.ladder, "costs": {k: v for k, v in world.ladder["costs"].items() if k not in drop}}
    table["stop"] = {k: v for k, v in table["stop"].items() if k in ("initial", "time")}
    table["execution"] = {k: v for k, v in table["execution"].items() if k != "participation"}
    table["rungs"] = [r for r in table["rungs"] if r["fraction"] != "rest"]
    sliced = {**table, "rungs": [r | {"stop": "1R"} for r in table["rungs"]]}
    plain, own = (played(replace(world, ladder=t), placed_on) for t in (table, sliced))
    np.testing.assert_array_equal(own.status, plain.status)
    np.testing.assert_array_equal(own.exit_bar, plain.exit_bar)
    np.testing.assert_allclose(own.r, plain.r, rtol=0, atol=1e-9)
