"""Cross-asset: share of the move explained by the market, measured against a benchmark from the settings."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.features.feature import Family
from exitladder.features.market import Market
from exitladder.features.windows import change, lagged, moving_cross, moving_moments, moving_sum

CROSS_ASSET = Family("cross_asset", "share of the move explained by the market (needs a benchmark: features.benchmark)")

_NOT_YET = "no closed bar of the benchmark yet"
_SOURCE = "ordinary least squares; the benchmark's last close known at the bar's close"
# What is left of a market's variance is rounding below this share.
_ALL_EXPLAINED = 1e-12


@CROSS_ASSET.feature(
    "beta_{n}", (60,), (250,), unit="ratio", first=lambda n: n, mirror="even", needs="benchmark", may_miss=_NOT_YET,
    source=_SOURCE,
)  # fmt: skip
def beta(market: Market, n: int) -> FloatArray:
    """Covariance of n relative changes with the benchmark's / variance of the benchmark's; 0 if that is 0."""
    return _beta(market, n)


@CROSS_ASSET.feature(
    "correlation_{n}", (60,), (250,), unit="-1 to 1", first=lambda n: n, mirror="even", needs="benchmark",
    may_miss=_NOT_YET, source=_SOURCE,
)  # fmt: skip
def correlation(market: Market, n: int) -> FloatArray:
    """Correlation of n relative changes with the benchmark's; 0 if either never moves."""
    own, other = _squares(market, n)
    return np.clip(_ratio(moving_cross(_change(market), _benchmark_change(market), n), np.sqrt(own * other)), -1.0, 1.0)


@CROSS_ASSET.feature(
    "residual_momentum_{m}_{n}", (10, 60), (20, 250), unit="deviations", first=max, mirror="odd", needs="benchmark",
    may_miss=_NOT_YET, source="Blitz, Huij and Martens 2011, one factor",
)  # fmt: skip
def residual_momentum(market: Market, m: int, n: int) -> FloatArray:
    """Sum over m bars of (change − beta over n bars · the benchmark's) / (deviation of n such residuals · √m)."""
    own, other = _squares(market, n)
    slope = _beta(market, n)
    left = own - slope * slope * other
    residual = moving_sum(_change(market), m) - slope * moving_sum(_benchmark_change(market), m)
    size = np.sqrt(np.where(left > _ALL_EXPLAINED * own, left, 0.0) * (m / n))
    return _ratio(residual, size)


@CROSS_ASSET.feature(
    "relative_strength_{n}", (20,), (60,), unit="%", first=lambda n: n, mirror="odd", needs="benchmark",
    may_miss=_NOT_YET, source="difference of relative changes",
)  # fmt: skip
def relative_strength(market: Market, n: int) -> FloatArray:
    """Change over n bars in % − the benchmark's over the same period."""
    own = market.ratio(change(market.close, n), lagged(market.level, n), times=100.0)
    return own - _benchmark_roc(market, n)


@CROSS_ASSET.feature(
    "benchmark_roc_{n}", (20,), unit="%", first=lambda n: n, mirror="odd", needs="benchmark", may_miss=_NOT_YET,
    source="relative change; the benchmark's last close known at the bar's close",
)  # fmt: skip
def benchmark_roc(market: Market, n: int) -> FloatArray:
    """100 · (benchmark − benchmark n bars ago) / benchmark n bars ago."""
    return _benchmark_roc(market, n)


def _benchmark_roc(market: Market, n: int) -> FloatArray:
    closes = market.benchmark()
    return 100.0 * _ratio(change(closes, n), np.abs(lagged(closes, n)))


def _change(market: Market) -> FloatArray:
    """Return the change of the close since the previous bar, as a share of it."""
    return market.keep("change", lambda: market.ratio(change(market.close, 1), lagged(market.level, 1)))


def _benchmark_change(market: Market) -> FloatArray:
    return market.keep("benchmark change", lambda: _benchmark_roc(market, 1) / 100.0)


def _squares(market: Market, n: int) -> tuple[FloatArray, FloatArray]:
    """Return the sums of squares about their means of the market's and of the benchmark's last n changes."""
    return market.keep(
        ("squares", n),
        lambda: (moving_moments(_change(market), n)[1], moving_moments(_benchmark_change(market), n)[1]),
    )


def _beta(market: Market, n: int) -> FloatArray:
    def make() -> FloatArray:
        return _ratio(moving_cross(_change(market), _benchmark_change(market), n), _squares(market, n)[1])

    return market.keep(("beta", n), make)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Return above / below, 0 if below is zero; NaN stays NaN."""
    moves = below != 0.0
    return np.where(moves, above / np.where(moves, below, 1.0), above * 0.0)
