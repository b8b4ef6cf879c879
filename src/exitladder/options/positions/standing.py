"""Open positions at the last known quote: the orders that a plan has decided for the next one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exitladder.clock import NO_TIME
from exitladder.errors import OptionsError
from exitladder.options.market import OptionMarket
from exitladder.options.positions.entering import index_at
from exitladder.options.positions.measures import Valuer, greek_series, series
from exitladder.options.positions.plan import GREEK_SERIES, SERIES, OptionPlan
from exitladder.options.positions.position import Leg, Position
from exitladder.options.positions.replay import ALL, Order, Replay, begin
from exitladder.options.positions.trades import OptionTrade


@dataclass(frozen=True)
class Standing:
    """A position as a plan has followed it up to the last known quote.

    Parameters
    ----------
    trade : OptionTrade
    followed : Replay or None
        None if the plan cannot follow it.
    reason : str
        Why not.
    """

    trade: OptionTrade
    followed: Replay | None
    reason: str = ""

    @property
    def position(self) -> Position:
        """The position, if it is followed."""
        assert self.followed is not None
        return self.followed.position

    @property
    def market(self) -> OptionMarket:
        """The market that it is followed in."""
        assert self.followed is not None
        return self.followed.market

    @property
    def asof(self) -> int:
        """End of the last quotes of all its legs, nanoseconds since 1970 UTC."""
        assert self.followed is not None
        leg = self.position.legs[0]
        return int(self.market.quotes[leg.contract].end[self.place(leg)])

    def place(self, leg: Leg) -> int:
        """Return the number of a leg's quote at which the plan has decided last."""
        assert self.followed is not None
        bars = self.market.quotes[leg.contract]
        # after a split without a quote since, the last one that there is
        return min(index_at(self.market, leg.contract, self.followed.start), len(bars) - 1)

    def shown(self, leg: Leg) -> float:
        """Return the contracts that the last quote shows on the side at which a leg is closed; NaN if unknown (O1)."""
        bars = self.market.quotes[leg.contract]
        return float((bars.bid_size if leg.sign > 0 else bars.ask_size)[-1])

    @property
    def is_quoted(self) -> bool:
        """Whether all legs have a quote where the plan has decided last; after a split the new contracts may not."""
        assert self.followed is not None
        starts = [self.market.quotes[leg.contract].start[self.place(leg)] for leg in self.position.legs]
        return all(int(start) == self.followed.start for start in starts)

    def values(self) -> dict[str, float]:
        """Return what the conditions of a plan could read at the last quotes; NaN where unknown."""
        followed = self.followed
        assert followed is not None
        mark = followed.mark
        if not self.is_quoted:
            return dict.fromkeys(SERIES, math.nan) | {"mark": mark, "premium_r": followed.position.profit_r(mark)}
        found = series(followed.position, mark, followed.state, followed.valuer, followed.start)
        try:
            return found | greek_series(followed.position, mark, followed.valuer, followed.start)
        except OptionsError:  # without QuantLib
            return found | dict.fromkeys(GREEK_SERIES, math.nan)

    def market_orders(self) -> list[Order]:
        """Return the market orders for the next usable quotes, in the order in which they fill."""
        return [] if self.followed is None else list(self.followed.orders)

    def limit_orders(self) -> list[tuple[int, float, int]]:
        """Return rung, premium and contracts of the resting limits, those that fill first in front."""
        followed = self.followed
        if followed is None or len(followed.position.legs) != 1 or any(o.quantity == ALL for o in followed.orders):
            return []
        sign = followed.position.legs[0].sign
        known = [(n, limit, followed.sizes[n]) for n, limit in followed.limits.items() if not math.isnan(limit)]
        return sorted((one for one in known if one[2] > 0), key=lambda one: sign * one[1])


def standing(trades: Sequence[OptionTrade], plan: OptionPlan, valuer: Valuer, begins: Sequence[int]) -> list[Standing]:
    """Return positions as a plan has followed them up to the last quote of a market; every quote is taken as known.

    A contract whose trading has not ended is not settled, and no short counts as assigned early: the position is
    open as long as its owner says so.

    Parameters
    ----------
    trades : sequence of OptionTrade
        Entered by the last quote.
    plan : OptionPlan
    valuer : Valuer
        With the market. Positions share its sizes as in a backtest.
    begins : sequence of int
        From when the plan manages each, nanoseconds since 1970 UTC; ``NO_TIME`` from the entry on. Quotes that end by
        then decide nothing, but a stop of the trade's own that the last mark has passed closes the position.

    Returns
    -------
    list of Standing
    """
    begun, skipped = begin(trades, plan, valuer, Replay)
    found = {i: Standing(trades[i], None, reason) for i, reason in skipped.items()}
    for i, one in begun.items():
        one.begins = begins[i]
        one.can_be_assigned = False
        try:
            one.follow()
        except OptionsError as error:
            found[i] = Standing(trades[i], None, str(error))
            continue
        found[i] = Standing(trades[i], one)
        if not one.position.held:
            one.mark_at_last()
        if begins[i] != NO_TIME and one.position.held and found[i].asof <= begins[i] and _is_stopped(one):
            one.orders = [one.stop_order()]
    return [found[i] for i in range(len(trades))]


def _is_stopped(one: Replay) -> bool:
    """Return whether the last mark is at or beyond the trade's own stop."""
    has_own = not math.isnan(one.position.trade.stop_price)
    return has_own and one.position.side * (one.mark - one.position.stop) <= 0
