"""Quantities by a size rule, decided in order of entry: known answers, a slow second implementation, no look ahead."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import LadderError
from exitladder.execution import simulate
from exitladder.execution.tranches import tranches
from exitladder.measures.sizing import simulate_sized
from exitladder.measures.sizing.before import first_quantity
from exitladder.measures.sizing.rules import ClosedTrades, annual_volatility, kelly_share
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.plans.size import Size
from exitladder.sample import load_sample_bars
from exitladder.settings.contracts import Contract, Contracts
from exitladder.settings.template import PLAN_TOML
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import PlacedTrades, place_trades

Place = Callable[..., PlacedTrades]
UP = [[100.0, 101.0, 99.0, 100.0], [100.0, 111.0, 100.0, 110.0], [110.0, 110.0, 110.0, 110.0]] * 3
TWO = {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"initial": "5%", "time": 2}}
EXIT = {"rungs": [{"fraction": 0.5, "target": "2R"}], "stop": {"initial": "2ATR", "trail": "4ATR", "time": 60}}
COSTS = {"commission_bps": 2.0, "slippage_bps": 3.0, "commission_fixed": 1.0}
TURTLE = {"quantity": 1.0, "at": "0.5ATR", "spacing": "previous", "stop": "2ATR"}
MONEY = {"money": 2000.0, "at": "0.5ATR"}
FRACTION = {"rule": "fraction", "fraction": 0.01}
STREAK = {"rule": "anti_martingale", "fraction": 0.01, "factor": 2.0, "wins": 2, "maximum_factor": 4.0}
KELLY = {"rule": "kelly", "fraction": 0.01, "kelly_cap": 0.03, "minimum_trades": 10}


def plan(size: dict[str, Any], equity: float | None = 100_000.0, **more: Any) -> Ladder:
    book = {} if equity is None else {"book": {"equity": equity}}
    return ladder_from_mapping({**EXIT, "size": size, **book, **more})


@pytest.fixture(scope="module")
def breakouts() -> PlacedTrades:
    bars = load_sample_bars()[0]
    placed = place_trades(make_trades(bars, "donchian"), bars)
    return placed.take(np.arange(0, len(placed), 16))


def test_the_kelly_fraction_of_known_games() -> None:
    assert kelly_share(0.6, 1.0) == pytest.approx(0.2) and kelly_share(0.5, 2.0) == 0.25
    assert kelly_share(0.5, 1.0) == 0.0 and kelly_share(0.4, 1.0) < 0
    # half Kelly of 0.2, shrunk by 1 / (1 + s² / (n m²)) with m = .2 and s² = .96 n / (n - 1)
    game, rule = ClosedTrades(), Size(rule="kelly", fraction=0.01, kelly_cap=1.0)
    for k in range(100):
        game.close(1.0 if k % 5 < 3 else -1.0)
    assert game.kelly(rule) == pytest.approx(0.1 / (1 + 0.96 / 99 / 0.04))
    assert game.kelly(replace(rule, kelly_cap=0.05)) == 0.05
    assert game.kelly(replace(rule, minimum_trades=101)) == 0.01


def test_a_fixed_fraction_compounds_with_what_was_booked(placed_on: Place) -> None:
    """Risk 5 a unit: 1% of 100,000 is 200 units. Half is sold at 105 in bar 1, the rest two bars after the entry."""
    placed = placed_on(UP, [{"bar": b, "entry": 100.0, "stop": 95.0, "at": "open"} for b in (0, 1, 3)])
    done = simulate_sized(placed, ladder_from_mapping({**TWO, "size": FRACTION, "book": {"equity": 1e5}}))
    # Bar 0 books nothing. By bar 3, the first trade is sold (105 and 110), and half of the second (105); the other
    # half leaves at the open of bar 3 itself, which is not known to be booked by then.
    booked = 100 * 5.0 + 100 * 10.0 + 100 * 5.0
    assert done.equity.tolist() == pytest.approx([1e5, 1e5, 1e5 + booked])
    assert done.simulation.quantity.tolist() == pytest.approx([200.0, 200.0, 0.01 * (1e5 + booked) / 5])
    np.testing.assert_allclose(done.share, 0.01)


def test_open_profit_never_counts(placed_on: Place) -> None:
    rows = [[100.0, 100.0, 100.0, 100.0], [100.0, 150.0, 100.0, 150.0], [150.0, 150.0, 150.0, 150.0]]
    ladder = ladder_from_mapping({"stop": {"initial": "5%"}, "size": FRACTION, "book": {"equity": 1e5}})
    trades = [{"bar": 0, "entry": 100.0, "at": "open"}, {"bar": 2, "entry": 150.0, "at": "open"}]
    done = simulate_sized(placed_on(rows, trades), ladder)
    assert done.equity.tolist() == [1e5, 1e5] and done.simulation.pnl[0] == pytest.approx(200 * 50)


def test_other_rules_by_hand(placed_on: Place) -> None:
    rows = [[100.0, 100.0, 100.0, 100.0]] * 2
    placed = placed_on(rows, {"bar": 0, "entry": 100.0, "stop": 96.0, "quantity": 7.0, "at": "open"})

    def quantity(size: dict[str, Any], **more: Any) -> float:
        return float(simulate_sized(placed, plan(size, **more)).simulation.quantity[0])

    assert quantity({"rule": "fixed", "units": 12}, equity=None) == 12
    assert quantity({"rule": "fixed", "money": 1250.0}, equity=None) == 12.5
    assert quantity({"maximum_equity": 0.01}) == 7.0
    assert quantity(FRACTION | {"maximum_equity": 0.2}) == 200.0
    assert quantity(FRACTION | {"maximum_units": 50}) == 50.0
    assert quantity(FRACTION, costs={"lot": 100.0}) == 200.0
    assert quantity(STREAK) == 250.0 and quantity(KELLY) == 250.0
    small = simulate_sized(placed, plan(FRACTION, equity=1000.0, costs={"lot": 5.0}))
    assert small.simulation.reason.tolist() == ["quantity_below_minimum"]
    above = simulate_sized(placed, plan({"maximum_equity": 0.001}))
    assert above.simulation.reason.tolist() == ["quantity_below_minimum"]
    unknown = simulate_sized(placed, plan({"rule": "volatility", "target_volatility": 0.1}))
    assert unknown.simulation.reason.tolist() == ["volatility_unknown"]


def test_a_contract_has_its_own_multiplier_and_lot(placed_on: Place) -> None:
    placed = placed_on([[100.0] * 4] * 2, {"bar": 0, "entry": 100.0, "stop": 96.0, "at": "open"})
    bars = placed.bars.with_contracts(Contracts({"X": Contract(multiplier=50.0, lot=1.0)}))
    done = simulate_sized(replace(placed, bars=bars), plan(FRACTION))
    assert done.simulation.quantity.tolist() == [5.0] and done.simulation.planned_risk.tolist() == [1000.0]


def test_the_volatility_of_steps_of_one_point() -> None:
    """Bars of a day every day: 365.25 a year, so steps of 1 have a volatility of 19.1 points."""
    day = 86_400 * 10**9
    close = np.asarray(100.0 + np.arange(900) % 2, dtype=np.float64)
    bars = BarSet([Bars("X", day, np.arange(900) * day, close, close, close, close)])
    placed = place_trades(make_trades(bars, "random"), bars)
    found = annual_volatility(placed, 35)
    late = placed.entry_bar > 400
    assert late.sum() > 5
    np.testing.assert_allclose(found[late], np.sqrt(365.25), rtol=2e-3)
    assert np.isnan(annual_volatility(placed, 899)).all()


def slow_quantities(placed: PlacedTrades, ladder: Ladder) -> list[float]:
    """The rules a second time: trade by trade, each executed alone, all money counted again at every entry."""
    size, costs, trades = ladder.size, ladder.costs, placed.trades
    bare = replace(ladder, size=Size())
    free = replace(bare, costs=replace(costs, lot=0.0, min_quantity=0.0))
    close = placed.bars.close_time

    def alone(i: int, quantity: float, of: Ladder) -> Any:
        one = placed.take([i])
        return simulate(replace(one, trades=replace(one.trades, quantity=np.array([quantity]))), of)

    def for_risk(i: int, risk: float) -> float:
        low, high = 0.0, risk / float(alone(i, 1.0, replace(free, adds=())).planned_risk[0])
        for _ in range(60):
            middle = (low + high) / 2
            enough = alone(i, middle, free).planned_risk[0] > risk
            low, high = (low, middle) if enough else (middle, high)
        return low

    found = np.zeros(len(placed))
    booked: list[tuple[int, float]] = []
    results: list[tuple[int, int, float]] = []
    order = sorted(range(len(placed)), key=lambda i: (trades.entry_time[i], trades.trade_id[i]))
    for rank, i in enumerate(order):
        now = int(trades.entry_time[i])
        equity = (ladder.book.equity or 0.0) + sum(amount for time, amount in booked if time <= now)
        r = np.array([one for time, _, one in sorted(results) if time <= now])
        share = size.fraction or 0.0
        if size.rule == "anti_martingale":
            run = len(r) if (r > 0).all() else int(np.argmin((r > 0)[::-1]))
            share *= min((size.factor or 1.0) ** (run // size.wins), size.maximum_factor or 1.0)
        if size.rule == "kelly" and len(r) >= size.minimum_trades:
            won, lost = r[r > 0], -r[r <= 0]
            best = len(won) / len(r) / lost.mean() - len(lost) / len(r) / won.mean() if len(won) else -1.0
            shrunk = r.mean() ** 2 / (r.mean() ** 2 + r.var(ddof=1) / len(r))
            share = max(0.0, min(size.kelly_fraction * shrunk * best, size.kelly_cap or 0.0)) if r.mean() > 0 else 0.0
        quantity = for_risk(i, share * equity) if share > 0 else 0.0
        if costs.lot > 0:
            quantity = np.floor(quantity / costs.lot + 1e-9) * costs.lot
        found[i] = quantity
        done = alone(i, quantity if quantity > 0 else float(trades.quantity[i]), bare)
        fills, end = done.fills_frame(), int(done.exit_bar[0])
        held, cost = 0.0, 0.0
        columns = [fills[name] for name in ("order", "side", "quantity", "price", "commission")]
        for order_of, side, amount, price, paid, bar in zip(*columns, done.fills.bar, strict=True):
            if order_of == "mark":
                continue
            cash = -paid
            if (side == "buy") == (trades.side[i] > 0):
                held, cost = held + amount, cost + amount * price
            else:
                average = cost / held
                cash += trades.side[i] * amount * (price - average)
                held, cost = held - amount, cost - amount * average
            if quantity > 0:
                booked.append((int(close[bar]), cash))
        if end >= 0:
            results.append((int(close[end]), rank, float(done.r[0])))
    return found.tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "adds", "lot"),
    [
        (FRACTION, [], 0.0),
        (FRACTION, [TURTLE] * 2, 1.0),
        (FRACTION, [MONEY], 1.0),
        (STREAK, [TURTLE] * 2, 0.0),
        (STREAK, [], 5.0),
        (KELLY, [], 1.0),
        (KELLY, [TURTLE], 0.0),
    ],
)
def test_against_a_slow_loop(breakouts: PlacedTrades, size: dict[str, Any], adds: list[Any], lot: float) -> None:
    ladder = plan(size, adds=adds, costs={**COSTS, "lot": lot})
    done = simulate_sized(breakouts, ladder)
    np.testing.assert_allclose(done.simulation.quantity, slow_quantities(breakouts, ladder), rtol=2e-6, atol=1e-9)
    assert (done.simulation.quantity > 0).sum() > 20


@pytest.mark.parametrize("size", [FRACTION, STREAK, KELLY, {"rule": "volatility", "target_volatility": 0.1}])
def test_no_quantity_depends_on_later_bars(breakouts: PlacedTrades, size: dict[str, Any]) -> None:
    ladder = plan(size, costs=COSTS)
    whole = simulate_sized(breakouts, ladder).simulation.quantity
    bars, shift = breakouts.bars, np.random.default_rng(3).uniform(0.5, 2.0, breakouts.bars.n_bars)
    until = int(np.median(breakouts.trades.entry_time))
    factor = np.where(bars.time >= until, shift, 1.0)
    parts, prices = [], (bars.open, bars.high, bars.low, bars.close)
    for k, symbol in enumerate(bars.symbols):
        own = slice(int(bars.start[k]), int(bars.start[k + 1]))
        opened, high, low, close = (np.asarray((p * factor)[own], dtype=np.float64) for p in prices)
        parts.append(Bars(symbol, int(bars.interval_ns[k]), bars.time[own], opened, high, low, close))
    before = breakouts.trades.entry_time < until
    changed = simulate_sized(replace(breakouts, bars=BarSet(parts)), ladder).simulation.quantity
    assert changed[before].tolist() == whole[before].tolist()
    assert (changed[~before] != whole[~before]).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "size",
    [
        {"rule": "fixed", "units": 3.0},
        FRACTION,
        STREAK,
        STREAK | {"wins": 1, "fraction": 0.02},
        KELLY | {"minimum_trades": 30},
        {"rule": "volatility", "target_volatility": 0.05},
    ],
)
def test_no_rule_earns_on_a_driftless_walk(size: dict[str, Any], paths: ModuleType) -> None:
    """Without costs the mean P&L is 0 within its standard error, however much each trade risks."""
    rng = np.random.default_rng(11)
    points = np.cumsum(np.concatenate([np.zeros((2000, 1)), rng.choice([-1.0, 1.0], size=(2000, 60))], axis=1), axis=1)
    placed = paths.place(paths.step_bars(points), risk=20.0)
    table = {"rungs": [{"fraction": 0.5, "target": "0.6R"}], "size": size, "book": {"equity": 1e5}}
    done = simulate_sized(placed, ladder_from_mapping(table))
    taken = done.simulation.quantity > 0
    assert taken.sum() > 300
    assert paths.mean_of(done.simulation.pnl[taken]).is_near(0.0)


def test_adds_are_cut_to_a_maximum_of_equity(breakouts: PlacedTrades) -> None:
    ladder = plan(FRACTION | {"maximum_equity": 0.3}, adds=[TURTLE] * 3, costs=COSTS)
    few = breakouts.take(np.arange(12))
    done = simulate_sized(few, ladder)
    bought = done.simulation.quantity_entered * done.simulation.average_entry
    assert (bought <= 0.3 * done.equity * 1.02).all()
    cut = (done.simulation.n_adds == 3) & (done.simulation.quantity_entered < 3.9 * done.simulation.quantity)
    assert cut.any()
    assert (bought > 0.25 * done.equity).any()


def test_the_plan_of_a_new_project_runs_on_the_sample(breakouts: PlacedTrades) -> None:
    """`init --plan` writes it; at most 1% of equity is lost as planned, in whole shares."""
    done = simulate_sized(breakouts, ladder_from_mapping(tomllib.loads(PLAN_TOML)))
    assert (done.simulation.n_adds > 0).any() and (done.simulation.quantity > 0).sum() > 40
    assert np.nanmax(done.share) <= 0.01 * (1 + 1e-9)
    assert (done.simulation.quantity % 1 == 0).all()


def test_the_engine_refuses_a_rule_whose_quantities_are_not_decided(breakouts: PlacedTrades) -> None:
    with pytest.raises(LadderError, match='has rule = "fraction", which depends on the trades before'):
        simulate(breakouts, plan(FRACTION))


def test_the_quantity_before_a_trade() -> None:
    turtle = plan(FRACTION, stop={"initial": "2ATR"}, rungs=[], adds=[TURTLE] * 3)
    # the worst stage of the Turtle's four units is 5N for each unit of the first quantity
    assert first_quantity(turtle, entry=310.0, atr=2.5) == pytest.approx(1000 / 12.5)
    # tranches have the quantity given, cut to the maximum of equity: 192 units at 312.50, none at 313.75
    capped = plan(FRACTION | {"maximum_equity": 0.6}, stop={"initial": "2ATR"}, rungs=[], adds=[TURTLE] * 3)
    table = tranches(capped, entry=310.0, atr=2.5, quantity=80.0)
    assert table["held"].tolist() == pytest.approx([80.0, 160.0, 60_000 / 312.5])
    with_money = plan(FRACTION, rungs=[], adds=[{"money": 3000.0, "at": -0.04 * 100 + 100}])
    found = first_quantity(with_money, entry=100.0, stop=90.0)
    assert found * 10 + 3000 / 96 * 6 == pytest.approx(1000, rel=1e-6)
    with pytest.raises(LadderError, match="below the smallest order"):
        first_quantity(plan(FRACTION, equity=100.0, costs={"lot": 1}), entry=100.0, stop=90.0)
    with pytest.raises(LadderError, match="needs the bars before the entry"):
        first_quantity(plan({"rule": "volatility", "target_volatility": 0.1}), entry=100.0, stop=90.0)
