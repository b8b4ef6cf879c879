"""A gain that is bought with time or capital is named as such."""

from __future__ import annotations

import pandas as pd
import pytest

from exitladder.pipelines.tuning.executed import price_of_gain
from exitladder.pipelines.tuning.policies import OWN_EXITS, TUNED


def board(**changes: float) -> pd.DataFrame:
    ours = {
        "policy": TUNED, "expectancy_r": 0.873, "bars_in_market": 97.0, "r_per_bar": 0.009, "mean_open": 20.0,
        "max_open": 32, "capital_used": 320_000.0,
    }  # fmt: skip
    theirs = {
        "policy": OWN_EXITS, "expectancy_r": 0.054, "bars_in_market": 3.0, "r_per_bar": 0.018, "mean_open": 1.0,
        "max_open": 2, "capital_used": 20_000.0, "difference_r": 0.819,
    }  # fmt: skip
    return pd.DataFrame([ours, theirs | changes])


def test_more_time_and_more_capital_are_named() -> None:
    time, capital = price_of_gain(board(), OWN_EXITS)
    assert time == ("The gain takes time: 97.0 bars per trade vs 3.0, +0.009 R per bar in the market vs +0.018 R.")
    assert capital == (
        "The gain takes capital: up to 320,000 vs 20,000 in the market at one time, and up to 32 open trades vs 2."
    )


@pytest.mark.parametrize("changes", [{"difference_r": -0.1}, {"difference_r": float("nan")}])
def test_without_a_gain_nothing_is_bought(changes: dict[str, float]) -> None:
    assert price_of_gain(board(**changes), OWN_EXITS) == []


def test_a_gain_per_bar_is_not_bought_with_time() -> None:
    assert price_of_gain(board(r_per_bar=0.001, capital_used=300_000.0), OWN_EXITS) == []
