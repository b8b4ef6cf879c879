"""A project as a whole, from Python: the whole workflow, and which run is in use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from exitladder.api.given import BarsLike, LadderLike, SettingsLike, TradesLike, bars_and_trades, call_of, ladder_of
from exitladder.errors import InputTypeError
from exitladder.runtime.progress import SILENT, Progress

if TYPE_CHECKING:
    import pandas as pd

    from exitladder.pipelines.books.run import RunBookResult
    from exitladder.pipelines.promote import PromoteResult
    from exitladder.pipelines.run import RunResult

Alias = Literal["champion", "challenger"]


def run(
    bars: BarsLike,
    trades: TradesLike,
    settings: SettingsLike = None,
    *,
    out: str | os.PathLike[str],
    ladder: LadderLike | None = None,
    fills: Any = None,
    progress: Progress = SILENT,
) -> RunResult | RunBookResult:
    """Train, tune, backtest, compare and score, and write a page for each with a summary of all.

    With a plan that has a book, limits or a target, the numbers of the book are tuned, and your plan and the
    recommended one backtested.

    Parameters
    ----------
    bars : DataFrame, path, mapping of symbol to DataFrame, or BarSet
    trades : DataFrame, path or Trades
        Open ones get orders.
    settings : Settings, mapping of tables, or path, optional
    out : path
        Folder of all files; ``index.html`` is the summary.
    ladder : Ladder, mapping or path, optional
        Your own ladder, as an additional baseline.
    fills : DataFrame or path, optional
    progress : Progress

    Returns
    -------
    RunResult or RunBookResult
        ``trained``, ``tuned``, ``comparison`` and ``page``; of a book ``tuned``, ``tested`` and ``page``. `to_frame`
        has what each part found.

    Raises
    ------
    InputTypeError
        If an argument is of another type.
    TradesError
        If the trades are invalid or too few, or do not fit the bars.
    OutputFileError
        If the folder cannot be written.
    """
    from exitladder.pipelines import run as verb
    from exitladder.pipelines.books.run import run_book

    plan = None if ladder is None else ladder_of(ladder)
    call, market, known = bars_and_trades(call_of(settings, progress), bars, trades, fills=fills)
    if plan is not None and plan.shares_account:
        return run_book(market, known, call.settings, plan=plan, out=Path(out), tell=call.say, progress=progress)
    return verb.run(market, known, call.settings, out=Path(out), ladder=plan, tell=call.say, progress=progress)


def promote(run: Any, alias: Alias = "champion", settings: SettingsLike = None, *, because: str = "") -> PromoteResult:
    """Make a run the champion or the challenger, if it passes the gate of ``[promotion]``.

    Parameters
    ----------
    run : str or result
        A run id, the name of the newest run of that name, or what ``train``, ``tune`` or ``backtest`` returned.
    alias : {"champion", "challenger"}
    settings : Settings, mapping of tables, or path, optional
        They name the store and have the gate.
    because : str
        Reason to promote a run that fails the gate; the history keeps it.

    Returns
    -------
    PromoteResult
        ``promotion``, ``changed``; `to_frame` has the conditions of the gate.

    Raises
    ------
    InputTypeError
        If `run` is of another type.
    TrackingError
        If there is no such run, or it fails the gate and no reason is given.
    """
    from exitladder.pipelines import promote as verb

    found = getattr(run, "run_id", run)
    if not isinstance(found, str) or not found:
        raise InputTypeError(
            "run", run, "a run id or a recorded result (tracking.enabled)", "Write run='4f1c2a' or run=result"
        )
    return verb.promote(found, call_of(settings).settings, alias=alias, because=because)


def rollback(alias: Alias = "champion", settings: SettingsLike = None, *, because: str = "") -> PromoteResult:
    """Give an alias back to the run that had it before; a second rollback goes one further back.

    Parameters
    ----------
    alias : {"champion", "challenger"}
    settings : Settings, mapping of tables, or path, optional
    because : str

    Returns
    -------
    PromoteResult

    Raises
    ------
    TrackingError
        If nothing was promoted before.
    """
    from exitladder.pipelines import promote as verb

    return verb.rollback(call_of(settings).settings, alias=alias, because=because)


def promotion_history(settings: SettingsLike = None, alias: str = "") -> pd.DataFrame:
    """Return every change of an alias, newest first; of both aliases by default."""
    from exitladder.pipelines import promote as verb

    return verb.promotion_history(call_of(settings).settings, alias)
