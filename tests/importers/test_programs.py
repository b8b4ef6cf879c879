"""Results of backtesters and bots: written after their field lists, and by the programs themselves where they are."""

from __future__ import annotations

import io
import json
import math
import os
import re
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.importers.conftest import Read
from tests.importers.files import freqtrade_base, freqtrade_trade

from exitladder.errors import InputFileError, TradesError
from exitladder.importers.imports import import_files
from exitladder.importers.reading import ImportOptions
from exitladder.trades.fills import read_fills

SCRIPTS = Path(__file__).parent / "programs"


@pytest.fixture
def made_by(tmp_path: Path) -> Callable[[str], Path]:
    """Run a script under a program's own Python; skip where the program is not installed."""
    tools = Path(os.environ.get("EXITLADDER_TOOLS") or Path.home() / ".cache" / "exitladder-tools")

    def run(name: str) -> Path:
        python = tools / name / "bin" / "python"
        if not (tools / name / "pins.sha256").is_file():
            pytest.skip(f"{name} is not installed in {tools / name}")
        script = SCRIPTS / f"{name}_output.py"
        done = subprocess.run([python, script, tmp_path], capture_output=True, text=True, timeout=300, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
        return tmp_path

    return run


def test_freqtrade_backtest_zip(tmp_path: Path) -> None:
    result: dict[str, Any] = {"strategy": {"S1": {"trades": [freqtrade_trade()]}}, "strategy_comparison": []}
    path = tmp_path / "backtest-result-2024.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("backtest-result-2024.json", json.dumps(result))
        archive.writestr("backtest-result-2024_config.json", json.dumps({"strategy": "S1"}))
        archive.writestr("backtest-result-2024_S1.py", "# the strategy")
    found = import_files([path])
    trades = found.trades
    assert (
        found.format == "freqtrade trades"
        and trades.stop_price.tolist() == [90.0]
        and trades.tag.tolist() == ["breakout"]
    )
    own = trades.own_exits()
    assert own.price.tolist() == [110.0, 95.0] and own.quantity[0] == 4.0
    assert found.profit is not None and abs(found.profit.residue) < 1e-9 and found.profit.basis == "net"
    result["strategy"]["S2"] = {"trades": [freqtrade_trade()]}
    path.write_text(json.dumps(result))
    with pytest.raises(TradesError, match="one strategy"):
        import_files([path])


def _places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a file of JSON."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from _places(value, (*at, key))


def _changed(content: Any, at: tuple[Any, ...], *value: Any) -> str:
    """The content as text with a value in one place, or without that place."""
    copy = json.loads(json.dumps(content))
    node = copy
    for key in at[:-1]:
        node = node[key]
    if value:
        node[at[-1]] = value[0]
    else:
        del node[at[-1]]
    return json.dumps(copy)


PYTHON_WORDS = re.compile(
    "Error|NoneType|object|operand|subscript|iterable|argument|literal|convert|indices|do not fit|delimiter|Expecting"
)


def test_a_damaged_result_of_freqtrade_is_read_or_refused_in_plain_words(tmp_path: Path) -> None:
    result = {"strategy": {"S1": {"trades": [freqtrade_trade(), freqtrade_trade(pair="ETH/USDT")]}}, "other": 1}
    # one of each kind of place: the first trade, and its second order
    places = [at for at in _places(result) if not (at[3:4] == (1,) and len(at) > 4) and at[5:6] not in ((0,), (2,))]
    values: tuple[Any, ...] = (None, "text", [], ["a"], {}, 5, -1, True, math.inf, "1e999")
    texts = [_changed(result, at) for at in places]
    texts += [_changed(result, at, value) for at in places for value in values]
    whole = json.dumps(result)
    texts += [whole[:cut] for cut in (0, 1, 5, 20, 100, len(whole) // 2, len(whole) - 1)]
    texts += ["[]", "{}", "null", "5", '"x"', "[1]", "[[]]", '{"strategy": {"S": []}}', '{"strategy": []}']
    path, refused = tmp_path / "result.json", 0
    for text in texts:
        path.write_text(text)
        try:
            import_files([path])
        except (InputFileError, TradesError) as fault:
            refused += 1
            assert not PYTHON_WORDS.search(str(fault)), (str(fault), text[:100])
            assert "result.json" in str(fault) and len(str(fault)) < 800
    assert refused > 150


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (("trades",), (), "strategy 'S1' of 'result.json' has no list of trades"),
        (("trades", 0), (7,), "trade 1 of strategy 'S1' of 'result.json' is 7"),
        (("trades", 0, "orders", 1, "safe_price"), (), "has safe_price, but order 2 of result.json.*row 2 has not"),
        (("trades", 0, "orders", 1, "amount"), ("4",), "amount of .*that of order 2 of result.json.*row 2 is '4'"),
        (("trades", 0, "orders"), (None,), "lists its orders, but result.json.*row 2 has ''"),
    ],
)
def test_what_is_damaged_in_a_result_of_freqtrade_is_named(
    at: tuple[Any, ...], value: tuple[Any, ...], message: str, tmp_path: Path
) -> None:
    result = {"strategy": {"S1": {"trades": [freqtrade_trade(), freqtrade_trade(pair="ETH/USDT")]}}}
    path = tmp_path / "result.json"
    path.write_text(_changed(result, ("strategy", "S1", *at), *value))
    with pytest.raises((InputFileError, TradesError), match=message + ".*Run the backtest again"):
        import_files([path])


def test_a_strategy_by_name_beside_a_list_of_trades_is_no_result_of_freqtrade(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    rows = [{"symbol": "A", "time": "2024-01-02", "side": side, "quantity": 1, "price": 5} for side in ("buy", "sell")]
    path.write_text(json.dumps({"strategy": "mine", "fills": rows}))
    assert len(import_files([path]).trades) == 1


def test_files_without_a_trade_say_so(tmp_path: Path) -> None:
    empty, header = tmp_path / "empty.json", tmp_path / "fills.csv"
    empty.write_text(json.dumps({"strategy": {"S1": {"trades": []}, "S2": {"trades": []}}}))
    with pytest.raises(InputFileError, match=r"'empty.json' has none: its backtest entered nothing"):
        import_files([empty])
    header.write_text("trade_id,time,side,quantity,price\n")
    with pytest.raises(InputFileError, match=r"'fills.csv' ends with its line of column names.*Export a period"):
        import_files([header])
    with pytest.raises(TradesError, match=r"fills.csv has only its line of column names.*leave the file out"):
        read_fills(header)


def test_freqtrade_database(tmp_path: Path) -> None:
    path = tmp_path / "tradesv3.sqlite"
    freqtrade_base(path)
    found = import_files([path])
    trades = found.trades
    assert found.format == "freqtrade orders" and trades.trade_id.tolist() == ["1", "2"]
    assert trades.side.tolist() == [1, -1] and trades.is_open.tolist() == [False, True]
    assert trades.stop_price.tolist() == [1.8, 55000.0] and trades.quantity.tolist() == [20.0, 0.1]
    assert trades.n_entries is not None and trades.n_entries.tolist() == [2, 1]
    own = trades.own_exits()
    assert own.price.tolist() == [2.1, 1.9] and own.quantity[0] == 12.0
    assert found.profit is not None and abs(found.profit.residue) < 1e-9
    assert any("nothing was filled" in note for note in found.notes)


def test_the_stop_that_freqtrade_holds_now_is_the_working_stop_of_open_trades(tmp_path: Path) -> None:
    """Moved into profit by the bot; the initial stop stays the one that defines R."""
    still = {"is_open": True, "close_date": None, "close_rate": None, "exit_reason": None}
    orders = [freqtrade_trade()["orders"][0]]  # type: ignore[index]
    trades = [
        freqtrade_trade(pair="ADA/USDT", stop_loss_abs=93.0),
        freqtrade_trade(**still, orders=orders, stop_loss_abs=104.5),
        freqtrade_trade(pair="ETH/USDT", **still, orders=orders, stop_loss_abs=0.0),
    ]
    path = tmp_path / "trades.json"
    path.write_text(json.dumps({"strategy": {"S1": {"trades": trades}}, "strategy_comparison": []}))
    found = import_files([path])
    assert found.trades.is_open.tolist() == [False, True, True]
    assert found.trades.working_stop is not None and found.trades.working_stop[1] == 104.5
    assert np.isnan(found.trades.working_stop[[0, 2]]).all() and found.trades.stop_price.tolist() == [90.0] * 3
    assert any(
        note.startswith("working_stop: the stop of freqtrade trades now, of 1 open trade") for note in found.notes
    )
    base = tmp_path / "tradesv3.sqlite"
    freqtrade_base(base)
    with sqlite3.connect(base) as connection:
        connection.execute("alter table trades add column stop_loss")
        connection.execute("update trades set stop_loss = case id when 1 then 1.95 else 51000 end")
    read = import_files([base]).trades
    assert read.working_stop is not None and read.working_stop[1] == 51000.0 and np.isnan(read.working_stop[0])


def test_freqtrade_database_by_freqtrade_itself(made_by: Callable[[str], Path]) -> None:
    folder = made_by("freqtrade")
    found = import_files([folder / "trades.sqlite"])
    assert len(found.trades) == 2 and found.trades.is_open.sum() == 0
    assert found.profit is not None
    assert abs(found.profit.residue) < 0.005 * 2
    # the entries by freqtrade's own mean
    expected = json.loads((folder / "expected.json").read_text())
    assert found.trades.entry_price.tolist() == pytest.approx(expected["open_rate"])
    assert found.profit.by_file == pytest.approx(sum(expected["profit"]))


def test_backtesting_slices_are_regrouped(read: Read) -> None:
    text = (
        "Size,EntryBar,ExitBar,EntryPrice,ExitPrice,SL,TP,PnL,Commission,ReturnPct,EntryTime,ExitTime,Duration,Tag\n"
        "6,10,12,100.0,110.0,95.0,,58.74,1.26,0.1,2024-01-10,2024-01-12,2 days,\n"
        "4,10,15,100.0,95.0,95.0,,-20.78,0.78,-0.05,2024-01-10,2024-01-15,5 days,\n"
        "-5,20,22,100.0,98.0,,,9.01,0.99,0.02,2024-01-20,2024-01-22,2 days,\n"
    )
    found = read(text, options=ImportOptions(symbol="GOOG"))
    trades = found.trades
    assert len(trades) == 2 and trades.quantity.tolist() == [10, 5] and trades.side.tolist() == [1, -1]
    assert trades.stop_price[0] == 95.0 and np.isnan(trades.stop_price[1])
    assert found.profit is not None and found.profit.basis == "net" and abs(found.profit.residue) < 0.005
    # before 0.6.5 PnL was gross: recognised by its sums
    gross = text.replace("58.74", "60.0").replace("-20.78", "-20.0").replace("9.01", "10.0")
    old = read(gross, options=ImportOptions(symbol="GOOG")).profit
    assert old is not None and old.basis == "gross" and abs(old.residue) < 0.005


def test_backtesting_by_itself(made_by: Callable[[str], Path]) -> None:
    folder = made_by("backtesting")
    stats = json.loads((folder / "expected.json").read_text())
    found = import_files([folder / "trades.csv"], options=ImportOptions(symbol="GOOG"))
    assert len(found.trades) == stats["n_entries"] < stats["n_slices"]
    assert found.profit is not None and abs(found.profit.residue) < 0.005
    assert found.profit.by_file == pytest.approx(stats["pnl"])


def test_vectorbt_open_rows_have_no_exit(read: Read) -> None:
    text = (
        "Exit Trade Id,Column,Size,Entry Timestamp,Avg Entry Price,Entry Fees,Exit Timestamp,Avg Exit Price,Exit Fees,PnL,"
        "Return,Direction,Status,Position Id\n"
        "0,ACME,6,2024-01-10,100,0.6,2024-01-12,110,0.66,58.74,0.1,Long,Closed,0\n"
        "1,ACME,4,2024-01-10,100,0.4,2024-01-15,95,0.38,-20.78,-0.05,Long,Closed,0\n"
        "2,ACME,4,2024-01-20,100,0.4,2024-01-25,105,0,19.6,0.05,Short,Open,1\n"
    )
    found = read(text)
    assert found.trades.trade_id.tolist() == ["0", "1"] and found.trades.is_open.tolist() == [False, True]
    assert found.trades.side.tolist() == [1, -1] and found.trades.quantity.tolist() == [10, 4]
    assert found.profit is not None and abs(found.profit.residue) < 0.005
    assert any("open rows" in note for note in found.notes)


def test_vectorbt_by_itself(made_by: Callable[[str], Path]) -> None:
    folder = made_by("vectorbt")
    expected = json.loads((folder / "expected.json").read_text())
    exits = import_files([folder / "exit_trades.csv"])
    orders = import_files([folder / "orders.csv"])
    positions = import_files([folder / "positions.csv"])
    assert exits.profit is not None and abs(exits.profit.residue) < 0.005
    assert exits.profit.by_file == pytest.approx(expected["closed_pnl"])
    assert len(exits.trades) == len(orders.trades) == len(positions.trades) == expected["n_positions"]
    # the same positions from fills and from records
    assert orders.trades.own_exits().price.tolist() == pytest.approx(exits.trades.own_exits().price.tolist())
    assert orders.trades.is_open.tolist() == exits.trades.is_open.tolist()


def test_nautilus_reports(read: Read) -> None:
    fills = (
        "client_order_id,trader_id,strategy_id,instrument_id,venue_order_id,trade_id,position_id,order_side,order_type,last_qty,"
        "last_px,currency,commission,liquidity_side,ts_event\n"
        "O-1,T,S,EUR/USD.SIM,V-1,1,P-1,BUY,MARKET,100000,1.10000,USD,2.20 USD,TAKER,2024-01-02 10:00:00+00:00\n"
        "O-2,T,S,EUR/USD.SIM,V-2,2,P-1,SELL,LIMIT,40000,1.10500,USD,0.88 USD,MAKER,2024-01-02 11:00:00+00:00\n"
        "O-3,T,S,EUR/USD.SIM,V-3,3,P-1,SELL,MARKET,60000,1.09900,USD,1.32 USD,TAKER,2024-01-02 12:00:00+00:00\n"
    )
    found = read(fills)
    assert found.trades.trade_id.tolist() == ["P-1"] and found.fills.commission.tolist() == [2.2, 0.88, 1.32]
    assert found.trades.own_exits().quantity[0] == 40000
    positions = (
        "position_id,trader_id,strategy_id,instrument_id,account_id,opening_order_id,entry,side,quantity,peak_qty,ts_opened,"
        "ts_closed,avg_px_open,avg_px_close,commissions,realized_return,realized_pnl,is_snapshot\n"
        "P-1,T,S,EUR/USD.SIM,A,O-1,BUY,FLAT,0,100000,2024-01-02 10:00:00+00:00,2024-01-02 12:00:00+00:00,1.1,1.1014,"
        "\"['4.40 USD']\",0.1,135.60 USD,False\n"
    )
    found = read(positions)
    assert found.trades.quantity.tolist() == [100000.0] and found.profit is not None
    assert found.profit.currency == "USD" and abs(found.profit.residue) < 0.005


def test_nautilus_by_itself(made_by: Callable[[str], Path]) -> None:
    folder = made_by("nautilus")
    fills, positions = import_files([folder / "fills.csv"]), import_files([folder / "positions.csv"])
    expected = json.loads((folder / "expected.json").read_text())
    assert len(fills.trades) == len(positions.trades) == expected["n_positions"]
    assert positions.profit is not None and positions.profit.by_file == pytest.approx(
        expected["realized_pnl"], abs=0.005
    )
    assert abs(positions.profit.residue) < 0.01 * len(positions.trades)


def test_lean_order_events_and_closed_trades(read: Read) -> None:
    base = {"algorithmId": "A", "orderId": 1, "orderEventId": 2, "symbol": "SPY R735QTJ8XC9X", "symbolValue": "SPY",
            "orderFeeCurrency": "USD", "fillPriceCurrency": "USD", "direction": "buy"}  # fmt: skip
    events = [
        base | {"id": "1-1", "time": 1704200000, "status": "submitted", "fillPrice": 0, "fillQuantity": 0, "orderFeeAmount": 0},
        base | {"id": "1-2", "time": 1704200060, "status": "partiallyFilled", "fillPrice": 470.0, "fillQuantity": 60, "orderFeeAmount": 1},
        base | {"id": "1-3", "time": 1704200060, "status": "filled", "fillPrice": 470.0, "fillQuantity": 40, "orderFeeAmount": 0},
        base | {"id": "2-1", "time": 1704300000, "status": "filled", "fillPrice": 475.0, "fillQuantity": -100, "orderFeeAmount": 1},
    ]  # fmt: skip
    found = read(json.dumps(events), name="order-events.json")
    assert found.format == "Lean order events" and found.trades.symbol.tolist() == ["SPY"]
    assert found.trades.quantity.tolist() == [100] and found.trades.n_entries is not None
    assert found.trades.n_entries.tolist() == [1]  # two fills at one moment are one entry
    pascal = [{k[0].upper() + k[1:]: v for k, v in event.items()} for event in events]
    assert read(json.dumps(pascal), name="events.json").trades.fingerprint() == found.trades.fingerprint()
    closed = {
        "totalPerformance": {
            "closedTrades": [
                {"symbols": [{"value": "SPY", "id": "SPY R735QTJ8XC9X"}], "entryTime": "2024-01-02T14:31:00Z", "entryPrice": 470.0,
                 "direction": 0, "quantity": 60, "exitTime": "2024-01-03T15:00:00Z", "exitPrice": 475.0, "profitLoss": 300.0,
                 "totalFees": 2.0, "mae": 0, "mfe": 0},
                {"symbols": [{"value": "SPY", "id": "SPY R735QTJ8XC9X"}], "entryTime": "2024-01-02T14:31:00Z", "entryPrice": 470.0,
                 "direction": 0, "quantity": 40, "exitTime": "2024-01-04T15:00:00Z", "exitPrice": 465.0, "profitLoss": -200.0,
                 "totalFees": 2.0, "mae": 0, "mfe": 0},
            ]
        }
    }  # fmt: skip
    found = read(json.dumps(closed), name="result.json")
    assert found.trades.quantity.tolist() == [100] and found.trades.own_exits().price.tolist() == [475.0, 465.0]
    assert found.profit is not None and found.profit.basis == "gross" and abs(found.profit.residue) < 0.005


@pytest.fixture
def shared(shared_data: Path) -> Path:
    """The folder of real trades; skipped where it is not there."""
    return shared_data / "trades"


def test_real_freqtrade_backtest(shared: Path) -> None:
    found = import_files([shared / "freqtrade-backtest-2018-01.parquet"])
    table = pd.read_parquet(shared / "freqtrade-backtest-2018-01.parquet")
    assert len(found.trades) == 179 and found.trades.entry_price.tolist() == table["open_rate"].tolist()
    assert found.trades.stop_price.tolist() == table["initial_stop_loss_abs"].tolist()
    # this old result counts profit before fees
    assert found.profit is not None and found.profit.basis == "gross"
    assert found.profit.by_file == pytest.approx(table["profit_abs"].sum())
    assert abs(found.profit.residue) < 1e-8 * 179


def test_9367_real_fills_become_positions_and_keep_their_cash(shared: Path) -> None:
    path = shared / "pyfolio-transactions-2004-2009.parquet"
    table = pd.read_parquet(path)
    for grouping, least in (("positions", 1000), ("fifo", 4000)):
        found = import_files([path], options=ImportOptions(grouping=grouping))
        assert least < len(found.trades) < 9367
        cash = np.where(found.fills.side > 0, -1, 1) * found.fills.quantity * found.fills.price
        assert cash.sum() == pytest.approx(table["txn_dollars"].sum(), rel=1e-9)
        held = table.groupby("symbol")["amount"].sum()
        still = found.trades.is_open
        signed = pd.Series(np.where(still, found.trades.side * np.nan_to_num(found.trades.quantity_open), 0.0))
        for symbol, amount in held.items():
            assert signed[found.trades.symbol == symbol].sum() == pytest.approx(amount)
    # every closed position is flat, fill by fill
    assert found.trades.fills is not None
    sign = np.where(found.trades.fills.is_entry, 1, -1) * found.trades.fills.quantity
    left = np.bincount(found.trades.fills.trade, weights=sign, minlength=len(found.trades))
    assert np.abs(left[~still]).max() < 1e-9


def test_real_agent_actions_without_prices_are_refused_and_read_with_them(shared: Path) -> None:
    table = pd.read_parquet(shared / "ai-trader-nasdaq100-actions.parquet")
    with pytest.raises((InputFileError, TradesError)):
        import_files([shared / "ai-trader-nasdaq100-actions.parquet"])
    one = table[table["agent"] == table["agent"].iloc[0]].copy()
    one["price"] = (one["cash_after"].diff().abs() / one["amount"]).where(one["action"].isin(["buy", "sell"]))
    fills = one[one["action"].isin(["buy", "sell"]) & (one["price"] > 0)]
    found = import_files([fills[["timestamp", "symbol", "action", "amount", "price"]]])
    bought = fills[fills["action"] == "buy"].groupby("symbol")["amount"].sum()
    sold = fills[fills["action"] == "sell"].groupby("symbol")["amount"].sum()
    held = bought.sub(sold, fill_value=0)
    still = pd.Series(found.trades.quantity_open).groupby(found.trades.symbol).sum()
    assert (found.trades.side == 1).all()
    for symbol, amount in held.items():
        assert still[symbol] == pytest.approx(amount)


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", "x,y\n1,2\n")
        archive.writestr("b.csv", "x,y\n1,2\n")
    path = tmp_path / "two.zip"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(InputFileError, match="must hold one file"):
        import_files([path])
