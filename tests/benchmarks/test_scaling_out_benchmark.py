"""The study of scaling out: its measures, the identity behind it, and its driftless control."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exitladder.execution import simulate
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.units import Target
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.metrics import max_drawdown_of_sum, sharpe_ratio
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import place_trades

FEW = Intervals(n_bootstrap=200)


@pytest.fixture(scope="module")
def study(root: Path) -> Any:
    """The benchmark, which is no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("scaling_out")
    sys.path.remove(str(root / "benchmarks"))


@pytest.fixture(scope="module")
def runs(study: Any) -> Any:
    """Three small driftless markets under every exit."""
    return study.run_all({f"w{k}": study.driftless(k, 2, 700) for k in range(3)}, {})


def test_a_scaled_exit_is_the_mean_of_its_parts(study: Any) -> None:
    """With proportional costs too: every part leaves at its target or at the trail that all share."""
    costs = Costs(commission_bps=5.0, slippage_bps=3.0)
    three: Ladder = study.ladders_of(costs)[study.THREE]
    bars = study.driftless(1, 1, 1_500)
    placed = place_trades(make_trades(bars, "donchian", lot=0.0), bars)
    parts = [
        simulate(placed, replace(three, rungs=rungs)).r
        for rungs in ((Rung(1.0, Target(1.0, "R")),), (Rung(1.0, Target(2.0, "R")),), ())
    ]
    assert np.allclose(simulate(placed, three).r, np.mean(parts, axis=0), atol=1e-12)


def test_measures_are_those_of_the_account(study: Any, runs: Any) -> None:
    (market,) = runs["breakout"][:1]
    for k in (study.TRAILING, study.THREE):
        found = study.levels(market, k)
        assert found["sharpe"] == pytest.approx(sharpe_ratio(market.daily[k], 365.25))
        assert found["drawdown"] == pytest.approx(-max_drawdown_of_sum(market.daily[k]))
        assert market.daily[k].sum() == pytest.approx(market.net_r[:, k].sum())
    pair = study.compare([market], study.THREE, study.TRAILING, FEW)
    mean = market.net_r.mean(axis=0)
    assert pair["expectancy"].difference == pytest.approx(mean[study.THREE] - mean[study.TRAILING])
    assert pair["sharpe"].low < pair["sharpe"].difference < pair["sharpe"].high


def test_sold_parts_free_capital_and_time(study: Any, runs: Any) -> None:
    for market in (market for markets in runs.values() for market in markets):
        held, tied = market.bars, market.capital_days
        assert (held[:, study.THREE] <= held[:, study.TRAILING] + 1e-9).all()
        assert (tied[:, study.THREE] <= tied[:, study.TRAILING] + 1e-9).all()
        assert held[:, study.THREE].mean() < 0.9 * held[:, study.TRAILING].mean()


def test_markets_count_equally_whatever_their_size(study: Any, runs: Any) -> None:
    one, two = runs["random"][:2]
    alone = [study.compare([market], study.THREE, study.TARGET, FEW)["sharpe"].difference for market in (one, two)]
    both = study.compare([one, two], study.THREE, study.TARGET, FEW)["sharpe"].difference
    assert both == pytest.approx(np.mean(alone))


def test_the_control_has_no_drift_and_finds_nothing(study: Any, runs: Any) -> None:
    close = np.concatenate([study.driftless(k, 4, 2_000)[f"W{s}"].close for k in range(5) for s in range(4)])
    returns = np.diff(close.reshape(20, -1), axis=1) / close.reshape(20, -1)[:, :-1]
    assert abs(returns.mean() / returns.std() * np.sqrt(returns.size)) < 3
    p = study.adjusted_p(study.answers(runs, FEW))
    assert all(row[name] > 0.05 for row in p for name in ("sharpe", "expectancy"))


def test_absent_data_are_said(study: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(study.real(["sample", "nse", "oanda-1h"], tmp_path)) == ["sample"]
    assert capsys.readouterr().out.count("skipped") == 2


def test_tables_have_a_row_for_each_question(study: Any, runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    study.print_answers(runs, FEW)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("| breakout", "| random"))]
    assert len(rows) == 2 * len(study.QUESTIONS) and all(row.count("|") == 9 for row in rows)
