"""The columns of the scores, and the order of their rows."""

from __future__ import annotations

import json

import pandas as pd

from exitladder.pipelines.advice.advice import ADD, EXIT, HOLD, REDUCE

COLUMNS = (
    "trade_id", "symbol", "side", "asof", "quantity_open", "price", "open_r", "mfe_r", "give_back_r", "bars_held",
    "exhaustion", "hold_value_r", "action", "action_quantity", "stop_price", "orders", "reasons", "warnings",
    "urgency", "summary", "changes", "replacements", "stop_kind", "stop_before", "exhaustion_low", "exhaustion_high",
    "hold_value_spread_r", "stop_r", "managed_from", "quantity_managed", "bars_managed", "missed_rungs",
    "open_pnl", "risk_now_r", "risk_after_r", "risk_now", "risk_after", "tag", "clock", "traded_close",
    "cancels", "working", "instructions", "checks", "bar_age_days", "bars_missed", "entry_time", "ladder",
)  # fmt: skip
TABLES = ("orders", "replacements", "working")
LISTS = (*TABLES, "reasons", "warnings", "changes", "missed_rungs", "cancels", "instructions", "checks")
# the most urgent first
STOP_MISSING, ASK, MOVE_STOP = "stop_missing", "ask", "move_stop"
URGENCIES = (STOP_MISSING, EXIT, REDUCE, MOVE_STOP, ADD, ASK, HOLD)
# of plans with limits or a book only
LIMIT_COLUMNS = ("limits_held", "limits_fired")
# of plans with adds only, after the others
ADD_COLUMNS = ("adds", "quantity_entered", "average_entry", "risk_with_adds_r", "risk_with_adds")


def order_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the columns of texts as texts, in the order of the trades."""
    for name in ("managed_from", "stop_kind", "clock", "tag", "entry_time", "ladder"):
        frame[name] = frame[name].fillna("").astype(object)
    return frame


def by_urgency(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by urgency, then by the risk that the orders take off, then by loss."""
    keys = pd.DataFrame(
        {
            "rank": frame["urgency"].map({name: place for place, name in enumerate(URGENCIES)}),
            "kept": (frame["risk_after_r"].astype("float64") - frame["risk_now_r"].astype("float64")).round(2),
            "open_r": frame["open_r"].astype("float64"),
        }
    )
    return frame.loc[keys.sort_values(["rank", "kept", "open_r"], kind="stable").index]


def flat_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores with text columns: orders as JSON, reasons and other texts joined by '; '."""
    return frame.assign(
        **{name: [json.dumps(items) for items in frame[name]] for name in TABLES if name in frame},
        **{
            name: ["; ".join(map(str, items)) for items in frame[name]]
            for name in (*LISTS, *LIMIT_COLUMNS, "adds")
            if name in frame and name not in TABLES
        },
    )
