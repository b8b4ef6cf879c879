"""Volatility, volume, spreads, levels and calendar: closed forms, published vectors, planted values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import talib

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars
from exitladder.features.catalogue import find_column
from exitladder.features.families.volume import normal_cdf
from exitladder.features.higher_frame import higher_bars
from exitladder.features.market import Market
from exitladder.features.outside import Outside

DAY = 86_400 * 10**9


def closes(prices: npt.ArrayLike, volume: FloatArray | None = None) -> Bars:
    close = np.asarray(prices, dtype=np.float64)
    return Bars("A", DAY, np.arange(len(close)) * DAY, close, close, close, close, volume)


def get(name: str, bars: Bars, side: int = 1) -> FloatArray:
    column = find_column(name)
    assert column is not None
    return column.compute(Market(bars, side))


# Volatility


def test_range_based_volatilities_of_a_constant_bar() -> None:
    """Bars that open and close at 100 between 99 and 102, without gaps."""
    n = 60
    b = replace(closes(np.full(n, 100.0)), high=np.full(n, 102.0), low=np.full(n, 99.0))
    spread = np.log(102 / 99)
    assert get("parkinson_20", b)[-1] == pytest.approx(100 * spread / np.sqrt(4 * np.log(2)))
    assert get("garman_klass_20", b)[-1] == pytest.approx(100 * spread / np.sqrt(2))
    k = 0.34 / (1.34 + 21 / 19)
    rogers = np.log(102 / 100) ** 2 + np.log(99 / 100) ** 2
    assert get("yang_zhang_20", b)[-1] == pytest.approx(100 * np.sqrt((1 - k) * rogers))
    assert get("realised_20", b)[-1] == 0
    assert get("vol_of_vol_20", b)[-1] == 0


def test_volatilities_agree_on_a_fine_random_walk() -> None:
    rng = np.random.default_rng(0)
    path = 0.01 / np.sqrt(400) * np.cumsum(rng.normal(size=(1500 * 400)))
    path = np.exp(path).reshape(1500, 400)
    open_ = np.r_[1.0, path[:-1, -1]]
    high, low = np.maximum(path.max(1), open_), np.minimum(path.min(1), open_)
    b = replace(closes(path[:, -1]), open=open_, high=high, low=low)
    for name in ("realised_1400", "parkinson_1400", "garman_klass_1400", "yang_zhang_1400"):
        assert get(name, b)[-1] == pytest.approx(1.0, rel=0.06), name


# Volume


def test_volume_z_is_that_of_the_logs_and_silence_counts_as_the_least(walk: Callable[..., Bars]) -> None:
    b = walk(60)
    assert b.volume is not None
    logs = np.log(b.volume[-20:])
    assert get("volume_z_20", b)[-1] == pytest.approx((logs[-1] - logs.mean()) / logs.std(), rel=1e-12)
    volume = b.volume.copy()
    volume[-5] = 0.0
    logs = np.log(np.r_[volume[-20:-5], volume[volume > 0][-19:].min(), volume[-4:]])
    assert get("volume_z_20", replace(b, volume=volume))[-1] == pytest.approx((logs[-1] - logs.mean()) / logs.std())
    assert np.isnan(get("volume_z_20", replace(b, volume=np.r_[np.ones(40), np.zeros(20)]))[-1])


def test_bulk_classification_of_no_move_and_of_one_deviation() -> None:
    """A window whose last change is one deviation: the normal CDF at 0 and at 1."""
    assert normal_cdf(np.array([0.0, 1.0, -1.0])).round(4).tolist() == [0.5, 0.8413, 0.1587]
    flat = closes(np.full(60, 5.0), np.ones(60))
    assert get("bulk_buying_20", flat)[-1] == 0.5
    # Changes of +1 and -1 in turn have deviation 1 and mean 0: half the volume at CDF(1), half at CDF(-1).
    swing = closes(100 + np.arange(60) % 2.0, np.where(np.arange(60) % 2 == 1, 3.0, 1.0))
    assert get("bulk_buying_20", swing)[-1] == pytest.approx(0.75 * 0.841344746 + 0.25 * 0.158655254)


def test_close_location_and_signed_volume_of_a_bar_on_its_high() -> None:
    n = 30
    b = replace(closes(np.full(n, 10.0), np.ones(n)), low=np.full(n, 9.0))
    assert get("clv", b)[-1] == 1.0
    assert get("signed_volume_10", b)[-1] == 1.0
    assert get("signed_volume_10", b, -1)[-1] == -1.0


def test_climax_and_the_bars_since() -> None:
    n = 60
    volume = np.ones(n)
    volume[40] = 50.0
    b = replace(closes(np.full(n, 10.0), volume), high=np.full(n, 11.0))
    assert get("volume_climax_20", b)[40] == pytest.approx(50 / (69 / 20))
    n = 160
    volume = np.ones(n)
    volume[90] = 50.0
    b = replace(closes(np.full(n, 10.0), volume), high=np.full(n, 11.0))
    assert get("bars_since_climax_50", b)[[89, 90, 95, 140, 150]].tolist() == [50, 0, 5, 50, 50]


def test_surge_is_over_the_median_of_the_bars_before(walk: Callable[..., Bars]) -> None:
    b = walk(200)
    assert b.volume is not None
    before = np.lib.stride_tricks.sliding_window_view(b.volume, 20)[:-1]
    want = np.log(b.volume[20:] / np.median(before, axis=1))
    np.testing.assert_allclose(get("volume_surge_20", b)[20:], want, rtol=0, atol=1e-12)
    want = np.log(b.volume[7:] / np.median(np.lib.stride_tricks.sliding_window_view(b.volume, 7)[:-1], axis=1))
    np.testing.assert_allclose(get("volume_surge_7", b)[7:], want, rtol=0, atol=1e-12)


def test_a_surge_of_volume_is_remembered_to_the_cap() -> None:
    volume = np.full(200, 8.0)
    volume[[100, 110]] = 20.0, 20.1  # 2.5 times is none, more is one
    since = get("bars_since_surge_50", closes(np.full(200, 10.0), volume))
    assert np.isnan(since[:69]).all()
    assert since[[69, 100, 109, 110, 111, 159, 160, 199]].tolist() == [50, 50, 50, 0, 1, 49, 50, 50]
    for usual in (2.0, 6.0, 14.0, 400.0, 1e6):
        volume = np.where(np.arange(200) == 100, 2.5 * usual, usual)
        assert set(get("bars_since_surge_50", closes(np.full(200, 10.0), volume))[69:]) == {50.0}


def test_silent_bars_are_no_part_of_the_median() -> None:
    volume = np.where(np.arange(120) % 2 == 0, 8.0, 0.0)
    surge = get("volume_surge_20", closes(np.full(120, 10.0), volume))
    assert set(surge[20:]) == {0.0}  # a silent bar counts as the smallest, which is the median
    volume[-1] = np.nan
    assert get("volume_surge_20", closes(np.full(120, 10.0), volume))[-1] == 0.0
    volume[60:] = 0.0
    halted = closes(np.full(120, 10.0), volume)
    assert np.isnan(get("volume_surge_20", halted)[80:]).all()
    assert np.isnan(get("bars_since_surge_50", halted)[80:]).all()


def test_a_wide_bar_is_remembered_to_the_cap() -> None:
    high = np.full(200, 11.0)
    high[100] = 12.6  # the true range is 2.6 times the ATR before
    high[101] = 12.4
    b = replace(closes(np.full(200, 10.0)), high=high)
    since = get("bars_since_expansion_50", b)
    assert np.isnan(since[:64]).all()
    assert since[[64, 99, 100, 101, 149, 150, 199]].tolist() == [50, 50, 0, 1, 49, 50, 50]


# Spreads

EDGE_ROWS = np.array(
    [
        [1.00240075994025, 1.00935878365403, 0.976061138469904, 0.976061138469904],
        [0.929743096395543, 0.929774737723069, 0.928919694164385, 0.929774737723069],
        [0.943911414384193, 0.968140794511406, 0.943911414384193, 0.968140794511406],
        [0.977605378856722, 0.977605378856722, 0.977605378856722, 0.977605378856722],
        [0.961535370407048, 0.99982474278851, 0.961535370407048, 0.986215329667607],
        [0.982409003083975, 0.992213437101346, 0.982409003083975, 0.992213437101346],
        [1.03435413274433, 1.03435413274433, 1.03435413274433, 1.03435413274433],
        [1.0201424300403, 1.04025465277235, 1.0201424300403, 1.03219266262805],
        [1.03650094499406, 1.03650094499406, 1.03650094499406, 1.03650094499406],
        [1.05368509087896, 1.05368509087896, 1.02605242183949, 1.02798086837104],
    ]
)


def ohlc(rows: FloatArray) -> Bars:
    open_, high, low, close = (np.ascontiguousarray(c) for c in rows.T)
    return Bars("A", DAY, np.arange(len(rows)) * DAY, open_, high, low, close)


def test_edge_of_the_authors_rows() -> None:
    """The first ten rows of the estimator's reference data give -1.6889917516422 % (signed)."""
    assert get("edge_10", ohlc(EDGE_ROWS))[-1] == pytest.approx(-1.6889917516422, rel=1e-12)
    flat = [[18.21, 18.21, 17.61, 17.61], [17.61] * 4, [17.61] * 4]
    assert np.isnan(get("edge_3", ohlc(np.array(flat)))[-1])


