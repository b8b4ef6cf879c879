"""Commands on a large book: time, memory and progress, checked against stated bounds.

    python benchmarks/load.py [--small] [--command NAME] [--folder FOLDER]

2,000 symbols of 2,500 bars (5 million rows) and 200,000 trades on random walks are written to a temporary folder;
`bars check`, `backtest` and `score` run on them, each a process of its own as a user would start it. ``--small`` runs
20 symbols and 2,000 trades in seconds. Printed are the wall time, the memory at its peak and the longest time without
any progress on stderr. The exit code is 1 if a command fails, or exceeds the bound of its memory or of that silence.
Wall time has a bound only with ``--seconds``, since it depends on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from large_book import LADDER, REPLAYED, write_book

BARS = ["--bars", "bars.parquet"]
COMMANDS = {
    "bars check": ["bars", "check", "bars.parquet", "--format", "csv"],
    "backtest": ["backtest", *BARS, "--trades", "trades.csv", "--ladder", "ladder.toml", "--out", "out"],
    "score": ["score", *BARS, "--trades", "open.csv", *REPLAYED, "--ladder", "ladder.toml", "--out", "advice.csv"],
}
# most memory of the process, GB
GIGABYTES = {"bars check": 3.5, "backtest": 6.0, "score": 4.0}
GIGABYTES_SMALL = 1.0
# most time without progress: so many seconds, or this share of the wall time on a busy machine; a small run consists
# mostly of imports
SILENT_SECONDS, SILENT_SHARE, SILENT_SHARE_SMALL = 10.0, 0.15, 0.75
_LINE = re.compile(rb"[\w ,]+: (?:done in|stopped after) ([0-9.]+) s")


@dataclass(frozen=True)
class Used:
    """The resources that a command used.

    Parameters
    ----------
    seconds, processor_seconds : float
    gigabytes : float
        Memory at its peak.
    silent_seconds : float
        The longest time within no stage that was reported, from the start of the process to its end.
    output : bytes
        Of stderr.
    status : int
    """

    seconds: float
    processor_seconds: float
    gigabytes: float
    silent_seconds: float
    output: bytes
    status: int


def run(folder: Path, arguments: list[str]) -> Used:
    """Run a command in a folder and return its resource use."""
    began = time.monotonic()
    told: list[tuple[float, float]] = []
    output = b""
    process = subprocess.Popen(
        [sys.executable, "-m", "exitladder", *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    for line in process.stderr:
        output += line
        if found := _LINE.match(line):
            end = time.monotonic() - began
            told.append((end - float(found[1]), end))
    process.stderr.close()
    # only this tells the memory of one process
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    seconds = time.monotonic() - began
    gigabytes = used.ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    return Used(seconds, used.ru_utime + used.ru_stime, gigabytes, _longest_gap(told, seconds), output, status)


def _longest_gap(told: list[tuple[float, float]], end: float) -> float:
    """Return the longest time outside all intervals, between 0 and an end."""
    longest, covered = 0.0, 0.0
    for begin, until in sorted(told):
        longest, covered = max(longest, begin - covered), max(covered, until)
    return max(longest, end - covered)


def main() -> int:
    """Write the book, run the commands, print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="20 symbols of 1,000 bars and 2,000 trades")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    parser.add_argument("--command", action="append", choices=COMMANDS, help="run only this command; repeatable")
    parser.add_argument("--seconds", type=float, help="most wall seconds of each command; none by default")
    options = parser.parse_args()
    n_symbols, n_bars, n_trades = (20, 1_000, 2_000) if options.small else (2_000, 2_500, 200_000)
    missed = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write_book(folder, n_symbols, n_bars, n_trades)
        (folder / "ladder.toml").write_text(LADDER)
        print(f"{n_symbols:,} symbols, {n_symbols * n_bars:,} bars, {n_trades:,} trades")
        print(f"{'':12} {'wall s':>8} {'processor s':>12} {'GB at peak':>11} {'bound':>6} {'longest silence, s':>19}")
        for name in options.command or COMMANDS:
            used = run(folder, COMMANDS[name])
            most = GIGABYTES_SMALL if options.small else GIGABYTES[name]
            share = SILENT_SHARE_SMALL if options.small else SILENT_SHARE
            print(
                f"{name:12} {used.seconds:8.1f} {used.processor_seconds:12.1f} {used.gigabytes:11.2f} {most:6.1f} "
                f"{used.silent_seconds:19.1f}",
                flush=True,
            )
            if used.status:
                missed.append(f"{name} failed: {used.output.decode(errors='replace')[-2_000:]}")
            if used.gigabytes > most:
                missed.append(f"{name} took {used.gigabytes:.2f} GB, but at most {most} GB are allowed.")
            if used.silent_seconds > max(SILENT_SECONDS, share * used.seconds):
                missed.append(f"{name} was silent for {used.silent_seconds:.1f} s of {used.seconds:.1f} s.")
            if options.seconds is not None and used.seconds > options.seconds:
                missed.append(f"{name} took {used.seconds:.1f} s, but at most {options.seconds} s are allowed.")
    for line in missed:
        print(line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
