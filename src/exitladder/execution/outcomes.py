"""What is known of every trade under every ladder beyond its net r: when it ended, its fills, its best r."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from exitladder.bars import IntArray
from exitladder.execution import state as s
from exitladder.execution.entry_facts import make_entries, make_market
from exitladder.execution.many_ladders import use_threads
from exitladder.execution.many_trades import net_r_of, run_trade
from exitladder.execution.one_ladder import checked_signals
from exitladder.execution.plan import Entries, FloatTable, IntTable, Market, Plan, Readings, atr_windows, make_plan
from exitladder.execution.sources import SOURCES
from exitladder.ladder import Ladder
from exitladder.signals import Signals
from exitladder.trades import PlacedTrades


@dataclass(frozen=True)
class Outcomes:
    """How trades ended, arrays of shape (n_trades, n_ladders).

    Parameters
    ----------
    net_r : float64 array
        NaN where a trade was skipped.
    last_bar : int64 array
        Bar number through the whole `BarSet` of the last sale, or of the mark where a trade is still
        open; -1 where it was skipped.
    n_fills : int64 array
        The entry and every sale; 0 where it was skipped.
    mfe_r : float64 array
        Best r reached while any quantity was open, before slippage; NaN where it was skipped.
    """

    net_r: FloatTable
    last_bar: IntTable
    n_fills: IntTable
    mfe_r: FloatTable


def _compile(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy", parallel=True)
    def run_outcomes(
        plan: Plan,
        entries: Entries,
        market: Market,
        readings: Readings,
        net_r: FloatTable,
        last_bar: IntTable,
        n_fills: IntTable,
        mfe_r: FloatTable,
    ) -> None:
        """Simulate every trade under every ladder and write down how it ended."""
        _ = sources
        for i in prange(len(entries.side)):
            book = np.zeros((0, s.BOOK_COLUMNS))
            state = np.zeros(s.SIZE)
            rungs = np.zeros((s.RUNG_ROWS, plan.fraction.shape[1]))
            for m in range(len(plan.code)):
                counts = run_trade(state, rungs, book, -1, m, i, plan, entries, market, readings)
                net_r[i, m] = net_r_of(state, plan.number[m]) if counts else np.nan
                mfe_r[i, m] = (state[s.BEST] - state[s.ENTRY]) / state[s.RISK] if counts else np.nan
                is_open = state[s.LEFT] > 0.0
                last = entries.end_bar[i] - 1 if is_open else int(state[s.LAST_BAR])
                last_bar[i, m] = last if counts else -1
                n_fills[i, m] = int(state[s.FILLS]) - (1 if is_open else 0) if counts else 0

    return run_outcomes


run_outcomes = _compile(SOURCES)


def simulate_outcomes(
    placed: PlacedTrades, ladders: Sequence[Ladder], signals: Signals | None = None, *, threads: int = 0
) -> Outcomes:
    """Return how every trade ended under every ladder, equal to the bit to what `simulate` gives.

    Bar by bar: ladders are not run as batches, so ask for net r alone (`simulate_many`) where that is enough.

    Parameters
    ----------
    placed : PlacedTrades
    ladders : sequence of Ladder
    signals : Signals, optional
        Holds the series that the ladders' signal rungs read, for these trades.
    threads : int
        0 means all cores. The result does not depend on it.
    """
    shape = (len(placed), len(ladders))
    found = Outcomes(np.empty(shape), _whole(shape), _whole(shape), np.empty(shape))
    if found.net_r.size:
        signals = checked_signals(placed, signals)
        windows = atr_windows(ladders)
        plan = make_plan(ladders, signals.names, windows)
        market = make_market(placed.bars, windows, None)
        entries = make_entries(placed, ladders, market, None)
        readings = Readings(signals.values, signals.base, signals.first, signals.end)
        with use_threads(threads):
            run_outcomes(plan, entries, market, readings, found.net_r, found.last_bar, found.n_fills, found.mfe_r)
    return found


def _whole(shape: tuple[int, int]) -> IntArray:
    return np.empty(shape, dtype=np.int64)
