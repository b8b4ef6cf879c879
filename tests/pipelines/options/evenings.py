"""A broker of options for tests: it carries out tonight's orders at the next quotes, read from plain tables."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from exitladder.files.output import json_text
from exitladder.options.market import OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import option_plan
from exitladder.options.positions.replay import Outcome, replay
from exitladder.options.positions.trades import OptionTrade
from exitladder.pipelines.options.score.reading import OpenPosition, OpenPositions
from exitladder.pipelines.options.score.score import Evening, score_options
from exitladder.plans.ladder import Ladder

Filled = tuple[str, str, int, int, float]
"""trade_id, contract, rung, contracts, price."""


@dataclass
class Tape:
    """The quotes of each contract by its name, as rows in order of time."""

    rows: dict[str, list[dict[str, float]]]
    taken: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    @classmethod
    def of(cls, market: OptionMarket) -> Tape:
        rows = {}
        for contract, bars in market.quotes.items():
            rows[str(contract)] = [
                {"time": int(bars.start[k]), "bid": float(bars.bid[k, 0]), "ask": float(bars.ask[k, 0]),
                 "bid_high": float(bars.bid[k, 1]), "ask_low": float(bars.ask[k, 2]),
                 "ask_high": float(bars.ask[k, 1]), "bid_low": float(bars.bid[k, 2]),
                 "bid_size": float(bars.bid_size[k]), "ask_size": float(bars.ask_size[k])}
                for k in range(len(bars))
            ]  # fmt: skip
        return cls(rows)

    def at(self, contract: str, time: int) -> dict[str, float] | None:
        return next((row for row in self.rows.get(contract, []) if row["time"] == time), None)

    def room(self, contract: str, side: str, time: int) -> float:
        """Contracts that the row before showed, less those taken from it."""
        before = [row for row in self.rows[contract] if row["time"] < time]
        size = before[-1][f"{'bid' if side == 'sell' else 'ask'}_size"] if before else math.nan
        return math.inf if math.isnan(size) else size - self.taken[contract, side, time]


def usable(row: Mapping[str, float], side: str) -> float | None:
    bid, ask = row["bid"], row["ask"]
    if bid > 0 and ask > 0 and bid > ask:
        return None
    price = bid if side == "sell" else ask
    return price if price > 0 else None


def carried_out(row: Mapping[str, Any], tape: Tape, time: int) -> list[Filled]:
    """Fill the orders of a row of the scores at the quotes of a moment; the contracts are those of that moment."""
    fills: list[Filled] = []
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for order in row["orders"]:
        groups.setdefault(order["combo"] or order["id"], []).append(order)
    left = int(row["quantity_open"])
    for orders in groups.values():
        if orders[0]["type"] == "limit":
            continue
        sold: list[tuple[Mapping[str, Any], float]] = []
        quantity = float(min(orders[0]["quantity"], left))
        for order in orders:
            quote = tape.at(order["contract"], time)
            assert quote is not None
            price = usable(quote, order["side"])
            if price is None and len(orders) == 2 and order["side"] == "sell" and usable(quote, "buy") is not None:
                continue
            if price is None:
                quantity = 0
                break
            quantity = min(quantity, tape.room(order["contract"], order["side"], time))
            sold.append((order, price))
        n = max(int(quantity), 0)
        left -= n
        for order, price in sold if n else ():
            tape.taken[order["contract"], order["side"], time] += n
            fills.append((row["trade_id"], order["contract"], order["rung"] or 0, n, round(price, 7)))
    for order in row["orders"]:
        if order["type"] != "limit":
            continue
        quote = tape.at(order["contract"], time)
        assert quote is not None
        if quote["bid_high"] > quote["ask_high"] or quote["ask_low"] < quote["bid_low"]:
            continue
        is_sale = order["side"] == "sell"
        reached = quote["bid_high"] > order["price"] if is_sale else 0 < quote["ask_low"] < order["price"]
        n = int(min(order["quantity"], left, tape.room(order["contract"], order["side"], time)))
        if reached and n > 0:
            left -= n
            tape.taken[order["contract"], order["side"], time] += n
            fills.append((row["trade_id"], order["contract"], order["rung"] or 0, n, round(order["price"], 7)))
    return fills


def backtested(outcomes: Sequence[Outcome], time: int) -> dict[str, list[Filled]]:
    """The fills of a backtest by market and limit orders at the quotes of a moment."""
    found: dict[str, list[Filled]] = {}
    for outcome in outcomes:
        for fill in [] if outcome.position is None else outcome.position.fills:
            if fill.time == time and fill.order in ("rung", "stop", "time"):
                found.setdefault(outcome.trade.trade_id, []).append(
                    (outcome.trade.trade_id, str(fill.contract), fill.rung, fill.quantity, round(fill.price, 7))
                )
    return found


def compared(
    market: OptionMarket, trades: Sequence[OptionTrade], ladder: Ladder, times: Sequence[int] | None = None
) -> tuple[int, int]:
    """Score the evening before each moment and carry out its orders; return how many fills and orders were equal."""
    market = only(market, trades)
    outcomes = replay(trades, option_plan(ladder), Valuer(market))
    starts = sorted({int(time) for bars in market.quotes.values() for time in bars.start})
    positions, tape = OpenPositions(tuple(OpenPosition(trade, math.nan) for trade in trades)), Tape.of(market)
    n_fills = n_orders = 0
    for before, time in itertools.pairwise(starts):
        moment = before + market.quotes.interval_ns
        if moment > time or (times is not None and time not in times):
            continue
        rows = {
            row["trade_id"]: row
            for row in score_options(
                positions, ladder, market, Evening(moment, since_entry=True, assume="followed")
            ).records()
        }
        expected = backtested(outcomes, time)
        for outcome in outcomes:
            if outcome.position is not None and outcome.entry_time == time and math.isnan(outcome.trade.entry_price):
                for contract, sign in outcome.trade.legs:  # entries come first
                    tape.taken[str(contract), "buy" if sign > 0 else "sell", time] += outcome.position.entered
        for outcome in sorted(outcomes, key=lambda one: one.trade.entry_time):
            trade_id = outcome.trade.trade_id
            row = rows.get(trade_id)
            is_assigned = outcome.position is not None and any(
                fill.order == "assignment" and fill.time <= moment for fill in outcome.position.fills
            )
            if row is None or is_assigned or pd.isna(row["asof"]):
                assert is_assigned or trade_id not in expected, (trade_id, pd.Timestamp(time), row)
                continue
            if not all(tape.at(leg["contract"], time) for leg in row["legs"]) or time >= market.clock.moment(
                outcome.trade.contract.expiry
            ):
                assert trade_id not in expected, (trade_id, pd.Timestamp(time))
                continue
            _check_sizes(row, tape, time)
            found = carried_out(row, tape, time)
            assert found == expected.get(trade_id, []), (trade_id, pd.Timestamp(time), row["summary"])
            n_fills += len(found)
            n_orders += len(row["orders"])
    return n_fills, n_orders


def night_after_night(market: OptionMarket, trades: Sequence[OptionTrade], ladder: Ladder) -> tuple[int, int]:
    """A broker who knows the instructions alone, and says each evening what is held; return fills and orders left.

    Each evening has the output of the one before. The limits in the market are always those listed, and the fills
    those of the backtest.
    """
    outcomes = replay(trades, option_plan(ladder), Valuer(market))
    starts = sorted({int(time) for bars in market.quotes.values() for time in bars.start})
    held = {one.trade.trade_id: one.position.entered for one in outcomes if one.position is not None}
    market_now: dict[str, list[dict[str, Any]]] = {trade_id: [] for trade_id in held}
    previous: dict[str, dict[str, Any]] = {}
    tape, n_fills, n_left = Tape.of(market), 0, 0
    for before, time in itertools.pairwise(starts):
        known = tuple(OpenPosition(t, float(held[t.trade_id])) for t in trades if t.trade_id in held)
        evening = Evening(before + market.quotes.interval_ns, since_entry=True, previous=previous)
        rows = {row["trade_id"]: row for row in score_options(OpenPositions(known), ladder, market, evening).records()}
        saved: list[dict[str, Any]] = json.loads(json_text(list(rows.values())))
        previous, expected = {row["trade_id"]: row for row in saved}, backtested(outcomes, time)
        for outcome in sorted(outcomes, key=lambda one: one.trade.entry_time):
            trade_id = outcome.trade.trade_id
            row = rows.get(trade_id)
            if row is None:
                continue
            assert row["urgency"] != "ask" and row["checks"] == [], (trade_id, row["summary"])
            resting = _instructed(row, market_now[trade_id])
            n_left += sum(order["do"] == "leave" for order in row["orders"])
            fills: list[Filled] = []
            if all(tape.at(leg["contract"], time) for leg in row["legs"]) and time < market.clock.moment(
                outcome.trade.contract.expiry
            ):
                fills = carried_out(row, tape, time)
            assert fills == expected.get(trade_id, []), (trade_id, pd.Timestamp(time), row["summary"])
            n_fills += len(fills)
            for _, contract, _, quantity, _ in fills:
                # a vertical's long leg may be kept, its short leg never is
                sides = {leg["contract"]: leg["side"] for leg in row["legs"]}
                if len(sides) == 1 or sides[contract] == "short":
                    held[trade_id] -= quantity
            market_now[trade_id] = _after(resting, fills)
    return n_fills, n_left


def _instructed(row: Mapping[str, Any], resting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The limits in the market after the instructions of a row, which must be those that it lists."""
    cancelled = [f"{o['side'].upper()} {o['quantity']} {o['contract']} LIMIT {o['price']:.10g}" for o in resting]
    left = [order for order, text in zip(resting, cancelled, strict=True) if text not in row["cancels"]]
    for order in row["orders"]:
        if order["type"] == "market":
            continue
        if order["do"] == "replace":
            left = [old for old in left if old["id"] != order["replaces"]]
        if order["do"] == "leave":
            (old,) = [old for old in left if old["id"] == order["id"]]
            assert (old["quantity"], old["price"]) == (order["quantity"], order["price"])
        else:
            left.append(dict(order))
    listed = [order for order in row["orders"] if order["type"] == "limit"]
    assert sorted(old["id"] for old in left) == sorted(order["id"] for order in listed)
    return left


