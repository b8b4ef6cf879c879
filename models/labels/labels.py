"""What the model learns: labels of (trade, bar) rows, each with the bar at which it is known.

Labels look ahead on purpose. They read the market's bars and not the trade's own exit: a row after
the historical exit has a label too, and only the end of a symbol's data leaves one unresolved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.errors import ModelError
from exitladder.models.labels.kernels import (
    Found,
    LabelBars,
    LabelRows,
    barrier_rows,
    continuation_rows,
    reached_rows,
)
from exitladder.trades.rows import TradeRows
from exitladder.trades.trades import PlacedTrades


@dataclass(frozen=True)
class Labels:
    """One label per (trade, bar) row.

    Parameters
    ----------
    value : float64 array, shape (n_rows,)
        NaN where the label is censored: unresolved by the end of the symbol's data, or its ATR is
        not known.
    end_bar : int64 array, shape (n_rows,)
        The bar (through the whole `BarSet`) at whose close the label is known; for a censored row
        the symbol's last bar, up to which it was looked for.
    """

    value: FloatArray
    end_bar: IntArray

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """Whether each row has a label, shape (n_rows,)."""
        return np.isfinite(self.value)


def race(placed: PlacedTrades, rows: TradeRows, atr: FloatArray, give_back_atr: float, extend_atr: float) -> Labels:
    """Return whether price gives back before it extends, seen from each row's close: 1 yes, 0 no.

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    atr : float64 array, shape (n_bars,)
        Average true range known at each bar's close, in price.
    give_back_atr, extend_atr : float
        Distances k and m from the close of row t, in ATR of t.

    Returns
    -------
    Labels
        0 or 1.

    Raises
    ------
    ModelError
        If a distance is not above 0, or `atr` does not have one value per bar.

    Notes
    -----
    Looks ahead from bar t+1 on, at highs and lows. A bar that reaches both distances counts as
    giving back. On a driftless market the share of ones is m / (m + k).
    """
    above_zero(give_back_atr=give_back_atr, extend_atr=extend_atr)
    found, bars = empty_labels(rows), label_bars(placed.bars, atr)
    barrier_rows(
        label_rows(placed, rows), bars, float(give_back_atr), float(extend_atr), placed.bars.n_bars, found
    )  # fmt: skip
    return Labels((1.0 - found.value) / 2.0, found.end_bar)


def continuation_advantage(
    placed: PlacedTrades,
    rows: TradeRows,
    atr: FloatArray,
    trail_atr: float,
    risk: FloatArray,
    cost_r: float | FloatArray = 0.0,
) -> Labels:
    """Return the advantage of holding under a baseline trail over exiting now, in R, for each row.

    Both exits could have been traded. A decision at the close of t is a market order for the
    open of t+1 (rule X2a), so *exiting now* is worth the open of t+1 and not the close of t. The
    baseline is a trail of `trail_atr` ATR that starts at the close of t with that close as its best
    price, is in force from bar t+1, ratchets on completed bars only (rule X5) and fills at its line or
    at a worse open (rule X2b).

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    atr : float64 array, shape (n_bars,)
        Average true range known at each bar's close, in price.
    trail_atr : float
        Width of the baseline trail, in ATR.
    risk : float64 array, shape (n_trades,)
        1R of each trade, in price; where it is not above zero the labels are NaN.
    cost_r : float or float64 array, shape (n_trades,)
        Extra cost of the later exit over the one now, in R. Both are one fill that pays slippage and
        commission, so the default is 0; financing of the time held would go here.

    Returns
    -------
    Labels
        R.

    Raises
    ------
    ModelError
        If a distance is not above 0, or `atr` does not have one value per bar.

    Notes
    -----
    Looks ahead from bar t+1 on. Positive: holding paid. This is one step of policy improvement over the
    baseline (Longstaff and Schwartz 2001 use the same realised cash flows).
    """
    above_zero(trail_atr=trail_atr)
    found = empty_labels(rows)
    continuation_rows(label_rows(placed, rows), label_bars(placed.bars, atr), float(trail_atr), found)
    cost = per_trade(cost_r, rows, "cost_r")
    return Labels(found.value / risk_of_rows(risk, rows) - np.repeat(cost, rows.lengths), found.end_bar)


def reachable_rows(placed: PlacedTrades, rows: TradeRows, atr: FloatArray, trail_atr: float) -> npt.NDArray[np.bool_]:
    """Return whether a generous trail from the entry would still hold the trade at each row's close.

    Rows that no sensible ladder reaches would train the model on states that it never has to predict;
    training without them gains more than any choice of label. A bar whose ATR is not known adds nothing
    to the trail. Does not look ahead: row t depends on bars up to t.

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    atr : float64 array, shape (n_bars,)
        Average true range known at each bar's close, in price.
    trail_atr : float
        Width of the trail, in ATR; about twice the width one would trade.

    Returns
    -------
    bool array, shape (n_rows,)

    Raises
    ------
    ModelError
        If a distance is not above 0, or `atr` does not have one value per bar.
    """
    above_zero(trail_atr=trail_atr)
    reached = np.empty(rows.n_rows)
    bars, entry_price = label_bars(placed.bars, atr), placed.trades.entry_price
    reached_rows(label_rows(placed, rows), bars, entry_price, float(trail_atr), reached)
    return reached > 0


def per_trade(values: float | FloatArray, rows: TradeRows, name: str) -> FloatArray:
    """Return one number per trade, from one number for all or one for each.

    Parameters
    ----------
    values : float or float64 array, shape (n_trades,)
    rows : TradeRows
    name : str
        Of the values, for messages.

    Returns
    -------
    float64 array, shape (n_trades,)

    Raises
    ------
    ModelError
        If the array does not have one value per trade.
    """
    n_trades = len(rows.first_bar)
    out = np.asarray(values, dtype=np.float64)
    if out.ndim and out.shape != (n_trades,):
        raise ModelError(f"{name} must be one number or one per trade ({n_trades}), but has shape {out.shape}.")
    return np.broadcast_to(out, (n_trades,))


def risk_of_rows(risk: FloatArray, rows: TradeRows) -> FloatArray:
    """Return 1R of each row's trade, NaN where it has none."""
    unit = per_trade(risk, rows, "risk")
    return np.repeat(np.where(unit > 0, unit, np.nan), rows.lengths)


