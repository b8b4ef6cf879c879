"""The published JSON schema of the scores; ``docs/score.schema.json`` is this, and a test holds outputs to it."""

from __future__ import annotations

from typing import Any

from exitladder.models.exhaustion import RANK
from exitladder.pipelines.advice.advice import ACTIONS
from exitladder.pipelines.advice.rows.columns import ADD_COLUMNS, COLUMNS, LIMIT_COLUMNS, URGENCIES
from exitladder.pipelines.advice.working.orders import SOURCES

_NUMBER = {"type": ["number", "null"]}
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_INTEGER = {"type": ["integer", "null"]}
_NAME = {"type": ["string", "null"]}
_ORDER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "side", "quantity", "price", "rung", "kind", "id", "oco", "reduce_only", "time_in_force"],
    "properties": {
        "type": {"enum": ["market", "limit", "stop", "market_on_close"]},
        "side": {"enum": ["buy", "sell"]},
        "quantity": {"type": "number", "exclusiveMinimum": 0},
        "price": _NUMBER,
        "rung": _INTEGER,
        "kind": _TEXT,
        "id": _TEXT,
        "oco": _NAME,
        "reduce_only": {"type": "boolean"},
        "time_in_force": {"enum": ["gtc", "day", "opg"]},
        "hours": {"enum": ["regular", "extended"]},
        "replaces": _NAME,
        "add": {"type": "integer", "minimum": 0},
        "do": {"enum": ["place", "replace", "leave"]},
        "was_price": _NUMBER,
        "was_quantity": {"type": "number", "exclusiveMinimum": 0},
        "was_oco": {"type": "string"},
    },
    # only an order of kind add, or one to buy of kind target (add 0), adds to the position
    "if": {"required": ["add"]},
    "then": {"properties": {"reduce_only": {"const": False}, "kind": {"enum": ["add", "target"]}}},
    "else": {"properties": {"reduce_only": {"const": True}}},
}
_WORKING = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "side", "quantity", "price", "source", "do"],
    "properties": {
        "type": {"enum": ["market", "limit", "stop", "market_on_close"]},
        "side": {"enum": ["buy", "sell"]},
        "quantity": {"type": "number", "exclusiveMinimum": 0},
        "price": _NUMBER,
        "source": {"enum": list(SOURCES)},
        "id": _TEXT,
        "oco": _NAME,
        "rung": _INTEGER,
        "add": {"type": "integer", "minimum": 0},
        "time_in_force": {"enum": ["gtc", "day", "opg", ""]},
        "do": {"enum": ["leave", "replace", "cancel"]},
    },
}
_REPLACEMENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["after", "cancel", "place"],
    "properties": {"after": _TEXT, "cancel": _TEXTS, "place": {"type": "array", "items": _ORDER}},
}
_COLUMNS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("trade_id", "symbol", "summary", "stop_kind", "managed_from", "tag", "clock", "entry_time", "ladder"), _TEXT
    ),
    **dict.fromkeys(
        ("reasons", "warnings", "changes", "cancels", "adds", "instructions", "checks", *LIMIT_COLUMNS), _TEXTS
    ),
    "side": {"enum": ["long", "short", ""]},
    "asof": _NAME,
    "action": {"enum": list(ACTIONS)},
    "urgency": {"enum": list(URGENCIES)},
    "orders": {"type": "array", "items": _ORDER},
    "replacements": {"type": "array", "items": _REPLACEMENT},
    "working": {"type": "array", "items": _WORKING},
    "missed_rungs": {"type": "array", "items": {"type": "integer"}},
}


