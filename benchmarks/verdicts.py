"""Error rate and statistical power of the verdicts of `tune`.

Random walks with random entries: no exit is better than another, so every "better" is a false positive. Then the same
with a drift after the entry that the trader's own exits leave too early: the share of "better" is the power. Every run
is the whole of ``tune`` with its default settings: walk-forward, searches, baselines, statistics, verdict. Each run is
saved when it ends, and a repeated command continues after the last one.

    python benchmarks/verdicts.py walks crowded --runs 200 --csv runs.csv
    python benchmarks/verdicts.py model costs --runs 80 --csv runs.csv
    python benchmarks/verdicts.py power --runs 50 --csv runs.csv --picture docs/pictures/verdict_power.png
    python benchmarks/verdicts.py walks crowded --ranges default --runs 40 --csv wide.csv
    python benchmarks/verdicts.py --csv runs.csv        # the tables of the saved runs

``--ranges printed`` are those of the first tables (up to 100 bars, 8 ATR, 4 R), ``--ranges default`` the product's own:
trades of a symbol are then further apart, so that still each ends before the next one.
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

from exitladder.bars.bars import Bars, BarSet
from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.plots.style import EMPHASIS, HALF, LOSS, MUTED, new_figure, styled, to_png
from exitladder.pipelines.training.model import train_model
from exitladder.pipelines.tuning.policies import OWN_EXITS, SIMPLEST, TUNED
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.statistics.verdict import DSR_NEEDED, PBO_ALLOWED, verdict
from exitladder.trades.trades import Trades

HOUR = 3_600 * 10**9
N_SYMBOLS, WARM_UP = 6, 60
# Between the entries of a symbol: further than the longest time stop of the ranges, or well within it.
SPACING, WIDE_SPACING, CROWDED_SPACING = 110, 265, 40
PRICE, SIGMA = 10_000.0, 10.0
DRIFT_BARS, OWN_BARS = 20, 5
DRIFTS = (0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2)
# Where nothing is kept and how many cores there are changes no result.
DEFAULT_RANGES = ("project.threads=1", "tuning.storage='memory'")
# The ranges that the first tables were printed with: every trade ends before the next one of its symbol.
SETTINGS = (
    *DEFAULT_RANGES,
    "search.time_stop=bars",
    "search.time_bars=[10, 100]",
    'search.first_target=["0.5R", "4R"]',
    'search.trail_width=["1.5ATR", "8ATR"]',
)
# The settings and the spacing of trades, by name of the ranges.
RANGES = {"printed": (SETTINGS, SPACING), "default": (DEFAULT_RANGES, WIDE_SPACING)}


@dataclass(frozen=True)
class Condition:
    """How the data sets of a condition differ from plain ones, and what `tune` is given.

    Parameters
    ----------
    name, words : str
    crowded : bool
        All trades are long, several of a symbol are open at once, and the symbols share half of their variance.
    with_model : bool
        A model is trained in stages on the same trades and takes part, as in ``tune --model``.
    settings : tuple of str
    """

    name: str
    words: str
    crowded: bool = False
    with_model: bool = False
    settings: tuple[str, ...] = ()


PLAIN = Condition("walks", "no costs, no model")
CONDITIONS = {
    condition.name: condition
    for condition in (
        PLAIN,
        # Some 0.03 R a fill that pays both, as on hourly American stocks at 2 and 3 basis points.
        Condition("costs", "with costs", settings=("costs.commission_bps=0.4", "costs.slippage_bps=0.6")),
        Condition("model", "with a model", with_model=True),
        Condition("crowded", "crowded: all long, overlapping, symbols moving together", crowded=True),
    )
}


def market(
    drift: float, n_trades: int, seed: int, *, crowded: bool = False, spacing: int = SPACING
) -> tuple[BarSet, Trades]:
    """Return random walks and trades entered in them by the toss of a coin.

    Parameters
    ----------
    drift : float
        In the direction of each trade, standard deviations a bar, over its first `DRIFT_BARS` bars.
    n_trades : int
        Over all symbols; each was left by its owner at the close of its `OWN_BARS`-th bar.
    crowded : bool
        See `Condition`.
    spacing : int
        Bars between the entries of a symbol, unless crowded; as many follow the last one.
    """
    rng = np.random.default_rng(seed)
    per_symbol, after = n_trades // N_SYMBOLS, spacing
    spacing = CROWDED_SPACING if crowded else spacing
    length = WARM_UP + per_symbol * spacing + after
    common = rng.standard_normal(length)
    bars, tables = [], []
    for k in range(N_SYMBOLS):
        entry = WARM_UP + np.arange(per_symbol) * spacing + rng.integers(0, 5, per_symbol)
        side = np.ones(per_symbol, dtype=int) if crowded else rng.choice((-1, 1), per_symbol)
        step = rng.standard_normal(length)
        if crowded:
            step = (step + common) / np.sqrt(2)
        for at, sign in zip(entry, side, strict=True):
            step[at : at + DRIFT_BARS] += sign * drift
        close = PRICE + SIGMA * np.cumsum(step)
        opened = np.concatenate([[PRICE], close[:-1]])
        # Extremes of a Brownian bridge between the closes, each by its exact law.
        turns = [np.sqrt((close - opened) ** 2 + 2 * SIGMA**2 * rng.standard_exponential(length)) for _ in "hl"]
        high, low = (opened + close + turns[0]) / 2, (opened + close - turns[1]) / 2
        volume = np.exp(rng.normal(0.0, 0.3, length))
        stamps = np.arange(length, dtype=np.int64) * HOUR + k * 60 * 10**9
        bars.append(Bars(f"W{k}", HOUR, stamps, opened, high, low, close, volume))
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

    condition: Condition
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
        row: dict[str, object] = {"condition": self.condition.name, "drift": self.drift, "seed": self.seed}
        for baseline in (OWN_EXITS, SIMPLEST):
            found = self.tuned.scoreboard.comparisons[baseline]
            row[f"{baseline}: difference_r"] = found.difference_r
            row[f"{baseline}: low"], row[f"{baseline}: high"] = found.low, found.high
            row[f"{baseline}: says"] = self.says(baseline)
        row["with dsr"] = self.says(OWN_EXITS, dsr=True)
        row["with pbo"] = self.says(OWN_EXITS, pbo=True)
        row["spa says better"] = self.tuned.superior[OWN_EXITS].p_value <= 0.05
        row["dsr"], row["pbo"] = self.tuned.luck.dsr, self.tuned.luck.pbo
        row["n_test"], row["n_effective"] = self.tuned.against.n, self.tuned.against.n_effective
        row["seconds"] = self.seconds
        return row


def runs(
    drift: float,
    seeds: Sequence[int],
    n_trades: int,
    settings: Settings,
    condition: Condition = PLAIN,
    spacing: int = SPACING,
) -> Iterator[Run]:
    """Yield the runs of these seeds."""
    for seed in seeds:
        start = time.perf_counter()
        bars, trades = market(drift, n_trades, seed, crowded=condition.crowded, spacing=spacing)
        prepared = prepare(bars, trades, settings)
        predictions = predict_rows(prepared, train_model(prepared, settings).model) if condition.with_model else None
        tuned = tune_ladder(prepared, settings, predictions=predictions)
        yield Run(condition, seed, drift, tuned, time.perf_counter() - start)


def settings_of(extra: Sequence[str] = (), condition: Condition = PLAIN, ranges: str = "printed") -> Settings:
    """Return the product's default settings with the condition's costs."""
    return load_settings(None, [*RANGES[ranges][0], *condition.settings, *extra])


def interval_of(hits: pd.Series) -> tuple[float, float]:
    """Return the exact binomial interval of a share (Clopper and Pearson)."""
    n, k = len(hits), int(hits.sum())
    low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    return low, float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0


def share(hits: pd.Series) -> str:
    """Return a share with its interval."""
    low, high = interval_of(hits)
    return f"{hits.mean():.1%} ({low:.1%} to {high:.1%})"


def mean(values: pd.Series) -> str:
    """Return a mean over data sets with its standard error."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():+.3f} ± {error:.3f}"


