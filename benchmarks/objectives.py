"""What objectives cost, and what the rule that picks a point of a front gives up and gains on the trades that follow.

    python benchmarks/objectives.py cost
    python benchmarks/objectives.py size [--trades 10000] [--ladders 256]
    python benchmarks/objectives.py front [--windows 8] [--trials 200]

`cost` (on the sample data) and `size` (on random walks) tell medians of rounds in which all ways run in turns, and end
with code 1 where batches and bar by bar do not give the same values. `front` tunes on the first k of so many stretches
of the sample's trades of four entry rules by expectancy and CVaR, picks one ladder of the front by each of four rules,
and scores them on the stretch that follows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import numpy as np
from engine import candidates, market, without_batches

from exitladder.models.search.search import search
from exitladder.models.search.space.space import SearchSpace
from exitladder.pipelines.inputs.prepare import Prepared, base_ladder, prepare
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.plans.ladder import Ladder
from exitladder.sample import load_sample_bars
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.entries import RULES, make_trades

COSTS = ["costs.commission_bps=2", "costs.slippage_bps=3", "search.time_bars=[10, 60]"]
PURGED = 30
FORMS = ("none", "lower_bound", "neighbours", "double_costs")
OBJECTIVES = ("expectancy_r", "cvar_r", "sharpe", "calmar", "profit_per_fill", "capture")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cost", "size", "front"])
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--ladders", type=int, default=256)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--trials", type=int, default=200)
    options = parser.parse_args()
    if options.what == "cost":
        return cost()
    if options.what == "size":
        return size(options.trades, options.ladders)
    front(options.windows, options.trials)
    return 0


def cost(rounds: int = 5) -> int:
    """Tell processor milliseconds a ladder by objective and robust form, in batches of 50 on one thread."""
    print(f"{'objective':<16}" + "".join(f"{form:>14}" for form in FORMS) + f"{'bar by bar':>14}{'times none':>12}")
    different = 0
    for name in OBJECTIVES:
        judges = {}
        for form in FORMS:
            settings = load_settings(None, [*COSTS, f"tuning.objectives={name}", f"tuning.robust={form}"])
            judges[form], space = evaluated_by(settings)
        ladders = list(search(space, judges["none"].judge, 100, seed=1, batch_size=50, sampler="random").ladders)
        taken: dict[str, list[float]] = {way: [] for way in (*FORMS, "bar by bar")}
        for turn in range(rounds + 1):  # the first only compiles or loads
            found = {}
            for form in FORMS:
                spent, found[form] = judging(judges[form], ladders)
                taken[form].append(spent)
            with without_batches():
                spent, slow = judging(judges["none"], ladders)
            taken["bar by bar"].append(spent)
            if turn == 0:
                taken = {way: [] for way in taken}
                different += n_different(found["none"], slow)
        ratios = [one / batch for one, batch in zip(taken["bar by bar"], taken["none"], strict=True)]
        result = "".join(f"{statistics.median(spent):14.2f}" for spent in taken.values())
        print(f"{name:<16}{result}{statistics.median(ratios):10.1f} x")
    print(f"on {len(judges['none'].placed)} trades; values that differ between batches and bar by bar: {different}")
    return 1 if different else 0


def judging(judge: Objectives, ladders: list[Ladder], at_once: int = 50) -> tuple[float, np.ndarray]:
    """Return processor milliseconds a ladder, and the values."""
    start = time.process_time()
    values = [judge.judge(ladders[first : first + at_once]).values for first in range(0, len(ladders), at_once)]
    return (time.process_time() - start) / len(ladders) * 1e3, np.concatenate(values)


def n_different(one: np.ndarray, other: np.ndarray) -> int:
    return int((~((one == other) | (np.isnan(one) & np.isnan(other)))).sum())


def size(n_trades: int, n_ladders: int, rounds: int = 3) -> int:
    """Tell processor nanoseconds a pair of trade and ladder by objective, all ladders at once on one thread."""
    placed, ladders = market(n_trades), candidates(n_ladders, 0.25)
    print(f"{'objective':<16}{'batches':>10}{'bar by bar':>12}{'is':>8}")
    different = 0
    for name in OBJECTIVES:
        settings = load_settings(None, [f"tuning.objectives={name}", "project.threads=1"])
        judge = Objectives.of(settings, placed, None, ladders[0], None)
        taken = []
        for _ in range(rounds + 1):  # the first only compiles or loads
            fast, values = judging(judge, ladders, n_ladders)
            with without_batches():
                slow, same = judging(judge, ladders, n_ladders)
            different += n_different(values, same)
            taken.append((fast, slow))
        batches, alone = (statistics.median(ms) / n_trades * 1e6 for ms in zip(*taken[1:], strict=True))
        print(f"{name:<16}{batches:10.0f}{alone:12.0f}{statistics.median(b / a for a, b in taken[1:]):6.1f} x")
    print(f"{n_trades} trades x {n_ladders} ladders; values that differ between the two: {different}")
    return 1 if different else 0


def evaluated_by(settings: Settings) -> tuple[Objectives, SearchSpace]:
    bars = load_sample_bars()[0]
    settings = settings.with_values({"project": {"threads": 1}})
    prepared = prepare(bars, make_trades(bars, "donchian"), settings)
    space = SearchSpace(settings.search, base_ladder(settings))
    return Objectives.of(settings, prepared.placed, None, space.base, space), space


def front(windows: int, trials: int) -> None:
    """Tell expectancy and CVaR on the stretch that follows, by the rule that picked the ladder."""
    settings = load_settings(None, [*COSTS, "tuning.objectives=['expectancy_r', 'cvar_r']", "project.threads=1"])
    bars = load_sample_bars()[0]
    found = []
    for rule in sorted(RULES):
        prepared = prepare(bars, make_trades(bars, rule), settings)
        found += [scored(prepared, settings, k, windows, trials) for k in range(2, windows)]
    table = np.array(found)
    gain = table - table[:, :1]
    error = gain.std(axis=0, ddof=1) / np.sqrt(len(gain))
    names = ("best of the first", "one standard error of the difference", "half of one of the best", "one of the best")
    print(f"{len(table)} stretches, each after a search of {trials} trials; differences from the best of the first")
    print(f"{'rule':<38}{'expectancy':>12}{'CVaR':>10}{'difference':>20}{'difference':>20}")
    for k, name in enumerate(names):
        means = "".join(f"{value:{width}.3f}" for value, width in zip(table[:, k].mean(axis=0), (12, 10), strict=True))
        print(
            f"{name:<38}{means}"
            + "".join(f"{g:+12.3f} ± {e:.3f}" for g, e in zip(gain[:, k].mean(axis=0), error[k], strict=True))
        )


def scored(prepared: Prepared, settings: Settings, k: int, windows: int, trials: int) -> list[list[float]]:
    """Return expectancy and CVaR on stretch k of what each rule picks of the front of all before it."""
    base = base_ladder(settings)
    space = SearchSpace(settings.search, base)
    at = np.arange(len(prepared.placed))
    wide = len(at) // windows
    past, next_ = at < k * wide - PURGED, (at >= k * wide) & (at < (k + 1) * wide)
    judge = Objectives.of(settings, prepared.placed.take(past), None, base, space)
    tried = search(space, judge.judge, trials, seed=k, batch_size=50, sampler="random")
    rows = tried.evaluation.front()
    ladders, values = [tried.ladders[row] for row in rows], tried.evaluation.values[rows]
    best = int(np.argmax(values[:, 0]))
    behind, own = values[best, 0] - values[:, 0], judge.standard_error(ladders[best])
    picks = [best]
    for allowed in (judge.standard_errors(ladders, best), own / 2, own):
        near = np.flatnonzero(behind <= allowed)
        picks.append(int(near[np.argmax(values[near, 1])]))
    later = Objectives.of(settings, prepared.placed.take(next_), None, base, space)
    return later.judge([ladders[pick] for pick in picks]).values.tolist()


if __name__ == "__main__":
    sys.exit(main())
