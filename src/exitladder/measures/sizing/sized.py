"""Trades executed with the quantities of a size rule, decided in order of entry across the whole book (PL10)."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.execution import ORDERS, Simulation, simulate
from exitladder.execution.contracts import contract_groups
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.lots import down_to_lot
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import TradeMoney
from exitladder.measures.marked import booked_r
from exitladder.measures.sizing.planned import PlannedRisk, steps_of
from exitladder.measures.sizing.rules import ClosedTrades, annual_volatility
from exitladder.plans.adds import refuse_adds
from exitladder.plans.ladder import Ladder
from exitladder.plans.size import Size, without_size_rule
from exitladder.trades.trades import PlacedTrades

_MARK = ORDERS.index("mark")
# Quantities that agree to this share are one: what rounding of sums can change.
_SAME = 1e-12
_SNAP = 1e-10


@dataclass(frozen=True)
class Sized:
    """Trades with the quantities of a rule; arrays of shape (n_trades,), in the order of the trades.

    Parameters
    ----------
    simulation : Simulation
        With these quantities.
    ladder : Ladder
        The plan with its rule.
    equity : float64 array
        Money booked before each entry: the starting equity and the fills of bars that had closed. NaN without a
        starting equity.
    multiple : float64 array
        What the rule multiplies its base by: the steps of an anti-martingale, the share at risk of ``kelly`` over its
        base; 1 for other rules.
    paper_r : float64 array
        r of every trade; of one without a quantity, r of its reference quantity.
    closed : int64 array
        When the result of each trade was known, nanoseconds since 1970 UTC; -1 while it is open.
    """

    simulation: Simulation
    ladder: Ladder
    equity: FloatArray
    multiple: FloatArray
    paper_r: FloatArray
    closed: IntArray

    def under(self, ladder: Ladder, signals: Signals | None = None, *, finer: BarSet | None = None) -> Simulation:
        """Return these trades, with these quantities and maxima of equity, under another plan.

        Parameters
        ----------
        ladder : Ladder
            Its rule is not applied.
        signals : Signals, optional
        finer : BarSet, optional

        Returns
        -------
        Simulation
        """
        placed = self.simulation.placed
        engine = _Engine(placed, ladder, signals, finer)
        return engine.execute(np.arange(len(placed)), placed.trades.quantity, self.equity)

    @property
    def share(self) -> FloatArray:
        """Planned risk of each trade as a share of the equity at its entry; NaN if it was skipped."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.simulation.planned_risk / self.equity)


@dataclass
class _Events:
    """What the fills of each trade book: moments and money per unit of first quantity; when it closes, and its r."""

    time: list[list[int]]
    per_unit: list[list[float]]
    closed: IntArray
    r: FloatArray

    @classmethod
    def blank(cls, n: int) -> _Events:
        return cls([[] for _ in range(n)], [[] for _ in range(n)], np.full(n, -1), np.full(n, np.nan))

    def update(self, rows: IntArray, done: Simulation) -> None:
        """Read the fills of the trades at these positions."""
        close = done.placed.bars.close_time
        money = booked_r(done) * done.money_per_r[done.fills.trade]
        fills = done.fills
        self.closed[rows] = np.where(done.exit_bar >= 0, close[done.exit_bar], -1)
        self.r[rows] = done.r
        for i in rows:
            self.time[i], self.per_unit[i] = [], []
        for k in np.flatnonzero(fills.order != _MARK):
            i = int(rows[fills.trade[k]])
            self.time[i].append(int(close[fills.bar[k]]))
            self.per_unit[i].append(float(money[k] / done.quantity[fills.trade[k]]))


@dataclass(frozen=True)
class _Decided:
    """The quantities of one pass, with the equity, the multiple and the skip reason of each trade."""

    quantity: FloatArray
    equity: FloatArray
    multiple: FloatArray
    why: IntArray


