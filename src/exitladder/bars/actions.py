"""Corporate actions: splits and cash dividends, and their effect on prices, volumes and quantities."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.layouts.columns import labels_by_name
from exitladder.clock import stamp_text
from exitladder.errors import BarsError, did_you_mean
from exitladder.files.tables import Table, read_table

_DAY = 86_400 * 10**9
_COLUMNS = {
    "symbol": ("symbol", "ticker"),
    "date": ("date", "ex_date", "exdate", "timestamp"),
    "split": ("split", "ratio", "stock_splits", "stock_split"),
    "dividend": ("dividend", "dividends", "amount", "cash"),
}


@dataclass(frozen=True)
class Action:
    """A split or a cash dividend of one symbol.

    Parameters
    ----------
    symbol : str
    time : int
        Midnight UTC of the ex-date, the first session at the new level; nanoseconds since 1970.
    factor : float
        New shares for each old one; 1 for a dividend.
    dividend : float
        Cash per share; 0 for a split.
    """

    symbol: str
    time: int
    factor: float = 1.0
    dividend: float = 0.0


def parse_split(text: str) -> Action:
    """Return the split that ``SYMBOL,DATE,RATIO`` states.

    Parameters
    ----------
    text : str
        The ratio is new shares to old ones: ``4:1``, or ``1:10`` for a reverse split.

    Raises
    ------
    BarsError
        If it reads otherwise.

    Examples
    --------
    >>> parse_split("AAPL,2020-08-31,4:1").factor
    4.0
    """
    parts = [part.strip() for part in text.rsplit(",", 2)]
    if len(parts) != 3 or not parts[0]:
        raise BarsError(f"A split must read SYMBOL,DATE,RATIO, such as AAPL,2020-08-31,4:1, but is {text!r}.")
    return Action(parts[0], _date(parts[1], f"--split {text}"), factor=_ratio(parts[2], f"--split {text}"))


def read_actions(path: str | Path) -> list[Action]:
    """Return the actions in a file.

    Parameters
    ----------
    path : path
        A table with ``symbol``, ``date`` (ex-date) and ``split`` (``4:1`` or 4) or ``dividend`` (cash per share) or
        both; yfinance's names ``Stock Splits`` and ``Dividends`` are known. Blank and 0 mean none.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    BarsError
        If a column is missing or a value is impossible.
    """
    table = read_table(path)
    by_name = labels_by_name(table, {name for names in _COLUMNS.values() for name in names}, BarsError)
    found: dict[str, str | None] = {
        key: next((str(by_name[n]) for n in names if n in by_name), None) for key, names in _COLUMNS.items()
    }
    missing = [key for key in ("symbol", "date") if found[key] is None]
    if missing or (found["split"] is None and found["dividend"] is None):
        raise BarsError(
            "A file of actions must have the columns symbol, date, and split or dividend, but "
            f"{table.name} has: {', '.join(map(str, table.frame.columns))}."
        )
    return [action for i in range(len(table.frame)) for action in _row_actions(table, found, i)]


def apply_actions(bars: BarSet, actions: Sequence[Action]) -> BarSet:
    """Return bars adjusted for actions: prices before each ex-date multiplied, volumes divided.

    Parameters
    ----------
    bars : BarSet
        As traded with regard to these actions.
    actions : sequence of Action

    Raises
    ------
    BarsError
        If a symbol has no bars, an action is outside its bars, or the prices do not jump as a split must: then it
        is adjusted already, or the date or the ratio is wrong.
    """
    for action in actions:
        if action.symbol not in bars:
            raise BarsError(f"There are no bars of '{action.symbol}'. {did_you_mean(action.symbol, bars)}")
    members = []
    for symbol in bars:
        own, mine = bars[symbol], sorted((a for a in actions if a.symbol == symbol), key=lambda a: a.time)
        for one, other in pairwise(mine):
            if one == other or (one.time == other.time and one.factor != 1 and other.factor != 1):
                raise BarsError(f"Each split must be given once, but '{symbol}' has two on {_day(one.time)}.")
        members.append(_adjusted(own, mine) if mine else own)
    return BarSet(members)


def price_factors(actions: Iterable[Action], bars: Bars, time: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the factors that adjust prices and quantities at some moments, shape (n,) each.

    Parameters
    ----------
    actions : iterable of Action
        Of the bars' symbol.
    bars : Bars
        As traded; a dividend's factor needs the close before it.
    time : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.

    Returns
    -------
    price_factor, quantity_factor : float64 array
        Quantities follow splits only: 10 shares before a 2:1 split are 20 after it.
    """
    price, quantity = np.ones(len(time)), np.ones(len(time))
    for action in actions:
        i = _first_bar(bars, action)
        before = time < bars.time[i]
        price[before] *= _factor(bars, action, i)
        quantity[before] *= action.factor
    return price, quantity


