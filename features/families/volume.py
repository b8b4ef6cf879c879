"""Volume: market participation and its direction."""

from __future__ import annotations

import math

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.features.families.shape import clv
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import ATR_WINDOW, DAY_NS, Market
from exitladder.features.windows import bars_since, change, log_above_zero, log_over_median, moving_moments, moving_sum
from exitladder.runtime.compiling import njit

VOLUME = Family("volume", "market participation and its direction")

_CLIMAX_WINDOW = 20
_SURGE_WINDOW, _SURGE = 20, 2.5
_NO_EFFORT = "no traded bar with a range in the window"
_SILENT = "no volume in the whole window"


@VOLUME.feature(
    "volume_z_{n}", (20,), (50,), unit="standard deviations", first=lambda n: n - 1, mirror="even", needs="volume",
    source="population deviation; a bar without volume counts as the smallest volume of its window", may_miss=_SILENT,
)  # fmt: skip
def volume_z(market: Market, n: int) -> FloatArray:
    """(log volume − mean of n log volumes) / their population deviation; 0 if all are equal."""
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


@VOLUME.feature(
    "volume_slot_z_{n}", (10,), unit="standard deviations", first=lambda n: n, memory=lambda n: 1440 * n, mirror="even",
    needs="volume", source="population deviation; the warm-up assumes one-minute bars around the clock",
    may_miss="fewer than n traded bars at the same time of day so far", reads_clock=True,
)  # fmt: skip
def volume_slot_z(market: Market, n: int) -> FloatArray:
    """(log volume − mean log volume of the last n traded bars at the same time of day) / their deviation."""
    _, slot = np.unique(market.clock() % DAY_NS, return_inverse=True)
    return _slot_z(traded(market), slot.astype(np.int64), n)


@VOLUME.feature(
    "volume_ratio_{n}_{m}", (5, 50), unit="ratio", first=lambda n, m: max(n, m) - 1, mirror="even", needs="volume",
    source="ratio of means", may_miss=_SILENT,
)  # fmt: skip
def volume_ratio(market: Market, n: int, m: int) -> FloatArray:
    """Mean volume of n bars / mean volume of m bars."""
    volume = traded(market)
    return market.ratio(moving_sum(volume, n) / n, moving_sum(volume, m) / m, np.nan)


@VOLUME.feature(
    "volume_climax_{n}", (20,), unit="ratio", first=lambda n: n - 1, mirror="even", needs="volume",
    source="volume times range", may_miss=_NO_EFFORT,
)  # fmt: skip
def volume_climax(market: Market, n: int) -> FloatArray:
    """Volume · (high − low) / its mean over n bars."""
    effort = traded(market) * (market.high - market.low)
    return market.ratio(effort, moving_sum(effort, n) / n, np.nan)


@VOLUME.feature(
    "bars_since_climax_{n}", (50,), unit="bars", first=lambda n: n + _CLIMAX_WINDOW - 2, mirror="even",
    needs="volume", source="volume times range", may_miss=_NO_EFFORT, version=2,
)  # fmt: skip
def bars_since_climax(market: Market, n: int) -> FloatArray:
    """Bars since volume_climax_20 last exceeded 3, capped at n."""
    climax = volume_climax(market, _CLIMAX_WINDOW)
    return np.where(np.isnan(climax), np.nan, bars_since(climax > 3.0, n))


@VOLUME.feature(
    "volume_surge_{n}", (20,), unit="log", first=lambda n: n, mirror="even", needs="volume",
    source="the bar itself is excluded from the median; without volume it counts as the smallest volume of the window",
    may_miss=_SILENT,
)  # fmt: skip
def volume_surge(market: Market, n: int) -> FloatArray:
    """Log of volume / median volume of the traded bars among the previous n bars."""
    return np.asarray(log_over_median(traded(market), n))


@VOLUME.feature(
    "bars_since_surge_{n}", (50,), unit="bars", first=lambda n: n - 1 + _SURGE_WINDOW, mirror="even", needs="volume",
    source=f"{_SURGE} times the median volume of the previous {_SURGE_WINDOW} bars", may_miss=_SILENT,
)  # fmt: skip
def bars_since_surge(market: Market, n: int) -> FloatArray:
    """Bars since volume_surge_20 last exceeded ln 2.5, capped at n."""
    surge = volume_surge(market, _SURGE_WINDOW)
    # Volumes are whole numbers, so exactly 2.5 times is common: the last digit of a logarithm must not decide.
    return np.where(np.isnan(surge), np.nan, bars_since(surge > math.log(_SURGE) + 1e-12, n))


