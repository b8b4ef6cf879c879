"""Performance of the product on markets with a known optimal exit.

The product trains on some trades with its default features and model, tunes trailing stop and threshold on
out-of-fold predictions, and is scored once on fresh trades by its simulator. The share is the part of the
distance from the best trailing stop to the oracle of dynamic programming that it covers; worlds without
structure must show no gain. See ``planted_world.py`` for the worlds.

Run ``python benchmarks/planted_market.py [WORLD ...] [--train 2000] [--seeds 5]``; ``--curve`` for the share by
number of training trades, ``--leak`` for features that know the next bar.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np
from planted_world import BARS, STOP, WORLDS, as_bars, as_trades, draw, solve

from exitladder.arrays import FloatArray
from exitladder.features import RowMatrix, row_matrix
from exitladder.pipelines.inputs import predictions
from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.training import model as model_training
from exitladder.pipelines.training.model import Trained, train_model
from exitladder.pipelines.training.value import net_r_of
from exitladder.pipelines.tuning.model_policy import ModelPolicy
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL, TRAILING_STOP
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings

CURVE = (250, 500, 1_000, 2_000, 5_000, 20_000)
SETTINGS = (
    # As long as the worlds last.
    f"labels.max_bars={BARS}",
    f"search.time_bars=[10, {BARS}]",
    'search.trail_width=["1.5ATR", "12ATR"]',
    # Oracle and learner are after the same: the mean.
    "tuning.objectives=expectancy_r",
    # Only the intervals of what is reported elsewhere follow from it.
    "validation.n_bootstrap=100",
)


@dataclass(frozen=True)
class Found:
    """Result of each exit on fresh trades, in sigma per trade, arrays of shape (n_test,).

    Parameters
    ----------
    oracle, trail : float64 array
        The exact best exit, and the best trailing stop of the training trades.
    forced, chosen : float64 array
        The model or its trail, both tuned; and what the product advises: that, or the trail alone where the
        model showed no gain out of fold.
    """

    world: str
    seed: int
    oracle: FloatArray
    trail: FloatArray
    forced: FloatArray
    chosen: FloatArray
    trained: Trained
    seconds: float

    @property
    def policy(self) -> ModelPolicy:
        """The tuned policy."""
        assert self.trained.policy is not None
        return self.trained.policy

    @property
    def gap(self) -> float:
        """What the oracle earns over the trail."""
        return float(self.oracle.mean() - self.trail.mean())

    def share(self, earned: FloatArray) -> float:
        """Return how much of the way from trail to oracle a policy goes."""
        return float((earned.mean() - self.trail.mean()) / self.gap)

    def t_over_trail(self, earned: FloatArray) -> float:
        """Return the t statistic of the paired difference to the trail; 0 where there is none."""
        return t_of(earned - self.trail)


def t_of(values: FloatArray) -> float:
    """Return mean over standard error; 0 where all are zero."""
    return float(values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))) if values.any() else 0.0


def settings_of(overrides: Sequence[str] = (), *, seed: int = 0, threads: int = 0) -> Settings:
    """Return the product's default settings but for what the worlds demand."""
    return load_settings(None, [*SETTINGS, f"project.seed={seed}", f"project.threads={threads}", *overrides])


def add_options(parser: argparse.ArgumentParser, *, train: int, test: int, seeds: int) -> None:
    """Add the options of every benchmark that draws planted markets.

    Parameters
    ----------
    parser : ArgumentParser
    train, test, seeds : int
        Defaults: training trades, later trades that are scored once, draws of each market.
    """
    parser.add_argument("--train", type=int, default=train, help="training trades of a planted market")
    parser.add_argument("--test", type=int, default=test, help="later trades, scored once")
    parser.add_argument("--seeds", type=int, default=seeds, help="draws of each planted market")
    parser.add_argument("--first-seed", type=int, default=0, help="the first draw's seed")
    parser.add_argument("--threads", type=int, default=0, help="0 means all cores")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")


def measure(world: str, n_train: int, n_test: int, seed: int, settings: Settings) -> Found:
    """Train on some trades, tune on out-of-fold predictions, score once on fresh trades."""
    began = time.perf_counter()
    spec = WORLDS[world]
    trained = train_model(_prepared(world, n_train, seed, 0, settings), settings)
    fresh = _prepared(world, n_test, seed + 1_000, n_train, settings)
    predictions = predict_rows(fresh, trained.model)
    policy = trained.policy
    if policy is None:
        raise ValueError(f"{n_train} trades are too few for a policy.")
    net_r = net_r_of(
        fresh, predictions, np.arange(n_test), [policy.trail, policy.by_model], threads=settings.project.threads
    )
    trail, forced = net_r[TRAILING_STOP] * STOP, net_r[MODEL_OR_TRAIL] * STOP
    return Found(
        world=world,
        seed=seed,
        oracle=solve(spec).policy(draw(spec, n_test, seed + 1_000)),
        trail=trail,
        forced=forced,
        chosen=forced if policy.uses_model else trail,
        trained=trained,
        seconds=time.perf_counter() - began,
    )


