"""Cuts in time between positions in options to tune on and positions to score once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.options.quotes import Quotes
from exitladder.settings.tables import ValidationSettings
from exitladder.statistics.mean import MIN_TRADES


@dataclass(frozen=True)
class Cut:
    """A moment: the positions tuned on before it, and those entered from it on that are scored once.

    Parameters
    ----------
    moment : int
        The first entry scored, nanoseconds since 1970 UTC.
    training, test : bool array, shape (n,)
    n_purged : int
        Positions entered before it in neither part: held to expiry, they were not over by then.
    """

    moment: int
    training: BoolArray
    test: BoolArray
    n_purged: int


def cuts_of(entry: IntArray, known: IntArray, settings: ValidationSettings, embargo: int) -> list[Cut]:
    """Return the cuts: the latest positions in parts of about equal size.

    A position is tuned on only if it had expired by the cut, less the embargo: no plan holds longer, so that nothing
    that happens after the cut decides which plan is chosen before it.

    Parameters
    ----------
    entry, known : int64 array, shape (n,)
        Entries in order of time, and when the result of holding to expiry is known.
    settings : ValidationSettings
    embargo : int
        Nanoseconds.

    Returns
    -------
    list of Cut
        Empty if no part of at least 20 positions has 20 to tune on before it.
    """
    n = len(entry)
    n_test = max(1, round(n * settings.test_fraction))
    for n_parts in range(settings.n_test_parts, 0, -1):
        edges = [n - n_test + round(k * n_test / n_parts) for k in range(n_parts)]
        moments = np.unique(entry[[min(edge, n - 1) for edge in edges]])
        ends = [*moments[1:], np.iinfo(np.int64).max]
        found = []
        for moment, end in zip(moments, ends, strict=True):
            before = entry < moment
            training = before & (known + embargo <= moment)
            n_purged = int((before & ~training).sum())
            if settings.window == "rolling":
                # as many positions back from the cut as there are before the first one
                training &= np.cumsum(before[::-1])[::-1] <= int((entry < moments[0]).sum())
            found.append(Cut(int(moment), training, (entry >= moment) & (entry < end), n_purged))
        if all(min(cut.training.sum(), cut.test.sum()) >= MIN_TRADES for cut in found):
            return found
    return []


def step_of(quotes: Quotes) -> int:
    """Return the length of a bar of quotes; of snapshots the commonest step between two."""
    if quotes.interval_ns:
        return quotes.interval_ns
    longest = max(quotes.values(), key=len)
    steps, counts = np.unique(np.diff(longest.start), return_counts=True)
    return int(steps[np.argmax(counts)]) if len(steps) else 0


def chosen(results: FloatArray, entry: IntArray, n_parts: IntArray) -> int:
    """Return the number of the plan that these positions support: the simplest that is about as good as the best.

    About as good is a mean at most one standard error of the difference below the best one, with positions of one day
    as one observation. Of several such plans with the fewest parts, the one with the largest mean; of equal ones the
    first.

    Parameters
    ----------
    results : float64 array, shape (n_plans, n)
        Net R; a plan without a result for a position is not chosen.
    entry : int64 array, shape (n,)
        Entries, nanoseconds since 1970 UTC.
    n_parts : int64 array, shape (n_plans,)

    Returns
    -------
    int
    """
    known = np.flatnonzero(np.isfinite(results).all(axis=1))
    mean = results[known].mean(axis=1)
    behind = results[known[np.argmax(mean)]] - results[known]
    error = _standard_error(behind, entry)
    # rounding makes equal plans differ
    near = np.flatnonzero(behind.mean(axis=1) <= error + 1e-12)
    rank = np.lexsort((known[near], -np.round(mean[near], 10), n_parts[known[near]]))
    return int(known[near[rank[0]]])


def _standard_error(values: FloatArray, entry: IntArray) -> FloatArray:
    """Return the standard error of the mean of each row, days as observations."""
    days, at = np.unique(entry // DAY_NS, return_inverse=True)
    off = values - values.mean(axis=1, keepdims=True)
    sums = np.zeros((len(values), len(days)))
    np.add.at(sums.T, at, off.T)
    more = len(days) / max(len(days) - 1, 1)
    return np.asarray(np.sqrt(more * (sums**2).sum(axis=1)) / values.shape[1])