def test_edge_is_that_of_the_reference_implementation() -> None:
    """Values of the authors' Python package (bidask 2) on 14 simulated bars."""
    rows = [
        [19.95, 19.48, 19.98, 19.88, 18.93, 19.14, 19.27, 18.7, 19.44, 19.3, 18.71, 18.88, 18.55, 19.08],
        [20.38, 20.36, 20.2, 19.88, 19.54, 19.46, 19.27, 19.57, 19.68, 19.96, 19.46, 18.88, 19.16, 19.42],
        [19.76, 19.48, 19.59, 19.18, 18.93, 18.72, 18.87, 18.7, 19.31, 19.05, 18.71, 18.11, 18.55, 18.96],
        [19.8, 20.36, 19.59, 19.22, 19.0, 18.72, 19.1, 19.45, 19.68, 19.05, 19.32, 18.37, 19.16, 19.42],
    ]
    bars = ohlc(np.array(rows).T)
    assert get("edge_14", bars)[-1] == pytest.approx(2.574416915888456, rel=1e-12)
    assert get("edge_10", ohlc(np.array(rows).T[:10]))[-1] == pytest.approx(2.7803659474221327, rel=1e-12)


def simulated(spread: float, n: int = 2000) -> Bars:
    """Closes of a driftless walk of 3 % a bar, traded 390 times a bar at bid or ask."""
    rng = np.random.default_rng(2)
    middle = np.exp(np.cumsum(rng.normal(scale=0.03 / np.sqrt(390), size=n * 390))).reshape(n, 390)
    traded = middle * (1 + spread / 2 * rng.choice([-1, 1], size=middle.shape))
    return ohlc(np.column_stack([traded[:, 0], traded.max(1), traded.min(1), traded[:, -1]]))


