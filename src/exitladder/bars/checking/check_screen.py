"""What `bars check` shows: counts, the worst rows, assumptions and next steps, on one screen."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.bars.checking.report import MEANINGS, SEVERITIES, BarsReport, Finding
from exitladder.clock import interval_name, stamp_text

# more symbols than this are counted, not listed
_LISTED = 12
_LINES = 6
_DAY = 86_400 * 10**9


@dataclass(frozen=True)
class CheckScreen:
    """The parts of the screen.

    Parameters
    ----------
    parts : tuple of (str, DataFrame)
        Titles and tables.
    lines : tuple of str
        The worst rows, messages of the worst findings, assumptions and next steps.
    next_steps : tuple of str
    """

    parts: tuple[tuple[str, pd.DataFrame], ...]
    lines: tuple[str, ...]
    next_steps: tuple[str, ...]


def check_screen(report: BarsReport, path: Path, rows: Path | None = None) -> CheckScreen:
    """Return what to show of a report.

    Parameters
    ----------
    report : BarsReport
    path : Path
        Where the bars were read from, for the commands in the next steps.
    rows : Path, optional
        Where every affected row was written.

    Returns
    -------
    CheckScreen
    """
    n_bars = sum(s.n_bars for s in report.symbols)
    counts = ", ".join(_counted(report, severity) for severity in SEVERITIES if report.of_severity(severity))
    symbols = f"{len(report.symbols)} symbol{'s' if len(report.symbols) != 1 else ''}"
    title = f"{symbols}, {n_bars:,} bars: {counts or 'no findings'}"
    parts: list[tuple[str, pd.DataFrame]] = [(title, _symbols(report))]
    if report.findings:
        parts.append(("Findings, the worst first", _rules(report)))
    steps = _next_steps(report, path, rows)
    lines: list[str] = []
    for heading, texts in (
        ("The worst rows", [_row_text(row) for row in report.worst_rows().to_dict("records")]),
        ("Errors and warnings", _one_per_rule(report.of_severity("error", "repaired", "warning"))),
        ("Notes", _one_per_rule(f for f in report.of_severity("note") if f.message not in report.assumed)),
        ("Assumed", _one_per_rule(f for f in report.findings if f.message in report.assumed)),
        ("Next steps", steps),
    ):
        if texts:
            lines += [f"{heading}:", *(f"- {text}" for text in texts[:_LINES])]
            if len(texts) > _LINES:
                lines.append(f"- and {len(texts) - _LINES} more (--format csv lists all)")
    return CheckScreen(tuple(parts), tuple(lines), tuple(steps))


def _rules(report: BarsReport) -> pd.DataFrame:
    """Return one row per rule, in words."""
    frame = report.rules_frame()
    named = [text or rule.replace("_", " ") for text, rule in zip(frame["meaning"], frame["rule"], strict=True)]
    return frame.assign(finding=named)[["severity", "symbols", "rows", "finding"]]


def _row_text(row: Mapping[Hashable, Any]) -> str:
    """Return a row of a file in one line: its place, its fault, its values."""
    stamp = row["timestamp"]
    when = "" if pd.isna(stamp) else f" {stamp_text(pd.Timestamp(stamp).as_unit('ns').value)}"
    off = row["ranges_off"]
    far = f" ({off:,.3g} typical ranges off)" if off is not None and math.isfinite(off) else ""
    names = ["open", "high", "low", "close", *(["volume"] if "volume" in row["rule"] else [])]
    values = ", ".join(f"{name} {row[name]:.10g}" for name in names if row[name] is not None)
    what = MEANINGS.get(row["rule"], row["rule"].replace("_", " "))
    return f"{row['symbol']}{when}: {what}{far}" + (f"; {values}" if values else "")


def _one_per_rule(findings: Iterable[Finding]) -> list[str]:
    """Return the first message of each rule, and how many more symbols it concerns."""
    first: dict[tuple[str, str], Finding] = {}
    more: dict[tuple[str, str], int] = {}
    for finding in findings:
        key = (finding.severity, finding.rule)
        more[key] = more.get(key, -1) + 1
        first.setdefault(key, finding)
    return [
        finding.message + (f" (and {more[key]} more like it)" if more[key] else "") for key, finding in first.items()
    ]


def with_unfinished(report: BarsReport, now_ns: int | None = None) -> BarsReport:
    """Return the report with a warning for each symbol whose last bar has not ended.

    Parameters
    ----------
    report : BarsReport
    now_ns : int, optional
        Nanoseconds since 1970 UTC; the clock's by default.
    """
    now = time.time_ns() if now_ns is None else now_ns
    found = []
    for summary in report.symbols:
        if summary.last is None or not summary.interval_ns:
            continue
        end = int(summary.last.as_unit("ns").value) + summary.interval_ns
        # the date of a daily bar is its session's: it may end up to half a day away from midnight UTC
        if end > now + (_DAY // 2 if summary.interval_ns >= _DAY else 0):
            message = (
                f"The last bar of '{summary.symbol}' ({stamp_text(summary.last.as_unit('ns').value)}, "
                f"{summary.source}) ends after now: it is unfinished, or its stamp is wrong (check --tz). Leave it "
                "out until it has closed."
            )
            found.append(Finding(summary.symbol, "warning", "unfinished", 1, summary.source, message))
    return replace(report, findings=(*report.findings, *found)) if found else report


def _counted(report: BarsReport, severity: str) -> str:
    findings = report.of_severity(severity)
    name = {"repaired": "repair"}.get(severity, severity) + ("s" if len(findings) != 1 else "")
    symbols = len({f.symbol for f in findings})
    return f"{len(findings)} {name} in {symbols} symbol{'s' if symbols != 1 else ''}"


def _symbols(report: BarsReport) -> pd.DataFrame:
    frame = report.symbols_frame()
    if len(frame) <= _LISTED:
        return _worth_a_column(frame)
    lengths = ", ".join(sorted({interval_name(s.interval_ns) for s in report.symbols if s.interval_ns}))
    firsts = [s.first for s in report.symbols if s.first is not None]
    lasts = [s.last for s in report.symbols if s.last is not None]
    return pd.DataFrame(
        {
            "symbols": [len(frame)],
            "intervals": [lengths],
            "bars": [int(frame["n_bars"].sum())],
            "first": [min(firsts) if firsts else None],
            "last": [max(lasts) if lasts else None],
            "without_volume": [int((~frame["has_volume"]).sum())],
        }
    )


def _worth_a_column(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the symbols without columns that say nothing here: JSON has them all."""
    idle = [name for name in frame.columns if name.startswith("n_") and not frame[name].any()]
    idle += ["n_rows"] if (frame["n_rows"] == frame["n_bars"]).all() else []
    idle += ["has_volume"] if frame["has_volume"].all() else []
    known = zip(frame["file"], frame["symbol"], frame["interval"], strict=True)
    # the usual names of files say nothing new
    is_usual = all(Path(file).stem in (symbol, f"{symbol}-{length}") for file, symbol, length in known)
    idle += ["file"] if is_usual else []
    shown = frame.drop(columns=idle)
    return shown.rename(columns={name: name.removeprefix("n_") for name in shown.columns})


