"""One open trade as the ladder follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from exitladder.clock import DAY_NS, NO_TIME
from exitladder.execution import STATUS, Simulation
from exitladder.execution.kernel import state as s
from exitladder.pipelines.advice.adds.happened import Happened
from exitladder.pipelines.advice.adds.sets import NO_ADDS
from exitladder.pipelines.advice.orders import Order, Venue
from exitladder.pipelines.advice.working.orders import Working
from exitladder.pipelines.advice.working.stated import stated_orders
from exitladder.plans.ladder import Ladder
from exitladder.plans.resting_adds import StandingAdds
from exitladder.trades.trades import PlacedTrades

# of a market that is not always open, between two bars
_LONGEST_PAUSE_NS = 5 * DAY_NS


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
    adds : StandingAdds
        Of a plan: what may be added in the next bar.
    happened : Happened, optional
        Of a plan: the adds that have filled.
    missed_adds : tuple of int
        Adds whose price was passed before the plan began.
    of_book : {"", "limits", "target"}
        Whether limits of risk may have sold a part of it, or a target sold and bought.
    begins_ns : int
        `managed_from` in nanoseconds since 1970 UTC; ``NO_TIME`` if it is followed from the entry on.
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
    adds: StandingAdds = NO_ADDS
    happened: Happened | None = None
    missed_adds: tuple[int, ...] = ()
    begins_ns: int = NO_TIME
    of_book: Literal["", "limits", "target"] = ""

    @cached_property
    def status(self) -> str:
        """Of the simulation: open, closed or skipped."""
        return STATUS[int(self.done.status[self.k])]

    @cached_property
    def side(self) -> int:
        """+1 long, -1 short."""
        return int(self.placed.trades.side[self.i])

    @cached_property
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
    def entry(self) -> float:
        """Price of the entry; of a plan with adds the average of all entries."""
        average = (self.state or {}).get("average_entry", np.nan)
        return float(average) if np.isfinite(average) else float(self.placed.trades.entry_price[self.i])

    @property
    def initial_stop(self) -> float:
        """Price of the initial stop, NaN if there is none."""
        stop = self.side * float(self.done.states[self.k, s.STOP]) if self.done.risk[self.k] > 0 else np.nan
        return self.shown(stop)

    @property
    def begins_later(self) -> bool:
        """Whether the ladder begins to manage the trade after the next bar."""
        return self.begins_ns > self.asof.as_unit("ns").value + (0 if self.venue.is_always_open else _LONGEST_PAUSE_NS)

    @property
    def working_stop(self) -> float:
        """The stop that the trades file says is at the broker; 0 if it says that there is none, NaN if nothing."""
        column = self.placed.trades.working_stop
        return float("nan") if column is None else float(column[self.i])

    @property
    def is_stated(self) -> bool:
        """Whether the trades file states the orders at the broker, or the stop."""
        return self.stated is not None or bool(np.isfinite(self.working_stop))

    @cached_property
    def _cell(self) -> list[Working] | None:
        trades, i = self.placed.trades, self.i
        if trades.working_orders is None:
            return None
        text, may_add = str(trades.working_orders[i]), bool(self.ladder.adds)
        return stated_orders(text, self.side, str(trades.trade_id[i]), str(trades.symbol[i]), may_add=may_add)

    @cached_property
    def stated(self) -> list[Working] | None:
        """The closing orders that the trades file says are at the broker; None if it says nothing."""
        return None if self._cell is None else [order for order in self._cell if order.add is None]

    @cached_property
    def stated_adds(self) -> list[Working] | None:
        """The adds that the trades file says are at the broker; None if it says nothing about adds.

        A cell with closing orders alone says nothing about them; ``none`` says that there are none.
        """
        adds = [order for order in self._cell or [] if order.add is not None]
        return adds if adds or self._cell == [] else None

    def shown(self, price: float) -> float:
        """Return the price of an order as it is listed, rounded against the trader."""
        return self.venue.price(price, self.side) if np.isfinite(price) else price
