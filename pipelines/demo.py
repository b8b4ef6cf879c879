"""The main job in two acts: on the sample data of the package, and on a generated market whose answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.bars.checking.report import BarsReport
from exitladder.files.output import Content, csv_text
from exitladder.pipelines.advice.open_trades import advice_job, score_open
from exitladder.pipelines.advice.rows.columns import flat_scores
from exitladder.pipelines.inputs.job import Job, open_job
from exitladder.pipelines.pages.model_card import verdict_of
from exitladder.pipelines.pages.page import PageLink
from exitladder.pipelines.pages.training import training_pages
from exitladder.pipelines.pages.tuning import MODEL_SUMMARY, PAGE, PageHead, page_files, write_tuning
from exitladder.pipelines.plots.pictures import reliability_of
from exitladder.pipelines.tracking.tracker import check_model_name
from exitladder.pipelines.training.backend import training_backend
from exitladder.pipelines.training.model import Trained, train_model
from exitladder.pipelines.training.record import log_trained, model_name, trained_summary
from exitladder.pipelines.tuning.record import log_tuned, tuned_files
from exitladder.pipelines.tuning.tuned import Tuned, held_at_the_end, tune_ladder
from exitladder.runtime.progress import SILENT, Advance, Progress
from exitladder.sample import load_sample_bars
from exitladder.sample.planted import PlantedMarket, planted_market
from exitladder.settings.tables import Settings
from exitladder.trades.entries import make_trades
from exitladder.trades.files import read_trades

ENTRY_RULE = "donchian"
# the folder of the second act, its candidates per tuning, and what a reader must know of it
PLANTED = "planted"
PLANTED_TRIALS = 60
PLANTED_TEXT = (
    "This market is generated: most trends end after a bar of climax volume, and then give back their gains. It "
    "shows the tool at work where there is something to find, and proves nothing about real markets."
)
ACTS = (PageLink("Act 1: five US shares", PAGE), PageLink("Act 2: a planted market", f"{PLANTED}/{PAGE}"))
# Costs of a retail account in US shares.
DEMO_COSTS = {"commission_bps": 2.0, "slippage_bps": 3.0, "tick": 0.01, "lot": 1.0, "min_quantity": 1.0}


@dataclass(frozen=True)
class DemoWork:
    """All results of the demo, before they are written.

    Parameters
    ----------
    job : Job
        All trades, with the model.
    report : BarsReport
    trained : Trained
        On all trades, in stages: every scored trade was predicted by a stage trained before it.
    tuned : Tuned
    scores : DataFrame
        Advice on the trades open at the last bar.
    """

    job: Job
    report: BarsReport
    trained: Trained
    tuned: Tuned
    scores: pd.DataFrame


@dataclass(frozen=True)
class PlantedAct:
    """The second act: the model and the ladder on a market with a planted exhaustion.

    Parameters
    ----------
    job : Job
    trained : Trained
    tuned : Tuned
    page : Path
    """

    job: Job
    trained: Trained
    tuned: Tuned
    page: Path

    def to_mapping(self) -> dict[str, Any]:
        """Return the act's numbers as plain values."""
        return {
            "page": str(self.page),
            "training": self.trained.to_mapping(),
            "tuning": self.tuned.to_mapping(),
        }


@dataclass(frozen=True)
class DemoResult:
    """The results of both acts, as the terminal shows them; all but `planted` are of the first."""

    work: DemoWork
    page: Path
    run_id: str
    model: str
    planted: PlantedAct

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return self.work.tuned.verdict.text

    @property
    def recommendation(self) -> str:
        """The exit to use, in a sentence."""
        return self.work.tuned.recommended.sentence

    def summary_frame(self) -> pd.DataFrame:
        """Return the policies on the scored trades, one row each."""
        return self.work.tuned.scoreboard.table

    def to_mapping(self) -> dict[str, Any]:
        """Return the demo's numbers as plain values."""
        return {
            "run_id": self.run_id,
            "model": self.model,
            "page": str(self.page),
            "training": self.work.trained.to_mapping(),
            "tuning": self.work.tuned.to_mapping(),
            "planted": self.planted.to_mapping(),
        }


def demo_settings(settings: Settings) -> Settings:
    """Return the settings with the costs of US shares, unless they hold other costs than the default."""
    if settings.costs != type(settings.costs)():
        return settings
    return replace(settings, costs=replace(settings.costs, **DEMO_COSTS))


