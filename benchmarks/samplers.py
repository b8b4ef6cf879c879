"""Cost and result of a search, by sampler.

    python benchmarks/samplers.py speed [--trades 10000] [--rounds 1]
    python benchmarks/samplers.py table [--trials 500]
    python benchmarks/samplers.py pruning [--trades 10000] [--rounds 3]
    python benchmarks/samplers.py value [--seeds 1] [--data FOLDER] [--csv FILE]
    python benchmarks/samplers.py draw --csv FILE --picture FILE

``speed`` takes 2,000 trials of TPE over 10,000 trades with price rungs, kept in a database, against Optuna's own
TPE in memory over the same space with an empty objective; and 20,000 candidates of each faster sampler, kept too.
It ends with a default search, kept, and with what Optuna's own API takes only to write the same trials.
``table`` takes samplers alone, by objectives and parameters. ``pruning`` searches with and without Wilcoxon's
pruner. ``value`` tunes on the trades of four markets up to each of four cuts and scores the best ladder on those that
follow. ``draw`` plots the results.
Times are processor seconds on one thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from engine import market
from planted_world import WORLDS, as_bars, as_trades, draw
from real_markets import DATA, MARKETS

from exitladder.bars.bars import BarSet
from exitladder.execution import simulate_many
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.pruning import N_BLOCKS
from exitladder.models.search.samplers.choice import sampler_of
from exitladder.models.search.samplers.optuna import n_startup
from exitladder.models.search.samplers.sampler import SAMPLERS, SearchPlan
from exitladder.models.search.search import SearchResult, search
from exitladder.models.search.space.candidates import Cube
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.studies.store import StudyStore
from exitladder.pipelines.inputs.prepare import base_ladder
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.pipelines.tuning.pruned_objectives import PrunedObjectives
from exitladder.plans.ladder import Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import SearchSettings, Settings
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import PlacedTrades, Trades, place_trades

BASE = Ladder(atr_window=14, stop=Stop(initial=Distance(3.0, "ATR")))
BATCH = 64
# Those that take long are asked for less.
PRUNED_TRIALS = 512
N_SPLITS = 4
SIZES = {"tpe": (64, 256, 512), "nsga2": (64, 256, 1024)}
COSTS = ["costs.commission_bps=2", "costs.slippage_bps=2", "project.threads=1"]


def cpu(run: Callable[[], Any]) -> tuple[float, float]:
    """Return processor and wall seconds of a call."""
    wall, began = time.perf_counter(), time.process_time()
    run()
    return time.process_time() - began, time.perf_counter() - wall


def speed(n_trades: int, rounds: int) -> None:
    placed = market(n_trades)
    space = SearchSpace(SearchSettings(), BASE)

    def evaluate(ladders: list[Ladder]) -> Evaluation:
        return Evaluation.of_values(simulate_many(placed, ladders, threads=1).mean(axis=0))

    def bare(n: int) -> None:
        """Optuna's own loop: the study in memory, the objective empty."""
        sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=n_startup(n))
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(lambda trial: float(len(space.suggest(trial).rungs)), n_trials=n)

    def kept(sampler: str, n: int, batch: int) -> None:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            store = StudyStore(f"sqlite:///{folder}/studies.db")
            search(space, evaluate, n, sampler=sampler, batch_size=batch, store=store)
            store.close()

    def added(n: int) -> list[Any]:
        """Trials of a search that was kept, as Optuna reads them."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            url = f"sqlite:///{folder}/studies.db"
            store = StudyStore(url)
            search(space, evaluate, n, sampler="mixture", batch_size=BATCH, store=store, name="kept")
            store.close()
            return optuna.load_study(study_name="kept", storage=url).get_trials()

    def by_optuna(trials: list[Any]) -> None:
        """Write trials, a batch at a time, by Optuna's own API."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            study = optuna.create_study(direction="maximize", storage=f"sqlite:///{folder}/studies.db")
            for k in range(0, len(trials), BATCH):
                study.add_trials(trials[k : k + BATCH])

    evaluate([Cube(space).at(np.full(Cube(space).n, 0.5)).ladder] * 2)
    kept("tpe", 20, 10)
    trials = added(1000)
    ways: dict[str, Callable[[], None]] = {
        "Optuna alone: TPE, in memory, empty objective, 2,000 trials": lambda: bare(2000),
        f"tpe, {n_trades:,} trades, kept, 2,000 trials": lambda: kept("tpe", 2000, BATCH),
    }
    for name in ("mixture", "qmc", "cmaes", "nsga2", "random"):
        ways[f"{name}, {n_trades:,} trades, kept, 20,000 trials"] = lambda name=name: kept(name, 20_000, 256)
    ways[f"mixture, {n_trades:,} trades, kept, 1,000 trials"] = lambda: kept("mixture", 1000, BATCH)
    ways["Optuna's add_trials alone, the same 1,000 trials"] = lambda: by_optuna(trials)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    print(f"{'':62} processor s  wall s  vs Optuna alone")
    for _ in range(rounds):
        for name, run in ways.items():
            times[name].append(cpu(run))
            processor, wall = np.median(times[name], axis=0)
            first = np.median([t for t, _ in times[next(iter(ways))]])
            print(f"{name:62} {processor:11.1f} {wall:7.1f} {processor / first:9.2f}", flush=True)


