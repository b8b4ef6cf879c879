"""What managing a trade cost or gave: its result minus that of the set-and-forget exit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.simulation import Simulation
from exitladder.measures.exits.closed import ClosedTrades, Columns
from exitladder.plans.adds import AddRules
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.size import Size
from exitladder.plans.units import Target

SET_AND_FORGET = "set and forget"


def set_and_forget(ladder: Ladder, target: Target | None = None) -> Ladder | None:
    """Return the ladder of a trade left alone: the initial stop and one target for everything.

    Parameters
    ----------
    ladder : Ladder
        Gives the costs, the initial stop and, if `target` is not given, its first target.
    target : Target, optional

    Returns
    -------
    Ladder or None
        Without break-even, trail and time stop. None if the ladder has no target either.
    """
    targets = [rung.target for rung in ladder.rungs if rung.target is not None and rung.target.value > 0]
    chosen = target or next(iter(targets), None)
    if chosen is None:
        return None
    return replace(
        ladder,
        name=SET_AND_FORGET,
        rungs=(Rung(1.0, chosen),),
        stop=Stop(initial=ladder.stop.initial),
        tuned=None,
        adds=(),
        size=Size(),
        add_rules=AddRules(),
    )


def managing(closed: ClosedTrades, plan: Simulation | None) -> Columns:
    """Return the set-and-forget result of each trade and what managing it gave.

    Parameters
    ----------
    closed : ClosedTrades
    plan : Simulation or None
        The same trades under `set_and_forget`.

    Returns
    -------
    dict
        ``set_and_forget_r`` net R; ``managing_r`` the trade's net R minus it, negative if managing cost. NaN without
        a plan, if the target has no price for the trade, or if the data end before its target and its stop.
    """
    if plan is None:
        nothing = np.full(len(closed), np.nan)
        return {"set_and_forget_r": nothing, "managing_r": nothing.copy()}
    is_known = (plan.status == o.CLOSED) & (plan.rungs[:, s.KIND, 0] == o.LIMIT)
    left_alone = np.where(is_known, plan.r, np.nan)[closed.rows]
    return {"set_and_forget_r": left_alone, "managing_r": closed.net_r - left_alone}
