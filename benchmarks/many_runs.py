"""Seconds to find a run, list all of them and begin a new one behind many recorded runs, on a store of MLflow too.

python benchmarks/many_runs.py --runs 10000
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from exitladder.pipelines.tracking.address import store_address
from exitladder.pipelines.tracking.record import Record, run_files, unmark_pending
from exitladder.pipelines.tracking.runs import find_run, runs_frame
from exitladder.pipelines.tracking.tracker import Tracker


def write_runs(home: Path, n: int) -> str:
    """Write n finished runs with ten metrics each, and return the id of one in the middle."""
    first = Record(home, "backtest", "run 0", "many")
    first.log_metrics({f"metric_{k}": k / 7 for k in range(10)})
    first.close("FINISHED")
    unmark_pending(home, first.run_id)
    folder = run_files(home, first.run_id).parent
    values = json.loads((folder / "run.json").read_text())
    for k in range(1, n):
        run_id = f"{k:032x}"
        copy = folder.with_name(run_id)
        shutil.copytree(folder, copy)
        (copy / "run.json").write_text(json.dumps({**values, "run_id": run_id, "name": f"run {k}"}))
    return f"{n // 2:032x}"


def timed(what: str, action: Callable[[], object]) -> None:
    """Print the processor seconds that an action takes."""
    start = time.process_time()
    action()
    print(f"{what:34s} {time.process_time() - start:6.2f} s")


def main() -> None:
    """Write the runs, and print the seconds of each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    given = parser.parse_args()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "mlruns"
        middle = write_runs(home, given.runs)
        print(f"{given.runs:,} recorded runs, seconds of processor time")
        timed("find a run by its id", lambda: find_run(middle, home))
        timed("find a run by its name", lambda: find_run(f"run {given.runs - 1}", home))
        timed("list all runs", lambda: runs_frame(store_address(home)))

        def one_more() -> None:
            with Tracker(home, "many").run("backtest", "one more"):
                pass

        timed("begin and end one more run", one_more)


if __name__ == "__main__":
    main()
