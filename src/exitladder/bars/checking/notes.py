"""Doubts about bars that keep every rule: gaps, mixed lengths, spikes, jumps, splits, bars without trading."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.adjust import adjust_prices
from exitladder.bars.bars import Bars
from exitladder.bars.checking.checks import RawBars, check_bars, is_short_step
from exitladder.bars.checking.ranges import typical_range
from exitladder.bars.checking.report import Finding
from exitladder.bars.checking.rolls import likely_rolls, roll_text
from exitladder.bars.checking.splits import likely_splits
from exitladder.bars.dividends import dividend_column, dividends_of
from exitladder.bars.layouts.columns import PRICES
from exitladder.clock import interval_name, stamp_text
from exitladder.errors import BarsError

_DAY = 86_400 * 10**9
# |ln(close / previous close)| above which a move is reported, by the bar's length
_BIG_MOVES = ((_DAY, 0.35), (_DAY // 6, 0.2), (_DAY // 24, 0.15), (_DAY // 288, 0.1), (0, 0.05))
# a step is usual if at least this share of all steps is as long
_USUAL_STEP = 0.005
# a price beyond all prices around it by more than this many typical ranges, and this share of the price
_SPIKE_RANGES, _SPIKE_SHARE = 8.0, 0.02
# an overnight jump is to another level if it exceeds this many typical daily ranges and lasts
_JUMP_RANGES, _LASTING = 4.0, 5


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
    """Return the |ln(close / previous close)| above which a move of such a bar is reported."""
    return next(limit for length, limit in _BIG_MOVES if interval_ns >= length)


def untraded(bars: Bars) -> BoolArray:
    """Return the bars in which nothing traded, shape (n,): volume 0, one price, volume in an earlier bar (rule S4a)."""
    if bars.volume is None:
        return np.zeros(len(bars), dtype=bool)
    seen = np.concatenate([[False], np.maximum.accumulate(bars.volume > 0)[:-1]]) if len(bars) else np.zeros(0, bool)
    return np.asarray(seen & (bars.volume == 0) & (bars.high == bars.low))


def notes_on(bars: Bars, source: str, *, is_adjusted: bool) -> list[Finding]:
    """Return the doubts about the bars of one symbol.

    Parameters
    ----------
    bars : Bars
    source : str
        The file's name, for the place.
    is_adjusted : bool
        Whether prices were adjusted; a move like a split's then has another cure.

    Returns
    -------
    list of Finding
    """
    found = [*_gaps(bars, source), *_lengths(bars, source), *_volumes(bars, source)]
    found += [] if is_adjusted else _dividends(bars, source)
    if len(bars) < 2:
        return found
    splits, at_split = _splits(bars, source, is_adjusted)
    spikes, at_spike = _spikes(bars, source)
    rolls, at_roll = _rolls(bars, source)
    return [*found, *splits, *spikes, *rolls, *_moves(bars, source, np.union1d(at_split, at_roll), at_spike)]


def notes_despite_errors(raw: RawBars, interval_ns: int, *, adjust: bool) -> list[Finding]:
    """Return the doubts about bars that break rules, as they would be after a repair; `raw` stays as it is.

    Parameters
    ----------
    raw : RawBars
    interval_ns : int
    adjust : bool
        Whether prices are to be adjusted by ``adj_close``.

    Returns
    -------
    list of Finding
        Empty if the bars cannot be repaired or adjusted, or if their interval is unknown.
    """
    copy = raw.copy()
    if any(f.severity == "error" for f in check_bars(copy, repair=True)) or not interval_ns:
        return []
    columns = dict(copy.columns)
    if adjust:
        try:
            columns |= adjust_prices(columns).columns
        except BarsError:
            return []
        columns.pop("adj_close")
    volume = columns.get("volume")
    prices = {name: columns[name] for name in PRICES}
    extra = {name: columns[name] for name in ("adj_close",) if name in columns}
    if volume is not None and np.isnan(volume).all():
        volume = None
    bars = Bars(raw.symbol, interval_ns, copy.time, **prices, volume=volume, extra=extra)
    return notes_on(bars, raw.table.name, is_adjusted=adjust)


def _splits(bars: Bars, source: str, is_adjusted: bool) -> tuple[list[Finding], IntArray]:
    found = likely_splits(bars)
    at = np.array([s.bar for s in found], dtype=np.int64)
    if not found:
        return [], at
    shown = ", ".join(f"{stamp_text(s.time)} ({s.ratio})" for s in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    still = "even after the adjustment by adj_close, " if is_adjusted else ""
    first = found[0]
    cure = (
        "check adj_close and the unit of the prices"
        if is_adjusted
        else f"run `exitladder bars adjust --split {bars.symbol},{pd.Timestamp(first.time):%Y-%m-%d},{first.ratio}`, "
        "bring an adj_close column, or adjusted prices"
    )
    message = (
        f"Prices of '{bars.symbol}' move like an unadjusted split, {still}on {shown}{more} ({source}; evidence: "
        f"{first.evidence}). If so, every trade across it is wrong: {cure}."
    )
    return [
        row_finding(bars, "warning", "possible_split", (source, message), at, np.array([s.jump for s in found]))
    ], at


def _rolls(bars: Bars, source: str) -> tuple[list[Finding], IntArray]:
    found = likely_rolls(bars)
    if found is None:
        return [], np.empty(0, dtype=np.int64)
    message = roll_text(bars, found, source)
    return [row_finding(bars, "warning", "roll", (source, message), found.rows)], found.rows


def _spikes(bars: Bars, source: str) -> tuple[list[Finding], IntArray]:
    """Find prices that no price around them comes near."""
    usual = typical_range(bars.high, bars.low, bars.close)
    before = np.concatenate([bars.open[:1], bars.close[:-1]])
    after_open = np.append(bars.open[1:], bars.close[-1:])
    after_close = np.append(bars.close[1:], bars.close[-1:])
    off = np.zeros(len(bars))
    names = np.full(len(bars), "", dtype=object)
    for name, around in (
        ("low", (before, bars.open, bars.close, after_open, after_close)),
        ("high", (before, bars.open, bars.close, after_open, after_close)),
        ("close", (before, bars.open, after_open, after_close)),
        ("open", (before, bars.close, after_open, after_close)),
    ):
        price = getattr(bars, name)
        least, most = np.minimum.reduce(around), np.maximum.reduce(around)
        beyond = np.maximum(price - most, least - price)
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.where(beyond > _SPIKE_SHARE * most, beyond / usual, 0.0)
        worse = (away >= off) & (away > _SPIKE_RANGES)
        off, names = np.where(worse, away, off), np.where(worse, name, names)
    rows = np.flatnonzero(off > _SPIKE_RANGES)
    if not len(rows):
        return [], rows
    worst = rows[np.argsort(-off[rows], kind="stable")][:3]
    shown = ", ".join(
        f"{names[i]} {getattr(bars, str(names[i]))[i]:.10g} on {stamp_text(int(bars.time[i]))} "
        f"(close before {before[i]:.10g})"
        for i in worst
    )
    subject = f"{len(rows):,} bars of '{bars.symbol}' have" if len(rows) > 1 else f"A bar of '{bars.symbol}' has"
    message = (
        f"{subject} a price more than {_SPIKE_RANGES:g} typical ranges beyond all prices around it: "
        f"{shown}{' and more' if len(rows) > 3 else ''} ({source}). It may be a bad tick: orders fill at it. "
        "Compare another source and correct or remove the row."
    )
    return [row_finding(bars, "warning", "spike", (source, message), rows, off[rows])], rows


def _moves(bars: Bars, source: str, at_split: IntArray, at_spike: IntArray) -> list[Finding]:
    """Find moves of unusual size that are neither splits nor spikes, and jumps to another level."""
    found = []
    move = np.log(bars.close[1:] / bars.close[:-1])
    limit = big_move(bars.interval_ns)
    big = np.flatnonzero(np.abs(move) > limit) + 1
    others = np.setdiff1d(big, at_split)
    if len(others):
        largest = others[np.argsort(-np.abs(move[others - 1]), kind="stable")][:3]
        shown = ", ".join(f"{stamp_text(int(bars.time[i]))} ({np.expm1(move[i - 1]):+.0%})" for i in largest)
        message = (
            f"'{bars.symbol}' has {len(others)} move{'s' if len(others) > 1 else ''} of more than {limit:g} in "
            f"ln(close / previous close): {shown}{' and more' if len(others) > 3 else ''} ({source}). "
            "Each may be real or a bad tick: check it against another source."
        )
        found.append(row_finding(bars, "note", "big_move", (source, message), others, np.abs(move[others - 1])))
    jumps, off = _level_jumps(bars)
    fresh = ~np.isin(jumps, np.concatenate([at_split, at_spike, at_spike + 1, others]))
    jumps, off = jumps[fresh], off[fresh]
    if len(jumps):
        largest = jumps[np.argsort(-off, kind="stable")][:3]
        shown = ", ".join(
            f"{stamp_text(int(bars.time[i]))} ({bars.open[i] / bars.close[i - 1] - 1:+.1%})" for i in largest
        )
        pace = " They come at the pace of contract months." if _is_rolling(bars.time[jumps]) else ""
        message = (
            f"'{bars.symbol}' opens at another level and stays there {len(jumps)} time{'s' if len(jumps) > 1 else ''}: "
            f"{shown}{' and more' if len(jumps) > 3 else ''} ({source}).{pace} It may be news, an unadjusted corporate "
            "action, or a roll to the next futures contract: trades across a roll need back-adjusted bars or the bars "
            "of their own contract."
        )
        severity = "warning" if pace else "note"
        found.append(row_finding(bars, severity, "level_jump", (source, message), jumps, off))
    return found


def _level_jumps(bars: Bars) -> tuple[IntArray, FloatArray]:
    usual = typical_range(bars.high, bars.low, bars.close)
    per_day = max(1.0, len(bars) / max(1, len(np.unique(bars.time // _DAY))))
    daily = usual * np.sqrt(per_day)
    jump = bars.open[1:] - bars.close[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(jump) / daily[1:]
    rows = np.flatnonzero(off > _JUMP_RANGES) + 1
    rows = rows[rows + _LASTING <= len(bars)]
    if len(rows):
        later = np.median(bars.close[rows[:, None] + np.arange(_LASTING)], axis=1)
        stayed = (later - bars.close[rows - 1]) / jump[rows - 1] > 0.5
        rows = rows[stayed]
    return rows, off[rows - 1]


def _is_rolling(time: IntArray) -> bool:
    """Return whether stamps are about whole months or quarters apart, as rolls of futures are."""
    if len(time) < 4:
        return False
    months = np.diff(time) / (30.4375 * _DAY)
    return any(bool((np.abs(months - pace) < 0.35).mean() >= 0.8) for pace in (1, 2, 3))


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
    return [row_finding(bars, "note", "gap", (source, message), gaps + 1)]


def _lengths(bars: Bars, source: str) -> list[Finding]:
    """Find bars that begin inside the one before, and stretches of bars of another length."""
    step = np.diff(bars.time)
    if len(step) < 3:
        return []
    found = []
    lengths, place, counts = np.unique(step, return_inverse=True, return_counts=True)
    rare = counts < max(2.0, _USUAL_STEP * len(step))
    short = np.array([is_short_step(int(length), bars.interval_ns) for length in lengths])
    strange = (short & rare)[place]
    # of a row between two bars only that row is named, not the bar after it
    rows = np.flatnonzero(strange)
    late = [k > 0 and strange[k - 1] and not is_short_step(int(step[k - 1] + step[k]), bars.interval_ns) for k in rows]
    rows = rows[~np.array(late, dtype=bool)] + 1
    if len(rows):
        message = (
            f"{len(rows)} bars of '{bars.symbol}' begin before the {bars.interval} bar before them has ended, first on "
            f"{stamp_text(int(bars.time[rows[0]]))} ({source}). Two series may be mixed, or a live quote was saved: "
            "remove those rows."
        )
        found.append(row_finding(bars, "warning", "overlapping", (source, message), rows))
    rows = _other_length(step, bars.interval_ns, place, counts)
    if len(rows):
        other = interval_name(int(step[rows[0] - 1]))
        message = (
            f"'{bars.symbol}' has {bars.interval} bars and, from {stamp_text(int(bars.time[rows[0] - 1]))} on, "
            f"{len(rows)} rows that are {other} apart ({source}). Bars of one symbol must have one length: split the "
            "file, or resample the shorter ones."
        )
        found.append(row_finding(bars, "warning", "mixed_lengths", (source, message), rows))
    return found


def _other_length(step: IntArray, interval_ns: int, place: IntArray, counts: IntArray) -> IntArray:
    """Return rows inside runs of equal steps of another length: three in a regular series, ten in a thin one."""
    own = np.count_nonzero(step == interval_ns)
    edges = np.flatnonzero(np.concatenate([[True], place[1:] != place[:-1], [True]]))
    runs = np.diff(edges)
    least = 3 if own >= 5 and own >= 0.3 * len(step) else 10
    strange = (runs >= least) & (step[edges[:-1]] >= 2 * interval_ns)
    # one empty bar after another is thin trading, not another length, unless whole days are such
    thin = counts[place[edges[:-1]]] > 3 * runs
    chosen = np.flatnonzero(strange & ~thin)
    if not len(chosen):
        return np.empty(0, dtype=np.int64)
    return np.concatenate([np.arange(edges[k], edges[k + 1]) for k in chosen]) + 1


def _volumes(bars: Bars, source: str) -> list[Finding]:
    """Find bars without trading, halts, and volumes of 0 in bars that moved."""
    if bars.volume is None or not (bars.volume > 0).any():
        return []
    found = []
    still = untraded(bars)
    if still.any():
        rows = np.flatnonzero(still)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], still.astype(np.int8), [0]])))
        runs = edges[1::2] - edges[::2]
        longest = int(np.argmax(runs))
        halt = (
            f"; the longest stretch is {int(runs[longest])} bars from {stamp_text(int(bars.time[edges[2 * longest]]))}"
            if runs[longest] > 1
            else ""
        )
        message = (
            f"{len(rows)} bars of '{bars.symbol}' have volume 0 and one price, first on "
            f"{stamp_text(int(bars.time[rows[0]]))}{halt} ({source}). Nothing fills on such a bar: orders wait for the "
            "next bar that traded."
        )
        found.append(row_finding(bars, "note", "no_trading", (source, message), rows))
    unknown = np.flatnonzero((bars.volume == 0) & (bars.high > bars.low))
    if len(unknown):
        message = (
            f"{len(unknown)} bars of '{bars.symbol}' have volume 0 but prices that moved, first on "
            f"{stamp_text(int(bars.time[unknown[0]]))} ({source}). Their volume is taken as unknown: orders fill there "
            "unless execution.participation caps them."
        )
        found.append(row_finding(bars, "note", "unknown_volume", (source, message), unknown))
    return found


def _dividends(bars: Bars, source: str) -> list[Finding]:
    """Report how the dividends of bars as traded are taken."""
    name = dividend_column(bars)
    if "adj_close" not in bars.extra:
        if not name:
            return []
        rows = np.flatnonzero(np.nan_to_num(bars.extra[name]))
        message = (
            f"Bars of '{bars.symbol}' have {len(rows)} dividends in the column {name}, which are not counted: sources "
            f"write it beside adjusted prices too ({source}). If the prices are as traded, set data.adjust=none and "
            "data.dividends=credit."
        )
        return [row_finding(bars, "note", "dividends_not_counted", (source, message), rows)]
    try:
        rows = np.flatnonzero(dividends_of(bars, trust_column=False))
    except BarsError as error:
        first = np.zeros(1, dtype=np.int64)
        return [row_finding(bars, "warning", "dividends_not_counted", (source, str(error)), first)]
    if not len(rows):
        return []
    message = (
        f"Bars of '{bars.symbol}' are read as traded; {len(rows)} dividends that its {name or 'adj_close'} knows are "
        f"credited as cash to positions held over the ex-date, first on {stamp_text(int(bars.time[rows[0]]))} "
        f"({source}). data.dividends=ignore leaves them out."
    )
    return [row_finding(bars, "note", "dividends_credited", (source, message), rows)]


def _length(nanoseconds: int) -> str:
    return str(pd.Timedelta(nanoseconds)).replace(" 00:00:00", "").replace("0 days ", "").replace("1 days", "1 day")


def row_finding(
    bars: Bars, severity: str, rule: str, text: tuple[str, str], rows: IntArray, off: FloatArray | None = None
) -> Finding:
    """Return a finding about some bars, with a table of them.

    Parameters
    ----------
    bars : Bars
    severity, rule : str
    text : (str, str)
        The file's name and the message.
    rows : int64 array
        Positions of the bars.
    off : float64 array, optional
        By how many typical ranges each is off.

    Returns
    -------
    Finding
    """
    source, message = text
    worst = int(rows[0]) if off is None else int(rows[np.argmax(off)])
    shown = pd.DataFrame(
        {
            "place": source,
            "timestamp": pd.to_datetime(bars.time[rows], utc=True, unit="ns"),
            **{name: getattr(bars, name)[rows] for name in PRICES},
            "volume": np.full(len(rows), np.nan) if bars.volume is None else bars.volume[rows],
            "ranges_off": np.full(len(rows), np.nan) if off is None else off,
        }
    )
    place = f"{source}, {stamp_text(int(bars.time[worst]))}"
    return Finding(bars.symbol, severity, rule, len(rows), place, message, shown)
