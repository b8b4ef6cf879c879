"""A feature set as stored with a model, and the checks before it is computed again.

For each column, the model stores the definition and the mean on fixed probe bars. This detects every cause of a
difference: another formula, another warm-up, or a library that computes differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import talib

from exitladder.bars.bars import Bars
from exitladder.errors import FeatureError
from exitladder.features.catalogue import find_column
from exitladder.features.families.trade_state import STATE_FEATURES, STATE_NAMES
from exitladder.features.feature_set import FeatureSet
from exitladder.features.market import Market
from exitladder.features.outside import NOTHING, ExtraSeries, Outside, Steps

# Rounding differs between machines; a value that was computed otherwise does not agree to this.
_AGREES = 1e-6
_N_BARS = 600
_HOUR = 3600 * 10**9
_WEEK_BARS = 120
_FIRST_BAR = 20_000 * 24 * _HOUR
_SHOWN = 3


def feature_set_to_mapping(features: FeatureSet) -> dict[str, Any]:
    """Return plain values for a JSON file: enough to compute the same features again, and to notice if they differ."""
    table: dict[str, Any] = {"names": list(features.names), "fingerprint": features.fingerprint()}
    table |= {"columns": stored_columns(features), "libraries": libraries()}
    if features.reads_clock:
        table["exchange_tz"] = features.outside.exchange_tz
    if features.needs_benchmark:
        table["benchmark"] = features.outside.benchmark
        table["benchmark_interval"] = features.outside.benchmark_interval
    if features.series_names:
        series = features.outside.series
        table["series"] = {name: series[name].declaration() for name in features.series_names if name in series}
    return table


def feature_set_from_mapping(table: Mapping[str, Any]) -> FeatureSet:
    """Return the set that `feature_set_to_mapping` wrote; its benchmark and series are left to the settings.

    Raises
    ------
    FeatureError
        If a column is unknown, or is computed differently now; the difference is named.
    """
    names = table.get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FeatureError(f"A stored feature set must have a list of names, but has {names!r}. Train the model again.")
    refuse_other_names(names)
    features = FeatureSet.from_names(names, Outside(exchange_tz=table.get("exchange_tz", NOTHING.exchange_tz)))
    refuse_other_columns(table, features)
    return features


def stored_columns(features: FeatureSet) -> dict[str, dict[str, Any]]:
    """Return the stored facts of each column: version, formula, warm-up, and the mean on the probe bars."""
    market = Market(probe_bars(), 1, _probe_outside(features))
    kept: dict[str, dict[str, Any]] = {}
    for column in features.columns:
        known = column.compute(market)
        known = known[np.isfinite(known)]
        kept[column.name] = {
            "version": column.feature.version,
            "formula": column.formula,
            "first": column.first,
            "warm_up": column.warm_up,
            "probe": float(known.mean()) if len(known) else None,
            "size": float(np.sqrt(np.mean(known**2))) if len(known) else None,
        }
    for state in STATE_FEATURES:
        if state.name in features.state_names:
            kept[state.name] = {"version": state.version, "formula": state.formula}
    return kept


def libraries() -> dict[str, str]:
    """Return the versions of what computes the numbers."""
    import numba

    return {"TA-Lib": talib.__version__, "numpy": np.__version__, "numba": numba.__version__}


def refuse_other_names(names: Sequence[str]) -> None:
    """Refuse stored columns that this version does not have.

    Raises
    ------
    FeatureError
        Naming them.
    """
    unknown = [name for name in names if name not in STATE_NAMES and find_column(name) is None]
    if unknown:
        raise FeatureError(
            f"The model was trained with features that this version of exitladder does not have: {_some(unknown)}. "
            "Train it again, or use the version that trained it."
        )


def refuse_other_columns(stored: Mapping[str, Any], features: FeatureSet) -> None:
    """Refuse columns that are not computed as they were when a model was trained.

    Parameters
    ----------
    stored : mapping
        What `feature_set_to_mapping` gave then.
    features : FeatureSet
        The same columns, as they are computed here.

    Raises
    ------
    FeatureError
        Naming the differences: order, version, warm-up, or the values on the probe bars.
    """
    names = tuple(stored["names"])
    if names != features.names:
        if len(names) != len(features.names):
            raise FeatureError(
                "The features of a stored model must be listed once each, but are not. Train the model again."
            )
        place = next(k for k, (a, b) in enumerate(zip(names, features.names, strict=True)) if a != b)
        raise FeatureError(
            "The features of a stored model must be in its order, columns of bars before those of trade state, but "
            f"place {place + 1} holds {names[place]} where {features.names[place]} belongs. Train the model again."
        )
    kept = stored.get("columns", {})
    now = stored_columns(features)
    differences = [text for name in names if name in kept for text in _differences(name, kept[name], now[name])]
    if not differences and stored.get("fingerprint", features.fingerprint()) == features.fingerprint():
        return
    with_what = {**libraries(), **stored.get("libraries", {})}
    others = [f"{k} {v} then, {libraries()[k]} here" for k, v in with_what.items() if libraries().get(k, v) != v]
    raise FeatureError(
        "The features of a stored model must be computed as they were when it was trained, but "
        f"{_some(differences, '; ') or 'their order was changed (the fingerprint is another)'}"
        f"{' (' + ', '.join(others) + ')' if others else ''}. "
        "Train it again, or use the versions that trained it."
    )


def _differences(name: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Describe how a column differs from its stored definition."""
    for key, word in (("version", "version"), ("first", "leading bars without a value"), ("warm_up", "warm-up, bars")):
        if then.get(key) != now.get(key):
            return [
                f"{name} was computed as '{then.get('formula')}' ({word}: {then.get(key)}), "
                f"here as '{now.get('formula')}' ({word}: {now.get(key)})"
            ]
    before, here = then.get("probe"), now.get("probe")
    if before == here:
        return []
    if before is None or here is None or abs(before - here) > _AGREES * now["size"]:
        return [f"{name} gave {_number(before)} on the mean of the probe bars and gives {_number(here)} here"]
    return []


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.9g}"


