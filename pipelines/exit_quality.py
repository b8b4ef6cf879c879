"""The exits of a backtest, or of a trades file, measured: a table per trade and a summary per policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError, TradesError
from exitladder.execution import STATUS, Simulation, simulate, simulate_own_exits
from exitladder.measures.exits.built import built_note, built_positions
from exitladder.measures.exits.later import HORIZONS, Horizons
from exitladder.measures.exits.managing import set_and_forget
from exitladder.measures.exits.sessions import session_note, sessions_of
from exitladder.measures.exits.summary import summarise_exits
from exitladder.measures.exits.table import ExitTables
from exitladder.measures.exits.text import MARK, NOTE, exits_text
from exitladder.pipelines.backtest_summary import ALL_OUT, BacktestPart
from exitladder.pipelines.inputs.prepare import base_ladder, placed_at_entries, prepare
from exitladder.pipelines.inputs.usable_trades import BEFORE_COSTS
from exitladder.pipelines.tuning.policies import OWN_EXITS
from exitladder.plans.units import Target
from exitladder.runtime.progress import SILENT, Progress
from exitladder.runtime.shown import Shown
from exitladder.settings.tables import Settings
from exitladder.statistics.intervals import Intervals
from exitladder.trades.targets import check_price_targets
from exitladder.trades.trades import Trades

# what trades.csv has under its own names
_SAME = ("net_r", "mfe_r", "mae_r", "hindsight_give_back_r")


@dataclass(frozen=True, repr=False)
class ExitQuality(Shown):
    """The exits of one or more policies on the same trades.

    Parameters
    ----------
    table : DataFrame
        One row per policy and closed trade: ``policy`` and the columns of
        `exitladder.measures.exits.table.ExitTables`.
    summary : dict
        By policy, see `exitladder.measures.exits.summary.summarise_exits`.
    notes : tuple of str
        Assumptions and trades left out, with the option that changes them.
    is_before_costs : bool
        Whether no cost is set.
    """

    table: pd.DataFrame
    summary: dict[str, Any]
    notes: tuple[str, ...] = ()
    is_before_costs: bool = False

    def headline(self) -> str:
        """Return which policies were measured on how many trades; measures of hindsight cannot be traded."""
        n = len(set(self.table["trade_id"])) if "trade_id" in self.table else len(self.table)
        return " ".join([f"{', '.join(self.summary)} on {n:,} closed trades.", *self.notes])

    def to_frame(self) -> pd.DataFrame:
        """Return one row per policy and closed trade."""
        return self.table

    def preview(self, n: int = 8) -> tuple[pd.DataFrame, int]:
        """Return the first measures of the summary, and the number of measured trades."""
        return self.rows().head(n), len(self.table)

    def to_mapping(self) -> dict[str, Any]:
        """Return ``exit_quality`` of summary.json: ``notes`` and the measures of each policy, by its name."""
        return {"notes": [*self.notes, NOTE], "policies": self.summary}

    def rows(self) -> pd.DataFrame:
        """Return the measures as a table: policy, measure, hindsight, n, unit, value, low, high."""
        return pd.DataFrame(
            [
                {"policy": policy, "measure": name, "hindsight": one["hindsight"], "n": one["n"], "unit": unit, **value}
                for policy, measures in self.summary.items()
                for name, one in measures.items()
                if isinstance(one, dict)
                for unit, value in one.items()
                if isinstance(value, dict)
            ]
        )

    def text(self, confidence: float) -> str:
        """Return the measures of all policies as text, 80 columns wide."""
        tables = [
            exits_text(policy, summary, confidence, before_costs=self.is_before_costs)
            for policy, summary in self.summary.items()
        ]
        return "\n".join([*tables, f"{MARK} {NOTE}\n"]) if tables else ""

    def columns_for(self, policy: str, trade_id: pd.Series) -> pd.DataFrame:
        """Return the measures of a policy for trades.csv, one row per trade id; empty where a trade was not closed."""
        own = self.table[self.table["policy"] == policy].set_index("trade_id")
        left_out = {"policy", "symbol", "side", "entry_time", *_SAME}
        names = [name for name in own if name not in left_out]
        found = own[names].reindex(trade_id.to_numpy())
        found["n_exits"] = found["n_exits"].astype("Int64")
        return found.set_index(trade_id.index)


def exit_quality(
    parts: Sequence[BacktestPart],
    name: str,
    intervals: Intervals,
    progress: Progress = SILENT,
) -> ExitQuality:
    """Return the exits of a backtest: of its ladder, of selling all at the first target, and the user's own.

    Parameters
    ----------
    parts : sequence of BacktestPart
    name : str
        Of the ladder.
    intervals : Intervals
    progress : Progress

    Returns
    -------
    ExitQuality
        The set-and-forget exit of every policy has the initial stop and the first target of the ladder.
    """
    placed = [part.simulation.placed for part in parts]
    plans = [_plan(part) for part in parts]
    policies = {ALL_OUT: [part.all_out for part in parts]}
    if any(not some.trades.is_open.all() for some in placed):
        policies[OWN_EXITS] = [part.own_exits for part in parts]
    policies = {name: [part.simulation for part in parts], **{k: v for k, v in policies.items() if k != name}}
    sessions = sessions_of(placed[0].bars)
    tables = ExitTables(sessions)
    found = {}
    with progress.stage("measuring exits", len(policies)) as advance:
        for policy, done in policies.items():
            of_parts = [tables.of(*pair) for pair in zip(done, plans, strict=True)]
            found[policy] = pd.concat(of_parts, ignore_index=True)
            advance(1)
    note = session_note(sessions, dict.fromkeys(np.concatenate([some.trades.symbol for some in placed])))
    return _of_tables(found, intervals, (note,) if note else (), progress)


def own_exit_quality(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    target: Target | None = None,
    horizons: Horizons = HORIZONS,
    progress: Progress = SILENT,
) -> ExitQuality:
    """Return the user's own exits, measured.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
        Those without an own exit are left out and counted.
    settings : Settings
        Costs, contracts, the initial stop of trades without one, and the intervals.
    target : Target, optional
        Of the set-and-forget exit. Without it, that exit and the way to the target are left out.
    horizons : Horizons
        How much later positions are sold.
    progress : Progress

    Returns
    -------
    ExitQuality

    Raises
    ------
    TradesError
        If no trade has an own exit, or a trade is outside its bars.
    LadderError
        If the target is not above the entry, in the trade's direction.
    """
    if target is not None and target.value <= 0:
        raise LadderError(f'The target must be positive, such as "2R", but is {str(target)!r}.')
    trades = placed_at_entries(trades, settings)
    placed = prepare(bars, trades, settings, progress=progress).placed
    base = base_ladder(settings)
    before_costs = base.costs.is_free
    own = simulate_own_exits(placed, base)
    n_closed = int((own.status == STATUS.index("closed")).sum())
    if not n_closed:
        raise TradesError(
            f"Measuring own exits needs a trade with exit_time and exit_price, but none of {len(placed)} was closed "
            "within its bars. Add the exits, or run `exitladder backtest` to measure those of a ladder."
        )
    left_alone, plan = set_and_forget(base, target), None
    if left_alone is not None:
        check_price_targets(left_alone, placed.trades)
        plan = simulate(placed, left_alone)
    sessions = sessions_of(placed.bars)
    notes = [BEFORE_COSTS] if before_costs else []
    notes.append(session_note(sessions, dict.fromkeys(placed.trades.symbol)))
    if n_closed < len(placed):
        notes.append(
            f"{len(placed) - n_closed} of {len(placed)} trades have no usable own exit and are left out: they are "
            "open, or their exit is outside its bar (`exitladder trades check`)."
        )
    if plan is None:
        notes.append("Without --target, such as --target 2R, there is no set-and-forget exit and no way to the target.")
    with progress.stage("measuring exits", 1):
        table = ExitTables(sessions, horizons).of(own, plan)
    built = built_positions(own)
    if own.growth is None:
        notes.append(built_note(built, table.set_index("trade_id")["net_r"]))
    found = _of_tables({OWN_EXITS: table}, settings.intervals, tuple(note for note in notes if note), progress)
    if len(built):
        found = replace(found, table=found.table.merge(built, on="trade_id", how="left"))
    return replace(found, is_before_costs=before_costs)


def _plan(part: BacktestPart) -> Simulation | None:
    left_alone = set_and_forget(part.ladder.alone)
    return None if left_alone is None else simulate(part.simulation.placed, left_alone, finer=part.finer)


def _of_tables(
    tables: Mapping[str, pd.DataFrame], intervals: Intervals, notes: tuple[str, ...], progress: Progress
) -> ExitQuality:
    summary = {}
    with progress.stage("intervals of exits", len(tables)) as advance:
        for policy, table in tables.items():
            if len(table):
                summary[policy] = summarise_exits(table, intervals=intervals)
            advance(1)
    for policy, table in tables.items():
        table.insert(0, "policy", policy)
    some = [table for table in tables.values() if len(table)] or [next(iter(tables.values()))]
    return ExitQuality(pd.concat(some, ignore_index=True), summary, notes)
