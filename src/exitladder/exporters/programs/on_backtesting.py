"""The ladder in backtesting.py: a trade per rung, whose stop and target its engine fills."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from backtesting import Strategy

from exitladder.exporters.programs.exit_rules import NAN, Part, Position
from exitladder.exporters.programs.on_backtesting_rows import AT_OPEN, EntersTrades, rows_of, run_each
from exitladder.exporters.programs.replay import (
    PLAN,
    level_prices,
    must_leave,
    replay_files,
    series_of,
)


def walk(bars: pd.DataFrame) -> pd.DataFrame:
    """Return two rows per bar, its open and the whole of it, as `LadderStrategy` needs them.

    The row of the open lets orders fill at an open before the rest of the bar is known, and stops be set right after an
    entry. Other columns are kept: the row of an open has those of the bar before. Compute indicators before this.

    Parameters
    ----------
    bars : DataFrame
        Columns Open, High, Low, Close, optionally Volume and others; a sorted DatetimeIndex.
    """
    return rows_of(bars, 1)


class Book:
    """A position and its trades, one per part."""

    def __init__(self, number: int, side: int, quantity: float, stop: float, entry: float, atr: float) -> None:
        self.number, self.side, self.quantity = number, side, quantity
        self.stop, self.entry, self.atr = stop, entry, atr
        self.unit = PLAN["lot"] or quantity * 1e-6
        self.position: Position | None = None
        self.parts: dict[int, Part] = {}
        self.trades: dict[int, Any] = {}
        self.entered: Any = None


class LadderStrategy(Strategy):  # type: ignore[misc]
    """Base of a strategy whose exits are the ladder's; run it with ``Backtest(walk(bars), ..., hedging=True)``.

    Override `on_bar`, which is called at the close of each bar, and call `enter` there. Sizes of backtesting.py's
    trades are in lots, because it trades whole numbers only.
    """

    def init(self) -> None:
        """Begin without positions."""
        self.books: list[Book] = []
        self.seen = 0

    def on_bar(self) -> None:
        """Decide at a bar's close; orders fill at the next open."""

    def enter(self, side: int, quantity: float, stop: float = NAN, entry: float = NAN, atr: float = NAN) -> None:
        """Order an entry at the next open.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        quantity : float
        stop : float
            Price of the initial stop; without it, the ladder's own.
        entry : float
            Price that R and targets count from; without it, the price that is paid.
        atr : float
            Without it, the column Atr at this bar.
        """
        if math.isnan(atr) and "Atr" in self.data.df:
            atr = float(self.data.Atr[-1])
        book = Book(len(self.books), side, quantity, stop, entry, atr)
        about = entry if not math.isnan(entry) else float(self.data.Close[-1])
        self.books.append(book)
        for part in self.position_at(book, about).open_parts:
            size = round(part.quantity if PLAN["lot"] else part.quantity / book.unit)
            order = self.buy if side > 0 else self.sell
            if size > 0:
                order(size=size, tag=(book.number, part.number))

    def position_at(self, book: Book, entry: float) -> Position:
        """Return the position of a book entered at a price."""
        prices = level_prices(book.side, entry, self.data.index[-1])
        return Position(PLAN, book.side, entry, book.quantity, book.stop, book.atr, prices=prices)

    def next(self) -> None:
        """Let the rules of the ladder act, and `on_bar` at a bar's close."""
        at_open = self.data.Phase[-1] == AT_OPEN
        if at_open:
            self.begin()
        self.note_sales()
        if at_open:
            return
        for book in self.books:
            if book.position is not None and book.trades:
                self.close_bar(book, book.position)
        self.on_bar()

    def begin(self) -> None:
        """Set stops and targets of positions that were entered at this open."""
        for trade in self.trades:
            book = self.books[trade.tag[0]]
            if book.position is None or trade.tag[1] not in book.trades:
                if book.position is None:
                    book.entered = self.data.index[-1]
                    paid = book.entry if not math.isnan(book.entry) else trade.entry_price
                    book.position = self.position_at(book, paid)
                    book.parts = {part.number: part for part in book.position.parts}
                book.trades[trade.tag[1]] = trade
                part = book.parts[trade.tag[1]]
                if not math.isnan(part.limit):
                    trade.tp = book.side * part.limit
                # Last, so that the engine looks at the stop first.
                trade.sl = book.side * book.position.level_of(part)

    def note_sales(self) -> None:
        """Tell positions what the engine has sold since the last row."""
        for trade in self.closed_trades[self.seen :]:
            book = self.books[trade.tag[0]]
            part = book.parts[trade.tag[1]]
            book.trades.pop(trade.tag[1], None)
            position = book.position
            if position is None or not part.is_open:
                continue
            price = book.side * trade.exit_price
            others = position.take_rest(part)
            at_target = not math.isnan(part.limit) and price >= part.limit * (1 - math.copysign(1e-12, part.limit))
            position.sold(part, part.is_due or at_target or price > position.stop_of(part)[0])
            for other in others:
                if other.number in book.trades:
                    book.trades[other.number].close()
        self.seen = len(self.closed_trades)

    def close_bar(self, book: Book, position: Position) -> None:
        """Close a bar: sell the parts that are due, and move the stops of the rest."""
        data = self.data
        time = data.index[-1]
        atr = float(data.Atr[-1]) if "Atr" in data.df else NAN
        series = series_of(time, position)
        due = position.close_bar(float(data.High[-1]), float(data.Low[-1]), float(data.Close[-1]), atr, series)
        if must_leave(time, book.entered):
            due = position.open_parts
        for part in due:
            if part.number in book.trades:
                book.trades[part.number].close()
        for number, trade in book.trades.items():
            level = book.side * position.level_of(book.parts[number])
            if level != trade.sl:
                trade.sl = level


class Replay(EntersTrades, LadderStrategy):
    """Entries at the opens that a list of trades gives."""


def replay(bars: pd.DataFrame, trades: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the exits of trades entered at opens: trade, time of the bar, side, quantity and price.

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
    for trade, part, unit, found in run_each(bars, trades, Replay, walk, hedging=True):
        for made in found["_trades"].to_dict("records"):
            time = part.index[made["ExitBar"] // 2]
            side = "sell" if made["Size"] > 0 else "buy"
            rows.append((trade["trade_id"], time, side, abs(made["Size"]) * unit, made["ExitPrice"]))
    return rows


def main() -> None:
    """``python THIS_FILE bars.csv trades.csv [fills.csv]``: replay the exits of trades entered at opens."""
    replay_files(replay, main.__doc__)


if __name__ == "__main__":
    main()
