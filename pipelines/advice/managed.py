"""Trades that a ladder manages from some bar on: rungs passed before it are missed, and arm nothing.

The simulator runs from the first managed bar on, with the entry's own R and levels. A rung whose price was reached
before is moved out of reach; a trail that MFE arms is armed if MFE reached it since the entry.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.atr import atr_of_set
from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME
from exitladder.execution import Simulation, simulate
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.rounding import distance
from exitladder.execution.signals import Signals
from exitladder.plans.adds import Add
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.units import Condition, Distance, Target
from exitladder.trades.rows import TradeRows
from exitladder.trades.trades import AT_CLOSE, PlacedTrades

_OUT_OF_REACH = Target(1e6, "R")
# arms a trail once the price is back above the entry
_BACK = Distance(0.01, "R")
_SINCE_ENTRY = ("mfe_r", "mae_r", "give_back_r")
_KNOWN_AT_ENTRY = ("ATR", "fib", "resistance", "support")
_distance = getattr(distance, "py_func", distance)


@dataclass(frozen=True)
class Managed:
    """Open trades followed from their first managed bar to the last one.

    Parameters
    ----------
    views : list of (Simulation, int)
        Of each trade: the simulation that it is in, and its position there.
    first_bar : int64 array, shape (n_trades,)
        The first managed bar; may be one past the last bar.
    missed : list of tuple of int
        Of each trade: numbers of the rungs whose price was passed before.
    missed_adds : list of tuple of int
        The same of adds.
    has_passed_stop : bool array, shape (n_trades,)
        Whether the price was beyond the ladder's initial stop when it began to manage a trade without a stop of its
        own.
    trail_waits : bool array, shape (n_trades,)
        Whether the trail would have begun beyond the market, and waits until the price is back at the entry.
    signals : list of Signals
        Of each trade: those that its simulation read.
    """

    views: list[tuple[Simulation, int]]
    first_bar: IntArray
    missed: list[tuple[int, ...]]
    has_passed_stop: BoolArray
    trail_waits: BoolArray
    signals: list[Signals]
    missed_adds: list[tuple[int, ...]] = field(default_factory=list)


def first_managed_bars(placed: PlacedTrades, managed_from: IntArray) -> IntArray:
    """Return the first bar of each trade that begins at or after a moment, and not before its first bar.

    Parameters
    ----------
    placed : PlacedTrades
    managed_from : int64 array, shape (n_trades,)
        Nanoseconds since 1970 UTC.

    Returns
    -------
    int64 array, shape (n_trades,)
        One past the symbol's last bar if none has begun.
    """
    bars = placed.bars
    found = np.empty(len(placed), dtype=np.int64)
    for k in np.unique(placed.symbol_index):
        rows = np.flatnonzero(placed.symbol_index == k)
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        found[rows] = low + np.searchsorted(bars.time[low:high], managed_from[rows], side="left")
    return np.maximum(found, placed.first_bar)


def managed_moments(placed: PlacedTrades) -> IntArray:
    """Return ``managed_from`` of each trade; the close of its symbol's last bar where it is blank."""
    now = placed.bars.close_time[placed.end_bar - 1]
    given = placed.trades.managed_from
    return now if given is None else np.where(given == NO_TIME, now, given)


def follow_from_entry(placed: PlacedTrades, ladder: Ladder, signals: Signals, finer: BarSet | None = None) -> Managed:
    """Return open trades as a backtest follows them, from the entry on.

    Parameters
    ----------
    placed : PlacedTrades
    ladder : Ladder
    signals : Signals
    finer : BarSet, optional

    Returns
    -------
    Managed
    """
    done, n = simulate(placed, ladder, signals, finer=finer), len(placed)
    none = np.zeros(n, dtype=bool)
    return Managed([(done, i) for i in range(n)], placed.first_bar, [()] * n, none, none, [signals] * n, [()] * n)


