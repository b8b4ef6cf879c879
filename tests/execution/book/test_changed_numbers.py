"""A book whose numbers change at a moment (B13): the account goes on, and only what changed changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.execution import ORDERS
from exitladder.execution.book.book import BookAccounts, simulate_book, without_limits
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder

HOUR = 3_600 * 10**9
MakeBars = Callable[..., Any]
Place = Callable[..., Any]


@pytest.fixture
def flat(bars_from: MakeBars) -> Callable[..., Any]:
    """Bars whose four prices are one."""
    return lambda symbol, closes: bars_from([(c, c, c, c) for c in closes], symbol=symbol)


def plan(threshold: float = 0.02, **more: Any) -> Ladder:
    """Half of what has lost a share of 10,000 of equity is sold; further stops are far away."""
    limit = {"when": f"open_loss_equity >= {threshold}", "reduce_to": 0.5}
    return ladder_from_mapping({"rungs": [], "limits": [limit], "book": {"equity": 10_000, "margin": 0.1}} | more)


def entry(symbol: str, bar: int = 0) -> dict[str, Any]:
    return {"trade_id": f"{symbol}{bar}", "symbol": symbol, "bar": bar, "quantity": 100, "stop": 50, "entry": 100,
            "at": "close"}  # fmt: skip


def sales(placed: Any, own: Ladder, later: list[tuple[int, Ladder]]) -> list[tuple[int, float]]:
    """Bar and quantity of each sale by a limit."""
    fills = simulate_book(placed, own, later=later).simulation.fills
    sold = fills.order == ORDERS.index("limit")
    return list(zip(fills.bar[sold].tolist(), fills.quantity[sold].tolist(), strict=True))


def test_a_limit_that_changed_can_fire_again_and_one_that_stayed_cannot(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat("A", [100, 98, 97, 97, 97, 97, 97])])
    placed = placed_on(bars, [entry("A")])
    cut = int(bars.close_time[4])
    # 200 of 10,000 are lost at the second close: half is sold at the third open, and the loss still stands
    assert sales(placed, plan(), [(cut, plan())]) == [(2, 50.0)]
    assert sales(placed, plan(), [(cut, plan(0.015))]) == [(2, 50.0), (5, 25.0)]
    # the close before the moment is still judged by the old numbers
    assert sales(placed, plan(), [(cut + 1, plan(0.015))]) == [(2, 50.0), (6, 25.0)]
    assert sales(placed, plan(), [(cut, plan(0.5))]) == [(2, 50.0)]


def test_entries_are_judged_by_the_numbers_of_their_own_moment(flat: Any, placed_on: Place) -> None:
    names = ["A", "B", "C"]
    bars = BarSet([flat(name, [100.0] * 8) for name in names])
    placed = placed_on(bars, [entry(name, 2 * k) for k, name in enumerate(names)])
    one, two = (plan(book={"equity": 1e6, "max_open": n}) for n in (1, 2))
    assert simulate_book(placed, one).simulation.reason.tolist() == ["", "book_max_open", "book_max_open"]
    moment = int(placed.trades.entry_time[2])
    changed = simulate_book(placed, one, later=[(moment, two)])
    assert changed.simulation.reason.tolist() == ["", "book_max_open", ""]
    late = simulate_book(placed, one, later=[(moment + 1, two)])
    assert late.simulation.reason.tolist() == ["", "book_max_open", "book_max_open"]


@pytest.fixture
def walks(flat: Any) -> BarSet:
    rng = np.random.default_rng(3)
    return BarSet([flat(name, 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 300)))) for name in "ABC"])


@pytest.mark.parametrize("target", [None, {"volatility": 0.5, "band": 0.05}])
def test_the_past_stays_and_equal_numbers_change_nothing(
    walks: BarSet, placed_on: Place, target: dict[str, Any] | None
) -> None:
    rows = [
        entry(name, bar) | {"quantity": 40, "stop": 1, "entry": float(walks[name].close[bar])}
        for name in "ABC"
        for bar in range(5, 280, 15)
    ]
    placed = placed_on(walks, rows)
    more: dict[str, Any] = {"stop": {"time": 25}, "risk": {"window": 20}, "rungs": []}
    more |= {} if target is None else {"target": target}
    money = {"equity": 10_000, "margin": 0.5}
    wild = {"when": "volatility > 3", "reduce_to": 0}
    half, fifth = ({"when": f"open_loss_equity >= {x}", "reduce_to": y} for x, y in ((0.004, 0.5), (0.01, 0.2)))
    own = ladder_from_mapping({"book": {**money, "max_open": 4}, "limits": [half, wild]} | more)
    other = ladder_from_mapping({"book": {**money, "max_open": 6}, "limits": [fifth, wild]} | more)
    none = without_limits(own)
    books = BookAccounts(placed, [own, other, none])
    for each in (own, other, none):
        alone = simulate_book(placed, each).curve
        for name, values in books.curve(each)._asdict().items():
            np.testing.assert_array_equal(values, getattr(alone, name), err_msg=name)
    cut = int(np.median(placed.trades.entry_time))
    before, after = books.curve(own), books.curve(own, [(cut, other), (cut + 40 * HOUR, own)])
    past = before.time < cut
    np.testing.assert_array_equal(after.pnl[past], before.pnl[past])
    assert not np.array_equal(after.pnl[~past], before.pnl[~past])
    np.testing.assert_array_equal(books.curve(own, [(cut, own)]).pnl, before.pnl)
    np.testing.assert_array_equal(simulate_book(placed, own, later=[(cut, none)]).curve.pnl,
                                  books.curve(own, [(cut, none)]).pnl)  # fmt: skip


def test_other_exits_or_other_money_are_no_numbers_of_the_same_book(flat: Any, placed_on: Place) -> None:
    placed = placed_on(BarSet([flat("A", [100.0] * 4)]), [entry("A")])
    for changed in ({"stop": {"time": 2}}, {"book": {"equity": 5_000, "margin": 0.1}}, {"risk": {"window": 30}}):
        with pytest.raises(ValueError, match="numbers of their book only"):
            BookAccounts(placed, [plan(risk={"window": 20}), plan(**{"risk": {"window": 20}} | changed)])
