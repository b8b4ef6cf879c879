"""Bars in the zip files that exchanges publish: a month of one symbol, one CSV of klines in it."""

from __future__ import annotations

import io
import lzma
import warnings
import zipfile
import zlib

import numpy as np
import pandas as pd

from exitladder.bars.bars import Bars
from exitladder.bars.checking.report import BarsReport
from exitladder.bars.layouts.columns import snake_name
from exitladder.bars.layouts.headerless import KLINES
from exitladder.bars.tables import ReadOptions, bars_of_table
from exitladder.clock import interval_name, stamp_text
from exitladder.errors import BarsError, InputFileError
from exitladder.files.tables import Table

# the end of a bar follows from its start; the last column is always 0
_LEFT_OUT = ("close_time", "ignore")
_HEADER = ["open_time", "open", "high", "low", "close", "volume"]
# no line of twelve numbers is longer
_LINE = 400
_CURE = "Name another mirror with --base-url, or fetch the months before and after it apart."


def most_bytes(month: pd.Period, interval_ns: int) -> int:
    """Return how many bytes a month of klines may have at most, packed or not.

    Examples
    --------
    >>> most_bytes(pd.Period("2023-01"), 3600 * 10**9)
    302000
    """
    seconds = int((month.end_time - month.start_time).total_seconds()) + 1
    return (seconds * 10**9 // interval_ns + 11) * _LINE


def bars_in_zip(
    content: bytes, name: str, month: pd.Period, symbol: str, options: ReadOptions
) -> tuple[Bars, BarsReport]:
    """Return the bars of one month, checked, with the findings.

    Parameters
    ----------
    content : bytes
        The zip file.
    name : str
        Its name; the CSV in it has the same, ending with .csv. Other members are not looked at. A first line
        with names may be there or not; stamps are milliseconds or microseconds since 1970 UTC.
    month : Period
        In which the bars start.
    symbol : str
    options : ReadOptions
        With the length that the bars must have.

    Returns
    -------
    bars : Bars
    report : BarsReport

    Raises
    ------
    InputFileError
        If it is no such zip file.
    BarsError
        If bars break a rule, are of another length or of another month.
    """
    interval_ns = options.interval_ns or 0
    member = name.removesuffix(".zip") + ".csv"
    table = _klines(_unpacked(content, name, member, most_bytes(month, interval_ns)), member)
    # any length is read, so that a wrong one can be reported
    found, report = bars_of_table(table, symbol, interval_ns, ReadOptions("UTC", "none", options.repair, None))
    if report.errors:
        raise BarsError(report.errors[0])
    (bars,) = found
    if bars.interval_ns != interval_ns:
        raise BarsError(
            f"{member} must hold {interval_name(interval_ns)} bars, but holds {bars.interval} bars. {_CURE}"
        )
    first, after = (moment.as_unit("ns").value for moment in (month.start_time, (month + 1).start_time))
    # a bar of three days or a week may have begun before its month did
    strange = np.flatnonzero((bars.time <= first - interval_ns) | (bars.time >= after))
    if len(strange):
        raise BarsError(
            f"Every bar of {member} must start in {month}, but one starts at "
            f"{stamp_text(int(bars.time[strange[0]]))}; {len(strange)} rows are concerned. {_CURE}"
        )
    return bars, report


def _unpacked(content: bytes, name: str, member: str, limit: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if member not in packed.namelist():
                inside = ", ".join(packed.namelist()[:3]) or "nothing"
                raise InputFileError(f"{name} must hold {member}, but holds {inside}. {_CURE}")
            with packed.open(member) as stream:
                text = stream.read(limit + 1)
    # RuntimeError: it asks for a password; OSError: bz2 that is none; NotImplementedError: another packing
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, ValueError) as cause:
        reason = " ".join(str(cause).split()).rstrip(".") or type(cause).__name__
        raise InputFileError(
            f"{name} must be a zip file that can be unpacked, but is not: {reason}. {_CURE}"
        ) from cause
    if len(text) > limit:
        raise InputFileError(f"{member} may have {limit} bytes, but has more: it is no month of such bars. {_CURE}")
    return text


def _klines(text: bytes, member: str) -> Table:
    first = text.partition(b"\n")[0].decode(errors="replace")
    fields = first.removeprefix("\ufeff").strip().split(",")
    has_header = not fields[0].strip().isdigit()
    if len(fields) != len(KLINES) or (has_header and [snake_name(f) for f in fields[:6]] != _HEADER):
        raise InputFileError(
            f"{member} must hold the {len(KLINES)} columns of klines, {', '.join(_HEADER)} first, but begins with "
            f"{','.join(fields)[:80]!r}. {_CURE}"
        )
    try:
        with warnings.catch_warnings():
            # lines with more fields than names
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(text),
                header=None,
                names=list(KLINES),
                skiprows=int(has_header),
                index_col=False,
                skip_blank_lines=False,
                low_memory=False,
            )
    except (ValueError, pd.errors.ParserWarning) as cause:
        reason = " ".join(str(cause).split()).rpartition("error: ")[2].rstrip(".")
        raise InputFileError(f"{member} cannot be read as klines: {reason}. {_CURE}") from cause
    numbers = np.arange(len(frame), dtype=np.int64) + (2 if has_header else 1)
    table = Table(frame.drop(columns=list(_LEFT_OUT)), member, "line", numbers)
    short = frame[KLINES[-1]].isna().to_numpy()
    if short.any():
        raise InputFileError(
            f"Every line must have the {len(KLINES)} columns of klines, but one has fewer "
            f"({table.place(int(np.argmax(short)))}). {_CURE}"
        )
    return table
