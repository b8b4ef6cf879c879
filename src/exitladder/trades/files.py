"""Trades as users keep them, read strictly and written back exactly."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.bars.layouts.columns import labels_by_name
from exitladder.clock import NO_TIME
from exitladder.errors import ExitladderWarning, TradesError, did_you_mean
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.numbers import MixedNumbersError, currencies_of, decimal_mark, is_text, parse_numbers
from exitladder.files.output import write_table
from exitladder.files.stamps import check_tz, read_stamps
from exitladder.files.tables import Table, read_table
from exitladder.trades.fills import fills_of_table, is_fills_table, read_fills, without_execution_ids
from exitladder.trades.positions import trades_of_fills, with_fills
from exitladder.trades.quantity_units import in_money, plain_quantities
from exitladder.trades.trades import ENTRY_AT, Trades

REQUIRED = ("trade_id", "symbol", "side", "entry_time", "entry_price", "quantity")
OPTIONAL = (
    "stop_price", "entry_at", "exit_time", "exit_price", "quantity_open", "tag", "n_entries", "multiplier",
    "managed_from", "working_stop", "working_orders",
)  # fmt: skip
OPTION_COLUMNS = ("strike", "right", "expiry")
"""Of positions in options, which `exitladder.options` reads."""

NUMBERS = ("entry_price", "quantity", "stop_price", "exit_price", "quantity_open", "multiplier", "working_stop")

_PRICES = ("entry_price", "stop_price", "exit_price", "working_stop")

_STOP_CURE = (
    "Correct the stop or the side. stop_price is the stop at the entry, which defines R; a stop moved since then "
    "belongs in the column working_stop, and stop_price may be blank"
)
BoolArray = npt.NDArray[np.bool_]


def read_trades(
    source: str | Path | pd.DataFrame,
    *,
    fills: str | Path | pd.DataFrame | None = None,
    tz: str = "UTC",
    conventions: Conventions = PLAIN,
) -> Trades:
    """Return the trades in a CSV, Parquet or Feather file, or in a table.

    Parameters
    ----------
    source : path or DataFrame
        Columns ``trade_id, symbol, side, entry_time, entry_price, quantity`` and maybe ``stop_price, entry_at,
        exit_time, exit_price, quantity_open, tag, multiplier, managed_from, working_stop, working_orders``, in any
        order. A table with ``time, side (buy|sell), price`` and ``symbol`` holds fills, which are grouped into
        positions.
    fills : path or DataFrame, optional
        The fills of these trades: ``trade_id, time, side (buy|sell), quantity, price``. Average entry, quantity
        and exits of a trade then follow from its fills.
    tz : str
        Time zone of timestamps without one.
    conventions : Conventions
        The order of day and month and the decimal mark, if the file leaves them open.

    Returns
    -------
    Trades

    Raises
    ------
    InputFileError
        If the file is missing or cannot be read.
    TradesError
        If a trade is invalid; the message has the rule, value, place and cure.
    """
    how = conventions if tz == "UTC" else replace(conventions, tz=tz)
    if isinstance(source, pd.DataFrame):
        table = Table.from_frame(source, "trades")
    else:
        table = read_table(source, conventions=how)
    if is_fills_table(table.frame):
        if fills is not None:
            raise TradesError(
                f"--fills gives the fills of trades, but {table.name} holds fills itself (time, side buy or sell, "
                "price). Give it alone, or give a trades file with --trades."
            )
        return trades_of_fills(without_execution_ids(fills_of_table(table, how, needs=("symbol",))))
    trades = trades_of_table(table, how)
    if fills is None:
        return trades
    return with_fills(trades, read_fills(fills, conventions=how, needs=("trade_id",)))


def trades_from_frame(frame: pd.DataFrame, place: str = "trades", *, tz: str = "UTC") -> Trades:
    """Return the trades in a table; `place` is what messages call it.

    Parameters
    ----------
    frame : DataFrame
        One row per trade, columns as in a trades file.
    place : str
        Name of the table in error messages.
    tz : str
        Time zone of stamps that carry none.

    Returns
    -------
    Trades

    Raises
    ------
    TradesError
        If a trade breaks a rule; the message has the value, place and cure.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"trade_id": ["T1"], "symbol": ["ACME"], "side": ["long"], "entry_time": ["2024-01-31"],
    ...      "entry_price": [100.0], "quantity": [10], "stop_price": [101.0]}
    ... )
    >>> trades_from_frame(table)
    Traceback (most recent call last):
    exitladder.errors.TradesError: stop_price must be below entry_price for a long, but trade 'T1' has
    stop_price=101 and entry_price=100 (trades, row 1). Correct the stop or the side.
    """
    return trades_of_table(Table.from_frame(frame, place), replace(PLAIN, tz=tz))


def write_trades(trades: Trades, path: str | Path) -> None:
    """Write trades as CSV or Parquet, by the path's suffix, so that they read back to the bit.

    Raises
    ------
    OutputFileError
        If the file cannot be written whole.
    """
    write_table(trades.to_frame(), path)


def faults_of_table(table: Table, how: Conventions) -> list[TradesError]:
    """Return every fault of a table of trades, in the order in which the rules are held."""
    found: list[TradesError] = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ExitladderWarning)
        try:
            reader = _Reader(table, how)
            reader.faults = found
            _trades_of(reader, table)
        except TradesError as fault:
            found.append(fault)
    # without a fault, the trades are read again and the same is said then
    for warning in told if found else ():
        warnings.warn(warning.message, stacklevel=2)
    return found


def sound_trades(table: Table, how: Conventions) -> Trades | None:
    """Return the trades of the rows that break no rule by themselves; None if there are none or a column is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExitladderWarning)
        try:
            reader = _Reader(table, how)
            reader.faults = []
            _trades_of(reader, table)
            kept = ~reader.broken
            return trades_of_table(replace(table, frame=table.frame[kept]), how) if kept.any() else None
        except TradesError:
            return None


