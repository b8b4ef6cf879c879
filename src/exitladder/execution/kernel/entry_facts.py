"""The facts known at each entry: the last closed bar, its ATR, and the confirmed swings (section Targets)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, FloatTable, IntArray, IntTable, plain
from exitladder.bars.atr import atr_of_set
from exitladder.bars.bars import BarSet
from exitladder.bars.swings import Pivots, last_swing, levels_beyond, pivot_highs
from exitladder.errors import BarsError, LadderError
from exitladder.execution.kernel.packed import Entries, Market
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import AT_CLOSE, INTRABAR, PlacedTrades


def make_market(bars: BarSet, windows: Sequence[int], finer: BarSet | None) -> Market:
    """Return the bars as the kernels read them, with the ATR of each window and the finer bars.

    Finer bars are used only if they make up the whole bar: if their highest high and lowest low are
    the bar's own. A part of a bar would hide the extreme that stopped the trade out.

    Parameters
    ----------
    bars : BarSet
    windows : sequence of int
        ATR windows, in bars.
    finer : BarSet, optional
        Bars of a shorter interval.

    Returns
    -------
    Market

    Raises
    ------
    BarsError
        If finer bars are not shorter than the bars.
    """
    none, never = np.empty(0), np.empty(0, dtype=np.bool_)
    columns, finer_idle = (none,) * 5, never
    first = end = np.empty(0, dtype=np.int64)
    if finer is not None:
        columns = (finer.open, finer.high, finer.low, finer.close, finer.volume)
        finer_idle = idle_bars(finer)
        first, end = _finer_ranges(bars, finer)
    return Market(
        plain(bars.open, np.float64),
        plain(bars.high, np.float64),
        plain(bars.low, np.float64),
        plain(bars.close, np.float64),
        plain(bars.volume, np.float64),
        idle_bars(bars),
        np.array([atr_of_set(bars, window) for window in windows]).reshape(len(windows), bars.n_bars),
        *columns,
        finer_idle,
        first,
        end,
    )


def idle_bars(bars: BarSet) -> BoolArray:
    """Return in which bars nothing traded: volume 0 and one price, in a series that had volume before (S4a).

    Returns
    -------
    bool array, shape (n_bars,)
        Empty if there is no such bar.
    """
    flat = (bars.volume == 0.0) & (bars.high == bars.low)
    if not flat.any():
        return np.empty(0, dtype=np.bool_)
    for k in range(len(bars.symbols)):
        part = slice(int(bars.start[k]), int(bars.start[k + 1]))
        flat[part] &= np.maximum.accumulate(bars.volume[part] > 0.0)
    return flat if flat.any() else np.empty(0, dtype=np.bool_)


def _finer_ranges(bars: BarSet, finer: BarSet) -> tuple[IntArray, IntArray]:
    first = np.zeros(bars.n_bars, dtype=np.int64)
    end = np.zeros(bars.n_bars, dtype=np.int64)
    for k, symbol in enumerate(bars.symbols):
        if symbol not in finer.symbols:
            continue
        f = finer.index(symbol)
        if finer.interval_ns[f] >= bars.interval_ns[k]:
            raise BarsError(
                f"Finer bars must be shorter than the bars themselves, but those of '{symbol}' last "
                f"{finer[symbol].interval} and the bars {bars[symbol].interval}. Load bars of a shorter interval."
            )
        part = slice(int(bars.start[k]), int(bars.start[k + 1]))
        shift = int(finer.start[f])
        time = finer.time[shift : int(finer.start[f + 1])]
        opens = bars.time[part]
        closes = opens + bars.interval_ns[k]
        closes[:-1] = np.minimum(closes[:-1], opens[1:])
        low = np.searchsorted(time, opens, side="left") + shift
        high = np.searchsorted(time, closes, side="left") + shift
        filled = np.flatnonzero(high > low)
        if not len(filled):
            continue
        # reduceat over pairs (low, high); the odd places cover the gaps in between and are dropped.
        bounds = np.stack([low[filled], high[filled]], axis=1).ravel()
        highest = np.maximum.reduceat(np.append(finer.high, -np.inf), bounds)[::2]
        lowest = np.minimum.reduceat(np.append(finer.low, np.inf), bounds)[::2]
        whole = (highest == bars.high[part][filled]) & (lowest == bars.low[part][filled])
        first[part][filled[whole]] = low[filled[whole]]
        end[part][filled[whole]] = high[filled[whole]]
    return first, end


def make_entries(
    placed: PlacedTrades, ladders: Sequence[Ladder], market: Market, finer: BarSet | None, due: IntTable
) -> Entries:
    """Return the trades as the kernels read them, with the swings that the ladders' targets need.

    Parameters
    ----------
    placed : PlacedTrades
    ladders : sequence of Ladder
    market : Market
    finer : BarSet, optional
        Bars of a shorter interval.
    due : int64 array, shape (n_timings, n_trades, DUE_COLUMNS)
        From `exitladder.execution.clock_exits.clock_exits`.

    Returns
    -------
    Entries

    Raises
    ------
    LadderError
        If a ladder caps fills by volume and a trade's bars have none.
    """
    _check_volume(placed, ladders)
    trades = placed.trades
    # At the open or inside of bar e the last closed bar is e - 1; at its close it is e.
    known = placed.entry_bar - (placed.entry_at != AT_CLOSE)
    known = np.where(known >= placed.bars.start[placed.symbol_index], known, -1)
    anchor, swing, levels, supports = _swings(placed, ladders, known)
    return Entries(
        side=trades.side.astype(np.int64),
        price=plain(trades.entry_price, np.float64),
        stop=plain(trades.stop_price, np.float64),
        quantity=plain(trades.quantity, np.float64),
        entry_bar=plain(placed.entry_bar, np.int64),
        first_bar=plain(placed.first_bar, np.int64),
        end_bar=plain(placed.end_bar, np.int64),
        known_bar=known.astype(np.int64),
        finer_entry=_finer_entry(placed, market, finer),
        anchor=anchor,
        swing=swing,
        levels=levels,
        supports=supports,
        due=due,
    )


def _check_volume(placed: PlacedTrades, ladders: Sequence[Ladder]) -> None:
    if not any(ladder.execution.participation > 0 for ladder in ladders):
        return
    for k in np.unique(placed.symbol_index):
        if not placed.bars.has_volume[k]:
            raise LadderError(
                "execution.participation caps fills by the bar's volume, but the bars of "
                f"'{placed.bars.symbols[k]}' have none. Load bars with volume or set participation = 0."
            )


def _finer_entry(placed: PlacedTrades, market: Market, finer: BarSet | None) -> IntArray:
    """Return the first finer bar after an entry inside its bar, -1 if there is none (X6)."""
    out = np.full(len(placed), -1, dtype=np.int64)
    if finer is None:
        return out
    for i in np.flatnonzero(placed.entry_at == INTRABAR):
        e = int(placed.entry_bar[i])
        low, high = int(market.finer_first[e]), int(market.finer_end[e])
        first = low + int(np.searchsorted(finer.time[low:high], placed.trades.entry_time[i], side="left"))
        if first < high:
            out[i] = first
    return out


def _swings(
    placed: PlacedTrades, ladders: Sequence[Ladder], known: IntArray
) -> tuple[FloatArray, FloatArray, FloatTable, FloatTable]:
    targets = [r.target for ladder in ladders for r in ladder.rungs if r.target is not None]
    targets += [add.at for ladder in ladders for add in ladder.adds if add.at is not None]
    wants_fib = any(t.unit == "fib" for t in targets)
    most = max((int(t.value) for t in targets if t.unit == "resistance"), default=0)
    most_below = max((int(t.value) for t in targets if t.unit == "support"), default=0)
    n = len(placed)
    anchor, swing, levels = np.full(n, np.nan), np.full(n, np.nan), np.full((n, most), np.nan)
    supports = np.full((n, most_below), np.nan)
    if not wants_fib and most == 0 and most_below == 0:
        return anchor, swing, levels, supports
    for k in np.unique(placed.symbol_index):
        for side in (1, -1):
            rows = np.flatnonzero((placed.symbol_index == k) & (placed.trades.side == side) & (known >= 0))
            if not len(rows):
                continue
            highs, lows, start = _pivots(placed.bars, int(k), side)
            for i in rows:
                bar = int(known[i]) - start
                anchor[i], swing[i] = last_swing(highs, lows, bar)
                price = side * float(placed.trades.entry_price[i])
                levels[i] = levels_beyond(highs, price, bar, most)
                supports[i] = -levels_beyond(Pivots(lows.bar, lows.known_at, -lows.price), -price, bar, most_below)
    return anchor, swing, levels, supports


def _pivots(bars: BarSet, k: int, side: int) -> tuple[Pivots, Pivots, int]:
    """Return pivot highs and lows of the market as this side sees it: a short is a long on negated prices."""
    part = slice(int(bars.start[k]), int(bars.start[k + 1]))
    high, low = (bars.high[part], bars.low[part]) if side > 0 else (-bars.low[part], -bars.high[part])
    lows = pivot_highs(-low)
    return pivot_highs(high), Pivots(lows.bar, lows.known_at, -lows.price), part.start
