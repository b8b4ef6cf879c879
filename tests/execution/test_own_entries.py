"""Own positions of several entries, replayed from the first one: average, planned risk, size and money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from exitladder.execution import Simulation, simulate, simulate_own_exits
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.positions import judge
from exitladder.trades.trade_fills import TradeFills, from_first_entry
from exitladder.trades.trades import PlacedTrades, place_trades

HOUR = 3_600 * 10**9
ROWS = [[100.0, 101.0, 99.0, 100.0], [100.0, 100.0, 95.0, 96.0], [96.0, 96.0, 91.0, 92.0], [92.0, 106.0, 92.0, 104.0],
        [104.0, 104.0, 104.0, 104.0]]  # fmt: skip
Place = Callable[..., PlacedTrades]
Own = tuple[int, bool, float, float]


def built(place: Place, side: int, stop: float, *fills: Own, closed: bool = True) -> PlacedTrades:
    """One position of these fills (bar, whether it enters, price, quantity), placed at its first entry."""
    bar, is_entry, price, quantity = (np.array(column) for column in zip(*fills, strict=True))
    time = (bar * HOUR + 1).astype(np.int64)
    found = judge(time, price, quantity, is_entry)
    row = {"time": found.entry_time, "entry": found.price, "quantity": found.quantity, "stop": stop, "side": side}
    placed = place(ROWS, [row])
    trades = replace(
        placed.trades,
        n_entries=np.array([found.n_entries]),
        fills=TradeFills(np.array([0, len(bar)]), time, is_entry, price.astype(float), quantity.astype(float)),
    )
    if closed:
        trades = replace(trades, exit_time=time[-1:], exit_price=price[-1:].astype(np.float64))
    return place_trades(from_first_entry(trades), placed.bars)


def money(done: Simulation) -> float:
    """The money of the fills: sold minus bought, less commissions."""
    fills = done.fills
    return float((-fills.side * fills.price * fills.quantity - fills.commission).sum())


def test_tranches_of_equal_money(placed_on: Place) -> None:
    """300 each at 100, 96 and 92, sold at 99; at the stop of 90 they would lose 55.27 (docs/plans.md)."""
    total = 6.125 + 300 / 92
    placed = built(
        placed_on, 1, 90.0, (0, True, 100.0, 3.0), (1, True, 96.0, 3.125), (2, True, 92.0, 300 / 92),
        (3, False, 99.0, total),
    )  # fmt: skip
    assert placed.trades.entry_price.tolist() == [100.0] and placed.trades.quantity.tolist() == [3.0]
    done = simulate_own_exits(placed, ladder_from_mapping({"costs": {"commission_fixed": 1.0}}))
    assert done.average_entry[0] == pytest.approx(95.8888, abs=5e-5)
    assert done.planned_risk[0] == pytest.approx(55.2717, abs=5e-5)
    assert done.pnl[0] == pytest.approx(99 * total - 900 - 4) == pytest.approx(money(done))
    assert done.r[0] == pytest.approx(done.pnl[0] / done.planned_risk[0])
    assert done.quantity_entered[0] == pytest.approx(total) and done.n_adds.tolist() == [2]
    assert done.fills_frame()["order"].tolist() == ["entry", "add", "add", "time"]
    assert done.fills.r.sum() == pytest.approx(done.r[0])
    # Heat in R of the first entry (10): 91 in bar 2 from the average before that bar, (300 + 300) / 6.125.
    assert done.mae_r[0] == pytest.approx((91 - 600 / 6.125) / 10)


def test_an_entry_after_a_partial_exit_of_a_short(placed_on: Place) -> None:
    """At risk at 110: 40 at first, 20 after the exit, then 4 from an average of 96: 56, the most."""
    placed = built(
        placed_on, -1, 110.0, (0, True, 100.0, 4.0), (1, False, 96.0, 2.0), (2, True, 92.0, 2.0), (3, False, 104.0, 4.0)
    )
    done = simulate_own_exits(placed, ladder_from_mapping({}))
    assert done.planned_risk.tolist() == [56.0] and done.pnl.tolist() == pytest.approx([8.0 - 32.0])
    assert done.r.tolist() == pytest.approx([-24 / 56])


def test_an_open_position_is_marked_with_all_that_it_holds(placed_on: Place) -> None:
    fills = (0, True, 100.0, 4.0), (1, False, 97.0, 1.0), (2, True, 92.0, 3.0)
    done = simulate_own_exits(built(placed_on, 1, 90.0, *fills, closed=False), ladder_from_mapping({}))
    assert done.status.tolist() == [1] and done.quantity_left.tolist() == [6.0]
    assert done.pnl.tolist() == pytest.approx([97 + 6 * 104.0 - 400 - 276])


def test_entries_of_one_moment_are_one(placed_on: Place) -> None:
    placed = built(placed_on, 1, 90.0, (0, True, 100.0, 1.0), (0, True, 98.0, 1.0), (2, True, 92.0, 2.0),
                   (3, False, 99.0, 4.0))  # fmt: skip
    assert (placed.trades.entry_price[0], placed.trades.quantity[0]) == (99.0, 2.0)
    done = simulate_own_exits(placed, ladder_from_mapping({}))
    assert done.n_adds.tolist() == [1] and done.pnl.tolist() == pytest.approx([4 * 99 - 100 - 98 - 184])


def test_a_plan_with_the_same_adds_is_the_position(placed_on: Place) -> None:
    """The averaging plan that was traded, and the same fills as own ones: one result in money and in R."""
    total = 6.125 + 300 / 92
    placed = built(
        placed_on, 1, 90.0, (0, True, 100.0, 3.0), (1, True, 96.0, 3.125), (2, True, 92.0, 300 / 92),
        (3, False, 105.0, total),
    )  # fmt: skip
    adds = [{"money": 300.0, "at": 96.0}, {"money": 300.0, "at": 92.0}]
    plan = simulate(placed, ladder_from_mapping({"rungs": [{"fraction": 1.0, "target": 105.0}], "adds": adds}))
    own = simulate_own_exits(placed, ladder_from_mapping({}))
    for name in ("pnl", "r", "planned_risk", "average_entry", "quantity_entered"):
        assert getattr(own, name).tolist() == pytest.approx(getattr(plan, name).tolist()), name
