"""The adds that rest for the next bar: their orders, their sizes within the maximum, and what follows a fill.

Prices and quantities come from the rules that fill adds (`exitladder.execution.kernel.adds.purchases.buy`), played on
copies of the state: as if the adds of a kind filled one after another, nearest first, each at its own price.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.atr import atr_of_set
from exitladder.execution.contracts import contract_groups, with_contract
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import is_adding, may_add, place_again
from exitladder.execution.kernel.adds.purchases import buy, nearest, room
from exitladder.execution.kernel.rounding import on_grid
from exitladder.execution.kernel.state import Position
from exitladder.plans.ladder import Ladder
from exitladder.plans.resting_adds import AddOrder, StandingAdds
from exitladder.runtime.compiling import interpreted

if TYPE_CHECKING:
    from exitladder.execution.simulation import Simulation

_buy, _nearest, _room = interpreted(buy), interpreted(nearest), interpreted(room)
_may_add, _place_again, _on_grid = interpreted(may_add), interpreted(place_again), interpreted(on_grid)
_is_adding = interpreted(is_adding)
_TYPES = {o.AVERAGING: "limit", o.PYRAMIDING: "stop", o.SIGNALLED: "market"}


PlanRows = Sequence[tuple[FloatArray, IntArray]]


def plan_rows(simulation: Simulation) -> PlanRows:
    """Return the plan as each trade runs under it, with the steps of its contract: rows of numbers and of codes.

    Parameters
    ----------
    simulation : Simulation

    Returns
    -------
    list of (float64 array, int64 array)
        One per trade; nothing for a ladder without adds.
    """
    if not simulation.ladder.adds:
        return []
    found = [_packed(simulation.ladder)] * len(simulation)
    for contract, rows in contract_groups(simulation.placed):
        own = _packed(with_contract(simulation.ladder, contract))
        for i in rows:
            found[int(i)] = own
    return found


def _packed(ladder: Ladder) -> tuple[FloatArray, IntArray]:
    plan = n.make_plan([ladder], ladder.series, n.atr_windows([ladder]), n.timings_of([ladder]))
    return plan.number[0], plan.code[0]


def standing_adds(simulation: Simulation, i: int, left: float, plans: PlanRows) -> StandingAdds:
    """Return the adds of a trade that may fill in the next bar.

    Parameters
    ----------
    simulation : Simulation
        Of a plan.
    i : int
        Position of the trade.
    left : float
        Lots that the market orders for the next open leave.
    plans : sequence
        From `plan_rows`.

    Returns
    -------
    StandingAdds
        Without orders if adds are withdrawn (PL4, PL7).
    """
    if simulation.growth is None or simulation.adds is None or not simulation.ladder.adds:
        return StandingAdds()
    position = position_of(simulation, i, plans)
    position.state[s.LEFT] = left
    position.state[s.BUDGET] = np.inf
    position.state[s.FILL_ROW] = -1.0
    if not _may_add(position):
        return StandingAdds()
    placed = simulation.placed
    if simulation.skip_code[i] == o.NO_BAR and placed.first_bar[i] > placed.entry_bar[i]:
        atr = atr_of_set(placed.bars, simulation.ladder.atr_window)
        position.state[s.ATR_BEFORE] = atr[int(placed.entry_bar[i])]  # as before its first bar
    _place_again(position)
    last = float(position.state[s.SIDE] * placed.bars.close[int(placed.end_bar[i]) - 1])
    played = _Played(position, simulation, i)
    for k in np.flatnonzero(position.adds[s.A_STATUS, : len(simulation.ladder.adds)] == o.PENDING):
        if position.adds[s.A_KIND, k] == o.SIGNALLED:
            played.buy(int(k), last, None)
    start = _copy(position)
    within = _common_room(start, simulation.ladder)
    for kind, price in ((o.AVERAGING, -np.inf), (o.PYRAMIDING, np.inf)):
        played.position = _copy(start)
        played.all_of(kind, price, within)
    played.mixed()
    lot = position.number[n.N_LOT]
    free = within if np.isfinite(within) else _room_of(start, float(start.growth[s.G_AVERAGE]))
    return StandingAdds(tuple(played.orders), float(_on_grid(max(free, 0.0), lot)) if np.isfinite(free) else np.inf)


def keeps_dust(simulation: Simulation, i: int, plans: PlanRows) -> bool:
    """Whether a trade's adds may still fill, so that a remainder below the minimum quantity stays.

    Parameters
    ----------
    simulation : Simulation
    i : int
        Position of the trade.
    plans : sequence
        From `plan_rows`.

    Returns
    -------
    bool
    """
    has_adds = simulation.growth is not None and simulation.adds is not None and bool(simulation.ladder.adds)
    return has_adds and bool(_is_adding(position_of(simulation, i, plans)))


def position_of(simulation: Simulation, i: int, plans: PlanRows) -> Position:
    """Return a copy of a trade's state with the plan that it runs under, for the rules in Python.

    Parameters
    ----------
    simulation : Simulation
        Of a plan.
    i : int
        Position of the trade.
    plans : sequence
        From `plan_rows`.

    Returns
    -------
    Position
    """
    assert simulation.growth is not None and simulation.adds is not None
    number, code = plans[i]
    return Position(
        simulation.states[i].copy(), simulation.rungs[i].copy(), number, code, np.zeros((0, s.BOOK_COLUMNS)), None,
        simulation.growth[i].copy(), simulation.adds[i].copy(), True,
    )  # fmt: skip


def _copy(position: Position) -> Position:
    return position._replace(
        state=position.state.copy(), growth=position.growth.copy(), adds=position.adds.copy(), rungs=position.rungs
    )


def _room_of(position: Position, price: float) -> float:
    return float(_room(position, price, position.growth[s.G_AVERAGE], position.state[s.LEFT]))


def _common_room(position: Position, ladder: Ladder) -> float:
    """Return the lots that adds may add if some rest on both sides and money limits them; infinite otherwise.

    The room in money depends on the price and on the average entry: the dearest add counts for all.
    """
    if ladder.size.maximum_money is None:
        return np.inf
    count = len(ladder.adds)
    kinds, levels = position.adds[s.A_KIND, :count], position.adds[s.A_LEVEL, :count]
    waits = np.isin(position.adds[s.A_STATUS, :count], (o.RESTING, o.CHAINED))
    up, down = waits & (kinds == o.PYRAMIDING), waits & (kinds == o.AVERAGING)
    if not (up.any() and down.any()):
        return np.inf
    resting = up & (position.adds[s.A_STATUS, :count] == o.RESTING)
    dearest = float(np.abs(levels[resting]).max()) if resting.any() else 0.0
    return _room_of(position, dearest)


class _Played:
    """Adds filled in Python, one after another, and what each was."""

    def __init__(self, position: Position, simulation: Simulation, i: int) -> None:
        self.position, self.simulation, self.i = position, simulation, i
        self.side = float(position.state[s.SIDE])
        self.orders: list[AddOrder] = []
        status = position.adds[s.A_STATUS, : len(simulation.ladder.adds)]
        self.chained = set(np.flatnonzero(status == o.CHAINED).tolist())
        self.other: list[tuple[int, float]] = []  # chained adds of the other kind, and the add before each

    def buy(self, k: int, base: float, after: int | None, most: float = np.inf) -> None:
        """Fill add k at a signed price, of at most so many lots, and note its order."""
        position, kind = self.position, int(self.position.adds[s.A_KIND, k])
        before = float(position.state[s.LEFT])
        position.state[s.BUDGET] = most
        _buy(position, 0, k, base, kind != o.AVERAGING)
        position.state[s.BUDGET] = np.inf
        lots = float(position.state[s.LEFT]) - before
        if lots <= 0.0:
            return
        price = np.nan if kind == o.SIGNALLED else self.side * base
        fill = self.side * float(position.adds[s.A_PRICE, k])
        quantity = float(self.simulation.in_units(np.array(lots), self.i))
        self.orders.append(AddOrder(k + 1, _TYPES[kind], quantity, price, fill, after))

    def all_of(self, kind: int, price: float, within: float) -> None:
        """Fill the resting adds of a kind, nearest first, and those chained to them."""
        adds, chained = self.position.adds, self.chained
        begin = float(self.position.state[s.LEFT])
        while (k := int(_nearest(self.position, kind, price, False))) >= 0:
            most = within - (float(self.position.state[s.LEFT]) - begin)
            self.buy(k, float(adds[s.A_LEVEL, k]), k if k in chained else None, most)
            follows = k + 1 in chained and adds[s.A_STATUS, k + 1] == o.RESTING
            if follows and adds[s.A_KIND, k + 1] != kind:
                self.other.append((k + 1, float(adds[s.A_LEVEL, k + 1])))

    def mixed(self) -> None:
        """Fill adds chained to one of the other kind, after all others: they may have the room left then."""
        taken = sum(order.quantity for order in self.orders)
        lot = self.position.number[n.N_LOT]
        held = float(self.simulation.states[self.i, s.LEFT])
        for k, level in self.other:
            self.position.state[s.LEFT] = held + (taken / lot if lot > 0 else taken)
            self.position.adds[s.A_STATUS, k], self.position.adds[s.A_LEVEL, k] = o.RESTING, level
            already = len(self.orders)
            self.buy(k, level, k)
            taken += sum(order.quantity for order in self.orders[already:])
