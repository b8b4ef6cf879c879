"""What a caller may give: tables, paths, mappings or exitladder's own types, turned into the latter.

Bars and trades are read, fitted to each other and checked as the commands do.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.layouts.columns import bar_columns
from exitladder.cli.inputs import (
    TradeFiles,
    bars_for_trades,
    check_on_bars,
    load_bars,
    load_bars_and_trades,
    load_trades,
    refuse_as_traded,
)
from exitladder.cli.session import Session
from exitladder.clock import NO_TIME
from exitladder.errors import BarsError, ExitladderWarning, InputTypeError, SettingsError, TradesError
from exitladder.files.stamps import stamps_to_ns
from exitladder.files.tables import Table
from exitladder.plans.file import ladder_from_mapping, read_plan
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

BarsLike = BarSet | pd.DataFrame | str | os.PathLike[str] | Mapping[str, Any]
TradesLike = Trades | pd.DataFrame | str | os.PathLike[str]
SettingsLike = Settings | Mapping[str, Any] | str | os.PathLike[str] | None
LadderLike = Ladder | Mapping[str, Any] | str | os.PathLike[str]
Moment = int | str | date | pd.Timestamp | None
LOG = logging.getLogger("exitladder")


@dataclass(frozen=True)
class Call(Session):
    """One call from Python: what a command says goes to the log ``exitladder``, its warnings are Python's."""

    form: str = "json"
    is_quiet: bool = True
    stdout: Any = field(default_factory=lambda: sys.stdout)
    shown: Progress = SILENT

    @property
    def progress(self) -> Progress:
        """Where progress is shown; nowhere by default."""
        return self.shown

    def say(self, text: str) -> None:
        """Log a line."""
        LOG.info(text)

    def warn(self, text: str) -> None:
        """Warn as Python does."""
        warnings.warn(text, ExitladderWarning, stacklevel=2)


def call_of(settings: SettingsLike, progress: Progress = SILENT) -> Call:
    """Return a call with its settings: the defaults, a file, a mapping of tables, or `Settings`."""
    return Call(settings_of(settings), shown=progress)


def settings_of(settings: SettingsLike) -> Settings:
    """Return settings; None gives the defaults, a mapping of tables changes them, a path is read.

    Raises
    ------
    InputTypeError
        If it is of another type.
    """
    if settings is None:
        return Settings()
    if isinstance(settings, Settings):
        return settings
    if isinstance(settings, Mapping):
        return Settings().with_values(_with_texts(settings))
    if isinstance(settings, (str, os.PathLike)):
        return load_settings(Path(settings))
    raise InputTypeError(
        "settings", settings, "None, a path, a mapping of tables or exitladder.Settings",
        "Write settings={'tuning': {'n_trials': 200}} or settings='exitladder.toml'",
    )  # fmt: skip


def with_estimators(settings: Settings, estimator: Any, hold_estimator: Any) -> Settings:
    """Return settings that name these estimators, so that the record of a run has them.

    Parameters
    ----------
    settings : Settings
    estimator, hold_estimator : estimator, optional

    Returns
    -------
    Settings
    """
    from exitladder.models.estimators.names import text_of

    named = {"estimator": estimator, "hold_estimator": hold_estimator}
    texts = {
        key: text_of(one) or f"{type(one).__name__} (from Python)" for key, one in named.items() if one is not None
    }
    return settings.with_values({"model": texts}) if texts else settings


def ladder_of(ladder: Any) -> Ladder:
    """Return a ladder: itself, one of a file, or one described by a mapping.

    Raises
    ------
    InputTypeError
        If it is of another type.
    """
    if isinstance(ladder, Ladder):
        return ladder
    if isinstance(ladder, Mapping):
        return ladder_from_mapping(ladder)
    if isinstance(ladder, (str, os.PathLike)):
        return read_plan(Path(ladder))
    cure = "Write ladder={'rungs': [{'fraction': 0.5, 'target': '1R'}]} or ladder='ladder.toml'"
    if hasattr(ladder, "recommended"):
        cure = "Give result.recommended (the exit to use) or result.ladder (the tuned ladder)"
    raise InputTypeError("ladder", ladder, "a path, a mapping or exitladder.Ladder", cure)


def bars_of(call: Session, bars: BarsLike, *, repair: bool = False, interval: str | None = None) -> BarSet:
    """Return bars read and checked; a `BarSet` is taken as it is.

    Parameters
    ----------
    call : Session
    bars : BarSet, DataFrame, path or mapping
    repair : bool
    interval : str, optional
        As for `exitladder.read_bars`.

    Returns
    -------
    BarSet

    Raises
    ------
    InputTypeError
        If they are of another type.
    """
    source = _bars_source(bars)
    return source if isinstance(source, BarSet) else load_bars(call, source, repair, interval, unfinished="leave_out")


