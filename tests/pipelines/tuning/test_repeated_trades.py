"""The same trade under several ids is one piece of evidence: five of each change no verdict and hardly an interval."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.pipelines.compare import compare
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.tuning.policies import OWN_EXITS
from exitladder.pipelines.tuning.tuned import tune_ladder
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import compare_r
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.verdict import verdict
from exitladder.trades.trades import Trades

# the program says so itself
pytestmark = pytest.mark.filterwarnings("ignore:.* repeat symbol, side")
TIMES = 5
DAY = 86_400 * 10**9


def repeated(trades: Trades) -> Trades:
    """Every trade five times, under an id of its own."""
    rows = np.repeat(np.arange(len(trades)), TIMES)
    ids = [f"{name}-{k % TIMES}" for k, name in enumerate(trades.trade_id[rows])]
    return replace(trades.take(rows), trade_id=np.array(ids, dtype=object))


def test_a_comparison_of_repeated_trades_is_that_of_the_trades() -> None:
    kinds = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        time = np.sort(rng.integers(0, 400, 160)) * DAY
        ours, theirs = rng.normal(0.25, 1, 160), rng.normal(0, 1, 160)
        found = [
            compare_r(
                np.repeat(ours, n),
                np.repeat(theirs, n),
                time=np.repeat(time, n),
                until=np.repeat(time + 5 * DAY, n),
                intervals=Intervals(n_bootstrap=500),
            )
            for n in (1, TIMES)
        ]
        once, often = found
        assert often.difference_r == pytest.approx(once.difference_r)
        # as independent evidence they would shrink the interval to 1/√5, or 45%
        assert (often.high - often.low) / (once.high - once.low) == pytest.approx(1, abs=0.15)
        kinds.append([verdict(one, "ours", "theirs").kind for one in found])
    assert sum(a != b for a, b in kinds) <= 1 and {a for a, _ in kinds} == {"better", "no_difference"}


@pytest.mark.slow
def test_compare_counts_repeated_rows_once(bars: BarSet, trades: Trades, small: Settings, tmp_path: Path) -> None:
    sources = []
    for name, trail in (("wide", "6ATR"), ("narrow", "2ATR")):
        path = tmp_path / f"{name}.toml"
        path.write_text(f'name = "{name}"\nrungs = []\n[stop]\ninitial = "2ATR"\ntrail = "{trail}"\ntime = 40\n')
        sources.append(str(path))
    pairs = [compare(sources, small, bars=bars, trades=some)["pairs"][0] for some in (trades, repeated(trades))]
    once, often = pairs
    assert once["verdict"] == often["verdict"]
    for name in ("expectancy_r", "cvar_5_r", "r_per_bar"):
        a, b = once["measures"][name], often["measures"][name]
        assert b["difference"] == pytest.approx(a["difference"], rel=0.1)
        assert (b["high"] - b["low"]) / (a["high"] - a["low"]) == pytest.approx(1, abs=0.2), name


@pytest.mark.slow
def test_tune_counts_repeated_rows_once(bars: BarSet, some_open: Trades, small: Settings) -> None:
    settings = small.with_values({"tuning": {"n_trials": 8}, "validation": {"n_test_parts": 2, "n_bootstrap": 500}})
    some = some_open.take(np.arange(0, len(some_open), 2))
    once, often = (tune_ladder(prepare(bars, one, settings), settings) for one in (some, repeated(some)))
    assert once.baseline == often.baseline == OWN_EXITS and once.verdict.kind == often.verdict.kind
    assert once.recommended.choice == often.recommended.choice
    widths = [one.against.high - one.against.low for one in (once, often)]
    assert widths[1] / widths[0] == pytest.approx(1, abs=0.25)
    assert often.against.n == TIMES * once.against.n and often.against.n_days == once.against.n_days