_MEANINGS = {
    "trade_id": "Name of the trade.",
    "symbol": "Symbol, as in the bars.",
    "side": "Side of the trade; empty if the row could not be read.",
    "asof": "Close of the last bar used, UTC.",
    "quantity_open": "Quantity that you hold; blank if it is not known.",
    "price": "Last close, price.",
    "open_r": "Profit at the last close, price only, in R.",
    "mfe_r": "Maximum favourable excursion since the entry, in R.",
    "give_back_r": "mfe_r less open_r, in R.",
    "bars_held": "Bars since the entry.",
    "exhaustion": "Calibrated probability of exhaustion, 0 to 1; blank without a model's view.",
    "hold_value_r": "Predicted value of holding against selling now, in R.",
    "exit_rank": "Rank of both predictions in the model's past, 0 to 1; only if the ladder reads it.",
    "action": "What to do at the next bar.",
    "action_quantity": "Quantity to sell or buy back at the open.",
    "stop_price": "Stop in force for the next bar, price.",
    "orders": "Orders to have in the market for the next bar; do says whether to place, replace or leave each.",
    "reasons": "Why, in sentences; the model's reasons if the ladder reads it.",
    "warnings": "What to know before sending the orders.",
    "urgency": "Rank of the trade, most urgent first: stop_missing, exit, reduce, move_stop, ask, hold.",
    "summary": "What to do and why, in one sentence.",
    "changes": "What changed since the output given with --previous.",
    "replacements": "What to cancel and place once an order has filled.",
    "stop_kind": "Rule behind the stop: stop, trail, breakeven or liquidation.",
    "stop_before": "Stop in the market now, price; blank if none is known.",
    "exhaustion_low": "Lower end of the Venn-Abers interval of exhaustion.",
    "exhaustion_high": "Upper end of the Venn-Abers interval.",
    "hold_value_spread_r": "Standard deviation of hold_value_r over the model's stages, in R.",
    "stop_r": "Distance of stop_price from the entry, in R; -1 is the initial stop.",
    "managed_from": "From when the ladder manages the trade, UTC; empty if from the entry. Save it in the trades file.",
    "quantity_managed": "Quantity held then.",
    "bars_managed": "Bars since then.",
    "missed_rungs": "Rungs whose price was passed before; they sell nothing.",
    "open_pnl": "Profit at the last close, in account currency.",
    "risk_now_r": "Loss from the last close to the stop in the market now, in R.",
    "risk_after_r": "The same after these orders, in R.",
    "risk_now": "risk_now_r in account currency.",
    "risk_after": "risk_after_r in account currency.",
    "tag": "Label of the trade, from its file.",
    "clock": "Moment at which the clock was read, UTC; empty with --asof.",
    "traded_close": "Last close as traded, price, if the bars have an adjusted one; else blank.",
    "cancels": "Orders in the market to cancel first.",
    "working": "Orders taken to be in the market now, and what to do with each: leave, replace or cancel.",
    "instructions": "What to do with each order, one line each: CANCEL, REPLACE, PLACE, LEAVE.",
    "checks": "What to see at the broker or in the files before sending anything: orders that may have filled, "
    "contradictions.",
    "bar_age_days": "Days from the close of the last bar to the clock, to --asof, or to the newest bar.",
    "bars_missed": "Bars that should have closed since then, at least; above 0, the bars are old.",
    "entry_time": "Entry of the trade, UTC; --previous compares it.",
    "ladder": "Fingerprint of the ladder; --previous compares it.",
    "adds": "What to add next, in sentences; of plans with adds.",
    "quantity_entered": "Entry and adds that have filled; of plans with adds.",
    "average_entry": "Average price of entry and adds; of plans with adds.",
    "risk_with_adds_r": "risk_after_r once all adds in the market have filled, in R; of plans with adds.",
    "risk_with_adds": "risk_with_adds_r in account currency; of plans with adds.",
    "limits_held": "Limits whose conditions hold at the last close; of plans with limits or a book.",
    "limits_fired": "Those of them that have fired at it; of plans with limits or a book.",
    "dividends_r": "Cash dividends credited so far, in R; only if the bars pay any.",
}


def score_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of the rows that ``score --format json`` prints."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "exitladder score",
        "description": "One row per open trade, the most urgent first. CSV has the same columns.",
        "type": "array",
        "items": {
            "type": "object",
            "required": list(COLUMNS),
            "properties": {
                name: _COLUMNS.get(name, _NUMBER) | {"description": _MEANINGS[name]}
                for name in (*COLUMNS, RANK, "dividends_r", *ADD_COLUMNS, *LIMIT_COLUMNS)
            },
            "additionalProperties": False,
        },
    }
