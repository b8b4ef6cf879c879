"""What the name of a file tells of its bars: symbol, length, and the part of a symbol that it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from exitladder.clock import interval_from_name
from exitladder.errors import BarsError, InputFileError
from exitladder.files.conventions import Conventions
from exitladder.files.names import symbol_of_stem
from exitladder.files.tables import read_table, table_suffix

_LENGTH = r"\d+(?:[smhdwDHW]|ms)"
_NAMED = re.compile(rf"(.+)-({_LENGTH})")
_MONTH = re.compile(rf"(.+)-({_LENGTH})-((?:19|20)\d\d-[01]\d(?:-[0-3]\d)?)")
_FREQTRADE = re.compile(rf"(.+)-({_LENGTH})-(futures|mark|index|premiumIndex|funding_rate)")
_TRADINGVIEW = re.compile(r"([A-Z0-9]+)_(.+), (\d*[SHDW]|\d+)(?:_[0-9a-f]{5})?(?: \(\d+\))?")
_HISTDATA = re.compile(r"DAT_(?:ASCII|MT|NT|XLSX|MS)_([A-Z0-9]+)_M1_((?:19|20)\d{2,4})")
_METATRADER = re.compile(
    r"(.+?)_(M|H|D|W)(?:(?<=[MH])([1-9]\d?)|(?<=[DW])1|(?<=D)aily|(?<=W)eekly)(?:_\d{8,12}_\d{8,12})?"
)
_NOT_CANDLES = ("mark", "index", "premiumIndex", "funding_rate")


@dataclass(frozen=True)
class FileName:
    """What a file's name tells.

    Parameters
    ----------
    symbol : str
    interval_ns : int
        Length of a bar, or 0.
    part : str
        The month or day of a file that holds a part of a symbol's bars, such as ``2024-01``.
    kind : str
        ``funding_rate``, ``mark`` and the like for series of freqtrade that are no traded prices.
    source : str
        The program whose naming it is; empty if none is known.
    """

    symbol: str
    interval_ns: int = 0
    part: str = ""
    kind: str = ""
    source: str = ""


def file_name(path: Path) -> FileName:
    """Return what a file's name tells.

    Examples
    --------
    >>> file_name(Path("BTCUSDT-1h-2024-01.csv")).part, file_name(Path("AMEX_GLD, 1D.csv")).symbol
    ('2024-01', 'GLD')
    >>> file_name(Path("EURUSD_M5_202001020000_202012312355.csv")).symbol
    'EURUSD'
    >>> file_name(Path("BTC_USDT_USDT-8h-funding_rate.feather")).kind
    'funding_rate'
    """
    stem = path.name[: len(path.name) - len(table_suffix(path) or "")]
    if found := _MONTH.fullmatch(stem):
        return FileName(symbol_of_stem(found[1]), interval_from_name(found[2]), part=found[3])
    if found := _FREQTRADE.fullmatch(stem):
        kind = found[3] if found[3] in _NOT_CANDLES else ""
        return FileName(symbol_of_stem(found[1]), interval_from_name(found[2]), kind=kind, source="freqtrade")
    if found := _TRADINGVIEW.fullmatch(stem):
        length = found[3] + "m" if found[3].isdigit() else found[3] if found[3][0].isdigit() else "1" + found[3]
        return FileName(found[2], interval_from_name(length), source="TradingView")
    if found := _HISTDATA.fullmatch(stem):
        return FileName(symbol_of_stem(found[1]), interval_from_name("1m"), part=found[2], source="HistData")
    if found := _METATRADER.fullmatch(stem):
        length = interval_from_name(f"{found[3] or 1}{found[2]}")
        return FileName(symbol_of_stem(found[1]), length, source="MetaTrader")
    if found := _NAMED.fullmatch(stem):
        return FileName(symbol_of_stem(found[1]), interval_from_name(found[2]))
    return FileName(symbol_of_stem(stem))


def name_parts(path: Path) -> tuple[str, int]:
    """Return the symbol that a file's name tells, and its interval in nanoseconds or 0.

    Examples
    --------
    >>> name_parts(Path("BTC-USD-4h.parquet"))[0], name_parts(Path("AAPL.csv.gz"))
    ('BTC-USD', ('AAPL', 0))
    """
    found = file_name(path)
    return found.symbol, found.interval_ns


def plain_symbol(name: str) -> str:
    """Return a symbol without its separators, in capitals: what its spellings have in common.

    Examples
    --------
    >>> plain_symbol("ADA/BTC") == plain_symbol("ada_btc") == plain_symbol("ADA-BTC")
    True
    """
    return re.sub(r"[\W_]+", "", name).upper()


def match_symbols(wanted: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return new names for those of `wanted` that are not known, but are spelled like exactly one known symbol.

    Examples
    --------
    >>> match_symbols(["ADA/BTC", "ETH/BTC", "X"], ["ADA_BTC", "ETH-BTC", "ETH_BTC"])
    {'ADA/BTC': 'ADA_BTC'}
    """
    exact = set(known)
    by_plain: dict[str, list[str]] = {}
    for name in exact:
        by_plain.setdefault(plain_symbol(name), []).append(name)
    found = {}
    for name in dict.fromkeys(wanted):
        near = by_plain.get(plain_symbol(name), [])
        if name not in exact and len(near) == 1 and plain_symbol(name):
            found[name] = near[0]
    return found


def read_symbol_map(path: str) -> dict[str, str]:
    """Return the renames in a CSV file with two columns: a symbol as files write it, and its new name.

    Raises
    ------
    BarsError
        If the file has not two columns, or gives a symbol two names.
    """
    table = read_table(path, lambda lines, _: ("symbol", "ticker") if len(lines[0]) == 2 else None)
    if len(table.frame.columns) != 2:
        raise BarsError(
            f"A symbol map must have two columns, the symbol as files write it and its new name, but '{path}' has "
            f"{len(table.frame.columns)}."
        )
    renames: dict[str, str] = {}
    for i, (old, new) in enumerate(
        table.frame.astype(object).where(table.frame.notna(), "").astype("str").itertuples(index=False)
    ):
        if not old.strip() or not new.strip():
            raise BarsError(f"Both columns of a symbol map must be filled in, but one is blank ({table.place(i)}).")
        if renames.setdefault(old.strip(), new.strip()) != new.strip():
            raise BarsError(f"A symbol map must give each symbol one name, but '{old}' has two ({table.place(i)}).")
    return renames


def renamed(symbols: Mapping[str, object] | Iterable[str], conventions: Conventions) -> dict[str, str]:
    """Return the new names of symbols that the conventions rename.

    Raises
    ------
    BarsError
        If one symbol is named for files that hold several.
    InputFileError
        If the symbol map cannot be read.
    """
    names = list(dict.fromkeys(symbols))
    if conventions.symbol:
        if len(names) != 1:
            raise BarsError(
                f"--symbol names the symbol of bars that have one, but there are {len(names)}: "
                f"{', '.join(names[:6])}. Use --symbol-map FILE."
            )
        return {names[0]: conventions.symbol}
    if not conventions.symbol_map:
        return {}
    renames = read_symbol_map(conventions.symbol_map)
    if not renames:
        raise InputFileError(f"The symbol map '{conventions.symbol_map}' has no rows.")
    return {name: renames[name] for name in names if name in renames}
