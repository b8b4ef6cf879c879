"""Drift: known answers of the index and the tests, seldom an alarm without cause, and alarms with one."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.models.drift import LEAST_WINDOWS, LEVEL, WINDOW, DriftReference, moved, population_stability, windows


@pytest.fixture(scope="module")
def bench(root: Path) -> Any:
    """The benchmark, which is no package."""
    spec = importlib.util.spec_from_file_location("drift_benchmark", root / "benchmarks" / "drift.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["drift_benchmark"] = module
    spec.loader.exec_module(module)
    return module


def independent(n_windows: int, n_symbols: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws that do not depend on one another: values, window and symbol."""
    n = n_windows * n_symbols * WINDOW
    place = np.arange(n)
    values = np.random.default_rng(seed).standard_normal((n, 1))
    return values, place // (n_symbols * WINDOW), place % n_symbols


def test_the_index_by_hand() -> None:
    was, now = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.3, 0.4])
    by_hand = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.4 - 0.2) * np.log(0.4 / 0.2)
    assert population_stability(was, now) == pytest.approx(by_hand)
    assert population_stability(was, now) == pytest.approx(population_stability(now, was))
    assert np.isfinite(population_stability(np.array([1.0, 0.0]), np.array([0.0, 1.0])))


def test_on_independent_draws_the_yardstick_is_that_of_the_textbook() -> None:
    """A window's mean rank then has variance 1/12n, and its chi-square distance (bins - 1)/n."""
    (monitored,) = DriftReference.of(["x"], *independent(400, 3)).monitored
    assert monitored.rank_own + monitored.rank_common == pytest.approx(1 / 12 / WINDOW, rel=0.15)
    assert monitored.rank_common < 0.1 * monitored.rank_own
    assert monitored.bins_own == pytest.approx(11 / WINDOW * (1 - 0.04), rel=0.1)
    assert 8 < monitored.freedom <= 11
    np.testing.assert_allclose(monitored.shares, [0.01, 0.09, *[0.1] * 8, 0.09, 0.01, 0.0], atol=1e-3)


def test_tests_reject_no_more_often_than_their_level_says() -> None:
    known = DriftReference.of(["x"], *independent(300, 4))
    rng = np.random.default_rng(1)
    symbol = np.arange(4 * WINDOW) % 4
    p = pd.concat([known.compare(["x"], rng.standard_normal((4 * WINDOW, 1)), symbol) for _ in range(400)])
    assert 0.02 < (p["p_rank"] < 0.05).mean() < 0.08
    # The second is cautious: it goes by the lesser of two degrees of freedom.
    assert 0.003 < (p["p_shares"] < 0.05).mean() < 0.08


def test_shared_moves_make_many_symbols_as_good_as_one() -> None:
    """All symbols see the same draws: eight of them must not count as eight."""
    values, window, symbol = independent(60, 1)
    n = len(values)
    eight = np.repeat(values, 8, axis=0), np.repeat(window, 8), np.tile(np.arange(8), n)
    (one,), (many,) = (
        DriftReference.of(["x"], values, window, symbol).monitored,
        DriftReference.of(["x"], *eight).monitored,
    )
    assert many.rank_own == pytest.approx(0, abs=1e-12)
    assert many.rank_common == pytest.approx(one.rank_common)
    now = values[:WINDOW] + 0.4
    a = DriftReference((one,)).compare(["x"], now, np.zeros(WINDOW, dtype=np.int64))
    b = DriftReference((many,)).compare(["x"], np.repeat(now, 8, axis=0), np.tile(np.arange(8), WINDOW))
    assert b["p_rank"][0] == pytest.approx(a["p_rank"][0])


