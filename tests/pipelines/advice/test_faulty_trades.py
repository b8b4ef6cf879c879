"""Trades that cannot be read are named alone; the others are read as if they were not there."""

from __future__ import annotations

from typing import Any

import pandas as pd

from exitladder.pipelines.inputs.faulty_rows import read_valid_trades


def row(trade_id: str, **columns: Any) -> dict[str, Any]:
    return {
        "Trade ID": trade_id, "symbol": "ACME", "side": "long", "entry_time": "2024-01-02", "entry_price": 100.0,
        "quantity": 10.0, "stop_price": 95.0, "quantity_open": 10.0, **columns,
    }  # fmt: skip


def fill(trade_id: str, side: str, quantity: float, time: str = "2024-01-02") -> dict[str, Any]:
    return {"trade_id": trade_id, "time": time, "side": side, "quantity": quantity, "price": 100.0}


def test_an_id_that_comes_twice_and_a_stop_in_profit_do_not_stop_the_others() -> None:
    table = pd.DataFrame([row("A"), row("B"), row("B", symbol="OTHER"), row("C", stop_price=101.0), row("D")])
    trades, faulty = read_valid_trades(table)
    assert trades is not None and list(trades.trade_id) == ["A", "D"]
    assert [(one.trade_id, one.symbol) for one in faulty] == [("B", "ACME"), ("B", "OTHER"), ("C", "ACME")]
    assert "comes more than once (trades, row 3)" in faulty[1].text
    assert "belongs in the column working_stop" in faulty[2].text


def test_fills_that_fit_no_trade_do_not_stop_the_others() -> None:
    table = pd.DataFrame([row("A"), row("B"), row("C", stop_price=101.0)])
    fills = pd.DataFrame([
        fill("A", "buy", 10.0), fill("A", "sell", 4.0, "2024-01-03"), fill("B", "sell", 10.0), fill("C", "buy", 10.0),
        fill("Z", "buy", 1.0),
    ])  # fmt: skip
    trades, faulty = read_valid_trades(table, fills=fills)
    assert trades is not None and list(trades.trade_id) == ["A"] and trades.quantity_open[0] == 6.0
    assert sorted(one.trade_id for one in faulty) == ["B", "C", "Z"]
    (stranger,) = (one for one in faulty if one.trade_id == "Z")
    assert "Fills name trade 'Z', which is not in the trades file" in stranger.text
