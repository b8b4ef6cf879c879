"""How columns of bars are spelled in the wild."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exitladder.errors import BarsError, ExitladderError
from exitladder.files.table import Table

REQUIRED = ("timestamp", "open", "high", "low", "close")
PRICES = ("open", "high", "low", "close")

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "timestamp": (
        "timestamp", "datetime", "date_time", "open_time", "opentime", "bar_start", "start_time", "start", "gmt_time",
        "utc_time", "utc", "date", "day", "time", "ts", "t", "unix", "unix_time", "unix_timestamp", "epoch", "dt",
        "dtyyyymmdd", "yyyymmdd", "trading_day", "session_date", "gmt_date", "date_and_time", "datum", "fecha", "data",
        "index",
    ),
    "open": (
        "open", "o", "open_price", "price_open", "erster", "er_ffnung", "er_ffn", "eroeffnung", "er_ffnungskurs",
        "ouverture", "ouv", "apertura", "abertura", "otwarcie",
    ),
    "high": ("high", "h", "high_price", "price_high", "hoch", "h_chst", "hoechst", "plus_haut", "m_ximo", "maximo",
             "massimo", "najwyzszy", "najwy_szy"),
    "low": ("low", "l", "low_price", "price_low", "tief", "tiefst", "plus_bas", "m_nimo", "minimo", "najnizszy",
            "najni_szy"),
    "close": (
        "close", "c", "close_price", "price_close", "close_last", "last", "price", "settle", "schluss", "schlusskurs",
        "zuletzt", "cl_ture", "cloture", "dernier", "cierre", "_ltimo", "ltimo", "ultimo", "fechamento", "chiusura",
        "zamkniecie", "zamkni_cie",
    ),
    "volume": (
        "volume", "v", "vol", "volume_traded", "base_volume", "tickvol", "tick_volume", "total_volume", "stuecke",
        "st_cke", "wolumen", "volumen",
    ),
    "adj_close": ("adj_close", "adjclose", "adjusted_close", "close_adj", "close_adjusted", "adj_close_price"),
    "end": ("close_time", "closetime", "end_time", "bar_end", "period_end", "time_period_end", "end"),
    "symbol": ("symbol", "ticker", "sym", "instrument", "pair", "name"),
}  # fmt: skip
OHLCV = ("timestamp", *PRICES, "volume")
_ALL_SPELLINGS = frozenset(spelling for spellings in _SPELLINGS.values() for spelling in spellings)
_TICKS = ("tickvol", "tick_volume")
_DATES_APART = ("date", "day", "dtyyyymmdd", "yyyymmdd", "gmt_date", "trading_day", "session_date", "datum", "fecha",
                "data")  # fmt: skip
_CLOCKS = ("time", "hour", "zeit", "uhrzeit", "hora", "heure", "ora", "tijd")
HOURS = ("hour",)
"""Columns beside a date that hold the hour alone."""
# a unit or currency behind a name: Open (USD), Volume [shares]
_UNIT = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])\s*$")


def snake_name(text: object) -> str:
    """Return a column's name in lower case with underscores.

    Examples
    --------
    >>> [snake_name(t) for t in ("Adj Close", "<TICKVOL>", "1. open", "takerBuyVolume", "HIGH")]
    ['adj_close', 'tickvol', 'open', 'taker_buy_volume', 'high']
    """
    name = re.sub(r"^\s*\d+\.\s*", "", str(text))
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")


def labels_by_name(table: Table, known: Iterable[str], error: type[ExitladderError]) -> dict[str, object]:
    """Return a table's labels by their snake name; a known name must come once.

    Parameters
    ----------
    table : Table
    known : iterable of str
        Names that are read; others may come twice, and the first counts.
    error : type
        Class of the error to raise.

    Returns
    -------
    dict of str to object

    Raises
    ------
    error
        If two columns have the same known name.
    """
    labels: dict[str, object] = {}
    twice = {snake_name(name) for name in table.doubled}
    for label in table.frame.columns:
        name = snake_name(label)
        if name in labels:
            twice.add(name)
        labels.setdefault(name, label)
    found = sorted(twice & set(known))
    if found:
        raise error(
            f"Each column must come once, but '{found[0]}' comes twice ({table.name}). Rename or remove one of them."
        )
    return labels


@dataclass(frozen=True)
class BarColumns:
    """Which column of a table means what.

    Parameters
    ----------
    known : dict of str to object
        From the one name used here to the table's own label.
    time_of_day : object or None
        The column with the time, if date and time are separate columns.
    extra : dict of str to object
        Further columns, by their name in lower case with underscores.
    ticks : object or None
        A column with the count of ticks beside one with the volume.
    unnamed : tuple of object
        Columns without a Latin letter or digit in their name, which cannot be referred to.
    """

    known: dict[str, object]
    time_of_day: object | None
    extra: dict[str, object]
    ticks: object | None = None
    unnamed: tuple[object, ...] = ()

    @property
    def stamps_end(self) -> bool:
        """Whether the only stamps are those of the bars' ends."""
        return "timestamp" not in self.known and "end" in self.known

    @property
    def stamp(self) -> object:
        """The column with the stamps."""
        return self.known["end" if self.stamps_end else "timestamp"]

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns that bars must have and this table has not."""
        return tuple(
            name for name in REQUIRED if name not in self.known and not (name == "timestamp" and self.stamps_end)
        )

    @property
    def looks_like_bars(self) -> bool:
        """Whether at least two of the four prices are there."""
        return sum(name in self.known for name in PRICES) >= 2


def bar_columns(labels: Iterable[object], doubled: Iterable[str] = ()) -> BarColumns:
    """Return which column of a table means what.

    Parameters
    ----------
    labels : iterable of object
        The table's columns.
    doubled : iterable of str
        Names that several columns have in the file.

    Raises
    ------
    BarsError
        If two columns could both be one of the prices, or the volume.

    Examples
    --------
    >>> found = bar_columns(["Date", "Open", "High", "Low", "Close", "Adj Close", "Vol", "Open Interest"])
    >>> found.known["adj_close"], found.known["volume"], found.extra
    ('Adj Close', 'Vol', {'open_interest': 'Open Interest'})
    """
    labels = list(labels)
    if [str(label) for label in labels] in ([str(n) for n in range(6)], [str(n) for n in range(5)]):
        return BarColumns(dict(zip(OHLCV, labels, strict=False)), None, {})
    by_name: dict[str, object] = {}
    for label in labels:
        other = by_name.setdefault(snake_name(label), label)
        if other is not label and snake_name(label) in _ALL_SPELLINGS:
            raise BarsError(_twice(str(other), str(label)))
    for name in doubled:
        if snake_name(name) in _ALL_SPELLINGS:
            raise BarsError(_twice(name, name))
    _without_units(by_name)
    known, used = _known(by_name)
    clock = next((name for name in _CLOCKS if name in by_name), "")
    apart = bool(clock) and snake_name(known.get("timestamp", "")) in _DATES_APART
    if apart:
        used.add(clock)
    if "per" in by_name and apart:
        used.add("per")  # the length of the bars, as Finam and Stooq write it
    unnamed = tuple(label for label in labels if not snake_name(label))
    extra = {name: label for name, label in by_name.items() if name and name not in used}
    ticks = next((by_name[t] for t in _TICKS if t in by_name and by_name[t] != known.get("volume")), None)
    return BarColumns(known, by_name[clock] if apart else None, extra, ticks, unnamed)


def _without_units(by_name: dict[str, object]) -> None:
    """Name columns such as `Open (USD)` by the words before their unit, where no other column has that name."""
    for name, label in list(by_name.items()):
        plain = snake_name(_UNIT.sub("", str(label)))
        if plain != name and plain in _ALL_SPELLINGS and plain not in by_name:
            by_name[plain] = by_name.pop(name)


def _twice(first: str, second: str) -> str:
    names = f"{first!r} twice" if first == second else f"{first!r} and {second!r}"
    return f"Each column must come once, but there is {names}. Take out or rename one of them."


def _known(by_name: dict[str, object]) -> tuple[dict[str, object], set[str]]:
    known: dict[str, object] = {}
    used: set[str] = set()
    for canonical, spellings in _SPELLINGS.items():
        present = [s for s in spellings if s in by_name]
        if not present:
            continue
        is_clear = canonical in ("timestamp", "symbol", "volume", "end") or present[0] == canonical or len(present) == 1
        if not is_clear:
            raise BarsError(
                f"One column must be the {canonical}, but {' and '.join(repr(by_name[p]) for p in present)} could both "
                f"be. Rename the right one to {canonical}."
            )
        known[canonical] = by_name[present[0]]
        if canonical != "end" or "timestamp" not in known:
            used.add(present[0])
        if canonical == "timestamp":
            used.update(present)  # a second stamp is no series
    return known, used
