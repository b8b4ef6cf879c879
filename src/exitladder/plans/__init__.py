"""The exit plan: units, ladder, costs, ladder file, description in words."""

from __future__ import annotations

from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Execution, Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance, Target

__all__ = ["Condition", "Costs", "Distance", "Execution", "Ladder", "Rung", "Stop", "Target"]
