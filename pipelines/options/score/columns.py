"""The columns of the scores of positions in options, and their published JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from exitladder.pipelines.options.score.orders import ACTIONS

ASK = "ask"
_COUNTED = {"exit": "to exit", "reduce": "to reduce", ASK: "not scored", "hold": "to hold"}
URGENCIES = tuple(_COUNTED)
GREEK_COLUMNS = (
    "implied_volatility", "delta", "gamma", "vega", "theta", "position_delta", "position_gamma", "position_vega",
    "position_theta", "gamma_1pct", "theta_premium",
)  # fmt: skip
COLUMNS = (
    "trade_id", "symbol", "contract", "side", "asof", "quantity_open", "underlying_price", "mark", "premium_r",
    "mfe_r", "give_back_r", "max_profit_share", "bars_held", "days_to_expiry", "last_trading_day", *GREEK_COLUMNS,
    "action", "action_quantity", "stop_price", "entry_price", "orders", "legs", "reasons", "warnings", "urgency",
    "summary", "changes", "managed_from", "quantity_managed", "bars_managed", "missed_rungs", "open_pnl", "tag",
    "clock", "cancels", "working", "instructions", "checks", "quote_age_days", "quotes_missed", "entry_time", "ladder",
)  # fmt: skip
TABLES = ("orders", "legs", "working")
LISTS = (*TABLES, "reasons", "warnings", "changes", "missed_rungs", "cancels", "instructions", "checks")
TEXTS = ("symbol", "contract", "side", "last_trading_day", "managed_from", "tag", "clock", "entry_time", "ladder")


def empty_row() -> dict[str, Any]:
    """Return a row of which nothing is known."""
    return (
        dict.fromkeys(COLUMNS, float("nan"))
        | dict.fromkeys(TEXTS, "")
        | {name: [] for name in LISTS}
        | {"asof": pd.NaT, "action": "hold", "action_quantity": 0.0, "bars_held": 0, "bars_managed": 0}
    )


def by_urgency(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table: the most urgent first, then those with the fewest days left, then by loss."""
    frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
    keys = pd.DataFrame(
        {
            "rank": frame["urgency"].map({name: place for place, name in enumerate(URGENCIES)}),
            "days": frame["days_to_expiry"].astype("float64"),
            "r": frame["premium_r"].astype("float64"),
        }
    )
    return frame.loc[keys.sort_values(["rank", "days", "r"], kind="stable").index].reset_index(drop=True)


def counted(urgencies: Iterable[str]) -> str:
    """Return how many positions there are of each urgency, in words.

    Examples
    --------
    >>> counted(["hold", "exit", "hold"])
    '1 to exit, 2 to hold'
    """
    found = list(urgencies)
    return ", ".join(f"{found.count(name)} {text}" for name, text in _COUNTED.items() if name in found)


