"""Fills become positions: averages, partial exits, flips, ids; beside trades and alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.errors import ExitladderWarning, TradesError
from exitladder.trades.files import read_trades, write_trades
from exitladder.trades.fills import fills_from_columns, read_fills, with_ids, write_fills
from exitladder.trades.positions import fills_of_positions, group_fills, trades_of_fills

FILLS = """trade_id,fill_id,time,side,quantity,price,commission,commission_currency,tag
T1,1,2024-01-02T10:00Z,buy,100,50.0,1,USD,
T1,2,2024-01-02T11:00Z,buy,50,53.0,1,USD,
T1,3,2024-01-02T12:00Z,sell,30,55.0,1,USD,tp
T1,4,2024-01-02T13:00Z,sell,120,49.0,1,USD,
T2,5,2024-01-03T10:00Z,sell,10,20.0,1,USD,
T2,6,2024-01-03T11:00Z,buy,4,19.0,1,USD,
"""
TRADES = """trade_id,symbol,side,entry_time,entry_price,quantity,stop_price
T1,ACME,long,2024-01-02T10:00Z,50,100,48
T2,ACME,short,2024-01-03T10:00Z,20,10,21
T3,ACME,long,2024-01-04T10:00Z,20,10,19
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "trades.csv").write_text(TRADES)
    (tmp_path / "fills.csv").write_text(FILLS)
    return tmp_path / "trades.csv", tmp_path / "fills.csv"


def test_fills_beside_trades(files: tuple[Path, Path]) -> None:
    trades = read_trades(files[0], fills=files[1])
    # S7: (100 * 50 + 50 * 53) / 150; judged from the last entry on
    assert trades.entry_price.tolist() == [51.0, 20.0, 20.0] and trades.quantity.tolist() == [150, 10, 10]
    assert trades[0].entry_time == pd.Timestamp("2024-01-02T11:00Z") and trades.stop_price.tolist() == [48, 21, 19]
    assert trades.n_entries is not None and trades.n_entries.tolist() == [2, 1, 1]
    assert trades.is_open.tolist() == [False, True, True]
    assert trades.quantity_open[1] == 6 and np.isnan(trades.quantity_open[[0, 2]]).all()
    assert trades.exit_price[0] == pytest.approx((30 * 55 + 120 * 49) / 150)
    own = trades.own_exits()
    assert own.trade.tolist() == [0, 0, 1] and own.price.tolist() == [55.0, 49.0, 19.0]
    assert own.quantity.tolist() == [30.0, np.inf, 4.0]
    # any choice and order of trades keeps each one's own exits
    other = trades.take([2, 1, 0]).own_exits()
    assert other.trade.tolist() == [1, 2, 2] and other.price.tolist() == [19.0, 55.0, 49.0]
    assert trades.take(np.array([True, False, False])).own_exits().price.tolist() == [55.0, 49.0]


def test_a_position_reduced_before_its_last_entry_is_judged_by_what_was_held_then() -> None:
    table = pd.DataFrame(
        {
            "symbol": "A",
            "time": pd.date_range("2024-01-01", periods=4, tz="UTC"), "side": ["buy", "sell", "buy", "sell"],
            "quantity": [100.0, 60, 60, 100], "price": [10.0, 12, 15, 14],
        }
    )  # fmt: skip
    trades = read_trades(table)
    # 40 at 10 and 60 at 15: an exit does not change the average
    assert trades.entry_price.tolist() == [13.0] and trades.quantity.tolist() == [100.0]
    assert trades.own_exits().price.tolist() == [14.0] and trades.exit_price.tolist() == [14.0]


def test_a_trades_file_of_fills_is_recognised_and_a_fill_that_closes_and_opens_is_split(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "symbol,fill_id,time,side,quantity,price\nA,1,2024-01-02,buy,10,5\nA,2,2024-01-03,sell,15,6\nB,3,2024-01-03,BUY,1,7\n"
    )
    trades = read_trades(tmp_path / "t.csv")
    assert trades.side.tolist() == [1, -1, 1] and trades.quantity.tolist() == [10, 5, 1]
    assert trades.is_open.tolist() == [False, True, True]
    assert trades.trade_id.tolist()[0] == "A-20240102T000000-L"


