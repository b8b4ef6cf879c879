"""A ladder adopted today manages from today: what was passed before is missed, no book is sold out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.score import score
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.tables import Settings
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import Trades

DAY = 86_400 * 10**9
TWO_RUNGS: dict[str, Any] = {
    "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "3R"}],
    "stop": {"breakeven_after": 1, "trail": "2R", "trail_from": "1R"},
    "costs": {"lot": 1, "tick": 0.01, "min_quantity": 1},
}


@pytest.fixture
def market(daily: Callable[[list[list[float]]], BarSet]) -> BarSet:
    """Up from 100 to 104.5, over the first target at 102, and back to 101."""
    closes = [100, 101, 102.5, 104.5, 103, 101]
    rows = [[a, max(a, b) + 0.2, min(a, b) - 0.2, b] for a, b in zip([100, *closes], closes, strict=False)]
    return daily(rows)


@pytest.fixture
def daily() -> Callable[[list[list[float]]], BarSet]:
    from exitladder.bars.bars import Bars

    def make(rows: list[list[float]]) -> BarSet:
        table = np.array(rows, dtype=float)
        time = pd.Timestamp("2024-01-01").value + DAY * np.arange(len(table))
        prices = dict(zip(("open", "high", "low", "close"), table.T, strict=True))
        return BarSet([Bars(symbol="ACME", interval_ns=DAY, time=time, **prices, volume=None)])

    return make


def book(**columns: Any) -> Trades:
    row = {
        "trade_id": "T1", "symbol": "ACME", "side": "long", "entry_time": "2024-01-01", "entry_price": 100.0,
        "quantity": 100, "stop_price": 98.0, "quantity_open": 100, **columns,
    }  # fmt: skip
    return trades_from_frame(pd.DataFrame([row]))


@pytest.fixture
def plain() -> Settings:
    from exitladder.settings.loading import load_settings

    return load_settings(None, ["tracking.enabled=false", "data.splits=keep"])


def one(market: BarSet, trades: Trades, settings: Settings, ladder: dict[str, Any] = TWO_RUNGS, **how: Any) -> Any:
    (row,) = score(
        market, trades, ladder_from_mapping(ladder), None, settings, management=Management(**how)
    ).frame.to_dict("records")
    return row


def limits(row: Any) -> list[tuple[int, float, float]]:
    return [(o["rung"], o["quantity"], o["price"]) for o in row["orders"] if o["type"] == "limit"]


def test_a_rung_passed_before_is_missed_and_arms_nothing(market: BarSet, plain: Settings) -> None:
    row = one(market, book(), plain)
    assert (row["action"], row["missed_rungs"], row["bars_managed"]) == ("hold", [1], 0)
    assert limits(row) == [(2, 25, 106.0)]
    assert row["stop_price"] == 98.0  # not at break-even: rung 1 has not filled
    assert row["managed_from"] == "2024-01-07"
    assert row["mfe_r"] == pytest.approx(2.35)


def test_since_entry_replays_the_ladder(market: BarSet, plain: Settings) -> None:
    row = one(market, book(), plain, since_entry=True)
    assert (row["action"], row["action_quantity"]) == ("reduce", 25)
    assert "rungs were reached that your open quantity does not show" in row["summary"]


def test_a_trade_managed_from_its_entry_is_followed_as_in_a_backtest(market: BarSet, plain: Settings) -> None:
    replayed = one(market, book(quantity_open=75), plain, since_entry=True)
    managed = one(market, book(quantity_open=75, managed_from="2024-01-01"), plain)
    same = ["orders", "replacements", "action", "summary", "stop_price", "open_r", "mfe_r", "bars_held", "bars_managed"]
    assert [replayed[name] for name in same] == [managed[name] for name in same]
    assert len(managed["orders"]) == 3


def test_rungs_trail_and_time_count_from_the_managed_bar(daily: Callable[..., BarSet], plain: Settings) -> None:
    """The trail of 2R is armed, as MFE reached 1R before; its line is of managed bars only."""
    rows = [[100, 100.5, 99.5, 100], [100, 106, 100, 105], [105, 105, 103, 103], [103, 103.5, 102.5, 103]]
    ladder = {**TWO_RUNGS, "rungs": [], "stop": {"trail": "2R", "trail_from": "1R", "time": 2}}
    first = one(daily(rows[:2]), book(), plain, ladder)
    assert (first["action"], first["stop_price"], first["managed_from"]) == ("hold", 98.0, "2024-01-03")
    kept = {"T1": first}
    second = one(daily(rows[:3]), book(), plain, ladder, previous=kept)
    assert (second["stop_price"], second["bars_managed"], second["managed_from"]) == (101.0, 1, "2024-01-03")
    assert (second["urgency"], second["changes"]) == ("move_stop", ["stop: 98 to 101"])
    assert second["orders"][0]["replaces"] == second["orders"][0]["id"] == first["orders"][0]["id"]
    third = one(daily(rows), book(), plain, ladder, previous=kept)
    assert (third["action"], third["orders"][0]["kind"]) == ("exit", "time")


def test_conditions_on_extremes_count_from_the_entry(daily: Callable[..., BarSet], plain: Settings) -> None:
    rows = [[100, 100.5, 99.5, 100], [100, 106, 100, 105], [105, 105, 103, 103]]
    ladder = {"rungs": [{"fraction": 0.5, "when": ["give_back_r >= 1.5"]}], "costs": {"lot": 1}}
    row = one(daily(rows), book(managed_from="2024-01-03"), plain, ladder)
    assert (row["action"], row["action_quantity"]) == ("reduce", 50)
    assert "give_back_r 1.5 is at or above 1.5 (rung 1)" in row["summary"]


@pytest.mark.parametrize("clock", [{"session_close": True}, {"time": "3 sessions"}, {"time": "36h"}])
def test_the_clock_begins_with_the_ladder(clock: dict[str, Any], market: BarSet, plain: Settings) -> None:
    row = one(market, book(), plain, {**TWO_RUNGS, "stop": dict(TWO_RUNGS["stop"]) | clock})
    assert row["action"] == "hold" and not any(o["type"] == "market" for o in row["orders"])


def test_a_ladders_own_stop_that_was_passed_sells_nothing(daily: Callable[..., BarSet], plain: Settings) -> None:
    market = daily([[100, 101, 99, 100]] * 20 + [[100, 100, 90, 90]])
    ladder = {"stop": {"initial": "2ATR"}}
    row = one(market, book(entry_time="2024-01-18", stop_price=np.nan), plain, ladder)
    assert (row["action"], row["urgency"], row["orders"]) == ("hold", "stop_missing", [])
    assert "you hold 100 with no stop: sell, or give the trade a stop_price" in row["summary"]
    own = one(market, book(entry_time="2024-01-18", stop_price=95.0), plain, ladder)
    assert (own["action"], own["orders"][0]["type"]) == ("exit", "market")


@pytest.mark.parametrize(
    ("assume", "quantity", "urgency"), [("", None, "ask"), ("untouched", 100, "reduce"), ("followed", 75, "hold")]
)
def test_a_blank_open_quantity_is_asked_for(
    assume: str, quantity: float | None, urgency: str, market: BarSet, plain: Settings
) -> None:
    trades = book(quantity_open=np.nan, managed_from="2024-01-01")
    row = one(market, trades, plain, assume=assume)
    if quantity is None:
        assert np.isnan(row["quantity_open"]) and row["orders"] == [] and "--assume" in row["summary"]
    else:
        assert row["quantity_open"] == quantity
        assert any(f"assumed {quantity:g}" in text for text in row["warnings"])
    assert row["urgency"] in (urgency, "move_stop")


def test_stale_and_unknown_symbols_are_named_alone(market: BarSet, plain: Settings) -> None:
    from exitladder.bars.bars import Bars

    acme = market["ACME"]
    newer = Bars(
        symbol="NEW", interval_ns=DAY, time=acme.time + 312 * DAY, open=acme.open, high=acme.high, low=acme.low,
        close=acme.close, volume=None,
    )  # fmt: skip
    both = BarSet([acme, newer])
    frame = trades_from_frame(
        pd.concat([
            book().to_frame(), book(trade_id="T2", symbol="NEW", entry_time="2024-11-08").to_frame(),
            book(trade_id="T3", symbol="GONE").to_frame(),
        ]).drop(columns="entry_at")
    )  # fmt: skip
    rows = score(both, frame, ladder_from_mapping(TWO_RUNGS), None, plain).frame.set_index("trade_id")
    assert "312 days older" in str(rows.loc["T1", "summary"]) and rows.loc["T1", "orders"] == []
    assert "no bars of GONE" in str(rows.loc["T3", "summary"])
    assert rows.loc["T2", "orders"]


def test_nothing_managed_reads_a_later_bar(daily: Callable[..., BarSet], plain: Settings) -> None:
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 60)))
    rows = [[a, max(a, b) * 1.004, min(a, b) * 0.996, b] for a, b in zip([100, *close], close, strict=False)]
    trades = replace(book(entry_price=100.0), managed_from=np.array([pd.Timestamp("2024-01-20").value]))
    ladder = {**TWO_RUNGS, "stop": {"trail": "3ATR", "trail_from": "1R", "time": 30}}
    whole = daily(rows)
    for n in range(22, 50, 3):
        moment = pd.Timestamp("2024-01-01").value + n * DAY
        cut = one(daily(rows[:n]), trades, plain, ladder)
        seen = score(
            whole, trades, ladder_from_mapping(ladder), None, plain, asof=moment, management=Management()
        ).frame.iloc[0]
        assert cut["orders"] == seen["orders"] and cut["summary"] == seen["summary"]


def test_managed_from_is_read_and_written() -> None:
    trades = book(managed_from="2024-01-05")
    assert trades.managed_from is not None and trades.managed_from[0] == pd.Timestamp("2024-01-05").value
    back = trades_from_frame(trades.to_frame())
    assert back.managed_from is not None and back.managed_from[0] == trades.managed_from[0]
    blank = book(managed_from=None)
    assert blank.managed_from is None or blank.managed_from[0] == NO_TIME
