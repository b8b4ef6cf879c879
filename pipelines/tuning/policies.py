"""The simple exits that a tuned ladder is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exitladder.execution.signals import Signals
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Distance, Target
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import SearchSettings, Settings
from exitladder.trades.trades import PlacedTrades

SINGLE_TARGET = "best single target"
TRAILING_STOP = "best trailing stop"
CLASSIC = "classic 25/25/50"
TIME_STOP = "hold to the time stop"
OWN_EXITS = "your own exits"
OWN_LADDER = "your ladder"
TUNED = "tuned ladder"
WITHOUT_MODEL = "tuned ladder without the model"
WITHOUT_ADDS = "tuned ladder without adds"
MODEL_OR_TRAIL = "model or trail"
SIMPLEST = "best simple exit"
# What `train` finds of a model that may be used.
EDGE = "edge"

# Time stops are tried one by one up to so many bars, and then in steps.
_SHORT = 10


@dataclass(frozen=True)
class Policy:
    """A named way to exit, with the ladder that executes it."""

    name: str
    ladder: Ladder


def steps(bounds: Sequence[float], step: float) -> list[float]:
    """Return the multiples of `step` within ``[bounds[0], bounds[-1]]``.

    Examples
    --------
    >>> steps([0.5, 1.25], 0.25)
    [0.5, 0.75, 1.0, 1.25]
    """
    first, last = round(bounds[0] / step), round(bounds[-1] / step)
    return [round(k * step, 10) for k in range(max(first, 1), last + 1)]


def baseline_candidates(base: Ladder, search: SearchSettings) -> dict[str, list[Ladder]]:
    """Return the candidates of each baseline; each is tuned on the same trades as the ladder.

    They have the time stops of the search space: the longest, none, or, for `TIME_STOP`, all up to ten bars and then
    every fifth.
    """
    least, longest = min(search.time_bars), max(search.time_bars)
    nearest, farthest = search.limits("first_target", "R")
    reach = farthest + search.limits("target_gap", "R")[1] * (max(search.n_rungs) - 1)
    targets = steps([nearest, reach], search.step("target_step", "R"))
    widths = steps(search.limits("trail_width", "ATR"), search.step("trail_step", "ATR"))
    trails = [Distance(width, "ATR") for width in widths]
    holds = sorted({*range(least, min(longest, _SHORT) + 1), *range(max(least, _SHORT), longest + 1, 5), longest})
    stops = [
        Stop(initial=base.stop.initial, time=longest if way == "bars" else None, **base.stop.hours_kept)
        for way in dict.fromkeys(search.time_stop)
    ]

    def rungs(*pairs: tuple[float, float]) -> tuple[Rung, ...]:
        return tuple(Rung(fraction, Target(r, "R")) for fraction, r in pairs)

    classic = rungs((0.25, 1.0), (0.25, 2.0))
    trailed = [replace(stop, trail=d) for stop in stops for d in trails]
    return {
        SINGLE_TARGET: [
            replace(base, name=SINGLE_TARGET, rungs=rungs((1.0, r)), stop=stop) for stop in stops for r in targets
        ],
        TRAILING_STOP: [replace(base, name=TRAILING_STOP, rungs=(), stop=stop) for stop in trailed],
        CLASSIC: [
            replace(base, name=CLASSIC, rungs=classic, stop=replace(stop, breakeven_after=1, trail_after=1))
            for stop in trailed
        ],
        TIME_STOP: [replace(base, name=TIME_STOP, rungs=(), stop=replace(stops[0], time=n)) for n in holds],
    }


def tune_baselines(
    placed: PlacedTrades,
    base: Ladder,
    settings: Settings,
    signals: Signals | None = None,
    progress: Progress = SILENT,
) -> list[Policy]:
    """Return each baseline at its best parameter on these trades, by the objectives that the ladder is tuned by.

    Parameters
    ----------
    placed : PlacedTrades
    base : Ladder
        Costs, execution and initial stop.
    settings : Settings
    signals : Signals, optional
    progress : Progress

    Returns
    -------
    list of Policy
        One per kind of baseline.
    """
    found = []
    candidates = baseline_candidates(base, settings.search)
    objectives = Objectives.of(settings, placed, signals, base)
    with progress.stage("baselines", len(candidates)) as advance:
        for name, ladders in candidates.items():
            found.append(Policy(name, ladders[objectives.choose(objectives.judge(ladders), ladders)]))
            advance(1)
    return found
