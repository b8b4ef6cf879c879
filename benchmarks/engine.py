"""Speed of the execution engine, and equality of its fast and general kernels.

    python benchmarks/engine.py [--trades 10000] [--ladders 500] [--rounds 7]

Prints a table of medians. The variants run in turns inside one process, so that their ratios are meaningful on a busy
machine; times are processor seconds on one thread unless threads are given, "system" is the share of the operating
system, spent on new memory. Bars walked are counted from the first to that of the last fill, under every 25th ladder.
The exit code is 1 if any result differs.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.execution import STATUS, simulate, simulate_many, simulate_moments
from exitladder.execution.batch import grouping as batch
from exitladder.execution.many_ladders import Outcomes, simulate_outcomes
from exitladder.execution.signals import Signals
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance, Target
from exitladder.trades.trades import PlacedTrades, Trades, place_trades

HOUR = 3_600 * 10**9


def market(n_trades: int, n_symbols: int = 100, n_bars: int = 5_000, seed: int = 0) -> PlacedTrades:
    """Random walks with gaps, and trades at random opens on both sides."""
    rng = np.random.default_rng(seed)
    bars = []
    for k in range(n_symbols):
        gap = rng.normal(0, 0.003, n_bars)
        moves = np.cumsum(rng.normal(0, 0.005, (n_bars, 4)), axis=1)
        opened = 100 * np.exp(np.cumsum(gap) + np.concatenate([[0], np.cumsum(moves[:-1, -1])]))
        path = opened[:, None] * np.exp(moves)
        high, low = np.maximum(opened, path.max(axis=1)), np.minimum(opened, path.min(axis=1))
        time_of = np.arange(n_bars, dtype=np.int64) * HOUR
        bars.append(Bars(f"S{k:03d}", HOUR, time_of, opened, high, low, np.ascontiguousarray(path[:, -1])))
    symbol, entry = rng.integers(0, n_symbols, n_trades), rng.integers(30, n_bars - 300, n_trades)
    none = np.full(n_trades, np.nan)
    trades = Trades(
        trade_id=np.array([f"T{i}" for i in range(n_trades)], dtype=object),
        symbol=np.array([f"S{k:03d}" for k in symbol], dtype=object),
        side=rng.choice([1, -1], n_trades).astype(np.int8),
        entry_time=entry * HOUR,
        entry_price=np.array([bars[k].open[t] for k, t in zip(symbol, entry, strict=True)]),
        quantity=np.full(n_trades, 100.0),
        stop_price=none,
        entry_at=np.full(n_trades, -1, dtype=np.int8),
        exit_time=np.full(n_trades, NO_TIME),
        exit_price=none,
        quantity_open=none,
        tag=np.array([""] * n_trades, dtype=object),
    )
    return place_trades(trades, BarSet(bars))


def candidates(n_ladders: int, step: float, seed: int = 1) -> list[Ladder]:
    """Three rungs, breakeven, trail and time stop; parameters on multiples of `step`, any value where it is 0."""
    rng = np.random.default_rng(seed)

    def draw(low: float, high: float) -> float:
        value = rng.uniform(low, high)
        return float(round(value / step) * step) if step else float(value)

    ladders = []
    for _ in range(n_ladders):
        levels = np.cumsum([draw(0.5, 3), max(draw(0.25, 3), 0.25), max(draw(0.25, 3), 0.25)])
        ladders.append(
            Ladder(
                rungs=tuple(Rung(0.25, Target(float(level), "R")) for level in levels),
                stop=Stop(
                    initial=Distance(3.0, "ATR"),
                    breakeven_after=1,
                    trail=Distance(draw(4, 10), "ATR"),
                    trail_after=1,
                    time=200,
                ),
                costs=Costs(commission_bps=2, slippage_bps=1),
            )
        )
    return ladders


@contextmanager
def without_batches() -> Iterator[None]:
    """Run the general kernel on every pair."""
    least, batch.LEAST_LADDERS = batch.LEAST_LADDERS, sys.maxsize
    try:
        yield
    finally:
        batch.LEAST_LADDERS = least


def one_by_one(placed: PlacedTrades, ladders: list[Ladder], signals: Signals | None = None) -> np.ndarray:
    with without_batches():
        return simulate_many(placed, ladders, signals, threads=1)


def outcomes_one_by_one(placed: PlacedTrades, ladders: list[Ladder]) -> Outcomes:
    with without_batches():
        return simulate_outcomes(placed, ladders, threads=1)


def in_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Run all ways in turns; return the processor seconds of every round, in all and of the system alone."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for way in ways.values():
        way()  # compiled or loaded now
    for _ in range(rounds):
        for name, way in ways.items():
            start, system = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_stime
            way()
            system = resource.getrusage(resource.RUSAGE_SELF).ru_stime - system
            taken[name].append((time.process_time() - start, system))
    return taken


def signals_of(placed: PlacedTrades, seed: int = 2) -> Signals:
    """A series without meaning, as a model's predictions would be: one value a bar and side."""
    long, short = np.random.default_rng(seed).uniform(size=(2, placed.bars.n_bars))
    return Signals.from_bars(placed, {"exhaustion": long}, {"exhaustion": short})


