"""The row of one open position in options: its state, its orders, and the sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from exitladder.clock import DAY_NS, NO_TIME, stamp_text
from exitladder.options.market import OptionMarket
from exitladder.options.positions.plan import GREEKS, OptionPlan
from exitladder.options.positions.standing import Standing
from exitladder.pipelines.advice.working.moments import moment_text
from exitladder.pipelines.options.score.columns import ASK, empty_row
from exitladder.pipelines.options.score.orders import EXIT, HOLD, LIMIT, REDUCE, Advice, order_lines
from exitladder.pipelines.options.score.reading import OpenPosition
from exitladder.pipelines.options.score.remarks import remarks
from exitladder.pipelines.options.score.working import changes_since, instructed, resting

FOLLOWED, UNTOUCHED = "followed", "untouched"


@dataclass(frozen=True)
class Scored:
    """One open position with everything that its row needs.

    Parameters
    ----------
    position : OpenPosition
    standing : Standing
    begins : int
        From when the plan manages it; ``NO_TIME`` from the entry on.
    assume : {"", "followed", "untouched"}
    moment : int
        ``--asof``, or the clock's.
    previous : mapping or None
        Its row of an earlier output.
    """

    position: OpenPosition
    standing: Standing
    begins: int
    assume: str
    moment: int
    previous: Mapping[str, Any] | None = None

    @property
    def held(self) -> float:
        """Contracts, or verticals, that the owner holds; NaN if it is not known."""
        own = self.position.quantity_open
        if not math.isnan(own) or not self.assume or self.standing.followed is None:
            return own
        position = self.standing.position
        return float(position.quantity if self.assume == UNTOUCHED else position.held)

    @property
    def quantity_managed(self) -> float:
        """Contracts held when the plan began, in those of the entry; NaN from the entry on, or if it is not known."""
        followed = self.standing.followed
        if self.begins == NO_TIME or followed is None:
            return math.nan
        kept = (self.previous or {}).get("quantity_managed")
        if kept is not None and not math.isnan(float(kept)):
            return float(kept)
        ratio = followed.position.quantity / followed.position.entered
        return self.held / ratio if not followed.bars_managed else math.nan

    @property
    def gone(self) -> int:
        """Contracts that the owner had closed before the plan began, in those of today."""
        managed = self.quantity_managed
        if math.isnan(managed):
            return 0
        position = self.standing.position
        return round((position.entered - managed) * position.quantity / position.entered)

    def question(self) -> str:
        """Return why the position cannot be scored, and the cure; empty if it can."""
        trade, standing = self.position.trade, self.standing
        if standing.followed is None:
            return f"{standing.reason[0].upper()}{standing.reason[1:]}. {_cure(standing.reason)}".strip()
        if math.isnan(trade.entry_price) and not self.assume:
            premium = standing.position.premium * standing.position.quantity / standing.position.entered
            return (
                f"Fill in entry_price, the net premium per unit; the quotes at the entry give {premium:.10g}. To take "
                "that, pass --assume followed or untouched."
            )
        held = self.held
        if math.isnan(held):
            return (
                "Fill in quantity_open, the contracts that you still hold, or pass --assume followed or untouched: "
                "without it there are no orders."
            )
        clock, contract = standing.market.clock, standing.position.legs[0].contract
        if held and self.moment >= clock.moment(contract.expiry):
            return (
                f"{contract} expired on {stamp_text(clock.date(contract.expiry))}. See your broker's statement for "
                "exercise or assignment, and add exit_time to the trades file."
            )
        if held > standing.position.quantity:
            return (
                f"quantity_open is {held:.10g}, more than the {standing.position.quantity} entered. Correct one of "
                "them; a second entry is a position of its own."
            )
        return ""


def _cure(reason: str) -> str:
    if reason.startswith("a short call or put without a stop"):
        return "Give it a stop_price, or set stop.initial in the plan."
    if reason.startswith(("no quotes of", "no usable quote")):
        return "Add quotes of the contract from the entry on to --quotes."
    return ""


def base_row(scored: Scored) -> dict[str, Any]:
    """Return a row with what the files say, and nothing of the quotes."""
    trade, position = scored.position.trade, scored.position
    return empty_row() | {
        "trade_id": trade.trade_id,
        "symbol": trade.contract.underlying,
        "contract": " / ".join(str(contract) for contract, _ in trade.legs),
        "side": "long" if trade.side > 0 else "short",
        "quantity_open": scored.held,
        "stop_price": trade.stop_price,
        "entry_price": trade.entry_price,
        "tag": position.tag,
        "entry_time": moment_text(trade.entry_time),
        "managed_from": "" if scored.begins == NO_TIME else moment_text(scored.begins),
        "quantity_managed": scored.quantity_managed,
    }


def asked_row(scored: Scored, text: str) -> dict[str, Any]:
    """Return the row of a position that cannot be scored: its orders in the market stay as they are."""
    row = base_row(scored) | _asked(text, scored.previous)
    if scored.standing.followed is not None:
        row |= state_of(scored)
    return row


def faulty_row(trade_id: str, symbol: str, text: str, previous: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the row of a position that cannot be read.

    Parameters
    ----------
    trade_id, symbol : str
    text : str
    previous : mapping or None
        Its row of an earlier output, whose orders and begin are kept.

    Returns
    -------
    dict
    """
    known = previous or {}
    kept = {
        name: known[name]
        for name in ("managed_from", "quantity_managed", "entry_time", "ladder", "side")
        if known.get(name)
    }
    return empty_row() | kept | {"trade_id": trade_id, "symbol": symbol} | _asked(text, previous)


