"""Rule E1: an entry at the start of its bar is at the open, the close or inside it, by its price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import bars_from_frame
from exitladder.execution import simulate
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.contracts import Contract
from exitladder.trades.entry_points import AT_CLOSE, AT_OPEN, INTRABAR, entry_counts, entry_text, unsettled_entries
from exitladder.trades.files import read_trades, trades_from_frame
from exitladder.trades.trades import PlacedTrades, place_trades

L1 = ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"initial": "2%"}})


def market(rows: Sequence[tuple[float, float, float, float]], start: str = "2024-01-01") -> BarSet:
    table = pd.DataFrame(rows, columns=["open", "high", "low", "close"], index=pd.date_range(start, periods=len(rows)))
    return bars_from_frame(table, "ACME")[0]


A6 = market([(100, 100.5, 99.5, 100)] * 3 + [(100, 110, 99, 101)] + [(101, 101.5, 100.5, 101)] * 5)
# twenty calm days of range 1, so that 0.1 ATR is 0.1, then a day that opens at 100 and closes at 102
CALM = market([(100, 100.5, 99.5, 100)] * 20 + [(100, 103, 99, 102)] + [(102, 102.5, 101.5, 102)] * 3)


def placed(bars: BarSet, price: float, when: str, **more: Any) -> PlacedTrades:
    row = {"trade_id": "T1", "symbol": "ACME", "side": "long", "entry_time": when, "entry_price": price, "quantity": 10}
    return place_trades(trades_from_frame(pd.DataFrame([row | {"stop_price": price - 3} | more])), bars)


def test_a_date_with_the_price_of_the_close_fills_nothing_on_that_day() -> None:
    there = placed(A6, 101.0, "2024-01-04")
    done = simulate(there, L1)
    assert there.entry_at.tolist() == [AT_CLOSE]
    # 104 was met on the entry day only
    assert done.status[0] == 1 and done.n_fills[0] == 1
    assert done.r[0] == 0.0


@pytest.mark.parametrize(
    ("price", "point"),
    [
        (100.0, AT_OPEN), (100.09, AT_OPEN), (99.91, AT_OPEN), (100.11, INTRABAR), (102.0, AT_CLOSE),
        (101.91, AT_CLOSE), (102.09, AT_CLOSE), (101.0, INTRABAR), (102.2, INTRABAR),
    ],
)  # fmt: skip
def test_the_width_is_a_tenth_of_the_atr_of_the_bar_before(price: float, point: int) -> None:
    there = placed(CALM, price, "2024-01-21")
    assert there.entry_at.tolist() == [point]
    assert unsettled_entries(there).tolist() == [point == INTRABAR]
    assert there.first_bar[0] - there.entry_bar[0] == (point != AT_OPEN)


def test_a_tick_wider_than_that_is_the_width() -> None:
    bars = CALM.with_contracts({"ACME": Contract(tick=0.5)})
    assert [int(placed(bars, price, "2024-01-21").entry_at[0]) for price in (100.5, 100.51, 101.5)] == [0, 1, 2]


def test_the_open_wins_over_the_close_and_a_stated_point_over_both() -> None:
    assert placed(CALM, 100.0, "2024-01-10").entry_at.tolist() == [AT_OPEN]
    for k, name in enumerate(("open", "intrabar", "close")):
        there = placed(CALM, 100.0, "2024-01-10", entry_at=name)
        assert there.entry_at.tolist() == [k]
        assert not unsettled_entries(there).any()


def test_a_time_inside_the_bar_is_intrabar_whatever_the_price() -> None:
    there = placed(CALM, 100.0, "2024-01-21 15:00")
    assert there.entry_at.tolist() == [INTRABAR]
    assert entry_counts(there) == {"n_at_open": 0, "n_at_close": 0, "n_inside": 1, "n_unsettled": 0}


def test_before_the_atr_is_known_only_the_tick_counts() -> None:
    assert [int(placed(A6, price, "2024-01-04").entry_at[0]) for price in (100.0, 100.01)] == [AT_OPEN, INTRABAR]


def test_several_entries_go_by_the_price_of_the_last_one() -> None:
    fills = pd.DataFrame(
        [("T1", "2024-01-19", "buy", 1, 100.0), ("T1", "2024-01-21", "buy", 1, 102.0)],
        columns=["trade_id", "time", "side", "quantity", "price"],
    )
    table = pd.DataFrame(
        [("T1", "ACME", "long", "2024-01-19", 100.0, 1, 95.0)],
        columns=["trade_id", "symbol", "side", "entry_time", "entry_price", "quantity", "stop_price"],
    )
    trades = read_trades(table, fills=fills)
    assert trades.entry_price.tolist() == [101.0]
    assert place_trades(trades, CALM).entry_at.tolist() == [AT_CLOSE]
    # without its fills the average tells nothing
    assert place_trades(replace(trades, fills=None), CALM).entry_at.tolist() == [INTRABAR]


def test_what_was_assumed_is_said_with_its_counts() -> None:
    table = pd.concat([placed(CALM, p, "2024-01-21").trades.to_frame() for p in (100.0, 102.0, 101.0)])
    table = table.assign(trade_id=["a", "b", "c"], entry_at="")
    text = entry_text(entry_counts(place_trades(trades_from_frame(table), CALM)))
    assert text.startswith("3 entries without entry_at: 1 at the open and 1 at the close")
    assert "1 at the start of their bar" in text and "entry_at" in text
    stated = table.assign(entry_at="open")
    assert entry_text(entry_counts(place_trades(trades_from_frame(stated), CALM))) == ""


def test_a_short_is_placed_like_a_long() -> None:
    row = {"trade_id": "T1", "symbol": "ACME", "side": "short", "entry_time": "2024-01-21", "entry_price": 102.0}
    trades = trades_from_frame(pd.DataFrame([row | {"quantity": 1, "stop_price": 110.0}]))
    assert np.array_equal(place_trades(trades, CALM).entry_at, [AT_CLOSE])
