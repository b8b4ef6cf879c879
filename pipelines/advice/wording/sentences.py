"""The advice on a trade in one plain sentence: what to do and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from exitladder.pipelines.advice.advice import Advice, Holding
from exitladder.plans.ladder import Ladder
from exitladder.plans.units import Condition

STOP_NAMES = {
    "stop": "initial stop", "trail": "trailing stop", "breakeven": "break-even stop",
    "liquidation": "liquidation price",
}  # fmt: skip
_DUE = {
    "time": "the time stop is reached",
    "session": "the close of the session has passed",
    "clock": "the exchange's clock has passed stop.clock",
    "gap": "trading pauses for longer than stop.max_gap",
    "liquidation": "the liquidation price is passed",
    "limit": "a limit of risk has fired",
    "target": "the position carries more than its volatility target",
    "daily_loss": "the daily loss of the book is reached",
    "margin_call": "the account is below its maintenance margin",
}
_LESS = "the position carries less than its volatility target"
_SERIES = {"exhaustion": "the model's exhaustion probability", "hold_value_r": "the model's value of holding"}
# the state of the trade, and the rank of the model: name and unit
_STATES = {
    "open_r": ("the open profit", " R"), "mfe_r": ("the best profit (MFE)", " R"),
    "mae_r": ("the worst loss (MAE)", " R"), "give_back_r": ("the give-back from the best price", " R"),
    "exit_rank": ("the model's exit rank", ""),
    "bars_held": ("the number of bars held", ""), "stop_distance_r": ("the distance to the stop", " R"),
}  # fmt: skip
# of a price of a market, at most
_DECIMALS, _DIGITS = 6, 9
_WORDS = {">=": "at or above", "<=": "at or below", ">": "above", "<": "below"}


def number(value: float) -> str:
    """Return a quantity or a price.

    Examples
    --------
    >>> number(12.0), number(0.30000000000000004), number(float("nan"))
    ('12', '0.3', '')
    """
    return "" if value is None or math.isnan(value) else f"{value:.10g}"


def price_text(value: float) -> str:
    """Return a price in a sentence or a column; one that is no market's has six digits, or two decimals.

    Examples
    --------
    >>> price_text(43123.45), price_text(110.515625), price_text(43123.456789), price_text(float("nan"))
    ('43123.45', '110.515625', '43123.46', '')
    """
    if value is None or math.isnan(value):
        return ""
    few_decimals = abs(value - round(value, _DECIMALS)) <= 1e-9 * max(1.0, abs(value))
    few_digits = abs(value - float(f"{value:.{_DIGITS}g}")) <= 1e-12 * abs(value)
    if few_decimals and few_digits:
        return number(value)
    return f"{value:.{max(6, len(str(int(abs(value)))) + 2)}g}"


def date_text(when: pd.Timestamp) -> str:
    """Return a date, with the time if it is not midnight.

    Examples
    --------
    >>> date_text(pd.Timestamp("2021-11-24", tz="UTC"))
    '24 Nov 2021'
    """
    day = f"{when.day} {when:%b %Y}"
    return day if when == when.normalize() else f"{day} {when:%H:%M}"


def probability_text(row: Mapping[str, Any]) -> str:
    """Return the probability of exhaustion with its interval, empty if the model has no view.

    Examples
    --------
    >>> probability_text({"exhaustion": 0.78, "exhaustion_low": 0.71, "exhaustion_high": 0.84})
    '78% [71, 84]'
    """
    value = row.get("exhaustion", math.nan)
    if value is None or pd.isna(value):
        return ""
    low, high = row.get("exhaustion_low", math.nan), row.get("exhaustion_high", math.nan)
    return f"{value:.0%}" if pd.isna(low) or pd.isna(high) else f"{value:.0%} [{100 * low:.0f}, {100 * high:.0f}]"


def hold_value_text(row: Mapping[str, Any]) -> str:
    """Return the value of holding with its spread, empty if the model has no view.

    Examples
    --------
    >>> hold_value_text({"hold_value_r": -0.123, "hold_value_spread_r": 0.04})
    '-0.12 R ± 0.04'
    """
    value, spread = row.get("hold_value_r", math.nan), row.get("hold_value_spread_r", math.nan)
    if value is None or pd.isna(value):
        return ""
    return f"{value:+.2f} R" if pd.isna(spread) else f"{value:+.2f} R ± {spread:.2f}"


def closed_sentence(holding: Holding, kind: str, when: pd.Timestamp, own_stop: float = math.nan) -> str:
    """Return the sentence on a trade that the ladder has closed while the user still holds it.

    Parameters
    ----------
    holding : Holding
    kind : str
        The order that closed it.
    when : Timestamp
        The bar of that fill.
    own_stop : float
        The user's stop that no price has passed since the entry; NaN if there is none.

    Returns
    -------
    str
    """
    name = STOP_NAMES.get(kind, {"time": "time stop", "rung": "last rung"}.get(kind, f"order {kind}"))
    do = "sell" if holding.side > 0 else "buy back"
    stop = "no stop" if math.isnan(own_stop) else f"your own stop at {price_text(own_stop)}"
    return (
        f"The {name} would have closed this on {date_text(when)}; you still hold {number(holding.quantity)} with "
        f"{stop}: {do} at the open."
    )


def sentence(holding: Holding, advice: Advice, ladder: Ladder, row: Mapping[str, Any], moved_from: float) -> str:
    """Return what to do with a trade that the ladder holds, and why.

    Parameters
    ----------
    holding : Holding
    advice : Advice
    ladder : Ladder
    row : mapping
        The row so far: predictions, state series and the kind of the stop.
    moved_from : float
        Price of the stop that is in the market now; NaN if it is not known.

    Returns
    -------
    str
    """
    sell = "Sell" if holding.side > 0 else "Buy back"
    market = [order for order in advice.orders if order.type == "market" and not order.is_add]
    adds = [order for order in advice.orders if order.type == "market" and order.is_add]
    bought = sum(order.quantity for order in adds)
    if bought and not market:
        buy = "Buy" if holding.side > 0 else "Sell"
        why = f": {_LESS}" if any(order.kind == "target" for order in adds) else ""
        covers = "" if math.isnan(advice.stop_price) else f" Stop of all: {number(advice.stop_price)}."
        return f"{buy} {number(bought)} more at the open{why}.{covers}"
    if market:
        why = _why(market[0].kind, market[0].rung, advice, ladder, row)
        is_target = any(order.kind == "target" for order in adds)
        also = f" {'Buy' if holding.side > 0 else 'Sell'} {number(bought)} there too: {_LESS}." if is_target else ""
        rest = _stop_of_the_rest(holding, advice, moved_from)
        return f"{sell} {number(advice.quantity)} at the open: {why}.{also}{rest}"
    at_close = [order for order in advice.orders if order.type == "market_on_close"]
    if at_close:
        quantity = sum(order.quantity for order in at_close)
        why = _DUE_AT_CLOSE[at_close[0].kind]
        moves = _stop_of_the_rest(holding, advice, moved_from)
        return f"{sell} the rest of {number(quantity)} at the next close: {why}.{moves}"
    stop = advice.stop_price
    name = str(row.get("stop_name") or STOP_NAMES.get(str(row.get("stop_kind", "stop")), "stop"))
    if math.isnan(stop):
        return f"Hold {number(holding.quantity)}: no stop is known for it."
    if not math.isnan(moved_from) and holding.side * (stop - moved_from) > 1e-9 * abs(stop):
        return f"Move the stop from {price_text(moved_from)} to {price_text(stop)}: it is the {name} now."
    targets = sorted(
        {
            order.price
            for order in advice.orders
            if order.type == "limit" and order.price is not None and not order.is_add
        }
    )
    nearest = (targets[0] if holding.side > 0 else targets[-1]) if targets else math.nan
    beyond = "" if math.isnan(nearest) else f", next target {price_text(nearest)}"
    if math.isnan(moved_from):
        return f"Place a stop at {price_text(stop)} for {number(holding.quantity)}: it is the {name}{beyond}."
    return f"Hold {number(holding.quantity)}: {name} {price_text(stop)}{beyond}."


def _stop_of_the_rest(holding: Holding, advice: Advice, moved_from: float) -> str:
    """Return the instruction for the stop of the quantity left after a sale, empty if it stays."""
    stop = advice.stop_price
    if math.isnan(stop):
        return ""
    if math.isnan(moved_from):
        return f" Place a stop at {price_text(stop)} for the rest."
    is_moved = holding.side * (stop - moved_from) > 1e-9 * abs(stop)
    return f" Move the stop of the rest from {price_text(moved_from)} to {price_text(stop)}." if is_moved else ""


_DUE_AT_CLOSE = {
    "time": "the time stop is reached there",
    "session": "it ends the session",
    "clock": "it is the last before stop.clock",
}


def _why(kind: str, rung: int | None, advice: Advice, ladder: Ladder, row: Mapping[str, Any]) -> str:
    if kind == "late rung":
        return "rungs were reached that your open quantity does not show"
    if rung is not None and ladder.rungs[rung - 1].when and kind == "rung":
        return f"{conditions_text(ladder.rungs[rung - 1].when, row)} (rung {rung})"
    if kind in _DUE:
        return _DUE[kind]
    passed = next((text for text in advice.reasons if "beyond the last price" in text), "")
    if passed:
        return passed[0].lower() + passed[1:].rstrip(".")
    return f"the rest of the order {kind}, which volume held up"


def conditions_text(conditions: Sequence[Condition], row: Mapping[str, Any]) -> str:
    """Return why a rung fired: each condition with its value.

    Parameters
    ----------
    conditions : sequence of Condition
    row : mapping
        The values, as far as they are known.

    Returns
    -------
    str
    """
    return " and ".join(_condition(condition, row) for condition in conditions)


def _condition(condition: Condition, row: Mapping[str, Any]) -> str:
    name, at = condition.series, condition.threshold
    if name == "exhaustion" and (text := probability_text(row)):
        return f"{_SERIES[name]} {text} is {_WORDS[condition.operator]} {at:.0%}"
    if name == "hold_value_r" and (text := hold_value_text(row)):
        return f"{_SERIES[name]} {text} is {_WORDS[condition.operator]} {at:g} R"
    value = row.get(name, math.nan)
    label, unit = _STATES.get(name, (name, ""))
    shown = "" if value is None or pd.isna(value) else f" {value:.3g}{unit}"
    return f"{label}{shown} is {_WORDS[condition.operator]} {at:g}{unit}"
