"""The main job in one go on the sample data that comes with the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.bars.report import BarsReport
from exitladder.execution import STATUS, Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.files.output import Content, write_folder
from exitladder.pipelines.advice.open_trades import flat_scores, score_open
from exitladder.pipelines.inputs.predictions import RowPredictions, predict_rows
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.pages.demo import demo_content
from exitladder.pipelines.pages.page import PageContent, page_html
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.pipelines.train import log_trained
from exitladder.pipelines.training.backend import training_backend
from exitladder.pipelines.training.model import Trained, train_model
from exitladder.pipelines.tune import log_tuned
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.plans.file import ladder_to_toml
from exitladder.runtime.progress import SILENT, Progress
from exitladder.sample import load_sample_bars
from exitladder.settings.tables import Settings
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import Trades

ENTRY_RULE = "donchian"
# What a retail account in US shares pays today; the demo shows results after these.
DEMO_COSTS = {"commission_bps": 2.0, "slippage_bps": 3.0, "tick": 0.01, "lot": 1.0, "min_quantity": 1.0}
RECENT_BARS = 10


@dataclass(frozen=True)
class DemoWork:
    """Everything that the demo found, before it is written.

    Parameters
    ----------
    bars, report : BarSet, BarsReport
    prepared : Prepared
        All trades.
    trained : Trained
        On all trades, in stages: what is tested was predicted by a stage trained before it.
    tuned : Tuned
    executed : tuple of Simulation
        One a test part: its trades, executed by the ladder that was tuned before it.
    signals : Signals
        What these ladders read, for the trades of the last part.
    scores : DataFrame
        Advice on the trades open at the last bar.
    """

    bars: BarSet
    report: BarsReport
    trades: Trades
    prepared: Prepared
    trained: Trained
    tuned: Tuned
    executed: tuple[Simulation, ...]
    signals: Signals
    scores: pd.DataFrame

    def trades_frame(self) -> pd.DataFrame:
        """Return the trades of all test parts as ``trades.csv`` has them."""
        return pd.concat([part.trades_frame() for part in self.executed], ignore_index=True)

    def fills_frame(self) -> pd.DataFrame:
        """Return the fills of all test parts as ``fills.csv`` has them."""
        return pd.concat([part.fills_frame() for part in self.executed], ignore_index=True)

    def page(self, settings: Settings, run_id: str) -> PageContent:
        """Return what the demo's page shows."""
        return demo_content(
            trained=self.trained,
            tuned=self.tuned,
            trades=self.trades_frame(),
            fills=self.fills_frame(),
            last=self.executed[-1],
            signals=self.signals,
            entries=self.trades,
            scores=self.scores,
            data_notes=data_notes(self.report),
            settings=settings,
            run_id=run_id,
        )


@dataclass(frozen=True)
class DemoResult:
    """What the terminal shows of the demo."""

    work: DemoWork
    page: Path
    run_id: str
    model: str

    @property
    def verdict(self) -> str:
        """The honest sentence."""
        return self.work.tuned.verdict.text

    def summary_frame(self) -> pd.DataFrame:
        """Return the policies on the trades scored, one row each."""
        return self.work.tuned.scoreboard.table

    def to_mapping(self) -> dict[str, Any]:
        """Return the demo's numbers as plain values."""
        return {
            "run_id": self.run_id,
            "model": self.model,
            "page": str(self.page),
            "training": self.work.trained.to_mapping(),
            "tuning": self.work.tuned.to_mapping(),
        }


def demo_settings(settings: Settings) -> Settings:
    """Return the settings with the demo's market: US shares with costs, where none are given."""
    if settings.costs != type(settings.costs)():
        return settings
    return replace(settings, costs=replace(settings.costs, **DEMO_COSTS))