def test_an_import_written_and_read_again_is_the_same(tmp_path: Path, files: tuple[Path, Path]) -> None:
    fills = with_ids(read_fills(files[1]))
    fills = fills_from_columns(
        ["ACME"] * len(fills), fills.time, fills.side, fills.quantity, fills.price, fill_id=fills.fill_id,
        commission=fills.commission,
    )  # fmt: skip
    positions = group_fills(fills)
    trades = trades_of_fills(fills)
    write_trades(trades, tmp_path / "out.csv")
    write_fills(fills_of_positions(fills, positions, trades.trade_id), tmp_path / "out-fills.csv")
    again = read_trades(tmp_path / "out.csv", fills=tmp_path / "out-fills.csv")
    assert again.fingerprint() == trades.fingerprint()


def test_a_fill_is_not_read_twice(files: tuple[Path, Path]) -> None:
    lines = FILLS.splitlines()
    files[1].write_text("\n".join([*lines, lines[3], lines[4]]))
    with pytest.warns(ExitladderWarning, match="2 fills came a second time"):
        again = read_trades(files[0], fills=files[1])
    files[1].write_text(FILLS)
    assert again.fingerprint() == read_trades(files[0], fills=files[1]).fingerprint()
    files[1].write_text(FILLS + "T1,4,2024-01-02T13:00Z,sell,10,49.0,1,USD,\n")
    with pytest.raises(TradesError, match=r"'4' comes twice with a different quantity .*line 5 and .*line 8"):
        read_trades(files[0], fills=files[1])
    files[1].write_text(
        FILLS.replace(",1,2024", ",,2024").replace(",2,2024-01-02T11", ",,2024-01-02T10").replace("50,53.0", "100,50.0")
    )
    with pytest.warns(ExitladderWarning, match="1 fills without fill_id equal another"):
        read_fills(files[1])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("T2,5", "T9,5", "'T9'"),
        ("sell,10,20.0", "buy,10,20.0", "first fill of a short must be a sell"),
        ("T2,6,2024-01-03T11:00Z,buy,4", "T2,6,2024-01-03T11:00Z,buy,14", "must make up one position"),
        ("buy,100", "hold,100", "side must be buy or sell"),
        ("30,55.0", "-30,55.0", "quantity must be greater than 0"),
        ("T1,1,", ",1,", "trade_id must be filled in"),
    ],
)
def test_fills_that_break_a_rule(files: tuple[Path, Path], old: str, new: str, message: str) -> None:
    files[1].write_text(FILLS.replace(old, new))
    with pytest.raises(TradesError, match=message):
        read_trades(files[0], fills=files[1])


def test_what_was_known_at_a_moment_has_no_later_exit(files: tuple[Path, Path]) -> None:
    trades = read_trades(files[0], fills=files[1])
    noon = pd.Timestamp("2024-01-02T12:30Z").value
    known = trades.known_at(noon)
    assert known.is_open.all() and known.quantity_open[0] == 120
    own = known.own_exits()
    assert own.trade.tolist() == [0] and own.price.tolist() == [55.0] and own.quantity.tolist() == [30.0]
    # nothing that comes later changes what was known
    later = FILLS.replace("sell,120,49.0", "sell,20,1.0")
    files[1].write_text(later)
    assert read_trades(files[0], fills=files[1]).known_at(noon).fingerprint() == known.fingerprint()
    assert trades.known_at(pd.Timestamp("2024-02-01T00:00Z").value).fingerprint() == trades.fingerprint()


def test_files_without_fills_are_as_they_were(files: tuple[Path, Path]) -> None:
    trades = read_trades(files[0])
    assert trades.fills is None and trades.n_entries is None
    assert "n_entries" not in trades.to_frame()


quantities = st.integers(1, 40).map(float)


@given(st.lists(st.tuples(st.sampled_from([1, -1]), quantities, st.floats(1, 100)), min_size=1, max_size=40))
def test_positions_keep_quantity_and_cash(rows: list[tuple[int, float, float]]) -> None:
    side, quantity, price = (np.array(column) for column in zip(*rows, strict=True))
    fills = fills_from_columns(["A"] * len(rows), np.arange(len(rows)) * 10**9, side, quantity, price)
    for grouping in ("positions", "fifo"):
        positions = group_fills(fills, grouping)
        assert np.bincount(positions.fill, weights=positions.quantity) == pytest.approx(quantity)
        held = (positions.side * positions.left).sum()
        assert held == pytest.approx((side * quantity).sum())
        assert set(positions.side[positions.left > 0]) <= {np.sign(held)}
        trades = trades_of_fills(fills, grouping)
        own = trades.own_exits()
        sold = np.bincount(
            own.trade, weights=np.where(np.isfinite(own.quantity), own.quantity, 0), minlength=len(trades)
        )
        still = trades.is_open
        assert (trades.quantity - sold)[still] == pytest.approx(positions.left[still])
        assert (trades.entry_price >= price.min() - 1e-9).all() and (trades.entry_price <= price.max() + 1e-9).all()
        if grouping == "fifo":
            assert trades.n_entries is not None and (trades.n_entries == 1).all()


