"""Fills: the real purchases and sales, one row per execution."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.layouts.columns import labels_by_name, snake_name
from exitladder.clock import NO_TIME
from exitladder.errors import ExitladderWarning, TradesError, did_you_mean
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.numbers import MixedNumbersError, decimal_mark, is_text, parse_numbers
from exitladder.files.output import write_table
from exitladder.files.stamps import check_tz, read_stamps
from exitladder.files.tables import Table, read_table
from exitladder.trades.quantity_units import plain_quantities

FILL_COLUMNS = ("trade_id", "fill_id", "time", "side", "quantity", "price", "commission", "commission_currency", "tag")
MARKS = ("time", "side", "price")
"""Columns by which a table is one of fills rather than one of trades."""

_SIDES = {"buy": 1, "b": 1, "bot": 1, "bought": 1, "sell": -1, "s": -1, "sld": -1, "sold": -1}


@dataclass(frozen=True)
class Fills:
    """Fills in columns, each checked.

    Parameters
    ----------
    trade_id, fill_id, symbol, commission_currency, tag : object array of str, shape (n,)
        Blank where not given. Without `trade_id` fills are grouped into positions by symbol.
    time : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.
    side : int8 array, shape (n,)
        +1 bought, -1 sold.
    quantity, price : float64 array, shape (n,)
    commission : float64 array, shape (n,)
        Commission, in `commission_currency`; negative is a rebate; NaN where not given.
    stop_price : float64 array, shape (n,)
        The initial stop that an entry came with; NaN where not given.
    multiplier : float64 array, shape (n,)
        Money per point of price and unit of quantity; NaN where not given.
    """

    trade_id: npt.NDArray[np.object_]
    fill_id: npt.NDArray[np.object_]
    symbol: npt.NDArray[np.object_]
    time: IntArray
    side: npt.NDArray[np.int8]
    quantity: FloatArray
    price: FloatArray
    commission: FloatArray
    commission_currency: npt.NDArray[np.object_]
    tag: npt.NDArray[np.object_]
    stop_price: FloatArray
    multiplier: FloatArray

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: npt.ArrayLike) -> Fills:
        """Return the fills at these positions or where this mask is true."""
        return Fills(**{f.name: getattr(self, f.name)[np.asarray(rows)] for f in fields(self)})

    def to_frame(self) -> pd.DataFrame:
        """Return the table `trade_id, fill_id, symbol, time, side, quantity, price, commission, ...`."""
        frame = pd.DataFrame(
            {
                "trade_id": self.trade_id,
                "fill_id": self.fill_id,
                "symbol": self.symbol,
                "time": pd.to_datetime(self.time, utc=True, unit="ns"),
                "side": np.where(self.side > 0, "buy", "sell"),
                "quantity": self.quantity,
                "price": self.price,
                "commission": self.commission,
                "commission_currency": self.commission_currency,
                "tag": self.tag,
            }
        )
        return frame if np.isnan(self.multiplier).all() else frame.assign(multiplier=self.multiplier)


def fills_from_columns(
    symbol: Sequence[str] | npt.NDArray[np.object_],
    time: IntArray,
    side: npt.ArrayLike,
    quantity: npt.ArrayLike,
    price: npt.ArrayLike,
    **more: npt.ArrayLike,
) -> Fills:
    """Return fills of these columns; missing ones are blank or NaN.

    Parameters
    ----------
    symbol : sequence of str, shape (n,)
    time : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.
    side : array of int, shape (n,)
        +1 bought, -1 sold.
    quantity, price : array of float, shape (n,)
    **more : array, shape (n,)
        Further columns of `Fills`.

    Returns
    -------
    Fills
    """
    n = len(time)
    blank, nothing = np.full(n, "", dtype=object), np.full(n, np.nan)
    given: dict[str, Any] = {
        "trade_id": blank, "fill_id": blank, "commission_currency": blank, "tag": blank,
        "commission": nothing, "stop_price": nothing, "multiplier": nothing,
    } | more  # fmt: skip
    texts = {k: np.array([str(t) for t in given[k]], dtype=object) for k in given if k not in _NUMBERS}
    return Fills(
        symbol=np.array([str(s) for s in symbol], dtype=object),
        time=np.asarray(time, dtype=np.int64),
        side=np.asarray(side, dtype=np.int8),
        quantity=np.asarray(quantity, dtype=np.float64),
        price=np.asarray(price, dtype=np.float64),
        **texts,
        commission=np.asarray(given["commission"], dtype=np.float64),
        stop_price=np.asarray(given["stop_price"], dtype=np.float64),
        multiplier=np.asarray(given["multiplier"], dtype=np.float64),
    )


_NUMBERS = ("commission", "stop_price", "multiplier")
_FILL_TEXTS = ("trade_id", "fill_id", "tag", "commission_currency")


def joined(parts: Sequence[Fills]) -> Fills:
    """Return the fills of several tables, one after the other."""
    return Fills(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Fills)})


def is_fills_table(frame: pd.DataFrame) -> bool:
    """Return whether a table holds fills: it has `time, side, price`, no `entry_time`, and sides of fills.

    Examples
    --------
    >>> is_fills_table(pd.DataFrame({"time": ["2024-01-02"], "side": ["buy"], "price": [10.0]}))
    True
    """
    names = {snake_name(label): label for label in frame.columns}
    if not all(mark in names for mark in MARKS) or "entry_time" in names:
        return False
    side = frame[names["side"]].dropna().astype("str").str.strip().str.lower()
    return bool(side.isin(list(_SIDES)).any())


def read_fills(
    source: str | Path | pd.DataFrame, *, conventions: Conventions = PLAIN, needs: Sequence[str] = ()
) -> Fills:
    """Return the fills in a CSV, Parquet or Feather file, or in a table.

    Parameters
    ----------
    source : path or DataFrame
        Columns ``time, side (buy|sell), quantity, price`` and maybe ``trade_id, fill_id, symbol, commission,
        commission_currency, tag, stop_price, multiplier``, in any order.
    conventions : Conventions
        Time zone and order of day and month, if the stamps leave them open.
    needs : sequence of str
        Further columns that must be there and filled in: ``trade_id`` beside trades, ``symbol`` without.

    Returns
    -------
    Fills
        A fill that the file repeats under the same `fill_id` counts once.

    Raises
    ------
    TradesError
        If a fill is invalid; the message has the rule, value, place and cure.
    """
    table = Table.from_frame(source, "fills") if isinstance(source, pd.DataFrame) else read_table(source)
    return fills_of_table(table, conventions, needs)


def write_fills(fills: Fills, path: str | Path) -> None:
    """Write fills as CSV or Parquet, by the path's suffix, so that they read back to the bit."""
    write_table(fills.to_frame(), path)