def empty_labels(rows: TradeRows) -> Found:
    """Return arrays for the values and the end bars, for a kernel to fill."""
    return Found(np.empty(rows.n_rows), np.empty(rows.n_rows, dtype=np.int64))


def label_rows(placed: PlacedTrades, rows: TradeRows) -> LabelRows:
    """Return the rows as kernels read them."""
    return LabelRows(rows.start, rows.first_bar, placed.end_bar, placed.trades.side.astype(np.int64))


def label_bars(bars: BarSet, atr: FloatArray) -> LabelBars:
    """Return the bars as kernels read them."""
    if atr.shape != (bars.n_bars,):
        raise ModelError(f"atr must have one value per bar ({bars.n_bars}), but has shape {atr.shape}.")
    return LabelBars(bars.open, bars.high, bars.low, bars.close, np.ascontiguousarray(atr, dtype=np.float64))


def above_zero(**distances: float) -> None:
    """Refuse distances that are not above 0, by their names in the settings."""
    for name, value in distances.items():
        if not value > 0:
            raise ModelError(f"labels.{name} must be above 0, but is {value!r}.")


def average_uniqueness(first_bar: npt.ArrayLike, last_bar: npt.ArrayLike) -> FloatArray:
    """Return each label's average uniqueness: the mean over its bars of 1 / (number of labels that use the bar).

    The sum is the effective number of labels, reported beside their count. As training weights, uniqueness would
    change the target (labels that resolve fast weigh more), so it is not used for that here.

    Parameters
    ----------
    first_bar, last_bar : int array, shape (n,)
        Each label's span, both ends included.

    Returns
    -------
    float64 array, shape (n,)
        Above 0, at most 1.

    Raises
    ------
    ModelError
        If a label ends before it begins.

    Notes
    -----
    Source: M. López de Prado, Advances in Financial Machine Learning (2018), section 4.4.

    Examples
    --------
    Three labels over bars 0 to 3: the first and the second share bar 1.

    >>> average_uniqueness([0, 1, 3], [1, 2, 3])
    array([0.75, 0.75, 1.  ])
    """
    first, last = np.asarray(first_bar, dtype=np.int64), np.asarray(last_bar, dtype=np.int64)
    if not len(first):
        return np.empty(0)
    if (last < first).any():
        raise ModelError("A label's last bar must not precede its first, but some do. Swap them.")
    origin = int(first.min())
    length = int(last.max()) - origin + 1
    change = np.zeros(length + 1, dtype=np.int64)
    np.add.at(change, first - origin, 1)
    np.add.at(change, last - origin + 1, -1)
    count = np.cumsum(change[:-1])
    share = np.where(count > 0, 1.0 / np.maximum(count, 1), 0.0)
    running = np.concatenate([[0.0], np.cumsum(share)])
    return np.asarray((running[last - origin + 1] - running[first - origin]) / (last - first + 1))
