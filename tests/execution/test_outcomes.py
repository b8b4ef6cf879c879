"""Outcomes of many ladders are those of one simulation after another, to the bit, in batches or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution import ORDERS, simulate, simulate_many
from exitladder.execution.batch import grouping as batch
from exitladder.execution.many_ladders import Outcomes, simulate_outcomes
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import STATUS
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance, Target
from exitladder.trades.trades import PlacedTrades

Place = Callable[..., PlacedTrades]


@pytest.fixture
def batched() -> Iterator[None]:
    """Run whatever fits a batch as one, however few ladders there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "LEAST_LADDERS", 1)
        yield


def assert_single(found: Outcomes, placed: PlacedTrades, ladders: Sequence[Ladder], signals: Signals | None) -> None:
    """Compare with one simulation after another, and with their fills one after another."""
    for m, ladder in enumerate(ladders):
        one = simulate(placed, ladder, signals)
        fills = one.fills
        counts = one.status != STATUS.index("skipped")
        np.testing.assert_array_equal(found.net_r[:, m], one.r)
        np.testing.assert_array_equal(found.mfe_r[:, m], one.mfe_r)
        # X7: the bars that the engine counted one trade at a time.
        np.testing.assert_array_equal(found.bars_in_market(placed)[:, m], one.bars_in_market)
        for i in range(len(placed)):
            rows = np.flatnonzero(fills.trade == i)
            last = int(fills.bar[rows[-1]]) if counts[i] else -1
            paid = int((fills.order[rows] != ORDERS.index("mark")).sum())
            assert (found.last_bar[i, m], found.n_fills[i, m]) == (last, paid)


@given(data=st.data())
def test_outcomes_are_those_of_single_simulations(data: st.DataObject, worlds: ModuleType, placed_on: Place) -> None:
    world = data.draw(worlds.worlds(("stop_first",)))
    placed = placed_on(world.rows, world.trades)
    table: dict[str, Any] = world.ladder
    ladders = [ladder_from_mapping(table), ladder_from_mapping({**table, "rungs": [], "stop": {"initial": "2%"}})]
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals = Signals.from_bars(placed, arrays, arrays)
    found = simulate_outcomes(placed, ladders, signals)
    np.testing.assert_array_equal(found.net_r, simulate_many(placed, ladders, signals))
    assert_single(found, placed, ladders, signals)


@pytest.mark.usefixtures("batched")
@pytest.mark.parametrize("with_signals", [False, True])
def test_outcomes_of_batches_are_those_of_single_simulations(
    worlds: ModuleType, placed_on: Place, with_signals: bool
) -> None:
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        world = data.draw(worlds.worlds(("stop_first",)))
        tables = worlds.plain_tables(world)
        ladders = data.draw(st.lists(worlds.plain_ladders(tables, with_signals), min_size=1, max_size=8))
        placed = placed_on(world.rows, world.trades)
        signals = data.draw(worlds.signals_of(placed)) if with_signals else None
        assert not len(batch.batches(ladders)[1])
        found = simulate_outcomes(placed, ladders, signals)
        np.testing.assert_array_equal(found.net_r, simulate_many(placed, ladders, signals))
        assert_single(found, placed, ladders, signals)

    check()


