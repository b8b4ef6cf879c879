"""Own exits in parts: each with its quantity, price and bar, by the rules that ladders follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.execution.paths import HOUR

from exitladder.execution import simulate_own_exits
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trade_fills import TradeFills
from exitladder.trades.trades import PlacedTrades

ROWS = [[100, 103, 99, 102], [102, 105, 101, 104], [104, 110, 103, 109], [109, 112, 96, 97], [97, 98, 95, 96]]
LONG = {"entry": 100.0, "stop": 98.0, "quantity": 100.0}
PLAN = {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"initial": "2%"}}


def with_exits(placed: PlacedTrades, *exits: tuple[int, float, float], closed: bool) -> PlacedTrades:
    """Give the one trade these exits: time, price, quantity."""
    trades = placed.trades
    time, price, quantity = (np.array(column) for column in zip(*exits, strict=True))
    fills = TradeFills(
        start=np.array([0, len(exits) + 1]),
        time=np.concatenate([trades.entry_time[:1], time]),
        is_entry=np.array([True] + [False] * len(exits)),
        price=np.concatenate([trades.entry_price[:1], price]),
        quantity=np.concatenate([trades.quantity[:1], quantity]),
    )
    out = replace(trades, fills=fills)
    if closed:
        out = replace(out, exit_time=time[-1:].astype(np.int64), exit_price=price[-1:])
    return replace(placed, trades=out)


def test_each_exit_counts_with_its_own_quantity(placed_on: Callable[..., PlacedTrades]) -> None:
    placed = with_exits(
        placed_on(ROWS, [LONG]),
        (HOUR + 1, 104.0, 25.0),
        (2 * HOUR + 1, 108.0, 25.0),
        (3 * HOUR + 1, 100.0, 50.0),
        closed=True,
    )
    found = simulate_own_exits(placed, ladder_from_mapping(PLAN))
    # 0.25 * 2R + 0.25 * 4R + 0.5 * 0R
    assert found.r.tolist() == [1.5] and found.status.tolist() == [0]
    fills = found.fills_frame()
    assert fills["quantity"].tolist() == [100, 25, 25, 50] and fills["price"].tolist() == [100, 104, 108, 100]
    assert fills["r"].tolist() == [0.0, 2.0, 4.0, 0.0]
    # the high of bar 2 (110) counts, as a rest was held through it; that of bar 3 (112) does not
    assert found.mfe_r.tolist() == [5.0] and found.bars_held.tolist() == [3]


def test_a_rest_still_open_is_marked(placed_on: Callable[..., PlacedTrades]) -> None:
    placed = with_exits(placed_on(ROWS, [LONG]), (HOUR + 1, 104.0, 25.0), closed=False)
    found = simulate_own_exits(placed, ladder_from_mapping(PLAN))
    assert found.r.tolist() == [0.25 * 2 + 0.75 * -2] and found.status.tolist() == [1]
    assert found.fills_frame()["order"].tolist() == ["entry", "time", "mark"]


def test_one_exit_of_all_is_the_same_to_the_bit_by_fills_or_by_columns(placed_on: Callable[..., PlacedTrades]) -> None:
    plan = ladder_from_mapping(PLAN | {"costs": {"commission_bps": 7.0, "lot": 0.3}})
    row = LONG | {"quantity": 99.7, "exit_time": 2 * HOUR + 5, "exit_price": 103.3}
    plain = placed_on(ROWS, [row])
    exits = with_exits(placed_on(ROWS, [LONG | {"quantity": 99.7}]), (2 * HOUR + 5, 103.3, 99.7), closed=True)
    one, other = simulate_own_exits(plain, plan), simulate_own_exits(exits, plan)
    assert one.states.tobytes() == other.states.tobytes()
    assert one.fills_frame().equals(other.fills_frame())


def test_lots_round_by_what_was_sold_so_far(placed_on: Callable[..., PlacedTrades]) -> None:
    plan = ladder_from_mapping(PLAN | {"costs": {"lot": 10.0}})
    placed = with_exits(
        placed_on(ROWS, [LONG]), (HOUR, 104.0, 25.0), (HOUR + 1, 104.0, 25.0), (2 * HOUR, 104.0, 50.0), closed=True
    )
    assert simulate_own_exits(placed, plan).fills_frame()["quantity"].tolist() == [100, 20, 30, 50]


@pytest.mark.parametrize(
    ("price", "reason"), [(105.2, "time"), (105.21, "exit_outside_bar"), (1005.0, "exit_outside_bar")]
)
def test_an_exit_that_nobody_got_is_no_baseline(
    placed_on: Callable[..., PlacedTrades], price: float, reason: str
) -> None:
    # bar 1 runs to 105; a tenth of R is 0.2
    placed = with_exits(placed_on(ROWS, [LONG]), (HOUR + 1, price, 25.0), (3 * HOUR, 109.0, 75.0), closed=True)
    found = simulate_own_exits(placed, ladder_from_mapping(PLAN))
    assert found.reason.tolist() == [reason]
    assert bool(np.isnan(found.r[0])) == (reason != "time")
