"""Published vectors, closed forms and independent slow references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import talib
from arch.unitroot import VarianceRatio

from exitladder.bars import Bars, FloatArray
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
    assert get("rsi_14", b)[14:].tobytes() == wanted["rsi_14"][14:].tobytes()


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
    curve = closes(50 + 0.5 * t * t)
    atr = talib.ATR(curve.high, curve.low, curve.close, 14)[-1]
    assert get("curvature_20", curve)[-1] == pytest.approx(0.5 / atr)
    assert get("curvature_20", curve)[-1] == pytest.approx(np.polyfit(t[-20:], curve.close[-20:], 2)[0] / atr)


def test_efficiency_of_a_random_walk() -> None:
    rng = np.random.default_rng(0)
    b = closes(1000 + np.cumsum(rng.normal(size=200_000)))
    assert np.abs(get("efficiency_10", b)[10:]).mean() == pytest.approx(0.3166, abs=0.003)


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
    from exitladder.features.volume import normal_cdf

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
    assert get("bars_since_climax_50", b)[[39, 40, 45]].tolist() == [50, 0, 5]


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
    from exitladder.features.higher_frame import higher_bars

    keep = np.array([0, 1, 2, 4, 5, 6, 7, 8])
    hours = replace(walk(8), time=keep * DAY // 24 + 4 * DAY, interval_ns=DAY // 24)
    higher, closed = higher_bars(hours, 4)
    assert closed.tolist() == [-1, -1, -1, 0, 0, 0, 1, 1]
    assert higher.close[0] == hours.close[2]
