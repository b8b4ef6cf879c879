"""Adjusted prices against the market's: orders at adjusted prices must not be sent."""

from __future__ import annotations

import math

import numpy as np

from exitladder.bars.bars import BarSet
from exitladder.pipelines.advice.wording.sentences import number

# how the warning begins
NOT_TO_SEND = "Do not send these orders"
_SAME = 1e-5
# of the newest bars, and the most decimals that a price has
_READ, _MOST = 250, 6


def traded_close(bars: BarSet, bar: int) -> float:
    """Return the close of a bar as traded if the bars have another one, an adjusted one; NaN if they are the same.

    Parameters
    ----------
    bars : BarSet
    bar : int
        Position of the bar.

    Returns
    -------
    float
    """
    if bars.factor is None or abs(float(bars.factor[bar]) - 1) <= _SAME:
        return math.nan
    return float(round(float(bars.close[bar]) / float(bars.factor[bar]), 8))


def price_step(bars: BarSet, symbol: int) -> float:
    """Return the last decimal of a symbol's prices as traded: 0.01 if they have two; 0 if they have too many.

    Parameters
    ----------
    bars : BarSet
    symbol : int
        Position of the symbol.

    Returns
    -------
    float
    """
    end = int(bars.start[symbol + 1])
    part = slice(max(int(bars.start[symbol]), end - _READ), end)
    if bars.factor is None:
        prices = np.concatenate([column[part] for column in (bars.open, bars.high, bars.low, bars.close)])
    else:
        prices = bars.close[part] / bars.factor[part]
    for decimals in range(_MOST + 1):
        if (np.abs(prices - np.round(prices, decimals)) <= 1e-9 * np.maximum(1.0, np.abs(prices))).all():
            return float(round(10.0**-decimals, decimals))
    return 0.0


def adjusted_warning(symbol: str, close: float, traded: float) -> str:
    """Return the warning that the prices of a symbol's orders are not those of its market.

    Parameters
    ----------
    symbol : str
    close, traded : float
        The last close, adjusted and as traded.

    Returns
    -------
    str
        Empty if `traded` is NaN.

    Examples
    --------
    >>> adjusted_warning("IBM", 183.5, float("nan"))
    ''
    """
    if math.isnan(traded):
        return ""
    return (
        f"{NOT_TO_SEND}: prices of {symbol} are adjusted, and the market trades elsewhere. The last bar "
        f"closed at {number(traded)} as traded, {number(round(close, 4))} adjusted by adj_close. Score on prices as "
        "traded (--set data.adjust=none), with entry_price and stop_price as traded, or on bars whose adj_close equals "
        "the close on the last bar."
    )
