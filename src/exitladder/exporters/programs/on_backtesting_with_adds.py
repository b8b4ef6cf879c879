"""A plan with adds in backtesting.py: fills decided here, booked by its engine on a row of their own."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pandas as pd
from backtesting import Strategy

from exitladder.exporters.programs.exit_rules import NAN
from exitladder.exporters.programs.growing import Growing
from exitladder.exporters.programs.growing_bar import play_growing_bar
from exitladder.exporters.programs.on_backtesting_rows import AT_OPEN, WHOLE, EntersTrades, rows_of, run_each
from exitladder.exporters.programs.replay import (
    PLAN,
    level_prices,
    must_leave,
    replay_files,
    series_of,
)

BOOKED = 2  # after the rows AT_OPEN and WHOLE


def walk(bars: pd.DataFrame) -> pd.DataFrame:
    """Return three rows per bar, its open and twice the whole of it, as `LadderStrategy` needs them.

    Entries fill in the first row. The second shows the bar, whose fills are decided then; in the third they are booked.
    Other columns are kept: the row of an open has those of the bar before. Compute indicators before this.

    Parameters
    ----------
    bars : DataFrame
        Columns Open, High, Low, Close, optionally Volume and others; a sorted DatetimeIndex.
    """
    return rows_of(bars, 2)


class Book:
    """A position as ordered, and its state under the plan once it is entered; sizes are in whole lots."""

    def __init__(self, side: int, quantity: float, stop: float, entry: float, atr: float) -> None:
        self.side, self.quantity, self.stop, self.entry, self.atr = side, quantity, stop, entry, atr
        self.unit = PLAN["lot"] or quantity * 1e-6
        self.position: Growing | None = None
        self.entered: Any = None
        self.held, self.is_new = 0, True
        self.due: list[Any] = []

    def begin(self, paid: float, time: Any) -> None:
        """Begin the position at the price paid."""
        entry = paid if math.isnan(self.entry) else self.entry
        costs = PLAN["costs"] | {"slippage_rate": 0.0, "slippage_ticks": 0.0, "slippage_atr": 0.0}
        prices = level_prices(self.side, entry, time)
        self.position = Growing(
            PLAN | {"costs": costs}, self.side, entry, self.quantity, self.stop, self.atr, prices=prices
        )
        self.entered, self.held = time, self.size_of(self.quantity)

    def size_of(self, quantity: float) -> int:
        """Return a quantity in the whole numbers that backtesting.py trades."""
        return round(quantity / self.unit + 1e-9)


class LadderStrategy(Strategy):  # type: ignore[misc]
    """Base of a strategy whose adds and exits are the plan's; run it with ``Backtest(walk(bars), ...)``.

    Override `on_bar`, which is called at the close of each bar, and call `enter` there, one position at a time. Sizes
    of backtesting.py's trades are in lots, because it trades whole numbers only.
    """

    def init(self) -> None:
        """Begin without a position."""
        self.book: Book | None = None

    def on_bar(self) -> None:
        """Decide at a bar's close; entries fill at the next open."""

    def enter(self, side: int, quantity: float, stop: float = NAN, entry: float = NAN, atr: float = NAN) -> None:
        """Order an entry at the next open.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        quantity : float
            Of the first entry; the plan adds to it.
        stop : float
            Price of the initial stop; without it, the plan's own.
        entry : float
            Price that R and targets count from; without it, the price that is paid.
        atr : float
            Without it, the column Atr at this bar.
        """
        if self.book is not None:
            raise RuntimeError("a plan with adds has one position at a time: enter once self.book is None")
        if math.isnan(atr) and "Atr" in self.data.df:
            atr = float(self.data.Atr[-1])
        self.book = Book(side, quantity, stop, entry, atr)
        self.order(side, self.book.size_of(quantity), NAN)

    def order(self, side: int, size: int, price: float) -> None:
        """Buy or sell in the next row: at its open, or at a price inside it.

        Parameters
        ----------
        side : int
            +1 buys, -1 sells.
        size : int
            In lots.
        price : float
            NaN for the open.
        """
        place = self.buy if side > 0 else self.sell
        opened = float(self.data.Open[-1])
        if size <= 0:
            return
        if math.isnan(price) or price == opened:
            place(size=size)
        elif (price < opened) == (side > 0):
            place(size=size, limit=price)
        else:
            place(size=size, stop=price)

    def next(self) -> None:
        """Let the rules of the plan act, and `on_bar` at a bar's close."""
        phase, book = self.data.Phase[-1], self.book
        if book is not None and phase == AT_OPEN and book.position is None:
            if self.trades:
                book.begin(self.trades[0].entry_price, self.data.index[-1])
            else:
                warnings.warn("the entry was not filled: is there enough cash?", stacklevel=2)
                self.book = None
        elif book is not None and book.position is not None and phase == WHOLE:
            self.fill_bar(book, book.position)
        elif phase == BOOKED:
            if book is not None and book.position is not None:
                self.close_bar(book, book.position)
            self.on_bar()

    def fill_bar(self, book: Book, position: Growing) -> None:
        """Decide the fills of a bar, and order them for the row in which they are booked."""
        high, low = float(self.data.High[-1]), float(self.data.Low[-1])
        fills = play_growing_bar(position, (float(self.data.Open[-1]), high, low), book.due, book.is_new)
        book.due, book.is_new = [], False
        is_over = position.left <= 1e-9 * position.start
        for k, fill in enumerate(fills, start=1):
            size = book.size_of(fill.quantity)
            if fill.order == "add":
                book.held += size
            else:
                size = book.held if is_over and k == len(fills) else min(size, book.held)
                book.held -= size
            self.order(book.side if fill.order == "add" else -book.side, size, min(max(fill.price, low), high))

    def close_bar(self, book: Book, position: Growing) -> None:
        """Close a bar, and decide the purchases and sales of the next open."""
        if self.orders or abs(self.position.size) != book.held:
            raise RuntimeError("backtesting.py did not fill an order of the plan: give it more cash")
        if position.left <= 1e-9 * position.start:
            self.book = None
            return
        data, time = self.data, self.data.index[-1]
        atr = float(data.Atr[-1]) if "Atr" in data.df else NAN
        series = series_of(time, position)
        book.due = position.close_bar(float(data.High[-1]), float(data.Low[-1]), float(data.Close[-1]), atr, series)
        if must_leave(time, book.entered):
            book.due, position.is_ending = position.open_parts, "clock"


