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

from large_book import LADDER, write_book

import exitladder.cli.commands.backtest as command
import exitladder.pipelines.backtest as work
from exitladder.cli import main as exitladder_main

STAGES: dict[str, tuple[Any, str]] = {
    "read the bars and the trades": (command, "load_bars_and_trades"),
    "place and check the trades": (work, "open_job"),
    "simulate the ladder": (work, "_executed"),
    "summary, other policies and exits": (work, "backtest_summary"),
    "prices after the exits": (work, "after_exit"),
    "summary of those": (work, "summarise_after_exit"),
    "measure the exits": (work, "exit_quality"),
    "write the files": (work.BacktestResult, "write"),
}


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
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = args.folder or Path(temporary)
        for name, size in (("few", (2, 1_000, 100)), ("all", (args.symbols, args.bars, args.trades))):
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_book(folder / name, *size, with_stops=True)
            (folder / name / "ladder.toml").write_text(LADDER)
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
