"""Memory and time of training the model on many rows: in memory, from disk, on a cluster.

Run ``python benchmarks/model_memory.py [--rows 1000000] [--features 60]``: random rows, one walk-forward stage and
the last one, each with its three forests for either output. Time is that of a few trees per forest, the memory that
of any number. Each way has a process of its own; the cluster is of two worker processes of one thread on this
machine. Memory is what cannot be given up, so pages of files are not counted; it is looked at every 10 ms (Linux).

``--market lean-1h`` trains as ``exitladder train`` does instead, on the breakouts of a market (`MARKETS` of
``real_markets.py``), all of them open: features, labels, stages, evaluation and the model's own exit.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from real_markets import DATA, MARKETS

from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.boosting import n_threads
from exitladder.models.forests.cluster import ClusterTrainer
from exitladder.models.forests.growing import train_here
from exitladder.models.forests.memory_budget import MemoryBudget
from exitladder.models.forests.rows import TrainingRows
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.training.model import train_model
from exitladder.runtime.memory import matrix_on_disk
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import ModelSettings
from exitladder.trades.entries import make_trades

HOUR = 3_600 * 10**9
BARS_A_TRADE = 100
AT_ONCE = 50_000
WAYS = ("memory", "disk", "cluster")


def rows_of(n_rows: int, n_features: int, way: str) -> TrainingRows:
    """Return rows of trades that begin one after another, with labels that the first feature tells a little of."""
    rng = np.random.default_rng(0)
    X = np.empty((n_rows, n_features), dtype=np.float32) if way == "memory" else matrix_on_disk(n_rows, n_features)
    log_odds = np.empty(n_rows)
    for at in range(0, n_rows, AT_ONCE):
        part = X[at : at + AT_ONCE]
        part[:] = rng.standard_normal(part.shape, dtype=np.float32)
        log_odds[at : at + AT_ONCE] = 0.3 * part[:, 0]
    trade = np.arange(n_rows) // BARS_A_TRADE
    time_ns = np.arange(n_rows) * HOUR
    race = (rng.random(n_rows) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
    end = time_ns + 10 * HOUR
    names = tuple(f"feature_{k}" for k in range(n_features))
    hold = 0.3 * log_odds + rng.standard_normal(n_rows)
    return TrainingRows(X, names, trade, time_ns, race, end, hold, end, np.ones(n_rows, dtype=bool))


def held_mb() -> float:
    """Return the memory that this process holds and that is of no file, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


class Watch:
    """Looks at the memory that a process holds until it is asked for the most."""

    def __init__(self) -> None:
        self.most, self._is_done = held_mb(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._is_done.wait(0.01):
            self.most = max(self.most, held_mb())

    def end(self) -> float:
        """Return the most so far, MB."""
        self._is_done.set()
        self._thread.join()
        return self.most


def watch_worker(dask_worker: Any) -> None:
    """Begin to watch on a worker."""
    dask_worker.exitladder_watch = Watch()


def worker_peak(dask_worker: Any) -> float:
    """Return the memory measured on a worker."""
    return float(dask_worker.exitladder_watch.end())


def serve(pipe: Connection) -> None:
    """Run a cluster of two workers until signalled to end."""
    import distributed

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as local:
        pipe.send(local.scheduler_address)
        pipe.recv()


@contextmanager
def cluster() -> Any:
    """Two workers in processes beside this one, so that the scheduler is not counted as this one."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("end")
        process.join()


def measured(way: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train once in this process, and return its resource use."""
    settings = ModelSettings(n_estimators=args.trees, patience=0)
    if way != "cluster":
        return trained(way, args, settings, train_here)
    with cluster() as address:
        make_trainer = ClusterTrainer(address)
        make_trainer._client.run(watch_worker)
        found = trained(way, args, settings, make_trainer)
        found["workers"] = max(make_trainer._client.run(worker_peak).values())
        make_trainer.close()
        return found


def trained(way: str, args: argparse.Namespace, settings: ModelSettings, make_trainer: Any) -> dict[str, Any]:
    """Train once, and return seconds and MB."""
    watch = Watch()
    rows = rows_of(args.rows, args.features, way)
    began, worked, before = time.perf_counter(), time.process_time(), held_mb()
    model = ExhaustionModel.fit(
        rows, settings, n_folds=1, embargo_ns=10 * HOUR, threads=args.threads, make_trainer=make_trainer
    )
    return {
        "before": before, "peak": watch.end(), "seconds": time.perf_counter() - began,
        "processor": time.process_time() - worked, "auc": model.metrics["auc"], "log_loss": model.metrics["log_loss"],
    }  # fmt: skip


def on_market(market: str, data: Path, threads: int) -> None:
    """Train on a market's breakouts as ``exitladder train`` does, and print the resource use of this process."""
    bars, settings = MARKETS[market](data), load_settings(None, [f"project.threads={threads}"])
    trades = make_trades(bars, "donchian", lot=0.0)
    began, worked = time.perf_counter(), time.process_time()
    prepared = prepare(bars, trades, settings)
    trained = train_model(prepared, settings)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"{market}: {len(trades):,} trades, {int(trades.is_open.sum()):,} open; {prepared.rows.n_rows:,} rows, "
        f"{trained.rows_stored}; {peak:,.0f} MB at peak, {time.process_time() - worked:.0f} s of processor time, "
        f"{time.perf_counter() - began:.0f} s"
    )


def main() -> None:
    """Train each way in a process of its own, and print its resource use."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=60)
    parser.add_argument("--trees", type=int, default=20, help="trees per forest")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--way", choices=WAYS, help="only this, as JSON")
    parser.add_argument("--market", choices=list(MARKETS), help="train on its breakouts instead")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    args = parser.parse_args()
    if args.market:
        on_market(args.market, args.data, args.threads)
        return
    if args.way:
        print(json.dumps(measured(args.way, args)))
        return
    room = MemoryBudget.of(args.rows, args.features, ModelSettings())
    print(f"{args.rows:,} rows x {args.features} features as float32: {4e-6 * args.rows * args.features:,.0f} MB")
    print(f"estimate: {room.in_memory / 1e6:,.0f} MB in memory, {room.on_disk / 1e6:,.0f} MB with rows on disk")
    print(f"2 stages of {args.trees} trees per forest, {n_threads(args.threads, args.rows)} threads here")
    print(f"{'rows':<8} {'MB before':>10} {'MB at peak':>11} {'worker':>9} {'seconds':>8} {'log loss':>9} {'auc':>7}")
    for way in WAYS:
        command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        result = json.loads(done.stdout.splitlines()[-1])
        worker = f"{result['workers']:,.0f}" if "workers" in result else ""
        print(
            f"{way:<8} {result['before']:>10,.0f} {result['peak']:>11,.0f} {worker:>9} {result['seconds']:>8.0f} "
            f"{result['log_loss']:>9.5f} {result['auc']:>7.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
