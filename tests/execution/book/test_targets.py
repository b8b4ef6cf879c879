"""Volatility targets and regimes of entries: known answers of docs/design/limits.md, and what always holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError
from exitladder.execution import ORDERS, Simulation, simulate
from exitladder.execution.book.book import BookResult, simulate_book
from exitladder.execution.kernel.state import G_ENTERED
from exitladder.execution.signals import Signals
from exitladder.plans.file import (
    ladder_fingerprint,
    ladder_from_mapping,
    ladder_to_mapping,
    ladder_to_toml,
    read_ladder,
)
from exitladder.trades.trades import PlacedTrades

Place = Callable[..., PlacedTrades]
MakeBars = Callable[..., Any]
MONEY = {"equity": 100_000, "margin": 0.5}
IMPLIED = {"volatility": 0.1, "measure": "iv", "unit": "percent"}


def plan(target: Mapping[str, Any] | None = None, book: Mapping[str, Any] = MONEY, **more: Any) -> Any:
    table = {"rungs": [], "book": dict(book)} | ({"target": dict(target)} if target else {})
    return ladder_from_mapping(table | more)


def entry(quantity: float, price: float = 50.0, **more: Any) -> dict[str, Any]:
    return {"trade_id": "a", "quantity": quantity, "stop": price / 2, "entry": price, "at": "close", **more}


def held_of(placed: PlacedTrades, ladder: Any, **series: Any) -> BookResult:
    n = placed.bars.n_bars
    read = {name: np.broadcast_to(np.asarray(values, dtype=np.float64), n).copy() for name, values in series.items()}
    return simulate_book(placed, ladder, Signals.from_bars(placed, read, read) if read else None)


def orders(done: Simulation) -> list[tuple[int, str, float]]:
    """Bar, order and quantity of every fill but entries and marks."""
    f = done.fills
    found = zip(f.bar.tolist(), (ORDERS[k] for k in f.order), f.quantity.tolist(), strict=True)
    return [(bar, name, round(quantity, 9)) for bar, name, quantity in found if name not in ("entry", "mark")]


@pytest.fixture
def flat(bars_from: MakeBars) -> Callable[..., Any]:
    """Bars of one price."""
    return lambda price=50.0, n=6, symbol="X": bars_from([(price,) * 4] * n, symbol=symbol)


@pytest.mark.parametrize(
    ("quantity", "more", "traded"),
    [
        (1200, {}, [(1, "target", 100.0)]),
        (800, {}, [(1, "add", 100.0)]),
        (1050, {}, []),
        (1200, {"trade_to": "target"}, [(1, "target", 200.0)]),
        (1200, {"band": 0.0}, [(1, "target", 200.0)]),
        # at most as much as 25% a year calls for: wanted 800, band 720 to 880
        (1200, {"floor": 0.25}, [(1, "target", 320.0)]),
        (1200, {"regimes": [{"when": ["iv > 15"], "factor": 0.5}]}, [(1, "target", 650.0)]),
        (1200, {"regimes": [{"when": ["iv > 25"], "factor": 0.5}]}, [(1, "target", 100.0)]),
    ],
)
def test_known_answers(quantity: float, more: dict[str, Any], traded: list[Any], flat: Any, placed_on: Place) -> None:
    # equity 100,000, target 10%, volatility 20%, price 50: wanted 1,000, band 900 to 1,100
    placed = placed_on(BarSet([flat()]), [entry(quantity)])
    result = held_of(placed, plan(IMPLIED | more), iv=20.0)
    assert orders(result.simulation) == traded
    assert result.fired == ({"target": 1} if traded else {})


def test_sales_round_up_to_the_lot_and_purchases_down(flat: Any, placed_on: Place) -> None:
    # the edges of the band are 900 and 1,100
    for quantity, traded in ((1160, 80.0), (1080, 0.0), (840, 40.0), (880, 0.0)):
        placed = placed_on(BarSet([flat()]), [entry(quantity)])
        done = held_of(placed, plan(IMPLIED, costs={"lot": 40}), iv=20.0).simulation
        assert [row[2] for row in orders(done)] == ([traded] if traded else [])


def test_the_measure_is_of_closed_bars_only(bars_from: MakeBars, placed_on: Place) -> None:
    rng = np.random.default_rng(5)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, 80)))
    placed = [
        placed_on(BarSet([bars_from([(c,) * 4 for c in closes])]), [entry(500, float(close[29]), bar=29)])
        for closes in (close, np.concatenate([close[:61], close[61:] * 1.3]))
    ]
    for measure in ("realised", "atr"):
        wanted = {"volatility": 0.1 if measure == "realised" else 0.003, "measure": measure, "band": 0.02}
        ladder = plan(wanted, risk={"window": 25, "level": 0.9}, atr_window=5)
        one, other = (orders(held_of(p, ladder).simulation) for p in placed)
        before = [row for row in one if row[0] <= 61]
        assert before == [row for row in other if row[0] <= 61] and len(before) > 5


def test_realised_volatility_by_hand(bars_from: MakeBars, placed_on: Place) -> None:
    rng = np.random.default_rng(6)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, 60)))
    placed = placed_on(BarSet([bars_from([(c,) * 4 for c in close])]), [entry(10, float(close[40]), bar=40)])
    ladder = plan(
        {"volatility": 0.2, "trade_to": "target"}, {"equity": 1e5, "margin": 0.01}, risk={"window": 30, "level": 0.9}
    )
    bar, _, quantity = orders(held_of(placed, ladder).simulation)[0]
    returns = close[11:41] / close[10:40] - 1
    annual = returns.std(ddof=1) * np.sqrt(365.25 * 24)  # hourly bars without a gap
    assert bar == 41
    assert quantity == pytest.approx(1e5 * 0.2 / annual / close[40] - 10, rel=1e-9)


def test_purchases_stay_within_free_margin_and_the_maximum_size(flat: Any, placed_on: Place) -> None:
    bars = BarSet([flat(symbol="A"), flat(symbol="B")])
    placed = placed_on(bars, [entry(100, trade_id=name, symbol=name) for name in "AB"])
    # each wants 4,000 units of 50; margin 5,000 of 100,000 is used, and 95,000 are free for the first in the file
    quiet = IMPLIED | {"volatility": 0.4, "band": 0.0}
    done = held_of(placed, plan(quiet), iv=20.0)
    assert orders(done.simulation) == [(1, "add", 3800.0)]
    assert done.curve.margin_used.max() == 100_000
    capped = held_of(placed, plan(quiet, size={"maximum": 3.0}), iv=20.0).simulation
    assert orders(capped)[0] == (1, "add", 200.0)


def test_nothing_is_bought_while_the_daily_loss_holds(bars_from: MakeBars, placed_on: Place) -> None:
    prices = [50.0] * 3 + [30.0] * 3
    placed = placed_on(BarSet([bars_from([(p,) * 4 for p in prices])]), [entry(1000, 50.0)])
    free = held_of(placed, plan(IMPLIED), iv=20.0).simulation
    halted = held_of(placed, plan(IMPLIED, MONEY | {"daily_loss": 0.05}), iv=20.0).simulation
    assert [row[0] for row in orders(free)] == [4] and orders(halted) == []


def test_unknown_volatility_trades_nothing_and_is_counted(flat: Any, placed_on: Place) -> None:
    placed = placed_on(BarSet([flat()]), [entry(1200)])
    result = held_of(placed, plan(IMPLIED), iv=np.nan)
    assert orders(result.simulation) == [] and result.unknown == {"target": 6}
    # prices that never move have no volatility to divide by
    assert orders(held_of(placed, plan({"volatility": 0.1}, risk={"window": 2, "level": 0.5})).simulation) == []


def test_the_factor_of_an_unknown_regime_stays(flat: Any, placed_on: Place) -> None:
    placed = placed_on(BarSet([flat()]), [entry(1000)])
    regime = IMPLIED | {"band": 0.0, "regimes": [{"when": ["vix > 30"], "factor": 0.5}]}
    vix = [20.0, 40.0, np.nan, np.nan, 20.0, 20.0]
    assert orders(held_of(placed, plan(regime), iv=20.0, vix=vix).simulation) == [
        (2, "target", 500.0),
        (5, "add", 500.0),
    ]


def test_rungs_keep_their_size(bars_from: MakeBars, placed_on: Place) -> None:
    prices = [50.0] * 3 + [80.0] * 3
    placed = placed_on(BarSet([bars_from([(p,) * 4 for p in prices])]), [entry(500, 50.0)])
    done = held_of(placed, plan(IMPLIED, rungs=[{"fraction": 0.5, "target": "1R"}]), iv=20.0).simulation
    assert orders(done)[:2] == [(1, "add", 400.0), (3, "rung", 250.0)]
    # R is that of the entry, whatever was bought later
    assert done.r[0] == pytest.approx(done.pnl[0] / (500 * 25))


def test_limits_come_before_the_target(bars_from: MakeBars, placed_on: Place) -> None:
    prices = [50.0, 50.0, 45.0, 45.0, 45.0]
    placed = placed_on(BarSet([bars_from([(p,) * 4 for p in prices])]), [entry(900, 50.0)])
    limit = {"when": ["open_loss_equity >= 0.04"], "reduce_to": 0.5}
    done = held_of(placed, plan(IMPLIED, limits=[limit]), iv=20.0).simulation
    # the close at 45 loses 4.5%: half goes, and only the next close buys back
    assert [row[:2] for row in orders(done)] == [(3, "limit"), (4, "add")]


def test_entries_outside_their_regime_are_left_out(flat: Any, placed_on: Place) -> None:
    rows = [entry(10, trade_id=f"t{k}", bar=k) for k in (0, 1, 2, 3)]
    placed = placed_on(BarSet([flat()]), rows)
    result = held_of(placed, plan(book=MONEY | {"enter_when": ["vix < 30"]}), vix=[20, 40, np.nan, 20, 20, 20])
    # each is judged at the close before its bar, the first has none, and unknown is no
    assert result.simulation.reason.tolist() == ["book_regime", "", "book_regime", "book_regime"]
    assert result.left_out == {"book_regime": 3}


@settings(deadline=None)
@given(data=st.data())
def test_a_wide_band_changes_nothing_and_a_target_stays_in_its_bounds(
    data: st.DataObject, bars_from: MakeBars, placed_on: Place
) -> None:
    seed = data.draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    n = 60
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, n)))
    opened = np.concatenate([[50.0], close[:-1]]) * np.exp(rng.normal(0, 0.004, n))
    high, low = np.maximum(opened, close) * 1.006, np.minimum(opened, close) * 0.994
    bars = BarSet([bars_from(np.column_stack([opened, high, low, close]).tolist())])
    side = data.draw(st.sampled_from([1, -1]))
    at = [int(k) for k in rng.integers(0, 40, 4)]
    rows = [
        entry(20, float(close[k]), trade_id=f"t{j}", bar=k, side=side, stop=float(close[k]) * (1 - 0.08 * side))
        for j, k in enumerate(at)
    ]
    placed = placed_on(bars, rows)
    more: dict[str, Any] = {
        "rungs": [{"fraction": 0.5, "target": "1R"}],
        "stop": {"trail": "2R"},
        "costs": {"slippage_bps": 3.0},
    }
    rich = {"equity": 1e9}
    iv = 0.2 * np.exp(rng.normal(0, 0.3, n))
    untouched = plan(
        {"volatility": 1e-12, "measure": "iv", "floor": 0.0, "band": 0.99} | {"volatility": 0.1}, rich, **more
    )
    alone = simulate(placed, untouched.alone)
    idle = held_of(placed, untouched, iv=np.full(n, np.nan)).simulation
    np.testing.assert_array_equal(idle.r, alone.r)
    np.testing.assert_array_equal(idle.fills.price, alone.fills.price)
    active = plan(
        {"volatility": 0.05, "measure": "iv"}, {"equity": 20_000, "margin": 0.3}, size={"maximum": 30.0}, **more
    )
    done = held_of(placed, active, iv=iv)
    fills = done.simulation.fills
    assert done.simulation.growth is not None
    for i in range(len(placed)):
        amounts = {name: fills.quantity[(fills.trade == i) & (fills.order == k)].sum() for k, name in enumerate(ORDERS)}
        entered = amounts["entry"] + amounts["add"]
        assert entered == pytest.approx(done.simulation.growth[i, G_ENTERED])
        assert entered == pytest.approx(sum(n for name, n in amounts.items() if name not in ("entry", "add")))
    assert (fills.order == ORDERS.index("add")).any() or (fills.order == ORDERS.index("target")).any()


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"target": {"measure": "iv"}}, "must have volatility"),
        ({"target": {"volatility": 0.1}, "book": {}}, "book.equity is not set"),
        ({"target": {"volatility": 0.0}}, "volatility must be above 0"),
        ({"target": {"volatility": 0.1, "band": 1.0}}, "band must be from 0 to below 1"),
        ({"target": {"volatility": 0.1, "unit": "percent"}}, "unit is of a named series"),
        ({"target": {"volatility": 0.1, "trade_to": "middle"}}, "trade_to must be one of edge, target"),
        ({"target": {"volatility": 0.1, "measure": "open_r"}}, "belongs to a position"),
        ({"target": {"volatility": 0.1, "regimes": [{"when": ["vix > 3"]}]}}, "must have factor"),
        ({"target": {"volatility": 0.1}, "adds": [{"quantity": 1.0, "at": "-0.5R"}]}, "both buy"),
        ({"book": {"equity": 1e5, "enter_when": ["drawdown_equity > 0.1"]}}, "belongs to a position"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(table: dict[str, Any], match: str) -> None:
    with pytest.raises(LadderError, match=match):
        ladder_from_mapping({"rungs": [], "book": {"equity": 1e5}} | table)


def test_a_plan_with_a_target_is_written_and_read_back(tmp_path: Any) -> None:
    target = IMPLIED | {"regimes": [{"when": ["vix > 30"], "factor": 0.5}]}
    ladder = plan(target, MONEY | {"enter_when": ["vix < 40"]})
    path = tmp_path / "plan.toml"
    path.write_text(ladder_to_toml(ladder))
    assert read_ladder(path) == ladder == ladder_from_mapping(ladder_to_mapping(ladder))
    assert ladder_fingerprint(ladder) != ladder_fingerprint(plan(IMPLIED, MONEY | {"enter_when": ["vix < 40"]}))
    assert ladder_fingerprint(plan()) != ladder_fingerprint(ladder)


def test_a_short_window_is_refused_only_where_a_value_at_risk_reads_it() -> None:
    table = {"rungs": [], "risk": {"window": 60}, "book": {"equity": 1e5}}
    assert ladder_from_mapping({**table, "target": {"volatility": 0.05}}).risk.window == 60
    limit = {"when": "var > 0.02", "reduce_to": 0.5}
    with pytest.raises(LadderError, match=r"risk\.window must be at least 99 bars"):
        ladder_from_mapping({**table, "limits": [limit]})
    with pytest.raises(LadderError, match=r"risk\.window must be at least 99 bars"):
        ladder_from_mapping({**table, "book": {"equity": 1e5, "limits": [limit]}})
    with pytest.raises(LadderError, match="at least 2 bars"):
        ladder_from_mapping({**table, "risk": {"window": 1}, "target": {"volatility": 0.05}})
