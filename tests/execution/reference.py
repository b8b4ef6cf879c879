"""A slow second implementation of the rules of execution, to hold the compiled kernel against.

It is written from the rules and not from the kernel: exact rational numbers instead of floats, real prices
with a side instead of signed prices, order objects that are kept in a list instead of arrays of states, and
moves from one price to the next between which orders are looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, Protocol

from exitladder.plans.ladder import Ladder
from exitladder.plans.units import Condition, Distance

Number = Fraction
ZERO = Fraction(0)
# S3: a price this close to a tick, as a share of itself, is on it
ON_TICK = Fraction(1, 2**46)


def exact(value: float) -> Number:
    """The decimal number that was meant: 0.1 is a tenth."""
    return Fraction(repr(float(value)))


@dataclass(frozen=True)
class Bar:
    """One bar; volume may be None."""

    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number | None = None


@dataclass
class RungOrder:
    """What one rung is to this trade; a slice (X10) has a stop."""

    number: int
    kind: str  # limit | stop_out | signal | rest | inactive | kept
    wanted: Number
    price: Number | None = None
    conditions: tuple[Condition, ...] = ()
    fired: bool = False  # decided: a market order that may still wait for volume
    done: bool = False
    stop: Number | None = None  # of a slice, and so on
    trail: Distance | None = None
    armed: bool = False
    arms_next: bool = False
    line: Number | None = None
    line_inside: Number | None = None
    line_walked: Number | None = None
    stopping: str = ""  # its own stop has begun to sell and goes on at the next open

    @property
    def is_slice(self) -> bool:
        return self.stop is not None

    @property
    def is_guarded(self) -> bool:
        """Whether its own stop is in the market."""
        return self.is_slice and self.wanted > 0 and not self.done and not self.stopping

    @property
    def rests(self) -> bool:
        return self.kind in ("limit", "stop_out") and not self.fired and not self.done and self.wanted > 0


@dataclass
class Event:
    """One fill."""

    bar: int
    order: str
    rung: int
    quantity: Number
    price: Number
    market: Number  # before slippage and rounding
    commission: Number


@dataclass
class Outcome:
    """What the trade came to."""

    skipped: str = ""
    is_open: bool = False
    events: list[Event] = field(default_factory=list)
    r: Number = ZERO
    pnl: Number = ZERO
    mfe_r: Number = ZERO
    mae_r: Number = ZERO
    held: int = 0
    ambiguous: int = 0
    coarse: int = 0
    left: Number = ZERO
    stop: tuple[Number, str] | None = None
    inactive: int = 0
    small_rest: bool = False
    # of a plan with adds
    made: int = 0
    dropped: int = 0
    inactive_adds: int = 0
    entered: Number = ZERO
    average: Number = ZERO
    planned_risk: Number = ZERO
    shares: list[Number] = field(default_factory=list)


@dataclass
class TradeInput:
    """A trade and what is known at its entry; bars count from 0 here."""

    side: int
    entry: float
    quantity: float
    stop: float | None
    entry_bar: int
    first_bar: int
    entry_atr: float | None
    finer_from: int | None = None  # position in the entry bar's finer bars
    swing: tuple[float, float] | None = None  # in the trade's direction: start and size, as signed prices
    levels: Sequence[float] = ()  # signed prices
    supports: Sequence[float] = ()


class Clock(Protocol):
    """When the clock ends a trade (X11); `clock_reference` has it."""

    def at_open(self, t: int) -> str | None:
        """The order that has become due before bar t opens."""

    def at_close(self, t: int) -> str | None:
        """The order that was due at the close of bar t when it opened."""


# orders of the whole rest during which rungs and stops that volume holds up go on
OTHERS_WAIT = (None, "time", "session", "clock", "gap")


class Reference:
    """Plays one trade under one ladder."""

    def __init__(
        self,
        trade: TradeInput,
        ladder: Ladder,
        bars: Sequence[Bar],
        atr: Sequence[float | None],
        finer: Mapping[int, Sequence[Bar]] | None = None,
        series: Mapping[str, Sequence[float]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.trade, self.ladder, self.bars, self.atr = trade, ladder, bars, atr
        self.finer = finer or {}
        self.series = series or {}
        self.clock = clock
        self.leaving: str | None = None  # an order for all that is left
        self.costs = ladder.costs
        self.up = trade.side  # +1: up is good
        self.entry = exact(trade.entry)
        self.out = Outcome()
        self.ambiguous_here = False

    # -- small arithmetic -------------------------------------------------------------------------------

    def better(self, a: Number, b: Number) -> bool:
        """Whether price a is better for the trade than b."""
        return a > b if self.up > 0 else a < b

    def at_least(self, a: Number, b: Number) -> bool:
        return a == b or self.better(a, b)

    def r_of(self, price: Number) -> Number:
        return self.up * (price - self.entry) / self.risk

    def best_of(self, *prices: Number) -> Number:
        return max(prices) if self.up > 0 else min(prices)

    def worst_of(self, *prices: Number) -> Number:
        return min(prices) if self.up > 0 else max(prices)

    def rounded(self, price: Number) -> Number:
        """To the tick, against the trader who leaves the trade at this price."""
        if self.costs.tick == 0:
            return price
        tick = exact(self.costs.tick)
        steps = price / tick
        nearest = round(steps)
        if abs(steps - nearest) <= abs(steps) * ON_TICK:
            return nearest * tick
        return (steps.__floor__() if self.up > 0 else steps.__ceil__()) * tick

    def lots_of(self, quantity: Number) -> Number:
        if self.costs.lot == 0:
            return quantity
        lot = exact(self.costs.lot)
        return (quantity / lot).__floor__() * lot

    def length(self, distance: Distance, atr: Number | None, of_price: Number) -> Number | None:
        value = exact(distance.value)
        if distance.unit == "R":
            return value * self.risk
        if distance.unit == "ATR":
            return None if atr is None else value * atr
        return abs(of_price) * value / 100

    # -- before the first bar ---------------------------------------------------------------------------

    def play(self) -> Outcome:
        skipped = self.prepare()
        if skipped:
            self.out.skipped = skipped
            return self.out
        self.enter()
        if self.trade.first_bar > self.trade.entry_bar:
            # X5b: the line of the entry, from its own price, in force from the first bar it is exposed to.
            self.raise_line(self.trail_from_best(self.entry, self.entry_atr))
            self.raise_lines_of_slices(self.entry, self.entry_atr)
        if self.trade.finer_from is not None:
            e = self.trade.entry_bar
            pieces = list(self.finer[e])[self.trade.finer_from :]
            self.atr_before = self.entry_atr
            over = self.walk_finer(e, pieces, first_is_entry=True)
            if not over:
                self.close_bar(e, partial=True)
            self.out.ambiguous += self.ambiguous_here
            self.ambiguous_here = False
            if over:
                return self.finish()
        self.atr_before = (
            self.atr_at(self.trade.first_bar - 1) if self.trade.first_bar > self.trade.entry_bar else self.entry_atr
        )
        for t in range(self.trade.first_bar, len(self.bars)):
            bar = self.bars[t]
            is_entry = t == self.trade.entry_bar
            policy = self.ladder.execution.intrabar
            if self.clock is not None and self.leaving is None:
                self.leaving = self.clock.at_open(t)  # overdue, or after a gap
            if self.is_idle(self.bars, t):
                over = self.pass_by(bar)
            elif policy == "finer_bars" and t in self.finer:
                over = self.walk_finer(t, self.finer[t], is_entry)
            else:
                if policy == "finer_bars":
                    self.out.coarse += 1
                over = self.meet(t, bar, policy, is_entry)
            if not over:
                over = self.end_bar(t)
            self.out.ambiguous += self.ambiguous_here
            self.ambiguous_here = False
            if over:
                break
        return self.finish()

    def atr_at(self, t: int) -> Number | None:
        if t < 0 or self.atr[t] is None:
            return None
        value = self.atr[t]
        assert value is not None
        return exact(value)

    def prepare(self) -> str:
        trade, ladder = self.trade, self.ladder
        self.entry_atr = None if trade.entry_atr is None else exact(trade.entry_atr)
        if trade.stop is not None:
            self.stop_price = exact(trade.stop)
        elif ladder.stop.initial is None:
            return "no_stop"
        else:
            away = self.length(ladder.stop.initial, self.entry_atr, self.entry)
            if away is None:
                return "atr_unknown"
            self.stop_price = self.entry - self.up * away
        self.risk = self.up * (self.entry - self.stop_price)
        if self.risk <= 0:
            return "stop_beyond_entry"
        self.slack = abs(self.entry) / 10**10 / self.risk
        if self.costs.slippage_atr > 0 and self.entry_atr is None:
            return "atr_unknown"
        self.least = exact(self.costs.min_quantity)
        self.quantity = self.lots_of(exact(trade.quantity))
        if self.quantity <= 0 or self.quantity < self.least:
            return "quantity_below_minimum"
        if trade.first_bar >= len(self.bars):
            return "no_bar_after_entry"
        return ""

    def enter(self) -> None:
        stop = self.ladder.stop
        self.left = self.quantity
        self.stop_price = self.rounded(self.stop_price)
        self.best = self.worst = self.entry
        self.breakeven: Number | None = None
        self.breakeven_price: Number | None = None
        if stop.breakeven_after is not None:
            away = self.length(stop.breakeven_offset, self.entry_atr, self.entry)
            if stop.breakeven_offset.value == 0:
                away = ZERO
            self.breakeven_price = None if away is None else self.rounded(self.entry + self.up * away)
        self.trail_armed = stop.trail is not None and stop.trail_after is None and stop.trail_from is None
        self.line: Number | None = None
        self.line_inside: Number | None = None
        self.line_walked: Number | None = None  # where a walk of the bar ends, walked or not
        self.leaving_rung = 0
        self.next_moves: list[str] = []
        self.leaving = None  # an order for all that is left
        self.free_leaving: str | None = None  # the same for all that no slice reserves
        self.ambiguous_here = False
        self.financing = ZERO
        self.liquidation: Number | None = None
        if self.ladder.execution.leverage > 0:
            self.liquidation = self.liquidation_at(self.entry)
        self.rungs = self.make_rungs()
        self.slices = [rung for rung in self.rungs if rung.is_slice]
        if self.slices:
            if 0 < self.free() < self.least:
                self.out.small_rest = True
            self.withdraw_if_nothing_is_free()
        self.log(self.trade.entry_bar, "entry", 0, self.quantity, self.entry, self.entry)

    def liquidation_at(self, average: Number) -> Number:
        share = 1 - self.up / exact(self.ladder.execution.leverage)
        margin = exact(self.ladder.execution.maintenance_margin)
        price = average * share / (1 - self.up * margin)
        if self.costs.tick > 0:
            steps = price / exact(self.costs.tick)
            whole = steps.__floor__() if self.up < 0 else steps.__ceil__()
            price = whole * exact(self.costs.tick)
        return price

    def make_rungs(self) -> list[RungOrder]:
        orders, carried = [], ZERO
        for number, rung in enumerate(self.ladder.rungs, start=1):
            price, kind = None, "signal"
            if rung.target is not None:
                price = self.target_price(rung.target.value, rung.target.unit)
                if price is None:
                    kind = "kept" if rung.is_slice else "inactive"
                    self.out.inactive += 1
                else:
                    kind = "limit" if self.better(price, self.entry) else "stop_out"
                    price = self.rounded(price)
            elif not rung.when:
                kind = "kept"
            lots = ZERO
            if rung.sells_rest:
                kind, lots = "rest", self.quantity
            elif rung.is_slice:
                # X10: sized like every rung, but what rounding removed elsewhere passes it by.
                lots = self.lots_of(exact(rung.fraction) * self.quantity)
                if lots <= 0 or lots < self.least:
                    lots, carried = ZERO, carried + exact(rung.fraction) * self.quantity
            elif kind != "inactive":
                wanted = exact(rung.fraction) * self.quantity + carried
                lots = self.lots_of(wanted)
                if lots <= 0 or lots < self.least:
                    lots, carried = ZERO, wanted
                else:
                    carried = ZERO
            order = RungOrder(number, kind, lots, price, rung.when)
            if rung.is_slice:
                order.stop = self.stop_price
                away = None if rung.stop is None else self.length(rung.stop, self.entry_atr, self.entry)
                if away is not None:
                    order.stop = self.best_of(order.stop, self.rounded(self.entry - self.up * away))
                order.trail = rung.trail
                order.armed = rung.trail is not None and rung.trail_from is None and rung.trail_after is None
            orders.append(order)
        return orders

    def target_price(self, value: float, unit: str) -> Number | None:
        if unit == "price":
            return exact(value)
        if unit == "fib":
            if self.trade.swing is None:
                return None
            start, size = self.trade.swing
            price = self.up * (exact(start) + exact(value) * exact(size))
            return price if self.better(price, self.entry) else None
        if unit == "resistance":
            n = int(value)
            return self.up * exact(self.trade.levels[n - 1]) if n <= len(self.trade.levels) else None
        away = self.length(Distance(value, unit), self.entry_atr, self.entry)
        return None if away is None else self.entry + self.up * away

    # -- fills ------------------------------------------------------------------------------------------

    def log(self, t: int, order: str, rung: int, quantity: Number, price: Number, market: Number) -> None:
        c = self.costs
        commission = ZERO
        if order != "mark":
            commission = (
                price * quantity * exact(c.commission_bps) / 10000
                + exact(c.commission_per_unit) * quantity
                + exact(c.commission_fixed)
            )
            commission = max(commission, exact(c.commission_min))
        self.out.events.append(Event(t, order, rung, quantity, price, market, commission))

    def fill(
        self, t: int, wanted: Number, market: Number, order: str, rung: int = 0, *,
        limit: bool = False, part: Number | None = None,
    ) -> Number:  # fmt: skip
        """Sell from all that is left, or from a part of it, of which no dust stays either."""
        part = self.left if part is None else min(part, self.left)
        quantity = min(wanted, part)
        rest = part - quantity
        if 0 < rest < self.least and self.budget is None and not self.keeps_dust():
            quantity = part
        if self.budget is not None:
            quantity = min(quantity, self.budget)
        if quantity <= 0:
            return ZERO
        price = market
        if not limit:
            c = self.costs
            slip = market * (exact(c.slippage_bps) + exact(c.half_spread_bps)) / 10000
            slip += exact(c.slippage_ticks) * exact(c.tick)
            if c.slippage_atr > 0:
                assert self.atr_before is not None
                slip += exact(c.slippage_atr) * self.atr_before
            price = market - self.up * slip
        price = self.rounded(price)
        self.log(t, order, rung, quantity, price, market)
        self.left -= quantity
        if self.budget is not None:
            self.budget -= quantity
        self.bar_prices.append(market)
        return quantity

    def keeps_dust(self) -> bool:
        """Whether a rest below the minimum stays; `plan_reference` knows when."""
        return False

    def fill_rung(self, t: int, rung: RungOrder, market: Number) -> None:
        part = rung.wanted if rung.is_slice else self.free()
        sold = self.fill(t, rung.wanted, market, "rung", rung.number, limit=rung.kind == "limit", part=part)
        rung.wanted -= sold
        if rung.kind != "limit":
            rung.fired = True
        if rung.wanted <= 0 or self.left <= 0 or (not rung.is_slice and self.free() <= 0):
            rung.done, rung.wanted = True, ZERO
            if not rung.is_slice and 0 < self.free() < self.least:
                self.out.small_rest = True
            for other, plan in zip(self.rungs, self.ladder.rungs, strict=True):
                if plan.trail_after == rung.number:
                    other.arms_next = True
            if self.ladder.stop.breakeven_after == rung.number:
                self.next_moves.append("breakeven")
            if self.ladder.stop.trail_after == rung.number:
                self.next_moves.append("trail")

    # -- slices -----------------------------------------------------------------------------------------

    def free(self) -> Number:
        """What no slice reserves."""
        return max(ZERO, self.left - sum((rung.wanted for rung in self.rungs if rung.is_slice), ZERO))

    def withdraw_if_nothing_is_free(self, *, stopped: bool = False) -> None:
        """Without quantity a rung has no orders; one that sells the rest still has the slices to sell."""
        if self.slices and (stopped or self.free() <= 0):
            for rung in self.rungs:
                if not rung.is_slice and rung.kind != "rest":
                    rung.done = True

    def fill_free(self, t: int, market: Number, order: str) -> None:
        self.fill(t, self.free(), market, order, part=self.free())
        self.free_leaving = order if self.free() > 0 else None
        self.withdraw_if_nothing_is_free(stopped=True)

    def fill_slice(self, t: int, rung: RungOrder, market: Number, order: str) -> None:
        """By its own stop, which arms nothing."""
        rung.wanted -= self.fill(t, rung.wanted, market, order, rung.number, part=rung.wanted)
        rung.fired, rung.done = True, rung.wanted <= 0
        rung.stopping = "" if rung.done else order

    def stop_of_slice(self, rung: RungOrder) -> tuple[Number, str]:
        assert rung.stop is not None
        level, name = rung.stop, "stop"
        if self.ladder.rungs[rung.number - 1].follow:
            if self.breakeven is not None and self.better(self.breakeven, level):
                level, name = self.breakeven, "breakeven"
            for line in (self.line, self.line_inside):
                if self.trail_armed and line is not None and self.better(line, level):
                    level, name = line, "trail"
        for line in (rung.line, rung.line_inside):
            if rung.armed and line is not None and self.better(line, level):
                level, name = line, "trail"
        return level, name

    def raise_lines_of_slices(self, best: Number, atr: Number | None) -> None:
        for rung in self.slices:
            line = self.trail_from_best(best, atr, rung.trail) if rung.trail else None
            if line is not None and (rung.line is None or self.better(line, rung.line)):
                rung.line = line

    def main_stop_matters(self) -> bool:
        """Whether what moves the trade's stop moves any order."""
        if self.free() > 0 and self.free_leaving is None:
            return True
        return any(rung.is_guarded and self.ladder.rungs[rung.number - 1].follow for rung in self.slices)

    def stops_reached(self, price: Number, *, at_open: bool) -> list[tuple[Number, str, RungOrder | None, str]]:
        """Stops that a price reaches, the nearest first: level, what it sells, its rung and the order's name."""
        found: list[tuple[tuple[Number, int, int], Number, str, RungOrder | None, str]] = []

        def note(level: Number, rank: int, sells: str, rung: RungOrder | None, name: str) -> None:
            found.append(((-self.up * level, rank, rung.number if rung else 0), level, sells, rung, name))

        level, name = self.stop_now()
        free_stopped = self.free() > 0 and self.free_leaving is None and self.at_least(level, price)
        if free_stopped and name != "liquidation":
            note(level, 1, "free", None, name)
        if self.liquidation is not None and self.at_least(self.liquidation, price):
            note(self.liquidation, 0, "all", None, "liquidation")
        for rung in self.rungs:
            stopped = free_stopped
            if rung.is_slice:
                stopped = False
                if rung.is_guarded:
                    level, name = self.stop_of_slice(rung)
                    stopped = self.at_least(level, price)
                    if stopped:
                        note(level, 2, "slice", rung, name)
            if rung.kind == "stop_out" and rung.rests and self.reached(rung, price) and not (at_open and stopped):
                assert rung.price is not None
                note(rung.price, 3, "rung", rung, "rung")
        return [one[1:] for one in sorted(found, key=lambda one: one[0])]

    def fall(self, t: int, price: Number, bar: Bar | None) -> None:
        """Every stop sells its part, the nearest first; without a bar, at the open."""
        while self.left > 0 and self.leaving is None:
            found = self.stops_reached(price, at_open=bar is None)
            if not found:
                return
            level, sells, rung, name = found[0]
            at = price if bar is None else min(max(level, bar.low), bar.high)
            if sells == "all":
                self.fill_all(t, at, name)
            elif sells == "free":
                self.fill_free(t, at, name)
            elif rung is not None and sells == "slice":
                self.fill_slice(t, rung, at, name)
            elif rung is not None:
                self.fill_rung(t, rung, at)
            self.withdraw_if_nothing_is_free()

    def fill_all(self, t: int, market: Number, order: str) -> None:
        self.fill(t, self.left, market, order, self.leaving_rung)
        self.leaving = order if self.left > 0 else None

    # -- the stop ---------------------------------------------------------------------------------------

    def stop_now(self) -> tuple[Number, str]:
        level, name = self.stop_price, "stop"
        if self.breakeven is not None and self.better(self.breakeven, level):
            level, name = self.breakeven, "breakeven"
        if self.trail_armed:
            for line in (self.line, self.line_inside):
                if line is not None and self.better(line, level):
                    level, name = line, "trail"
        if self.liquidation is not None and self.at_least(self.liquidation, level):
            level, name = self.liquidation, "liquidation"
        return level, name

    def trail_from_best(self, best: Number, atr: Number | None, own: Distance | None = None) -> Number | None:
        trail = own or self.ladder.stop.trail
        if trail is None:
            return None
        away = self.length(trail, atr, best)
        return None if away is None else self.rounded(best - self.up * away)

    def ratchet_inside(self, best: Number) -> None:
        for rung in self.slices:
            line = self.trail_from_best(best, self.atr_before, rung.trail) if rung.armed and rung.trail else None
            if line is not None and (rung.line_inside is None or self.better(line, rung.line_inside)):
                rung.line_inside = line
        line = self.trail_from_best(best, self.atr_before)
        if not self.trail_armed or line is None:
            return
        if self.line_inside is None or self.better(line, self.line_inside):
            self.line_inside = line

    def raise_line(self, line: Number | None) -> None:
        if line is not None and (self.line is None or self.better(line, self.line)):
            self.line = line

    @staticmethod
    def is_idle(bars: Sequence[Bar], t: int) -> bool:
        """S4a: known not to have traded."""
        bar = bars[t]
        if bar.volume is None or bar.volume != 0 or not bar.open == bar.high == bar.low == bar.close:
            return False
        return any(earlier.volume is not None and earlier.volume > 0 for earlier in bars[:t])

    def pass_by(self, bar: Bar) -> bool:
        """A bar in which nothing traded: no order meets it."""
        self.see(bar.high, bar.low)
        return False

    def see(self, *prices: Number) -> None:
        self.best = self.best_of(self.best, *prices)
        self.worst = self.worst_of(self.worst, *prices)
        for move in self.next_moves:
            if move == "breakeven":
                self.breakeven = self.breakeven_price
            elif self.ladder.stop.trail is not None:
                self.trail_armed = True
        self.next_moves = []
        start = self.ladder.stop.trail_from
        if start is not None and self.r_of(self.best) + self.slack >= exact(start.value):
            self.trail_armed = True
        for rung, plan in zip(self.rungs, self.ladder.rungs, strict=True):
            from_r = plan.trail_from is not None and self.r_of(self.best) + self.slack >= exact(plan.trail_from.value)
            rung.armed = rung.armed or rung.arms_next or from_r

    # -- one bar ----------------------------------------------------------------------------------------

    def reached(self, rung: RungOrder, price: Number) -> bool:
        """Whether a price fills a resting rung."""
        assert rung.price is not None
        if rung.kind == "stop_out":
            return self.at_least(rung.price, price)
        if self.ladder.execution.limit_fill == "through":
            if self.costs.tick == 0:
                return self.better(price, rung.price)
            return self.at_least(price, rung.price + self.up * exact(self.costs.tick))
        return self.at_least(price, rung.price)

    def resting(self, kind: str) -> list[RungOrder]:
        """Resting orders of a kind, the nearest to the entry side of the market first."""
        found = [r for r in self.rungs if r.kind == kind and r.rests]
        away = self.up if kind == "limit" else -self.up
        return sorted(found, key=lambda r: (away * (r.price or ZERO), r.number))

    def meet(self, t: int, bar: Bar, policy: str, is_entry: bool) -> bool:
        """X2 and X3; returns whether the trade is over."""
        self.budget: Number | None = None
        if self.ladder.execution.participation > 0:
            share = exact(self.ladder.execution.participation)
            self.budget = ZERO if bar.volume is None else self.lots_of(share * bar.volume)
        self.bar_prices: list[Number] = [bar.open]
        good, bad = (bar.high, bar.low) if self.up > 0 else (bar.low, bar.high)
        if is_entry and policy in ("ohlc", "nearer_extreme"):
            self.ratchet_inside(self.best)
        self.at_open(t, bar.open, is_entry)
        if self.left > 0 and self.leaving is None:
            self.note_ambiguity(good, bad)
            self.inside(t, bar, good, bad, policy)
        over = self.left <= 0
        self.see(*(self.bar_prices if over else [good, bad]))
        return over

    def at_open(self, t: int, price: Number, is_entry: bool) -> None:
        if self.leaving in OTHERS_WAIT:
            for rung in self.rungs:
                if rung.fired and not rung.done and self.left > 0:
                    if rung.kind == "rest":
                        self.leaving, self.leaving_rung = "rung", rung.number
                        break
                    if rung.stopping:
                        self.fill_slice(t, rung, price, rung.stopping)
                    else:
                        self.fill_rung(t, rung, price)
                    self.withdraw_if_nothing_is_free()
        if self.leaving in OTHERS_WAIT and self.free_leaving is not None and self.left > 0:
            self.fill_free(t, price, self.free_leaving)
        if self.leaving is not None and self.left > 0:
            self.fill_all(t, price, self.leaving)
        if self.left <= 0 or self.leaving is not None:
            return
        if self.slices:
            self.fall(t, price, None)
            if self.left <= 0 or self.leaving is not None:
                return
        level, name = self.stop_now()
        if self.at_least(level, price) and not self.slices:
            self.fill_all(t, price, name)
            return
        for kind in ("stop_out", "limit"):
            if kind == "limit" and is_entry:
                return
            if kind == "stop_out" and self.slices:
                continue
            for rung in self.resting(kind):
                if self.left > 0 and self.reached(rung, price):
                    self.fill_rung(t, rung, price)
                    self.withdraw_if_nothing_is_free()

    def note_ambiguity(self, good: Number, bad: Number) -> None:
        level, _ = self.stop_now()
        stopped = self.at_least(level, bad)
        if self.slices:
            stopped = stopped and self.free() > 0 and self.free_leaving is None
            stopped = stopped or (self.liquidation is not None and self.at_least(self.liquidation, bad))
        stopped = stopped or any(self.reached(r, bad) for r in self.resting("stop_out"))
        for rung in self.slices:
            stopped = self.note_slice(rung, good, bad) or stopped
        if stopped and any(self.reached(r, good) for r in self.resting("limit")):
            self.ambiguous_here = True
        if self.trail_armed and (not self.slices or self.main_stop_matters()):
            line = self.trail_from_best(self.best_of(self.best, good), self.atr_before)
            if line is not None and self.better(line, level) and self.at_least(line, bad):
                self.ambiguous_here = True
            if line is not None and (self.line_walked is None or self.better(line, self.line_walked)):
                self.line_walked = line

    def note_slice(self, rung: RungOrder, good: Number, bad: Number) -> bool:
        """X7b for a slice; whether its stop is in reach."""
        if not rung.is_guarded:
            return False
        level, _ = self.stop_of_slice(rung)
        if rung.armed and rung.trail:
            line = self.trail_from_best(self.best_of(self.best, good), self.atr_before, rung.trail)
            if line is not None and self.better(line, level) and self.at_least(line, bad):
                self.ambiguous_here = True
            if line is not None and (rung.line_walked is None or self.better(line, rung.line_walked)):
                rung.line_walked = line
        return self.at_least(level, bad)

    def inside(self, t: int, bar: Bar, good: Number, bad: Number, policy: str) -> None:
        if policy in ("stop_first", "finer_bars"):
            self.go_bad(t, bad, bar)
            if self.left > 0 and self.leaving is None:
                self.go_good(t, good, bar)
            return
        if policy == "target_first":
            stop = self.stop_now()
            self.go_good(t, good, bar)
            if self.left > 0:
                self.go_bad(t, bad, bar, stop)
            return
        self.walk(bar, good, bad, policy, (lambda end: self.go_good(t, end, bar), lambda end: self.go_bad(t, end, bar)))

    def walk(
        self, bar: Bar, good: Number, bad: Number, policy: str, legs: tuple[Callable[[Number], None], ...]
    ) -> None:
        """Let the price walk through the bar; `legs`: what a leg to the good side does, and one to the bad."""
        if policy == "ohlc":
            points = [bar.open, bar.high, bar.low, bar.close]
        else:
            good_first = abs(good - bar.open) < abs(bar.open - bad)
            points = [bar.open, good, bad, bar.close] if good_first else [bar.open, bad, good, bar.close]
        best = self.best_of(self.best, bar.open)
        self.ratchet_inside(best)
        for start, end in pairwise(points):
            if self.at_least(end, start):
                legs[0](end)
                best = self.best_of(best, end)
                self.ratchet_inside(best)
            if self.left > 0 and self.at_least(start, end):
                legs[1](end)
            if self.left <= 0 or self.leaving is not None:
                return

    def go_good(self, t: int, end: Number, bar: Bar) -> None:
        for rung in self.resting("limit"):
            if self.left > 0 and self.reached(rung, end):
                assert rung.price is not None
                if not rung.done:  # withdrawn within this leg
                    self.fill_rung(t, rung, min(max(rung.price, bar.low), bar.high))
                self.withdraw_if_nothing_is_free()

    def go_bad(self, t: int, end: Number, bar: Bar, stop: tuple[Number, str] | None = None) -> None:
        if self.slices:
            self.fall(t, end, bar)
            return
        level, name = stop or self.stop_now()
        stopped = self.at_least(level, end)
        for rung in self.resting("stop_out"):
            assert rung.price is not None
            if self.left > 0 and self.reached(rung, end) and not (stopped and self.at_least(level, rung.price)):
                self.fill_rung(t, rung, min(max(rung.price, bar.low), bar.high))
        if self.left > 0 and stopped:
            self.fill_all(t, min(max(level, bar.low), bar.high), name)

    def walk_finer(self, t: int, pieces: Sequence[Bar], first_is_entry: bool) -> bool:
        history = [bar for u in sorted(self.finer) if u <= t for bar in self.finer[u]]
        for k, piece in enumerate(pieces):
            if self.is_idle(history, len(history) - len(pieces) + k):
                self.pass_by(piece)
            elif self.meet(t, piece, "stop_first", first_is_entry and k == 0):
                return True
            self.ratchet_inside(self.best)
        return False

    # -- the close --------------------------------------------------------------------------------------

    def end_bar(self, t: int) -> bool:
        """The close of a bar, with the exit that the clock may give there; returns whether the trade is over."""
        order = None if self.clock is None else self.clock.at_close(t)
        if order is None or self.leaving is not None or self.is_idle(self.bars, t):
            self.close_bar(t)
            if self.leaving is None:
                self.leaving = order  # known since long, and at the next open that there is
            return False
        self.count(t)
        self.fill_all(t, self.bars[t].close, order)
        if self.left > 0:
            self.close_bar(t, partial=True)
        return self.left <= 0

    def count(self, t: int) -> None:
        """X7 and S5: the bar was held, and what was held in it is paid for."""
        self.out.held += 1
        c = self.costs
        rate = (
            exact(c.funding_bps_per_bar) if self.up > 0 else exact(c.borrow_bps_per_bar) - exact(c.funding_bps_per_bar)
        )
        self.financing += rate / 10000 * self.bars[t].close * self.left

    def close_bar(self, t: int, *, partial: bool = False) -> None:
        atr = self.atr_at(t)
        self.raise_line(self.trail_from_best(self.best, atr))
        relevant = not self.slices or self.main_stop_matters()
        if self.leaving is None and self.line_walked is not None and relevant:
            line = self.line
            if line is None or self.up * (self.line_walked - line) > abs(self.line_walked) / 2**48:
                self.ambiguous_here = True
        self.raise_line(self.line_inside)
        self.line_inside = self.line_walked = None
        self.raise_lines_of_slices(self.best, atr)
        for rung in self.slices:
            walked, line = rung.line_walked, rung.line
            counts = walked is not None and rung.is_guarded and self.leaving is None
            if walked is not None and counts and (line is None or self.up * (walked - line) > abs(walked) / 2**48):
                self.ambiguous_here = True
            if rung.line_inside is not None and (line is None or self.better(rung.line_inside, line)):
                rung.line = rung.line_inside
            rung.line_inside = rung.line_walked = None
        self.atr_before = atr
        if partial:
            return
        close = self.bars[t].close
        self.count(t)
        if self.leaving is not None:
            return
        for rung in self.rungs:
            if rung.kind in ("signal", "rest") and not rung.fired and not rung.done and rung.wanted > 0:
                rung.fired = all(self.is_true(c, t, close) for c in rung.conditions)
        if self.ladder.stop.time is not None and self.out.held >= self.ladder.stop.time:
            self.leaving = "time"

    def per_unit(self, close: Number) -> tuple[Number, Number, Number]:
        """Open, best and worst r."""
        return self.r_of(close), self.r_of(self.best), self.r_of(self.worst)

    def planned_risk(self) -> Number:
        """What r counts in."""
        return self.risk * self.quantity

    def is_true(self, condition: Condition, t: int, close: Number) -> bool:
        open_r, mfe_r, mae_r = self.per_unit(close)
        state: dict[str, Any] = {
            "open_r": open_r,
            "mfe_r": mfe_r,
            "mae_r": mae_r,
            "give_back_r": mfe_r - open_r,
            "bars_held": Fraction(self.out.held),
            "stop_distance_r": self.r_of(close) - self.r_of(self.stop_now()[0]),
        }
        if condition.series in state:
            value = state[condition.series]
        else:
            reading = self.series[condition.series][t]
            if reading != reading:
                return False
            value = exact(reading)
        threshold = exact(condition.threshold)
        slack = self.slack if condition.series.endswith("_r") and condition.series in state else ZERO
        answers: dict[str, bool] = {
            ">=": value + slack >= threshold,
            "<=": value - slack <= threshold,
            ">": value - slack > threshold,
            "<": value + slack < threshold,
        }
        return answers[condition.operator]

    # -- the end ----------------------------------------------------------------------------------------

    def finish(self) -> Outcome:
        out = self.out
        out.left = self.left
        out.is_open = self.left > 0
        out.stop = self.stop_now()
        if self.left > 0:
            last = len(self.bars) - 1
            self.log(last, "mark", 0, self.left, self.bars[last].close, self.bars[last].close)
        cash = ZERO
        for event in out.events:
            direction = -self.up if event.order in ("entry", "add") else self.up
            cash += direction * event.price * event.quantity - event.commission
        out.pnl = cash - self.financing
        out.r = out.pnl / self.planned_risk()
        _, out.mfe_r, out.mae_r = self.per_unit(self.best)
        return out
