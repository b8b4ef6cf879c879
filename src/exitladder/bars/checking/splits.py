"""Splits that the prices show and no adjustment has removed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.checking.ranges import typical_range

_DAY = 86_400 * 10**9
# new shares for old ones, as companies split; each also the other way round
RATIOS = (
    (2, 1), (3, 1), (4, 1), (5, 1), (3, 2), (10, 1), (7, 1), (6, 1), (8, 1), (20, 1), (5, 2), (4, 3), (5, 4), (5, 3),
    (6, 5), (9, 1), (12, 1), (15, 1), (25, 1), (30, 1), (40, 1), (50, 1), (100, 1), (7, 2), (7, 5), (8, 5), (7, 4),
)  # fmt: skip
# how near ln(close / next open) must be to ln(ratio)
_NEAR, _NEAR_WITH_VOLUME = 0.04, 0.09
# splits below this ratio look like news and need the volume as a witness
_NEEDS_VOLUME = 1.49
# the first day of a split trades at most so many times the volume that the ratio explains; news brings more
_NEWS, _NEWS_SMALL = 4.0, 2.0
# a split stands out from the usual overnight move by this factor of the typical range
_STANDS_OUT = 3.0
_DAYS_AROUND = 20


@dataclass(frozen=True)
class Split:
    """A move like a split's.

    Parameters
    ----------
    symbol : str
    bar : int
        The first bar at the new level, counted in the symbol's own bars.
    time : int
        Its start, nanoseconds since 1970 UTC.
    ratio : str
        New shares for old ones, such as ``2:1``; ``1:10`` is a reverse split.
    jump : float
        ln(close before / open).
    volume_ratio : float
        Mean volume of the 20 days after over that of the 20 days before; NaN if unknown.
    """

    symbol: str
    bar: int
    time: int
    ratio: str
    jump: float
    volume_ratio: float

    @property
    def factor(self) -> float:
        """New shares for each old one."""
        new, old = self.ratio.split(":")
        return float(new) / float(old)

    @property
    def evidence(self) -> str:
        """The evidence: the ratio of the price, with that of the volume."""
        price = f"price ratio {np.exp(self.jump):.3f}"
        if not np.isfinite(self.volume_ratio):
            return f"{price}, volume unknown"
        agrees = "agrees" if _volume_agrees(self.volume_ratio, self.factor) else "does not decide"
        return f"{price}, volume ratio {self.volume_ratio:.2f} {agrees}"


def likely_splits(bars: Bars) -> list[Split]:
    """Return the moves between two bars that look like a split, in time order.

    A usual ratio, from one close to the next open, far beyond the usual range. Small ratios such as 5:4 count only
    if the volume moved against the price as it does in a split; a volume that speaks clearly against one, or a
    first day as busy as on news, rules any out.

    Parameters
    ----------
    bars : Bars
    """
    if len(bars) < 2:
        return []
    jump = np.log(bars.close[:-1] / bars.open[1:])
    usual = typical_range(bars.high, bars.low, bars.close)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.minimum(usual[1:] / np.maximum(bars.open[1:], bars.close[:-1]), 1.0)
    floor = np.log(min(new / old for new, old in RATIOS)) - _NEAR
    per_day = max(1.0, len(bars) / max(1, len(np.unique(bars.time // _DAY))))
    usual_jump = np.nan_to_num(share) * np.sqrt(per_day)
    rows = np.flatnonzero((np.abs(jump) > floor) & (np.abs(jump) > _STANDS_OUT * usual_jump))
    day, width = int(np.ceil(per_day)), int(np.ceil(_DAYS_AROUND * per_day))
    found = []
    for i in rows:
        volume = _volume_ratio(bars.volume, int(i) + 1, width)
        ratio = _ratio(float(jump[i]), volume, _first_day_ratio(bars.volume, int(i) + 1, width, day))
        if ratio and _lasts(bars, int(i) + 1, float(jump[i])):
            found.append(Split(bars.symbol, int(i) + 1, int(bars.time[i + 1]), ratio, float(jump[i]), volume))
    return found


def unresolved_splits(bars: BarSet | Bars) -> list[Split]:
    """Return the likely splits of all symbols; `Split.bar` counts through the whole set for a `BarSet`."""
    if isinstance(bars, Bars):
        return likely_splits(bars)
    found = []
    for k, symbol in enumerate(bars.symbols):
        shift = int(bars.start[k])
        found += [
            Split(s.symbol, s.bar + shift, s.time, s.ratio, s.jump, s.volume_ratio) for s in likely_splits(bars[symbol])
        ]
    return found


def crosses_split(first_bar: IntArray, last_bar: IntArray, splits: Iterable[Split]) -> BoolArray:
    """Return which trades live across a split, shape (n_trades,).

    Parameters
    ----------
    first_bar, last_bar : int64 array, shape (n_trades,)
        The bar of the entry, and the last bar at which the trade may be held, counted through the whole set.
    splits : iterable of Split
        As `unresolved_splits` gives them for the same set.

    Returns
    -------
    bool array, shape (n_trades,)
        True if a split comes after the bar of the entry and no later than the last bar.
    """
    at = np.sort(np.array([s.bar for s in splits], dtype=np.int64))
    after_entry = np.searchsorted(at, np.asarray(first_bar), side="right")
    return np.asarray(np.searchsorted(at, np.asarray(last_bar), side="right") > after_entry)


def _ratio(jump: float, volume_ratio: float, first_day_ratio: float) -> str:
    """Return the split that a jump looks like, or ""."""
    new, old = min(RATIOS, key=lambda ratio: abs(abs(jump) - np.log(ratio[0] / ratio[1])))
    nearest = abs(abs(jump) - np.log(new / old))
    factor, best = (new / old, f"{new}:{old}") if jump > 0 else (old / new, f"{old}:{new}")
    size = max(factor, 1 / factor)
    agrees = _volume_agrees(volume_ratio, factor)
    is_news = first_day_ratio / factor > (_NEWS_SMALL if size < _NEEDS_VOLUME else _NEWS)
    if size < _NEEDS_VOLUME:
        return best if agrees and not is_news and nearest < _NEAR / 2 else ""
    if nearest < _NEAR:
        # nothing else moves a price to a fifth overnight
        is_doubted = size < 5 and (is_news or (not agrees and _volume_denies(volume_ratio, factor)))
        return "" if is_doubted else best
    # a split's day has its own move on top
    return best if agrees and not is_news and nearest < _NEAR_WITH_VOLUME and size >= 1.9 else ""


def _volume_agrees(volume_ratio: float, factor: float) -> bool:
    """Return whether the volume is nearer to what a split makes of it than to no change."""
    if not np.isfinite(volume_ratio) or volume_ratio <= 0:
        return False
    log = np.log(volume_ratio)
    return bool(abs(log - np.log(factor)) < abs(np.log(factor)) / 2)


def _volume_denies(volume_ratio: float, factor: float) -> bool:
    """Return whether the volume moved far the wrong way: news brings volume, a reverse split takes it."""
    if not np.isfinite(volume_ratio) or volume_ratio <= 0:
        return False
    against = np.log(volume_ratio) / np.log(factor)
    return bool(against < -1.0 or against > 2.5)


def _volume_ratio(volume: FloatArray | None, i: int, width: int) -> float:
    """Return the median volume after bar i over that before it; the day of the move itself is left out."""
    if volume is None:
        return np.nan
    before, after = volume[max(0, i - width) : i], volume[i + 1 : i + 1 + width]
    if len(before) < 5 or len(after) < 5:
        return np.nan
    low, high = float(np.median(before)), float(np.median(after))
    return high / low if low > 0 and high > 0 else np.nan


def _first_day_ratio(volume: FloatArray | None, i: int, width: int, day: int) -> float:
    """Return the mean volume of the bars of the day from bar i on over the median before; NaN if unknown."""
    if volume is None or i < 5:
        return np.nan
    before = float(np.median(volume[max(0, i - width) : i]))
    return float(np.mean(volume[i : i + day])) / before if before > 0 else np.nan


def _lasts(bars: Bars, i: int, jump: float) -> bool:
    """Return whether the price stood at the old level before and stays at the new one; a bad tick comes back."""
    before, later = np.median(bars.close[max(0, i - 5) : i]), np.median(bars.close[i : i + 5])
    return bool(np.log(before / later) / jump > 0.5)
