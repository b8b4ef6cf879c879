"""Whole lots outside the compiled engine, rounded by its own functions (S1)."""

from __future__ import annotations

from exitladder.execution.kernel.rounding import on_grid, whole_steps
from exitladder.runtime.compiling import interpreted

_whole_steps, _on_grid = interpreted(whole_steps), interpreted(on_grid)


def whole_lots(lots: float, lot: float) -> float:
    """Return a number of lots rounded down to whole ones; as it is where `lot` is 0 and they are units."""
    return float(_whole_steps(lots, 1.0 if lot > 0 else 0.0))


def down_to_lot(quantity: float, lot: float) -> float:
    """Return a quantity rounded down to a multiple of the lot; as it is where `lot` is 0."""
    return float(_on_grid(_whole_steps(quantity, lot), lot))
