"""Cash dividends credited to positions on bars as traded: a long receives them, a short pays them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exitladder.arrays import IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.simulation import Simulation
from exitladder.trades.trades import PlacedTrades


def without_dividends(placed: PlacedTrades) -> PlacedTrades:
    """Return the same trades on bars that pay no dividends."""
    return replace(placed, bars=placed.bars.with_dividends(None))


def credited(done: Simulation, placed: PlacedTrades) -> Simulation:
    """Return a simulation with the dividends of its positions.

    Parameters
    ----------
    done : Simulation
        Of these trades without dividends.
    placed : PlacedTrades
        With `dividends` in its bars.

    Returns
    -------
    Simulation

    Notes
    -----
    A dividend belongs to the quantity held into the bar of its ex-date: entered in an earlier bar, and not sold before
    that bar's open. A sale in that bar, at its open too, comes after it. Prices, orders and gross R stay as they are;
    R, money and the rows of the fills grow by the cash, each row by that since the fill before.
    """
    cash = placed.bars.dividends
    assert cash is not None
    book = done.book.copy()
    trade, bar = book[:, s.B_TRADE].astype(np.int64), book[:, s.B_BAR].astype(np.int64)
    order, quantity = book[:, s.B_ORDER], book[:, s.B_QUANTITY]
    bought = (order == o.ENTRY) | (order == o.ADD)
    change = np.where(bought, quantity, np.where(order == o.MARK, 0.0, -quantity))
    n = len(placed)
    paid = np.zeros(len(book))
    if len(book):
        so_far = np.cumsum(cash)
        first = np.concatenate([[True], trade[1:] != trade[:-1]])
        before = np.concatenate([[0], bar[:-1]])
        per_unit = np.where(first, 0.0, so_far[bar] - so_far[before])
        total = np.cumsum(change) - change
        held = total - np.repeat(total[first], np.diff(np.append(np.flatnonzero(first), len(book))))
        side = placed.trades.side[trade]
        paid = np.where(per_unit != 0, side * per_unit * held, 0.0)
        book[:, s.B_NET_R] += paid / done.planned[trade]
    total_paid = np.bincount(trade, weights=paid, minlength=n).astype(np.float64)
    return replace(done, placed=placed, book=book, credits=total_paid, fill_credits=paid)


def first_ex_bars(placed: PlacedTrades) -> IntArray:
    """Return the first bar after each trade's entry bar that pays a dividend, shape (n,); beyond all bars if none does.

    Parameters
    ----------
    placed : PlacedTrades
        With `dividends` in its bars.
    """
    cash = placed.bars.dividends
    assert cash is not None
    paying = np.append(np.flatnonzero(cash), len(cash))
    found = paying[np.searchsorted(paying, placed.entry_bar, side="right").clip(max=len(paying) - 1)]
    return np.where(found < placed.end_bar, found, len(cash)).astype(np.int64)
