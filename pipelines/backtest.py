"""A ladder on the user's trades: fills, trades and the summary, with the all-in all-out exit beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars import BarSet, FloatArray
from exitladder.execution import Simulation, simulate, simulate_own_exits
from exitladder.execution.measures import summarise
from exitladder.ladder import Ladder, Rung, Target
from exitladder.ladder_file import ladder_to_toml
from exitladder.models.exhaustion import ExhaustionModel
from exitladder.output_files import Content, write_folder
from exitladder.pipelines.policies import OWN_EXITS
from exitladder.pipelines.predictions import MODEL_SERIES, RowPredictions, predict_rows, signals_for, with_features_of
from exitladder.pipelines.prepare import Prepared, prepare
from exitladder.pipelines.tracking import Tracker, resolve_model
from exitladder.progress import SILENT, Progress
from exitladder.settings import Settings
from exitladder.signals import Signals
from exitladder.trades import Trades

SPREAD_POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme")
ALL_OUT = "all out at the first target"


@dataclass(frozen=True)
class BacktestResult:
    """What a ladder did to every trade.

    Parameters
    ----------
    fills, trades : DataFrame
        The columns of ``fills.csv`` and ``trades.csv``.
    summary : dict
        The content of ``summary.json``.
    """

    run_id: str
    ladder: Ladder
    simulation: Simulation
    fills: pd.DataFrame
    trades: pd.DataFrame
    summary: dict[str, Any]

    def files(self) -> dict[str, Content]:
        """Return what is written, by file name."""
        return {
            "fills.csv": self.fills,
            "trades.csv": self.trades,
            "summary.json": self.summary,
            "ladder.toml": ladder_to_toml(self.ladder),
        }

    def write(self, out: Path) -> None:
        """Write ``fills.csv``, ``trades.csv``, ``summary.json`` and the ladder into a folder, all or none."""
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
    """Return what the ladder would have done to these trades.

    Parameters
    ----------
    finer : BarSet, optional
        Bars of a shorter interval for the policy ``finer_bars``.
    model : str, optional
        A REF, needed where the ladder's conditions name the model's series. Every bar is predicted
        by the stage of the model that was trained before it, never by one that has seen it.
    """
    tracker = Tracker.from_settings(settings)
    learnt = ExhaustionModel.load(resolve_model(model, tracker.store)) if model else None
    if learnt is not None:
        settings = with_features_of(learnt, settings)
    prepared = prepare(bars, trades, settings, max_bars=_life(ladder, settings))
    with tracker.run("backtest", bars=bars, trades=trades, settings=settings, ladder=ladder) as run:
        predictions = None
        if learnt is not None and set(ladder.series) & set(MODEL_SERIES):
            predictions = predict_rows(prepared, learnt, progress)
        signals = signals_for(prepared.placed, ladder.series, prepared, predictions)
        simulation = simulate(prepared.placed, ladder, signals, finer=finer)
        summary = _summary(prepared, simulation, signals, finer, predictions, settings, progress)
        result = BacktestResult(
            run_id=run.run_id,
            ladder=ladder,
            simulation=simulation,
            fills=simulation.fills_frame(),
            trades=simulation.trades_frame(),
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


def _life(ladder: Ladder, settings: Settings) -> int:
    """How many rows of a trade the model must speak about: all that the ladder could live."""
    return ladder.stop.time or max(settings.labels.max_bars, max(settings.search.time_bars))


def _summary(
    prepared: Prepared,
    simulation: Simulation,
    signals: Signals,
    finer: BarSet | None,
    predictions: RowPredictions | None,
    settings: Settings,
    progress: Progress,
) -> dict[str, Any]:
    placed, ladder = prepared.placed, simulation.ladder
    by_policy: dict[str, FloatArray] = {}
    names = [*SPREAD_POLICIES, *(["finer_bars"] if finer is not None else [])]
    with progress.stage("intrabar policies", len(names)) as advance:
        for name in names:
            other = replace(ladder, execution=replace(ladder.execution, intrabar=name))
            by_policy[name] = (
                simulation.r if name == ladder.execution.intrabar else simulate(placed, other, signals, finer=finer).r
            )
            advance(1)
    summary = summarise(
        simulation.trades_frame(),
        simulation.fills_frame(),
        ladder,
        confidence=settings.validation.confidence,
        n_bootstrap=settings.validation.n_bootstrap,
        seed=settings.project.seed,
        policies=by_policy,
    )
    beside = {ALL_OUT: simulate(placed, all_out(ladder), signals, finer=finer).r}
    if (~placed.trades.is_open).any():
        own = simulate_own_exits(placed, ladder).r
        beside[OWN_EXITS] = np.where(placed.trades.is_open, np.nan, own)
    summary["beside"] = {
        name: {"expectancy_r": float(np.nanmean(r)), "n_trades": int(np.isfinite(r).sum())}
        for name, r in beside.items()
        if np.isfinite(r).any()
    }
    if predictions is not None:
        summary["predictions"] = predictions.counts()
    return summary


def all_out(ladder: Ladder) -> Ladder:
    """Return the all-in all-out exit beside a ladder: everything at its first target, the same stop.

    A ladder without a target keeps its stop, trail and time stop alone.
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
