"""The features that the settings ask for, with the benchmark and the series they refer to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME, interval_name
from exitladder.errors import BarsError, ExitladderWarning, FeatureError, did_you_mean
from exitladder.features.feature_set import FeatureSet
from exitladder.features.outside import EVERY_SYMBOL, ExtraSeries, Outside, Steps
from exitladder.files.numbers import MixedNumbersError, decimal_mark, is_text, parse_numbers
from exitladder.files.stamps import check_tz, read_stamps
from exitladder.settings.tables import DataSettings, FeatureSettings, SeriesSettings, Settings

if TYPE_CHECKING:
    from exitladder.files.tables import Table

_STAMPS = ("timestamp", "date", "datetime", "time")


def feature_set_of(settings: Settings, bars: BarSet, names: Sequence[str] | None = None) -> FeatureSet:
    """Return the features of the settings, with the benchmark and the series that these declare.

    Parameters
    ----------
    settings : Settings
    bars : BarSet
        The benchmark is looked for among its symbols first.
    names : sequence of str, optional
        Instead of ``features.names``.

    Returns
    -------
    FeatureSet

    Raises
    ------
    FeatureError
        If a name is unknown, or the benchmark or a series cannot be had.
    """
    asked = settings.features
    benchmark = _benchmark(asked.benchmark, bars, settings.data) if asked.benchmark else None
    outside = Outside(
        _symbol_of(asked.benchmark),
        Steps.of_closes(benchmark) if benchmark else None,
        series={s.name: _read_series(s, settings.data) for s in asked.series},
        exchange_tz=check_tz(asked.exchange_tz, FeatureError),
        benchmark_interval=benchmark.interval if benchmark else "",
    )
    return FeatureSet.from_names(asked.names if names is None else names, outside)


def refuse_other_sources(stored: Mapping[str, Any], settings: FeatureSettings) -> None:
    """Refuse settings whose benchmark, series or clock are not those that a model was trained with.

    Parameters
    ----------
    stored : mapping
        What `FeatureSet.to_mapping` gave when it was trained.

    Raises
    ------
    FeatureError
        Naming the difference.
    """
    trained, now = stored.get("benchmark", ""), _symbol_of(settings.benchmark)
    if trained and trained != now:
        raise FeatureError(
            f"The model was trained with the benchmark '{trained}', but features.benchmark is "
            f"{repr(settings.benchmark) if now else 'not set'}. Set it to '{trained}' or a file of its bars."
        )
    clock = stored.get("exchange_tz", settings.exchange_tz)
    if clock != settings.exchange_tz:
        raise FeatureError(
            f"The model was trained on the clock of '{clock}', but features.exchange_tz is '{settings.exchange_tz}'. "
            f"Set it to '{clock}', or train the model again."
        )
    given = {s.name: s for s in settings.series}
    for name, wanted in stored.get("series", {}).items():
        if name not in given:
            raise FeatureError(
                f"The model was trained with the series '{name}' (column '{wanted['column']}', "
                f"delay {interval_name(wanted['delay_ns'])}), but the settings declare no series of that name. "
                "Add it as a table [[features.series]]."
            )
        own: dict[str, Any] = ExtraSeries(
            given[name].column, given[name].delay_ns, given[name].directed, {}
        ).declaration()
        for key, value in wanted.items():
            if own[key] != value:
                shown = [interval_name(int(v)) if key == "delay_ns" else repr(v) for v in (value, own[key])]
                key = {"delay_ns": "delay", "is_directed": "directed"}.get(key, key)
                raise FeatureError(
                    f"The model was trained with {key} {shown[0]} of the series '{name}', but the settings declare "
                    f"{shown[1]}. Declare the series as in training, or train the model again."
                )


def refuse_other_benchmark(stored: Mapping[str, Any], outside: Outside) -> None:
    """Refuse a benchmark of bars of another interval than a model was trained with.

    Parameters
    ----------
    stored : mapping
        What `FeatureSet.to_mapping` gave when it was trained.

    Raises
    ------
    FeatureError
        Naming both.
    """
    trained = stored.get("benchmark_interval", outside.benchmark_interval)
    if trained != outside.benchmark_interval:
        raise FeatureError(
            f"The model was trained with {trained} bars of the benchmark '{outside.benchmark}', but these are "
            f"{outside.benchmark_interval} bars, whose closes are known at other times. Give a file of {trained} bars."
        )


def warn_of_stale_sources(features: FeatureSet, bars: BarSet, symbols: Sequence[str]) -> None:
    """Warn of a benchmark or series whose values ended long before these symbols' last bars.

    Parameters
    ----------
    features : FeatureSet
    bars : BarSet
    symbols : sequence of str
        Symbols whose last bars are checked.

    Warns
    -----
    ExitladderWarning
        Naming each once, and its last value's time. That value is used until the next one is known, so nothing
        else reveals that it is stale.
    """
    outside, described = features.outside, set()
    for symbol in symbols:
        moment = int(bars.close_time[bars.start[bars.index(symbol) + 1] - 1])
        found = {f"series '{name}'": outside.series[name].of(symbol) for name in features.series_names}
        if features.needs_benchmark:
            found[f"benchmark '{outside.benchmark}'"] = outside.closes
        for what, steps in found.items():
            if what not in described and steps is not None and steps.is_stale(moment):
                described.add(what)
                last = pd.Timestamp(int(steps.known[steps.known <= moment][-1]), tz="UTC")
                warnings.warn(
                    f"The {what} is known up to {last:%Y-%m-%d %H:%M} UTC only, but the bars of '{symbol}' continue to "
                    f"{pd.Timestamp(moment, tz='UTC'):%Y-%m-%d %H:%M} UTC: its last value is used. Update its "
                    "file.",
                    ExitladderWarning,
                    stacklevel=3,
                )


def _symbol_of(benchmark: str) -> str:
    """Return the symbol that the settings' benchmark is about: itself, or the one in a file's name."""
    from exitladder.bars.reading import name_parts
    from exitladder.files.tables import table_suffix

    return name_parts(Path(benchmark))[0] if benchmark and table_suffix(Path(benchmark)) else benchmark


def _benchmark(text: str, bars: BarSet, data: DataSettings) -> Bars:
    """Return the benchmark's bars, from the given bars or else from a file."""
    if text in bars.symbols:
        return bars[text]
    if not Path(text).is_file():
        raise FeatureError(
            f"features.benchmark must be a symbol of the bars or a file of bars, but {text!r} is neither. "
            f"{did_you_mean(text, bars.symbols)}"
        )
    from exitladder.bars.reading import read_bars

    try:
        # data.symbol names the bars that are traded
        how = replace(data.conventions, symbol="")
        found, _ = read_bars(text, tz=data.tz, adjust=data.adjust, conventions=how)
    except BarsError as error:
        raise FeatureError(f"The benchmark's bars must be usable: {error}") from error
    if len(found) != 1:
        raise FeatureError(f"A benchmark's file must hold one symbol, but '{text}' holds {', '.join(found.symbols)}.")
    return found[found.symbols[0]]


