"""Scoring of every open trade at the last closed bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME, stamp_text
from exitladder.execution.standing import standing_rows, state_frame
from exitladder.features import warn_of_stale_sources
from exitladder.models.exhaustion import RANK
from exitladder.pipelines.advice.adds.happened import Happened, Known, as_happened, entries_of, sold_before
from exitladder.pipelines.advice.managed import (
    Managed,
    first_managed_bars,
    follow_from_entry,
    follow_managed,
    managed_moments,
)
from exitladder.pipelines.advice.orders import Order
from exitladder.pipelines.advice.rows.columns import ADD_COLUMNS, COLUMNS, LIMIT_COLUMNS, order_columns
from exitladder.pipelines.advice.rows.contracts import venue_of
from exitladder.pipelines.advice.rows.followed import Followed
from exitladder.pipelines.advice.rows.row import row_of
from exitladder.pipelines.advice.uncertainty import outlook_of
from exitladder.pipelines.advice.wording.reasons import model_reasons
from exitladder.pipelines.advice.working.moments import moment_text
from exitladder.pipelines.inputs.job import Job, open_job
from exitladder.pipelines.inputs.predictions import READABLE, outlives_rows, rows_seen, signal_bars
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.plans.ladder import Ladder
from exitladder.plans.resting_adds import AddOrder, StandingAdds
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import PlacedTrades, Trades

if TYPE_CHECKING:
    from exitladder.execution.book.tonight import AccountNow
    from exitladder.models.exhaustion.model import ExhaustionModel
    from exitladder.pipelines.advice.book import BookTonight

__all__ = ["COLUMNS", "REPLAY", "Management", "advice_job", "open_trades", "score_open"]


@dataclass(frozen=True)
class Management:
    """From when a ladder manages open trades, and what the user holds where the file does not say.

    Parameters
    ----------
    since_entry : bool
        Whether the ladder is followed from each entry on, as in a backtest; otherwise from ``managed_from`` on, or from
        the next bar where that is blank.
    assume : {"", "followed", "untouched"}
        The open quantity where ``quantity_open`` is blank: what the ladder would have left, or all that was entered.
        Without it, such a trade has no orders.
    previous : mapping of str to mapping
        Rows of earlier scores by trade_id: their ``managed_from``, stop and orders.
    clock_ns : int, optional
        The clock's moment if it was read, nanoseconds since 1970 UTC.
    account : AccountNow, optional
        The account at the last close, for plans with limits on its equity.
    book : BookTonight, optional
        The book that the trades belong to; found by `exitladder.pipelines.score.score`.
    """

    since_entry: bool = False
    assume: Literal["", "followed", "untouched"] = ""
    previous: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clock_ns: int | None = None
    account: AccountNow | None = None
    book: BookTonight | None = None


REPLAY = Management(since_entry=True, assume="followed")


def open_trades(trades: Trades, asof: int | None = None) -> Trades:
    """Return the trades open at `asof`, none if there is none; trades closed later count as open."""
    if asof is None:
        chosen = trades.take(trades.is_open)
    else:
        entered = trades.entry_time < asof
        chosen = trades.take(entered & (trades.is_open | (trades.exit_time >= asof))).known_at(asof - 1)
    n = len(chosen)
    return replace(chosen, exit_time=np.full(n, NO_TIME, dtype=np.int64), exit_price=np.full(n, np.nan))


def advice_job(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    model: str | ExhaustionModel | None,
    progress: Progress = SILENT,
    ladder: Ladder | None = None,
) -> Job:
    """Return the job of open trades: each with all of its bars, predicted up to the last one; see `open_job`.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
        Open ones.
    settings : Settings
    model : str or ExhaustionModel or None
    progress : Progress
    ladder : Ladder, optional
        The ladder that is scored: its costs and initial stop decide which ticks are too wide.

    Returns
    -------
    Job
    """
    longest = int(np.diff(bars.start).max())
    return open_job(
        bars, trades, settings, model=model, max_bars=longest, keeps_all=True, ladder=ladder, progress=progress
    )


def follow_open(
    job: Job, ladder: Ladder, finer: BarSet | None = None, management: Management = REPLAY
) -> tuple[Managed, IntArray]:
    """Return open trades as the ladder follows them up to the last bar, and from when it manages each.

    Parameters
    ----------
    job : Job
        From `advice_job`, of open trades; see `open_trades`.
    ladder : Ladder
    finer : BarSet, optional
        Bars of a shorter interval for the policy ``finer_bars``.
    management : Management
        By default, trades are followed from their entry on.

    Returns
    -------
    managed : Managed
    moments : int64 array, shape (n_trades,)
        Nanoseconds since 1970 UTC; `NO_TIME` for a trade followed from its entry on.
    """
    placed = job.prepared.placed
    most = signal_bars(ladder, job.settings)
    if management.since_entry:
        moments = np.full(len(placed), NO_TIME, dtype=np.int64)
        return follow_from_entry(placed, ladder, job.signals([ladder], most), finer), moments
    moments = _moments(job.prepared, management)
    first = first_managed_bars(placed, moments)
    longest = int((first - placed.first_bar).max())
    return follow_managed(placed, ladder, job.signals([ladder], most + longest, first), first, finer), moments


def score_open(
    job: Job,
    ladder: Ladder,
    finer: BarSet | None = None,
    management: Management = REPLAY,
    known: tuple[Managed, IntArray] | None = None,
) -> pd.DataFrame:
    """Return the advice on open trades; every bar given is taken as known.

    The ladder is simulated up to the last bar, from the entry or from the first managed bar on. That gives the filled
    rungs, the current stop and the orders decided at the last close. It reads what a backtest reads: predictions after
    the embargo, for as many bars of a trade (see `signal_bars`).

    Parameters
    ----------
    job : Job
        From `advice_job`, of open trades; see `open_trades`.
    ladder : Ladder
    finer : BarSet, optional
        Bars of a shorter interval for the policy ``finer_bars``.
    management : Management
        By default, trades are followed from their entry on.
    known : tuple of Managed and int64 array, optional
        From `follow_open`, if it has run already.

    Returns
    -------
    DataFrame
        One row per trade with the columns ``COLUMNS``, ``exit_rank`` if the ladder reads it, and ``dividends_r`` (cash
        dividends so far, in R) if the bars
        pay any; `open_r` is that of the price.
    """
    prepared, model = job.prepared, job.model
    placed = prepared.placed
    warn_of_stale_sources(prepared.features, job.bars, sorted(set(job.trades.symbol)))
    last = last_rows(prepared)
    seen = None if model is None or not (last >= 0).any() else rows_seen(prepared, model, last[last >= 0])
    outlook = outlook_of(prepared, model, last, seen)
    managed, moments = follow_open(job, ladder, finer, management) if known is None else known
    managed, happened = _with_adds(managed, placed, ladder, management)
    state, standing, adds = _state_of(managed)
    # the model's view of a trade is shown beside any ladder, but explains the advice of one that reads it only
    read_model = model if set(ladder.series) & set(READABLE) else None
    by_value = [_acts_on("hold_value_r", ladder, standing.get(str(t), [])) for t in placed.trades.trade_id]
    reasons = [[] for _ in last] if read_model is None else model_reasons(prepared, read_model, last, by_value, seen)
    wide = prepared.notes.is_too_wide
    bars = placed.bars
    closes = list(pd.to_datetime(bars.close_time[bars.start[1:] - 1], utc=True))
    venues = [venue_of(ladder, job.settings, bars, symbol) for symbol in range(len(bars.symbols))]
    names = {moment: moment_text(moment) for moment in map(int, np.unique(moments)) if moment != NO_TIME}
    each = []
    for i, (done, k) in enumerate(managed.views):
        symbol = int(placed.symbol_index[i])
        trade_id = str(placed.trades.trade_id[i])
        one = Followed(
            placed, i, done, k, ladder, state.get(trade_id), standing.get(trade_id, []),
            managed_from=names.get(int(moments[i]), ""),
            first_bar=int(managed.first_bar[i]),
            missed=managed.missed[i],
            has_passed_stop=bool(managed.has_passed_stop[i]),
            trail_waits=bool(managed.trail_waits[i]),
            is_too_wide=wide is not None and bool(wide[i]),
            previous=management.previous.get(trade_id),
            asof=closes[symbol],
            venue=venues[symbol],
            adds=adds.get(trade_id, StandingAdds()),
            happened=happened[i] if ladder.adds else None,
            missed_adds=managed.missed_adds[i] if managed.missed_adds else (),
            begins_ns=int(moments[i]),
        )  # fmt: skip
        each.append(one)
    of_book: list[dict[str, Any]] = []
    if management.book is not None:
        from exitladder.pipelines.advice.book import with_reductions

        each, of_book = with_reductions(job, management.book, each, management.assume)
        reasons = [[*own["reasons"], *texts] for own, texts in zip(of_book, reasons, strict=True)]
    rows = [row_of(one, management.assume, outlook, texts) for one, texts in zip(each, reasons, strict=True)]
    for row, own in zip(rows, of_book, strict=bool(of_book)):
        row |= {name: own[name] for name in LIMIT_COLUMNS}
        row["warnings"] = [*row["warnings"], *own["warnings"]]
    if read_model is not None:
        _warn_of_predictions(rows, read_model)
    _warn_of_limits(rows, job, ladder, read_model, last)
    columns = list(COLUMNS)
    if RANK in ladder.series:
        columns.insert(columns.index("hold_value_r") + 1, RANK)
    if any(done.credits is not None for done, _ in managed.views):
        columns.insert(columns.index("open_r") + 1, "dividends_r")
        rows = [
            {**row, "dividends_r": float(done.dividends_r[k])}
            for row, (done, k) in zip(rows, managed.views, strict=True)
        ]
    columns += [*(ADD_COLUMNS if ladder.adds else ()), *(LIMIT_COLUMNS if of_book else ())]
    return order_columns(pd.DataFrame(rows, columns=columns))


def _moments(prepared: Prepared, management: Management) -> IntArray:
    """Return ``managed_from`` of each trade: its file's, else that of earlier scores, else the last close."""
    placed = prepared.placed
    moments, given = managed_moments(placed), placed.trades.managed_from
    for i, trade_id in enumerate(placed.trades.trade_id):
        kept = management.previous.get(str(trade_id), {}).get("managed_from")
        if (given is None or given[i] == NO_TIME) and isinstance(kept, str) and kept:
            moments[i] = pd.Timestamp(kept).tz_localize("UTC").value if "Z" not in kept else pd.Timestamp(kept).value
    return moments


