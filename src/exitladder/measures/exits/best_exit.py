"""The best last exit within the risk that the trade had. **Hindsight**: nobody knew that price at the time."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.measures.exits.closed import NEAR, ClosedTrades, Columns, PricesInR
from exitladder.measures.exits.sessions import Sessions


def best_exits(closed: ClosedTrades, position_mae_r: FloatArray, sessions: Sessions) -> Columns:
    """Return the result with the last exit moved to its best price, all earlier exits as they were.

    Parameters
    ----------
    closed : ClosedTrades
    position_mae_r : float64 array, shape (n,)
        Worst profit of each position (`exitladder.measures.exits.excursions.position_excursions`).
    sessions : Sessions

    Returns
    -------
    dict
        ``hindsight_best_exit_r`` that result, in R of the entered quantity before commission, at least the trade's
        own; ``hindsight_best_exit_gain_r`` it minus the trade's own; ``hindsight_best_exit_efficiency`` the trade's
        own as a share of it, NaN unless it is above zero.

    Notes
    -----
    Tradervue's rule. The last exit may move to any bar after the exit before it (or the entry) until its session
    closes, or the data end. It may not risk more than the trade did: once a bar's worst price takes the position's
    profit below the larger of its own worst and 1R of loss, the exit was before that bar, at its open at the latest.
    """
    own, best = closed.exit_r, np.empty(len(closed))
    last_exit = closed.last_exit
    until = sessions.closing_bar(closed.bar[last_exit])
    until = np.where(until < 0, closed.end - 1, until)
    for i in range(len(closed)):
        k, start = int(last_exit[i]), int(closed.start[i])
        share, r = float(closed.share[k]), float(closed.r[k])
        made = float(own[i]) - share * r
        begin = int(closed.first[i]) if k == start else max(int(closed.first[i]), int(closed.bar[k - 1]) + 1)
        allowed = max(1.0, -float(position_mae_r[i]))
        prices = closed.prices(i, begin, int(until[i]) + 1)
        best[i] = made + share * max(r, _best_price(prices, made, share, -allowed - NEAR))
    gains = best > NEAR
    return {
        "hindsight_best_exit_r": best,
        "hindsight_best_exit_gain_r": best - own,
        "hindsight_best_exit_efficiency": np.where(gains, own / np.where(gains, best, 1.0), np.nan),
    }


def _best_price(prices: PricesInR, made: float, share: float, least: float) -> float:
    """Return the best price in R reached before the position's profit falls below `least`."""
    too_low = made + share * prices.low < least
    stop = int(too_low.argmax()) if too_low.any() else len(too_low)
    best = float(prices.high[:stop].max(initial=-np.inf))
    if stop < len(too_low) and made + share * prices.open[stop] >= least:
        best = max(best, float(prices.open[stop]))
    return best
