"""Time and capital of trades, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from exitladder.measures.exposure import exposure, plain_exposure


def day(number: float) -> pd.Timestamp:
    return pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=number)


@pytest.fixture
def trades() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("a", "closed", 10.0, 100.0, 3, 2.0, day(0), day(3)),
            ("b", "closed", 20.0, 10.0, 1, -1.0, day(2), day(3)),
            ("c", "open", 5.0, 100.0, 4, 0.5, day(6), pd.NaT),
            ("d", "skipped", 5.0, 100.0, 0, np.nan, day(6), pd.NaT),
        ],
        columns=["trade_id", "status", "entry_price", "quantity", "bars_held", "r", "entry_time", "exit_time"],
    )


@pytest.fixture
def fills() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("a", "entry", 100.0, day(0)),
            ("a", "rung", 50.0, day(1)),
            ("a", "stop", 50.0, day(3)),
            ("b", "entry", 10.0, day(2)),
            ("b", "stop", 10.0, day(3)),
            ("c", "entry", 100.0, day(6)),
            ("c", "mark", 100.0, day(10)),
        ],
        columns=["trade_id", "order", "quantity", "bar_time"],
    )


def test_time_and_capital(trades: pd.DataFrame, fills: pd.DataFrame) -> None:
    found = exposure(trades, fills)
    # Bars in the market: 3 + 1, 1 + 1, and 4 of the open trade.
    assert found["r_per_bar"] == pytest.approx((2.0 - 1.0 + 0.5) / 10)
    assert found["bars_in_market"] == pytest.approx(10 / 3)
    # Open for 3, 1 and 4 of ten days.
    assert found["mean_open"] == pytest.approx(8 / 10)
    assert found["max_open"] == 2
    # 1,000 at the start; half of it is sold before b takes 200.
    assert found["capital_used"] == pytest.approx(1_000.0)
    assert exposure(trades, fills, leverage=4.0)["capital_used"] == pytest.approx(250.0)
    assert exposure(trades.iloc[:2], fills[fills["order"] != "rung"])["capital_used"] == 1_200.0


def test_capital_is_in_account_currency(trades: pd.DataFrame, fills: pd.DataFrame) -> None:
    """A contract of 20 a point, in a currency worth half of the account's, ties up ten times the price."""
    multiplied = trades.assign(multiplier=[10.0, 1.0, np.nan, 1.0])
    assert exposure(multiplied, fills)["capital_used"] == pytest.approx(10_000.0)
    assert exposure(multiplied, fills)["max_open"] == exposure(trades, fills)["max_open"]


def test_an_entry_at_the_bar_of_an_exit_is_open_together_with_it(trades: pd.DataFrame, fills: pd.DataFrame) -> None:
    trades.loc[2, "entry_time"] = day(3)
    assert exposure(trades, fills)["max_open"] == 3


def test_nothing_has_no_exposure(trades: pd.DataFrame, fills: pd.DataFrame) -> None:
    found = exposure(trades.iloc[3:], fills)
    assert all(math.isnan(value) for value in found.values())
    assert plain_exposure(found) == dict.fromkeys(found)
