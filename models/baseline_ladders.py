"""Ladders that any learnt one has to beat: single targets, trails, the classic scale-out, a time stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from exitladder.ladder import Distance, Ladder, Rung, Stop, Target
from exitladder.settings import SearchSettings


def single_targets(base: Ladder, targets_r: Sequence[float]) -> list[Ladder]:
    """Return ladders that sell everything at one target or at the trade's own stop.

    Parameters
    ----------
    base : Ladder
        Gives costs, execution, initial stop and ATR window.
    targets_r : sequence of float
        R multiples, above zero.
    """
    return [_ladder(base, f"target {t:g}R", ((1.0, t),), Stop()) for t in targets_r]


def trails(base: Ladder, widths_atr: Sequence[float]) -> list[Ladder]:
    """Return ladders that leave everything to a trail armed from the entry; widths in ATR."""
    return [_ladder(base, f"trail {w:g}ATR", (), Stop(trail=Distance(w, "ATR"))) for w in widths_atr]


def classics(base: Ladder, widths_atr: Sequence[float]) -> list[Ladder]:
    """Return the classic scale-out: a quarter at 1R, a quarter at 2R, half trailed from rung 1 on."""
    rungs = ((0.25, 1.0), (0.25, 2.0))
    return [
        _ladder(base, f"classic, trail {w:g}ATR", rungs, Stop(trail=Distance(w, "ATR"), trail_after=1))
        for w in widths_atr
    ]


def holds(base: Ladder, bars: Sequence[int]) -> list[Ladder]:
    """Return ladders that hold to a time stop or to the trade's own stop; times in bars."""
    return [_ladder(base, f"hold {b} bars", (), Stop(time=int(b))) for b in bars]


def baseline_families(base: Ladder, settings: SearchSettings, n: int = 12) -> dict[str, list[Ladder]]:
    """Return the families single_target, trail, classic and hold, each on a grid over the search's ranges.

    Parameters
    ----------
    base : Ladder
    settings : SearchSettings
        Targets reach from the first target's least to the last target's most.
    n : int
        Most candidates a family.
    """
    furthest = settings.first_target_r[-1] + max(0, settings.n_rungs[-1] - 1) * settings.target_gap_r[-1]
    widths = _grid(settings.trail_atr[0], settings.trail_atr[-1], settings.trail_step_atr, n)
    return {
        "single_target": single_targets(base, _grid(settings.first_target_r[0], furthest, settings.target_step_r, n)),
        "trail": trails(base, widths),
        "classic": classics(base, widths),
        "hold": holds(base, [int(b) for b in _grid(settings.time_bars[0], settings.time_bars[-1], 1, n)]),
    }


def _ladder(base: Ladder, name: str, rungs: tuple[tuple[float, float], ...], stop: Stop) -> Ladder:
    return replace(
        base,
        name=name,
        rungs=tuple(Rung(fraction, target=Target(r, "R")) for fraction, r in rungs),
        stop=replace(stop, initial=base.stop.initial),
    )


def _grid(least: float, most: float, step: float, n: int) -> list[float]:
    """Return at most n multiples of step between least and most, evenly spaced by ratio.

    Examples
    --------
    >>> _grid(0.5, 4.0, 0.25, 4)
    [0.5, 1.0, 2.0, 4.0]
    """
    steps = np.round(np.geomspace(least, most, n) / step)
    return [round(float(k) * step, 10) for k in np.unique(np.maximum(steps, 1))]
