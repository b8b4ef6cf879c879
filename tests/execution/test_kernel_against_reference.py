"""The compiled kernel finds what the slow reference finds, on everything hypothesis can think of."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.bars.atr import wilder_atr
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.swings import Pivots, last_swing, levels_beyond, pivot_highs
from exitladder.execution import ORDERS, STATUS, Simulation, simulate, simulate_many
from exitladder.execution.batch import grouping as batch
from exitladder.execution.many_ladders import simulate_outcomes
from exitladder.execution.signals import Signals
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades

HOUR = 3_600 * 10**9
PIECE = HOUR // 4
POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme", "finer_bars")
near: Any = pytest.approx


def finer_set(world: Any, bars_from: Callable[..., Bars]) -> BarSet | None:
    rows = [(t, k, row) for t, pieces in world.finer.items() for k, row in enumerate(pieces)]
    if not rows:
        return None
    part = bars_from([row for _, _, row in rows], interval=PIECE)
    time = np.array([t * HOUR + k * PIECE for t, k, _ in rows], dtype=np.int64)
    return BarSet([Bars("X", PIECE, time, part.open, part.high, part.low, part.close, part.volume)])


def on_bars(world: Any, placed_on: Callable[..., PlacedTrades]) -> PlacedTrades:
    trades = [
        {**t, "time": t["bar"] * HOUR + (t["quarter"] * PIECE if t["at"] == "intrabar" else 0)} for t in world.trades
    ]
    return placed_on(world.rows, trades)


def expected(reference: ModuleType, world: Any, placed: PlacedTrades, ladder: Ladder, i: int, clock: Any = None) -> Any:
    return player(reference, world, placed, ladder, i, clock).play()


def player(
    reference: ModuleType,
    world: Any,
    placed: PlacedTrades,
    ladder: Ladder,
    i: int,
    clock: Any = None,
    kind: type | None = None,
) -> Any:
    """The reference of one trade; `kind` is that of plans with adds."""
    rows = world.rows
    exact = reference.exact

    def make(row: list[float]) -> Any:
        return reference.Bar(*(exact(v) for v in row))

    bars = placed.bars
    atr = [None if np.isnan(v) else float(v) for v in wilder_atr(bars.high, bars.low, bars.close, ladder.atr_window)]
    trade = world.trades[i]
    known = trade["bar"] - (trade["at"] != "close")
    finer = {t: [make(row) for row in pieces] for t, pieces in world.finer.items()}
    finer_from = None
    if ladder.execution.intrabar == "finer_bars" and trade["at"] == "intrabar" and trade["bar"] in finer:
        left = [k for k in range(len(finer[trade["bar"]])) if k >= trade["quarter"]]
        finer_from = left[0] if left else None
    side = trade["side"]
    up, down = (bars.high, bars.low) if side > 0 else (-bars.low, -bars.high)
    lows = pivot_highs(-down)
    swing = (
        last_swing(pivot_highs(up), Pivots(lows.bar, lows.known_at, -lows.price), known) if known >= 0 else (np.nan, 0)
    )
    levels = levels_beyond(pivot_highs(up), side * trade["entry"], known, 2) if known >= 0 else np.array([])
    supports = -levels_beyond(lows, -side * trade["entry"], known, 2) if known >= 0 else np.array([])
    given_trade: Any = reference.TradeInput(
        side=side,
        entry=trade["entry"],
        quantity=trade["quantity"],
        stop=trade["stop"],
        entry_bar=trade["bar"],
        first_bar=trade["bar"] + (trade["at"] != "open"),
        entry_atr=atr[known] if known >= 0 else None,
        finer_from=finer_from,
        swing=None if np.isnan(swing[0]) else swing,
        levels=[float(v) for v in levels if not np.isnan(v)],
        supports=[float(v) for v in supports if not np.isnan(v)],
    )
    played = [make(row) for row in rows]
    return (kind or reference.Reference)(given_trade, ladder, played, atr, finer, world.series, clock)


def assert_equal(simulation: Simulation, i: int, want: Any, scale: float) -> None:
    """`scale` is the price level in hundreds: at a million, prices are known to fewer decimals."""
    if want.skipped:
        assert STATUS[simulation.status[i]] == "skipped"
        assert simulation.reason[i] == want.skipped
        assert np.isnan(simulation.r[i])
        return
    assert STATUS[simulation.status[i]] == ("open" if want.is_open else "closed")
    fills = simulation.fills
    rows = np.flatnonzero(fills.trade == i)
    got = [(int(fills.bar[k]), ORDERS[fills.order[k]], int(fills.rung[k])) for k in rows]
    assert got == [(e.bar, e.order, e.rung) for e in want.events]
    for k, event in zip(rows, want.events, strict=True):
        assert fills.quantity[k] == near(float(event.quantity), rel=1e-12)
        assert fills.price[k] == near(float(event.price), rel=1e-12)
        assert fills.commission[k] == near(float(event.commission), rel=1e-12)
    close = {"rel": 1e-12 * scale, "abs": 1e-11 * scale}
    assert simulation.r[i] == near(float(want.r), **close)
    assert simulation.pnl[i] == near(float(want.pnl), rel=1e-12, abs=1e-9 * scale)
    assert fills.net_r[rows].sum() == near(float(want.r), **close)
    assert simulation.mfe_r[i] == near(float(want.mfe_r), **close)
    assert simulation.mae_r[i] == near(float(want.mae_r), **close)
    assert simulation.bars_held[i] == want.held
    assert simulation.ambiguous_bars[i] == want.ambiguous
    assert simulation.coarse_bars[i] == want.coarse
    assert simulation.inactive_rungs[i] == want.inactive
    assert simulation.small_rests[i] == want.small_rest
    assert simulation.quantity_left[i] == near(float(want.left), **close)


# One run over all policies of fills; the long proof (`.ci/long`) gives each as many examples of its own.
EACH = [(policy,) for policy in POLICIES]
TOGETHER = [POLICIES]


@pytest.mark.parametrize("policies", EACH if "EXITLADDER_LONG" in os.environ else TOGETHER, ids=" ".join)
@given(data=st.data())
def test_kernel_equals_reference(
    policies: tuple[str, ...],
    data: st.DataObject,
    reference: ModuleType,
    worlds: ModuleType,
    bars_from: Callable[..., Bars],
    placed_on: Callable[..., PlacedTrades],
) -> None:
    world = data.draw(worlds.worlds(policies))
    placed = on_bars(world, placed_on)
    ladder = ladder_from_mapping(world.ladder)
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals = Signals.from_bars(placed, arrays, arrays)
    finer = finer_set(world, bars_from)
    simulation = simulate(placed, ladder, signals, finer=finer)
    for i in range(len(placed)):
        assert_equal(simulation, i, expected(reference, world, placed, ladder, i), world.start / 100)
    many = simulate_many(placed, [ladder, ladder], signals, finer=finer)
    np.testing.assert_array_equal(many, np.stack([simulation.r, simulation.r], axis=1))


@settings(max_examples=settings().max_examples // 4)  # of four ladders each, so as many pairs as above
@given(data=st.data())
def test_outcomes_of_batches_equal_reference(
    data: st.DataObject, reference: ModuleType, worlds: ModuleType, placed_on: Callable[..., PlacedTrades]
) -> None:
    world = data.draw(worlds.worlds(("stop_first",)))
    placed = on_bars(world, placed_on)
    ladders = []
    for _ in range(4):
        rungs = [rung for rung in data.draw(worlds.rungs(data.draw(st.booleans()))) if fits(rung)]
        for rung in rungs:
            rung.pop("trail_after", None)  # the number of a rung that may have been left out
        stop = {**data.draw(worlds.stops(rungs)), "initial": world.ladder["stop"]["initial"]}
        table = {**worlds.plain_tables(world)[0], "rungs": rungs, "stop": stop}
        ladders.append(ladder_from_mapping(table))
    arrays = {name: np.array(values) for name, values in world.series.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "LEAST_LADDERS", 1)
        assert not len(batch.batches(ladders)[1])
        found = simulate_outcomes(placed, ladders, Signals.from_bars(placed, arrays, arrays))
    for m, ladder in enumerate(ladders):
        for i in range(len(placed)):
            want = expected(reference, world, placed, ladder, i)
            if want.skipped:
                assert np.isnan([found.net_r[i, m], found.mfe_r[i, m]]).all()
                assert (found.last_bar[i, m], found.n_fills[i, m]) == (-1, 0)
                continue
            paid = [event for event in want.events if event.order != "mark"]
            assert (found.last_bar[i, m], found.n_fills[i, m]) == (want.events[-1].bar, len(paid))
            scale = world.start / 100
            assert found.net_r[i, m] == near(float(want.r), rel=1e-12 * scale, abs=1e-11 * scale)
            assert found.mfe_r[i, m] == near(float(want.mfe_r), rel=1e-12 * scale, abs=1e-11 * scale)


def fits(rung: dict[str, Any]) -> bool:
    """Return whether a rung of `worlds.rungs` fits a batch."""
    if "when" in rung:
        return not any("stop_distance_r" in condition for condition in rung["when"])
    if "target" not in rung:
        return True
    return isinstance(rung["target"], str) and rung["target"][0] != "-" and rung["target"].endswith(("R", "ATR", "%"))
