"""Positions run side by side in one account, close by close (docs/design/books.md)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.errors import BarsError, LadderError
from exitladder.execution.book.account import SHARE, Standing, Terms, lots_kept, standing, stop_of
from exitladder.execution.book.estimates import MOST_TESTED, Estimates, JointReturns, VarTest
from exitladder.execution.book.reductions import (
    Acted,
    BookMeasures,
    Firing,
    PositionMeasures,
    book_shares,
    net_shares,
    position_shares,
)
from exitladder.execution.book.targets import (
    Targets,
    bars_closed,
    may_enter,
    with_purchases,
    without_planned_purchases,
)
from exitladder.execution.book.timeline import Timeline, timeline
from exitladder.execution.clock_exits import clock_exits
from exitladder.execution.contracts import contract_groups, with_contract
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.entry_facts import make_entries, make_market
from exitladder.execution.kernel.loops import END, ENTER, record_fills, run_steps
from exitladder.execution.kernel.packed import Inputs, Readings, atr_windows, make_plan, timings_of
from exitladder.execution.kernel.state import Record
from exitladder.execution.lots import down_to_lot
from exitladder.execution.one_ladder import check_stops, checked_signals
from exitladder.execution.sessions import is_overnight, trading_days
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import Simulation, TradeMoney
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import TAILS, Book, Risk
from exitladder.settings.contracts import Contract
from exitladder.statistics.risk.coverage import Coverage
from exitladder.trades.trades import PlacedTrades

_DAY = 86_400 * 10**9


class Curve(NamedTuple):
    """The account at every close; arrays of shape (n_times,). Without a book equity is infinite."""

    time: IntArray
    pnl: FloatArray
    equity: FloatArray
    exposure: FloatArray
    net_exposure: FloatArray
    margin_used: FloatArray
    n_open: IntArray


@dataclass(frozen=True)
class BookResult:
    """What a book did.

    Parameters
    ----------
    simulation : Simulation
        Every trade and fill; trades that the book left out are skipped, with the reason.
    curve : Curve
    left_out : dict of str to int
        Trades that the book left out, by reason.
    fired, unknown : dict of str to int
        By limit: reductions that it decided, and closes at which it could not be judged.
    n_margin_calls, n_worst_calls, n_daily_losses : int
        Liquidated positions at closes and at worst prices, and days on which the daily loss was reached.
    n_ended : int
        Positions whose symbol has no later bar while the book went on.
    var_tests : dict of str to Coverage or None
        Back-test of each value at risk that a limit reads: of the book, and of each symbol for limits of positions.
        None without a forecast.
    acted : tuple of Acted
        What limits, the target, the daily loss and margin calls did, in order of time.
    """

    simulation: Simulation
    curve: Curve
    left_out: dict[str, int]
    fired: dict[str, int]
    unknown: dict[str, int]
    n_margin_calls: int
    n_worst_calls: int
    n_daily_losses: int
    n_ended: int
    var_tests: dict[str, Coverage | None] = field(default_factory=dict)
    acted: tuple[Acted, ...] = ()

    def actions_frame(self) -> pd.DataFrame:
        """Return the actions of limits and targets by close, with the values read; a blank trade is the book."""
        columns = ["close_time", "action", "trade_id", "measure", "value"]
        ids = [*map(str, self.simulation.placed.trades.trade_id), ""]
        rows = [(one.time, one.action, ids[one.trade], one.measure, one.value) for one in self.acted]
        table = pd.DataFrame(rows, columns=columns)
        table["close_time"] = pd.to_datetime(np.asarray(table["close_time"], dtype=np.int64), utc=True, unit="ns")
        return table

    def curve_frame(self) -> pd.DataFrame:
        """Return the account at every close as a table; ``close_time`` is the end of the bars that closed."""
        table = pd.DataFrame({name: getattr(self.curve, name) for name in Curve._fields if name != "time"})
        table.insert(0, "close_time", pd.to_datetime(self.curve.time, utc=True, unit="ns"))
        return table


def simulate_book(
    placed: PlacedTrades,
    ladder: Ladder,
    signals: Signals | None = None,
    *,
    finer: BarSet | None = None,
    later: Sequence[tuple[int, Ladder]] = (),
) -> BookResult:
    """Return what a plan with a book or limits does with these trades, side by side in one account.

    Parameters
    ----------
    placed : PlacedTrades
    ladder : Ladder
        Without ``[book]`` only its ``[[limits]]`` count, and money is without bounds.
    signals : Signals, optional
        Holds the series that signal rungs and limits read.
    finer : BarSet, optional
        Bars of a shorter interval, for the policy ``finer_bars``.
    later : sequence of (int, Ladder)
        Moments, nanoseconds since 1970 UTC, from which on other numbers of the same book hold (B13). The account goes
        on, and everything else must be as in `ladder`.

    Returns
    -------
    BookResult

    Raises
    ------
    LadderError
        Contracts that pay in coins, dividends, or a condition on a missing series.
    BarsError
        A mark older than ``book.stale_days``.
    """
    run = _Run(placed, [(0, ladder), *later], signals, finer)
    found = record_fills(run.through, len(placed), len(ladder.rungs), run.n_columns)
    money = TradeMoney(run.terms.lot, run.terms.factor, run.terms.factor)
    grown = found.growth if run.n_columns else None
    adds = found.adds if run.n_columns else None
    simulation = Simulation(placed, ladder, found.states, found.rungs, found.book, money=money, growth=grown, adds=adds)
    return run.result(simulation)


class BookAccounts:
    """The accounts of the same trades under many plans that differ in the numbers of their book only; prepared once.

    Parameters
    ----------
    placed : PlacedTrades
    plans : sequence of Ladder
        Every plan that will be asked for.
    signals : Signals, optional
        Holds the series that any of them reads.

    Raises
    ------
    LadderError
        As `simulate_book`.
    """

    def __init__(self, placed: PlacedTrades, plans: Sequence[Ladder], signals: Signals | None = None) -> None:
        self._run = _Run(placed, [(0, plan) for plan in plans], signals, None)

    def curve(self, plan: Ladder, later: Sequence[tuple[int, Ladder]] = ()) -> Curve:
        """Return the account at every close under a plan, and from some moments on under others.

        Parameters
        ----------
        plan : Ladder
        later : sequence of (int, Ladder)
            See `simulate_book`.

        Returns
        -------
        Curve
            Equal to that of `simulate_book`.

        Raises
        ------
        BarsError
            A mark older than ``book.stale_days``.
        """
        return self._run.account([(0, plan), *later])


def margin_rate(plan: Ladder) -> float:
    """Return the share of a position's value that must be free to enter it."""
    if plan.book.margin is not None:
        return plan.book.margin
    return 1 / plan.execution.leverage if plan.execution.leverage > 0 else 1.0


