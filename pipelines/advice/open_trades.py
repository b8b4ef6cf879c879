"""Scoring of every open trade at the last closed bar."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME
from exitladder.errors import TradesError
from exitladder.execution import STATUS, Simulation, simulate
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.standing import standing_orders, state_frame
from exitladder.features import warn_of_stale_sources
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.pipelines.advice.advice import HOLD, Advice, Order, advise_closed, advise_open
from exitladder.pipelines.advice.reasons import model_reasons
from exitladder.pipelines.inputs.job import Job, open_job
from exitladder.pipelines.inputs.predictions import outlives_rows, predict_some, signal_bars
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.pipelines.inputs.usable_trades import TICK_TOO_WIDE
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

COLUMNS = (
    "trade_id", "symbol", "side", "asof", "quantity_open", "price", "open_r", "mfe_r", "give_back_r", "bars_held",
    "exhaustion", "hold_value_r", "action", "action_quantity", "stop_price", "orders", "reasons", "warnings",
)  # fmt: skip


def open_trades(trades: Trades, asof: int | None = None) -> Trades:
    """Return the trades open at `asof`; trades closed later count as open, their exits as unknown.

    Raises
    ------
    TradesError
        If none is open.
    """
    if asof is None:
        chosen = trades.take(trades.is_open)
    else:
        entered = trades.entry_time < asof
        chosen = trades.take(entered & (trades.is_open | (trades.exit_time >= asof))).known_at(asof - 1)
    if len(chosen) == 0:
        raise TradesError("At least one trade must be open, but none is. A trade is open if its exit_time is empty.")
    n = len(chosen)
    return replace(chosen, exit_time=np.full(n, NO_TIME, dtype=np.int64), exit_price=np.full(n, np.nan))


def entered_after(trades: Trades, bars: BarSet) -> npt.NDArray[np.bool_]:
    """Return which trades were entered after the last bar of their symbol had closed, shape (n_trades,)."""
    close_time = bars.close_time
    end = {symbol: int(close_time[bars.start[k + 1] - 1]) for k, symbol in enumerate(bars.symbols)}
    return np.array(
        [symbol in end and when >= end[symbol] for symbol, when in zip(trades.symbol, trades.entry_time, strict=True)],
        dtype=np.bool_,
    )


def unscored(trades: Trades, bars: BarSet) -> pd.DataFrame:
    """Return rows for trades entered after the last closed bar: nothing is known of them yet but their own stop."""
    rows = []
    for i, (trade_id, symbol) in enumerate(zip(trades.trade_id, trades.symbol, strict=True)):
        last = int(bars.close_time[bars.start[bars.index(str(symbol)) + 1] - 1])
        own = float(trades.quantity_open[i])
        row = dict.fromkeys(COLUMNS, np.nan) | {
            "trade_id": str(trade_id),
            "symbol": str(symbol),
            "side": "long" if trades.side[i] > 0 else "short",
            "asof": pd.Timestamp(last, tz="UTC"),
            "quantity_open": own if np.isfinite(own) else float(trades.quantity[i]),
            "bars_held": 0,
            "action": HOLD,
            "action_quantity": 0.0,
            "stop_price": float(trades.stop_price[i]),
            "orders": [],
            "reasons": [],
            "warnings": [
                f"Not scored: entered at {pd.Timestamp(int(trades.entry_time[i]), tz='UTC'):%Y-%m-%d %H:%M}, after the "
                f"last closed bar of {symbol}. Load newer bars to list its orders."
            ],
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


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


def score_open(job: Job, ladder: Ladder, finer: BarSet | None = None) -> pd.DataFrame:
    """Return the advice on open trades; every bar given is taken as known.

    The ladder is simulated from each entry to the last bar, which gives the filled rungs, the current stop and
    the orders decided at the last close. It reads what a backtest reads: predictions after the embargo, for as many
    bars of a trade (see `signal_bars`).

    Parameters
    ----------
    job : Job
        From `advice_job`, of open trades; see `open_trades`.
    ladder : Ladder
    finer : BarSet, optional
        Bars of a shorter interval for the policy ``finer_bars``.

    Returns
    -------
    DataFrame
        One row per trade with the columns ``COLUMNS``, and ``dividends_r`` (cash dividends so far, in R) if the bars
        pay any; `open_r` is that of the price.
    """
    prepared, model = job.prepared, job.model
    warn_of_stale_sources(prepared.features, job.bars, sorted(set(job.trades.symbol)))
    last = last_rows(prepared)
    alive = np.flatnonzero(last >= 0)
    exhaustion, hold_value = np.full(len(last), np.nan), np.full(len(last), np.nan)
    if model is not None:
        now = predict_some(prepared, model, last[alive])
        exhaustion[alive], hold_value[alive] = now.reading("exhaustion"), now.reading("hold_value_r")
    most = signal_bars(ladder, job.settings)
    done = simulate(prepared.placed, ladder, job.signals([ladder], most), finer=finer)
    longest_trained = None if model is None else int(model.context["labels"]["max_bars"])
    state = state_frame(done).set_index("trade_id")
    standing = standing_by_trade(done)
    by_value = [_acts_on("hold_value_r", ladder, standing.get(str(t), [])) for t in prepared.placed.trades.trade_id]
    reasons = [[] for _ in last] if model is None else model_reasons(prepared, model, last, by_value)
    wide = prepared.notes.is_too_wide
    skips = np.zeros(len(last), dtype=bool) if wide is None else wide
    rows = [
        _row(
            done,
            i,
            state,
            standing,
            (float(exhaustion[i]), float(hold_value[i])),
            reasons[i],
            longest_trained,
            too_wide=bool(skips[i]),
        )
        for i in range(len(prepared.placed))
    ]
    _warn_of_limits(rows, job, ladder, last)
    columns = list(COLUMNS)
    if done.credits is not None:
        columns.insert(columns.index("open_r") + 1, "dividends_r")
        rows = [{**row, "dividends_r": float(done.dividends_r[i])} for i, row in enumerate(rows)]
    return pd.DataFrame(rows, columns=columns)


def _warn_of_limits(rows: list[dict[str, Any]], job: Job, ladder: Ladder, last: npt.NDArray[np.int64]) -> None:
    """Add to the warnings of trades for which a ladder's conditions or the model's last stage do not count here."""
    most, model = signal_bars(ladder, job.settings), job.model
    close_time = job.bars.close_time
    for i, row in enumerate(rows):
        if outlives_rows(ladder, most) and row["bars_held"] > most:
            row["warnings"].append(
                f"Held longer than {most} bars: the ladder's conditions on the model no longer hold, as in a backtest. "
                "Raise labels.max_bars to read it longer."
            )
        if model is None or last[i] < 0:
            continue
        until = pd.Timestamp(max(stage.valid_from_ns for stage in model.stages), tz="UTC")
        when = close_time[job.prepared.rows.bar_of(last[i : i + 1])]
        if model.stage_of(when, embargo=False)[0] != model.stage_of(when)[0]:
            row["warnings"].append(
                f"This bar is in the embargo after the model's training, until {until:%Y-%m-%d %H:%M}; an earlier "
                "stage of the model predicts it, as in a backtest."
            )


def _acts_on(series: str, ladder: Ladder, orders: list[Order]) -> bool:
    """Return whether a condition on this series triggers an order now."""
    fired = [ladder.rungs[o.rung - 1] for o in orders if o.type == "market" and o.rung is not None]
    return any(condition.series == series for rung in fired for condition in rung.when)


def last_rows(prepared: Prepared) -> npt.NDArray[np.int64]:
    """Return each trade's last row, -1 if it has no complete bar yet, shape (n_trades,)."""
    return np.where(prepared.rows.lengths > 0, prepared.rows.start[1:] - 1, -1)


