"""Oscillators: bounded measures of who has been winning lately."""

from __future__ import annotations

from exitladder.bars import FloatArray
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import Market

OSCILLATORS = Family("oscillators", "bounded measures of who has been winning lately")


@OSCILLATORS.feature(
    "rsi_{n}", (14,), (7,), unit="0 to 100", first=lambda n: n, memory=wilder_memory, mirror="complement_100",
    source="Wilder 1978; TA-Lib RSI",
)  # fmt: skip
def rsi(market: Market, n: int) -> FloatArray:
    """Wilder's RSI(n) of the close; 50 where nothing has moved at all."""
    return market.rsi(n).copy()
