"""How a ladder is executed on bars."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exitladder.execution.many_ladders import LadderMoments, simulate_many, simulate_moments
    from exitladder.execution.one_ladder import simulate
    from exitladder.execution.own_exits import simulate_own_exits
    from exitladder.execution.simulation import ORDERS, STATUS, Fills, Simulation

__all__ = [
    "ORDERS",
    "STATUS",
    "Fills",
    "LadderMoments",
    "Simulation",
    "simulate",
    "simulate_many",
    "simulate_moments",
    "simulate_own_exits",
]

# The compiler loads at first use: the statistics of this package do without it.
_HOMES = {
    "simulate": "one_ladder",
    "simulate_many": "many_ladders",
    "simulate_moments": "many_ladders",
    "LadderMoments": "many_ladders",
    "simulate_own_exits": "own_exits",
    "Simulation": "simulation",
    "Fills": "simulation",
    "ORDERS": "simulation",
    "STATUS": "simulation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