def follow_managed(
    placed: PlacedTrades, ladder: Ladder, signals: Signals, first: IntArray, finer: BarSet | None = None
) -> Managed:
    """Return open trades followed from their first managed bar on.

    Parameters
    ----------
    placed : PlacedTrades
    ladder : Ladder
    signals : Signals
    first : int64 array, shape (n_trades,)
        From `first_managed_bars`.
    finer : BarSet, optional

    Returns
    -------
    Managed
    """
    if (first == placed.first_bar).all():
        return follow_from_entry(placed, ladder, signals, finer)
    before = _Before(placed, ladder, signals, first)
    groups: dict[_Variant, list[int]] = {}
    for i, variant in enumerate(before.variants()):
        groups.setdefault(variant, []).append(i)
    views: dict[int, tuple[Simulation, int]] = {}
    read: dict[int, Signals] = {}
    for variant, members in groups.items():
        rows = np.array(members)
        part, heard = replace(placed.take(rows), first_bar=first[rows]), signals.take(rows)
        plan = ladder
        if variant.is_late:
            plan, heard = before.plan(variant), before.with_extremes(heard, rows)
            if ladder.stop.is_timed:
                part = before.rebased(part, rows)
        done = simulate(part, plan, heard, finer=finer)
        views.update({i: (done, k) for k, i in enumerate(members)})
        read.update(dict.fromkeys(members, heard))
    return Managed(
        [views[i] for i in range(len(placed))], first, before.missed, before.has_passed_stop, before.waits,
        [read[i] for i in range(len(placed))], before.missed_adds,
    )  # fmt: skip


@dataclass(frozen=True)
class _Variant:
    """What makes trades need a ladder of their own; `alone` names a trade whose levels must be written as prices."""

    is_late: bool = False
    missed: tuple[int, ...] = ()
    is_armed: bool = False
    waits: bool = False
    armed_slices: tuple[int, ...] = ()
    missed_adds: tuple[int, ...] = ()
    alone: int = -1