def with_signals(ladders: list[Ladder], step: float, seed: int = 4) -> list[Ladder]:
    """The same ladders with signal rungs second and third; thresholds on multiples of `step`, any value where 0."""
    rng = np.random.default_rng(seed)

    def draw(low: float, high: float) -> float:
        value = rng.uniform(low, high)
        return float(round(value / step) * step) if step else float(value)

    return [
        replace(
            ladder,
            rungs=(
                ladder.rungs[0],
                Rung(
                    0.25, None, (Condition("exhaustion", ">=", draw(0.7, 0.95)), Condition("open_r", ">=", draw(0, 1)))
                ),
                Rung(
                    0.25, None, (Condition("give_back_r", ">=", draw(0.5, 2)), Condition("mfe_r", ">=", draw(0.5, 2)))
                ),
            ),
        )
        for ladder in ladders
    ]


def with_slices(ladders: list[Ladder], step: float, seed: int = 5) -> list[Ladder]:
    """The same ladders with an own stop for the first rung and an own trail for the second, each with its target."""
    rng = np.random.default_rng(seed)

    def draw(low: float, high: float) -> float:
        value = rng.uniform(low, high)
        return float(max(round(value / step), 1) * step) if step else float(value)

    return [
        replace(
            ladder,
            rungs=(
                replace(ladder.rungs[0], stop=Distance(draw(0.25, 1.0), "R")),
                replace(ladder.rungs[1], trail=Distance(draw(2, 8), "ATR")),
                ladder.rungs[2],
            ),
        )
        for ladder in ladders
    ]


def by_clock(ladders: list[Ladder]) -> list[Ladder]:
    """The same ladders, out 48 hours after the entry."""
    return [replace(ladder, stop=replace(ladder.stop, time=None, hours=48.0)) for ladder in ladders]


def bars_walked(placed: PlacedTrades, ladders: list[Ladder]) -> float:
    """Mean number of bars from the first to that of the last fill, both counted, under every 25th ladder."""
    walked, pairs = 0, 0
    for ladder in ladders[::25]:
        found = simulate(placed, ladder)
        closed = found.status == STATUS.index("closed")
        walked += int(found.bars_held.sum() + closed.sum())  # the bar of the last fill is not counted as held
        pairs += int((found.status != STATUS.index("skipped")).sum())
    return walked / pairs


def check_equal(placed: PlacedTrades, ladders: list[Ladder], signals: Signals | None = None) -> int:
    """Compare batches with the general kernel on a part of the pairs; return how many differ by a bit."""
    part, some = placed.take(np.arange(min(len(placed), 1_000))), ladders[:100]
    given = None if signals is None else signals.take(np.arange(len(part)))
    fast, slow = simulate_many(part, some, given), one_by_one(part, some, given)
    single = simulate(part, some[0], given).r
    different = ~((fast == slow) | (np.isnan(fast) & np.isnan(slow)))
    return int(different.sum()) + int((~((single == slow[:, 0]) | np.isnan(single))).sum())


def check_outcomes(placed: PlacedTrades, ladders: list[Ladder], signals: Signals | None = None) -> int:
    """Return how many pairs differ by a bit in net r, last bar, fills or MFE, batches against the general kernel."""
    part, some = placed.take(np.arange(min(len(placed), 1_000))), ladders[:100]
    given = None if signals is None else signals.take(np.arange(len(part)))
    fast = simulate_outcomes(part, some, given)
    with without_batches():
        slow = simulate_outcomes(part, some, given)
    different = np.zeros(fast.net_r.shape, dtype=bool)
    for name in ("net_r", "last_bar", "n_fills", "mfe_r"):
        one, other = getattr(fast, name), getattr(slow, name)
        different |= ~((one == other) | (np.isnan(one) & np.isnan(other)))
    return int(different.sum())


def busy_seconds() -> float:
    """Processor seconds that all cores have spent on anything since the machine started; NaN where it does not tell."""
    try:
        user, nice, system, _, _, interrupt, soft, stolen = map(int, Path("/proc/stat").read_text().split()[1:9])
    except (OSError, ValueError):
        return float("nan")
    return (user + nice + system + interrupt + soft + stolen) / os.sysconf("SC_CLK_TCK")


