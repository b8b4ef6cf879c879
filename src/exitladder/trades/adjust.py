"""Trades at prices as traded, moved to prices adjusted for splits and dividends, by the factors of their bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.actions import Action, price_factors
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.checking.splits import crosses_split, unresolved_splits
from exitladder.clock import NO_TIME
from exitladder.errors import TradesError
from exitladder.trades.trades import PlacedTrades, Trades

_NEAR = 1e-6


@dataclass(frozen=True)
class AdjustedTrades:
    """Adjusted trades and how many changed.

    Parameters
    ----------
    trades : Trades
    n_changed : int
    """

    trades: Trades
    n_changed: int


def adjust_trades(trades: Trades, bars: BarSet, actions: Sequence[Action] | None = None) -> AdjustedTrades:
    """Return trades with prices multiplied and quantities divided by the factors that adjust their bars.

    Parameters
    ----------
    trades : Trades
        At prices as traded.
    bars : BarSet
        As traded (read with ``adjust="none"``), with ``adj_close`` unless `actions` are given.
    actions : sequence of Action, optional
        Splits and dividends in place of ``adj_close``; quantities then follow the splits only.

    Returns
    -------
    AdjustedTrades
        Entry and stop by the factor of the entry's bar, the exit by that of its own. By ``adj_close``, price times
        quantity is unchanged.

    Raises
    ------
    TradesError
        If a symbol has no bars or no ``adj_close``, or the prices fit adjusted bars already.
    """
    n = len(trades)
    entry, leave, size = np.ones(n), np.ones(n), np.ones(n)
    fits_raw = fits_adjusted = 0
    for symbol in sorted(set(trades.symbol)):
        rows = np.flatnonzero(trades.symbol == symbol)
        if symbol not in bars:
            raise TradesError(f"Trades need the bars of their symbol to be adjusted, but there are none of '{symbol}'.")
        own = bars[symbol]
        mine = None if actions is None else [a for a in actions if a.symbol == symbol]
        entry[rows], size[rows] = _factors(own, mine, trades.entry_time[rows])
        left = np.where(trades.exit_time[rows] == NO_TIME, trades.entry_time[rows], trades.exit_time[rows])
        leave[rows] = _factors(own, mine, left)[0]
        raw, adjusted = _fits(own, trades.entry_time[rows], trades.entry_price[rows], entry[rows])
        fits_raw, fits_adjusted = fits_raw + raw, fits_adjusted + adjusted
    if fits_adjusted > fits_raw:
        raise TradesError(
            f"Trades must be at prices as traded to be adjusted, but {fits_adjusted} entries are within adjusted bars "
            f"and {fits_raw} within bars as traded. They are adjusted already, or the bars are those of another source."
        )
    changed = replace(
        trades,
        entry_price=trades.entry_price * entry,
        stop_price=trades.stop_price * entry,
        exit_price=trades.exit_price * leave,
        quantity=trades.quantity * size,
        quantity_open=trades.quantity_open * size,
    )
    moved = (np.abs(entry - 1) > _NEAR) | (np.abs(leave - 1) > _NEAR)
    return AdjustedTrades(changed, int(moved.sum()))


def fits_of_entries(trades: Trades, bars: BarSet) -> tuple[int, int]:
    """Return how many entries fit only bars as traded, and how many only the adjusted ones given.

    Parameters
    ----------
    trades : Trades
        Those of symbols without bars, outside of all bars or with several entries are left out.
    bars : BarSet
        Adjusted when they were read.

    Returns
    -------
    n_traded, n_adjusted : int
        A price within the bar fits; one that both could hold is at the open or the close of one of them. Both are 0
        if the bars were not adjusted, or not at any entry.
    """
    n_traded = n_adjusted = 0
    single = np.ones(len(trades), dtype=bool) if trades.n_entries is None else trades.n_entries <= 1
    for symbol in sorted(set(trades.symbol[single])):
        if symbol not in bars:
            continue
        own = bars[symbol]
        if own.factor is None:
            continue
        time, price = (values[single & (trades.symbol == symbol)] for values in (trades.entry_time, trades.entry_price))
        at = np.searchsorted(own.time, time, side="right") - 1
        inside = (at >= 0) & (time < own.time[np.maximum(at, 0)] + own.interval_ns)
        at, price = at[inside], price[inside]
        factor = own.factor[at]
        as_traded = _Ends(*(getattr(own, name)[at] / factor for name in ("open", "high", "low", "close")))
        found = as_traded.fits(price, factor)
        n_traded, n_adjusted = n_traded + found[0], n_adjusted + found[1]
    return n_traded, n_adjusted


def across_splits(placed: PlacedTrades, max_bars: int) -> BoolArray:
    """Return which trades may be held across a likely split that no adjustment has removed, shape (n_trades,).

    Parameters
    ----------
    placed : PlacedTrades
    max_bars : int
        Bars after the entry that a trade may be held.
    """
    last = np.minimum(placed.entry_bar + max_bars, placed.end_bar - 1)
    used = np.unique(placed.symbol_index)
    splits = unresolved_splits(placed.bars)
    known = {placed.bars.symbols[int(k)] for k in used}
    return crosses_split(placed.entry_bar, last, [s for s in splits if s.symbol in known])


def split_text(placed: PlacedTrades, across: BoolArray) -> str:
    """Return what to say of trades left out because they may be held across an unadjusted split."""
    symbols = sorted(set(placed.trades.symbol[across]))
    shown = ", ".join(symbols[:5]) + (f" and {len(symbols) - 5} more" if len(symbols) > 5 else "")
    return (
        f"{int(across.sum())} of {len(placed)} trades ({shown}) may be held across an unadjusted split and are left "
        "out. Adjust the bars (`exitladder bars adjust --split`) and the trades (`exitladder trades adjust`), or keep "
        "them with --set data.splits=keep if the move was real."
    )


def _factors(bars: Bars, actions: list[Action] | None, time: IntArray) -> tuple[FloatArray, FloatArray]:
    if actions is not None:
        return price_factors(actions, bars, time)
    if "adj_close" not in bars.extra:
        raise TradesError(
            f"Bars need an adj_close column to adjust trades by, but those of '{bars.symbol}' have none. Give the "
            "splits and dividends with --split or --actions."
        )
    at = np.clip(np.searchsorted(bars.time, time, side="right") - 1, 0, len(bars) - 1)
    factor = bars.extra["adj_close"][at] / bars.close[at]
    if not (np.isfinite(factor) & (factor > 0)).all():
        raise TradesError(f"adj_close must be a positive number on every bar, but is not for '{bars.symbol}'.")
    return factor, 1 / factor


def _fits(bars: Bars, time: IntArray, price: FloatArray, factor: FloatArray) -> tuple[int, int]:
    """Return how many entries fit the bar as traded and not the adjusted one, and the other way round."""
    at = np.clip(np.searchsorted(bars.time, time, side="right") - 1, 0, len(bars) - 1)
    return _Ends(bars.open[at], bars.high[at], bars.low[at], bars.close[at]).fits(price, factor)


@dataclass(frozen=True)
class _Ends:
    """Prices of the entries' bars as traded, shape (n_entries,) each."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray

    def fits(self, price: FloatArray, factor: FloatArray) -> tuple[int, int]:
        """Return how many prices fit the bar as traded and not the adjusted one, and the other way round.

        A price within the bar fits; one that both could hold is at the open or the close of one of them.
        """
        low, high = self.low * (1 - _NEAR), self.high * (1 + _NEAR)
        raw = (price >= low) & (price <= high)
        adjusted = (price >= low * factor) & (price <= high * factor)
        both = raw & adjusted
        ends = np.stack([self.open, self.close])
        raw &= ~both | np.isclose(ends, price, rtol=_NEAR, atol=0).any(axis=0)
        adjusted &= ~both | np.isclose(ends * factor, price, rtol=_NEAR, atol=0).any(axis=0)
        return int((raw & ~adjusted).sum()), int((adjusted & ~raw).sum())
