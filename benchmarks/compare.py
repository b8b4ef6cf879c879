"""Seconds that a comparison of many runs takes: synthetic runs of many trades, three fills each.

python benchmarks/compare.py --runs 10 --trades 10000
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from exitladder.pipelines.compare import compare
from exitladder.settings.tables import Settings


def write_runs(folder: Path, n_runs: int, n: int) -> list[str]:
    """Write runs of the same n entries under different exits, over eleven years; return their folders."""
    rng = np.random.default_rng(0)
    entry = pd.date_range("2012-01-02", periods=n, freq=pd.Timedelta(days=4000) / n, tz="UTC").floor("D")
    base, symbol = rng.normal(0.05, 1.2, n), rng.choice([f"S{k}" for k in range(30)], n)
    side = rng.choice(["long", "short"], n)
    ids = [f"T{k}" for k in range(n)]
    places = []
    for k in range(n_runs):
        r, held = base + rng.normal(0.02 * k, 0.5, n), rng.integers(1, 30, n)
        leaves = entry + pd.to_timedelta(held, unit="D")
        trades = pd.DataFrame(
            {
                "trade_id": ids, "symbol": symbol, "side": side, "status": "closed", "quantity": 10.0,
                "entry_time": entry.astype(str), "entry_price": 100.0, "risk": 2.0, "exit_time": leaves.astype(str),
                "pnl": 20 * r, "r": r, "mfe_r": np.maximum(r, 0) + 1, "bars_held": held,
            }
        )  # fmt: skip
        half = (entry + (leaves - entry) / 2).floor("D")
        parts = [(entry, "entry", 10.0, -0.005), (half, "rung", 5.0, r / 2), (leaves, "trail", 5.0, r / 2 + 0.005)]
        fills = pd.concat(
            pd.DataFrame(
                {"trade_id": ids, "bar_time": when.astype(str), "order": order, "quantity": quantity, "price": 100.0,
                 "commission": 0.1, "slippage": 0.0, "r": booked}
            )
            for when, order, quantity, booked in parts
        )  # fmt: skip
        place = folder / f"run{k}"
        place.mkdir()
        trades.to_csv(place / "trades.csv", index=False)
        fills.to_csv(place / "fills.csv", index=False)
        places.append(str(place))
    return places


def main() -> None:
    """Write the runs, compare them, and print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--trades", type=int, default=10_000)
    given = parser.parse_args()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        places = write_runs(Path(folder), given.runs, given.trades)
        wall, processor = time.perf_counter(), time.process_time()
        found = compare(places, Settings())
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{given.runs} runs of {given.trades:,} trades: {processor:.1f} processor seconds, {wall:.1f} s")
    print(f"pairs: {len(found['pairs'])}, measures each: {len(found['pairs'][0]['measures'])}")


if __name__ == "__main__":
    main()