def gain_of_threads(run: Callable[[int], object], rounds: int) -> str:
    """Say how many times as fast all threads are as one, in wall time, and how much of the cores others took.

    Every round runs one thread and all threads, three times each. Others can only lower the ratio, so that of the
    quarter of rounds with the least interference is reported next to that of all.
    """
    cores = os.cpu_count() or 1
    found = []
    for _ in range(rounds):
        walls, others = [], 0.0
        for threads in (1, 0):
            wall, busy, own = time.perf_counter(), busy_seconds(), time.process_time()
            for _ in range(3):
                run(threads)
            wall, busy, own = time.perf_counter() - wall, busy_seconds() - busy, time.process_time() - own
            walls.append(wall)
            others += max(0.0, busy - own)
        found.append((others / (cores * sum(walls)), walls[0] / walls[1]))
    found.sort()
    calm = found[: max(1, rounds // 4)]

    def result(some: list[tuple[float, float]]) -> str:
        ratio, share = statistics.median(r for _, r in some), statistics.median(s for s, _ in some)
        return f"{ratio:.2f} x while others took {share:.0%} of the cores"

    return f"all threads against one, wall time: {result(found)}; in the calmest quarter of rounds {result(calm)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--ladders", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    placed = market(options.trades)
    steps, any_value = candidates(options.ladders, 0.25), candidates(options.ladders, 0.0)
    few = steps[:20]
    read = signals_of(placed)
    own = {"on steps": with_slices(steps, 0.25), "of any value": with_slices(any_value, 0.0)}
    timed = by_clock(steps)
    worded = {"on steps": with_signals(steps, 0.05), "of any value": with_signals(any_value, 0.0)}
    print(
        f"{options.trades} trades x {options.ladders} ladders, at most 200 bars; bars walked per pair: "
        f"{bars_walked(placed, steps):.1f} on steps, {bars_walked(placed, any_value):.1f} any value"
    )

    different = sum(check_equal(placed, some) for some in (steps, any_value))
    different += sum(check_equal(placed, some, read) for some in worded.values())
    different += sum(check_equal(placed, some) for some in (*own.values(), timed))
    print(f"pairs that differ between batches and one by one: {different} of 700,000")

    different += (
        found := sum(check_outcomes(placed, some) for some in (steps, any_value))
        + sum(check_outcomes(placed, some, read) for some in worded.values())
        + sum(check_outcomes(placed, some) for some in (*own.values(), timed))
    )
    print(f"the same with ends, fills and MFE: {found} of 700,000")

    # First, because what is measured is how far the greatest memory so far grows.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    moments = simulate_moments(placed, steps)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"moments of all ladders: {time.perf_counter() - start:.2f} s, {(after - before) / 1024:.0f} MB more memory, "
        f"best mean {np.nanmax(moments.mean_r):+.4f} R"
    )

    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "batch, parameters on steps": (options.ladders, lambda: simulate_many(placed, steps, threads=1)),
        "batch, parameters of any value": (options.ladders, lambda: simulate_many(placed, any_value, threads=1)),
        "batch, 2 signal rungs on steps": (
            options.ladders,
            lambda: simulate_many(placed, worded["on steps"], read, threads=1),
        ),
        "batch, 2 signal rungs of any value": (
            options.ladders,
            lambda: simulate_many(placed, worded["of any value"], read, threads=1),
        ),
        "on steps, with ends, fills and MFE": (
            options.ladders,
            lambda: simulate_outcomes(placed, steps, threads=1),
        ),
        "any value, with ends, fills and MFE": (
            options.ladders,
            lambda: simulate_outcomes(placed, any_value, threads=1),
        ),
        "signal rungs on steps, with all that": (
            options.ladders,
            lambda: simulate_outcomes(placed, worded["on steps"], read, threads=1),
        ),
        "batch, 2 slices on steps": (options.ladders, lambda: simulate_many(placed, own["on steps"], threads=1)),
        "batch, 2 slices of any value": (
            options.ladders,
            lambda: simulate_many(placed, own["of any value"], threads=1),
        ),
        "batch, on steps, out after 48 hours": (options.ladders, lambda: simulate_many(placed, timed, threads=1)),
        "one by one, 20 ladders": (20, lambda: one_by_one(placed, few)),
        "one by one with 2 signal rungs": (20, lambda: one_by_one(placed, worded["on steps"][:20], read)),
        "one by one with 2 slices": (20, lambda: one_by_one(placed, own["on steps"][:20])),
        "one by one, out after 48 hours": (20, lambda: one_by_one(placed, timed[:20])),
        "one by one with ends, fills and MFE": (20, lambda: outcomes_one_by_one(placed, few)),
        "one ladder with fills written down": (1, lambda: simulate(placed, steps[0])),
    }
    taken = in_turns({name: way for name, (_, way) in ways.items()}, options.rounds)
    per_pair = {name: [t / (ways[name][0] * options.trades) * 1e9 for t, _ in times] for name, times in taken.items()}
    print(f"{'':38} {'ms':>8} {'system':>8} {'ns/pair':>8} {'one by one is':>14}")
    for name, times in taken.items():
        ratios = [slow / fast for slow, fast in zip(per_pair["one by one, 20 ladders"], per_pair[name], strict=True)]
        print(
            f"{name:38} {statistics.median(t for t, _ in times) * 1e3:8.1f} "
            f"{statistics.median(s / t for t, s in times):8.0%} {statistics.median(per_pair[name]):8.1f} "
            f"{statistics.median(ratios):12.1f} x"
        )
    signal_ratio = statistics.median(
        two / none
        for two, none in zip(
            per_pair["batch, 2 signal rungs of any value"], per_pair["batch, parameters of any value"], strict=True
        )
    )
    print(f"2 signal rungs against none, parameters of any value: {signal_ratio:.2f} x")
    print(gain_of_threads(lambda threads: simulate_many(placed, steps, threads=threads), 3 * options.rounds))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