def test_spread_estimates_find_a_planted_spread() -> None:
    bars = simulated(0.01)
    assert get("edge_1900", bars)[-1] == pytest.approx(1.0, abs=0.15)
    assert get("corwin_schultz_1900", bars)[-1] == pytest.approx(0.9, abs=0.25)
    assert abs(get("abdi_ranaldo_1900", bars)[-1]) == pytest.approx(0.8, abs=0.5)


def test_corwin_schultz_of_two_bars_by_hand() -> None:
    """High 10.2, low 9.8, close 10 twice: beta = 2 l², gamma = l² with l = ln(10.2 / 9.8)."""
    rows = np.tile([10.0, 10.2, 9.8, 10.0], (3, 1))
    length = np.log(10.2 / 9.8)
    constant = 3 - 2 * np.sqrt(2)
    alpha = (2 * length - np.sqrt(2) * length) / constant - np.sqrt(length**2 / constant)
    want = 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))
    assert get("corwin_schultz_2", ohlc(rows))[-1] == pytest.approx(100 * want, rel=1e-12)
    assert want == pytest.approx(length, rel=0.01)  # a spread and no movement: all range is spread


def test_amihud_is_one_where_nothing_changes_and_two_where_volume_halves() -> None:
    prices = 100 * 1.01 ** (np.arange(300) % 2)
    steady = closes(prices, np.ones(300))
    assert get("amihud_ratio_20_250", steady)[-1] == pytest.approx(1, abs=1e-9)
    thin = np.ones(300)
    thin[-20:] = 0.5
    want = 2 / ((230 + 2 * 20) / 250)
    assert get("amihud_ratio_20_250", closes(prices, thin))[-1] == pytest.approx(want, rel=1e-9)


