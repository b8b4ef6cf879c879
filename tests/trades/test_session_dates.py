"""A trade that gives a date alone belongs to the daily bar of that date, whatever the zone."""

from __future__ import annotations

import pandas as pd
import pytest

from exitladder.bars.reading import bars_from_frame
from exitladder.trades.files import trades_from_frame
from exitladder.trades.session_dates import on_session_dates
from exitladder.trades.trades import place_trades

PRICES = dict.fromkeys(("open", "high", "low", "close"), 100.0)


@pytest.mark.parametrize("tz", ["America/New_York", "Asia/Kolkata", "Australia/Sydney", "UTC"])
def test_a_date_is_on_its_own_daily_bar(tz: str) -> None:
    days = pd.date_range("2024-01-01", periods=10)
    bars, _ = bars_from_frame(pd.DataFrame(PRICES, index=days), "ACME", tz=tz)
    row = {"trade_id": "T1", "symbol": "ACME", "side": "long", "entry_price": 100.0, "quantity": 1, "stop_price": 90.0}
    table = pd.DataFrame([{**row, "entry_time": "2024-01-04", "exit_time": "2024-01-08", "exit_price": 100.0}])
    trades = on_session_dates(trades_from_frame(table, tz=tz), bars, tz)
    placed = place_trades(trades, bars)
    assert pd.Timestamp(int(bars.time[placed.entry_bar[0]])) == pd.Timestamp("2024-01-04")
    assert pd.Timestamp(int(trades.exit_time[0])) == pd.Timestamp("2024-01-08")


def test_hours_stay_instants() -> None:
    hours = pd.date_range("2024-01-04", periods=48, freq="h")
    bars, _ = bars_from_frame(pd.DataFrame(PRICES, index=hours), "ACME")
    row = {"trade_id": "T1", "symbol": "ACME", "side": "long", "entry_price": 100.0, "quantity": 1}
    trades = trades_from_frame(pd.DataFrame([{**row, "entry_time": "2024-01-04"}]), tz="America/New_York")
    assert on_session_dates(trades, bars, "America/New_York") is trades
