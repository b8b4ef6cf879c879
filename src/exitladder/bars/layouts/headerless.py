"""Columns of bar files that come without a header line, where the shape of their lines is known."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from exitladder.bars.layouts.columns import OHLCV
from exitladder.errors import BarsError
from exitladder.files.numbers import MixedNumbersError, decimal_mark, parse_numbers

KLINES: Sequence[str] = (
    *OHLCV, "close_time", "quote_volume", "n_trades", "taker_volume", "taker_quote_volume", "ignore",
)  # fmt: skip
_EPOCH = re.compile(r"\d{10}|\d{13}|\d{16}")
_DATE = re.compile(r"\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{8}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2})?|\d{4}|\d{6}")
_MINUTE = re.compile(r"\d{8} \d{6}")


def headerless_columns(lines: Sequence[Sequence[str]], separator: str, stamps: str = "auto") -> Sequence[str] | None:
    """Return the names of the columns of bars without a header line, or None where the shape is not known.

    Parameters
    ----------
    lines : sequence of sequence of str
        Fields of the first lines.
    separator : str
    stamps : {"auto", "start", "end"}
        Which end of a bar is stamped, if it is known.

    Returns
    -------
    sequence of str or None
        One name per column.

    Raises
    ------
    BarsError
        If the shape is NinjaTrader's, which stamps the ends of bars, and HistData's, which stamps their starts.

    Examples
    --------
    >>> headerless_columns([["1704153600", "10", "12", "9", "11", "5", "3"]], ",")
    ('timestamp', 'open', 'high', 'low', 'close', 'volume', 'n_trades')
    """
    first = [field.strip() for field in lines[0]]
    n = len(first)
    values = _values(lines)
    if n in (6, 7) and _DATE.fullmatch(first[0]) and _TIME.fullmatch(first[1]) and _holds(values, 2):
        return ("date", "time", *OHLCV[1:])[:n]
    if not _holds(values, 1):
        return None
    if n in (5, 6) and _MINUTE.fullmatch(first[0]) and separator == ";":
        if stamps != "auto":
            return OHLCV[:n]
        if n == 6 and any(row[5] for row in values if len(row) == 6):
            return ("bar_end", *OHLCV[1:])
        raise BarsError(
            "Bars without a header line, with stamps such as 20240102 093000 and no volume, come from NinjaTrader, "
            "which stamps the end of a bar, or from HistData, which stamps its start. Pass --stamps end or --stamps "
            "start (data.stamps)."
        )
    if n in (5, 6):
        return OHLCV[:n]
    if n == 7 and _EPOCH.fullmatch(first[0]) and _is_whole(values, 6):
        return (*OHLCV, "n_trades")  # Kraken's files
    if n == 8 and _EPOCH.fullmatch(first[0]) and _is_whole(values, 7) and _within(values, 5):
        return (*OHLCV[:5], "vwap", "volume", "n_trades")  # Kraken's API
    if n in (8, 9) and _EPOCH.fullmatch(first[0]) and not _within(values, 5):
        return (*OHLCV, "column_7", "column_8", "column_9")[:n]  # Kaiko's files
    if n in (11, 12) and _EPOCH.fullmatch(first[0]) and _EPOCH.fullmatch(first[6]):
        return KLINES[:n]
    return None


def _values(lines: Sequence[Sequence[str]]) -> list[list[float]]:
    """Return the fields of the first lines as numbers, NaN where they are none."""
    rows = [[field.strip() for field in row] for row in lines[:50]]
    try:
        mark = decimal_mark([pd.Series([field for row in rows for field in row[1:]], dtype="str")])
    except MixedNumbersError:
        mark = "."
    return [parse_numbers(pd.Series(row, dtype="str"), mark)[0].tolist() for row in rows]


def _holds(values: list[list[float]], at: int) -> bool:
    """Whether the four columns from `at` on are open, high, low and close, as far as the first lines show."""
    good = total = 0
    for row in values:
        if len(row) >= at + 4:
            open_, high, low, close = row[at : at + 4]
            good += high >= max(open_, close) * (1 - 1e-9) and low <= min(open_, close) * (1 + 1e-9)
            total += 1
    return total > 0 and good >= 0.8 * total


def _is_whole(values: list[list[float]], at: int) -> bool:
    return all(row[at] % 1 == 0 for row in values if len(row) > at)


def _within(values: list[list[float]], at: int) -> bool:
    """Whether a column is between low and high: an average price."""
    return all(row[3] * 0.999 <= row[at] <= row[2] * 1.001 for row in values if len(row) > at)