def _with_adds(
    managed: Managed, placed: PlacedTrades, ladder: Ladder, management: Management
) -> tuple[Managed, list[Happened]]:
    """Return open trades of a plan with the adds that the user's files show."""
    if not ladder.adds:
        return managed, []
    trades, bars = placed.trades, placed.bars
    known = []
    for i, trade_id in enumerate(map(str, trades.trade_id)):
        own, entered, first = float(trades.quantity_open[i]), float(trades.quantity[i]), int(managed.first_bar[i])
        is_told = np.isfinite(own) or management.assume == "untouched"
        held = own if np.isfinite(own) else entered if is_told else np.nan
        kept = (management.previous.get(trade_id) or {}).get("quantity_managed")
        earlier = 0.0
        if entries_of(trades, i) is not None:
            begins = int(bars.time[first]) if first < bars.n_bars else np.iinfo(np.int64).max
            earlier = sold_before(trades, i, begins) if first > int(placed.first_bar[i]) else 0.0
        elif is_told and first >= int(placed.end_bar[i]) and not management.since_entry:
            earlier = entered - held
        elif is_told and kept is not None and np.isfinite(kept):
            earlier = entered - float(kept)
        missed = managed.missed_adds[i] if managed.missed_adds else ()
        known.append(Known(held, bool(is_told), earlier, missed))
    views, happened = as_happened(managed.views, trades, known)
    return replace(managed, views=views), happened


