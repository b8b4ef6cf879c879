"""Candidates given up block by block: whatever is looked at to the end is worth what it is worth without pruning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import SettingsError
from exitladder.models.search.pruning import LOOKS, N_BLOCKS, is_worse, trade_blocks
from exitladder.models.search.space.candidates import Cube
from exitladder.models.search.space.space import SearchSpace
from exitladder.pipelines.inputs.prepare import Prepared, base_ladder, prepare
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.pipelines.tuning.pruned_objectives import PrunedObjectives
from exitladder.pipelines.tuning.tuned import tune_ladder
from exitladder.plans.ladder import Ladder
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

ABLE = (
    "expectancy_r", "mean_minus_downside", "profit_per_fill", "capture", "r_per_bar", "r_per_capital_day", "sharpe",
    "sortino",
)  # fmt: skip


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades) -> Prepared:
    return prepare(bars, trades, Settings())


def objectives(prepared: Prepared, *overrides: str) -> Objectives:
    given = [f"tuning.{o}" for o in ("pruner='wilcoxon'", *overrides)]
    settings = load_settings(None, [*given, "costs.commission_bps=5", "project.threads=1"])
    base = base_ladder(settings)
    return Objectives.of(settings, prepared.placed, None, base, SearchSpace(settings.search, base))


def candidates(judge: Objectives, n: int) -> list[Ladder]:
    assert judge.space is not None
    cube = Cube(judge.space)
    return [cube.at(point).ladder for point in np.random.default_rng(3).random((n, cube.n))]


@pytest.mark.parametrize("name", ABLE)
def test_what_is_not_given_up_is_worth_the_same_to_the_bit(prepared: Prepared, name: str) -> None:
    limits = ("max_fills=2.2", "max_drawdown_r=20") if name == "sharpe" else ("max_fills=2.2",)
    judge = objectives(prepared, f"objectives=['{name}']", *limits, "prune_p=0.2", "robust='double_costs'")
    # The account's days are followed fill by fill, which takes longer.
    n = 20 if name in ("sharpe", "sortino") else 60
    ladders = candidates(judge, n)
    plain, pruned = judge.judge(ladders), PrunedObjectives(judge)
    whole = pruned.judge(ladders)
    np.testing.assert_array_equal(whole.values, plain.values)
    np.testing.assert_array_equal(whole.violations, plain.violations)
    assert whole.block_scores is not None
    best = int(np.argmax(whole.values[:, 0]))
    incumbent = whole.block_scores.values[best]
    found = pruned.judge_against(ladders, incumbent)
    assert found.block_scores is not None
    kept = ~found.is_pruned
    assert 0 < kept.sum() < n
    np.testing.assert_array_equal(found.values[kept], plain.values[kept])
    np.testing.assert_array_equal(found.violations[kept], plain.violations[kept])
    assert np.isnan(found.values[~kept]).all()
    # The rule, followed by hand on what every ladder is worth on every block.
    for k in range(n):
        seen = whole.block_scores.values[k : k + 1]
        left_at = next((n for n in LOOKS if is_worse(seen[:, :n], incumbent, 0.2)[0]), N_BLOCKS)
        assert found.block_scores.n_looked[k] == left_at
        np.testing.assert_array_equal(found.block_scores.values[k, :left_at], whole.block_scores.values[k, :left_at])
    assert kept[best]


def test_a_block_is_worth_what_its_trades_are_worth(prepared: Prepared) -> None:
    judge = objectives(prepared, "objectives=['expectancy_r']")
    ladders = candidates(judge, 5)
    block_scores = PrunedObjectives(judge).judge(ladders).block_scores
    assert block_scores is not None
    assert block_scores.values.shape == (5, N_BLOCKS)
    in_order = np.argsort(prepared.placed.trades.entry_time, kind="stable")
    for k, block in enumerate(trade_blocks(len(in_order))):
        part = replace(judge, placed=prepared.placed.take(in_order[block]))
        np.testing.assert_array_equal(part.judge(ladders).values[:, 0], block_scores.values[:, k])


def test_few_trades_make_fewer_blocks(prepared: Prepared) -> None:
    judge = objectives(prepared)
    few = PrunedObjectives(replace(judge, placed=prepared.placed.take(np.arange(5))))
    ladders = candidates(judge, 6)
    whole = few.judge(ladders)
    assert whole.block_scores is not None
    assert whole.block_scores.values.shape == (6, 5)
    found = few.judge_against(ladders, whole.block_scores.values[0])
    np.testing.assert_array_equal(found.values[~found.is_pruned], whole.values[~found.is_pruned])
    assert len(few.judge([])) == 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("objectives=['ulcer']",), r"needs one objective of expectancy_r, .*, but tuning.objectives = \['ulcer'\]"),
        (("objectives=['expectancy_r', 'sharpe']",), r"but tuning.objectives = \['expectancy_r', 'sharpe'\]"),
        (("robust='lower_bound'",), "cannot be combined with tuning.robust = 'lower_bound'"),
        (("robust='neighbours'",), "cannot be combined with tuning.robust = 'neighbours'"),
    ],
)
def test_what_no_block_can_tell_is_refused(prepared: Prepared, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        objectives(prepared, *overrides)


def test_a_whole_tune_prunes_and_counts_every_trial(bars: BarSet, trades: Trades, small: Settings) -> None:
    settings = replace(small, tuning=replace(small.tuning, pruner="wilcoxon", n_trials=100, sampler="qmc"))
    plain = replace(small, tuning=replace(settings.tuning, pruner="none"))
    pruned = tune_ladder(prepare(bars, trades, settings), settings)
    whole = tune_ladder(prepare(bars, trades, plain), plain)
    tables = pruned.search.table, whole.search.table
    given_up = tables[0]["pruned_after"].to_numpy() > 0
    assert given_up.any()
    assert pruned.luck.n_trials == whole.luck.n_trials
    values = [table[settings.tuning.objectives[0]].to_numpy() for table in tables]
    np.testing.assert_array_equal(values[0][~given_up], values[1][~given_up])
    # The points of the sequence do not depend on what is known, so the best of both is the same.
    assert pruned.ladder == whole.ladder
    assert pruned.verdict == whole.verdict
