"""One account with limits: what it takes in the order of entries, and what that comes to."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution import Simulation, simulate, simulate_own_exits
from exitladder.measures.exposure import exposure, exposure_of
from exitladder.measures.limited import Taken, account_result, trades_taken
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.sample import load_sample_bars
from exitladder.settings.contracts import Contract, Contracts
from exitladder.settings.tables import AccountSettings
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import PlacedTrades, place_trades

Run = Callable[..., Simulation]
Place = Callable[..., PlacedTrades]
FLAT = [[100.0, 101.0, 99.0, 100.0]] * 12
AFTER_TWO_BARS = {"stop": {"time": 2}}


def entered(*bars: int, **more: Any) -> list[dict[str, Any]]:
    return [{"bar": bar, "entry": 100.0, "stop": 90.0, "quantity": 10.0} | more for bar in bars]


def taken(done: Simulation, leverage: float = 0.0, **limits: Any) -> list[str]:
    found = trades_taken([done], AccountSettings(**limits), leverage)
    return [str(name) for name in done.placed.trades.trade_id[found.masks[0]]]


def test_an_entry_on_the_bar_of_an_exit_finds_the_position_still_open(run: Run) -> None:
    """T0 leaves at the open of bar 2. T1 comes before, T2 on that bar; T3 comes after it has closed."""
    done = run(FLAT, AFTER_TWO_BARS, entered(0, 1, 2, 3))
    assert done.exit_bar.tolist() == [2, 3, 4, 5]
    assert taken(done, max_open=1) == ["T0", "T3"]
    assert taken(done, max_open=2) == ["T0", "T1", "T3"]
    assert taken(done, max_open=3) == ["T0", "T1", "T2", "T3"]
    assert taken(done) == ["T0", "T1", "T2", "T3"]
    assert trades_taken([done], AccountSettings(max_open=1)).left_out == {"max_open": 2, "capital": 0}


def test_a_position_left_early_makes_room_for_the_next_signal_of_the_rule() -> None:
    """Signals of a rule are in the file whatever is held, so a re-entry is one of its trades."""
    bars = load_sample_bars()[0]
    placed = place_trades(make_trades(bars, "rsi_reversal", sides="long", cooldown_bars=0), bars)
    placed = placed.take(np.flatnonzero(placed.trades.symbol == "IBM"))
    early, late = (
        simulate(placed, ladder_from_mapping({"stop": {"initial": "2ATR", "time": time}})) for time in (3, 60)
    )
    limits = AccountSettings(max_open=1)
    by_early, by_late = (trades_taken([done], limits).masks[0] for done in (early, late))
    held = np.flatnonzero(by_late)
    # entries within a holding period of the slow exit that the fast one has already left
    between = [
        int(by_early[i + 1 : j].sum())
        for i, j in pairwise(held)
        if by_early[i] and late.last_bar[i] > early.last_bar[i]
    ]
    assert sum(between) > 20 and by_early.sum() > by_late.sum()


def test_a_sale_frees_its_share_of_the_capital(run: Run, bars_from: Callable[..., Bars]) -> None:
    """Half of T0 (1,000) is sold on bar 1. The account has 1,500: T1 of 1,000 fits from bar 2 on, not on bar 1."""
    rows = [FLAT[0], [100.0, 111.0, 99.0, 100.0], *FLAT[2:]]
    half = {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"time": 8}}
    limits: dict[str, Any] = {"capital": 1_500.0}
    assert taken(run(rows, half, entered(0, 1)), **limits) == ["T0"]
    assert taken(run(rows, half, entered(0, 2)), **limits) == ["T0", "T1"]
    assert taken(run(FLAT, half, entered(0, 2)), **limits) == ["T0"]
    # Capital that is reached exactly is not exceeded; leverage divides it, a multiplier multiplies it.
    assert taken(run(FLAT, half, entered(0, 1)), capital=2_000.0) == ["T0", "T1"]
    assert taken(run(FLAT, half, entered(0, 1)), 2.0, capital=1_000.0) == ["T0", "T1"]
    assert taken(run(FLAT, half, entered(0, 1)), 2.0, capital=999.0) == ["T0"]
    bars = BarSet([bars_from(FLAT)]).with_contracts(Contracts({"X": Contract(multiplier=50.0)}))
    assert taken(run(bars, half, entered(0, 1)), capital=50_000.0) == ["T0"]
    assert taken(run(bars, half, entered(0, 1)), capital=100_000.0) == ["T0", "T1"]
    assert taken(run(bars, half, entered(0, 1)), capital=49_999.0) == []


def test_entries_at_the_same_time_come_in_the_order_of_their_ids(run: Run) -> None:
    trades = [{**row, "trade_id": name} for row, name in zip(entered(0, 0, 0, 3), "cabd", strict=True)]
    assert taken(run(FLAT, AFTER_TWO_BARS, trades), max_open=1) == ["a", "d"]
    assert taken(run(FLAT, AFTER_TWO_BARS, trades[::-1]), max_open=1) == ["d", "a"]


def test_a_skipped_trade_takes_no_place(run: Run) -> None:
    trades = entered(0, 0)
    trades[0]["stop"] = 110.0
    done = run(FLAT, AFTER_TWO_BARS, trades)
    found = trades_taken([done], AccountSettings(max_open=1))
    assert found.masks[0].tolist() == [False, True]
    assert found.left_out == {"max_open": 0, "capital": 0}


def test_an_open_trade_keeps_its_place_to_the_end(run: Run) -> None:
    assert taken(run(FLAT, {}, entered(0, 11)), max_open=1) == ["T0"]


def test_known_results_of_an_account(run: Run) -> None:
    """T0 loses 0.5 R over three bars and T1 is left out; T2 wins 1 R over three bars after a close at -0.5 R."""
    closes = [100.0, 95.0, 95.0, 100.0, 95.0, 110.0, 110.0]
    opens = [100.0, *closes[:-1]]
    rows = [[o, max(o, c) + 0.1, min(o, c) - 0.1, c] for o, c in zip(opens, closes, strict=True)]
    trades = [*entered(0), *entered(1, entry=100.0), *entered(4)]
    done = run(rows, AFTER_TWO_BARS, trades)
    np.testing.assert_allclose(done.r[[0, 2]], [-0.5, 1.0])
    found = account_result([done], [np.ones(3)], trades_taken([done], AccountSettings(max_open=1)))
    assert (found["n_taken"], found["n_left_out"], found["left_out"]) == (2, 1, {"max_open": 1, "capital": 0})
    assert found["total_r"] == pytest.approx(0.5)
    assert found["r_per_bar"] == pytest.approx(0.5 / 6)
    assert found["max_drawdown_r"] == pytest.approx(-1.0)
    assert found["net_pnl"] == pytest.approx(50.0)
    assert found["max_drawdown"] == pytest.approx(-100.0)
    assert found["sharpe_daily"] is None  # a single day
    nothing = account_result([done], [np.ones(3)], Taken((np.zeros(3, dtype=bool),), {"max_open": 0, "capital": 3}))
    assert nothing["n_taken"] == 0 and nothing["total_r"] == 0.0 and nothing["r_per_bar"] is None


@pytest.fixture(scope="module")
def placed() -> PlacedTrades:
    bars, _ = load_sample_bars()
    return place_trades(make_trades(bars, "donchian", window=20), bars)


@pytest.mark.parametrize("kind", ["ladder", "own exits", "time stop"])
def test_an_account_never_holds_more_than_its_limits(placed: PlacedTrades, kind: str) -> None:
    """The limits are measured by the exposure of the trades taken, for each kind of exit."""
    tables: dict[str, dict[str, Any]] = {
        "ladder": {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"initial": "2ATR", "trail": "3ATR"}},
        "time stop": {"stop": {"initial": "2ATR", "time": 15}},
    }
    if kind == "own exits":
        done = simulate_own_exits(placed, ladder_from_mapping(tables["ladder"]))
    else:
        done = simulate(placed, ladder_from_mapping(tables[kind]))
    every = exposure(done.trades_frame(), done.fills_frame(), leverage=2.0)
    for limits in (
        AccountSettings(max_open=2), AccountSettings(capital=0.4 * every["capital_used"]),
        AccountSettings(max_open=3, capital=0.6 * every["capital_used"]),
    ):  # fmt: skip
        found = trades_taken([done], limits, 2.0)
        mask = found.masks[0]
        assert 0 < found.n_taken < np.isfinite(done.r).sum()
        assert found.n_taken + sum(found.left_out.values()) == np.isfinite(done.r).sum()
        held = exposure(done.trades_frame()[mask], done.fills_frame(), leverage=2.0)
        assert exposure_of([done], leverage=2.0, among=mask) == held
        assert held["max_open"] <= (limits.max_open or np.inf)
        assert held["capital_used"] <= (limits.capital or np.inf) * (1 + 1e-9)
        result = account_result([done], [np.ones(len(done))], found)
        assert result["total_r"] == pytest.approx(done.r[mask].sum())
        assert result["net_pnl"] == pytest.approx(done.pnl[mask].sum())
        assert result["r_per_bar"] == pytest.approx(held["r_per_bar"])
    free = trades_taken([done], AccountSettings(max_open=int(every["max_open"]) + 5), 2.0)
    assert sum(free.left_out.values()) == 0


def test_parts_share_one_account_and_rows_may_come_in_any_order(placed: PlacedTrades) -> None:
    ladder = ladder_from_mapping({"stop": {"initial": "2ATR", "time": 15}})
    whole, limits = simulate(placed, ladder), AccountSettings(max_open=2)
    expected = set(taken(whole, max_open=2))
    order = np.random.default_rng(3).permutation(len(placed))
    assert set(taken(simulate(placed.take(order), ladder), max_open=2)) == expected
    cut = np.arange(len(placed)) < len(placed) // 2
    parts = [simulate(placed.take(mask), ladder) for mask in (cut, ~cut)]
    masks = trades_taken(parts, limits).masks
    found = {str(name) for part, mask in zip(parts, masks, strict=True) for name in part.placed.trades.trade_id[mask]}
    assert found == expected


def test_without_limits_nothing_is_limited() -> None:
    assert not AccountSettings().is_limited
    assert AccountSettings(capital=1.0).is_limited and AccountSettings(max_open=1).is_limited
    assert Ladder().execution.leverage == 0.0
