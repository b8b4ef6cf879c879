"""A ladder in one line of words."""

from __future__ import annotations

from exitladder.ladder import Ladder


def in_words(ladder: Ladder) -> str:
    """Return what a ladder does, in one line; costs and execution are left out.

    Examples
    --------
    >>> in_words(
    ...     Ladder.from_mapping(
    ...         {
    ...             "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.5, "when": ["exhaustion >= 0.7"]}],
    ...             "stop": {"initial": "2ATR", "breakeven_after": 1, "trail": "3ATR", "trail_from": "2R", "time": 40},
    ...         }
    ...     )
    ... )
    '25% at 1R, 50% when exhaustion >= 0.7, breakeven after rung 1, trail 3ATR from 2R, out after 40 bars'
    >>> in_words(Ladder())
    'initial stop only'
    """
    parts = [
        f"{rung.fraction * 100:.4g}% at {rung.target}"
        if rung.target is not None
        else f"{rung.fraction * 100:.4g}% when {' and '.join(map(str, rung.when))}"
        for rung in ladder.rungs
    ]
    stop = ladder.stop
    if stop.breakeven_after is not None:
        parts.append(f"breakeven after rung {stop.breakeven_after}")
    if stop.trail is not None:
        armed = f" from {stop.trail_from}" if stop.trail_from is not None else ""
        armed = f" after rung {stop.trail_after}" if stop.trail_after is not None else armed
        parts.append(f"trail {stop.trail}{armed}")
    if stop.time is not None:
        parts.append(f"out after {stop.time} bars")
    return ", ".join(parts) or "initial stop only"