@pytest.mark.parametrize("step", [0.25, 0.0])
@pytest.mark.parametrize("with_signals", [False, True])
def test_outcomes_of_batches_on_long_markets(
    step: float, with_signals: bool, bars_from: Callable[..., Bars], placed_on: Place
) -> None:
    """Two symbols with gaps, both sides, many ladders with tables prepared (parameters on steps) or followed."""
    rng = np.random.default_rng(5)
    bars, trades = [], []
    for name in ("X", "Y"):
        close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.01, 400))), 2)
        opened = np.round(np.concatenate([[100], close[:-1]]) * np.exp(rng.normal(0, 0.004, 400)), 2)
        high = np.round(np.maximum(opened, close) * (1 + rng.exponential(0.004, 400)), 2)
        low = np.round(np.minimum(opened, close) * (1 - rng.exponential(0.004, 400)), 2)
        bars.append(bars_from(np.stack([opened, high, low, close], axis=1).tolist(), symbol=name))
        for t, side in zip(rng.integers(20, 399, 40), rng.choice([1, -1], 40), strict=True):
            # One trade in four brings its own stop; one in eight brings it on the wrong side, and is skipped.
            own = opened[t] - side * rng.choice([np.nan, np.nan, 3.0, -3.0], p=[0.4, 0.35, 0.15, 0.1])
            trades.append({"symbol": name, "bar": int(t), "side": int(side), "entry": float(opened[t]), "stop": own})
            trades[-1]["quantity"] = 12.0
    placed = placed_on(BarSet(bars), trades)
    base = ladder_from_mapping({"costs": {"commission_bps": 2, "slippage_bps": 1, "tick": 0.01, "lot": 1}})

    def draw(low: float, high: float) -> float:
        value = rng.uniform(low, high)
        return float(round(value / step) * step) if step else float(value)

    def rungs() -> tuple[Rung, ...]:
        levels = np.cumsum([draw(0.5, 2), draw(0.25, 2), draw(0.25, 2)])
        out = [Rung(f, Target(v, "R")) for f, v in zip((0.5, 0.25, 0.25), levels, strict=True)]
        if with_signals:
            out[1] = Rung(0.25, None, (Condition("give_back_r", ">=", draw(0.5, 2)), Condition("late", ">=", 0.5)))
        return tuple(out)

    ladders = [
        replace(
            base,
            rungs=rungs(),
            stop=Stop(
                initial=Distance(2.0, "ATR"),
                breakeven_after=1 if k % 3 else None,
                trail=Distance(draw(2, 6), "ATR") if k % 4 else None,
                trail_after=1 if k % 4 == 1 else None,
                trail_from=Distance(1.0, "R") if k % 4 == 2 else None,
                time=int(rng.integers(5, 90)) if k % 5 else None,
            ),
        )
        for k in range(120)
    ]
    made = batch.make_batch(ladders)
    assert (made.tabled_trails, made.tabled_cells) == (step > 0, step > 0)
    series = {"late": rng.uniform(size=placed.bars.n_bars)}
    signals = Signals.from_bars(placed, series, series) if with_signals else None
    found = simulate_outcomes(placed, ladders, signals)
    some = [0, 1, 2, 3, 17, 63, 119]
    part = Outcomes(*(getattr(found, name)[:, some] for name in ("net_r", "last_bar", "n_fills", "mfe_r")))
    assert_single(part, placed, [ladders[m] for m in some], signals)
    alone = simulate_outcomes(placed, ladders, signals, threads=1)
    for name in ("net_r", "last_bar", "n_fills", "mfe_r"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(found, name))
    np.testing.assert_array_equal(found.net_r, simulate_many(placed, ladders, signals))
    assert np.isnan(found.net_r[:, 0]).any() and (found.n_fills.max(), found.n_fills.min()) == (4, 0)
    assert np.unique(found.mfe_r).size > 300


# A long of 100 at 100, stop at 98: 1R is 2. What each ladder's trade comes to: bars from 0, fills, best R.
EXIT_BARS: dict[str, tuple[list[list[float]], dict[str, Any], tuple[int, int, float]]] = {
    "a bar that is stopped counts its open": (
        [[100.0, 101.0, 99.0, 100.5], [103.0, 109.0, 97.0, 98.0]], {}, (1, 2, 1.5)
    ),
    "a gap to the stop leaves what was": ([[100.0, 101.0, 99.0, 100.5], [97.0, 109.0, 96.0, 98.0]], {}, (1, 2, 0.5)),
    "the last rung counts at its price": (
        [[100.0, 101.0, 99.0, 100.5], [100.5, 109.0, 100.0, 101.0]],
        {"rungs": [{"fraction": 0.5, "target": "1R"}, {"fraction": 0.5, "target": "2R"}]}, (1, 3, 2.0),
    ),
    "a gap over the last rung counts the open": (
        [[100.0, 101.0, 99.0, 100.5], [105.0, 109.0, 104.0, 104.0]],
        {"rungs": [{"fraction": 0.5, "target": "2R"}, {"fraction": 0.5, "target": "1R"}]}, (1, 3, 2.5),
    ),
    "an entry's open beyond the target counts, and pays the target": (
        [[103.0, 109.0, 99.0, 100.5], [100.0, 109.0, 97.0, 98.0]], {"rungs": [{"fraction": 1.0, "target": "1R"}]},
        (0, 2, 1.5),
    ),
    "a rung without size changes nothing": (
        [[100.0, 105.0, 99.0, 100.5], [100.0, 109.0, 97.0, 98.0]],
        {"rungs": [{"fraction": 0.95, "target": "1R"}, {"fraction": 0.05, "target": "2R"}],
         "costs": {"min_quantity": 10}}, (0, 2, 1.0),
    ),
    "the price before slippage and tick": (
        [[100.0, 100.1, 99.0, 100.0], [100.7, 109.0, 97.0, 98.0]],
        {"stop": {"time": 1}, "costs": {"tick": 0.5, "slippage_bps": 50}}, (1, 2, 0.35),
    ),
    "a rung and the stop in one bar": (
        [[100.0, 100.5, 99.0, 100.0], [102.5, 109.0, 97.0, 98.0]], {"rungs": [{"fraction": 0.5, "target": "1R"}]},
        (1, 3, 1.25),
    ),
    "a signal's order at the open": (
        [[100.0, 101.5, 99.0, 101.0], [100.5, 109.0, 97.0, 98.0]],
        {"rungs": [{"fraction": 1.0, "when": ["open_r > 0"]}]}, (1, 2, 0.75),
    ),
    "still open, a rung sold": (
        [[100.0, 101.0, 99.0, 100.5], [100.5, 103.0, 100.0, 101.0]], {"rungs": [{"fraction": 0.5, "target": "1R"}]},
        (1, 2, 1.5),
    ),
}  # fmt: skip


