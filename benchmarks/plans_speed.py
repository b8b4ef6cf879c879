"""Speed of plans with adds against the same ladders without them, and equality of many plans with one by one.

    python benchmarks/plans_speed.py [--trades 5000] [--ladders 40] [--rounds 5] [--ladders-only]

The ladders are those of `benchmarks/engine.py` with parameters of any value: three rungs, break-even, trail and time
stop. Plans have the same exits and add to the position. All variants run in turns inside one process; times are
processor seconds on one thread, ratios medians of the ratios of neighbouring runs. `--ladders-only` leaves plans out,
so that the same command can be run in an earlier version. The exit code is 1 if any result differs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from engine import bars_walked, candidates, in_turns, market, one_by_one

from exitladder.execution import simulate, simulate_many
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades

GENERAL, ANY = "ladders, general kernel", "ladders, batch, any value"


def plans(ladders: list[Ladder]) -> dict[str, list[Ladder]]:
    """Return the same exits with adds, by kind of add."""
    from exitladder.plans.adds import Add, Size
    from exitladder.plans.units import Condition, Distance, Target

    below = tuple(Add(1.0, at=Target(-depth, "ATR")) for depth in (0.75, 1.5))
    beyond = (Add(1.0, at=Target(0.5, "ATR"), spacing="previous", stop=Distance(2.0, "ATR")),) * 3
    signal = (Add(1.0, when=(Condition("bars_held", ">=", 5.0), Condition("open_r", ">=", 0.5))),)
    far = (Add(1.0, at=Target(900.0, "R")),)
    return {
        "2 averaging adds": [replace(ladder, adds=below) for ladder in ladders],
        "3 pyramiding adds, stops follow": [replace(ladder, adds=beyond, size=Size(maximum=4.0)) for ladder in ladders],
        "1 signal add": [replace(ladder, adds=signal) for ladder in ladders],
        "1 add out of reach": [replace(ladder, adds=far) for ladder in ladders],
    }


def differ(placed: PlacedTrades, some: list[Ladder]) -> int:
    """Return how many pairs of some trades and plans differ by a bit between many at once and one by one."""
    part = placed.take(np.arange(min(len(placed), 1_000)))
    many = simulate_many(part, some)
    alone = np.stack([simulate(part, ladder).r for ladder in some], axis=1)
    return int((~((many == alone) | (np.isnan(many) & np.isnan(alone)))).sum())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=5_000)
    parser.add_argument("--ladders", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ladders-only", action="store_true")
    options = parser.parse_args()
    placed, ladders = market(options.trades), candidates(options.ladders, 0.0)
    kinds = {} if options.ladders_only else plans(ladders)
    ways: dict[str, Callable[[], object]] = {
        ANY: lambda: simulate_many(placed, ladders, threads=1),
        GENERAL: lambda: one_by_one(placed, ladders),
        "ladders, one by one, with fills": lambda: [simulate(placed, ladder) for ladder in ladders[:10]],
    }
    scale = dict.fromkeys(ways, options.ladders) | {"ladders, one by one, with fills": 10}
    walked = {ANY: bars_walked(placed, ladders)}
    for name, some in kinds.items():
        ways[f"plans, {name}"] = lambda some=some: simulate_many(placed, some, threads=1)  # type: ignore[misc]
        scale[f"plans, {name}"] = options.ladders
        walked[f"plans, {name}"] = bars_walked(placed, some)
    if kinds:
        first = kinds["2 averaging adds"][:10]
        ways["2 averaging adds, one by one, with fills"] = lambda: [simulate(placed, plan) for plan in first]
        scale["2 averaging adds, one by one, with fills"] = 10
    different = sum(differ(placed, some[:20]) for some in kinds.values())
    taken = in_turns(ways, options.rounds)
    per_pair = {name: [t / (scale[name] * options.trades) * 1e9 for t, _ in times] for name, times in taken.items()}
    print(f"{options.trades} trades x {options.ladders} ladders; pairs that differ: {different}")
    print(f"{'':42} {'ns/pair':>8} {'bars/pair':>10} {'x general':>10} {'x batch':>8}")
    for name, found in per_pair.items():
        ratios = [
            statistics.median(own / other for own, other in zip(found, per_pair[against], strict=True))
            for against in (GENERAL, ANY)
        ]
        bars = f"{walked[name]:10.1f}" if name in walked else " " * 10
        print(f"{name:42} {statistics.median(found):8.0f} {bars} {ratios[0]:10.2f} {ratios[1]:8.2f}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
