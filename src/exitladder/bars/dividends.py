"""Cash dividends of bars as traded, by the bar of each ex-date."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.bars.actions import Action
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import stamp_text
from exitladder.errors import BarsError, did_you_mean

COLUMNS = ("dividend", "dividends")
"""Names of a column with the cash per share on the bar of the ex-date."""

# a change of the factor beyond this share of the price is a split or a merger of shares, as ln(after / before)
_LARGEST = 0.2
# relative noise of prices kept as single precision
_NOISE = 1e-5
_DECIMALS = 6


def dividends_by_factor(close: FloatArray, adj_close: FloatArray) -> FloatArray:
    """Return the cash dividends that an adjusted close knows, 0 on bars without one, shape (n,).

    Parameters
    ----------
    close, adj_close : float64 array, shape (n,)
        As traded, and adjusted for dividends (and maybe splits).

    Notes
    -----
    Sources multiply all adjusted closes before an ex-date by 1 - D / C, with C the close before it (Yahoo's and CRSP's
    multiplier). With the factor f = adj_close / close this gives D = C (1 - f_before / f). Rises of f within the
    rounding of the two columns are none; rises above 22% are splits (20 more shares for 100 old ones and more), and so
    are falls.

    Examples
    --------
    >>> dividends_by_factor(np.array([100.0, 97.5]), np.array([97.0, 97.5])).round(6)
    array([0., 3.])
    """
    out = np.zeros(len(close))
    if len(close) < 2:
        return out
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = adj_close / close
        error = _rounding(close) / close + _rounding(adj_close) / adj_close
        share = 1 - factor[:-1] / factor[1:]
        paid = (share > _NOISE + error[1:] + error[:-1]) & (np.log(factor[1:] / factor[:-1]) < _LARGEST)
    out[1:] = np.where(paid, close[:-1] * share, 0.0)
    return out


def _rounding(prices: FloatArray) -> float:
    """Return half of the last decimal that prices are written with, 0 if they have more than six."""
    for decimals in range(_DECIMALS + 1):
        if np.allclose(prices, np.round(prices, decimals), rtol=1e-12, atol=1e-12):
            return float(0.5 * 10.0**-decimals)
    return 0.0


def dividend_column(bars: Bars) -> str:
    """Return the name of the column with dividends, blank if there is none or it pays nothing."""
    for name in COLUMNS:
        if name in bars.extra and np.nansum(np.abs(bars.extra[name])) > 0:
            return name
    return ""


def dividends_of(bars: Bars, *, trust_column: bool) -> FloatArray:
    """Return the cash per share by bar, from a column of dividends or from the adjusted close; 0 if there is neither.

    Parameters
    ----------
    bars : Bars
        As traded.
    trust_column : bool
        Whether a column of dividends counts without ``adj_close`` beside it. Some sources write such a column beside
        prices that are adjusted already.

    Returns
    -------
    float64 array, shape (n_bars,)

    Raises
    ------
    BarsError
        If a dividend is negative or not less than the close before it.
    """
    adjusted, name = bars.extra.get("adj_close"), dividend_column(bars)
    if name and (trust_column or adjusted is not None):
        return _checked(bars, np.nan_to_num(bars.extra[name]))
    if adjusted is not None:
        return dividends_by_factor(bars.close, adjusted)
    return np.zeros(len(bars))


def dividends_of_set(bars: BarSet, *, trust_column: bool = False) -> FloatArray:
    """Return the dividends of all symbols by bar, shape (n_bars,); see `dividends_of`."""
    return np.concatenate([dividends_of(bars[symbol], trust_column=trust_column) for symbol in bars])


def dividends_of_actions(bars: BarSet, actions: Sequence[Action]) -> FloatArray:
    """Return the dividends among some actions by bar, shape (n_bars,).

    Parameters
    ----------
    bars : BarSet
        As traded.
    actions : sequence of Action
        Splits among them are ignored; so are ex-dates outside a symbol's bars.

    Returns
    -------
    float64 array, shape (n_bars,)
        On the first bar at or after the ex-date.

    Raises
    ------
    BarsError
        If a symbol has no bars, or a dividend is not less than the close before it.
    """
    out = np.zeros(bars.n_bars)
    for action in actions:
        if action.dividend == 0:
            continue
        if action.symbol not in bars:
            raise BarsError(f"There are no bars of '{action.symbol}'. {did_you_mean(action.symbol, bars)}")
        k = bars.index(action.symbol)
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        i = low + int(np.searchsorted(bars.time[low:high], action.time))
        if low < i < high:
            out[i] += action.dividend
    for k, symbol in enumerate(bars.symbols):
        _checked(bars[symbol], out[int(bars.start[k]) : int(bars.start[k + 1])])
    return out


def _checked(bars: Bars, cash: FloatArray) -> FloatArray:
    before = np.concatenate([[np.inf], bars.close[:-1]])
    bad = (cash < 0) | (cash >= before)
    if bad.any():
        i = int(np.argmax(bad))
        raise BarsError(
            f"A dividend must be 0 or more and less than the price, but '{bars.symbol}' pays {cash[i]:g} on "
            f"{stamp_text(int(bars.time[i]))} at a close of {before[i]:g} before. Check the unit (pence or pounds), or "
            "set data.dividends=ignore."
        )
    return cash