class _Before:
    """What happened to trades between their entry and their first managed bar."""

    def __init__(self, placed: PlacedTrades, ladder: Ladder, signals: Signals, first: IntArray) -> None:
        self.placed, self.ladder, self.first = placed, ladder, first
        # nothing runs: levels, R and stops as they are at the entry
        self.start = simulate(replace(placed, end_bar=placed.first_bar), ladder, signals)
        self.is_late = first > placed.first_bar
        self.best, self.worst = _extremes(placed, first)
        side = placed.trades.side.astype(np.float64)
        self.close = side * placed.bars.close[np.maximum(first - 1, 0)]
        states = self.start.states
        self.entry, self.risk = states[:, s.ENTRY], states[:, s.RISK]
        self.missed = [self._missed(i) if self.is_late[i] else () for i in range(len(placed))]
        self.missed_adds = [self._missed_adds(i) if self.is_late[i] else () for i in range(len(placed))]
        own_stop = np.isfinite(placed.trades.stop_price)
        with np.errstate(invalid="ignore"):
            self.has_passed_stop = self.is_late & ~own_stop & (self.close <= states[:, s.STOP])
            self.mfe_r = (self.best - self.entry) / self.risk
        self.is_armed = self._reached(ladder.stop.trail_from)
        self.waits = self.is_late & self._would_cross()

    def _missed(self, i: int) -> tuple[int, ...]:
        rungs = self.start.rungs[i]
        high, low = self.best[i], self.worst[i]
        passed = ((rungs[s.KIND] == o.LIMIT) & (high >= rungs[s.REACH])) | (
            (rungs[s.KIND] == o.STOP_OUT) & (low <= rungs[s.LEVEL])
        )
        return tuple(j + 1 for j, rung in enumerate(self.ladder.rungs) if rung.target is not None and passed[j])

    def _missed_adds(self, i: int) -> tuple[int, ...]:
        if self.start.adds is None:
            return ()
        adds, n = self.start.adds[i], len(self.ladder.adds)
        rests, reach = adds[s.A_STATUS, :n] == o.RESTING, adds[s.A_REACH, :n]
        passed = ((adds[s.A_KIND, :n] == o.PYRAMIDING) & (self.best[i] >= reach)) | (
            (adds[s.A_KIND, :n] == o.AVERAGING) & (self.worst[i] <= reach)
        )
        return tuple(int(k) + 1 for k in np.flatnonzero(rests & passed))

    def _reached(self, at: Distance | None) -> BoolArray:
        if at is None:
            return np.zeros(len(self.placed), dtype=bool)
        with np.errstate(invalid="ignore"):
            return np.asarray(self.is_late & (self.mfe_r >= at.value * (1 - o.SLACK)))

    def _would_cross(self) -> BoolArray:
        """Whether a trail armed from the first managed bar on would begin beyond the market."""
        stop = self.ladder.stop
        if stop.trail is None or stop.trail_after is not None:
            return np.zeros(len(self.placed), dtype=bool)
        atr = np.full(len(self.placed), np.nan)
        if stop.trail.unit == "ATR":
            atr = atr_of_set(self.placed.bars, self.ladder.atr_window)[np.maximum(self.first - 1, 0)]
        unit = o.UNITS.index(stop.trail.unit)
        away = np.array([
            _distance(unit, stop.trail.value, self.risk[i], atr[i], self.entry[i]) for i in range(len(self.placed))
        ])  # fmt: skip
        with np.errstate(invalid="ignore"):
            line = np.fmax(self.entry - away, self.start.states[:, s.LINE])
            return np.asarray((line >= self.close) & (self.is_armed if stop.trail_from is not None else True))

    def variants(self) -> list[_Variant]:
        """Return the variant of each trade."""
        slices = [(j, rung.trail_from) for j, rung in enumerate(self.ladder.rungs, start=1) if rung.trail_from]
        armed = {j: self._reached(at) for j, at in slices}
        alone = self.ladder.stop.is_timed and _reads_the_entry(self.ladder)
        return [
            _Variant(
                True, self.missed[i], bool(self.is_armed[i]), bool(self.waits[i]),
                tuple(j for j, _ in slices if armed[j][i]), self.missed_adds[i], i if alone else -1,
            ) if late else _Variant()
            for i, late in enumerate(self.is_late)
        ]  # fmt: skip

    def plan(self, variant: _Variant) -> Ladder:
        """Return the ladder of a variant."""
        ladder = self.ladder if variant.alone < 0 else self._in_prices(variant.alone)
        rungs = tuple(
            _since_entry(_armed(_unreachable(rung, j in variant.missed), j in variant.armed_slices))
            for j, rung in enumerate(ladder.rungs, start=1)
        )
        stop = ladder.stop
        if variant.is_armed:
            stop = replace(stop, trail_from=None)
        if variant.waits:
            stop = replace(stop, trail_from=_BACK)
        adds = tuple(
            _add_since_entry(_out_of_reach(add))
            if k in variant.missed_adds else _add_since_entry(add)
            for k, add in enumerate(ladder.adds, start=1)
        )  # fmt: skip
        return replace(ladder, rungs=rungs, stop=stop, adds=adds)

    def _in_prices(self, i: int) -> Ladder:
        """Return the ladder with the levels of one trade, as its entry gave them."""
        state, rungs, side = self.start.states[i], self.start.rungs[i], int(self.placed.trades.side[i])
        found = []
        for j, rung in enumerate(self.ladder.rungs):
            if rung.target is not None:
                known = rungs[s.KIND, j] in (o.LIMIT, o.STOP_OUT)
                target = Target(side * float(rungs[s.LEVEL, j]), "price") if known else _OUT_OF_REACH
                if known and rung.measured_from == "average":
                    target = Target(float((rungs[s.LEVEL, j] - self.entry[i]) / self.risk[i]), "R")
                rung = replace(rung, target=target)
            if rung.stop is not None:
                rung = replace(rung, stop=Distance(float((self.entry[i] - rungs[s.OWN_STOP, j]) / self.risk[i]), "R"))
            found.append(rung)
        stop = self.ladder.stop
        if stop.breakeven_after is not None and np.isfinite(state[s.BREAKEVEN]):
            stop = replace(
                stop, breakeven_offset=Distance(float((state[s.BREAKEVEN] - self.entry[i]) / self.risk[i]), "R")
            )
        return replace(self.ladder, rungs=tuple(found), stop=stop, adds=self._adds_in_prices(i))

    def _adds_in_prices(self, i: int) -> tuple[Add, ...]:
        """Return the adds with the prices and the distances that the entry of one trade gave them."""
        if self.start.adds is None or self.start.growth is None:
            return self.ladder.adds
        adds, atr, side = self.start.adds[i], float(self.start.growth[i, s.G_ENTRY_ATR]), self.side_of(i)

        def in_r(length: Any) -> Any:
            is_atr = isinstance(length, (Target, Distance)) and length.unit == "ATR" and np.isfinite(atr)
            return type(length)(float(length.value * atr / self.risk[i]), "R") if is_atr else length

        found = []
        for k, add in enumerate(self.ladder.adds):
            at = add.at
            if at is not None and adds[s.A_KIND, k] == o.DEAD:
                at = _OUT_OF_REACH
            elif at is not None and adds[s.A_CHAINED, k] > 0:
                at = in_r(at) if add.atr == "entry" else at
            elif at is not None and add.atr == "entry":
                at = Target(side * float(adds[s.A_LEVEL, k]), "price")
            chained = at is not None and at.unit in ("R", "ATR", "%") and adds[s.A_CHAINED, k] > 0
            stop = in_r(add.stop) if add.atr == "entry" else add.stop
            found.append(replace(add, at=at, spacing="previous" if chained else "entry", stop=stop))
        return tuple(found)

    def side_of(self, i: int) -> int:
        """+1 long, -1 short."""
        return int(self.placed.trades.side[i])

    def rebased(self, part: PlacedTrades, rows: IntArray) -> PlacedTrades:
        """Return trades whose clock begins at the first managed bar, with the R of their entry."""
        side = part.trades.side
        stop = part.trades.entry_price - side * self.risk[rows]
        known = np.isfinite(part.trades.stop_price) | ~(self.risk[rows] > 0)
        trades = replace(
            part.trades,
            stop_price=np.where(known, part.trades.stop_price, stop),
            entry_time=part.bars.close_time[part.first_bar - 1] - 1,
        )
        return replace(
            part, trades=trades, entry_bar=part.first_bar - 1, entry_at=np.full(len(part), AT_CLOSE, dtype=np.int8)
        )

    def with_extremes(self, signals: Signals, rows: IntArray) -> Signals:
        """Return signals with the extremes since the entry, if conditions read them."""
        conditions = [c for rung in self.ladder.rungs for c in rung.when]
        conditions += [c for add in self.ladder.adds for c in add.when]
        read = sorted({c.series for c in conditions} & set(_SINCE_ENTRY))
        if not read:
            return signals
        placed, first = self.placed, self.first
        lengths = placed.end_bar[rows] - first[rows]
        table = TradeRows(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), first[rows].astype(np.int64))
        values: dict[str, list[FloatArray]] = {name: [] for name in read}
        for i in rows:
            high, low = _signed(placed, int(i), int(first[i]), int(placed.end_bar[i]))
            close = float(placed.trades.side[i]) * placed.bars.close[int(first[i]) : int(placed.end_bar[i])]
            mfe = (np.maximum.accumulate(np.append(self.best[i], high))[1:] - self.entry[i]) / self.risk[i]
            mae = (np.minimum.accumulate(np.append(self.worst[i], low))[1:] - self.entry[i]) / self.risk[i]
            now = {"mfe_r": mfe, "mae_r": mae, "give_back_r": mfe - (close - self.entry[i]) / self.risk[i]}
            for name in read:
                values[name].append(now[name])
        return signals.join(
            Signals.from_rows(table, {f"{name}_since_entry": np.concatenate(values[name]) for name in read})
        )


