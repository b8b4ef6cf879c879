"""Entry, exit and total efficiency: how much of the range traded during the trade was taken. Hindsight."""

from __future__ import annotations

import numpy as np

from exitladder.measures.exits.closed import ClosedTrades, Columns


def efficiencies(closed: ClosedTrades) -> Columns:
    """Return ``hindsight_entry_efficiency``, ``hindsight_exit_efficiency`` and ``hindsight_total_efficiency``.

    With the best and worst price of the holding period (the prices of the fills included), in the trade's direction:
    entry (best - entry) / (best - worst), exit (exit - worst) / (best - worst), total (exit - entry) / (best - worst).
    Total is entry plus exit minus 1. The exit is the quantity-weighted price. NaN if price never moved.

    Notes
    -----
    The definition of TradeStation's and Sierra Chart's reports.
    """
    exit_r = closed.exit_r
    best = np.maximum(closed.simulation.mfe_r[closed.rows], _by_trade(closed, np.maximum))
    worst = np.minimum(closed.simulation.mae_r[closed.rows], _by_trade(closed, np.minimum))
    moved = best > worst
    width = np.where(moved, best - worst, np.nan)
    return {
        "hindsight_entry_efficiency": best / width,
        "hindsight_exit_efficiency": (exit_r - worst) / width,
        "hindsight_total_efficiency": exit_r / width,
    }


def _by_trade(closed: ClosedTrades, extreme: np.ufunc) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(extreme.reduceat(closed.r, closed.start[:-1]) if len(closed) else np.zeros(0))
