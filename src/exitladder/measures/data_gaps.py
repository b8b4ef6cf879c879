"""Data gaps: rungs without a price, and bars that the finer bars do not reproduce."""

from __future__ import annotations

from typing import Any

import numpy as np

from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.simulation import Simulation


def inactive_rungs(simulation: Simulation) -> dict[str, Any]:
    """Return the number of trades in which a rung's target was undefined at the entry (no swing, no ATR yet).

    ``n_trades`` had at least one such rung; ``by_rung`` counts the trades of each rung, in ladder order. Skipped
    trades do not count.
    """
    carried = simulation.status != o.SKIPPED
    inactive = simulation.rungs[carried, s.KIND] == o.INACTIVE
    return {"n_trades": int(inactive.any(axis=1).sum()), "by_rung": [int(n) for n in inactive.sum(axis=0)]}


def coarse_bars(simulation: Simulation) -> dict[str, int]:
    """Return the number of bars on which ``finer_bars`` fell back to ``stop_first``.

    ``n_bars`` fell back because the finer bars do not reproduce them (same highest high, same lowest low), in
    ``n_trades`` trades; ``n_bars_lived`` is the number of bars that trades were exposed to.
    """
    coarse = np.where(simulation.status == o.SKIPPED, 0, simulation.coarse_bars)
    # A trade is exposed to the bar of its last fill too, although it does not count as held.
    lived = np.where(simulation.status == o.SKIPPED, 0, simulation.bars_held + (simulation.status == o.CLOSED))
    return {"n_bars": int(coarse.sum()), "n_trades": int((coarse > 0).sum()), "n_bars_lived": int(lived.sum())}
