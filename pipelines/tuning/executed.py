"""The test parts executed once under every policy: their fills by day, their time and their capital."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exitladder.clock import DAY_NS
from exitladder.execution import Simulation, simulate_own_exits
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import joined_tables
from exitladder.measures.exposure import exposure
from exitladder.pipelines.tuning.choice import Choice, Tuning
from exitladder.pipelines.tuning.evidence import DailyFills
from exitladder.pipelines.tuning.folds import WalkForward
from exitladder.pipelines.tuning.policies import OWN_EXITS, TUNED, WITHOUT_MODEL
from exitladder.pipelines.tuning.recommendation.without_model import WithoutModel
from exitladder.pipelines.tuning.results import base_risk
from exitladder.plans.ladder import Ladder

# A gain that takes this many times as long, or ties up this many times as much, is said to be bought.
_MUCH_MORE = 1.25


@dataclass(frozen=True)
class ScoredPart:
    """The trades of a test part as the policy tuned before it executes them.

    Parameters
    ----------
    simulation : Simulation
    signals : Signals
        What its ladder reads, for these trades.
    keeps_own_exits : bool
        Whether the choice was to keep the user's own exits; the simulation is then theirs.
    """

    simulation: Simulation
    signals: Signals
    keeps_own_exits: bool


@dataclass(frozen=True)
class Executed:
    """What the test parts are measured by, from one execution of each policy.

    Parameters
    ----------
    parts : tuple of ScoredPart
        The tuned policy's, in time order.
    booked : dict of str to DailyFills
        By policy.
    exposures : dict of str to dict
        Time and capital, by policy; see `exitladder.measures.exposure.exposure`.
    """

    parts: tuple[ScoredPart, ...]
    booked: dict[str, DailyFills]
    exposures: dict[str, dict[str, float]]


def execute_policies(
    tuning: Tuning, choices: Sequence[Choice], walk: WalkForward, policies: Iterable[str], plain: WithoutModel | None
) -> Executed:
    """Return the test parts as each policy executes them, each part by the choice before it.

    Parameters
    ----------
    tuning : Tuning
    choices : sequence of Choice
        One a fold.
    walk : WalkForward
    policies : iterable of str
        `TUNED` must be one of them.
    plain : WithoutModel or None
        Needed for `WITHOUT_MODEL`.

    Returns
    -------
    Executed
    """
    booked, exposures = {}, {}
    tuned: list[Simulation] = []
    # One policy after another, so that only the simulations of the tuned one stay in memory.
    for name in policies:
        if name == WITHOUT_MODEL and plain is not None:
            done = _simulations(plain.tuning, plain.folds, walk, TUNED)
        else:
            done = _simulations(tuning, choices, walk, name)
        booked[name] = _booked(done, tuning.base)
        exposures[name] = exposure(*joined_tables(done), leverage=tuning.base.execution.leverage)
        if name == TUNED:
            tuned = done
    parts = tuple(
        ScoredPart(simulation, tuning.signals.take(np.flatnonzero(cut.test)), choice.keeps_own_exits)
        for simulation, cut, choice in zip(tuned, walk.folds, choices, strict=True)
    )
    return Executed(parts, booked, exposures)


def _simulations(tuning: Tuning, choices: Sequence[Choice], walk: WalkForward, policy: str) -> list[Simulation]:
    """Return the test parts as a policy executes them, each by the choice before it."""
    found: list[Simulation] = []
    for cut, choice in zip(walk.folds, choices, strict=True):
        trades = np.flatnonzero(cut.test)
        if policy == OWN_EXITS or (policy == TUNED and choice.keeps_own_exits):
            found.append(simulate_own_exits(tuning.prepared.placed.take(trades), tuning.base))
        else:
            found.append(tuning.simulate(choice.ladder_of(policy), trades))
    return found


def _booked(parts: Sequence[Simulation], base: Ladder) -> DailyFills:
    """Return the day and net R of every fill, in the base's R."""
    day = np.concatenate([part.placed.bars.time[part.fills.bar] // DAY_NS for part in parts])
    scaled = [part.fills.net_r * base_risk(part.placed, part.ladder, base)[part.fills.trade] for part in parts]
    return day.astype(np.int64), np.concatenate(scaled)


def with_exposure(board: pd.DataFrame, exposures: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return the table of policies with their time and capital on the test parts.

    The columns bars_in_market, r_per_bar, mean_open, max_open and capital_used are added.
    """
    rows = pd.DataFrame([{"policy": name, **measured} for name, measured in exposures.items()])
    table = board.merge(rows, on="policy", how="left", validate="one_to_one")
    # In the R of the base ladder, as all other columns.
    return table.assign(r_per_bar=table["expectancy_r"] / table["bars_in_market"])


def price_of_gain(board: pd.DataFrame, baseline: str) -> list[str]:
    """Return what a gain over the baseline costs in time and capital, one sentence each; nothing without a gain.

    Parameters
    ----------
    board : DataFrame
        From `with_exposure`.
    baseline : str

    Returns
    -------
    list of str
    """
    rows: dict[Any, dict[Any, Any]] = board.set_index("policy").to_dict("index")
    ours, theirs = rows[TUNED], rows[baseline]
    if not theirs["difference_r"] > 0:
        return []
    said = []
    held = ours["bars_in_market"], theirs["bars_in_market"]
    rate = ours["r_per_bar"], theirs["r_per_bar"]
    if held[0] > _MUCH_MORE * held[1] and rate[0] < rate[1]:
        said.append(
            f"The gain takes time: {held[0]:.1f} bars per trade vs {held[1]:.1f}, {rate[0]:+.3g} R per bar in the "
            f"market vs {rate[1]:+.3g} R."
        )
    used = ours["capital_used"], theirs["capital_used"]
    if used[0] > _MUCH_MORE * used[1]:
        said.append(
            f"The gain takes capital: up to {used[0]:,.0f} vs {used[1]:,.0f} in the market at one time, and up to "
            f"{ours['max_open']:.0f} open trades vs {theirs['max_open']:.0f}."
        )
    return said
