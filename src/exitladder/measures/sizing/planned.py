"""The planned risk of each trade as a function of its first quantity, before quantities are rounded to lots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.execution import simulate
from exitladder.execution.contracts import contract_groups, with_contract
from exitladder.plans.adds import without_adds
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.plans.size import Size
from exitladder.plans.units import Condition
from exitladder.settings.contracts import Contracts
from exitladder.trades.trades import PlacedTrades

_NEVER = (Condition("bars_held", ">=", 1e9),)
# Candidates per round of a search for a quantity, and rounds.
_CANDIDATES, _ROUNDS = 33, 3


def steps_of(placed: PlacedTrades, ladder: Ladder) -> tuple[FloatArray, FloatArray]:
    """Return the lot and the minimum quantity of each trade, shape (n_trades,) each."""
    lot, least = np.full(len(placed), ladder.costs.lot), np.full(len(placed), ladder.costs.min_quantity)
    for contract, rows in contract_groups(placed):
        costs = with_contract(ladder, contract).costs
        lot[rows], least[rows] = costs.lot, costs.min_quantity
    return lot, least


class PlannedRisk:
    """The planned risk W of trades in money, for any first quantity.

    Parameters
    ----------
    placed : PlacedTrades
    ladder : Ladder

    Notes
    -----
    W is proportional to the first quantity if all adds are multiples of it and no maximum in units or money cuts them.
    Otherwise the quantity for a risk is searched for, trade by trade.
    """

    def __init__(self, placed: PlacedTrades, ladder: Ladder) -> None:
        bars = _without_lots(placed.bars)
        self._placed = replace(placed, bars=bars)
        self._plan = replace(
            ladder,
            rungs=(),
            stop=Stop(initial=ladder.stop.initial, time=1),
            adds=tuple(replace(add, when=_NEVER) if add.when else add for add in ladder.adds),
            costs=replace(ladder.costs, lot=0.0, min_quantity=0.0, slippage_atr=0.0),
            execution=Execution(),
            size=Size(),
        )
        self._size = ladder.size
        limited = ladder.size.is_limited and ladder.size.maximum is None
        self.is_proportional = not ladder.adds or (not limited and all(add.quantity for add in ladder.adds))
        if ladder.size.maximum is not None:
            self._plan = replace(self._plan, size=Size(maximum=ladder.size.maximum))
        one = self._of(np.arange(len(placed)), np.ones(len(placed)), self._plan)
        self.per_unit = one[0]
        """W of one unit, before a maximum in units or money; NaN if the trade cannot be entered."""
        self.money = one[1]
        """Money of one unit that moves by 1 in price."""

    def _of(self, rows: IntArray, quantity: FloatArray, plan: Ladder) -> tuple[FloatArray, FloatArray]:
        placed = self._placed.take(rows)
        done = simulate(replace(placed, trades=replace(placed.trades, quantity=quantity)), plan)
        with np.errstate(invalid="ignore", divide="ignore"):
            return done.planned_risk, done.planned_risk / np.where(done.skip_code > 0, np.nan, done.planned)

    def quantity(self, i: int, risk: float, equity: float | None) -> float:
        """Return the first quantity of a trade whose planned risk is `risk`, 0 if the adds alone risk more.

        Parameters
        ----------
        i : int
        risk : float
            Money.
        equity : float or None
            For a maximum as a multiple of equity.

        Returns
        -------
        float
        """
        if self.is_proportional:
            return risk / float(self.per_unit[i]) if self.per_unit[i] > 0 else 0.0
        return self._searched(i, risk, replace(self._plan, size=self._size.limits(equity)))

    def _searched(self, i: int, risk: float, plan: Ladder) -> float:
        alone = without_adds(self._plan)
        unit = float(self._of(np.array([i]), np.ones(1), alone)[0][0])
        if not unit > 0:
            return 0.0
        low, high = 0.0, risk / unit  # no add makes the planned risk smaller than that of the entry
        for _ in range(_ROUNDS):
            tried = np.linspace(low, high, _CANDIDATES)[1:]
            risks = self._of(np.full(len(tried), i), tried, plan)[0]
            over = np.flatnonzero(~(risks <= risk * (1 + 1e-12)))
            if not len(over):
                return float(tried[-1])
            at = int(over[0])
            below = float(risks[at - 1]) if at else np.nan
            above = float(risks[at])
            low, high = (float(tried[at - 1]) if at else low), float(tried[at])
        if np.isfinite(below) and np.isfinite(above) and above > below:
            low += (high - low) * (risk - below) / (above - below)
        return low


def _without_lots(bars: BarSet) -> BarSet:
    """Return the bars with contracts that have no lot and no minimum quantity."""
    if not len(bars.contracts):
        return bars
    free = {name: replace(contract, lot=0.0, min_quantity=0.0) for name, contract in bars.contracts.items()}
    return bars.with_contracts(Contracts(free), bars.currencies)
