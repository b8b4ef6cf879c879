# Orders that rest have prices, which the rules say and types do not.
# mypy: disable-error-code="arg-type, operator, type-var, union-attr, misc"
"""The rules of adds a second time (docs/plans.md, PL1 to PL9), in exact fractions, from the text and not the kernel."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from exitladder.plans.adds import Add
from exitladder.plans.units import Distance

if TYPE_CHECKING:
    from tests.execution.reference import Bar, Number, Outcome, Reference, RungOrder, exact
else:
    _reference = sys.modules["execution_reference"]
    Reference, RungOrder, exact = _reference.Reference, _reference.RungOrder, _reference.exact
    Bar = Outcome = Number = Any

ZERO = Fraction(0)


@dataclass
class AddOrder:
    """What one add is to this trade."""

    number: int
    add: Add
    kind: str = "dead"  # averaging | pyramiding | signal
    state: str = "rests"  # chained | decided | filled | dropped
    price: Number | None = None  # where it rests
    paid: Number | None = None
    planned: Number | None = None
    planned_quantity: Number = ZERO

    @property
    def rests(self) -> bool:
        return self.state == "rests" and self.kind in ("averaging", "pyramiding") and self.price is not None

    @property
    def may_come(self) -> bool:
        return self.kind != "dead" and self.state in ("rests", "decided")


class PlanReference(Reference):  # type: ignore[misc, unused-ignore]
    """Plays one trade under one plan."""

    # -- before the first bar ---------------------------------------------------------------------------

    def prepare(self) -> str:
        skipped: str = super().prepare()
        if skipped in ("", "no_bar_after_entry"):
            self.first_stop = self.stop_price
            most = self.most(self.entry, self.entry)
            if most is not None and self.quantity > most:
                skipped = "above_maximum_size"
            if skipped == "no_bar_after_entry":
                self.enter()  # its adds are in the market from the next bar on: they must be before liquidation too
        return skipped

    def enter(self) -> None:
        self.average = self.average_before = self.held_average = self.entry
        self.entered = self.quantity
        self.gain_best = self.gain_worst = ZERO
        self.stop_moves: list[Number] = []
        self.reduced = self.reduces = False
        self.begun: set[int] = set()
        self.dropped = self.inactive_adds = self.made = 0
        self.atr_before = self.entry_atr
        self.shares: list[Number] = []
        self.costs_due = self.financing_charged = ZERO
        self.adds = [AddOrder(k, add) for k, add in enumerate(self.ladder.adds, start=1)]
        super().enter()
        for order in self.adds:
            self.place(order)
        self.worst_case = self.plan_risk()
        self.refused = self.liquidated_before()

    def place(self, order: AddOrder) -> None:
        add = order.add
        if add.at is None:
            order.kind = "signal"
            return
        before = self.adds[order.number - 2] if order.number > 1 else None
        value, unit = add.at.value, add.at.unit
        kind = "pyramiding" if value > 0 else "averaging"
        if add.spacing == "previous" and before is not None:
            if before.kind != "dead":
                order.kind, order.state = kind, "chained"
            else:
                self.inactive_adds += 1
            return
        price: Number | None
        if unit == "fib":
            price = None
            if self.trade.swing is not None:
                start, size = self.trade.swing
                price = self.up * (exact(start) + exact(value) * exact(size))
        elif unit == "support":
            supports = self.trade.supports
            price = self.up * exact(supports[int(value) - 1]) if value <= len(supports) else None
        elif unit == "price":
            price = exact(value)
        elif unit == "resistance":
            price = self.target_price(value, unit)
        else:
            price = self.away(order, self.entry)
        if price is not None and unit in ("fib", "support", "price"):
            kind = "pyramiding" if self.better(price, self.entry) else "averaging"
        hopeless = price is None or price == self.entry
        if price is not None and kind == "averaging":
            hopeless = hopeless or self.at_least(self.first_stop, price) or isinstance(add.stop, str)
        if hopeless:
            self.inactive_adds += 1
            return
        assert price is not None
        order.kind, order.price = kind, self.rounded_up(price)

    def away(self, order: AddOrder, base: Number) -> Number | None:
        """The price of an add at its distance from another."""
        at = order.add.at
        assert at is not None
        length = self.length(Distance(at.value, at.unit), self.atr_for(order), base)
        return None if length is None else base + self.up * length

    def atr_for(self, order: AddOrder) -> Number | None:
        return self.atr_before if order.add.atr == "current" else self.entry_atr

    def rounded_up(self, price: Number) -> Number:
        """To the tick, against the trader who enters at this price."""
        if self.costs.tick == 0:
            return price
        tick = exact(self.costs.tick)
        steps = price / tick
        return (steps.__ceil__() if self.up > 0 else steps.__floor__()) * tick

    # -- how much ---------------------------------------------------------------------------------------

    def most(self, price: Number, average: Number) -> Number | None:
        """PL7: the most that may be held."""
        size = self.ladder.size
        if size.maximum is not None:
            return self.lots_of(exact(size.maximum) * self.quantity)
        if size.maximum_units is not None:
            return self.lots_of(exact(size.maximum_units))
        if size.maximum_money is not None:
            return self.lots_of(exact(size.maximum_money) / exact(self.costs.multiplier) / max(price, average))
        return None

    def asked(self, order: AddOrder, price: Number, average: Number, held: Number) -> Number:
        """What an add buys at a price before participation; 0 if it is dropped."""
        add = order.add
        if add.quantity is not None:
            quantity = self.lots_of(exact(add.quantity) * self.quantity)
        elif add.units is not None:
            quantity = self.lots_of(exact(add.units))
        else:
            quantity = self.lots_of(exact(add.money) / (price * exact(self.costs.multiplier)))
        most = self.most(price, average)
        return quantity if most is None else min(quantity, most - held)

    def plan_risk(self) -> Number:
        """W: the worst stage of the pyramid, with every averaging add closed at the initial stop."""
        prices: dict[int, Number | None] = {}
        before: Number | None = self.entry
        for k, order in enumerate(self.adds):
            price = self.entry if order.kind == "signal" else order.price
            if order.kind == "dead":
                price = None
            elif order.state == "chained":
                away = None if before is None else self.away(order, before)
                price = None if away is None else self.rounded_up(away)
            if price is not None and order.kind == "averaging" and self.at_least(self.first_stop, price):
                price = None
            before = prices[k] = price
        # those of a kind in the order in which the price reaches them
        listed, known = list(range(len(self.adds))), {k: price for k, price in prices.items() if price is not None}
        for kind, sign in (("pyramiding", self.up), ("averaging", -self.up)):
            places = [k for k in known if self.adds[k].kind == kind]
            for place, k in zip(places, sorted(places, key=lambda k: sign * known[k]), strict=True):
                listed[place] = k
        bought = [(self.quantity, self.entry)]
        pyramid = [(self.quantity, self.entry)]
        stop = self.first_stop
        stages, others = [self.quantity * self.risk], ZERO
        for k in listed:
            order, price = self.adds[k], prices[k]
            if price is None or (order.state == "chained" and prices[k - 1] is None):
                prices[k] = None
                continue
            held = sum((q for q, _ in bought), ZERO)
            quantity = self.asked(order, price, sum((q * p for q, p in bought), ZERO) / held, held)
            if quantity <= 0 or quantity < self.least:
                prices[k] = None
                continue
            order.planned, order.planned_quantity = price, quantity
            bought.append((quantity, price))
            if order.kind == "averaging":
                others += quantity * self.up * (price - self.first_stop)
            elif order.kind == "signal":
                others += quantity * self.risk
            else:
                pyramid.append((quantity, price))
                total = sum((q for q, _ in pyramid), ZERO)
                level = None
                if isinstance(order.add.stop, str):
                    level = sum((q * p for q, p in pyramid), ZERO) / total
                elif order.add.stop is not None:
                    length = self.length(order.add.stop, self.entry_atr, price)
                    level = None if length is None else price - self.up * length
                if level is not None:
                    stop = self.best_of(stop, self.rounded(level))
                stages.append(sum((q * self.up * (p - stop) for q, p in pyramid), ZERO))
        return max(stages) + others

    def liquidated_before(self) -> Number | None:
        """PL9: the liquidation price that lies before an averaging add."""
        if self.ladder.execution.leverage <= 0:
            return None
        planned = [order for order in self.adds if order.kind == "averaging" and order.planned_quantity > 0]
        for order in planned:
            assert order.planned is not None
            held = [(self.quantity, self.entry)]
            held += [(o.planned_quantity, o.planned) for o in planned if self.better(o.planned, order.planned)]
            average = sum((q * p for q, p in held), ZERO) / sum((q for q, _ in held), ZERO)
            level: Number = self.liquidation_at(average)
            if self.at_least(level, order.planned):
                return level
        return None

    def planned_risk(self) -> Number:
        return self.worst_case

    # -- fills ------------------------------------------------------------------------------------------

    def may_add(self) -> bool:
        rules = self.ladder.add_rules
        if self.left <= 0 or self.leaving is not None or (self.reduced and not rules.after_exit):
            return False
        return rules.until_bars is None or self.out.held < rules.until_bars

    def keeps_dust(self) -> bool:
        return self.may_add() and any(order.may_come for order in self.adds)

    def log(self, t: int, order: str, rung: int, quantity: Number, price: Number, market: Number) -> None:
        super().log(t, order, rung, quantity, price, market)
        commission = self.out.events[-1].commission
        if order in ("entry", "add"):
            self.costs_due += commission
            self.shares.append(ZERO)
            return
        share = self.costs_due * quantity / self.left
        self.costs_due -= share
        financing = self.financing - self.financing_charged
        self.financing_charged = self.financing
        gain = self.up * (price - self.held_average) * quantity
        self.shares.append((gain - commission - share - financing) / self.worst_case)
        self.reduces = True

    def fill_rung(self, t: int, rung: RungOrder, market: Number) -> None:
        left = self.left
        super().fill_rung(t, rung, market)
        if self.left < left:
            self.begun.add(rung.number)

    def buy(self, t: int, order: AddOrder, market: Number, *, slips: bool) -> None:
        c, price = self.costs, market
        if slips:
            slip = market * (exact(c.slippage_bps) + exact(c.half_spread_bps)) / 10000
            slip += exact(c.slippage_ticks) * exact(c.tick)
            if c.slippage_atr > 0:
                slip += exact(c.slippage_atr) * self.atr_before
            price = market + self.up * slip
        price = self.rounded_up(price)
        quantity = self.asked(order, price, self.average, self.left)
        if self.budget is not None:
            quantity = min(quantity, self.budget)
        if quantity <= 0 or quantity < self.least:
            order.state = "dropped"
            self.dropped += 1
            return
        self.log(t, "add", 0, quantity, price, market)
        self.average = (self.entered * self.average + quantity * price) / (self.entered + quantity)
        self.held_average = (self.left * self.held_average + quantity * price) / (self.left + quantity)
        self.entered += quantity
        self.left += quantity
        if self.budget is not None:
            self.budget -= quantity
        self.bar_prices.append(market)
        order.state, order.paid = "filled", price
        self.made += 1
        self.move_stop(order, price)
        after = self.adds[order.number] if order.number < len(self.adds) else None
        if after is not None and after.state == "chained":
            level = self.away(after, price)
            if level is not None:
                after.state, after.price = "rests", self.rounded_up(level)

    def move_stop(self, order: AddOrder, price: Number) -> None:
        stop, c = order.add.stop, self.costs
        if stop is None:
            return
        if isinstance(stop, str):
            level = self.average
            if stop == "average+costs":
                leaving = (
                    level * self.left * exact(c.commission_bps) / 10000
                    + exact(c.commission_per_unit) * self.left / exact(c.multiplier)
                    + exact(c.commission_fixed) / exact(c.multiplier)
                )
                leaving = max(leaving, exact(c.commission_min) / exact(c.multiplier))
                slip = level * (exact(c.slippage_bps) + exact(c.half_spread_bps)) / 10000
                slip += exact(c.slippage_ticks) * exact(c.tick)
                if c.slippage_atr > 0:
                    slip += exact(c.slippage_atr) * self.atr_before
                level += self.up * ((self.costs_due + leaving) / self.left + slip)
        else:
            length = self.length(stop, self.atr_for(order), price)
            if length is None:
                return
            level = price - self.up * length
        self.stop_moves.append(self.rounded(level))

    # -- what a bar meets -------------------------------------------------------------------------------

    def met(self, order: AddOrder, price: Number) -> bool:
        """Whether a price reaches a resting add that is not at or beyond the invalidation."""
        if not order.rests or self.at_least(self.stop_now()[0], order.price):
            return False
        if order.kind == "pyramiding":
            return bool(self.at_least(price, order.price))
        if self.ladder.execution.limit_fill == "through":
            if self.costs.tick == 0:
                return bool(self.better(order.price, price))
            return bool(self.at_least(order.price - self.up * exact(self.costs.tick), price))
        return bool(self.at_least(order.price, price))

    def reachable(self, kind: str, price: Number) -> list[AddOrder]:
        """Resting adds of a kind that a price reaches, the nearest first."""
        if not self.may_add():
            return []
        found = [order for order in self.adds if order.kind == kind and self.met(order, price)]
        away = self.up if kind == "pyramiding" else -self.up
        return sorted(found, key=lambda order: (away * order.price, order.number))

    def at_open(self, t: int, price: Number, is_entry: bool) -> None:
        for order in self.adds:
            at = order.add.at
            if order.rests and order.add.atr == "current" and at is not None and at.unit == "ATR":
                chained = order.add.spacing == "previous" and order.number > 1
                level = self.away(order, self.adds[order.number - 2].paid if chained else self.entry)
                if level is not None:
                    order.price = self.rounded_up(level)
        before = [order for order in self.adds if order.rests]
        super().at_open(t, price, is_entry)
        for kind in ("averaging", "pyramiding"):
            if kind == "averaging" and is_entry:
                continue
            for order in self.reachable(kind, price):
                if order in before and self.may_add():
                    self.buy(t, order, price, slips=kind == "pyramiding")
        for order in self.adds:
            if order.state == "decided" and self.may_add():
                self.buy(t, order, price, slips=True)

    def buy_all(self, t: int, bar: Bar, good: Number, bad: Number, kinds: tuple[str, ...]) -> None:
        while True:
            found = [order for kind in kinds for order in self.reachable(kind, good if kind == "pyramiding" else bad)]
            if not found:
                return
            self.buy_inside(t, found[0], bar)

    def buy_inside(self, t: int, order: AddOrder, bar: Bar) -> None:
        self.buy(t, order, min(max(order.price, bar.low), bar.high), slips=order.kind == "pyramiding")

    def inside(self, t: int, bar: Bar, good: Number, bad: Number, policy: str) -> None:
        both = ("pyramiding", "averaging")
        if policy in ("stop_first", "finer_bars"):
            level, name = self.stop_now()
            stopped = self.at_least(level, bad)
            for rung in self.resting("stop_out"):
                if self.left > 0 and self.reached(rung, bad) and not (stopped and self.at_least(level, rung.price)):
                    self.fill_rung(t, rung, min(max(rung.price, bar.low), bar.high))
            if not stopped:
                self.go_good(t, good, bar)
            self.buy_all(t, bar, good, bad, both)
            if stopped and self.left > 0:
                self.fill_all(t, min(max(level, bar.low), bar.high), name)
            return
        if policy == "target_first":
            self.buy_all(t, bar, good, bad, ("averaging",))
            self.go_good(t, good, bar)
            if self.left > 0:
                self.go_bad(t, bad, bar)
            self.buy_all(t, bar, good, bad, both)
            return
        up, down = (partial(self.meet_in_order, t, bar, upwards=upwards) for upwards in (True, False))
        self.walk(bar, good, bad, policy, (up, down))

    def meet_in_order(self, t: int, bar: Bar, end: Number, *, upwards: bool) -> None:
        """One leg of a walk: whatever it meets next, until it meets nothing; at one price exits go first."""
        tried: set[int] = set()  # rungs: the bar's volume may leave a part of one, or all of it, to later bars
        while self.left > 0 and self.leaving is None:
            ahead = [one for one in self.on_the_way(end, upwards) if id(one[1]) not in tried]
            first = min(ahead, key=lambda one: one[0], default=None)
            if first is None:
                return
            what = first[1]
            if isinstance(what, AddOrder):
                self.buy_inside(t, what, bar)
            elif isinstance(what, RungOrder):
                tried.add(id(what))
                self.fill_rung(t, what, min(max(what.price, bar.low), bar.high))
            else:
                self.fill_all(t, min(max(what[0], bar.low), bar.high), what[1])

    def on_the_way(self, end: Number, upwards: bool) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """What a leg reaches, with its place in the order: where it is met, beyond that price or at it, exits first."""
        ahead = self.up if upwards else -self.up
        through = self.ladder.execution.limit_fill == "through"
        tick = exact(self.costs.tick) if self.costs.tick else None

        def place(price: Number, limit: bool, rank: int, number: int) -> tuple[Any, ...]:
            beyond = limit and through
            if beyond and tick is not None:
                return (ahead * price + tick, 0, rank, number)
            return (ahead * price, int(beyond), rank, number)

        if upwards:
            for rung in self.resting("limit"):
                if self.reached(rung, end):
                    yield place(rung.price, True, 2, rung.number), rung
            for order in self.reachable("pyramiding", end):
                yield place(order.price, False, 3, order.number), order
            return
        level, name = self.stop_now()
        if self.at_least(level, end):
            yield place(level, False, 0, 0), (level, name)
        for rung in self.resting("stop_out"):
            if self.reached(rung, end):
                yield place(rung.price, False, 1, rung.number), rung
        for order in self.reachable("averaging", end):
            yield place(order.price, True, 3, order.number), order

    def note_ambiguity(self, good: Number, bad: Number) -> None:
        super().note_ambiguity(good, bad)
        pyramids, limits = self.reachable("pyramiding", good), self.reachable("averaging", bad)
        stopped = self.at_least(self.stop_now()[0], bad) or any(self.reached(r, bad) for r in self.resting("stop_out"))
        if pyramids and stopped:
            self.ambiguous_here = True
        if (pyramids or limits) and any(self.reached(r, good) for r in self.resting("limit")):
            self.ambiguous_here = True

    # -- after a bar ------------------------------------------------------------------------------------

    def see(self, *prices: Number) -> None:
        gains = [self.up * (price - self.average_before) for price in prices]
        self.gain_best, self.gain_worst = max(self.gain_best, *gains), min(self.gain_worst, *gains)
        self.reduced = self.reduces
        self.stop_price = self.best_of(self.stop_price, *self.stop_moves)
        self.stop_moves = []
        if self.average != self.average_before:
            self.measure_from_average()
        super().see(*prices)
        self.size_rungs()
        self.average_before = self.average

    def measure_from_average(self) -> None:
        stop = self.ladder.stop
        for rung, plan in zip(self.rungs, self.ladder.rungs, strict=True):
            if plan.measured_from == "average" and rung.kind != "inactive":
                target = plan.target
                length = self.length(Distance(target.value, target.unit), self.entry_atr, self.average)
                rung.price = self.rounded(self.average + self.up * length)
        if stop.breakeven_from == "average":
            offset = stop.breakeven_offset
            away = ZERO if offset.value == 0 else self.length(offset, self.entry_atr, self.average)
            if away is not None:
                self.breakeven_price = self.rounded(self.average + self.up * away)
                if self.breakeven is not None:
                    self.breakeven = self.best_of(self.breakeven, self.breakeven_price)
        if self.ladder.execution.leverage > 0:
            self.liquidation = self.liquidation_at(self.average)

    def size_rungs(self) -> None:
        """PL4: fraction x the quantity entered so far, what rounds to nothing going to the next rung."""
        carried = ZERO
        for rung, plan in zip(self.rungs, self.ladder.rungs, strict=True):
            if rung.kind in ("inactive", "rest"):
                continue
            wanted = exact(plan.fraction) * self.entered + carried
            lots = self.lots_of(wanted)
            fits = lots > 0 and lots >= self.least
            carried = ZERO if fits else wanted
            if not rung.done and rung.number not in self.begun:
                rung.wanted = lots if fits else ZERO

    def close_bar(self, t: int, *, partial: bool = False) -> None:
        leaving = self.leaving
        super().close_bar(t, partial=partial)
        if partial or leaving is not None:
            return
        timed, self.leaving = self.leaving, None  # what the time stop decided at this close
        if self.may_add():
            close = self.bars[t].close
            for order in self.adds:
                waits = order.kind == "signal" and order.state == "rests"
                if waits and all(self.is_true(c, t, close) for c in order.add.when):
                    order.state = "decided"
        self.leaving = timed

    def per_unit(self, close: Number) -> tuple[Number, Number, Number]:
        return self.up * (close - self.average) / self.risk, self.gain_best / self.risk, self.gain_worst / self.risk

    def finish(self) -> Outcome:
        out = super().finish()
        out.made, out.dropped, out.inactive_adds = self.made, self.dropped, self.inactive_adds
        out.entered, out.average, out.planned_risk = self.entered, self.average, self.worst_case
        out.shares = self.shares
        return out
