"""Size rules against constant size, after costs, on the sample's shares and on a driftless walk.

The rules were written down before any result was seen, and none is tuned. All share the entries, the exit (initial
stop 2 ATR, trail 4 ATR, time stop 60 bars), the costs (2 + 3 basis points) and 100,000 of equity. Constant size risks
the same money on every trade: the mean share of equity that the rule risked, times the starting equity.

    python benchmarks/sizes.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from plans import COSTS, EXIT, driftless

from exitladder.bars.bars import BarSet
from exitladder.measures.sizing import simulate_sized
from exitladder.measures.sizing.growth import constant_size, sizing_summary
from exitladder.plans.file import ladder_from_mapping
from exitladder.sample import load_sample_bars
from exitladder.statistics.intervals import Intervals
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import place_trades

EQUITY = 100_000.0
RULES: dict[str, dict[str, Any]] = {
    "1% of equity": {"rule": "fraction", "fraction": 0.01},
    "5% of equity": {"rule": "fraction", "fraction": 0.05},
    "volatility 10%": {"rule": "volatility", "target_volatility": 0.1},
    "anti-martingale, 1%, times 2, at most 4": {
        "rule": "anti_martingale", "fraction": 0.01, "factor": 2.0, "maximum_factor": 4.0,
    },
    "half Kelly, at most 5%": {"rule": "kelly", "fraction": 0.01, "kelly_cap": 0.05},
}  # fmt: skip


def rows(bars: BarSet, entry: str, costs: dict[str, float]) -> list[tuple[str, ...]]:
    """Return one row per rule: mean share at risk, growth per year, difference per trade, drawdowns, ruin."""
    placed = place_trades(make_trades(bars, entry), bars)
    found: list[tuple[str, ...]] = []
    for name, size in RULES.items():
        plan = ladder_from_mapping({**EXIT, "size": size, "costs": costs, "book": {"equity": EQUITY}})
        sized = simulate_sized(placed, plan)
        what = sizing_summary(sized, constant_size(sized, placed), Intervals(n_bootstrap=1000))
        ours, theirs, gain = what["sized"], what["constant"], what["difference"]["growth_per_trade"]
        found.append(
            (
                name,
                f"{what['mean_share']:.1%}",
                f"{_year(ours)} / {_year(theirs)}",
                _gain(gain),
                f"{ours['max_drawdown']:.0%} / {theirs['max_drawdown']:.0%}",
                f"{ours['risk_of_ruin']:.1%} / {theirs['risk_of_ruin']:.1%}",
            )
        )
    return found


def _year(entry: dict[str, Any]) -> str:
    return f"{entry['growth_per_year']:+.1%}"


def _gain(entry: dict[str, Any]) -> str:
    if entry["value"] is None:
        return "an account lost all"
    return f"{_end(entry['value'])} [{_end(entry['low'])}, {_end(entry['high'])}]"


def _end(value: float | None) -> str:
    return "unbounded" if value is None else f"{100 * value:+.3f}"


def main() -> int:
    """Print the tables."""
    sample = load_sample_bars()[0]
    markets = [(f"sample, {entry}", sample, entry, COSTS) for entry in ("donchian", "rsi_reversal")]
    walk = driftless()
    markets += [
        ("driftless walk, random, costs", walk, "random", COSTS),
        ("driftless walk, random", walk, "random", {}),
    ]
    for title, bars, entry, costs in markets:
        print(f"\n{title}, {len(make_trades(bars, entry)):,} trades; rule / constant size\n")
        print("| size | at risk | growth per year | difference per trade, % [95% CI] | drawdown | ruin |")
        print("| --- | --- | --- | --- | --- | --- |")
        for row in rows(bars, entry, costs):
            print("| " + " | ".join(row) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