def demo(
    out: Path,
    settings: Settings,
    *,
    command: str = "exitladder demo",
    market: PlantedMarket | None = None,
    progress: Progress = SILENT,
) -> DemoResult:
    """Run the main job on the sample data and on a planted market, and write their pages and files into `out`.

    It reads and checks the bars, makes entries by a named rule, trains the model, tunes a ladder walk-forward, scores
    it out of sample, and advises on the trades open at the last bar. The first act is tracked.

    Parameters
    ----------
    out : path
        Folder for the page ``index.html`` and the files.
    settings : Settings
    command : str
        The command line, shown on the page under how to get the same numbers again.
    market : PlantedMarket, optional
        The rules of the second act's market.
    progress : Progress

    Returns
    -------
    DemoResult

    Raises
    ------
    OutputFileError
        If the folder cannot be written.
    """
    if settings.tracking.enabled:
        check_model_name(model_name(settings.project))
    settings = demo_settings(settings)
    work = demo_work(settings, Act(progress, 1))
    job, tuned = work.job, work.tuned
    with job.run("train") as run, progress.stage("model card and registry", 2) as advance:
        name, pages = model_name(settings.project), training_pages(work.trained, settings, run.run_id, command)
        advance(1)
        model = log_trained(job.tracker, run, work.trained, name, pages, verdict_of(work.trained))
        advance(1)
    with job.run("tune", tuned.ladder) as run:
        run_id = run.run_id
        log_tuned(run, tuned)
        with progress.stage("page", 1) as advance:
            head = PageHead("exitladder demo: sample data", command, tuple(data_notes(work.report)), ACTS)
            files: dict[str, Content] = {
                **tuned_files(tuned, run_id, model),
                **page_files(job, tuned, run_id, head),
                MODEL_SUMMARY: _model_summary(work.trained),
                "policies.csv": tuned.scoreboard.table,
                "scores.csv": flat_scores(work.scores),
                "entries.csv": job.trades.to_frame(),
            }
            write_tuning(out, files, run)
            advance(1)
    with job.run("score", tuned.ladder) as run:
        run.log_metrics({"n_open": len(work.scores)})
        run.log_artifact(csv_text(flat_scores(work.scores)), "scores.csv")
    planted = planted_act(out / PLANTED, settings, command, market, Act(progress, 2))
    return DemoResult(work=work, page=out / PAGE, run_id=run_id, model=model, planted=planted)


@dataclass(frozen=True)
class Act:
    """Progress whose stages say to which act they belong."""

    shown: Progress
    number: int

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield a function that advances the stage."""
        with self.shown.stage(f"act {self.number} of 2, {name}", total) as advance:
            yield advance


def planted_act(
    out: Path, settings: Settings, command: str, market: PlantedMarket | None = None, progress: Progress = SILENT
) -> PlantedAct:
    """Train and tune on a generated market with a planted exhaustion and write the page; no run is recorded.

    Parameters
    ----------
    out : Path
        Folder for the page and the files.
    settings : Settings
    command : str
    market : PlantedMarket, optional
    progress : Progress

    Returns
    -------
    PlantedAct
    """
    rules = market or PlantedMarket()
    longest = rules.cycle - rules.calm
    settings = settings.with_values(
        {
            "tracking": {"enabled": False},
            "labels": {"max_bars": longest},
            "search": {"time_bars": [5, longest]},
            "tuning": {"n_trials": min(settings.tuning.n_trials, PLANTED_TRIALS)},
        }
    )
    with progress.stage("bars and entries", 2) as advance:
        bars, table = planted_market(rules)
        advance(1)
        job = open_job(bars, read_trades(table), settings, progress=progress)
        advance(1)
    job, trained, tuned = _trained_and_tuned(job, settings, progress)
    notes = (("bars", f"{bars.n_bars:,} generated hours of {len(bars)} symbols"),)
    back = tuple(PageLink(link.title, f"../{link.address}") for link in ACTS)
    head = PageHead("exitladder demo: a planted market", command, notes, back, (PLANTED_TEXT,))
    with job.run("tune", tuned.ladder) as run, progress.stage("page", 1):
        files: dict[str, Content] = {
            **tuned_files(tuned),
            **page_files(job, tuned, "", head),
            MODEL_SUMMARY: _model_summary(trained),
            "entries.csv": job.trades.to_frame(),
        }
        write_tuning(out, files, run)
    return PlantedAct(job, trained, tuned, out / PAGE)


def _trained_and_tuned(job: Job, settings: Settings, progress: Progress) -> tuple[Job, Trained, Tuned]:
    with training_backend(settings.model) as backend:
        trained = train_model(job.prepared, settings, progress, backend)
    job = replace(job, trades=job.prepared.placed.trades, model=trained.model)
    return job, trained, tune_ladder(job.prepared, settings, predictions=job.predictions, progress=progress)


def _model_summary(trained: Trained) -> dict[str, Any]:
    found = reliability_of(trained)
    table = {} if found is None else {f.name: getattr(found, f.name) for f in fields(found)}
    return trained_summary(trained) | {"reliability": table, "finding": trained.value.finding}


def demo_work(settings: Settings, progress: Progress = SILENT) -> DemoWork:
    """Return what the main job finds on the sample data; nothing is written."""
    with progress.stage("bars and entries", 2) as advance:
        bars, report = load_sample_bars()
        advance(1)
        job = open_job(bars, make_trades(bars, ENTRY_RULE), settings, progress=progress)
        advance(1)
    job, trained, tuned = _trained_and_tuned(job, settings, progress)
    with progress.stage("open trades", 1) as advance:
        still_open = held_at_the_end(job.trades, tuned)
        scores = score_open(advice_job(bars, still_open, settings, trained.model), tuned.ladder)
        advance(1)
    return DemoWork(job, report, trained, tuned, scores)


def data_notes(report: BarsReport) -> list[tuple[str, str]]:
    """Return facts on the bars that a reader must know."""
    adjusted = sum(s.n_adjusted for s in report.symbols)
    rows = sum(s.n_bars for s in report.symbols)
    return [
        ("bars", f"{rows:,} of {len(report.symbols)} symbols, public-domain WIKI prices"),
        ("adjusted for splits and dividends", f"{adjusted:,} of {rows:,} bars (by adj_close)"),
        ("repaired", f"{sum(report.repaired().values()):,} rows"),
    ]
