"""Positions built by several entries: the tranches of 300 in money, a scale-in after an exit, and short positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from exitladder.execution import simulate_own_exits
from exitladder.measures.exits.built import built_note, built_positions
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.positions import judge
from exitladder.trades.trade_fills import TradeFills
from exitladder.trades.trades import PlacedTrades

HOUR = 3_600 * 10**9
ROWS = [[100.0, 101.0, 99.0, 100.0], [100.0, 100.0, 95.0, 96.0], [96.0, 96.0, 91.0, 92.0], [92.0, 106.0, 92.0, 104.0]]


def built(
    place: Callable[..., PlacedTrades], side: int, stop: float, *fills: tuple[int, bool, float, float]
) -> PlacedTrades:
    """One position of these fills: bar, whether it enters, price, quantity; judged as an import does."""
    bar, is_entry, price, quantity = (np.array(column) for column in zip(*fills, strict=True))
    time = (bar * HOUR + 1).astype(np.int64)
    found = judge(time, price, quantity, is_entry)
    row = {"time": found.entry_time, "entry": found.price, "quantity": found.quantity, "stop": stop, "side": side}
    placed = place(ROWS, [row])
    trades = replace(
        placed.trades,
        n_entries=np.array([found.n_entries]),
        exit_time=time[-1:],
        exit_price=price[-1:].astype(np.float64),
        fills=TradeFills(np.array([0, len(bar)]), time, is_entry, price.astype(float), quantity.astype(float)),
    )
    return replace(placed, trades=trades)


def test_tranches_of_equal_money(placed_on: Callable[..., PlacedTrades]) -> None:
    """Averages 100, 97.9592, 95.8888; at the stop of 90 the three tranches lose 55.27 (docs/plans.md)."""
    placed = built(
        placed_on, 1, 90.0, (0, True, 100.0, 3.0), (1, True, 96.0, 3.125), (2, True, 92.0, 300 / 92),
        (3, False, 99.0, 6.125 + 300 / 92),
    )  # fmt: skip
    costs = {"costs": {"commission_fixed": 1.0}}
    own = simulate_own_exits(placed, ladder_from_mapping(costs))
    row = built_positions(own).iloc[0]
    quantity = 6.125 + 300 / 92
    assert row["n_entries"] == 3 and row["quantity_entered"] == pytest.approx(quantity)
    assert row["average_entry"] == pytest.approx(95.8888, abs=5e-5)
    assert row["planned_risk"] == pytest.approx(55.2717, abs=5e-5)
    assert row["pnl_as_built"] == pytest.approx(99 * quantity - 900 - 4)
    assert row["r_as_built"] == pytest.approx(row["pnl_as_built"] / row["planned_risk"])
    assert row["mean_quantity"] == pytest.approx((3 + 6.125 + quantity) / 3)
    note = built_note(built_positions(own), own.trades_frame().set_index("trade_id")["r"])
    assert note.startswith("1 closed position was built by several entries")


def test_an_entry_after_a_partial_exit(placed_on: Callable[..., PlacedTrades]) -> None:
    """A short of 4 at 100; 2 bought back at 96; 2 more sold at 92; all bought back at 104. The stop is 110.

    At risk: 40 at first, 20 after the exit, then 4 from an average of 96: 56, the most.
    """
    placed = built(
        placed_on, -1, 110.0, (0, True, 100.0, 4.0), (1, False, 96.0, 2.0), (2, True, 92.0, 2.0), (3, False, 104.0, 4.0)
    )
    row = built_positions(simulate_own_exits(placed, ladder_from_mapping({}))).iloc[0]
    assert row[["planned_risk", "largest_quantity", "quantity_entered"]].tolist() == [56.0, 4.0, 6.0]
    assert row["pnl_as_built"] == pytest.approx(2 * 4.0 - 4 * 8.0)


def test_a_position_of_one_entry_is_no_such_position(placed_on: Callable[..., PlacedTrades]) -> None:
    placed = built(placed_on, 1, 90.0, (0, True, 100.0, 3.0), (3, False, 99.0, 3.0))
    found = built_positions(simulate_own_exits(placed, ladder_from_mapping({})))
    assert not len(found) and built_note(found, found["r_as_built"]) == ""
