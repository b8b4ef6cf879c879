"""Newer bars appended to older ones after a check of their overlap."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.checking.report import BarsReport
from exitladder.bars.reading import read_bars
from exitladder.bars.writing import write_bars
from exitladder.clock import interval_name, stamp_text
from exitladder.errors import BarsError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.names import file_stem
from exitladder.files.tables import table_suffix

_SAME = 1e-9
_DAY = 86_400 * 10**9
# of stamps as exitladder writes them
_OWN_ZONES = ("in the timestamps", "none needed (calendar dates)")
_COMPARED = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Update:
    """What an update did to one symbol.

    Parameters
    ----------
    symbol : str
    n_overlap, n_added, n_unfinished : int
        Bars that both had, bars that were added, and bars left out because they had not ended.
    is_last_replaced : bool
        Whether the last stored bar differed and was replaced: it had been stored unfinished.
    gap : int
        Nanoseconds between the last stored bar's end and the first new one, if nothing overlaps; else 0.
    """

    symbol: str
    n_overlap: int
    n_added: int
    n_unfinished: int
    is_last_replaced: bool
    gap: int


def update_bars(
    path: str | Path,
    newer: BarSet,
    *,
    asof_ns: int | None = None,
    tz: str = "UTC",
    conventions: Conventions = PLAIN,
) -> list[Update]:
    """Append newer bars to those of a file or a folder, whole or not at all, and return the changes.

    Parameters
    ----------
    path : path
        A file of bars or a folder of them, as `write_bars` writes them: one file per symbol, or one of all. Symbols
        of a folder that are new get a file.
    newer : BarSet
        As in the source, not adjusted (read with ``adjust="none"``).
    asof_ns : int, optional
        Bars that end after this moment are left out, nanoseconds since 1970 UTC; the clock's by default.
    tz : str
        Time zone of stored stamps that carry none.
    conventions : Conventions
        How `newer` was read. Stored bars are read by the same order of dates, decimal mark and limits; they are stamped
        at their start, as `write_bars` writes them.

    Returns
    -------
    list of Update
        One item per symbol of `newer`.

    Raises
    ------
    BarsError
        If bars overlap and differ, other than the last stored one, or are of another length.
    OutputFileError
        If a file cannot be written whole.
    """
    path = Path(path)
    now = time.time_ns() if asof_ns is None else asof_ns
    stored = _stored(path, tz, conventions) if path.exists() else None
    members: dict[str, Bars] = {} if stored is None else {symbol: stored[symbol] for symbol in stored}
    done = []
    for symbol in newer:
        own = newer[symbol]
        # the date of a daily bar is its session's, which may end up to half a day after midnight UTC
        ends = own.time + own.interval_ns + (_DAY // 2 if own.interval_ns % _DAY == 0 else 0)
        n = int(np.searchsorted(ends, now, side="right"))
        if symbol not in members:
            if n:
                members[symbol] = own.head(n)
            done.append(Update(symbol, 0, n, len(own) - n, False, 0))
            continue
        members[symbol], update = _joined(members[symbol], own.head(n), len(own) - n)
        done.append(update)
    changed = [members[u.symbol] for u in done if u.n_added or u.is_last_replaced]
    if changed:
        write_bars(BarSet(members.values() if table_suffix(path) else changed), path)
    return done


def _stored(path: Path, tz: str, conventions: Conventions) -> BarSet:
    """Return the stored bars; refuse files that a rewrite would double or cut."""
    own = replace(conventions, stamps="auto", columns=(), symbol="", symbol_map="")
    bars, report = read_bars(path, adjust="none", tz=tz, conventions=own)
    if conventions.stamps == "end":
        _refuse_other_stamps(path, report)
    named = any("symbol" in reading.columns for reading in report.readings)
    if conventions.symbol and table_suffix(path) and len(bars) == 1 and not named:
        bars = BarSet([replace(bars[bars.symbols[0]], symbol=conventions.symbol)])
    lost = [f.message for f in report.findings if f.rule in ("text_column", "live_row")]
    if lost:
        raise BarsError(
            f"An update must not lose stored data, but would: {lost[0]} Remove it from the stored file first."
        )
    if not table_suffix(path):
        for summary in report.symbols:
            name = f"{file_stem(summary.symbol)}-{bars[summary.symbol].interval}.parquet"
            if summary.source != name:
                raise BarsError(
                    f"In a folder, the bars of '{summary.symbol}' must be in {name} to be updated, but are in "
                    f"{summary.source}. Name that file itself: `exitladder bars update {path / summary.source} FILE`."
                )
    return bars


def _refuse_other_stamps(path: Path, report: BarsReport) -> None:
    """Reject stored bars that another program may have stamped at their end, as it stamps the newer ones."""
    for reading in report.readings:
        if reading.stamps == "start" and reading.zone not in _OWN_ZONES:
            raise BarsError(
                "Stored bars must be stamped at their start, but those of "
                f"'{reading.source}' are not as exitladder writes them, and --stamps end may hold for them too. Begin "
                f"with new bars: `exitladder bars update NEW {path} --stamps end`, then update NEW."
            )


def _joined(old: Bars, new: Bars, n_unfinished: int) -> tuple[Bars, Update]:
    if not len(new):
        return old, Update(old.symbol, 0, 0, n_unfinished, False, 0)
    if len(new) > 1 and new.interval_ns != old.interval_ns:
        raise BarsError(
            f"Bars of one symbol must have one length, but '{old.symbol}' has {interval_name(old.interval_ns)} bars "
            f"and the newer ones are {interval_name(new.interval_ns)}."
        )
    missing = sorted(set(_columns(old)) ^ set(_columns(new)))
    if missing:
        raise BarsError(
            f"Newer bars of '{old.symbol}' must have the columns of the stored ones, but {', '.join(missing)} is in "
            "one only. Export them from the same source."
        )
    new = _rescaled(old, new)
    at = np.searchsorted(old.time, new.time)
    inside = at < len(old)
    both = inside & (old.time[np.minimum(at, len(old) - 1)] == new.time)
    lost = inside & ~both
    if lost.any():
        raise BarsError(
            f"{int(lost.sum())} newer bars of '{old.symbol}' fall between stored ones, first that of "
            f"{stamp_text(int(new.time[np.argmax(lost)]))}. Check --tz, and that both are of one source."
        )
    differs = both.copy()
    differs[both] = _differs(old, new, at[both], both)
    is_last = differs & (at == len(old) - 1)
    differs &= ~is_last
    if differs.any():
        i = int(np.argmax(differs))
        raise BarsError(
            f"Bars that overlap must agree, but {int(differs.sum())} of {int(both.sum())} of '{old.symbol}' differ: on "
            f"{stamp_text(int(new.time[i]))} the close is {old.close[at[i]]:.10g} in the stored bars and "
            f"{new.close[i]:.10g} in the newer ones. A split or another adjustment since then needs the whole history "
            "again; otherwise the sources differ."
        )
    replaced = bool(is_last.any())
    keep = len(old) - int(replaced)
    added = np.flatnonzero(~inside | is_last)
    gap = 0 if both.any() or not len(added) else int(new.time[added[0]] - old.time[-1] - old.interval_ns)
    joined = _columns_joined(old.head(keep), new, added)
    return joined, Update(old.symbol, int(both.sum()), len(added) - int(replaced), n_unfinished, replaced, max(gap, 0))


def _columns(bars: Bars) -> list[str]:
    return [*(["volume"] if bars.volume is not None else []), *bars.extra]


def _differs(old: Bars, new: Bars, at: np.ndarray, both: BoolArray) -> BoolArray:
    differs = np.zeros(len(at), dtype=bool)
    for name in _COMPARED:
        one, other = getattr(old, name), getattr(new, name)
        if one is not None and other is not None:
            differs |= np.abs(one[at] - other[both]) > _SAME * np.abs(one[at])
    return differs


def _rescaled(old: Bars, new: Bars) -> Bars:
    """Return the newer bars with adj_close at the scale of the stored ones, which later dividends move."""
    if "adj_close" not in old.extra:
        return new
    shared, i, j = np.intersect1d(old.time, new.time, return_indices=True)
    if not len(shared):
        raise BarsError(
            f"Newer bars of '{old.symbol}' must overlap the stored ones, since adj_close depends on when it was "
            "exported. Export from an earlier date."
        )
    scale = old.extra["adj_close"][i] / old.close[i] / (new.extra["adj_close"][j] / new.close[j])
    if scale.max() > scale.min() * (1 + 1e-4):
        raise BarsError(
            f"adj_close of '{old.symbol}' differs between the stored and the newer bars by more than one factor. Fetch "
            "the whole history again."
        )
    return replace(new, extra={**new.extra, "adj_close": new.extra["adj_close"] * float(np.median(scale))})


def _columns_joined(old: Bars, new: Bars, added: np.ndarray) -> Bars:
    def both(name: str) -> np.ndarray:
        return np.concatenate([getattr(old, name), getattr(new, name)[added]])

    extra = {name: np.concatenate([column, new.extra[name][added]]) for name, column in old.extra.items()}
    volume = None if old.volume is None else both("volume")
    columns = {name: both(name) for name in ("time", "open", "high", "low", "close")}
    return Bars(old.symbol, old.interval_ns, volume=volume, extra=extra, **columns)


def updates_frame(updates: list[Update]) -> pd.DataFrame:
    """Return one row per symbol: overlap, added, left out as unfinished, and whether the last bar was replaced."""
    return pd.DataFrame(
        {
            "symbol": [u.symbol for u in updates],
            "n_overlap": [u.n_overlap for u in updates],
            "n_added": [u.n_added for u in updates],
            "n_unfinished": [u.n_unfinished for u in updates],
            "last_replaced": [u.is_last_replaced for u in updates],
        }
    )
