"""The advice on one open trade, its sentence and its urgency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from exitladder.clock import stamp_text
from exitladder.pipelines.advice.advice import (
    ADD,
    EXIT,
    HOLD,
    REDUCE,
    Advice,
    Holding,
    advise_closed,
    advise_open,
    advise_stopped,
)
from exitladder.pipelines.advice.orders import Order, without_noise
from exitladder.pipelines.advice.rows.columns import ASK, MOVE_STOP, STOP_MISSING
from exitladder.pipelines.advice.rows.contracts import slices_of
from exitladder.pipelines.advice.rows.followed import Followed
from exitladder.pipelines.advice.wording.sentences import closed_sentence, number, price_text, sentence
from exitladder.pipelines.advice.working.market import Market
from exitladder.pipelines.inputs.usable_trades import TICK_TOO_WIDE

# orders that may have filled, named in the sentence
_MOST_FILLS = 2
# of orders by rules that look at the account
_OF_BOOK = ("limit", "target", "daily_loss", "margin_call")


def decide(
    followed: Followed, held: float, row: Mapping[str, Any], market: Market
) -> tuple[Advice, str, str, list[str]]:
    """Return the advice, its sentence, its urgency and what to see before anything is sold.

    Parameters
    ----------
    followed : Followed
    held : float
        Quantity that the user holds; NaN if it is not known.
    row : mapping
        The row so far: state, stop in the market, quantity when the ladder began.
    market : Market
        Before tonight's orders.

    Returns
    -------
    advice : Advice
    summary, urgency : str
        What to see before anything is sold comes first.
    fills : list of str
        Of `market`; of an order at market that tonight's do not send again, with what to do if it did not fill.
    """
    advice, text, urgency = _decided(followed, held, row, market)
    known = market.stop
    if advice.action not in (EXIT, REDUCE) and known.is_newer and known.reached is not None and advice.orders:
        urgency = EXIT
        if known.is_gone:
            advice = advise_stopped(_holding(followed, held))
            text = f"{'sell' if followed.side > 0 else 'buy back'} {number(advice.quantity)} at the open."
        else:
            text = f"{market.fills[0]} If it did, the trade is closed; if not, {text[0].lower()}{text[1:]}"
    again = _to_send_again(followed, held, advice, market)
    others = [fill for fill in market.fills if fill not in again]
    if advice.action in (EXIT, REDUCE, ADD) and others:
        text = f"{' '.join(others[:_MOST_FILLS])} If not, {text[0].lower()}{text[1:]}"
    if again:
        text = " ".join([*again.values(), text])
        urgency = REDUCE if urgency in (HOLD, ADD, MOVE_STOP) else urgency
    return advice, text, urgency, [again.get(fill, fill) for fill in market.fills]


def _to_send_again(followed: Followed, held: float, advice: Advice, market: Market) -> dict[str, str]:
    """Return the lines on orders at market that tonight's orders do not repeat, with what to sell if they did not fill.

    An exit sells all. A sale of late rungs holds the rungs that did not fill; one by a rule of the book is measured
    again each evening, and only a sale by the same rule holds it.
    """
    if advice.action == EXIT:
        return {}
    sent = {order.kind for order in advice.orders if order.type == "market" and not order.is_add}
    left = held - (advice.quantity if advice.action == REDUCE else 0.0)
    found: dict[str, str] = {}
    for text, (kind, missing) in market.missing.items():
        quantity = without_noise(min(missing, left))
        is_sent = advice.action == REDUCE and (kind in sent or kind not in _OF_BOOK)
        if is_sent or not quantity > 0:
            continue
        left -= quantity
        sell = "sell" if followed.side > 0 else "buy back"
        found[text] = f"{text} If not, {sell} {number(quantity)} at the open, and cover as much less with stops."
    return found


def _holding(followed: Followed, held: float) -> Holding:
    return Holding(held, followed.side, followed.price, followed.venue, slices_of(followed.ladder))


def _decided(followed: Followed, held: float, row: Mapping[str, Any], market: Market) -> tuple[Advice, str, str]:
    """Return the advice, its sentence and its urgency, as if nothing were to be seen first."""
    done, k, trades, i = followed.done, followed.k, followed.placed.trades, followed.i
    own = float(trades.stop_price[i])
    if np.isnan(held):
        text = (
            "Fill in quantity_open, the quantity that you still hold, or pass --assume followed or untouched: without "
            "it there are no orders."
        )
        cure = "quantity_open is blank: fill it in, or pass --assume followed or untouched."
        return Advice(HOLD, 0.0, own, warnings=(cure,)), text, ASK
    if held == 0:
        text = "You hold nothing of this trade (quantity_open is 0): add exit_time and exit_price to the trades file."
        return Advice(HOLD, 0.0, np.nan), text, HOLD
    if followed.begins_later:
        stop = float(row["stop_before"])
        now = "you have no stop" if np.isnan(stop) else f"your stop at {price_text(stop)} stays"
        text = f"The ladder manages this trade from {followed.managed_from} on; until then it has no orders, and {now}."
        return Advice(HOLD, 0.0, stop), text, STOP_MISSING if np.isnan(stop) else HOLD
    holding = _holding(followed, held)
    status, reason = followed.status, str(done.reason[k])
    if followed.has_passed_stop:
        text = (
            f"The ladder's initial stop {price_text(followed.initial_stop)} was passed before the ladder began; you "
            f"hold {number(held)} with {_protection(row)}: sell, or give the trade a stop_price."
        )
        return Advice(HOLD, 0.0, np.nan), text, STOP_MISSING
    if followed.is_too_wide or (status == "skipped" and followed.state is None):
        why = TICK_TOO_WIDE if followed.is_too_wide else reason
        missing = STOP_MISSING if np.isnan(own) else ASK
        return Advice(HOLD, 0.0, own, warnings=(f"Not simulated: {why}.",)), _not_simulated(why), missing
    if status == "closed":
        when = pd.Timestamp(int(followed.placed.bars.time[int(done.exit_bar[k])]), tz="UTC")
        advice = advise_closed(holding, f"order {reason}", stamp_text(when.value))
        live = np.nan if market.stop.reached is not None else market.stop.price
        is_open = np.isnan(live) and not (market.stop.is_newer and market.stop.reached is not None)
        return advice, closed_sentence(holding, reason, when, live), STOP_MISSING if is_open else EXIT
    assert followed.state is not None  # an open trade is held
    base = float(row["quantity_managed"])
    earlier = 0.0 if np.isnan(base) or followed.happened is not None else float(done.quantity[k]) - base
    left = max(0.0, followed.ladder_left - max(0.0, earlier))
    if followed.of_book:
        left = held if followed.of_book == "target" else min(left, held)
    stop = followed.shown(float(followed.state["stop_price"]))
    moved_from, name = float(row["stop_before"]), _stop_name(followed)
    standing = [order for order in followed.standing if order.rung is None or order.rung not in market.filled_rungs]
    note = ""
    before = followed.shown(moved_from)  # on the tick
    if _is_looser(followed, stop, before):
        name = "stop in the market"
        note = (
            f"The stop in the market at {price_text(before)} is tighter than the ladder's {price_text(stop)} and "
            "stays: a stop is never loosened."
        )
        standing, stop = [_not_looser(order, before, followed.side) for order in standing], before
    advice = advise_open(holding, left, standing, stop, followed.adds)
    if note:
        advice = replace(advice, warnings=(note, *advice.warnings))
    text = sentence(holding, advice, followed.ladder, {**row, "stop_name": name}, moved_from)
    return advice, text, _urgency(followed, advice, moved_from)


def _protection(row: Mapping[str, Any]) -> str:
    before = float(row["stop_before"])
    return "no stop" if np.isnan(before) else f"your own stop at {price_text(before)}"


def _is_looser(followed: Followed, stop: float, before: float) -> bool:
    """Whether the ladder's stop is looser than the one known to be in the market."""
    is_known = followed.is_stated or (bool(followed.previous) and followed.placed.bars.factor is None)
    if not is_known or (followed.state or {}).get("stop_kind") == "liquidation":
        return False
    return bool(followed.side * (before - stop) > 1e-9 * abs(stop))


