"""What can be compared: saved runs, ladders and own exits simulated for the comparison; each as a table of trades."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, IntArray
from exitladder.errors import InputFileError, LadderError, TrackingError
from exitladder.execution import STATUS, simulate, simulate_own_exits
from exitladder.execution.simulation import joined_tables
from exitladder.measures.exposure import exposure, plain_exposure
from exitladder.measures.impact import impact_of
from exitladder.measures.sizing import simulate_sized
from exitladder.pipelines.comparison.books import SavedBook, saved_book
from exitladder.pipelines.inputs.job import Job, open_job
from exitladder.pipelines.inputs.predictions import READABLE, signal_bars
from exitladder.pipelines.inputs.prepare import base_ladder, placed_at_entries
from exitladder.pipelines.liquidity.costs import law_of, terms_of_law
from exitladder.pipelines.run_terms import costs_of_run, is_before_costs, terms_of, terms_of_run
from exitladder.pipelines.tracking.runs import run_artifact
from exitladder.pipelines.tracking.saved_files import files_of_run, read_saved_table
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.pipelines.tuning.policies import OWN_EXITS
from exitladder.pipelines.tuning.samples.labels import OUT_OF_SAMPLE, samples_of
from exitladder.plans.costs import Costs
from exitladder.plans.file import read_ladder, read_plan
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import refuse_limits
from exitladder.runtime.progress import Progress
from exitladder.settings.tables import Settings
from exitladder.statistics.mean import nanoseconds
from exitladder.trades.targets import check_price_targets

OWN = ("own", OWN_EXITS)
"""Names under which the own exits of the trades file are compared."""
_STILL_OPEN = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Source:
    """One side of a comparison.

    Parameters
    ----------
    name : str
        As the user gave it.
    trades : DataFrame
        The columns of trades.csv, by trade_id.
    fills : DataFrame or None
        The columns of fills.csv; None if they are not saved beside the trades.
    costs : Costs or None
        None if unknown.
    leverage : float
    terms : mapping
        What else the numbers rest on, see `exitladder.pipelines.run_terms.terms_of`; empty if unknown.
    before_costs : bool
    known : mapping
        Further measures of the whole run, such as ``max_drawdown_account_r``.
    book : SavedBook or None
        The account of a plan with limits or a book.
    impact : mapping
        The law of impact whose cost `trades` have as ``impact_r``; empty without one.
    """

    name: str
    trades: pd.DataFrame
    fills: pd.DataFrame | None = None
    costs: Costs | None = None
    leverage: float = 0.0
    terms: Mapping[str, Any] = field(default_factory=dict)
    before_costs: bool = False
    known: Mapping[str, Any] = field(default_factory=dict)
    book: SavedBook | None = None
    impact: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def fill_trade(self) -> IntArray:
        """Row in `trades` of each fill; -1 for a fill of no such trade."""
        assert self.fills is not None
        return np.asarray(self.trades.index.get_indexer(pd.Index(self.fills["trade_id"])))

    @cached_property
    def fill_time(self) -> IntArray:
        """Start of the bar of each fill, nanoseconds since 1970 UTC."""
        assert self.fills is not None
        return nanoseconds(pd.to_datetime(self.fills["bar_time"], utc=True))

    @cached_property
    def is_sale(self) -> BoolArray:
        """Whether each fill closes a part of a position."""
        assert self.fills is not None
        return ~self.fills["order"].isin(("entry", "add", "mark")).to_numpy()

    @property
    def fills_add_up(self) -> bool:
        """Whether `r` of a trade's fills adds up to its result, as that of a plan; of a ladder it is the price's."""
        return "planned_risk" in self.trades

    def read_fills(self) -> None:
        """Read every column of the fills once, so that a damaged one is found while it is known where it came from."""
        if self.fills is not None:
            _ = self.fill_time, self.is_sale, self.whole_exposure

    def fills_of(self, ids: pd.Index) -> IntArray:
        """Return for each fill the row of its trade in `ids`, -1 if it is of none of them."""
        place = np.full(len(self.trades) + 1, -1)
        place[self.trades.index.get_indexer(ids)] = np.arange(len(ids))
        place[-1] = -1
        return np.asarray(place[self.fill_trade])

    def exposure(self, among: pd.Index | None = None) -> dict[str, Any]:
        """Return the time and the capital that the trades took; empty without fills.

        Parameters
        ----------
        among : Index, optional
            Ids of the trades to count; all by default. The drawdown of the whole run is then left out.
        """
        if self.fills is None:
            return {}
        if among is None:
            return self.whole_exposure | dict(self.known)
        return self._exposure(self.trades.loc[among], self.fills[self.fills_of(among) >= 0])

    @cached_property
    def whole_exposure(self) -> dict[str, Any]:
        """The time and the capital that all trades took."""
        assert self.fills is not None
        return self._exposure(self.trades, self.fills[self.fill_trade >= 0])

    def _exposure(self, trades: pd.DataFrame, fills: pd.DataFrame) -> dict[str, Any]:
        return plain_exposure(exposure(trades.reset_index(), fills, leverage=self.leverage))


def saved_source(name: str, tracker: Tracker) -> Source:
    """Return a saved run: its id, a folder of backtest or tune, or a file trades.csv.

    Raises
    ------
    InputFileError
        If there are no trades, or they are damaged.
    TrackingError
        If there is no such run.
    """
    path = _path_of(name, tracker)
    trades = _trades_of(name, path)
    folder = path.parent
    with files_of_run(folder):
        fills = folder / "fills.csv"
        ladder = folder / "ladder.toml"
        plan = read_ladder(ladder) if ladder.is_file() else None
        summary = folder / "summary.json"
        known = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {}
        source = Source(
            name=name,
            trades=trades,
            fills=_fills_of(fills) if fills.is_file() else None,
            costs=costs_of_run(folder),
            leverage=plan.execution.leverage if plan is not None else 0.0,
            terms=terms_of_run(folder),
            before_costs=is_before_costs(folder),
            # The tables hold no prices between fills; the summary has the drawdown at every close, from 0.2 on.
            known={"max_drawdown_account_r": known.get("max_drawdown_account_r")} if fills.is_file() else {},
            book=saved_book(folder, plan) if plan is not None and plan.shares_account else None,
            impact=law_of(known.get("impact")) if "impact_r" in trades else {},
        )
        source.read_fills()
    return source


def is_ladder(name: str) -> bool:
    """Return whether a source is a ladder file, or stands for the own exits of the trades file."""
    return name in OWN or (name.endswith(".toml") and Path(name).is_file())


def simulated_source(name: str, data: Any, settings: Settings, progress: Progress) -> Source:
    """Return a ladder, or the own exits of the trades, simulated on bars and trades; nothing is recorded.

    Parameters
    ----------
    name : str
        A ladder file, or one of `OWN`.
    data : (BarSet, Trades)
    settings : Settings
    progress : Progress

    Returns
    -------
    Source

    Raises
    ------
    LadderError
        If the ladder needs finer bars, or a model that its file does not name.
    TradesError
        If a trade is outside its bars.
    """
    bars, trades = data[0], placed_at_entries(data[1], settings)
    ladder = base_ladder(settings) if name in OWN else read_plan(Path(name))
    cure = "Run `exitladder backtest` with each ladder, and compare their folders: these hold the accounts of books."
    refuse_limits(ladder, f"A comparison of ladder files, such as '{name}',", cure)
    check_price_targets(ladder, trades)
    model = _model_of(ladder, name)
    longest = signal_bars(ladder, settings)
    job = open_job(bars, trades, settings, model=model, max_bars=longest, ladder=ladder, progress=progress)
    keeps = name in OWN or (ladder.tuned is not None and ladder.tuned.choice == "own_exits")
    with progress.stage(f"simulating {Path(name).name}", 1):
        placed = job.prepared.placed
        if keeps:
            done = simulate_own_exits(placed, ladder)
        elif ladder.size.is_sized:
            done = simulate_sized(placed, ladder, job.signals([ladder])).simulation
        else:
            done = simulate(placed, ladder, job.signals([ladder]))
    table, fills = joined_tables([done])
    ended = np.where(done.status == STATUS.index("closed"), placed.bars.close_time[done.exit_bar], _STILL_OPEN)
    table["sample"] = samples_of(placed, ladder.tuned, ended)
    if keeps:
        # an own trade that is still open has no result yet
        table["r"] = table["r"].where(~placed.trades.is_open)
    law: dict[str, Any] = {}
    # the prices of own fills have their impact in them
    if settings.impact.law != "none" and not keeps:
        table["impact_r"] = impact_of([done], settings.impact).r[0]
        law = law_of(terms_of_law(settings.impact))
    return Source(
        name=name,
        trades=_stamped(table, name).set_index("trade_id"),
        fills=fills,
        costs=ladder.costs,
        leverage=ladder.execution.leverage,
        terms=_terms(job),
        before_costs=ladder.costs.is_free and job.prepared.notes.is_before_costs,
        impact=law,
    )


def _model_of(ladder: Ladder, name: str) -> str | None:
    if ladder.execution.intrabar == "finer_bars":
        raise LadderError(
            f"A ladder on finer bars cannot be simulated inside a comparison, but '{name}' is one. Run exitladder "
            "backtest --finer-bars, and compare its output."
        )
    if not set(ladder.series) & set(READABLE):
        return None
    if ladder.tuned is None or not ladder.tuned.model:
        raise LadderError(
            f"A ladder that reads a model must name it in its [tuned] table, but '{name}' does not. Run exitladder "
            "backtest --model REF, and compare its output."
        )
    return ladder.tuned.model


def _terms(job: Job) -> dict[str, Any]:
    return terms_of(job.bars, job.settings)


def folder_of(source: str, tracker: Tracker) -> Path | None:
    """Return the folder of a saved run, None if there is none by this name."""
    if is_ladder(source):
        return None
    try:
        return _path_of(source, tracker).parent
    except (TrackingError, InputFileError):
        return None


def _path_of(source: str, tracker: Tracker) -> Path:
    path = Path(source)
    if path.is_dir():
        return path / "trades.csv"
    return path if path.is_file() else run_artifact(source, "trades.csv", tracker.store)


def _trades_of(source: str, path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputFileError(f"'{source}' holds no trades.csv; give a backtest's folder or run id.")
    table = read_saved_table(path, {"trade_id": str, "symbol": str})
    missing = {"trade_id", "entry_time", "r", "status"} - set(table)
    if missing:
        raise InputFileError(f"'{path}' must be the trades.csv of a backtest, but has no column {sorted(missing)[0]}.")
    table = _stamped(table, str(path))
    if table["trade_id"].isna().any() or table["trade_id"].duplicated().any() or np.isinf(table["r"]).any():
        raise InputFileError(
            f"Each trade must come once, with a finite r or none, but one in '{path}' does not. Copy it from its run "
            "again, or run the backtest again."
        )
    # Only ladders that were tuned have seen trades; see `exitladder.pipelines.backtest`.
    if "sample" not in table:
        table["sample"] = OUT_OF_SAMPLE
    return table.set_index("trade_id")


def _fills_of(path: Path) -> pd.DataFrame:
    table = read_saved_table(path, {"trade_id": str})
    return table.assign(bar_time=pd.to_datetime(table["bar_time"], utc=True))


def _stamped(table: pd.DataFrame, place: str) -> pd.DataFrame:
    for name in {"entry_time", "exit_time"} & set(table.columns):
        try:
            stamps = pd.to_datetime(table[name], utc=True)
        except (ValueError, TypeError, OverflowError) as cause:
            raise InputFileError(f"{name} must be stamps, but is not in '{place}': {cause}. Copy it again.") from cause
        table[name] = stamps
    return table
