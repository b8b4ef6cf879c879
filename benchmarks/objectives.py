"""What objectives cost, and what the rule that picks a point of a front gives up and gains on the trades that follow.

    python benchmarks/objectives.py cost
    python benchmarks/objectives.py front [--windows 8] [--trials 200]

On the sample data. `front` tunes on the first k of so many stretches of the trades of four entry rules by expectancy
and CVaR, picks one ladder of the front by each of four rules, and scores them on the stretch that follows.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from exitladder.entries import RULES, make_trades
from exitladder.models.ladder_search import search
from exitladder.models.search_space import SearchSpace
from exitladder.pipelines.objectives import Objectives
from exitladder.pipelines.prepare import Prepared, base_ladder, prepare
from exitladder.sample import load_sample_bars
from exitladder.settings import Settings, load_settings

COSTS = ["costs.commission_bps=2", "costs.slippage_bps=3", "search.time_bars=[10, 60]"]
PURGED = 30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cost", "front"])
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--trials", type=int, default=200)
    options = parser.parse_args()
    if options.what == "cost":
        cost()
    else:
        front(options.windows, options.trials)
    return 0


def cost() -> None:
    """Tell processor milliseconds a ladder by objective and robust form, in batches of 50 on one thread."""
    forms = ("none", "lower_bound", "neighbours", "double_costs")
    print(f"{'objective':<14}" + "".join(f"{form:>14}" for form in forms))
    for name in ("expectancy_r", "cvar_r", "sharpe", "capture"):
        taken = []
        for form in forms:
            judge, space = judged_by(
                load_settings(None, [*COSTS, f"tuning.objectives={name}", f"tuning.robust={form}"])
            )
            ladders = list(search(space, judge.judge, 100, seed=1, batch_size=50, sampler="random").ladders)
            start = time.process_time()
            for first in (0, 50):
                judge.judge(ladders[first : first + 50])
            taken.append((time.process_time() - start) / 100 * 1e3)
        print(f"{name:<14}" + "".join(f"{ms:14.2f}" for ms in taken))
    print(f"on {len(judge.placed)} trades")


def judged_by(settings: Settings) -> tuple[Objectives, SearchSpace]:
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
    rows = tried.judged.front()
    ladders, values = [tried.ladders[row] for row in rows], tried.judged.values[rows]
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
