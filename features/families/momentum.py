"""Momentum and kinetics: how far, how fast and how steadily price has moved in the trade's direction."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import ATR_WINDOW, Market
from exitladder.features.windows import change, lagged, moving_streak, moving_weighted

MOMENTUM = Family("momentum", "how far, how fast and how steadily price has moved in the trade's direction")


def _atr_memory(*values: int) -> int:
    return wilder_memory(ATR_WINDOW)


def _with_atr(n: int) -> int:
    return max(n, ATR_WINDOW)


def _window_with_atr(n: int) -> int:
    return max(n - 1, ATR_WINDOW)


@MOMENTUM.feature("roc_{n}", (5,), (10,), (20,), unit="%", first=lambda n: n, mirror="odd", source="TA-Lib ROC")
def roc(market: Market, n: int) -> FloatArray:
    """100 · (close − close n bars ago) / price n bars ago."""
    return market.ratio(change(market.close, n), lagged(market.level, n), times=100.0)


@MOMENTUM.feature(
    "mom_atr_{n}", (10,), (20,), unit="ATR", first=_with_atr, memory=_atr_memory, mirror="odd", source="TA-Lib MOM, ATR"
)
def mom_atr(market: Market, n: int) -> FloatArray:
    """(close − close n bars ago) / ATR(14)."""
    return market.change_per_atr(n)


@MOMENTUM.feature(
    "slope_{n}", (10,), (20,), (50,), unit="ATR per bar", first=_window_with_atr, memory=_atr_memory, mirror="odd",
    source="ordinary least squares",
)  # fmt: skip
def slope(market: Market, n: int) -> FloatArray:
    """Slope of the least-squares line through n closes / ATR(14)."""
    return market.per_atr(_slope(market, n))


@MOMENTUM.feature(
    "r2_{n}", (20,), (50,), unit="0 to 1", first=lambda n: n - 1, mirror="even", source="ordinary least squares"
)
def r2(market: Market, n: int) -> FloatArray:
    """R² of the least-squares line through n closes, 0 if all are equal."""
    _, deviation = market.moments(n)
    explained = _slope(market, n) ** 2 * ((n * n - 1) / 12.0)
    return np.clip(market.ratio(explained, deviation**2), 0.0, 1.0)


@MOMENTUM.feature(
    "velocity_{n}",
    (3,),
    unit="ATR per bar",
    first=_with_atr,
    memory=_atr_memory,
    mirror="odd",
    source="difference quotient",
)
def velocity(market: Market, n: int) -> FloatArray:
    """(close − close n bars ago) / (n · ATR(14))."""
    return market.change_per_atr(n) / n


@MOMENTUM.feature(
    "acceleration_{n}", (3,), unit="ATR per bar", first=lambda n: _with_atr(n) + n, memory=_atr_memory, mirror="odd",
    source="difference quotient",
)  # fmt: skip
def acceleration(market: Market, n: int) -> FloatArray:
    """Velocity over n bars minus the velocity n bars ago."""
    return change(velocity(market, n), n)


def _slope(market: Market, n: int) -> FloatArray:
    """Return the slope of the least-squares line in price per bar."""

    def make() -> FloatArray:
        x = (n - 1) / 2.0 - np.arange(n)
        return moving_weighted(market.close, x / np.sum(x * x))

    return market.keep(("slope", n), make)


@MOMENTUM.feature(
    "curvature_{n}", (20,), unit="ATR per bar²", first=_window_with_atr, memory=_atr_memory, mirror="odd",
    source="ordinary least squares, second order",
)  # fmt: skip
def curvature(market: Market, n: int) -> FloatArray:
    """Quadratic coefficient of the least-squares parabola through n closes / ATR(14)."""
    x = np.arange(n) - (n - 1) / 2.0
    square = x * x - np.mean(x * x)
    scale = np.sum(square * square)
    # Two points have no curvature.
    weights = square / scale if scale > 0 else np.zeros(n)
    return market.per_atr(moving_weighted(market.close, weights))


@MOMENTUM.feature(
    "streak_{n}", (10,), unit="bars", first=lambda n: n, mirror="odd", source="count of closes in one direction"
)
def streak(market: Market, n: int) -> FloatArray:
    """Consecutive closes that rose (positive) or fell (negative), capped at n."""
    return moving_streak(market.close, n)
