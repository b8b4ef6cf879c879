"""Trades of other programs taken in, and ladders written for them, from Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from exitladder.api.given import LadderLike, SettingsLike, call_of, ladder_of
from exitladder.errors import InputTypeError, LadderError, TradesError

if TYPE_CHECKING:
    from exitladder.exporters import Exported
    from exitladder.importers.imports import Imported

_SOURCES = "a path, a DataFrame, or a list of them"
_POSITION = ("symbol", "side", "entry", "quantity", "stop", "atr")


def import_trades(
    sources: Any,
    program: str = "",
    settings: SettingsLike = None,
    *,
    columns: Mapping[str, str] | None = None,
    values: Mapping[str, str] | None = None,
    symbol_map: Mapping[str, str] | None = None,
    side: Literal["", "long", "short"] = "",
    group: Literal["positions", "fifo"] = "positions",
    dust: float = 0.0,
) -> Imported:
    """Return the trades in files of other programs, as ``exitladder trades import`` does.

    Parameters
    ----------
    sources : path, DataFrame, or list of them
        Of one program; a fill that occurs twice counts once.
    program : str
        Such as ``"freqtrade"``; by default found from the headers.
    settings : Settings, mapping of tables, or path, optional
        How ambiguous files are read: ``{"data": {"tz": "Europe/Athens", "decimal": ",", "symbol": "AAPL"}}``.
    columns : mapping of str to str, optional
        For a single table of round trips that no program is known for: its columns by their names here, such as
        ``{"Ticker": "symbol", "Size": "quantity"}``.
    values : mapping of str to str, optional
        With it or alone: columns that are the same for every trade.
    symbol_map : mapping of str to str, optional
        New names of symbols, by those in the file.
    side : {"", "long", "short"}
        Side of trades whose file has none.
    group : {"positions", "fifo"}
        Fills from flat to flat, or each entry with the exits that close it, oldest first.
    dust : float
        A remainder below this share of the position counts as flat.

    Returns
    -------
    Imported
        ``trades`` can be passed to all other functions; ``notes`` has the rows left out and the assumptions.

    Raises
    ------
    InputTypeError
        If a source is of another type.
    InputFileError
        If a file cannot be read, or no table in it is of a known kind.
    TradesError
        If the file leaves something open that must be given, or its rows break a rule.
    """
    from exitladder.importers.imports import import_files, known_as, table_imported
    from exitladder.importers.reading import options_of

    one = isinstance(sources, (str, os.PathLike, pd.DataFrame))
    found = [sources] if one else sources
    if not isinstance(found, Sequence) or not all(isinstance(s, (str, os.PathLike, pd.DataFrame)) for s in found):
        raise InputTypeError("sources", sources, _SOURCES, "Write sources='trades.xlsx' or sources=[first, second]")
    given = [s if isinstance(s, pd.DataFrame) else Path(s) for s in found]
    data = call_of(settings).settings.data
    how, given_side = data.conventions, side or data.side
    options = options_of(how, side=given_side, grouping=group, dust=dust, symbol_map=dict(symbol_map or {}))
    if columns or values or not (program or known_as(given[0])):
        if len(given) > 1:
            raise TradesError("columns= and values= read one table, but several are given. Import the others alone.")
        same = dict(values or {}) | ({"side": given_side} if given_side else {})
        return table_imported(given[0], dict(columns or {}), same, conventions=how, options=options)
    return import_files(given, program, options)


def export(
    ladder: LadderLike,
    to: str,
    *,
    out: str | os.PathLike[str] | None = None,
    hooks: bool = False,
    position: Any = None,
    exchanges: Sequence[str] = (),
) -> Exported:
    """Return a ladder as code, script or orders for another program, as ``exitladder export`` does.

    Parameters
    ----------
    ladder : Ladder, mapping or path
    to : {"freqtrade", "backtesting", "vectorbt", "pine", "mql5", "ccxt", "json"}
    out : path, optional
        The file to write.
    hooks : bool
        Write a function to fill in for each rule that the program cannot express, instead of refusing the ladder.
    position : OpenPosition or mapping, optional
        ccxt only: ``{"symbol": "BTC/USDT:USDT", "side": "long", "entry": 100.0, "quantity": 1.0, "stop": 95.0}``, and
        ``atr`` if the ladder needs it.
    exchanges : sequence of str
        ccxt only: ids of exchanges; all known ones if empty.

    Returns
    -------
    Exported
        ``text`` is the file, ``hooks`` what you have to fill in; `to_frame` lists the fills that differ.

    Raises
    ------
    InputTypeError
        If an argument is of another type.
    LadderError
        If the program is unknown or cannot express the ladder.
    OutputFileError
        If the file cannot be written.
    """
    from exitladder.exporters import export_ladder

    if to != "ccxt" and (position is not None or exchanges):
        raise LadderError(f"position= and exchanges= apply to to='ccxt' only, but to is {to!r}. Leave them out.")
    made = export_ladder(ladder_of(ladder), to, hooks=hooks, position=_position(position), exchanges=tuple(exchanges))
    if out is not None:
        made.write(out)
    return made


def _position(position: Any) -> Any:
    """Return the position that ccxt's orders are for, None if none is given."""
    from exitladder.exporters.ccxt_orders import OpenPosition

    if position is None or isinstance(position, OpenPosition):
        return position
    cure = "Write position={'symbol': 'BTC/USDT:USDT', 'side': 'long', 'entry': 100.0, 'quantity': 1.0}"
    if not isinstance(position, Mapping) or set(position) - set(_POSITION) or set(_POSITION[:4]) - set(position):
        raise InputTypeError("position", position, f"a mapping with {', '.join(_POSITION[:4])} (stop, atr)", cure)
    side = {"long": 1, "short": -1, 1: 1, -1: -1}.get(position["side"])
    if side is None:
        raise InputTypeError("position['side']", position["side"], "'long' or 'short'", cure)
    numbers = {name: float(position[name]) for name in _POSITION[2:] if name in position}
    for name, value in numbers.items():
        if not 0 < value < float("inf"):
            raise LadderError(f"position[{name!r}] must be a number above 0, but is {value!r}.")
    return OpenPosition(str(position["symbol"]), side, **numbers)
