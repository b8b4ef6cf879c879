"""The market impact of fills, as a cost after the simulation (rules Q1, Q2 and Q4 of docs/design/liquidity.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.errors import SettingsError
from exitladder.execution import Simulation
from exitladder.execution.simulation import ORDERS
from exitladder.measures.exits.sessions import sessions_of
from exitladder.risk.impact import Almgren, PowerLaw
from exitladder.settings.impact import ImpactSettings

LARGE_ENTRY = 0.01
"""An entry above this share of a day's volume is counted: it would have moved its own price."""
_ENTRY, _MARK, _RUNG = (ORDERS.index(name) for name in ("entry", "mark", "rung"))


@dataclass(frozen=True)
class Impact:
    """The cost of impact.

    Parameters
    ----------
    r : list of float64 array, shape (n_trades,)
        By simulation: the cost of each trade in R, NaN if it is unknown or the trade was skipped.
    n_large_entries : int
        Entries above 1% of a day's volume.
    """

    r: list[FloatArray]
    n_large_entries: int


def impact_of(parts: Sequence[Simulation], settings: ImpactSettings) -> Impact:
    """Return the cost of impact of all fills together.

    Units of one symbol and side that trade on one day share their cost: slicing saves nothing under the square-root
    law. Market and stop orders pay; limit orders and entries only count as quantity.

    Parameters
    ----------
    parts : sequence of Simulation
        On the same bars.
    settings : ImpactSettings
        With a law.

    Returns
    -------
    Impact

    Raises
    ------
    SettingsError
        If a symbol has no volume, or the law lacks a number.
    """
    bars = parts[0].placed.bars
    _check(bars, parts, settings)
    days = _Days.of(bars, settings.window)
    rows = _Rows.of(parts, bars)
    cost = _square_root(rows, days, settings) if settings.law == "square_root" else _almgren(rows, days, settings)
    # a price never falls below 0
    cost = np.where(rows.is_sale, np.minimum(cost, rows.price * rows.quantity), cost)
    cost = np.where(rows.pays, cost, 0.0)
    with np.errstate(invalid="ignore"):
        large = (rows.order == _ENTRY) & (rows.quantity > LARGE_ENTRY * days.volume[rows.bar])
    found = []
    for k, part in enumerate(parts):
        base = part.risk * part.quantity if part.growth is None else part.planned
        mine = rows.part == k
        total = np.bincount(rows.trade[mine], cost[mine], minlength=len(part))
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(np.where(np.isfinite(part.r), total / base, np.nan))
    return Impact(found, int(large.sum()))


def _check(bars: BarSet, parts: Sequence[Simulation], settings: ImpactSettings) -> None:
    held = sorted({str(symbol) for part in parts for symbol in part.placed.trades.symbol})
    for symbol in held:
        volume = bars[symbol].volume
        if volume is None or not np.nansum(volume) > 0:
            raise SettingsError(
                f"Impact needs volumes, but the bars of '{symbol}' have none. Set impact.law=none, or bring bars with "
                "volume."
            )
    if any(part.money is not None and part.money.coin_gross is not None for part in parts):
        raise SettingsError("Impact cannot be computed for coin-margined contracts. Set impact.law=none.")
    if settings.law == "almgren" and not settings.turnover_days > 0:
        raise SettingsError(
            "Almgren's law needs the shares outstanding, but impact.turnover_days is 0. Set it to the shares "
            "outstanding over a day's volume, such as 200; it enters with the power 1/4."
        )


@dataclass(frozen=True)
class _Days:
    """By bar: mean volume and volatility of the closed days before its day, the day, and a bar's share of it.

    Days are the sessions of each symbol on its exchange's clock.
    """

    volume: FloatArray
    volatility: FloatArray
    day: IntArray
    length: FloatArray

    @classmethod
    def of(cls, bars: BarSet, window: int) -> _Days:
        volume, volatility = np.full(bars.n_bars, np.nan), np.full(bars.n_bars, np.nan)
        length = np.ones(bars.n_bars)
        day = sessions_of(bars).number
        for k in range(len(bars.symbols)):
            low, high = int(bars.start[k]), int(bars.start[k + 1])
            if high == low:
                continue
            own = day[low:high]
            first = np.flatnonzero(np.concatenate([[True], own[1:] != own[:-1]]))
            counts = np.diff(np.append(first, high - low))
            of_day = np.add.reduceat(np.nan_to_num(bars.volume[low:high]), first)
            close = bars.close[low:high][first + counts - 1]
            mean, deviation = np.full(len(first), np.nan), np.full(len(first), np.nan)
            moves = close[1:] / close[:-1] - 1
            for d in range(window + 1, len(first)):
                mean[d] = of_day[d - window : d].mean()
                deviation[d] = moves[d - window - 1 : d - 1].std(ddof=1)
            mean[mean <= 0] = np.nan
            volume[low:high], volatility[low:high] = np.repeat(mean, counts), np.repeat(deviation, counts)
            length[low:high] = 1 / np.median(counts)
        return cls(volume, volatility, day, np.minimum(length, 1.0))


