"""Which open trades can be scored on these bars, and why the others cannot."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.errors import TradesError
from exitladder.settings.tables import Settings
from exitladder.trades.adjust import across_splits
from exitladder.trades.trades import PlacedTrades, Trades, place_trades

# A symbol whose last bar is older than the newest of all by more than this, or by more than so many bars, is stale.
_STALE_DAYS, _STALE_BARS = 7, 5
# An entry price this many times away from its bar is of another split.
_OTHER_SPLIT = 1.2


def why_not_scored(trades: Trades, bars: BarSet, settings: Settings) -> list[str]:
    """Return for each open trade why it cannot be scored, empty if it can.

    Parameters
    ----------
    trades : Trades
        Open ones.
    bars : BarSet
        Bars that have closed.
    settings : Settings

    Returns
    -------
    list of str
        Rule, value and cure.
    """
    texts = [""] * len(trades)
    ends = bars.close_time[bars.start[1:] - 1]
    newest = int(ends.max())
    known = {symbol: k for k, symbol in enumerate(bars.symbols)}
    for i, symbol in enumerate(map(str, trades.symbol)):
        if symbol not in known:
            texts[i] = f"There are no bars of {symbol}. Add them, or name them with --symbol-map."
            continue
        k = known[symbol]
        end, interval = int(ends[k]), int(bars.interval_ns[k])
        if newest - end > max(_STALE_DAYS * DAY_NS, _STALE_BARS * interval):
            days = (newest - end) // DAY_NS
            texts[i] = (
                f"The last bar of {symbol} is {days} days older than the newest bar: it is stale, or the symbol is "
                "delisted. Update its bars, or close the trade in the file."
            )
        elif int(trades.entry_time[i]) >= end:
            when = pd.Timestamp(int(trades.entry_time[i]), tz="UTC")
            texts[i] = (
                f"Entered at {when:%Y-%m-%d %H:%M}, after the last closed bar of {symbol}. Load newer bars to list its "
                "orders."
            )
    rows = np.flatnonzero([text == "" for text in texts])
    placed, kept = _placed(trades, bars, rows, texts)
    if placed is not None:
        _note_splits(placed, kept, settings, texts)
    return texts


def _placed(trades: Trades, bars: BarSet, rows: IntArray, texts: list[str]) -> tuple[PlacedTrades | None, IntArray]:
    """Return the trades that are within their bars, and note the others."""
    if not len(rows):
        return None, rows
    try:
        return place_trades(trades.take(rows), bars), rows
    except TradesError:
        pass
    for i in rows:
        try:
            place_trades(trades.take([i]), bars)
        except TradesError as fault:
            texts[i] = str(fault)
    kept = np.array([i for i in rows if not texts[i]], dtype=np.int64)
    return (place_trades(trades.take(kept), bars) if len(kept) else None), kept


def _note_splits(placed: PlacedTrades, rows: IntArray, settings: Settings, texts: list[str]) -> None:
    """Note trades whose entry price is of another split than the bars, or which span one that is not adjusted."""
    if settings.data.splits == "keep":
        return
    bars, entry = placed.bars, placed.trades.entry_price
    high, low = bars.high[placed.entry_bar], bars.low[placed.entry_bar]
    is_far = (entry > high * _OTHER_SPLIT) | (entry * _OTHER_SPLIT < low)
    across = across_splits(placed, int(np.diff(bars.start).max()))
    for j, i in enumerate(rows):
        symbol = placed.trades.symbol[j]
        if is_far[j]:
            texts[i] = (
                f"The entry price {entry[j]:.10g} is far outside of its bar ({low[j]:.10g} to {high[j]:.10g}), as "
                f"after a split of {symbol}. Adjust the trades (`exitladder trades adjust`) or correct the price."
            )
        elif across[j]:
            texts[i] = (
                f"The bars of {symbol} have an unadjusted split since the entry. Adjust bars and trades "
                "(`exitladder bars adjust --split`, `exitladder trades adjust`), or pass --set data.splits=keep if the "
                "move was real."
            )
