"""A position in options replayed quote by quote, by the rules of docs/design/options.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar, overload

from exitladder.arrays import BoolArray, FloatArray
from exitladder.bars.actions import Action
from exitladder.clock import NO_TIME
from exitladder.errors import OptionsError
from exitladder.options.contracts import whole_ratio
from exitladder.options.positions.ending import assign_early, settle
from exitladder.options.positions.entering import SkippedError, entered, index_at, next_start
from exitladder.options.positions.measures import Valuer, greek_series, leg_mark, series
from exitladder.options.positions.plan import GREEK_SERIES, OptionPlan
from exitladder.options.positions.position import Leg, Position
from exitladder.options.positions.sizes import Sizes
from exitladder.options.positions.trades import OptionTrade
from exitladder.plans.ladder import Rung
from exitladder.plans.units import Condition

_SLACK = 1e-10
ALL = -1
"""Quantity of an order that closes all that is held."""


Why = tuple[tuple[str, float], ...]
"""What an order was decided on: each condition as text, with the value read."""


@dataclass
class Order:
    """A market order that waits for a usable quote: its code, rung (0: none) and contracts; -1 for all."""

    code: str
    rung: int
    quantity: int
    why: Why = ()


class Decision(NamedTuple):
    """A close at which an order was decided: its code, rung, contracts, the net premium and profit then, and why."""

    time: int
    code: str
    rung: int
    quantity: int
    mark: float
    r: float
    why: Why


class Close(NamedTuple):
    """A position at a close: delta and gamma in units of the underlying, and profit in money; NaN if unknown."""

    time: int
    delta: float
    gamma: float
    profit: float


@dataclass
class Outcome:
    """What became of a trade.

    Parameters
    ----------
    trade : OptionTrade
    status : {"closed", "open", "skipped"}
    reason : str
        Why it was skipped.
    position : Position or None
        None if it was skipped.
    mark : float
        Net premium at the last known mark; NaN without one.
    state : dict of str to float
        ``bars_held, mfe_r, mae_r, n_unknown`` (closes without a mark).
    path : list of Close
        Its closes, if a hedge reads them.
    ended : int, optional
        When it is known that nothing is held any more.
    decisions : list of Decision
    """

    trade: OptionTrade
    status: str
    reason: str = ""
    position: Position | None = None
    mark: float = math.nan
    entry_time: int = NO_TIME
    state: dict[str, float] = field(default_factory=dict)
    path: list[Close] = field(default_factory=list)
    ended: int | None = None
    decisions: list[Decision] = field(default_factory=list)


def replay(
    trades: Sequence[OptionTrade], plan: OptionPlan, valuer: Valuer, *, keeps_path: bool = False
) -> list[Outcome]:
    """Return what becomes of trades under a plan; they share the sizes of quotes.

    Of one quote the entries come first, then the exits, each in the order of the entries (O1).

    Parameters
    ----------
    trades : sequence of OptionTrade
    plan : OptionPlan
    valuer : Valuer
        With the market. Shared by trades, so that no volatility is solved twice.
    keeps_path : bool
        Whether the Greeks and the profit at every close are kept.

    Returns
    -------
    list of Outcome
        In the order of `trades`.
    """
    begun, skipped = begin(trades, plan, valuer, Replay)
    found = {i: Outcome(trades[i], "skipped", reason) for i, reason in skipped.items()}
    for i, one in begun.items():
        one.path = [] if keeps_path else None
        found[i] = one.run()
    return [found[i] for i in range(len(trades))]


AReplay = TypeVar("AReplay", bound="Replay")


def begin(
    trades: Sequence[OptionTrade], plan: OptionPlan, valuer: Valuer, kind: type[AReplay]
) -> tuple[dict[int, AReplay], dict[int, str]]:
    """Enter trades, which share the sizes of quotes, in the order of their entries.

    Parameters
    ----------
    trades : sequence of OptionTrade
    plan : OptionPlan
    valuer : Valuer
    kind : type of Replay

    Returns
    -------
    begun : dict of int to Replay
        By position in `trades`, to be run in this order.
    skipped : dict of int to str
        Why the others cannot be replayed.
    """
    sizes = Sizes(valuer.market)
    begun: dict[int, AReplay] = {}
    skipped: dict[int, str] = {}
    for i in sorted(range(len(trades)), key=lambda i: trades[i].entry_time):
        try:
            position, start = entered(trades[i], plan, valuer.market, sizes)
        except SkippedError as reason:
            skipped[i] = str(reason)
        else:
            begun[i] = kind(position, plan, valuer, start, sizes)
    return begun, skipped


class Replay:
    """The loop over the quotes of one position.

    Parameters
    ----------
    position : Position
    plan : OptionPlan
    valuer : Valuer
    start : int
        Of the quotes of the entry.
    sizes : Sizes
        Shared with the other positions.

    Attributes
    ----------
    begins : int
        Quotes that end by this moment decide nothing, and limits that they reach are missed.
    can_be_assigned : bool
        Whether shorts are assigned early where holders would exercise (O8).
    orders : list of Order
        Market orders that wait for the next usable quote.
    limits : dict of int to float
        Resting limits by rung; NaN for one that never fills.
    """

    def __init__(self, position: Position, plan: OptionPlan, valuer: Valuer, start: int, sizes: Sizes) -> None:
        self.position, self.plan, self.valuer, self.market = position, plan, valuer, valuer.market
        self.start, self.sizes_shown = start, sizes
        self.date = 0
        self.orders: list[Order] = []
        self.rungs = dict(enumerate(plan.rungs, start=1))
        self.sizes = dict(enumerate(plan.quantities(position.quantity), start=1))
        self.limits = {n: _limit(rung, position) for n, rung in self.rungs.items() if rung.target is not None}
        self.last_ask: dict[int, float] = {}
        self.mark = math.nan
        self.is_unwinding = False
        self.state = {"bars_held": 0.0, "mfe_r": 0.0, "mae_r": 0.0, "n_unknown": 0.0}
        self.entry_time = max(start, position.trade.entry_time)
        self.path: list[Close] | None = None
        self.begins = NO_TIME
        self.bars_managed = 0
        self.missed: set[int] = set()
        self.can_be_assigned = True
        self.decisions: list[Decision] = []

    def follow(self) -> None:
        """Go on to the last quote, without a settlement."""
        self._close(self.start)
        while self.position.held and self._step():
            pass

    def run(self) -> Outcome:
        """Return the outcome after the last quote or the settlement."""
        position, market = self.position, self.market
        self.follow()
        if not position.is_over:
            self._splits_to_expiry()
            contract = (position.legs[0] if position.held else position.kept[0][0]).contract
            if market.last_date >= market.clock.date(contract.expiry):
                if position.held and self.date < market.clock.date(contract.expiry):
                    position.notes.add("quotes_ended")
                settle(position, market, market.settlement(contract))
        return Outcome(
            position.trade,
            "closed" if position.is_over else "open",
            position=position,
            mark=self.mark,
            entry_time=self.entry_time,
            state=self.state,
            path=self.path or [],
            ended=self._ended(),
            decisions=self.decisions,
        )

    def mark_at_last(self) -> None:
        """Mark a position that the plan has closed at the last quotes that its legs share, for those who hold it."""
        legs = self.position.legs
        later = [bars.start[bars.start > self.start] for bars in (self.market.quotes[leg.contract] for leg in legs)]
        shared = set(later[0].tolist()).intersection(*(times.tolist() for times in later))
        if shared:
            self.start = max(shared)
        self.mark = self._mark_at(self.start)

    def _ended(self) -> int | None:
        """Return when it is known that nothing is held: at the end of the quote bar of the last fill."""
        position = self.position
        if position.held or not position.fills:
            return None
        last = position.fills[-1]
        is_settled = last.order in ("expiry", "assignment")
        return last.time + (0 if is_settled else self.market.quotes.interval_ns)

    def _step(self) -> bool:
        """Go on to the next quote or event before expiry; whether there was one."""
        market, position = self.market, self.position
        contract = position.legs[0].contract
        following = next_start(market, [leg.contract for leg in position.legs], self.start)
        if following is not None and following >= market.clock.moment(contract.expiry):
            following = None
        split = self._split_ahead()
        if following is not None:
            reached = market.clock.date_of(following + market.quotes.interval_ns)
        elif split is not None:
            reached = split.time
        else:
            return False
        may_be_assigned = self.can_be_assigned and not self.is_unwinding and reached > self.date
        if may_be_assigned and self._is_assigned(reached):
            return True
        if split is not None and split.time <= reached:
            self._split(split)
            return True
        assert following is not None
        self._open(following)
        if position.held:
            self._inside(following)
        self.start = following
        if position.held:
            self._close(following)
        return True

    def _is_assigned(self, reached: int) -> bool:
        """Assign shorts at the last close of a date if holders would exercise; the rest is sold (O8)."""
        is_whole = len(self.position.legs) == 2
        if not assign_early(self.position, self.valuer, self.start, (self.date, reached)):
            return False
        self.is_unwinding = True
        self.orders = [Order("assignment", 0, ALL)] if is_whole else []
        # from now on the mark is that of the leg that is left
        self.mark = self._mark_at(self.start) if self.position.held else math.nan
        return True

    def _split_ahead(self) -> Action | None:
        """Return the next split before expiry that the data reach."""
        contract = (self.position.legs[0] if self.position.held else self.position.kept[0][0]).contract
        split = self.market.next_split(contract.underlying, self.date)
        if split is None or split.time > self.market.clock.date(contract.expiry) or split.time > self.market.last_date:
            return None
        return split

    def _split(self, split: Action) -> None:
        ratio = whole_ratio(split.factor)
        assert ratio is not None
        self.position.split(ratio)
        self.sizes = {n: size * ratio for n, size in self.sizes.items()}
        self.limits = {n: limit / ratio for n, limit in self.limits.items()}
        self.last_ask = {n: ask / ratio for n, ask in self.last_ask.items()}
        for order in self.orders:
            order.quantity *= ratio if order.quantity != ALL else 1
        self.mark /= ratio
        self.date, self.start = split.time, max(self.start, split.time - 1)
        if self.position.held:
            for leg in self.position.legs:
                if leg.contract not in self.market.quotes:
                    raise OptionsError(
                        f"After a split of {ratio}:1 a position must continue in a listed contract, but {leg.contract} "
                        f"of trade '{self.position.trade.trade_id}' has no quotes. Check the split's date and ratio."
                    )

    def _splits_to_expiry(self) -> None:
        """Follow the splits that come after the last quote."""
        while (split := self._split_ahead()) is not None:
            self._split(split)

    def _open(self, start: int) -> None:
        """Fill market orders at an open, as far as quotes and the sizes shown before allow (O1)."""
        for order in self.orders:
            held = self.position.held
            wanted = held if order.quantity == ALL else min(order.quantity, held)
            filled = self._fill(start, wanted, order)
            if order.quantity != ALL:
                order.quantity -= filled
            if filled < wanted:
                self.position.notes.add("waited")
        self.orders = [order for order in self.orders if self.position.held and order.quantity]

    def _fill(self, start: int, wanted: int, order: Order) -> int:
        """Fill an order as far as possible and return the contracts filled."""
        position, sold = self.position, []
        kept: list[Leg] = []
        quantity = float(wanted)
        for leg in position.legs:
            bars, i = self.market.quotes[leg.contract], index_at(self.market, leg.contract, start)
            price = float((bars.at_open.bid if leg.sign > 0 else bars.at_open.ask)[i])
            if math.isnan(price):
                # a worthless long leg does not keep the short one open (O2)
                if len(position.legs) == 2 and leg.sign > 0 and not math.isnan(float(bars.at_open.ask[i])):
                    kept.append(leg)
                    continue
                return 0
            quantity = min(quantity, self.sizes_shown.left(leg.contract, start, leg.sign < 0))
            sold.append((leg, price))
        filled = int(max(quantity, 0))
        if not filled:
            return 0
        for leg, price in sold:
            self.sizes_shown.take(leg.contract, start, leg.sign < 0, filled)
            position.close_leg(leg, filled, price, (start, order.code, order.rung), kind="market")
        position.kept += [(leg, filled) for leg in kept]
        if kept:
            position.notes.add("kept_leg")
        position.held -= filled
        return filled

    def _inside(self, start: int) -> None:
        """Fill resting limits of a single contract that later quotes trade through, nearest first (O1)."""
        position = self.position
        if len(position.legs) != 1 or self.is_unwinding or any(order.quantity == ALL for order in self.orders):
            return
        leg = position.legs[0]
        bars, i = self.market.quotes[leg.contract], index_at(self.market, leg.contract, start)
        if not bars.fills_limits[i]:
            return
        if start < self.begins or int(bars.end[i]) <= self.begins:
            self._miss(leg, float(bars.bid[i, 1]), float(bars.ask[i, 2]))
            return
        for n in sorted(self.limits, key=lambda n: leg.sign * self.limits[n]):
            limit = self.limits[n]
            reached = bars.bid[i, 1] > limit if leg.sign > 0 else 0 < bars.ask[i, 2] < limit
            left = self.sizes_shown.left(leg.contract, start, leg.sign < 0)
            quantity = int(min(self.sizes[n], position.held, left))
            if not reached or quantity <= 0:
                continue
            position.close_leg(leg, quantity, limit, (start, "rung", n), kind="limit")
            position.held -= quantity
            self.sizes[n] -= quantity
            self.sizes_shown.take(leg.contract, start, leg.sign < 0, quantity)
        self.limits = {n: limit for n, limit in self.limits.items() if self.sizes[n]}

    def _miss(self, leg: Leg, highest_bid: float, lowest_ask: float) -> None:
        """Note the limits that a quote reaches before the plan begins: they sell nothing later."""
        reached = {
            n for n, limit in self.limits.items() if (highest_bid >= limit if leg.sign > 0 else 0 < lowest_ask <= limit)
        }
        self.missed |= reached
        self.limits = {n: limit for n, limit in self.limits.items() if n not in reached}

    def _close(self, start: int) -> None:
        """Mark the position at a close, and decide the orders for the next open."""
        position = self.position
        last = position.legs[0].contract
        end = int(self.market.quotes[last].end[index_at(self.market, last, start)])
        self.date = self.market.clock.date_of(end)
        self.state["bars_held"] += 1
        mark = self._mark_at(start)
        is_known = not math.isnan(mark)
        if is_known:
            self.mark = mark
        if self.path is not None:
            self.path.append(self._seen(mark, start))
        if self.is_unwinding:
            return
        if is_known:
            r = position.profit_r(mark)
            self.state["mfe_r"], self.state["mae_r"] = max(self.state["mfe_r"], r), min(self.state["mae_r"], r)
        else:
            self.state["n_unknown"] += 1
        if end <= self.begins:
            return
        self.bars_managed += 1
        if any(order.quantity == ALL for order in self.orders):
            return
        before = len(self.orders)
        if is_known and self.plan.has_stop and position.side * (mark - position.stop) <= _SLACK:
            self.orders, before = [self.stop_order()], 0
        elif self.plan.time is not None and self.bars_managed >= self.plan.time:
            why = ((f"quotes >= {self.plan.time}", float(self.bars_managed)),)
            self.orders, before = [Order("time", 0, ALL, why)], 0
        elif is_known:
            before = self._decide(mark, start)
        self.decisions += [
            Decision(end, order.code, order.rung, order.quantity, mark, position.profit_r(mark), order.why)
            for order in self.orders[before:]
        ]

    def stop_order(self) -> Order:
        """Return the order that the stop on the premium gives at the last mark."""
        operator = "<=" if self.position.side > 0 else ">="
        return Order("stop", 0, ALL, ((f"mark {operator} {self.position.stop:.10g}", self.mark),))

    def _seen(self, mark: float, start: int) -> Close:
        """Return the position as a hedge sees it at a close."""
        position = self.position
        greeks = greek_series(position, mark, self.valuer, start)
        contract = position.legs[0].contract
        end = int(self.market.quotes[contract].end[index_at(self.market, contract, start)])
        paid = math.fsum(leg.sign * leg.entry for leg in position.legs)
        profit = (
            position.gross - position.paid + (position.side * mark - paid) * position.held * position.trade.multiplier
        )
        return Close(end, greeks["position_delta"], greeks["position_gamma"], profit)

    def _mark_at(self, start: int) -> float:
        """Return the net premium of the legs held at a close; NaN if one is unknown."""
        position = self.position
        legs = range(len(position.legs))
        return position.net_premium([leg_mark(position, k, self.market, start, self.last_ask) for k in legs])

    def _decide(self, mark: float, start: int) -> int:
        """Fire the rungs whose conditions hold; return the place of the first order that is new."""
        waiting = {n: rung for n, rung in self.rungs.items() if rung.when}
        before = len(self.orders)
        if not waiting:
            return before
        values = series(self.position, mark, self.state, self.valuer, start)
        if any(c.series in GREEK_SERIES for rung in waiting.values() for c in rung.when):
            values |= greek_series(self.position, mark, self.valuer, start)
        for n, rung in waiting.items():
            if not all(holds(condition, values[condition.series]) for condition in rung.when):
                continue
            del self.rungs[n]
            why = tuple((str(condition), values[condition.series]) for condition in rung.when)
            if rung.sells_rest:
                self.orders = [Order("rung", n, ALL, why)]
                return 0
            if self.sizes[n]:
                self.orders.append(Order("rung", n, self.sizes[n], why))
        return before


def _limit(rung: Rung, position: Position) -> float:
    """Return the premium of a rung's limit order; one at or beyond the entry's losing side never fills."""
    assert rung.target is not None
    value, unit = rung.target.value, rung.target.unit
    distance = value * position.risk if unit == "R" else value / 100 * position.premium
    level = value if unit == "price" else position.premium + position.side * distance
    if position.side * (level - position.premium) <= 0:
        position.notes.add("inactive_rung")
        return math.nan
    return level


@overload
def holds(condition: Condition, value: float) -> bool: ...
@overload
def holds(condition: Condition, value: FloatArray) -> BoolArray: ...
def holds(condition: Condition, value: float | FloatArray) -> bool | BoolArray:
    """Return whether a comparison holds for a value, or for each of some, with the slack of rule X4a; NaN: false."""
    if condition.operator == ">=":
        return value >= condition.threshold - _SLACK
    if condition.operator == "<=":
        return value <= condition.threshold + _SLACK
    return value > condition.threshold if condition.operator == ">" else value < condition.threshold
