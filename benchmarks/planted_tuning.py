"""Share of the way from the best trailing stop to the oracle that a ladder tuned with the model goes.

On a market with a known optimal exit (``planted_world.py``), a model is trained on some trades and `tune`'s search
finds a ladder on its out-of-fold predictions of the same trades; the ladder is scored once on fresh trades, as is the
model's own policy. Every setting named is tuned with the same model.

Run ``python benchmarks/planted_tuning.py [--world strong] [--train 500] [--seeds 5] [--with KEY=VALUE ...]``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from planted_market import _prepared, settings_of
from planted_world import STOP, WORLDS, draw, solve

from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.training.model import train_model
from exitladder.pipelines.training.value import net_r_of
from exitladder.pipelines.tuning.choice import Tuning
from exitladder.pipelines.tuning.policies import TRAILING_STOP


def measure(world: str, n_train: int, n_test: int, seed: int, variants: list[str], threads: int) -> dict[str, float]:
    """Return the share of the model's policy, and of the ladder tuned with each variant of the settings."""
    own = settings_of(threads=threads)
    prepared, fresh = _prepared(world, n_train, seed, 0, own), _prepared(world, n_test, seed + 1_000, n_train, own)
    trained = train_model(prepared, own)
    if trained.policy is None:
        raise ValueError(f"{n_train} trades are too few for a policy.")
    predicted = predict_rows(fresh, trained.model)
    ladders = [trained.policy.trail, trained.policy.by_model]
    for text in variants:
        chosen = settings_of(["tuning.storage=memory", *([text] if text else [])], threads=threads)
        tuning = Tuning.of(prepared, chosen, trained.predictions, None)
        ladder = tuning.choose(np.ones(n_train, dtype=bool), text or "defaults").ladder
        ladders.append(replace(ladder, name=text or "defaults"))
    net_r = net_r_of(fresh, predicted, np.arange(n_test), ladders, threads=threads)
    means = {name: float(np.nanmean(r)) * STOP for name, r in net_r.items()}
    trail = means.pop(TRAILING_STOP)
    oracle = float(solve(WORLDS[world]).policy(draw(WORLDS[world], n_test, seed + 1_000)).mean())
    return {name: (mean - trail) / (oracle - trail) for name, mean in means.items()}


def main() -> None:
    """Print a line for each draw, then the means over draws with their standard errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="strong", choices=list(WORLDS))
    parser.add_argument("--train", type=int, default=500, help="training trades")
    parser.add_argument("--test", type=int, default=2_000, help="fresh trades")
    parser.add_argument("--seeds", type=int, default=5, help="draws")
    parser.add_argument("--threads", type=int, default=0, help="0 means all cores")
    parser.add_argument(
        "--with", action="append", default=[], dest="variants", metavar="KEY=VALUE", help="also tune so"
    )
    args = parser.parse_args()
    found = []
    for seed in range(args.seeds):
        found.append(measure(args.world, args.train, args.test, seed, ["", *args.variants], args.threads))
        print(seed, "; ".join(f"{name}: {share:.2f}" for name, share in found[-1].items()), flush=True)
    print()
    for name in found[0]:
        shares = [draw[name] for draw in found]
        error = np.std(shares, ddof=1) / np.sqrt(len(shares)) if len(shares) > 1 else float("nan")
        print(f"share of {name}: {np.mean(shares):.2f} ± {error:.2f}")


if __name__ == "__main__":
    main()