def _some(texts: Sequence[str], between: str = ", ") -> str:
    shown = between.join(texts[:_SHOWN])
    return shown if len(texts) <= _SHOWN else f"{shown} and {len(texts) - _SHOWN} more"


def probe_bars() -> Bars:
    """Return made-up hourly bars on a grid of ticks, five days a week, the same to the bit on every machine.

    Examples
    --------
    >>> bars = probe_bars()
    >>> len(bars), float(bars.close[-1])
    (600, 90.32)
    """
    draws = _draws(6 * _N_BARS).reshape(6, _N_BARS)
    close = 10_000 + np.cumsum(draws[0] % 121 - 60)
    open_ = close - draws[1] % 61 + 30
    # Now and then a wide bar, a bar of much volume, a silent one.
    high = np.maximum(open_, close) + draws[2] % 41 * np.where(draws[5] % 37 == 0, 12, 1)
    low = np.minimum(open_, close) - draws[3] % 41
    volume = 100 + draws[4] % 900 * np.where(draws[5] % 29 == 0, 5, 1)
    k = np.arange(_N_BARS)
    time = _FIRST_BAR + (k + k // _WEEK_BARS * 48) * _HOUR
    volume[draws[5] % 97 == 0] = 0
    o, h, low_, c = (x.astype(np.float64) / 100.0 for x in (open_, high, low, close))
    return Bars("PROBE", _HOUR, time, o, h, low_, c, volume.astype(np.float64))


def _probe_outside(features: FeatureSet) -> Outside:
    """A benchmark and every series that columns refer to; the clock is the declared one."""
    bars = probe_bars()
    steps = Steps(bars.time + _HOUR, 50.0 + _draws(_N_BARS) % 1000 / 100.0)
    series = {name: ExtraSeries("value", 0, False, {"": steps}) for name in features.series_names}
    return Outside("PROBE", steps, series, features.outside.exchange_tz)


def _draws(n: int) -> np.ndarray:
    """Return whole numbers that look random, from a rule of school arithmetic: no library can change them."""
    out, state = np.empty(n, dtype=np.int64), 12_345
    for i in range(n):
        state = (1_103_515_245 * state + 12_345) % 2**31
        out[i] = state >> 8
    return out