# Levels


def test_levels_of_a_planted_swing() -> None:
    """A low of 88 and a high of 112, then 104: the upswing is 24, resistance is 8 above, support 16 below."""
    path = np.r_[np.linspace(100, 90, 11), np.linspace(92, 110, 10), np.linspace(109, 104, 6)]
    prices = np.r_[np.full(240, 100.0), path]
    b = replace(closes(prices), high=prices + 2, low=prices - 2)
    atr = talib.ATR(b.high, b.low, b.close, 14)
    assert get("resistance_250", b)[-1] == pytest.approx(8 / atr[-1])
    assert get("support_250", b)[-1] == pytest.approx(16 / atr[-1])
    assert get("swing_age_250", b)[-1] == 6
    assert get("fib_extension_250", b)[-1] == pytest.approx((104 - 88) / 24)
    assert get("fib_distance_1618_250", b)[-1] == pytest.approx((88 + 1.618 * 24 - 104) / atr[-1])
    # Five bars after the high it is confirmed; four bars after it, it is not yet.
    top = 240 + 20
    assert prices[top] == 110
    assert get("swing_age_250", b)[top + 5] == 5
    assert get("swing_age_250", b)[top + 4] > 5


@pytest.mark.parametrize(
    ("price", "ahead", "behind"),
    [(103.0, 7.0, 3.0), (110.0, 0.0, 0.0), (57.3, 0.7, 0.3), (1.1, 0.0, 0.0), (1.0845, 0.0155, 0.0845)],
)
def test_round_numbers(price: float, ahead: float, behind: float) -> None:
    n = 40
    size = price * 0.05
    b = replace(closes(np.full(n, price)), high=np.full(n, price + size / 2), low=np.full(n, price - size / 2))
    assert get("round_ahead", b)[-1] * size == pytest.approx(ahead, abs=1e-9)
    assert get("round_behind", b)[-1] * size == pytest.approx(behind, abs=1e-9)
    assert get("round_ahead", b, -1)[-1] * size == pytest.approx(behind, abs=1e-9)


# Calendar and higher frames


def test_calendar_of_a_week_of_days() -> None:
    days = np.array([0, 1, 4, 5, 6, 7, 8, 11]) + 1  # Friday 1970-01-02, Saturday, Tuesday ...
    n = len(days)
    b = replace(closes(np.arange(100.0, 100.0 + n)), time=days * DAY)
    assert get("day_of_week", b).tolist() == [4, 5, 1, 2, 3, 4, 5, 1]
    assert get("break_bars", b)[1:].tolist() == pytest.approx([0, np.log(3), 0, 0, 0, 0, np.log(3)])
    assert get("bars_since_break_100", b).tolist() == [100, 100, 0, 1, 2, 3, 4, 0]
    assert get("time_of_day", b).tolist() == [0] * n


