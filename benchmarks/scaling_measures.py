"""Differences between exits on the same entries, over several markets, from one resampling of calendar days.

Every market counts equally: a measure is taken in each market and averaged. A calendar day holds the trades of all
markets, so a day that moved all of them is drawn for all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.execution import ORDERS, Simulation, simulate, simulate_many
from exitladder.measures.marked_days import marked_days
from exitladder.pipelines.tuning.results import capital_in_r
from exitladder.plans.ladder import Ladder
from exitladder.statistics.drawdown import inside_units
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.metrics import max_drawdown_of_sum
from exitladder.statistics.paired_days.block_falls import block_falls
from exitladder.statistics.paired_days.days import DayResampling, PairedMeasure
from exitladder.trades.trades import Trades, place_trades

DAYS_PER_YEAR = 365.25
MEASURES = {
    "expectancy": "net R per trade",
    "per_bar": "net R per bar with the whole position open",
    "on_capital": "return on the capital in use, share per year",
    "sharpe": "annualised Sharpe ratio of the account marked daily",
    "drawdown": "log of the account's maximum drawdown in R",
    "equal_risk_drawdown": "log of that drawdown in daily standard deviations",
}


@dataclass(frozen=True)
class Market:
    """The trades of a market under each exit.

    Parameters
    ----------
    name : str
    day : int64 array, shape (n_trades,)
        Day of entry since 1970 UTC.
    net_r, gross_r : float64 array, shape (n_trades, n_ladders)
    bars, capital_days : float64 array, shape (n_trades, n_ladders)
        Bars in the market, and capital in R times days, each times the share of the position that is open.
    daily : float64 array, shape (n_ladders, n_days)
        Change of the account on each calendar day, 1R at risk per trade, open positions valued at the close.
    first_day : int
        Of `daily`.
    """

    name: str
    day: IntArray
    net_r: FloatArray
    gross_r: FloatArray
    bars: FloatArray
    capital_days: FloatArray
    daily: FloatArray
    first_day: int

    @property
    def last_day(self) -> int:
        """Last day of `daily`."""
        return self.first_day + self.daily.shape[1] - 1


def run_market(name: str, bars: BarSet, trades: Trades, ladders: Sequence[Ladder]) -> Market:
    """Return the trades of a market under each ladder; those that any of them skips are left out.

    Parameters
    ----------
    name : str
    bars : BarSet
    trades : Trades
        Without exits of their own.
    ladders : sequence of Ladder
        All with the same initial stop, which is the unit of R.

    Returns
    -------
    Market
    """
    placed = place_trades(trades, bars)
    free = [replace(ladder, costs=ladder.costs.times(0.0)) for ladder in ladders]
    gross_r = simulate_many(placed, free)
    runs = [simulate(placed, ladder) for ladder in ladders]
    kept = np.isfinite([run.r for run in runs]).all(axis=0)
    held = [_held(run) for run in runs]
    marked = [marked_days(run, np.ones(len(placed))).take(kept) for run in runs]
    first = min(int(each.first_day.min()) for each in marked)
    daily = [each.daily() for each in marked]
    table = np.zeros((len(ladders), max(map(len, daily))))
    for row, values in zip(table, daily, strict=True):
        row[: len(values)] = values
    capital = capital_in_r(placed, ladders[0])[kept, None]
    return Market(
        name,
        placed.trades.entry_time[kept] // DAY_NS,
        np.stack([run.r for run in runs], axis=1)[kept],
        gross_r[kept],
        np.stack([bars for bars, _ in held], axis=1)[kept],
        np.stack([days for _, days in held], axis=1)[kept] * capital,
        table,
        first,
    )


def _held(run: Simulation) -> tuple[FloatArray, FloatArray]:
    """Return bars and days in the market of each trade, of each part of the position by its share."""
    fills, placed = run.fills, run.placed
    sold = fills.order != ORDERS.index("entry")
    trade, bar = fills.trade[sold], fills.bar[sold]
    share = fills.quantity[sold] / run.quantity[trade]
    n_bars = np.maximum(bar - placed.first_bar[trade], 0) + 1
    days = (placed.bars.close_time[bar] - placed.trades.entry_time[trade]) / DAY_NS
    return np.bincount(trade, share * n_bars, len(run)), np.bincount(trade, share * days, len(run))


def levels(market: Market, k: int) -> dict[str, float]:
    """Return the measures of one exit in one market, with the cost per trade in R and the win rate."""
    r, daily = market.net_r[:, k], market.daily[k]
    found = {name: float(of) for name, of in _measures(_sums(market, k)).items()}
    fall = -max_drawdown_of_sum(daily)
    return found | {
        "drawdown": fall,
        "equal_risk_drawdown": fall / float(daily.std(ddof=1)),
        "cost": float((market.gross_r[:, k] - r).mean()),
        "win_rate": float((r > 0).mean()),
        "bars": float(market.bars[:, k].mean()),
    }


def compare(
    markets: Sequence[Market], candidate: int, baseline: int, intervals: Intervals = Intervals()
) -> dict[str, PairedMeasure]:
    """Return the mean difference of two exits over markets, by measure, with intervals by calendar day.

    Parameters
    ----------
    markets : sequence of Market
    candidate, baseline : int
        Columns of the two exits.
    intervals : Intervals

    Returns
    -------
    dict of str to PairedMeasure
        By the names of `MEASURES`. Drawdowns are positive logarithms: a difference of -0.1 is a drawdown about 10%
        smaller.
    """
    first = min(market.first_day for market in markets)
    n_days = max(market.last_day for market in markets) - first + 1
    pairs = {"c": candidate, "b": baseline}
    day = np.concatenate([market.day - first for market in markets])
    difference = np.concatenate([m.net_r[:, candidate] - m.net_r[:, baseline] for m in markets])
    booked = np.zeros(n_days)
    for market in markets:
        # Each account in units of its own risk, so that no market sets the length of the blocks alone.
        change = (market.daily[candidate] - market.daily[baseline]) / market.daily[baseline].std()
        booked[market.first_day - first : market.last_day - first + 1] += change
    days = DayResampling.of(day, difference, booked, intervals)
    values: dict[str, list[tuple[float, float, FloatArray]]] = {name: [] for name in MEASURES}
    for market in markets:
        for name, triple in _of_market(market, pairs, days, first).items():
            values[name].append(triple)
    found = {}
    for name, triples in values.items():
        own, other = (float(np.mean([triple[side] for triple in triples])) for side in (0, 1))
        found[name] = days.measure(own, other, np.mean([triple[2] for triple in triples], axis=0))
    return found


def _of_market(
    market: Market, pairs: Mapping[str, int], days: DayResampling, first: int
) -> dict[str, tuple[float, float, FloatArray]]:
    """Return each measure of both exits in a market, and the difference on each resample."""
    n_days = len(days.plan.unit)
    inside = slice(market.first_day - first, market.last_day - first + 1)
    columns, whole, series = {}, {}, {}
    for key, k in pairs.items():
        sums = _sums(market, k)
        whole[key] = sums
        per_trade = {"n": np.ones(len(market.day)), "r": market.net_r[:, k], "bars": market.bars[:, k],
                     "capital": market.capital_days[:, k]}  # fmt: skip
        for name, column in per_trade.items():
            columns[key + name] = np.bincount(market.day - first, column, n_days)
        series[key] = np.zeros(n_days)
        series[key][inside] = market.daily[k]
        present = np.zeros(n_days)
        present[inside] = 1.0
        columns |= {f"{key}days": present, f"{key}x": series[key], f"{key}xx": series[key] ** 2}
    drawn, _ = days.sums(columns)
    again = {key: _measures({name: drawn[key + name] for name in whole[key]}) for key in pairs}
    now = {key: _measures(whole[key]) for key in pairs}
    found = {
        name: (float(now["c"][name]), float(now["b"][name]), again["c"][name] - again["b"][name])
        for name in ("expectancy", "per_bar", "on_capital", "sharpe")
    }
    falls = {key: np.log(-block_falls(days.draws, inside_units(x, days.plan))) for key, x in series.items()}
    deepest = {key: float(np.log(-max_drawdown_of_sum(x))) for key, x in series.items()}
    found["drawdown"] = (deepest["c"], deepest["b"], falls["c"] - falls["b"])
    for key in pairs:
        falls[key] = falls[key] - np.log(again[key]["deviation"])
        deepest[key] -= float(np.log(now[key]["deviation"]))
    found["equal_risk_drawdown"] = (deepest["c"], deepest["b"], falls["c"] - falls["b"])
    return found


def _sums(market: Market, k: int) -> dict[str, FloatArray]:
    daily = market.daily[k]
    return {
        "n": np.array(len(market.day), dtype=np.float64), "r": market.net_r[:, k].sum(),
        "bars": market.bars[:, k].sum(), "capital": market.capital_days[:, k].sum(),
        "days": np.array(len(daily), dtype=np.float64), "x": daily.sum(), "xx": (daily**2).sum(),
    }  # fmt: skip


def _measures(s: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the measures that follow from sums: of all trades and days, or of each resample."""
    ratio: Callable[[str, str], FloatArray] = lambda over, under: s[over] / s[under]  # noqa: E731
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt((s["xx"] - s["x"] ** 2 / s["days"]) / (s["days"] - 1))
        return {
            "expectancy": ratio("r", "n"),
            "per_bar": ratio("r", "bars"),
            "on_capital": ratio("r", "capital") * DAYS_PER_YEAR,
            "sharpe": ratio("x", "days") / deviation * np.sqrt(DAYS_PER_YEAR),
            "deviation": deviation,
        }