def _adjusted(bars: Bars, actions: list[Action]) -> Bars:
    price, shares = np.ones(len(bars)), np.ones(len(bars))
    for action in actions:
        i = _first_bar(bars, action)
        if action.factor != 1:
            _check_jump(bars, action, i)
        price[:i] *= _factor(bars, action, i)
        shares[:i] *= action.factor
    columns = {name: getattr(bars, name) * price for name in ("open", "high", "low", "close")}
    volume = None if bars.volume is None else bars.volume * shares
    return Bars(bars.symbol, bars.interval_ns, bars.time, **columns, volume=volume, extra=bars.extra)


def _first_bar(bars: Bars, action: Action) -> int:
    i = int(np.searchsorted(bars.time, action.time))
    if not 0 < i < len(bars):
        raise BarsError(
            f"An action must fall between two bars, but that of '{action.symbol}' on {_day(action.time)} is outside "
            f"its bars ({stamp_text(int(bars.time[0]))} to {stamp_text(int(bars.time[-1]))}). Remove it."
        )
    return i


def _factor(bars: Bars, action: Action, i: int) -> float:
    if action.dividend >= bars.close[i - 1]:
        raise BarsError(
            f"A dividend must be less than the price, but '{action.symbol}' pays {action.dividend:g} on "
            f"{_day(action.time)} at a close of {bars.close[i - 1]:g} before. Check the unit (pence or pounds)."
        )
    return float((1 - action.dividend / bars.close[i - 1]) / action.factor)


def _check_jump(bars: Bars, action: Action, i: int) -> None:
    jump, expected = math.log(bars.close[i - 1] / bars.open[i]), math.log(action.factor)
    if abs(jump - expected) > abs(expected) / 2:
        raise BarsError(
            f"Prices must jump by the ratio of a split, but '{action.symbol}' closes at {bars.close[i - 1]:.10g} "
            f"before {_day(action.time)} and opens at {bars.open[i]:.10g}, a ratio of {math.exp(jump):.3g} and not "
            f"{action.factor:.3g}. The bars are adjusted already (--set data.adjust=none reads them as traded), or "
            "the date or the ratio is wrong."
        )


def _row_actions(table: Table, found: Mapping[str, str | None], i: int) -> list[Action]:
    row, place = table.frame.iloc[i], table.place(i)
    symbol, time = str(row[str(found["symbol"])]).strip(), _date(row[str(found["date"])], place)
    actions = []
    split = None if found["split"] is None else row[str(found["split"])]
    if split is not None and not pd.isna(split) and str(split).strip() not in ("", "0", "0.0", "1", "1.0"):
        actions.append(Action(symbol, time, factor=_ratio(str(split).strip(), place)))
    cash = None if found["dividend"] is None else row[str(found["dividend"])]
    if cash is not None and not pd.isna(cash) and str(cash).strip():
        try:
            amount = float(cash)
        except (ValueError, TypeError, OverflowError):
            amount = math.nan
        if not amount >= 0 or math.isinf(amount):
            raise BarsError(f"A dividend must be a number of 0 or more, but is {cash} ({place}).")
        if amount > 0:
            actions.append(Action(symbol, time, dividend=amount))
    return actions


def _ratio(text: str, place: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\s*[:/]\s*(\d+(?:\.\d+)?))?", text)
    old = float(match[2] or 1) if match else 0.0
    factor = float(match[1]) / old if match and 0 < old < math.inf else 0.0
    if not 1e-4 < factor < 1e4 or factor == 1:
        raise BarsError(
            f"A split's ratio must be new shares to old ones, such as 4:1 or 1:10, but is {text!r} ({place})."
        )
    return factor


def _date(value: object, place: str) -> int:
    text = str(value).strip()
    try:
        if not re.match(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return int(pd.Timestamp(text[:10], tz="UTC").as_unit("ns").value)
    except ValueError:
        raise BarsError(f"An ex-date must be written YYYY-MM-DD, but is {text!r} ({place}).") from None


def _day(time: int) -> str:
    return f"{pd.Timestamp(time):%Y-%m-%d}"
