"""Trades are read strictly, with rule, value, place and cure, and come back to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.bars.reading import bars_from_frame
from exitladder.clock import NO_TIME
from exitladder.errors import ExitladderWarning, InputFileError, TradesError
from exitladder.trades.checks import check_trades_on_bars, entered_outside
from exitladder.trades.files import read_trades, trades_from_frame, write_trades
from exitladder.trades.trades import AT_CLOSE, Trades, place_trades

HEADER = (
    "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price,entry_at,exit_time,exit_price,quantity_open,tag\n"
)
GOOD = (
    HEADER + "007,NA,long,2024-01-02,100,10,95,,2024-01-05,110,,breakout\n"
    "T-2,ACME,SHORT,2024-01-03T15:30Z,50,4,,close,,,3,\n"
)


def write(folder: Path, text: str) -> Path:
    path = folder / "trades.csv"
    path.write_text(text)
    return path


def test_good_trades(tmp_path: Path) -> None:
    trades = read_trades(write(tmp_path, GOOD))
    assert trades.trade_id.tolist() == ["007", "T-2"]
    assert trades.symbol.tolist() == ["NA", "ACME"]
    assert trades.side.tolist() == [1, -1]
    assert trades.is_open.tolist() == [False, True]
    assert trades.entry_at.tolist() == [-1, AT_CLOSE]
    assert np.isnan(trades.stop_price[1]) and trades.quantity_open[1] == 3
    assert trades.exit_time[1] == NO_TIME
    assert trades.tag.tolist() == ["breakout", ""]
    assert trades[1].entry_time == pd.Timestamp("2024-01-03 15:30", tz="UTC")


def test_only_the_required_columns(tmp_path: Path) -> None:
    text = (
        "quantity,trade_id,symbol,side,Entry Time,entry price\n"
        "1,1,A,long,2024-01-02 09:30,10\n2,2,A,short,2024-07-01 09:30,11\n"
    )
    trades = read_trades(write(tmp_path, text), tz="America/New_York")
    assert trades.trade_id.tolist() == ["1", "2"]
    assert [str(t.entry_time) for t in trades] == ["2024-01-02 14:30:00+00:00", "2024-07-01 13:30:00+00:00"]
    assert np.isnan(trades.stop_price).all() and (trades.exit_time == NO_TIME).all()


ROW = {
    "trade_id": "T-17", "symbol": "ACME", "side": "long", "entry_time": "2024-01-02", "entry_price": "100",
    "quantity": "10", "stop_price": "95", "entry_at": "", "exit_time": "", "exit_price": "", "quantity_open": "",
    "tag": "",
}  # fmt: skip

BROKEN: list[tuple[dict[str, str], str]] = [
    (
        {"stop_price": "101.2"},
        "stop_price must be below entry_price for a long, but trade 'T-17' has stop_price=101.2 and "
        "entry_price=100 (trades.csv, line 3). Correct the stop or the side.",
    ),
    ({"stop_price": "100"}, "stop_price must be below entry_price for a long"),
    ({"side": "short"}, "stop_price must be above entry_price for a short, but trade 'T-17' has stop_price=95"),
    ({"side": "buy"}, "side must be long or short, but trade 'T-17' has side='buy' (trades.csv, line 3)"),
    ({"trade_id": "T-1"}, "trade_id must be unique, but trade 'T-1' comes more than once (trades.csv, line 3)"),
    ({"trade_id": ""}, "trade_id must be filled in"),
    ({"symbol": ""}, "symbol must be filled in, but trade 'T-17' has none"),
    ({"entry_price": "0"}, "entry_price must be a number greater than 0, but trade 'T-17' has entry_price=0"),
    ({"entry_price": ""}, "entry_price must be a number greater than 0, but trade 'T-17' has entry_price=blank"),
    ({"entry_price": "inf"}, "entry_price must be a number greater than 0"),
    ({"entry_price": "ten"}, "has entry_price=ten"),
    ({"quantity": "-5"}, "quantity must be a number greater than 0, but trade 'T-17' has quantity=-5"),
    ({"stop_price": "-1"}, "stop_price must be a number greater than 0 or blank"),
    ({"entry_time": "then"}, "a stamp that can be read in its time zone, but trade 'T-17' has entry_time='then'"),
    ({"entry_time": ""}, "has entry_time=blank"),
    ({"entry_at": "opne"}, "entry_at must be open, intrabar or close, or blank, but trade 'T-17' has entry_at='opne'"),
    ({"exit_time": "2024-01-05"}, "exit_time and exit_price must both be given or both be blank"),
    ({"exit_price": "105"}, "but trade 'T-17' has only exit_price"),
    ({"exit_time": "2024-01-01", "exit_price": "105"}, "exit_time must not be before entry_time"),
    ({"quantity_open": "11"}, "quantity_open must not exceed quantity, but trade 'T-17' has quantity_open=11 and"),
    ({"quantity_open": "-1"}, "quantity_open must be a number 0 or more"),
    ({"exit_time": "2024-01-05", "exit_price": "105", "quantity_open": "3"}, "an exit must have nothing open"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), BROKEN)
def test_broken_trades_are_refused(tmp_path: Path, change: dict[str, str], expected: str) -> None:
    rows = [{**ROW, "trade_id": "T-1"}, {**ROW, **change}]
    text = HEADER + "".join(",".join(row.values()) + "\n" for row in rows)
    with pytest.raises(TradesError) as caught:
        read_trades(write(tmp_path, text))
    assert expected in str(caught.value)


def test_missing_and_unknown_columns(tmp_path: Path) -> None:
    with pytest.raises(TradesError, match=r"side, quantity are missing \(trades.csv has: trade_id, symbol,"):
        read_trades(write(tmp_path, "trade_id,symbol,entry_time,entry_price\n1,A,2024-01-02,1\n"))
    text = "trade_id,symbol,side,entry_time,entry_price,quantity,commission\n1,A,long,2024-01-02,1,1,5\n"
    with pytest.warns(ExitladderWarning, match="left out: commission"):
        assert len(read_trades(write(tmp_path, text))) == 1
    with pytest.raises(TradesError, match=r"at least one trade, but trades.csv has none"):
        read_trades(write(tmp_path, HEADER))
    with pytest.raises(InputFileError, match=r"trades.csv' is empty"):
        read_trades(write(tmp_path, ""))


@st.composite
def some_trades(draw: st.DrawFn) -> Trades:
    n = draw(st.integers(1, 5))
    price = st.floats(1e-6, 1e9, allow_subnormal=False)
    side = np.array([draw(st.sampled_from([1, -1])) for _ in range(n)], dtype=np.int8)
    entry = np.array([draw(price) for _ in range(n)])
    share = np.array([draw(st.floats(0.01, 0.9)) for _ in range(n)])
    has_stop = np.array([draw(st.booleans()) for _ in range(n)])
    is_closed = np.array([draw(st.booleans()) for _ in range(n)])
    time = np.array([draw(st.integers(0, 2 * 10**18)) for _ in range(n)], dtype=np.int64)
    quantity = np.array([draw(price) for _ in range(n)])
    texts = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=6)
    words = st.one_of(st.sampled_from(["NA", "nan", "None", "TRUE", "0", "1e5", "007", ""]), texts)
    symbols = np.array([draw(words.filter(bool)) for _ in range(n)], dtype=object)
    return Trades(
        trade_id=np.array([f"{k:03d}" for k in range(n)], dtype=object),
        symbol=symbols,
        side=side,
        entry_time=time,
        entry_price=entry,
        quantity=quantity,
        stop_price=np.where(has_stop, entry - side * share * entry, np.nan),
        entry_at=np.array([draw(st.sampled_from([-1, 0, 1, 2])) for _ in range(n)], dtype=np.int8),
        exit_time=np.where(is_closed, time + 1, NO_TIME),
        exit_price=np.where(is_closed, entry * 1.1, np.nan),
        quantity_open=np.where(is_closed, np.nan, quantity / 3),
        tag=np.array([draw(words) for _ in range(n)], dtype=object),
    )


@settings(max_examples=60, deadline=None)
@given(trades=some_trades())
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_trades_come_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, suffix: str, trades: Trades) -> None:
    path = tmp_path_factory.mktemp("trades") / f"t.{suffix}"
    write_trades(trades, path)
    assert read_trades(path).fingerprint() == trades.fingerprint()


def bars_of(low: float, high: float) -> pd.DataFrame:
    n = 5
    return pd.DataFrame(
        {"open": np.full(n, 100.0), "high": np.full(n, high), "low": np.full(n, low), "close": np.full(n, 100.0)},
        index=pd.date_range("2024-01-01", periods=n),
    )


def entered_at(price: float, when: str = "2024-01-02") -> Trades:
    row = {"trade_id": "T-1", "symbol": "ACME", "side": "long", "entry_time": when, "entry_price": price, "quantity": 1}
    return trades_from_frame(pd.DataFrame([row]))


def test_entry_inside_its_bar_is_fine() -> None:
    bars, _ = bars_from_frame(bars_of(99, 101), "ACME")
    for price in (99.0, 100.0, 101.0, 101.0 * (1 + 1e-12)):
        assert not check_trades_on_bars(place_trades(entered_at(price), bars)).any()


def test_entry_a_little_outside_is_counted() -> None:
    bars, _ = bars_from_frame(bars_of(99, 101), "ACME")
    with pytest.warns(ExitladderWarning, match=r"1 of 1 trades .* 'T-1' at 101.2 in a bar from 99 to 101"):
        assert check_trades_on_bars(place_trades(entered_at(101.2), bars)).tolist() == [True]
    # 0.1 R is 0.4: this one is left out later, and told there
    assert check_trades_on_bars(place_trades(entered_at(101.5), bars)).tolist() == [True]


def test_entry_far_outside_names_the_probable_cause() -> None:
    bars, _ = bars_from_frame(bars_of(99, 101), "ACME")
    with pytest.raises(TradesError) as caught:
        check_trades_on_bars(place_trades(entered_at(200.0), bars))
    for part in ("'T-1'", "entered at 200", "from 99 to 101", "2 times", "adjusted", "data.adjust=none"):
        assert part in str(caught.value)


def test_trade_outside_its_bars_is_refused() -> None:
    bars, _ = bars_from_frame(bars_of(99, 101), "ACME")
    late = entered_at(100.0, "2025-01-02")
    with pytest.raises(TradesError, match=r"'T-1' was entered at 2025-01-02 .* run from 2024-01-01"):
        place_trades(late, bars)


def test_a_few_entries_far_outside_are_left_to_the_limit_in_risk() -> None:
    """Two of five trades are of another contract: the files belong together, those rows do not."""
    bars, _ = bars_from_frame(bars_of(99, 101), "ACME")
    table = pd.concat([entered_at(price).to_frame() for price in (100.0, 100.0, 100.0, 120.0, 121.0)])
    trades = trades_from_frame(table.assign(trade_id=list("abcde"), entry_at="intrabar"))
    found = place_trades(trades, bars)
    assert check_trades_on_bars(found).tolist() == [False, False, False, True, True]
    assert entered_outside(found).tolist() == [False, False, False, True, True]