def simulate_sized(
    placed: PlacedTrades, ladder: Ladder, signals: Signals | None = None, *, finer: BarSet | None = None
) -> Sized:
    """Return the trades with the quantities of the plan's size rule, decided in order of entry.

    Parameters
    ----------
    placed : PlacedTrades
    ladder : Ladder
    signals : Signals, optional
    finer : BarSet, optional

    Returns
    -------
    Sized

    Raises
    ------
    LadderError
        As `simulate`.

    Notes
    -----
    Equity at an entry is the starting equity plus everything booked by fills in bars that had closed by then, across
    the whole book: profit of sales, commissions, financing and dividends. Open profit never counts.
    Entries at one time come in the order of their trade_id, and none of them sees another.

    All trades are executed first with reference quantities. The quantities follow in order of entry from the results
    per unit, the trades whose quantity changed are executed again, and so on until none changes: each pass settles at
    least one trade more, and all of them at once if results are proportional to quantities. If the planned risk is not
    proportional to the quantity, or adds are cut to a maximum of equity, each trade is executed once its quantity is
    decided, which takes longer.
    """
    if any(contract.inverse for contract, _ in contract_groups(placed)):
        refuse_adds(ladder, "Trades in coin-margined contracts")
    n = len(placed)
    engine, book = _Engine(placed, ladder, signals, finer), _Book(placed, ladder)
    events, quantity = _Events.blank(n), np.full(n, -1.0)
    reference = np.maximum(placed.trades.quantity, np.maximum(book.lot, book.least))
    free = replace(ladder, size=Size(maximum=ladder.size.maximum))
    events.update(np.arange(n), engine.run(np.arange(n), reference, free))
    if engine.is_capped or not book.planned.is_proportional:
        decided = book.decide(events, engine)
        quantity = decided.quantity
    else:
        for _ in range(n + 2):
            decided = book.decide(events)
            changed = np.abs(decided.quantity - quantity) > _SAME * np.abs(quantity)
            quantity = np.where(changed, decided.quantity, quantity)
            rows = np.flatnonzero(changed & (quantity > 0))
            if not len(rows):
                break
            events.update(rows, engine.execute(rows, quantity[rows], decided.equity[rows]))
    done = engine.execute(np.arange(n), quantity, decided.equity)
    states = done.states.copy()
    told = (states[:, s.SKIPPED_WHY] == o.BELOW_MINIMUM) & (decided.why > 0)
    states[told, s.SKIPPED_WHY] = decided.why[told]
    return Sized(replace(done, states=states), ladder, decided.equity, decided.multiple, events.r, events.closed)


@dataclass(frozen=True)
class _Engine:
    """Executes trades with given quantities."""

    placed: PlacedTrades
    ladder: Ladder
    signals: Signals | None
    finer: BarSet | None

    @property
    def is_capped(self) -> bool:
        """Whether adds are cut to a maximum that depends on each trade's equity."""
        return bool(self.ladder.adds) and self.ladder.size.maximum_equity is not None

    def run(self, rows: IntArray, quantity: FloatArray, plan: Ladder) -> Simulation:
        """Return the trades at these positions with these quantities under a plan without a rule."""
        placed = self.placed.take(rows)
        placed = replace(placed, trades=replace(placed.trades, quantity=quantity))
        signals = None if self.signals is None else self.signals.take(rows)
        return simulate(placed, plan, signals, finer=self.finer)

    def execute(self, rows: IntArray, quantity: FloatArray, equity: FloatArray) -> Simulation:
        """Return the trades at these positions with these quantities, given the equity at their entries."""
        if not self.is_capped or not len(rows):
            return self.run(rows, quantity, without_size_rule(self.ladder))
        plans = [without_size_rule(self.ladder, float(money)) for money in equity]
        parts = [self.run(rows[k : k + 1], quantity[k : k + 1], plan) for k, plan in enumerate(plans)]
        placed = self.placed.take(rows)
        placed = replace(placed, trades=replace(placed.trades, quantity=quantity))
        return _joined(parts, placed, without_size_rule(self.ladder, self.ladder.book.equity))


