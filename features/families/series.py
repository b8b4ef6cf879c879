"""Series of the user's own as features: index volatility, order flow, funding, sentiment."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.features.feature import Column, Family, Feature
from exitladder.features.market import Market
from exitladder.features.windows import lagged, moving_moments

SERIES_FAMILY = "series"
SERIES_ABOUT = "values from the user's own files, as known at each bar's close (declared under features.series)"
# What the family stands for, for each series; the catalogue lists it for one called vix.
LISTED = ("series_{}", "series_{}_z_60", "series_{}_change_5")
_SOURCE = "the file's last value whose timestamp plus declared delay is at or before the bar's close"
_NOT_YET = "no value known yet"
_NAMED = re.compile(r"series_([a-z][a-z0-9_]*?)(?:_(z|change)_([1-9][0-9]*))?")


def series_name(name: str) -> str:
    """Return the series that a column is of, empty if of none.

    Examples
    --------
    >>> series_name("series_vix_z_60"), series_name("rsi_14")
    ('vix', '')
    """
    found = _NAMED.fullmatch(name)
    return found[1] if found else ""


def series_column(name: str) -> Column | None:
    """Return the column of that name if it is one of a series."""
    found = _NAMED.fullmatch(name)
    if not found:
        return None
    value, z, change = _features(found[1])
    if found[2] is None:
        return value.column()
    return (z if found[2] == "z" else change).column(int(found[3]))


@lru_cache(maxsize=256)
def _features(series: str) -> tuple[Feature, Feature, Feature]:
    """Return the features of one series: its value, its distance from its mean, and its change."""
    family = Family(SERIES_FAMILY, SERIES_ABOUT)

    @family.feature(
        f"series_{series}", unit="the series' own", first=0, mirror="own", needs="series", may_miss=_NOT_YET,
        source=_SOURCE,
    )  # fmt: skip
    def value(market: Market) -> FloatArray:
        """Last known value; negated for a short if the series is directed."""
        return market.series(series).copy()

    @family.feature(
        f"series_{series}_z_{{n}}", unit="standard deviations", first=lambda n: n - 1, mirror="own", needs="series",
        may_miss=_NOT_YET, source=_SOURCE,
    )  # fmt: skip
    def z(market: Market, n: int) -> FloatArray:
        """(last known value − mean of those at n closes) / their population deviation; 0 if they are equal."""
        offset, squares = moving_moments(market.series(series), n)
        return _ratio(-offset, np.sqrt(squares / n))

    @family.feature(
        f"series_{series}_change_{{n}}", unit="share", first=lambda n: n, mirror="own", needs="series",
        may_miss=_NOT_YET, source=_SOURCE,
    )  # fmt: skip
    def change(market: Market, n: int) -> FloatArray:
        """Last known value − the value n closes ago, / the sum of their absolute values, -1 to 1."""
        now = market.series(series)
        before = lagged(now, n)
        return _ratio(now - before, np.abs(now) + np.abs(before))

    first, second, third = family.features
    return first, second, third


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    moves = below != 0.0
    return np.where(moves, above / np.where(moves, below, 1.0), above * 0.0)
