"""The files of a tuning of plans on options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray
from exitladder.clock import stamp_text
from exitladder.files.output import Content, write_folder
from exitladder.options.market import OptionMarket
from exitladder.pipelines.options.evidence import HOLD
from exitladder.pipelines.options.samples import fingerprint
from exitladder.pipelines.options.tuning.policies import OWN, TUNED
from exitladder.pipelines.options.tuning.tuned import OptionsTuning
from exitladder.pipelines.options.tuning.words import plan_in_words, recommendation_text
from exitladder.plans.costs import Costs
from exitladder.plans.file import ladder_to_toml
from exitladder.plans.ladder import Ladder
from exitladder.plans.provenance import TunedOn
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings


def tuning_summary(
    found: OptionsTuning, market: OptionMarket, settings: Settings, notes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the content of ``tune.json``.

    Parameters
    ----------
    found : OptionsTuning
    market : OptionMarket
    settings : Settings
    notes : tuple of str
        On the data.

    Returns
    -------
    dict
    """
    policies, said, last = found.policies, found.verdict, found.choices[-1]
    advice, recommended = found.choice, found.recommended
    if policies.base.costs == Costs():
        notes = (*notes, "before costs: the plan, or without one [costs], sets none")
    known, table = np.unique(found.groups[found.is_known]), found.table()
    # of the positions scored
    best = max((row["expectancy_r"]["value"] for row in table if row["expectancy_r"]["value"] is not None), default=0.0)
    kinds = {TUNED: "tuned", OWN: "own", HOLD: "hold"}
    facts: dict[str, Any] = {
        "choice": kinds.get(advice.exit, "simple"), "exit": advice.exit, "plan_text": plan_in_words(recommended),
        "default": policies.default, "expectancy_r": None, "difference_from_default_r": None,
        "interval_from_default": [None, None],
    }  # fmt: skip
    if found.recommendation is not None:
        against = found.recommendation.against_default
        facts |= {
            "expectancy_r": _plain(against.candidate_r),
            "difference_from_default_r": _plain(against.difference_r),
            "interval_from_default": [_plain(against.low), _plain(against.high)],
        }
    return {
        "recommendation": recommendation_text(
            advice, plan_in_words(recommended), found.n_scored, best, can_hold=policies.can_hold
        ),
        "recommended": facts,
        "recommended_evidence": [one.to_mapping() for one in advice.evidence],
        "baseline": HOLD,
        "verdict": said.kind,
        "verdict_text": said.text,
        "comparison": found.against(HOLD).to_mapping() if found.cuts else None,
        "sample": "out_of_sample" if found.cuts else "in_sample",
        "n_trades": len(found.trades) + sum(found.skipped.values()),
        "n_skipped": sum(found.skipped.values()),
        "skipped": found.skipped,
        "n_repeated": len(found.trades) - len(np.unique(found.groups)),
        "n_known": len(known),
        "n_scored": found.n_scored,
        "n_plans": len(found.trials),
        "tuned_text": last.text(policies),
        "folds": fold_rows(found),
        "policies": table,
        "quotes": market.quotes.name,
        "notes": list(notes),
        **{name: settings.to_mapping()[name] for name in ("options", "options_search")},
    }


def fold_rows(found: OptionsTuning) -> list[dict[str, Any]]:
    """Return a row per part: its positions, the plan chosen before it, and the means of the plan and of holding."""
    rows = []
    position = {name: np.full(len(found.groups), np.nan) for name in (TUNED, HOLD)}
    for name, values in position.items():
        values[found.scored] = found.results[name].net_r
    # results come part by part, and parts in order of time
    for k, cut in enumerate(found.cuts):
        at = cut.test[found.groups]
        rows.append(
            {
                "fold": k + 1,
                "test_from": stamp_text(cut.moment),
                "n_training": int(cut.training.sum()),
                "n_purged": cut.n_purged,
                "n_test": int(cut.test.sum()),
                "plan_text": found.choices[k].text(found.policies),
                "expectancy_r": _plain(float(np.nanmean(position[TUNED][at]))),
                "hold_r": _plain(float(np.nanmean(position[HOLD][at]))),
            }
        )
    return rows