def _state_of(
    managed: Managed,
) -> tuple[dict[str, dict[str, Any]], dict[str, list[Order]], dict[str, StandingAdds]]:
    """Return state, orders for the next bar and adds of the trades that the ladder holds, by trade_id."""
    state: dict[str, dict[str, Any]] = {}
    standing: dict[str, list[Order]] = {}
    adds: dict[str, StandingAdds] = {}
    missed = {
        str(done.placed.trades.trade_id[k]): rungs
        for (done, k), rungs in zip(managed.views, managed.missed, strict=True)
    }
    for done in {id(done): done for done, _ in managed.views}.values():
        for row in state_frame(done).to_dict("records"):
            state[str(row["trade_id"])] = {str(name): value for name, value in row.items()}
        for listed in standing_rows(done):
            trade_id, rung = str(listed["trade_id"]), listed["rung"]
            if listed["kind"] == "add":
                before = adds.get(trade_id, StandingAdds())
                one = AddOrder(*(listed[name] for name in ("add", "type", "quantity", "price", "fill", "after")))
                adds[trade_id] = StandingAdds((*before.orders, one), float(listed["room"]))
                continue
            if rung in missed[trade_id] and listed["type"] == "limit":
                continue
            order = Order(
                type=str(listed["type"]).replace("-", "_"),
                side=str(listed["side"]),
                quantity=float(listed["quantity"]),
                price=None if np.isnan(listed["price"]) else float(listed["price"]),
                rung=rung,
                kind=str(listed["kind"]),
            )
            standing.setdefault(trade_id, []).append(order)
    return state, standing, adds


