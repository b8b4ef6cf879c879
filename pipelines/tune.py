"""``exitladder tune``: a ladder or a book tuned walk-forward, with its out-of-sample result, written and tracked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exitladder.bars.bars import BarSet
from exitladder.files.output import write_folder, write_text
from exitladder.pipelines.inputs.job import open_job
from exitladder.pipelines.inputs.predictions import signal_bars
from exitladder.pipelines.inputs.prepare import placed_at_entries
from exitladder.pipelines.pages.books.tuned import tuned_book_page
from exitladder.pipelines.pages.page import PageLink, page_html
from exitladder.pipelines.pages.tuning import (
    MODEL_SUMMARY,
    PAGE,
    PageHead,
    page_files,
    page_pictures,
    run_file,
    write_tuning,
)
from exitladder.pipelines.training.record import model_summary
from exitladder.pipelines.tuning.backend import search_backend
from exitladder.pipelines.tuning.book.record import book_files, log_book
from exitladder.pipelines.tuning.book.tuned import TunedBook, tune_book
from exitladder.pipelines.tuning.recommendation.without_adds import refuse_adds_with
from exitladder.pipelines.tuning.record import log_tuned, tuned_files
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import refuse_limits
from exitladder.runtime.progress import SILENT, Progress
from exitladder.runtime.shown import Shown
from exitladder.settings.tables import Settings
from exitladder.trades.targets import check_price_targets
from exitladder.trades.trades import Trades

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class TuneResult(Shown):
    """The tuned ladder with its out-of-sample result, and its run."""

    run_id: str
    tuned: Tuned

    @property
    def ladder(self) -> Ladder:
        """The ladder tuned on all trades."""
        return self.tuned.ladder

    @property
    def recommended(self) -> Ladder:
        """The exit to use from now on: this ladder, a simple exit or the user's own exits; see `headline`."""
        return self.tuned.recommended.ladder

    def headline(self) -> str:
        """Return the recommendation."""
        return self.tuned.recommended.sentence

    def to_frame(self) -> pd.DataFrame:
        """Return the exits side by side on the trades scored out of sample, one row each."""
        return self.tuned.scoreboard.table

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that the command prints."""
        found = self.tuned.to_mapping()
        return {"recommendation": found.pop("recommendation"), "run_id": self.run_id, **found}


@dataclass(frozen=True, repr=False)
class TuneBookResult(Shown):
    """The tuned numbers of a book with their account out of sample, and its run."""

    run_id: str
    tuned: TunedBook

    @property
    def ladder(self) -> Ladder:
        """The plan with the numbers that were best on all days; the user's own or none of its limits if those were."""
        return self.tuned.candidates.plans[self.tuned.final]

    @property
    def recommended(self) -> Ladder:
        """The plan to use from now on: with the tuned numbers, the user's own, or without limits; see `headline`."""
        return self.tuned.recommended

    def headline(self) -> str:
        """Return the recommendation."""
        return self.tuned.sentence

    def to_frame(self) -> pd.DataFrame:
        """Return the accounts side by side on the days out of sample, one row each."""
        return self.tuned.accounts_frame()

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that the command prints."""
        found = self.tuned.to_mapping()
        return {"recommendation": found.pop("recommendation"), "run_id": self.run_id, **found}


def tune(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    model: str | None = None,
    ladder: Ladder | None = None,
    fresh: bool = False,
    out: Path,
    command: str = "",
    links: Sequence[PageLink] = (),
    progress: Progress = SILENT,
) -> TuneResult:
    """Tune a ladder on the user's trades, write it with its page and track the run.

    Studies are kept in ``tuning.storage``: a tuning that was interrupted resumes, and one that has finished is read
    without evaluating its candidates again.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    settings : Settings
    model : str, optional
        A REF: run id, ``models:/NAME/VERSION``, ``models:/NAME@alias`` or a model folder.
    ladder : Ladder, optional
        The user's own ladder. The search starts from it, and the result is compared with it.
    fresh : bool
        Delete the kept studies of this tuning and start again.
    out : Path
        Folder for the page ``index.html``, for ``recommended.toml``, ``ladder.toml``, ``folds/`` (the ladder of each
        part), ``tune.json``, ``trials.csv``, ``folds.csv``,
        ``net_r.csv``, ``trades.csv`` and ``fills.csv``, and for the tables behind the diagnostics.
    command : str
        The command line, shown on the page under how to get the same numbers again.
    links : sequence of PageLink
        The other pages of a whole run, for the page.
    progress : Progress

    Returns
    -------
    TuneResult
        The run id and everything that was tuned.

    Raises
    ------
    TrackingError
        If there is no such model.
    FeatureError
        If the model's features cannot be computed on these bars as they were in its training.
    TradesError
        If there are too few trades, or a trade is outside its bars.
    SettingsError
        If adds are searched with a model, or by an objective that does not know them, or sizes without the starting
        money.
    LadderError
        If the ladder has limits of a book (see `tune_numbers`), or a size rule that cannot be compared.
    OutputFileError
        If the folder cannot be written.
    """
    if ladder is not None:
        refuse_limits(ladder, "A tuning of ladders")
    refuse_adds_with(settings, ladder, model=model is not None)
    trades = placed_at_entries(trades, settings)
    job = open_job(bars, trades, settings, model=model, ladder=ladder, progress=progress)
    with job.run("tune") as run:
        run.log_tags(job.model_tags)
        with search_backend(job.settings.tuning, job.settings.tracking, fresh=fresh) as backend:
            tuned = tune_ladder(
                job.prepared,
                job.settings,
                predictions=job.predictions,
                own_ladder=ladder,
                backend=backend,
                progress=progress,
            )
        log_tuned(run, tuned)
        with progress.stage("files and page", 2) as advance:
            files = tuned_files(tuned, run.run_id, model or "") | page_files(
                job, tuned, run.run_id, PageHead(command=command, links=tuple(links))
            )
            if job.model is not None:
                files[MODEL_SUMMARY] = model_summary(job.model)
            advance(1)
            write_tuning(out, files, run)
            advance(1)
    return TuneResult(run_id=run.run_id, tuned=tuned)


def tune_numbers(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    plan: Ladder,
    model: str | None = None,
    out: Path,
    command: str = "",
    links: Sequence[PageLink] = (),
    progress: Progress = SILENT,
) -> TuneBookResult:
    """Tune the numbers of a book on the user's trades, write them with their page and track the run.

    The exit of each trade stays as the plan states it; see `exitladder.pipelines.tuning.book.tuned.tune_book`.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    settings : Settings
    plan : Ladder
        With a book, limits or a target, and starting money.
    model : str, optional
        A REF, needed if conditions of the plan name the model's series.
    out : Path
        Folder for the page ``index.html``, ``recommended.toml``, ``folds/`` (the plan of each part), ``tune.json``,
        ``trials.csv``, ``folds.csv`` and the files of the walk-forward account.
    command : str
        The command line, shown on the page under how to get the same numbers again.
    links : sequence of PageLink
        The other pages of a whole run, for the page.
    progress : Progress

    Returns
    -------
    TuneBookResult

    Raises
    ------
    TrackingError
        If there is no such model.
    TradesError
        If there are too few trades, or a trade is outside its bars.
    SettingsError
        If a number of the book cannot be tuned.
    LadderError
        If the plan has no starting money, or reads an unknown series.
    OutputFileError
        If the folder cannot be written.
    """
    trades = placed_at_entries(trades, settings)
    check_price_targets(plan, trades)
    longest = signal_bars(plan, settings)
    job = open_job(bars, trades, settings, model=model, max_bars=longest, ladder=plan, progress=progress)
    with job.run("tune", plan) as run:
        run.log_tags(job.model_tags)
        found = tune_book(
            job.prepared.placed,
            plan,
            job.signals([plan]),
            job.settings,
            notes=job.prepared.notes,
            progress=progress,
        )
        log_book(run, found)
        with progress.stage("files and page", 2) as advance:
            files = book_files(found, run.run_id)
            head = PageHead(title="Tuned book", command=command, links=tuple(links))
            files["run.json"] = run_file(job, run.run_id, head) | {"files": sorted(files)}
            advance(1)
            write_folder(out, files)
            page = tuned_book_page(out)
            write_text(page_html(page), out / PAGE)
            run.log_files(files)
            run.log_artifact(out / PAGE)
            for name, image in page_pictures(page).items():
                run.log_artifact(image, name)
            advance(1)
    return TuneBookResult(run_id=run.run_id, tuned=found)
