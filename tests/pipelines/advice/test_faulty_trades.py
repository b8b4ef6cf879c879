"""Trades that cannot be read are named alone; the others are read as if they were not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from exitladder.errors import InputFileError
from exitladder.files.conventions import Conventions
from exitladder.pipelines.inputs.faulty_rows import read_valid_trades
from exitladder.trades.files import read_trades


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
    table = pd.DataFrame([row("A", quantity_open=6.0), row("B"), row("C", stop_price=101.0)])
    fills = pd.DataFrame([
        fill("A", "buy", 10.0), fill("A", "sell", 4.0, "2024-01-03"), fill("B", "sell", 10.0), fill("C", "buy", 10.0),
        fill("Z", "buy", 1.0),
    ])  # fmt: skip
    trades, faulty = read_valid_trades(table, fills=fills)
    assert trades is not None and list(trades.trade_id) == ["A"] and trades.quantity_open[0] == 6.0
    assert sorted(one.trade_id for one in faulty) == ["B", "C", "Z"]
    (stranger,) = (one for one in faulty if one.trade_id == "Z")
    assert "Fills name trade 'Z', which is not in the trades file" in stranger.text


@pytest.mark.parametrize("others", [[], [row("C", stop_price=101.0)]])
def test_a_quantity_open_that_the_fills_contradict_is_asked_about(others: list[dict[str, Any]]) -> None:
    stated = {"flat": 0.0, "blank": None, "same": 7.5 + 1e-9, "closed": 7.5, "done": 0.0}
    table = pd.DataFrame([row(name, quantity_open=value) for name, value in stated.items()] + others)
    sold = {"flat": 2.5, "blank": 2.5, "same": 2.5, "closed": 10.0, "done": 10.0}
    fills = pd.DataFrame(
        [fill(name, "buy", 10.0) for name in sold]
        + [fill(name, "sell", quantity, "2024-01-03") for name, quantity in sold.items()]
    )
    trades, faulty = read_valid_trades(table, fills=fills)
    assert trades is not None and list(trades.trade_id) == ["blank", "same", "done"]
    texts = {one.trade_id: one.text for one in faulty if one.trade_id != "C"}
    assert set(texts) == {"flat", "closed"}
    assert "is 0, but the fills leave 7.5. Correct one of them" in texts["flat"]
    assert "is 7.5, but the fills leave 0." in texts["closed"]
    alone = table[table["Trade ID"] == "flat"]
    assert read_valid_trades(alone, fills=fills[fills["trade_id"] == "flat"])[0] is None


HEAD = ("trade_id", "symbol", "side", "entry_time", "entry_price", "quantity", "stop_price", "quantity_open")


def lines(separator: str, *rows: str) -> str:
    return "\n".join([separator.join(HEAD), *rows]) + "\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # a decimal comma; the row by itself would be read as one of decimal commas
        (
            lines(",", "A,ACME,long,2024-01-02,100.5,10,95.5,10", 'B,ACME,long,2024-01-02,"100,5",10,95,10'),
            "entry_price is 100,5, with a decimal comma in a file of decimal points (trades.csv, line 3)",
        ),
        # the same without quotes: a field too many
        (
            lines(",", "A,ACME,long,2024-01-02,100.5,10,95.5,10", "B,ACME,long,2024-01-02,100,5,10,95.5,10"),
            "this one has 9 (trades.csv, line 3). Quote numbers and texts that hold a ','",
        ),
        # 1300 or 1,3
        (
            lines(";", "A;ACME;long;2024-01-02;100,5;10;95,5;10", "B;ACME;long;2024-01-02;1.300;10;95,5;10"),
            "entry_price is 1.300 in a file of decimal commas, which may be 1300 or 1,300",
        ),
        (
            lines(";", "A;ACME;long;2024-01-02;100,5;10;95,5;10", "B;ACME;long;2024-01-02;100.55;10;95,5;10"),
            "entry_price is 100.55, with a decimal point in a file of decimal commas",
        ),
        (
            lines(",", "A,ACME,long,2024-01-02,100.5,10,95.5,10", "B,ACME,long,2024-01-02,100.5,ten,95.5,10"),
            "has quantity=ten (trades.csv, line 3)",
        ),
    ],
)
def test_one_cell_that_cannot_be_read_does_not_stop_the_file(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    third = text.splitlines()[1].replace("A", "C", 1)
    path.write_text(text + third + "\n")
    trades, (fault,) = read_valid_trades(path)
    assert trades is not None and list(trades.trade_id) == ["A", "C"] and list(trades.entry_price) == [100.5, 100.5]
    assert (fault.trade_id, fault.symbol) == ("B", "ACME") and told in fault.text


def test_a_wrong_line_before_another_fault_keeps_the_numbers_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    good = "A,ACME,long,2024-01-02,100.5,10,95.5,10"
    wrong = good.replace("A,", "C,").replace("95", "105")
    path.write_text(lines(",", "B,ACME,long,2024-01-02,100,5,10,95.5,10", good, wrong))
    trades, faulty = read_valid_trades(path)
    assert trades is not None and list(trades.trade_id) == ["A"]
    assert sorted(f.text.split("(")[1].split(")")[0] for f in faulty) == ["trades.csv, line 2", "trades.csv, line 4"]


def test_points_that_the_file_shows_to_separate_thousands_are_read(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(
        lines(";", "A;ACME;long;2024-01-02;1.300,50;10;1.200;10", "B;ACME;long;2024-01-02;1.300;10;1.200;10")
    )
    trades, faulty = read_valid_trades(path)
    assert trades is not None and list(trades.entry_price) == [1300.5, 1300.0] and faulty == ()
    path.write_text(lines(";", "A;ACME;long;2024-01-02;99,50;10;95;10", "B;ACME;long;2024-01-02;1.300;10;1.200;10"))
    trades, faulty = read_valid_trades(path, conventions=Conventions(decimal=","))
    assert trades is not None and list(trades.entry_price) == [99.5, 1300.0] and faulty == ()


def test_other_commands_stay_strict(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(lines(",", "A,ACME,long,2024-01-02,100.5,10,95.5,10", "B,ACME,long,2024-01-02,100,5,10,95.5,10"))
    with pytest.raises(InputFileError, match="Expected 8 fields in line 3, saw 9"):
        read_trades(path)


def test_a_header_with_a_name_too_few_is_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    rows = [f"{name},ACME,long,2024-01-02,100.5,10,95.5,10" for name in "AB"]
    path.write_text("\n".join([",".join(HEAD[:-1]), *rows]) + "\n")
    with pytest.raises(InputFileError, match="lines have more fields than the first line has names"):
        read_valid_trades(path)
