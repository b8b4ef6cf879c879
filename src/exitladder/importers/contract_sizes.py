"""The contract size of each imported position: from the file, else from the profit that the file books."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.errors import TradesError
from exitladder.importers.reading import Executions
from exitladder.trades.positions import Positions
from exitladder.trades.trades import Trades

# profits are rounded to the cent, of each part
_CENT = 0.0101
# a profit so small that the cent is a larger share of it says nothing of the size
_TELLING = 5e-3
_MOST_DIGITS = 3


def with_contract_sizes(trades: Trades, executions: Executions, positions: Positions) -> tuple[Trades, list[str]]:
    """Return imported trades with the multiplier of each, and notes on its origin.

    Parameters
    ----------
    trades : Trades
        Of these positions.
    executions : Executions
    positions : Positions

    Returns
    -------
    trades : Trades
        Unchanged if nothing but sizes of 1 is known.
    notes : list of str

    Raises
    ------
    TradesError
        If the fills of one position have different multipliers in the file.

    Notes
    -----
    Where the file gives no size, it follows from profit = size x quantity x price change, if one size of at most three
    digits explains the profit of every closed position of the symbol to the cent.
    """
    given = executions.multiplier[positions.fill]
    owner = np.repeat(np.arange(len(positions)), np.diff(positions.start))
    sizes = pd.Series(given).groupby(owner).agg(["min", "max"]).reindex(range(len(positions)))
    low, high = sizes["min"].to_numpy(np.float64), sizes["max"].to_numpy(np.float64)
    if (low < high).any():
        i = int(np.argmax(low < high))
        raise TradesError(
            f"The fills of a position must have one multiplier, but those of '{trades.trade_id[i]}' have {low[i]:.10g} "
            f"and {high[i]:.10g}. Correct the file, or import these rows apart."
        )
    found = np.where(low > 0, low, np.nan)
    by_profit = _by_profit(trades, executions, positions, owner, np.isnan(found))
    for symbol, size in by_profit.items():
        found[(trades.symbol == symbol) & np.isnan(found)] = size
    notes = [
        "multiplier: from the profits of the file, " + ", ".join(f"{s} {size:.10g}" for s, size in by_profit.items())
    ]
    if not (found[~np.isnan(found)] != 1.0).any():
        return trades, []
    return replace(trades, multiplier=found), notes if by_profit else []


def _by_profit(
    trades: Trades, executions: Executions, positions: Positions, owner: np.ndarray, is_asked: np.ndarray
) -> dict[str, float]:
    """Return the one size other than 1 that explains all profits of a symbol, by symbol."""
    if not executions.profile.profit:
        return {}
    fills, n = executions.fills, len(positions)
    booked = executions.profit[positions.fill]
    share = positions.quantity / fills.quantity[positions.fill]
    profit = np.bincount(owner, weights=np.nan_to_num(booked) * share, minlength=n)
    sign = np.where(positions.is_entry, -1.0, 1.0) * positions.side[owner]
    moved = np.bincount(owner, weights=sign * positions.quantity * fills.price[positions.fill], minlength=n)
    parts = np.diff(positions.start)
    told = np.bincount(owner, weights=~np.isnan(booked), minlength=n) > 0
    usable = is_asked & told & (positions.left == 0.0) & (profit != 0) & (moved != 0)
    found: dict[str, float] = {}
    for symbol in dict.fromkeys(map(str, trades.symbol[usable])):
        rows = usable & (trades.symbol == symbol)
        size = _size(profit[rows], moved[rows], parts[rows])
        if size is not None and size != 1.0:
            found[symbol] = size
    return found


def _size(profit: FloatArray, moved: FloatArray, parts: np.ndarray) -> float | None:
    """Return the roundest size that explains all profits to the cent, None if there is none."""
    surest = int(np.argmax(np.abs(profit)))
    ratio, slack = profit[surest] / moved[surest], _CENT * parts
    if ratio <= 0 or slack[surest] > _TELLING * abs(profit[surest]):
        return None
    for digits in range(1, _MOST_DIGITS + 1):
        size = float(f"{ratio:.{digits}g}")
        if (np.abs(profit - size * moved) <= slack).all():
            return size
    return None
