"""How often `tune` says "better" where nothing is to be found, and where something is.

Random walks with entries at random: no exit is worth more than another, so every "better" is a false one. Then
the same with a drift after the entry that the trader's own exits leave too early: the share of "better" is the
power. Every run is the whole of ``tune``: walk-forward, searches, baselines, statistics, verdict.

    python benchmarks/verdicts.py --false-positives --runs 200
    python benchmarks/verdicts.py --power --runs 25 --picture docs/pictures/verdict_power.png
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import beta

from exitladder.bars import Bars, BarSet
from exitladder.execution.verdict import DSR_NEEDED, PBO_ALLOWED, verdict
from exitladder.pipelines.ladder_tuning import Tuned, tune_ladder
from exitladder.pipelines.plot_style import EMPHASIS, HALF, LOSS, MUTED, new_figure, styled, to_png
from exitladder.pipelines.policies import OWN_EXITS, SIMPLEST, TUNED
from exitladder.pipelines.prepare import prepare
from exitladder.settings import Settings, load_settings
from exitladder.trades import Trades

HOUR = 3_600 * 10**9
N_SYMBOLS, SPACING, WARM_UP = 6, 40, 60
PRICE, SIGMA = 10_000.0, 10.0
DRIFT_BARS, OWN_BARS = 20, 5
DRIFTS = (0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2)
SETTINGS = (
    "tuning.n_trials=128",
    "validation.n_test_parts=3",
    "validation.n_bootstrap=1000",
    "search.time_bars=[5, 35]",
    "project.threads=1",
    "tuning.storage='memory'",
)


def market(drift: float, n_trades: int, seed: int) -> tuple[BarSet, Trades]:
    """Return random walks and trades entered in them by the toss of a coin.

    Parameters
    ----------
    drift : float
        In the direction of each trade, standard deviations a bar, over its first `DRIFT_BARS` bars.
    n_trades : int
        Over all symbols; each was left by its owner at the close of its `OWN_BARS`-th bar.
    """
    rng = np.random.default_rng(seed)
    per_symbol = n_trades // N_SYMBOLS
    length = WARM_UP + (per_symbol + 1) * SPACING
    bars, tables = [], []
    for k in range(N_SYMBOLS):
        entry = WARM_UP + np.arange(per_symbol) * SPACING + rng.integers(0, 5, per_symbol)
        side = rng.choice((-1, 1), per_symbol)
        step = rng.standard_normal(length)
        for at, sign in zip(entry, side, strict=True):
            step[at : at + DRIFT_BARS] += sign * drift
        close = PRICE + SIGMA * np.cumsum(step)
        opened = np.concatenate([[PRICE], close[:-1]])
        # Extremes of a Brownian bridge between the closes, each by its exact law.
        turns = [np.sqrt((close - opened) ** 2 + 2 * SIGMA**2 * rng.standard_exponential(length)) for _ in "hl"]
        high, low = (opened + close + turns[0]) / 2, (opened + close - turns[1]) / 2
        stamps = np.arange(length, dtype=np.int64) * HOUR + k * 60 * 10**9
        bars.append(Bars(f"W{k}", HOUR, stamps, opened, high, low, close))
        left = entry + OWN_BARS - 1
        tables.append(
            {
                "trade_id": np.array([f"W{k}-{i}" for i in range(per_symbol)], dtype=object),
                "symbol": np.full(per_symbol, f"W{k}", dtype=object),
                "side": side.astype(np.int8),
                "entry_time": stamps[entry],
                "entry_price": opened[entry],
                "quantity": np.ones(per_symbol),
                "stop_price": np.full(per_symbol, np.nan),
                "entry_at": np.full(per_symbol, -1, dtype=np.int8),
                "exit_time": stamps[left] + HOUR - 1,
                "exit_price": close[left],
                "quantity_open": np.full(per_symbol, np.nan),
                "tag": np.full(per_symbol, "", dtype=object),
            }
        )
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return BarSet(bars), Trades(**columns)


@dataclass(frozen=True)
class Run:
    """What one data set led to: the verdicts against the trader's own exits and against the best simple exit."""

    seed: int
    drift: float
    tuned: Tuned
    seconds: float

    def says(self, baseline: str, *, dsr: bool = False, pbo: bool = False) -> str:
        """Return the verdict's kind, with the search's gates where they are asked for."""
        luck = self.tuned.luck
        against = self.tuned.scoreboard.comparisons[baseline]
        return verdict(against, TUNED, baseline, dsr=luck.dsr if dsr else None, pbo=luck.pbo if pbo else None).kind

    def row(self) -> dict[str, object]:
        """Return what the tables are made of."""
        row: dict[str, object] = {"seed": self.seed, "drift": self.drift, "seconds": self.seconds}
        for baseline in (OWN_EXITS, SIMPLEST):
            found = self.tuned.scoreboard.comparisons[baseline]
            row[f"{baseline}: difference_r"] = found.difference_r
            row[f"{baseline}: sd"] = found.sd_difference
            row[f"{baseline}: says"] = self.says(baseline)
        row["with dsr"] = self.says(OWN_EXITS, dsr=True)
        row["with pbo"] = self.says(OWN_EXITS, pbo=True)
        row["spa says better"] = self.tuned.superior[OWN_EXITS].p_value <= 0.05
        row["dsr"], row["pbo"] = self.tuned.luck.dsr, self.tuned.luck.pbo
        return row


