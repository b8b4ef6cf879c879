"""What closing a position at each of its closes would bring: the position is replayed once, and closed from each close.

The replay and its rules are those of a backtest, so waiting, size, assignment, splits and expiry are too. A plan whose
conditions do not depend on earlier sales is then a choice of closes.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.options.positions.measures import Valuer, greek_series, series
from exitladder.options.positions.plan import GREEK_SERIES, OptionPlan
from exitladder.options.positions.replay import ALL, Order, Outcome, Replay, begin
from exitladder.options.positions.sizes import Sizes
from exitladder.options.positions.tables import net_money
from exitladder.options.positions.trades import OptionTrade

N_FEES = 2
"""Fills of one exit whose commissions are counted one by one; those of further fills are shared by contracts."""


@dataclass(frozen=True)
class Path:
    """A position held to expiry, and closed at each of its closes instead.

    Parameters
    ----------
    trade : OptionTrade
    quantity : int
        Contracts entered.
    premium, risk : float
        Per unit at the entry.
    entry_cost : float
        In money.
    values : dict of str to float64 array, shape (n,)
        Series at the n closes; NaN where unknown, or where nothing can be decided.
    gain : float64 array, shape (n,)
        Profit per unit at the mark, in units of the entry.
    money : float64 array, shape (n + 1,)
        Result of closing everything at each close's next quote, before the commissions in `fees` and the entry's cost;
        of holding to expiry in the last place.
    fees : float64 array, shape (n + 1, 2)
        The part of the commissions of the first two fills that grows with the contracts; NaN without a fill.
    held : Outcome
        Held to expiry.
    """

    trade: OptionTrade
    quantity: int
    premium: float
    risk: float
    entry_cost: float
    values: dict[str, FloatArray]
    gain: FloatArray
    money: FloatArray
    fees: FloatArray
    held: Outcome


def paths_of(
    trades: Sequence[OptionTrade],
    plan: OptionPlan,
    valuer: Valuer,
    names: Sequence[str],
    done: Callable[[int], None] = lambda n: None,
) -> tuple[list[Path | None], dict[int, str]]:
    """Return the path of each trade.

    Parameters
    ----------
    trades : sequence of OptionTrade
    plan : OptionPlan
        Its stop gives R, its costs count, and its exits do not.
    valuer : Valuer
    names : sequence of str
        Series that conditions read.
    done : callable
        Called with 1 after each trade.

    Returns
    -------
    paths : list of Path or None
        None for a trade that cannot be replayed.
    skipped : dict of int to str
        Why, by the number of the trade.
    """
    begun, skipped = begin(trades, plan.held(), valuer, _Held)
    found: list[Path | None] = []
    for i in range(len(trades)):
        found.append(begun[i].path_of(names) if i in begun else None)
        done(1)
    return found, skipped


class _Held(Replay):
    """A position held to expiry that is also closed from each of its closes."""

    def path_of(self, names: Sequence[str]) -> Path:
        """Return the path."""
        position = self.position
        at_entry = (position.premium, position.risk, position.entry_cost)
        self.names = names
        self.rows: list[tuple[dict[str, float], float, Outcome | None]] = []
        self.first_risk = position.risk
        # contracts that others have taken by their exits are left out: plans are compared one position at a time
        self.sizes_shown = _own(self.sizes_shown)
        held = self.run()
        exits = [outcome for _, _, outcome in self.rows] + [held]
        results = [_result(outcome) for outcome in exits]
        return Path(
            trade=position.trade,
            quantity=position.entered,
            premium=at_entry[0],
            risk=at_entry[1],
            entry_cost=at_entry[2],
            values={name: np.array([row[name] for row, _, _ in self.rows]) for name in names},
            gain=np.array([gain for _, gain, _ in self.rows]),
            money=np.array([money for money, _ in results]),
            fees=np.array([fees for _, fees in results]),
            held=held,
        )

    def _close(self, start: int) -> None:
        before = self.state["n_unknown"]
        super()._close(start)
        if self.is_unwinding:
            return
        if self.state["n_unknown"] > before:
            self.rows.append((dict.fromkeys(self.names, math.nan), math.nan, None))
            return
        values = series(self.position, self.mark, self.state, self.valuer, start)
        if any(name in GREEK_SERIES for name in self.names):
            values |= greek_series(self.position, self.mark, self.valuer, start)
        gain = values["premium_r"] * self.first_risk
        self.rows.append(({name: values[name] for name in self.names}, gain, _Exit(self).run()))


class _Exit(Replay):
    """A position after a close, with the order to close it whole; the position held is left as it is."""

    def __init__(self, held: _Held) -> None:
        self.__dict__ |= held.__dict__
        one = held.position
        self.position = replace(
            one,
            legs=[replace(leg) for leg in one.legs],
            kept=list(one.kept),
            fills=list(one.fills),
            notes=set(one.notes),
        )
        self.orders = [Order("rung", 1, ALL)]
        self.state, self.last_ask = dict(held.state), dict(held.last_ask)
        self.sizes_shown = _own(held.sizes_shown)
        self.is_decided = True

    def _close(self, start: int) -> None:
        if self.is_decided:
            # the close at which it was decided is behind it
            self.is_decided = False
            return
        super()._close(start)


def _own(sizes: Sizes) -> Sizes:
    """Return a copy of the sizes left, from which fills take nothing."""
    one = copy.copy(sizes)
    one._taken = Counter(sizes._taken)
    return one


def _result(outcome: Outcome | None) -> tuple[float, list[float]]:
    """Return the money of an exit before the commissions of its first fills and before the entry's, and their parts."""
    if outcome is None or outcome.position is None:
        return math.nan, [math.nan] * N_FEES
    position = outcome.position
    costs, multiplier = position.costs, position.trade.multiplier
    money = net_money(outcome) + position.entry_cost
    fees = [math.nan] * N_FEES
    paid = [fill for fill in position.fills if fill.commission > 0][:N_FEES]
    for k, fill in enumerate(paid):
        money += fill.commission
        fees[k] = (costs.commission_bps * 1e-4 * fill.price * multiplier + costs.commission_per_unit) * fill.quantity
    return money, fees