@pytest.mark.usefixtures("batched")
@pytest.mark.parametrize("name", list(EXIT_BARS))
@pytest.mark.parametrize("side", [1, -1])
def test_what_the_bar_of_the_last_fill_counts(name: str, side: int, placed_on: Place) -> None:
    """X4 by hand, for longs and mirrored shorts."""
    rows, table, (last, fills, best) = EXIT_BARS[name]
    if side < 0:
        rows = [[200.0 - o, 200.0 - low, 200.0 - high, 200.0 - c] for o, high, low, c in rows]
    trade = {"entry": 100.0, "stop": 100.0 - 2.0 * side, "quantity": 100.0, "side": side, "at": "open"}
    placed = placed_on(rows, trade)
    ladder = ladder_from_mapping(table)
    assert batch.is_batchable(ladder)
    found = simulate_outcomes(placed, [ladder])
    assert (found.last_bar[0, 0], found.n_fills[0, 0]) == (last, fills)
    assert found.mfe_r[0, 0] == pytest.approx(best, rel=1e-12)
    assert_single(found, placed, [ladder], None)


def test_an_atr_that_is_not_known_and_ladders_that_fit_no_batch(placed_on: Place) -> None:
    """Tables are put together from what each kernel writes of its trades and ladders."""
    rows = [[100.0, 103.0, 99.0, 101.0]] * 20
    trades = [
        {"entry": 100.0, "stop": 98.0},
        {"entry": 100.0, "stop": 98.0, "bar": 16},
        {"entry": 100.0, "stop": 101.0},
    ]
    placed = placed_on(rows, trades)
    ladders = [Ladder(rungs=(Rung(1.0, Target(v, "ATR")),)) for v in (0.25, 0.5, 0.75, 1.0, 2.0)]
    others: list[dict[str, Any]] = [
        {"rungs": [{"fraction": 0.5, "target": "-0.4R"}]},
        {"execution": {"intrabar": "ohlc"}},
    ]
    ladders[1:1] = [ladder_from_mapping(table) for table in others]
    found = simulate_outcomes(placed, ladders)
    assert_single(found, placed, ladders, None)
    assert found.last_bar[2].tolist() == [-1] * 7 and found.n_fills[2].tolist() == [0] * 7


def test_a_worked_example(placed_on: Place) -> None:
    """The rule book's: sold at bars 2, 4 and 5; best 2.5 R; 0.8125 R net."""
    rows = [
        [50.0, 51.0, 49.0, 50.8], [50.8, 52.5, 50.5, 52.2], [52.2, 53.0, 51.0, 51.5], [54.5, 55.0, 53.9, 54.2],
        [53.0, 53.5, 49.5, 49.9],
    ]  # fmt: skip
    placed = placed_on(rows, {"entry": 50.0, "stop": 48.0, "quantity": 100.0})
    rungs = [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}]
    ladders = [ladder_from_mapping({"rungs": rungs, "stop": {"breakeven_after": 1}}), Ladder()]
    found = simulate_outcomes(placed, ladders, threads=1)
    np.testing.assert_allclose(found.net_r[0], [0.8125, -0.05], rtol=1e-12)
    assert found.mfe_r[0].tolist() == [2.5, 2.5]
    assert found.n_fills[0].tolist() == [4, 1]
    assert found.last_bar[0].tolist() == [4, 4]
    assert simulate_outcomes(placed, []).net_r.shape == (1, 0)
