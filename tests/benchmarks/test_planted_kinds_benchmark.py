"""The planted markets: their oracles beat every exit at a fixed bar, and the bars are the paths."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def kinds(root: Path) -> Any:
    """The benchmark, which is no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("planted_kinds")
    sys.path.remove(str(root / "benchmarks"))


def test_without_an_end_the_oracle_holds_to_the_last_bar(kinds: Any) -> None:
    never = np.zeros((kinds.BARS, 1))
    paths = kinds._trend(30, 0, 0.15, lambda t, level: np.zeros(30))
    earned = kinds._finite_oracle(paths, 0.15, never, np.zeros(1))
    np.testing.assert_allclose(earned, paths.move[:, kinds.WARM_UP :].sum(axis=1))


@pytest.mark.parametrize("kind", ["age", pytest.param("distance", marks=pytest.mark.slow)])
def test_the_oracle_beats_every_exit_at_a_fixed_bar(kinds: Any, kind: str) -> None:
    market = kinds.KINDS[kind](400, 1)
    fixed = market.paths.move[:, kinds.WARM_UP :].cumsum(axis=1)
    gain = market.oracle[:, None] - fixed
    error = gain.std(axis=0) / np.sqrt(len(gain))
    assert (gain.mean(axis=0) > -2 * error).all() and market.oracle.mean() > 1.0


def test_bars_are_the_paths_and_a_short_sees_them_mirrored(kinds: Any) -> None:
    market = kinds.shorts(4, 3)
    bars, trades = kinds.as_book(market)
    close = np.log(bars["S00"].close.reshape(4, kinds.LENGTH) / 100) / kinds.SIGMA
    np.testing.assert_allclose(-close, market.paths.level, atol=1e-9)
    assert (trades.side == -1).all() and (trades.stop_price > trades.entry_price).all()
    assert len(kinds.as_book(kinds.one_of_ten(20, 0))[0]) == 10


def test_a_reader_of_bars_sees_most_climaxes_of_range_and_earns_less_than_the_oracle(kinds: Any) -> None:
    market = kinds.range_climax(400, 2)
    chance, climax = kinds._climax_chance(market.paths), market.paths.climax
    assert chance.mean() == pytest.approx(climax.mean(), rel=0.05)
    low = (chance > 0.2) & (chance < 0.8)
    assert climax[low].mean() == pytest.approx(chance[low].mean(), abs=0.1)
    assert chance[climax].mean() > 0.7
    blind = kinds.solve(kinds.WORLDS["strong"]).policy(kinds.replace(market.paths, climax=np.zeros_like(chance)))
    assert blind.mean() < market.reader.mean() < market.oracle.mean()