def _asked(text: str, previous: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the columns with the question; orders of an earlier output are left as they are."""
    working = resting(previous)
    return {
        "summary": text,
        "urgency": ASK,
        "warnings": [f"Not scored: {text}"],
        "working": working,
        "instructions": order_lines([{**order, "time_in_force": "gtc"} for order in working]),
    }


def state_of(scored: Scored) -> dict[str, Any]:
    """Return the values of a position at its last quotes."""
    standing = scored.standing
    followed, position, market = standing.followed, standing.position, standing.market
    assert followed is not None
    values, contract = standing.values(), position.legs[0].contract
    size = scored.held * position.trade.multiplier
    spot = followed.valuer.spot(contract, standing.place(position.legs[0]))
    greeks = {name: values[name] for name in (*GREEKS, "implied_volatility", "theta_premium")}
    greeks |= {f"position_{name}": values[name] * size for name in GREEKS}
    date, last = market.clock.date_of(standing.asof), market.clock.date(contract.expiry)
    return {
        "contract": " / ".join(str(leg.contract) for leg in position.legs),
        "asof": pd.Timestamp(standing.asof, tz="UTC"),
        "underlying_price": spot,
        "mark": followed.mark,
        "premium_r": position.profit_r(followed.mark),
        "mfe_r": followed.state["mfe_r"],
        "give_back_r": followed.state["mfe_r"] - position.profit_r(followed.mark),
        "max_profit_share": values["max_profit_share"],
        "bars_held": int(followed.state["bars_held"]),
        "bars_managed": followed.bars_managed,
        "days_to_expiry": (last - date) / DAY_NS,
        "last_trading_day": stamp_text(last),
        **greeks,
        "gamma_1pct": values["gamma"] * size * spot**2 / 100,
        "stop_price": position.stop,
        "entry_price": position.premium,
        "open_pnl": position.side * (followed.mark - position.premium) * size,
        "missed_rungs": sorted(followed.missed),
        "legs": [_leg(market, standing, n) for n in range(len(position.legs))],
    }


def _leg(market: OptionMarket, standing: Standing, n: int) -> dict[str, Any]:
    leg = standing.position.legs[n]
    bars, i = market.quotes[leg.contract], standing.place(leg)
    values = {
        "bid": bars.at_close.bid[i],
        "ask": bars.at_close.ask[i],
        "bid_size": bars.bid_size[i],
        "ask_size": bars.ask_size[i],
    }
    return {
        "leg": leg.number,
        "contract": str(leg.contract),
        "side": "long" if leg.sign > 0 else "short",
        **{name: None if math.isnan(value) else float(value) for name, value in values.items()},
    }


def row_of(scored: Scored, advice: Advice, plan: OptionPlan) -> dict[str, Any]:
    """Return the row of a position that can be scored.

    Parameters
    ----------
    scored : Scored
    advice : Advice
        For what its owner holds; nothing if that is nothing.
    plan : OptionPlan

    Returns
    -------
    dict
        The columns ``COLUMNS``.
    """
    held = int(scored.held)
    row = base_row(scored) | state_of(scored)
    orders, working, cancels = instructed(advice.orders, resting(scored.previous))
    listed = [order.to_mapping() for order in orders]
    action = HOLD if not advice.quantity else EXIT if advice.quantity >= held else REDUCE
    row |= {
        "orders": listed,
        "working": working,
        "cancels": cancels,
        "instructions": [*(f"CANCEL {text}" for text in cancels), *order_lines(listed)],
        "action": action,
        "action_quantity": float(advice.quantity),
        "urgency": action,
        "reasons": advice.reasons,
        "checks": _checks(scored, advice),
        "warnings": list(advice.warnings),
    }
    row["summary"] = _sentence(scored, advice, held) if held else (
        "You hold nothing of this position (quantity_open is 0): add exit_time to the trades file."
    )  # fmt: skip
    if held:
        row["warnings"] += remarks(scored.standing, held, plan.conditions, reads_greeks=plan.reads_greeks)
        row["warnings"] += _first_night(scored, plan)
    row["warnings"] += _assumed(scored)
    row["changes"] = changes_since(row, scored.previous)
    return row


def _assumed(scored: Scored) -> list[str]:
    texts = []
    position = scored.standing.position
    if math.isnan(scored.position.trade.entry_price):
        premium = position.premium * position.quantity / position.entered
        texts.append(f"entry_price is blank: assumed {premium:.10g}, the quotes at the entry.")
    if math.isnan(scored.position.quantity_open):
        what = "what the plan left" if scored.assume == FOLLOWED else "all that was entered"
        texts.append(f"quantity_open is blank: assumed {what} (--assume {scored.assume}).")
    return texts


def _first_night(scored: Scored, plan: OptionPlan) -> list[str]:
    """Return a warning if the plan's own stop was passed before the plan began."""
    standing = scored.standing
    followed, position = standing.followed, standing.position
    assert followed is not None
    if followed.bars_managed or followed.orders or not position.held or math.isnan(position.stop):
        return []
    if not plan.has_stop or position.side * (followed.mark - position.stop) > 0:
        return []
    return [
        f"The mark is at or beyond the stop of the plan, {position.stop:.10g}, before the plan begins: at the next "
        "close at or beyond it, the plan closes all."
    ]


def _checks(scored: Scored, advice: Advice) -> list[str]:
    """Return what to see before anything is sold that the plan has sold already."""
    if not advice.late:
        return []
    return [
        f"{advice.reasons[0]} quantity_open is {scored.held:.10g}. See whether your order filled; if it did, correct "
        "quantity_open and score again. An order sent twice opens a position on the other side."
    ]


def _sentence(scored: Scored, advice: Advice, held: int) -> str:
    """Return what to do, in one sentence."""
    legs = scored.standing.position.legs
    limits = [order for order in advice.orders if order.type == LIMIT]
    resting_texts = ", ".join(f"{order.quantity} at a limit of {order.price:.10g}" for order in limits)
    verb = "Close" if len(legs) > 1 else "Sell" if legs[0].sign > 0 else "Buy back"
    if advice.quantity:
        of = f"all {held}" if advice.quantity >= held else f"{advice.quantity} of {held}"
        rest = f" {verb} {resting_texts}." if limits else ""
        return f"{verb} {of} at market at the next quote. {' '.join(advice.reasons)}{rest}"
    stop = scored.standing.position.stop
    guard = "" if math.isnan(stop) else f" The stop is {stop:.10g}, compared with the mark at each close."
    if limits:
        return f"Hold; {verb.lower()} {resting_texts}.{guard}"
    followed = scored.standing.followed
    if followed is not None and not followed.bars_managed:
        return (
            f"Hold: the plan manages this position from {moment_text(scored.begins)} on, and has not judged the closes "
            f"before; with --since-entry it judges them all.{guard}"
        )
    return f"Hold: the plan has no order for the next quote.{guard}"
