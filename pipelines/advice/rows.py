"""The row of one open trade: its state, the advice in words, its orders and its risk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.execution import STATUS, Simulation
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.pipelines.advice.advice import EXIT, HOLD, REDUCE, Advice, Holding, advise_closed, advise_open
from exitladder.pipelines.advice.changes import changes_since, with_replaced
from exitladder.pipelines.advice.orders import Order, Venue
from exitladder.pipelines.advice.sentences import closed_sentence, number, sentence
from exitladder.pipelines.advice.uncertainty import Outlook
from exitladder.pipelines.inputs.usable_trades import TICK_TOO_WIDE
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import PlacedTrades, Trades

COLUMNS = (
    "trade_id", "symbol", "side", "asof", "quantity_open", "price", "open_r", "mfe_r", "give_back_r", "bars_held",
    "exhaustion", "hold_value_r", "action", "action_quantity", "stop_price", "orders", "reasons", "warnings",
    "urgency", "summary", "changes", "replacements", "stop_kind", "stop_before", "exhaustion_low", "exhaustion_high",
    "hold_value_spread_r", "stop_r", "managed_from", "quantity_managed", "bars_managed", "missed_rungs",
    "open_pnl", "risk_now_r", "risk_after_r", "risk_now", "risk_after", "tag", "clock",
)  # fmt: skip
LISTS = ("orders", "replacements", "reasons", "warnings", "changes", "missed_rungs")
# the most urgent first
STOP_MISSING, ASK, MOVE_STOP = "stop_missing", "ask", "move_stop"
URGENCIES = (STOP_MISSING, EXIT, REDUCE, MOVE_STOP, ASK, HOLD)


@dataclass(frozen=True)
class Followed:
    """One open trade as the ladder follows it.

    Parameters
    ----------
    placed : PlacedTrades
        All trades, from their entries on.
    i : int
        Position of the trade.
    done : Simulation
    k : int
        Position of the trade in it.
    ladder : Ladder
    state : mapping or None
        Its row of `exitladder.execution.standing.state_frame`; None if the ladder does not hold it.
    standing : sequence of Order
        The ladder's orders for the next bar.
    managed_from : str
        Empty if it is followed from the entry on.
    first_bar : int
        The first managed bar.
    missed : tuple of int
        Rungs whose price was passed before.
    has_passed_stop, trail_waits, is_too_wide : bool
        As in `exitladder.pipelines.advice.managed.Managed`; whether the tick is too wide for the trade.
    previous : mapping or None
        Its row of earlier scores.
    asof : Timestamp
        Close of the last bar of its symbol.
    venue : Venue
        What the venue of its symbol accepts.
    """

    placed: PlacedTrades
    i: int
    done: Simulation
    k: int
    ladder: Ladder
    state: Mapping[str, Any] | None
    standing: Sequence[Order]
    managed_from: str
    first_bar: int
    missed: tuple[int, ...]
    has_passed_stop: bool
    trail_waits: bool
    is_too_wide: bool
    previous: Mapping[str, Any] | None
    asof: pd.Timestamp
    venue: Venue

    @property
    def status(self) -> str:
        """Of the simulation: open, closed or skipped."""
        return STATUS[int(self.done.status[self.k])]

    @property
    def side(self) -> int:
        """+1 long, -1 short."""
        return int(self.placed.trades.side[self.i])

    @property
    def price(self) -> float:
        """The last close."""
        return float(self.placed.bars.close[int(self.placed.end_bar[self.i]) - 1])

    @property
    def ladder_left(self) -> float:
        """What the ladder would hold now, of the quantity entered; before its last order if it has closed."""
        if self.state is not None:
            return float(self.state["quantity_open"])
        fills = self.done.fills
        of_trade = (fills.trade == self.k) & (fills.side != self.side)
        closing = of_trade & (fills.bar == self.done.exit_bar[self.k])
        return float(fills.quantity[closing].sum())

    @property
    def initial_stop(self) -> float:
        """Price of the initial stop, NaN if there is none."""
        return self.side * float(self.done.states[self.k, s.STOP]) if self.done.risk[self.k] > 0 else np.nan


def row_of(followed: Followed, assume: str, outlook: Outlook, model_texts: Sequence[str]) -> dict[str, Any]:
    """Return the row of one open trade.

    Parameters
    ----------
    followed : Followed
    assume : {"", "followed", "untouched"}
        The open quantity where ``quantity_open`` is blank.
    outlook : Outlook
        Of all trades.
    model_texts : sequence of str
        The model's reasons.

    Returns
    -------
    dict
        The columns ``COLUMNS``.
    """
    placed, i = followed.placed, followed.i
    trades = placed.trades
    held, told = _quantity(followed, assume)
    row: dict[str, Any] = {
        **dict.fromkeys(COLUMNS, np.nan),
        "trade_id": str(trades.trade_id[i]), "symbol": str(trades.symbol[i]),
        "side": "long" if followed.side > 0 else "short",
        "asof": followed.asof,
        "quantity_open": held, "price": followed.price, **_since_entry(followed),
        "exhaustion": float(outlook.exhaustion[i]), "hold_value_r": float(outlook.hold_value_r[i]),
        "exhaustion_low": float(outlook.low[i]), "exhaustion_high": float(outlook.high[i]),
        "hold_value_spread_r": float(outlook.spread_r[i]),
        "managed_from": followed.managed_from, "missed_rungs": list(followed.missed), "tag": str(trades.tag[i]),
        "stop_kind": "" if followed.state is None else str(followed.state["stop_kind"]), "clock": "",
        "stop_before": _stop_before(followed, assume),
    }  # fmt: skip
    row["quantity_managed"] = _quantity_managed(followed, held)
    advice, summary, urgency = _advice(followed, held, row)
    orders = with_replaced(advice.orders, followed.previous)
    row |= {
        "action": advice.action, "action_quantity": advice.quantity, "stop_price": advice.stop_price,
        "orders": [order.to_mapping() for order in orders],
        "replacements": [change.to_mapping() for change in advice.replacements],
        "reasons": [*advice.reasons, *model_texts],
        "warnings": [*advice.warnings, *told, *_remarks(followed)],
        "urgency": urgency, "summary": summary,
    }  # fmt: skip
    row |= _risk(followed, row)
    row["changes"] = changes_since(row, followed.previous)
    return row


def _quantity(followed: Followed, assume: str) -> tuple[float, list[str]]:
    """Return the quantity that the user holds, NaN if it is not known, and the assumption in words."""
    trades, i = followed.placed.trades, followed.i
    own, entered = float(trades.quantity_open[i]), float(trades.quantity[i])
    if np.isfinite(own):
        return own, []
    if assume == "untouched":
        return entered, [
            f"quantity_open is blank: assumed {number(entered)}, all that was entered (--assume untouched)."
        ]
    if assume == "followed":
        left = followed.ladder_left if followed.status != "skipped" or followed.state is not None else entered
        if followed.managed_from == "":
            return left, []
        return left, [f"quantity_open is blank: assumed {number(left)}, as the ladder left it (--assume followed)."]
    return np.nan, []


def _quantity_managed(followed: Followed, held: float) -> float:
    """Return the quantity held when the ladder began to manage a trade; NaN if it is not known."""
    trades, i = followed.placed.trades, followed.i
    before = (followed.previous or {}).get("quantity_managed", np.nan)
    if before is not None and np.isfinite(before):
        return float(before)
    if followed.managed_from and followed.first_bar >= int(followed.placed.end_bar[i]):
        return held
    if trades.fills is not None and trades.fills.start[i + 1] > trades.fills.start[i]:
        own = trades.own_exits()
        part = slice(int(own.start[i]), int(own.start[i + 1]))
        bars = followed.placed.bars
        begins = int(bars.time[followed.first_bar]) if followed.first_bar < bars.n_bars else np.iinfo(np.int64).max
        sold = own.quantity[part][own.time[part] < begins]
        return float(trades.quantity[i]) - float(sold[np.isfinite(sold)].sum())
    return float(trades.quantity[i]) if not followed.managed_from else np.nan


def _stop_before(followed: Followed, assume: str) -> float:
    """Return the stop that is in the market now, NaN if none is known."""
    kept = (followed.previous or {}).get("stop_price")
    stop = float(followed.placed.trades.stop_price[followed.i]) if kept is None else float(kept)
    if np.isnan(stop) and assume == "followed" and not followed.managed_from:
        stop = followed.initial_stop
    # a stop that the price has passed is not in the market any more
    return stop if followed.side * (followed.price - stop) > 0 else np.nan


def _advice(followed: Followed, held: float, row: Mapping[str, Any]) -> tuple[Advice, str, str]:
    """Return the advice, its sentence and its urgency."""
    done, k, trades, i = followed.done, followed.k, followed.placed.trades, followed.i
    own = float(trades.stop_price[i])
    if np.isnan(held):
        text = (
            "Fill in quantity_open, the quantity that you still hold, or pass --assume followed or untouched: without "
            "it there are no orders."
        )
        return Advice(HOLD, 0.0, own, warnings=("quantity_open is blank.",)), text, ASK
    holding = Holding(held, followed.side, followed.price, followed.venue, slices_of(followed.ladder))
    status, reason = followed.status, str(done.reason[k])
    if followed.has_passed_stop:
        text = (
            f"The ladder's initial stop {number(followed.initial_stop)} was passed before the ladder began; you hold "
            f"{number(held)} with no stop: sell, or give the trade a stop_price."
        )
        return Advice(HOLD, 0.0, np.nan), text, STOP_MISSING
    if followed.is_too_wide or (status == "skipped" and followed.state is None):
        why = TICK_TOO_WIDE if followed.is_too_wide else reason
        missing = STOP_MISSING if np.isnan(own) else ASK
        return Advice(HOLD, 0.0, own, warnings=(f"Not simulated: {why}.",)), _not_simulated(why), missing
    if status == "closed":
        when = pd.Timestamp(int(followed.placed.bars.time[int(done.exit_bar[k])]), tz="UTC")
        advice = advise_closed(holding, f"order {reason}", f"{when:%Y-%m-%d %H:%M}")
        return advice, closed_sentence(holding, reason, when), STOP_MISSING
    assert followed.state is not None  # an open trade is held
    base = float(row["quantity_managed"])
    sold_before = 0.0 if np.isnan(base) else float(done.quantity[k]) - base
    left = max(0.0, followed.ladder_left - max(0.0, sold_before))
    advice = advise_open(holding, left, followed.standing, float(followed.state["stop_price"]))
    moved_from = float(row["stop_before"])
    text = sentence(holding, advice, followed.ladder, row, moved_from)
    return advice, text, _urgency(followed, advice, moved_from)


def _urgency(followed: Followed, advice: Advice, stop_before: float) -> str:
    if advice.action == EXIT or any(order.type == "market_on_close" for order in advice.orders):
        return EXIT
    if np.isnan(stop_before):
        return STOP_MISSING
    if advice.action == REDUCE:
        return REDUCE
    is_tighter = followed.side * (advice.stop_price - stop_before) > 1e-9 * abs(stop_before)
    return MOVE_STOP if is_tighter else HOLD


def _not_simulated(why: str) -> str:
    texts = {
        "no_stop": "The trade has no stop: give it a stop_price, or set stop.initial in the ladder.",
        "atr_unknown": "Its stop needs an ATR that was not known at the entry: give the trade a stop_price.",
        "stop_beyond_entry": "Its stop is on the wrong side of the entry: correct stop_price.",
        "quantity_below_minimum": "The quantity is below the smallest order of the symbol: no order is possible.",
        TICK_TOO_WIDE: "The tick is more than R/4: set the tick of the symbol under [symbols].",
    }
    return texts.get(why, f"Not simulated: {why}.")


def _remarks(followed: Followed) -> list[str]:
    texts = []
    removed = np.flatnonzero(followed.done.rungs[followed.k, s.STATUS] == o.WITHOUT_SIZE) + 1
    if followed.status == "open" and len(removed):
        named = ", ".join(map(str, removed))
        texts.append(f"Rounding to the lot removed rung {named}: nothing is sold there.")
    if followed.missed:
        named = " and ".join(map(str, followed.missed))
        many, it, verbs = (
            ("s", "They", ("sell", "move")) if len(followed.missed) > 1 else ("", "It", ("sells", "moves"))
        )
        texts.append(
            f"Passed before the ladder began: rung{many} {named}. {it} {verbs[0]} nothing and {verbs[1]} no stop."
        )
    if followed.trail_waits:
        texts.append("The trailing stop would have begun beyond the market; it waits until the price is at the entry.")
    return texts


def _since_entry(followed: Followed) -> dict[str, float]:
    """Return excursions of the price, bars held and bars managed, all up to the last bar."""
    placed, i, side = followed.placed, followed.i, followed.side
    first, end = int(placed.first_bar[i]), int(placed.end_bar[i])
    managed = max(0, end - max(first, followed.first_bar))
    state = followed.state
    if state is not None and followed.first_bar == first:
        named = {name: float(state[name]) for name in ("open_r", "mfe_r", "give_back_r", "bars_held")}
        return {**named, "bars_managed": managed}
    held, risk, entry = max(0, end - first), float(followed.done.risk[followed.k]), float(placed.trades.entry_price[i])
    if not risk > 0 or first >= end:
        unknown = dict.fromkeys(("open_r", "mfe_r", "give_back_r"), np.nan)
        return {**unknown, "bars_held": held, "bars_managed": managed}
    best = placed.bars.high[first:end].max() if side > 0 else placed.bars.low[first:end].min()
    open_r = side * (followed.price - entry) / risk
    mfe_r = max(0.0, side * (float(best) - entry) / risk)
    return {
        "open_r": open_r, "mfe_r": mfe_r, "give_back_r": mfe_r - open_r, "bars_held": held, "bars_managed": managed,
    }  # fmt: skip


def _risk(followed: Followed, row: Mapping[str, Any]) -> dict[str, float]:
    """Return profit so far, and what would be lost from the last price at the stops: now and after the orders."""
    done, k, trades, i = followed.done, followed.k, followed.placed.trades, followed.i
    side, price, held = followed.side, followed.price, float(row["quantity_open"])
    money = done.ladder.costs.multiplier if done.money is None else float(done.money.factors[k])
    per_r = float(done.risk[k]) * float(trades.quantity[i])
    now = held * max(0.0, side * (price - float(row["stop_before"]))) if np.isfinite(row["stop_before"]) else np.nan
    stops = [order for order in row["orders"] if order["type"] == "stop"]
    after = sum(order["quantity"] * max(0.0, side * (price - order["price"])) for order in stops)
    if not stops and row["action"] != EXIT:
        after = np.nan
    stop_r = side * (float(row["stop_price"]) - float(trades.entry_price[i])) / float(done.risk[k])
    open_profit = side * (price - float(trades.entry_price[i])) * held
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "stop_r": stop_r, "open_pnl": open_profit * money, "risk_now": now * money, "risk_after": after * money,
            "risk_now_r": float(np.divide(now, per_r)), "risk_after_r": float(np.divide(after, per_r)),
        }  # fmt: skip


def venue_of(ladder: Ladder, settings: Settings, bars: BarSet, symbol: int) -> Venue:
    """Return what the venue of a symbol accepts: ``[orders]``, the symbol's contract and the ladder's steps.

    Parameters
    ----------
    ladder : Ladder
    settings : Settings
    bars : BarSet
    symbol : int
        Position of the symbol.

    Returns
    -------
    Venue
    """
    contract = settings.symbols.contract_of(bars.symbols[symbol])
    costs, wanted = contract.costs(ladder.costs), settings.orders
    always = contract.session == "00:00-24:00"
    return Venue(
        oco_mode="reduce" if wanted.oco_mode == "reduce" else "oco",
        time_in_force=wanted.time_in_force,
        hours=wanted.hours,
        at_open="opg" if bars.interval_ns[symbol] >= DAY_NS and not always else "day",
        tick=costs.tick,
        lot=costs.lot,
        min_quantity=costs.min_quantity,
        min_distance=contract.min_distance,
    )


def slices_of(ladder: Ladder) -> frozenset[int]:
    """Return the numbers of the rungs that are slices."""
    return frozenset(number for number, rung in enumerate(ladder.rungs, start=1) if rung.is_slice)


def not_scored(trades: Trades, i: int, asof: pd.Timestamp, text: str) -> dict[str, Any]:
    """Return the row of a trade that cannot be scored; nothing is known of it but its own stop.

    Parameters
    ----------
    trades : Trades
    i : int
        Position of the trade.
    asof : Timestamp
    text : str
        Why, and the cure.

    Returns
    -------
    dict
        The columns ``COLUMNS``.
    """
    own = float(trades.quantity_open[i])
    return dict.fromkeys(COLUMNS, np.nan) | {
        "trade_id": str(trades.trade_id[i]), "symbol": str(trades.symbol[i]),
        "side": "long" if trades.side[i] > 0 else "short", "asof": asof,
        "quantity_open": own if np.isfinite(own) else float(trades.quantity[i]), "bars_held": 0, "bars_managed": 0,
        "action": HOLD, "action_quantity": 0.0, "stop_price": float(trades.stop_price[i]),
        "warnings": [f"Not scored: {text}"], "summary": text, "urgency": ASK, "tag": str(trades.tag[i]),
        **{name: [] for name in LISTS if name != "warnings"}, "managed_from": "", "stop_kind": "", "clock": "",
    }  # fmt: skip


def faulty_row(trade_id: str, symbol: str, text: str) -> dict[str, Any]:
    """Return the row of a trade that cannot be read.

    Parameters
    ----------
    trade_id, symbol : str
    text : str
        Why, and the cure.

    Returns
    -------
    dict
        The columns ``COLUMNS``.
    """
    return dict.fromkeys(COLUMNS, np.nan) | {
        "trade_id": trade_id, "symbol": symbol, "side": "", "asof": pd.NaT, "action": HOLD, "action_quantity": 0.0,
        "bars_held": 0, "bars_managed": 0, "warnings": [f"Not scored: {text}"], "summary": text, "urgency": ASK,
        **{name: [] for name in LISTS if name != "warnings"}, "managed_from": "", "stop_kind": "", "clock": "",
        "tag": "",
    }  # fmt: skip


def order_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the columns of texts as texts, in the order of the trades."""
    for name in ("managed_from", "stop_kind", "clock", "tag"):
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
        **{name: [json.dumps(items) for items in frame[name]] for name in ("orders", "replacements")},
        **{name: ["; ".join(map(str, items)) for items in frame[name]] for name in LISTS[2:]},
    )
