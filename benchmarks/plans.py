"""Adding to a position against not adding, after costs, on the sample's shares and on driftless walks.

The plans were written down before any result was seen, and none is tuned. All share the entries, the exit (initial
stop 2 ATR, trail 4 ATR, time stop 60 bars) and the costs (2 + 3 basis points). R divides by the planned risk of each
plan, so equal R is equal profit for the money at risk. With --market, the same on other real markets (the data of
benchmarks/real_markets.py beside the project, or --data FOLDER) after their own costs, one line per market and entry.

    python benchmarks/plans.py
    python benchmarks/plans.py --market all
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution import simulate
from exitladder.plans.file import ladder_from_mapping
from exitladder.sample import load_sample_bars
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import mean_interval
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import place_trades

COSTS = {"commission_bps": 2.0, "slippage_bps": 3.0}
EXIT = {"rungs": [], "stop": {"initial": "2ATR", "trail": "4ATR", "time": 60}}
TURTLE = {"quantity": 1.0, "at": "0.5ATR", "spacing": "previous", "stop": "2ATR"}
PLANS: dict[str, list[dict[str, Any]]] = {
    "no adds": [],
    "pyramid, half an ATR apart": [TURTLE] * 3,
    "average, 0.5 and 1 ATR below": [{"quantity": 1.0, "at": "-0.5ATR"}, {"quantity": 1.0, "at": "-1ATR"}],
    "double, 0.5 and 1 ATR below": [{"quantity": 2.0, "at": "-0.5ATR"}, {"quantity": 4.0, "at": "-1ATR"}],
    "signal, in profit after 5 bars": [{"quantity": 1.0, "when": ["bars_held >= 5", "open_r >= 0.5"]}],
}
ENTRIES = ("donchian", "rsi_reversal", "random")
DAY = 86_400 * 10**9


def driftless(n: int = 20_000, seed: int = 1) -> BarSet:
    """Return daily bars of a driftless walk of eight steps a day."""
    steps = np.random.default_rng(seed).normal(0.0, 0.35, size=(n, 8)).cumsum(axis=1)
    close = 1_000 + np.cumsum(steps[:, -1])
    opened = np.concatenate([[1_000.0], close[:-1]])
    path = opened[:, None] + steps
    high, low = np.maximum(path.max(axis=1), opened), np.minimum(path.min(axis=1), opened)
    close = path[:, -1]
    return BarSet([Bars("walk", DAY, np.arange(n, dtype=np.int64) * DAY, opened, high, low, close)])


def rows(bars: BarSet, entry: str, costs: dict[str, float]) -> list[tuple[str, ...]]:
    """Return one row per plan: mean R, its interval, difference without adds in R, size, worst R."""
    placed = place_trades(make_trades(bars, entry), bars)
    found: list[tuple[str, ...]] = []
    alone = None
    for name, adds in PLANS.items():
        done = simulate(placed, ladder_from_mapping({**EXIT, "adds": adds, "costs": costs}))
        r = done.r
        alone = r if alone is None else alone
        time = placed.trades.entry_time
        mean = mean_interval(r, time=time, intervals=Intervals(n_bootstrap=1000))
        gain = mean_interval(r - alone, time=time, intervals=Intervals(n_bootstrap=1000))
        size = done.quantity_entered / np.where(done.quantity > 0, done.quantity, np.nan)
        won = float((r[np.isfinite(r)] > 0).mean())
        found.append(
            (
                name,
                f"{mean.value:+.3f} [{mean.low:+.3f}, {mean.high:+.3f}]",
                f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]" if adds else "",
                f"{won:.0%}",
                f"{np.nanmean(size):.2f}",
                f"{np.nanmin(r):+.2f}",
            )
        )
    return found


def line(bars: BarSet, entry: str, costs: dict[str, float]) -> tuple[str, ...] | None:
    """Return trades, mean R without adds, and the difference of each plan; None without entries."""
    trades = make_trades(bars, entry)
    if not len(trades):
        return None
    found = rows(bars, entry, costs)
    return f"{len(trades):,}", found[0][1], *(row[2] for row in found[1:])


def on_real_markets(names: list[str], data: Path) -> None:
    """Print a line per market and entry rule, and the driftless walk with and without costs at the end."""
    import scaling_out as study

    names = [*study.ALL_MARKETS] if names == ["all"] else names
    markets = [(name, bars, study.ALL_COSTS[name]) for name, bars in study.real(names, data).items()]
    walk = driftless(6_000)
    markets += [("driftless walk, costs", walk, tuple(COSTS.values())), ("driftless walk", walk, (0.0, 0.0))]
    plans = [name for name, adds in PLANS.items() if adds]
    print("| market, entry | trades | no adds, R per trade [95% CI] | " + " | ".join(plans) + " |")
    print("| --- " * (3 + len(plans)) + "|")
    for name, bars, costs in markets:
        for entry in ("donchian", "rsi_reversal"):
            found = line(bars, entry, dict(zip(COSTS, costs, strict=True)))
            if found is not None:
                print(f"| {name}, {entry} | " + " | ".join(found) + " |", flush=True)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    given = parser.parse_args()
    if given.market:
        on_real_markets(given.market, given.data)
        return 0
    sample = load_sample_bars()[0]
    markets = [(f"sample, {entry}", sample, entry, COSTS) for entry in ENTRIES]
    markets.append(("driftless walk, random, no costs", driftless(), "random", {}))
    for title, bars, entry, costs in markets:
        print(f"\n{title}, {len(make_trades(bars, entry)):,} trades\n")
        print("| plan | R per trade [95% CI] | minus no adds [95% CI] | wins | mean size | worst R |")
        print("| --- | --- | --- | --- | --- | --- |")
        for row in rows(bars, entry, costs):
            print("| " + " | ".join(row) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
