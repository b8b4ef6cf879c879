"""The same ladder by this package, vectorbt, backtesting.py and a plain Python loop: equal results, then the cost.

    python benchmarks/peers.py [--trades 10000] [--ladders 500] [--rounds 7]

The ladder: a stop at 4 ATR, a quarter sold at each of two multiples of R, breakeven after the first, an ATR trail armed
by it, a time stop of 200 bars, commission and slippage. Peers run a part of the pairs of trade and ladder, because what
a pair costs them does not fall with the number. Net r of every pair that a peer runs is compared with this package's.
Then all run in turns in one process on one thread; times are processor seconds, and making a peer's input is not in
its time. A peer that is not installed is left out with a notice:

    pip install vectorbt vectorbt-rust backtesting

Ends with code 1 if any result differs.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from engine import market
from peer_sample import Sample

from exitladder.arrays import FloatArray
from exitladder.bars.atr import atr_of_set
from exitladder.execution import simulate, simulate_many
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Distance, Target
from exitladder.trades.trades import place_trades

os.environ["TQDM_DISABLE"] = "1"  # read when tqdm loads: no bar a pair

MOST_BARS = 200
FREE_STOPS = Costs(commission_bps=2)
WITH_SLIPPAGE = Costs(commission_bps=2, slippage_bps=1)


def make_sample(n_trades: int, n_ladders: int, seed: int = 3) -> Sample:
    """Entries at opens of random markets, a stop 4 ATR away, ladders on steps of 0.25."""
    placed = market(n_trades)
    atr = atr_of_set(placed.bars)
    side, entry = placed.trades.side, placed.trades.entry_price
    risk = 4 * atr[placed.entry_bar - 1]
    placed = place_trades(replace(placed.trades, stop_price=entry - side * risk), placed.bars)
    rows = placed.entry_bar + np.arange(MOST_BARS + 1)[:, None]
    bars = placed.bars
    high, low = (np.where(side > 0, a[rows], -b[rows]) for a, b in ((bars.high, bars.low), (bars.low, bars.high)))
    rng = np.random.default_rng(seed)
    ladders = []
    for _ in range(n_ladders):
        first, second, trail = rng.integers(2, 13) / 4, rng.integers(1, 13) / 4, rng.integers(12, 41) / 4
        ladders.append(
            Ladder(
                rungs=(Rung(0.25, Target(float(first), "R")), Rung(0.25, Target(float(first + second), "R"))),
                stop=Stop(breakeven_after=1, trail=Distance(float(trail), "ATR"), trail_after=1, time=MOST_BARS),
                costs=WITH_SLIPPAGE,
            )
        )
    return Sample(
        placed, ladders, side * bars.open[rows], high, low, side * bars.close[rows], atr[rows],
        np.abs(entry - placed.trades.stop_price),
    )  # fmt: skip


def brackets(sample: Sample) -> Sample:
    """The same trades entered at the close, with one stop, one target and the time stop; no slippage.

    vectorbt's `from_signals` can do no more, and it looks for a stop from the bar after the entry on.
    """
    trades, bars = sample.placed.trades, sample.placed.bars
    price = bars.close[sample.placed.entry_bar]
    late = replace(
        trades, entry_price=price, entry_at=np.full(len(trades), 2, dtype=np.int8),
        stop_price=price - trades.side * sample.risk,
    )  # fmt: skip
    ladders = [
        Ladder(rungs=(Rung(1.0, ladder.rungs[0].target),), stop=Stop(time=MOST_BARS - 1), costs=FREE_STOPS)
        for ladder in sample.ladders
    ]
    return replace(sample, placed=place_trades(late, bars), ladders=ladders)


def plain_python(sample: Sample) -> FloatArray:
    """A loop over bars on lists of numbers, as one writes it first."""
    opens, highs, lows, atrs = (list(map(list, x.T)) for x in (sample.open, sample.high, sample.low, sample.atr))
    rate, slip = 2e-4, sample.ladders[0].costs.slippage_bps / 1e4
    out = np.empty((len(sample.placed), len(sample.ladders)))
    numbers = sample.numbers().tolist()
    for i, (o, h, lo, a) in enumerate(zip(opens, highs, lows, atrs, strict=True)):
        entry, risk = o[0], float(sample.risk[i])
        for m, (first, second, trail) in enumerate(numbers):
            targets = (entry + first * risk, entry + second * risk)
            stop, best, line = entry - risk, entry, -np.inf
            left, sold, cash, paid = 100.0, 0, 0.0, abs(entry) * 100 * rate
            for t in range(MOST_BARS + 1):
                price = None
                if t == MOST_BARS or o[t] <= stop:
                    price = o[t]
                else:
                    while t and sold < 2 and o[t] >= targets[sold]:
                        cash, paid = cash + o[t] * 25, paid + abs(o[t]) * 25 * rate
                        left, sold = left - 25, sold + 1
                    if lo[t] <= stop:
                        price = stop
                if price is not None:
                    price -= abs(price) * slip
                    cash, paid = cash + price * left, paid + abs(price) * left * rate
                    break
                while sold < 2 and h[t] >= targets[sold]:
                    cash, paid = cash + targets[sold] * 25, paid + abs(targets[sold]) * 25 * rate
                    left, sold = left - 25, sold + 1
                best = max(best, h[t])
                line = max(line, best - trail * a[t])
                if sold:
                    stop = max(stop, entry, line)
            out[i, m] = (cash - entry * 100 - paid) / (risk * 100)
    return out


def check(name: str, found: FloatArray, ours: FloatArray, tolerance: float = 1e-9) -> bool:
    """Print how many results agree; return whether all do."""
    away = np.abs(found - ours)
    differ = int((~(away <= tolerance)).sum())
    print(f"{name:44} {found.size - differ:7,} of {found.size:7,} equal, largest difference {np.nanmax(away):.1e}")
    return differ == 0


def own(sample: Sample) -> FloatArray:
    return np.asarray(simulate_many(sample.placed, sample.ladders, threads=1))


def installed(*names: str) -> bool:
    """Whether a peer is there; says so where it is not."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    for name in missing:
        print(f"{name} is not installed and left out (pip install {name.replace('_', '-')})")
    return not missing


