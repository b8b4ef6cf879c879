"""What a user does today that the ranges of the search do not cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.plans.ladder import Ladder
from exitladder.settings.ranges import DistanceRange
from exitladder.settings.tables import SearchSettings

_LEAST_WINS = 20


def outside_ranges(search: SearchSettings, ladder: Ladder | None, wins_r: FloatArray) -> tuple[str, ...]:
    """Return sentences on the values of the user's own exits that the search does not reach, with the key that does.

    Parameters
    ----------
    search : SearchSettings
    ladder : Ladder, optional
        The user's own.
    wins_r : float64 array
        Net R of the winners among the user's own exits.

    Returns
    -------
    tuple of str
        Empty if the ranges cover all of them.
    """
    found = []
    if ladder is not None:
        target = next((rung.target for rung in ladder.rungs if rung.target is not None and rung.target.value > 0), None)
        if target is not None and target.unit in ("R", "ATR", "%"):
            found.append(_outside("first target", target.value, target.unit, search.first_target, "first_target"))
        trail = ladder.stop.trail
        if trail is not None:
            found.append(_outside("trailing stop", trail.value, trail.unit, search.trail_width, "trail_width"))
        bars = ladder.stop.time
        if isinstance(bars, int) and search.time_bars and not search.time_bars[0] <= bars <= search.time_bars[-1]:
            ends = f"{search.time_bars[0]} to {search.time_bars[-1]}"
            found.append(f"Your ladder's time stop of {bars} bars is outside search.time_bars ({ends}).")
    least = next((one for one in search.first_target if one.unit == "R"), None)
    if least is not None and len(wins_r) >= _LEAST_WINS and float(np.median(wins_r)) < least.low:
        found.append(
            f"Half of your own {len(wins_r):,} winners left below {float(np.median(wins_r)):.2g}R, which is below the "
            f"least first target of the search ({least.low:g}R): set search.first_target=[\"{_half(wins_r)}R\", "
            f"\"{least.high:g}R\"] to search there."
        )  # fmt: skip
    return tuple(text for text in found if text)


def _half(wins_r: FloatArray) -> str:
    """Return a round number near the lower quartile of the winners."""
    return f"{max(float(np.quantile(wins_r, 0.25)), 0.01):.1g}"


def _outside(part: str, value: float, unit: str, ranges: Sequence[DistanceRange], key: str) -> str:
    """Return a sentence if a distance is in no range, otherwise an empty text."""
    if not ranges:
        return ""
    same = next((one for one in ranges if one.unit == unit), None)
    shown = f"Your ladder's {part} of {value:g}{unit}"
    if same is None:
        units = " and ".join(one.unit for one in ranges)
        return f"{shown} is not in the units searched ({units}): search.{key} may have a range in {unit} too."
    if same.low <= value <= same.high:
        return ""
    low, high = (f"{end:g}{unit}" for end in (min(value, same.low), max(value, same.high)))
    return (
        f"{shown} is outside the range searched ({same.low:g}{unit} to {same.high:g}{unit}); "
        f'search.{key}=["{low}", "{high}"] covers it.'
    )
