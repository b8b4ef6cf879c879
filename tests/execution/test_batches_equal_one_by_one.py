"""Batches of ladders give what the bar-by-bar kernel gives, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import LadderError
from exitladder.execution import many_ladders, simulate, simulate_many, simulate_moments
from exitladder.execution.batch import grouping as batch
from exitladder.execution.kernel.compiled import source_files, source_number
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance, Target
from exitladder.settings.contracts import Contract, Contracts
from exitladder.trades.trades import PlacedTrades

Place = Callable[..., PlacedTrades]
HOUR = 3_600 * 10**9


@given(data=st.data())
def test_batches_equal_the_general_kernel(data: st.DataObject, worlds: ModuleType, placed_on: Place) -> None:
    world = data.draw(worlds.worlds(("stop_first",)))
    ladders = data.draw(st.lists(worlds.plain_ladders(worlds.plain_tables(world)), min_size=6, max_size=16))
    placed = placed_on(world.rows, world.trades)
    assert all(batch.is_batchable(ladder) for ladder in ladders)
    fast = simulate_many(placed, ladders)
    slow = np.stack([simulate(placed, ladder).r for ladder in ladders], axis=1)
    np.testing.assert_array_equal(fast, slow)


@given(data=st.data())
def test_batches_with_signal_rungs_equal_the_general_kernel(
    data: st.DataObject, worlds: ModuleType, placed_on: Place
) -> None:
    world = data.draw(worlds.worlds(("stop_first",)))
    ladders = data.draw(st.lists(worlds.plain_ladders(worlds.plain_tables(world)[:1], True), min_size=6, max_size=12))
    placed = placed_on(world.rows, world.trades)
    signals = data.draw(worlds.signals_of(placed))
    assert all(batch.is_batchable(ladder) for ladder in ladders)
    fast = simulate_many(placed, ladders, signals)
    slow = np.stack([simulate(placed, ladder, signals).r for ladder in ladders], axis=1)
    np.testing.assert_array_equal(fast, slow)


HOURS = (Contract(exchange_tz="America/New_York"), Contract(exchange_tz="UTC", session="02:00-09:00"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["slices", "signals", "clock"])
def test_batches_in_parts_equal_the_general_kernel(
    worlds: ModuleType, placed_on: Place, bars_from: Callable[..., Bars], kind: str
) -> None:
    """Slices, rungs that sell the rest and exits by the clock: every outcome, to the bit."""

    @settings(max_examples=max(settings().max_examples // 3, 1))
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        world = data.draw(worlds.worlds(("stop_first",)))
        tables = worlds.plain_tables(world)[:1]
        ladders = data.draw(
            st.lists(worlds.part_ladders(tables, kind == "signals", kind == "clock"), min_size=4, max_size=8)
        )
        steps = data.draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 16]), min_size=32, max_size=32))
        bars = bars_from(world.rows)
        bars = replace(bars, time=HOUR * np.cumsum(steps[: len(world.rows)]))
        hours = Contracts({"X": data.draw(st.sampled_from(HOURS))})
        trades = [{**trade, "time": int(bars.time[trade["bar"]])} for trade in world.trades]
        placed = placed_on(BarSet([bars]).with_contracts(hours), trades)
        signals = data.draw(worlds.signals_of(placed)) if kind == "signals" else None
        assert all(batch.is_batchable(ladder) for ladder in ladders)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batch, "LEAST_LADDERS", 1)
            # prepared for all bars, or followed
            patch.setattr(batch, "LADDERS_PER_TABLE", data.draw(st.sampled_from([0, 100])))
            found = many_ladders.simulate_outcomes(placed, ladders, signals)
            np.testing.assert_array_equal(simulate_many(placed, ladders, signals), found.net_r)
        for m, ladder in enumerate(ladders):
            columns = many_ladders.outcome_columns(simulate(placed, ladder, signals))
            for name, want in zip(("net_r", "last_bar", "n_fills", "mfe_r"), columns, strict=True):
                np.testing.assert_array_equal(getattr(found, name)[:, m], want)

    check()


def test_signal_rungs_due_with_one_another_and_with_the_time_stop(placed_on: Place) -> None:
    """At the open of bar 2: rungs 1 and 3 by their signals, the rest by time; the stop is below that open."""
    rows = [[100.0, 101.0, 99.5, 100.0], [100.0, 101.0, 99.5, 100.5], [97.0, 99.0, 96.0, 98.0], [98.0] * 4]
    placed = placed_on(rows, {"entry": 100.0, "stop": 98.0, "quantity": 10.0})
    when = (Condition("bars_held", ">=", 2.0),)
    costs = {"costs": {"commission_fixed": 1.0}}  # counts the fills
    base = ladder_from_mapping(costs)
    rungs = (Rung(0.25, None, when), Rung(0.25, Target(3.0, "R")), Rung(0.25, None, (*when, *when)))
    stops = [Stop(time=2), Stop(time=1), Stop(), Stop(time=2, breakeven_after=1), Stop(trail=Distance(1.0, "R"))]
    ladders = [replace(base, rungs=rungs, stop=stop) for stop in stops]
    r = simulate_many(placed, ladders)
    np.testing.assert_array_equal(r, np.stack([simulate(placed, ladder).r for ladder in ladders], axis=1))
    assert r[0].tolist() == [-1.5 - 0.2, -0.1, -1.5 - 0.2, -1.5 - 0.2, r[0, 4]]


def test_a_series_that_is_not_given_is_named(placed_on: Place) -> None:
    placed = placed_on([[100.0, 103.0, 99.0, 101.0]] * 3, {"entry": 100.0, "stop": 98.0})
    rung = Rung(1.0, None, (Condition("exhaustion", ">=", 0.5),))
    ladders = [Ladder(rungs=(rung,), stop=Stop(time=time)) for time in range(1, 7)]
    with pytest.raises(LadderError, match="reads the series 'exhaustion'"):
        simulate_many(placed, ladders)


@pytest.mark.parametrize("step", [0.25, 0.0])
def test_batches_on_long_markets(step: float, bars_from: Callable[..., Bars], placed_on: Place) -> None:
    """Long lives, many ladders; parameters on steps (prepared tables) and of any value (followed trails)."""
    rng = np.random.default_rng(3)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.01, 600))), 2)
    opened = np.round(np.concatenate([[100], close[:-1]]) * np.exp(rng.normal(0, 0.003, 600)), 2)
    high = np.round(np.maximum(opened, close) * (1 + rng.exponential(0.004, 600)), 2)
    low = np.round(np.minimum(opened, close) * (1 - rng.exponential(0.004, 600)), 2)
    bars = BarSet([bars_from(np.stack([opened, high, low, close], axis=1).tolist())])
    trades = [
        {"bar": int(t), "side": int(side), "entry": float(opened[t]), "quantity": 12.0}
        for t, side in zip(rng.integers(20, 500, 40), rng.choice([1, -1], 40), strict=True)
    ]
    placed = placed_on(bars, trades)
    base = ladder_from_mapping({"costs": {"commission_bps": 2, "slippage_bps": 1, "tick": 0.01, "lot": 1}})
    draw: Callable[[float, float], float] = (
        (lambda a, b: float(rng.integers(round(a / 0.25), round(b / 0.25)) * 0.25))
        if step
        else (lambda a, b: float(rng.uniform(a, b)))
    )
    ladders = [
        replace(
            base,
            rungs=tuple(Rung(0.25, Target(v, "R")) for v in np.cumsum([draw(0.5, 2), draw(0.25, 2), draw(0.25, 2)])),
            stop=Stop(
                initial=Distance(2.0, "ATR"),
                breakeven_after=1,
                trail=Distance(draw(2, 6), "ATR"),
                trail_after=1,
                time=90,
            ),
        )
        for _ in range(120)
    ]
    made = batch.make_batch(ladders)
    assert made.tabled_trails == (step > 0)
    fast = simulate_many(placed, ladders)
    for m in (0, 17, 63, 119):
        np.testing.assert_array_equal(fast[:, m], simulate(placed, ladders[m]).r)
    np.testing.assert_array_equal(simulate_many(placed, ladders, threads=1), fast)
    assert np.unique(fast).size > 1000


def test_what_does_not_fit_a_batch_runs_one_by_one(placed_on: Place) -> None:
    rows = [[100.0, 103.0, 99.0, 101.0]] * 6
    placed = placed_on(rows, {"entry": 100.0, "stop": 98.0})
    plain = [Ladder(rungs=(Rung(1.0, Target(v, "R")),)) for v in (0.5, 1.0, 1.4, 3.0)]
    others = [
        ladder_from_mapping({"rungs": [{"fraction": 1.0, "when": ["bars_held >= 2", "stop_distance_r < 2"]}]}),
        ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "-0.4R"}]}),
        ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": 102.0}], "execution": {"intrabar": "ohlc"}}),
        ladder_from_mapping({"costs": {"funding_bps_per_bar": 1.0}}),
    ]
    mixed = [plain[0], others[0], plain[1], others[1], plain[2], others[2], plain[3], others[3]]
    groups, alone = batch.batches(mixed)
    assert [g.tolist() for g in groups] == [[0, 2, 4, 6]]
    assert alone.tolist() == [1, 3, 5, 7]
    want = np.stack([simulate(placed, ladder).r for ladder in mixed], axis=1)
    np.testing.assert_array_equal(simulate_many(placed, mixed), want)


def test_an_atr_that_is_not_known_is_left_to_the_general_kernel(placed_on: Place) -> None:
    rows = [[100.0, 103.0, 99.0, 101.0]] * 20
    placed = placed_on(rows, [{"entry": 100.0, "stop": 98.0}, {"entry": 100.0, "stop": 98.0, "bar": 16}])
    ladders = [Ladder(rungs=(Rung(1.0, Target(v, "ATR")),)) for v in (0.25, 0.5, 0.75, 1.0, 2.0)]
    want = np.stack([simulate(placed, ladder).r for ladder in ladders], axis=1)
    np.testing.assert_array_equal(simulate_many(placed, ladders), want)


@pytest.mark.parametrize("unit", ["ATR", "R"])
def test_a_target_that_vanishes_beside_the_price_is_left_to_the_general_kernel(placed_on: Place, unit: str) -> None:
    """On bars that never moved, a target in ATR is at the entry: a stop order, which pays slippage."""
    trades = [{"entry": 100.0, "stop": 99.0}, {"entry": 100.0, "stop": 100.0 - 1e-12}]
    trades += [{"entry": 100.0, "stop": 101.0, "side": -1, "bar": 3}, {"entry": 100.0, "bar": 3}]
    placed = placed_on([[100.0] * 4] * 9, trades)
    base = ladder_from_mapping({"atr_window": 1, "costs": {"slippage_bps": 1}, "stop": {"initial": "2%"}})
    ladders = [replace(base, rungs=(Rung(0.5, Target(v, unit)),)) for v in (0.001, 0.002, 0.003, 0.004, 1.0)]
    assert len(batch.batches(ladders)[0]) == 1
    want = np.stack([simulate(placed, ladder).r for ladder in ladders], axis=1)
    np.testing.assert_array_equal(simulate_many(placed, ladders), want)
    assert want[2, 0] == pytest.approx(-0.005 if unit == "ATR" else 0.0)
    assert (want[1, 0] < 0.0) == (unit == "R")


@pytest.mark.parametrize("pairs", [1, 25, 10**6])
def test_moments_are_those_of_the_columns(placed_on: Place, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[100.0, 103.0, 99.0, 101.0], [101.0, 104.0, 97.0, 98.0], [98.0, 99.0, 95.0, 96.0]] * 7
    trades = [{"entry": 100.0, "stop": 98.0, "bar": k, "side": 1} for k in range(15)]
    trades += [{"entry": 100.0, "stop": 102.5, "bar": k, "side": -1} for k in range(9)]
    placed = placed_on(rows, [*trades, {"entry": 100.0, "stop": 101.0}])
    ladders = [Ladder(rungs=(Rung(0.5, Target(v, "R")),)) for v in (0.25, 0.5, 0.75, 1.0, 1.5)]
    ladders.append(ladder_from_mapping({"rungs": [{"fraction": 1.0, "when": ["bars_held >= 2"]}]}))
    monkeypatch.setattr(many_ladders, "PAIRS_AT_ONCE", pairs)
    r = simulate_many(placed, ladders)
    moments = simulate_moments(placed, ladders)
    assert moments.n.tolist() == [24] * 6
    np.testing.assert_allclose(moments.mean_r, np.nanmean(r, axis=0), atol=1e-12)
    np.testing.assert_allclose(moments.std_r, np.nanstd(r, axis=0, ddof=1), atol=1e-9)
    np.testing.assert_allclose(moments.downside_r, np.sqrt(np.nanmean(np.minimum(r[:-1], 0) ** 2, axis=0)), atol=1e-12)
    np.testing.assert_allclose(moments.win_rate, (r[:-1] > 0).mean(axis=0))
    np.testing.assert_array_equal([moments.worst_r, moments.best_r], [np.nanmin(r, axis=0), np.nanmax(r, axis=0)])


def test_moments_of_nothing(placed_on: Place) -> None:
    placed = placed_on([[100.0] * 4], {"entry": 100.0, "stop": 101.0})
    moments = simulate_moments(placed, [Ladder()])
    assert moments.n.tolist() == [0]
    assert np.isnan([moments.mean_r, moments.std_r, moments.worst_r, moments.best_r]).all()


def test_nothing_to_simulate(placed_on: Place) -> None:
    placed = placed_on([[100.0] * 4], {"entry": 100.0, "stop": 98.0})
    assert simulate_many(placed, []).shape == (1, 0)
    assert simulate_many(placed.take(np.empty(0, dtype=np.int64)), [Ladder()]).shape == (0, 1)


def test_every_compiled_file_is_in_the_key_of_the_cache() -> None:
    """Machine code of an old rule must not outlive the rule (see `exitladder.execution.kernel.compiled`)."""
    from pathlib import Path

    import exitladder.execution.kernel.compiled as sources

    room = Path(sources.__file__).parents[1]
    decorators = ("@njit", "@compiled", "@inlined")
    compiled = {path for path in room.rglob("*.py") if any(name in path.read_text() for name in decorators)}
    assert len(compiled) > 10 and compiled <= set(source_files())
    for path in compiled:
        text = path.read_text()
        assert text.count("cache=True") == text.count("_ = sources")
    assert source_number() == sources.SOURCES
