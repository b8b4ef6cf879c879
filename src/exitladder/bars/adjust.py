"""Prices adjusted for splits and dividends by the source's own adjusted close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import BarsError

_LARGEST = 1e9
# the factor only falls where shares were merged; a smaller fall is a wrong dividend
_FALL = 0.05


@dataclass(frozen=True)
class Adjustment:
    """Adjusted columns and how much they changed.

    Parameters
    ----------
    columns : mapping of str to float64 array, shape (n,)
        ``open, high, low, close`` and ``volume`` if it was there.
    n_changed : int
        Rows whose close differs from the one before the adjustment.
    falls : int64 array
        Positions at which the factor is smaller than on the bar before by more than a twentieth; only
        a merger of shares does that.
    """

    columns: Mapping[str, FloatArray]
    n_changed: int
    falls: IntArray


def adjust_prices(columns: Mapping[str, FloatArray], place: str = "bars") -> Adjustment:
    """Return prices times ``adj_close / close``, and volume divided by it.

    Parameters
    ----------
    columns : mapping of str to float64 array, shape (n,)
        ``open, high, low, close, adj_close`` and maybe ``volume``, in time order.
    place : str
        For messages.

    Raises
    ------
    BarsError
        If a factor is not a number, not positive, or beyond a billion either way.

    Notes
    -----
    The volume is divided by the whole factor, dividends included: what changed hands in money
    (price times volume) is unchanged. The source's factor also knows of later splits and dividends;
    returns, R and ATR in percent do not depend on that, absolute prices do.

    Examples
    --------
    >>> halves = {k: np.array([100.0, 50.0]) for k in ("open", "high", "low", "close")}
    >>> adjust_prices({**halves, "adj_close": np.array([50.0, 50.0])}).columns["open"]
    array([50., 50.])
    """
    close, adjusted = columns["close"], columns["adj_close"]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = adjusted / close
    bad = ~(np.isfinite(factor) & (factor > 1 / _LARGEST) & (factor < _LARGEST))
    if bad.any():
        i = int(np.argmax(bad))
        raise BarsError(
            "adj_close divided by close must be a positive number between 1e-9 and 1e9, but adj_close is "
            f"{adjusted[i]:g} and close is {close[i]:g} ({place}, bar {i + 1}); {int(bad.sum())} bars are concerned. "
            'Correct adj_close, or read the bars as they are with adjust="none" (--set data.adjust=none).'
        )
    open_, high, low = (columns[name] * factor for name in ("open", "high", "low"))
    out = {
        "open": open_,
        # rounding must not push the close, which is taken as given, out of the range
        "high": np.maximum(high, np.maximum(open_, adjusted)),
        "low": np.minimum(low, np.minimum(open_, adjusted)),
        "close": adjusted.copy(),
    }
    if "volume" in columns:
        out["volume"] = columns["volume"] / factor
    falls = np.flatnonzero(factor[1:] < factor[:-1] * (1 - _FALL)) + 1
    return Adjustment(out, int(np.count_nonzero(adjusted != close)), falls)
