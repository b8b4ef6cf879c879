"""The numbers a search may choose from: multiples of a step, or equal steps between two ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exitladder.errors import SettingsError

# Thresholds of signals have this many equal steps.
_LEVELS = 20


@dataclass(frozen=True)
class Grid:
    """Numbers by position: ``start + k * step`` for k from `low` to `high`.

    Parameters
    ----------
    start, step : float
    low, high : int
    is_log : bool
        Whether equal ratios are as likely as each other, and not equal differences.

    Examples
    --------
    >>> grid = multiples((0.5, 1.25), 0.25, "search.trail_width")
    >>> [grid.number(k) for k in range(grid.low, grid.high + 1)]
    [0.5, 0.75, 1.0, 1.25]
    >>> grid.position(0.75), grid.position(0.8), grid.position(9.0)
    (3, None, None)
    """

    start: float
    step: float
    low: int
    high: int
    is_log: bool = False

    def number(self, k: int) -> float:
        """Return the number at position k."""
        return round(self.start + k * self.step, 10)

    def position(self, number: float) -> int | None:
        """Return the position of a number, or None if it is not in the grid."""
        k = round((number - self.start) / self.step) if self.step > 0 else self.low
        return k if self.low <= k <= self.high and self.number(k) == number else None


def multiples(limits: Sequence[float], step: float, place: str, *, is_log: bool = True) -> Grid:
    """Return the multiples of `step` within the limits.

    Parameters
    ----------
    limits : sequence of float
        Least and greatest number, both included.
    step : float
    place : str
        Name of the setting, for messages.
    is_log : bool
        Whether equal ratios are equally likely; the multiples are then above 0.

    Returns
    -------
    Grid

    Raises
    ------
    SettingsError
        If there is no multiple within the limits.
    """
    low = math.ceil(limits[0] / step - 1e-9)
    high = math.floor(limits[-1] / step + 1e-9)
    if is_log:
        low = max(low, 1)
    if low > high:
        raise SettingsError(
            f"{place} must hold a multiple of its step {step:g}{' above 0' if is_log else ''}, but is {list(limits)}."
        )
    return Grid(0.0, step, low, high, is_log)


def levels(limits: Sequence[float]) -> Grid:
    """Return equal steps from the least to the greatest of the limits; a single number if they are equal."""
    low, high = float(limits[0]), float(limits[-1])
    if low == high:
        return Grid(low, 0.0, 0, 0)
    return Grid(low, (high - low) / _LEVELS, 0, _LEVELS)
