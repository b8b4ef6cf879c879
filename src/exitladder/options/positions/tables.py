"""The tables of a backtest on options: fills.csv and trades.csv."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from exitladder.options.positions.position import Position
from exitladder.options.positions.replay import ALL, Outcome

FLAGS = (
    "assigned_early",
    "delivered",
    "pin",
    "kept_leg",
    "waited",
    "split",
    "quotes_ended",
    "entry_cut",
    "entry_large",
    "entry_outside",
    "inactive_rung",
)
"""Events of a position that trades.csv marks and summary.json counts."""


def net_r(outcome: Outcome) -> float:
    """Return the net result in R; an open rest counts at its last mark. NaN without a mark, or if skipped."""
    position = outcome.position
    if position is None:
        return math.nan
    return _net(outcome, position) / position.money_at_risk


def net_money(outcome: Outcome) -> float:
    """Return the net result in money; NaN as `net_r`."""
    return math.nan if outcome.position is None else _net(outcome, outcome.position)


def _net(outcome: Outcome, position: Position) -> float:
    """Return the net result in money."""
    booked = position.gross - position.paid
    if not position.held and not position.kept:
        return booked
    # of the legs that are left: a short leg that was assigned early is booked already
    paid = sum(leg.sign * leg.entry for leg in position.legs)
    still = (position.side * outcome.mark - paid) * position.held * position.trade.multiplier
    # kept legs had no bid: they are valued at 0
    kept = -sum(leg.sign * leg.entry * n for leg, n in position.kept) * position.trade.multiplier
    return booked + (still if position.held else 0.0) + kept - _entry_costs_left(position)


def _entry_costs_left(position: Position) -> float:
    """Return the costs of the entry that no exit has borne yet."""
    kept = sum(n for _, n in position.kept) / len(position.trade.legs)
    return position.entry_cost * (position.held + kept) / position.quantity


def is_beyond_width(outcome: Outcome) -> bool:
    """Return whether a vertical lost more than its debit, or than its width less the credit, before costs."""
    position = outcome.position
    if position is None or position.trade.second is None:
        return False
    most = position.premium if position.side > 0 else position.trade.width - position.premium
    return position.gross < -most * position.quantity * position.trade.multiplier - 1e-6


def trades_frame(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return the table of ``trades.csv``: one row per trade, in their order."""
    return pd.DataFrame([_trade_row(outcome) for outcome in outcomes])


def _trade_row(outcome: Outcome) -> dict[str, Any]:
    trade, position = outcome.trade, outcome.position
    row: dict[str, Any] = {
        "trade_id": trade.trade_id,
        "symbol": trade.contract.underlying,
        "contract": " / ".join(str(contract) for contract, _ in trade.legs),
        "side": "long" if trade.side > 0 else "short",
        "status": outcome.status,
        "reason": outcome.reason,
        "quantity_wanted": trade.quantity,
        "quantity": trade.quantity if position is None else position.entered,
        "multiplier": trade.multiplier,
    }
    nothing = dict.fromkeys(
        ("entry_time", "entry_price", "risk", "stop_price", "mark", "exit_time", "pnl", "costs", "r", "mfe_r", "mae_r"),
        math.nan,
    )
    if position is None:
        return row | nothing | {"exit_order": "", "bars_held": 0, "n_fills": 0, **dict.fromkeys(FLAGS, False)}
    scale = position.quantity / position.entered
    last = position.fills[-1] if position.fills else None
    return row | {
        "entry_time": pd.Timestamp(outcome.entry_time, tz="UTC"),
        # as entered, before splits
        "entry_price": position.premium * scale,
        "risk": position.risk * scale,
        "stop_price": position.stop * scale,
        "mark": outcome.mark * scale,
        "exit_time": pd.NaT if last is None or not position.is_over else pd.Timestamp(last.time, tz="UTC"),
        "pnl": _net(outcome, position),
        "costs": position.paid + _entry_costs_left(position),
        "r": net_r(outcome),
        "mfe_r": outcome.state["mfe_r"],
        "mae_r": outcome.state["mae_r"],
        "exit_order": "" if last is None or not position.is_over else last.order,
        "bars_held": int(outcome.state["bars_held"]),
        "n_fills": len(position.fills),
        **{flag: flag in position.notes for flag in FLAGS},
    }


def fills_frame(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return the table of ``fills.csv``: one row per leg and fill; the `r` of a trade's rows add up to the trade's."""
    rows = []
    for outcome in outcomes:
        position = outcome.position
        if position is None:
            continue
        rows += [_entry_row(outcome, position, n) for n in range(len(position.trade.legs))]
        rows += [
            {
                "trade_id": outcome.trade.trade_id,
                "bar_time": fill.time,
                "order": fill.order,
                "rung": fill.rung,
                "leg": fill.leg.number,
                "contract": str(fill.contract),
                "side": "buy" if fill.is_buy else "sell",
                "quantity": fill.quantity,
                "price": fill.price,
                "commission": fill.commission,
                "slippage": fill.slippage,
                "underlying_cost": fill.underlying_cost,
                "r": fill.r,
            }
            for fill in position.fills
        ]
    columns = [
        "trade_id", "bar_time", "order", "rung", "leg", "contract", "side", "quantity", "price", "commission",
        "slippage", "underlying_cost", "r",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    table["bar_time"] = pd.to_datetime(np.asarray(table["bar_time"], dtype=np.int64), utc=True, unit="ns")
    table["rung"] = table["rung"].astype("Int64").where(table["rung"] > 0)
    table.insert(1, "fill", table.groupby("trade_id", sort=False).cumcount() + 1)
    return table


def decisions_frame(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return the table of ``decisions.csv``: one row per close at which contracts were to be closed, and why."""
    rows = [
        {
            "trade_id": outcome.trade.trade_id,
            "known_at": pd.Timestamp(one.time, tz="UTC"),
            "order": one.code,
            "rung": one.rung or pd.NA,
            "quantity": pd.NA if one.quantity == ALL else one.quantity,
            "mark": one.mark,
            "premium_r": one.r,
            "why": "; ".join(f"{condition} at {value:.6g}" for condition, value in one.why),
        }
        for outcome in outcomes
        for one in outcome.decisions
    ]
    names = ["trade_id", "known_at", "order", "rung", "quantity", "mark", "premium_r", "why"]
    return pd.DataFrame(rows, columns=names).astype({"rung": "Int64", "quantity": "Int64"})


def _entry_row(outcome: Outcome, position: Position, n: int) -> dict[str, Any]:
    contract, sign = outcome.trade.legs[n]
    return {
        "trade_id": outcome.trade.trade_id,
        "bar_time": outcome.entry_time,
        "order": "entry",
        "rung": 0,
        "leg": n + 1,
        "contract": str(contract),
        "side": "buy" if sign > 0 else "sell",
        "quantity": position.entered,
        "price": position.entry_prices[n],
        "commission": position.entry_cost / len(outcome.trade.legs),
        "slippage": position.entry_slippage[n],
        "underlying_cost": 0.0,
        "r": 0.0,
    }