def trials_frame(found: OptionsTuning) -> pd.DataFrame:
    """Return the content of ``trials.csv``: a row per plan with its mean on the positions tuned on, by part."""
    table = pd.DataFrame(
        {
            "trial": np.arange(1, len(found.trials) + 1),
            "policy": [trial.name for trial in found.trials],
            "plan": [trial.text(found.policies) for trial in found.trials],
            "n_parts": [trial.n_parts for trial in found.trials],
        }
    )
    labels = [*(str(k + 1) for k in range(len(found.cuts))), "all"]
    for k, label in enumerate(labels):
        table[f"training_r_{label}"] = found.training_r[:, k]
        table[f"chosen_{label}"] = [trial is found.choices[k] for trial in found.trials]
    return table


def results_frame(found: OptionsTuning) -> pd.DataFrame:
    """Return the content of ``net_r.csv``: the positions of the table of exits, each under each exit."""
    at = np.flatnonzero(found.scored)
    part = np.zeros(len(found.groups), dtype=np.int64)
    for k, cut in enumerate(found.cuts, start=1):
        part[cut.test[found.groups]] = k
    table = pd.DataFrame(
        {
            "trade_id": [found.trades[i].trade_id for i in at],
            "entry_time": pd.to_datetime([found.trades[i].entry_time for i in at], utc=True, unit="ns"),
            "part": part[at],
        }
    )
    for name in (TUNED, *found.policies.names):
        table[name] = found.results[name].net_r
    return table


def tuning_files(found: OptionsTuning, market: OptionMarket, summary: dict[str, Any]) -> dict[str, Content]:
    """Return the files of a tuning, by name.

    Parameters
    ----------
    found : OptionsTuning
    market : OptionMarket
    summary : dict
        See `tuning_summary`.

    Returns
    -------
    dict of str to content
    """
    last, policies = market.quotes.last, found.policies
    firsts = np.unique(found.groups, return_index=True)[1]

    def text(ladder: Ladder, name: str, tuned_on: BoolArray, until: int) -> str:
        rows = [found.trades[i] for i in np.flatnonzero(tuned_on[found.groups])]
        entries = [trade.entry_time for trade in rows]
        one = TunedOn(
            choice="ladder" if name in (TUNED, OWN) else "simple",
            exit=name,
            verdict=summary["verdict"],
            verdict_text=summary["verdict_text"],
            first=min(entries, default=until),
            last=until,
            trades=frozenset(map(fingerprint, rows)),
        )
        return ladder_to_toml(replace(ladder, tuned=one))

    known = found.is_known[firsts]
    advice = found.choice.exit
    files: dict[str, Content] = {
        "recommended.toml": text(found.recommended, advice, known, last),
        "tuned.toml": text(found.choices[-1].ladder(policies), TUNED, known, last),
    }
    for k, cut in enumerate(found.cuts):
        files[f"folds/fold-{k + 1}.toml"] = text(found.choices[k].ladder(policies), TUNED, cut.training, cut.moment)
    return files | {
        "folds.csv": pd.DataFrame(summary["folds"]),
        "trials.csv": trials_frame(found),
        "net_r.csv": results_frame(found),
        "tune.json": summary,
    }


def write_tuning(
    found: OptionsTuning, market: OptionMarket, summary: dict[str, Any], out: Path, progress: Progress = SILENT
) -> None:
    """Write the files of a tuning into a folder, all or none.

    Parameters
    ----------
    found : OptionsTuning
    market : OptionMarket
    summary : dict
    out : Path
    progress : Progress
    """
    write_folder(out, tuning_files(found, market, summary), progress)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
