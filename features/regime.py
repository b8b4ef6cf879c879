"""Regime: whether the market trends or goes back and forth."""

from __future__ import annotations

import numpy as np
import talib

from exitladder.bars import FloatArray
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import Market
from exitladder.features.windows import change, moving_sum

REGIME = Family("regime", "whether the market trends or goes back and forth")


@REGIME.feature(
    "efficiency_{n}", (10,), (30,), unit="-1 to 1", first=lambda n: n, mirror="odd", source="Kaufman 1995, signed"
)
def efficiency(market: Market, n: int) -> FloatArray:
    """(close − close n bars ago) / sum of n absolute changes; 0 where nothing has moved."""
    path = moving_sum(np.abs(change(market.close, 1)), n)
    return np.clip(market.ratio(change(market.close, n), path), -1.0, 1.0)


def _twice_smoothed(n: int) -> int:
    # The start of an average of an average weighs k · (1 - 1/n)^k, which is below 1e-8 a third later.
    return wilder_memory(n) * 4 // 3


@REGIME.feature(
    "adx_{n}", (14,), unit="0 to 100", first=lambda n: 2 * n - 1, memory=_twice_smoothed, mirror="even",
    source="Wilder 1978; TA-Lib ADX",
)  # fmt: skip
def adx(market: Market, n: int) -> FloatArray:
    """Wilder's average directional index ADX(n)."""
    return np.asarray(talib.ADX(market.high, market.low, market.close, n))
