"""The test parts executed once under every policy: their accounts, their time and their capital."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.execution import Simulation, simulate_own_exits
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import STATUS
from exitladder.measures.cash import CashFlow
from exitladder.measures.exposure import exposure_of
from exitladder.measures.impact import impact_of
from exitladder.measures.limited import account_result, trades_taken
from exitladder.measures.marked import marked_account
from exitladder.pipelines.tuning.choice import Choice, Tuning
from exitladder.pipelines.tuning.folds import WalkForward
from exitladder.pipelines.tuning.policies import OWN_EXITS, TUNED
from exitladder.pipelines.tuning.recommendation.simpler_tuning import SimplerTuning
from exitladder.pipelines.tuning.results import base_risk
from exitladder.settings.impact import ImpactSettings
from exitladder.statistics.metrics import max_drawdown_of_sum


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
class UnitRisk:
    """What one unit of the first quantity of each trade risks under an exit; arrays of shape (n_trades,).

    NaN where the trade was not executed.

    Parameters
    ----------
    planned : float64 array
        Planned risk W in money, adds included.
    money : float64 array
        Money of a move of the price by 1.
    in_base : float64 array
        R of the exit in units of the base's, by which results are scaled; see `base_risk`.
    """

    planned: FloatArray
    money: FloatArray
    in_base: FloatArray


@dataclass(frozen=True)
class Executed:
    """What the test parts are measured by, from one execution of each policy.

    Parameters
    ----------
    parts : tuple of ScoredPart
        The tuned policy's, in time order.
    marked : dict of str to CashFlow or None
        By policy, the account in which every trade risks 1R of the base, marked at every close; None if no trade was
        executed.
    exposures : dict of str to dict
        Time and capital, by policy; see `exitladder.measures.exposure.exposure`, and ``max_drawdown_account_r``.
    limited : list of dict
        A row per policy: the results of one account with the limits of the settings, see
        `exitladder.measures.limited.account_result`. Empty without a limit.
    ends : dict of str to int64 array, shape (n_trades,)
        By policy, the bar of each trade's last fill or mark, nanoseconds since 1970 UTC; the entry if it was not
        executed or not scored.
    is_open : dict of str to bool array, shape (n_trades,)
        By policy, whether each trade is still open and valued at the last close.
    unit_risk : dict of str to UnitRisk
        By policy.
    impact : dict of str to float64 array, shape (n_trades,)
        By policy, the market impact of each scored trade in the base's R; NaN where it is unknown, and where the trade
        has the user's own fills, whose prices have their impact in them. Empty without a law.
    """

    parts: tuple[ScoredPart, ...]
    marked: dict[str, CashFlow | None]
    exposures: dict[str, dict[str, float]]
    limited: list[dict[str, Any]]
    ends: dict[str, IntArray]
    is_open: dict[str, BoolArray]
    unit_risk: dict[str, UnitRisk]
    impact: dict[str, FloatArray]


def execute_policies(
    tuning: Tuning,
    choices: Sequence[Choice],
    walk: WalkForward,
    policies: Iterable[str],
    simpler: Mapping[str, SimplerTuning],
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
    simpler : mapping of str to SimplerTuning
        By policy, the same tuning without the model or without adds.

    Returns
    -------
    Executed
    """
    marked: dict[str, CashFlow | None] = {}
    exposures, limited, ends, is_open, unit_risk, impact = {}, [], {}, {}, {}, {}
    limits, leverage = tuning.settings.account, tuning.base.execution.leverage
    tuned: list[Simulation] = []
    # One policy after another, so that only the simulations of the tuned one stay in memory.
    names = list(policies)
    with tuning.progress.stage("simulating exits", len(names)) as advance:
        for name in names:
            if name in simpler:
                done = _simulations(simpler[name].tuning, simpler[name].folds, walk, TUNED)
            else:
                done = _simulations(tuning, choices, walk, name)
            scales = [base_risk(part.placed, part.ladder, tuning.base) for part in done]
            marked[name] = marked_account(done, scales)
            ends[name], is_open[name] = _ends(done, tuning, walk)
            unit_risk[name] = _unit_risk(done, scales, walk)
            exposures[name] = exposure_of(done, leverage=leverage) | {
                "max_drawdown_account_r": drawdown_of(marked[name])
            }
            if tuning.settings.impact.law != "none":
                own = [name == OWN_EXITS or (name == TUNED and choice.keeps_own_exits) for choice in choices]
                impact[name] = _impact(done, scales, own, tuning.settings.impact, walk)
            if limits.is_limited:
                taken = trades_taken(done, limits, leverage)
                limited.append({"policy": name, **account_result(done, scales, taken)})
            if name == TUNED:
                tuned = done
            advance(1)
    parts = tuple(
        ScoredPart(simulation, tuning.signals.take(np.flatnonzero(cut.test)), choice.keeps_own_exits)
        for simulation, cut, choice in zip(tuned, walk.folds, choices, strict=True)
    )
    return Executed(parts, marked, exposures, limited, ends, is_open, unit_risk, impact)


def _impact(
    done: Sequence[Simulation],
    scales: Sequence[FloatArray],
    own: Sequence[bool],
    settings: ImpactSettings,
    walk: WalkForward,
) -> FloatArray:
    found = np.full(len(walk.test), np.nan)
    for cost, scale, keeps, cut in zip(impact_of(done, settings).r, scales, own, walk.folds, strict=True):
        found[cut.test] = np.nan if keeps else cost * scale
    return found


def _ends(done: Sequence[Simulation], tuning: Tuning, walk: WalkForward) -> tuple[IntArray, BoolArray]:
    found = tuning.prepared.entry_time.copy()
    is_open = np.zeros(len(found), dtype=np.bool_)
    for part, cut in zip(done, walk.folds, strict=True):
        found[cut.test] = np.where(part.last_bar >= 0, part.placed.bars.time[part.last_bar], found[cut.test])
        is_open[cut.test] = part.status == STATUS.index("open")
    return found, is_open


def _unit_risk(done: Sequence[Simulation], scales: Sequence[FloatArray], walk: WalkForward) -> UnitRisk:
    planned, money, in_base = (np.full(len(walk.test), np.nan) for _ in range(3))
    for part, scale, cut in zip(done, scales, walk.folds, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            planned[cut.test] = part.planned_risk / part.quantity
            money[cut.test] = part.planned_risk / part.planned
        in_base[cut.test] = scale
    return UnitRisk(planned, money, in_base)


def drawdown_of(account: CashFlow | None) -> float:
    """Return the maximum drawdown of an account; NaN without one."""
    return math.nan if account is None else max_drawdown_of_sum(account.pnl)


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


def with_exposure(board: pd.DataFrame, exposures: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return the table of policies with their time and capital on the test parts.

    The columns bars_in_market, r_per_bar, mean_open, max_open, capital_used and max_drawdown_account_r are added.
    """
    rows = pd.DataFrame([{"policy": name, **measured} for name, measured in exposures.items()])
    table = board.merge(rows, on="policy", how="left", validate="one_to_one")
    # In the R of the base ladder, as all other columns.
    return table.assign(r_per_bar=table["expectancy_r"] / table["bars_in_market"])
