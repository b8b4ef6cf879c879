"""A generated market with a planted exhaustion: trends that mostly end after a climax of volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.bars.bars import Bars, BarSet

HOUR = 3_600 * 10**9
START = 1_577_836_800 * 10**9  # 2020-01-01, UTC
SYMBOLS = ("PLANT-A", "PLANT-B", "PLANT-C", "PLANT-D", "PLANT-E", "PLANT-F")


@dataclass(frozen=True)
class PlantedMarket:
    """The rules of the generated market; prices move in steps of `sigma` per bar.

    Each cycle has `calm` bars without drift, then a trend of `trend` sigma per bar that ends at an unknown bar: with
    the chance `end_by_climax` after a bar of climax volume, and with the chance `end_quietly` after any other. Then
    the market gives the trend back at `after` sigma per bar, and has no drift until the next cycle.

    Parameters
    ----------
    calm, cycle : int
        Bars before the trend, and bars of a whole cycle.
    n_cycles : int
        Cycles per symbol.
    sigma : float
        Standard deviation of a bar's log return.
    trend, after : float
        Drift per bar in sigma, before and after the end of the trend.
    climax, end_by_climax, end_quietly : float
        Chances per bar of a trend.
    stop : float
        Distance of the initial stop from the entry, in sigma: 1R.
    """

    calm: int = 25
    cycle: int = 90
    n_cycles: int = 75
    sigma: float = 0.006
    trend: float = 0.25
    after: float = -0.4
    climax: float = 0.045
    end_by_climax: float = 0.9
    end_quietly: float = 0.002
    stop: float = 6.0


def planted_market(rules: PlantedMarket | None = None, seed: int = 7) -> tuple[BarSet, pd.DataFrame]:
    """Return the hourly bars of a generated market, and a long trade at the start of each trend.

    Parameters
    ----------
    rules : PlantedMarket, optional
    seed : int
        The same seed gives the same market.

    Returns
    -------
    bars : BarSet
    trades : DataFrame
        With the columns of a trades file: entered at the open of the trend's first bar, without exits.

    Examples
    --------
    >>> bars, trades = planted_market(PlantedMarket(n_cycles=2))
    >>> len(bars), len(trades), bool((bars.high >= bars.close).all())
    (6, 12, True)
    """
    rules = rules or PlantedMarket()
    rng = np.random.default_rng(seed)
    bars = BarSet(_symbol(rules, name, rng) for name in SYMBOLS)
    return bars, _trades(rules, bars)


def _symbol(rules: PlantedMarket, name: str, rng: np.random.Generator) -> Bars:
    n = rules.cycle * rules.n_cycles
    climax = rng.random(n) < rules.climax
    drift = np.zeros(n)
    for first in range(0, n, rules.cycle):
        begin, end = first + rules.calm, first + rules.cycle
        chance = np.where(climax[begin:end], rules.end_by_climax, rules.end_quietly)
        ended = np.flatnonzero(rng.random(end - begin) < chance)
        last = begin + int(ended[0]) if len(ended) else end - 1
        drift[begin : last + 1] = rules.trend
        n_back = round((last + 1 - begin) * rules.trend / -rules.after)
        drift[last + 1 : min(last + 1 + n_back, end)] = rules.after
    move = drift + rng.standard_normal(n)
    level = np.cumsum(move)
    before = level - move
    # the highest and lowest point of a Brownian bridge over the bar
    reach = np.sqrt(move**2 - 2 * np.log(rng.random((2, n))))
    volume = np.round(1_000 * np.exp(rng.normal(0, 0.3, n)) * np.where(climax, 5.0, 1.0))
    prices = (before, before + (move + reach[0]) / 2, before + (move - reach[1]) / 2, level)
    open_, high, low, close = (np.round(100 * np.exp(rules.sigma * price), 4) for price in prices)
    return Bars(name, HOUR, START + np.arange(n) * HOUR, open_, high, low, close, volume)


def _trades(rules: PlantedMarket, bars: BarSet) -> pd.DataFrame:
    entry = np.concatenate(
        [int(first) + np.arange(rules.calm, rules.cycle * rules.n_cycles, rules.cycle) for first in bars.start[:-1]]
    )
    entry = entry[np.argsort(bars.time[entry], kind="stable")]
    symbol = np.searchsorted(bars.start, entry, side="right") - 1
    return pd.DataFrame(
        {
            "trade_id": [f"P{k + 1:04d}" for k in range(len(entry))],
            "symbol": [bars.symbols[k] for k in symbol],
            "side": "long",
            "entry_time": pd.to_datetime(bars.time[entry], utc=True),
            "entry_price": bars.open[entry],
            "quantity": 100.0,
            "stop_price": np.round(bars.open[entry] * np.exp(-rules.sigma * rules.stop), 4),
        }
    )
