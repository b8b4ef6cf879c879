"""Lists of executions and round trips of brokers without a profile of their own: read right, asked about, or refused."""

from __future__ import annotations

import gzip
import io
import json
from datetime import date, time
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pandas as pd
import pytest
from tests.importers.conftest import Read

from exitladder.errors import ExitladderWarning, InputFileError, TradesError
from exitladder.importers.imports import Imported, import_files, table_imported
from exitladder.importers.reading import ImportOptions
from exitladder.trades.files import read_trades

FILLS = "time,symbol,side,quantity,price\n"
TRIPS = "Symbol,Side,Qty,Entry Date,Entry Price,Exit Date,Exit Price"


def shown(found: Imported) -> list[tuple[str, int, str, float, float]]:
    """Return symbol, side, entry, its price and the exit's of each trade."""
    trades = found.trades
    return [
        (str(s), int(d), pd.Timestamp(int(t)).strftime("%Y-%m-%d %H:%M"), float(p), float(x))
        for s, d, t, p, x in zip(
            trades.symbol, trades.side, trades.entry_time, trades.entry_price, trades.exit_price, strict=True
        )
    ]


LONG = [("ACME", 1, "2024-01-16 00:00", 100.0, 105.0)]
LONG_AT = [("ACME", 1, "2024-01-16 09:31", 100.0, 105.0)]
LISTS = {
    "fidelity": (
        "\n\nBrokerage\n\nRun Date,Action,Symbol,Type,Quantity,Price ($),Commission ($),Fees ($),Amount ($)\n"
        "01/16/2024, YOU BOUGHT ACME INC (ACME) (Cash), ACME,Cash,10,100.00,,,-1000.00\n"
        "02/05/2024, YOU SOLD ACME INC (ACME) (Cash), ACME,Cash,-10,105.00,,0.02,1049.98\n\n"
        '"Date downloaded 03/01/2024"\n',
        LONG,
    ),
    "schwab": (
        '"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"\n'
        '"02/05/2024","Sell","ACME","ACME INC","10","$105.00","$0.05","$1049.95"\n'
        '"01/31/2024 as of 01/30/2024","Cash Dividend","ACME","ACME INC","","","","$5.00"\n'
        '"01/31/2024 as of 01/30/2024","Bank Interest","","BANK INT","","","","$0.10"\n'
        '"01/16/2024","Buy","ACME","ACME INC","10","$100.00","","-$1000.00"\n'
        '"Transactions Total","","","","","","","$54.95"\n',
        LONG,
    ),
    "robinhood": (
        '"Activity Date","Settle Date","Instrument","Trans Code","Quantity","Price","Amount"\n'
        '"2/5/2024","2/7/2024","ACME","Sell","10","$105.00","$1,049.97"\n'
        '"1/16/2024","1/18/2024","ACME","Buy","10","$100.00","($1,000.00)"\n'
        '"1/15/2024","1/15/2024","","ACH","","","$5,000.00"\n"","","","","","",""\n"For information only."\n',
        LONG,
    ),
    "trading212": (
        "Action,Time,Ticker,No. of shares,Price / share,Currency (Price / share),Total,ID\n"
        "Market buy,2024-01-16 09:31:05,ACME,10.0000000000,100.00,USD,925.93,EOF1\n"
        "Limit sell,2024-02-05 15:00:00,ACME,10.0000000000,105.00,USD,972.2,EOF2\n"
        "Deposit,2024-01-10 10:00:00,,,,,5000,d1\n",
        LONG_AT,
    ),
    "degiro": (
        "Datum,Tijd,Product,ISIN,Aantal,Koers,,Lokale waarde,,Transactiekosten en/of,,Order ID\n"
        '05-02-2024,16:00,ACME,US0001,-10,"105,0000",USD,"1050,00",USD,"-2,00",EUR,b\n'
        '16-01-2024,09:31,ACME,US0001,10,"100,0000",USD,"-1000,00",USD,"-2,00",EUR,a\n',
        LONG_AT,
    ),
    "degiro in English": (
        "Date,Time,Product,ISIN,Quantity,Price,,Transaction,,Order ID\n"
        "05-02-2024,16:00,ACME,US0001,-10,105.0000,USD,-2.00,EUR,b\n"
        "16-01-2024,09:31,ACME,US0001,10,100.0000,USD,-2.00,EUR,a\n",
        LONG_AT,
    ),
    "webull": (
        "Symbol,Side,Status,Filled,Total Qty,Price,Avg Price,Placed Time,Filled Time\n"
        "ACME,Buy,Filled,10,10,@100.50,100,01/16/2024 04:30:00 EST,01/16/2024 04:31:00 EST\n"
        "ACME,Buy,Cancelled,0,10,@99.50,,01/16/2024 09:30:00 EST,\n"
        "ACME,Sell,Filled,10,10,@105.50,105,01/18/2024 09:30:00 EST,01/18/2024 09:31:00 EST\n",
        LONG_AT,
    ),
    "orders with a limit price": (
        "Time,Symbol,Side,Qty,Price,Avg Fill Price,Order Status\n2024-01-16,ACME,buy,10,101,100,Filled\n"
        "2024-01-17,ACME,buy,10,99,,Cancelled\n2024-01-18,ACME,sell,10,104,105,Filled\n",
        LONG,
    ),
    "tastytrade": (
        "Date,Type,Action,Symbol,Quantity,Average Price,Commissions,Fees,Strike Price,Call or Put\n"
        "2024-01-18T10:31:05+0000,Trade,SELL_TO_CLOSE,ACME,10,105.00,0.00,-0.02,,\n"
        "2024-01-16T09:31:05+0000,Trade,BUY_TO_OPEN,ACME,10,-100.00,0.00,-0.01,,\n"
        "2024-01-10T09:31:05+0000,Money Movement,,,0,--,--,0.00,,\n",
        LONG_AT,
    ),
    "flatex": (
        "Nummer;Buchtag;Valuta;Bezeichnung;Nominal;;Buchungsinformationen;Kurs;\n"
        "1;16.01.2024;18.01.2024;ACME;10;Stk;Ausführung ORDER Kauf DE00;100,00;EUR\n"
        "2;05.02.2024;07.02.2024;ACME;-10;Stk;Ausführung ORDER Verkauf DE00;105,00;EUR\n",
        LONG,
    ),
    "avanza": (
        "Datum;Konto;Typ av transaktion;Värdepapper/beskrivning;Antal;Kurs;Belopp;Courtage\n"
        "2024-01-16;123;Köp;ACME;10;100,0;-1000;1\n2024-01-18;123;Sälj;ACME;-10;105,0;1050;1\n"
        "2024-01-19;123;Utdelning;ACME;10;1,0;10;\n",
        LONG,
    ),
    "letters that the header explains": (
        "Data;Ativo;C/V;Quantidade;Preço\n16/01/2024;ACME;C;10;100,00\n18/01/2024;ACME;V;10;105,00\n",
        LONG,
    ),
    "Polish": ("Data;Walor;K/S;Ilość;Cena\n16.01.2024;ACME;K;10;100,0\n18.01.2024;ACME;S;10;105,0\n", LONG),
    "Russian": (
        "Дата;Инструмент;Операция;Количество;Цена\n16.01.2024 09:31;ACME;Покупка;10;100,0\n"
        "18.01.2024 10:30;ACME;Продажа;10;105,0\n",
        LONG_AT,
    ),
    "Japanese": (
        "約定日時,銘柄コード,売買,数量,約定価格\n2024/01/16 09:31:00,ACME,買,10,100\n2024/01/18 09:30:00,ACME,売,10,105\n",
        LONG_AT,
    ),
    "the offset in the header": (
        "Time(UTC+8),Pair,Side,Price,Amount,Total,Fee\n2024-01-16 17:31:05,ACME,Buy,100,10,1000,4.2\n"
        "2024-02-05 22:30:05,ACME,Sell,105,10,1050,4.3\n",
        LONG_AT,
    ),
    "the zone in a name in lower case": (
        "time_utc,symbol,side,price,qty\n2024-01-16 09:31:05,ACME,Buy,100,10\n2024-02-05 22:30:05,ACME,Sell,105,10\n",
        LONG_AT,
    ),
    "isBuyer": (
        json.dumps(
            [
                {"symbol": "ACME", "id": k, "price": p, "qty": "10", "time": 1705397460000 + k, "isBuyer": b}
                for k, (p, b) in enumerate([("100", True), ("105", False)])
            ]
        ),
        LONG_AT,
    ),
    "a record a line": (
        "\n".join(
            json.dumps({"time": t, "symbol": "ACME", "side": s, "qty": 10, "price": p})
            for t, s, p in (("2024-01-16", "buy", 100), ("2024-01-18", "sell", 105))
        ),
        LONG,
    ),
    "records inside of objects": (
        json.dumps(
            {
                "data": {
                    "fills": [
                        {"time": "2024-01-16", "symbol": "ACME", "side": "buy", "qty": 10, "price": 100},
                        {"time": "2024-01-18", "symbol": "ACME", "side": "sell", "qty": 10, "price": 105},
                    ]
                }
            }
        ),
        LONG,
    ),
    "texts that a spreadsheet keeps": (
        FILLS + '2024-01-16,="ACME",buy,="10",="100"\n2024-01-18,="ACME",sell,10,105\n',
        LONG,
    ),
    "commas in a note of a file of semicolons": (
        "time;symbol;side;quantity;price;notes\n2024-01-16;ACME;buy;10;100,0;a,b,c,d,e,f,g\n2024-01-18;ACME;sell;10;105,0;x\n",
        LONG,
    ),
    "totals": (FILLS + "2024-01-16,ACME,buy,10,100\n2024-01-18,ACME,sell,10,105\nTotal,,,20,\n,All,,20,\n", LONG),
    "serial days with a decimal comma": (
        "time;symbol;side;quantity;price\n45307,0;ACME;buy;10;100,0\n45309,25;ACME;sell;10;105,0\n",
        LONG,
    ),
    "AmiBroker": (
        "Ticker,Trade,Date,Price,Ex. date,Ex. Price,% chg,Profit,% Profit,Shares,MAE,MFE\n"
        "ACME,Long,1/16/2024,100,1/18/2024,105,5.00%,50,5.00%,10,-1%,6%\n",
        LONG,
    ),
    "dates and times of both ends": (
        "Open Date,Open Time,Symbol,Side,Quantity,Avg Entry,Avg Exit,Close Date,Close Time,Net P&L,Commission\n"
        "2024-01-16,09:31:00,ACME,long,10,100,105,2024-01-16,10:31:00,48,2\n",
        LONG_AT,
    ),
    "cTrader": (
        "ID;Symbol;Opening direction;Opening time (UTC+2);Closing time (UTC+2);Entry price;Closing price;"
        "Closing Quantity;Commissions\n1;ACME;Buy;16/01/2024 11:31:05;18/01/2024 15:31:05;100.000;105.000;0.10 Lots;-0.60\n",
        LONG_AT,
    ),
    "German round trips": (
        "Symbol;Richtung;Stück;Eröffnungsdatum;Einstiegskurs;Schlussdatum;Ausstiegskurs;Gewinn\n"
        "ACME;Kauf;10;16.01.2024;100,00;18.01.2024;105,00;50,00\n",
        LONG,
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_read(read: Read, name: str) -> None:
    text, expected = LISTS[name]
    assert shown(read(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the position after the fill is no id
        (
            "Instrument,Action,Quantity,Price,Time,E/X,Position\nES,Buy,2,4900,2024-01-16 09:31,Entry,2 L\n"
            "ES,Sell,1,4905,2024-01-16 09:40,Exit,1 L\nES,Sell,1,4907,2024-01-16 10:00,Exit,-\n",
            [("ES", 1, "2024-01-16 09:31", 4900.0, 4906.0)],
        ),
        # nor is the id of each fill
        (
            "Date/Time,Symbol,Side,Quantity,Price,Trade ID\n16/01/2024 09:31,ES,Buy,1,4900,t1\n"
            "16/01/2024 10:31,ES,Sell,-1,4905,t2\n",
            [("ES", 1, "2024-01-16 09:31", 4900.0, 4905.0)],
        ),
        # an id of the position counts before that of the fill
        (
            "Time,Symbol,Side,Quantity,Price,Trade ID,Position ID\n2024-01-16 09:31,ES,Buy,1,4900,t1,p1\n"
            "2024-01-16 09:41,ES,Sell,1,4901,t2,p2\n2024-01-16 10:31,ES,Sell,1,4905,t3,p1\n",
            [("ES", 1, "2024-01-16 09:31", 4900.0, 4905.0), ("ES", -1, "2024-01-16 09:41", 4901.0, float("nan"))],
        ),
        # a short in one account does not close a long in another
        (
            "Time,Account,Symbol,Side,Quantity,Price\n2024-01-16 09:31,A,ES,Buy,1,4900\n"
            "2024-01-16 09:41,B,ES,Sell,1,4901\n2024-01-16 10:31,A,ES,Sell,1,4905\n2024-01-16 11:31,B,ES,Buy,1,4907\n",
            [("ES", 1, "2024-01-16 09:31", 4900.0, 4905.0), ("ES", -1, "2024-01-16 09:41", 4901.0, 4907.0)],
        ),
        # what closes a position from before the file opens none
        (
            ",Exec Time,Side,Qty,Pos Effect,Symbol,Strike,Type,Price\n,1/18/24 10:31:05,SELL,-10,TO CLOSE,ES,,STOCK,4905\n"
            ",1/16/24 09:31:05,BUY,+10,TO OPEN,ES,,STOCK,4900\n,1/15/24 09:31:05,SELL,-10,TO CLOSE,ES,,STOCK,4890\n"
            ",1/15/24 09:31:05,SELL,-1,TO CLOSE,SPY,480,CALL,5\n",
            [("ES", 1, "2024-01-16 09:31", 4900.0, 4905.0)],
        ),
        # a sale may come first in a row of a purchase and a sale
        (
            "symbol,buyFillId,sellFillId,qty,buyPrice,sellPrice,pnl,boughtTimestamp,soldTimestamp\n"
            "ES,2,1,1,4905,4900,$(250.00),01/16/2024 16:02:10,01/16/2024 09:31:05\n"
            "ES,3,4,1,4900,4905,$250.00,01/17/2024 09:31:05,01/17/2024 16:02:10\n"
            "ES,3,5,1,4900,4907,$350.00,01/17/2024 09:31:05,01/17/2024 16:12:10\n",
            [("ES", -1, "2024-01-16 09:31", 4900.0, 4905.0), ("ES", 1, "2024-01-17 09:31", 4900.0, 4906.0)],
        ),
    ],
)
def test_fills_are_grouped_by_what_their_ids_mean(
    read: Read, text: str, expected: list[tuple[str, int, str, float, float]]
) -> None:
    found = shown(read(text))
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    assert [row[4] for row in found] == pytest.approx([row[4] for row in expected], nan_ok=True)


def test_a_trade_id_of_each_fill_is_none_in_a_file_of_trades_either(tmp_path: Path) -> None:
    path = tmp_path / "fills.csv"
    path.write_text("time,symbol,side,quantity,price,trade_id\n2024-01-16,A,buy,1,10,1\n2024-01-17,A,sell,1,11,2\n")
    with pytest.warns(ExitladderWarning, match="trade_id differs on every fill"):
        trades = read_trades(path)
    assert trades.exit_price.tolist() == [11.0]


@pytest.mark.parametrize(
    ("stamp", "hour"),
    [
        ("2024-01-16 09:30:00 EST", "14:30"),
        ("20240116;093000 EST", "14:30"),
        ("2024-07-16 09:30:00 EDT", "13:30"),
        ("Tue Jan 16 2024 09:30:00 GMT+0100 (Central European Standard Time)", "08:30"),
    ],
)
def test_a_zone_behind_a_stamp_counts(read: Read, stamp: str, hour: str) -> None:
    (row,) = shown(read(FILLS + f'"{stamp}",ACME,buy,10,100\n', options=ImportOptions(tz="Asia/Tokyo")))
    assert row[2].endswith(hour)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("2024-01-16 09:30 IST,ACME,buy,10,100\n", r"'2024-01-16 09:30 IST' \(0-export.csv, line 2"),
        ("05-01-24 09:30,ACME,buy,10,100\n", "may begin with the day, the month or the year"),
        ("2024-01-16,acme,buy,10,100\n2024-01-17,ACME,sell,10,100\n", "'ACME' and 'acme', which differ in capitals"),
        ("2024-01-16,ACME,buy,10,$100\n2024-01-17,ACME,sell,10,€100\n", r"in \$ and €"),
        ("2024-01-16,ACME,buy,10,100\n2024-01-17,,sell,10,100\n", "1 of 2 rows of .* have none .*line 3"),
        ("2024-01-16,ACME,staking,10,100\n", "side must be buy or sell"),
    ],
)
def test_what_a_list_of_fills_leaves_open_is_refused(read: Read, rows: str, said: str) -> None:
    with pytest.raises(TradesError, match=said):
        read(FILLS + rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"{TRIPS}\nA,long,10,15/01/2024,100,01/18/2024,105\n",
            "entry_time has the day first and exit_time has the month",
        ),
        (f"{TRIPS}\nA,long,10,2024-01-15,100,2024-01-18,\n", "must have an exit_price"),
        (f"{TRIPS}\nA,long,10,2024-01-15,100,2024-01-18,0\n", "must have an exit_price greater than 0, but is '0'"),
        (
            f"{TRIPS.replace('Side', 'Short?')}\nA,maybe,10,2024-01-15,100,2024-01-18,99\n",
            "'Short.' must say yes or no",
        ),
        ("Symbol,Date,Price,Shares,Exit Price\nA,2024-01-16,100,10,105\n", "its rows are round trips"),
        ("Symbol,Side,Qty,Time,Price\nA,buy,10,09:30,100\n", "must have a date, but the column 'Time'"),
        (
            "Time;Symbol;Side;Quantity;Price\n2024-01-16;NK;buy;1.000;38.950\n",
            "A point must be either the decimal mark or a thousands separator",
        ),
        ("Time,Symbol,Side,Qty,Price,Strike,Right\n2024-01-16,SPY,buy,1,5,480,C\n", "1 row left out: they are options"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(read: Read, text: str, said: str) -> None:
    with pytest.raises(TradesError, match=said):
        read(text)


def test_short_in_yes_and_no(read: Read) -> None:
    head = TRIPS.replace("Side", "Short?")
    found = read(f"{head}\nA,Y,10,2024-01-15,100,2024-01-18,99\nA,N,10,2024-01-15,100,2024-01-18,99\n")
    assert found.trades.side.tolist() == [-1, 1]


def test_one_column_of_dates_settles_the_other_and_rows_left_out_count(read: Read) -> None:
    found = read(f"{TRIPS}\nA,long,10,15/01/2024,100,02/03/2024,105\n")
    assert pd.Timestamp(int(found.trades.exit_time[0])) == pd.Timestamp("2024-03-02")
    found = read("Date,Action,Symbol,Quantity,Price\n01/31/2024,Dividend,A,,\n02/05/2024,Buy,A,10,100\n")
    assert shown(found)[0][2].startswith("2024-02-05")


def test_short_dates_follow_the_option(read: Read) -> None:
    text = FILLS + "05/01/24 09:30,ACME,buy,10,100\n"
    days = [shown(read(text, options=ImportOptions(dates=dates)))[0][2] for dates in ("dayfirst", "monthfirst")]
    assert days == ["2024-01-05 09:30", "2024-05-01 09:30"]


def test_costs_that_are_negative_and_in_several_columns_are_costs(read: Read) -> None:
    found = read("Time,Symbol,Side,Qty,Price,Commission,Exchange Fee\n2024-01-16,A,buy,1,100,-2.0,-0.5\n")
    assert found.fills is not None and found.fills.commission.tolist() == [2.5]
    assert any("every fee is negative" in note for note in found.notes)
    mixed = read("Time,Symbol,Side,Qty,Price,Fee\n2024-01-16,A,buy,1,100,1\n2024-01-17,A,sell,1,100,-0.2\n")
    assert mixed.fills is not None and mixed.fills.commission.tolist() == [1.0, -0.2]


def test_one_position_does_not_make_a_contract_size_of_its_costs(read: Read) -> None:
    head = f"{TRIPS},Net P&L,Commission"
    found = read(f"{head}\nACME,long,10,2024-01-16,100,2024-01-17,105,48,2\n")
    assert found.trades.multiplier is None
    found = read(f"{head}\nES,long,2,2024-01-16,4900.25,2024-01-17,4905.5,516.6,8.4\n")
    assert found.trades.multiplier is not None and found.trades.multiplier.tolist() == [50.0]


def test_a_fee_in_the_coin_leaves_less_of_it_and_one_in_the_money_of_a_currency_pair_does_not(read: Read) -> None:
    head = "time,symbol,side,quantity,price,fee,fee currency\n"
    coin = read(head + "2024-01-16,BTC/USDT,buy,1,40000,0.001,BTC\n2024-01-17,BTC/USDT,sell,0.999,41000,40,USDT\n")
    assert coin.trades.quantity.tolist() == [0.999] and not coin.trades.is_open.any()
    pair = read(head + "2024-01-16,EURUSD,buy,1000,1.1,2,EUR\n")
    assert pair.trades.quantity.tolist() == [1000.0]


def test_what_may_be_missing_from_a_list_of_fills_is_told(read: Read) -> None:
    split = read(FILLS + "2024-06-05,NVDA,buy,10,1200\n2024-06-12,NVDA,sell,100,121\n")
    assert any("if NVDA split 10 for 1 between" in note for note in split.notes)
    sold = read(FILLS + "2024-01-16,A,sell,10,100\n2024-01-17,B,buy,10,100\n")
    assert any("1 symbol begins with a sale, such as A, read as short" in note for note in sold.notes)
    orders = read(
        "Time,Symbol,Side,Order Type,Quantity,Fill Price,Stop Price\n2024-01-16,A,Buy,Stop Limit,10,100,99.9\n"
    )
    assert orders.trades.stop_price.tolist() == pytest.approx([float("nan")], nan_ok=True)
    assert any("the trigger of an order" in note for note in orders.notes)
    marked = read(f"{TRIPS}\nA,long,10,2024-01-15,100,,107\nB,long,10,2024-01-15,100,open,\n")
    assert marked.trades.is_open.tolist() == [True, True]
    assert any("1 row with an exit price and no exit time" in note for note in marked.notes)


def test_stamps_with_an_offset_are_no_open_question(read: Read) -> None:
    assert not any("without a zone" in n for n in read(FILLS + "2024-01-16T09:30Z,A,buy,1,5\n").notes)
    assert any("without a zone" in n for n in read(FILLS + "2024-01-16T09:30,A,buy,1,5\n").notes)


def test_accounts_cannot_be_matched_oldest_first(read: Read) -> None:
    text = "Time,Account,Symbol,Side,Quantity,Price\n2024-01-16,A,ES,Buy,1,4900\n2024-01-16,B,ES,Sell,1,4901\n"
    with pytest.raises(TradesError, match="must be of one account"):
        read(text, options=ImportOptions(grouping="fifo"))


def test_fills_of_any_headers_are_named(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(
        "Wann,Was,Wieviel,Wozu,Tun\n2024-01-16 09:31,ACME,10,100,Kauf\n2024-01-18 09:31,ACME,10,105,Verkauf\n"
    )
    names = {"Wann": "time", "Was": "symbol", "Wieviel": "quantity", "Wozu": "price", "Tun": "side"}
    assert shown(table_imported(path, names, {})) == LONG_AT
    options = ImportOptions(symbol_map={"ACME": "AC"})
    assert shown(table_imported(path, names, {}, options=options)) == [("AC", *LONG_AT[0][1:])]
    with pytest.raises(TradesError, match=r"no column 'Tan'. Did you mean 'Tun'"):
        table_imported(path, {**names, "Tan": "tag"}, {})
    with pytest.raises(TradesError, match=r"known as symbol, entry_time, .* \(it has: Wann, Was, Wieviel, Wozu, Tun\)"):
        table_imported(path, {}, {})


def test_containers(tmp_path: Path) -> None:
    text = FILLS + "2024-01-16,ACME,buy,10,100\n2024-01-18,ACME,sell,10,105\n"
    (tmp_path / "fills.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert shown(import_files([tmp_path / "fills.csv.gz"])) == LONG
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["My trades"],
        ["Date", "Time", "Symbol", "Side", "Quantity", "Price"],
        [date(2024, 1, 16), time(9, 31), "ACME", "Buy", 10, 100],
        [date(2024, 1, 18), time(9, 31), "ACME", "Sell", 10, 105],
    ):
        sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    (tmp_path / "fills.xlsx").write_bytes(target.getvalue())
    assert shown(import_files([tmp_path / "fills.xlsx"])) == LONG_AT
    for name, head, said in (("a.xls", b"\xd0\xcf\x11\xe0", "Excel before 2007"), ("a.pdf", b"%PDF-1.7", "a PDF")):
        (tmp_path / name).write_bytes(head + bytes(600))
        with pytest.raises(InputFileError, match=said):
            import_files([tmp_path / name])


def test_a_row_that_a_file_repeats_changes_nothing_but_its_note(read: Read) -> None:
    """Ids that differ on every row are those of fills, also where the file has one row twice."""
    rows = "Trade ID,time,symbol,side,quantity,price\n" + "".join(
        f"{k},2024-01-{k + 1:02} 10:00,ACME,{'sell' if k % 2 == 0 else 'buy'},10,{100 + k}\n" for k in range(1, 9)
    )
    once, twice = read(rows), read(rows + rows.splitlines(keepends=True)[-1])
    assert shown(once) == shown(twice) and len(once.trades) == 4 and not once.trades.is_open.any()


def test_a_running_average_beside_the_price_is_asked_about(read: Read) -> None:
    rows = "time,symbol,side,quantity,price,average price\n2024-01-16,ACME,Buy,10,100,100\n2024-02-05,ACME,Sell,10,105,100\n"
    with pytest.raises(TradesError, match="may be the running cost of the position"):
        read(rows)
    orders = rows.replace("average price", "average price,status").replace(",100\n", ",100,filled\n")
    assert [trade[3] for trade in shown(read(orders))] == [100.0]
