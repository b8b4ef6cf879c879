"""The best last exit within the risk that the trade had. **Hindsight**: nobody knew that price at the time."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.measures.exits.closed import NEAR, ClosedTrades, Columns
from exitladder.measures.exits.sessions import Sessions
from exitladder.measures.exits.walks import best_prices, walks_of


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
    own, last_exit = closed.exit_r, closed.last_exit
    until = sessions.closing_bar(closed.bar[last_exit])
    until = np.where(until < 0, closed.end - 1, until).astype(np.int64)
    share = closed.share[last_exit]
    made = own - share * closed.r[last_exit]
    allowed = np.where(-position_mae_r > 1.0, -position_mae_r, 1.0)
    best = made + share * best_prices(walks_of(closed), until, made, allowed)
    gains = best > NEAR
    return {
        "hindsight_best_exit_r": best,
        "hindsight_best_exit_gain_r": best - own,
        "hindsight_best_exit_efficiency": np.where(gains, own / np.where(gains, best, 1.0), np.nan),
    }
