"""Scaling out against closing everything at once, after costs, on the same entries of real markets.

The exits were written down before any result was seen, and none is tuned. All share the entries, the initial stop of
2 ATR and the costs. "3 exits" sells a third at 1R, a third at 2R, and trails the last third at 3 ATR from the best
price; that trail covers the whole position from the entry. Entries: Donchian breakouts of 20 bars, pullbacks (RSI(5)
comes back above 30, or below 70 for a short) and random ones. Markets whose data are absent are skipped with the
reason. Two more tables show the same differences before costs, and on driftless markets without costs, in which
every exit earns zero on average.

    python benchmarks/scaling_out.py [--market NAME ...] [--data FOLDER] [--intrabar target_first] [--picture FILE]
    python benchmarks/scaling_out.py --control            # driftless markets only; needs no data
    python benchmarks/scaling_out.py --false-alarms 40    # how often the control finds a difference that is not there
    python benchmarks/scaling_out.py --model sample nse   # is a model worth it; trains one model per market and entry
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from null_markets import volatilities
from real_markets import DATA, MARKETS, line_of, measure
from scaling_measures import Market, compare, levels, run_market
from tuned_markets import COSTS

from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.reading import read_bars
from exitladder.clock import DAY_NS
from exitladder.errors import ExitladderError
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Execution, Ladder, Rung, Stop
from exitladder.plans.units import Distance, Target
from exitladder.settings.loading import load_settings
from exitladder.statistics.comparison import holm
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.paired_days.days import PairedMeasure
from exitladder.trades.entries import make_trades


def etfs(data: Path) -> BarSet:
    """Return seven funds, daily: US and foreign shares, bonds, real estate, gold, gold miners, commodities."""
    names = ("DBC", "GDX", "GLD", "IEF", "VEU", "VNQ", "VTI")
    return BarSet([read_bars(data / "yahoo-etf" / f"{s}-1d.parquet")[0][s] for s in names])


def oanda(data: Path) -> BarSet:
    """Return gold and the euro in dollars, hourly."""
    return BarSet([read_bars(data / "lean-oanda" / f"{s}-1h.parquet")[0][s] for s in ("EURUSD", "XAUUSD")])


ALL_MARKETS: dict[str, Callable[[Path], BarSet]] = {**MARKETS, "etf-1d": etfs, "oanda-1h": oanda}
# Commission and slippage of a small account, basis points a fill; slippage is not paid by limit orders.
ALL_COSTS = {**COSTS, "etf-1d": (2.0, 3.0), "oanda-1h": (0.3, 0.7)}
ENTRIES = {"breakout": "donchian", "pullback": "rsi_reversal", "random": "random"}
TRAIL = Stop(initial=Distance(2.0, "ATR"), trail=Distance(3.0, "ATR"))
NAMES = (
    "trailing stop", "target 2R", "2 exits", "3 exits", "4 exits", "3 exits, breakeven", "25/25/50, breakeven",
)  # fmt: skip
TRAILING, TARGET, TWO, THREE, FOUR, BREAKEVEN, CLASSIC = range(len(NAMES))
# The questions, as candidate and baseline, and the measures that are tested.
QUESTIONS = {
    "3 exits − trailing stop": (THREE, TRAILING),
    "3 exits − target 2R": (THREE, TARGET),
    "2 exits − 3 exits": (TWO, THREE),
    "4 exits − 3 exits": (FOUR, THREE),
    "breakeven after the first − not": (BREAKEVEN, THREE),
    "25/25/50, breakeven − trailing stop": (CLASSIC, TRAILING),
}
TESTED = ("sharpe", "expectancy", "equal_risk_drawdown")
# So many that a p-value can be small enough after the correction.
RESAMPLES = 5_000
N_CONTROLS, CONTROL_SYMBOLS, CONTROL_BARS, CONTROL_SD = 8, 5, 2_500, 0.015


def ladders_of(costs: Costs, intrabar: str = "stop_first") -> list[Ladder]:
    """Return the exits in the order of `NAMES`."""

    def ladder(name: str, rungs: Sequence[tuple[float, float]], stop: Stop) -> Ladder:
        found = tuple(Rung(fraction, Target(r, "R")) for fraction, r in rungs)
        return Ladder(name=name, rungs=found, stop=stop, costs=costs, execution=Execution(intrabar=intrabar))

    thirds = [(1 / 3, 1.0), (1 / 3, 2.0)]
    plans: list[tuple[Sequence[tuple[float, float]], Stop]] = [
        ([], TRAIL),
        ([(1.0, 2.0)], Stop(initial=TRAIL.initial)),
        ([(1 / 2, 1.0)], TRAIL),
        (thirds, TRAIL),
        ([(1 / 4, 1.0), (1 / 4, 2.0), (1 / 4, 3.0)], TRAIL),
        (thirds, replace(TRAIL, breakeven_after=1)),
        ([(0.25, 1.0), (0.25, 2.0)], replace(TRAIL, breakeven_after=1, trail_after=1)),
    ]
    return [ladder(name, *plan) for name, plan in zip(NAMES, plans, strict=True)]


def driftless(seed: int, n_symbols: int = CONTROL_SYMBOLS, n_bars: int = CONTROL_BARS) -> BarSet:
    """Return daily bars of martingales: GARCH(1, 1) volatility, Brownian inside each bar, no drift of the price."""
    found = []
    for symbol in range(n_symbols):
        rng = np.random.default_rng([17, seed, symbol])
        shocks = rng.standard_normal(n_bars)
        sd = CONTROL_SD * volatilities("garch", shocks, rng)
        close = np.cumsum(sd * shocks - sd**2 / 2)
        opened = np.concatenate([[0.0], close[:-1]])
        turns = [np.sqrt((close - opened) ** 2 + 2 * sd**2 * rng.standard_exponential(n_bars)) for _ in "hl"]
        columns = (opened, (opened + close + turns[0]) / 2, (opened + close - turns[1]) / 2, close)
        prices = [100 * np.exp(column) for column in columns]
        stamps = (np.arange(n_bars, dtype=np.int64) + 10_957) * DAY_NS
        found.append(Bars(f"W{symbol}", DAY_NS, stamps, *prices, np.ones(n_bars)))
    return BarSet(found)


def run_all(
    markets: dict[str, BarSet], costs: dict[str, tuple[float, float]], intrabar: str = "stop_first"
) -> dict[str, list[Market]]:
    """Return every market under every exit, by entry style.

    Parameters
    ----------
    markets : dict of str to BarSet
    costs : dict of str to tuple of float
        Commission and slippage in basis points; a market that is not in it has none.
    intrabar : str
        Which price of a bar is assumed to come first; see `Execution`.

    Returns
    -------
    dict of str to list of Market
    """
    found: dict[str, list[Market]] = {entry: [] for entry in ENTRIES}
    for name, bars in markets.items():
        commission, slippage = costs.get(name, (0.0, 0.0))
        ladders = ladders_of(Costs(commission_bps=commission, slippage_bps=slippage), intrabar)
        for entry, rule in ENTRIES.items():
            found[entry].append(run_market(name, bars, make_trades(bars, rule, lot=0.0), ladders))
    return found


def answers(runs: dict[str, list[Market]], intervals: Intervals) -> list[tuple[str, str, dict[str, PairedMeasure]]]:
    """Return the pooled differences: entry, question, and the difference by measure."""
    return [
        (entry, question, compare(markets, *pair, intervals))
        for entry, markets in runs.items()
        for question, pair in QUESTIONS.items()
    ]


def adjusted_p(found: list[tuple[str, str, dict[str, PairedMeasure]]]) -> list[dict[str, float]]:
    """Return the p-values of the tested measures after Holm's correction for all of them together."""
    p = holm([measures[name].p_value for _, _, measures in found for name in TESTED])
    return [dict(zip(TESTED, row, strict=True)) for row in p.reshape(-1, len(TESTED))]


