"""Which open trades can be scored on these bars, and why the others cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.bars.bars import BarSet
from exitladder.bars.checking.report import BarsReport, Finding
from exitladder.clock import DAY_NS, close_text, stamp_text
from exitladder.errors import TradesError
from exitladder.pipelines.advice.working.stated import stated_orders
from exitladder.settings.tables import Settings
from exitladder.trades.adjust import across_splits
from exitladder.trades.trades import PlacedTrades, Trades, place_trades

# A symbol whose last bar is older than the newest of all by more than this, or by more than so many bars, is stale.
_STALE_DAYS, _STALE_BARS = 7, 5
# If even the newest bar is older, all orders are.
_OLD_DAYS = 5
# Bars before an entry that ATR and features read with a noticeable weight.
_BARS_BEFORE = 100
# An entry price this many times away from its bar is of another split.
_OTHER_SPLIT = 1.2
# If this share of entries is outside by more than this share of the price, and than the bar's range, all of these are.
_SYSTEMATIC, _FAR = 0.5, 0.05


def old_bars_text(bars: BarSet, moment: int | None, clock: int | None) -> str:
    """Return a warning that even the newest bar is old, empty if it is not.

    Parameters
    ----------
    bars : BarSet
    moment : int or None
        ``--asof``, nanoseconds since 1970 UTC.
    clock : int or None
        The clock's moment without ``--asof``.

    Returns
    -------
    str
        With the cure.
    """
    now = clock if moment is None else moment
    newest = int(bars.close_time.max())
    if now is None or now - newest <= max(_OLD_DAYS * DAY_NS, 2 * int(bars.interval_ns.min())):
        return ""
    days, cure = (now - newest) // DAY_NS, "Update the bars, or pass --asof to score a past date."
    if moment is None:
        return f"The newest bar closed on {close_text(newest)}, {days} days ago. {cure}"
    return f"The newest bar closed on {close_text(newest)}, {days} days before --asof. Update the bars."


def of_open_trades(report: BarsReport, trades: Trades) -> BarsReport:
    """Return the findings on bars that matter to open trades: of their symbols, and not older than their entries need.

    Parameters
    ----------
    report : BarsReport
    trades : Trades
        With a split since its entry, a trade is not scored, and its row says so.

    Returns
    -------
    BarsReport
        Without splits since the entries. Findings that name no bars stay.
    """
    still = trades.is_open
    entered: dict[str, int] = {}
    for symbol, time in zip(map(str, trades.symbol[still]), trades.entry_time[still], strict=True):
        entered[symbol] = min(int(time), entered.get(symbol, int(time)))
    intervals = {summary.symbol: summary.interval_ns for summary in report.symbols}

    def matters(finding: Finding) -> bool:
        if not finding.symbol or finding.rows is None or "timestamp" not in finding.rows:
            return not finding.symbol or finding.symbol in entered
        if finding.symbol not in entered:
            return False
        first = pd.Timestamp(entered[finding.symbol] - _BARS_BEFORE * intervals.get(finding.symbol, DAY_NS), tz="UTC")
        times = pd.to_datetime(finding.rows["timestamp"], utc=True)
        until = pd.Timestamp(entered[finding.symbol], tz="UTC")
        return bool((times >= first).any() and not (finding.rule == "possible_split" and (times > until).all()))

    return replace(report, findings=tuple(finding for finding in report.findings if matters(finding)))


def why_not_scored(trades: Trades, bars: BarSet, settings: Settings, *, may_add: bool = True) -> list[str]:
    """Return for each open trade why it cannot be scored, empty if it can.

    Parameters
    ----------
    trades : Trades
        Open ones.
    bars : BarSet
        Bars that have closed.
    settings : Settings
    may_add : bool
        Whether the ladder has adds, so that ``working_orders`` may state them.

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
        texts[i] = _why_not_stated(trades, i, may_add)
        if texts[i]:
            continue
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
            texts[i] = (
                f"Entered at {stamp_text(int(trades.entry_time[i]))}, after the last closed bar of {symbol}. Load "
                "newer bars to list its orders."
            )
    rows = np.flatnonzero([text == "" for text in texts])
    placed, kept = _placed(trades, bars, rows, texts)
    if placed is not None:
        _note_other_prices(placed, kept, settings, texts)
        _note_splits(placed, kept, settings, texts)
    return texts


def _why_not_stated(trades: Trades, i: int, may_add: bool) -> str:
    """Return why the working orders of a trade cannot be read, empty if they can."""
    if trades.working_orders is None:
        return ""
    try:
        stated_orders(
            str(trades.working_orders[i]), int(trades.side[i]), str(trades.trade_id[i]), str(trades.symbol[i]),
            may_add=may_add,
        )  # fmt: skip
    except TradesError as fault:
        return str(fault)
    return ""


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


def _note_other_prices(placed: PlacedTrades, rows: IntArray, settings: Settings, texts: list[str]) -> None:
    """Note trades whose one entry is at a price that their bar is far from."""
    if settings.data.outside_entries == "keep":
        return
    bars, entry, entries = placed.bars, placed.trades.entry_price, placed.trades.n_entries
    high, low = bars.high[placed.entry_bar], bars.low[placed.entry_bar]
    single = np.ones(len(entry), dtype=bool) if entries is None else entries <= 1  # an average is within no bar
    is_far = single & (np.maximum(low - entry, entry - high) > np.maximum(high - low, _FAR * entry))
    if not is_far.any() or is_far.sum() < _SYSTEMATIC * single.sum():
        is_far = (entry > high * _OTHER_SPLIT) | (entry * _OTHER_SPLIT < low)
    for j in np.flatnonzero(is_far):
        texts[rows[j]] = (
            f"The entry price {entry[j]:.10g} is far outside of its bar ({low[j]:.10g} to {high[j]:.10g}), as after a "
            f"split of {placed.trades.symbol[j]}. Correct price or time, adjust the trades (`exitladder trades "
            "adjust`), or read the bars as traded (--set data.adjust=none)."
        )


def _note_splits(placed: PlacedTrades, rows: IntArray, settings: Settings, texts: list[str]) -> None:
    """Note trades that span a split that is not adjusted."""
    if settings.data.splits == "keep":
        return
    bars = placed.bars
    across = across_splits(placed, int(np.diff(bars.start).max()))
    for j, i in enumerate(rows):
        symbol = placed.trades.symbol[j]
        if across[j] and not texts[i]:
            texts[i] = (
                f"The bars of {symbol} have an unadjusted split since the entry. Adjust bars and trades "
                "(`exitladder bars adjust --split`, `exitladder trades adjust`), or pass --set data.splits=keep if the "
                "move was real."
            )
