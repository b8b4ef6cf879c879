"""Error rates of the rule that says whether a model has an edge, where its predictions know nothing.

Trades on driftless random walks get predictions that are noise, slow from bar to bar, and every stage speaks. All exits
that ``train`` tries are executed once on a pool of such trades, and the mean of each exit is removed: then no exit is
worth anything. Many sets of trades are drawn from the pool. In each one threshold and trail are tuned on half of the
trades and scored on the other half: on the later half, as ``train`` does, or on both halves in turn.

Run ``python benchmarks/edge_rule.py [--pool 3000] [--draws 2000] [--trades 100 300 1000]``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from planted_market import settings_of
from planted_world import WORLDS, as_bars, as_trades, draw
from scipy.stats import t as student

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution import simulate_many
from exitladder.pipelines.inputs.predictions import MODEL_SERIES, RowPredictions
from exitladder.pipelines.inputs.prepare import base_ladder, prepare
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.tuning.model_policy import model_conditions, trail_ladders
from exitladder.plans.ladder import Rung

# Noise keeps this share of itself from bar to bar.
SLOW = 0.9


def pool_of(n: int, threads: int) -> tuple[FloatArray, FloatArray]:
    """Return the net R of trailing stops, and of exits on noise or a trailing stop, of n trades, each of mean 0."""
    settings = settings_of(threads=threads)
    bars = as_bars(draw(WORLDS["null_rw"], n, 0))
    prepared = prepare(bars, as_trades(bars), settings)
    of_race, of_hold = (_noise(prepared.rows.lengths, seed) for seed in (1, 2))
    predictions = RowPredictions(
        1 / (1 + np.exp(-of_race)), of_hold, np.zeros(len(of_race), dtype=np.int16), n_stages=1
    )
    conditions = model_conditions(
        prepared, predictions, np.ones(n, dtype=np.bool_), reachable_atr=settings.labels.reachable_trail_atr
    )
    trails = trail_ladders(base_ladder(settings), settings.search)
    signals = signals_for(prepared.placed, set(MODEL_SERIES), prepared, predictions)
    alone = simulate_many(prepared.placed, trails, signals, threads=threads)
    by_model = [
        simulate_many(
            prepared.placed, [replace(each, rungs=(Rung(1.0, when=when),)) for each in trails], signals, threads=threads
        )
        for when in conditions
    ]
    return tuple(r - r.mean(axis=0) for r in (alone, np.concatenate(by_model, axis=1)))  # type: ignore[return-value]


def _noise(lengths: IntArray, seed: int) -> FloatArray:
    """Return noise for each bar of each trade, standard normal, slow within a trade."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((len(lengths), int(lengths.max())))
    for t in range(1, noise.shape[1]):
        noise[:, t] = SLOW * noise[:, t - 1] + np.sqrt(1 - SLOW**2) * noise[:, t]
    return np.concatenate([row[:length] for row, length in zip(noise, lengths, strict=True)])


def gains(alone: FloatArray, by_model: FloatArray, known: IntArray, asked: IntArray) -> FloatArray:
    """Return by trade asked what the best exit with the model gained over the best trail, both of the trades known."""
    return np.asarray(
        by_model[asked, by_model[known].mean(axis=0).argmax()] - alone[asked, alone[known].mean(axis=0).argmax()]
    )


def t_of(gain: FloatArray) -> float:
    """Return mean over standard error; 0 where all are equal."""
    spread = float(gain.std(ddof=1))
    return float(gain.mean()) / spread * len(gain) ** 0.5 if spread > 0 else 0.0


def main() -> None:
    """Print the share of sets of trades in which each rule says edge or harm, and how the two halves agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=int, default=3_000, help="trades executed")
    parser.add_argument("--draws", type=int, default=2_000, help="sets of trades drawn from them")
    parser.add_argument("--trades", type=int, nargs="+", default=[100, 300, 1_000], help="trades of a set")
    parser.add_argument("--threads", type=int, default=0, help="0 means all cores")
    args = parser.parse_args()
    alone, by_model = pool_of(args.pool, args.threads)
    print(f"{args.pool} trades, {by_model.shape[1]} exits on noise and {alone.shape[1]} trails")
    print("trades  later half: edge   harm  both halves: edge   harm  correlation of the halves")
    for n in args.trades:
        rng = np.random.default_rng(n)
        found, means = [], []
        for _ in range(args.draws):
            chosen = rng.choice(args.pool, n, replace=True)
            halves = chosen[: n // 2], chosen[n // 2 :]
            first, second = gains(alone, by_model, *halves[::-1]), gains(alone, by_model, *halves)
            found.append((t_of(second), t_of(np.concatenate([first, second]))))
            means.append((first.mean(), second.mean()))
        limit = np.array([student.ppf(0.975, n // 2 - 1), student.ppf(0.975, n - 1)])
        edge, harm = ((sign * np.array(found) > limit).mean(axis=0) for sign in (1, -1))
        print(
            f"{n:>6}{edge[0]:18.3f}{harm[0]:7.3f}{edge[1]:19.3f}{harm[1]:7.3f}"
            f"{np.corrcoef(np.array(means).T)[0, 1]:27.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