def test_what_is_no_longer_known_has_moved() -> None:
    values, window, symbol = independent(30, 2)
    known = DriftReference.of(["x"], values, window, symbol)
    now = np.random.default_rng(3).standard_normal((2 * WINDOW, 1))
    sides = np.arange(2 * WINDOW) % 2
    assert not moved(known.compare(["x"], now, sides)).any()
    now[::2] = np.nan
    table = known.compare(["x"], now, sides)
    assert moved(table).all()
    assert (table["not_known"][0], table["not_known_in_training"][0]) == (0.5, 0.0)
    now[:] = np.nan
    gone = known.compare(["x"], now, sides)
    assert moved(gone).all()
    assert np.isnan(gone["percentile"][0])


def test_a_constant_that_changes_has_moved_and_one_that_does_not_has_not() -> None:
    values, window, symbol = independent(20, 1)
    known = DriftReference.of(["x"], np.ones_like(values), window, symbol)
    same, other = np.ones((WINDOW, 1)), np.zeros((WINDOW, 1))
    assert not moved(known.compare(["x"], same, symbol[:WINDOW])).any()
    assert moved(known.compare(["x"], other, symbol[:WINDOW])).all()


def test_too_little_is_not_judged() -> None:
    values, window, symbol = independent(LEAST_WINDOWS - 1, 2)
    assert DriftReference.of(["x"], values, window, symbol).monitored == ()
    known = DriftReference.of(["x"], *independent(LEAST_WINDOWS, 2))
    assert len(known.compare(["x"], values[:5] + 100, symbol[:5])) == 0
    assert not len(moved(known.compare(["x"], values[:5] + 100, symbol[:5])))
    assert DriftReference.of(["x"], values[:0], window[:0], symbol[:0]).monitored == ()


def test_windows_are_counted_back_from_the_last_time() -> None:
    time = np.repeat(np.arange(10), 3)
    np.testing.assert_array_equal(windows(time, 4)[::3], [0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    np.testing.assert_array_equal(windows(time[::9], 4, clock=time), windows(time, 4)[::9])


def test_a_reference_goes_through_json() -> None:
    known = DriftReference.of(["x"], *independent(12, 2))
    assert DriftReference.from_mapping(json.loads(json.dumps(known.to_mapping(), allow_nan=False))) == known


def test_fresh_bars_of_the_same_market_seldom_raise_an_alarm(bench: Any) -> None:
    """Volatility comes in long spells here, so that many bars are few independent ones."""
    warned = [names for seed in range(6) for names in bench.alarms(seed, 2_000, 6, 6, 1.0, 6)]
    assert len(warned) == 36
    assert sum(bool(names) for names in warned) <= 3


def test_bars_taken_for_independent_would_raise_one_at_every_turn(bench: Any) -> None:
    """What the yardstick is for: with the textbook's variance the same fresh windows all seem to have moved."""
    known = bench.reference(bench.market(0, 2_000, 6))
    naive = replace(
        known,
        monitored=tuple(
            replace(w, rank_common=0.0, rank_own=1 / 12 / WINDOW, bins_common=0.0, bins_own=11 / WINDOW, freedom=11.0)
            for w in known.monitored
        ),
    )
    fresh = [bench.market(10_000 + k, bench.LEAD + WINDOW, 6, first_day=2_000) for k in range(6)]
    assert all(moved(bench.compared(naive, bars)).any() for bars in fresh)


def test_changed_volatility_is_noticed_and_named(bench: Any) -> None:
    warned = [names for seed in range(6) for names in bench.alarms(seed, 2_000, 6, 6, 4.0, 2)]
    named = [set(names) & {"atr_pct_14", "bb_width_20", "roc_10"} for names in warned]
    assert sum(bool(names) for names in named) >= 10
    table = bench.compared(
        bench.reference(bench.market(1, 2_000, 6)), bench.market(99, bench.LEAD + WINDOW, 6, volatility=4.0)
    )
    row = table.set_index("name").loc["atr_pct_14"]
    assert row["psi"] > 1
    assert row["percentile"] > 95
    assert min(row["p_rank"], row["p_shares"]) < LEVEL / len(table)
