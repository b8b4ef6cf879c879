"""``exitladder tune``: a ladder tuned walk-forward, with its out-of-sample result, written and tracked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exitladder.bars.bars import BarSet
from exitladder.pipelines.inputs.job import open_job
from exitladder.pipelines.inputs.prepare import placed_at_entries
from exitladder.pipelines.pages.page import PageLink
from exitladder.pipelines.pages.tuning import MODEL_SUMMARY, PageHead, page_files, write_tuning
from exitladder.pipelines.training.record import model_summary
from exitladder.pipelines.tuning.backend import search_backend
from exitladder.pipelines.tuning.recommendation.without_adds import refuse_adds_with
from exitladder.pipelines.tuning.record import log_tuned, tuned_files
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import refuse_limits
from exitladder.runtime.progress import SILENT, Progress
from exitladder.runtime.shown import Shown
from exitladder.settings.tables import Settings
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
        If the ladder has limits of a book, or a size rule that cannot be compared.
    OutputFileError
        If the folder cannot be written.
    """
    if ladder is not None:
        refuse_limits(ladder, "tune")
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
