"""The files of a tuning, and its record in the run."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from exitladder.files.output import Content
from exitladder.pipelines.inputs.predictions import READABLE
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tuning.folds import Mask
from exitladder.pipelines.tuning.policies import OWN_EXITS, TUNED
from exitladder.pipelines.tuning.recommendation.recommended import choice_of, provenance
from exitladder.pipelines.tuning.samples.replay import name_of_fold
from exitladder.pipelines.tuning.tuned import Tuned
from exitladder.plans.file import ladder_to_toml
from exitladder.plans.ladder import Ladder
from exitladder.plans.provenance import Choice


def tuned_files(tuned: Tuned, run: str = "", model: str = "") -> dict[str, Content]:
    """Return the files of a tuned ladder, by name.

    Parameters
    ----------
    tuned : Tuned
    run : str
        Run id of the tuning.
    model : str
        REF of its model; empty without one.

    Returns
    -------
    dict of str to content
    """
    found, (trades, fills) = tuned.diagnostics, tuned.tables()
    return {
        **ladder_files(tuned, run, model),
        "trials.csv": tuned.choice.trials_frame(),
        "folds.csv": tuned.folds_frame(),
        "net_r.csv": tuned.results_frame(),
        "trades.csv": trades,
        "fills.csv": fills,
        "importance.csv": found.importance,
        "slices.csv": found.slices,
        "neighbours.csv": pd.DataFrame({"behind": found.plateau.behind}),
        "stability.csv": found.stability,
        "front.csv": found.front,
        "objectives.csv": found.tried,
        "tune.json": tuned.to_mapping(),
    }


def ladder_files(tuned: Tuned, run: str = "", model: str = "") -> dict[str, Content]:
    """Return the ladder, the recommended exit and the ladder of each part, each with its training trades.

    Parameters
    ----------
    tuned : Tuned
    run : str
    model : str

    Returns
    -------
    dict of str to content
    """
    last = int(tuned.placed.bars.close_time.max())

    def text(ladder: Ladder, choice: Choice, name: str, *, trades: Mask, until: int, said: str = "") -> str:
        found = provenance(tuned, choice, name, trades=trades, last=until, text=said, run=run)
        reads_model = bool(set(ladder.series) & set(READABLE))
        return ladder_to_toml(replace(ladder, tuned=replace(found, model=model if reads_model else "")))

    advice, final = tuned.recommended, tuned.walk.final
    files: dict[str, Content] = {
        "ladder.toml": text(tuned.ladder, choice_of(TUNED, tuned.ladder), TUNED, trades=final, until=last),
        "recommended.toml": text(
            advice.ladder, advice.choice, advice.exit, trades=final, until=last, said=advice.sentence
        ),
    }
    for k, (cut, choice) in enumerate(zip(tuned.walk.folds, tuned.folds, strict=True), start=1):
        kind: Choice = "own_exits" if choice.keeps_own_exits else choice_of(TUNED, choice.ladder)
        name = OWN_EXITS if choice.keeps_own_exits else TUNED
        files[name_of_fold(k)] = text(choice.ladder, kind, name, trades=cut.training, until=cut.cut)
    return files


def log_tuned(run: TrackedRun, tuned: Tuned) -> None:
    """Record the verdict of a tuning and the numbers behind it."""
    summary = tuned.to_mapping()
    run.describe(
        f"**{summary['recommendation']}**\n\n{summary['verdict'].replace('_', ' ')} — {summary['verdict_text']}"
    )
    run.log_metrics({k: v for k, v in summary.items() if isinstance(v, (int, float))})
    run.log_metrics({"low": summary["interval"][0], "high": summary["interval"][1]})
    tuned_row: dict[str, object] = next(
        (row for row in summary["policies"] if row["policy"] == tuned.scoreboard.candidate), {}
    )
    run.log_metrics({"expectancy_r": tuned_row.get("expectancy_r"), "n_trades": summary["n_test"]})
    for row in summary["policies"]:
        run.log_metrics({row["policy"]: {name: row[name] for name in ("expectancy_r", "win_rate", "cvar_r")}})
    for row in summary["folds"]:
        logged = ("n_test", "tuned_r", "baseline_r", "difference_r")
        run.log_metrics({f"fold {row['fold']}": {name: row[name] for name in logged}})
    for row in summary["continuous"]:
        account = {f"account_{k}": v for k, v in row.items() if k not in ("policy", "n_days")}
        run.log_metrics({row["policy"]: account})
    of_ladder = {k: v for k, v in summary["diagnostics"].items() if isinstance(v, (int, float))}
    run.log_metrics({"ladder": {k: v for k, v in of_ladder.items() if math.isfinite(v)}})
    verdict = summary["verdict"].replace("_", " ")
    run.log_result(verdict)
    run.log_tags({"verdict": verdict, "baseline": summary["baseline"]})
    run.log_tags({"recommended": summary["recommended"]["exit"]})
