"""What a book orders for the next open, from what its account really holds at the last close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from exitladder.arrays import FloatArray, FloatTable
from exitladder.bars.atr import atr_of_set
from exitladder.execution.book.account import SHARE, Standing, lots_kept, standing
from exitladder.execution.book.book import book_terms
from exitladder.execution.book.estimates import Estimates, JointReturns
from exitladder.execution.book.reductions import (
    Acted,
    BookMeasures,
    Firing,
    PositionMeasures,
    book_shares,
    position_shares,
)
from exitladder.execution.book.targets import Targets
from exitladder.execution.book.timeline import timeline
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.purchases import is_too_little, room
from exitladder.execution.kernel.orders import slippage_of
from exitladder.execution.kernel.packed import atr_windows, make_plan, timings_of
from exitladder.execution.kernel.rounding import to_tick
from exitladder.execution.kernel.state import Position, Record
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import STATUS, Simulation
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import TAILS
from exitladder.runtime.compiling import interpreted
from exitladder.trades.trades import PlacedTrades

_room, _is_too_little = interpreted(room), interpreted(is_too_little)
_slippage_of, _to_tick = interpreted(slippage_of), interpreted(to_tick)

DAILY_LOSS, MARGIN_CALL, LIMIT, TARGET = "daily_loss", "margin_call", "limit", "target"


@dataclass(frozen=True)
class AccountNow:
    """The account at the last close, which no trades file states.

    Parameters
    ----------
    equity : float
        With open positions at their closes.
    peak : float, optional
        Highest close so far.
    before : float, optional
        At the last close of the day before.
    """

    equity: float
    peak: float | None = None
    before: float | None = None


@dataclass(frozen=True)
class Reduction:
    """A sale at the next open.

    Parameters
    ----------
    order : {"limit", "target", "daily_loss", "margin_call"}
    quantity : float
        In units; never more than is held.
    reasons : tuple of str
    """

    order: str
    quantity: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Purchase:
    """A purchase of a volatility target at the next open.

    Parameters
    ----------
    quantity : float
        In units.
    reason : str
    """

    quantity: float
    reason: str


@dataclass(frozen=True)
class Tonight:
    """What a book orders for the next open.

    Parameters
    ----------
    reductions : dict of int to Reduction
        By trade.
    purchases : dict of int to Purchase
        By trade.
    without_adds : set of int
        Trades whose adds rest no more: a limit reduces them, or the daily loss is reached.
    held : dict of int to list of str
        By trade: limits of it whose conditions hold at this close; those of the book at -1.
    fired : dict of int to list of str
        Those of them that have fired at this close.
    notes : list of str
        Limits that could not be judged, and purchases left out.
    """

    reductions: dict[int, Reduction] = field(default_factory=dict)
    purchases: dict[int, Purchase] = field(default_factory=dict)
    without_adds: set[int] = field(default_factory=set)
    held: dict[int, list[str]] = field(default_factory=dict)
    fired: dict[int, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Holdings:
    """Open positions as they are, followed by the plan of each alone.

    Parameters
    ----------
    placed : PlacedTrades
    views : sequence of (Simulation, int)
        Of each trade: the simulation that it is in, and its place there.
    units : float64 array, shape (n_trades,)
        Quantity held; 0 or NaN for a trade that is not in the book.
    is_complete : bool
        Whether these are all positions of the account.
    leaving : float64 array, shape (n_trades,)
        Quantity that own exits sell at the next open.
    averages : float64 array, shape (n_trades, 2)
        Average price of all entries, and of the quantity held, by the fills; NaN where the simulation's count.
    """

    placed: PlacedTrades
    views: Sequence[tuple[Simulation, int]]
    units: FloatArray
    is_complete: bool
    leaving: FloatArray
    averages: FloatTable


def tonight(
    plan: Ladder, holdings: Holdings, signals: Signals, account: AccountNow, before: Mapping[int, Sequence[str]]
) -> Tonight:
    """Return what limits, target, daily loss and margin order for the next open (B4 to B8, L1 to L8).

    Parameters
    ----------
    plan : Ladder
        With limits, a target or a book.
    holdings : Holdings
    signals : Signals
        The series that the plan reads, for all trades.
    account : AccountNow
    before : mapping of int to sequence of str
        By trade: its limits whose conditions held at the close before; those of the book at -1.

    Returns
    -------
    Tonight
    """
    return _Tonight(plan, holdings, signals, account, before).decide()


class _Tonight:
    """One close of a book that is held."""

    def __init__(
        self,
        plan: Ladder,
        holdings: Holdings,
        signals: Signals,
        account: AccountNow,
        before: Mapping[int, Sequence[str]],
    ) -> None:
        self.plan, self.book, self.signals, self.account = plan, plan.book, signals, account
        self.placed = placed = holdings.placed
        self.is_complete, self.leaving = holdings.is_complete, holdings.leaving
        self.ladders, self.ladder_of, self.terms = book_terms(placed, plan.alone, plan)
        count = len(placed)
        states = np.stack([done.states[k] for done, k in holdings.views]) if count else np.zeros((0, s.SIZE))
        grown = [done.growth for done, _ in holdings.views]
        growth = np.zeros((count, 0))
        if count and all(table is not None for table in grown):
            growth = np.stack([done.growth[k] for done, k in holdings.views if done.growth is not None])
        lot = np.where(self.terms.lot > 0, self.terms.lot, 1.0)
        self.units = np.nan_to_num(holdings.units)
        side = placed.trades.side.astype(np.float64)
        states[:, s.LEFT], states[:, s.CUT_TO] = self.units / lot, -1.0
        # of a trade that the plan skips the account holds all the same
        states[:, s.ENTRY] = np.where(states[:, s.SIDE] == 0, side * placed.trades.entry_price, states[:, s.ENTRY])
        states[:, s.SIDE] = side
        done_with = [bool(done.status[k] == STATUS.index("closed")) for done, k in holdings.views]
        self.leaves = (states[:, s.EXIT_ORDER] >= 0) | np.array(done_with, dtype=bool)
        known = np.isfinite(holdings.averages).all(axis=1)
        if known.any():
            if not growth.shape[1]:
                growth = np.zeros((count, s.GROWTH))
                growth[:, [s.G_AVERAGE, s.G_HELD_AVERAGE]] = states[:, [s.ENTRY]]
                growth[:, s.G_BEST], growth[:, s.G_WORST] = (
                    states[:, k] - states[:, s.ENTRY] for k in (s.BEST, s.WORST)
                )
            growth[known, s.G_AVERAGE] = side[known] * holdings.averages[known, 0]
            growth[known, s.G_HELD_AVERAGE] = side[known] * holdings.averages[known, 1]
        self.to = Record(states, np.zeros((count, 0, 0)), np.zeros((0, 0)), np.zeros(count, dtype=np.int64), growth,
                         np.zeros((count, s.ADD_ROWS, 1)))  # fmt: skip
        self.trades = np.flatnonzero(self.units > 0)
        self.last_bar = placed.end_bar - 1
        self.found = Tonight()
        self.firing = Firing()
        self.is_halted = False
        names = {f"limits[{k + 1}]": k for k in range(len(plan.limits))}
        names |= {f"book.limits[{k + 1}]": k for k in range(len(self.book.limits))}
        self.names = names
        for i, held in before.items():
            self.firing.active |= {(names[name], i) for name in held if name in names}

    def decide(self) -> Tonight:
        """Return reductions and purchases, in the order of one close."""
        if not len(self.trades):
            return self.found
        symbols = self.placed.symbol_index[self.trades]
        mark = self.placed.bars.close[self.last_bar[self.trades]]
        now = standing(self.to, self.trades, mark, self.terms)
        closed = self._margin(now) | self._daily_loss()
        rest = [k for k, i in enumerate(self.trades.tolist()) if i not in closed]
        at = [(k, int(self.last_bar[self.trades[k]]), int(symbols[k])) for k in rest]
        share = np.where(self.leaves[self.trades], 0.0, 1.0)
        share[[k for k, i in enumerate(self.trades.tolist()) if i in closed]] = 0.0
        share = self._limits(now, at, share)
        acted = list(self.firing.acted)
        cut = [k for k, _, _ in at if share[k] < 1 and not self.leaves[self.trades[k]]]
        if cut:
            rows = self.trades[cut]
            kept = lots_kept(self.to.states[rows], share[cut], self.terms.lot[rows])
            self.to.states[rows, s.CUT_TO] = kept
            self.found.without_adds.update(rows.tolist())
            for i, left in zip(rows.tolist(), kept.tolist(), strict=True):
                self._reduce(i, LIMIT, left, acted)
        self._target(now, at)
        self._active(acted)
        return self.found

    def _all(self, i: int, order: str, reason: str) -> None:
        self.found.reductions[i] = Reduction(order, float(self.units[i]), (reason,))

    def _reduce(self, i: int, order: str, lots: float, acted: Sequence[Acted]) -> None:
        """Note the sale that leaves so many lots."""
        lot = float(self.terms.lot[i]) or 1.0
        sold = float(self.units[i]) - lots * lot
        if sold <= SHARE * self.units[i]:
            return
        reasons = tuple(_said(one.action, one.measure, one.value) for one in acted if one.trade in (i, -1))
        self.found.reductions[i] = Reduction(order, sold, reasons)

    def _margin(self, now: Standing) -> set[int]:
        """B5 and B11: positions that are liquidated, largest margin first."""
        equity = self.account.equity
        exposure = float(np.abs(now.value).sum())
        if equity > 0 and not self.is_complete:
            if self.terms.maintenance > 0:
                self.found.notes.append("The margin is not judged: a position of the account is not known.")
            return set()
        if equity > 0 and equity >= exposure * self.terms.maintenance * (1 - SHARE):
            return set()
        margin = np.abs(now.value) * self.terms.margin
        used, closed = float(margin.sum()), set()
        reason = f"The equity of {equity:,.2f} is below the maintenance margin: positions are liquidated."
        for k in np.argsort(-margin, kind="stable"):
            if used <= equity and equity > 0:
                break
            used -= float(margin[k])
            closed.add(int(self.trades[k]))
            self._all(int(self.trades[k]), MARGIN_CALL, reason)
        return closed

    def _daily_loss(self) -> set[int]:
        """B6: positions that the daily loss closes."""
        loss, before = self.book.daily_loss, self.account.before
        if loss is None or before is None or self.account.equity > before * (1 - loss) * (1 + SHARE):
            return set()
        self.is_halted = True
        self.found.without_adds.update(self.trades.tolist())
        lost = f"The account lost {1 - self.account.equity / before:.2%} today, and book.daily_loss is {loss:.2%}"
        if self.book.daily_loss_action != "close":
            self.found.notes.append(f"{lost}: nothing is entered or bought for the rest of the day.")
            return set()
        closed = {int(i) for i in self.trades if int(i) not in self.found.reductions}
        for i in closed:
            self._all(i, DAILY_LOSS, f"{lost}: everything is sold.")
        return closed

    def _limits(self, now: Standing, at: list[tuple[int, int, int]], share: FloatArray) -> FloatArray:
        """B7: the share that limits leave of each position."""
        equity = self.account.equity
        estimates = Estimates(self.placed.bars, self.plan.risk)
        measures = PositionMeasures(self.to, self.signals, estimates)
        found = np.minimum(share, position_shares(self.plan.limits, now, at, equity, measures, self.firing))
        if self.book.limits and not self.is_complete:
            self.found.notes.append("The limits of the book are not judged: a position of the account is not known.")
        elif self.book.limits:
            peak = max(self.account.peak if self.account.peak is not None else equity, equity)
            symbols = self.placed.symbol_index[now.trades]
            of_book = BookMeasures(equity, peak, symbols, self._joint(), self.terms)
            found = book_shares(self.book, now, found, of_book, self.firing)
        unknown = [f"{name} is not judged: a value that it reads is not known." for name in self.firing.unknown]
        self.found.notes.extend(unknown)
        return found

    def _joint(self) -> JointReturns:
        """Return the joint past of all symbols up to the last close."""
        joint = JointReturns(len(self.placed.bars), self.plan.risk)
        if any(c.series in TAILS for limit in self.book.limits for c in limit.when):
            times = timeline(self.placed)
            for k in range(len(times.time)):
                part = slice(times.start[k], times.start[k + 1])
                joint.add(times.symbols[part], self.placed.bars.close[times.bars[part]])
        return joint

    def _target(self, now: Standing, at: list[tuple[int, int, int]]) -> None:
        """L7: what brings positions back to the target, purchases as far as the free margin at the marks allows."""
        target = self.plan.target
        if target is None:
            return
        bars = self.placed.bars
        estimates = Estimates(bars, self.plan.risk)
        targets = Targets(target, self.signals, estimates, atr_of_set(bars, self.plan.atr_window), self.terms, self.to)
        # the factor of before is not known here: where a regime is unknown, nothing is traded
        targets.factor[:] = np.nan
        held = {int(self.trades[k]): float(self.to.states[self.trades[k], s.CUT_TO]) for k, _, _ in at}
        self.firing.acted.clear()
        free = max(self.account.equity - float(np.abs(now.value).sum()) * self.terms.margin, 0.0)
        if not self.is_complete:
            self.found.notes.append("The target buys nothing: a position of the account is not known.")
        targets.decide(now, [one for one in at if not self.leaves[self.trades[one[0]]]], self.account.equity,
                       0.0 if self.is_halted or not self.is_complete else free, self.firing)  # fmt: skip
        for k, bar, _ in at:
            i = int(self.trades[k])
            kept = float(self.to.states[i, s.CUT_TO])
            if kept >= 0 and (held[i] < 0 or kept < held[i]):
                self._reduce(i, TARGET, kept, self.firing.acted)
            elif self.to.adds[i, s.A_STATUS, 0] == o.PENDING:
                self._buy(i, float(bars.close[bar]))
        if TARGET in self.firing.unknown:
            self.found.notes.append(
                "The volatility of a position, or one of its regimes, is not known: the target trades nothing of it."
            )

    def _buy(self, i: int, last: float) -> None:
        """Note a purchase, cut to the maximum size at the last close as the engine cuts it at the open (PL7)."""
        one = [self.ladders[self.ladder_of[i]]]
        number = make_plan(one, self.signals.names, atr_windows(one), timings_of(one)).number[0]
        state, lot = self.to.states[i], float(self.terms.lot[i]) or 1.0
        none = np.zeros(0, dtype=np.int64)
        growth = self.to.growth[i]
        position = Position(state, np.zeros((0, 0)), number, none, np.zeros((0, s.BOOK_COLUMNS)), None, growth,
                            self.to.adds[i], None)  # fmt: skip
        base = float(state[s.SIDE]) * last
        price = -_to_tick(-(base + _slippage_of(state, number, base)), number[n.N_TICK])
        held = float(state[s.LEFT]) - min(float(self.leaving[i]), float(self.units[i])) / lot
        average = float(growth[s.G_AVERAGE]) if len(growth) else float(state[s.ENTRY])
        lots = min(float(self.to.adds[i, s.A_LOTS, 0]), _room(position, price, average, held))
        if _is_too_little(position, lots):
            return
        reasons = [_bought(one.measure, one.value) for one in self.firing.acted if one.trade == i]
        self.found.purchases[i] = Purchase(lots * lot, reasons[-1])

    def _active(self, acted: Sequence[Acted]) -> None:
        """Note which limits hold at this close, and which of them have fired."""
        for name, number in self.names.items():
            of_book = name.startswith("book.")
            for other, i in sorted(self.firing.active):
                if other == number and of_book == (i == -1):
                    self.found.held.setdefault(i, []).append(name)
        for one in acted:
            self.found.fired.setdefault(one.trade, []).append(one.action)


def _said(action: str, measure: str, value: float) -> str:
    """Return why something is sold, in a sentence."""
    shown = f"{value:.4g}"
    if action == TARGET:
        return f"The position carries more than its volatility target ({measure} volatility {shown})."
    return f"{action} fires: {measure} is {shown}."


def _bought(measure: str, value: float) -> str:
    """Return why something is bought, in a sentence."""
    return f"The position carries less than its volatility target ({measure} volatility {value:.4g})."
