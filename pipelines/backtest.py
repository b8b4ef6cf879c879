"""A backtest of a ladder: fills, trades and summary, compared with selling everything at the first target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.execution import Simulation, simulate, simulate_own_exits
from exitladder.execution.signals import Signals
from exitladder.files.output import Content, write_folder
from exitladder.measures.after_exit import after_exit
from exitladder.measures.after_exit_summary import summarise_after_exit
from exitladder.measures.data_gaps import coarse_bars, inactive_rungs
from exitladder.measures.summary import summarise
from exitladder.pipelines.inputs.job import Job, open_job
from exitladder.pipelines.inputs.predictions import outlives_rows, signal_bars
from exitladder.pipelines.tuning.policies import OWN_EXITS
from exitladder.plans.file import ladder_to_toml
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.units import Target
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import compare_r
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import mean_interval
from exitladder.statistics.ratios import with_interval
from exitladder.trades.trades import Trades

SPREAD_POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme")
ALL_OUT = "all out at the first target"


@dataclass(frozen=True)
class BacktestResult:
    """The results of a ladder on every trade.

    Parameters
    ----------
    fills, trades : DataFrame
        The columns of ``fills.csv`` and ``trades.csv``.
    after_exit : DataFrame
        The prices after each closed trade; the only table that looks ahead.
    summary : dict
        The content of ``summary.json``.
    """

    run_id: str
    ladder: Ladder
    simulation: Simulation
    fills: pd.DataFrame
    trades: pd.DataFrame
    after_exit: pd.DataFrame
    summary: dict[str, Any]

    def files(self) -> dict[str, Content]:
        """Return the files to write, by name."""
        return {
            "fills.csv": self.fills,
            "trades.csv": self.trades,
            "after_exit.csv": self.after_exit,
            "summary.json": self.summary,
            "ladder.toml": ladder_to_toml(self.ladder),
        }

    def write(self, out: Path) -> None:
        """Write the tables, ``summary.json`` and the ladder into a folder, all or none."""
        write_folder(out, self.files())


def backtest(
    bars: BarSet,
    trades: Trades,
    ladder: Ladder,
    settings: Settings,
    *,
    finer: BarSet | None = None,
    model: str | None = None,
    progress: Progress = SILENT,
) -> BacktestResult:
    """Return the results of the ladder on these trades.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    ladder : Ladder
    settings : Settings
    finer : BarSet, optional
        Bars of a shorter interval for the policy ``finer_bars``.
    model : str, optional
        A REF, needed if the ladder's conditions name the model's series. Every bar is predicted by the stage of the
        model that was trained before it, never by one that has seen it.
    progress : Progress

    Raises
    ------
    TrackingError
        If there is no such model.
    LadderError
        If a condition names an unknown series, or one of the model's without a model.
    TradesError
        If there is no trade, or a trade is outside its bars.
    """
    job = open_job(bars, trades, settings, model=model, max_bars=signal_bars(ladder, settings), progress=progress)
    with job.run("backtest", ladder) as run:
        signals = job.signals([ladder])
        simulation = simulate(job.prepared.placed, ladder, signals, finer=finer)
        after = after_exit(simulation)
        summary = _summary(job, simulation, after, signals, finer)
        result = BacktestResult(
            run_id=run.run_id,
            ladder=ladder,
            simulation=simulation,
            fills=simulation.fills_frame(),
            trades=simulation.trades_frame(),
            after_exit=after,
            summary=summary,
        )
        run.log_metrics(headline(summary))
        run.log_files(result.files())
    return result


def headline(summary: dict[str, Any]) -> dict[str, float]:
    """Return the summary's metrics as a flat mapping of name to value, without intervals."""
    return {
        name: float(entry["value"])
        for name, entry in summary.items()
        if isinstance(entry, dict) and entry.get("value") is not None
    }


def _summary(
    job: Job, simulation: Simulation, after: pd.DataFrame, signals: Signals, finer: BarSet | None
) -> dict[str, Any]:
    trades, intervals = simulation.trades_frame(), job.settings.intervals
    by_policy = _under_each_policy(simulation, signals, finer, job.progress)
    summary = summarise(
        trades,
        simulation.fills_frame(),
        simulation.ladder,
        policies={name: found.r for name, found in by_policy.items()},
        intervals=intervals,
    )
    if "finer_bars" in by_policy:
        summary["intrabar"]["coarse_bars"] = coarse_bars(by_policy["finer_bars"])
    summary["inactive_rungs"] = inactive_rungs(simulation)
    summary["n_small_rests"] = int(simulation.small_rests.sum())
    summary["beside"] = _beside(simulation, signals, finer, intervals)
    summary |= summarise_after_exit(after, trades, intervals=intervals)
    predictions = job.predictions_for([simulation.ladder])
    if predictions is not None:
        summary["predictions"] = predictions.counts()
    if outlives_rows(simulation.ladder):
        most = signal_bars(simulation.ladder, job.settings)
        summary["signals_end"] = {"after_bars": most, "n_trades": int((simulation.bars_held > most).sum())}
    return summary


def _under_each_policy(
    simulation: Simulation, signals: Signals, finer: BarSet | None, progress: Progress
) -> dict[str, Simulation]:
    """Return the simulation under each intrabar policy that these bars allow."""
    ladder = simulation.ladder
    found: dict[str, Simulation] = {}
    names = [*SPREAD_POLICIES, *(["finer_bars"] if finer is not None else [])]
    with progress.stage("intrabar policies", len(names)) as advance:
        for name in names:
            other = replace(ladder, execution=replace(ladder.execution, intrabar=name))
            is_own = name == ladder.execution.intrabar
            found[name] = simulation if is_own else simulate(simulation.placed, other, signals, finer=finer)
            advance(1)
    return found


def _beside(
    simulation: Simulation, signals: Signals, finer: BarSet | None, intervals: Intervals
) -> dict[str, dict[str, Any]]:
    """Return the results of selling all at once and of the user's own exits, with the ladder's advantage over each."""
    placed, ladder = simulation.placed, simulation.ladder
    others = {ALL_OUT: simulate(placed, all_out(ladder), signals, finer=finer).r}
    if (~placed.trades.is_open).any():
        own = simulate_own_exits(placed, ladder).r
        others[OWN_EXITS] = np.where(placed.trades.is_open, np.nan, own)
    time = placed.trades.entry_time
    found = {}
    for name, r in others.items():
        if not np.isfinite(r).any():
            continue
        mean = mean_interval(r, time=time, intervals=intervals)
        against = compare_r(simulation.r, r, time=time, intervals=intervals)
        found[name] = {
            "n_trades": mean.n,
            "expectancy_r": with_interval(mean.value, mean.low, mean.high),
            "difference_r": with_interval(against.difference_r, against.low, against.high),
            "n_pairs": against.n,
        }
    return found


def all_out(ladder: Ladder) -> Ladder:
    """Return the all-in, all-out version of a ladder: everything is sold at its first target, with the same stop.

    A ladder without a target keeps only its stop, trail and time stop.
    """
    targets = [rung.target for rung in ladder.rungs if rung.target is not None and rung.target.value > 0]
    stop = replace(
        ladder.stop,
        breakeven_after=None,
        breakeven_offset=type(ladder.stop.breakeven_offset)(0.0, "R"),
        trail_after=None,
        trail=None if ladder.stop.trail_after is not None else ladder.stop.trail,
    )
    if not targets:
        return replace(ladder, name=ALL_OUT, rungs=(), stop=stop)
    return replace(ladder, name=ALL_OUT, rungs=(Rung(1.0, Target(targets[0].value, targets[0].unit)),), stop=stop)