def fills_of_table(table: Table, how: Conventions = PLAIN, needs: Sequence[str] = ()) -> Fills:
    """Return the fills in a table, each once; see `read_fills`.

    Parameters
    ----------
    table : Table
        Columns as for `read_fills`.
    how : Conventions
        Time zone and order of day and month.
    needs : sequence of str
        Further columns that must be there and filled in.

    Returns
    -------
    Fills

    Raises
    ------
    TradesError
        If a column is missing, there is no fill, or a fill breaks a rule; the message has the value, place and cure.
    """
    check_tz(how.tz, TradesError)
    needed = ("time", "side", "quantity", "price", *needs)
    labels = labels_by_name(table, (*needed, *_NUMBERS, *_FILL_TEXTS), TradesError)
    missing = [name for name in needed if name not in labels]
    if missing:
        near = did_you_mean(missing[0], labels)
        raise TradesError(
            f"Fills must have the columns {', '.join(needed)}, but {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing ({table.name} has: "
            f"{', '.join(map(str, table.frame.columns))}). {near if near.startswith('Did') else ''}"
        )
    if not len(table.frame):
        raise TradesError(
            f"There must be at least one fill, but {table.name} has only its line of column names. Export a period "
            "that has fills, or leave the file out."
        )
    columns = {name: table.frame[label] for name, label in labels.items()}
    found = read_stamps(columns["time"], tz=how.tz, dates=how.dates)
    if found.problem:
        raise TradesError(f"{found.problem} (time, {table.name}).")
    time = found.ns
    faults = _Faults(table)
    faults.find(time == NO_TIME, "time must be a readable stamp", columns["time"])
    given = columns["side"].astype("str").str.strip().str.lower()
    side = given.map(_SIDES)
    faults.find(side.isna().to_numpy(), "side must be buy or sell", columns["side"])
    numbers = _numbers_of(columns, table, how.decimal, faults)
    quantity, price = numbers["quantity"], numbers["price"]
    faults.find(~(quantity > 0) | ~np.isfinite(quantity), "quantity must be greater than 0", columns["quantity"])
    faults.find(~(price > 0) | ~np.isfinite(price), "price must be greater than 0", columns["price"])
    if "multiplier" in columns:
        size = numbers["multiplier"]
        bad = columns["multiplier"].notna().to_numpy() & ~((size > 0) & np.isfinite(size))
        faults.find(bad, "multiplier must be greater than 0 or blank", columns["multiplier"])
    for name in needs:
        faults.find(_text(columns[name]) == "", f"{name} must be filled in", columns[name])
    faults.refuse()
    n = len(table.frame)
    fills = fills_from_columns(
        symbol=_text(columns["symbol"]) if "symbol" in columns else [""] * n,
        time=time,
        side=side.to_numpy(dtype=np.int8),
        quantity=quantity,
        price=price,
        **{name: _text(columns[name]) for name in _FILL_TEXTS if name in columns},
        **{name: numbers[name] for name in _NUMBERS if name in columns},
    )
    return each_once(fills, table)


