"""The check of the verdicts by simulation, in small: ``benchmarks/verdicts.py`` makes it in full."""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from exitladder.execution import simulate, simulate_own_exits
from exitladder.pipelines.inputs.prepare import base_ladder
from exitladder.pipelines.tuning.policies import OWN_EXITS, SIMPLEST
from exitladder.plans.ladder import Stop
from exitladder.plans.units import Distance

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
    """With a 5% chance per run, more than this occurs once in a thousand times."""
    kinds = [run.says(baseline) for run in driftless]
    assert kinds.count("better") <= binom.ppf(0.999, len(kinds), 0.05)
    assert kinds.count("worse") <= binom.ppf(0.999, len(kinds), 0.05)


def test_driftless_markets_pay_nothing(driftless: list[Any]) -> None:
    """What the simulation rests on: without costs every exit is worth nothing there."""
    means = [run.tuned.scoreboard.table.set_index("policy")["expectancy_r"] for run in driftless]
    for policy in means[0].index:
        found = np.array([mean[policy] for mean in means])
        assert abs(found.mean()) < 4 * found.std(ddof=1) / np.sqrt(len(found))


def test_with_costs_every_exit_costs_at_least_what_the_own_exits_do(verdicts: Any) -> None:
    """So that "better" than those is false there too: they pay commission, but no slippage when they leave."""
    costs = verdicts.CONDITIONS["costs"]
    cost = {}
    for condition in (verdicts.PLAIN, costs):
        settings = verdicts.settings_of(QUICK, condition)
        prepared = verdicts.prepare(*verdicts.market(0.0, 180, 1000), settings)
        own = simulate_own_exits(prepared.placed, base_ladder(settings))
        held = simulate(prepared.placed, replace(base_ladder(settings), stop=Stop(Distance(2.0, "ATR"), time=5)))
        cost[condition.name] = own.r.mean(), held.r.mean()
    own_cost, held_cost = np.subtract(cost["walks"], cost["costs"])
    assert 0.02 < own_cost < held_cost < 0.08  # R a trade, both fills


def test_crowded_trades_overlap_and_plain_ones_do_not(verdicts: Any) -> None:
    """The longest time stop of the benchmark's space reaches beyond the next entry, or does not."""
    longest = max(verdicts.settings_of().search.time_bars)
    for crowded in (False, True):
        bars, trades = verdicts.market(0.0, 180, 7, crowded=crowded)
        entries = np.sort(trades.entry_time[trades.symbol == bars.symbols[0]])
        assert (np.diff(entries).min() > longest * verdicts.HOUR) is not crowded
        moves = np.diff([bars[symbol].close for symbol in bars.symbols], axis=1)
        together = np.corrcoef(moves)[np.triu_indices(len(moves), 1)].mean()
        assert abs(together - (0.5 if crowded else 0.0)) < 0.05


def test_a_strong_drift_that_the_own_exits_leave_too_early_is_found(verdicts: Any) -> None:
    # fewer than 20 days of entries forbid "better"
    for run in verdicts.runs(0.3, range(2), 360, verdicts.settings_of(QUICK)):
        assert run.says(OWN_EXITS) == run.tuned.verdict.kind == "better"
        assert "earned more than" in run.tuned.verdict.text


def test_the_tables_count_the_verdicts(verdicts: Any, driftless: list[Any]) -> None:
    table = verdicts.pd.DataFrame([run.row() for run in driftless])
    text = verdicts.gates(table)
    n = sum(run.says(OWN_EXITS) == "better" for run in driftless)
    assert f"| against your own exits, as in `tune` | {n / 12:.1%} (" in text
    assert "| 0 | 12 |" in verdicts.power(table)
    assert "| no costs, no model | 12 |" in verdicts.conditions(table)


def test_runs_are_kept_as_they_end_and_not_made_again(
    verdicts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, model = tmp_path / "runs.csv", verdicts.CONDITIONS["model"]
    quick = [*QUICK, "model.n_estimators=10"]
    args = argparse.Namespace(trades=180, set=quick, csv=kept, ranges="printed")
    verdicts.collect(model, [0.0], range(1), args)
    first = kept.read_text()
    monkeypatch.setattr(verdicts, "tune_ladder", None)
    verdicts.collect(model, [0.0], range(1), args)
    assert kept.read_text() == first
    assert "| with a model | 1 |" in verdicts.tables(verdicts.read(kept))
    with pytest.raises(SystemExit, match="take another file"):
        verdicts.collect(model, [0.0], range(1), argparse.Namespace(**vars(args) | {"trades": 240}))