class Floats:
    """A space of k numbers without a ladder."""

    def __init__(self, k: int) -> None:
        self.k = k

    def suggest(self, trial: Any) -> tuple[float, ...]:
        """Return the numbers."""
        return tuple(trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(self.k))


def table(n: int) -> None:
    print(f"milliseconds per trial, {n} trials ({n // 2} of TPE with two objectives), batches of {BATCH}")
    print(f"{'':10} {'':>12}" + "".join(f"{k:>6} parameters" for k in (4, 8, 16)))
    for name in SAMPLERS:
        for n_objectives in (1, 2):
            if name == "cmaes" and n_objectives > 1:
                continue
            result = []
            for k in (4, 8, 16):
                m = n // 2 if name == "tpe" and n_objectives > 1 else n
                result.append(cpu(lambda k=k, m=m, o=n_objectives, s=name: ask_only(s, k, m, o))[0] / m * 1e3)
            print(
                f"{name:10} {n_objectives} objective{'s' if n_objectives > 1 else ' '}"
                + "".join(f"{t:17.2f}" for t in result)
            )


def ask_only(sampler: str, k: int, n: int, n_objectives: int) -> None:
    """Ask and tell without a study kept; the worth is a smooth function."""
    plan = SearchPlan(sampler, 0, n, BATCH, n_objectives)
    cube = Cube(Floats(k))  # type: ignore[arg-type]
    asks = sampler_of(plan, cube)
    names = ("a", "b")[:n_objectives]
    for batch in range(1, plan.n_batches + 1):
        found = asks.ask(batch, plan.size_of(batch))
        x = np.array([c.ladder for c in found], dtype=float)
        values = np.column_stack([-((x - t) ** 2).sum(axis=1) for t in (0.3, 0.7)[:n_objectives]])
        asks.tell(batch, found, Evaluation(values, np.empty((len(x), 0)), names, ()))


def pruning(n_trades: int, rounds: int) -> None:
    """Search with and without Wilcoxon's pruner, in turn, and print time saved and results."""
    placed = market(n_trades)
    print(f"{n_trades:,} trades, {PRUNED_TRIALS} candidates, medians of {rounds} rounds")
    print(f"{'':24s} {'s':>7s} {'pruned, s':>10s} {'ratio':>6s} {'blocks seen':>12s} {'best found, pruned':>24s}")
    for objective in ("expectancy_r", "sharpe"):
        settings = load_settings(None, [*COSTS, f"tuning.objectives=['{objective}']", "tuning.pruner='wilcoxon'"])
        base = base_ladder(settings)
        plain = Objectives.of(settings, placed, None, base, SearchSpace(settings.search, base))
        for sampler in ("qmc", "mixture"):
            searched(plain, sampler, 80, pruned=True)
            pairs = [
                (searched(plain, sampler, PRUNED_TRIALS), searched(plain, sampler, PRUNED_TRIALS, pruned=True))
                for _ in range(rounds)
            ]
            (_, whole), (_, some) = pairs[0]
            one, two, ratio = np.median([(a, b, a / b) for (a, _), (b, _) in pairs], axis=0)
            seen = some.evaluation.block_scores.n_looked.mean() / N_BLOCKS
            print(
                f"{objective:14s} {sampler:9s} {one:7.2f} {two:10.2f} {ratio:6.2f} {seen:12.0%} "
                f"{whole.best_value:12.4f} {some.best_value:11.4f}"
            )


def searched(plain: Objectives, sampler: str, n: int, *, pruned: bool = False) -> tuple[float, SearchResult]:
    """Return the processor seconds of a search, and its result."""
    found = []
    judge = PrunedObjectives(plain)

    def run() -> None:
        found.append(
            search(
                plain.space,
                judge.judge if pruned else plain.judge,
                n,
                sampler=sampler,
                batch_size=BATCH,
                warm_starts=[Cube(plain.space).at(np.full(Cube(plain.space).n, 0.4)).ladder],
                prune=judge.judge_against if pruned else None,
            )
        )

    return cpu(run)[0], found[0]


def markets(data: Path) -> dict[str, tuple[BarSet, Trades]]:
    found: dict[str, tuple[BarSet, Trades]] = {}
    for name in ("sample", "planted", "nse", "binance-1h"):
        if name == "planted":
            bars = as_bars(draw(WORLDS["strong"], 2_000, 0))
            found[name] = bars, as_trades(bars)
        elif name == "sample" or data.is_dir():
            bars = MARKETS[name](data)
            found[name] = bars, make_trades(bars, "donchian", lot=0.0)
    return found


