"""Adds of a backtest: how often they filled and their effect on the size and the risk of trades (docs/plans.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exitladder.execution import STATUS, Simulation

IN_PLANNED_RISK = (
    "R of a plan with adds divides by the planned risk of the trade, R of other exits by the risk of the first entry "
    "(docs/plans.md). Money is the same in both."
)


def adds_summary(parts: Sequence[Simulation]) -> dict[str, Any]:
    """Return how often adds filled and their effect on the size and the risk of trades.

    Parameters
    ----------
    parts : sequence of Simulation

    Returns
    -------
    dict
        ``n_trades`` with at least one add, ``n_adds``, ``n_dropped`` (no quantity after the caps), ``n_inactive`` (not
        resolved at the entry, or only beyond the stop), ``n_runners`` trades in which rungs of the whole position left
        what later adds bought to the stop, ``n_below_minus_1`` trades whose net loss is above their planned risk,
        ``mean_size`` and ``max_size`` the quantity entered over the first quantity, ``planned_risk`` the sum in
        account currency.
    """
    known = [part.status != STATUS.index("skipped") for part in parts]

    def total(values: Sequence[Any]) -> Any:
        return np.concatenate([value[mask] for value, mask in zip(values, known, strict=True)])

    size = total([part.quantity_entered for part in parts]) / total([part.quantity for part in parts])
    n_adds = total([part.n_adds for part in parts])
    return {
        "n_trades": int((n_adds > 0).sum()),
        "n_adds": int(n_adds.sum()),
        "n_dropped": int(total([part.dropped_adds for part in parts]).sum()),
        "n_inactive": int(total([part.inactive_adds for part in parts]).sum()),
        "n_runners": int(total([part.grown_runners for part in parts]).sum()),
        "n_below_minus_1": int((total([part.r for part in parts]) < -1.0 - 1e-9).sum()),
        "mean_size": float(size.mean()) if len(size) else None,
        "max_size": float(size.max()) if len(size) else None,
        "planned_risk": float(total([part.planned_risk for part in parts]).sum()),
    }
