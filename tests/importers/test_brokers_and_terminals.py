"""Fixtures written after the field lists of brokers and terminals: positions, exits, profit to the cent."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import openpyxl  # type: ignore[import-untyped]
import pytest
from tests.importers.conftest import Read
from tests.importers.files import BYBIT, DEALS, FLEX, OKX, ORDERS, POSITIONS, TV, flex_xml, html

from exitladder.errors import InputFileError, TradesError
from exitladder.importers.imports import Imported, import_files
from exitladder.importers.reading import ImportOptions


def check_gold(found: Imported) -> None:
    trades = found.trades
    assert found.format == "MetaTrader 5 deals"
    assert trades.side.tolist() == [1, -1] and trades.is_open.tolist() == [False, True]
    assert trades.entry_price.tolist() == [3998.67, 3990.0] and trades.quantity.tolist() == [0.1, 0.1]
    own = trades.own_exits()
    assert own.price[own.trade == 0].tolist() == [4001.67, 3996.67]
    assert own.quantity[0] == 0.06
    profit = found.profit
    assert profit is not None
    assert profit.by_file == pytest.approx(10.0) and abs(profit.residue) < 0.005
    assert profit.multipliers == {"XAUUSD": 100.0} and profit.swap == -1.25
    assert trades.multiplier is not None and trades.multiplier.tolist() == [100.0, 100.0]
    assert any("multiplier: from the profits of the file, XAUUSD 100" in note for note in found.notes)
    assert any("swap" in part for part in profit.explained)
    assert found.fills.commission.tolist() == pytest.approx([0.5, 0.3, 0.2, 0.5])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_mt5_report_as_html(read: Read, encoding: str) -> None:
    found = read(html(), name="ReportHistory.html", encoding=encoding, options=ImportOptions(tz="Europe/Athens"))
    check_gold(found)
    # the report holds the stop of the opening order; 0 means none
    assert found.trades.stop_price[0] == 3990.0 and np.isnan(found.trades.stop_price[1])
    assert found.trades[0].entry_time.hour == 14
    assert "1 row left out: side is balance" in found.notes


def test_mt5_report_as_excel_with_three_tables_on_one_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for title, table in (("Positions", POSITIONS), ("Orders", ORDERS), ("Deals", DEALS)):
        sheet.append([title])
        for row in table:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    path = tmp_path / "ReportHistory.xlsx"
    path.write_bytes(buffer.getvalue())
    check_gold(import_files([path]))


def test_mt5_deals_as_csv_with_decimal_commas_in_italian(read: Read) -> None:
    head = "Ora;Affare;Simbolo;Tipo;Direzione;Volume;Prezzo;Ordine;Commissione;Swap;Profitto;Saldo;Commento"
    rows = [
        "2026.07.17 17:07:21;2;XAUUSD;buy;in;0,10;3998,67;11;-0,50;0,00;0,00;4999,50;",
        "2026.07.17 18:00:00;3;XAUUSD;sell;out;0,10;4001,67;12;-0,30;0,00;30,00;5029,20;",
    ]
    found = read("\n".join([head, *rows]))
    assert found.trades.entry_price.tolist() == [3998.67] and found.trades.exit_price.tolist() == [4001.67]
    assert found.profit is not None and abs(found.profit.residue) < 0.005


def test_mt5_positions_alone_and_mt4_statement(read: Read) -> None:
    page = "<table>" + "".join(f"<tr>{''.join(f'<td>{c}</td>' for c in row)}</tr>" for row in POSITIONS) + "</table>"
    found = read(page, name="positions.html")
    assert found.format == "MetaTrader 5 positions" and found.trades.stop_price.tolist() == [3990.0]
    assert any("deals" in note for note in found.notes)
    mt4 = (
        "<table><tr><td>Ticket</td><td>Open Time</td><td>Type</td><td>Size</td><td>Item</td><td>Price</td><td>S / L</td>"
        "<td>T / P</td><td>Close Time</td><td>Price</td><td>Commission</td><td>Taxes</td><td>Swap</td><td>Profit</td></tr>"
        "<tr><td>111</td><td>2026.06.15 09:00:00</td><td>buy</td><td>0.10</td><td>EURUSD</td><td>1.10500</td><td>0</td>"
        "<td>0</td><td>2026.06.15 12:00:00</td><td>1.10800</td><td>-1.00</td><td>0</td><td>-0.20</td><td>30.00</td></tr>"
        "<tr><td>112</td><td>2026.06.16 08:00:00</td><td>balance</td><td>0</td><td></td><td>0</td><td>0</td><td>0</td>"
        "<td></td><td>0</td><td>0</td><td>0</td><td>0</td><td>-500.00</td></tr></table>"
    )
    found = read(mt4, name="statement.htm")
    assert len(found.trades) == 1 and np.isnan(found.trades.stop_price[0])
    assert found.profit is not None and found.profit.multipliers == {"EURUSD": 100_000.0}
    assert found.trades.multiplier is not None and found.trades.multiplier.tolist() == [100_000.0]
    assert abs(found.profit.residue) < 0.005


def test_the_stop_of_an_open_trade_of_mt4_is_the_working_stop(read: Read) -> None:
    head = "Ticket,Open Time,Type,Size,Item,Price,S / L,T / P,Close Time,Price,Commission,Taxes,Swap,Profit"
    rows = [
        "111,2026.06.15 09:00:00,buy,0.10,EURUSD,1.10500,1.10200,0,2026.06.15 12:00:00,1.10800,-1,0,0,30.00",
        "112,2026.06.16 09:00:00,buy,0.10,EURUSD,1.10500,1.10650,0,,1.10900,-1,0,0,40.00",
    ]
    trades = read("\n".join([head, *rows])).trades
    assert trades.is_open.tolist() == [False, True]
    assert trades.working_stop is not None and np.isnan(trades.working_stop[0]) and trades.working_stop[1] == 1.1065
    assert np.isnan(trades.stop_price[1])  # in profit, it is no stop of the entry


def test_mt5_python_deals_are_grouped_by_position(read: Read) -> None:
    head = "ticket,order,time,time_msc,type,entry,magic,position_id,reason,volume,price,commission,swap,profit,fee,symbol,comment"
    rows = [
        "1,1,1700000000,1700000000123,2,0,0,0,0,0,0,0,0,1000,0,,deposit",
        "2,2,1700000100,1700000100123,0,0,0,77,0,1,1.10,-2,0,0,0,EURUSD,",
        "3,3,1700000200,1700000200123,0,0,0,78,0,1,1.11,-2,0,0,0,EURUSD,",
        "4,4,1700000300,1700000300123,1,1,0,77,0,1,1.12,-2,-0.5,2000,0,EURUSD,",
    ]
    found = read("\n".join([head, *rows]))
    assert found.trades.trade_id.tolist() == ["77", "78"] and found.trades.is_open.tolist() == [False, True]
    assert found.trades[0].entry_time.isoformat() == "2023-11-14T22:15:00.123000+00:00"


@pytest.mark.parametrize("generation", TV)
def test_tradingview_list_of_trades(read: Read, generation: str) -> None:
    head, rows = TV[generation]
    text = "\ufeff" + "\n".join([head, *rows, rows[0].replace("2024-02-01", "2024-03-01").replace(rows[0][0], "9", 1)])
    if "Exit" in rows[0]:  # newest first: the open trade's exit row says so
        text = "\ufeff" + "\n".join(
            [head, "9,Exit long,Open,Open,,1,1,0,0", "9,Entry long,2024-03-01 12:00,L,1029.34,1,1029.34,0,0", *rows]
        )
    found = read(text, options=ImportOptions(symbol="ACME", tz="America/New_York"))
    trades = found.trades
    assert len(trades) == 2 and trades.is_open.tolist() == [False, True]
    assert trades.quantity[0] == 3.0 and trades.entry_price[0] == 1029.34
    assert trades[0].entry_time.hour == 17
    own = trades.own_exits()
    assert own.price.tolist() == [1031.34, 1027.34] and own.quantity[0] == 2.0
    profit = found.profit
    assert profit is not None and abs(profit.residue) < 0.005
    assert profit.currency == ("" if generation == "oldest" else "USD")
    with pytest.raises(TradesError, match="--symbol NAME"):
        read(text)


def test_ibkr_flex_csv_and_xml_are_the_same(read: Read) -> None:
    options = ImportOptions(tz="America/New_York")
    table = read("\n".join(FLEX), options=options)
    profit = table.profit
    assert profit is not None and profit.by_file == pytest.approx(848.0) and abs(profit.residue) < 0.005
    assert table.trades.side.tolist() == [1, -1] and table.trades.quantity.tolist() == [100, 2]
    assert table.trades.trade_id.tolist() == ["AAPL-20260115T143000-L", "ES-20260120T160000-S"]
    page = flex_xml()
    xml = read(page, name="flex.xml", options=options)
    assert xml.trades.fingerprint() == table.trades.fingerprint()
    with pytest.raises(InputFileError, match="document type"):
        read(page.replace("<FlexQ", '<!DOCTYPE r [<!ENTITY x "y">]><FlexQ', 1), name="flex.xml")


def test_the_case_of_a_long_that_became_two_trades(read: Read) -> None:
    text = (
        '"Symbol","DateTime","Buy/Sell","Quantity","TradePrice","Open/CloseIndicator"\n'
        '"ACME","20240121;093000","BUY","100","101.9","O"\n"ACME","20240125;150000","SELL","-100","105.0","C"\n'
    )
    trades = read(text).trades
    assert len(trades) == 1 and trades.side.tolist() == [1] and trades.exit_price.tolist() == [105.0]


def test_ibkr_activity_statement(read: Read) -> None:
    text = "\n".join(
        [
            "Statement,Header,Field Name,Field Value", "Statement,Data,Title,Activity Statement",
            "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,C. Price,Proceeds,"
            "Comm/Fee,Basis,Realized P/L,MTM P/L,Code",
            'Trades,Data,Order,Stocks,USD,MSFT,"2026-02-02, 10:00:00",50,400,401,-20000,-1,20001,0,50,O',
            'Trades,Data,Order,Stocks,USD,MSFT,"2026-02-03, 15:00:00",-50,410,410,20500,-1,-20001,498,0,C',
            "Trades,SubTotal,,Stocks,USD,MSFT,,0,,,500,-2,0,498,50,", "Trades,Total,,Stocks,USD,,,,,,500,-2,0,498,50,",
        ]
    )  # fmt: skip
    found = read(text)
    assert len(found.trades) == 1 and found.profit is not None and abs(found.profit.residue) < 0.005


def test_binance_spot_takes_fees_in_the_coin_off_the_position(read: Read) -> None:
    text = (
        "\ufeffDate(UTC),Pair,Side,Price,Executed,Amount,Fee\n"
        "2024-01-02 11:00:00,BTCUSDT,SELL,44000,0.4995BTC,21978USDT,21.978USDT\n"
        "2024-01-01 10:00:00,BTCUSDT,BUY,42000,0.5BTC,21000USDT,0.0005BTC\n"
        '2024-01-03 10:00:00,ETHUSDT,BUY,"2,000",1ETH,2000USDT,0.003BNB\n'
    )
    found = read(text)
    assert found.trades.is_open.tolist() == [False, True] and found.trades.quantity.tolist() == [0.4995, 1.0]
    assert found.fills.commission.tolist() == pytest.approx([21.0, 21.978, 0.003])
    assert found.fills.commission_currency.tolist() == ["USDT", "USDT", "BNB"]
    assert any("paid in the coin itself" in note for note in found.notes)


@pytest.mark.parametrize(
    "head",
    [
        "Date(UTC),Symbol,Side,Price,Quantity,Amount,Fee,Realized Profit,Quote Asset",
        "Date(UTC),Symbol,Side,Quantity,Price,Amount,Fee,Fee Coin,Realized Profit,Quote Asset",
        "Uid,Time,Symbol,Side,Price,Quantity,Amount,Fee,Realized Profit,Buyer,Maker,Trade ID,Order ID",
    ],
)
def test_binance_futures_in_any_order_of_columns(read: Read, head: str) -> None:
    rows = [
        {"Side": "BUY", "Price": "100", "Quantity": "1", "Realized Profit": "0", "Trade ID": "1", "Date": "24-08-08 10:00:00"},
        {"Side": "BUY", "Price": "110", "Quantity": "1", "Realized Profit": "0", "Trade ID": "2", "Date": "24-08-08 10:30:00"},
        {"Side": "SELL", "Price": "120", "Quantity": "1.5", "Realized Profit": "22.5", "Trade ID": "3",
         "Date": "24-08-08 11:00:00"},
        {"Side": "SELL", "Price": "90", "Quantity": "1.5", "Realized Profit": "-7.5", "Trade ID": "4",
         "Date": "24-08-08 12:00:00"},
    ]  # fmt: skip
    fixed = {"Symbol": "BTCUSDT", "Amount": "1", "Quote Asset": "USDT", "Fee Coin": "BNB", "Uid": "1", "Buyer": "true",
             "Maker": "false", "Order ID": "1"}  # fmt: skip
    fixed["Fee"] = "0.01" if "Fee Coin" in head else "0.01 BNB"
    names = head.split(",")
    lines = [",".join((fixed | r | {"Date(UTC)": r["Date"], "Time": r["Date"]})[n] for n in names) for r in rows]
    found = read("\n".join([head, *lines]))
    # the fourth fill closes the long and opens a short
    assert found.trades.side.tolist() == [1, -1] and found.trades.quantity.tolist() == [2.0, 1.0]
    assert found.trades.entry_price[0] == 105.0 and found.trades.n_entries is not None
    assert found.trades.n_entries.tolist() == [2, 1]
    assert found.fills.commission_currency.tolist() == ["BNB"] * 5
    assert found.profit is not None


def test_binance_futures_in_hedge_mode(read: Read) -> None:
    text = (
        "Time(UTC),Symbol,Side,Position Side,Order Type,Price,Quantity,Amount,Fee,Realized Profit\n"
        "2024-09-01 12:00:00,BTCUSDT,BUY,LONG,MARKET,65000,0.1,6500,2.6 USDT,0\n"
        "2024-09-01 12:30:00,BTCUSDT,SELL,SHORT,MARKET,65200,0.1,6520,2.6 USDT,0\n"
        "2024-09-01 13:00:00,BTCUSDT,SELL,LONG,MARKET,65500,0.1,6550,2.62 USDT,50\n"
    )
    found = read(text)
    assert found.trades.side.tolist() == [1, -1] and found.trades.is_open.tolist() == [False, True]
    assert found.profit is not None and abs(found.profit.residue) < 0.005 and found.profit.currency == "USDT"


def test_bybit_perpetual_with_funding(read: Read) -> None:
    text = BYBIT + (
        "1,USDT,XAUTUSDT,TRADE,BUY,0.04,0.04,4300,0,-0.0946,0,-0.0946,300,OPEN,2026-09-22 10:00:00\n"
        "1,USDT,XAUTUSDT,SETTLEMENT,BUY,--,0.04,--,-0.0043,0,0,-0.0043,300,SETTLEMENT,2026-09-22 16:00:00\n"
        "1,USDT,XAUTUSDT,TRADE,SELL,0.02,0.02,4356,0,-0.0479,1.12,1.0721,301,CLOSE,2026-09-22 19:11:48\n"
        "1,USDT,XAUTUSDT,TRADE,SELL,-0.02,0,4200,0,-0.0462,-2,-2.0462,299,CLOSE,2026-09-23 19:11:48\n"
        "1,USDT,,TRANSFER_OUT,--,0,0,0,0,0,-10,-10,289,--,2026-09-24 00:00:00\n"
    )
    found = read(text)
    assert len(found.trades) == 1 and not found.trades.is_open[0]
    assert (
        found.profit is not None and found.profit.by_file == pytest.approx(-0.88) and abs(found.profit.residue) < 1e-9
    )
    assert found.money["settlement (funding)"] == pytest.approx(-0.0043)


def test_bybit_spot_has_two_rows_a_fill(read: Read) -> None:
    text = BYBIT + (
        "1,BTC,BTCEUR,TRADE,BUY,0.001,0,50000,0,0,0.001,0.001,0.001,--,2026-06-05 08:00:00\n"
        "1,EUR,BTCEUR,TRADE,BUY,-50,0,50000,0,-0.125,-50,-50.125,100,--,2026-06-05 08:00:00\n"
        "1,BTC,BTCEUR,TRADE,SELL,-0.001,0,53842.9,0,0,-0.001,-0.001,0,--,2026-06-05 08:22:50\n"
        "1,EUR,BTCEUR,TRADE,SELL,53.8429,0,53842.9,0,-0.134,53.84,53.7,154,--,2026-06-05 08:22:50\n"
    )
    found = read(text)
    assert len(found.trades) == 1 and found.trades.quantity.tolist() == [0.001]
    assert found.fills.commission.tolist() == [0.125, 0.134] and set(found.fills.commission_currency) == {"EUR"}


def test_bybit_closed_pnl_is_refused_and_executions_asked_for(read: Read) -> None:
    text = (
        "Contracts,Closing Direction,Qty,Entry Price,Exit Price,Closed P&L,Exit Type,Trade Time(UTC+0)\n"
        "BTCUSDT,Sell,0.1,65000,65500,47.4,Trade,2024-09-01 13:00:00\n"
    )
    with pytest.raises(TradesError, match=r"no time of entry.*Transaction Log"):
        read(text)


def test_okx_spot_in_the_zone_of_its_first_line(read: Read) -> None:
    lines = [
        "UID:000,Account Type:Main,Time Zone:UTC+8", OKX,
        "3,300,2025-11-30 08:25:29,Spot,BTC-USDT,Sell,0.00999,BTC,91000,0,0,BTC,0,0,-0.00999,0,BTC",
        "4,300,2025-11-30 08:25:29,Spot,BTC-USDT,Buy,909.09,USDT,91000,0,-0.909,USDT,0,0,908.18,1000,USDT",
        "1,100,2025-11-29 08:25:29,Spot,BTC-USDT,Buy,0.01,BTC,90000,0,-0.00001,BTC,0,0,0.00999,0.00999,BTC",
        "2,100,2025-11-29 08:25:29,Spot,BTC-USDT,Sell,900,BTC,90000,0,0,USDT,0,0,-900,100,USDT",
        "5,200,2025-11-29 08:27:50,Transfer,,Transfer out,0,cont,0,0,0,BTC,0,0,-0.01,0,BTC",
    ]  # fmt: skip
    text = "\n".join(",".join("\ufeff" + cell for cell in line.split(",")) for line in lines)
    found = read(text)
    assert len(found.trades) == 1 and found.trades.is_open.tolist() == [False]
    assert found.trades[0].entry_time.isoformat() == "2025-11-29T00:25:29+00:00"
    assert found.trades.quantity[0] == pytest.approx(0.00999)
    assert found.fills.commission.tolist() == pytest.approx([0.9, 0.909])


def test_okx_swap_in_contracts(read: Read) -> None:
    rows = [
        "1,1,2025-11-29 00:00:00,Swap,ETH-USDT-SWAP,Open long,10,cont,3000,0,-1.5,USDT,10,10,-1.5,100,USDT",
        "2,2,2025-11-29 01:00:00,Swap,ETH-USDT-SWAP,Funding fee,0,cont,0,0,0,USDT,0,10,-0.2,100,USDT",
        "3,3,2025-11-29 02:00:00,Swap,ETH-USDT-SWAP,Close long,10,cont,3100,100,-1.55,USDT,-10,0,98.45,198,USDT",
    ]
    found = read("\n".join(["UID:1,Account Type:Main,Time Zone:UTC+0", OKX, *rows]))
    assert len(found.trades) == 1 and found.profit is not None and abs(found.profit.residue) < 0.005
    assert found.trades.multiplier is not None and found.trades.multiplier.tolist() == [0.1]
    assert found.profit.multipliers == {"ETH-USDT-SWAP": 0.1} and found.money == {"funding fee (funding)": -0.2}


def test_orders_of_any_broker_count_by_what_was_filled(read: Read) -> None:
    text = (
        "Symbol,Side,Status,Filled,Total Qty,Price,Avg Price,Filled Time\n"
        "AMC,Buy,Filled,100,100,$5.00,$5.02,03/13/2026 09:31:05\n"
        "AMC,Buy,Cancelled,40,100,$4.90,$4.95,03/13/2026 09:40:00\n"
        "AMC,Sell,Cancelled,0,140,$6.00,,\n"
        'AMC,Sell,Filled,140,140,"$1,005.50","$1,005.50",03/16/2026 10:00:00\n'
    )
    found = read(text)
    assert len(found.trades) == 1 and found.trades.quantity.tolist() == [140.0]
    assert found.trades.entry_price[0] == pytest.approx((100 * 5.02 + 40 * 4.95) / 140)
    assert found.trades.exit_price.tolist() == [1005.5]


def test_orders_without_filled_quantities_count_where_they_are_done(read: Read) -> None:
    text = (
        "symbol,side,status,qty,price,time\nA,buy,filled,10,5,2024-01-02\nA,sell,canceled,10,9,2024-01-03\n"
        "A,sell,working,10,9,2024-01-03\n"
    )
    found = read(text)
    assert found.trades.is_open.tolist() == [True]
    assert "1 row left out: status is canceled" in found.notes


def test_sums_beside_the_trades_follow_the_decimal_mark_of_the_file(read: Read) -> None:
    head = "Ora;Affare;Simbolo;Tipo;Direzione;Volume;Prezzo;Ordine;Commissione;Swap;Profitto;Saldo;Commento"
    rows = [
        "2026.07.16 09:00:00;1;;balance;;;;;;;1000,25;1000,25;",
        "2026.07.17 17:07:21;2;XAUUSD;buy;in;0,10;3998,67;11;-0,50;0,00;0,00;4999,50;",
    ]
    assert read("\n".join([head, *rows])).money == {"balance (profit)": 1000.25}


def test_a_file_with_two_decimal_marks_and_a_fee_that_is_no_number_are_refused(read: Read) -> None:
    head = "time;symbol;side;quantity;price;fee"
    with pytest.raises(TradesError, match="same decimal mark"):
        read(f"{head}\n2024-01-02;A;buy;1,5;10.25;0")
    with pytest.raises(TradesError, match=r"A comma must be either .*--decimal"):
        read(f'{head}\n2024-01-02;A;buy;1;"1,234";0')
    with pytest.raises(TradesError, match=r"column 'fee' .* has '1.2.3'"):
        read(f"{head}\n2024-01-02;A;buy;1;10.25;1.2.3")


def test_bybit_coin_margined_contracts_pay_in_their_coin(read: Read) -> None:
    """1,000 contracts of 1 US dollar from 50,000 to 55,000: 1000 x (1 / 50000 - 1 / 55000) bitcoin."""
    profit = 1000 * (1 / 50000 - 1 / 55000)
    text = BYBIT + (
        "1,USDT,XAUTUSDT,TRADE,BUY,0.04,0.04,4300,0,-0.0946,0,-0.0946,300,OPEN,2026-09-22 10:00:00\n"
        "1,BTC,BTCUSD,TRADE,BUY,1000,1000,50000,0,-0.000012,0,-0.000012,1,OPEN,2026-09-22 10:00:00\n"
        "1,BTC,BTCUSD,SETTLEMENT,BUY,1000,1000,51000,-0.000002,0,0,-0.000002,1,SETTLEMENT,2026-09-22 16:00:00\n"
        "1,USDT,XAUTUSDT,SETTLEMENT,BUY,--,0.04,--,-0.0043,0,0,-0.0043,300,SETTLEMENT,2026-09-22 16:00:00\n"
        f"1,BTC,BTCUSD,TRADE,SELL,-1000,0,55000,0,-0.000011,{profit:.8f},0,1,CLOSE,2026-09-23 10:00:00\n"
    )
    found = read(text)
    row = found.trades.symbol.tolist().index("BTCUSD")
    assert found.trades.quantity[row] == 1000 and found.trades.exit_price[row] == 55000
    assert found.profit is not None and found.profit.by_file == pytest.approx(profit, abs=1e-8)
    assert abs(found.profit.residue) < 1e-8 and found.profit.currency == "BTC"
    mine = found.fills.symbol == "BTCUSD"
    assert found.fills.commission[mine].tolist() == [0.000012, 0.000011]
    assert set(found.fills.commission_currency[mine]) == {"BTC"}
    assert any('[symbols.BTCUSD] inverse = true, multiplier = 1, currency = "BTC"' in note for note in found.notes)
    assert found.money == {"settlement (funding, BTC)": -0.000002, "settlement (funding, USDT)": -0.0043}


def test_binance_and_okx_coin_margined_contracts(read: Read) -> None:
    """10 contracts of 100 US dollars from 50,000 to 40,000, short: 1000 x (1 / 40000 - 1 / 50000) bitcoin."""
    profit = 1000 * (1 / 40000 - 1 / 50000)
    binance = (
        "Date(UTC),Symbol,Side,Price,Quantity,Amount,Fee,Realized Profit,Quote Asset\n"
        "2024-01-02 10:00:00,BTCUSD_PERP,SELL,50000,10,0.02BTC,0.00001BTC,0,BTC\n"
        f"2024-01-03 10:00:00,BTCUSD_PERP,BUY,40000,10,0.025BTC,0.00001BTC,{profit},BTC\n"
    )
    okx = "\n".join(
        [
            "UID:1,Account Type:Main,Time Zone:UTC+0",
            OKX,
            "1,1,2025-11-29 00:00:00,Swap,BTC-USD-SWAP,Open short,10,cont,50000,0,-0.00001,BTC,10,10,0,1,BTC",
            f"2,2,2025-11-29 02:00:00,Swap,BTC-USD-SWAP,Close short,10,cont,40000,{profit},-0.00001,BTC,-10,0,0,1,BTC",
        ]
    )
    for text, symbol in ((binance, "BTCUSD_PERP"), (okx, "BTC-USD-SWAP")):
        found = read(text)
        assert found.trades.multiplier is not None and found.trades.multiplier.tolist() == [100.0]
        assert found.profit is not None and found.profit.from_fills == pytest.approx(profit)
        assert abs(found.profit.residue) < 1e-9 and found.profit.currency == "BTC"
        assert any(f"[symbols.{symbol}] inverse = true, multiplier = 100" in note for note in found.notes)
