"""The catalogue: every feature there is, found by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from exitladder.errors import FeatureError, did_you_mean
from exitladder.features.families.calendar import CALENDAR
from exitladder.features.families.cross_asset import CROSS_ASSET
from exitladder.features.families.events import EVENTS
from exitladder.features.families.levels import LEVELS
from exitladder.features.families.liquidity import LIQUIDITY
from exitladder.features.families.momentum import MOMENTUM
from exitladder.features.families.oscillators import OSCILLATORS
from exitladder.features.families.regime import REGIME
from exitladder.features.families.series import LISTED, SERIES_FAMILY, series_column
from exitladder.features.families.shape import SHAPE
from exitladder.features.families.stretch import STRETCH
from exitladder.features.families.trade_state import STATE_FAMILY, STATE_FEATURES, STATE_NAMES
from exitladder.features.families.volatility import VOLATILITY
from exitladder.features.families.volume import VOLUME
from exitladder.features.feature import HIGHER_FRAME, LEAST_WINDOW, MOST_WINDOW, Column, Family

FAMILIES: tuple[Family, ...] = (
    MOMENTUM, OSCILLATORS, STRETCH, VOLATILITY, SHAPE, VOLUME, LEVELS, REGIME, LIQUIDITY, CALENDAR, EVENTS, CROSS_ASSET,
)  # fmt: skip
# Any column may be read from the bars of k times the interval, as NAME_xk; these are listed.
HIGHER_FRAME_COLUMNS = ("rsi_14_x4", "bb_pctb_20_x4", "ema_distance_20_x4", "slope_20_x4", "efficiency_10_x4")
EXAMPLE_SERIES = "vix"
FAMILY_NAMES = (*(f.name for f in FAMILIES), HIGHER_FRAME, SERIES_FAMILY)
MOST_FRAME = 100

DEFAULT_SET = (
    "roc_10", "mom_atr_10", "slope_20", "r2_20", "velocity_3", "acceleration_3",
    "rsi_14",
    "bb_pctb_20", "bb_width_20", "ema_distance_20", "zscore_50",
    "atr_pct_14", "range_expansion_14", "range_ratio_5_50",
    "clv", "gap_atr",
    "volume_z_20", "signed_volume_10", "volume_surge_20", "bars_since_surge_50",
    "efficiency_10", "efficiency_30",
    "held", "open_r", "mfe_r", "mae_r", "give_back_r", "give_back_share", "bars_since_mfe", "open_atr", "risk_atr",
)  # fmt: skip


def default_columns() -> tuple[Column, ...]:
    """Return the bar columns that the catalogue lists, family by family."""
    own = tuple(c for family in FAMILIES for f in family.features for c in f.default_columns())
    further = (find_column(name) for name in (*HIGHER_FRAME_COLUMNS, *_of_series([EXAMPLE_SERIES])))
    return own + tuple(c for c in further if c is not None)


def _of_series(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(text.format(name) for name in names for text in LISTED)


def find_column(name: str) -> Column | None:
    """Return the bar column of that name, with any parameters, or None.

    Raises
    ------
    FeatureError
        If the name is a feature's but a window is out of range.
    """
    framed = re.fullmatch(r"(.+)_x([1-9][0-9]*)", name)
    if framed:
        inner, k = find_column(framed[1]), int(framed[2])
        if inner is None or inner.frame > 1:
            return None
        if not 2 <= k <= MOST_FRAME:
            raise FeatureError(
                f"The frame of a feature must be 2 to {MOST_FRAME} times the interval, but is {k} in '{name}'."
            )
        return inner.in_frame(k)
    found = (feature.match(name) for family in FAMILIES for feature in family.features)
    column = next((c for c in found if c is not None), None) or series_column(name)
    if column is None:
        return None
    for parameter, value in zip(column.feature.parameters, column.values, strict=True):
        if not LEAST_WINDOW <= value <= MOST_WINDOW:
            raise FeatureError(
                f"{parameter} of {column.feature.template} must be between {LEAST_WINDOW} and {MOST_WINDOW}, "
                f"but is {value} in '{name}'."
            )
    return column


def expand_name(name: str, *, has_benchmark: bool = False, series: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns that a set, a family or a single name stands for.

    Parameters
    ----------
    name : str
        A set, a family or a column.
    has_benchmark : bool
        Whether ``all`` includes the columns that need a benchmark.
    series : sequence of str
        The declared series, which ``all`` and the family ``series`` include.

    Returns
    -------
    tuple of str

    Raises
    ------
    FeatureError
        If the name is unknown.
    """
    if name == "default":
        return DEFAULT_SET
    if name == "all":
        left_out = ("series",) if has_benchmark else ("series", "benchmark")
        own = (c.name for c in default_columns() if c.feature.needs not in left_out)
        return (*own, *_of_series(series), *STATE_NAMES)
    if name == STATE_FAMILY:
        return STATE_NAMES
    if name == SERIES_FAMILY:
        return _of_series(series)
    if name in FAMILY_NAMES:
        return tuple(c.name for c in default_columns() if c.family == name)
    if name in STATE_NAMES or find_column(name) is not None:
        return (name,)
    known = {"default", "all", STATE_FAMILY, *FAMILY_NAMES, *STATE_NAMES}
    known |= {c.name for c in default_columns()}
    raise FeatureError(f"Unknown feature '{name}'. {did_you_mean(name, known)}")


def describe_catalogue(names: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per column: its definition, inputs and source.

    Parameters
    ----------
    names : sequence of str
        Sets, families or single columns, with any parameters; the whole catalogue by default.

    Returns
    -------
    DataFrame
        name, family, formula, unit, first (leading bars without a value), warm_up (bars to load before
        the first bar that is wanted), needs, may_miss, looks_ahead (always "no"), in_default, source.
    """
    wanted = [w for name in names for w in expand_name(name, has_benchmark=True, series=[EXAMPLE_SERIES])]
    found = (find_column(name) for name in dict.fromkeys(wanted))
    columns = tuple(c for c in found if c is not None) if names else default_columns()
    bar: list[dict[str, object]] = [
        {
            "name": column.name,
            "family": column.family,
            "formula": column.formula,
            "unit": column.feature.unit,
            "first": column.first,
            "warm_up": column.warm_up,
            "needs": column.feature.needs,
            "may_miss": column.feature.may_miss,
            "source": column.feature.source,
        }
        for column in columns
    ]
    state: list[dict[str, object]] = [
        {
            "name": f.name,
            "family": STATE_FAMILY,
            "formula": f.formula,
            "unit": f.unit,
            "first": 0,
            "warm_up": 0,
            "needs": "trade",
            "may_miss": f.may_miss,
            "source": "execution rules",
        }
        for f in STATE_FEATURES
        if not names or f.name in wanted
    ]
    table = pd.DataFrame(bar + state)
    table.insert(8, "looks_ahead", "no")
    table.insert(9, "in_default", table["name"].isin(DEFAULT_SET))
    return table
