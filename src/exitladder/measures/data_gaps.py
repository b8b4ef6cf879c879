"""Where the data did not reach: rungs without a price, and bars that no finer bars made up."""

from __future__ import annotations

from typing import Any

import numpy as np

from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.simulation import Simulation


def inactive_rungs(simulation: Simulation) -> dict[str, Any]:
    """Return in how many trades a rung's target could not be found at the entry (no swing, no ATR yet).

    ``n_trades`` had at least one such rung; ``by_rung`` counts the trades of each rung, in the ladder's order.
    Skipped trades do not count.
    """
    carried = simulation.status != o.SKIPPED
    inactive = simulation.rungs[carried, s.KIND] == o.INACTIVE
    return {"n_trades": int(inactive.any(axis=1).sum()), "by_rung": [int(n) for n in inactive.sum(axis=0)]}


def coarse_bars(simulation: Simulation) -> dict[str, int]:
    """Return how many bars of how many trades ``finer_bars`` took ``stop_first``, and of how many in all.

    ``n_bars`` fell back because no finer bars made them up (same highest high, same lowest low), in
    ``n_trades`` trades; ``n_bars_lived`` is the bars that trades lived through.
    """
    coarse = np.where(simulation.status == o.SKIPPED, 0, simulation.coarse_bars)
    # The bar of the last fill is lived through too, though it is not counted as held.
    lived = np.where(simulation.status == o.SKIPPED, 0, simulation.bars_held + (simulation.status == o.CLOSED))
    return {"n_bars": int(coarse.sum()), "n_trades": int((coarse > 0).sum()), "n_bars_lived": int(lived.sum())}