class _Book:
    """Decides the quantities of trades in order of entry."""

    def __init__(self, placed: PlacedTrades, ladder: Ladder) -> None:
        self.placed, self.ladder = placed, ladder
        self.lot, self.least = steps_of(placed, ladder)
        self.planned = PlannedRisk(placed, ladder)
        trades = placed.trades
        self.order = sorted(range(len(placed)), key=lambda i: (int(trades.entry_time[i]), str(trades.trade_id[i])))
        size = ladder.size
        self.volatility = annual_volatility(placed, size.window) if size.rule == "volatility" else None
        self.notional = np.abs(trades.entry_price) * self.planned.money

    def decide(self, events: _Events, engine: _Engine | None = None) -> _Decided:
        """Return the quantities in order of entry, given what each trade books per unit.

        Parameters
        ----------
        events : _Events
        engine : _Engine, optional
            Executes each trade as soon as its quantity is known, which updates its events.

        Returns
        -------
        _Decided
        """
        n, start = len(self.placed), self.ladder.book.equity
        found = _Decided(np.zeros(n), np.full(n, np.nan), np.ones(n), np.zeros(n, dtype=np.int64))
        coming: list[tuple[int, int, int, float, float]] = []
        entry_time = self.placed.trades.entry_time
        money, so_far = np.nan if start is None else start, ClosedTrades()
        for rank, i in enumerate(self.order):
            while coming and coming[0][0] <= entry_time[i]:
                _, _, _, booked, r = heapq.heappop(coming)
                money += booked
                if r == r:
                    so_far.close(r)
            found.equity[i] = money
            quantity, found.multiple[i], found.why[i] = self.size(i, money, so_far)
            found.quantity[i] = quantity = self.ordered(i, quantity, money)
            if engine is not None and quantity > 0:
                at = np.array([i])
                events.update(at, engine.execute(at, np.array([quantity]), np.array([money])))
            pairs = zip(events.time[i], events.per_unit[i], strict=True) if quantity > 0 else ()
            for k, (time, per_unit) in enumerate(pairs):
                heapq.heappush(coming, (time, rank, k, per_unit * quantity, np.nan))
            if events.closed[i] >= 0 and events.r[i] == events.r[i]:
                heapq.heappush(coming, (int(events.closed[i]), rank, len(events.time[i]), 0.0, float(events.r[i])))
        return found

    def size(self, i: int, equity: float, so_far: ClosedTrades) -> tuple[float, float, int]:
        """Return the first quantity of trade i before lots and maximum, its multiple, and why it is skipped."""
        size = self.ladder.size
        if size.needs_equity and not equity > 0:
            return 0.0, 1.0, o.NO_EQUITY
        if size.rule == "file":
            return float(self.placed.trades.quantity[i]), 1.0, o.NOT_SKIPPED
        if size.rule == "fixed":
            units = size.units if size.money is None else size.money / float(self.notional[i])
            return float(units or 0.0), 1.0, o.NOT_SKIPPED
        if size.rule == "volatility":
            assert self.volatility is not None and size.target_volatility is not None
            per_unit = float(self.volatility[i] * self.planned.money[i])
            known = per_unit > 0
            return (
                (size.target_volatility * equity / per_unit if known else 0.0),
                1.0,
                (o.NOT_SKIPPED if known else o.VOLATILITY_UNKNOWN),
            )
        multiple, share = 1.0, size.fraction or 0.0
        if size.rule == "anti_martingale":
            multiple = so_far.multiple(size)
            if size.units is not None:
                return size.units * multiple, multiple, o.NOT_SKIPPED
            share = min(share * multiple, 1.0)
        elif size.rule == "kelly":
            share = so_far.kelly(size)
            multiple = share / (size.fraction or 1.0)
            if share <= 0:
                return 0.0, 0.0, o.NO_EDGE
        return self.planned.quantity(i, share * equity, equity), multiple, o.NOT_SKIPPED

    def ordered(self, i: int, quantity: float, equity: float) -> float:
        """Return a quantity cut to the maximum and rounded down to the lot, 0 below the minimum (S1, PL7)."""
        size = self.ladder.size
        if size.rule != "file" or (size.maximum_equity is not None and not self.ladder.adds):
            limits = size.limits(equity)
            if limits.maximum_units is not None:
                quantity = min(quantity, limits.maximum_units)
            if limits.maximum_money is not None and self.notional[i] > 0:
                most = limits.maximum_money / float(self.notional[i])
                if size.rule == "file" and quantity > most * (1 + _SNAP):
                    return 0.0
                quantity = min(quantity, most)
        lot, least = float(self.lot[i]), float(self.least[i])
        if not (0 < quantity < np.inf):
            return 0.0
        quantity = down_to_lot(quantity, lot)
        return quantity if quantity >= least * (1 - _SNAP) else 0.0


def _joined(parts: list[Simulation], placed: PlacedTrades, ladder: Ladder) -> Simulation:
    """Return simulations of one trade each as one of all of them."""
    books = []
    for k, part in enumerate(parts):
        book = part.book.copy()
        book[:, s.B_TRADE] = k
        books.append(book)
    more = {}
    for name in ("growth", "credits", "fill_credits"):
        values = [getattr(part, name) for part in parts]
        more[name] = None if values[0] is None else np.concatenate(values)
    states, rungs = (np.concatenate([getattr(part, name) for part in parts]) for name in ("states", "rungs"))
    money = None
    if parts[0].money is not None:
        kept = [part.money for part in parts if part.money is not None]
        money = TradeMoney(*(np.concatenate([getattr(m, name) for m in kept]) for name in _MONEY))
    return Simulation(placed, ladder, states, rungs, np.concatenate(books), money=money, **more)


_MONEY = ("lots", "multipliers", "factors")
