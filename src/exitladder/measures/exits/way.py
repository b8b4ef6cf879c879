"""Updraw and drawdown: how much of the way to its target and to its stop a trade went while it was held."""

from __future__ import annotations

import numpy as np

from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.simulation import Simulation
from exitladder.measures.exits.closed import ClosedTrades, Columns


def ways(closed: ClosedTrades, plan: Simulation | None) -> Columns:
    """Return the target's distance and the shares of the way to target and stop.

    Parameters
    ----------
    closed : ClosedTrades
    plan : Simulation or None
        The same trades under `exitladder.measures.exits.managing.set_and_forget`, whose target counts.

    Returns
    -------
    dict
        ``target_r`` R of the target's price; ``updraw`` MFE over it; ``drawdown`` MAE over the distance to the
        initial stop (1R). 1 is all the way, more is beyond. NaN without a target price above the entry.
    """
    target = np.full(len(closed), np.nan)
    if plan is not None:
        entry, risk = (plan.states[closed.rows, k] for k in (s.ENTRY, s.RISK))
        kind, level = (plan.rungs[closed.rows, k, 0] for k in (s.KIND, s.LEVEL))
        with np.errstate(divide="ignore", invalid="ignore"):
            target = np.where(kind == o.LIMIT, (level - entry) / risk, np.nan)
    return {
        "target_r": target,
        "updraw": closed.simulation.mfe_r[closed.rows] / target,
        "drawdown": 0.0 - closed.simulation.mae_r[closed.rows],
    }
