"""Trades that keep every rule and are probably wrong are named; usual ones are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.reading import bars_from_frame
from exitladder.errors import TradesError
from exitladder.execution import simulate_own_exits
from exitladder.plans.ladder import Ladder
from exitladder.settings.contracts import Contract
from exitladder.trades.checks import fills_outside_bars
from exitladder.trades.doubts import doubtful_trades
from exitladder.trades.files import read_trades, trades_from_frame
from exitladder.trades.trades import place_trades


def doubts(*rows: tuple[str, float, float, str]) -> list[str]:
    """Return the doubts about trades of (side, entry_price, stop_price, entry_time) on bars of range 5 about 100."""
    days = pd.date_range("2024-01-01", periods=20, tz="UTC")
    frame = pd.DataFrame({"open": 100.0, "high": 103.0, "low": 98.0, "close": 101.0, "volume": 5.0}, index=days)
    bars, _ = bars_from_frame(frame, "ACME")
    table = pd.DataFrame(rows, columns=["side", "entry_price", "stop_price", "entry_time"])
    table = table.assign(symbol="ACME", quantity=10.0, trade_id=[f"T{k}" for k in range(len(rows))])
    return doubtful_trades(place_trades(trades_from_frame(table), bars))


def test_usual_trades_raise_no_doubt() -> None:
    assert (
        doubts(("long", 100, 97, "2024-01-03"), ("short", 100, 104, "2024-01-03"), ("long", 100, 60, "2024-01-04"))
        == []
    )
    assert doubts(("long", 100, np.nan, "2024-01-03")) == []


@pytest.mark.parametrize("stop", [5.0, 0.05])
def test_a_stop_that_is_a_distance_is_named(stop: float) -> None:
    (text,) = doubts(("long", 100, stop, "2024-01-03"), ("long", 100, 97, "2024-01-04"))
    assert text.startswith("1 of 2 trades risks more than half of the entry price, such as 'T0'")
    assert "not a distance or a percentage" in text


def test_a_stop_within_the_noise_of_one_bar_is_named() -> None:
    (text,) = doubts(("long", 100, 97, "2024-01-03"), ("short", 100, 100.01, "2024-01-04"))
    assert "twentieth of a usual bar's range, such as 'T1', short at 100 with stop_price 100.01" in text


def test_a_trade_under_two_ids_is_named() -> None:
    (text,) = doubts(*[("long", 100.0, 97.0, "2024-01-03")] * 3)
    assert text.startswith(
        "2 of 3 trades repeat symbol, side, quantity, stop, entry and exit of another one, such as 'T1'"
    )


def test_exits_on_a_weekend_are_counted_and_held_to_friday_and_monday() -> None:
    """Weekdays of range 98 to 103 only: an exit on Saturday at 101 counts on Friday, one at 1010 is no baseline."""
    days = pd.bdate_range("2024-01-01", periods=20, tz="UTC")
    frame = pd.DataFrame({"open": 100.0, "high": 103.0, "low": 98.0, "close": 101.0, "volume": 5.0}, index=days)
    bars, _ = bars_from_frame(frame, "ACME")
    row = {"symbol": "ACME", "side": "long", "entry_time": "2024-01-03", "entry_price": 100.0, "quantity": 1.0}
    exits = [("2024-01-06", 101.0), ("2024-01-06", 1010.0), ("2024-01-08", 102.0)]
    table = [
        row | {"trade_id": f"T{k}", "stop_price": 97.0, "exit_time": t, "exit_price": p}
        for k, (t, p) in enumerate(exits)
    ]
    placed = place_trades(trades_from_frame(pd.DataFrame(table)), bars)
    (text,) = doubtful_trades(placed)
    assert text.startswith("2 of 3 trades were closed at a time without a bar") and "--tz" in text
    assert fills_outside_bars(placed)["trade_id"].tolist() == ["T1"]
    done = simulate_own_exits(placed, Ladder())
    assert [str(t)[:10] for t in done.trades_frame()["exit_time"]][::2] == ["2024-01-05", "2024-01-08"]
    assert np.isfinite(done.r).tolist() == [True, False, True]


def test_a_coin_margined_contract_read_as_a_linear_one_is_named() -> None:
    days = pd.date_range("2024-01-01", periods=20, tz="UTC")
    frame = pd.DataFrame({"open": 100.0, "high": 103.0, "low": 98.0, "close": 101.0, "volume": 5.0}, index=days)
    row = {"trade_id": "T", "side": "long", "entry_time": "2024-01-03", "entry_price": 100.0, "quantity": 1.0}
    for symbol, count in (("BTCUSD_PERP", 1), ("BTC-USD-SWAP", 1), ("BTCUSDT", 0)):
        bars, _ = bars_from_frame(frame, symbol)
        trades = trades_from_frame(pd.DataFrame([row | {"symbol": symbol, "stop_price": 97.0}]))
        found = doubtful_trades(place_trades(trades, bars))
        assert len(found) == count and all("coin-margined" in text for text in found)
        inverse = bars.with_contracts({symbol: Contract(inverse=True, currency="BTC")})
        assert doubtful_trades(place_trades(trades, inverse)) == []


def test_a_column_in_two_spellings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    head = "trade_id,symbol,side,entry_time,entry_price,quantity,Quantity,note,Note\n"
    path.write_text(head + "T1,ACME,long,2024-01-03,100,10,20,a,b\n")
    with pytest.raises(TradesError, match="'quantity' comes twice"):
        read_trades(path)


def test_an_exit_after_the_last_bar_is_named_and_no_baseline() -> None:
    days = pd.date_range("2024-01-01", periods=20, tz="UTC")
    frame = pd.DataFrame({"open": 100.0, "high": 103.0, "low": 98.0, "close": 101.0, "volume": 5.0}, index=days)
    bars, _ = bars_from_frame(frame, "ACME")
    table = pd.DataFrame(
        {
            "trade_id": ["T0", "T1", "T2"],
            "symbol": "ACME",
            "side": "long",
            "entry_time": ["2024-01-03", "2024-01-04", "2024-01-05"],
            "entry_price": 100.0,
            "quantity": 10.0,
            "stop_price": 97.0,
            "exit_time": ["2024-01-10", "2024-01-20T23:00Z", "2024-03-10"],
            "exit_price": 102.0,
        }
    )
    placed = place_trades(trades_from_frame(table), bars)
    (text,) = doubtful_trades(placed)
    assert text.startswith("1 of 3 trades was closed after the last bar of the symbol, such as 'T2'")
    assert np.isnan(simulate_own_exits(placed, Ladder()).r).tolist() == [False, False, True]
