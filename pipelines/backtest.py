"""A backtest of a ladder: fills, trades and summary, compared with selling everything at the first target."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError
from exitladder.execution import Simulation, simulate, simulate_own_exits
from exitladder.execution.book.book import simulate_book
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import joined_tables
from exitladder.files.output import Content, write_folder, write_table
from exitladder.measures.after_exit import after_exit
from exitladder.measures.after_exit_summary import summarise_after_exit
from exitladder.measures.sizing import simulate_sized
from exitladder.measures.sizing.growth import is_accounted
from exitladder.pipelines.backtest_summary import (
    ALL_OUT,
    SPREAD_POLICIES,
    BacktestPart,
    all_out,
    backtest_summary,
    to_show,
    with_impact,
)
from exitladder.pipelines.exit_quality import ExitQuality, exit_quality
from exitladder.pipelines.inputs.job import Job, open_job
from exitladder.pipelines.inputs.predictions import signal_bars
from exitladder.pipelines.inputs.prepare import placed_at_entries
from exitladder.pipelines.inputs.signals import refuse_series_of_trades
from exitladder.pipelines.inputs.usable_trades import TradeNotes
from exitladder.pipelines.run_terms import terms_of
from exitladder.pipelines.tuning.policies import TUNED
from exitladder.pipelines.tuning.samples.replay import name_of_fold, read_walk_forward
from exitladder.plans.file import ladder_to_toml
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.runtime.shown import Shown
from exitladder.settings.tables import Settings
from exitladder.trades.targets import check_price_targets
from exitladder.trades.trades import PlacedTrades, Trades

__all__ = ["ALL_OUT", "SPREAD_POLICIES", "BacktestResult", "all_out", "backtest", "backtest_walk_forward", "headline"]


@dataclass(frozen=True, repr=False)
class BacktestResult(Shown):
    """The results of a ladder, or of the ladders of a walk-forward, on every trade.

    Parameters
    ----------
    parts : tuple of BacktestPart
        One for a single ladder; one per test part for a walk-forward.
    fills, trades : DataFrame
        The columns of ``fills.csv`` and ``trades.csv``.
    after_exit : DataFrame
        The prices after each closed trade. It looks ahead.
    exits : ExitQuality
        The measured exits of every policy. They look ahead.
    summary : dict
        The content of ``summary.json``.
    saved : Path or None
        The folder of the run, which has the files already.
    """

    run_id: str
    parts: tuple[BacktestPart, ...]
    fills: pd.DataFrame
    trades: pd.DataFrame
    after_exit: pd.DataFrame
    exits: ExitQuality
    summary: dict[str, Any]
    saved: Path | None = None

    @property
    def ladder(self) -> Ladder:
        """The ladder; of a walk-forward the last one."""
        return self.parts[-1].ladder

    @property
    def simulation(self) -> Simulation:
        """The simulation of `ladder`."""
        return self.parts[-1].simulation

    def headline(self) -> str:
        """Return the ladder's expectancy with its interval, and the verdict."""
        found, n = self.summary["expectancy_r"], self.summary["n_trades"]
        verdict = self.summary["verdict_text"] or "No verdict: no trade is out of sample."
        if found.get("value") is None:
            return f"{self.ladder.name}, {n:,} trades. {verdict}"
        ends = [found.get("low"), found.get("high")]
        interval = "" if None in ends else f" [{ends[0]:+.3f}, {ends[1]:+.3f}]"
        return f"{self.ladder.name}, {n:,} trades, {found['value']:+.3f} R per trade{interval}. {verdict}"

    def to_frame(self) -> pd.DataFrame:
        """Return the table of trades."""
        return self.trades

    def files(self) -> dict[str, Content]:
        """Return the files to write, by name."""
        ladders = (
            {"ladder.toml": ladder_to_toml(self.ladder)}
            if not self.summary["walk_forward"]
            else {name_of_fold(k): ladder_to_toml(part.ladder) for k, part in enumerate(self.parts, start=1)}
        )
        part = self.parts[-1]
        book = part.book
        return {
            **({} if book is None else {"book.csv": part.book_frame, "book_actions.csv": book.actions_frame()}),
            "fills.csv": self.fills,
            "trades.csv": self.trades,
            "after_exit.csv": self.after_exit,
            "exit_quality.csv": self.exits.table,
            "summary.json": self.summary,
            **ladders,
        }

    def write(self, out: Path, progress: Progress = SILENT, *, from_run: bool = False) -> None:
        """Write the tables, ``summary.json`` and the ladder into a folder, all or none.

        Parameters
        ----------
        out : Path
        progress : Progress
        from_run : bool
            Whether tables that the run has saved are copied from there, which is much faster for long ones.
        """
        files = self.files()
        if from_run and self.saved is not None:
            tables = {name: content for name, content in files.items() if isinstance(content, pd.DataFrame)}
            files |= {name: _copied(self.saved / name, table) for name, table in tables.items()}
        write_folder(out, files, progress)


