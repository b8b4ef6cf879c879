"""Tuning with adds on the sample's shares: the tuned plan against the same tuning without adds, and the recommendation.

Two books of entries, Donchian breakouts and RSI reversals, each tuned walk-forward with the default ranges and
``search.adds = ["off", "average", "pyramid"]``. Costs are 2 + 3 basis points. R divides by the planned risk.

    python benchmarks/tuned_plans.py [--trials 200] [--entries donchian rsi_reversal]
"""

from __future__ import annotations

import argparse
import sys

from exitladder.execution import simulate
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.tuning.policies import SIMPLEST, TUNED, WITHOUT_ADDS
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.plans.words import in_words
from exitladder.sample import load_sample_bars
from exitladder.settings.loading import load_settings
from exitladder.trades.entries import make_trades

SETTINGS = [
    'search.adds=["off", "average", "pyramid"]', 'search.add_stop=["off", "average", "fill"]',
    "search.add_factor=[0.5, 2.0]",
    "costs.commission_bps=2", "costs.slippage_bps=3", "validation.n_bootstrap=1000", "tracking.enabled=false",
]  # fmt: skip


def rows_of(tuned: Tuned) -> list[str]:
    """Return the exits side by side on the trades scored out of sample."""
    table = tuned.scoreboard.table.set_index("policy")
    found = []
    for name in (TUNED, WITHOUT_ADDS, SIMPLEST):
        row = table.loc[name]
        against = "" if name == TUNED else f"{row['difference_r']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        found.append(
            f"| {name} | {row['expectancy_r']:+.3f} | {row['win_rate']:.0%} | {row['cvar_r']:+.2f} | {against} |"
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--entries", nargs="+", default=["donchian", "rsi_reversal"])
    options = parser.parse_args()
    bars = load_sample_bars()[0]
    settings = load_settings(None, [*SETTINGS, f"tuning.n_trials={options.trials}"])
    for entry in options.entries:
        prepared = prepare(bars, make_trades(bars, entry), settings)
        tuned = tune_ladder(prepared, settings)
        n_scored = int(tuned.walk.test.sum())
        print(f"\n| {entry}, {n_scored} trades scored | R per trade | wins | worst 5% | tuned minus it [CI] |")
        print("| --- | --- | --- | --- | --- |")
        print("\n".join(rows_of(tuned)))
        parts = [choice.ladder for choice in tuned.folds]
        print(f"\nparts whose tuned ladder has adds: {sum(bool(ladder.adds) for ladder in parts)} of {len(parts)}")
        done = simulate(prepared.placed, tuned.ladder, None)
        print(f"ladder.toml: {in_words(tuned.ladder)}; {int(done.n_adds.sum())} adds in {len(done)} trades")
        print(f"recommendation: {tuned.recommended.sentence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