def flat_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores with text columns: orders and legs as JSON, reasons and other texts joined by '; '."""
    return frame.assign(
        **{name: [json.dumps(items) for items in frame[name]] for name in TABLES},
        **{
            name: ["; ".join(map(str, items)) for items in frame[name]]
            for name in LISTS
            if name not in TABLES and name in frame
        },
    )


_NUMBER = {"type": ["number", "null"]}
_TEXT = {"type": "string"}
_INTEGER = {"type": ["integer", "null"]}
_NAME = {"type": ["string", "null"]}
_WHY = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["condition", "value"],
        "properties": {"condition": _TEXT, "value": _NUMBER},
    },
}
_ORDER = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "type", "side", "quantity", "price", "rung", "kind", "id", "oco", "reduce_only", "time_in_force", "leg",
        "contract", "quantity_shown", "combo", "why", "decided", "do",
    ],
    "properties": {
        "type": {"enum": ["market", "limit"]},
        "side": {"enum": ["buy", "sell"]},
        "quantity": {"type": "integer", "minimum": 1},
        "price": _NUMBER,
        "rung": _INTEGER,
        "kind": {"enum": ["rung", "stop", "time", "late rung", "late exit"]},
        "id": _TEXT,
        "oco": {"type": "null"},
        "reduce_only": {"const": True},
        "time_in_force": {"enum": ["gtc", "day"]},
        "leg": {"enum": [1, 2]},
        "contract": _TEXT,
        "quantity_shown": _NUMBER,
        "combo": _NAME,
        "why": _WHY,
        "decided": _NAME,
        "do": {"enum": ["place", "replace", "leave"]},
        "replaces": _TEXT,
        "was_price": _NUMBER,
        "was_quantity": {"type": "integer", "minimum": 1},
    },
}  # fmt: skip
_WORKING = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "side", "quantity", "price", "rung", "id", "contract", "source", "do"],
    "properties": {
        "type": {"const": "limit"},
        "side": {"enum": ["buy", "sell"]},
        "quantity": {"type": "number", "exclusiveMinimum": 0},
        "price": _NUMBER,
        "rung": _INTEGER,
        "id": _TEXT,
        "contract": _TEXT,
        "source": {"const": "previous"},
        "do": {"enum": ["leave", "replace", "cancel"]},
    },
}
_LEG = {
    "type": "object",
    "additionalProperties": False,
    "required": ["leg", "contract", "side", "bid", "ask", "bid_size", "ask_size"],
    "properties": {
        "leg": {"enum": [1, 2]},
        "contract": _TEXT,
        "side": {"enum": ["long", "short"]},
        **dict.fromkeys(("bid", "ask", "bid_size", "ask_size"), _NUMBER),
    },
}
_MEANINGS = {
    "contract": "The contract; of a vertical both, the one at strike first.",
    "symbol": "The underlying.",
    "asof": "End of the last quotes of all legs, UTC; the plan has decided on these.",
    "quantity_open": "Contracts, or verticals, that you hold; blank if it is not known.",
    "underlying_price": "Last price of the underlying known then.",
    "mark": "Net premium at the last quotes: a bought leg at its bid, a sold one at its ask.",
    "premium_r": "Profit at the mark, in R.",
    "mfe_r": "Best premium_r at a close so far.",
    "give_back_r": "mfe_r less premium_r.",
    "max_profit_share": "Profit over the largest profit possible; blank for a long option.",
    "bars_held": "Closes of quotes since the entry.",
    "days_to_expiry": "Calendar days to the last trading day.",
    "last_trading_day": "Date on which trading of the contract ends.",
    "implied_volatility": "Of the first leg, from the mid of its quote, annual.",
    "delta": "Per unit, signed by the position.",
    "gamma": "Per unit.",
    "vega": "Per unit and point of volatility.",
    "theta": "Per unit and calendar day.",
    "position_delta": "delta x contracts held x multiplier.",
    "position_gamma": "The same of gamma.",
    "position_vega": "The same of vega.",
    "position_theta": "The same of theta.",
    "gamma_1pct": "Change of position_delta in money for a move of 1%.",
    "theta_premium": "Premium lost per calendar day over the mark.",
    "action": "What to do at the next quote.",
    "action_quantity": "Contracts, or verticals, to close there.",
    "stop_price": "Stop on the net premium, which the mark at a close is compared with; blank without one.",
    "entry_price": "Net premium at the entry; after a split in units of today.",
    "orders": "Orders for the next quote, one per leg: market orders, and limits that rest until they fill.",
    "legs": "The contracts held, with their last quotes.",
    "reasons": "Why, with the values that conditions read.",
    "urgency": "Rank of the position, most urgent first: exit, reduce, ask, hold.",
    "managed_from": "From when the plan manages the position, UTC; empty if from the entry. Save it in the trades "
    "file.",
    "quantity_managed": "Contracts held then, in those of the entry; blank if it is not known.",
    "bars_managed": "Closes of quotes since then.",
    "missed_rungs": "Rungs whose target was reached before; they sell nothing.",
    "open_pnl": "Profit at the mark of the contracts held, before costs, in money.",
    "quote_age_days": "Days from asof to the clock, or to --asof.",
    "quotes_missed": "Weekdays over since then without a quote of the position; above 0, the quotes are old.",
    "cancels": "Resting orders to cancel first.",
    "working": "Limits of the earlier output, taken to be in the market, and what to do with each.",
}


def options_score_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of the rows that ``options score --format json`` prints."""
    # imports the models, which scores of options do not need
    from exitladder.pipelines.advice.schema import score_schema

    shares = score_schema()["items"]["properties"]
    texts = {"type": "array", "items": _TEXT}
    kinds: dict[str, dict[str, Any]] = {
        **dict.fromkeys(TEXTS, _TEXT),
        **dict.fromkeys(("trade_id", "summary"), _TEXT),
        **{name: texts for name in LISTS if name not in TABLES},
        "side": {"enum": ["long", "short", ""]},
        "asof": _NAME,
        "action": {"enum": list(ACTIONS)},
        "urgency": {"enum": list(URGENCIES)},
        "orders": {"type": "array", "items": _ORDER},
        "working": {"type": "array", "items": _WORKING},
        "legs": {"type": "array", "items": _LEG},
        "missed_rungs": {"type": "array", "items": {"type": "integer"}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "exitladder options score",
        "description": "One row per open position in options, the most urgent first. CSV has the same columns.",
        "type": "array",
        "items": {
            "type": "object",
            "required": list(COLUMNS),
            "properties": {
                name: kinds.get(name, _NUMBER) | {"description": _MEANINGS.get(name) or shares[name]["description"]}
                for name in COLUMNS
            },
            "additionalProperties": False,
        },
    }