def _read_series(series: SeriesSettings, data: DataSettings) -> ExtraSeries:
    """Return the values of one declared series, each known from its stamp plus the delay on."""
    from exitladder.files.tables import read_table

    how = data.conventions
    table = read_table(series.path, conventions=replace(how, columns=()))
    frame = table.frame
    labels = {str(c).strip().lower(): c for c in frame.columns}
    stamp = next((labels[name] for name in _STAMPS if name in labels), None)
    if stamp is None or series.column.lower() not in labels:
        wanted = f"a column '{series.column}'" if stamp is not None else f"stamps (one of {', '.join(_STAMPS)})"
        raise FeatureError(
            f"The file of the series '{series.name}' must have {wanted}, but '{series.path}' has "
            f"{', '.join(map(str, frame.columns))}."
        )
    stamps = read_stamps(frame[stamp], tz=data.tz, dates=how.dates)
    if stamps.problem:
        raise FeatureError(f"{stamps.problem} (series '{series.name}', {series.path}).")
    known, value = stamps.ns, _numbers(table, labels[series.column.lower()], series, how.decimal)
    if np.isinf(value).any():
        raise FeatureError(
            f"Values of a series must be finite, but '{series.name}' has an infinite one ({series.path})."
        )
    usable = (known != NO_TIME) & ~np.isnan(value)
    if not usable.any():
        raise FeatureError(
            f"A series must have values, but no row of '{series.path}' has a stamp and a number in '{series.column}'."
        )
    symbol = frame[labels["symbol"]].astype(str).to_numpy() if "symbol" in labels else np.full(len(frame), EVERY_SYMBOL)
    steps = {}
    for name in np.unique(symbol[usable]):
        rows = np.flatnonzero(usable & (symbol == name))
        steps[str(name)] = _steps(known[rows] + series.delay_ns, value[rows])
    return ExtraSeries(series.column, series.delay_ns, series.directed, steps)


def _numbers(table: Table, label: object, series: SeriesSettings, decimal: str) -> FloatArray:
    """Return a column's numbers in the file's decimal mark; cells without a number are NaN."""
    given = table.frame[label]
    said = "," if table.decimal == "," and decimal == "auto" else decimal
    try:
        mark = decimal_mark([given], said=said) if is_text(given) else "."
    except MixedNumbersError as cause:
        raise FeatureError(f"{cause} (series '{series.name}', {series.path}).") from None
    return parse_numbers(given, mark)[0]


def _steps(known: IntArray, value: np.ndarray) -> Steps:
    """Return the values in order of time; of several with one stamp the last row counts."""
    order = np.argsort(known, kind="stable")
    known, value = known[order], value[order]
    last = np.append(np.diff(known) > 0, True)
    return Steps(known[last], value[last])
