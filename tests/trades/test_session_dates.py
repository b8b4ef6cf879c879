"""A trade that gives a date alone belongs to the daily bar of that date, whatever the zone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import bars_from_frame
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.settings.contracts import Contract
from exitladder.settings.loading import load_settings
from exitladder.trades.files import read_trades, trades_from_frame
from exitladder.trades.session_dates import on_session_dates
from exitladder.trades.trades import Trades, place_trades

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


DAYS = pd.date_range("2024-01-01", periods=10)
ROW = {"trade_id": "T1", "symbol": "ACME", "side": "long", "entry_price": 100.0, "quantity": 1, "stop_price": 90.0}


def daily(exchange_tz: str = "") -> BarSet:
    bars, _ = bars_from_frame(pd.DataFrame(PRICES, index=DAYS), "ACME")
    return bars.with_contracts({"ACME": Contract(exchange_tz=exchange_tz)} if exchange_tz else {})


def trade(**more: object) -> Trades:
    return trades_from_frame(pd.DataFrame([ROW | more]))


def day_of(trades: Trades, bars: BarSet) -> str:
    return f"{pd.Timestamp(int(bars.time[place_trades(trades, bars).entry_bar[0]])):%Y-%m-%d}"


def test_an_evening_in_new_york_is_on_the_bar_of_that_evening() -> None:
    evening = trade(entry_time=pd.Timestamp("2024-01-04 20:30", tz="America/New_York"))
    assert day_of(on_session_dates(evening, daily(), "America/New_York"), daily()) == "2024-01-04"
    # in Python the zone of the contract is enough
    assert day_of(evening, daily(exchange_tz="America/New_York")) == "2024-01-04"
    morning = trade(entry_time=pd.Timestamp("2024-01-05 08:00", tz="Australia/Sydney"))
    assert day_of(morning, daily(exchange_tz="Australia/Sydney")) == "2024-01-05"


def test_a_file_and_a_table_give_the_same_trades(tmp_path: Path) -> None:
    table = pd.DataFrame(
        [ROW | {"entry_time": "2024-01-04 20:30", "exit_time": "2024-01-08 19:15", "exit_price": 100.0}]
    )
    table.to_csv(tmp_path / "trades.csv", index=False)
    zone = "America/New_York"
    from_file = read_trades(tmp_path / "trades.csv", tz=zone)
    stamped = table.assign(**{n: pd.to_datetime(table[n]).dt.tz_localize(zone) for n in ("entry_time", "exit_time")})
    settings = load_settings(None, [f"data.tz={zone!r}"])
    found = [prepare(daily(), trades, settings).placed for trades in (from_file, trades_from_frame(stamped))]
    assert found[0].trades.fingerprint() == found[1].trades.fingerprint()
    assert found[0].entry_bar.tolist() == found[1].entry_bar.tolist() == [3]
    assert pd.Timestamp(int(found[1].trades.exit_time[0])) == pd.Timestamp("2024-01-08 19:15")


def test_dates_of_a_table_stay_dates_in_every_zone() -> None:
    dates = trade(entry_time="2024-01-04")
    for zone in ("America/New_York", "Asia/Tokyo", "UTC"):
        assert day_of(on_session_dates(dates, daily(), zone), daily()) == "2024-01-04"


def test_a_date_read_in_the_users_zone_is_no_evening_of_the_exchange() -> None:
    berlin = trades_from_frame(pd.DataFrame([ROW | {"entry_time": "2024-01-04"}]), tz="Europe/Berlin")
    bars = daily(exchange_tz="America/New_York")
    assert day_of(on_session_dates(berlin, bars, "Europe/Berlin"), bars) == "2024-01-04"


def test_it_is_done_once_and_moves_the_fills_too() -> None:
    fills = pd.DataFrame(
        [("T1", "2024-01-04 20:30", "buy", 1, 100.0), ("T1", "2024-01-08 20:30", "sell", 1, 100.0)],
        columns=["trade_id", "time", "side", "quantity", "price"],
    )
    zone = "America/New_York"
    table = pd.DataFrame([ROW | {"entry_time": "2024-01-04 20:30"}])
    trades = on_session_dates(read_trades(table, fills=fills, tz=zone), daily(), zone)
    assert trades.fills is not None
    assert pd.DatetimeIndex(trades.fills.time).strftime("%m-%d %H:%M").tolist() == ["01-04 20:30", "01-08 20:30"]
    assert on_session_dates(trades, daily(), zone) is trades
    assert on_session_dates(trades.take([0]), daily(exchange_tz=zone), zone).entry_time.tolist() == [
        trades.entry_time[0]
    ]