class Replay(EntersTrades, LadderStrategy):
    """Entries at the opens that a list of trades gives."""


def replay(bars: pd.DataFrame, trades: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the adds and exits of trades entered at opens: trade, time of the bar, side, quantity and price.

    Parameters
    ----------
    bars : DataFrame
        From `read_bars`.
    trades : list of dict
        From `read_trades`; those that were not entered at an open are left out.

    Returns
    -------
    list of tuple
    """
    rows: list[tuple[Any, ...]] = []
    for trade, part, unit, result in run_each(bars, trades, Replay, walk):
        found = result["_strategy"]
        made: dict[tuple[int, str, float], float] = {}
        for lot in [*found.closed_trades, *found.trades]:
            sides = ("buy", "sell") if lot.size > 0 else ("sell", "buy")
            for row, side, price in zip(
                (lot.entry_bar, lot.exit_bar), sides, (lot.entry_price, lot.exit_price), strict=True
            ):  # fmt: skip
                if row is not None and row % 3:  # the first entry fills in the row of an open
                    made[row // 3, side, price] = made.get((row // 3, side, price), 0.0) + abs(lot.size) * unit
        for (bar, side, price), quantity in made.items():
            rows.append((trade["trade_id"], part.index[bar], side, quantity, price))
    return rows


def main() -> None:
    """``python THIS_FILE bars.csv trades.csv [fills.csv]``: replay adds and exits of trades entered at opens."""
    replay_files(replay, main.__doc__)


if __name__ == "__main__":
    main()