def _next_steps(report: BarsReport, path: Path, rows: Path | None) -> list[str]:
    steps = []
    place = shlex.quote(str(path))
    rules = {f.rule for f in report.findings}
    fixable = {
        "unsorted", "duplicate", "conflicting_duplicate", "bad_tick", "high_below_low", "outside_high_low", "nan_price",
        "price_not_positive", "nan_volume", "negative_volume",
    }  # fmt: skip
    errors = {f.rule for f in report.of_severity("error")}
    if errors & fixable:
        steps.append(f"Review the rows above, then correct the file or add --repair: bars check {place} --repair.")
    if errors - fixable:
        named = ", ".join(MEANINGS.get(rule, rule) for rule in sorted(errors - fixable))
        steps.append(f"Correct the errors that --repair does not fix: {named}.")
    if "possible_split" in rules:
        first = next(f for f in report.findings if f.rule == "possible_split")
        steps.append(
            f"Adjust the splits, or confirm that they are real moves: bars adjust {place} --split "
            f"{first.symbol},DATE,RATIO --out adjusted/. Trades across them are left out until then."
        )
    if rules & {"spike", "roll", "level_jump", "big_move"}:
        steps.append("Compare the spikes and jumps with another source before you trust results that touch them.")
    if report.findings and rows is None:
        steps.append(f"List every affected row: bars check {place} --rows rows.csv.")
    if rows is not None:
        steps.append(f"Every affected row is in {rows}.")
    if not report.errors:
        steps.append(f"Check the trades against these bars: trades check trades.csv --bars {place}.")
    return steps
