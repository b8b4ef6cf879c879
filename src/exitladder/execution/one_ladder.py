"""Trades executed under one ladder."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatTable
from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError
from exitladder.execution.clock_exits import clock_exits
from exitladder.execution.contracts import contract_groups, simulate_groups
from exitladder.execution.dividends import credited, without_dividends
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.entry_facts import make_entries, make_market
from exitladder.execution.kernel.loops import record_fills, run_one_ladder
from exitladder.execution.kernel.packed import Inputs, Readings, atr_windows, make_plan, timings_of
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import Simulation
from exitladder.plans.adds import needs_stop
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import refuse_limits
from exitladder.plans.size import refuse_size_rule
from exitladder.trades.trades import PlacedTrades


def simulate(
    placed: PlacedTrades, ladder: Ladder, signals: Signals | None = None, *, finer: BarSet | None = None
) -> Simulation:
    """Return every fill and the outcome of every trade under a ladder.

    Parameters
    ----------
    placed : PlacedTrades
    ladder : Ladder
    signals : Signals, optional
        Holds the series that the ladder's signal rungs read, for these trades.
    finer : BarSet, optional
        Bars of a shorter interval, which the policy ``finer_bars`` walks.

    Returns
    -------
    Simulation

    Raises
    ------
    LadderError
        If a condition reads a missing series, fills are capped by volume and the bars have none, or the plan has a rule
        for its sizes (PL10): quantities are decided before.

    Notes
    -----
    Does not look ahead: the orders that rest during a bar were decided from earlier bars. The walking
    policies end their walk at the bar's own close, so there a trail can be hit on the way to it.
    ``ohlc`` walks the price itself, high before low for both sides; it is the one policy under which a
    mirrored market does not give the mirrored result.
    """
    refuse_limits(ladder, "A simulation of trades one by one")
    refuse_size_rule(ladder)
    signals = checked_signals(placed, signals)
    if placed.bars.dividends is not None:
        return credited(simulate(without_dividends(placed), ladder, signals, finer=finer), placed)
    check_stops(ladder, placed)
    if groups := contract_groups(placed):
        return simulate_groups(
            lambda p, of, heard: simulate(p, of, heard, finer=finer), groups, placed, ladder, signals
        )
    windows = atr_windows([ladder])
    timings = timings_of([ladder])
    plan = make_plan([ladder], signals.names, windows, timings)
    market = make_market(placed.bars, windows, finer)
    entries = make_entries(placed, [ladder], market, finer, clock_exits(placed, timings))
    readings = Readings(signals.values, signals.base, signals.first, signals.end)
    inputs = Inputs(plan, entries, market, readings)
    columns = max(1, len(ladder.adds), len(ladder.rungs)) if ladder.is_plan else 0
    found = record_fills(lambda to: run_one_ladder(inputs, to), len(placed), len(ladder.rungs), columns)
    grown = found.growth if ladder.is_plan else None
    if grown is not None:
        check_liquidation(ladder, placed, found.states, grown)
    return Simulation(
        placed, ladder, found.states, found.rungs, found.book, growth=grown, adds=found.adds if ladder.is_plan else None
    )


def check_stops(ladder: Ladder, placed: PlacedTrades) -> None:
    """Refuse a plan that averages down trades without a stop (PL1).

    Parameters
    ----------
    ladder : Ladder
    placed : PlacedTrades

    Raises
    ------
    LadderError
    """
    if not needs_stop(ladder):
        return
    without = np.flatnonzero(np.isnan(placed.trades.stop_price))
    if len(without):
        raise LadderError(
            f"Adds below the entry need a stop: without one they are unplanned averaging down. Plan '{ladder.name}' "
            f"has averaging adds and no stop.initial, and {len(without)} of {len(placed)} trades have no stop_price "
            f"(the first is '{placed.trades.trade_id[without[0]]}'). "
            'Set stop.initial, such as "2ATR", or give each trade its stop_price.'
        )


def check_liquidation(ladder: Ladder, placed: PlacedTrades, states: FloatTable, growth: FloatTable) -> None:
    """Refuse a plan that would be liquidated before one of its averaging adds (PL9).

    Parameters
    ----------
    ladder : Ladder
    placed : PlacedTrades
        Trades above the maximum size are not entered, so that they say nothing about the plan.
    states : float64 array, shape (n_trades, SIZE)
    growth : float64 array, shape (n_trades, GROWTH)

    Raises
    ------
    LadderError
    """
    found = np.flatnonzero((growth[:, s.G_LIQUIDATED] > 0) & (states[:, s.SKIPPED_WHY] != o.ABOVE_MAXIMUM))
    if len(found):
        i = int(found[0])
        number, price = int(growth[i, s.G_LIQUIDATED]), abs(float(growth[i, s.G_LIQUIDATED_AT]))
        raise LadderError(
            f"An averaging add must be nearer to the entry than the liquidation price, but adds[{number}] "
            f"of plan '{ladder.name}' is beyond it: trade '{placed.trades.trade_id[i]}' would be liquidated at "
            f"{price:.10g} with execution.leverage = {ladder.execution.leverage:g} ({len(found)} trades in all). "
            "Lower the leverage, or move the add nearer to the entry."
        )


def checked_signals(placed: PlacedTrades, signals: Signals | None) -> Signals:
    """Return the signals, or signals without any series; reject those of other trades."""
    if signals is None:
        return Signals.none(len(placed))
    if signals.base.shape[1] != len(placed):
        raise LadderError(
            f"Signals must belong to the simulated trades, but they cover {signals.base.shape[1]} trades "
            f"and there are {len(placed)}. Take the same rows from both."
        )
    return signals