def book_terms(placed: PlacedTrades, alone: Ladder, plan: Ladder) -> tuple[list[Ladder], IntArray, Terms]:
    """Return the ladder with each contract's costs, which of them each trade has, and its money.

    Parameters
    ----------
    placed : PlacedTrades
    alone : Ladder
        The plan of each position by itself.
    plan : Ladder
        With the book.

    Returns
    -------
    ladders : list of Ladder
    of : int64 array, shape (n_trades,)
    terms : Terms

    Raises
    ------
    LadderError
        If a contract pays in coins.
    """
    execution = plan.execution
    rate = margin_rate(plan)
    groups = contract_groups(placed)
    of = np.zeros(len(placed), dtype=np.int64)
    lot, factor = np.full(len(placed), alone.costs.lot), np.full(len(placed), alone.costs.multiplier)
    ladders = [alone]
    if groups:
        ladders = []
        for number, (contract, rows) in enumerate(groups):
            if contract.inverse:
                raise LadderError("A book cannot hold contracts that pay in coins. Leave their trades out.")
            own = with_contract(alone, contract)
            ladders.append(own)
            currencies, entries = placed.bars.currencies, placed.trades.entry_time[rows]
            rates = 1.0 if currencies is None else currencies.rate(contract.currency, entries, placed.bars)
            of[rows], lot[rows], factor[rows] = number, own.costs.lot, own.costs.multiplier * rates
    return ladders, of, Terms(lot, factor, rate, execution.maintenance_margin)


