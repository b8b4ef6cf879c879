"""The check of the verdicts by simulation, in small: ``benchmarks/verdicts.py`` makes it in full."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from exitladder.pipelines.policies import OWN_EXITS, SIMPLEST

QUICK = ("tuning.n_trials=64", "validation.n_bootstrap=400")


@pytest.fixture(scope="module")
def verdicts(root: Path) -> Any:
    """The benchmark, which is no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("verdicts")
    sys.path.remove(str(root / "benchmarks"))


@pytest.fixture(scope="module")
def driftless(verdicts: Any) -> list[Any]:
    return list(verdicts.runs(0.0, range(1000, 1012), 180, verdicts.settings_of(QUICK)))


@pytest.mark.parametrize("baseline", [OWN_EXITS, SIMPLEST])
def test_driftless_markets_are_not_called_better(driftless: list[Any], baseline: str) -> None:
    """At a chance of 5 % a run, more than this is said once in a thousand times."""
    said = [run.says(baseline) for run in driftless]
    assert said.count("better") <= binom.ppf(0.999, len(said), 0.05)
    assert said.count("worse") <= binom.ppf(0.999, len(said), 0.05)


def test_driftless_markets_pay_nothing(driftless: list[Any]) -> None:
    """What the simulation rests on: without costs every exit is worth nothing there."""
    means = [run.tuned.scoreboard.table.set_index("policy")["expectancy_r"] for run in driftless]
    for policy in means[0].index:
        found = np.array([mean[policy] for mean in means])
        assert abs(found.mean()) < 4 * found.std(ddof=1) / np.sqrt(len(found))


def test_a_strong_drift_that_the_own_exits_leave_too_early_is_found(verdicts: Any) -> None:
    for run in verdicts.runs(0.3, range(2), 180, verdicts.settings_of(QUICK)):
        assert run.says(OWN_EXITS) == run.tuned.verdict.kind == "better"
        assert "earned more than" in run.tuned.verdict.text


def test_the_tables_count_what_was_said(verdicts: Any, driftless: list[Any]) -> None:
    table = verdicts.pd.DataFrame([run.row() for run in driftless])
    text = verdicts.false_positives(table)
    n = sum(run.says(OWN_EXITS) == "better" for run in driftless)
    assert f"| against your own exits, as `tune` says it | {n / 12:.1%} (" in text
    assert "| 0 |" in verdicts.power(table)
