"""`trades import` and `--fills` as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from exitladder.trades.files import read_trades

Run = Callable[..., Result]
OPEN_ONES = "Ticker,{head}Qty,Open date,Open price\nACME,{0}10,2024-01-21,102\nACME,{1}10,2024-02-11,107\n"


def test_a_side_column_of_any_usual_name_is_read(run: Run, tmp_path: Path) -> None:
    maps = (
        "--map",
        "Ticker=symbol",
        "--map",
        "Qty=quantity",
        "--map",
        "Open date=entry_time",
        "--map",
        "Open price=entry_price",
    )
    for head, words in (("Direction,", ("Short,", "Long,")), ("is_short,", ("True,", "False,"))):
        (tmp_path / "b.csv").write_text(OPEN_ONES.format(*words, head=head))
        for flags in (maps, ()):
            result = run("trades", "import", "b.csv", *flags, "--out", "t.csv")
            assert result.exit_code == 0, result.stderr
            assert read_trades(tmp_path / "t.csv").side.tolist() == [-1, 1]


def test_positive_quantities_tell_no_side(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(OPEN_ONES.format("", "", head=""))
    result = run("trades", "import", "b.csv", "--out", "t.csv")
    assert result.exit_code == 1 and "--side long or --side short" in result.stderr
    result = run("trades", "import", "b.csv", "--side", "short", "--out", "t.csv")
    assert result.exit_code == 0 and read_trades(tmp_path / "t.csv").side.tolist() == [-1, -1]


def test_executions_given_as_trades_are_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(
        "day,ticker,n,paid\n2024-01-02,ACME,10,5\n2024-01-03,ACME,-10,6\n2024-01-04,ACME,5,6\n2024-01-05,ACME,-5,7\n"
    )
    columns = ("--map", "ticker=symbol", "--map", "n=quantity", "--map", "paid=entry_price", "--map", "day=entry_time")
    result = run("trades", "import", "f.csv", *columns, "--out", "t.csv")
    assert result.exit_code == 1 and "looks like a list of executions" in result.stderr
    assert not (tmp_path / "t.csv").exists()
    # under names that are known they are fills
    (tmp_path / "f.csv").write_text(
        (tmp_path / "f.csv").read_text().replace("day,ticker,n,paid", "date,ticker,qty,price")
    )
    result = run("trades", "import", "f.csv", "--out", "t.csv", "--format", "json")
    assert json.loads(result.stdout)["n_trades"] == 2 and json.loads(result.stdout)["n_fills"] == 4


def test_overlapping_exports_add_nothing_twice(run: Run, tmp_path: Path) -> None:
    head = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n"
    rows = [
        f"2024-01-0{d} 10:00:00,BTCUSDT,{s},4200{d},0.5BTC,21000USDT,1USDT\n"
        for d, s in enumerate(["BUY", "SELL"] * 3, 1)
    ]
    twice = rows[2]  # an order that filled twice alike, within one file
    (tmp_path / "a.csv").write_text(head + "".join([*rows[:3], twice]))
    (tmp_path / "b.csv").write_text(head + "".join([rows[2], twice, *rows[3:], rows[5]]))
    result = run("trades", "import", "a.csv", "b.csv", "--out", "t.csv", "--fills-out", "f.csv", "--format", "json")
    assert result.exit_code == 0, result.stderr
    assert len(pd.read_csv(tmp_path / "f.csv")) == 8
    assert "2 fills came a second time" in result.stderr


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        ("a,b,c\n1,2,3\n", (), "No column of x.csv is known as symbol, entry_time, entry_price, quantity"),
        ("a,b,c\n1,2,3\n", ("--from", "bybit"), "is of a known kind"),
        ("a,b,c\n1,2,3\n", ("--from", "bybitt"), "Did you mean 'bybit'?"),
        ("symbol,time,side,quantity,price\nA,03/04/2024,buy,1,2\n", (), "--dayfirst or --monthfirst"),
        ("symbol,time,side,quantity,price\nA,2024-01-02,buy,1,\"1,234\"\n", (), "--decimal"),
        ("symbol,time,side,quantity,price\nA,2024-01-02,hold,1,2\n", (), "side must be buy or sell"),
    ],
)  # fmt: skip
def test_what_a_file_leaves_open_is_asked_for(
    run: Run, tmp_path: Path, text: str, flags: tuple[str, ...], message: str
) -> None:
    (tmp_path / "x.csv").write_text(text)
    result = run("trades", "import", "x.csv", *flags, "--out", "t.csv")
    assert result.exit_code == 1 and message in result.stderr


def test_check_tells_that_a_file_of_another_program_must_be_imported(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(
        "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n2024-01-01,BTCUSDT,BUY,42000,0.5BTC,21000USDT,1USDT\n"
    )
    result = run("trades", "check", "b.csv")
    assert result.exit_code == 1
    assert "this is Binance spot trades: `exitladder trades import b.csv --out trades.csv`" in result.stdout


def test_what_was_asked_for_is_taken(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('symbol;time;side;quantity;price\nOLD;03/04/2024;buy;1;"1,234"\n')
    (tmp_path / "names.csv").write_text("old,new\nOLD,NEW\n")
    for flag, month in (("--dayfirst", 4), ("--monthfirst", 3)):
        args = ("x.csv", flag, "--decimal", ",", "--symbol-map", "names.csv", "--out", "t.csv")
        assert run("trades", "import", *args).exit_code == 0
        trades = read_trades(tmp_path / "t.csv")
        assert trades[0].entry_time.month == month and trades.entry_price[0] == 1.234 and trades.symbol[0] == "NEW"


def test_backtest_judges_own_partial_exits(run: Run, tmp_path: Path, sample: Path) -> None:
    bars = pd.read_parquet(sample / "IBM-1d.parquet")
    at = [100, 110, 120]
    day = [str(bars["timestamp"].iloc[k].date()) for k in at]
    price = [float(bars["open"].iloc[k]) for k in at]
    (tmp_path / "trades.csv").write_text(
        "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price\n"
        f"T1,IBM,long,{day[0]},{price[0]},100,{price[0] * 0.9}\n"
    )
    (tmp_path / "fills.csv").write_text(
        "trade_id,fill_id,time,side,quantity,price\n"
        f"T1,1,{day[0]},buy,100,{price[0]}\nT1,2,{day[1]},sell,60,{price[1]}\nT1,3,{day[2]},sell,40,{price[2]}\n"
    )
    (tmp_path / "ladder.toml").write_text('name = "x"\n[[rungs]]\nfraction = 1.0\ntarget = "50R"\n')
    result = run(
        "backtest", "--bars", sample / "IBM-1d.parquet", "--trades", "trades.csv", "--fills", "fills.csv", "--ladder",
        "ladder.toml", "--out", "out", "--set", "data.adjust=none", "--set", "data.dividends=ignore",
        "--format", "json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    own = json.loads(result.stdout)["beside"]["your own exits"]["expectancy_r"]["value"]
    expected = (0.6 * (price[1] - price[0]) + 0.4 * (price[2] - price[0])) / (0.1 * price[0])
    assert own == pytest.approx(expected)