def _shared_terms(plan: Ladder) -> tuple[Ladder, float, str, float]:
    """Return the parts that all plans of one book share: the exits, the money, and the terms of its margin."""
    exits = replace(plan.alone, name="book", tuned=None)
    return exits, margin_rate(plan), plan.book.margin_call, plan.book.stale_days


def without_limits(plan: Ladder) -> Ladder:
    """Return the same book without limits, target or rules for its entries: only the money and its margin are left."""
    book = plan.book
    money = Book(book.equity, margin=margin_rate(plan), margin_call=book.margin_call, stale_days=book.stale_days)
    return replace(plan, limits=(), risk=Risk(), target=None, book=money)


@dataclass
class _State:
    """What changes from close to close."""

    open: list[int] = field(default_factory=list)
    realised: float = 0.0
    pnl: float = 0.0
    peak: float = 0.0
    margin_used: float = 0.0
    equity: float = 0.0
    day: int | None = None
    day_equity: float = 0.0
    halted: bool = False
    ruined: bool = False
    firing: Firing = field(default_factory=Firing)
    counts: Counter[str] = field(default_factory=Counter)
    ended: set[int] = field(default_factory=set)
    held_adds: dict[int, FloatArray] = field(default_factory=dict)


class _Run:
    """One book: the inputs that stay, and the walk through its closes."""

    def __init__(
        self,
        placed: PlacedTrades,
        stages: Sequence[tuple[int, Ladder]],
        signals: Signals | None,
        finer: BarSet | None,
    ) -> None:
        self.placed, self.signals = placed, checked_signals(placed, signals)
        self.stages, self.plans = list(stages), [plan for _, plan in stages]
        self.risk = next((plan.risk for plan in self.plans if plan.risk != Risk()), Risk())
        self._check()
        signals, ladder = self.signals, self.plans[0]
        self.ladder, self.book = ladder, ladder.book
        self.money = math.inf if ladder.book.equity is None else float(ladder.book.equity)
        # In a book the account is liquidated, not the position (B5).
        grown = next((plan for plan in self.plans if plan.target is not None), ladder)
        alone = with_purchases(replace(grown, execution=replace(grown.execution, leverage=0.0)))
        self.n_adds = len(alone.adds)
        self.n_columns = max(1, self.n_adds, len(ladder.rungs)) if grown.is_plan else 0
        self.grows_to_target = grown.target is not None
        ladders, self.ladder_of, self.terms = book_terms(placed, alone, ladder)
        windows, timings = atr_windows(ladders), timings_of(ladders)
        market = make_market(placed.bars, windows, finer)
        self.inputs = Inputs(
            make_plan(ladders, signals.names, windows, timings),
            make_entries(placed, ladders, market, finer, clock_exits(placed, timings)),
            market,
            Readings(signals.values, signals.base, signals.first, signals.end),
        )
        if self.grows_to_target:
            without_planned_purchases(self.inputs.plan)
        self.targets: Targets | None = None
        self.times: Timeline = timeline(placed)
        self.day_of_close, self.day_of_entry = self._days()
        self.estimates = Estimates(placed.bars, self.risk)
        self.reads_joint = any(c.series in TAILS for p in self.plans for limit in p.book.limits for c in limit.when)
        self.last_bar = placed.end_bar - 1
        self.curve: list[tuple[float, float, float, float, float, int]] = []
        self.state = _State()

    def _check(self) -> None:
        """Refuse what no book can follow, and plans that differ in more than the numbers of their book."""
        placed, first = self.placed, self.plans[0]
        if placed.bars.dividends is not None:
            raise LadderError("A book cannot yet be credited with dividends. Leave the table of corporate actions out.")
        for plan in self.plans:
            missing = [name for name in plan.series if name not in self.signals.names]
            if missing:
                raise LadderError(
                    f"A limit, target or regime reads '{missing[0]}', and there is no such series. Give it with the "
                    "bars."
                )
            if _shared_terms(plan) != _shared_terms(first) or plan.risk not in (self.risk, Risk()):
                raise ValueError("plans of one book must differ in the numbers of their book only")
        check_stops(first, placed)

    def _days(self) -> tuple[IntArray, IntArray]:
        """B6: return the day of each close, by the start of its bar, and of each entry; refuse days not shared."""
        bars = self.placed.bars
        days = {self._day_of(int(k)) for k in np.unique(self.placed.symbol_index)}
        if any(plan.book.daily_loss is not None for plan in self.plans) and len(days) > 1:
            shown = ", ".join(sorted(f"{day.exchange_tz} {day.session}".strip() for day in days))
            raise LadderError(
                f"book.daily_loss needs days that all symbols share, but these have exchange_tz and session {shown}. "
                "Leave daily_loss out, or run the symbols of each in a book of their own."
            )
        first_bars = self.times.bars[self.times.start[:-1]]
        moments = (bars.time[first_bars], bars.time[self.placed.entry_bar])
        hours = min(days, key=lambda day: (day.exchange_tz, day.session))
        of_close, of_entry = (trading_days(some, hours) for some in moments)
        return of_close, of_entry

    def _day_of(self, symbol: int) -> Contract:
        """Return what the day of a symbol depends on: the zone, and the hours of a session that crosses midnight."""
        bars = self.placed.bars
        known = bars.contracts.get(bars.symbols[symbol])
        hours = known.hours if known else Contract()
        # other sessions have the date of their bars, and so have daily bars
        if bars.interval_ns[symbol] < _DAY and is_overnight(hours):
            return hours
        return Contract(exchange_tz=hours.exchange_tz or "UTC")

    def through(self, to: Record) -> None:
        """Run the whole book and write it down; run twice, with the same outcome."""
        self.state = state = _State(equity=self.money, peak=self.money, day_equity=self.money)
        self.to, self.curve = to, []
        self.mark = self.placed.trades.entry_price.astype(np.float64).copy()
        self.bar_of_symbol = np.full(len(self.placed.bars), -1, dtype=np.int64)
        self.ladder = self.stages[0][1]
        self.book = self.ladder.book
        self.joint = JointReturns(len(self.placed.bars), self.risk)
        self.measures = PositionMeasures(to, self.signals, self.estimates)
        self.tested = VarTest(self.risk)
        to.states[:, s.CUT_TO] = -1.0
        if self.grows_to_target:
            atr = self.inputs.market.atr[0]
            target = self.ladder.target or next(plan.target for plan in self.plans if plan.target is not None)
            self.targets = Targets(target, self.signals, self.estimates, atr, self.terms, to)
        entry_time = self.placed.trades.entry_time
        later = iter([*self.stages[1:], (math.inf, self.ladder)])
        begins, following = next(later)
        waiting = iter([*self.times.entries, -1])
        next_one = next(waiting)
        for k, time in enumerate(self.times.time.tolist()):
            while next_one >= 0 and self.times.judged[next_one] <= k:
                while entry_time[next_one] >= begins:
                    self._use(following)
                    begins, following = next(later)
                self._judge(next_one)
                next_one = next(waiting)
            while time >= begins:
                self._use(following)
                begins, following = next(later)
            part = slice(int(self.times.start[k]), int(self.times.start[k + 1]))
            self.bar_of_symbol[self.times.symbols[part]] = self.times.bars[part]
            self._close(int(time), int(self.day_of_close[k]), self.times.symbols[part], self.times.bars[part])
        if state.open:
            self._step(np.array(state.open), np.full(len(state.open), END))
        if self.targets is not None:
            self.targets.name_orders(to.book)

    def _use(self, plan: Ladder) -> None:
        """B13: let other numbers hold from now on; limits that stay the same remember whether they have fired."""
        before, active = self.ladder, self.state.firing.active
        self.ladder, self.book = plan, plan.book
        if self.targets is not None and plan.target is not None:
            self.targets.target = plan.target
        for is_book, old, new in (
            (False, before.limits, plan.limits),
            (True, before.book.limits, plan.book.limits),
        ):
            kept = {n for n, limit in enumerate(new) if n < len(old) and old[n] == limit}
            active -= {(n, i) for n, i in active if (i < 0) == is_book and n not in kept}

    def account(self, stages: Sequence[tuple[int, Ladder]]) -> Curve:
        """Return the account under plans that this run was made for."""
        self.stages = list(stages)
        n, n_rungs = len(self.placed), len(self.plans[0].rungs)
        to = Record(
            states=np.zeros((n, s.SIZE)),
            rungs=np.zeros((n, s.RUNG_ROWS, n_rungs)),
            book=np.zeros((0, s.BOOK_COLUMNS)),
            rows=np.zeros(n, dtype=np.int64),
            growth=np.zeros((n, s.GROWTH if self.n_columns else 0)),
            adds=np.zeros((n, s.ADD_ROWS if self.n_columns else 0, self.n_columns)),
        )
        self.through(to)
        return self._curve()

    def _curve(self) -> Curve:
        columns = np.array(self.curve, dtype=np.float64).reshape(-1, 6).T
        pnl, equity, exposure, net, margin, n_open = columns
        return Curve(self.times.time, pnl, equity, exposure, net, margin, n_open.astype(np.int64))

    def _step(self, trades: IntArray, bars: IntArray) -> None:
        run_steps(self.inputs, self.to, trades.astype(np.int64), self.ladder_of[trades], bars.astype(np.int64))

    def _judge(self, i: int) -> None:
        """B3: enter a trade, or leave it out."""
        state, to = self.state, self.to
        factor = float(self.terms.factor[i])
        price, quantity = float(self.placed.trades.entry_price[i]), float(self.placed.trades.quantity[i])
        quantity = down_to_lot(quantity, float(self.terms.lot[i]))
        needed = abs(price * quantity) * factor * self.terms.margin
        why = o.NOT_SKIPPED
        if state.ruined:
            why = o.BOOK_RUINED
        elif state.halted and self.day_of_entry[i] == state.day:
            why = o.BOOK_DAILY_LOSS
        elif self.book.max_open is not None and len(state.open) >= self.book.max_open:
            why = o.BOOK_MAX_OPEN
        elif needed > (state.equity - state.margin_used) * (1 + SHARE):
            why = o.BOOK_MARGIN
        elif not self._may_enter(i):
            why = o.BOOK_REGIME
        if why == o.NOT_SKIPPED:
            self._step(np.array([i]), np.array([ENTER]))
            if to.states[i, s.SKIPPED_WHY] == o.NOT_SKIPPED and to.states[i, s.LEFT] > 0:
                state.open.append(i)
                state.margin_used += needed
                if self.targets is not None:
                    self.targets.start(i)
            return
        to.states[i] = 0.0
        to.states[i, s.TRADE], to.states[i, s.SKIPPED_WHY] = i, why
        to.states[i, s.SIDE] = self.placed.trades.side[i]
        to.states[i, s.LAST_ORDER] = to.states[i, s.LAST_BAR] = -1.0
        state.counts[o.SKIP_REASONS[why]] += 1

    def _may_enter(self, i: int) -> bool:
        """L8: whether the regime for entries holds at the last close before an entry."""
        first = int(self.placed.bars.start[self.placed.symbol_index[i]])
        return may_enter(self.book.enter_when, self.signals, i, int(self.placed.entry_bar[i]) - 1, first)

    def _close(self, time: int, day: int, symbols: IntArray, bars: IntArray) -> None:
        """One moment: the bars that close, the account after them, and the orders for the next opens."""
        state, placed = self.state, self.placed
        state.firing.time = time
        if state.day is None or day > state.day:
            state.day, state.day_equity, state.halted = day, state.equity, False
            self._release_adds()
        if self.reads_joint:
            self.joint.add(symbols, placed.bars.close[bars])
            self.tested.close(symbols, placed.bars.close[bars])
        if not state.open:
            self._decide(set())
            return
        held = np.array(state.open)
        bar = self.bar_of_symbol[placed.symbol_index[held]]
        closing = np.zeros(len(placed.bars), dtype=np.bool_)
        closing[symbols] = True
        closes = closing[placed.symbol_index[held]]
        moves = closes & (bar >= placed.first_bar[held])
        self._run_bars(held[moves], bar[moves])
        known = closes & (bar >= placed.entry_bar[held])
        self.mark[held[known]] = placed.bars.close[bar[known]]
        state.open = [i for i in state.open if self.to.states[i, s.LEFT] > 0]
        closed = held[self.to.states[held, s.LEFT] <= 0]
        ended = self.to.states[closed]
        booked = ended[:, s.GROSS] - ended[:, s.COMMISSION] - ended[:, s.FINANCING]
        state.realised += float((booked * self.terms.factor[closed]).sum())
        self._check_marks(time)
        self._decide(set(symbols.tolist()))

    def _run_bars(self, trades: IntArray, bars: IntArray) -> None:
        """Run positions through their bars; liquidate in the bar if the worst prices together call for it (B5)."""
        if not len(trades):
            return
        tests = self.book.margin_call == "worst" and self.terms.maintenance > 0
        before = self._copy(trades) if tests else None
        self._step(trades, bars)
        if before is not None:
            self._call_at_worst(trades, bars, before)

    def _copy(self, trades: IntArray) -> tuple[np.ndarray, ...]:
        return tuple(table[trades].copy() for table in (self.to.states, self.to.rungs, self.to.growth, self.to.adds))

    def _call_at_worst(self, trades: IntArray, bars: IntArray, before: tuple[np.ndarray, ...]) -> None:
        """B5: test the maintenance margin with every position at the worst price of its bar at once."""
        states, placed = before[0], self.placed
        side = states[:, s.SIDE]
        low = np.where(side > 0, placed.bars.low[bars], -placed.bars.high[bars])
        start = side * placed.bars.open[bars]
        stop = stop_of(states)
        stopped = low <= stop
        worst = np.where(stopped, np.minimum(start, stop), low)
        units = self.terms.units(trades, states[:, s.LEFT])
        factor = self.terms.factor[trades]
        average = states[:, s.ENTRY] if not before[2].shape[1] else before[2][:, s.G_HELD_AVERAGE]
        booked = states[:, s.GROSS] - states[:, s.COMMISSION] - states[:, s.FINANCING]
        # What leaves at the open, by an exit decided before, is out of reach of the low.
        leaves = states[:, s.EXIT_ORDER] >= 0
        gain = np.where(leaves, start - average, worst - average) * units
        others = np.setdiff1d(self.state.open, trades)
        rest = standing(self.to, others, self.mark[others], self.terms)
        equity = self.money + self.state.realised + float(((booked + gain) * factor).sum() + rest.result.sum())
        value = np.where(stopped | leaves, 0.0, np.abs(worst) * units * factor)
        needed = float(value.sum() + np.abs(rest.value).sum()) * self.terms.maintenance
        if equity >= needed * (1 - SHARE):
            return
        used = float(value.sum() + np.abs(rest.value).sum()) * self.terms.margin
        for k in np.argsort(-value, kind="stable"):
            if used <= equity or value[k] <= 0:
                break
            used -= float(value[k]) * self.terms.margin
            self._liquidate_inside(int(trades[k]), int(bars[k]), float(worst[k]), k, before)
            self.state.counts["worst_call"] += 1
            self.state.firing.note("margin_call", int(trades[k]), "equity at worst prices", equity)

    def _liquidate_inside(self, i: int, bar: int, price: float, k: int, before: tuple[np.ndarray, ...]) -> None:
        """Replace what a position did in this bar by one sale at a price: as if its bar were that price alone."""
        for table, kept in zip((self.to.states, self.to.rungs, self.to.growth, self.to.adds), before, strict=True):
            table[i] = kept[k]
        side = float(self.to.states[i, s.SIDE])
        market = self.inputs.market
        saved = [column[bar] for column in (market.open, market.high, market.low, market.close)]
        for column in (market.open, market.high, market.low, market.close):
            column[bar] = side * price
        self.to.states[i, s.EXIT_ORDER] = o.MARGIN_CALL
        self._step(np.array([i]), np.array([bar]))
        for column, value in zip((market.open, market.high, market.low, market.close), saved, strict=True):
            column[bar] = value

    def _check_marks(self, time: int) -> None:
        """B1: refuse marks that are too old while the symbol has later bars."""
        placed, state = self.placed, self.state
        for i in state.open:
            bar = int(self.bar_of_symbol[placed.symbol_index[i]])
            if bar < 0 or bar >= self.last_bar[i]:
                if bar >= 0 and time > int(placed.bars.close_time[bar]):
                    state.ended.add(i)
                continue
            symbol = int(placed.symbol_index[i])
            length = int(placed.bars.interval_ns[symbol])
            known = int(placed.bars.time[bar]) + length
            if time - known > max(self.book.stale_days * _DAY, 3 * length):
                raise BarsError(
                    f"A book marks its positions at closes at most {self.book.stale_days:g} days old, but the last bar "
                    f"of '{placed.bars.symbols[symbol]}' by {pd.Timestamp(time, tz='UTC'):%Y-%m-%d} is of "
                    f"{pd.Timestamp(known, tz='UTC'):%Y-%m-%d}, and trade '{placed.trades.trade_id[i]}' is open. "
                    "Fill the gap in the bars, or raise book.stale_days."
                )

    def _note(self, exposure: float, net: float) -> None:
        state = self.state
        if not state.open:
            state.pnl, state.margin_used = state.realised, 0.0
            state.equity = self.money + state.pnl
        state.peak = max(state.peak, state.equity)
        self.curve.append((state.pnl, state.equity, exposure, net, state.margin_used, len(state.open)))

    def _decide(self, closing: set[int]) -> None:
        """B4 to B8: mark the account, then decide on margin, daily loss and limits."""
        state, to, placed = self.state, self.to, self.placed
        trades = np.array(state.open, dtype=np.int64)
        now = standing(to, trades, self.mark[trades], self.terms)
        state.pnl = state.realised + float(now.result.sum())
        state.equity = self.money + state.pnl
        exposure = float(np.abs(now.value).sum())
        state.margin_used = exposure * self.terms.margin
        self._note(exposure, float(now.value.sum()))
        if state.equity <= 0:
            state.ruined = True
        if state.ruined or state.equity < exposure * self.terms.maintenance * (1 - SHARE):
            self._call(now)
        loss = self.book.daily_loss
        if loss is not None and not state.halted and state.equity <= state.day_equity * (1 - loss) * (1 + SHARE):
            state.halted = True
            state.counts["daily_loss"] += 1
            state.firing.note("daily_loss", -1, "loss of the day / equity", 1 - state.equity / state.day_equity)
            if self.book.daily_loss_action == "close":
                self._exit(trades, o.DAILY_LOSS)
            self._hold_adds()
        if self.reads_joint and state.equity > 0 and len(trades):
            self._forecast(now)
        follows = self.targets is not None and self.ladder.target is not None
        if not (self.ladder.limits or self.book.limits or follows):
            return
        at = bars_closed(placed.symbol_index[trades], self.bar_of_symbol, closing)
        if self.ladder.limits or self.book.limits:
            self._limit(now, at)
        if self.targets is not None and follows:
            free = 0.0 if state.halted or state.ruined else max(state.equity - state.margin_used, 0.0)
            self.targets.decide(now, at, state.equity, free, state.firing)

    def _hold_adds(self) -> None:
        """B6: let no add fill until the next day."""
        adds = self.to.adds
        if not adds.shape[1]:
            return
        for i in self.state.open:
            self.state.held_adds[i] = adds[i, s.A_STATUS].copy()
            adds[i, s.A_STATUS, : len(self.ladder.adds)] = o.WITHDRAWN

    def _release_adds(self) -> None:
        """Let adds rest again that the daily loss held back, where no reduction has withdrawn them."""
        for i, status in self.state.held_adds.items():
            self.to.adds[i, s.A_STATUS] = status
        self.state.held_adds.clear()

    def _forecast(self, now: Standing) -> None:
        """L6: note the value at risk of the holdings, to be compared with their loss."""
        if not self.tested.is_due:
            return
        symbols, shares = net_shares(self.placed.symbol_index[now.trades], now.value, self.state.equity)
        bars = self.bar_of_symbol[symbols]
        value, _ = self.joint.tail(symbols, shares)
        self.tested.forecast(value, symbols, shares, self.placed.bars.close[bars])

    def _exit(self, trades: IntArray, order: int) -> None:
        """Sell positions at their next open; an exit that is already decided stays."""
        free = trades[self.to.states[trades, s.EXIT_ORDER] < 0]
        self.to.states[free, s.EXIT_ORDER] = order

    def _call(self, now: Standing) -> None:
        """B5: liquidate whole positions, largest margin first, until margin used fits equity."""
        state = self.state
        margin = np.abs(now.value) * self.terms.margin
        used = float(margin.sum())
        for k in np.argsort(-margin, kind="stable"):
            if used <= state.equity and not state.ruined:
                break
            used -= float(margin[k])
            self._exit(now.trades[k : k + 1], o.MARGIN_CALL)
            state.counts["margin_call"] += 1
            state.firing.note("margin_call", int(now.trades[k]), "equity", state.equity)

    def _limit(self, now: Standing, at: list[tuple[int, int, int]]) -> None:
        """B7: what the limits of positions and of the book leave."""
        state, to = self.state, self.to
        symbols = self.placed.symbol_index[now.trades]
        share = position_shares(self.ladder.limits, now, at, state.equity, self.measures, state.firing)
        share = np.where(to.states[now.trades, s.EXIT_ORDER] >= 0, 0.0, share)
        if self.book.limits:
            of_book = BookMeasures(state.equity, state.peak, symbols, self.joint, self.terms)
            share = book_shares(self.book, now, share, of_book, state.firing)
        cut = (share < 1) & (to.states[now.trades, s.EXIT_ORDER] < 0)
        if not cut.any():
            return
        rows = now.trades[cut]
        kept = lots_kept(to.states[rows], share[cut], self.terms.lot[rows])
        if to.adds.shape[1]:
            to.adds[rows, s.A_STATUS, : self.n_adds] = o.WITHDRAWN
            for i in rows.tolist():
                state.held_adds.pop(i, None)
        earlier = to.states[rows, s.CUT_TO]
        to.states[rows, s.CUT_TO] = np.where(earlier >= 0, np.minimum(earlier, kept), kept)
        if self.targets is not None:
            bars = self.bar_of_symbol[symbols[cut]]
            self.targets.decided += [(int(i), int(bar), False) for i, bar in zip(rows, bars, strict=True)]

    def result(self, simulation: Simulation) -> BookResult:
        """Return what the last run found."""
        curve = self._curve()
        counts, firing = self.state.counts, self.state.firing
        reasons = set(o.SKIP_REASONS)
        return BookResult(
            simulation=simulation,
            curve=curve,
            left_out={name: n for name, n in counts.items() if name in reasons},
            fired=dict(firing.fired),
            unknown=dict(firing.unknown),
            n_margin_calls=counts["margin_call"],
            n_worst_calls=counts["worst_call"],
            n_daily_losses=counts["daily_loss"],
            n_ended=len(self.state.ended),
            var_tests=self._var_tests(),
            acted=tuple(firing.acted),
        )

    def _var_tests(self) -> dict[str, Coverage | None]:
        """L6: the back-test of each value at risk that a limit reads."""
        found = {"book": self.tested.coverage()} if self.reads_joint else {}
        if any(c.series in TAILS for plan in self.plans for limit in plan.limits for c in limit.when):
            counts = np.bincount(self.placed.symbol_index, minlength=len(self.placed.bars))
            for k in np.argsort(-counts, kind="stable")[:MOST_TESTED]:
                if counts[k]:
                    side = 1.0 if self.placed.trades.side[self.placed.symbol_index == k].mean() >= 0 else -1.0
                    found[str(self.placed.bars.symbols[k])] = self.estimates.test(int(k), side)
        return found