@VOLUME.feature(
    "up_volume_{n}", (20,), unit="-1 to 1", first=lambda n: n, mirror="odd", needs="volume",
    source="Granville's on-balance volume, as a share", may_miss=_SILENT,
)  # fmt: skip
def up_volume(market: Market, n: int) -> FloatArray:
    """(volume of rising bars − volume of falling bars) / total volume, over n bars."""
    volume = traded(market)
    return market.ratio(moving_sum(np.sign(change(market.close, 1)) * volume, n), moving_sum(volume, n), np.nan)


@VOLUME.feature(
    "bulk_buying_{n}", (20,), unit="0 to 1", first=lambda n: 2 * n - 1, mirror="complement_1", needs="volume",
    source="bulk volume classification, Easley, Lopez de Prado and O'Hara 2012", may_miss=_SILENT,
)  # fmt: skip
def bulk_buying(market: Market, n: int) -> FloatArray:
    """Bought share of the volume of n bars: per bar, the normal CDF of its change / deviation of n changes."""
    move = change(market.close, 1)
    deviation = np.sqrt(moving_moments(move, n)[1] / n)
    bought = traded(market) * normal_cdf(market.ratio(move, deviation))
    return market.ratio(moving_sum(bought, n), moving_sum(traded(market), n), np.nan)


@VOLUME.feature(
    "vwap_distance_{n}", (20,), unit="ATR", first=lambda n: max(n - 1, ATR_WINDOW),
    memory=lambda n: wilder_memory(ATR_WINDOW), mirror="odd", needs="volume", source="TA-Lib ATR", may_miss=_SILENT,
)  # fmt: skip
def vwap_distance(market: Market, n: int) -> FloatArray:
    """(close − volume-weighted mean of n typical prices) / ATR(14)."""
    volume = traded(market)
    typical = market.high / 3.0 + market.low / 3.0 + market.close / 3.0
    mean = market.ratio(moving_sum(typical * volume, n), moving_sum(volume, n), np.nan)
    return market.per_atr(market.close - mean)


def traded(market: Market) -> FloatArray:
    """Return the volume with 0 where it is missing, shape (n_bars,)."""

    def make() -> FloatArray:
        volume = market.zeros if market.volume is None else market.volume
        return np.where(volume > 0, volume, 0.0)

    return market.keep("traded", make)


@njit(cache=True, error_model="numpy")
def normal_cdf(x: FloatArray) -> FloatArray:
    """Return the standard normal distribution function, shape (n,).

    Examples
    --------
    >>> normal_cdf(np.array([0.0, 1.0])).round(4)
    array([0.5   , 0.8413])
    """
    out = np.empty(len(x))
    for i in range(len(x)):
        out[i] = 0.5 * math.erfc(-x[i] / math.sqrt(2.0))
    return out


@njit(cache=True, error_model="numpy")
def _slot_z(volume: FloatArray, slot: IntArray, n: int) -> FloatArray:
    """Return the z-score of each log volume against the previous n traded bars of its slot."""
    n_slots = slot.max() + 1
    seen = np.zeros(n_slots, dtype=np.int64)
    past = np.empty((n_slots, n))
    out = np.full(len(volume), np.nan)
    for t in range(len(volume)):
        k = slot[t]
        if seen[k] >= n:
            now = np.log(volume[t]) if volume[t] > 0.0 else past[k].min()
            # In the order of time: the numbers must not depend on where in the ring the newest one lies.
            shift = past[k, (seen[k] - 1) % n]
            mean = 0.0
            for j in range(n):
                mean += (past[k, (seen[k] - 1 - j) % n] - shift) / n
            square = 0.0
            for j in range(n):
                square += ((past[k, (seen[k] - 1 - j) % n] - shift) - mean) ** 2 / n
            out[t] = ((now - shift) - mean) / np.sqrt(square) if square > 0.0 else 0.0
        if volume[t] > 0.0:
            past[k, seen[k] % n] = np.log(volume[t])
            seen[k] += 1
    return out
