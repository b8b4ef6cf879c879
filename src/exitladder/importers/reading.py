"""One reader for all profiles: a table of texts becomes fills with what the program says they earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray
from exitladder.clock import NO_TIME
from exitladder.errors import TradesError
from exitladder.files.conventions import Conventions
from exitladder.importers.decode import HOLES, check_prices, decimal_mark, decode_numbers, decode_sides, decode_times
from exitladder.importers.prepared import Prepared
from exitladder.importers.profiles import Found, Profile
from exitladder.importers.steps import STEPS
from exitladder.trades.fills import Fills, fills_from_columns
from exitladder.trades.quantity_units import in_money, plain_quantities

NUMBERS = (
    "quantity", "price", "entry_price", "exit_price", "stop", "working", "fee", "fee2", "entry_fee", "exit_fee", "swap",
    "profit", "funding", "multiplier", "fee_rate", "exit_fee_rate", "value",
)  # fmt: skip
# by as much as fees may move a total
_FEES = 0.03
_CHECKED_LATER = ("quantity", "price", "entry_price", "exit_price")
_PRICES = ("price", "entry_price", "exit_price", "stop", "working")


@dataclass(frozen=True)
class ImportOptions:
    """How a file is read where it does not say so itself.

    Parameters
    ----------
    tz : str
        Time zone of stamps that carry none; blank: that of the program, else UTC.
    decimal : {".", ","}, optional
    day_first : bool, optional
        Order of ``03/04/2024``.
    symbol : str
        Symbol of a file that names none.
    symbol_map : mapping of str to str
        New names by those in the file.
    side : {"", "long", "short"}
        Side of trades of which the file tells none.
    grouping : {"positions", "fifo"}
    dust : float
        Share of a position below which the remainder counts as flat.
    """

    tz: str = ""
    decimal: str | None = None
    day_first: bool | None = None
    symbol: str = ""
    symbol_map: Mapping[str, str] = field(default_factory=dict)
    side: str = ""
    grouping: str = "positions"
    dust: float = 0.0


def options_of(
    conventions: Conventions,
    *,
    side: str = "",
    grouping: str = "positions",
    dust: float = 0.0,
    symbol_map: Mapping[str, str] | None = None,
) -> ImportOptions:
    """Return how a file is read, from the conventions of ``[data]``.

    Parameters
    ----------
    conventions : Conventions
    side : {"", "long", "short"}
    grouping : {"positions", "fifo"}
    dust : float
    symbol_map : mapping of str to str, optional

    Returns
    -------
    ImportOptions
    """
    return ImportOptions(
        tz="" if conventions.tz == "UTC" else conventions.tz,
        decimal=None if conventions.decimal == "auto" else conventions.decimal,
        day_first=None if conventions.dates == "auto" else conventions.dates == "dayfirst",
        symbol=conventions.symbol,
        symbol_map=symbol_map or {},
        side=side,
        grouping=grouping,
        dust=dust,
    )


@dataclass(frozen=True)
class Executions:
    """Fills, and what the program says beside them.

    Parameters
    ----------
    profile : Profile
    fills : Fills
    profit : float64 array, shape (n_fills,)
        What the program booked at each fill, NaN where nothing.
    swap : float64 array, shape (n_fills,)
        Swap and funding that the program booked with it.
    multiplier : float64 array, shape (n_fills,)
        Contract size, NaN where the file tells none.
    currency : object array of str, shape (n_fills,)
        Of profit, blank where unknown.
    notes : list of str
        Rows left out, and assumptions.
    money : dict of str to float
        Sums of the file that belong to no fill.
    is_inverse : bool array, shape (n_fills,)
        Fills of coin-margined contracts, whose profit is quantity x multiplier x (1 / entry - 1 / exit).
    working_stop : float64 array, shape (n_fills,)
        Stop that the program holds now for the position of the fill; NaN where the file tells none.
    """

    profile: Profile
    fills: Fills
    profit: FloatArray
    swap: FloatArray
    multiplier: FloatArray
    currency: npt.NDArray[np.object_]
    notes: list[str]
    money: dict[str, float]
    is_inverse: BoolArray
    working_stop: FloatArray


def read_executions(found: Found, others: Sequence[Found], options: ImportOptions) -> Executions:
    """Return the fills of a table that a profile describes.

    Parameters
    ----------
    found : Found
    others : sequence of Found
        Further tables of the same file: orders beside deals, trades beside orders.
    options : ImportOptions

    Returns
    -------
    Executions

    Raises
    ------
    TradesError
        If the file leaves something open that must be asked for, or a row breaks a rule.
    """
    profile = found.profile
    prepared = Prepared(found, others, found.frame.copy(), profile.kind)
    if profile.prepare:
        STEPS[profile.prepare](prepared)
    prepared.frame = _without_holes(prepared.frame)
    place = found.sheet.name
    decimal = decimal_mark([prepared.frame[name] for name in NUMBERS if name in prepared.frame], place, options.decimal)
    _keep(prepared, decimal)
    frame = prepared.frame
    if "quantity" in frame:
        frame["quantity"], told = plain_quantities(frame["quantity"], "quantity", f"column 'quantity' of {place}")
        if told:
            prepared.notes.append(told)
    if not len(frame):
        # only a header line: no row was left out
        why = " ".join(prepared.notes) or "It ends with the line of column names: export a period that has trades."
        raise TradesError(f"{found.sheet.name} is {profile.title}, but no row of it is a trade. {why}")
    for name in _PRICES:
        if name in frame:
            check_prices(frame[name], f"column '{name}' of {place}")
    numbers = {
        name: decode_numbers(frame[name], decimal, f"column '{name}' of {place}") for name in NUMBERS if name in frame
    }
    for name, values in numbers.items():
        endless = np.isinf(values)
        if endless.any() and name not in _CHECKED_LATER:
            row = frame.iloc[int(np.argmax(endless))]
            raise TradesError(f"{name} must be finite, but is {row[name]!r} ({row['line']}). Correct it.")
    _symbols(frame, found, options)
    if "quantity" in frame:
        i, currency = in_money(frame["quantity"], frame["symbol"])
        if i >= 0:
            raise TradesError(
                f"A quantity must be a number of shares, contracts or coins, but is {frame['quantity'].iloc[i]!r}, an "
                f"amount of {currency} ({frame['line'].iloc[i]}). Divide it by the price, or name another column with "
                "--map OLD=quantity."
            )
    if "total" in frame and "quantity" in numbers and "price" in numbers:
        _refuse_notional(numbers, np.abs(decode_numbers(frame["total"], decimal, f"column 'total' of {place}")), found)
    zone = prepared.zone or profile.zone or options.tz or "UTC"
    reader = _Rows(prepared, numbers, zone, options)
    return reader.fills() if prepared.kind == "fills" else reader.round_trips()


def _refuse_notional(numbers: dict[str, FloatArray], total: FloatArray, found: Found) -> None:
    """Reject quantities that are amounts of money: equal to the column of totals, which price x quantity is not."""
    quantity, price = np.abs(numbers["quantity"]), numbers["price"]
    rows = np.isfinite(total) & (total > 0) & (quantity > 0) & np.isfinite(price)
    if not rows.any():
        return
    quantity, price, total = quantity[rows], price[rows], total[rows]
    is_total = np.median(np.abs(quantity / total - 1)) < _FEES
    if is_total and np.median(np.abs(quantity * price / total - 1)) > _FEES:
        name = found.headers.get("quantity", "quantity")
        raise TradesError(
            f"A quantity must be a number of shares, contracts or coins, but the column '{name}' of {found.sheet.name} "
            f"equals the totals ({quantity[0]:.10g} at a price of {price[0]:.10g}): it is money. Divide it by "
            "the price, or name another column with --map OLD=quantity."
        )


def _without_holes(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(lambda text: "" if str(text).strip().lower() in HOLES else str(text).strip())


def _keep(prepared: Prepared, decimal: str) -> None:
    """Leave out rows that are no fills, such as balances and funding; say how many of what."""
    frame = prepared.frame
    when = "time" if "time" in frame else "entry_time"
    totals = (frame[when] == "") & (frame["symbol"] == "" if "symbol" in frame else True)
    frame = frame[~totals]
    for name, words in prepared.found.profile.keep.items():
        if name not in frame:
            continue
        out = ~frame[name].str.lower().isin(words)
        for word, rows in frame[out].groupby(frame[name].str.lower()):
            prepared.notes.append(f"{_rows(len(rows))} left out: {name} is {word or 'blank'}")
            _add_money(prepared, str(word), rows, decimal)
        frame = frame[~out]
    prepared.frame = frame.reset_index(drop=True)


def _add_money(prepared: Prepared, word: str, rows: pd.DataFrame, decimal: str) -> None:
    """Add up what rows left out paid or took, by currency if the file has several."""
    several = "currency" in rows and len(set(prepared.frame["currency"]) - {""}) > 1
    for column in ("funding", "profit"):
        if column not in rows:
            continue
        amounts = decode_numbers(rows[column], decimal, f"column '{column}' of {prepared.found.sheet.name}")
        if not np.nansum(np.abs(amounts)) > 0:
            continue
        coins = rows["currency"].to_numpy() if several else np.full(len(rows), "", dtype=object)
        for coin, sums in pd.Series(np.nan_to_num(amounts)).groupby(coins):
            if sums.any():
                label = f"{word or 'blank'} ({column}{f', {coin}' if coin else ''})"
                prepared.money[label] = prepared.money.get(label, 0.0) + float(sums.sum())
        return


def _symbols(frame: pd.DataFrame, found: Found, options: ImportOptions) -> None:
    if options.symbol:
        frame["symbol"] = options.symbol
    if "symbol" not in frame or (frame["symbol"] == "").any():
        raise TradesError(
            f"Every trade must have a symbol, but {found.profile.title} in {found.sheet.name} names none. Give it with "
            "--symbol NAME."
        )
    frame["symbol"] = frame["symbol"].map(lambda name: options.symbol_map.get(name, name))


class _Rows:
    """Rows of one prepared table, read column by column."""

    def __init__(self, prepared: Prepared, numbers: dict[str, FloatArray], zone: str, options: ImportOptions) -> None:
        self.prepared, self.numbers, self.zone, self.options = prepared, numbers, zone, options
        self.found, self.profile, self.frame = prepared.found, prepared.found.profile, prepared.frame
        self.n = len(self.frame)

    def number(self, name: str, default: float = np.nan) -> FloatArray:
        return self.numbers.get(name, np.full(self.n, default))

    def text(self, name: str) -> npt.NDArray[np.object_]:
        return self.frame[name].to_numpy(dtype=object) if name in self.frame else np.full(self.n, "", dtype=object)

    def times(self, name: str) -> npt.NDArray[np.int64]:
        place = f"column '{name}' of {self.found.sheet.name}"
        return decode_times(self.frame[name], self.zone, place=place, day_first=self.options.day_first)

    def refuse(self, broken: npt.NDArray[np.bool_], rule: str, column: str, cure: str) -> None:
        if broken.any():
            i = int(np.argmax(broken))
            value = self.frame[column].iloc[i] if column in self.frame else ""
            more = f"; {int(broken.sum())} rows affected" if broken.sum() > 1 else ""
            raise TradesError(f"{rule}, but is {value!r} ({self.frame['line'].iloc[i]}{more}). {cure}")

    def sides(self, quantity: FloatArray) -> FloatArray:
        """Return +1 and -1 from the side's word, else from the quantity's sign, else from --side."""
        negative = quantity < 0
        if "side" in self.frame and (self.frame["side"] != "").any():
            sides = decode_sides(self.frame["side"], dict(self.profile.sides))
            self.refuse(
                np.isnan(sides), "side must be buy or sell, long or short", "side", "Correct it or take the row out."
            )
            self.refuse(
                negative & (sides > 0), "A negative quantity must be a sell", "quantity", "Take cancelled rows out."
            )
            return sides
        if self.options.side:
            return np.full(self.n, 1.0 if self.options.side == "long" else -1.0)
        if not negative.any() and not self.profile.signed:
            raise TradesError(
                f"Trades must have a side, but {self.found.sheet.name} has no column of sides and all quantities are "
                "positive, which tells none. Give it with --side long or --side short, or name the column with --map "
                "OLD=side."
            )
        if not self.profile.signed:
            self.prepared.notes.append("side: from the sign of the quantity")
        return np.where(negative, -1.0, 1.0)

    def fills(self) -> Executions:
        quantity, price = self.number("quantity"), self.number("price")
        empty = (np.abs(quantity) == 0) | np.isnan(quantity)
        if empty.any():
            self.prepared.notes.append(f"{_rows(int(empty.sum()))} left out: nothing was filled")
            self._take(~empty)
            quantity, price = self.number("quantity"), self.number("price")
        side = self.sides(quantity)
        quantity = np.abs(quantity)
        times = self.times("time")
        self.refuse(times == NO_TIME, "time must be filled in", "time", "Fill it in or take the row out.")
        wrong = ~(price > 0) | np.isinf(price)
        self.refuse(wrong, "price must be a number greater than 0", "price", "Correct it or take the row out.")
        self.refuse(np.isinf(quantity), "quantity must be finite", "quantity", "Correct it or take the row out.")
        cost = self.cost(price, quantity, "fee_rate")
        coin, base = self.text("fee_currency").copy(), self.text("base")
        quantity, cost, coin = self.paid_in_base(side, quantity, price, cost, coin, base)
        book = self.text("book")
        trade_id = self.text("trade_id")
        if (book != "").any():
            trade_id = np.where(book != "", self.text("symbol") + "-" + book, trade_id)
        return self._made(
            fills_from_columns(
                self.text("symbol"), times, side, quantity, price, trade_id=trade_id,
                fill_id=self.text("fill_id"), commission=cost, commission_currency=coin, tag=self.text("tag"),
                stop_price=self._stops(),
            ),
            self.number("profit"), np.nan_to_num(self.number("swap")), self.number("multiplier"), self.text("currency"),
            self._positive("working"),
        )  # fmt: skip

    def cost(self, price: FloatArray, quantity: FloatArray, rate: str) -> FloatArray:
        """Return the costs, positive; NaN if the file has none."""
        if rate in self.numbers:
            return self.numbers[rate] * price * quantity * np.nan_to_num(self.number("multiplier"), nan=1.0)
        parts = [self.numbers[name] for name in ("fee", "fee2") if name in self.numbers]
        if not parts:
            return np.full(self.n, np.nan)
        return np.asarray(self.profile.costs * np.nansum(parts, axis=0) + 0.0, dtype=np.float64)

    def paid_in_base(
        self, side: FloatArray, quantity: FloatArray, price: FloatArray, cost: FloatArray,
        coin: npt.NDArray[np.object_], base: npt.NDArray[np.object_],
    ) -> tuple[FloatArray, FloatArray, npt.NDArray[np.object_]]:  # fmt: skip
        """Take fees paid in the coin that was bought off its quantity, and value them at the fill's price."""
        in_base = (coin != "") & (coin == base) & (np.nan_to_num(cost) > 0)
        if in_base.any():
            quantity = np.where(in_base & (side > 0), quantity - np.nan_to_num(cost), quantity)
            cost = np.where(in_base, cost * price, cost)
            quote = self.text("currency")
            coin = np.where(in_base, quote, coin)
            self.prepared.notes.append(
                f"{int(in_base.sum())} fees were paid in the coin itself: the quantity held is less by them, and they "
                "are counted at the fill's price"
            )
        return quantity, cost, coin

    def round_trips(self) -> Executions:
        quantity = self.number("quantity")
        wrong = ~(np.abs(quantity) > 0) | np.isinf(quantity)
        self.refuse(wrong, "quantity must be a number other than 0", "quantity", "Correct it.")
        side = self.sides(quantity)
        quantity = np.abs(quantity)
        entry_price, exit_price = self.number("entry_price"), self.number("exit_price")
        entry_time = self.times("entry_time")
        exit_time = self.times("exit_time") if "exit_time" in self.frame else np.full(self.n, NO_TIME)
        closed = (exit_time != NO_TIME) & np.isfinite(exit_price)
        wrong = ~(entry_price > 0) | np.isinf(entry_price)
        self.refuse(wrong, "entry_price must be a number greater than 0", "entry_price", "Correct it.")
        self.refuse(np.isinf(exit_price), "exit_price must be finite", "exit_price", "Correct it.")
        self.refuse(entry_time == NO_TIME, "entry_time must be filled in", "entry_time", "Fill it in.")
        self.refuse(
            closed & (exit_time < entry_time), "exit_time must not be before entry_time", "exit_time", "Swap them."
        )
        self._not_executions(side, closed)
        names = self._groups()
        both = self.cost(entry_price, quantity, "fee_rate")
        if "exit_fee_rate" in self.numbers:
            entry_cost, exit_cost = both, self.cost(exit_price, quantity, "exit_fee_rate")
        elif "entry_fee" in self.numbers:
            entry_cost, exit_cost = self.numbers["entry_fee"], self.number("exit_fee", 0.0)
        else:
            # one sum a round trip: half at either end
            entry_cost, exit_cost = np.where(closed, both / 2, both), both / 2
        rows = np.flatnonzero(closed)
        order, first = self._entries(names, side, entry_time, entry_price)
        sums = np.bincount(order, weights=quantity), np.bincount(order, weights=np.nan_to_num(entry_cost))
        told = ~np.isnan(entry_cost[first])
        currency = self.text("currency")
        both_rows = np.concatenate([first, rows])
        blank = np.full(len(first), np.nan)
        swap = np.nan_to_num(self.number("swap"))
        return self._made(
            fills_from_columns(
                self.text("symbol")[both_rows], np.concatenate([entry_time[first], exit_time[rows]]),
                np.concatenate([side[first], -side[rows]]), np.concatenate([sums[0], quantity[rows]]),
                np.concatenate([entry_price[first], exit_price[rows]]), trade_id=names[both_rows],
                commission=np.concatenate([np.where(told, sums[1], np.nan), exit_cost[rows]]),
                commission_currency=self.text("fee_currency")[both_rows], tag=self.text("tag")[both_rows],
                stop_price=self._stops()[both_rows],
            ),
            np.concatenate([blank, self.number("profit")[rows]]), np.concatenate([np.zeros(len(first)), swap[rows]]),
            self._value_multiplier(entry_price, quantity)[both_rows], currency[both_rows],
            self._positive("working")[both_rows],
        )  # fmt: skip

    def _groups(self) -> npt.NDArray[np.object_]:
        if self.profile.group:
            columns = [self.text(name) for name in self.profile.group]
            numbers, _ = pd.factorize(pd.Series(list(zip(*columns, strict=True))))
            given = self.text("trade_id")
            if "trade_id" in self.profile.group:
                several = len(set(self.text("symbol"))) > 1
                return self.text("symbol") + "-" + given if several else given
            return np.array([f"T-{k + 1}" for k in numbers], dtype=object)
        given = self.text("trade_id")
        if (given == "").any():
            self.prepared.notes.append(f"trade_id: numbered T-1 to T-{self.n}")
            return np.array([f"T-{k}" for k in range(1, self.n + 1)], dtype=object)
        again = pd.Series(given).duplicated().to_numpy()
        if self.profile.name == "round-trips" and again.any():
            cure = "Rows of one position are read as fills: time, side, quantity, price "
            self.refuse(again, "trade_id must be unique", "trade_id", f"{cure}({int(np.argmax(again)) + 1}).")
        return given

    def _entries(
        self, names: npt.NDArray[np.object_], side: FloatArray, time: npt.NDArray[np.int64], price: FloatArray
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the entry fill of each row, and the first row of each: slices of one entry are one fill."""
        numbers, _ = pd.factorize(pd.Series(list(zip(names, side, time, price, strict=True))))
        _, first = np.unique(numbers, return_index=True)
        return numbers.astype(np.int64), first.astype(np.int64)

    def _not_executions(self, side: FloatArray, closed: npt.NDArray[np.bool_]) -> None:
        words = set(self.text("side")) & {"long", "short", "Long", "Short", "LONG", "SHORT"}
        if closed.any() or words or np.isfinite(self._stops()).any() or self.options.side:
            return
        symbols = pd.Series(side).groupby(self.text("symbol")).nunique()
        if (symbols > 1).any():
            name = symbols.index[symbols > 1][0]
            raise TradesError(
                f"Trades must be positions, but {self.found.sheet.name} looks like a list of executions: none of its "
                f"{self.n} rows has an exit, and '{name}' is both bought and sold. Name the columns time, side, "
                "quantity and price to read them as fills."
            )

    def _stops(self) -> FloatArray:
        return self._positive("stop")

    def _positive(self, name: str) -> FloatArray:
        stop = self.number(name).copy()
        stop[~(stop > 0)] = np.nan  # MetaTrader writes 0 for none
        return stop

    def _value_multiplier(self, price: FloatArray, quantity: FloatArray) -> FloatArray:
        given = self.number("multiplier")
        if "value" not in self.numbers:
            return given
        ratio = np.nanmedian(self.numbers["value"] / (price * quantity))
        nearest = float(f"{ratio:.3g}")
        return np.full(self.n, nearest if nearest > 0 and abs(ratio / nearest - 1) < 0.002 else np.nan)

    def _take(self, mask: npt.NDArray[np.bool_]) -> None:
        self.frame = self.prepared.frame = self.frame[mask].reset_index(drop=True)
        self.numbers = {name: values[mask] for name, values in self.numbers.items()}
        self.n = len(self.frame)

    def _made(
        self,
        fills: Fills,
        profit: FloatArray,
        swap: FloatArray,
        multiplier: FloatArray,
        currency: npt.NDArray[np.object_],
        working_stop: FloatArray,
    ) -> Executions:
        # with --tz, the zone is no open question
        notes = [*self.prepared.notes, *(n for n in self.profile.notes if not self.options.tz or "--tz" not in n)]
        if not self.options.tz and not self.prepared.zone and not self.profile.zone:
            notes.append("stamps without a zone were read as UTC; another one is given with --tz")
        inverse = np.zeros(len(fills), dtype=bool)
        if "inverse" in self.frame:
            inverse = self.text("inverse") == "1"
            notes += _coin_margined(fills.symbol[inverse], currency[inverse], multiplier[inverse])
        return Executions(
            self.profile, fills, profit, swap, multiplier, currency, notes, self.prepared.money, inverse, working_stop
        )  # fmt: skip


def _rows(n: int) -> str:
    """Return the number with its noun."""
    return f"{n} row{'' if n == 1 else 's'}"


def _coin_margined(symbols: npt.NDArray[np.object_], coins: npt.NDArray[np.object_], sizes: FloatArray) -> list[str]:
    """Return the settings that coin-margined contracts need, a note for each symbol."""
    return [
        f"{symbol} is coin-margined: its profit is in {coin}. Set [symbols.{symbol}] inverse = true, multiplier = "
        f'{size:g}, currency = "{coin}" in the settings, or every result is wrong'
        for symbol, coin, size in sorted(set(zip(symbols, coins, sizes, strict=True)))
    ]
