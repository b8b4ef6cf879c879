"""The account of a book: what its positions are worth, tie up and risk at one moment (B4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, FloatTable, IntArray
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.orders import stop_in_force
from exitladder.execution.kernel.state import Record
from exitladder.execution.lots import whole_lots
from exitladder.runtime.compiling import interpreted

_stop_in_force = interpreted(stop_in_force)

SHARE = 1e-9
"""Amounts of money that agree to this share are equal."""


@dataclass(frozen=True)
class Terms:
    """What turns prices and lots of each trade into money; arrays of shape (n_trades,).

    Parameters
    ----------
    lot : float64 array
        0 for quantities in units.
    factor : float64 array
        Multiplier times the rate of the currency at the entry.
    margin, maintenance : float
        Rates of margin and of maintenance margin.
    """

    lot: FloatArray
    factor: FloatArray
    margin: float
    maintenance: float

    def units(self, trades: IntArray, lots: FloatArray) -> FloatArray:
        """Return quantities in units."""
        lot = self.lot[trades]
        return np.where(lot > 0, lots * lot, lots)


@dataclass(frozen=True)
class Standing:
    """Open positions at one moment; arrays of shape (n_open,).

    Parameters
    ----------
    trades : int64 array
    units : float64 array
    mark : float64 array
        Price, not signed.
    value : float64 array
        Signed value in the home currency.
    gain : float64 array
        Open profit at the mark, without costs.
    result : float64 array
        Profit of the whole trade so far, costs included, the rest at the mark.
    risk : float64 array
        Value lost if the stop in force fills at its price.
    """

    trades: IntArray
    units: FloatArray
    mark: FloatArray
    value: FloatArray
    gain: FloatArray
    result: FloatArray
    risk: FloatArray


def average_of(to: Record, trades: IntArray, held: bool) -> FloatArray:
    """Return the signed average price of the lots held, or of all entries.

    Parameters
    ----------
    to : Record
    trades : int64 array, shape (n,)
    held : bool

    Returns
    -------
    float64 array, shape (n,)
    """
    if not to.growth.shape[1]:
        return np.asarray(to.states[trades, s.ENTRY])
    return np.asarray(to.growth[trades, s.G_HELD_AVERAGE if held else s.G_AVERAGE])


def stop_of(states: FloatTable) -> FloatArray:
    """Return the signed stop in force of each position, by the rule of the engine."""
    return np.array([_stop_in_force(state)[0] for state in states], dtype=np.float64)


def standing(to: Record, trades: IntArray, mark: FloatArray, terms: Terms) -> Standing:
    """Return what open positions are worth at their marks.

    Parameters
    ----------
    to : Record
    trades : int64 array, shape (n_open,)
    mark : float64 array, shape (n_open,)
        Prices, not signed.
    terms : Terms

    Returns
    -------
    Standing
    """
    states = to.states[trades]
    side, factor = states[:, s.SIDE], terms.factor[trades]
    units = terms.units(trades, states[:, s.LEFT])
    gain = (side * mark - average_of(to, trades, held=True)) * units * factor
    booked = (states[:, s.GROSS] - states[:, s.COMMISSION] - states[:, s.FINANCING]) * factor
    away = np.maximum(side * mark - stop_of(states), 0.0)
    return Standing(trades, units, mark, side * mark * units * factor, gain, booked + gain, away * units * factor)


def lots_kept(states: FloatTable, share: FloatArray, lot: FloatArray) -> FloatArray:
    """Return the lots that a reduction to these shares leaves: sales round up, a remainder below the minimum goes too.

    Parameters
    ----------
    states : float64 array, shape (n, SIZE)
    share : float64 array, shape (n,)
        Of the quantity held.
    lot : float64 array, shape (n,)

    Returns
    -------
    float64 array, shape (n,)
    """
    left = states[:, s.LEFT]
    wanted = share * left
    kept = np.array([whole_lots(*row) for row in zip(wanted.tolist(), lot.tolist(), strict=True)])
    too_small: BoolArray = kept < states[:, s.LEAST] * (1 - SHARE)
    return np.where(too_small | (kept <= SHARE * states[:, s.START]), 0.0, np.minimum(kept, left))
