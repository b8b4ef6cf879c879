"""Trades executed under many ladders at once, for tuning and for comparing."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from exitladder.bars import BarSet
from exitladder.execution.entry_facts import make_entries, make_market
from exitladder.execution.many_trades import run_many_ladders
from exitladder.execution.one_ladder import checked_signals
from exitladder.execution.plan import FloatTable, Readings, make_plan
from exitladder.execution.state import BOOK_COLUMNS
from exitladder.ladder import Ladder
from exitladder.progress import SILENT, Progress
from exitladder.signals import Signals
from exitladder.trades import PlacedTrades


def simulate_many(
    placed: PlacedTrades,
    ladders: Sequence[Ladder],
    signals: Signals | None = None,
    *,
    finer: BarSet | None = None,
    progress: Progress = SILENT,
    threads: int = 0,
) -> FloatTable:
    """Return net r of every trade under every ladder, equal to the bit to ``simulate(...).r``.

    Parameters
    ----------
    placed : PlacedTrades
    ladders : sequence of Ladder
    signals : Signals, optional
        Holds the series that the ladders' signal rungs read, for these trades.
    finer : BarSet, optional
        Bars of a shorter interval, which the policy ``finer_bars`` walks.
    progress : Progress
    threads : int
        0 means all cores.

    Returns
    -------
    float64 array, shape (n_trades, n_ladders)
        NaN where a trade was skipped.
    """
    signals = checked_signals(placed, signals)
    out = np.full((len(placed), len(ladders)), np.nan)
    if not len(placed) or not len(ladders):
        return out
    plan, windows = make_plan(ladders, signals.names)
    market = make_market(placed.bars, windows, finer)
    entries = make_entries(placed, ladders, market, finer)
    readings = Readings(signals.values, signals.base, signals.first, signals.end)
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS) if threads > 0 else before)
    try:
        with progress.stage("simulations", len(placed) * len(ladders)) as advance:
            run_many_ladders(plan, entries, market, readings, np.zeros((0, BOOK_COLUMNS)), out)
            advance(out.size)
    finally:
        numba.set_num_threads(before)
    return out
