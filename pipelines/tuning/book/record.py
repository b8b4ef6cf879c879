"""The files of a tuning of a book, and its record in the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from exitladder.execution.simulation import joined_tables
from exitladder.files.output import Content
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tuning.book.tuned import TunedBook
from exitladder.pipelines.tuning.samples.labels import IN_SAMPLE, OUT_OF_SAMPLE
from exitladder.pipelines.tuning.samples.replay import name_of_fold
from exitladder.plans.file import ladder_to_toml
from exitladder.plans.ladder import Ladder


def book_files(tuned: TunedBook, run: str = "") -> dict[str, Content]:
    """Return the files of a tuned book, by name.

    Parameters
    ----------
    tuned : TunedBook
    run : str
        Run id of the tuning.

    Returns
    -------
    dict of str to content
    """

    def text(plan: Ladder) -> str:
        return ladder_to_toml(plan if plan.tuned is None else replace(plan, tuned=replace(plan.tuned, run=run)))

    trades, fills = joined_tables([tuned.walk.simulation])
    later = tuned.placed.trades.entry_time >= tuned.parts[0].cut
    trades["sample"] = np.where(later, OUT_OF_SAMPLE, IN_SAMPLE)
    return {
        "recommended.toml": text(tuned.recommended),
        "own.toml": text(tuned.own),
        **{name_of_fold(k): text(tuned.plan_of(part)) for k, part in enumerate(tuned.parts, start=1)},
        "trials.csv": tuned.trials_frame(),
        "folds.csv": tuned.folds_frame(),
        "book.csv": tuned.table,
        "book_actions.csv": tuned.walk.actions_frame(),
        "trades.csv": trades,
        "fills.csv": fills,
        "tune.json": tuned.to_mapping(),
    }


def log_book(run: TrackedRun, tuned: TunedBook) -> None:
    """Record the verdict of a tuning of a book and the numbers behind it."""
    summary = tuned.to_mapping()
    verdict = summary["verdict"].replace("_", " ")
    run.describe(f"**{summary['recommendation']}**\n\n{verdict} — {summary['verdict_text']}")
    run.log_metrics({name: summary[name] for name in ("n_trades", "n_test", "n_days", "n_trials", "n_possible")})
    for name, found in tuned.accounts.items():
        run.log_metrics({name: found})
    for one in tuned.compared.values():
        measured: dict[str, Any] = {
            name: {key: some[key] for key in ("difference", "low", "high", "p_adjusted")}
            for name, some in one.measures.items()
        }
        run.log_metrics({f"{one.candidate} minus {one.baseline}": measured})
    for row in summary["folds"]:
        run.log_metrics(
            {f"fold {row['fold']}": {name: row[name] for name in ("n_trades", "objective", "own_objective")}}
        )
    run.log_result(verdict, of="book")
    run.log_tags({"verdict": verdict, "baseline": tuned.against_own.baseline, "recommended": tuned.choice})