def _warn_of_predictions(rows: list[dict[str, Any]], model: ExhaustionModel) -> None:
    """Add to the warnings of trades that the model does not predict, or was not trained for."""
    longest = int(model.context["labels"]["max_bars"])
    for row in rows:
        if np.isnan(row["exhaustion"]):
            row["warnings"].append(
                "No prediction: the model has no view here, its first stage begins later, or no bar of the trade has "
                "closed yet."
            )
        elif row["bars_held"] > longest:
            row["warnings"].append(f"Held longer than the {longest} bars that the model was trained on.")


def _warn_of_limits(
    rows: list[dict[str, Any]], job: Job, ladder: Ladder, model: ExhaustionModel | None, last: npt.NDArray[np.int64]
) -> None:
    """Add to the warnings of trades for which a ladder's conditions or the model's last stage do not count here."""
    most = signal_bars(ladder, job.settings)
    embargoed = np.zeros(len(rows), dtype=bool)
    if model is not None:
        alive = np.flatnonzero(last >= 0)
        when = job.bars.close_time[job.prepared.rows.bar_of(last[alive])]
        embargoed[alive] = model.stage_of(when, embargo=False) != model.stage_of(when)
        until = stamp_text(max(stage.valid_from_ns for stage in model.stages))
    can_outlive = outlives_rows(ladder, most)
    for i, row in enumerate(rows):
        if can_outlive and row["bars_managed"] > most:
            row["warnings"].append(
                f"Held longer than {most} bars: the ladder's conditions on the model no longer hold, as in a backtest. "
                "Raise labels.max_bars to read it longer."
            )
        if embargoed[i]:
            row["warnings"].append(
                f"This bar is in the embargo after the model's training, until {until}; an earlier "
                "stage of the model predicts it, as in a backtest."
            )


def _acts_on(series: str, ladder: Ladder, orders: list[Order]) -> bool:
    """Return whether a condition on this series triggers an order now."""
    fired = [ladder.rungs[o.rung - 1] for o in orders if o.type == "market" and o.rung is not None]
    return any(condition.series == series for rung in fired for condition in rung.when)


def last_rows(prepared: Prepared) -> npt.NDArray[np.int64]:
    """Return each trade's last row, -1 if it has no complete bar yet, shape (n_trades,)."""
    return np.where(prepared.rows.lengths > 0, prepared.rows.start[1:] - 1, -1)
