"""Resamples of the trades of a book: their order, their blocks, and the size rule that they follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.measures.sizing.sized import Sized
from exitladder.statistics.bootstrap import Resampling
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import MIN_TRADES


def resampling_of(r: FloatArray, entry: IntArray, close: IntArray, intervals: Intervals) -> Resampling | None:
    """Return the resampling of trades in order of entry, in blocks that hold the overlap of trades; None with too few.

    Parameters
    ----------
    r : float64 array, shape (n,)
    entry, close : int64 array, shape (n,)
        Nanoseconds since 1970 UTC; `entry` increases.
    intervals : Intervals

    Returns
    -------
    Resampling or None
        The mean block has the length of Politis and White, but at least twice as many trades as are entered while one
        is open, on average.
    """
    n = len(r)
    if n < MIN_TRADES:
        return None
    plan = Resampling.plan(np.arange(n), r - r.mean(), intervals)
    meanwhile = float((np.searchsorted(entry, close, side="left") - np.arange(n) - 1).clip(min=0).mean())
    least = min(2.0 * meanwhile * plan.n_units / n, plan.n_units / 3)
    return replace(plan, block=max(plan.block, least, 1.0))


def order_of(sized: Sized, used: BoolArray) -> IntArray:
    """Return the positions of these trades in order of entry."""
    rows = np.flatnonzero(used)
    return rows[np.argsort(sized.simulation.placed.trades.entry_time[rows], kind="stable")]


def lived_of(sized: Sized, r: FloatArray, base: FloatArray) -> Any:
    """Return the trades for a replay, in order of entry, those with a result and a planned risk; each its own unit.

    Parameters
    ----------
    sized : Sized
    r, base : float64 array, shape (n_trades,)
        See `exitladder.measures.sizing.replay.Lived`; NaN leaves a trade out.

    Returns
    -------
    Lived
    """
    from exitladder.measures.sizing.replay import Lived

    rows = order_of(sized, np.isfinite(r) & np.isfinite(base))
    close = np.where(sized.closed >= 0, sized.closed, np.iinfo(np.int64).max - 1)
    return Lived(
        np.arange(len(rows) + 1), sized.simulation.placed.trades.entry_time[rows], close[rows], r[rows], base[rows]
    )


def replay_rule(sized: Sized) -> tuple[Any, FloatArray]:
    """Return the rule for the replay, and the planned risk of each trade before its multiple; NaN if not taken.

    Parameters
    ----------
    sized : Sized

    Returns
    -------
    rule : Rule
    base : float64 array, shape (n_trades,)
    """
    from exitladder.measures.sizing import replay as p

    size, book = sized.ladder.size, sized.ladder.book
    money = sized.simulation.planned_risk / (book.equity or np.nan)
    if size.rule in ("file", "fixed"):
        return p.Rule(p.MONEY), money
    if size.rule == "anti_martingale":
        assert size.factor is not None and size.maximum_factor is not None
        kind, at_risk = (p.STREAK_OF_SHARE, sized.share) if size.units is None else (p.STREAK_OF_MONEY, money)
        return p.Rule(kind, size.factor, size.maximum_factor, size.wins), at_risk / sized.multiple
    if size.rule == "kelly":
        assert size.fraction is not None and size.kelly_cap is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            base = sized.share / sized.multiple
        unused = (sized.multiple == 0) & np.isfinite(sized.paper_r)
        rule = p.Rule(
            p.KELLY,
            kelly_fraction=size.kelly_fraction,
            kelly_cap=size.kelly_cap,
            fraction=size.fraction,
            minimum_trades=size.minimum_trades,
        )
        # a trade without an edge at its entry may have one in a resample
        return rule, np.where(unused, size.fraction, base)
    return p.Rule(p.SHARE), sized.share


def log_growth(ends: FloatArray, n: int) -> FloatArray:
    """Return the mean logarithm of growth per trade of each resample; minus infinity if all was lost."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(ends[:, 0]) / n)
