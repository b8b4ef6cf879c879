"""How much memory and time the model takes to train on many rows.

Run ``python benchmarks/model_memory.py [--rows 1000000] [--features 60]``: random rows, one walk-forward stage and
the last one, each with its three forests for either output. Time is that of a few trees a forest, the memory that
of any number.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from exitladder.models.boosting import n_threads
from exitladder.models.exhaustion import ExhaustionModel
from exitladder.models.training_rows import TrainingRows
from exitladder.settings import ModelSettings

HOUR = 3_600 * 10**9
BARS_A_TRADE = 100


def rows_of(n_rows: int, n_features: int) -> TrainingRows:
    """Return rows of trades that begin one after another, with labels that the first feature tells a little of."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    trade = np.arange(n_rows) // BARS_A_TRADE
    time_ns = np.arange(n_rows) * HOUR
    race = (rng.random(n_rows) < 1 / (1 + np.exp(-0.3 * X[:, 0]))).astype(np.float64)
    end = time_ns + 10 * HOUR
    names = tuple(f"feature_{k}" for k in range(n_features))
    hold = 0.1 * X[:, 1] + rng.standard_normal(n_rows)
    return TrainingRows(X, names, trade, time_ns, race, end, hold, end, np.ones(n_rows, dtype=bool))


def peak_mb() -> float:
    """Return the most memory that this process has held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Train once and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=60)
    parser.add_argument("--trees", type=int, default=20, help="trees a forest")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    rows = rows_of(args.rows, args.features)
    given, began, worked = peak_mb(), time.perf_counter(), time.process_time()
    settings = ModelSettings(n_estimators=args.trees, patience=0)
    model = ExhaustionModel.fit(rows, settings, n_folds=1, embargo_ns=10 * HOUR, threads=args.threads)
    print(f"{args.rows:,} rows x {args.features} features as float32: {rows.X.nbytes / 2**20:,.0f} MB")
    print(f"process with the rows: {given:,.0f} MB, at its peak in training: {peak_mb():,.0f} MB")
    print(
        f"{len(model.stages)} stages of {args.trees} trees a forest: {time.perf_counter() - began:.0f} s, processor "
        f"{time.process_time() - worked:.0f} s, {n_threads(args.threads, args.rows)} threads"
    )


if __name__ == "__main__":
    main()
