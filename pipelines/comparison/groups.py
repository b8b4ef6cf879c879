"""Where a difference comes from: by symbol, side, year and volatility regime, and the trades that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.atr import atr_of_set
from exitladder.statistics.mean import nanoseconds

if TYPE_CHECKING:
    from exitladder.bars.bars import BarSet

REGIMES = ("calm", "usual", "volatile")
_MOST_SYMBOLS = 40
_SHOWN_TRADES = 10


def groups_of(trades: pd.DataFrame, bars: BarSet | None = None) -> dict[str, Any]:
    """Return the group of each trade, by grouping: symbol, side, year and, with bars, volatility.

    Of more than 40 symbols, those with the fewest trades form one group.

    Parameters
    ----------
    trades : DataFrame
        With symbol, side and entry_time.
    bars : BarSet, optional
    """
    found: dict[str, Any] = {}
    if "symbol" in trades:
        symbol = trades["symbol"].astype(str)
        most = symbol.value_counts().index[:_MOST_SYMBOLS]
        found["symbol"] = symbol.where(symbol.isin(most), "other symbols").to_numpy()
    if "side" in trades:
        found["side"] = trades["side"].astype(str).to_numpy()
    found["year"] = trades["entry_time"].dt.year.astype(str).to_numpy()
    if bars is not None and "symbol" in trades:
        found["volatility"] = regimes(trades["symbol"].astype(str).to_numpy(), nanoseconds(trades["entry_time"]), bars)
    return found


def regimes(symbol: Any, entered: IntArray, bars: BarSet) -> Any:
    """Return the volatility regime in which each trade was entered: a third of its symbol's trades each.

    Volatility is Wilder's ATR of 14 bars over the close, at the last bar that had closed by the entry. The thirds are
    those of the trades compared, so they describe the past and could not have been known at the time.

    Parameters
    ----------
    symbol : array of str, shape (n,)
    entered : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.
    bars : BarSet

    Returns
    -------
    array of str, shape (n,)
        One of `REGIMES`; empty if the symbol has no bar before the entry.
    """
    atr = atr_of_set(bars)
    found = np.full(len(symbol), "", dtype=object)
    place = {name: k for k, name in enumerate(bars.symbols)}
    for name in dict.fromkeys(symbol):
        if name not in place:
            continue
        begin, end = (int(bars.start[place[name] + step]) for step in (0, 1))
        rows = np.flatnonzero(symbol == name)
        bar = begin + np.searchsorted(bars.close_time[begin:end], entered[rows], side="right") - 1
        known = bar >= begin
        value = np.where(known, atr[bar] / bars.close[bar], np.nan)
        known &= np.isfinite(value)
        if known.any():
            edges = np.quantile(value[known], (1 / 3, 2 / 3))
            third = np.searchsorted(edges, value[known], side="left")
            found[rows[known]] = np.array(REGIMES, dtype=object)[third]
    return found


def decisive_trades(both: pd.DataFrame, difference: FloatArray) -> dict[str, Any]:
    """Return the trades that made the difference, and how much depends on a few of them.

    Parameters
    ----------
    both : DataFrame
        The trades compared, by trade_id.
    difference : float64 array, shape (n,)
        Candidate minus baseline, per trade.

    Returns
    -------
    dict
        ``trades``: the ten with the largest difference either way, with ``share`` of the summed difference;
        ``n_half``: the smallest number of trades, largest first, that make half of the summed gains; ``n_gained``,
        ``n_lost``, ``n_equal``; ``difference_without_top_r``: the mean without the 1% of trades that favour the
        winning side most.
    """
    n, total = len(difference), float(difference.sum())
    order = np.argsort(-np.abs(difference), kind="stable")[:_SHOWN_TRADES]
    names = [name for name in ("symbol", "side", "entry_time", "r", "r_first") if name in both]
    rows = [
        {
            "trade_id": str(both.index[i]),
            **{name: _plain(both[name].iloc[i]) for name in names},
            "difference_r": float(difference[i]),
            "share": float(difference[i]) / total if total else None,
        }
        for i in order
        if difference[i]
    ]
    towards = np.sort(difference * (1.0 if total >= 0 else -1.0))[::-1]
    gains = np.cumsum(np.maximum(towards, 0.0))
    n_top = max(1, round(0.01 * n)) if n else 0
    rest = towards[n_top:] * (1.0 if total >= 0 else -1.0)
    return {
        "trades": rows,
        "n_gained": int((difference > 0).sum()),
        "n_lost": int((difference < 0).sum()),
        "n_equal": int((difference == 0).sum()),
        "n_half": int(np.searchsorted(gains, gains[-1] / 2) + 1) if n and gains[-1] > 0 else 0,
        "n_top": n_top,
        "difference_without_top_r": float(rest.mean()) if len(rest) else None,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
