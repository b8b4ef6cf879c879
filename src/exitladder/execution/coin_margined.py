"""Money of inverse (coin-margined) contracts: quantity x multiplier x (1 / entry - 1 / exit), in the coin (rule S8).

The kernels count in price x quantity. Orders, fills and gross R of an inverse contract are those prices, so that a
ladder without costs gives the R of a linear contract. Costs and profit in the coin are added here, after the run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.errors import LadderError
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.simulation import Simulation
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Ladder

_IN_MONEY = (
    "commission_bps", "commission_per_unit", "commission_fixed", "commission_min",
    "funding_bps_per_bar", "borrow_bps_per_bar",
)  # fmt: skip


@dataclass(frozen=True)
class InCoins:
    """What a run of one inverse contract comes to in its coin.

    Parameters
    ----------
    states : float64 array, shape (n_trades, n_places)
    book : float64 array, shape (n_fills, n_columns)
        Costs as price x quantity at the risk of the trade: `factors` turns them into coins.
    factors : float64 array, shape (n_trades,)
        Coins per price x quantity: multiplier / (entry x stop), so that R x quantity is the loss at the stop.
    gross : float64 array, shape (n_trades,)
        Profit before costs, in the coin.
    """

    states: FloatTable
    book: FloatTable
    factors: FloatArray
    gross: FloatArray


def costs_in_money(costs: Costs) -> bool:
    """Return whether any cost is an amount of money; slippage is a price."""
    return any(getattr(costs, name) != 0 for name in _IN_MONEY)


def ladder_in_prices(ladder: Ladder, side: int) -> Ladder:
    """Return a ladder that the kernels can run on the prices of an inverse contract, without costs in money.

    Parameters
    ----------
    ladder : Ladder
    side : int
        +1 long, -1 short: a leveraged long is liquidated nearer to its entry than with a linear contract.

    Raises
    ------
    LadderError
        If the price of liquidation has no equal among linear contracts.

    Notes
    -----
    With isolated margin, margin plus profit equals the maintenance margin m at P0 (1 + s m) / (1 + s / L). That is the
    price of a linear contract with leverage (1 + s / L) / (1 / L - m) and no maintenance margin.
    """
    costs = replace(ladder.costs, **dict.fromkeys(_IN_MONEY, 0.0))
    if ladder.execution.leverage <= 0:
        return replace(ladder, costs=costs)
    inverse, margin = 1 / ladder.execution.leverage, ladder.execution.maintenance_margin
    same = (1 + side * inverse) / (inverse - margin) if inverse > margin else np.nan
    if same != 0 and not same >= 1:
        raise LadderError(
            f"execution.leverage={ladder.execution.leverage:g} with maintenance_margin={margin:g} cannot be simulated "
            "for an inverse contract: a short under 2x is liquidated only after the price has more than doubled, and a "
            "margin above 1 / leverage at once. Set leverage = 0 or another value."
        )
    execution = replace(ladder.execution, leverage=same, maintenance_margin=0.0)
    return replace(ladder, costs=costs, execution=execution)


def in_coins(done: Simulation, costs: Costs, multiplier: float) -> InCoins:
    """Return a run's states and book with costs, and its profit in the coin.

    Parameters
    ----------
    done : Simulation
        Of trades in one inverse contract under `ladder_in_prices`.
    costs : Costs
        Commission in the coin; basis points are of the notional quantity x multiplier / price.
    multiplier : float
        Of the contract, in the currency of the price: 100 for a contract of 100 US dollars.

    Returns
    -------
    InCoins
    """
    states, book = done.states.copy(), done.book.copy()
    side, entry = states[:, s.SIDE], np.abs(states[:, s.ENTRY])
    stop = entry - side * states[:, s.RISK]
    # a stop below zero is never reached: the loss there has no bound
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = multiplier / (entry * np.where(stop > 0, stop, entry))
    trade = book[:, s.B_TRADE].astype(np.int64)
    order, quantity, price = book[:, s.B_ORDER], book[:, s.B_QUANTITY], book[:, s.B_PRICE]
    bought, marked = order == o.ENTRY, order == o.MARK
    coins = np.where(bought, 0.0, side[trade] * quantity * multiplier * (1 / entry[trade] - 1 / price))
    gross = np.bincount(trade, weights=coins, minlength=len(states)).astype(np.float64)
    paid = np.where(marked, 0.0, _commission(costs, quantity, price, multiplier)) / factors[trade]
    held = np.bincount(trade, weights=np.where(bought, quantity, 0.0), minlength=len(states))
    at_entry = np.bincount(trade, weights=np.where(bought, paid, 0.0), minlength=len(states))
    financing = _financing(done, costs, trade, multiplier) / factors[trade]
    states[:, s.COMMISSION] = np.bincount(trade, weights=paid, minlength=len(states))
    states[:, s.ENTRY_COMMISSION] = at_entry
    states[:, s.FINANCING] = np.bincount(trade, weights=financing, minlength=len(states))
    book[:, s.B_COMMISSION], book[:, s.B_FINANCING] = paid, financing
    slipped = side[trade] * book[:, s.B_SLIPPAGE] / np.where(quantity > 0, quantity, 1.0)
    with_slip = np.abs(1 / price - 1 / (price + slipped)) * quantity * multiplier / factors[trade]
    book[:, s.B_SLIPPAGE] = np.where(book[:, s.B_SLIPPAGE] != 0, with_slip, 0.0)
    cost = np.where(bought, 0.0, paid + at_entry[trade] * quantity / held[trade] + financing)
    book[:, s.B_NET_R] -= cost / (states[trade, s.RISK] * held[trade])
    return InCoins(states, book, factors, gross)


def _commission(costs: Costs, quantity: FloatArray, price: FloatArray, multiplier: float) -> FloatArray:
    """Return the commission of each fill in the coin (S2)."""
    notional = quantity * multiplier / price
    cost = notional * costs.commission_bps / 1e4 + costs.commission_per_unit * quantity + costs.commission_fixed
    return np.maximum(cost, costs.commission_min)


def _financing(done: Simulation, costs: Costs, trade: IntArray, multiplier: float) -> FloatArray:
    """Return the financing since the fill before, in the coin, by fill (S5): on the notional at each counted close."""
    out = np.zeros(len(trade))
    funding, borrow = costs.funding_bps_per_bar / 1e4, costs.borrow_bps_per_bar / 1e4
    if funding == 0 and borrow == 0:
        return out
    bars, book = done.placed.bars, done.book
    rows_of = np.searchsorted(trade, np.arange(len(done) + 1))
    for i in range(len(done)):
        rows = np.arange(rows_of[i], rows_of[i + 1])
        if not len(rows):
            continue
        rate = funding if done.states[i, s.SIDE] > 0 else borrow - funding
        first = int(done.placed.first_bar[i])
        counted = np.arange(first, first + int(done.states[i, s.HELD]))
        sold = np.where(book[rows, s.B_ORDER] == o.ENTRY, 0.0, book[rows, s.B_QUANTITY])
        sold[book[rows, s.B_ORDER] == o.MARK] = 0.0
        # a fill in bar t has left before its close
        n_before = np.searchsorted(book[rows, s.B_BAR], counted, side="right")
        left = book[rows[0], s.B_QUANTITY] - np.concatenate([[0.0], np.cumsum(sold)])[n_before]
        due = rate * np.maximum(left, 0.0) * multiplier / bars.close[counted]
        np.add.at(out, rows[np.minimum(n_before, len(rows) - 1)], due)
    return out