def _signed(placed: PlacedTrades, i: int, low: int, high: int) -> tuple[FloatArray, FloatArray]:
    """Return the highs and lows of bars in a trade's direction."""
    bars = placed.bars
    if placed.trades.side[i] > 0:
        return bars.high[low:high], bars.low[low:high]
    return -bars.low[low:high], -bars.high[low:high]


def _extremes(placed: PlacedTrades, end: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the best and worst signed price of each trade from its entry to a bar."""
    entry = placed.trades.side * placed.trades.entry_price
    best, worst = entry.astype(np.float64), entry.astype(np.float64)
    for i in np.flatnonzero(end > placed.first_bar):
        high, low = _signed(placed, int(i), int(placed.first_bar[i]), int(end[i]))
        best[i], worst[i] = max(best[i], high.max()), min(worst[i], low.min())
    return best, worst


def _reads_the_entry(ladder: Ladder) -> bool:
    """Whether a ladder has distances that only the bars at the entry give."""
    targets = any(rung.target is not None and rung.target.unit in _KNOWN_AT_ENTRY for rung in ladder.rungs)
    stops = any(rung.stop is not None and rung.stop.unit == "ATR" for rung in ladder.rungs)
    levels = (length for add in ladder.adds for length in (add.at, add.stop))
    if any(isinstance(length, (Target, Distance)) and length.unit in _KNOWN_AT_ENTRY for length in levels):
        return True
    return targets or stops or ladder.stop.breakeven_offset.unit == "ATR"


def _unreachable(rung: Rung, is_missed: bool) -> Rung:
    if not is_missed:
        return rung
    return replace(rung, target=None) if rung.is_slice else replace(rung, target=_OUT_OF_REACH)


def _armed(rung: Rung, is_armed: bool) -> Rung:
    return replace(rung, trail_from=None) if is_armed else rung


def _since_entry(rung: Rung) -> Rung:
    """Return a rung whose conditions read the extremes since the entry."""
    return replace(rung, when=_conditions_since_entry(rung.when))


def _out_of_reach(add: Add) -> Add:
    is_current = add.atr == "current" and isinstance(add.stop, Distance) and add.stop.unit == "ATR"
    return replace(add, at=_OUT_OF_REACH, spacing="entry", atr="current" if is_current else "entry")


def _add_since_entry(add: Add) -> Add:
    return replace(add, when=_conditions_since_entry(add.when)) if add.when else add


def _conditions_since_entry(when: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return tuple(
        Condition(f"{c.series}_since_entry", c.operator, c.threshold) if c.series in _SINCE_ENTRY else c for c in when
    )
