"""The published JSON schema of the scores; ``docs/score.schema.json`` is this, and a test holds outputs to it."""

from __future__ import annotations

from typing import Any

from exitladder.pipelines.advice.advice import ACTIONS
from exitladder.pipelines.advice.rows import COLUMNS, URGENCIES

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
        "reduce_only": {"const": True},
        "time_in_force": {"enum": ["gtc", "day", "opg"]},
        "hours": {"enum": ["regular", "extended"]},
        "replaces": _NAME,
    },
}
_REPLACEMENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["after", "cancel", "place"],
    "properties": {"after": _TEXT, "cancel": _TEXTS, "place": {"type": "array", "items": _ORDER}},
}
_COLUMNS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("trade_id", "symbol", "summary", "stop_kind", "managed_from", "tag", "clock"), _TEXT),
    **dict.fromkeys(("reasons", "warnings", "changes"), _TEXTS),
    "side": {"enum": ["long", "short", ""]},
    "asof": _NAME,
    "action": {"enum": list(ACTIONS)},
    "urgency": {"enum": list(URGENCIES)},
    "orders": {"type": "array", "items": _ORDER},
    "replacements": {"type": "array", "items": _REPLACEMENT},
    "missed_rungs": {"type": "array", "items": {"type": "integer"}},
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
            "properties": {name: _COLUMNS.get(name, _NUMBER) for name in (*COLUMNS, "dividends_r")},
            "additionalProperties": False,
        },
    }
