"""Momentum, oscillators, stretch and regime: published vectors, closed forms, independent slow references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import talib
from arch.unitroot import VarianceRatio

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars
from exitladder.features.catalogue import find_column
from exitladder.features.market import Market

DAY = 86_400 * 10**9

STOCKCHARTS = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931,
    46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521,
    45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
]  # fmt: skip
STOCKCHARTS_RSI = [
    70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99, 41.46, 41.87,
    45.46, 37.30, 33.08, 37.77,
]  # fmt: skip


def closes(prices: npt.ArrayLike, volume: FloatArray | None = None) -> Bars:
    close = np.asarray(prices, dtype=np.float64)
    return Bars("A", DAY, np.arange(len(close)) * DAY, close, close, close, close, volume)


def get(name: str, bars: Bars, side: int = 1) -> FloatArray:
    column = find_column(name)
    assert column is not None
    return column.compute(Market(bars, side))


def slow_rsi(close: FloatArray, n: int) -> FloatArray:
    """Wilder's RSI as in his book, with plain loops."""
    out = np.full(len(close), np.nan)
    gains = [max(b - a, 0.0) for a, b in pairwise(close)]
    losses = [max(a - b, 0.0) for a, b in pairwise(close)]
    up, down = sum(gains[:n]) / n, sum(losses[:n]) / n
    for t in range(n, len(close)):
        if t > n:
            up, down = (up * (n - 1) + gains[t - 1]) / n, (down * (n - 1) + losses[t - 1]) / n
        out[t] = 100.0 * up / (up + down)
    return out


# RSI


def test_rsi_of_the_stockcharts_series() -> None:
    values = get("rsi_14", closes(STOCKCHARTS))
    assert np.isnan(values[:14]).all()
    assert values[14:].round(2).tolist() == STOCKCHARTS_RSI


def test_rsi_is_wilders(walk: Callable[..., Bars]) -> None:
    bars = walk(400)
    for n in (7, 14):
        np.testing.assert_allclose(get(f"rsi_{n}", bars)[n:], slow_rsi(bars.close, n)[n:], rtol=1e-12)


def test_rsi_is_started_with_the_mean_and_not_with_the_first_change() -> None:
    """An exponential average without Wilder's start reads 50.75 or 71.86 at the first bar."""
    assert get("rsi_14", closes(STOCKCHARTS))[14] == pytest.approx(70.53, abs=0.005)


def test_rsi_of_a_series_without_change_is_50_and_of_one_way_0_or_100() -> None:
    assert set(get("rsi_14", closes(np.full(60, 3.7)))[14:]) == {50.0}
    assert set(get("rsi_14", closes(np.arange(1.0, 61.0)))[14:]) == {100.0}
    assert set(get("rsi_14", closes(np.arange(60.0, 0.0, -1.0)))[14:]) == {0.0}


def test_rsi_of_a_tiny_price_is_that_of_a_large_one() -> None:
    """Older TA-Lib took anything below 1e-8 for nothing."""
    rng = np.random.default_rng(1)
    tiny = 1e-13 * np.exp(np.cumsum(rng.normal(scale=0.01, size=200)))
    np.testing.assert_allclose(get("rsi_14", closes(tiny))[14:], slow_rsi(tiny, 14)[14:], rtol=1e-9)
    assert (get("bb_width_20", closes(tiny))[19:] > 0).all()
    assert np.ptp(get("adx_14", closes(tiny))[27:]) > 1


def test_start_of_the_series_is_forgotten_by_the_warm_up(walk: Callable[..., Bars]) -> None:
    bars = walk(600, 4)
    column = find_column("rsi_14")
    assert column is not None
    assert column.warm_up == 263
    errors = []
    for history in (60, 100, 150, 263):
        tail = closes(bars.close[-history - 1 :])
        errors.append(abs(get("rsi_14", tail)[-1] - get("rsi_14", bars)[-1]))
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 1e-6
    assert errors[0] > 1e-4


# Equal to TA-Lib for the long side


