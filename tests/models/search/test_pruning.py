"""Giving candidates up: the exact signed-rank test, Optuna's rule, and searches that are left, shared and read."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from exitladder.arrays import FloatArray
from exitladder.errors import ModelError
from exitladder.models.search.evaluation import BlockScores, Evaluation
from exitladder.models.search.pruning import N_BLOCKS, is_worse, signed_rank_p, trade_blocks
from exitladder.models.search.samplers.evolution import order_of
from exitladder.models.search.samplers.sampler import SAMPLERS
from exitladder.models.search.search import SearchResult, search
from exitladder.models.search.space.candidates import Cube
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.studies.store import StudyStore
from exitladder.plans.ladder import Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.tables import SearchSettings

SPACE = SearchSpace(SearchSettings(n_rungs=(1, 2)), Ladder(atr_window=10, stop=Stop(initial=Distance(2.0, "ATR"))))
WARM = Cube(SPACE).at(np.full(Cube(SPACE).n, 0.4)).ladder
NOISE = np.random.default_rng(1).normal(0.0, 0.3, (50, 8))


@pytest.mark.parametrize("k", [4, 8, 12, 16])
def test_without_ties_it_is_scipys_exact_test(k: int) -> None:
    differences = np.random.default_rng(k).normal(-0.3, 1.0, (100, k))
    expected = stats.wilcoxon(differences, axis=1, alternative="less", method="exact").pvalue
    np.testing.assert_allclose(signed_rank_p(differences), expected, rtol=1e-12)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_with_ties_and_zeros_it_never_finds_too_much(sizes: list[int]) -> None:
    """Were every sign as likely as the other, p would be at most a in at most a of the cases, for any a."""
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(sizes))))
    p = signed_rank_p(signs * np.array(sizes, dtype=float))
    for a in np.unique(p):
        assert (p <= a).mean() <= a + 1e-12
    one = signs[:1] * np.array(sizes, dtype=float)
    assert signed_rank_p(one)[0] == p[0]


def test_what_optuna_prunes_is_pruned() -> None:
    """Values without ties; Optuna asks scipy, which is exact for so few."""
    rng = np.random.default_rng(4)
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=0.1, n_startup_steps=2)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    incumbent = rng.normal(0.2, 1.0, 16)
    best = study.ask()
    for step, value in enumerate(incumbent):
        best.report(float(value), step)
    study.tell(best, float(incumbent.mean()))
    result = []
    for _ in range(150):
        seen = rng.normal(rng.choice([-0.8, -0.2, 0.4]), 1.0, 8)
        trial = study.ask()
        for step, value in enumerate(seen):
            trial.report(float(value), step)
        result.append((trial.should_prune(), bool(is_worse(seen[None], incumbent, 0.1)[0])))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    assert all(theirs == ours for theirs, ours in result)
    assert 30 < sum(ours for _, ours in result) < 120


def test_what_is_better_on_the_whole_is_kept_and_what_is_not_known_says_nothing() -> None:
    incumbent = np.concatenate([np.full(8, 1.0), np.full(8, -3.0)])
    seen = np.full((1, 8), 0.9)
    assert signed_rank_p(seen - incumbent[:8])[0] < 0.01
    assert not is_worse(seen, incumbent, 0.1)[0]
    unknown = np.full((2, 8), np.nan)
    unknown[1, 0] = -9.0
    assert not is_worse(unknown, np.ones(16), 0.1).any()


@pytest.mark.parametrize("n", [0, 1, 3, 15, 16, 17, 1_000])
def test_blocks_hold_every_trade_once_and_the_first_ones_lie_wide_apart(n: int) -> None:
    blocks = trade_blocks(n)
    assert len(blocks) == min(n, N_BLOCKS)
    assert sorted(np.concatenate([*blocks, []]).tolist()) == list(range(n))
    assert all((np.diff(block) == 1).all() for block in blocks)
    if n >= N_BLOCKS:
        assert {4 * int(block[0]) // n for block in blocks[:4]} == {0, 1, 2, 3}


def quality(ladder: Ladder) -> float:
    target = ladder.rungs[0].target
    assert target is not None
    return -abs(target.value - 2.0)


def looked_at(ladders: list[Ladder], incumbent: FloatArray | None) -> Evaluation:
    """Eight noisy blocks of each; with a rival after four of them the worse are given up."""
    worth = np.array([quality(x) + NOISE[len(str(x)) % 50] for x in ladders]).reshape(-1, 8)
    n_looked = np.full(len(ladders), 8)
    if incumbent is not None:
        n_looked[is_worse(worth[:, :4], incumbent, 0.1)] = 4
    worth = np.where(np.arange(8) < n_looked[:, None], worth, np.nan)
    whole = np.where(n_looked == 8, worth.mean(axis=1), np.nan)
    return Evaluation(whole[:, None], np.empty((len(ladders), 0)), ("value",), (), BlockScores(worth, n_looked))


def found_by(sampler: str, store: StudyStore | None = None, left_after: int = 99) -> SearchResult:
    batches = iter(range(left_after))

    def first(ladders: list[Ladder]) -> Evaluation:
        if ladders and next(batches, None) is None:
            raise KeyboardInterrupt
        return looked_at(ladders, None)

    def against(ladders: list[Ladder], incumbent: FloatArray) -> Evaluation:
        if next(batches, None) is None:
            raise KeyboardInterrupt
        return looked_at(ladders, incumbent)

    return search(
        SPACE, first, 60, sampler=sampler, batch_size=12, warm_starts=[WARM], prune=against, store=store, name="s"
    )


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_pruned_search_goes_on_to_the_same_end(sampler: str, tmp_path: Path) -> None:
    whole = found_by(sampler)
    pruned = whole.evaluation.is_pruned
    assert 5 < pruned.sum() < 56
    assert not pruned[whole.front].any()
    assert (whole.table["pruned_after"].to_numpy() == np.where(pruned, 4, 0)).all()
    store = StudyStore(f"sqlite:///{tmp_path}/studies.db")
    with contextlib.suppress(KeyboardInterrupt):
        found_by(sampler, store, left_after=3)
    resumed = found_by(sampler, store)
    assert resumed.table.equals(whole.table)
    assert resumed.evaluation.block_scores is not None
    assert whole.evaluation.block_scores is not None
    np.testing.assert_array_equal(resumed.evaluation.block_scores.values, whole.evaluation.block_scores.values)
    store.close()
    trials = optuna.load_study(study_name="s", storage=store.url).get_trials()
    assert [t.state == optuna.trial.TrialState.PRUNED for t in trials] == pruned.tolist()
    for trial, row in zip(trials, whole.evaluation.block_scores.values, strict=True):
        seen = row[np.isfinite(row)]
        assert trial.intermediate_values == dict(enumerate(seen.tolist()))


def test_the_rival_is_the_best_that_a_batch_may_know() -> None:
    """With two batches ahead the third is held against the best of the first, whatever the second holds."""
    incumbents = []

    def against(ladders: list[Ladder], incumbent: FloatArray) -> Evaluation:
        incumbents.append(incumbent)
        return looked_at(ladders, incumbent)

    found = search(
        SPACE, lambda x: looked_at(x, None), 48, sampler="qmc", batch_size=12, ahead=2, warm_starts=[WARM],
        prune=against,
    )  # fmt: skip
    assert found.evaluation.block_scores is not None
    values = np.nan_to_num(found.evaluation.values[:, 0], nan=-np.inf)
    known = [1, 1, 13, 25]  # trials known to batches 1 to 4
    for n, incumbent in zip(known, incumbents, strict=True):
        np.testing.assert_array_equal(incumbent, found.evaluation.block_scores.values[int(np.argmax(values[:n]))])


def test_pruned_ladders_rank_by_how_long_they_lasted_below_all_with_values() -> None:
    nan = np.nan
    block_scores = BlockScores(
        np.array([[1.0, nan, nan], [0.2, 0.4, nan], [0.2, 0.6, nan], [0.1, 0.1, 0.1], [nan, nan, nan]]),
        np.array([1, 2, 2, 3, 3]),
    )
    evaluation = Evaluation(
        np.array([[nan], [nan], [nan], [0.1], [nan]]), np.empty((5, 0)), ("value",), (), block_scores
    )
    assert order_of(evaluation).tolist() == [3, 2, 1, 0, 4]
    assert evaluation.front().tolist() == [3]


def test_pruning_needs_blocks() -> None:
    with pytest.raises(ModelError, match="every block of trades"):
        search(SPACE, lambda x: Evaluation.of_values(np.zeros(len(x))), 5, prune=looked_at)
