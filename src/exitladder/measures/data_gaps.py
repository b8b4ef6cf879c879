"""Data gaps: rungs without a price, and bars that the finer bars do not reproduce."""

from __future__ import annotations

from collections.abc import Mapping
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


def removed_rungs(simulation: Simulation) -> dict[str, Any]:
    """Return the number of trades in which rounding to the lot, or the minimum quantity, left a rung nothing to sell.

    ``n_trades`` had at least one such rung; ``by_rung`` counts the trades of each rung, in ladder order. Such a rung
    never fills, and what follows its fill (break-even, trail) never happens. Skipped trades do not count.
    """
    carried = simulation.status != o.SKIPPED
    removed = simulation.rungs[carried, s.STATUS] == o.WITHOUT_SIZE
    return {"n_trades": int(removed.any(axis=1).sum()), "by_rung": [int(n) for n in removed.sum(axis=0)]}


def removed_text(counts: Mapping[str, Any], n_trades: int) -> str:
    """Return what to say of rungs that rounding removed; empty if none was.

    Parameters
    ----------
    counts : mapping
        Of `removed_rungs`.
    n_trades : int
        Trades that were executed.

    Examples
    --------
    >>> removed_text({"n_trades": 9, "by_rung": [9, 0, 2]}, 10)  # doctest: +ELLIPSIS
    'Rounding to the lot removed rung 1 in 9 and rung 3 in 2 of 10 trades: they never fill there...
    """
    if not counts["n_trades"]:
        return ""
    named = [f"rung {k} in {n}" for k, n in enumerate(counts["by_rung"], start=1) if n]
    shown = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return (
        f"Rounding to the lot removed {shown} of {n_trades} trades: they never fill there, and a stop move after their "
        "fill never happens. Trade larger quantities, or set lot and min_quantity."
    )


def coarse_bars(simulation: Simulation) -> dict[str, int]:
    """Return the number of bars on which ``finer_bars`` fell back to ``stop_first``.

    ``n_bars`` fell back because the finer bars do not reproduce them (same highest high, same lowest low), in
    ``n_trades`` trades; ``n_bars_lived`` is the number of bars that trades were exposed to.
    """
    coarse = np.where(simulation.status == o.SKIPPED, 0, simulation.coarse_bars)
    # A trade is exposed to the bar of its last fill too, although it does not count as held.
    lived = np.where(simulation.status == o.SKIPPED, 0, simulation.bars_held + (simulation.status == o.CLOSED))
    return {"n_bars": int(coarse.sum()), "n_trades": int((coarse > 0).sum()), "n_bars_lived": int(lived.sum())}