def test_long_side_is_talibs(walk: Callable[..., Bars]) -> None:
    b = walk(500, 6)
    high, low, close = b.high, b.low, b.close
    atr = talib.ATR(high, low, close, 14)
    upper, middle, lower = talib.BBANDS(close, 20)
    fast_k, fast_d = talib.STOCHF(high, low, close, 14, 3)
    wanted = {
        "rsi_14": talib.RSI(close, 14),
        "roc_10": talib.ROC(close, 10),
        "mom_atr_10": talib.MOM(close, 10) / atr,
        "slope_20": talib.LINEARREG_SLOPE(close, 20) / atr,
        "r2_20": talib.CORREL(close, np.arange(len(close), dtype=float), 20) ** 2,
        "bb_pctb_20": (close - lower) / (upper - lower),
        "bb_width_20": 100 * (upper - lower) / middle,
        "zscore_20": (close - talib.SMA(close, 20)) / talib.STDDEV(close, 20),
        "ema_distance_20": (close - talib.EMA(close, 20)) / atr,
        "atr_pct_14": talib.NATR(high, low, close, 14),
        "range_expansion_14": talib.TRANGE(high, low, close) / np.r_[np.nan, atr[:-1]],
        "stoch_k_14": fast_k,
        "stoch_d_14_3": fast_d,
        "macd_12_26": (talib.EMA(close, 12) - talib.EMA(close, 26)) / atr,
        "cci_20": talib.CCI(high, low, close, 20),
        "adx_14": talib.ADX(high, low, close, 14),
        "di_spread_14": talib.PLUS_DI(high, low, close, 14) - talib.MINUS_DI(high, low, close, 14),
        "below_high_20": (talib.MAX(high, 20) - close) / atr,
        "above_low_20": (close - talib.MIN(low, 20)) / atr,
    }
    for name, want in wanted.items():
        got = get(name, b)
        both = np.isfinite(got) & np.isfinite(want)
        assert both.sum() > 400, name
        np.testing.assert_allclose(got[both], want[both], rtol=1e-9, atol=1e-9, err_msg=name)


def test_rsi_is_talibs_to_the_last_digits(real_bars: Bars) -> None:
    for n in (2, 7, 14, 50):
        want = talib.RSI(real_bars.close, n)[n:]
        if want.any():
            np.testing.assert_allclose(get(f"rsi_{n}", real_bars)[n:], want, rtol=1e-14, atol=1e-12)


def test_rsi_of_a_market_that_stops_moving_keeps_its_value_then_forgets() -> None:
    close = np.concatenate([100.0 + np.cumsum(np.tile([1.0, 1.0, -1.0], 20)), np.full(2000, 120.0)])
    values = get("rsi_14", closes(close))
    assert values[200] == pytest.approx(values[62], abs=1e-9)
    assert values[-1] == 50.0


def test_macd_histogram_after_its_start(walk: Callable[..., Bars]) -> None:
    """TA-Lib starts its fast average later; both agree once the start is forgotten."""
    b = walk(700, 6)
    _, _, histogram = talib.MACD(b.close, 12, 26, 9)
    want = histogram / talib.ATR(b.high, b.low, b.close, 14)
    np.testing.assert_allclose(get("macd_hist_12_26_9", b)[400:], want[400:], atol=1e-8)


def test_short_side_is_the_mirror_of_talibs(walk: Callable[..., Bars]) -> None:
    b = walk(300, 6)
    np.testing.assert_allclose(get("rsi_14", b, -1)[14:], 100 - talib.RSI(b.close, 14)[14:], rtol=0, atol=3e-13)
    upper, _, lower = talib.BBANDS(b.close, 20)
    np.testing.assert_allclose(
        get("bb_pctb_20", b, -1)[19:], 1 - ((b.close - lower) / (upper - lower))[19:], rtol=0, atol=1e-9
    )


def test_bollinger_takes_the_population_deviation(walk: Callable[..., Bars]) -> None:
    b = walk(60)
    window = b.close[-20:]
    assert get("bb_width_20", b)[-1] == pytest.approx(100 * 4 * window.std(ddof=0) / window.mean(), rel=1e-12)
    assert window.std(ddof=1) / window.std(ddof=0) == pytest.approx(1.02598, abs=1e-5)


# Pitfalls


def test_talib_would_hide_a_missing_price(walk: Callable[..., Bars]) -> None:
    """One NaN and TA-Lib's RSI goes on with finite nonsense: so such bars are refused before (see test_matrix)."""
    close = walk(300).close.copy()
    close[100] = np.nan
    assert not np.isnan(talib.RSI(close, 14)[150:]).any()


def test_missing_volume_spoils_its_own_windows_only(walk: Callable[..., Bars]) -> None:
    b = walk(200)
    assert b.volume is not None
    volume = b.volume.copy()
    volume[100] = np.nan
    for name in ("volume_z_20", "signed_volume_20", "volume_climax_20", "up_volume_20", "vwap_distance_20"):
        whole, holed = get(name, b), get(name, replace(b, volume=volume))
        assert np.isfinite(holed[19 + 1 :]).all(), name
        assert np.array_equal(whole[:100], holed[:100], equal_nan=True), name
        assert np.array_equal(whole[140:], holed[140:]), name