def standing_by_trade(done: Simulation) -> dict[str, list[Order]]:
    """Return the ladder's orders for the next bar, by trade_id."""
    orders: dict[str, list[Order]] = {}
    for row in standing_orders(done).to_dict("records"):
        order = Order(
            type=str(row["type"]),
            side=str(row["side"]),
            quantity=float(row["quantity"]),
            price=None if pd.isna(row["price"]) else float(row["price"]),
            rung=None if pd.isna(row["rung"]) else int(row["rung"]),
            kind=str(row["kind"]),
        )
        orders.setdefault(str(row["trade_id"]), []).append(order)
    return orders


def _row(
    done: Simulation,
    i: int,
    state: pd.DataFrame,
    standing: dict[str, list[Order]],
    predicted: tuple[float, float],
    model_texts: list[str],
    longest_trained: int | None,
    *,
    too_wide: bool,
) -> dict[str, Any]:
    placed = done.placed
    trades, bars = placed.trades, placed.bars
    trade_id, side = str(trades.trade_id[i]), int(trades.side[i])
    final = int(placed.end_bar[i]) - 1
    own = float(trades.quantity_open[i])
    held = own if np.isfinite(own) else float(trades.quantity[i])
    price = float(bars.close[final])
    exhaustion, hold_value = predicted
    now = dict(state.loc[trade_id]) if trade_id in state.index else {}
    status, why = STATUS[int(done.status[i])], str(done.reason[i])
    if too_wide:
        status, why = "skipped", TICK_TOO_WIDE
    if status == "closed":
        when = pd.Timestamp(int(bars.time[int(done.exit_bar[i])]), tz="UTC")
        advice = advise_closed(held, side, f"order {done.reason[i]}", f"{when:%Y-%m-%d %H:%M}")
        since = _since_entry(done, i)
    elif too_wide or (status == "skipped" and trade_id not in state.index):
        advice = Advice(HOLD, 0.0, float(trades.stop_price[i]), warnings=(f"Not simulated: {why}.",))
        since = _since_entry(done, i)
    else:
        # Also a trade that no bar has followed yet: all of its orders are due.
        left = float(now["quantity_open"])
        if not np.isfinite(own):
            held = left
        advice = advise_open(held, left, side, standing.get(trade_id, []), float(now["stop_price"]))
        since = {name: float(now[name]) for name in ("open_r", "mfe_r", "give_back_r", "bars_held")}
    warnings = list(advice.warnings)
    removed = np.flatnonzero(done.rungs[i, s.STATUS] == o.WITHOUT_SIZE) + 1
    if status == "open" and len(removed):
        named = ", ".join(map(str, removed))
        warnings.append(f"Rounding to the lot removed rung {named}: nothing is sold there.")
    if longest_trained is None:
        pass  # no model, so no prediction to miss
    elif np.isnan(exhaustion):
        warnings.append(
            "No prediction: the bar is before the model's first stage, or no bar of the trade has closed yet."
        )
    elif since["bars_held"] > longest_trained:
        warnings.append(f"Held longer than the {longest_trained} bars that the model was trained on.")
    return {
        "trade_id": trade_id,
        "symbol": str(trades.symbol[i]),
        "side": "long" if side > 0 else "short",
        "asof": pd.Timestamp(int(bars.close_time[final]), tz="UTC"),
        "quantity_open": held,
        "price": price,
        **since,
        "exhaustion": exhaustion,
        "hold_value_r": hold_value,
        "action": advice.action,
        "action_quantity": advice.quantity,
        "stop_price": advice.stop_price,
        "orders": [o.to_mapping() for o in advice.orders],
        "reasons": [*advice.reasons, *model_texts],
        "warnings": warnings,
    }


def _since_entry(done: Simulation, i: int) -> dict[str, float]:
    """Return the price excursions since the entry of a trade that the ladder does not hold."""
    placed = done.placed
    side, entry, risk = int(placed.trades.side[i]), float(placed.trades.entry_price[i]), float(done.risk[i])
    life = slice(int(placed.first_bar[i]), int(placed.end_bar[i]))
    if not risk > 0 or life.start >= life.stop:
        return {"open_r": np.nan, "mfe_r": np.nan, "give_back_r": np.nan, "bars_held": max(0, life.stop - life.start)}
    best = placed.bars.high[life].max() if side > 0 else placed.bars.low[life].min()
    open_r = side * (float(placed.bars.close[life.stop - 1]) - entry) / risk
    mfe_r = max(0.0, side * (float(best) - entry) / risk)
    return {"open_r": open_r, "mfe_r": mfe_r, "give_back_r": mfe_r - open_r, "bars_held": life.stop - life.start}


def flat_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores with text columns: orders as JSON, reasons and warnings joined by '; '."""
    return frame.assign(
        orders=[json.dumps(o) for o in frame["orders"]],
        reasons=["; ".join(r) for r in frame["reasons"]],
        warnings=["; ".join(w) for w in frame["warnings"]],
    )
