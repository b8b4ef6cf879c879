"""Small files as brokers, terminals and programs write them, after their field lists; none is a real account."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

DEALS = [
    ["Time", "Deal", "Symbol", "Type", "Direction", "Volume", "Price", "Order", "Cost", "Commission", "Fee", "Swap",
     "Profit", "Balance", "Comment"],
    ["2026.07.17 10:15:00", "1", "", "balance", "", "", "", "", "", "0.00", "0.00", "0.00", "5 000.00", "5 000.00", "Initial"],
    ["2026.07.17 17:07:21", "2", "XAUUSD", "buy", "in", "0.10", "3 998.67", "11", "", "-0.50", "0.00", "0.00", "0.00",
     "4 999.50", ""],
    ["2026.07.17 18:00:00", "3", "XAUUSD", "sell", "out", "0.06", "4 001.67", "12", "", "-0.30", "0.00", "0.00", "18.00",
     "5 017.20", ""],
    ["2026.07.18 09:00:00", "4", "XAUUSD", "sell", "out", "0.04", "3 996.67", "13", "", "-0.20", "0.00", "-1.25", "-8.00",
     "5 007.75", ""],
    ["2026.07.18 10:00:00", "5", "XAUUSD", "sell", "in", "0.10", "3 990.00", "14", "", "-0.50", "0.00", "0.00", "0.00",
     "5 007.25", ""],
]  # fmt: skip
ORDERS = [
    ["Open Time", "Order", "Symbol", "Type", "Volume", "Price", "S / L", "T / P", "Time", "State", "", "Comment"],
    ["2026.07.17 17:07:21", "11", "XAUUSD", "buy", "0.10 / 0.10", "market", "3 990.00", "", "2026.07.17 17:07:21", "filled",
     "", ""],
    ["2026.07.18 10:00:00", "14", "XAUUSD", "sell", "0.10 / 0.10", "market", "0", "", "2026.07.18 10:00:00", "filled", "", ""],
]  # fmt: skip
POSITIONS = [
    ["Time", "Position", "Symbol", "Type", "Volume", "Price", "S / L", "T / P", "Time", "Price", "Commission", "Swap",
     "Profit"],
    ["2026.07.17 17:07:21", "11", "XAUUSD", "buy", "0.10", "3 998.67", "3 990.00", "", "2026.07.18 09:00:00", "3 999.67",
     "-1.00", "-1.25", "10.00"],
]  # fmt: skip


def html(hidden_position_cell: bool = True) -> str:
    """Return a report as MetaTrader 5 saves it: one page, three tables, hidden cells."""
    lines = ["<html><body><table>", "<tr><th colspan=3>Account:</th><th><b>1 (USD, Demo, demo, Hedge)</b></th></tr>"]
    for title, table in (("Positions", POSITIONS), ("Orders", ORDERS), ("Deals", DEALS)):
        lines.append(f'<tr><th colspan="14"><div><b>{title}</b></div></th></tr>')
        for n, row in enumerate(table):
            cells = [f"<td><b>{c}</b></td>" for c in row]
            if title == "Positions" and n and hidden_position_cell:
                cells.insert(4, '<td class="hidden" colspan="8">strategy</td>')
            if title == "Deals":
                cells[8] = '<td class="hidden"></td>' if n else '<td class="hidden">Cost</td>'
            lines.append(f"<tr>{''.join(cells)}</tr>")
    lines.append('<tr><td colspan="8"></td><td>-1.50</td><td>-1.25</td><td>10.00</td></tr></table></body></html>')
    return "\n".join(lines)


TV = {
    "oldest": (
        "Trade #,Type,Signal,Date/Time,Price,Contracts,Profit,Profit %,Cum. Profit,Run-up,Drawdown",
        [
            '1,Entry Long,Long,2024-02-01 12:00,"1,029.34",2,,,,,', '1,Exit Long,TP1,2024-02-01 12:20,"1,031.34",2,4.00,,,,',
            '2,Entry Long,Long,2024-02-01 12:00,"1,029.34",1,,,,,', '2,Exit Long,SL,2024-02-01 12:40,"1,027.34",1,(2.00),,,,',
        ],
    ),
    "2024": (
        "Trade #,Type,Date/Time,Signal,Price USD,Position size (qty),Position size (value),Net P&L USD,Net P&L %",
        [
            "2,Exit long,2024-02-01 12:40,SL,1027.34,1,1029.34,−2.00,−0.1", "2,Entry long,2024-02-01 12:00,Long,1029.34,1,1029.34,−2.00,−0.1",
            "1,Exit long,2024-02-01 12:20,TP1,1031.34,2,2058.68,4.00,0.1", "1,Entry long,2024-02-01 12:00,Long,1029.34,2,2058.68,4.00,0.1",
        ],
    ),
    "2025": (
        "Trade #,Type,Date and time,Signal,Price USD,Size (qty),Size (value),Net P&L USD,Net P&L %,Favorable excursion USD",
        [
            "1,Entry long,2024-02-01 12:00,Long,1029.34,2,2058.68,4.00,0.1,", "1,Exit long,2024-02-01 12:20,TP1,1031.34,2,2058.68,4.00,0.1,",
            "2,Entry long,2024-02-01 12:00,Long,1029.34,1,1029.34,-2.00,-0.1,", "2,Exit long,2024-02-01 12:40,SL,1027.34,1,1029.34,-2.00,-0.1,",
        ],
    ),
    "2026": (
        "Trade number,Type,Date and time,Signal,Price USD,Size (qty),Size (value),Net PnL USD,Return %,Commission USD",
        [
            "1,Entry long,2024-02-01 12:00,Long,1029.34,2,2058.68,3.00,0.1,1.00", "1,Exit long,2024-02-01 12:20,TP1,1031.34,2,2058.68,3.00,0.1,1.00",
            "2,Entry long,2024-02-01 12:00,Long,1029.34,1,1029.34,-2.50,-0.1,0.50", "2,Exit long,2024-02-01 12:40,SL,1027.34,1,1029.34,-2.50,-0.1,0.50",
        ],
    ),
}  # fmt: skip


FLEX = [
    '"Symbol","DateTime","Buy/Sell","Quantity","TradePrice","IBCommission","IBCommissionCurrency","Multiplier",'
    '"FifoPnlRealized","CurrencyPrimary","LevelOfDetail","TradeID"',
    '"AAPL","20260115;093000","BUY","100","200","-1","USD","1","0","USD","EXECUTION","1"',
    '"AAPL","20260116;100000","SELL","-60","205","-1","USD","1","298.4","USD","EXECUTION","2"',
    '"AAPL","20260116;100000","SELL","-60","205","-1","USD","1","298.4","USD","CLOSED_LOT",""',
    '"AAPL","20260117;100000","SELL","-40","204","-1","USD","1","158.6","USD","EXECUTION","3"',
    '"ES","20260120;110000","SELL","-2","4900","-4.5","USD","50","0","USD","EXECUTION","4"',
    '"ES","20260121;110000","BUY","2","4896","-4.5","USD","50","391","USD","EXECUTION","5"',
]


BYBIT = "UID: 1,Company Name: ,Country: \nUid,Currency,Contract,Type,Direction,Quantity,Position,Filled Price,Funding,Fee Paid,Cash Flow,Change,Wallet Balance,Action,Time(UTC)\n"


OKX = "id,Order id,Time,Trade Type,Symbol,Action,Amount,Trading Unit,Filled Price,PnL,Fee,Fee Unit,Position Change,Position Balance,Balance Change,Balance,Balance Unit"


def freqtrade_trade(**more: object) -> dict[str, object]:
    orders = [
        {"amount": 10.0, "safe_price": 100.0, "ft_order_side": "buy", "order_filled_timestamp": 1704100000000,
         "ft_is_entry": True, "ft_order_tag": "", "cost": 1002.0},
        {"amount": 4.0, "safe_price": 110.0, "ft_order_side": "sell", "order_filled_timestamp": 1704200000000,
         "ft_is_entry": False, "ft_order_tag": "tp1", "cost": 440.0},
        {"amount": 6.0, "safe_price": 95.0, "ft_order_side": "sell", "order_filled_timestamp": 1704300000000,
         "ft_is_entry": False, "ft_order_tag": "", "cost": 570.0},
    ]  # fmt: skip
    profit = 4 * 110 * 0.998 + 6 * 95 * 0.998 - 10 * 100 * 1.002
    return {
        "pair": "BTC/USDT", "stake_amount": 1000.0, "amount": 10.0, "open_date": "2024-01-01 09:06:40+00:00",
        "close_date": "2024-01-03 16:40:00+00:00", "open_rate": 100.0, "close_rate": 95.0, "fee_open": 0.002,
        "fee_close": 0.002, "profit_abs": profit, "is_open": False, "is_short": False, "leverage": 1.0,
        "initial_stop_loss_abs": 90.0, "enter_tag": "breakout", "exit_reason": "stop_loss", "orders": orders,
        "funding_fees": 0.0,
    } | more  # fmt: skip


def freqtrade_base(path: Path) -> None:
    """Write a small database as freqtrade does: an entry in two parts, a cancelled order, a partial exit."""
    with sqlite3.connect(path) as base:
        base.execute(
            "create table trades (id, pair, is_open, is_short, open_rate, close_rate, amount, open_date, close_date, fee_open,"
            " fee_close, initial_stop_loss, enter_tag, realized_profit, close_profit_abs, funding_fees, contract_size,"
            " record_version)"
        )
        base.execute(
            "create table orders (id, ft_trade_id, ft_order_side, ft_pair, order_id, status, side, price, average, filled,"
            " stop_price, ft_price, ft_fee_base, order_date, order_filled_date, ft_order_tag)"
        )
        profit = 12 * 2.1 * 0.999 + 8 * 1.9 * 0.999 - 20 * 2.0 * 1.001
        base.execute(
            "insert into trades values (1,'ADA/USDT',0,0,2.0,1.9,20,'2024-01-01 00:00:00','2024-01-02',.001,.001,1.8,'x',?,?,0,"
            "10,2)", (profit, profit),
        )  # fmt: skip
        base.execute(
            "insert into trades values (2,'BTC/USDT',1,1,50000,null,.1,'2024-01-03 00:00:00',null,.0,.0,55000,'',0,null,-1.5,1,2)"
        )
        rows = [
            (1, 1, "buy", "ADA/USDT", "a", "closed", "buy", 2.05, 2.0, 12, None, 2.05, None, "2024-01-01 00:00:00", "2024-01-01 00:00:01"),
            (2, 1, "buy", "ADA/USDT", "b", "canceled", "buy", 2.0, 2.0, 8, None, 2.0, None, "2024-01-01 00:05:00", "2024-01-01 00:06:00"),
            (3, 1, "buy", "ADA/USDT", "c", "canceled", "buy", 1.9, None, 0, None, 1.9, None, "2024-01-01 00:07:00", None),
            (4, 1, "sell", "ADA/USDT", "d", "closed", "sell", 2.1, None, 12, None, 2.1, None, "2024-01-01 12:00:00", "2024-01-01 12:00:01"),
            (5, 1, "stoploss", "ADA/USDT", "e", "closed", "sell", None, 1.9, 8, 1.95, 1.95, None, "2024-01-02 00:00:00", "2024-01-02 00:00:01"),
            (6, 2, "sell", "BTC/USDT", "f", "closed", "sell", 50000, 50000, 0.1, None, 50000, None, "2024-01-03 00:00:00", "2024-01-03 00:00:05"),
        ]  # fmt: skip
        base.executemany(f"insert into orders values ({','.join('?' * 15)},'')", rows)
    base.close()


def flex_xml() -> str:
    """Return the Flex rows as the XML of a Flex query."""
    names = {"Buy/Sell": "buySell", "DateTime": "dateTime", "IBCommission": "ibCommission", "TradeID": "tradeID",
             "IBCommissionCurrency": "ibCommissionCurrency", "CurrencyPrimary": "currency"}  # fmt: skip
    heads = [h.strip('"') for h in FLEX[0].split(",")]
    keys = [names.get(h, h[0].lower() + h[1:]) for h in heads]
    rows = "".join(
        "<Trade " + " ".join(f"{k}={v}" for k, v in zip(keys, line.split(","), strict=True)) + " />"
        for line in FLEX[1:]
    )
    return (
        f'<?xml version="1.0"?><FlexQueryResponse queryName="q" type="AF"><FlexStatements count="1"><Trades>{rows}'
        "</Trades></FlexStatements></FlexQueryResponse>"
    )


def files_of_the_page() -> dict[str, str]:
    """Return the texts of the files that the page "Your data" names."""
    head, rows = TV["2026"]
    return {
        "ReportHistory.html": html(),
        "list-of-trades.csv": "\n".join([head, *rows]),
        "flex.xml": flex_xml(),
        "backtest-result.zip": json.dumps({"strategy": {"S": {"trades": [freqtrade_trade()]}}}),
        "backtesting-trades.csv": (
            "Size,EntryBar,ExitBar,EntryPrice,ExitPrice,SL,TP,PnL,Commission,ReturnPct,EntryTime,ExitTime,Duration,Tag\n"
            "6,10,12,100.0,110.0,95.0,,58.74,1.26,0.1,2024-01-10,2024-01-12,2 days,\n"
        ),
        "exit-trades.csv": (
            "Exit Trade Id,Column,Size,Entry Timestamp,Avg Entry Price,Entry Fees,Exit Timestamp,Avg Exit Price,Exit Fees,PnL,"
            "Return,Direction,Status,Position Id\n0,ACME,6,2024-01-10,100,0.6,2024-01-12,110,0.66,58.74,0.1,Long,Closed,0\n"
        ),
        "nautilus-fills.csv": (
            "client_order_id,instrument_id,trade_id,position_id,order_side,last_qty,last_px,currency,commission,ts_event\n"
            "O-1,EUR/USD.SIM,1,P-1,BUY,100000,1.10000,USD,2.20 USD,2024-01-02 10:00:00+00:00\n"
        ),
        "order-events.json": json.dumps(
            [{"orderId": 1, "id": "1", "symbolValue": "SPY", "time": 1704200060, "status": "filled", "fillPrice": 470.0,
              "fillQuantity": 60, "orderFeeAmount": 1}]
        ),
        "binance-spot.csv": (
            "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n2024-01-01 10:00:00,BTCUSDT,BUY,42000,0.5BTC,21000USDT,0.0005BTC\n"
        ),
        "binance-futures.csv": (
            "Date(UTC),Symbol,Side,Price,Quantity,Amount,Fee,Realized Profit\n"
            "2026-06-01 09:00:00,BTCUSDT,BUY,68000,0.01,680,0.27,0\n"
        ),
        "bybit-log.csv": BYBIT + "1,USDT,XAUTUSDT,TRADE,BUY,0.04,0.04,4300,0,-0.0946,0,-0.0946,300,OPEN,2026-09-22 10:00:00\n",
        "okx-history.csv": (
            f"UID:0,Account Type:Main,Time Zone:UTC+8\n{OKX}\n"
            "1,100,2025-11-29 08:25:29,Spot,BTC-USDT,Buy,0.01,BTC,90000,0,-0.00001,BTC,0,0,0.00999,0.00999,BTC\n"
        ),
        "executions.csv": "When,What,Pieces,At,Way\n2024-01-02,ACME,5,100,buy\n",
        "amibroker.csv": (
            "Ticker,Trade,Date,Price,Ex. date,Ex. Price,Profit,Shares\nACME,Long,1/16/2024,100,1/18/2024,105,50,10\n"
        ),
        "Performance.csv": (
            "symbol,buyFillId,sellFillId,qty,buyPrice,sellPrice,pnl,boughtTimestamp,soldTimestamp\n"
            "ESH4,2,1,1,4905,4900,$(250.00),01/16/2024 16:02:10,01/16/2024 09:31:05\n"
        ),
        "broker.csv": "Ticker,Open Day,Paid,Units\nACME,2024-01-02,100,5\n",
        "january.csv": "symbol,date,side,qty,price\nA,2024-01-02,buy,1,5\n",
        "february.csv": "symbol,date,side,qty,price\nA,2024-01-02,buy,1,5\nA,2024-02-02,sell,1,6\n",
    }  # fmt: skip
