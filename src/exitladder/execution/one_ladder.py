"""Trades executed under one ladder."""

from __future__ import annotations

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError
from exitladder.execution.clock_exits import clock_exits
from exitladder.execution.contracts import contract_groups, simulate_groups
from exitladder.execution.dividends import credited, without_dividends
from exitladder.execution.kernel.entry_facts import make_entries, make_market
from exitladder.execution.kernel.loops import record_fills, run_one_ladder
from exitladder.execution.kernel.packed import Inputs, Readings, atr_windows, make_plan, timings_of
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import Simulation
from exitladder.plans.ladder import Ladder
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
        If a condition reads a missing series, or fills are capped by volume and the bars have none.

    Notes
    -----
    Does not look ahead: the orders that rest during a bar were decided from earlier bars. The walking
    policies end their walk at the bar's own close, so there a trail can be hit on the way to it.
    ``ohlc`` walks the price itself, high before low for both sides; it is the one policy under which a
    mirrored market does not give the mirrored result.
    """
    signals = checked_signals(placed, signals)
    if placed.bars.dividends is not None:
        return credited(simulate(without_dividends(placed), ladder, signals, finer=finer), placed)
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
    found = record_fills(lambda to: run_one_ladder(inputs, to), len(placed), len(ladder.rungs))
    return Simulation(placed=placed, ladder=ladder, states=found.states, rungs=found.rungs, book=found.book)


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
