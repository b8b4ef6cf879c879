"""Time of each stage of a backtest of many trades, from the files to the files.

    python benchmarks/backtest_size.py [TRADES] [--symbols 50] [--bars 20000] [--folder FOLDER]

Random walks, entries at random with stops, quantities and own exits; the command `backtest` in this process, not
tracked, with its default settings. The kernels are compiled beforehand by a backtest of a few trades, so that only the
work itself is timed. Stages are timed by the functions that do them; "the rest" is the time outside of them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from start import LADDER

import exitladder.cli.commands.backtest as command
import exitladder.pipelines.backtest as work
from exitladder.cli import main as exitladder_main

STAGES: dict[str, tuple[Any, str]] = {
    "read the bars": (command, "load_bars"),
    "read the trades": (command, "load_trades"),
    "place and check the trades": (work, "open_job"),
    "simulate the ladder": (work, "_executed"),
    "summary, other policies and exits": (work, "backtest_summary"),
    "prices after the exits": (work, "after_exit"),
    "summary of those": (work, "summarise_after_exit"),
    "measure the exits": (work, "exit_quality"),
    "write the files": (work.BacktestResult, "write"),
}
WARM_UP, LONGEST = 200, 200


def write_book(folder: Path, n_symbols: int, n_bars: int, n_trades: int) -> None:
    """Write ``bars.parquet``, ``trades.csv`` and ``ladder.toml``."""
    rng = np.random.default_rng(0)
    stamps = pd.date_range("2020-01-01", periods=n_bars, freq="1h", tz="UTC")
    bars, trades = [], []
    for k in range(n_symbols):
        sd = 0.004 * np.exp(rng.normal(0, 0.3))
        close = 50 * np.exp(np.cumsum(rng.standard_t(4, n_bars) * sd / 1.4))
        opened = np.concatenate([[50.0], close[:-1]])
        reach = np.exp(np.abs(rng.normal(0, sd / 2, (2, n_bars))))
        prices = {
            "open": opened,
            "high": np.maximum(opened, close) * reach[0],
            "low": np.minimum(opened, close) / reach[1],
            "close": close,
        }
        symbol, n = f"S{k:04d}", n_trades // n_symbols
        volume = rng.integers(100, 10_000, n_bars).astype(float)
        bars.append(pd.DataFrame({"symbol": symbol, "timestamp": stamps, **prices, "volume": volume}))
        entry = np.sort(rng.choice(np.arange(WARM_UP, n_bars - LONGEST), n, replace=False))
        left, side = entry + rng.integers(3, 60, n), rng.choice([1, -1], n)
        trades.append(
            pd.DataFrame(
                {
                    "trade_id": [f"{symbol}-{i}" for i in range(n)],
                    "symbol": symbol,
                    "side": np.where(side > 0, "long", "short"),
                    "entry_time": stamps[entry],
                    "entry_price": opened[entry],
                    "quantity": rng.integers(1, 500, n).astype(float),
                    "stop_price": (1 - side * 3 * sd) * opened[entry],
                    "exit_time": stamps[left],
                    "exit_price": opened[left],
                }
            )
        )
    folder.mkdir(parents=True, exist_ok=True)
    pd.concat(bars).to_parquet(folder / "bars.parquet")
    pd.concat(trades).to_csv(folder / "trades.csv", index=False)
    (folder / "ladder.toml").write_text(LADDER)


def backtest(folder: Path) -> None:
    """Run the command on a book."""
    arguments = ["backtest", "--quiet", "--set", "tracking.enabled=false", "--format", "json"]
    for name, file in (("bars", "bars.parquet"), ("trades", "trades.csv"), ("ladder", "ladder.toml"), ("out", "out")):
        arguments += [f"--{name}", str(folder / file)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
        code = exitladder_main(arguments, standalone_mode=False)
    if code:
        raise SystemExit(errors.getvalue())


def processor_seconds() -> float:
    """Return the processor time of all threads of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """Return a function that adds its wall and processor seconds to `spent`."""

    def run(*args: Any, **options: Any) -> Any:
        wall, processor = time.perf_counter(), processor_seconds()
        try:
            return function(*args, **options)
        finally:
            spent[0] += time.perf_counter() - wall
            spent[1] += processor_seconds() - processor

    return run


def main() -> None:
    """Write a book, run the backtest on it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trades", type=int, nargs="?", default=200_000)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--bars", type=int, default=20_000, help="of each symbol")
    parser.add_argument("--folder", type=Path, help="where to write; by default a temporary one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        write_book(folder / "few", 2, 1_000, 100)
        write_book(folder / "all", args.symbols, args.bars, args.trades)
        backtest(folder / "few")
        spent = {name: [0.0, 0.0] for name in STAGES}
        for name, (place, attribute) in STAGES.items():
            setattr(place, attribute, timed(getattr(place, attribute), spent[name]))
        whole = [0.0, 0.0]
        timed(backtest, whole)(folder / "all")
        written = sum(os.path.getsize(folder / "all" / "out" / name) for name in os.listdir(folder / "all" / "out"))
    print(f"{args.trades:,} trades, {args.symbols:,} symbols x {args.bars:,} bars; {written / 1e6:,.0f} MB written")
    print(f"{'':36} {'wall s':>8} {'processor s':>12}")
    rest = [whole[k] - sum(one[k] for one in spent.values()) for k in (0, 1)]
    for name, (wall, processor) in {**spent, "the rest": rest, "together": whole}.items():
        print(f"{name:36} {wall:8.1f} {processor:12.1f}")


if __name__ == "__main__":
    main()
