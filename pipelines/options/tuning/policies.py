"""The exits of positions in options that a tuning compares, each replayed by the rules of a backtest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import OptionPlan, option_plan
from exitladder.options.positions.replay import Outcome, replay
from exitladder.options.positions.tables import net_money
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.tuning.candidates import Candidate, classics, needs_stop
from exitladder.pipelines.options.evidence import HOLD, STOP_ONLY, Results
from exitladder.plans.ladder import Ladder, Stop

TUNED, OWN = "tuned plan", "your plan"


@dataclass(frozen=True)
class Policies:
    """What every tuning compares, whatever the search finds.

    Parameters
    ----------
    base : Ladder
        Your plan, or one without exits: its stop gives R, and its costs count.
    has_own : bool
        Whether it is your plan.
    trades : sequence of OptionTrade
    """

    base: Ladder
    has_own: bool
    trades: Sequence[OptionTrade]

    @cached_property
    def plan(self) -> OptionPlan:
        """The base as a plan on options."""
        return option_plan(self.base)

    @cached_property
    def has_stops(self) -> bool:
        """Whether a position has a stop whatever the plan."""
        return not math.isnan(self.plan.stop_share) or any(not math.isnan(t.stop_price) for t in self.trades)

    @property
    def default(self) -> str:
        """The exit that stays without evidence for another one: what you do now, else doing nothing."""
        if self.has_own:
            return OWN
        return STOP_ONLY if self.has_stops else HOLD

    @cached_property
    def classics(self) -> dict[str, Candidate]:
        """The rules of thumb."""
        return classics(self.trades, self.plan.stop_share)

    @property
    def stop_only(self) -> Candidate:
        """The stop that is there anyway, and no other exit."""
        return Candidate((), self.plan.stop_share, 0)

    @property
    def names(self) -> list[str]:
        """All exits but the tuned plan, the default first."""
        found = [OWN] if self.has_own else []
        found += [HOLD, *([STOP_ONLY] if self.has_stops else []), *self.classics]
        return [self.default, *(name for name in found if name != self.default)]

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The exits in levels of complexity, the simplest first."""
        return ((self.default,), tuple(self.names[1:]), (TUNED,))

    @property
    def can_hold(self) -> bool:
        """Whether a plan can state holding to expiry: no position has a stop of its own, or has no R without one."""
        return all(math.isnan(trade.stop_price) for trade in self.trades) and not needs_stop(self.trades)

    def option_plan(self, name: str) -> OptionPlan:
        """Return one of `names` as a plan."""
        if name == HOLD:
            return self.plan.held()
        return self.plan if name == OWN else option_plan(self.ladder(name))

    def ladder(self, name: str) -> Ladder:
        """Return one of `names` as a plan's file has it."""
        if name == OWN:
            return replace(self.base, tuned=None)
        if name == HOLD and self.can_hold:
            return replace(self.base, name=HOLD, rungs=(), stop=Stop(), tuned=None)
        one = self.classics.get(name, self.stop_only)
        return one.ladder(self.base, name)


def in_common_r(outcomes: Sequence[Outcome], risks: Sequence[float]) -> FloatArray:
    """Return net results in R of one plan, whatever the stops of others.

    Parameters
    ----------
    outcomes : sequence of Outcome
    risks : sequence of float
        R per unit of each position under that plan.

    Returns
    -------
    float64 array, shape (n,)
        NaN if a position was skipped.
    """
    found = []
    for outcome, risk in zip(outcomes, risks, strict=True):
        position = outcome.position
        whole = math.nan if position is None else risk * position.entered * outcome.trade.multiplier
        found.append(net_money(outcome) / whole)
    return np.array(found, dtype=np.float64)


def replayed(
    plans: Mapping[str, OptionPlan], trades: Sequence[OptionTrade], risks: Sequence[float], valuer: Valuer
) -> dict[str, Results]:
    """Return the results of positions under several plans.

    Parameters
    ----------
    plans : mapping of str to OptionPlan
    trades : sequence of OptionTrade
    risks : sequence of float
        R per unit of each.
    valuer : Valuer

    Returns
    -------
    dict of str to Results
    """
    found = {}
    for name, plan in plans.items():
        outcomes = replay(trades, plan, valuer)
        found[name] = Results.of(outcomes, in_common_r(outcomes, risks))
    return found
