"""Backtests of options as sides of a comparison: repeated rows are one observation, and days are resampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from exitladder.errors import TradesError
from exitladder.pipelines.comparison.pairs import Pair
from exitladder.pipelines.comparison.sources import Source, folder_of, saved_source
from exitladder.pipelines.options.described import is_options_backtest
from exitladder.pipelines.options.evidence import no_verdict
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.statistics.verdict import few_episodes

_SAME_POSITION = ["contract", "side", "entry_time", "entry_price", "risk", "multiplier"]


@dataclass(frozen=True)
class OptionsSource(Source):
    """A backtest of options; time in bars and capital at notional value have no meaning for it."""

    @property
    def fills_add_up(self) -> bool:
        """Always: `r` of a fill is its part of the position's result."""
        return True

    def exposure(self, among: pd.Index | None = None) -> dict[str, Any]:
        """Return nothing: premiums are no notional value."""
        return {}


def is_options_source(name: str, tracker: Tracker) -> bool:
    """Return whether a source is a saved backtest of options; False if there is no such folder or run."""
    folder = folder_of(name, tracker)
    return folder is not None and is_options_backtest(folder)


def check_all_options(names: list[str], of_options: list[str]) -> None:
    """Raise an error if positions in options would be compared with shares.

    Parameters
    ----------
    names : list of str
        All sources.
    of_options : list of str
        Those that are backtests of options.

    Raises
    ------
    TradesError
    """
    other = next((name for name in names if name not in of_options), None)
    if of_options and other is not None:
        raise TradesError(
            f"Positions in options are compared with the same positions under another plan, but '{of_options[0]}' is a "
            f"backtest of options and '{other}' is not. Give two folders of exitladder options backtest."
        )


def options_source(name: str, tracker: Tracker) -> OptionsSource:
    """Return a saved backtest of options; rows that repeat a position are one, with their mean result.

    Parameters
    ----------
    name : str
        Folder or run id.
    tracker : Tracker

    Returns
    -------
    OptionsSource

    Raises
    ------
    InputFileError
        If the files are damaged.
    """
    saved = saved_source(name, tracker)
    trades = saved.trades.copy()
    keys = trades.groupby([trades[column].astype(str) for column in _SAME_POSITION], sort=False, dropna=False)
    trades["r"] = keys["r"].transform("mean")
    trades["n_rows"] = keys["r"].transform("size")
    is_first = ~pd.Series(keys.ngroup(), index=trades.index).duplicated()
    kept = {name: value for name, value in saved.__dict__.items() if name in Source.__dataclass_fields__}
    return OptionsSource(**kept | {"trades": trades[is_first], "known": {}})


def too_few(pair: Pair, result: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a pair without interval and verdict, if its positions share too few days or were tuned on.

    Parameters
    ----------
    pair : Pair
    result : dict
        With the keys of a pair of `exitladder.pipelines.compare.compare`.

    Returns
    -------
    dict
    """
    if result["verdict"] is None:
        # the walk-forward backtest that the text names is one of shares
        seen = str(result["verdict_text"]).partition(" For a verdict")[0]
        return result | {"verdict_text": f"{seen} tune.json of options tune has the result out of sample."}
    few = few_episodes(pair.found) if pair.found.is_known else []
    if not few:
        return result
    terms = "".join(f" {text}" for text in pair.terms)
    text = no_verdict(pair.found, pair.other.name, pair.first.name, few) + terms
    for rows in (list(result["measures"].values()), *result["by"].values()):
        for row in rows:
            row |= {name: None for name in ("low", "high", "p_value", "p_adjusted", "detectable") if name in row}
            row |= {"interval": [None, None]} if "interval" in row else {}
    none = {"interval": [None, None], "p_value": None, "p_adjusted": None, "detectable_r": None, "open_trades": None}
    return result | none | {"verdict": "no_difference", "verdict_text": text}
