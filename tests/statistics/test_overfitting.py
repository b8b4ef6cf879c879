"""PBO by combinatorially symmetric cross-validation: known answers, a slow reference, noise and edge."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from exitladder.statistics.overfitting import pbo_cscv


def _noise(seed: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((480, 50)) * 0.01


def _slow_pbo(matrix: npt.NDArray[np.float64], n_blocks: int) -> float:
    """The definition, written down directly."""
    blocks = np.array_split(np.arange(len(matrix)), n_blocks)
    below = []
    for chosen in itertools.combinations(range(n_blocks), n_blocks // 2):
        inside = np.concatenate([blocks[i] for i in chosen])
        outside = np.setdiff1d(np.arange(len(matrix)), inside)
        sharpe_in = matrix[inside].mean(axis=0) / matrix[inside].std(axis=0)
        sharpe_out = matrix[outside].mean(axis=0) / matrix[outside].std(axis=0)
        rank = int((sharpe_out <= sharpe_out[np.argmax(sharpe_in)]).sum())
        omega = rank / (matrix.shape[1] + 1)
        below.append(math.log(omega / (1 - omega)) < 0)
    return float(np.mean(below))


def test_toy_where_the_best_inside_is_always_the_worst_outside() -> None:
    assert pbo_cscv([[2, 0], [3, 1], [0, 2], [1, 3]], n_blocks=2, metric="mean").pbo == 1.0


def test_noise_reference_value() -> None:
    assert pbo_cscv(_noise(0), n_blocks=12).pbo == pytest.approx(0.339827, abs=5e-7)


def test_noise_scatters_widely_around_one_half() -> None:
    found = [pbo_cscv(_noise(seed), n_blocks=12).pbo for seed in range(12)]
    assert np.mean(found) == pytest.approx(0.468, abs=5e-4)
    assert np.std(found) == pytest.approx(0.174, abs=5e-4)


def test_a_candidate_that_is_truly_better_is_not_overfitted() -> None:
    matrix = _noise(0)
    matrix[:, 7] += 0.004
    assert pbo_cscv(matrix, n_blocks=12).pbo == 0.0


@pytest.mark.parametrize(("n_blocks", "count"), [(16, 12_870), (24, 2_704_156)])
def test_all_combinations_are_used(n_blocks: int, count: int) -> None:
    """The paper prints 12,780 for 16 blocks; C(16, 8) is 12,870."""
    assert len(pbo_cscv(_noise(1)[:, :2], n_blocks=n_blocks, metric="mean").logits) == count


@pytest.mark.parametrize("n", [60, 61, 65])
def test_equals_the_definition_where_rows_divide(n: int) -> None:
    matrix = np.random.default_rng(n).standard_normal((n, 7))
    if n % 6 == 0:
        assert pbo_cscv(matrix, n_blocks=6).pbo == _slow_pbo(matrix, 6)
    else:  # no row may be lost where they do not
        assert pbo_cscv(matrix, n_blocks=6).n_observations == n


def test_rows_without_a_result_under_one_candidate_are_left_out() -> None:
    matrix = np.random.default_rng(9).standard_normal((100, 4))
    holes = np.column_stack([matrix, np.full(100, np.nan)])
    holes[3, 1] = np.nan
    found = pbo_cscv(holes, n_blocks=4)
    assert (found.n_observations, found.n_candidates) == (99, 4)
    assert found.pbo == pbo_cscv(np.delete(matrix, 3, axis=0), n_blocks=4).pbo


def test_equal_candidates_sit_at_the_median() -> None:
    column = np.random.default_rng(2).standard_normal((40, 1))
    found = pbo_cscv(np.repeat(column, 5, axis=1), n_blocks=4)
    assert found.logits == pytest.approx(0.0)


def test_a_candidate_that_never_varies_has_no_infinite_sharpe() -> None:
    matrix = np.column_stack([np.full(40, 1e-9), np.random.default_rng(2).normal(1.0, 1.0, 40)])
    assert pbo_cscv(matrix, n_blocks=4).pbo == 0.0


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (50, 1), (50, 0)])
def test_too_little_gives_no_number(shape: tuple[int, int]) -> None:
    assert math.isnan(pbo_cscv(np.zeros(shape)).pbo)


def test_fewer_rows_than_blocks_lower_the_blocks() -> None:
    assert pbo_cscv(np.random.default_rng(0).standard_normal((7, 3)), n_blocks=16).n_blocks == 6


@pytest.mark.parametrize(("n_blocks", "metric"), [(3, "sharpe"), (0, "sharpe"), (4, "sortino")])
def test_impossible_questions_are_refused(n_blocks: int, metric: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        pbo_cscv(np.zeros((10, 2)), n_blocks=n_blocks, metric=metric)
