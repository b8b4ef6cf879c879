"""A gain that is bought with time, capital or drawdown is named as such."""

from __future__ import annotations

from typing import Any

import pytest

from exitladder.measures.price_of_gain import price_of_gain

OURS = {
    "bars_in_market": 97.0, "r_per_bar": 0.009, "max_open": 32, "capital_used": 320_000.0,
    "max_drawdown_account_r": -45.0,
}  # fmt: skip
THEIRS = {
    "bars_in_market": 3.0, "r_per_bar": 0.018, "max_open": 2, "capital_used": 20_000.0,
    "max_drawdown_account_r": -20.0,
}  # fmt: skip
EVEN = {"bars_in_market": 97.0, "capital_used": 320_000.0, "max_drawdown_account_r": -45.0}


def test_time_capital_and_drawdown_are_named_with_both_numbers() -> None:
    assert price_of_gain(0.37, OURS, THEIRS) == [
        "The gain takes time: 97.0 bars per trade vs 3.0, +0.009 R per bar in the market vs +0.018 R.",
        "The gain takes capital: up to 320,000 vs 20,000 in the market at one time, and up to 32 open trades vs 2.",
        "The gain takes a deeper account drawdown: -45.0 R vs -20.0 R at worst, open trades valued at every close.",
    ]


@pytest.mark.parametrize("difference", [0.0, -0.1, float("nan")])
def test_without_a_gain_nothing_is_bought(difference: float) -> None:
    assert price_of_gain(difference, OURS, THEIRS) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bars_in_market": 77.6}, []),  # 97 is exactly 1.25 times 77.6: not more
        ({"bars_in_market": 77.5}, ["time"]),
        ({"bars_in_market": 3.0, "r_per_bar": 0.001}, []),  # more per bar: time is not what buys it
        ({"capital_used": 256_000.0}, []),
        ({"capital_used": 255_000.0}, ["capital"]),
        ({"max_drawdown_account_r": -36.0}, []),
        ({"max_drawdown_account_r": -35.9}, ["a deeper account drawdown"]),
        ({"max_drawdown_account_r": 0.0}, ["a deeper account drawdown"]),
        ({"max_drawdown_account_r": None}, []),
        ({"capital_used": float("nan")}, []),
    ],
)
def test_the_thresholds(changes: dict[str, Any], words: list[str]) -> None:
    found = price_of_gain(0.37, OURS, THEIRS | EVEN | changes)
    assert [text.split(":")[0].removeprefix("The gain takes ") for text in found] == words
