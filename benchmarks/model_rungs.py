"""Exits on the model's two series: either one, both at once, or both as one rank.

Each market is trained once. Then the model's own exit is tuned on the same out-of-fold predictions with each set of
conditions (``search.model_rungs``). On planted markets it is executed on fresh trades, and the share is the part of the
distance from the best trailing stop to the best possible exit that it covers; on real markets it is tuned on the
earlier half of the out-of-fold trades and executed on the later half, in R over the trailing stop.

Run ``python benchmarks/model_rungs.py [KIND or MARKET ...] [--train 500] [--test 2000] [--seeds 3] [--data FOLDER]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from planted_kinds import KINDS, as_book
from planted_market import add_options, settings_of
from planted_world import STOP
from real_markets import DATA, MARKETS

from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.training.model import fit_model, training_rows
from exitladder.pipelines.training.value import gain_over_trail, net_r_of
from exitladder.pipelines.tuning.model_policy import tune_model_policy
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL, TRAILING_STOP
from exitladder.runtime.progress import SILENT
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.entries import make_trades

SETS = {
    "either": ("exhaustion", "hold_value_r"),
    "exhaustion": ("exhaustion",),
    "hold value": ("hold_value_r",),
    "both": ("both",),
    "rank": ("exit_rank",),
    "either, rank": ("exhaustion", "hold_value_r", "exit_rank"),
    "all four": ("exhaustion", "hold_value_r", "both", "exit_rank"),
}


def planted(kind: str, n_train: int, n_test: int, seed: int, settings: Settings) -> dict[str, float]:
    """Return the share of each set of conditions on the later trades of one draw."""
    market = KINDS[kind](n_train + n_test, seed)
    every = prepare(*as_book(market), settings)
    earlier = np.arange(n_train + n_test) < n_train
    known, fresh = every.take(earlier), every.take(~earlier)
    model = fit_model(training_rows(known, settings), known, settings, SILENT)
    predictions, later = predict_rows(known, model), predict_rows(fresh, model)
    oracle = float(market.oracle[n_train:].mean())
    found = {}
    for name, rungs in SETS.items():
        policy = tune_model_policy(known, predictions, settings, rungs=rungs)
        net_r = net_r_of(fresh, later, np.arange(n_test), [policy.trail, policy.by_model])
        trail, by_model = (float(np.nanmean(net_r[each])) * STOP for each in (TRAILING_STOP, MODEL_OR_TRAIL))
        found[name] = (by_model - trail) / (oracle - trail)
    return found


def real(market: str, data: Path, settings: Settings) -> dict[str, str]:
    """Return the gain of each set of conditions over the trail on a real market, with its confidence interval."""
    bars = MARKETS[market](data)
    prepared = prepare(bars, make_trades(bars, "donchian", lot=0.0), settings)
    model = fit_model(training_rows(prepared, settings), prepared, settings, SILENT)
    predictions = predict_rows(prepared, model)
    found = {}
    for name, rungs in SETS.items():
        gain, _ = gain_over_trail(prepared, predictions, settings, rungs=rungs)
        found[name] = f"{gain.difference_r:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]" if gain else "too few trades"
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each draw or market, then the mean share of each set with its standard error over draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("markets", nargs="*", default=["strong"], help=f"of {', '.join([*KINDS, *MARKETS])}")
    add_options(parser, train=500, test=2_000, seeds=3)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    args = parser.parse_args(arguments)
    settings = settings_of(args.set, threads=args.threads)
    plain = load_settings(None, [f"project.threads={args.threads}", *args.set])
    print("market       draw  " + "  ".join(f"{name:>12}" for name in SETS))
    for kind in args.markets:
        if kind in MARKETS:
            for name, text in real(kind, args.data, plain).items():
                print(f"{kind:<13}{name:<13}{text}", flush=True)
            continue
        draws = []
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            draws.append(planted(kind, args.train, args.test, seed, settings))
            print(f"{kind:<13}{seed:>4}  " + "  ".join(f"{v:12.2f}" for v in draws[-1].values()), flush=True)
        table = np.array([list(draw.values()) for draw in draws])
        error = table.std(axis=0, ddof=1) / np.sqrt(len(table)) if len(table) > 1 else np.full(len(SETS), np.nan)
        shown = [f"{m:.2f} ± {e:.2f}" for m, e in zip(table.mean(axis=0), error, strict=True)]
        print(f"{kind:<13}mean  " + "  ".join(f"{text:>12}" for text in shown), flush=True)


if __name__ == "__main__":
    main()
