"""Trades executed under many ladders at once, for tuning and for comparing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numba
import numpy as np

from exitladder.bars import BarSet, IntArray
from exitladder.execution.batch import batches, make_batch, needs_atr
from exitladder.execution.batch_kernel import run_batch
from exitladder.execution.entry_facts import make_entries, make_market
from exitladder.execution.many_trades import run_many_ladders
from exitladder.execution.one_ladder import checked_signals
from exitladder.execution.plan import FloatTable, Readings, atr_windows, make_plan
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
    out = np.empty((len(placed), len(ladders)))
    if not out.size:
        return out
    windows = atr_windows(ladders)
    market = make_market(placed.bars, windows, finer)
    entries = make_entries(placed, ladders, market, finer)
    readings = Readings(signals.values, signals.base, signals.first, signals.end)
    every = np.arange(len(placed))
    with use_threads(threads), progress.stage("simulations", out.size) as advance:

        def one_by_one(trades: IntArray, which: IntArray) -> None:
            some = [ladders[m] for m in which]
            plan = make_plan(some, signals.names, windows)
            part = np.empty((len(trades), len(which)))
            run_many_ladders(plan, entries, market, readings, trades, part)
            out[np.ix_(trades, which)] = part
            advance(part.size)

        groups, rest = batches(ladders)
        if len(rest):
            one_by_one(every, rest)
        for which in groups:
            some = [ladders[m] for m in which]
            row = windows.index(some[0].atr_window)
            ready = np.ones(len(placed), dtype=np.bool_)
            if any(needs_atr(ladder) for ladder in some):
                ready = np.isfinite(market.atr[row, entries.known_bar]) & (entries.known_bar >= 0)
            if not ready.all():
                one_by_one(every[~ready], which)
            whole = bool(ready.all()) and len(which) == len(ladders)
            part = out if whole else np.empty((int(ready.sum()), len(which)))
            run_batch(make_batch(some), entries, market, row, every[ready], part)
            if not whole:
                out[np.ix_(every[ready], which)] = part
            advance(part.size)
    return out


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Run compiled loops on this many threads; 0 means all cores."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before) if threads > 0 else before)
    try:
        yield
    finally:
        numba.set_num_threads(before)