def print_levels(runs: dict[str, list[Market]]) -> None:
    """Print each exit's measures, averaged over markets."""
    print("| entry | exit | R per trade | cost, R | win rate | R per bar, 1/1000 | return on capital per year "
          "| Sharpe | drawdown, R | full-size bars |")  # fmt: skip
    print("| --- |" + " --- |" * 9)
    for entry, markets in runs.items():
        for k, name in enumerate(NAMES):
            table = [levels(market, k) for market in markets]
            mean = {key: float(np.mean([row[key] for row in table])) for key in table[0]}
            row = (
                f"| {entry} | {name} | {mean['expectancy']:+.3f} | {mean['cost']:.3f} | {mean['win_rate']:.0%} "
                f"| {1e3 * mean['per_bar']:+.2f} | {mean['on_capital']:+.1%} | {mean['sharpe']:+.2f} "
                f"| {mean['drawdown']:,.0f} | {mean['bars']:.1f} |"
            )
            print(row.replace("-", "−"))
    print()


def print_answers(runs: dict[str, list[Market]], intervals: Intervals) -> None:
    """Print the pooled differences; an asterisk marks those that are significant after the correction."""
    found = answers(runs, intervals)
    print("| entry | question | Sharpe | R per trade | drawdown at equal risk | drawdown in R "
          "| R per bar, 1/1000 | return on capital per year |")  # fmt: skip
    print("| --- |" + " --- |" * 7)
    for (entry, question, one), p in zip(found, adjusted_p(found), strict=True):
        mark = {name: "\\*" if p[name] <= 0.05 else "" for name in TESTED}
        print(
            f"| {entry} | {question} | {_ends(one['sharpe'], 2)}{mark['sharpe']} "
            f"| {_ends(one['expectancy'], 3)}{mark['expectancy']} "
            f"| {_share(one['equal_risk_drawdown'])}{mark['equal_risk_drawdown']} | {_share(one['drawdown'])} "
            f"| {_ends(one['per_bar'], 2, 1e3)} | {_ends(one['on_capital'], 1, 1e2)}% |"
        )
    print(f"\n\\* p ≤ 0.05 after Holm's correction for {len(found) * len(TESTED)} tests.\n")


