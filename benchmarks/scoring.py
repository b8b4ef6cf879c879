"""Scores of a large book of open trades, against bare TA-Lib and LightGBM, and the start for a single trade.

    python benchmarks/scoring.py [--symbols 500] [--bars 300] [--trades 10000] [--rounds 3]

Random walks, entries at random in the last 100 bars, and a model of five features that TA-Lib has. The peer computes
the same features by a bare loop of TA-Lib calls and predicts all rows of all trades, past ones included, with the
model's own forests, row by row. Ours is `score` without reading files, starting and tracking: from the entries on
(``--since-entry``, which needs the same rows) and from today on, with orders, sentences and drift. Both alternate
in one process, which does not train the model; printed are the medians of processor time, their ratio, and the memory
of the process at its peak. Last, a single trade without a model from the start of the process on, and the libraries
that it imports by themselves.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from features import NAMES, bare_talib, random_bars

from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME
from exitladder.models.exhaustion.file import load_model, save_model
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.pipelines.advice.open_trades import REPLAY, Management
from exitladder.pipelines.score import score
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades, place_trades

LADDER = ladder_from_mapping(
    {
        "rungs": [
            {"fraction": 0.25, "target": "1R"},
            {"fraction": 0.25, "target": "3R"},
            {"fraction": 0.25, "when": ["exhaustion >= 0.8", "open_r >= 0.5"]},
        ],
        "stop": {"initial": "4ATR", "breakeven_after": 1, "trail": "6ATR", "trail_after": 1},
        "costs": {"lot": 1, "tick": 0.01, "min_quantity": 1, "commission_bps": 1},
    }
)
GOAL, GOAL_MB, GOAL_START = 1.5, 500, 1.0


def book(bars: BarSet, n: int, first: int, last: int) -> Trades:
    """Return trades entered at opens from bar `first` to bar `last` of every symbol."""
    rng = np.random.default_rng(n)
    symbol, bar = rng.integers(0, len(bars), n), rng.integers(first, last, n)
    at = bars.start[symbol] + bar
    none = np.full(n, np.nan)
    return Trades(
        trade_id=np.array([f"T{k}" for k in range(n)], dtype=object),
        symbol=np.array([bars.symbols[k] for k in symbol], dtype=object),
        side=rng.choice([1, -1], n).astype(np.int8),
        entry_time=bars.time[at], entry_price=bars.open[at].copy(), quantity=rng.integers(10, 500, n).astype(float),
        stop_price=none, entry_at=np.zeros(n, dtype=np.int8), exit_time=np.full(n, NO_TIME), exit_price=none,
        quantity_open=none, tag=np.full(n, "", dtype=object),
    )  # fmt: skip


def bare(bars: BarSet, trades: Trades, model: ExhaustionModel) -> Callable[[], None]:
    """Return the peer: TA-Lib's features of all bars, and the predictions of all rows by the stage of their time."""

    def run() -> None:
        placed = place_trades(trades, bars)
        matrix = bare_talib(bars).astype(np.float32)
        rows = np.concatenate([np.arange(a, b) for a, b in zip(placed.first_bar, placed.end_bar, strict=True)])
        model.predict(matrix[rows], bars.close_time[rows])

    return run


def median_of(runs: list[Callable[[], object]], rounds: int) -> list[float]:
    """Return the median processor time of each, alternating."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for k, run in enumerate(runs):
            begin = time.process_time()
            run()
            times[k].append(time.process_time() - begin)
    return [statistics.median(part) for part in times]


def start_of_one(folder: Path) -> tuple[float, float]:
    """Return wall and processor seconds of `exitladder score` for one trade without a model, best of three starts."""
    n = 300
    close = 100 + np.cumsum(np.random.default_rng(3).normal(0, 1, n))
    stamps = pd.date_range("2023-01-02", periods=n, freq="D")
    frame = pd.DataFrame({"timestamp": stamps, "open": close, "high": close + 1, "low": close - 1, "close": close})
    frame.to_parquet(folder / "ONE-1d.parquet")
    (folder / "one.csv").write_text(
        "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price,quantity_open\n"
        f"T1,ONE,long,{stamps[280]:%Y-%m-%d},{close[280]},100,{close[280] - 5},100\n"
    )
    (folder / "one.toml").write_text('rungs = [{fraction = 0.5, target = "1R"}]\n')
    command = [
        sys.executable, "-m", "exitladder", "score", "--bars", "ONE-1d.parquet", "--trades", "one.csv", "--ladder",
        "one.toml", "--asof", "2024-12-01", "--set", "tracking.enabled=false", "--format", "csv", "--quiet",
    ]  # fmt: skip
    return fastest(command, folder)


def fastest(command: list[str], folder: Path) -> tuple[float, float]:
    """Return wall and processor seconds of a process, the best of three after a first one."""
    times = []
    for _ in range(4):
        begin, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        times.append((time.perf_counter() - begin, cpu))
    return min(wall for wall, _ in times[1:]), min(cpu for _, cpu in times[1:])


def trained(bars: BarSet, settings: Settings, folder: Path) -> None:
    """Save a model of 2,000 earlier trades."""
    from exitladder.pipelines.train import train

    save_model(train(bars, book(bars, 2000, 60, 150), settings).trained.model, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--bars", type=int, default=300)
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train", type=Path, help="only train the model into this folder")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    settings = load_settings(
        None,
        [
            "tracking.enabled=false", f"features.names={list(NAMES)}", "model.combine=forest", "data.splits=keep",
            "validation.n_folds=3", "project.threads=1",
        ],
    )  # fmt: skip
    bars = random_bars(options.symbols, options.bars)
    if options.train:
        trained(bars, settings, options.train)
        return
    trades = book(bars, options.trades, options.bars - 100, options.bars - 1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        ref = str(folder / "model")
        size = [f"--symbols={options.symbols}", f"--bars={options.bars}"]
        subprocess.run([sys.executable, __file__, *size, "--train", ref], check=True, capture_output=True)
        model = load_model(ref)
        begin_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        today = Management(assume="untouched")
        runs: list[Callable[[], object]] = [
            bare(bars, trades, model),
            lambda: score(bars, trades, LADDER, ref, settings, management=REPLAY),
            lambda: score(bars, trades, LADDER, ref, settings, management=today),
        ]
        median_of(runs, 1)
        peer, since, now = median_of(runs, options.rounds)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows = int((place_trades(trades, bars).end_bar - place_trades(trades, bars).first_bar).sum())
        print(f"{options.trades:,} open trades of {options.symbols} symbols, {rows:,} rows")
        print(f"bare TA-Lib and LightGBM        {peer:7.2f} s")
        print(f"score --since-entry             {since:7.2f} s  {since / peer:5.2f} x (goal {GOAL} x)")
        print(f"score from today on             {now:7.2f} s  {now / peer:5.2f} x")
        print(f"memory at its peak              {peak:7.0f} MB ({begin_mb:.0f} MB before; goal {GOAL_MB} MB)")
        wall, cpu = start_of_one(folder)
        print(f"one trade, from process start   {wall:7.2f} s, processor {cpu:.2f} s (goal {GOAL_START} s)")
        wall, cpu = fastest([sys.executable, "-c", "import numba, numpy, pandas, pyarrow.parquet"], folder)
        print(f"import numba, numpy and pandas  {wall:7.2f} s, processor {cpu:.2f} s")


if __name__ == "__main__":
    main()