def bars_and_trades(
    call: Session,
    bars: BarsLike,
    trades: TradesLike,
    *,
    fills: Any = None,
    repair: bool = False,
    interval: str | None = None,
) -> tuple[Session, BarSet, Trades]:
    """Return bars and trades that fit each other, and the call with the settings that follow from them.

    Parameters
    ----------
    call : Session
    bars : BarSet, DataFrame, path or mapping
    trades : Trades, DataFrame or path
    fills : DataFrame or path, optional
    repair : bool
    interval : str, optional
        As for `exitladder.read_bars`.

    Returns
    -------
    (Session, BarSet, Trades)

    Raises
    ------
    InputTypeError
        If bars or trades are of another type.
    TradesError
        If the trades are invalid or do not fit the bars.
    """
    source, book = _bars_source(bars), _trades_source(trades, fills)
    if isinstance(source, BarSet):
        return call, source, book if isinstance(book, Trades) else load_trades(call, book, source)
    if isinstance(book, TradeFiles):
        if not _needs_symbol(call, source):
            return load_bars_and_trades(call, source, book, repair, interval)
        book = load_trades(call, book)
    call, market, known = bars_for_trades(call, _with_symbol(call, source, book), book, repair, interval)
    check_on_bars(call, known, market)
    return call, market, known


def pooled_books(
    call: Session, bars: Mapping[str, BarsLike], trades: Mapping[str, TradesLike]
) -> tuple[Session, BarSet, Trades]:
    """Return the bars and trades of several books together, and the call with the settings for them.

    Parameters
    ----------
    call : Session
    bars, trades : mapping of str to bars and trades
        By the name of the book; see `bars_and_trades`.

    Returns
    -------
    (Session, BarSet, Trades)

    Raises
    ------
    TradesError
        If books have no bars, or cannot be pooled.
    """
    from exitladder.pipelines.inputs.books import Book, pooled

    if set(bars) != set(trades):
        raise TradesError(
            f"Bars and trades must have the same books, but the bars are of {', '.join(map(str, bars))}, and the "
            f"trades of {', '.join(map(str, trades))}."
        )
    found = []
    for name in trades:
        own, market, known = bars_and_trades(call, bars[name], trades[name])
        refuse_as_traded(call, own, name)
        found.append(Book(name, market, known))
    every, entered, settings = pooled(found, call.settings)
    return replace(call, settings=settings), every, entered


def market_for(call: Session, bars: BarsLike, trades: Trades, unfinished: str) -> tuple[Session, BarSet, Trades]:
    """Return bars at the prices at which these trades were entered; nothing is checked.

    Parameters
    ----------
    call : Session
    bars : BarSet, DataFrame, path or mapping
    trades : Trades
    unfinished : {"leave_out", "ask", "keep"}
        As for `exitladder.cli.inputs.load_bars`.

    Returns
    -------
    (Session, BarSet, Trades)
    """
    source = _bars_source(bars)
    if isinstance(source, BarSet):
        return call, source, trades
    return bars_for_trades(call, _with_symbol(call, source, trades), trades, False, None, unfinished=unfinished)


def moment_of(asof: Moment, tz: str, bars: BarSet) -> int | None:
    """Return a moment in nanoseconds since 1970 UTC; a date alone means its end, as for ``--asof``.

    Parameters
    ----------
    asof : int, str, date or Timestamp
        An integer is in nanoseconds since 1970 UTC.
    tz : str
        Time zone of a moment without one.
    bars : BarSet
        A daily bar is stamped with the date of its session, so that a date counts in UTC.

    Returns
    -------
    int or None

    Raises
    ------
    InputTypeError
        If it is of another type.
    SettingsError
        If it is no moment.
    """
    if asof is None or (isinstance(asof, (int, np.integer)) and not isinstance(asof, bool)):
        return None if asof is None else int(asof)
    named: Any = asof
    if isinstance(named, np.datetime64):
        named = pd.Timestamp(named)
    if not isinstance(named, (str, date, datetime)):
        raise InputTypeError(
            "asof", asof, "a text, a date or a Timestamp", "Write asof='2024-01-31' or '2024-01-31T15:30Z'"
        )
    text = named.isoformat() if isinstance(named, date) else named.strip()
    if len(text) == len("2024-01-31"):
        day = pd.to_datetime(text, errors="coerce")
        is_daily = bool((bars.interval_ns >= 86_400 * 10**9).all())
        if not pd.isna(day):
            text, tz = f"{day + pd.Timedelta(days=1):%Y-%m-%d}", "UTC" if is_daily else tz
    moment = int(stamps_to_ns(pd.Series([text]), tz)[0])
    if moment == NO_TIME:
        raise SettingsError(f"asof must be a moment such as '2024-01-31' or '2024-01-31T15:30Z', but is {asof!r}.")
    return moment


def names_of(names: Any) -> tuple[str, ...] | None:
    """Return names of features, of one text or of several; None for those of the settings.

    Raises
    ------
    InputTypeError
        If they are of another type.
    """
    if names is None:
        return None
    found = [names] if isinstance(names, str) else names
    if not isinstance(found, (Sequence, set, frozenset)) or not all(isinstance(name, str) for name in found):
        raise InputTypeError("features", names, "a name or a list of names", "Write features=['default', 'rsi_14']")
    return tuple(found)


