"""Positions whose quantity follows a volatility target, and regimes of named series (L7, L8).

A purchase is an add that only this target orders: the compiled engine fills it at the next open, like a signal add.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from exitladder.arrays import FloatTable, IntArray
from exitladder.execution.book.account import SHARE, Standing, Terms, lots_kept
from exitladder.execution.book.estimates import Estimates
from exitladder.execution.book.reductions import Firing, holds, value_at
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.packed import Plan
from exitladder.execution.kernel.state import Record
from exitladder.execution.lots import whole_lots
from exitladder.execution.signals import Signals
from exitladder.plans.adds import Add, AddRules
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import Risk
from exitladder.plans.target import ATR, REALISED, TARGET, VolatilityTarget
from exitladder.plans.units import Condition

# Never holds: only `Targets` orders this add.
_NEVER = Condition("bars_held", "<=", -1.0)


def with_purchases(ladder: Ladder) -> Ladder:
    """Return a plan with a place for purchases of its target, which order nothing by themselves."""
    if ladder.target is None:
        return ladder
    adds = (Add(quantity=1.0, when=(_NEVER,)),)
    return replace(ladder, target=None, risk=Risk(), adds=adds, add_rules=AddRules(after_exit=True))


def without_planned_purchases(plan: Plan) -> None:
    """Take purchases of a target out of the planned risk: W stays that of the entry."""
    plan.add_number[:, :, n.AN_QUANTITY] = 0.0


class Targets:
    """What a volatility target orders at each close.

    Parameters
    ----------
    target : VolatilityTarget
    signals : Signals
        Of bars.
    estimates : Estimates
    atr : float64 array, shape (n_bars,)
    terms : Terms
    to : Record
    """

    def __init__(
        self,
        target: VolatilityTarget,
        signals: Signals,
        estimates: Estimates,
        atr: np.ndarray,
        terms: Terms,
        to: Record,
    ) -> None:
        self.target, self.signals, self.estimates, self.atr = target, signals, estimates, atr
        self.terms, self.to = terms, to
        self.factor = np.ones(len(to.states))
        self.decided: list[tuple[int, int, bool]] = []
        """Trade, bar, and whether a reduction decided at its close is the target's."""

    def start(self, i: int) -> None:
        """Keep the size of the rungs of a trade that has been entered: purchases do not change it."""
        self.to.adds[i, s.A_BEGUN] = 1.0

    def volatility(self, i: int, bar: int, symbol: int) -> float:
        """Return the volatility that counts for a position, at least the floor; NaN if unknown.

        Parameters
        ----------
        i : int
            The trade.
        bar, symbol : int

        Returns
        -------
        float
            Annual, or ATR over the close.
        """
        target = self.target
        if target.measure == REALISED:
            found = self.estimates.volatility(bar, symbol)
        elif target.measure == ATR:
            found = float(self.atr[bar]) / float(self.estimates.bars.close[bar])
        else:
            found = value_at(self.signals, target.measure, i, bar) / (100.0 if target.unit == "percent" else 1.0)
        return max(found, target.floor) if found >= 0 else math.nan

    def _regime(self, i: int, bar: int) -> float:
        """Return the factor of the regimes; where one is unknown, the factor of before stays (L8)."""
        found = 1.0
        for regime in self.target.regimes:
            values = [value_at(self.signals, c.series, i, bar) for c in regime.when]
            if any(math.isnan(value) for value in values):
                return float(self.factor[i])
            if all(holds(c, value) for c, value in zip(regime.when, values, strict=True)):
                found *= regime.factor
        self.factor[i] = found
        return found

    def decide(
        self, now: Standing, at: list[tuple[int, int, int]], equity: float, money: float, firing: Firing
    ) -> None:
        """Order what brings positions back into the band; purchases as far as free margin allows, in the file's order.

        Parameters
        ----------
        now : Standing
        at : list of (int, int, int)
            Place in `now`, bar and symbol of each position whose bar has closed.
        equity : float
        money : float
            Free margin; 0 where nothing may be bought.
        firing : Firing
            Counts trades of the target, and closes without a volatility.
        """
        self.to.adds[now.trades[[k for k, _, _ in at]], s.A_STATUS, 0] = o.WITHDRAWN
        for k, bar, symbol in sorted(at, key=lambda one: int(now.trades[one[0]])):
            i = int(now.trades[k])
            state = self.to.states[i]
            if state[s.EXIT_ORDER] >= 0 or equity <= 0:
                continue
            volatility = self.volatility(i, bar, symbol)
            if not volatility > 0:
                firing.unknown[TARGET] = firing.unknown.get(TARGET, 0) + 1
                continue
            wanted = equity * self.target.volatility * self._regime(i, bar) / volatility
            if math.isnan(wanted):
                firing.unknown[TARGET] = firing.unknown.get(TARGET, 0) + 1
                continue
            held = abs(float(now.value[k]))
            low, high = (wanted * (1 + sign * self.target.band) for sign in (-1, 1))
            is_outside = held > high * (1 + SHARE) or held < low * (1 - SHARE)
            if not is_outside:
                continue
            aim = wanted if self.target.trade_to == "target" else min(max(held, low), high)
            if aim < held:
                self._sell(i, aim / held)
                self.decided.append((i, bar, True))
                firing.count(TARGET, i, self.target.measure, volatility)
            elif state[s.CUT_TO] < 0:
                spent = self._buy(i, float(now.mark[k]), min(aim - held, money / self.terms.margin))
                money -= spent * self.terms.margin
                if spent > 0:
                    firing.count(TARGET, i, self.target.measure, volatility)

    def _sell(self, i: int, share: float) -> None:
        kept = float(lots_kept(self.to.states[i : i + 1], np.array([share]), self.terms.lot[i : i + 1])[0])
        before = self.to.states[i, s.CUT_TO]
        self.to.states[i, s.CUT_TO] = kept if before < 0 else min(kept, before)

    def _buy(self, i: int, mark: float, value: float) -> float:
        """Order a purchase worth at most `value` at the mark; return its value."""
        lot, unit = float(self.terms.lot[i]), mark * float(self.terms.factor[i])
        lots = whole_lots(value / unit / lot if lot > 0 else value / unit, lot)
        if lots <= 0 or lots < self.to.states[i, s.LEAST] * (1 - SHARE):
            return 0.0
        self.to.adds[i, s.A_LOTS, 0], self.to.adds[i, s.A_STATUS, 0] = lots, o.PENDING
        return lots * (lot if lot > 0 else 1.0) * unit

    def name_orders(self, book: FloatTable) -> None:
        """Give sales that the target has ordered their own order code; purchases are adds."""
        last: dict[int, list[tuple[int, bool]]] = {}
        for i, bar, is_ours in self.decided:
            last.setdefault(i, []).append((bar, is_ours))
        for row in np.flatnonzero(book[:, s.B_ORDER] == o.LIMIT_OF_RISK):
            before = [is_ours for bar, is_ours in last.get(int(book[row, s.B_TRADE]), ()) if bar < book[row, s.B_BAR]]
            if before and before[-1]:
                book[row, s.B_ORDER] = o.TARGET


def may_enter(when: tuple[Condition, ...], signals: Signals, i: int, bar: int, first_bar: int) -> bool:
    """Whether the regime of entries holds at the last close before a trade; unknown is no (L8).

    Parameters
    ----------
    when : tuple of Condition
    signals : Signals
        Of bars.
    i : int
        The trade.
    bar : int
        The bar before that of the entry.
    first_bar : int
        First bar of its symbol.

    Returns
    -------
    bool
    """
    if bar < first_bar:
        return not when
    return all(holds(c, value_at(signals, c.series, i, bar)) for c in when)


def bars_closed(now: IntArray, bar_of_symbol: IntArray, closing: set[int]) -> list[tuple[int, int, int]]:
    """Return place, bar and symbol of each position whose bar has closed.

    Parameters
    ----------
    now : int64 array, shape (n_open,)
        Symbols of the open positions.
    bar_of_symbol : int64 array, shape (n_symbols,)
    closing : set of int
        Symbols whose bar closes now.

    Returns
    -------
    list of (int, int, int)
    """
    return [(k, int(bar_of_symbol[x]), int(x)) for k, x in enumerate(now) if int(x) in closing]
