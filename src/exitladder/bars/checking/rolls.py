"""Rolls of a continuous futures series that nobody adjusted: small jumps that come by the calendar of contracts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.bars import Bars
from exitladder.clock import stamp_text

_DAY = 86_400 * 10**9
# a gap stands out if it is this many times the usual one of the days around it
_STANDS_OUT = 4.0
_DAYS_AROUND = 30
# rolls needed, the share of them that must stand out, and the chance at which chance is ruled out
_LEAST, _SHARE, _CHANCE = 4, 0.7, 1e-4
# on news volume jumps with the price; on a roll it does not
_NEWS = 1.8
_SHOWN = 4
# columns that name the contract of a bar
CONTRACT_COLUMNS = frozenset(
    {
        "contract", "contract_code", "contract_month", "contract_symbol", "active_contract", "front_contract",
        "local_symbol", "expiry", "expiration", "expiration_date", "delivery_month", "instrument_id",
    }
)  # fmt: skip
# months in which contracts end
_CYCLES = {
    "every quarter": (3, 6, 9, 12),
    "every second month": (2, 4, 6, 8, 10, 12),
    "every second month, odd ones": (1, 3, 5, 7, 9, 11),
    "every month": tuple(range(1, 13)),
}
_FROM_FRIDAY, _FROM_EDGE = range(-12, 3), range(1, 13)


@dataclass(frozen=True)
class Rolls:
    """Jumps at the pace of contract months.

    Parameters
    ----------
    rows : int64 array, shape (n_rolls,)
        Bar that opens after each jump.
    jump : float64 array, shape (n_rolls,)
        Open less the close before, as a share of it.
    pace : str
        Such as ``every quarter, 6 sessions before the third Friday``.
    n_due : int
        How many rolls the pace would have; those without an outstanding jump are not listed.
    """

    rows: IntArray
    jump: FloatArray
    pace: str
    n_due: int


def likely_rolls(bars: Bars) -> Rolls | None:
    """Return the jumps that come at the pace of contract months, None if there are none.

    On each date the largest jump from a close to the next open is compared with the usual jump of the dates around it.
    For each calendar of contracts (quarters, months; sessions from the third Friday or the edge of the month), the
    share of its dates with an outstanding jump is compared with that of all dates (binomial test, corrected for the
    number of calendars).

    Parameters
    ----------
    bars : Bars
        Of one symbol; bars of a week or longer show no rolls.

    Returns
    -------
    Rolls or None
    """
    if len(bars) < 60 or bars.interval_ns > _DAY:
        return None
    date, row, gap = _largest_gaps(bars)
    if len(date) < 60:
        return None
    out = _outstanding(date, gap)
    base = max(float(out.mean()), 1 / len(out))
    if base > 0.2:
        return None
    calm: BoolArray | None = None
    best: tuple[float, str, IntArray] | None = None
    calendars = list(_calendars(date))
    for pace, at in calendars:
        hits = int(out[at].sum())
        if len(at) < _LEAST or hits < _SHARE * len(at):
            continue
        chance = _chance_of(hits, len(at), base) * len(calendars)
        if chance < _CHANCE and (best is None or chance < best[0]):
            calm = _is_calm(bars, date) if calm is None else calm
            if calm[at].mean() >= 0.5:
                best = (chance, pace, at)
    if best is None:
        return None
    _, pace, at = best
    shown = at[out[at]]
    return Rolls(row[shown], gap[shown], pace, len(at))


def contract_changes(bars: Bars, names: npt.NDArray[np.object_]) -> tuple[Rolls, list[str]] | None:
    """Return the bars at which a column names another contract, with both names; None if it never changes.

    Parameters
    ----------
    bars : Bars
    names : object array of str, shape (n_bars,)
        The contract of each bar; empty where it is not given.
    """
    rows = np.flatnonzero((names[1:] != names[:-1]) & (names[1:] != "") & (names[:-1] != "")) + 1
    if not len(rows):
        return None
    jump = bars.open[rows] / bars.close[rows - 1] - 1
    return Rolls(rows, jump, "", len(rows)), [f"{names[i - 1]} to {names[i]}" for i in rows]


def roll_text(bars: Bars, rolls: Rolls, source: str, named: list[str] | None = None) -> str:
    """Return what to say of rolls.

    Parameters
    ----------
    bars : Bars
    rolls : Rolls
    source : str
        The file's name.
    named : list of str, optional
        The contracts before and after each roll, if a column tells them.

    Returns
    -------
    str
    """
    largest = np.sort(np.argsort(-np.abs(rolls.jump), kind="stable")[:_SHOWN])
    shown = ", ".join(
        f"{stamp_text(int(bars.time[rolls.rows[k]]))} ({f'{named[k]}, ' if named else ''}{rolls.jump[k]:+.2%})"
        for k in largest
    )
    more = f" and {len(rolls.rows) - _SHOWN} more" if len(rolls.rows) > _SHOWN else ""
    how = (
        f"changes to another contract {len(rolls.rows)} times"
        if named
        else f"jumps {len(rolls.rows)} times at the pace of futures contracts ({rolls.pace}; {rolls.n_due} due)"
    )
    return (
        f"'{bars.symbol}' {how}: {shown}{more} ({source}). Nothing was adjusted: a trade across a roll gains or loses "
        "the jump, which nobody traded. Use back-adjusted bars, or the bars of each trade's own contract."
    )


def _largest_gaps(bars: Bars) -> tuple[IntArray, IntArray, FloatArray]:
    """Return each date (days since 1970), and row and relative size of its largest jump between two bars."""
    gap = bars.open[1:] / bars.close[:-1] - 1
    day = (bars.time[1:] // _DAY).astype(np.int64)
    order = np.lexsort((-np.abs(gap), day))
    first = np.concatenate([[True], np.diff(day[order]) > 0])
    at = order[first]
    return day[at], at + 1, gap[at]


def _outstanding(date: IntArray, gap: FloatArray) -> BoolArray:
    """Return the dates whose jump is far larger than those around it and those of the same weekday."""
    size = np.abs(gap)
    usual = _rolling_median(size, _DAYS_AROUND)
    weekday = (date + 3) % 7
    for k in range(7):
        own = np.flatnonzero(weekday == k)
        if len(own):
            usual[own] = np.maximum(usual[own], _rolling_median(size[own], 6))
    # a jump below a hundredth of a percent is no roll
    return np.asarray((size > _STANDS_OUT * usual) & (size > 1e-4))


def _rolling_median(values: FloatArray, width: int) -> FloatArray:
    padded = np.pad(values, width, mode="reflect" if len(values) > width else "edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1), axis=1))


def _is_calm(bars: Bars, date: IntArray) -> BoolArray:
    """Return the dates without a surge of volume; all if there is no volume."""
    if bars.volume is None or not (bars.volume > 0).any():
        return np.ones(len(date), dtype=bool)
    day = (bars.time // _DAY).astype(np.int64)
    days, place = np.unique(day, return_inverse=True)
    by_day = np.bincount(place, weights=np.nan_to_num(bars.volume)).astype(np.float64)
    total = by_day[np.searchsorted(days, date)]
    return np.asarray(total <= _NEWS * _median_before(total))


def _chance_of(hits: int, n: int, share: float) -> float:
    """Return the binomial chance of at least so many hits, above 0, among n.

    ``scipy.stats.binom.sf(hits - 1, n, share)`` to the last digit; loading scipy.stats takes longer than most files.
    """
    from scipy.special import betainc

    return float(betainc(hits, n - hits + 1, share))


def _median_before(values: FloatArray) -> FloatArray:
    """Return the median of the (up to) ten values before each; of the first one itself."""
    early = [np.median(values[:k]) if k else values[0] for k in range(min(10, len(values)))]
    if len(values) <= 10:
        return np.array(early)
    full = np.median(np.lib.stride_tricks.sliding_window_view(values[:-1], 10), axis=1)
    return np.concatenate([early, full])


def _calendars(date: IntArray) -> Iterator[tuple[str, IntArray]]:
    """Yield each calendar of contracts in words, with the positions of its dates."""
    months = date.astype("M8[D]").astype("M8[M]")
    number = months.astype(np.int64)
    firsts = np.flatnonzero(np.concatenate([[True], np.diff(number) > 0]))
    ends = np.append(firsts[1:], len(date))
    # the month at either edge of the data may be cut off
    whole = [(int(a), int(b), int(number[a])) for a, b in zip(firsts, ends, strict=True)]
    fridays = {m: int(np.searchsorted(date, _third_friday(m))) for _, _, m in whole}
    for cycle, members in _CYCLES.items():
        chosen = [(a, b, m) for a, b, m in whole if m % 12 + 1 in members]
        for shift in _FROM_FRIDAY:
            where = "on the third Friday" if not shift else f"{_sessions(shift)} the third Friday"
            yield f"{cycle}, {where}", _valid([fridays[m] + shift for *_, m in chosen], len(date))
        for k in _FROM_EDGE:
            yield (
                f"{cycle}, session {k} of the month",
                _valid([a + k - 1 for a, b, _ in chosen if a + k <= b], len(date)),
            )
            yield (
                f"{cycle}, session {k} from the end of the month",
                _valid([b - k for a, b, _ in chosen if b - k >= a], len(date)),
            )


def _sessions(shift: int) -> str:
    n = abs(shift)
    return f"{n} session{'s' if n > 1 else ''} {'before' if shift < 0 else 'after'}"


def _valid(at: list[int], n: int) -> npt.NDArray[np.int64]:
    found = np.array(at, dtype=np.int64)
    return found[(found > 0) & (found < n - 1)]


def _third_friday(month: int) -> int:
    """Return the third Friday of a month (months since 1970) in days since 1970."""
    first = int(np.datetime64(int(month), "M").astype("M8[D]").astype(np.int64))
    return first + (4 - (first + 3) % 7) % 7 + 14
