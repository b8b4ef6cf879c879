"""A hedge of options in their underlying that keeps the net delta in a band (L9 of docs/design/limits.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.errors import OptionsError
from exitladder.options.contracts import whole_ratio
from exitladder.options.market import OptionMarket
from exitladder.options.positions.replay import Close, Outcome
from exitladder.options.positions.tables import net_money
from exitladder.risk.no_trade_band import half_width, traded
from exitladder.settings.options import BAND, OptionSettings

LOT = 1.0


class HedgeTrade(NamedTuple):
    """One trade of the underlying: units bought (sold if below 0), and the net delta and band that called for it.

    `held` are the units held after it; all are in units of its own time, as splits change them.
    """

    time: int
    underlying: str
    units: float
    price: float
    cost: float
    delta: float
    low: float
    high: float
    held: float


class Step(NamedTuple):
    """A change of what a hedge holds, by a trade or a split: units held from then on, and the money of the trade."""

    time: int
    held: float
    cash: float


@dataclass
class Hedge:
    """The hedge of one underlying.

    Parameters
    ----------
    underlying : str
    trades : list of HedgeTrade
    units : float
        Held at the end of the data.
    n_unknown : int
        Closes at which the delta of a position was not known, so that nothing was traded.
    steps : list of Step
        Trades, with their costs, and splits in order of time.
    """

    underlying: str
    trades: list[HedgeTrade] = field(default_factory=list)
    units: float = 0.0
    n_unknown: int = 0
    steps: list[Step] = field(default_factory=list)

    @property
    def costs(self) -> float:
        """Paid for all trades."""
        return math.fsum(trade.cost for trade in self.trades)

    def profit_at(self, moments: np.ndarray, closes: FloatArray) -> FloatArray:
        """Return the profit at moments, units held valued at these closes.

        Parameters
        ----------
        moments : int64 array, shape (n,)
        closes : float64 array, shape (n,)

        Returns
        -------
        float64 array, shape (n,)
        """
        if not self.trades:
            return np.zeros(len(moments))
        times = np.array([step.time for step in self.steps], dtype=np.int64)
        at = np.searchsorted(times, moments, side="left")
        units = np.array([0.0, *(step.held for step in self.steps)])[at]
        money = np.concatenate([[0.0], np.cumsum([step.cash for step in self.steps])])[at]
        return np.where(units == 0, money, money + units * closes)


def check_hedge(settings: OptionSettings, market: OptionMarket) -> None:
    """Raise an error if a hedge is asked for and cannot be traded.

    Parameters
    ----------
    settings : OptionSettings
    market : OptionMarket

    Raises
    ------
    OptionsError
    """
    if settings.hedge == "none":
        return
    if market.bars is None:
        raise OptionsError("A hedge is traded in the underlying, but there are no bars of it. Give them with --bars.")
    if settings.hedge == BAND and settings.hedge_band < LOT:
        raise OptionsError(
            f"options.hedge_band must be at least {LOT:g} unit of the underlying, but is {settings.hedge_band:g}."
        )
    if settings.hedge != BAND and settings.hedge_aversion <= 0:
        raise OptionsError(
            "options.hedge = whalley_wilmott needs options.hedge_aversion above 0: the absolute risk aversion per unit "
            "of money, such as 0.0001. The larger it is, the narrower is the band."
        )


def hedges_of(outcomes: Sequence[Outcome], market: OptionMarket) -> dict[str, Hedge]:
    """Return the hedge of each underlying.

    Parameters
    ----------
    outcomes : sequence of Outcome
        With their paths, see `replay`.
    market : OptionMarket
        With bars of the underlyings.

    Returns
    -------
    dict of str to Hedge
    """
    held = [one for one in outcomes if one.position is not None and one.path]
    names = sorted({one.trade.contract.underlying for one in held})
    return {
        name: _Walk(name, [one for one in held if one.trade.contract.underlying == name], market).run()
        for name in names
    }


class _Walk:
    """The walk through the closes of all positions of one underlying.

    A split multiplies the units held, the deltas of closes before it, a trade that waits, the target and the band by
    its ratio, so that it changes nothing but the units.
    """

    def __init__(self, name: str, outcomes: Sequence[Outcome], market: OptionMarket) -> None:
        assert market.bars is not None
        self.outcomes, self.market, self.settings = outcomes, market, market.settings
        self.bars, self.found = market.bars[name], Hedge(name)
        self.splits = [split for split in market.events.splits if split.symbol == name]
        self.held: dict[int, Close] = {}
        self.pending: tuple[int, HedgeTrade] | None = None
        self.ratio = 1.0

    def run(self) -> Hedge:
        """Return the hedge after the last close."""
        closes: dict[int, list[tuple[int, Close]]] = {}
        ends: dict[int, list[int]] = {}
        for i, one in enumerate(self.outcomes):
            for close in one.path:
                closes.setdefault(close.time, []).append((i, close))
            if one.ended is not None:
                ends.setdefault(one.ended, []).append(i)
        moments = sorted({*closes, *ends})
        first = self.market.clock.date_of(moments[0])
        self.splits = [split for split in self.splits if split.time > first]
        over: set[int] = set()
        for moment in moments:
            self._fill(moment)
            self._split(self.market.clock.date_of(moment))
            over.update(ends.get(moment, ()))
            self.held.update(closes.get(moment, ()))
            self.held = {i: close for i, close in self.held.items() if i not in over}
            self.pending = self._decided(moment)
        if not self.held:
            # what follows the last quote of an open position is not known (X8)
            self._fill(np.iinfo(np.int64).max)
        return self.found

    def _split(self, date: int) -> None:
        """Follow the splits up to a date."""
        while self.splits and self.splits[0].time <= date:
            split = self.splits.pop(0)
            ratio = float(whole_ratio(split.factor) or 1)
            self.ratio *= ratio
            # gamma is per price squared, so it grows twice
            self.held = {
                i: close._replace(delta=close.delta * ratio, gamma=close.gamma * ratio**2)
                for i, close in self.held.items()
            }
            if self.pending is not None:
                bar, trade = self.pending
                more = {name: getattr(trade, name) * ratio for name in ("units", "delta", "low", "high")}
                self.pending = bar, trade._replace(**more)
            if self.found.units:
                self.found.units *= ratio
                self.found.steps.append(Step(self.market.clock.before(split.time), self.found.units, 0.0))

    def _decided(self, moment: int) -> tuple[int, HedgeTrade] | None:
        """Return the trade for the next open, with the number of its bar; None if nothing is traded."""
        settings, found, held = self.settings, self.found, self.held
        delta = math.fsum(close.delta for close in held.values())
        width = settings.hedge_band * self.ratio
        if settings.hedge != BAND and held:
            contracts = [self.outcomes[i].trade.contract for i in held]
            last = max(contracts, key=lambda contract: contract.expiry)
            width = float(
                half_width(
                    settings.underlying_cost_bps * 1e-4,
                    self.market.spot(found.underlying, moment),
                    math.fsum(close.gamma for close in held.values()),
                    settings.hedge_aversion,
                    settings.rate,
                    max(self.market.years(last, moment), 0.0),
                )
            )
        width = max(width, LOT) if math.isfinite(width) else width
        target = settings.hedge_target * self.ratio
        # what is left once no position is held goes
        wanted = float(traded(delta + found.units, target, width)) if held else -found.units
        if math.isnan(wanted):
            found.n_unknown += 1
            return None
        units = math.trunc(wanted / LOT + math.copysign(1e-9, wanted)) * LOT
        bar = int(np.searchsorted(self.bars.time, moment, side="left"))
        if not units or bar >= len(self.bars):
            return None
        now, low, high = delta + found.units, target - width, target + width
        return bar, HedgeTrade(0, found.underlying, units, math.nan, 0.0, now, low, high, math.nan)

    def _fill(self, moment: int) -> None:
        """Fill a trade at the open of its bar if that has come; a later decision takes its place otherwise."""
        if self.pending is None or int(self.bars.time[self.pending[0]]) > moment:
            return
        bar = self.pending[0]
        self._split(self.market.clock.date_of(int(self.bars.time[bar]) + self.bars.interval_ns))
        trade, found = self.pending[1], self.found
        price, time = float(self.bars.open[bar]), int(self.bars.time[bar])
        cost = abs(trade.units) * price * self.settings.underlying_cost_bps * 1e-4
        found.units += trade.units
        found.trades.append(trade._replace(time=time, price=price, cost=cost, held=found.units))
        found.steps.append(Step(time, found.units, -trade.units * price - cost))
        self.pending = None


@dataclass(frozen=True)
class HedgedBook:
    """Positions in options by date, without and with their hedge.

    Parameters
    ----------
    dates : int64 array, shape (n,)
        Midnight UTC of each calendar day from the first close to the last.
    plain, hedge : float64 array, shape (n,)
        Profit so far of the options, and of the hedge.
    is_held : bool array, shape (n,)
    """

    dates: np.ndarray
    plain: FloatArray
    hedge: FloatArray
    is_held: np.ndarray


def hedged_book(outcomes: Sequence[Outcome], hedges: dict[str, Hedge], market: OptionMarket) -> HedgedBook | None:
    """Return the profit by calendar day, options at their marks; None without a position.

    Parameters
    ----------
    outcomes : sequence of Outcome
    hedges : dict of str to Hedge
    market : OptionMarket

    Returns
    -------
    HedgedBook or None
    """
    held = [one for one in outcomes if one.position is not None and one.path]
    if not held:
        return None
    day = 86_400 * 10**9
    times = [close.time for one in held for close in one.path] + [one.ended for one in held if one.ended is not None]
    dates = np.arange((min(times) - 1) // day, (max(times) - 1) // day + 2) * day
    moments = dates + day
    plain, is_held = np.zeros(len(dates)), np.zeros(len(dates), dtype=bool)
    for one in held:
        known = [close for close in one.path if math.isfinite(close.profit)]
        assert one.position is not None
        stamps = [close.time for close in known] + ([one.ended] if one.ended is not None else [])
        values = [close.profit for close in known] + ([net_money(one)] if one.ended is not None else [])
        order = np.argsort(stamps, kind="stable")
        at = np.searchsorted(np.array(stamps, dtype=np.int64)[order], moments, side="right")
        plain += np.concatenate([[0.0], np.array(values)[order]])[at]
        last = one.ended if one.ended is not None else int(moments[-1])
        is_held |= (moments >= one.path[0].time) & (dates < last)
    hedge = np.zeros(len(dates))
    for name, found in hedges.items():
        still = [one.path[-1].time for one in held if one.ended is None and one.trade.contract.underlying == name]
        # an open position counts at its last mark, and so does its hedge
        until = np.minimum(moments, max(still)) if still else moments
        hedge += found.profit_at(until, np.array([market.spot(name, int(moment)) for moment in until]))
    return HedgedBook(dates, plain, hedge, is_held)


def hedge_frame(hedges: dict[str, Hedge]) -> pd.DataFrame:
    """Return the content of ``hedge.csv``: one row per trade of an underlying."""
    rows = [trade for found in hedges.values() for trade in found.trades]
    table = pd.DataFrame(rows, columns=list(HedgeTrade._fields)).rename(columns={"time": "bar_time"})
    table["bar_time"] = pd.to_datetime(np.asarray(table["bar_time"], dtype=np.int64), utc=True, unit="ns")
    return table.sort_values(["bar_time", "underlying"], kind="stable", ignore_index=True)
