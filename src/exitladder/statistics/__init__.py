"""How sure a number is: bootstrap, intervals, comparison, overfitting; knows no bar, no trade and no ladder."""

from __future__ import annotations

from exitladder.statistics.intervals import Intervals

__all__ = ["Intervals"]