def peers(sample: Sample, n_trades: int, n_ladders: int) -> dict[str, tuple[int, Callable[[], FloatArray], FloatArray]]:
    """Each peer that is there: how many pairs it runs, its run, and what this package finds on them."""
    part = sample.take(n_trades, n_ladders)
    ways: dict[str, tuple[int, Callable[[], FloatArray], FloatArray]] = {
        "plain Python loop on lists": (part.n_pairs, lambda: plain_python(part), own(part))
    }
    if installed("vectorbt"):
        from peer_vectorbt import FromOrderFunc, FromSignals

        held = np.column_stack([simulate(part.placed, ladder).bars_held for ladder in part.ladders])
        for name, known in (("vectorbt from_order_func", None), ("vectorbt from_order_func, ends known", held)):
            ways[name] = (part.n_pairs, FromOrderFunc(part, known), own(part))
        bracket = brackets(part)
        engines = ["numba"] + (["rust"] if installed("vectorbt_rust") else [])
        for engine in engines:
            name = f"vectorbt from_signals ({engine}), one target"
            ways[name] = (part.n_pairs, FromSignals(bracket, engine), own(bracket))
    if installed("backtesting"):
        from peer_backtesting import run_ladders

        few = sample.with_costs(FREE_STOPS).take(20, 5)
        ways["backtesting.py"] = (few.n_pairs, lambda: run_ladders(few), own(few))
    return ways


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--ladders", type=int, default=500)
    parser.add_argument("--peer-trades", type=int, default=200)
    parser.add_argument("--peer-ladders", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    sample = make_sample(options.trades, options.ladders)
    part = sample.take(options.peer_trades, options.peer_ladders)
    bracket = brackets(sample)
    found = peers(sample, options.peer_trades, options.peer_ladders)
    held = np.mean([simulate(part.placed, ladder).bars_held.mean() for ladder in part.ladders])
    versions = [f"{n} {__import__(n).__version__}" for n in ("numpy", "numba", "vectorbt", "backtesting") if _is(n)]
    print(f"{held:.0f} bars per pair on average; {', '.join(versions)}")
    same = [check(name, run(), ours) for name, (_, run, ours) in found.items()]

    first, small = (
        f"exitladder, {options.trades:,} x {options.ladders:,}",
        f"exitladder, the peers' {part.n_pairs:,} pairs",
    )
    runs: dict[str, tuple[int, Callable[[], FloatArray]]] = {
        first: (sample.n_pairs, lambda: own(sample)),
        "exitladder, one target, the same size": (sample.n_pairs, lambda: own(bracket)),
        small: (part.n_pairs, lambda: own(part)),
        **{name: (n, run) for name, (n, run, _) in found.items()},
    }
    cost: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, (n, run) in runs.items():
            start = time.process_time()
            run()
            cost[name].append((time.process_time() - start) / n)
    print(f"\n{'':44} {'pairs':>10} {'per pair':>12} {'times ours':>11}")
    for name, taken in cost.items():
        ratio = statistics.median(theirs / ours for theirs, ours in zip(taken, cost[first], strict=True))
        print(f"{name:44} {runs[name][0]:10,} {statistics.median(taken) * 1e9:9,.0f} ns {ratio:11,.1f}")
    return 0 if all(same) else 1


def _is(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


if __name__ == "__main__":
    sys.exit(main())