@dataclass(frozen=True)
class _Rows:
    """Fills of all simulations, without marks."""

    part: IntArray
    trade: IntArray
    bar: IntArray
    order: IntArray
    quantity: FloatArray
    price: FloatArray
    is_sale: BoolArray
    pays: BoolArray
    symbol: IntArray

    @classmethod
    def of(cls, parts: Sequence[Simulation], bars: BarSet) -> _Rows:
        columns: dict[str, list[Any]] = {name: [] for name in cls.__dataclass_fields__}
        for k, part in enumerate(parts):
            fills = part.fills
            kept = fills.order != _MARK
            columns["part"].append(np.full(int(kept.sum()), k))
            for name in ("trade", "bar", "order", "quantity", "price"):
                columns[name].append(getattr(fills, name)[kept])
            columns["is_sale"].append(fills.side[kept] < 0)
            columns["pays"].append(_pays(part, kept))
            columns["symbol"].append(np.searchsorted(bars.start, fills.bar[kept], side="right") - 1)
        return cls(**{name: np.concatenate(values) for name, values in columns.items()})

    def together(self, *, by: IntArray) -> tuple[IntArray, FloatArray, FloatArray]:
        """Return an order of the rows, and the quantity of their group before and after each of them in that order."""
        order = np.lexsort((np.arange(len(self.bar)), self.bar, self.is_sale, by, self.symbol))
        key = np.stack([self.symbol, by, self.is_sale.astype(np.int64)])[:, order]
        begins = np.concatenate([[True], (key[:, 1:] != key[:, :-1]).any(axis=0)]) if len(order) else np.empty(0, bool)
        total = np.cumsum(self.quantity[order])
        before_group = np.maximum.accumulate(np.where(begins, np.concatenate([[0.0], total[:-1]]), 0.0))
        after = total - before_group
        return order, after - self.quantity[order], after


def _pays(part: Simulation, kept: BoolArray) -> BoolArray:
    """Return whether each fill is a market or stop order after the entry.

    Fills do not say which add they are, so each add counts as a market order, the more expensive of both.
    """
    fills = part.fills
    order, rung, trade = fills.order[kept], fills.rung[kept], fills.trade[kept]
    # a level stated as a price is a limit order beyond the entry, and a stop order before it
    gained = part.placed.trades.side[trade] * (fills.price[kept] - part.placed.trades.entry_price[trade])
    waits = np.zeros(len(order), dtype=bool)
    for number, own in enumerate(part.ladder.rungs, start=1):
        if own.target is not None:
            rests = gained > 0 if own.target.unit == "price" else own.target.value > 0
            waits |= (order == _RUNG) & (rung == number) & rests
    return np.asarray((order != _ENTRY) & ~waits)


def _square_root(rows: _Rows, days: _Days, settings: ImpactSettings) -> FloatArray:
    law = PowerLaw(settings.prefactor, settings.exponent)
    order, before, after = rows.together(by=days.day[rows.bar])
    bar, price = rows.bar[order], rows.price[order]

    def total(quantity: FloatArray) -> FloatArray:
        return np.asarray(law.mean_cost(quantity, days.volume[bar], days.volatility[bar]) * quantity * price)

    cost = np.empty(len(order))
    cost[order] = total(after) - total(np.maximum(before, 0.0))
    return cost


def _almgren(rows: _Rows, days: _Days, settings: ImpactSettings) -> FloatArray:
    """Return half the permanent part of a day's quantity, and the temporary part of the quantity of a bar."""
    law = Almgren()
    order, before, after = rows.together(by=days.day[rows.bar])
    bar, price = rows.bar[order], rows.price[order]
    outstanding = settings.turnover_days * days.volume[bar]

    def lasting(quantity: FloatArray) -> FloatArray:
        parts = law.parts(quantity, days.volume[bar], days.volatility[bar], 1.0, outstanding)
        return np.asarray(parts[0] / 2 * quantity)

    cost = np.empty(len(order))
    cost[order] = (lasting(after) - lasting(np.maximum(before, 0.0))) * price
    in_bar = np.zeros(len(order))
    order, _, running = rows.together(by=rows.bar)
    key = np.stack([rows.symbol, rows.bar, rows.is_sale.astype(np.int64)])[:, order]
    ends = np.concatenate([(key[:, 1:] != key[:, :-1]).any(axis=0), [True]]) if len(order) else np.empty(0, bool)
    group = np.concatenate([[0], np.cumsum(ends)[:-1]]).astype(np.int64)
    in_bar[order] = running[ends][group]
    volume, sigma = days.volume[rows.bar], days.volatility[rows.bar]
    passing = law.parts(in_bar, volume, sigma, days.length[rows.bar], settings.turnover_days * volume)[1]
    return np.asarray(cost + passing * rows.quantity * rows.price)