def demo(out: Path, settings: Settings, *, progress: Progress = SILENT) -> DemoResult:
    """Run the main job on the sample data, write page and files into `out`, and track the runs.

    Bars, checks, entries by a named rule, features, labels, training, tuning anew before each part of the later
    trades, judging on all parts, and advice on what is open at the last bar.
    """
    settings = demo_settings(settings)
    tracker = Tracker.from_settings(settings)
    work = demo_work(settings, progress)
    bars, trades = work.bars, work.trades
    with tracker.run("train", bars=bars, trades=trades, settings=settings) as run:
        model = log_trained(tracker, run, work.trained, settings)
    with tracker.run("tune", bars=bars, trades=trades, settings=settings, ladder=work.tuned.ladder) as run:
        run_id = run.run_id
        log_tuned(run, work.tuned)
        with progress.stage("page", 1) as advance:
            files: dict[str, Content] = {
                "index.html": page_html(work.page(settings, run_id)),
                "ladder.toml": ladder_to_toml(work.tuned.ladder),
                "fills.csv": work.fills_frame(),
                "trades.csv": work.trades_frame(),
                "policies.csv": work.tuned.scoreboard.table,
                "scores.csv": flat_scores(work.scores),
                "entries.csv": trades.to_frame(),
            }
            write_folder(out, files)
            run.log_artifact(out / "index.html")
            advance(1)
    with tracker.run("score", bars=bars, trades=trades, settings=settings, ladder=work.tuned.ladder) as run:
        run.log_metrics({"n_open": len(work.scores)})
        run.log_artifact(flat_scores(work.scores).to_csv(index=False), "scores.csv")
    return DemoResult(work=work, page=out / "index.html", run_id=run_id, model=model)


def demo_work(settings: Settings, progress: Progress = SILENT) -> DemoWork:
    """Return what the main job finds on the sample data; nothing is written."""
    with progress.stage("bars and entries", 2) as advance:
        bars, report = load_sample_bars()
        advance(1)
        trades = make_trades(bars, ENTRY_RULE)
        prepared = prepare(bars, trades, settings)
        advance(1)
    with training_backend(settings) as backend:
        trained = train_model(prepared, settings, progress, backend)
    predictions = predict_rows(prepared, trained.model, progress)
    tuned = tune_ladder(prepared, settings, predictions=predictions, progress=progress)
    executed, signals = _executed(prepared, tuned, predictions)
    with progress.stage("open trades", 1) as advance:
        scores = score_open(bars, _open_at_the_end(prepared, tuned, executed), tuned.ladder, trained.model, settings)
        advance(1)
    return DemoWork(bars, report, prepared.placed.trades, prepared, trained, tuned, executed, signals, scores)


def _executed(prepared: Prepared, tuned: Tuned, predictions: RowPredictions) -> tuple[tuple[Simulation, ...], Signals]:
    """Every fill of the test parts, each part's by the ladder tuned before it, and the last part's signals."""
    names = {name for choice in tuned.folds for name in choice.ladder.series}
    every = signals_for(prepared.placed, names, prepared, predictions)
    executed = []
    for cut, choice in zip(tuned.walk.folds, tuned.folds, strict=True):
        trades = np.flatnonzero(cut.test)
        signals = every.take(trades)
        executed.append(simulate(prepared.placed.take(trades), choice.ladder, signals))
    return tuple(executed), signals


def _open_at_the_end(prepared: Prepared, tuned: Tuned, executed: Sequence[Simulation]) -> Trades:
    """The trades that are still held at the last bar."""
    test = [np.flatnonzero(cut.test) for cut in tuned.walk.folds]
    held = [at[part.status == STATUS.index("open")] for at, part in zip(test, executed, strict=True)]
    return prepared.placed.trades.take(np.concatenate(held))


def data_notes(report: BarsReport) -> list[tuple[str, str]]:
    """What a reader must know about the bars."""
    adjusted = sum(s.n_adjusted for s in report.symbols)
    rows = sum(s.n_bars for s in report.symbols)
    return [
        ("bars", f"{rows:,} of {len(report.symbols)} symbols, public-domain WIKI prices"),
        ("adjusted for splits and dividends", f"{adjusted:,} of {rows:,} bars (by adj_close)"),
        ("mended", f"{sum(report.repaired().values()):,} rows"),
    ]
