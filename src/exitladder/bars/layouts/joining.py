"""Bars of one symbol that come in several files, a month or a day each, joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from exitladder.bars.bars import Bars
from exitladder.bars.checking.notes import notes_on
from exitladder.bars.checking.report import BarsReport, Finding, SymbolSummary
from exitladder.bars.layouts.columns import PRICES
from exitladder.clock import stamp_text
from exitladder.errors import BarsError

# what is found anew on the joined bars
_ANEW = ("gap", "big_move", "possible_split")


def join_parts(parts: Sequence[tuple[Bars, str]], report: BarsReport) -> tuple[Bars, BarsReport]:
    """Return the bars of one symbol joined, and the report with one summary for it.

    Parameters
    ----------
    parts : sequence of (Bars, str)
        Bars of one symbol, each with the name of its file.
    report : BarsReport
        The findings in these files.

    Raises
    ------
    BarsError
        If the parts have bars of different lengths, or disagree on a bar that several have.
    """
    ordered = sorted(parts, key=lambda part: (int(part[0].time[0]), part[1]))
    first, name = ordered[0]
    for bars, other in ordered[1:]:
        if bars.interval_ns != first.interval_ns:
            raise BarsError(
                f"Files that are joined must have bars of one length, but '{first.symbol}' has {first.interval} bars "
                f"in {name} and {bars.interval} bars in {other}. Take one of them out."
            )
    joined, n_overlap = _joined(ordered)
    source = f"{len(ordered)} files, {name} to {ordered[-1][1]}"
    message = (
        f"'{joined.symbol}' was joined from {len(ordered)} files ({name} to {ordered[-1][1]})"
        + (f"; {n_overlap} bars are in several and agree" if n_overlap else "")
        + "."
    )
    old = [s for s in report.symbols if s.symbol == joined.symbol]
    summary = SymbolSummary(
        symbol=joined.symbol,
        source=source,
        interval_ns=joined.interval_ns,
        n_rows=sum(s.n_rows for s in old),
        n_bars=len(joined),
        first=min(s.first for s in old if s.first is not None),
        last=max(s.last for s in old if s.last is not None),
        n_adjusted=sum(s.n_adjusted for s in old),
        has_volume=joined.volume is not None,
    )
    kept = [f for f in report.findings if f.symbol != joined.symbol or f.rule not in _ANEW]
    told = Finding(joined.symbol, "note", "joined", len(ordered), source, message)
    anew = notes_on(joined, source, is_adjusted=summary.n_adjusted > 0)
    symbols = (*(s for s in report.symbols if s.symbol != joined.symbol), summary)
    return joined, replace(report, symbols=symbols, findings=(*kept, told, *anew))


def _joined(ordered: Sequence[tuple[Bars, str]]) -> tuple[Bars, int]:
    bars = [part for part, _ in ordered]
    file = np.repeat(np.arange(len(bars)), [len(b) for b in bars])
    time = np.concatenate([b.time for b in bars])
    order = np.argsort(time, kind="stable")
    again = np.append(False, np.diff(time[order]) == 0)
    has_volume = all(b.volume is not None for b in bars)
    columns = {name: np.concatenate([getattr(b, name) for b in bars])[order] for name in PRICES}
    if has_volume:
        columns["volume"] = np.concatenate([np.asarray(b.volume) for b in bars])[order]
    for name, values in columns.items():
        differs = np.flatnonzero(again & np.append(False, values[1:] != values[:-1]))
        if len(differs):
            i = int(differs[0])
            when = stamp_text(int(time[order][i]))
            raise BarsError(
                f"Files that overlap must agree, but {name} of '{bars[0].symbol}' at {when} is "
                f"{values[i - 1]:.10g} in {ordered[file[order][i - 1]][1]} and {values[i]:.10g} in "
                f"{ordered[file[order][i]][1]}; {len(differs)} bars are concerned. Take one of the files out."
            )
    keep = ~again
    shared = set.intersection(*(set(b.extra) for b in bars))
    extra = {
        name: np.concatenate([b.extra[name] for b in bars])[order][keep] for name in bars[0].extra if name in shared
    }
    volume = columns.pop("volume")[keep] if has_volume else None
    prices = {name: np.ascontiguousarray(values[keep]) for name, values in columns.items()}
    joined = Bars(bars[0].symbol, bars[0].interval_ns, time[order][keep], **prices, volume=volume, extra=extra)
    return joined, int(again.sum())
