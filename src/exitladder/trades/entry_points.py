"""The point of its bar at which each trade was entered (rule E1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.atr import atr_of_set
from exitladder.bars.bars import BarSet

if TYPE_CHECKING:
    from exitladder.trades.trades import PlacedTrades, Trades

AT_OPEN, INTRABAR, AT_CLOSE = 0, 1, 2
ENTRY_AT = ("open", "intrabar", "close")
# share of the ATR of the bar before within which a price is that of the open or the close
_NEAR_ATR = 0.1
_ATR_WINDOW = 14
_ROUNDING = 1e-9


def entry_points(trades: Trades, bars: BarSet, symbol_index: IntArray, entry_bar: IntArray) -> npt.NDArray[np.int8]:
    """Return ``AT_OPEN``, ``INTRABAR`` or ``AT_CLOSE`` of each trade, shape (n_trades,).

    Parameters
    ----------
    trades : Trades
    bars : BarSet
        Its contracts give the ticks.
    symbol_index, entry_bar : int64 array, shape (n_trades,)
        Where each trade was placed.

    Returns
    -------
    int8 array, shape (n_trades,)
        A stated ``entry_at`` wins. An entry stamped with its bar's start, or with a date alone, is at the open if its
        price is within the larger of one tick and 0.1 ATR (14 bars, of the bar before) of that bar's open, else at
        the close by the same width, else intrabar. Any other time is intrabar.
    """
    out = np.where(trades.entry_at >= 0, trades.entry_at, INTRABAR).astype(np.int8)
    rows = np.flatnonzero((trades.entry_at < 0) & (trades.entry_time == bars.time[entry_bar]))
    if not len(rows):
        return out
    price, bar = _last_entry_price(trades)[rows], entry_bar[rows]
    ticks = [getattr(bars.contracts.get(symbol), "tick", 0.0) for symbol in bars.symbols]
    tick = np.array(ticks, dtype=np.float64)[symbol_index[rows]]
    width = np.maximum(tick, _ROUNDING * np.abs(price))
    from_open, from_close = np.abs(price - bars.open[bar]), np.abs(price - bars.close[bar])
    if (from_open > width).any():
        before = bar - 1
        atr = np.where(before >= bars.start[symbol_index[rows]], atr_of_set(bars, _ATR_WINDOW)[before], np.nan)
        # fmax: before the ATR is known, the tick alone counts
        width = np.fmax(width, _NEAR_ATR * atr)
    width = width * (1 + _ROUNDING)
    out[rows] = np.where(from_open <= width, AT_OPEN, np.where(from_close <= width, AT_CLOSE, INTRABAR))
    return out


def _last_entry_price(trades: Trades) -> FloatArray:
    """Return the price of each trade's last entry; NaN for a position of several entries whose fills are not known."""
    if trades.n_entries is None or not (trades.n_entries > 1).any():
        return trades.entry_price
    price = np.where(trades.n_entries > 1, np.nan, trades.entry_price)
    if trades.fills is not None:
        rows = np.flatnonzero(trades.fills.is_entry)
        # fills are in the order of time: the last one written wins
        price[trades.fills.trade[rows]] = trades.fills.price[rows]
    return price


def unsettled_entries(placed: PlacedTrades) -> BoolArray:
    """Return the entries at a bar's start whose price is neither its open nor its close, shape (n_trades,)."""
    given = placed.trades.entry_at < 0
    at_start = placed.trades.entry_time == placed.bars.time[placed.entry_bar]
    return np.asarray(given & at_start & (placed.entry_at == INTRABAR))


def entry_counts(placed: PlacedTrades) -> dict[str, Any]:
    """Return how many entries without ``entry_at`` were found at the open, at the close and inside their bar.

    Returns
    -------
    dict of str to int
        ``n_at_open``, ``n_at_close``; ``n_inside`` (a time inside the bar); ``n_unsettled`` (at the bar's start, but
        the price is neither its open nor its close: exposed from the next bar on).
    """
    given, unsettled = placed.trades.entry_at < 0, unsettled_entries(placed)
    return {
        "n_at_open": int((given & (placed.entry_at == AT_OPEN)).sum()),
        "n_at_close": int((given & (placed.entry_at == AT_CLOSE)).sum()),
        "n_inside": int((given & (placed.entry_at == INTRABAR) & ~unsettled).sum()),
        "n_unsettled": int(unsettled.sum()),
    }


def entry_text(counts: dict[str, Any]) -> str:
    """Return the assumptions about entries without ``entry_at``; empty if nothing was."""
    if not sum(counts.values()):
        return ""
    unsettled = (
        f"; {counts['n_unsettled']} at the start of their bar at a price that is neither its open nor its close: they "
        "count from the next bar on"
        if counts["n_unsettled"]
        else ""
    )
    return (
        f"{sum(counts.values())} entries without entry_at: {counts['n_at_open']} at the open and "
        f"{counts['n_at_close']} at the close of their bar by price, {counts['n_inside']} inside it by time{unsettled} "
        "(column entry_at: open, close or intrabar)"
    )
