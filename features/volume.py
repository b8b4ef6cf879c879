"""Volume: whether many took part, and on which side."""

from __future__ import annotations

import numpy as np

from exitladder.bars import FloatArray
from exitladder.features.feature import Family
from exitladder.features.market import Market
from exitladder.features.shape import clv
from exitladder.features.windows import log_above_zero, moving_sum

VOLUME = Family("volume", "whether many took part, and on which side")

_SILENT = "no volume in the whole window"


@VOLUME.feature(
    "volume_z_{n}", (20,), (50,), unit="standard deviations", first=lambda n: n - 1, mirror="even", needs="volume",
    source="population deviation; a bar without volume counts as the smallest volume of its window", may_miss=_SILENT,
)  # fmt: skip
def volume_z(market: Market, n: int) -> FloatArray:
    """(log volume − mean of n log volumes) / their population deviation; 0 where they are all equal."""
    distance, deviation = log_above_zero(traded(market), n)
    return market.ratio(distance, deviation)


@VOLUME.feature(
    "signed_volume_{n}", (10,), (20,), unit="-1 to 1", first=lambda n: n - 1, mirror="odd", needs="volume",
    source="Chaikin's money flow", may_miss=_SILENT,
)  # fmt: skip
def signed_volume(market: Market, n: int) -> FloatArray:
    """Sum of close location value · volume over n bars / sum of volume."""
    volume = traded(market)
    return market.ratio(moving_sum(clv(market) * volume, n), moving_sum(volume, n), np.nan)


def traded(market: Market) -> FloatArray:
    """Return the volume with 0 where it is missing, shape (n_bars,)."""

    def make() -> FloatArray:
        volume = market.zeros if market.volume is None else market.volume
        return np.where(volume > 0, volume, 0.0)

    return market.keep("traded", make)
