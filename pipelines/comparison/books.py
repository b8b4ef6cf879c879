"""Two books compared: their accounts by calendar day, and which of their limits acted when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.errors import InputFileError
from exitladder.measures.book import DailyAccount, compared_accounts, daily_account
from exitladder.pipelines.tracking.saved_files import read_saved_table
from exitladder.plans.ladder import Ladder
from exitladder.statistics.intervals import Intervals

_CURVE = {"close_time", "pnl", "n_open"}
NO_VERDICT = (
    "No verdict: R is of the first quantity of a trade, and a volatility target changes the quantity, so R does not "
    "compare the two. Compare the accounts: their return, Sharpe ratio, drawdown and CVaR, each with its interval."
)


@dataclass(frozen=True)
class SavedBook:
    """The account of a backtest of a book.

    Parameters
    ----------
    equity : float or None
        Money at the start.
    account : DailyAccount
    actions : dict of str to dict
        By limit, target, daily loss or margin call: ``n``, ``first`` and ``last`` (dates), and ``by_year``.
    has_target : bool
    """

    equity: float | None
    account: DailyAccount
    actions: Mapping[str, Mapping[str, Any]]
    has_target: bool


def saved_book(folder: Path, plan: Ladder) -> SavedBook:
    """Return the account that a backtest has saved.

    Parameters
    ----------
    folder : Path
    plan : Ladder
        With limits, a target or a book.

    Returns
    -------
    SavedBook

    Raises
    ------
    InputFileError
        If the account is not there, or damaged.
    """
    tables = []
    for name, needed in (("book.csv", _CURVE), ("book_actions.csv", {"close_time", "action"})):
        path = folder / name
        if not path.is_file():
            raise InputFileError(
                f"A plan with limits or a book is compared by its account, but '{folder}' has no {name}. Run "
                "exitladder backtest again and compare its output."
            )
        table = read_saved_table(path, {"trade_id": str})
        missing = needed - set(table)
        if missing:
            raise InputFileError(f"'{path}' must have the column {sorted(missing)[0]}. Run exitladder backtest again.")
        try:
            table["close_time"] = pd.to_datetime(table["close_time"], utc=True)
        except (ValueError, TypeError, OverflowError) as cause:
            raise InputFileError(f"close_time must be stamps, but is not in '{path}': {cause}.") from cause
        tables.append(table)
    curve, actions = tables
    if not len(curve):
        raise InputFileError(f"'{folder / 'book.csv'}' must have at least one close. Run exitladder backtest again.")
    return SavedBook(plan.book.equity, daily_account(curve), acted_when(actions), plan.target is not None)


def acted_when(actions: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return how often and when each limit acted.

    Parameters
    ----------
    actions : DataFrame
        ``book_actions.csv``, its ``close_time`` as stamps.

    Returns
    -------
    dict of str to dict
    """
    found = {}
    for name, rows in actions.groupby("action", sort=True):
        times = rows["close_time"]
        found[str(name)] = {
            "n": len(rows),
            "first": f"{times.min():%Y-%m-%d}",
            "last": f"{times.max():%Y-%m-%d}",
            "by_year": {str(year): int(n) for year, n in times.dt.year.value_counts().sort_index().items()},
        }
    return found


def compare_books(ours: SavedBook | None, theirs: SavedBook | None, intervals: Intervals) -> dict[str, Any] | None:
    """Return the difference of two accounts, and when the limits of each acted; None unless both have one.

    Parameters
    ----------
    ours, theirs : SavedBook or None
        Candidate and baseline.
    intervals : Intervals

    Returns
    -------
    dict
        As `compared_accounts` returns it, with ``equity`` and ``actions`` of each side. Without equity in both plans
        there are no shares of it, so no measures.
    """
    if ours is None or theirs is None:
        return None
    both = {"candidate": ours, "baseline": theirs}
    found: dict[str, Any] = {"measures": {}, "n_days": 0, "first_day": None, "last_day": None}
    if ours.equity is not None and theirs.equity is not None:
        found = compared_accounts(ours.account, theirs.account, (ours.equity, theirs.equity), intervals)
    return {
        **found,
        "equity": {key: one.equity for key, one in both.items()},
        "actions": {key: dict(one.actions) for key, one in both.items()},
    }