def runs(drift: float, seeds: Sequence[int], n_trades: int, settings: Settings) -> Iterator[Run]:
    """Yield the runs of these seeds."""
    for seed in seeds:
        start = time.perf_counter()
        bars, trades = market(drift, n_trades, seed)
        tuned = tune_ladder(prepare(bars, trades, settings), settings)
        yield Run(seed, drift, tuned, time.perf_counter() - start)


def settings_of(extra: Sequence[str] = ()) -> Settings:
    """Return the settings of the runs: fewer trials and parts than the product's own, so that many can be made."""
    return load_settings(None, [*SETTINGS, *extra])


def interval_of(hits: pd.Series) -> tuple[float, float]:
    """Return the exact binomial interval of a share (Clopper and Pearson)."""
    n, k = len(hits), int(hits.sum())
    low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    return low, float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0


def share(hits: pd.Series) -> str:
    """Return a share with its interval."""
    low, high = interval_of(hits)
    return f"{hits.mean():.1%} ({low:.1%} to {high:.1%})"


def false_positives(table: pd.DataFrame) -> str:
    """Return the table of what was said where there is nothing to say."""
    lines = ["| verdict by | better | worse | no difference |", "| --- | --- | --- | --- |"]
    columns = {
        "against your own exits, as `tune` says it": f"{OWN_EXITS}: says",
        "against the best simple exit, as `tune` says it": f"{SIMPLEST}: says",
        f"own exits, and DSR at least {DSR_NEEDED:g}": "with dsr",
        f"own exits, and PBO below {PBO_ALLOWED:g}": "with pbo",
    }
    for label, column in columns.items():
        said = table[column]
        cells = " | ".join(share(said == kind) for kind in ("better", "worse", "no_difference"))
        lines.append(f"| {label} | {cells} |")
    lines.append(f"| SPA: any exit beats your own at 5 % | {share(table['spa says better'])} | | |")
    return "\n".join(lines)


def power(table: pd.DataFrame) -> str:
    """Return the table of what was said as the planted drift grows."""
    heads = (
        "drift (sd a bar)", "difference (R)", "better", "worse", "better with DSR", "better with PBO",
        "better than the best simple exit",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for drift, part in table.groupby("drift"):
        own, simple = part[f"{OWN_EXITS}: says"], part[f"{SIMPLEST}: says"]
        said = (own == "better", own == "worse", part["with dsr"] == "better", part["with pbo"] == "better")
        cells = [f"{drift:g}", f"{part[f'{OWN_EXITS}: difference_r'].mean():+.2f}"]
        lines.append(f"| {' | '.join([*cells, *map(share, said), share(simple == 'better')])} |")
    return "\n".join(lines)


@styled
def power_picture(table: pd.DataFrame) -> Figure:
    """Return the curve of what was said as the planted drift grows."""
    figure = new_figure(HALF, 3.4)
    axes = figure.add_subplot()
    groups = table.groupby("drift")
    drifts = list(groups.groups)
    curves = {
        "better than the own exits": (f"{OWN_EXITS}: says", "better", EMPHASIS),
        "worse than the own exits": (f"{OWN_EXITS}: says", "worse", LOSS),
        "better than the best simple exit": (f"{SIMPLEST}: says", "better", MUTED),
    }
    for label, (column, kind, colour) in curves.items():
        said = [part[column] == kind for _, part in groups]
        ends = np.array([interval_of(hits) for hits in said])
        axes.plot(drifts, [hits.mean() for hits in said], color=colour, marker="o", markersize=4, label=label)
        axes.fill_between(drifts, ends[:, 0], ends[:, 1], color=colour, alpha=0.12, linewidth=0)
    axes.axhline(0.05, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set(ylim=(0, 1.02), xlabel="drift after the entry, standard deviations a bar", ylabel="share of data sets")
    axes.set_title("What the verdict says as the truth grows")
    axes.legend(loc="upper left")
    return figure


def collect(drifts: Sequence[float], args: argparse.Namespace) -> pd.DataFrame:
    """Run every drift with every seed and return one row a run."""
    rows = []
    for drift in drifts:
        for run in runs(drift, range(args.first, args.first + args.runs), args.trades, settings_of(args.set)):
            rows.append(run.row())
            sys.stderr.write(f"drift {drift:g} seed {run.seed}: {run.row()}\n")
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table that was asked for, or draw one from a file of runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--false-positives", action="store_true")
    parser.add_argument("--power", action="store_true")
    parser.add_argument("--runs", type=int, default=20, help="data sets (of each drift)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--trades", type=int, default=240, help="trades of a data set")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the power as a curve (.png)")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE")
    args = parser.parse_args()
    if args.false_positives:
        table = collect([0.0], args)
        print(f"{len(table)} driftless data sets of {args.trades} trades, {table['seconds'].median():.1f} s each\n")
        print(false_positives(table))
    if args.power:
        table = collect(DRIFTS, args)
        print(f"{args.runs} data sets of {args.trades} trades for each drift\n")
        print(power(table))
        if args.picture:
            args.picture.write_bytes(to_png(power_picture(table), dots_per_inch=130))


if __name__ == "__main__":
    main()
