"""What a pair of trade and ladder costs as their numbers grow: 1,000 to 100,000 trades, 10 to 5,000 ladders.

    python benchmarks/curve.py [--rounds 3]

All sizes run in turns on one thread; reported are medians of processor nanoseconds per pair.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from engine import candidates, market

from exitladder.execution import simulate_many

SIZES = [(1_000, 500), (10_000, 500), (100_000, 500), (2_000, 10), (2_000, 50), (2_000, 500), (2_000, 5_000)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    placed = {n: market(n) for n in sorted({n for n, _ in SIZES})}
    ladders = {step: candidates(max(m for _, m in SIZES), step) for step in (0.25, 0.0)}
    taken: dict[tuple[int, int, float], list[float]] = {}
    for turn in range(options.rounds + 1):  # the first only compiles or loads
        for n, m in SIZES:
            for step, some in ladders.items():
                start = time.process_time()
                simulate_many(placed[n], some[:m], threads=1)
                if turn:
                    taken.setdefault((n, m, step), []).append((time.process_time() - start) / (n * m) * 1e9)
    print(f"{'trades':>8} {'ladders':>8} {'on steps, ns':>14} {'any value, ns':>14}")
    for n, m in SIZES:
        steps, values = (statistics.median(taken[n, m, step]) for step in (0.25, 0.0))
        print(f"{n:8,} {m:8,} {steps:14.1f} {values:14.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
