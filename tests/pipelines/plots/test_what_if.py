"""Other stops and targets: each cell is what the engine gives, and the choice before a part knows nothing of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.execution import simulate
from exitladder.pipelines.inputs.prepare import Prepared, base_ladder, prepare
from exitladder.pipelines.plots.what_if import STOPS, TARGETS, WhatIf, what_if
from exitladder.pipelines.tuning.folds import WalkForward, fitting_walk
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Target
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

LONGEST = 60


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades, small: Settings) -> Prepared:
    some = BarSet([bars["IBM"], bars["MSFT"]])
    return prepare(some, trades.take([symbol in ("IBM", "MSFT") for symbol in trades.symbol]), small)


@pytest.fixture(scope="module")
def walk(prepared: Prepared, small: Settings) -> WalkForward:
    return fitting_walk(prepared, small)[0]


@pytest.fixture(scope="module")
def base(small: Settings) -> Ladder:
    return base_ladder(small)


@pytest.fixture(scope="module")
def found(prepared: Prepared, walk: WalkForward, base: Ladder, small: Settings) -> WhatIf:
    return what_if(prepared.placed, base, walk, LONGEST, small.intervals)


@pytest.mark.parametrize(("stop", "target"), [(0.5, 1.0), (1.0, 2.0), (2.0, math.inf)])
def test_a_cell_is_the_result_in_money_of_that_stop_and_target(
    stop: float, target: float, found: WhatIf, prepared: Prepared, base: Ladder
) -> None:
    placed = prepared.placed
    own = simulate(placed, replace(base, rungs=(), stop=Stop(initial=base.stop.initial, time=LONGEST)))
    side, entry = placed.trades.side, placed.trades.entry_price
    moved = replace(placed, trades=replace(placed.trades, stop_price=entry - side * stop * own.risk))
    rungs = () if math.isinf(target) else (Rung(1.0, target=Target(target / stop, "R")),)
    done = simulate(moved, replace(base, rungs=rungs, stop=Stop(time=LONGEST)))
    money = done.pnl
    cell = found.net_r[:, STOPS.index(stop) * len(TARGETS) + TARGETS.index(target)]
    assert cell == pytest.approx(money / (own.risk * placed.trades.quantity), abs=1e-9, nan_ok=True)


def test_the_own_stop_without_a_target_is_the_plain_exit(found: WhatIf, prepared: Prepared, base: Ladder) -> None:
    plain = simulate(prepared.placed, replace(base, rungs=(), stop=Stop(initial=base.stop.initial, time=LONGEST))).r
    cell = found.net_r[:, STOPS.index(1.0) * len(TARGETS) + TARGETS.index(math.inf)]
    assert cell == pytest.approx(plain, abs=1e-9, nan_ok=True)


def test_the_choice_before_a_part_sees_the_past_only(found: WhatIf, walk: WalkForward) -> None:
    at = 0
    for fold in walk.folds:
        n = int(fold.test.sum())
        best = int(np.nanargmax(np.nanmean(found.net_r[fold.training], axis=0)))
        assert found.chosen[at : at + n] == pytest.approx(found.net_r[fold.test, best], nan_ok=True)
        at += n
    assert at == len(found.chosen)


def test_the_saved_values_hold_the_mean_of_each_part(found: WhatIf) -> None:
    saved = found.to_mapping()
    assert saved["targets"][-1] is None and saved["n_before"] + saved["n_scored"] == len(found.net_r)
    assert saved["scored_r"] == pytest.approx(np.nanmean(found.net_r[found.test], axis=0), abs=1e-6)
    assert saved["best_scored_r"] == max(saved["scored_r"]) >= saved["chosen_r"]
    low, high = saved["chosen_interval"]
    assert low < saved["chosen_r"] < high
