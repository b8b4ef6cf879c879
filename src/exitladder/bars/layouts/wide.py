"""Wide tables, one column for each symbol and price, such as ``AAPL_Open``, turned into one row per symbol and bar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from exitladder.bars.layouts.columns import PRICES, BarColumns, bar_columns, snake_name
from exitladder.errors import BarsError
from exitladder.files.table import Table

_FIELDS = {
    "open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume", "vol": "volume",
    "adj close": "adj_close", "adjclose": "adj_close", "adjusted close": "adj_close", "adjusted": "adj_close",
    "close adj": "adj_close", "dividends": "dividends", "stock splits": "stock_splits",
    "capital gains": "capital_gains", "open interest": "open_interest",
}  # fmt: skip
# words before or behind a price that say which price it is, not whose
_WORDS = (
    "bid ask mid last trade trades traded mark index price prices adj adjusted unadjusted raw avg average ma sma ema "
    "day daily weekly monthly week month prev previous prior next session ha heikin ashi typical spot front official "
    "change chg pct percent min max first settle settlement time date regular extended pre post candle bar ohlc"
)
_NO_SYMBOLS = frozenset(_WORDS.split())
_CURRENCIES = frozenset(("usd", "eur", "gbp", "jpy", "chf", "aud", "cad", "usdt"))
_GAP = r"[\s_.:|/-]+"
_FIELD = "|".join(re.escape(name).replace(r"\ ", r"[\s_.-]?") for name in sorted(_FIELDS, key=len, reverse=True))
_FIRST = re.compile(rf"(?i)^(?P<field>{_FIELD}){_GAP}(?P<symbol>.+)$")
_LAST = re.compile(rf"(?i)^(?P<symbol>.+?){_GAP}(?P<field>{_FIELD})$")
_TUPLE = re.compile(r"""^\(\s*['"](.*?)['"]\s*,\s*['"](.*?)['"]\s*\)$""")


def long_table(table: Table) -> Table:
    """Return a wide table as rows with a symbol; any other table as it is.

    Parameters
    ----------
    table : Table

    Returns
    -------
    Table
        Changed only if each column is either a timestamp or a price of one symbol, the symbol before the price in all
        columns or behind it in all, and each symbol has open, high, low and close. Rows in which a symbol has no price
        are left out. Places are those of the wide table.

    Examples
    --------
    >>> wide = pd.DataFrame([["2024-01-31", 1.0, 2.0, 0.5, 1.5]], columns=["Date", *(f"ES_{p}" for p in PRICES)])
    >>> long_table(Table.from_frame(wide, "wide.csv")).frame.columns.tolist()
    ['Date', 'open', 'high', 'low', 'close', 'symbol']
    """
    shared, symbols = _symbols([str(label) for label in table.frame.columns])
    if not symbols or table.doubled:
        return table
    parts, numbers, remarks = [], [], []
    for symbol, columns in symbols.items():
        part = table.frame[[*shared, *columns]].rename(columns=columns)
        blank = part[list(columns.values())].isna().all(axis=1).to_numpy()
        if blank.any():
            remarks.append(f"{int(blank.sum())} rows in which '{symbol}' has no price were left out")
        parts.append(part[~blank].assign(symbol=symbol))
        numbers.append(table.numbers[~blank])
    first = next(iter(next(iter(symbols.values()))))
    count = f"{len(symbols)} symbols, " if len(symbols) > 1 else "the symbol "
    told = f"columns such as {first!r} read as {count}{', '.join(list(symbols)[:6])}"
    return replace(
        table,
        frame=pd.concat(parts, ignore_index=True),
        numbers=np.concatenate(numbers),
        remarks=(*table.remarks, told, *remarks),
    )


def _symbols(labels: list[str]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Return the columns that all symbols share, and by symbol its columns with the names used here."""
    plain = {label: _without_tuple(label) for label in labels}
    if any(snake_name(text) in PRICES for text in plain.values()) or _columns(labels).looks_like_bars:
        return [], {}
    found = [_split(plain, pattern) for pattern in (_LAST, _FIRST)]
    good = [(shared, symbols) for shared, symbols in found if _are_bars(shared, symbols, plain)]
    return good[0] if len(good) == 1 else ([], {})


def _without_tuple(label: str) -> str:
    """Return a label without the brackets that pandas writes around several levels: ``('Close', 'AAPL')``."""
    both = _TUPLE.match(label)
    return " ".join(part for part in both.groups() if part) if both else label.strip()


def _split(plain: Mapping[str, str], pattern: re.Pattern[str]) -> tuple[list[str], dict[str, dict[str, str]]]:
    shared: list[str] = []
    symbols: dict[str, dict[str, str]] = {}
    for label, text in plain.items():
        both = pattern.match(text)
        if not both:
            shared.append(label)
            continue
        field = _FIELDS[re.sub(r"[\s_.-]+", " ", both["field"].lower())]
        symbols.setdefault(both["symbol"].strip(), {})[label] = field
    return shared, symbols


def _are_bars(shared: list[str], symbols: Mapping[str, Mapping[str, str]], plain: Mapping[str, str]) -> bool:
    stamps = _columns([plain[label] for label in shared])
    if stamps.extra or stamps.unnamed or set(stamps.known) - {"timestamp", "end"} or not stamps.known:
        return False
    adjusted = {"adj_close" in columns.values() for columns in symbols.values()}
    return len(adjusted) == 1 and all(
        set(PRICES) <= set(columns.values())
        and len(set(columns.values())) == len(columns)
        and not _is_word(symbol.lower())
        for symbol, columns in symbols.items()
    )


def _is_word(name: str) -> bool:
    return name in _CURRENCIES or set(re.split(_GAP, name)) <= _NO_SYMBOLS


def _columns(labels: list[str]) -> BarColumns:
    try:
        return bar_columns(labels)
    except BarsError:
        # two columns of one meaning are told later
        return BarColumns({}, None, {})