def _not_looser(order: Order, price: float, side: int) -> Order:
    """Return a stop order at a price or tighter."""
    is_looser = order.type == "stop" and order.price is not None and side * (price - order.price) > 0
    return replace(order, price=price) if is_looser else order


def _stop_name(followed: Followed) -> str:
    """Return the name of a stop that an add has moved; empty for every other stop."""
    state = followed.state or {}
    if followed.happened is None or not followed.happened.done or state.get("stop_kind") != "stop":
        return ""
    trades, i, side = followed.placed.trades, followed.i, followed.side
    initial = float(trades.entry_price[i]) - side * float(followed.done.risk[followed.k])
    is_moved = side * (float(state["stop_price"]) - initial) > followed.venue.tick + 1e-9 * abs(initial)
    return "stop of the last add" if is_moved else ""


def _urgency(followed: Followed, advice: Advice, stop_before: float) -> str:
    if advice.action == EXIT or any(order.type == "market_on_close" for order in advice.orders):
        return EXIT
    if np.isnan(stop_before):
        return STOP_MISSING
    if advice.action == REDUCE:
        return REDUCE
    if advice.action == ADD:
        return ADD
    is_tighter = followed.side * (advice.stop_price - stop_before) > 1e-9 * abs(stop_before)
    return MOVE_STOP if is_tighter else HOLD


def _not_simulated(why: str) -> str:
    texts = {
        "no_stop": "The trade has no stop: give it a stop_price, or set stop.initial in the ladder.",
        "atr_unknown": "Its stop needs an ATR that was not known at the entry: give the trade a stop_price.",
        "stop_beyond_entry": "Its stop is on the wrong side of the entry: correct stop_price.",
        "above_maximum_size": "The entry alone is above the maximum size of the plan: nothing is managed.",
        "quantity_below_minimum": "The quantity is below the smallest order of the symbol: no order is possible.",
        TICK_TOO_WIDE: "The tick is more than R/4: set the tick of the symbol under [symbols].",
    }
    return texts.get(why, f"Not simulated: {why}.")