def _copied(saved: Path, table: pd.DataFrame) -> Callable[[Path], None]:
    """Return the writer of a table that the run has saved; the run may have been sent and removed in the meantime."""

    def write(path: Path) -> None:
        try:
            shutil.copyfile(saved, path)
        except OSError:
            write_table(table, path)

    return write


def backtest(
    bars: BarSet,
    trades: Trades,
    ladder: Ladder,
    settings: Settings,
    *,
    finer: BarSet | None = None,
    model: str | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> BacktestResult:
    """Return the results of the ladder on these trades.

    A ladder that stands for the user's own exits (``choice = "own_exits"`` in its ``[tuned]`` table) gives their
    results.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    ladder : Ladder
    settings : Settings
    finer : BarSet, optional
        Bars of a shorter interval for the policy ``finer_bars``.
    model : str, optional
        A REF, needed if the ladder's conditions name the model's series. Every bar is predicted by the stage of the
        model that was trained before it, never by one that has seen it.
    command : str
        The command line, shown on the page for reproduction.
    progress : Progress

    Returns
    -------
    BacktestResult

    Raises
    ------
    TrackingError
        If there is no such model.
    LadderError
        If a condition names an unknown series, or one of the model's without a model.
    TradesError
        If there is no trade, or a trade is outside its bars.
    """
    trades = placed_at_entries(trades, settings)
    check_price_targets(ladder, trades)
    longest = signal_bars(ladder, settings)
    job = open_job(bars, trades, settings, model=model, max_bars=longest, ladder=ladder, progress=progress)
    signals = job.signals([ladder])
    with progress.stage("simulating trades", 1):
        part = _executed(job.prepared.placed, ladder, signals, finer)
    return _recorded(job, (part,), command)


def backtest_walk_forward(
    bars: BarSet,
    trades: Trades,
    folder: Path,
    settings: Settings,
    *,
    finer: BarSet | None = None,
    model: str | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> BacktestResult:
    """Return the results of each trade under the ladder that was tuned before it: all are out of sample.

    On the trades of the tuning these are the numbers of its scoreboard. Trades entered before the first tuning ended
    belong to no part; they are left out and counted.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    folder : Path
        The ``--out`` folder of ``exitladder tune``, or its folder ``folds``.
    settings : Settings
    finer : BarSet, optional
    model : str, optional
        A REF, needed if a ladder's conditions name the model's series.
    command : str
        The command line, shown on the page for reproduction.
    progress : Progress

    Returns
    -------
    BacktestResult

    Raises
    ------
    InputFileError
        If the folder holds no ladders of a walk-forward.
    LadderError
        If one of them is invalid, or a condition names an unknown series.
    TradesError
        If no trade belongs to a part, or a trade is outside its bars.
    """
    walk = read_walk_forward(folder)
    if any(ladder.shares_account for ladder in walk.ladders):
        raise LadderError(
            f"The account of a book goes on from part to part, so the parts in '{folder}' cannot be run one by one. "
            "book.csv, trades.csv and fills.csv there are the walk-forward account; exitladder report shows it."
        )
    trades = placed_at_entries(trades, settings)
    job = open_job(bars, trades, settings, model=model, ladder=walk.ladders[0], progress=progress)
    part_of = walk.part_of(job.prepared.entry_time)
    signals = job.signals(walk.ladders)
    parts = []
    with progress.stage("simulating trades", len(walk.ladders)) as advance:
        for k, ladder in enumerate(walk.ladders):
            at = np.flatnonzero(part_of == k)
            if len(at):
                parts.append(_executed(job.prepared.placed.take(at), ladder, signals.take(at), finer, sizes=False))
            advance(1)
    return _recorded(job, tuple(parts), command, n_before=int((part_of < 0).sum()))


def _executed(
    placed: PlacedTrades, ladder: Ladder, signals: Signals, finer: BarSet | None, *, sizes: bool = True
) -> BacktestPart:
    """Return the trades under a ladder, or under the user's own exits if that is what the ladder stands for.

    Parameters
    ----------
    placed : PlacedTrades
    ladder : Ladder
    signals : Signals
    finer : BarSet or None
    sizes : bool
        Whether the trades are all of the book, so that the rule of their sizes can follow its equity.

    Returns
    -------
    BacktestPart
    """
    if ladder.shares_account:
        refuse_series_of_trades(ladder, placed)
        book = simulate_book(placed, ladder, signals, finer=finer)
        return BacktestPart(book.simulation, signals, ladder, finer, book=book)
    keeps = ladder.tuned is not None and ladder.tuned.choice == "own_exits"
    if keeps:
        return BacktestPart(simulate_own_exits(placed, ladder), signals, ladder, finer, keeps)
    if not (sizes and is_accounted(ladder)):
        return BacktestPart(simulate(placed, ladder, signals, finer=finer), signals, ladder, finer)
    sized = simulate_sized(placed, ladder, signals, finer=finer)
    return BacktestPart(sized.simulation, signals, ladder, finer, sized=sized, given=placed)


def _recorded(job: Job, parts: tuple[BacktestPart, ...], command: str, n_before: int | None = None) -> BacktestResult:
    """Return the result of these parts, recorded as a run; `n_before` trades precede a walk-forward."""
    with job.run("backtest", None if n_before is not None else parts[0].ladder) as run:
        with job.progress.stage("prices after exits", 2) as advance:
            trades, fills = joined_tables([part.simulation for part in parts])
            if parts[0].sized is not None:
                trades["equity_before"] = parts[0].sized.equity
            advance(1)
            by_ladder = [after_exit(part.simulation) for part in parts if not part.keeps_own_exits]
            advance(1)
        after = pd.concat(by_ladder, ignore_index=True) if by_ladder else after_exit(parts[0].simulation).iloc[:0]
        if any(part.ladder.tuned is not None for part in parts):
            trades["sample"] = np.concatenate([part.samples for part in parts])
        walk: dict[str, Any] = {"walk_forward": n_before is not None, "n_before_walk_forward": n_before or 0}
        walk |= {"command": command} if command else {}
        walk["terms"] = terms_of(job.bars, job.settings)
        summary = backtest_summary(job, parts, (trades, fills), walk_forward=n_before is not None) | walk
        with job.progress.stage("summary after exits", 1):
            summary |= summarise_after_exit(after, trades, intervals=job.settings.intervals)
        name = TUNED if n_before is not None else parts[0].ladder.name
        measured = exit_quality(parts, name, job.settings.intervals, job.progress)
        trades = pd.concat([trades, measured.columns_for(name, trades["trade_id"])], axis=1)
        if job.settings.impact.law != "none":
            with job.progress.stage("market impact", 1):
                trades["impact_r"], summary["impact"] = with_impact(job.settings, parts, summary["baseline"])
        summary["exit_quality"] = measured.to_mapping()
        trades = _with_left_out(trades, job.prepared.notes)
        result = BacktestResult(run.run_id, parts, fills, trades, after, measured, summary)
        run.log_metrics(headline(summary))
        against = (summary["beside"].get(summary["baseline"]) or {}).get("difference_r") or {}
        ends = {end: against.get(end) for end in ("low", "high")}
        run.log_metrics({"n_trades": summary["n_trades"], "difference_r": against.get("value"), **ends})
        shown = to_show(summary, [part.ladder for part in parts])
        verdict = (shown["verdict"] or "no verdict").replace("_", " ")
        run.log_tags({"sample": summary["sample"].replace("_", " "), "verdict": verdict, **job.model_tags})
        run.describe(f"{shown['verdict_text'] or ''} The page: `exitladder report {run.run_id} --out page.html`.")
        run.log_result(verdict, of=name)
        run.log_files(result.files(), job.progress)
    return replace(result, saved=run.folder)


def _with_left_out(trades: pd.DataFrame, notes: TradeNotes) -> pd.DataFrame:
    """Return the table of trades with those that were left out, as skipped ones with the reason."""
    if not notes.left_out:
        return trades
    more = notes.skipped_rows(trades.columns)
    shared = [name for name in trades if more[name].notna().any()]
    joined = pd.concat([trades, more[shared]], ignore_index=True)
    return joined.astype({name: kind for name, kind in trades.dtypes.items() if not more[name].isna().any()})


def headline(summary: dict[str, Any]) -> dict[str, float]:
    """Return the summary's metrics as a flat mapping of name to value, without intervals."""
    return {
        name: float(entry["value"])
        for name, entry in summary.items()
        if isinstance(entry, dict) and entry.get("value") is not None
    }
