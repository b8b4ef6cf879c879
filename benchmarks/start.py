"""How long commands take to start, how long a backtest takes from there, and that a second start compiles nothing.

    python benchmarks/start.py [--trades 1000] [--rounds 7] [--only-start]

Bars (10 symbols of 5,000, Parquet), trades (CSV) and a ladder (TOML) are written to a temporary folder, with an empty
compiler cache. Every variant is started twice to fill the cache and count compiled functions, then in turns, each in
its own process: reported are medians of the wall time and of the processor time. The exit code is 1 if a second start
compiled anything. ``--only-start`` measures the start alone, which compiles nothing.

The rows "until the inputs are read" are the start alone: the commands are given a ladder that does not exist, and end
when they look for it, with all their modules loaded. Runs are sent to the MLflow store by a process of their own, whose
time is not counted. Numba imports coverage wherever that tool of developers is installed; here it is hidden.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine import market
from large_book import LADDER

from exitladder.plans.file import read_ladder

# What a user writes: read, simulate, and both tables.
SCRIPT = """\
import exitladder
bars, _ = exitladder.read_bars("bars")
trades = exitladder.read_trades("trades.csv")
ladder = exitladder.read_ladder("ladder.toml")
found = exitladder.simulate(exitladder.place_trades(trades, bars), ladder)
found.fills_frame(), found.trades_frame()
"""
BACKTEST = [
    "backtest",
    "--bars",
    "bars",
    "--trades",
    "trades.csv",
    "--ladder",
    "ladder.toml",
    "--out",
    "out",
    "--quiet",
]
NOT_TRACKED = [*BACKTEST, "--set", "tracking.enabled=false"]
NO_LADDER = ["--ladder", "none.toml", "--quiet"]
STARTED = {
    "backtest": ["backtest", "--bars", "bars", "--trades", "trades.csv", "--out", "out", *NO_LADDER],
    "score": ["score", "--bars", "bars", "--trades", "trades.csv", "--model", "none", *NO_LADDER],
}
UNTRACKED = ["--set", "tracking.enabled=false"]
# as the command itself, which looks into sys.argv; what is appended runs after it
COMMAND = "import sys\nsys.argv[1:] = {arguments!r}\nfrom exitladder.cli import main\nmain(standalone_mode=False)\n"

WAYS = {
    "python alone": "",
    "imports alone: numpy, pandas, numba": "import numpy, pandas, numba",
    "exitladder --help": COMMAND.format(arguments=["--help"]),
    "backtest until the inputs are read, not tracked": COMMAND.format(arguments=[*STARTED["backtest"], *UNTRACKED]),
    "backtest until the inputs are read, tracked": COMMAND.format(arguments=STARTED["backtest"]),
    "score until the inputs are read, not tracked": COMMAND.format(arguments=[*STARTED["score"], *UNTRACKED]),
    "score until the inputs are read, tracked": COMMAND.format(arguments=STARTED["score"]),
    "read, simulate, both tables (Python)": SCRIPT,
    "exitladder backtest, not tracked": COMMAND.format(arguments=NOT_TRACKED),
    "exitladder backtest, tracked": COMMAND.format(arguments=BACKTEST),
}

HIDDEN = "import sys\nsys.modules['coverage'] = None\n"

# Looks at every compiled function that the process came to hold.
COUNT = """
import gc, sys
from numba.core.dispatcher import Dispatcher
held = [thing.stats for thing in gc.get_objects() if isinstance(thing, Dispatcher)]
print(sum(sum(s.cache_hits.values()) for s in held), sum(sum(s.cache_misses.values()) for s in held), file=sys.stderr)
"""


def write_inputs(folder: Path, n_trades: int) -> None:
    placed = market(n_trades, n_symbols=10)
    (folder / "bars").mkdir()
    for symbol, bars in placed.bars.items():
        bars.to_frame().to_parquet(folder / "bars" / f"{symbol}.parquet")
    placed.trades.to_frame().to_csv(folder / "trades.csv", index=False)
    (folder / "ladder.toml").write_text(LADDER)
    read_ladder(folder / "ladder.toml")


def run(code: str, folder: Path, environment: dict[str, str]) -> tuple[float, float, str]:
    """Run Python code in a process of its own; return its wall seconds, processor seconds and last line of stderr."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN + code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"A process failed:\n{done.stderr}")
    lines = done.stderr.splitlines() or [""]
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, lines[-1]


def _is_start(name: str) -> bool:
    """Return whether a way simulates nothing."""
    return "until" in name or "help" in name or "alone" in name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only-start", action="store_true", help="only up to where the inputs are read")
    options = parser.parse_args()
    ways = {k: code for k, code in WAYS.items() if not options.only_start or _is_start(k)}
    compiled_again = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = Path(place)
        write_inputs(folder, options.trades)
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
        # without compiled modules every start would compile all of them
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if not options.only_start:
            print(f"{'compiled functions':48} {'first start':>24} {'second start':>24}")
        for name, code in ways.items():
            if _is_start(name):
                continue
            result = []
            for _ in range(2):
                wall, _, line = run(code + COUNT, folder, environment)
                loaded, compiled = map(int, line.split())
                result.append(f"{compiled} new, {loaded} kept, {wall:.1f} s")
            compiled_again += compiled
            print(f"{name:48} {result[0]:>24} {result[1]:>24}")
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, code in ways.items():
                taken[name].append(run(code, folder, environment)[:2])
    print(f"\n{f'{options.trades:,} trades, from process start':48} {'wall s':>8} {'processor s':>12}")
    for name, seconds in taken.items():
        wall, cpu = (statistics.median(column) for column in zip(*seconds, strict=True))
        print(f"{name:48} {wall:8.2f} {cpu:12.2f}")
    return 1 if compiled_again else 0


if __name__ == "__main__":
    sys.exit(main())