def _with_texts(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return settings with estimators as text."""
    model = settings.get("model")
    if not isinstance(model, Mapping):
        return settings
    named = {key: model[key] for key in ("estimator", "hold_estimator") if hasattr(model.get(key), "get_params")}
    if not named:
        return settings
    from exitladder.models.estimators.names import text_of

    texts = {key: text_of(one) for key, one in named.items()}
    for key, text in texts.items():
        if not text:
            raise InputTypeError(
                f"model.{key}", named[key], "an estimator of scikit-learn with plain parameters",
                f"Pass another one to the function: exitladder.train(..., {key}=...)",
            )  # fmt: skip
    return {**settings, "model": {**model, **texts}}


def _bars_source(bars: Any) -> BarSet | Any:
    if isinstance(bars, (BarSet, pd.DataFrame)):
        return bars
    if isinstance(bars, Bars):
        return BarSet([bars])
    if isinstance(bars, Mapping):
        return _of_mapping(bars)
    if isinstance(bars, (str, os.PathLike)):
        return Path(bars)
    cure = (
        "Give the bars alone" if isinstance(bars, tuple) else "Write bars=table, bars='data/' or bars={'AAPL': table}"
    )
    if isinstance(bars, tuple) and bars and isinstance(bars[0], BarSet):
        cure = "exitladder.read_bars returns bars and a report: write bars, report = exitladder.read_bars(...)"
    raise InputTypeError("bars", bars, "a DataFrame, a path, a mapping of symbol to DataFrame or a BarSet", cure)


def _of_mapping(bars: Mapping[str, Any]) -> BarSet | pd.DataFrame:
    if bars and all(isinstance(one, Bars) for one in bars.values()):
        return BarSet(replace(one, symbol=str(symbol)) for symbol, one in bars.items())
    tables = []
    for symbol, one in bars.items():
        if not isinstance(one, pd.DataFrame):
            raise InputTypeError(f"bars[{symbol!r}]", one, "a DataFrame", "Write bars={'AAPL': table, 'MSFT': other}")
        flat = Table.from_frame(one, f"bars[{symbol!r}]").frame
        own = [c for c in flat if str(c).lower() == "symbol"]
        others = {str(value) for c in own for value in flat[c].dropna().unique()} - {str(symbol)}
        if others:
            raise BarsError(
                f"bars[{symbol!r}] must hold bars of {symbol} only, but its column '{own[0]}' has {min(others)!r}. "
                f"Leave the column out, or give the whole table as bars=table."
            )
        tables.append(flat.drop(columns=own).assign(symbol=str(symbol)))
    if not tables:
        raise BarsError("There must be at least one bar, but the mapping of symbol to DataFrame is empty.")
    return pd.concat(tables, ignore_index=True)


def _needs_symbol(call: Session, source: Any) -> bool:
    """Return whether a table of bars does not say of which symbol they are."""
    if not isinstance(source, pd.DataFrame) or call.settings.data.symbol:
        return False
    return "symbol" not in bar_columns(Table.from_frame(source, "bars").frame.columns).known


def _with_symbol(call: Session, source: Any, trades: Trades) -> Any:
    """Return bars with the one symbol of the trades, if they have none of their own."""
    if not _needs_symbol(call, source):
        return source
    symbols = sorted(set(map(str, trades.symbol)))
    if len(symbols) > 1:
        raise BarsError(
            f"A table of bars must have a column 'symbol' if the trades are in several symbols, but has none, and the "
            f"trades are in {', '.join(symbols[:4])}. Add the column, or give bars={{'{symbols[0]}': table, ...}}."
        )
    return Table.from_frame(source, "bars").frame.assign(symbol=symbols[0])


def trade_files_of(trades: Any, fills: Any = None) -> TradeFiles:
    """Return the sources of trades and their fills: tables or paths."""
    found = _trades_source(trades, fills)
    assert isinstance(found, TradeFiles)
    return found


def _trades_source(trades: Any, fills: Any = None) -> Trades | TradeFiles:
    if isinstance(trades, Trades):
        return trades
    for name, value in (("trades", trades), ("fills", fills)):
        if value is not None and not isinstance(value, (pd.DataFrame, str, os.PathLike)):
            raise InputTypeError(
                name, value, "a DataFrame or a path" + (" or exitladder's Trades" if name == "trades" else ""),
                f"Write {name}=table or {name}='{name}.csv'",
            )  # fmt: skip
    if trades is None:
        raise InputTypeError(
            "trades", trades, "a DataFrame, a path or exitladder's Trades", "Write trades='trades.csv'"
        )
    return TradeFiles(_as_path(trades), _as_path(fills))


def _as_path(source: Any) -> Any:
    return source if source is None or isinstance(source, pd.DataFrame) else Path(source)
