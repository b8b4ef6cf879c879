"""What other programs assert of positions that grow and shrink, to the last digit that they print.

freqtrade's ``test_calc_profit_...`` of orders after partial exits, and backtrader's ``test_position``. Their fills are
given; here a plan makes them: signal adds and signal rungs that fill at the opens of its bars.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exitladder.execution import ORDERS, Simulation
from exitladder.measures.marked import held_averages

Run = Callable[..., Simulation]
near: Any = pytest.approx
BUY, SELL = 1, -1


def played(run: Run, orders: list[tuple[int, float, float]], fee: float = 0.0) -> Simulation:
    """Return a trade whose fills are these: side, quantity and price, one a bar, each at its open."""
    adds: list[dict[str, Any]] = []
    rungs: list[dict[str, Any]] = []
    held = entered = orders[0][1]
    for bar, (side, quantity, _) in enumerate(orders[1:], start=1):
        when = [f"bars_held >= {bar}"]
        if side == BUY:
            adds.append({"units": quantity, "when": when})
            held, entered = held + quantity, entered + quantity
        else:
            held -= quantity
            rungs.append({"fraction": quantity / entered if held > 0 else "rest", "when": when})
    plan = {
        "adds": adds,
        "rungs": rungs,
        "add_rules": {"after_exit": True},
        "costs": {"commission_bps": fee * 1e4},
    }
    bars = [[price] * 4 for _, _, price in orders]
    _, quantity, entry = orders[0]
    done = run(bars, plan, {"entry": entry, "stop": entry / 1e3, "quantity": quantity})
    got = [
        (int(b), float(q), float(p))
        for b, q, p in zip(done.fills.bar, done.fills.quantity, done.fills.price, strict=True)
    ]
    assert got == [(k, near(q, rel=1e-12), p) for k, (_, q, p) in enumerate(orders)]
    return done


def legs(done: Simulation) -> list[float]:
    """Return the money that each sale made, after its own fee and its share of those of the purchases."""
    sold = ~np.isin(done.fills.order, [ORDERS.index("entry"), ORDERS.index("add")])
    money: list[float] = (done.fills.net_r * done.money_per_r[done.fills.trade])[sold].tolist()
    assert sum(money) == near(float(done.pnl[0]), rel=1e-12)
    return money


C20 = [(BUY, 100.0, 10.0), (BUY, 100.0, 15.0), (SELL, 50.0, 12.0), (SELL, 100.0, 20.0), (SELL, 50.0, 5.0)]
SIDES = [(BUY, 100.0), (BUY, 100.0), (SELL, 100.0), (BUY, 150.0), (SELL, 100.0), (SELL, 150.0)]
C22 = [
    (side, quantity, price) for (side, quantity), price in zip(SIDES, [3.0, 7.0, 11.0, 15.0, 19.0, 23.0], strict=True)
]
C23 = [
    (side, quantity, price) for (side, quantity), price in zip(SIDES, [8.0, 9.0, 10.0, 11.0, 12.0, 14.0], strict=True)
]


@pytest.mark.parametrize(
    ("orders", "fee", "of_each", "shares"),
    [
        (C20, 0.0, [-25.0, 750.0, -375.0], [-0.01, 0.29, 0.14]),
        (C20, 0.0025, [-28.0625, 741.875, -377.1875], [-0.011197, 0.2848129, 0.1343142]),
        (C22, 0.0, [600.0, 800.0, 1800.0], [0.6, 0.43076923, 0.98461538]),
        (C22, 0.0025, [596.0, 792.5, 1787.25], [0.5945137, 0.4261653, 0.9747170]),
        (C23, 0.0, [150.0, 200.0, 600.0], [0.08823529, 0.1044776, 0.283582]),
    ],
    ids=["C20", "C21", "C22 without fees", "C22", "C23"],
)
def test_freqtrades_profits_of_partial_exits(
    run: Run, orders: list[tuple[int, float, float]], fee: float, of_each: list[float], shares: list[float]
) -> None:
    done = played(run, orders, fee)
    assert legs(done) == near(of_each, rel=1e-12)
    # their ratio: all profit so far over all that was paid so far
    paid, so_far, ratios = 0.0, 0.0, []
    profits = iter(of_each)
    for side, quantity, price in orders:
        if side == BUY:
            paid += quantity * price * (1 + fee)
        else:
            so_far += next(profits)
            ratios.append(so_far / paid)
    assert ratios == near(shares, abs=5e-7)
    assert float(done.pnl[0]) == near(ratios[-1] * paid, rel=1e-12)


def test_backtraders_average_counts_from_what_is_held(run: Run) -> None:
    """C67: a sale leaves the price, an add moves it by quantities held; A of all entries is kept beside it."""
    done = played(run, [(BUY, 10.0, 10.0), (SELL, 5.0, 12.5), (BUY, 7.0, 14.5), (SELL, 12.0, 16.0)])
    held = held_averages(done)
    assert held[1] == 10.0
    assert held[3] == (5 * 10.0 + 7 * 14.5) / 12
    assert legs(done) == near([5 * 2.5, 12 * 16.0 - (5 * 10.0 + 7 * 14.5)], rel=1e-12)
    assert done.average_entry[0] == near((10 * 10.0 + 7 * 14.5) / 17, rel=1e-12)
    # They reverse a position of 8 by selling 15; an exit of a plan only reduces.
    assert done.quantity_left[0] == 0.0
    assert done.fills.side.tolist() == [1, -1, 1, -1]


def test_their_fee_of_each_leg_is_charged_by_the_lots_held(run: Run) -> None:
    """C21's first leg: 50 of 200 held take a quarter of the fees of both purchases."""
    done = played(run, C20, 0.0025)
    assert done.fills.commission.tolist() == near([2.5, 3.75, 1.5, 5.0, 0.625], rel=1e-12)
    assert legs(done)[0] == near(-25.0 - 1.5 - 6.25 / 4, rel=1e-12)
