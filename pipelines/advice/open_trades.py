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
from exitladder.execution.standing import standing_orders, state_frame
from exitladder.features import warn_of_stale_sources
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.pipelines.advice.advice import HOLD, Advice, Order, advise_closed, advise_open
from exitladder.pipelines.advice.reasons import model_reasons
from exitladder.pipelines.inputs.job import Job, open_job
from exitladder.pipelines.inputs.predictions import predict_some
from exitladder.pipelines.inputs.prepare import Prepared
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


def advice_job(
    bars: BarSet, trades: Trades, settings: Settings, model: str | ExhaustionModel, progress: Progress = SILENT
) -> Job:
    """Return the job of open trades: each with all of its bars, predicted up to the last one; see `open_job`.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
        Open ones.
    settings : Settings
    model : str or ExhaustionModel
    progress : Progress

    Returns
    -------
    Job
        Its model predicts from its last label on, without an embargo.
    """
    longest = int(np.diff(bars.start).max())
    job = open_job(bars, trades, settings, model=model, max_bars=longest, keeps_all=True, progress=progress)
    return replace(job, embargo=False)


def score_open(job: Job, ladder: Ladder) -> pd.DataFrame:
    """Return the advice on open trades; every bar given is taken as known.

    The ladder is simulated from each entry to the last bar, which gives the filled rungs, the current stop and
    the orders decided at the last close.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
        Open trades; see `open_trades`.
    ladder : Ladder
    model : ExhaustionModel
    settings : Settings
        With the model's own features.
    progress : Progress, optional

    Returns
    -------
    DataFrame
        One row per trade with the columns ``COLUMNS``, and ``dividends_r`` (cash dividends so far, in R) if the bars
        pay any; `open_r` is that of the price.
    """
    prepared, model = job.prepared, job.trained_model
    warn_of_stale_sources(prepared.features, job.bars, sorted(set(job.trades.symbol)))
    last = last_rows(prepared)
    alive = np.flatnonzero(last >= 0)
    now = predict_some(prepared, model, last[alive], embargo=False)
    exhaustion, hold_value = np.full(len(last), np.nan), np.full(len(last), np.nan)
    exhaustion[alive], hold_value[alive] = now.exhaustion, now.hold_value_r
    done = simulate(prepared.placed, ladder, job.signals([ladder]))
    longest_trained = int(model.context["labels"]["max_bars"])
    state = state_frame(done).set_index("trade_id")
    standing = standing_by_trade(done)
    by_value = [_acts_on("hold_value_r", ladder, standing.get(str(t), [])) for t in prepared.placed.trades.trade_id]
    reasons = model_reasons(prepared, model, last, by_value)
    rows = [
        _row(done, i, state, standing, (float(exhaustion[i]), float(hold_value[i])), reasons[i], longest_trained)
        for i in range(len(prepared.placed))
    ]
    columns = list(COLUMNS)
    if done.credits is not None:
        columns.insert(columns.index("open_r") + 1, "dividends_r")
        rows = [{**row, "dividends_r": float(done.dividends_r[i])} for i, row in enumerate(rows)]
    return pd.DataFrame(rows, columns=columns)


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
    longest_trained: int,
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
    status = STATUS[int(done.status[i])]
    if status == "closed":
        when = pd.Timestamp(int(bars.time[int(done.exit_bar[i])]), tz="UTC")
        advice = advise_closed(held, side, f"order {done.reason[i]}", f"{when:%Y-%m-%d %H:%M}")
        since = _since_entry(done, i)
    elif status == "skipped":
        advice = Advice(HOLD, 0.0, float(trades.stop_price[i]), warnings=(f"Not simulated: {done.reason[i]}.",))
        since = _since_entry(done, i)
    else:
        if not np.isfinite(own):
            held = float(done.quantity_left[i])
        left = float(done.quantity_left[i])
        advice = advise_open(held, left, side, standing.get(trade_id, []), float(now["stop_price"]))
        since = {name: float(now[name]) for name in ("open_r", "mfe_r", "give_back_r", "bars_held")}
    warnings = list(advice.warnings)
    if np.isnan(exhaustion):
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
