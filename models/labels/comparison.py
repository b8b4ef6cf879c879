"""Labels from the literature, for comparison with the product's own on the same rows.

Like those of `labels` they look ahead, at highs and lows of the market's bars, and state the bar at which they are
known.
"""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.errors import ModelError
from exitladder.models.labels.kernels import barrier_rows, pivot_rows, remaining_rows
from exitladder.models.labels.labels import Labels, above_zero, empty_labels, label_bars, label_rows, risk_of_rows
from exitladder.trades.rows import TradeRows
from exitladder.trades.trades import PlacedTrades


def triple_barrier(
    placed: PlacedTrades, rows: TradeRows, atr: FloatArray, give_back_atr: float, extend_atr: float, horizon: int
) -> Labels:
    """Return 1 where price extends first, -1 where it gives back first, 0 where neither within `horizon` bars.

    A bar that reaches both distances counts as giving back. A row whose horizon ends after the data, with neither
    reached, is censored.

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    atr : float64 array, shape (n_bars,)
        Average true range known at each bar's close, in price.
    give_back_atr, extend_atr : float
        Distances from the close of the row, in ATR of the row.
    horizon : int
        Bars.

    Returns
    -------
    Labels
        -1, 0 or 1.

    Raises
    ------
    ModelError
        If a distance is not above 0, or `atr` does not have one value per bar.

    Notes
    -----
    Source: M. López de Prado, Advances in Financial Machine Learning (2018), section 3.4.
    """
    above_zero(give_back_atr=give_back_atr, extend_atr=extend_atr)
    _whole(horizon)
    found, bars = empty_labels(rows), label_bars(placed.bars, atr)
    barrier_rows(label_rows(placed, rows), bars, float(give_back_atr), float(extend_atr), int(horizon), found)
    return Labels(*found)


def forward_return(placed: PlacedTrades, rows: TradeRows, horizon: int, risk: FloatArray) -> Labels:
    """Return the gain from each row's close to the close `horizon` bars later, in R.

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    horizon : int
        Bars.
    risk : float64 array, shape (n_trades,)
        1R of each trade, in price; where it is not above zero the labels are NaN.

    Returns
    -------
    Labels
        R.

    Raises
    ------
    ModelError
        If the horizon is not a whole number from 1, or `risk` does not have one value per trade.
    """
    _whole(horizon)
    trade, bar = rows.trade, rows.bar
    final = placed.end_bar[trade] - 1
    later = np.minimum(bar + horizon, final)
    gain = placed.trades.side[trade] * (placed.bars.close[later] - placed.bars.close[bar])
    known = bar + horizon <= final
    return Labels(np.where(known, gain, np.nan) / risk_of_rows(risk, rows), later.astype(np.int64))


def remaining_mfe(
    placed: PlacedTrades, rows: TradeRows, atr: FloatArray, give_back_atr: float, risk: FloatArray
) -> Labels:
    """Return how much further price goes, from each row's close, before it gives back, in R.

    Giving back is measured from the best price since the row's close. On a driftless market the mean is then
    the distance itself; measured from the row's close it would have none.

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    atr : float64 array, shape (n_bars,)
        Average true range known at each bar's close, in price.
    give_back_atr : float
        Distance, in ATR of the row.
    risk : float64 array, shape (n_trades,)
        1R of each trade, in price.

    Returns
    -------
    Labels
        R.

    Raises
    ------
    ModelError
        If a distance is not above 0, or `atr` does not have one value per bar.
    """
    above_zero(give_back_atr=give_back_atr)
    found = empty_labels(rows)
    remaining_rows(label_rows(placed, rows), label_bars(placed.bars, atr), float(give_back_atr), found)
    return Labels(found.value / risk_of_rows(risk, rows), found.end_bar)


def pivot_hazard(placed: PlacedTrades, rows: TradeRows, atr: FloatArray, give_back_atr: float) -> Labels:
    """Return 1 at the bar of a trade's best price before its first give-back, 0 at the bars before it.

    The discrete form of a hazard: a learner of it estimates the chance that the move ends with this bar, given
    that it has not ended. Bars after the pivot are not at risk and have no label, nor have the bars since the
    best of a trade whose data end before it gave back.

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    atr : float64 array, shape (n_bars,)
        Average true range known at each bar's close, in price.
    give_back_atr : float
        Distance from the best price since the entry, in ATR of the bar before.

    Returns
    -------
    Labels
        0 or 1.

    Raises
    ------
    ModelError
        If a distance is not above 0, or `atr` does not have one value per bar.
    """
    above_zero(give_back_atr=give_back_atr)
    found = empty_labels(rows)
    pivot_rows(label_rows(placed, rows), label_bars(placed.bars, atr), float(give_back_atr), found)
    return Labels(*found)


def _whole(horizon: int) -> None:
    if isinstance(horizon, bool) or not isinstance(horizon, (int, np.integer)) or horizon < 1:
        raise ModelError(f"labels.horizon_bars must be a whole number from 1, but is {horizon!r}.")
