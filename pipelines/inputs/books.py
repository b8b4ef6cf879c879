"""Several books (trades on their own bars) as one training set, and the books of a pooled model found again.

Features and labels have no unit of price, so rows of different markets and bar lengths can train one model. In the pool
a symbol is called BOOK/SYMBOL; the model keeps the symbols and bar lengths of each book, by which later trades find
theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from exitladder.bars.bars import BarSet
from exitladder.clock import interval_name
from exitladder.errors import ModelError, TradesError
from exitladder.settings.contracts import Contracts
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

if TYPE_CHECKING:
    from exitladder.arrays import IntArray
    from exitladder.models.exhaustion.model import ExhaustionModel
    from exitladder.models.forests.rows import RowSymbols
    from exitladder.pipelines.inputs.prepare import Prepared

SEPARATOR = "/"


@dataclass(frozen=True)
class Book:
    """A named book.

    Parameters
    ----------
    name : str
    bars : BarSet
    trades : Trades
    """

    name: str
    bars: BarSet
    trades: Trades


def pooled(books: Sequence[Book], settings: Settings) -> tuple[BarSet, Trades, Settings]:
    """Return the bars, trades and contracts of all books together, each symbol and trade named after its book.

    Parameters
    ----------
    books : sequence of Book
    settings : Settings

    Returns
    -------
    BarSet
    Trades
    Settings

    Raises
    ------
    TradesError
        If a name comes twice or cannot be one, or there is only one book.
    """
    names = [book.name for book in books]
    if len(set(names)) < len(names) or len(names) < 2:
        raise TradesError(
            "A pool needs two or more books with different names, but has "
            f"{', '.join(names)}. Give --book NAME BARS TRADES once for each."
        )
    if bad := next((name for name in names if not name or not name.isidentifier() or len(name) > 40), None):
        raise TradesError(
            f"The name of a book must consist of at most 40 letters, digits and underscores, but is {bad!r}."
        )
    members = [replace(book.bars[s], symbol=_named(book, s)) for book in books for s in book.bars.symbols]
    contracts = {
        _named(book, s): settings.symbols[s] for book in books for s in book.bars.symbols if s in settings.symbols
    }
    with_one = tuple(_named(book, s) for book in books for s in book.bars.symbols if s in settings.symbols.with_one)
    columns: dict[str, Any] = {
        f.name: np.concatenate([getattr(book.trades, f.name) for book in books])
        for f in fields(Trades)
        # those that all trades have; others say what is not needed for training, such as fills and orders
        if f.default is MISSING
    }
    columns |= {
        name: np.concatenate([_all_named(book, getattr(book.trades, name)) for book in books])
        for name in ("trade_id", "symbol")
    }
    # the contracts of every book, by their names in the pool
    return BarSet(members), Trades(**columns), replace(settings, symbols=Contracts(contracts, with_one))


def _named(book: Book, name: str) -> str:
    return f"{book.name}{SEPARATOR}{name}"


def _all_named(book: Book, values: np.ndarray) -> np.ndarray:
    return np.array([_named(book, str(value)) for value in values], dtype=object)


def book_rows(prepared: Prepared) -> RowSymbols | None:
    """Return the book of each row of pooled trades; None if they are not pooled."""
    if not prepared.books:
        return None
    from exitladder.models.forests.rows import RowSymbols  # loads the trainer

    names = [symbol.split(SEPARATOR, 1)[0] for symbol in prepared.placed.bars.symbols]
    index = np.array([prepared.books.index(name) for name in names], dtype=np.int64)
    return RowSymbols(prepared.books, index[prepared.placed.symbol_index[prepared.rows.trade]])


def books_known(prepared: Prepared) -> dict[str, Any]:
    """Return the bar lengths and symbols of each book of pooled trades, to be saved with the model."""
    bars = prepared.placed.bars
    found: dict[str, Any] = {name: {"intervals": [], "symbols": []} for name in prepared.books}
    for symbol, interval in zip(bars.symbols, bars.interval_ns, strict=True):
        name, own = symbol.split(SEPARATOR, 1)
        found[name]["symbols"].append(own)
        found[name]["intervals"] = sorted({*found[name]["intervals"], interval_name(int(interval))})
    return found


def with_book(model: ExhaustionModel, settings: Settings) -> ExhaustionModel:
    """Return the model with the book that ``model.book`` names, for symbols that no book has.

    Raises
    ------
    ModelError
        If the model has no such book.
    """
    name, known = settings.model.book, model.context.get("books", {})
    if not name:
        return model
    if name not in known:
        of = f"its books are {', '.join(known)}" if known else "it was not trained on several books"
        raise ModelError(f"model.book must name a book of the model, but is {name!r}, and {of}.")
    return replace(model, context={**model.context, "book": name})


def with_findings(model: ExhaustionModel, findings: Mapping[str, str]) -> ExhaustionModel:
    """Return a pooled model that knows what training found of each book; the same if it has no books."""
    if not findings:
        return model
    books = {name: {**known, "value_finding": findings[name]} for name, known in model.context["books"].items()}
    return replace(model, context={**model.context, "books": books})


def finding_of(model: ExhaustionModel, groups: RowSymbols) -> str:
    """Return what training found of a model, of the book if all trades belong to one; empty if it is not known."""
    books = model.context.get("books", {})
    present = {groups.names[k] for k in np.unique(groups.index)}
    only = next(iter(present)) if len(present) == 1 else ""
    return str(books.get(only, model.context).get("value_finding", ""))


def groups_of_trades(prepared: Prepared, model: ExhaustionModel, trade: IntArray) -> RowSymbols:
    """Return what may have a model of its own in each row: the book of a pooled model, else the symbol.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel
    trade : int64 array, shape (n_rows,)
        Positions of the rows' trades.

    Returns
    -------
    RowSymbols
        A symbol that is in no book keeps its name, which no book has.

    Raises
    ------
    ModelError
        If a symbol is in several books with the same bar length.
    """
    from exitladder.models.forests.rows import RowSymbols  # loads the trainer

    known: Mapping[str, Any] = model.context.get("books", {})
    found = RowSymbols.of(prepared.placed, trade)
    if not known:
        return found
    bars = prepared.placed.bars
    names = [
        book_of(symbol, interval_name(int(interval)), known, str(model.context.get("book", "")))
        for symbol, interval in zip(bars.symbols, bars.interval_ns, strict=True)
    ]
    distinct = tuple(dict.fromkeys(names))
    place = np.array([distinct.index(name) for name in names], dtype=np.int64)
    return RowSymbols(distinct, place[found.index])


def book_of(symbol: str, interval: str, known: Mapping[str, Any], chosen: str = "") -> str:
    """Return the book of a symbol, by its name in the pool or by symbol and bar length.

    Parameters
    ----------
    symbol, interval : str
    known : mapping
        As from `books_known`.
    chosen : str
        The book that ``model.book`` names, for symbols of none or of several.

    Returns
    -------
    str
        The symbol in brackets if it is in no book.

    Raises
    ------
    ModelError
        If it is in several books.

    Examples
    --------
    >>> known = {"us": {"intervals": ["1d"], "symbols": ["SPY"]}, "us_1h": {"intervals": ["1h"], "symbols": ["SPY"]}}
    >>> book_of("SPY", "1h", known), book_of("us/SPY", "1d", known), book_of("QQQ", "1d", known, "us")
    ('us_1h', 'us', 'us')
    """
    first, _, rest = symbol.partition(SEPARATOR)
    if rest and first in known:
        return first
    fitting = [name for name, of in known.items() if symbol in of["symbols"] and interval in of["intervals"]]
    if chosen and (not fitting or chosen in fitting):
        return chosen
    if len(fitting) > 1:
        raise ModelError(
            f"The bars of '{symbol}' ({interval}) must be of one book of the model, but {' and '.join(fitting)} have "
            f"them. Name the book with --set model.book={fitting[0]}."
        )
    return fitting[0] if fitting else f"({symbol})"
