"""The files of a tuning, and its record in the run."""

from __future__ import annotations

import math

import pandas as pd

from exitladder.files.output import Content
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tuning.tuned import Tuned
from exitladder.plans.file import ladder_to_toml


def tuned_files(tuned: Tuned) -> dict[str, Content]:
    """Return the files of a tuned ladder, by name."""
    found = tuned.diagnostics
    return {
        "ladder.toml": ladder_to_toml(tuned.ladder),
        "trials.csv": tuned.choice.trials_frame(),
        "folds.csv": tuned.folds_frame(),
        "net_r.csv": tuned.results_frame(),
        "trades.csv": tuned.trades_frame(),
        "fills.csv": tuned.fills_frame(),
        "importance.csv": found.importance,
        "slices.csv": found.slices,
        "neighbours.csv": pd.DataFrame({"behind": found.plateau.behind}),
        "stability.csv": found.stability,
        "front.csv": found.front,
        "objectives.csv": found.tried,
        "tune.json": tuned.to_mapping(),
    }


def log_tuned(run: TrackedRun, tuned: Tuned) -> None:
    """Record the verdict of a tuning and the numbers behind it."""
    summary = tuned.to_mapping()
    run.describe(f"**{summary['verdict'].replace('_', ' ')}** — {summary['verdict_text']}")
    run.log_metrics({k: v for k, v in summary.items() if isinstance(v, (int, float))})
    run.log_metrics({"low": summary["interval"][0], "high": summary["interval"][1]})
    for row in summary["policies"]:
        run.log_metrics({f"{row['policy']}.{name}": row[name] for name in ("expectancy_r", "win_rate", "cvar_r")})
    for row in summary["folds"]:
        logged = ("n_test", "tuned_r", "baseline_r", "difference_r")
        run.log_metrics({f"fold {row['fold']}.{name}": row[name] for name in logged})
    for row in summary["continuous"]:
        run.log_metrics({f"{row['policy']}.account.{k}": v for k, v in row.items() if k not in ("policy", "n_days")})
    of_ladder = {f"ladder.{k}": v for k, v in summary["diagnostics"].items() if isinstance(v, (int, float))}
    run.log_metrics({k: v for k, v in of_ladder.items() if math.isfinite(v)})
    run.log_tags({"verdict": summary["verdict"], "baseline": summary["baseline"]})
