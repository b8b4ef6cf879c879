"""What to mind about bars that keep every rule: gaps, big moves, splits that were not adjusted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exitladder.bars.bars import Bars
from exitladder.bars.report import Finding
from exitladder.clock import interval_name, stamp_text

_DAY = 86_400 * 10**9
# |ln(close / previous close)| above which a move is told, by the bar's length
_BIG_MOVES = ((_DAY, 0.35), (_DAY // 6, 0.2), (_DAY // 24, 0.15), (_DAY // 288, 0.1), (0, 0.05))
_SPLITS = (1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 100)
_SPLIT_TOLERANCE = 0.04
# a step is usual if at least this share of all steps is as long
_USUAL_STEP = 0.005


def commonest_step(time: np.ndarray) -> int:
    """Return the commonest step between stamps in nanoseconds, the shorter on a tie; 0 for fewer than two.

    A few days apart once, as over a weekend, are days.
    """
    if len(time) < 2:
        return 0
    steps, counts = np.unique(np.diff(time), return_counts=True)
    if counts.max() == 1 and steps.max() <= 4 * _DAY and not (steps % _DAY).any():
        return _DAY
    return int(steps[np.argmax(counts)])


def big_move(interval_ns: int) -> float:
    """Return the |ln(close / previous close)| above which a move of such a bar is told."""
    return next(limit for length, limit in _BIG_MOVES if interval_ns >= length)


def notes_on(bars: Bars, source: str, *, is_adjusted: bool) -> list[Finding]:
    """Return what to mind about the bars of one symbol.

    Parameters
    ----------
    bars : Bars
    source : str
        The file's name, for the place.
    is_adjusted : bool
        Whether prices were adjusted; a move like a split's then has another cure.
    """
    found = [*_gaps(bars, source)]
    if len(bars) < 2:
        return found
    move = np.log(bars.close[1:] / bars.close[:-1])
    limit = big_move(bars.interval_ns)
    big = np.flatnonzero(np.abs(move) > limit) + 1
    splits = [(i, ratio) for i in big if (ratio := _split_ratio(bars, int(i)))]
    if splits:
        shown = ", ".join(f"{stamp_text(int(bars.time[i]))} ({ratio})" for i, ratio in splits[:5])
        more = f" and {len(splits) - 5} more" if len(splits) > 5 else ""
        still = "even after the adjustment by adj_close, " if is_adjusted else ""
        cure = (
            "check adj_close and the unit of the prices"
            if is_adjusted
            else "bring an adj_close column, or adjusted prices"
        )
        message = (
            f"Prices of '{bars.symbol}' move like an unadjusted split, {still}on {shown}{more} ({source}). If "
            f"so, every trade across it is wrong: {cure}."
        )
        found.append(_finding(bars, "warning", "possible_split", len(splits), source, int(splits[0][0]), message))
    others = np.setdiff1d(big, [i for i, _ in splits])
    if len(others):
        largest = others[np.argsort(-np.abs(move[others - 1]), kind="stable")][:3]
        shown = ", ".join(f"{stamp_text(int(bars.time[i]))} ({np.expm1(move[i - 1]):+.0%})" for i in largest)
        message = (
            f"'{bars.symbol}' has {len(others)} move{'s' if len(others) > 1 else ''} of more than {limit:g} in "
            f"ln(close / previous close): {shown}{' and more' if len(others) > 3 else ''} ({source}). "
            "Real, or a bad tick: look before you trust it."
        )
        found.append(_finding(bars, "note", "big_move", len(others), source, int(largest[0]), message))
    return found


def _gaps(bars: Bars, source: str) -> list[Finding]:
    step = np.diff(bars.time)
    if not len(step):
        return []
    lengths, counts = np.unique(step, return_counts=True)
    usual = max(bars.interval_ns, int(lengths[counts >= max(2.0, _USUAL_STEP * len(step))].max(initial=0)))
    gaps = np.flatnonzero(step > usual)
    if not len(gaps):
        return []
    worst = int(gaps[np.argmax(step[gaps])])
    message = (
        f"'{bars.symbol}' has {len(gaps)} gap{'s' if len(gaps) > 1 else ''} longer than the usual step between its "
        f"{interval_name(bars.interval_ns)} bars (up to {_length(usual)}); the longest is {_length(int(step[worst]))} "
        f"before {stamp_text(int(bars.time[worst + 1]))} ({source}). Bars count by number, not by the clock."
    )
    return [_finding(bars, "note", "gap", len(gaps), source, worst + 1, message)]


def _split_ratio(bars: Bars, i: int) -> str:
    """Return the split that the move from one close to the next open looks like, such as ``2:1``."""
    ratio = bars.close[i - 1] / bars.open[i]
    for split in _SPLITS:
        if abs(np.log(max(ratio, 1 / ratio) / split)) < _SPLIT_TOLERANCE:
            new, old = (3, 2) if split == 1.5 else (5, 2) if split == 2.5 else (int(split), 1)
            return f"{new}:{old}" if ratio > 1 else f"{old}:{new}"
    return ""


def _length(nanoseconds: int) -> str:
    return str(pd.Timedelta(nanoseconds)).replace(" 00:00:00", "").replace("0 days ", "").replace("1 days", "1 day")


def _finding(bars: Bars, severity: str, rule: str, count: int, source: str, i: int, message: str) -> Finding:
    place = f"{source}, {stamp_text(int(bars.time[i]))}"
    return Finding(bars.symbol, severity, rule, count, place, message)