def print_markets(runs: dict[str, list[Market]], intervals: Intervals) -> None:
    """Print the Sharpe difference of three exits over both ways of closing everything at once, by market."""
    cells = []
    for entry, markets in runs.items():
        for market in markets:
            pair = [compare([market], THREE, baseline, intervals)["sharpe"] for baseline in (TRAILING, TARGET)]
            cells.append((entry, market, pair))
    p = holm([one.p_value for _, _, pair in cells for one in pair]).reshape(-1, 2)
    print("| entry | market | trades | R per trade: trailing stop, target 2R, 3 exits "
          "| Sharpe: 3 exits − trailing stop | 3 exits − target 2R |")  # fmt: skip
    print("| --- |" + " --- |" * 5)
    for (entry, market, pair), row in zip(cells, p, strict=True):
        own = ", ".join(f"{market.net_r[:, k].mean():+.3f}" for k in (TRAILING, TARGET, THREE)).replace("-", "−")
        marked = [_ends(one, 2) + ("\\*" if value <= 0.05 else "") for one, value in zip(pair, row, strict=True)]
        print(f"| {entry} | {market.name} | {len(market.day):,} | {own} | {marked[0]} | {marked[1]} |")
    print(f"\n\\* p ≤ 0.05 after Holm's correction for {p.size} tests.\n")


def _ends(one: PairedMeasure, digits: int, factor: float = 1.0) -> str:
    low, high = factor * one.low, factor * one.high
    return f"{factor * one.difference:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]".replace("-", "−")


def _share(one: PairedMeasure) -> str:
    """Return a difference of logarithms as a change in per cent."""
    value, low, high = (float(np.expm1(x)) for x in (one.difference, one.low, one.high))
    return f"{value:+.0%} [{low:+.0%}, {high:+.0%}]".replace("-", "−")


def real(names: Sequence[str], data: Path) -> dict[str, BarSet]:
    """Return the bars of the markets whose data are there, and say which are skipped."""
    found = {}
    for name in names:
        try:
            found[name] = ALL_MARKETS[name](data)
        except (OSError, ValueError, ExitladderError) as error:
            print(f"{name}: skipped ({error})\n")
    return found


def controls(seed: int, n: int = N_CONTROLS, n_bars: int = CONTROL_BARS) -> dict[str, BarSet]:
    """Return driftless markets."""
    return {f"driftless {k}": driftless(seed * 1_000 + k, n_bars=n_bars) for k in range(n)}


def false_alarms(n: int, intervals: Intervals) -> tuple[float, float]:
    """Return the share of tests with p ≤ 0.05 over control sets, and of sets with any left after the correction."""
    alone, family = [], []
    for seed in range(1, n + 1):
        found = answers(run_all(controls(seed), {}), intervals)
        # Sharpe and expectancy have no true difference here; drawdowns may.
        names = ("sharpe", "expectancy")
        p = [one[name].p_value for _, _, one in found for name in names]
        alone += [value <= 0.05 for value in p]
        family.append(bool((holm(p) <= 0.05).any()))
    return float(np.mean(alone)), float(np.mean(family))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", nargs="+", default=[*ALL_MARKETS], choices=[*ALL_MARKETS], metavar="NAME")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    parser.add_argument("--intrabar", default="stop_first", help="assumed order of prices inside a bar")
    parser.add_argument("--control", action="store_true", help="the driftless control only")
    parser.add_argument("--false-alarms", type=int, default=0, metavar="N", help="repeat the control so many times")
    parser.add_argument("--model", nargs="+", default=[], choices=[*ALL_MARKETS], metavar="NAME")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the Sharpe differences by market")
    args = parser.parse_args()
    intervals = Intervals(n_bootstrap=RESAMPLES)
    if args.false_alarms:
        alone, family = false_alarms(args.false_alarms, Intervals())
        print(f"{args.false_alarms} driftless sets: p ≤ 0.05 in {alone:.1%} of tests; "
              f"any after the correction in {family:.1%} of sets")  # fmt: skip
        return
    for name, bars in real(args.model, args.data).items():
        commission, slippage = ALL_COSTS[name]
        settings = load_settings(None, [f"costs.commission_bps={commission}", f"costs.slippage_bps={slippage}"])
        for entry, rule in ENTRIES.items():
            print(f"{entry:<9} {line_of(measure(name, bars, rule, settings))}", flush=True)
    if args.model:
        return
    if not args.control:
        markets = real(args.market, args.data)
        runs = run_all(markets, ALL_COSTS, args.intrabar)
        print("## Real markets, after costs\n")
        print_levels(runs)
        print_answers(runs, intervals)
        print_markets(runs, intervals)
        free = run_all(markets, {}, args.intrabar)
        print("## Real markets, before costs\n")
        print_answers(free, intervals)
        if args.picture:
            from scaling_picture import draw

            args.picture.write_bytes(draw(runs, free, (THREE, TRAILING), intervals))
    print("## Driftless control, without costs\n")
    runs = run_all(controls(0), {}, args.intrabar)
    print_levels(runs)
    print_answers(runs, intervals)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
