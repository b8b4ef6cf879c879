"""The recommended exit: the simplest one that no other exit has significantly beaten, chosen before each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.pipelines.tuning.folds import Mask, WalkForward
from exitladder.pipelines.tuning.policies import (
    CLASSIC,
    MODEL_OR_TRAIL,
    OWN_EXITS,
    OWN_LADDER,
    SIMPLEST,
    SINGLE_TARGET,
    TIME_STOP,
    TRAILING_STOP,
    TUNED,
    WITHOUT_ADDS,
    WITHOUT_MODEL,
)
from exitladder.statistics.comparison import Comparison, compare_r, holm
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.verdict import verdict
from exitladder.trades.trades import Trades

SIMPLE_EXITS = (SINGLE_TARGET, TRAILING_STOP, CLASSIC, TIME_STOP)
Levels = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Lives:
    """When trades were entered, and when they had ended under each exit.

    Parameters
    ----------
    entry : int64 array, shape (n_trades,)
        Nanoseconds since 1970 UTC.
    ends : mapping of str to int64 array, shape (n_trades,)
        By exit; empty if unknown.
    is_open : mapping of str to bool array, shape (n_trades,)
        By exit, whether each trade is still open at the last close; empty if unknown.
    """

    entry: IntArray
    ends: Mapping[str, IntArray] = field(default_factory=dict)
    is_open: Mapping[str, BoolArray] = field(default_factory=dict)

    def take(self, rows: Mask) -> Lives:
        """Return those of some trades."""
        return Lives(
            self.entry[rows],
            {name: end[rows] for name, end in self.ends.items()},
            {name: mask[rows] for name, mask in self.is_open.items()},
        )

    def until(self, one: str, other: str) -> IntArray | None:
        """Return when each trade had ended under both exits; None if unknown."""
        return np.maximum(self.ends[one], self.ends[other]) if self.ends else None

    def open_under(self, one: str, other: str) -> tuple[BoolArray, BoolArray] | None:
        """Return whether each trade is still open under each of two exits; None if unknown."""
        return (self.is_open[one], self.is_open[other]) if self.is_open else None


@dataclass(frozen=True)
class Evidence:
    """A comparison that decided on the recommended exit.

    Parameters
    ----------
    exit, against : str
    found : Comparison
    p_adjusted : float
        Adjusted for all exits compared at the same step (Holm).
    verdict : {"better", "worse", "no_difference"}
    """

    exit: str
    against: str
    found: Comparison
    p_adjusted: float
    verdict: str

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values."""
        found = self.found
        return {
            "exit": self.exit,
            "against": self.against,
            "n_trades": found.n,
            "difference_r": found.difference_r,
            "interval": [found.low, found.high],
            "p_value": found.p_value,
            "p_adjusted": self.p_adjusted,
            "detectable_r": found.detectable_r,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class ExitChoice:
    """An exit chosen from its past, with the comparisons behind the choice."""

    exit: str
    evidence: tuple[Evidence, ...]

    @property
    def deciding(self) -> Evidence | None:
        """The comparison by which this exit replaced a simpler one; None if it was the simplest."""
        won = [e for e in self.evidence if e.exit == self.exit and e.verdict == "better"]
        return won[-1] if won else None


@dataclass(frozen=True)
class Recommendation:
    """The exit to use from now on, and the out-of-sample result of choosing exits in this way.

    Parameters
    ----------
    choice : ExitChoice
        On all scored trades that have ended.
    parts : tuple of ExitChoice
        Before each test part, on scored trades that had ended by then.
    default : str
        The exit that is kept without evidence for another one.
    net_r : float64 array, shape (n_trades,)
        Of every trade under the exit chosen before its part.
    against_default : Comparison
        Of `net_r` with the default, on the trades of all test parts.
    """

    choice: ExitChoice
    parts: tuple[ExitChoice, ...]
    default: str
    net_r: FloatArray
    against_default: Comparison

    @property
    def exit(self) -> str:
        """Name of the recommended exit."""
        return self.choice.exit


def levels_of(policies: Sequence[str], *, model_has_edge: bool) -> Levels:
    """Return the exits to choose from, in levels of complexity, the simplest first.

    Own exits come first, then the own ladder and the simple exits, then the ladder tuned without the model or without
    adds, then the model's own exit, then the ladder tuned with the model or with adds. Without own exits, the first
    level is the own ladder or, if there is none, the best simple exit.

    Parameters
    ----------
    policies : sequence of str
        Names of all exits that were scored.
    model_has_edge : bool
        Whether exits tuned with a model may be recommended.
    """
    known = set(policies)
    with_model = WITHOUT_MODEL in known
    ladders: Levels = ((WITHOUT_MODEL,),) if with_model else ((TUNED,),)
    if WITHOUT_ADDS in known:
        ladders = ((WITHOUT_ADDS,), (TUNED,))
    if with_model and model_has_edge:
        ladders += ((MODEL_OR_TRAIL,), (TUNED,)) if MODEL_OR_TRAIL in known else ((TUNED,),)
    simple = tuple(name for name in (OWN_LADDER, *SIMPLE_EXITS) if name in known)
    if OWN_EXITS in known:
        return ((OWN_EXITS,), simple, *ladders)
    if OWN_LADDER in known:
        return ((OWN_LADDER,), simple[1:], *ladders)
    return ((SIMPLEST,), *ladders)


def choose_exit(net_r: Mapping[str, FloatArray], lives: Lives, levels: Levels, intervals: Intervals) -> ExitChoice:
    """Return the exit that these trades support.

    It begins with the simplest exit. All more complex ones are compared with it, with p-values adjusted for their
    number (Holm). If some are better, the simplest level with one of them provides the next exit, the one with the
    largest difference, and the more complex ones are compared with that.

    Parameters
    ----------
    net_r : mapping of str to float64 array, shape (n_trades,)
        NaN if the result is not known.
    lives : Lives
    levels : tuple of tuples of str
        See `levels_of`.
    intervals : Intervals

    Returns
    -------
    ExitChoice
    """
    at, current = 0, levels[0][0]
    every: list[Evidence] = []
    while at + 1 < len(levels):
        rivals = [name for level in levels[at + 1 :] for name in level]
        found = [
            compare_r(
                net_r[name],
                net_r[current],
                time=lives.entry,
                until=lives.until(name, current),
                is_open=lives.open_under(name, current),
                intervals=intervals,
            )
            for name in rivals
        ]
        adjusted = holm([comparison.p_value for comparison in found])
        step = [
            Evidence(name, current, c, float(p), verdict(c, name, current, p_adjusted=float(p)).kind)
            for name, c, p in zip(rivals, found, adjusted, strict=True)
        ]
        better = {e.exit: e.found.difference_r for e in step if e.verdict == "better"}
        every += step
        if not better:
            break
        at = next(k for k in range(at + 1, len(levels)) if set(levels[k]) & set(better))
        current = max((name for name in levels[at] if name in better), key=lambda name: better[name])
    return ExitChoice(current, tuple(every))


def recommend(
    net_r: pd.DataFrame,
    lives: Lives,
    pasts: Sequence[tuple[Mask, Mask]],
    parts: Sequence[Mask],
    levels: Levels,
    intervals: Intervals,
) -> Recommendation:
    """Return the recommended exit, and the result of choosing exits in the same way before each part.

    Parameters
    ----------
    net_r : DataFrame, shape (n_trades, n_policies)
        Each trade under each policy as its part chose it.
    lives : Lives
    pasts : sequence of (bool array, bool array), shape (n_trades,)
        Before each part, then now: the scored trades that had ended by then, and those whose own exit was known.
    parts : sequence of bool array, shape (n_trades,)
        The trades of each part.
    levels : tuple of tuples of str
    intervals : Intervals

    Returns
    -------
    Recommendation
    """
    choices = []
    for past, known in pasts:
        seen = {str(name): net_r[name].to_numpy(np.float64)[past] for name in net_r}
        if OWN_EXITS in seen:
            seen[OWN_EXITS] = np.where(known[past], seen[OWN_EXITS], np.nan)
        choices.append(choose_exit(seen, lives.take(past), levels, intervals))
    chosen = np.full(len(net_r), np.nan)
    for part, choice in zip(parts, choices[:-1], strict=True):
        chosen[part] = net_r[choice.exit].to_numpy(np.float64)[part]
    scored = np.logical_or.reduce(parts)
    default = levels[0][0]
    against = compare_r(
        chosen[scored], net_r[default].to_numpy(np.float64)[scored], time=lives.entry[scored], intervals=intervals
    )
    return Recommendation(choices[-1], tuple(choices[:-1]), default, chosen, against)


def pasts_of(trades: Trades, walk: WalkForward, last_close: int) -> list[tuple[Mask, Mask]]:
    """Return the evidence before each part and the present one; see `recommend`.

    Parameters
    ----------
    trades : Trades
    walk : WalkForward
    last_close : int
        Close of the last bar, nanoseconds since 1970 UTC.

    Returns
    -------
    list of (bool array, bool array), shape (n_trades,)
    """
    moments = [(fold.training, fold.cut) for fold in walk.folds] + [(walk.final, last_close)]
    return [(walk.test & ended, ~trades.is_open & (trades.exit_time <= moment)) for ended, moment in moments]
