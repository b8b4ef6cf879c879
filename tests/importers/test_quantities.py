"""Quantities with a unit behind them, and fills that come twice: read and named, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exitladder.errors import ExitladderWarning, TradesError
from exitladder.importers.imports import Imported
from exitladder.trades.files import read_trades

Read = Callable[..., Imported]
FILLS = "time,symbol,side,quantity,price\n"
TRADES = "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price\n"


@pytest.mark.parametrize(
    ("cells", "unit"), [(("0.5 lot", "1.5 Lots"), "lots"), (("3 contracts", "2 cont."), "contracts")]
)
def test_a_unit_behind_quantities_is_named(read: Read, tmp_path: Path, cells: tuple[str, str], unit: str) -> None:
    numbers = [float(cell.split()[0]) for cell in cells]
    rows = [f"2024-01-0{k + 2},ES,buy,{cell},100\n" for k, cell in enumerate(cells)]
    found = read(FILLS + "".join(rows))
    assert found.fills.quantity.tolist() == numbers
    assert any(f"quantity is in {unit}" in note for note in found.notes)
    path = tmp_path / "trades.csv"
    path.write_text(TRADES + "".join(f"T{k},ES,long,2024-01-02,100,{cell},97\n" for k, cell in enumerate(cells)))
    with pytest.warns(ExitladderWarning, match=f"quantity is in {unit}"):
        assert read_trades(path).quantity.tolist() == numbers


@pytest.mark.parametrize("other", ["3 contracts", "3"])
def test_quantities_in_two_units_are_refused(read: Read, tmp_path: Path, other: str) -> None:
    with pytest.raises(TradesError, match="must have one unit, but are in"):
        read(FILLS + f"2024-01-02,ES,buy,10 lots,100\n2024-01-03,ES,buy,{other},100\n")
    path = tmp_path / "trades.csv"
    path.write_text(TRADES + f"T1,ES,long,2024-01-02,100,10 lots,97\nT2,ES,long,2024-01-02,100,{other},97\n")
    with pytest.raises(TradesError, match="must have one unit, but are in"):
        read_trades(path)


def test_fills_without_ids_that_come_again_are_counted_in_the_notes(read: Read) -> None:
    first = "2024-01-02 10:00,A,buy,5,100\n"
    once = read(FILLS + first * 2 + "2024-01-03 10:00,A,sell,10,101\n")
    assert once.trades.quantity.tolist() == [10.0]
    assert any("1 fills without an id repeat" in note and "fills of their own" in note for note in once.notes)
    both = read(FILLS + first, FILLS + first + "2024-01-03 10:00,A,sell,5,101\n")
    assert both.trades.quantity.tolist() == [5.0]
    assert any("1 fills came a second time, in another file and without an id" in note for note in both.notes)
    assert once.fills is not None and both.fills is not None
    assert [len(once.fills), len(both.fills)] == [3, 2]


def test_quantities_that_are_money_are_refused(read: Read, tmp_path: Path) -> None:
    with pytest.raises(TradesError, match="an amount of USD"):
        read(FILLS + "2024-01-02,ACME,buy,5000 USD,100\n")
    assert read(FILLS + "2024-01-02,EURUSD,buy,5000 EUR,1.1\n").fills.quantity.tolist() == [5000.0]
    with pytest.raises(TradesError, match=r"column 'Amount' .* equals the totals"):
        read("Date,Pair,Side,Price,Amount,Total\n2024-01-02,ACME,buy,101,505,505\n2024-01-03,ACME,sell,103,515,515\n")
    assert read("Date,Pair,Side,Price,Amount,Total\n2024-01-02,ACME,buy,101,5,505\n").fills.quantity.tolist() == [5.0]
    path = tmp_path / "trades.csv"
    path.write_text(TRADES + "T1,ACME,long,2024-01-02,100,$5000,97\n")
    with pytest.raises(TradesError, match="an amount of "):
        read_trades(path)


def test_a_fee_in_per_cent_is_no_amount(read: Read) -> None:
    with pytest.raises(TradesError, match=r"'0\.1%'"):
        read("time,symbol,side,quantity,price,fee\n2024-01-02,A,buy,5,101,0.1%\n")


def test_entries_and_exits_in_two_orders_of_day_and_month_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(f"{TRADES.strip()},exit_time,exit_price\nT1,A,long,15/01/2024,104,5,98,01/18/2024,103\n")
    with pytest.raises(TradesError, match="entry_time has the day first and exit_time has the month first"):
        read_trades(path)


@pytest.mark.parametrize(
    ("row", "rule"), [("5,1e400", "price must be a number greater than 0"), ("1e400,5", "quantity must be finite")]
)
def test_numbers_beyond_all_bounds_are_refused(read: Read, row: str, rule: str) -> None:
    with pytest.raises(TradesError, match=rf"{rule}, but is '1e400' \(.*line 2"):
        read(FILLS + f"2024-01-02,A,buy,{row}\n2024-01-03,A,sell,5,6\n")
    header = "symbol,side,entry_time,entry_price,exit_time,exit_price,quantity\n"
    with pytest.raises(TradesError, match="exit_price must be finite, but is '1e999'"):
        read(header + "A,long,2024-01-02,5,2024-01-03,1e999,1\n")