def date_order_of(table: Table, how: Conventions) -> str:
    """Return the order of day and month of a table of trades, as conventions name it."""
    return _Reader(table, how)._date_order


def trades_of_table(table: Table, how: Conventions) -> Trades:
    """Return the trades in a table; see `read_trades`."""
    check_tz(how.tz, TradesError)
    return _trades_of(_Reader(table, how), table)


def _trades_of(reader: _Reader, table: Table) -> Trades:
    n = len(table.frame)
    if not n:
        raise TradesError(f"There must be at least one trade, but {table.name} has none.")
    trade_id = reader.ids = reader.texts("trade_id")
    symbol = reader.texts("symbol")
    repeated = pd.Series(trade_id).duplicated().to_numpy()
    reader.refuse(repeated, "trade_id must be unique", "comes more than once", "Give each trade an id of its own")
    side = reader.side()
    entry_price, quantity = reader.numbers("entry_price", needed=True), reader.numbers("quantity", needed=True)
    trades = Trades(
        trade_id=trade_id,
        symbol=symbol,
        side=side,
        entry_time=reader.stamps("entry_time", needed=True),
        entry_price=entry_price,
        quantity=quantity,
        stop_price=reader.numbers("stop_price"),
        entry_at=reader.entry_at(),
        exit_time=reader.stamps("exit_time"),
        exit_price=reader.numbers("exit_price"),
        quantity_open=reader.numbers("quantity_open", least_is_zero=True),
        tag=reader.texts("tag", needed=False),
        n_entries=reader.counts("n_entries"),
        multiplier=reader.numbers("multiplier") if "multiplier" in reader.columns else None,
        managed_from=reader.stamps("managed_from") if "managed_from" in reader.columns else None,
        working_stop=reader.numbers("working_stop", least_is_zero=True) if "working_stop" in reader.columns else None,
        working_orders=reader.texts("working_orders", needed=False) if "working_orders" in reader.columns else None,
    )
    _check_together(reader, trades)
    return trades


def _check_together(reader: _Reader, trades: Trades) -> None:
    """Refuse what two columns say against each other."""
    for s, name, where, wrong in ((1, "long", "below", np.greater_equal), (-1, "short", "above", np.less_equal)):
        broken = (trades.side == s) & wrong(trades.stop_price, trades.entry_price)
        reader.refuse(
            broken,
            f"stop_price must be {where} entry_price for a {name}",
            lambda i: f"has stop_price={trades.stop_price[i]:.10g} and entry_price={trades.entry_price[i]:.10g}",
            _STOP_CURE,
        )
    has_time, has_price = trades.exit_time != NO_TIME, ~np.isnan(trades.exit_price)
    reader.refuse(
        has_time != has_price,
        "exit_time and exit_price must both be given or both be blank (blank means still open)",
        lambda i: f"has only exit_{'time' if has_time[i] else 'price'}",
        "Fill in the other or blank both",
    )
    reader.refuse(
        has_time & (trades.exit_time < trades.entry_time),
        "exit_time must not be before entry_time",
        lambda i: f"was entered at {_when(trades.entry_time[i])} and left at {_when(trades.exit_time[i])}",
        "Correct the times",
    )
    reader.refuse(
        trades.quantity_open > trades.quantity,
        "quantity_open must not exceed quantity",
        lambda i: f"has quantity_open={trades.quantity_open[i]:.10g} and quantity={trades.quantity[i]:.10g}",
        "quantity is the quantity entered, quantity_open the rest of it",
    )
    reader.refuse(
        has_time & (trades.quantity_open > 0),
        "A trade with an exit must have nothing open",
        lambda i: f"has exit_time and quantity_open={trades.quantity_open[i]:.10g}",
        "Blank the exit of a trade that is still open, or set quantity_open to 0",
    )