def test_time_of_day_is_that_of_the_start() -> None:
    b = replace(closes(np.arange(100.0, 148.0)), time=np.arange(48) * DAY // 24, interval_ns=DAY // 24)
    assert get("time_of_day", b)[6] == 0.25


def hourly(first: str, n: int, volume: FloatArray | None = None) -> Bars:
    start = pd.Timestamp(first).value
    return replace(closes(np.full(n, 10.0), volume), time=start + np.arange(n) * DAY // 24, interval_ns=DAY // 24)


def on_clock(name: str, bars: Bars, tz: str) -> FloatArray:
    column = find_column(name)
    assert column is not None
    return column.compute(Market(bars, 1, Outside(exchange_tz=tz)))


@pytest.mark.parametrize(
    ("day", "utc_hour"), [("2024-03-08", 14), ("2024-03-11", 13), ("2024-11-01", 13), ("2024-11-04", 14)]
)
def test_the_exchanges_clock_keeps_daylight_saving(day: str, utc_hour: int) -> None:
    """Nine o'clock in New York is 14:00 UTC in winter and 13:00 UTC in summer."""
    bars = hourly(f"{day}T00:00Z", 24)
    assert on_clock("time_of_day", bars, "America/New_York")[utc_hour] * 24 == 9.0
    assert on_clock("time_of_day", bars, "UTC")[utc_hour] * 24 == utc_hour
    # Half past nine begins between the bars of nine and ten.
    assert np.flatnonzero(get("session_new_york", bars)).tolist() == list(range(utc_hour + 1, utc_hour + 7))


def test_weekday_is_that_of_the_place() -> None:
    """Sunday evening in New York is Monday in UTC and in Tokyo, whose session has begun."""
    bars = hourly("2024-01-08T00:00Z", 3)
    assert on_clock("day_of_week", bars, "America/New_York").tolist() == [6, 6, 6]
    assert on_clock("day_of_week", bars, "Asia/Tokyo").tolist() == [0, 0, 0]
    assert get("session_tokyo", bars).tolist() == [1, 1, 1]
    assert get("session_london", hourly("2024-07-08T06:00Z", 12)).tolist() == [0] + [1] * 9 + [0] * 2
    assert not get("session_london", hourly("2024-07-06T00:00Z", 48)).any()


def test_a_days_stamp_at_midnight_utc_is_its_date_on_every_clock() -> None:
    days = closes(np.arange(100.0, 105.0))
    assert on_clock("day_of_week", days, "America/New_York").tolist() == get("day_of_week", days).tolist()
    local = replace(days, time=days.time + DAY * 5 // 24)  # midnight in New York
    assert on_clock("day_of_week", local, "America/New_York").tolist() == get("day_of_week", days).tolist()
    assert np.isnan(get("session_new_york", days)).all()


def test_volume_of_a_slot_goes_by_the_exchanges_clock() -> None:
    """Volume that peaks at the local opening is usual at the local opening, also after the clocks change."""
    bars = hourly("2024-02-20T00:00Z", 24 * 30)
    local = pd.DatetimeIndex(bars.time.view("M8[ns]")).tz_localize("UTC").tz_convert("America/New_York")
    rng = np.random.default_rng(0)
    bars = replace(bars, volume=np.where(local.hour == 9, 50.0, 1.0) * rng.uniform(0.9, 1.1, len(bars)))
    after = np.asarray(local.strftime("%m-%d %H") >= "03-10 03") & np.asarray(local.strftime("%m-%d") < "03-11")
    assert np.abs(on_clock("volume_slot_z_10", bars, "America/New_York")[after]).max() < 5
    assert np.abs(on_clock("volume_slot_z_10", bars, "UTC")[after]).max() > 20


def test_higher_frame_is_the_feature_of_closed_longer_bars(walk: Callable[..., Bars]) -> None:
    hours = replace(walk(24 * 60), time=np.arange(24 * 60) * DAY // 24 + 4 * DAY, interval_ns=DAY // 24)
    fours = Bars(
        "A", DAY // 6, hours.time[::4], hours.open[::4], hours.high.reshape(-1, 4).max(1),
        hours.low.reshape(-1, 4).min(1), hours.close[3::4],
    )  # fmt: skip
    want = get("rsi_14", fours)
    got = get("rsi_14_x4", hours)
    bar = np.arange(100, 24 * 60)
    # At the fourth hour's close the bar of four hours is closed, an hour earlier it is not.
    closed = (bar + 1) // 4 - 1
    assert np.array_equal(got[bar], want[closed])


def test_a_missing_last_hour_closes_the_longer_bar_with_the_next(walk: Callable[..., Bars]) -> None:
    keep = np.array([0, 1, 2, 4, 5, 6, 7, 8])
    hours = replace(walk(8), time=keep * DAY // 24 + 4 * DAY, interval_ns=DAY // 24)
    higher, closed = higher_bars(hours, 4)
    assert closed.tolist() == [-1, -1, -1, 0, 0, 0, 1, 1]
    assert higher.close[0] == hours.close[2]