def test_a_multiplier_is_read_written_and_read_back(tmp_path: Path) -> None:
    """A blank is the symbol's; fills of one position must agree, with each other and with the trade."""
    rows = "trade_id,symbol,side,entry_time,entry_price,quantity,multiplier\nA,ES,long,2024-01-02,4900,2,50\n"
    (tmp_path / "t.csv").write_text(rows + "B,ES,long,2024-01-03,4900,1,\n")
    trades = read_trades(tmp_path / "t.csv")
    assert trades.multiplier is not None and trades.multiplier[0] == 50 and np.isnan(trades.multiplier[1])
    write_trades(trades, tmp_path / "again.csv")
    again = read_trades(tmp_path / "again.csv")
    assert again.fingerprint() == trades.fingerprint() and again.take([0]).to_frame()["multiplier"].tolist() == [50]
    (tmp_path / "wrong.csv").write_text(rows.replace(",50\n", ",-1\n"))
    with pytest.raises(TradesError, match="multiplier must be a number greater than 0"):
        read_trades(tmp_path / "wrong.csv")
    fills = "trade_id,time,side,quantity,price,multiplier\nA,2024-01-02,buy,2,4900,{}\nA,2024-01-03,sell,2,4904,{}\n"
    (tmp_path / "f.csv").write_text(fills.format(50, ""))
    assert read_trades(tmp_path / "t.csv", fills=tmp_path / "f.csv").multiplier is not None
    (tmp_path / "f.csv").write_text(fills.format(50, 20))
    with pytest.raises(TradesError, match="one multiplier, but those of 'A' have 50 and 20"):
        read_trades(tmp_path / "t.csv", fills=tmp_path / "f.csv")
    (tmp_path / "f.csv").write_text(fills.format(20, 20))
    with pytest.raises(TradesError, match="trade 'A' has 50 and its fills have 20"):
        read_trades(tmp_path / "t.csv", fills=tmp_path / "f.csv")


@pytest.mark.parametrize("newest_first", [False, True])
def test_fills_of_one_second_come_in_the_order_in_which_the_file_runs(newest_first: bool) -> None:
    time = [10, 10, 20, 20, 30]
    side, price = [1, -1, 1, -1, 1], [50.0, 51.0, 60.0, 61.0, 70.0]
    turn = slice(None, None, -1 if newest_first else 1)
    fills = fills_from_columns(["ACME"] * 5, np.array(time[turn], dtype=np.int64), side[turn], [1.0] * 5, price[turn])
    trades = trades_of_fills(fills)
    assert trades.side.tolist() == [1, 1, 1]
    assert trades.entry_price.tolist() == [50.0, 60.0, 70.0]


def test_a_trade_that_differs_from_its_fills_is_named(tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text(TRADES)
    (tmp_path / "fills.csv").write_text(
        FILLS.replace("T2,5,2024-01-03T10:00Z,sell,10", "T2,5,2024-01-03T10:00Z,sell,7")
    )
    with pytest.warns(ExitladderWarning, match="quantity of 1 trades differs .* 'T2': 10 and 7 filled"):
        trades = read_trades(tmp_path / "trades.csv", fills=tmp_path / "fills.csv")
    assert trades.quantity[1] == 7


def test_numbers_of_fills_are_read_as_written_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "fills.csv"
    path.write_text("trade_id;time;side;quantity;price;commission\nT1;2024-01-02;buy;10;50,5;1,50\n")
    fills = read_fills(path)
    assert (fills.price[0], fills.commission[0]) == (50.5, 1.5)
    path.write_text("trade_id,time,side,quantity,price,commission\nT1,2024-01-02,buy,10,50,free\n")
    with pytest.raises(TradesError, match="commission must be a number, but is 'free'"):
        read_fills(path)
