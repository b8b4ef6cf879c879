"""A small project on the sample data: enough to run every pipeline for real in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.pipelines.train import TrainResult, train
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.sample import load_sample_bars
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import Trades


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project") / "mlruns"


@pytest.fixture(scope="session")
def small(store: Path) -> Settings:
    """Settings that run in seconds."""
    return load_settings(
        None,
        [
            f"tracking.store={str(store)!r}",
            "project.name=small",
            # No number depends on how many, and on cores that others use as well two take far longer than one.
            "project.threads=1",
            "model.n_estimators=15",
            # On so little the stack is mostly silent; what reads a model needs one that speaks.
            "model.combine=forest",
            "validation.n_folds=3",
            "validation.n_test_parts=3",
            "validation.n_bootstrap=200",
            "tuning.n_trials=24",
            "labels.max_bars=60",
            "search.time_bars=[10, 60]",
            "search.time_stop=bars",
            "costs.commission_bps=2",
            "costs.slippage_bps=3",
            # Bars that a test scrambles look like splits, and trades of them are outside.
            "data.splits=keep",
            "data.outside_entries=keep",
        ],
    )


@pytest.fixture(scope="session")
def bars() -> BarSet:
    return load_sample_bars()[0]


@pytest.fixture(scope="session")
def trades(bars: BarSet) -> Trades:
    return make_trades(bars, "donchian")


@pytest.fixture(scope="session")
def some_open(trades: Trades, bars: BarSet) -> Trades:
    """The same trades with an exit in the user's book for all but the last twelve."""
    order = np.argsort(trades.entry_time, kind="stable")
    closed = order[:-12]
    exit_time, exit_price = trades.exit_time.copy(), trades.exit_price.copy()
    for row in closed:
        time = bars[str(trades.symbol[row])].time
        # the last bar within ten days of the entry: a trade cannot end on a weekend
        exit_time[row] = time[np.searchsorted(time, trades.entry_time[row] + 10 * 86_400 * 10**9, side="right") - 1]
    exit_price[closed] = trades.entry_price[closed] * 1.01
    assert (exit_time[order[-12:]] == NO_TIME).all()
    return replace(trades, exit_time=exit_time, exit_price=exit_price)


@pytest.fixture(scope="session")
def trained(bars: BarSet, trades: Trades, small: Settings) -> TrainResult:
    return train(bars, trades, small)


@pytest.fixture
def classic() -> Ladder:
    return ladder_from_mapping(
        {
            "name": "classic",
            "rungs": [
                {"fraction": 0.25, "target": "1R"},
                {"fraction": 0.25, "target": "2R"},
                {"fraction": 0.25, "when": ["exhaustion >= 0.5", "open_r >= 0.5"]},
            ],
            "stop": {"initial": "2ATR", "breakeven_after": 1, "trail": "3ATR", "trail_after": 1, "time": 40},
            "costs": {"commission_bps": 2.0, "slippage_bps": 1.0, "tick": 0.01, "lot": 1, "min_quantity": 1},
        }
    )


@pytest.fixture(scope="session")
def scrambled_after() -> Callable[[BarSet, int], BarSet]:
    """A function that changes every price and volume of the bars that close after a moment."""

    def scramble(bars: BarSet, moment: int) -> BarSet:
        rng = np.random.default_rng(5)
        changed = []
        for symbol in bars:
            b = bars[symbol]
            after = b.time + b.interval_ns > moment
            factor = np.where(after, np.exp(np.cumsum(np.where(after, rng.normal(0, 0.05, len(b)), 0.0))), 1.0)
            volume = None if b.volume is None else np.where(after, b.volume * rng.uniform(0.1, 9, len(b)), b.volume)
            changed.append(
                Bars(
                    symbol=b.symbol,
                    interval_ns=b.interval_ns,
                    time=b.time,
                    open=b.open * factor,
                    high=b.high * factor,
                    low=b.low * factor,
                    close=b.close * factor,
                    volume=volume,
                    factor=b.factor,
                )
            )
        return BarSet(changed)

    return scramble
