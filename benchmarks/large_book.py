"""Time, processor time and memory of the commands on a large book, run as a user would.

Run ``python benchmarks/large_book.py [--symbols 500] [--bars 10000] [--trades 100000] [--folder FOLDER]``:
random walks, entries at random, own exits at random; `tune`, `backtest` and `score` with the default settings
and a commission, each a process of its own. ``--train`` trains a model first, which takes much longer, and
gives it to the others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

LADDER = """\
name = "three rungs"
rungs = [
    {fraction = 0.25, target = "1R"},
    {fraction = 0.25, target = "2R"},
    {fraction = 0.25, target = "3R"},
]
stop = {initial = "2ATR", breakeven_after = 1, trail = "3ATR", trail_after = 1, time = 100}
costs = {commission_bps = 2, slippage_bps = 1}
"""
REPLAYED = ["--since-entry", "--assume", "followed"]
COSTS = ["--set", "costs.commission_bps=3"]
WARM_UP, LONGEST = 200, 200
OPEN_SHARE = 0.01


def write_book(folder: Path, n_symbols: int, n_bars: int, n_trades: int, *, with_stops: bool = False) -> None:
    """Write ``bars.parquet``, ``trades.csv`` and ``open.csv``: the latest trades, which nobody has closed yet.

    With stops, trades also have quantities of their own.
    """
    rng = np.random.default_rng(0)
    stamps = pd.date_range("2020-01-01", periods=n_bars, freq="1h", tz="UTC")
    per_symbol = n_trades // n_symbols
    bars, trades = [], []
    for k in range(n_symbols):
        sd = 0.004 * np.exp(rng.normal(0, 0.3))
        close = 50 * np.exp(np.cumsum(rng.standard_t(4, n_bars) * sd / 1.4))
        opened = np.concatenate([[50.0], close[:-1]])
        reach = np.exp(np.abs(rng.normal(0, sd / 2, (2, n_bars))))
        high, low = np.maximum(opened, close) * reach[0], np.minimum(opened, close) / reach[1]
        volume = rng.integers(100, 10_000, n_bars).astype(float)
        symbol = f"S{k:04d}"
        bars.append(
            pd.DataFrame(
                {
                    "symbol": symbol, "timestamp": stamps, "open": opened, "high": high, "low": low, "close": close,
                    "volume": volume,
                }
            )
        )  # fmt: skip
        entry = np.sort(rng.choice(np.arange(WARM_UP, n_bars - LONGEST), per_symbol, replace=False))
        left = entry + rng.integers(3, 60, per_symbol)
        side = rng.choice(["long", "short"], per_symbol)
        sized: dict[str, object] = {"quantity": 1.0}
        if with_stops:
            away = np.where(side == "long", 1, -1) * 3 * sd
            quantity = rng.integers(1, 500, per_symbol).astype(float)
            sized = {"quantity": quantity, "stop_price": (1 - away) * opened[entry]}
        trades.append(
            pd.DataFrame(
                {
                    "trade_id": [f"{symbol}-{i}" for i in range(per_symbol)],
                    "symbol": symbol,
                    "side": side,
                    "entry_time": stamps[entry],
                    "entry_price": opened[entry],
                    **sized,
                    "exit_time": stamps[left],
                    "exit_price": opened[left],
                }
            )
        )
    pd.concat(bars).to_parquet(folder / "bars.parquet")
    book = pd.concat(trades)
    book.to_csv(folder / "trades.csv", index=False)
    latest = book.sort_values("entry_time").tail(max(1, int(OPEN_SHARE * len(book))))
    latest.drop(columns=["exit_time", "exit_price"]).to_csv(folder / "open.csv", index=False)


def run(folder: Path, *command: str) -> str:
    """Run a command in the folder, print its resource use, and return its output."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as result:
        process = subprocess.Popen(
            [sys.executable, "-m", "exitladder", *command], cwd=folder, stdout=result, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        errors = process.stderr.read()
        # Asked for here, as only this tells what one process took.
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"`exitladder {' '.join(command)}` failed: {errors}")
        wall = time.perf_counter() - began
        print(
            f"{command[0]:10} {wall:10.1f} {used.ru_utime + used.ru_stime:14.1f} {used.ru_maxrss / 2**20:10.2f}",
            flush=True,
        )
        result.seek(0)
        return result.read()


def main() -> None:
    """Write the book, run the commands, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--bars", type=int, default=10_000, help="of each symbol")
    parser.add_argument("--trades", type=int, default=100_000)
    parser.add_argument("--train", action="store_true", help="train a model first")
    parser.add_argument("--folder", type=Path, help="where to write; by default a temporary one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write_book(folder, args.symbols, args.bars, args.trades)
        given = ["--bars", "bars.parquet", "--trades", "trades.csv", *COSTS, "--format", "json"]
        print(f"{args.symbols:,} symbols x {args.bars:,} bars, {args.trades:,} trades")
        print(f"{'':10} {'wall s':>10} {'processor s':>14} {'GB at peak':>10}")
        model = []
        if args.train:
            model = ["--model", json.loads(run(folder, "train", *given))["model"]]
        tuned = json.loads(run(folder, "tune", *given, *model, "--out", "tuned"))
        ladder = ["--ladder", "tuned/ladder.toml"]
        run(folder, "backtest", *given, *ladder, *model, "--out", "backtest")
        if model:
            open_trades = ["--bars", "bars.parquet", "--trades", "open.csv", *REPLAYED, "--out", "advice.csv"]
            run(folder, "score", *open_trades, *ladder, *model)
        print(f"{tuned['n_trials'] + tuned['n_trials_final']:,} candidates in {len(tuned['folds']) + 1} searches")
        print(tuned["verdict_text"].split(". ")[0] + ".")


if __name__ == "__main__":
    main()
