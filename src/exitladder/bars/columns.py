"""How columns of bars are spelled in the wild."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exitladder.errors import BarsError

REQUIRED = ("timestamp", "open", "high", "low", "close")
PRICES = ("open", "high", "low", "close")

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "timestamp": (
        "timestamp", "datetime", "date_time", "open_time", "opentime", "bar_start", "start_time", "start", "gmt_time",
        "utc_time", "utc", "date", "day", "time", "ts", "t", "unix", "unix_time", "unix_timestamp", "epoch", "dt",
    ),
    "open": ("open", "o", "open_price", "price_open"),
    "high": ("high", "h", "high_price", "price_high"),
    "low": ("low", "l", "low_price", "price_low"),
    "close": ("close", "c", "close_price", "price_close", "close_last"),
    "volume": ("volume", "v", "vol", "volume_traded", "base_volume", "tickvol", "tick_volume", "total_volume"),
    "adj_close": ("adj_close", "adjclose", "adjusted_close", "close_adj", "close_adjusted", "adj_close_price"),
    "symbol": ("symbol", "ticker", "sym", "instrument", "pair", "name"),
}  # fmt: skip

_OHLCV = ("timestamp", *PRICES, "volume")
# ccxt's rows have six numbers; Binance's kline files twelve columns without a header
HEADERLESS: dict[int, Sequence[str]] = {
    5: _OHLCV[:5],
    6: _OHLCV,
    12: (*_OHLCV, "close_time", "quote_volume", "n_trades", "taker_volume", "taker_quote_volume", "ignore"),
}


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


@dataclass(frozen=True)
class BarColumns:
    """Which column of a table means what.

    Parameters
    ----------
    known : dict of str to object
        From the one name used here to the table's own label.
    time_of_day : object or None
        The column with the time, where date and time stand apart.
    extra : dict of str to object
        Further columns, by their name in lower case with underscores.
    """

    known: dict[str, object]
    time_of_day: object | None
    extra: dict[str, object]

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns that bars must have and this table has not."""
        return tuple(name for name in REQUIRED if name not in self.known)

    @property
    def looks_like_bars(self) -> bool:
        """Whether at least two of the four prices are there."""
        return sum(name in self.known for name in PRICES) >= 2


def bar_columns(labels: Iterable[object]) -> BarColumns:
    """Return which column of a table means what.

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
        return BarColumns(dict(zip(_OHLCV, labels, strict=False)), None, {})
    by_name: dict[str, object] = {}
    for label in labels:
        by_name.setdefault(snake_name(label), label)
    known: dict[str, object] = {}
    used: set[str] = set()
    for canonical, spellings in _SPELLINGS.items():
        present = [s for s in spellings if s in by_name]
        if not present:
            continue
        is_clear = canonical in ("timestamp", "symbol", "volume") or present[0] == canonical or len(present) == 1
        if not is_clear:
            raise BarsError(
                f"One column must be the {canonical}, but {' and '.join(repr(by_name[p]) for p in present)} could both "
                f"be. Rename the right one to {canonical}."
            )
        known[canonical] = by_name[present[0]]
        used.add(present[0])
        if canonical == "timestamp":
            used.update(present)  # a second stamp is no series
    apart = snake_name(known.get("timestamp", "")) in ("date", "day") and "time" in by_name
    extra = {name: label for name, label in by_name.items() if name and name not in used}
    return BarColumns(known, by_name["time"] if apart else None, extra)
