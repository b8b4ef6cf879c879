"""Which adds of a plan have happened: the user's fills decide, and the simulation where there are none.

The simulator says which rungs have fired, where the stop is and which orders were decided at the last close. The adds
are taken from the fills of the trade: they are its second entry and later ones. The state of the simulation is set to
them, by the rules of adds (`exitladder.execution.kernel.adds.growth`), before its orders are listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution import Simulation
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import measure_again, price_from, rest_at, size_again
from exitladder.execution.kernel.adds.purchases import stop_of_add, wanted_lots
from exitladder.execution.kernel.rounding import stop_to_tick
from exitladder.execution.kernel.state import Position
from exitladder.execution.standing_adds import PlanRows, plan_rows, position_of
from exitladder.plans.ladder import Ladder
from exitladder.runtime.compiling import interpreted
from exitladder.trades.trade_fills import from_first_entry
from exitladder.trades.trades import Trades

_measure_again, _price_from, _rest_at = interpreted(measure_again), interpreted(price_from), interpreted(rest_at)
_size_again, _stop_of_add, _stop_to_tick = interpreted(size_again), interpreted(stop_of_add), interpreted(stop_to_tick)
_wanted_lots = interpreted(wanted_lots)
_SLACK = 1e-9


@dataclass(frozen=True)
class Entries:
    """The entries of a trade in the user's fills: the first one, and the adds.

    Parameters
    ----------
    price, quantity : float64 array, shape (n_entries,)
        Entries at the first moment are one.
    moment : int64 array, shape (n_entries,)
        When each was, as a rank: those of one moment may be parts of one order, or several adds of one bar.
    sold : float
        Of all exits.
    """

    price: FloatArray
    quantity: FloatArray
    moment: IntArray
    sold: float


@dataclass(frozen=True)
class Known:
    """The facts known of one open trade beside its fills.

    Parameters
    ----------
    held : float
        Quantity that the user holds, NaN if it is not known.
    is_told : bool
        Whether that is the user's word and not the simulation's: a trade without fills then has no adds.
    sold_before : float
        Quantity sold before the plan managed the trade.
    missed : tuple of int
        Adds whose price was passed before.
    """

    held: float
    is_told: bool
    sold_before: float = 0.0
    missed: tuple[int, ...] = ()


@dataclass
class Happened:
    """What a trade's fills amount to under a plan.

    Parameters
    ----------
    done : list of int
        Numbers of the adds that have filled, from 1.
    notes : list of str
        What the fills and the plan do not share.
    bought : dict of int to float
        By number, the quantity that the fills show of an add; without fills it is not known.
    """

    done: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bought: dict[int, float] = field(default_factory=dict)


def entries_of(trades: Trades, i: int) -> Entries | None:
    """Return the entries of a trade's fills, None if it has no fills.

    Parameters
    ----------
    trades : Trades
    i : int
        Position of the trade.

    Returns
    -------
    Entries or None
    """
    fills = trades.fills
    if fills is None or fills.start[i + 1] == fills.start[i]:
        return None
    part = slice(int(fills.start[i]), int(fills.start[i + 1]))
    bought = fills.is_entry[part]
    price, quantity = fills.price[part][bought], fills.quantity[part][bought]
    moment = np.unique(fills.time[part][bought], return_inverse=True)[1].astype(np.int64)
    is_first, later = moment == 0, moment > 0
    if is_first.sum() > 1:
        first = float(quantity[is_first].sum())
        price = np.concatenate([[float((price * quantity)[is_first].sum()) / first], price[later]])
        quantity = np.concatenate([[first], quantity[later]])
        moment = np.concatenate([[0], moment[later]])
    return Entries(price, quantity, moment, float(fills.quantity[part][~bought].sum()))


def held_average(trades: Trades, i: int) -> float:
    """Return the average price of what a trade's fills leave; a sale does not change it.

    Parameters
    ----------
    trades : Trades
        With fills.
    i : int
        Position of the trade.

    Returns
    -------
    float
        NaN if nothing was bought.
    """
    assert trades.fills is not None
    part = slice(int(trades.fills.start[i]), int(trades.fills.start[i + 1]))
    held, average = 0.0, np.nan
    columns = (trades.fills.is_entry[part], trades.fills.price[part], trades.fills.quantity[part])
    for is_entry, price, quantity in zip(*(column.tolist() for column in columns), strict=True):
        if is_entry:
            average = price if held <= 0 else (held * average + quantity * price) / (held + quantity)
        held = max(0.0, held + (quantity if is_entry else -quantity))
    return float(average)


def as_the_plan_enters(trades: Trades, ladder: Ladder) -> Trades:
    """Return trades built by several fills as a plan that adds or follows a target sees them: entered by the first.

    Parameters
    ----------
    trades : Trades
        One of several entries is at the average price, from its last entry on.
    ladder : Ladder

    Returns
    -------
    Trades
        With the stop of the file. The same under a ladder that buys nothing more.
    """
    if not ladder.buys_more or trades.fills is None or trades.n_entries is None:
        return trades
    entered = from_first_entry(trades)
    is_first = (trades.n_entries > 1) & (np.diff(trades.fills.start) > 0)
    n_entries = np.where(is_first, 1, trades.n_entries)
    return replace(entered, n_entries=n_entries, entry_at=trades.entry_at, stop_price=trades.stop_price)


def sold_before(trades: Trades, i: int, moment: int) -> float:
    """Return the quantity that a trade's fills sold before a moment.

    Parameters
    ----------
    trades : Trades
        With fills.
    i : int
        Position of the trade.
    moment : int
        Nanoseconds since 1970 UTC.

    Returns
    -------
    float
    """
    assert trades.fills is not None
    part = slice(int(trades.fills.start[i]), int(trades.fills.start[i + 1]))
    is_before = ~trades.fills.is_entry[part] & (trades.fills.time[part] < moment)
    return float(trades.fills.quantity[part][is_before].sum())


def as_happened(
    views: Sequence[tuple[Simulation, int]], trades: Trades, known: Sequence[Known]
) -> tuple[list[tuple[Simulation, int]], list[Happened]]:
    """Return open trades of a plan with the adds that their fills show.

    Parameters
    ----------
    views : sequence of (Simulation, int)
        Of each trade: the simulation that it is in, and its position there.
    trades : Trades
    known : sequence of Known

    Returns
    -------
    views : list of (Simulation, int)
        Of copies of the simulations, in which the state of the adds is set.
    happened : list of Happened
    """
    copies: dict[int, tuple[Simulation, PlanRows]] = {}
    found, happened = [], []
    for i, (done, k) in enumerate(views):
        if done.growth is None or done.adds is None or not done.ladder.adds:
            found.append((done, k))
            happened.append(Happened())
            continue
        if id(done) not in copies:
            own = replace(
                done, states=done.states.copy(), rungs=done.rungs.copy(), growth=done.growth.copy(),
                adds=done.adds.copy(),
            )  # fmt: skip
            copies[id(done)] = own, plan_rows(own)
        copy, plans = copies[id(done)]
        for number in known[i].missed:  # never bought late
            copy.adds[k, s.A_STATUS, number - 1] = o.WITHDRAWN  # type: ignore[index]
        happened.append(_set(copy, k, entries_of(trades, i), known[i], plans))
        found.append((copy, k))
    return found, happened


def _set(copy: Simulation, k: int, entries: Entries | None, known: Known, plans: PlanRows) -> Happened:
    """Set one trade's state to what has happened; the simulation's own adds stay where nothing is known."""
    assert copy.growth is not None and copy.adds is not None
    count = len(copy.ladder.adds)
    simulated = [int(a) + 1 for a in np.flatnonzero(copy.adds[k, s.A_STATUS, :count] == o.DONE)]
    is_held = int(copy.status[k]) == o.OPEN or copy.skip_code[k] == o.NO_BAR
    if not is_held or (entries is None and not known.is_told):
        return Happened(simulated)
    if entries is None:
        # the quantity of the file is all that was entered
        entries = Entries(np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64), 0.0)
    position = position_of(copy, k, plans)
    played = _Played(position, float(copy.in_units(np.array(1.0), k)), known.missed)
    sold = float(position.growth[s.G_ENTERED] - position.state[s.LEFT])
    played.forget(simulated)
    for moment in np.unique(entries.moment[1:]):
        at = entries.moment == moment
        played.add_all(entries.price[at], entries.quantity[at])
    played.settle(sold, known, entries.sold)
    copy.states[k], copy.rungs[k] = position.state, position.rungs
    copy.growth[k], copy.adds[k] = position.growth, position.adds
    bought = {number + 1: lots * played.lot for number, lots in played.part.items()}
    return Happened(sorted(set(played.done)), played.notes(simulated), bought)


class _Played:
    """One trade's state, set to the adds that have happened."""

    def __init__(self, position: Position, lot: float, missed: Sequence[int]) -> None:
        self.position, self.tick, self.lot = position, float(position.number[n.N_TICK]), lot
        self.missed = set(missed)
        self.side = float(position.state[s.SIDE])
        self.done: list[int] = []
        self.unplanned = 0.0
        self.part: dict[int, float] = {}

    def forget(self, simulated: Sequence[int]) -> None:
        """Undo the adds that the simulation filled; those chained to them are no longer placed."""
        state, growth, adds = self.position.state, self.position.growth, self.position.adds
        entry = state[s.ENTRY]
        growth[s.G_ENTERED], growth[s.G_MADE] = state[s.START], 0.0
        growth[s.G_AVERAGE] = growth[s.G_HELD_AVERAGE] = entry
        growth[s.G_STOP_NEXT] = -np.inf
        state[s.STOP] = _stop_to_tick(entry - state[s.RISK], entry, self.tick)
        for number in simulated:
            adds[s.A_STATUS, number - 1] = o.WITHDRAWN  # reached, and not bought: it is not run after
            follows = number  # from 0: the add after it
            if follows < self.position.code[n.C_ADDS] and adds[s.A_CHAINED, follows] > 0.0:
                adds[s.A_STATUS, follows] = o.CHAINED

    def add(self, price: float, quantity: float) -> None:
        """Book one fill that added to the position."""
        state, growth, adds = self.position.state, self.position.growth, self.position.adds
        lots, signed = quantity / self.lot, self.side * price
        k = self._which(signed, lots)
        before = growth[s.G_ENTERED]
        growth[s.G_AVERAGE] = (before * growth[s.G_AVERAGE] + lots * signed) / (before + lots)
        growth[s.G_HELD_AVERAGE] = growth[s.G_AVERAGE]
        growth[s.G_ENTERED] = before + lots
        if k < 0:
            self.unplanned += quantity
            return
        growth[s.G_MADE] += 0.0 if k + 1 in self.done else 1.0
        self.done.append(k + 1)
        self.part[k] = self.part.get(k, 0.0) + lots
        adds[s.A_STATUS, k], adds[s.A_PRICE, k] = o.DONE, signed
        state[s.STOP] = max(state[s.STOP], _stop_of_add(self.position, k, signed))
        follows = k + 1
        if follows < self.position.code[n.C_ADDS] and adds[s.A_STATUS, follows] == o.CHAINED:
            level = _price_from(self.position, follows, signed)
            if not np.isnan(level):
                _rest_at(self.position, follows, level)
                adds[s.A_STATUS, follows] = o.RESTING

    def add_all(self, price: FloatArray, quantity: FloatArray) -> None:
        """Book the fills of one moment: parts of one order if one add buys as much, else an add each."""
        total = float(quantity.sum())
        average = float(price[0]) if len(price) == 1 else float((price * quantity).sum() / total)
        lots, signed = total / self.lot, self.side * average
        k = self._which(signed, lots)
        if len(price) == 1 or (k >= 0 and lots <= _wanted_lots(self.position, k, signed) * (1 + _SLACK)):
            self.add(average, total)
            return
        # the nearest first: a chain fills in this order, however the file lists it
        for at in np.argsort(np.abs(self.side * price - self.position.state[s.ENTRY]), kind="stable"):
            self.add(float(price[at]), float(quantity[at]))

    def _which(self, price: float, lots: float) -> int:
        """Return the add that a fill belongs to, from 0: the rest of the last one, else the nearest possible; or -1."""
        adds = self.position.adds
        if self.done:
            last = self.done[-1] - 1
            if self.part[last] + lots <= adds[s.A_LOTS, last] * (1 + _SLACK):
                return last
        waiting = [
            k for k in range(int(self.position.code[n.C_ADDS])) if adds[s.A_STATUS, k] not in (o.DONE, o.CHAINED)
        ]
        open_ones = [k for k in waiting if k + 1 not in self.missed]
        passed = [k for k in waiting if k + 1 in self.missed]
        slack = abs(price) * 1e-6 + self.tick
        down = [k for k in open_ones if adds[s.A_KIND, k] == o.AVERAGING and price <= adds[s.A_LEVEL, k] + slack]
        up = [k for k in open_ones if adds[s.A_KIND, k] == o.PYRAMIDING and price >= adds[s.A_LEVEL, k] - slack]
        level = adds[s.A_LEVEL]
        if passed and not (down or up):
            return passed[0]
        if down:
            return max(down, key=lambda k: float(level[k]))
        if up:
            return min(up, key=lambda k: float(level[k]))
        return next((k for k in open_ones if adds[s.A_KIND, k] == o.SIGNALLED), -1)

    def settle(self, sold: float, known: Known, own_sold: float) -> None:
        """Set the quantity held, whether adds are withdrawn, and all that follows the average and the size."""
        state, growth = self.position.state, self.position.growth
        held = known.held / self.lot
        left = max(0.0, float(growth[s.G_ENTERED]) - max(sold, 0.0) - known.sold_before / self.lot)
        state[s.LEFT] = left if np.isnan(held) else min(left, held)
        if own_sold > 0.0 or held < growth[s.G_ENTERED] * (1 - _SLACK):
            growth[s.G_REDUCED] = 1.0
        growth[s.G_AVERAGE_BEFORE] = growth[s.G_AVERAGE]
        _measure_again(self.position)
        _size_again(self.position)

    def notes(self, simulated: Sequence[int]) -> list[str]:
        """Return what the fills and the plan do not share."""
        texts = []
        missing = [number for number in simulated if number not in self.done]
        if missing:
            named, many = " and ".join(map(str, missing)), len(missing) > 1
            them, are = ("them", "they are") if many else ("it", "it is")
            texts.append(
                f"The price reached add{'s' if many else ''} {named}, but your fills do not show {them}: {are} not "
                "bought late. Give entry fills with --fills, or leave quantity_open blank and pass --assume followed."
            )
        if self.unplanned > 0:
            texts.append(
                f"{self.unplanned:.10g} was added that is no add of the plan; it is held, and covered by the stop."
            )
        return texts
