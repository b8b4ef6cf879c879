"""Which dividends of the bars are credited to positions, by ``data.dividends``."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from exitladder.bars.actions import read_actions
from exitladder.bars.bars import BarSet
from exitladder.bars.dividends import dividend_column, dividends_of_actions, dividends_of_set
from exitladder.errors import ExitladderWarning, SettingsError
from exitladder.settings.tables import DataSettings


def with_known_dividends(bars: BarSet, data: DataSettings, held: frozenset[str]) -> BarSet:
    """Return bars with the dividends that positions are credited with.

    Parameters
    ----------
    bars : BarSet
    data : DataSettings
        ``dividends``: ``auto`` credits those that ``adj_close`` knows, ``credit`` also those of a column without it,
        ``ignore`` none; a path names a file of actions. Only with ``adjust = "none"``: adjusted prices have them.
    held : frozenset of str
        Symbols of the trades, for warnings.

    Returns
    -------
    BarSet

    Raises
    ------
    SettingsError
        If dividends are asked for with adjusted prices, or if no bars have any column of them.
    """
    how = data.dividends
    if data.adjust != "none":
        if how not in ("auto", "ignore"):
            raise SettingsError(
                f"Dividends are credited on prices as traded only, but data.dividends is {how!r} and data.adjust is "
                f"{data.adjust!r}. Set data.adjust=none, or data.dividends=auto."
            )
        return bars
    if how not in ("auto", "credit", "ignore"):
        return bars.with_dividends(dividends_of_actions(bars, read_actions(Path(how))))
    if how == "credit" and not any("adj_close" in bars[s].extra or dividend_column(bars[s]) for s in bars):
        raise SettingsError(
            "data.dividends=credit needs bars with a column dividend or adj_close, but none has one. Name a file of "
            "dividends instead (symbol, date, dividend): --set data.dividends=FILE."
        )
    known = dividends_of_set(bars, trust_column=how == "credit")
    if how == "ignore":
        _warn_of_ignored(bars, known, held)
        return bars
    left_out = sorted(s for s in held if s in bars and "adj_close" not in bars[s].extra and dividend_column(bars[s]))
    if how == "auto" and left_out:
        warnings.warn(
            f"dividends not counted: the bars of {', '.join(left_out[:5])} have a column "
            f"{dividend_column(bars[left_out[0]])} without adj_close, and their prices may be adjusted already. Set "
            "data.dividends=credit if they are as traded, else data.dividends=ignore.",
            ExitladderWarning,
            stacklevel=3,
        )
    return bars.with_dividends(known)


def _warn_of_ignored(bars: BarSet, known: np.ndarray, held: frozenset[str]) -> None:
    paying = [s for k, s in enumerate(bars.symbols) if s in held and known[bars.start[k] : bars.start[k + 1]].any()]
    if paying:
        warnings.warn(
            f"dividends not counted: data.dividends=ignore, and the bars of {', '.join(paying[:5])} know of some. On "
            "these bars a long loses the drop of the ex-date and receives nothing for it.",
            ExitladderWarning,
            stacklevel=4,
        )
