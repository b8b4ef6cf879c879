"""What must hold for every column of the catalogue, on made and on real bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars
from exitladder.features.catalogue import default_columns
from exitladder.features.feature import Column
from exitladder.features.market import Market
from exitladder.features.outside import ExtraSeries, Outside, Steps

COLUMNS = default_columns()
NAMES = [c.name for c in COLUMNS]
HOUR = 3600 * 10**9
# Volume at the same time of day is looked up over days: its warm-up is longer than the series here.
SLOTS = {"volume_slot_z_10"}


def part(bars: Bars, begin: int, end: int) -> Bars:
    return replace(
        bars,
        time=bars.time[begin:end],
        open=bars.open[begin:end],
        high=bars.high[begin:end],
        low=bars.low[begin:end],
        close=bars.close[begin:end],
        volume=None if bars.volume is None else bars.volume[begin:end],
    )


def outside(bars: Bars, changed_after: int | None = None) -> Outside:
    """A clock, and a benchmark and a series that go by the time alone: others for what is known after a moment."""
    step = max(HOUR, bars.interval_ns * 2 // 3 // HOUR * HOUR)
    known = np.arange(bars.time[0] // step - 400, bars.time[-1] // step + 3, dtype=np.int64) * step
    hours = known / HOUR
    value = 50.0 + 10.0 * np.sin(hours * 0.7311) + 5.0 * np.cos(hours * 12.9898)
    if changed_after is not None:
        value = np.where(known > changed_after, 77.0 + 40.0 * np.sin(hours * 5.3), value)
    vix = ExtraSeries("close", 0, True, {"": Steps(known, value**2)})
    return Outside("SPY", Steps(known, value), {"vix": vix}, "America/New_York")


def see(bars: Bars, side: int, changed_after: int | None = None) -> Market:
    return Market(bars, side, outside(bars, changed_after))


def every(bars: Bars, side: int, changed_after: int | None = None) -> dict[str, FloatArray]:
    market = see(bars, side, changed_after)
    return {c.name: c.compute(market) for c in COLUMNS}


def same(a: FloatArray, b: FloatArray) -> bool:
    return a.tobytes() == b.tobytes() or np.array_equal(a, b, equal_nan=True)


def spoiled(bars: Bars, after: int) -> Bars:
    """The same bars up to `after`, wild ones behind."""
    rng = np.random.default_rng(9)
    later = np.arange(len(bars)) > after
    factor = np.where(later, rng.uniform(0.2, 5.0, len(bars)), 1.0)
    volume = None if bars.volume is None else np.where(later, rng.lognormal(12, 3, len(bars)), bars.volume)
    high, low = bars.high * factor, bars.low * factor
    return replace(
        bars,
        open=np.where(later, low, bars.open),
        high=high,
        low=low,
        close=np.where(later, high, bars.close),
        volume=volume,
    )


def check_never_ahead(bars: Bars, t: int, side: int) -> None:
    whole = every(bars, side)
    cut = every(part(bars, 0, t + 1), side)
    other = every(spoiled(bars, t), side, int(bars.time[t] + bars.interval_ns))
    for name in NAMES:
        assert same(whole[name][: t + 1], cut[name]), (
            f"{name} at or before bar {t} changed when later bars were cut off"
        )
        assert same(whole[name][: t + 1], other[name][: t + 1]), f"{name} at or before bar {t} changed with later bars"


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("t", [0, 60, 333, 561, 698])
def test_never_ahead_on_real_bars(real_bars: Bars, t: int, side: int) -> None:
    check_never_ahead(real_bars, t, side)


@st.composite
def rough_bars(draw: st.DrawFn) -> Bars:
    """Bars on a grid of ticks with flat stretches, silent bars, breaks and, at times, prices below zero."""
    n = draw(st.integers(1, 420))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tick = draw(st.sampled_from([0.25, 0.01, 1e-8, 1000.0]))
    base = draw(st.sampled_from([0, 40, 1000]))
    step = rng.integers(-3, 4, n) * (rng.random(n) < draw(st.sampled_from([0.02, 0.9])))
    close = base + np.cumsum(step)
    open_ = close - rng.integers(-2, 3, n) * (rng.random(n) < 0.7)
    high = np.maximum(open_, close) + rng.integers(0, 3, n) * (rng.random(n) < 0.6)
    low = np.minimum(open_, close) - rng.integers(0, 3, n) * (rng.random(n) < 0.6)
    if base:
        shift = max(0, 1 - int(low.min()))
        open_, high, low, close = (x + shift for x in (open_, high, low, close))
    time = np.cumsum(np.where(rng.random(n) < 0.1, rng.integers(2, 40, n), 1)) * HOUR
    volume = draw(st.sampled_from([None, "some", "none", "nan"]))
    traded = np.where(rng.random(n) < 0.3, 0.0, rng.lognormal(2, 2, n))
    kinds = {"some": traded, "none": np.zeros(n), "nan": np.where(traded == 0, np.nan, traded)}
    prices = np.column_stack([open_, high, low, close]).astype(np.float64).T * tick
    o, h, low_, c = (p.copy() for p in prices)
    return Bars("X", HOUR, time, o, h, low_, c, None if volume is None else kinds[volume])


@settings(max_examples=25, deadline=None)
@given(bars=rough_bars(), where=st.floats(0, 1), side=st.sampled_from([1, -1]))
def test_never_ahead_on_rough_bars(bars: Bars, where: float, side: int) -> None:
    check_never_ahead(bars, int(where * (len(bars) - 1)), side)


@settings(max_examples=40, deadline=None)
@given(bars=rough_bars(), side=st.sampled_from([1, -1]))
def test_never_infinite_and_missing_only_where_declared(bars: Bars, side: int) -> None:
    positive = bool((bars.low > 0).all())
    traded = bars.volume is not None and bool(np.any(bars.volume > 0))
    for column in COLUMNS:
        values = column.compute(see(bars, side))
        assert values.shape == (len(bars),)
        assert values.dtype == np.float64
        assert not np.isinf(values).any(), column.name
        assert np.isnan(values[: column.first]).all(), column.name
        need = column.feature.needs
        if column.feature.may_miss or (need == "log" and not positive) or (need == "volume" and not traded):
            continue
        assert not np.isnan(values[column.first :]).any(), f"{column.name} has a hole after its warm-up"


def test_missing_exactly_while_warming_up_on_real_bars(real_bars: Bars) -> None:
    for column in COLUMNS:
        values = column.compute(see(real_bars, 1))
        if column.feature.needs == "volume" and real_bars.volume is None:
            assert np.isnan(values).all()
        elif not column.feature.may_miss:
            assert np.isnan(values[: column.first]).all(), column.name
            assert np.isfinite(values[column.first :]).all(), column.name


@pytest.mark.parametrize("column", COLUMNS, ids=NAMES)
def test_a_series_shorter_than_the_warm_up_is_all_missing(column: Column, walk: Callable[..., Bars]) -> None:
    for n in {1, max(column.first, 1)}:
        if column.first:
            assert np.isnan(column.compute(see(walk(n), 1))).all()


@pytest.mark.parametrize("column", COLUMNS, ids=NAMES)
def test_a_series_one_longer_has_one_value(column: Column, walk: Callable[..., Bars]) -> None:
    values = column.compute(see(walk(column.first + 1), 1))
    assert np.isnan(values[:-1]).all()
    if not column.feature.may_miss:
        assert np.isfinite(values[-1])


def test_a_chunk_with_its_warm_up_gives_what_the_whole_history_gives(real_bars: Bars) -> None:
    whole = every(real_bars, 1)
    for column in COLUMNS:
        if column.name in SLOTS or column.warm_up > 650:
            continue
        for t in (660, 699):
            chunk = column.compute(see(part(real_bars, t - column.warm_up, t + 1), 1))[-1]
            want = whole[column.name][t]
            if column.feature.memory(*column.values) == 0:
                assert np.array_equal(chunk, want, equal_nan=True), f"{column.name}: {chunk!r} and {want!r}"
            else:
                scale = max(1.0, float(np.nanmax(np.abs(whole[column.name]), initial=0.0)))
                np.testing.assert_allclose(chunk, want, rtol=0, atol=1e-6 * scale, err_msg=column.name)


def test_a_chunk_serves_higher_frames_too(walk: Callable[..., Bars]) -> None:
    bars = walk(1500, 5)
    for column in (c for c in COLUMNS if c.frame > 1):
        whole = column.compute(see(bars, -1))
        for t in (1496, 1497, 1498, 1499):
            chunk = column.compute(see(part(bars, t - column.warm_up, t + 1), -1))[-1]
            np.testing.assert_allclose(chunk, whole[t], rtol=0, atol=1e-7, err_msg=column.name)


def test_volume_of_a_slot_needs_its_days_only() -> None:
    rng = np.random.default_rng(0)
    n, per_day = 24 * 40, 24
    close = 100 + np.cumsum(rng.normal(size=n))
    bars = Bars("A", HOUR, np.arange(n) * HOUR, close, close + 1, close - 1, close, rng.lognormal(size=n))
    (column,) = [c for c in COLUMNS if c.name == "volume_slot_z_10"]
    whole = column.compute(see(bars, 1))
    chunk = column.compute(see(part(bars, n - 1 - 10 * per_day, n), 1))
    assert whole[-1] == chunk[-1]
    past = np.log(bars.volume[n - 1 - 10 * per_day : n - 1 : per_day])  # type: ignore[index]
    assert whole[-1] == pytest.approx((np.log(bars.volume[-1]) - past.mean()) / past.std(), rel=1e-12)  # type: ignore[index]


# Mirror symmetry: what a short sees is what a long sees of the mirrored market.


def scale_of(values: FloatArray) -> float:
    return max(1.0, float(np.nanmax(np.abs(values), initial=0.0)))


def check_law(column: Column, long: FloatArray, short: FloatArray) -> None:
    wanted = {"odd": -long, "even": long, "complement_1": 1.0 - long, "complement_100": 100.0 - long}
    law = column.feature.mirror
    if law == "own":
        return
    np.testing.assert_allclose(short, wanted[law], rtol=0, atol=1e-12 * scale_of(long), err_msg=column.name)


def test_mirror_laws_on_real_bars(real_bars: Bars) -> None:
    long, short = every(real_bars, 1), every(real_bars, -1)
    for column in COLUMNS:
        check_law(column, long[column.name], short[column.name])


@settings(max_examples=25, deadline=None)
@given(bars=rough_bars())
def test_mirror_laws_on_rough_bars(bars: Bars) -> None:
    long, short = every(bars, 1), every(bars, -1)
    for column in COLUMNS:
        check_law(column, long[column.name], short[column.name])


def negated(bars: Bars) -> Bars:
    return replace(bars, open=-bars.open, high=-bars.low, low=-bars.high, close=-bars.close)


@settings(max_examples=25, deadline=None)
@given(bars=rough_bars())
def test_a_short_is_a_long_of_the_negated_market_to_the_bit(bars: Bars) -> None:
    """The market itself is mirrored here; logarithms do not exist there and are left to the laws."""
    seen = outside(bars)
    assert seen.closes is not None
    vix = {"vix": replace(seen.series["vix"], steps={"": Steps(seen.closes.known, -(seen.closes.value**2))})}
    mirrored = Market(
        negated(bars), 1, Outside("SPY", Steps(seen.closes.known, -seen.closes.value), vix, seen.exchange_tz)
    )
    short, long = every(bars, -1), {c.name: c.compute(mirrored) for c in COLUMNS}
    for column in COLUMNS:
        if column.feature.needs != "log":
            assert same(short[column.name], long[column.name]), column.name


@pytest.mark.parametrize(
    ("a", "b"), [("below_high_20", "above_low_20"), ("resistance_250", "support_250"), ("round_ahead", "round_behind")]
)
def test_pairs_change_places(real_bars: Bars, a: str, b: str) -> None:
    long, short = every(real_bars, 1), every(real_bars, -1)
    np.testing.assert_allclose(short[a], long[b], rtol=0, atol=1e-12)
    np.testing.assert_allclose(short[b], long[a], rtol=0, atol=1e-12)


# Free of price: units do not matter.


def scaled(bars: Bars, price: float, volume: float) -> Bars:
    return replace(
        bars,
        open=bars.open * price,
        high=bars.high * price,
        low=bars.low * price,
        close=bars.close * price,
        volume=None if bars.volume is None else bars.volume * volume,
    )


@pytest.mark.parametrize("power", [-40, 3])
def test_prices_and_volumes_times_a_power_of_two_change_nothing(walk: Callable[..., Bars], power: int) -> None:
    bars = walk(400, 8)
    one, other = every(bars, 1), every(scaled(bars, 2.0**power, 2.0**-power), 1)
    for column in COLUMNS:
        if column.name.startswith("round_"):
            continue  # round numbers are those of the quoted price
        if column.feature.needs == "":
            assert same(one[column.name], other[column.name]), column.name
        else:
            np.testing.assert_allclose(other[column.name], one[column.name], rtol=1e-9, atol=1e-9, err_msg=column.name)


def test_computing_one_column_does_not_change_another(walk: Callable[..., Bars]) -> None:
    """Shared intermediates are never written to: any order gives the same bits."""
    bars = walk(400, 8)
    alone = {c.name: c.compute(see(bars, 1)) for c in COLUMNS}
    market = see(bars, 1)
    for column in reversed(COLUMNS):
        assert same(column.compute(market), alone[column.name]), column.name