def gates(table: pd.DataFrame) -> str:
    """Return the table of verdicts on driftless markets, also under additional gates."""
    lines = ["| verdict by | better | worse | no difference |", "| --- | --- | --- | --- |"]
    columns = {
        "against your own exits, as in `tune`": f"{OWN_EXITS}: says",
        "against the best simple exit, as in `tune`": f"{SIMPLEST}: says",
        f"own exits, and DSR at least {DSR_NEEDED:g}": "with dsr",
        f"own exits, and PBO below {PBO_ALLOWED:g}": "with pbo",
    }
    for label, column in columns.items():
        kinds = table[column]
        cells = " | ".join(share(kinds == kind) for kind in ("better", "worse", "no_difference"))
        lines.append(f"| {label} | {cells} |")
    lines.append(f"| SPA: any exit beats your own at 5% | {share(table['spa says better'])} | | |")
    return "\n".join(lines)


def conditions(table: pd.DataFrame) -> str:
    """Return the table of verdicts on driftless markets, one row per condition."""
    heads = (
        "condition", "data sets", "better than your own exits", "worse", "better than the best simple exit", "worse",
        "difference to your own exits, to the best simple exit (R)", "scored trades worth",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for name, part in table.groupby("condition", sort=False):
        shares = [
            part[f"{baseline}: says"] == kind for baseline in (OWN_EXITS, SIMPLEST) for kind in ("better", "worse")
        ]
        differences = ", ".join(mean(part[f"{baseline}: difference_r"]) for baseline in (OWN_EXITS, SIMPLEST))
        worth = f"{part['n_effective'].median():.0f} of {part['n_test'].median():.0f}"
        cells = [CONDITIONS[str(name)].words, str(len(part)), *map(share, shares), differences, worth]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def power(table: pd.DataFrame) -> str:
    """Return the table of verdicts by planted drift."""
    heads = (
        "drift (sd a bar)", "data sets", "difference (R)", "better", "worse", "interval above zero", "better with DSR",
        "better with PBO", "better than the best simple exit", "worse than it",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for drift, part in table.groupby("drift"):
        own, simple = part[f"{OWN_EXITS}: says"], part[f"{SIMPLEST}: says"]
        shares = (
            own == "better", own == "worse", part[f"{OWN_EXITS}: low"] > 0, part["with dsr"] == "better",
            part["with pbo"] == "better", simple == "better", simple == "worse",
        )  # fmt: skip
        cells = [f"{drift:g}", str(len(part)), f"{part[f'{OWN_EXITS}: difference_r'].mean():+.2f}"]
        lines.append(f"| {' | '.join([*cells, *map(share, shares)])} |")
    return "\n".join(lines)


@styled
def power_picture(table: pd.DataFrame) -> Figure:
    """Return the curve of verdicts by planted drift."""
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
        counts = [part[column] == kind for _, part in groups]
        ends = np.array([interval_of(hits) for hits in counts])
        axes.plot(drifts, [hits.mean() for hits in counts], color=colour, marker="o", markersize=4, label=label)
        axes.fill_between(drifts, ends[:, 0], ends[:, 1], color=colour, alpha=0.12, linewidth=0)
    axes.axhline(0.05, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set(ylim=(0, 1.02), xlabel="drift after the entry, standard deviations a bar", ylabel="share of data sets")
    axes.set_title("Verdicts by size of the true effect")
    axes.legend(loc="upper left")
    return figure


def made_with(ranges: str, extra: Sequence[str]) -> str:
    """Return the text that tells runs with different ranges or settings apart in a file."""
    return " ".join([*(() if ranges == "printed" else (f"ranges={ranges}",)), *extra])


def collect(condition: Condition, drifts: Sequence[float], seeds: Sequence[int], args: argparse.Namespace) -> None:
    """Write a row a run at the end of a file; runs that are in it are not made again."""
    n_trades, extra, csv = args.trades, args.set, args.csv
    settings, spacing = settings_of(extra, condition, args.ranges), RANGES[args.ranges][1]
    made = {"n_trades": n_trades, "set": made_with(args.ranges, extra)}
    there = read(csv)
    if (other := there[list(made)].drop_duplicates().to_dict("records")) not in ([], [made]):
        raise SystemExit(f"{csv} holds runs made with {other}, not {made}; take another file.")
    known = set(zip(there["condition"], there["drift"], there["seed"], strict=True))
    for drift in drifts:
        for seed in seeds:
            if (condition.name, drift, seed) in known:
                continue
            (run,) = runs(drift, [seed], n_trades, settings, condition, spacing)
            row = pd.DataFrame([run.row() | made])
            row.to_csv(csv, mode="a", header=not csv.exists(), index=False)
            sys.stderr.write(f"{condition.name} drift {drift:g} seed {seed}: {run.says(OWN_EXITS)}\n")


def read(csv: Path) -> pd.DataFrame:
    """Return the runs of a file; none where there is no file."""
    columns = ["condition", "drift", "seed", "n_trades", "set"]
    return pd.read_csv(csv, keep_default_na=False, na_values=["nan"]) if csv.exists() else pd.DataFrame(columns=columns)


def tables(table: pd.DataFrame) -> str:
    """Return every table that the runs allow for."""
    driftless = table[table["drift"] == 0]
    plain = driftless[driftless["condition"] == PLAIN.name]
    curve = table[table["condition"] == PLAIN.name]
    seconds = table.groupby("condition", sort=False)["seconds"].median()
    texts = [
        f"{', '.join(f'{name} {s:.1f}' for name, s in seconds.items())} seconds a run (median), "
        f"{table['n_trades'].iloc[0]} trades a data set"
    ]
    if len(plain):
        texts += [f"{len(plain)} driftless data sets, no costs, no model", gates(plain)]
    if len(driftless):
        texts.append(conditions(driftless))
    if len(set(curve["drift"])) > 1:
        texts.append(power(curve))
    return "\n\n".join(texts)


def main() -> None:
    """Make the runs that were asked for, and print the tables of all that are in the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"of {', '.join(CONDITIONS)} (driftless), power")
    parser.add_argument("--runs", type=int, default=20, help="data sets (of each drift)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--trades", type=int, default=240, help="trades of a data set")
    parser.add_argument("--ranges", default="printed", choices=list(RANGES), help="of the search space")
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="where the runs are kept")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the power as a curve (.png)")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE")
    args = parser.parse_args()
    if unknown := sorted(set(args.what) - {*CONDITIONS, "power"}):
        parser.error(f"unknown {unknown[0]!r}; known are {', '.join([*CONDITIONS, 'power'])}")
    seeds = range(args.first, args.first + args.runs)
    for what in args.what:
        condition, drifts = (PLAIN, DRIFTS) if what == "power" else (CONDITIONS[what], DRIFTS[:1])
        collect(condition, drifts, seeds, args)
    table = read(args.csv)
    if len(table):
        print(tables(table))
    if args.picture:
        plain = table[table["condition"] == PLAIN.name]
        args.picture.write_bytes(to_png(power_picture(plain), dots_per_inch=130))


if __name__ == "__main__":
    main()
