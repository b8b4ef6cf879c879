"""The market's own drift: what the same side of a trade's symbol gained, on average, over as many bars."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.execution import ORDERS, Simulation
from exitladder.trades.trades import PlacedTrades

_ENTRY, _MARK, _ADD = (ORDERS.index(name) for name in ("entry", "mark", "add"))


def drift_per_bar(placed: PlacedTrades) -> FloatArray:
    """Return the mean return of a bar by symbol, close to close, over the bars known to these trades.

    Parameters
    ----------
    placed : PlacedTrades
        Bars of a symbol count up to the latest end of its trades (`end_bar`), so that a tuning reads none after its
        cut.

    Returns
    -------
    float64 array, shape (n_symbols,)
        0 for a symbol without trades or with fewer than two bars.
    """
    bars = placed.bars
    found = np.zeros(len(bars.start) - 1)
    for k, first in enumerate(bars.start[:-1]):
        end = placed.end_bar[placed.symbol_index == k].max(initial=first)
        close = bars.close[first:end]
        if len(close) > 1:
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.diff(close) / np.abs(close[:-1])
            step = step[np.isfinite(step)]
            found[k] = step.mean() if len(step) else 0.0
    return found


def drift_r(simulation: Simulation, per_bar: FloatArray) -> FloatArray:
    """Return what the drift alone would have made of each trade's position, in the ladder's R.

    Parameters
    ----------
    simulation : Simulation
    per_bar : float64 array, shape (n_symbols,)
        From `drift_per_bar`.

    Returns
    -------
    float64 array, shape (n_trades,)
        ``side x drift x entry price / R x sum over sales of (share sold x closes between entry and sale)``; an open
        rest counts until its mark, and an add from its fill on. NaN if the trade was skipped.
    """
    placed, fills = simulation.placed, simulation.fills
    sold = fills.order != _ENTRY
    trade = fills.trade[sold]
    bars = np.maximum(fills.bar[sold] + (fills.order[sold] == _MARK) - placed.first_bar[trade], 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = fills.quantity[sold] / simulation.quantity[trade] * np.where(fills.order[sold] == _ADD, -1.0, 1.0)
        scale = per_bar[placed.symbol_index] * np.abs(placed.trades.entry_price) / simulation.risk
        if simulation.growth is not None:
            scale = scale * simulation.risk * simulation.quantity / simulation.planned
    held = np.bincount(trade, share * bars, minlength=len(placed))
    return np.where(np.isfinite(simulation.r), placed.trades.side * scale * held, np.nan)