def value(seeds: int, data: Path, csv: Path | None) -> None:
    rows = []
    for name, (bars, trades) in markets(data).items():
        settings = load_settings(None, COSTS if name != "planted" else ["project.threads=1"])
        order = np.lexsort((trades.trade_id.astype(str), trades.entry_time))
        placed = place_trades(trades.take(order), bars)
        parts = [tuple(placed.take(np.arange(*span)) for span in spans) for spans in splits(len(placed))]
        for sampler in SAMPLERS:
            for n_trials in SIZES.get(sampler, (64, 256, 1024, 4096)):
                rows += [
                    {"market": name, "split": k, "sampler": sampler}
                    | tuned(train, test, settings, sampler, n_trials, seed)
                    for k, (train, test) in enumerate(parts)
                    for seed in range(seeds)
                ]
        shown = pd.DataFrame([r for r in rows if r["market"] == name])
        means = shown.groupby(["sampler", "n_trials"], sort=False)[["seconds", "in_sample", "out_of_sample"]].mean()
        sizes = ", ".join(f"{len(train):,} and {len(test):,}" for train, test in parts)
        print(f"\n{name}: trades to tune on and to score on: {sizes}\n{means.round(4).to_string()}", flush=True)
    if csv is not None:
        pd.DataFrame(rows).to_csv(csv, index=False)
    against_default(pd.DataFrame(rows))


def splits(n: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return spans of trades to tune on and to score on, the latter each time later and none of them twice."""
    ends = [int((0.3 + 0.16 * k) * n) for k in range(N_SPLITS)]
    return [((0, end), (end + n // 50, end + int(0.16 * n))) for end in ends]


def against_default(found: pd.DataFrame) -> None:
    """Print how the largest search of each sampler differs from that of the default, paired by market and split."""
    most = {sampler: SIZES.get(sampler, (1024,))[-1] for sampler in SAMPLERS}
    largest = found[found["n_trials"] == found["sampler"].map(most)]
    print("\nminus mixture with 1,024 candidates, R per trade: mean over the real markets, and its standard error")
    for column in ("in_sample", "out_of_sample"):
        table = largest[largest["market"] != "planted"].pivot_table(
            index=["market", "split"], columns="sampler", values=column
        )
        gain = table.sub(table["mixture"], axis=0)
        for sampler in SAMPLERS:
            mean, error = gain[sampler].mean(), gain[sampler].std() / np.sqrt(len(gain))
            print(f"{column:14} {sampler:8} {most[sampler]:5,} {mean:+8.4f} ({error:.4f}, {len(gain)} pairs)")


def tuned(
    train: PlacedTrades, test: PlacedTrades, settings: Settings, sampler: str, n_trials: int, seed: int
) -> dict[str, Any]:
    """Return what the best ladder is worth on both parts, and what finding it took."""
    base = base_ladder(settings)
    space = SearchSpace(settings.search, base)
    taken: list[Any] = []

    def run() -> None:
        judge = Objectives.of(settings, train, None, base, space).judge
        batch = BATCH if n_trials > 64 else 16
        taken.append(search(space, judge, n_trials, seed=seed, sampler=sampler, batch_size=batch))

    seconds = cpu(run)[0]
    found = taken[0]
    later = Objectives.of(settings, test, None, base, space).judge([found.best]).values[0, 0]
    return {
        "n_trials": n_trials, "seed": seed, "seconds": seconds,
        "in_sample": found.best_value, "out_of_sample": float(later),
    }  # fmt: skip


def drawn(csv: Path, picture: Path) -> None:
    """Values against processor seconds, one column per market: on the training trades, and on those that follow."""
    import matplotlib.pyplot as plt

    found = pd.read_csv(csv).groupby(["market", "sampler", "n_trials"], sort=False).mean().reset_index()
    names = list(found["market"].unique())
    figure, axes = plt.subplots(2, len(names), figsize=(3.2 * len(names), 5.6), sharex=True, squeeze=False)
    for column, name in enumerate(names):
        for row, kind in enumerate(("in_sample", "out_of_sample")):
            axis = axes[row, column]
            for sampler in SAMPLERS:
                part = found[(found["market"] == name) & (found["sampler"] == sampler)]
                strong = {"linewidth": 2.2, "zorder": 3} if sampler == "mixture" else {"linewidth": 1.1}
                axis.plot(part["seconds"], part[kind], marker="o", markersize=3, label=sampler, **strong)
            axis.set_xscale("log")
            axis.grid(alpha=0.25)
            axis.set_title(f"{name}: {'tuned on' if row == 0 else 'scored on'}", fontsize=9)
            axis.tick_params(labelsize=7)
    for axis in axes[1]:
        axis.set_xlabel("processor seconds", fontsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel("R per trade", fontsize=8)
    axes[0, 0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    plt.rcParams.update({"svg.hashsalt": "exitladder", "svg.fonttype": "none"})
    figure.savefig(picture, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "table", "pruning", "value", "draw"])
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=1, help="of each split")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    parser.add_argument("--csv", type=Path, help="every search of `value`, written or read")
    parser.add_argument("--picture", type=Path, help="an SVG file")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if args.what == "speed":
        speed(args.trades, args.rounds)
    elif args.what == "table":
        table(args.trials)
    elif args.what == "pruning":
        pruning(args.trades, args.rounds)
    elif args.what == "draw":
        drawn(args.csv, args.picture)
    else:
        value(args.seeds, args.data, args.csv)


if __name__ == "__main__":
    main()
