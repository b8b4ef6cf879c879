"""The account valued at every close: known answers, a slow reference, and the sum of the trades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import DAY_NS
from exitladder.execution import ORDERS, Simulation, simulate, simulate_own_exits
from exitladder.measures.marked import marked_account
from exitladder.measures.marked_days import MarkedDays, marked_days
from exitladder.measures.summary import summarise
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.sample import load_sample_bars
from exitladder.settings.contracts import Contract, Contracts
from exitladder.statistics import Intervals
from exitladder.statistics.metrics import max_drawdown_of_sum
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import PlacedTrades, place_trades

Run = Callable[..., Simulation]
Place = Callable[..., PlacedTrades]
DAY = DAY_NS
CLOSES = [100.0, 99.5, 99.0, 98.5, 98.0, 99.0, 100.0, 101.0, 101.5, 102.0]
LADDER = ladder_from_mapping(
    {
        "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
        "stop": {"initial": "2ATR", "breakeven_after": 1, "trail": "3ATR", "trail_after": 1, "time": 40},
        "costs": {"commission_bps": 2.0, "slippage_bps": 3.0, "funding_bps_per_bar": 0.5, "tick": 0.01},
    }
)


def ones(*parts: Simulation) -> list[np.ndarray]:
    return [np.ones(len(part)) for part in parts]


@pytest.mark.parametrize("side", [1, -1])
def test_a_trade_that_dips_one_r_and_ends_one_r_up_has_that_dip_as_its_drawdown(
    side: int, bars_from: Callable[..., Bars], placed_on: Place
) -> None:
    """Ten daily bars, closes down to -1R and up to +1R: what its fills alone do not show."""
    closes = [100 + side * (close - 100) for close in CLOSES]
    rows = [[close, close + 0.1, close - 0.1, close] for close in closes]
    bars = BarSet([bars_from(rows, interval=DAY)])
    trade = {"entry": 100.0, "stop": 100.0 - 2 * side, "side": side, "quantity": 5.0}
    placed = placed_on(bars, trade | {"exit_time": 9 * DAY, "exit_price": closes[-1]})
    done = simulate_own_exits(placed, Ladder())
    account = marked_account([done], ones(done))
    assert account is not None
    assert account.n_days == 10
    np.testing.assert_allclose(np.cumsum(account.daily()), (np.array(CLOSES) - 100) / 2)
    assert max_drawdown_of_sum(account.pnl) == pytest.approx(-1.0)
    money = marked_account([done], [done.money_per_r])
    found = summarise(done.trades_frame(), done.fills_frame(), Ladder(), account=money)
    assert found["max_drawdown_account"]["value"] == pytest.approx(-10.0)  # 1R is 2 in price times 5
    booked = summarise(done.trades_frame(), done.fills_frame(), Ladder())
    assert booked["max_drawdown_account"]["value"] == 0.0


def test_the_part_that_is_sold_does_not_move_any_more(run: Run) -> None:
    """Half is sold at 1R (102); the rest falls from 102 to 99 and is marked there at the end of the data."""
    rows = [[100.0, 100.5, 99.5, 100.0], [100.0, 102.5, 99.5, 102.0], [102.0, 102.0, 98.9, 99.0]]
    table: dict[str, Any] = {"rungs": [{"fraction": 0.5, "target": "1R"}]}
    done = run(rows, table, {"entry": 100.0, "stop": 98.0, "quantity": 10.0})
    account = marked_account([done], ones(done))
    assert account is not None
    np.testing.assert_allclose(account.pnl, [0.0, 1.0, -0.75])
    assert done.r.sum() == pytest.approx(0.25)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    bars, _ = load_sample_bars()
    return simulate(place_trades(make_trades(bars, "donchian", window=20), bars), LADDER)


def slow_equity(part: Simulation, worth: np.ndarray) -> pd.Series:
    """Return the equity at the end of every bar, one trade after another and one bar after another."""
    bars, fills = part.placed.bars, part.fills
    total: dict[int, float] = {}
    first = int(part.placed.entry_bar.min())
    for i in np.flatnonzero(np.isfinite(part.r)):
        rows = np.flatnonzero(fills.trade == i)
        commission = float(fills.commission[rows[0]])
        last, before = int(part.last_bar[i]), 0.0
        for bar in range(int(part.placed.entry_bar[i]), last + 1):
            done = rows[fills.bar[rows] <= bar]
            left = 1.0 - fills.quantity[done[1:]].sum() / part.quantity[i]
            booked = fills.net_r[done].sum()
            if bar < last:
                booked -= left * commission / part.money_per_r[i]
                gain = part.placed.trades.side[i] * (bars.close[bar] - part.placed.trades.entry_price[i])
                booked += left * gain / part.risk[i]
            at = int(bars.close_time[bar]) - 1
            total[at] = total.get(at, 0.0) + (booked - before) * worth[i]
            before = booked
    assert first >= 0
    return pd.Series(total).sort_index()


def test_it_equals_a_slow_reference_and_sums_to_the_trades(simulation: Simulation) -> None:
    """Longs and shorts of five shares, with commission, financing and open trades, in R and in money."""
    assert (simulation.fills.order == ORDERS.index("mark")).any()
    for worth in (np.ones(len(simulation)), simulation.money_per_r):
        account = marked_account([simulation], [worth])
        assert account is not None
        expected = slow_equity(simulation, np.nan_to_num(worth))
        assert account.time.tolist() == expected.index.tolist()
        scale = np.abs(expected).max()
        np.testing.assert_allclose(account.pnl, expected.to_numpy(), atol=1e-9 * scale)
        assert account.pnl.sum() == pytest.approx(np.nansum(simulation.r * worth))
        assert account.daily().sum() == pytest.approx(account.pnl.sum())


def test_days_kept_by_trade_make_the_same_account_of_any_trades(simulation: Simulation) -> None:
    n = len(simulation)
    scale = np.random.default_rng(2).uniform(0.5, 2.0, n)
    days = marked_days(simulation, scale)
    known = np.isfinite(simulation.r)
    sums = np.add.reduceat(np.append(days.change, 0.0), days.start[:-1])[known]
    np.testing.assert_allclose(sums, (simulation.r * scale)[known], atol=1e-9)
    order = np.argsort(simulation.placed.trades.entry_time, kind="stable")
    for rows in (np.arange(n), order, order[: n // 3], order[n // 3 :: 7]):
        account = marked_account([simulation], [np.where(np.isin(np.arange(n), rows), scale, 0.0)])
        assert account is not None
        np.testing.assert_allclose(days.take(rows).daily(), account.daily(), atol=1e-9)
    halves = MarkedDays.joined([days.take(order[: n // 2]), days.take(order[n // 2 :])])
    np.testing.assert_allclose(halves.daily(), days.daily(), atol=1e-9)
    assert not len(days.take(order[:0]).daily())


def test_the_parts_of_a_walk_forward_are_one_account(simulation: Simulation) -> None:
    cut = np.arange(len(simulation)) < len(simulation) // 2
    parts = [simulate(simulation.placed.take(mask), LADDER) for mask in (cut, ~cut)]
    whole, joined = marked_account([simulation], ones(simulation)), marked_account(parts, ones(*parts))
    assert whole is not None and joined is not None
    assert joined.time.tolist() == whole.time.tolist()
    np.testing.assert_allclose(joined.pnl, whole.pnl, atol=1e-9)


def test_trades_that_are_not_taken_leave_no_trace(simulation: Simulation) -> None:
    some = np.arange(len(simulation)) % 3 == 0
    alone = simulate(simulation.placed.take(some), LADDER)
    found = marked_account([simulation], [some.astype(float)])
    expected = marked_account([alone], ones(alone))
    assert found is not None and expected is not None
    assert (found.first_day, found.last_day) == (expected.first_day, expected.last_day)
    np.testing.assert_allclose(found.pnl, expected.pnl, atol=1e-9)
    assert marked_account([simulation], [np.zeros(len(simulation))]) is None


def test_money_knows_the_contract(run: Run, placed_on: Place, bars_from: Callable[..., Bars]) -> None:
    rows = [[100.0, 100.5, 99.5, 100.0], [100.0, 101.0, 98.5, 99.0], [99.0, 103.0, 98.5, 102.0]]
    bars = BarSet([bars_from(rows)]).with_contracts(Contracts({"X": Contract(multiplier=20.0)}))
    done = simulate(placed_on(bars, {"entry": 100.0, "stop": 98.0, "quantity": 3.0}), Ladder())
    account = marked_account([done], [done.money_per_r])
    assert account is not None
    np.testing.assert_allclose(account.pnl, [0.0, -60.0, 180.0])


@pytest.mark.slow
def test_the_interval_of_the_drawdown_holds_its_value(simulation: Simulation) -> None:
    account = marked_account([simulation], [simulation.money_per_r])
    tables = simulation.trades_frame(), simulation.fills_frame()
    found = summarise(*tables, LADDER, intervals=Intervals(n_bootstrap=200), account=account)
    entry = found["max_drawdown_account"]
    assert account is not None and entry["value"] == pytest.approx(max_drawdown_of_sum(account.pnl))
    assert entry["low"] <= entry["value"] <= entry["high"] <= 0