class _Reader:
    """Columns of trades, each read by its rule."""

    def __init__(self, table: Table, how: Conventions) -> None:
        self.table = table
        self.how = how
        self.ids: npt.NDArray[np.object_] | None = None
        self.faults: list[TradesError] | None = None
        self.broken = np.zeros(len(table.frame), dtype=np.bool_)
        known = (*REQUIRED, *OPTIONAL)
        labels = labels_by_name(table, known, TradesError)
        if all(name in labels and table.frame[labels[name]].notna().any() for name in OPTION_COLUMNS):
            raise TradesError(
                f"Trades must be in shares, futures, coins or currencies here, but {table.name} has positions in "
                f"options (columns {', '.join(OPTION_COLUMNS)}). `exitladder options backtest` and `options score` "
                "take them on quotes; other commands, such as backtest, tune, train, score and trades exits, cannot."
            )
        missing = [name for name in REQUIRED if name not in labels]
        if missing:
            near = did_you_mean(missing[0], labels)
            hint = f" {near}" if near.startswith("Did") else ""
            raise TradesError(
                f"Trades must have the columns {', '.join(REQUIRED)}, but {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing ({table.name} has: "
                f"{', '.join(map(str, table.frame.columns))}).{hint} "
                "`exitladder trades import FILE --out trades.csv` reads files of other programs; --map old=new renames "
                "columns."
            )
        for remark in table.remarks:
            warnings.warn(f"{remark} ({table.name}).", ExitladderWarning, stacklevel=5)
        unknown = [str(label) for name, label in labels.items() if name not in known]
        if unknown:
            message = f"Columns of {table.name} that trades do not have were left out: {', '.join(unknown)}."
            warnings.warn(message, ExitladderWarning, stacklevel=5)
        self.columns: dict[str, pd.Series[Any]] = {
            name: table.frame[label] for name, label in labels.items() if name in known
        }
        self._refuse_two_currencies()
        for name in ("quantity", "quantity_open"):
            if name in self.columns:
                self._refuse_money(name)
                self.columns[name], told = plain_quantities(self.columns[name], name, f"{name}, {table.name}")
                if told and name == "quantity":
                    warnings.warn(f"{told} ({table.name}).", ExitladderWarning, stacklevel=5)

    def _refuse_two_currencies(self) -> None:
        prices = [self.columns[name] for name in _PRICES if name in self.columns and is_text(self.columns[name])]
        if len(currencies_of(prices)) < 2:
            return
        for symbol, rows in self.columns["symbol"].groupby(self.columns["symbol"].astype("str")):
            found = currencies_of([column.loc[rows.index] for column in prices])
            if len(found) > 1:
                raise TradesError(
                    f"Prices of one symbol must be in one currency, but those of '{symbol}' are in "
                    f"{' and '.join(found)} ({self.table.name}). Give the symbol of each currency a name of its "
                    "own, or convert the prices."
                )

    def _refuse_money(self, name: str) -> None:
        i, currency = in_money(self.columns[name], self.columns["symbol"])
        if i >= 0:
            raise TradesError(
                f"{name} must be a number of shares, contracts or coins, but is {self.columns[name].iloc[i]!r}, an "
                f"amount of {currency} ({self.table.place(i)}). Divide it by the price, or name another column."
            )

    def refuse(self, broken: BoolArray, rule: str, value: Any, cure: str) -> None:
        """Raise if any row is broken; `value` is text or a function of the row."""
        if broken.any():
            self.broken |= np.asarray(broken, dtype=np.bool_)
            i = int(np.argmax(broken))
            self._raise(broken, rule, value if isinstance(value, str) else value(i), cure)

    def _raise(self, broken: BoolArray, rule: str, value: str, cure: str) -> None:
        i, count = int(np.argmax(broken)), int(np.count_nonzero(broken))
        who = "a trade" if self.ids is None else f"trade '{self.ids[i]}'"
        more = f" {count - 1} more trades are like it." if count > 1 else ""
        fault = TradesError(f"{rule}, but {who} {value} ({self.table.place(i)}).{more} {cure}.")
        if self.faults is None:
            raise fault
        self.faults.append(fault)

    def texts(self, name: str, *, needed: bool = True) -> npt.NDArray[np.object_]:
        n = len(self.table.frame)
        if name not in self.columns:
            return np.full(n, "", dtype=object)
        given = self.columns[name]
        blank = given.isna().to_numpy()
        if pd.api.types.is_float_dtype(given.dtype) and bool((given.dropna() % 1 == 0).all()):
            given = given.astype("Int64")  # ids that a hole turned into floats
        texts = given.astype("str").str.strip().to_numpy(dtype=object)
        texts[blank] = ""
        if needed:
            self.refuse(texts == "", f"{name} must be filled in", "has none", "Fill it in")
        return np.array([str(t) for t in texts], dtype=object)

    def numbers(self, name: str, *, needed: bool = False, least_is_zero: bool = False) -> npt.NDArray[np.float64]:
        if name not in self.columns:
            return np.full(len(self.table.frame), np.nan)
        given = self.columns[name]
        blank = given.isna().to_numpy()
        values = parse_numbers(given, self._decimal)[0]
        limit = "0 or more" if least_is_zero else "greater than 0"
        rule = f"{name} must be a number {limit}" + ("" if needed else " or blank")
        low = values < 0 if least_is_zero else values <= 0
        broken = (blank & needed) | (~blank & ~np.isfinite(values)) | low
        cure = "Correct it or take the trade out"
        self.refuse(broken, rule, lambda i: f"has {name}={'blank' if blank[i] else given.iloc[i]}", cure)
        return values

    def counts(self, name: str) -> npt.NDArray[np.int64] | None:
        if name not in self.columns:
            return None
        values = self.numbers(name)
        return np.where(np.isnan(values), 1, values).astype(np.int64)

    @cached_property
    def _date_order(self) -> str:
        """Return the order of day and month: as given, else as any column of times settles it."""
        if self.how.dates != "auto":
            return self.how.dates
        orders = {}
        for name in ("entry_time", "exit_time"):
            if name in self.columns:
                found = read_stamps(self.columns[name], tz=self.how.tz, dates="auto")
                if found.order and not found.problem:
                    orders[name] = found.order
        if len(set(orders.values())) > 1:
            shown = " and ".join(f"{name} has the {order.split()[0]} first" for name, order in orders.items())
            raise TradesError(
                f"All dates of a file must have one order of day and month, but {shown} ({self.table.name}). Write "
                "them in one order, such as 2024-01-31."
            )
        return next(iter(orders.values()), "auto").replace(" ", "")

    @cached_property
    def _decimal(self) -> str:
        """Return the decimal mark of the numbers that are text: as given, else as any of them settles it."""
        given = [self.columns[name] for name in NUMBERS if name in self.columns]
        words = [column for column in given if is_text(column)]
        if not words:
            return "."
        has_points = any(not is_text(column) and bool((column.dropna() % 1 != 0).any()) for column in given)
        try:
            said = "," if self.table.decimal == "," and self.how.decimal == "auto" else self.how.decimal
            return decimal_mark(words, said=said, has_points=has_points)
        except MixedNumbersError as cause:
            raise TradesError(f"{cause} ({self.table.name}).") from None

    def stamps(self, name: str, *, needed: bool = False) -> npt.NDArray[np.int64]:
        if name not in self.columns:
            return np.full(len(self.table.frame), NO_TIME, dtype=np.int64)
        given = self.columns[name]
        blank = given.isna().to_numpy()
        found = read_stamps(given, tz=self.how.tz, dates=self._date_order)
        if found.problem:
            raise TradesError(f"{found.problem} ({name}, {self.table.name}).")
        time = found.ns
        broken = (time == NO_TIME) & (needed | ~blank)
        rule = f"{name} must be a stamp that can be read in its time zone" + ("" if needed else " or blank")
        cure = "Write ISO 8601 such as 2024-01-31T15:30Z"
        self.refuse(broken, rule, lambda i: f"has {name}={'blank' if blank[i] else repr(given.iloc[i])}", cure)
        return time

    def side(self) -> npt.NDArray[np.int8]:
        given = self.texts("side")
        text = pd.Series(given).str.lower().to_numpy(dtype=object)
        broken = ~np.isin(text, ["long", "short"])
        self.refuse(broken, "side must be long or short", lambda i: f"has side={given[i]!r}", "Write long or short")
        return np.where(text == "long", 1, -1).astype(np.int8)

    def entry_at(self) -> npt.NDArray[np.int8]:
        codes = {name: code for code, name in enumerate(ENTRY_AT)} | {"": -1}
        given = pd.Series(self.texts("entry_at", needed=False)).str.lower()
        found = given.map(codes)
        self.refuse(
            found.isna().to_numpy(),
            f"entry_at must be {', '.join(ENTRY_AT[:-1])} or {ENTRY_AT[-1]}, or blank",
            lambda i: f"has entry_at={given.iloc[i]!r}",
            "Write one of them or leave it blank",
        )
        return np.asarray(found.fillna(-1), dtype=np.int8)


def _when(nanoseconds: Any) -> str:
    return str(pd.Timestamp(int(nanoseconds), tz="UTC"))