def each_once(fills: Fills, table: Table | None = None) -> Fills:
    """Return the fills without those whose id came before; a warning tells how many there were.

    A `fill_id` counts within its symbol (or its trade, where no symbol is given).

    Raises
    ------
    TradesError
        If two fills of one id differ.
    """
    keep = first_of_each(fills, table)
    if not keep.all():
        warnings.warn(
            f"{int((~keep).sum())} fills came a second time (same fill_id, such as '{fills.fill_id[~keep][0]}') and "
            "were counted once.",
            ExitladderWarning,
            stacklevel=3,
        )
        fills = fills.take(keep)
    blank = fills.fill_id == ""
    if blank.any():
        rows = fills.to_frame()[blank].drop(columns=["tag"])
        again = int(rows.duplicated().sum())
        if again:
            warnings.warn(
                f"{again} fills without fill_id equal another one in every column. They are kept, since an order can "
                "fill twice alike. If the file holds them twice by mistake, remove them or add a fill_id column.",
                ExitladderWarning,
                stacklevel=3,
            )
    return fills


def first_of_each(fills: Fills, table: Table | None = None) -> npt.NDArray[np.bool_]:
    """Return which fills have an id that did not come before, shape (n,); those without an id all count as new.

    Raises
    ------
    TradesError
        If two fills of one id differ.
    """
    first: dict[tuple[str, str], int] = {}
    keep = np.ones(len(fills), dtype=bool)
    for i, (symbol, trade, fill) in enumerate(zip(fills.symbol, fills.trade_id, fills.fill_id, strict=True)):
        if not fill:
            continue
        j = first.setdefault((symbol or trade, fill), i)
        if j == i:
            continue
        names = [n for n in ("time", "side", "quantity", "price") if getattr(fills, n)[i] != getattr(fills, n)[j]]
        if names:
            place = f" ({table.place(j)} and {table.place(i)})" if table is not None else ""
            raise TradesError(
                f"fill_id must be unique, but '{fill}' comes twice with a different {names[0]}{place}. Give each fill "
                "an id of its own, or leave the ids blank."
            )
        keep[i] = False
    return keep


def with_ids(fills: Fills) -> Fills:
    """Return the fills with an id where they have none: of their content, counted where it repeats.

    The same fills read from another file get the same ids, so that overlapping files add nothing twice.
    """
    if (fills.fill_id != "").all():
        return fills
    seen: Counter[str] = Counter()
    ids = fills.fill_id.copy()
    for i in np.flatnonzero(fills.fill_id == ""):
        content = (fills.symbol[i], fills.time[i], fills.side[i], repr(fills.quantity[i]), repr(fills.price[i]))
        name = hashlib.sha256("|".join(map(str, content)).encode()).hexdigest()[:12]
        seen[name] += 1
        ids[i] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return replace(fills, fill_id=ids)


class _Faults:
    """Every rule that rows of a table break, in one report."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.lines: list[str] = []

    def find(self, broken: npt.NDArray[np.bool_], rule: str, given: pd.Series[Any]) -> None:
        if broken.any():
            i, count = int(np.argmax(broken)), int(broken.sum())
            more = f"; {count - 1} more rows are like it" if count > 1 else ""
            self.lines.append(f"{rule}, but is {_shown(given.iloc[i])} ({self.table.place(i)}{more}).")

    def refuse(self) -> None:
        if self.lines:
            raise TradesError(" ".join([*self.lines, "Correct these rows or take them out."]))


def _shown(cell: object) -> str:
    return repr(cell) if isinstance(cell, str) else str(cell)


def _text(given: pd.Series[Any]) -> npt.NDArray[np.object_]:
    blank = given.isna().to_numpy()
    if pd.api.types.is_float_dtype(given.dtype) and bool((given.dropna() % 1 == 0).all()):
        given = given.astype("Int64")  # ids that a hole turned into floats
    texts = given.astype("str").str.strip().to_numpy(dtype=object)
    texts[blank] = ""
    return np.array([str(t) for t in texts], dtype=object)


def _numbers_of(
    columns: dict[str, pd.Series[Any]], table: Table, decimal: str, faults: _Faults
) -> dict[str, FloatArray]:
    """Return the columns of numbers, all with one decimal mark; cells that hold no number are faults."""
    given = {name: columns[name] for name in dict.fromkeys(("quantity", "price", *_NUMBERS)) if name in columns}
    given["quantity"], told = plain_quantities(given["quantity"], "quantity", f"quantity, {table.name}")
    if told:
        warnings.warn(f"{told} ({table.name}).", ExitladderWarning, stacklevel=5)
    words = [values for values in given.values() if is_text(values)]
    try:
        mark = decimal_mark(words, said=table.decimal if table.decimal == "," and decimal == "auto" else decimal)
    except MixedNumbersError as cause:
        raise TradesError(f"{cause} ({table.name}).") from cause
    found = {}
    for name, values in given.items():
        found[name], broken = parse_numbers(values, mark)
        faults.find(broken, f"{name} must be a number", values)
    return found
