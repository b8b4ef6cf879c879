"""Markets without a better exit, the count of false claims on them, and the check of printed numbers by later ones."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr
from scipy.stats import kurtosis

from exitladder.clock import DAY_NS
from exitladder.execution import simulate, simulate_own_exits
from exitladder.pipelines.inputs.prepare import base_ladder, prepare
from exitladder.plans.ladder import Stop
from exitladder.plans.units import Distance
from exitladder.settings.loading import load_settings


@pytest.fixture(scope="module")
def benchmark(root: Path) -> Any:
    """Import one of the benchmarks, which are no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module
    sys.path.remove(str(root / "benchmarks"))


def moves(worlds: Any, name: str, seed: int = 1) -> np.ndarray:
    bars, _ = worlds.null_market(worlds.WORLDS[name], 240, seed)
    return np.concatenate([np.diff(bars[symbol].close) for symbol in bars.symbols])


def test_each_world_has_the_property_it_is_named_after(benchmark: Any) -> None:
    worlds = benchmark("null_markets")
    plain, garch, heavy = (moves(worlds, name) for name in ("walks", "garch", "heavy"))
    assert abs(kurtosis(plain)) < 0.3 < 3 < kurtosis(heavy)
    assert np.corrcoef(garch[1:] ** 2, garch[:-1] ** 2)[0, 1] > 0.1 > abs(np.corrcoef(garch[1:], garch[:-1])[0, 1])
    assert abs(np.corrcoef(plain[1:] ** 2, plain[:-1] ** 2)[0, 1]) < 0.05
    for found in (plain, garch):
        assert found.std() == pytest.approx(worlds.SIGMA, rel=0.1)
    _, trades = worlds.null_market(worlds.WORLDS["up"], 240, 1)
    assert (trades.side == 1).all()
    # Bursts: enough days of entries for a verdict, in few stretches.
    _, trades = worlds.null_market(worlds.WORLDS["clustered"], 240, 1)
    days = np.unique(trades.entry_time // DAY_NS)
    assert len(days) >= 40 and np.sum(np.diff(days) > 3) < len(days) / 2
    burst = pd.Series(trades.side).groupby([trades.symbol, trades.entry_time // (8 * DAY_NS)]).nunique()
    assert (burst == 1).mean() > 0.6


@pytest.mark.parametrize("ranges", ["printed", "default"])
def test_the_longest_candidate_ends_before_the_own_exit_and_the_next_trade(benchmark: Any, ranges: str) -> None:
    worlds, (settings, spacing) = benchmark("null_markets"), benchmark("verdicts").RANGES[ranges]
    assert max(load_settings(None, settings).search.time_bars) < spacing - worlds.SPARE
    for name in worlds.WORLDS:
        bars, trades = worlds.null_market(worlds.WORLDS[name], 36, 2, spacing)
        entries = np.sort(trades.entry_time[trades.symbol == bars.symbols[0]]) // worlds.HOUR
        # Trades of a burst overlap; the next burst does not overlap with them.
        step = worlds.BURST if name == "clustered" else 1
        assert (entries[step::step] - entries[step - 1 :: step][: len(entries[step::step])]).min() > spacing - 10
        if name == "up":
            held = (trades.exit_time - trades.entry_time) // worlds.HOUR + 1
            assert (held == spacing - worlds.SPARE).all()


def test_where_prices_drift_up_no_exit_earns_more_than_the_own_one(benchmark: Any) -> None:
    worlds = benchmark("null_markets")
    settings = load_settings(None, benchmark("verdicts").SETTINGS)
    strong = replace(worlds.WORLDS["up"], drift=0.1)
    bars, trades = worlds.null_market(strong, 600, 3)
    prepared = prepare(bars, trades, settings)
    base = base_ladder(settings)
    own = simulate_own_exits(prepared.placed, base).r
    for stop in (Stop(Distance(2.0, "ATR"), time=100), Stop(Distance(2.0, "ATR"), time=20)):
        difference = simulate(prepared.placed, replace(base, stop=stop)).r - own
        assert difference.mean() < -2 * difference.std() / np.sqrt(len(difference))


def test_false_claims_are_counted_per_world_and_in_all(benchmark: Any) -> None:
    table_of = benchmark("recommendations").table_of
    run = {"parts_changed": 0, "n_parts": 4, "difference_r": 0.1}
    runs = pd.DataFrame(
        [
            {**run, "world": "walks", "verdict": "better", "choice": "own_exits"},
            {**run, "world": "walks", "verdict": "no_difference", "choice": "simple", "parts_changed": 2},
            {**run, "world": "up", "verdict": "worse", "choice": "own_exits"},
            {**run, "world": "up", "verdict": "no_difference", "choice": "ladder"},
        ]
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table_of(runs).splitlines()]
    walks, up, every = rows[2:5]
    # Clopper and Pearson's interval of 1 of 2: 1.3% to 98.7%.
    assert walks[1:6] == ["2", "1 of 2 (1.3% to 98.7%)", "0 of 2 (0.0% to 84.2%)", "1 of 2 (1.3% to 98.7%)", "2 of 8"]
    assert up[2].startswith("0 of 2") and up[3] == "–"
    assert every[1] == "4" and every[2].startswith("1 of 4") and every[4].startswith("2 of 4")


NONE = (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("verdict", "printed", "later", "followed", "expected"),
    [
        ("no_difference", (0.1, -0.1, 0.3), (0.0, -0.2, 0.2), NONE, []),
        ("better", (0.2, 0.1, 0.3), (0.15, -0.1, 0.4), NONE, []),
        ("better", (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), NONE, ["verdict", "difference"]),
        ("worse", (-0.01, -0.02, -0.001), (0.01, 0.001, 0.02), NONE, ["verdict", "difference"]),
        # The later interval excludes the printed number, but both are uncertain.
        ("no_difference", (0.25, 0.0, 0.5), (0.0, -0.2, 0.2), NONE, []),
        ("no_difference", (0.5, 0.2, 0.8), (0.0, -0.2, 0.2), NONE, ["difference"]),
        ("no_difference", (0.0, -0.2, 0.2), (0.0, -0.2, 0.2), (-0.2, -0.3, -0.1), ["recommendation"]),
        ("no_difference", (0.0, -0.2, 0.2), (0.0, -0.2, 0.2), (0.2, 0.1, 0.3), []),
    ],
)
def test_a_contradiction_is_a_significant_one(
    benchmark: Any, verdict: str, printed: Any, later: Any, followed: Any, expected: list[str]
) -> None:
    path = benchmark("readme_path")
    p = 2 * ndtr(-abs(path.distance(printed, later)))
    assert path.contradictions(verdict, p, later, followed) == expected


def test_the_distance_of_two_numbers_counts_the_uncertainty_of_both(benchmark: Any) -> None:
    distance = benchmark("readme_path").distance
    # half-widths 0.3 and 0.4 make 0.5, which is 1.96 standard errors
    assert distance((0.0, -9.0, 0.3), (0.5, 0.1, 9.0)) == pytest.approx(1.959964)
    assert distance((0.5, 0.1, 9.0), (0.0, -9.0, 0.3)) == pytest.approx(-1.959964)


def test_own_exits_of_the_book_are_the_close_of_the_twentieth_bar(benchmark: Any) -> None:
    path = benchmark("readme_path")
    bars = path.BOOKS["sample"](Path())
    trades = path.book_of(bars, "donchian", 50)
    assert len(trades) == 50
    for i in range(0, 50, 7):
        own = bars[str(trades.symbol[i])]
        first = int(np.searchsorted(own.time, trades.entry_time[i], side="right")) - 1
        assert trades.exit_price[i] == own.close[first + 19]
        assert own.time[first + 19] < trades.exit_time[i] < own.time[first + 19] + own.interval_ns