def _after(resting: list[dict[str, Any]], fills: Sequence[Filled]) -> list[dict[str, Any]]:
    """The limits that are left once some have filled, whole or in parts."""
    sold = {rung: quantity for _, _, rung, quantity, _ in fills}
    left = [order | {"quantity": order["quantity"] - sold.get(order["rung"], 0)} for order in resting]
    return [order for order in left if order["quantity"] > 0]


def only(market: OptionMarket, trades: Sequence[OptionTrade]) -> OptionMarket:
    """The market with the quotes of the positions' contracts alone, which is faster."""
    wanted = {contract for trade in trades for contract, _ in trade.legs}
    wanted |= {contract.after_split(round(split.factor)) for contract in wanted for split in market.events.splits}
    return replace(
        market, quotes=replace(market.quotes, bars={c: bars for c, bars in market.quotes.items() if c in wanted})
    )


def _check_sizes(row: Mapping[str, Any], tape: Tape, time: int) -> None:
    """The size that an order names is that of the last row of its contract, if nothing came before it."""
    for order in row["orders"]:
        shown = order["quantity_shown"]
        if order["type"] == "market" and shown is not None:
            before = [quote for quote in tape.rows[order["contract"]] if quote["time"] < time]
            assert shown <= before[-1]["bid_size" if order["side"] == "sell" else "ask_size"]
