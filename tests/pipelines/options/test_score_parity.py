"""Tonight's orders, carried out at the next quotes, are the fills of the backtest: random quotes and real ones."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.pipelines.options.evenings import compared, night_after_night

from exitladder.bars.actions import parse_split
from exitladder.bars.reading import read_bars
from exitladder.files.conventions import PLAIN
from exitladder.files.table import Table
from exitladder.options.contracts import Contract
from exitladder.options.market import Events, OptionMarket
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.quote_files import quotes_of_table, read_quotes
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.settings.options import OptionSettings

DAYS = pd.bdate_range("2024-03-04", "2024-03-15")
SINGLES: dict[str, Any] = {
    "rungs": [
        {"fraction": 0.3, "target": "0.4R"},
        {"fraction": 0.3, "when": ["premium_r >= 0.2", "bars_held >= 3"]},
        {"fraction": 0.2, "when": ["give_back_r >= 0.5"]},
        {"fraction": "rest", "when": ["days_to_expiry <= 2"]},
    ],
    "stop": {"initial": "60%"},
    "costs": {"tick": 1e-9},  # limits as exact as those of a backtest
}
VERTICALS: dict[str, Any] = {
    "rungs": [
        {"fraction": 0.5, "when": ["max_profit_share >= 0.2"]},
        {"fraction": "rest", "when": ["premium_r <= -0.4"]},
    ],
    "stop": {"time": 6},
}


def random_market(rng: np.random.Generator, strikes: list[float]) -> OptionMarket:
    """Daily quotes of calls with missing rows, missing and crossed sides, and few contracts shown."""
    rows, closes = [], 100 + np.cumsum(rng.normal(0, 1.5, len(DAYS)))
    for strike in strikes:
        for k, day in enumerate(DAYS):
            if rng.random() < 0.12:
                continue
            mid = max(closes[k] - strike, 0) + rng.uniform(0.3, 3)
            half = rng.uniform(0.02, 0.3) * mid
            prices = {"bid": mid - half, "ask": mid + half}
            if rng.random() < 0.12:
                prices["bid"] = 0.0
            elif rng.random() < 0.08:
                prices = {"bid": prices["ask"], "ask": prices["bid"]}
            sizes = {f"{side}_size": float(rng.integers(0, 7)) if rng.random() < 0.8 else None for side in prices}
            rows.append({"timestamp": day, "underlying": "XYZ", "expiry": DAYS[-1], "strike": strike, "right": "call",
                         **prices, **sizes})  # fmt: skip
    bars = pd.DataFrame({"timestamp": DAYS, "symbol": "XYZ", "open": closes, "high": closes + 1, "low": closes - 1,
                         "close": closes})  # fmt: skip
    quotes = quotes_of_table(Table.from_frame(pd.DataFrame(rows), "quotes"), "", PLAIN)
    return OptionMarket(quotes, read_bars(bars)[0], OptionSettings(style="european"))


def position(name: str, legs: list[Contract], side: int, time: int, **more: Any) -> OptionTrade:
    known: dict[str, Any] = {"quantity": 6, "entry_price": math.nan, "stop_price": math.nan, "multiplier": 100.0}
    known |= {"style": "european"} | more
    return OptionTrade(name, side, legs[0], legs[1] if len(legs) > 1 else None, time, **known)


@pytest.mark.parametrize("kind", ["singles", "verticals"])
def test_random_quotes(kind: str) -> None:
    rng = np.random.default_rng(11)
    ladder = ladder_from_mapping(SINGLES if kind == "singles" else VERTICALS)
    n_fills = n_orders = 0
    for _ in range(12):
        strikes = [98.0, 101.0, 104.0]
        market = random_market(rng, strikes)
        trades = []
        for n in range(8):
            picked = sorted(rng.choice(strikes, 2 if kind == "verticals" else 1, replace=False))
            legs = [Contract.of("XYZ", f"{DAYS[-1]:%Y-%m-%d}", strike, "call") for strike in picked]
            start = int(DAYS[int(rng.integers(0, 5))].as_unit("ns").value)
            own = {"entry_price": 1.5} if rng.random() < 0.3 else {}
            trades.append(position(f"T{n}", legs, int(rng.choice([1, -1])), start, **own))
        fills, orders = compared(market, trades, ladder)
        n_fills, n_orders = n_fills + fills, n_orders + orders
    # orders wait for quotes and size, so there are more of them than fills
    assert n_fills > 60 and n_orders > n_fills


@pytest.mark.parametrize("kind", ["singles", "verticals"])
def test_a_broker_who_knows_the_instructions_alone(kind: str) -> None:
    rng = np.random.default_rng(5)
    ladder = ladder_from_mapping(SINGLES if kind == "singles" else VERTICALS)
    n_fills = n_left = 0
    for _ in range(6):
        strikes = [98.0, 101.0, 104.0]
        market = random_market(rng, strikes)
        trades = []
        for n in range(6):
            picked = sorted(rng.choice(strikes, 2 if kind == "verticals" else 1, replace=False))
            legs = [Contract.of("XYZ", f"{DAYS[-1]:%Y-%m-%d}", strike, "call") for strike in picked]
            start = int(DAYS[int(rng.integers(0, 4))].as_unit("ns").value)
            trades.append(position(f"T{n}", legs, int(rng.choice([1, -1])), start, entry_price=1.5))
        fills, left = night_after_night(market, trades, ladder)
        n_fills, n_left = n_fills + fills, n_left + left
    assert n_fills > 20 and (kind == "verticals" or n_left > 20)


@pytest.fixture(scope="module")
def apple(shared_data: Path) -> OptionMarket:
    quotes = read_quotes(shared_data / "lean-options/AAPL-quotes-1h.parquet", symbol="AAPL")
    bars = read_bars(shared_data / "lean-usa/AAPL-1h.parquet", adjust="none")[0]
    return OptionMarket(quotes, bars, OptionSettings(style="european", rate=0.002))


def test_every_hour_of_apple(apple: OptionMarket) -> None:
    start = pd.Timestamp("2014-06-06 13:00", tz="UTC").as_unit("ns").value
    contracts = [c for c in apple.quotes if c.expiry < pd.Timestamp("2014-07-01").value and 635 <= c.strike <= 655]
    trades = [
        position(f"{contract} {side}", [contract], side, start)
        for contract in contracts
        for side in (1, -1)
        if contract.strike % 5 == 0
    ]
    ladder = ladder_from_mapping(
        {
            "rungs": [
                {"fraction": 0.5, "when": ["premium_r >= 0.05"]},
                {"fraction": 0.25, "target": "0.1R"},
                {"fraction": "rest", "when": ["theta_premium >= 0.6"]},
            ],
            "stop": {"initial": "25%"},
            "costs": {"tick": 1e-9},
        }
    )
    n_fills, n_orders = compared(apple, trades, ladder)
    assert len(trades) > 30 and n_fills > 30 and n_orders > 80


def test_american_shorts_of_apple(apple: OptionMarket) -> None:
    pytest.importorskip("QuantLib", reason="QuantLib is not installed")
    market = replace(apple, settings=OptionSettings(rate=0.002))
    start = pd.Timestamp("2014-06-06 14:00", tz="UTC").as_unit("ns").value
    puts = [Contract.of("AAPL", "2014-06-13", strike, "put") for strike in (645, 665, 680, 695)]
    trades = [position(str(put), [put], -1, start, style="american") for put in puts if put in market.quotes]
    ladder = ladder_from_mapping(
        {"rungs": [{"fraction": 0.5, "when": ["bars_held >= 2"]}], "stop": {"time": 6, "initial": "300%"}}
    )
    n_fills, _ = compared(market, trades, ladder)
    assert n_fills >= 4


def test_apple_through_its_split(apple: OptionMarket) -> None:
    market = OptionMarket(
        apple.quotes, apple.bars, apple.settings, Events(splits=(parse_split("AAPL,2014-06-09,7:1"),))
    )
    start = pd.Timestamp("2014-06-06 14:00", tz="UTC").as_unit("ns").value
    trades = [
        position(f"{strike}", [Contract.of("AAPL", "2014-06-21", strike, "call")], 1, start) for strike in (645, 650)
    ]
    ladder = ladder_from_mapping({"rungs": [{"fraction": 0.5, "when": ["bars_held >= 9"]}], "stop": {"time": 11}})
    n_fills, _ = compared(market, trades, ladder)
    assert n_fills >= 4


def test_minutes_of_spx(shared_data: Path) -> None:
    folder = shared_data / "lean-options"
    market = OptionMarket(
        read_quotes(folder / "SPXW-quotes-1m.parquet", symbol="SPXW"),
        read_bars(folder / "SPX-1m.parquet", symbol="SPXW")[0],
        OptionSettings(style="european", settlement="close"),
    )
    start = pd.Timestamp("2021-01-04 15:00", tz="UTC").as_unit("ns").value
    pairs = sorted({(c.expiry, c.right) for c in market.quotes})
    trades = []
    for expiry, right in pairs:
        legs = [c for strike in (3700.0, 3800.0) if (c := Contract("SPXW", expiry, strike, right)) in market.quotes]
        trades += [position(f"{expiry} {right} {side}", legs, side, start, quantity=2) for side in (1, -1)]
    ladder = _few_minutes()
    times = [start + k * 60 * 10**9 for k in range(1, 61)]
    n_fills, n_orders = compared(market, trades, ladder, times)
    assert n_fills >= 12 and n_orders >= n_fills


def _few_minutes() -> Ladder:
    return ladder_from_mapping(
        {
            "rungs": [
                {"fraction": 0.5, "when": ["max_profit_share >= 0.01", "bars_held >= 5"]},
                {"fraction": "rest", "when": ["premium_r <= -0.2"]},
            ],
            "stop": {"time": 40},
        }
    )
