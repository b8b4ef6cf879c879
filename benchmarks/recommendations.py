"""False claims of `tune` on markets in which no exit is better than the trader's own.

Counts verdicts of "better" against own exits and recommendations of another exit, both false by construction (see
``null_markets.py``). Every run is a complete ``tune``. Each run is saved when it ends, and a repeated command continues
after the last one; ``--csv`` alone prints the table.

    python benchmarks/recommendations.py walks garch heavy up clustered costs --runs 50 --csv runs.csv \
        --set tuning.n_trials=100 --set validation.n_bootstrap=500
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import pandas as pd
from null_markets import WORLDS, World, null_market
from scipy.stats import binom
from verdicts import RANGES, interval_of, made_with

from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.training.model import train_model
from exitladder.pipelines.tuning.policies import OWN_EXITS
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings

NOMINAL = 0.025
KEYS = ["world", "seed", "n_trades", "set"]


def tuned_on(world: World, n_trades: int, seed: int, settings: Settings, spacing: int) -> Tuned:
    """Return what `tune` makes of a data set."""
    bars, trades = null_market(world, n_trades, seed, spacing)
    prepared = prepare(bars, trades, settings)
    predictions = predict_rows(prepared, train_model(prepared, settings).model) if world.with_model else None
    return tune_ladder(prepared, settings, predictions=predictions)


def row_of(tuned: Tuned) -> dict[str, object]:
    """Return the claims of a tuning, with its statistics."""
    found, advice = tuned.against, tuned.recommended
    if tuned.baseline != OWN_EXITS:
        raise ValueError(f"The verdict must be about {OWN_EXITS}, but is about '{tuned.baseline}'.")
    return {
        "verdict": tuned.verdict.kind,
        "choice": advice.choice,
        "parts_changed": sum(part["exit"] != OWN_EXITS for part in advice.parts),
        "n_parts": len(advice.parts),
        "difference_r": found.difference_r,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "n_test": found.n,
        "n_effective": found.n_effective,
        "n_days": found.n_days,
        "followed_r": tuned.recommendation.against_default.difference_r,
    }


def collect(world: World, seeds: range, args: argparse.Namespace) -> None:
    """Append a row per run to a file, except for runs that it has.

    Parameters
    ----------
    world : World
    seeds : range
    args : Namespace
        The command's arguments.
    """
    n_trades, csv, (ranges, spacing) = args.trades, args.csv, RANGES[args.ranges]
    settings = load_settings(None, [*ranges, *world.settings, *args.set])
    known = set(read(csv)[KEYS].itertuples(index=False, name=None))
    for seed in seeds:
        key = (world.name, seed, n_trades, made_with(args.ranges, args.set))
        if key in known:
            continue
        start = time.perf_counter()
        row = dict(zip(KEYS, key, strict=True)) | row_of(tuned_on(world, n_trades, seed, settings, spacing))
        row["seconds"] = time.perf_counter() - start
        pd.DataFrame([row]).to_csv(csv, mode="a", header=not csv.exists(), index=False)
        sys.stderr.write(f"{world.name} seed {seed}: {row['verdict']}, {row['choice']}, {row['seconds']:.1f} s\n")


def read(csv: Path) -> pd.DataFrame:
    """Return the runs of a file, none if it does not exist."""
    return pd.read_csv(csv, keep_default_na=False, na_values=["nan"]) if csv.exists() else pd.DataFrame(columns=KEYS)


def counted(hits: pd.Series) -> str:
    """Return a count with the exact 95% interval of its rate (Clopper and Pearson)."""
    low, high = interval_of(hits)
    return f"{int(hits.sum())} of {len(hits)} ({low:.1%} to {high:.1%})"


def table_of(runs: pd.DataFrame) -> str:
    """Return the table of false claims, a row per world and one for all."""
    heads = (
        "market", "data sets", 'false "better"', 'false "worse"', "false recommendations",
        "parts with another exit than your own", "tuned minus own exits (R)",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    groups = [(WORLDS[str(name)].words, part) for name, part in runs.groupby("world", sort=False)]
    for words, part in [*groups, ("all", runs)]:
        worse = part["verdict"] == "worse"
        # A tuned ladder pays more in costs, and gives up drift: "worse" is then true.
        shown = counted(worse) if set(part["world"]) <= {"walks", "garch", "heavy", "clustered", "model"} else "–"
        error = part["difference_r"].std(ddof=1) / len(part) ** 0.5
        cells = (
            words, str(len(part)), counted(part["verdict"] == "better"), shown, counted(part["choice"] != "own_exits"),
            f"{part['parts_changed'].sum()} of {part['n_parts'].sum()}",
            f"{part['difference_r'].mean():+.3f} ± {error:.3f}" if words != "all" else "",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    n = len(runs)
    lines.append(
        f"\nAt a nominal {NOMINAL:.1%}, {n} data sets have at most {int(binom.ppf(0.975, n, NOMINAL))} false claims "
        "with a probability of 97.5%."
    )
    return "\n".join(lines)


def main() -> None:
    """Make the requested runs, and print the table of all runs in the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worlds", nargs="*", metavar="WORLD", help=f"of {', '.join(WORLDS)}")
    parser.add_argument("--runs", type=int, default=50, help="data sets per world")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--trades", type=int, default=240, help="trades per data set")
    parser.add_argument("--ranges", default="printed", choices=list(RANGES), help="of the search space")
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="file of the runs")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="change a setting")
    args = parser.parse_args()
    if unknown := sorted(set(args.worlds) - set(WORLDS)):
        parser.error(f"unknown {unknown[0]!r}; choose from {', '.join(WORLDS)}")
    for seed in range(args.first, args.first + args.runs):
        for name in args.worlds:
            collect(WORLDS[name], range(seed, seed + 1), args)
    if len(runs := read(args.csv)):
        print(table_of(runs))


if __name__ == "__main__":
    main()