def _prepared(world: str, n: int, seed: int, first: int, settings: Settings) -> Prepared:
    bars = as_bars(draw(WORLDS[world], n, seed), first)
    return prepare(bars, as_trades(bars), settings)


@contextmanager
def features_of_the_next_bar() -> Iterator[None]:
    """Let the product compute every feature a bar late, as a shift by one would: the planted leak."""

    def leaking(placed: Any, rows: Any, features: Any, *, select: Any = None, out: Any = None) -> RowMatrix:
        _ = out
        chosen = np.arange(rows.n_rows) if select is None else np.asarray(select)
        matrix = row_matrix(placed, rows, features, select=np.minimum(chosen + 1, rows.n_rows - 1))
        values = matrix.values.copy()
        values[np.isin(chosen, rows.start[1:] - 1)] = np.nan
        return replace(matrix, values=values)

    with (
        mock.patch.object(model_training, "row_matrix", leaking),
        mock.patch.object(predictions, "row_matrix", leaking),
    ):
        yield


def main() -> None:
    """Print a line for each draw, then the means over draws with their standard errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worlds", nargs="*", help=f"of {', '.join(WORLDS)}; default: all")
    add_options(parser, train=2_000, test=4_000, seeds=5)
    parser.add_argument("--curve", action="store_true", help=f"with {', '.join(map(str, CURVE))} training trades")
    parser.add_argument("--leak", action="store_true", help="let features read one bar of the future")
    args = parser.parse_args()
    if unknown := sorted(set(args.worlds) - set(WORLDS)):
        parser.error(f"unknown world {unknown[0]}; known are {', '.join(WORLDS)}")
    print(
        "world       train draw  oracle  trail  model  share  t(trail) advised  t(0)  "
        "OOF t  AUC    ECE    leaks    seconds  rule"
    )
    summaries = []
    for world in args.worlds or WORLDS:
        for n_train in CURVE if args.curve else (args.train,):
            found = []
            for seed in range(args.first_seed, args.first_seed + args.seeds):
                settings = settings_of(args.set, threads=args.threads)
                if args.leak:
                    with features_of_the_next_bar():
                        found.append(measure(world, n_train, args.test, seed, settings))
                else:
                    found.append(measure(world, n_train, args.test, seed, settings))
                print(line_of(found[-1], n_train), flush=True)
            summaries.append(summary_of(found, n_train))
    print()
    print("\n".join(summaries))


def line_of(found: Found, n_train: int) -> str:
    """Return a draw's line."""
    metrics, policy = found.trained.model.metrics, found.policy
    rungs = policy.by_model.rungs
    rule = rungs[0].when[0] if rungs else "silent"
    return (
        f"{found.world:<11} {n_train:>5} {found.seed:>4} {found.oracle.mean():7.2f} {found.trail.mean():6.2f} "
        f"{found.forced.mean():6.2f} {found.share(found.forced):6.2f} {found.t_over_trail(found.forced):9.1f} "
        f"{'model' if policy.uses_model else 'trail':>7} {t_of(found.forced):5.1f} {policy.errors:6.1f} "
        f"{metrics['auc']:.3f}  {metrics['calibration_error']:.3f}  {found.trained.leaks.verdict:<8} "
        f"{found.seconds:7.1f}  {rule}, trail {policy.by_model.stop.trail}"
    )


def summary_of(found: list[Found], n_train: int) -> str:
    """Return the means over draws, each with its standard error over draws."""
    forced = [f.share(f.forced) for f in found]
    chosen = [f.share(f.chosen) for f in found]
    gained = [float((f.chosen - f.trail).mean()) for f in found]
    most = max(abs(t_of(v)) for f in found for v in (f.trail, f.forced, f.chosen))
    flagged = sum(f.trained.leaks.verdict == "flagged" for f in found)
    return (
        f"{found[0].world:<11} {n_train:>5} trades, {len(found)} draws: gap {_with_error([f.gap for f in found])}, "
        f"share of the model {_with_error(forced)}, of the advised exit {_with_error(chosen)} "
        f"(the model in {sum(f.policy.uses_model for f in found)}), "
        f"advised over trail {_with_error(gained, 3)} sigma, most |t(0)| {most:.1f}, flagged {flagged}"
    )


def _with_error(values: list[float], digits: int = 2) -> str:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


if __name__ == "__main__":
    main()
