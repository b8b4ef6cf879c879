"""What the results of positions in options may claim: repeated rows, one day, and splits that nobody stated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.actions import parse_split
from exitladder.bars.reading import read_bars
from exitladder.errors import ExitladderWarning
from exitladder.files.conventions import PLAIN
from exitladder.files.table import Table
from exitladder.options.market import Events, OptionMarket
from exitladder.options.positions.trades import OptionTrade, read_option_trades
from exitladder.options.quote_files import quotes_of_table
from exitladder.pipelines.options.backtest import OptionsResult, backtest_options
from exitladder.pipelines.options.notes import data_notes
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.options import OptionSettings

WEEKS = pd.date_range("2024-01-01", periods=40, freq="7D")
PLAN = ladder_from_mapping({"name": "next day", "stop": {"time": 1}})


def market() -> OptionMarket:
    """A call each week, bought on Monday and worth more on Tuesday than at expiry."""
    rng = np.random.default_rng(2)
    rows, bars = [], []
    for monday in WEEKS:
        for k, price in enumerate((2.0, 3.0 + rng.normal(0, 0.3), 2.5)):
            day = monday + pd.Timedelta(days=k)
            rows.append({"timestamp": day, "underlying": "XYZ", "expiry": monday + pd.Timedelta(days=2), "strike": 100,
                         "right": "call", "bid": price, "ask": price + 0.1})  # fmt: skip
            bars.append({"timestamp": day, "symbol": "XYZ", "open": 101, "high": 102, "low": 100, "close": 101})
    quotes = quotes_of_table(Table.from_frame(pd.DataFrame(rows), "quotes"), "", PLAIN)
    return OptionMarket(quotes, read_bars(pd.DataFrame(bars))[0], OptionSettings())


def positions(mondays: Iterable[Any]) -> list[OptionTrade]:
    rows = [
        {"trade_id": f"T{n}", "symbol": "XYZ", "side": "long", "entry_time": day, "quantity": 1, "strike": 100,
         "right": "call", "expiry": day + pd.Timedelta(days=2)} for n, day in enumerate(mondays)
    ]  # fmt: skip
    return read_option_trades(pd.DataFrame(rows), OptionSettings())


def result(trades: list[OptionTrade]) -> OptionsResult:
    settings = load_settings(None, ["validation.n_bootstrap=300", "tracking.enabled=false"])
    return backtest_options(trades, PLAN, market(), settings)


def test_forty_weeks_are_evidence_and_forty_rows_of_one_position_are_none() -> None:
    weeks = result(positions(WEEKS)).summary
    assert weeks["verdict"] == "better" and weeks["n_repeated"] == 0
    assert weeks["beside"]["hold to expiry"]["difference_r"]["low"] > 0
    same = result(positions([WEEKS[3]] * 40)).summary
    assert same["n_repeated"] == 39 and same["verdict"] == "no_difference"
    assert same["expectancy_r"]["low"] is None and same["expectancy_r"]["value"] > 0
    twice = result(positions([*WEEKS, *WEEKS])).summary
    assert twice["expectancy_r"] == weeks["expectancy_r"] and twice["n_repeated"] == 40
    assert twice["comparison"]["n"] == 40


@pytest.mark.parametrize("better", [True, False])
def test_positions_of_a_single_day_get_no_interval_and_no_verdict(better: bool) -> None:
    (one,) = positions([WEEKS[3]])
    rng = np.random.default_rng(5)
    prices = (1.4 if better else 2.6) + rng.normal(0, 0.05, 40)
    trades = [replace(one, trade_id=f"T{n}", entry_price=float(price)) for n, price in enumerate(prices)]
    found = result(trades).summary
    assert found["n_repeated"] == 0 and found["verdict"] == "no_difference"
    assert "a single day" in found["verdict_text"] and "no interval" in found["verdict_text"]
    ends = [found["expectancy_r"], found["beside"]["hold to expiry"]["difference_r"]]
    assert all(end["low"] is None and end["high"] is None and math.isfinite(end["value"]) for end in ends)


def test_a_split_that_no_action_states_is_warned_of() -> None:
    days = pd.date_range("2024-01-01", periods=60, freq="D")
    close = np.where(np.arange(60) < 30, 700.0, 100.0) + np.arange(60) % 3 * 0.2
    bars = pd.DataFrame({"timestamp": days, "symbol": "XYZ", "open": close, "close": close, "volume": 1e6})
    known = read_bars(bars.assign(high=close * 1.002, low=close * 0.998), adjust="none")[0]
    quotes = market().quotes
    row = {"trade_id": "T", "symbol": "XYZ", "side": "long", "entry_time": days[20], "quantity": 1, "strike": 700,
           "right": "call", "expiry": days[50]}  # fmt: skip
    trades = read_option_trades(pd.DataFrame([row]), OptionSettings())
    with pytest.warns(ExitladderWarning, match="XYZ looks split 7:1 on 2024-01-31"):
        notes = data_notes(OptionMarket(quotes, known, OptionSettings()), trades, PLAN, None)
    assert any("no --actions say so" in note for note in notes)
    stated = Events(splits=(parse_split("XYZ,2024-01-31,7:1"),))
    assert not any("split" in note for note in data_notes(replace(
        OptionMarket(quotes, known, OptionSettings()), events=stated), trades, PLAN, None))  # fmt: skip
    before = read_option_trades(pd.DataFrame([row | {"expiry": days[25]}]), OptionSettings())
    notes = data_notes(OptionMarket(quotes, known, OptionSettings()), before, PLAN, None)
    assert not any("split" in note for note in notes)
