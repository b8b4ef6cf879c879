"""``exitladder tune``: a ladder tuned walk-forward, with its out-of-sample result, written and tracked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exitladder.bars.bars import BarSet
from exitladder.pipelines.inputs.job import open_job
from exitladder.pipelines.pages.tuning import PageHead, page_files, write_tuning
from exitladder.pipelines.training.record import model_summary
from exitladder.pipelines.tuning.backend import search_backend
from exitladder.pipelines.tuning.record import log_tuned, tuned_files
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@dataclass(frozen=True)
class TuneResult:
    """The tuned ladder with its out-of-sample result, and its run."""

    run_id: str
    tuned: Tuned

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
    OutputFileError
        If the folder cannot be written.
    """
    job = open_job(bars, trades, settings, model=model, ladder=ladder, progress=progress)
    with job.run("tune") as run:
        run.log_tags({"used_model": model} if model else {})
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
                job, tuned, run.run_id, PageHead(command=command)
            )
            if job.model is not None:
                files["model.json"] = model_summary(job.model)
            advance(1)
            write_tuning(out, files, run)
            advance(1)
    return TuneResult(run_id=run.run_id, tuned=tuned)
