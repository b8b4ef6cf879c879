"""Trades that keep every rule and are probably wrong: stops that are no prices, and rows that come twice."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray
from exitladder.bars.bars import BarSet
from exitladder.trades.checks import after_the_bars, exits_between_bars
from exitladder.trades.trades import PlacedTrades, Trades

# a stop farther than this share of the entry price is most often a distance or a percentage
_WIDE = 0.5
# R below this share of a usual bar's range: any bar moves many R
_TIGHT = 0.05
# names of Binance and OKX: BTCUSD_PERP, BTC-USD-SWAP, BTC-USD-240628
_COIN_MARGINED = re.compile(r"[A-Z0-9]{2,}(?:USD_(?:PERP|\d{6})|-USD-(?:SWAP|\d{6}))")


def doubtful_trades(placed: PlacedTrades) -> list[str]:
    """Return a sentence on each kind of doubtful trade: stops, repeats, exits without a bar, contracts.

    Examples
    --------
    A long at 110 with a stop_price of 5 has 1R of 105, which no exit ever reaches: 5 was the distance.
    """
    return [
        *wide_stops(placed.trades),
        *tight_stops(placed),
        *repeated_trades(placed.trades),
        *late_exits(placed),
        *between_bars(placed),
        *linear_by_default(placed),
    ]


def linear_by_default(placed: PlacedTrades) -> list[str]:
    """Return a sentence on symbols with the name of a coin-margined contract and no such contract, if any."""
    names = sorted(set(map(str, placed.trades.symbol)))
    contracts = placed.bars.contracts
    linear = [
        name for name in names if _COIN_MARGINED.fullmatch(name) and not getattr(contracts.get(name), "inverse", False)
    ]
    if not linear:
        return []
    shown = linear[0]
    return [
        f"{', '.join(linear[:5])} {'has' if len(linear) == 1 else 'have'} the name of a coin-margined contract, but "
        f"profit is counted as price x quantity. Set [symbols.{shown}] inverse = true, multiplier and currency (its "
        "coin)"
    ]


def wide_stops(trades: Trades) -> list[str]:
    """Return a sentence on trades that risk more than half of their entry price, if any."""
    risk = np.abs(trades.entry_price - trades.stop_price)
    with np.errstate(invalid="ignore"):
        wide = risk > _WIDE * trades.entry_price
    if not wide.any():
        return []
    return [
        f"{_count(wide, 'risks', 'risk')} more than half of the entry price, such as {_shown(trades, wide)}. "
        "stop_price must be a price, not a distance or a percentage: correct it, or leave it blank"
    ]


def tight_stops(placed: PlacedTrades) -> list[str]:
    """Return a sentence on trades with an R far smaller than a usual bar of their symbol, if any."""
    trades = placed.trades
    usual = _usual_ranges(placed.bars)[placed.symbol_index]
    risk = np.abs(trades.entry_price - trades.stop_price)
    with np.errstate(invalid="ignore"):
        tight = risk < _TIGHT * usual
    if not tight.any():
        return []
    return [
        f"{_count(tight, 'has', 'have')} a stop nearer than a twentieth of a usual bar's range, such as "
        f"{_shown(trades, tight)}. A bar then moves many R and few trades decide the result: correct stop_price, or "
        "use bars of a shorter interval"
    ]


def repeated_trades(trades: Trades) -> list[str]:
    """Return a sentence on trades that repeat another one under another trade_id, if any."""
    rows = pd.DataFrame(
        {
            "symbol": trades.symbol,
            "side": trades.side,
            "time": trades.entry_time,
            "price": trades.entry_price,
            "quantity": trades.quantity,
            "stop": trades.stop_price,
            "exit_time": trades.exit_time,
            "exit_price": trades.exit_price,
        }
    )
    again = rows.duplicated().to_numpy()
    if not again.any():
        return []
    return [
        f"{_count(again, 'repeats', 'repeat')} symbol, side, quantity, stop, entry and exit of another one, such as "
        f"{_shown(trades, again)}. If a file was imported twice, remove the repeats: they add no evidence"
    ]


def late_exits(placed: PlacedTrades) -> list[str]:
    """Return a sentence on trades with own exits after the last bar of their symbol, if any."""
    own = placed.trades.own_exits()
    late = np.zeros(len(placed), dtype=bool)
    late[own.trade[after_the_bars(placed, own.trade, own.time)]] = True
    if not late.any():
        return []
    return [
        f"{_count(late, 'was', 'were')} closed after the last bar of the symbol, such as "
        f"{_shown(placed.trades, late)}. Their own exits are no baseline: load bars that cover them"
    ]


def between_bars(placed: PlacedTrades) -> list[str]:
    """Return a sentence on trades with own exits at times without a bar, as on a weekend, if any."""
    between = exits_between_bars(placed)
    if not between.any():
        return []
    return [
        f"{_count(between, 'was', 'were')} closed at a time without a bar (a weekend, outside the session or a gap), "
        f"such as {_shown(placed.trades, between)}. Their own exits count in the bar before: check --tz, or correct "
        "the times"
    ]


def _usual_ranges(bars: BarSet) -> FloatArray:
    """Return the median high − low of each symbol's bars, shape (n_symbols,), in price."""
    found = []
    for symbol in bars.symbols:
        own = bars[symbol]
        moved = own.high > own.low
        found.append(float(np.median((own.high - own.low)[moved])) if moved.any() else np.nan)
    return np.array(found, dtype=np.float64)


def _count(which: BoolArray, one: str, many: str) -> str:
    n = int(which.sum())
    return f"{n} of {len(which)} trades {one if n == 1 else many}"


def _shown(trades: Trades, which: BoolArray) -> str:
    i = int(np.argmax(which))
    side = "long" if trades.side[i] > 0 else "short"
    stop = "no stop" if np.isnan(trades.stop_price[i]) else f"stop_price {trades.stop_price[i]:.10g}"
    return f"'{trades.trade_id[i]}', {side} at {trades.entry_price[i]:.10g} with {stop}"