def test_a_long_standstill_after_a_move_reads_as_neutral() -> None:
    """Averages decay to rounding errors there; they must not be divided by."""
    rng = np.random.default_rng(0)
    prices = np.r_[100 + np.cumsum(rng.normal(size=200)), np.full(3000, 97.3)]
    prices[199] = 97.3
    b = closes(prices)
    for name in ("mom_atr_10", "slope_20", "ema_distance_20", "zscore_20", "macd_12_26", "efficiency_10", "cci_20"):
        assert abs(get(name, b)[-1]) < 1e-6, name
    assert get("bb_pctb_20", b)[-1] == 0.5
    assert get("range_expansion_14", b)[-1] <= 1.0
    assert get("atr_pct_14", b)[-1] < 1e-8


def test_prices_below_zero_have_features_but_no_logarithms() -> None:
    rng = np.random.default_rng(0)
    b = closes(np.cumsum(rng.normal(size=200)))
    assert np.isfinite(get("rsi_14", b)[14:]).all()
    assert np.isnan(get("realised_20", b)[-1]) == bool((b.close[-21:] <= 0).any())


# Kinetics and regime


def test_straight_line_and_parabola() -> None:
    t = np.arange(100.0)
    line = replace(closes(50 + 2 * t), high=50 + 2 * t + 1, low=50 + 2 * t - 1)
    # The true range of every bar is 3: from the close before to the high.
    assert get("slope_20", line)[-1] == pytest.approx(2 / 3)
    assert get("velocity_3", line)[-1] == pytest.approx(2 / 3)
    assert get("acceleration_3", line)[-1] == pytest.approx(0, abs=1e-12)
    assert get("r2_20", line)[-1] == pytest.approx(1)
    assert get("curvature_20", line)[-1] == pytest.approx(0, abs=1e-12)
    assert get("efficiency_10", line)[-1] == 1.0
    assert get("streak_10", line)[-1] == 10
    assert get("trend_state_14", line)[-1] == 1
    assert get("trend_state_14", line, -1)[-1] == -1
    curve = closes(50 + 0.5 * t * t)
    atr = talib.ATR(curve.high, curve.low, curve.close, 14)[-1]
    assert get("curvature_20", curve)[-1] == pytest.approx(0.5 / atr)
    assert get("curvature_20", curve)[-1] == pytest.approx(np.polyfit(t[-20:], curve.close[-20:], 2)[0] / atr)


def test_efficiency_of_a_random_walk() -> None:
    rng = np.random.default_rng(0)
    b = closes(1000 + np.cumsum(rng.normal(size=200_000)))
    assert np.abs(get("efficiency_10", b)[10:]).mean() == pytest.approx(0.3166, abs=0.003)
    there_and_back = closes(100 + np.arange(300) % 2.0)
    assert get("trend_state_14", there_and_back)[-1] == 0


@pytest.mark.parametrize(("q", "want"), [(2, 1.2), (5, 1.375)])
def test_variance_ratio_of_an_autoregression(q: int, want: float) -> None:
    """VR(2) = 1 + phi, VR(5) = 1 + 2 sum (1 - k/5) phi^k, for phi = 0.2."""
    rng = np.random.default_rng(0)
    move = rng.normal(size=60_000)
    for t in range(1, len(move)):
        move[t] += 0.2 * move[t - 1]
    b = closes(10_000 + np.cumsum(move))
    assert get(f"variance_ratio_{q}_5000", b)[5000::5000].mean() == pytest.approx(want, abs=0.02)


def test_variance_ratio_is_archs(walk: Callable[..., Bars]) -> None:
    b = walk(200)
    for q, n in ((2, 60), (5, 60), (5, 120)):
        want = VarianceRatio(b.close[-n - 1 :], lags=q, trend="c", debiased=True, overlap=True).vr
        assert get(f"variance_ratio_{q}_{n}", b)[-1] == pytest.approx(want, rel=1e-10)


def test_autocorrelation_is_the_correlation(walk: Callable[..., Bars]) -> None:
    b = walk(200)
    move = np.diff(b.close)
    assert get("autocorrelation_50", b)[-1] == pytest.approx(np.corrcoef(move[-50:], move[-51:-1])[0, 1], rel=1e-10)


def test_divergence_is_a_new_high_that_the_rsi_does_not_confirm() -> None:
    """A steep rise, a setback, and a slow rise to just above the first top."""
    prices = np.r_[np.full(20, 100.0), np.linspace(101, 120, 8), np.linspace(119, 110, 8), np.linspace(110.3, 121, 14)]
    prices[1:20:2] += 0.5
    b = closes(prices)
    values, rsi = get("rsi_divergence_14_30", b), get("rsi_14", b)
    assert values[-1] == pytest.approx(rsi[27] - rsi[-1])
    assert values[-1] > 5
    assert values[-3] == 0
    assert get("rsi_divergence_14_30", b, -1)[-1] == 0
