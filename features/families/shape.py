"""Shape: shape of the last bar."""

from __future__ import annotations

from exitladder.arrays import FloatArray
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import ATR_WINDOW, Market
from exitladder.features.windows import lagged

SHAPE = Family("shape", "shape of the last bar")


def _atr_memory(*values: int) -> int:
    return wilder_memory(ATR_WINDOW)


@SHAPE.feature(
    "clv", unit="-1 at the low, 1 at the high", first=0, mirror="odd", source="Chaikin's close location value"
)
def clv(market: Market) -> FloatArray:
    """(2 · close − high − low) / (high − low); 0 if high equals low."""
    return market.ratio((market.close - market.low) - (market.high - market.close), market.high - market.low)


@SHAPE.feature("body_atr", unit="ATR", first=ATR_WINDOW, memory=_atr_memory, mirror="odd", source="TA-Lib ATR")
def body_atr(market: Market) -> FloatArray:
    """(close − open) / ATR(14)."""
    return market.per_atr(market.close - market.open)


@SHAPE.feature("gap_atr", unit="ATR", first=ATR_WINDOW, memory=_atr_memory, mirror="odd", source="TA-Lib ATR")
def gap_atr(market: Market) -> FloatArray:
    """(open − previous close) / ATR(14)."""
    return market.per_atr(market.open - lagged(market.close, 1))
