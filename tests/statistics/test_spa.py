"""Many candidates at once against one baseline."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from exitladder.statistics import Intervals
from exitladder.statistics.spa import superior_ability

FloatArray = npt.NDArray[np.float64]


def worthless(seed: int, n: int = 300, k: int = 8) -> tuple[dict[str, FloatArray], FloatArray]:
    rng = np.random.default_rng(seed)
    return {f"c{i}": rng.standard_normal(n) for i in range(k)}, rng.standard_normal(n)


def test_the_one_that_is_better_is_found_and_named() -> None:
    candidates, baseline = worthless(0)
    candidates["c3"] = candidates["c3"] + 0.6
    found = superior_ability(candidates, baseline, time=np.arange(300))
    assert found.p_value < 0.01
    assert found.superior == ("c3",)
    assert found.p_lower <= found.p_value <= found.p_upper
    assert found.p_value >= 1 / 1001


def test_the_best_of_worthless_candidates_is_not_taken_for_better() -> None:
    rejected = 0
    for seed in range(60):
        candidates, baseline = worthless(seed, n=150)
        rejected += (
            superior_ability(candidates, baseline, time=np.arange(150), intervals=Intervals(n_bootstrap=200)).p_value
            <= 0.05
        )
    assert rejected <= binom.ppf(0.999, 60, 0.05)


def test_all_may_be_superior_one_after_another() -> None:
    """The stepwise test of `arch` fails here: its last candidates leave in a second step."""
    rng = np.random.default_rng(0)
    baseline = rng.standard_normal(400)
    candidates = {"great": baseline + rng.normal(1.0, 3.0, 400), "small": baseline + rng.normal(0.15, 0.9, 400)}
    found = superior_ability(candidates, baseline, time=np.arange(400))
    assert found.superior == ("great", "small")


@pytest.mark.parametrize("seed", range(6))
def test_steps_are_those_of_arch(seed: int) -> None:
    from arch.bootstrap import StepM

    candidates, baseline = worthless(seed)
    candidates = {name: baseline + values + 0.04 * k for k, (name, values) in enumerate(candidates.items())}
    found = superior_ability(candidates, baseline, time=np.arange(300))
    gain = np.column_stack(list(candidates.values())) - baseline[:, None]
    steps = StepM(np.zeros(300), -gain, size=0.05, block_size=found.block, reps=1000, seed=0)
    steps.compute()
    assert found.superior == tuple(f"c{i}" for i in steps.superior_models)


def test_a_worse_candidate_is_never_superior() -> None:
    candidates, baseline = worthless(1)
    candidates = {name: values - 1.0 for name, values in candidates.items()}
    found = superior_ability(candidates, baseline, time=np.arange(300), intervals=Intervals(n_bootstrap=200))
    assert found.superior == ()
    assert found.p_value > 0.5


def test_order_of_rows_and_holes() -> None:
    candidates, baseline = worthless(2)
    order = np.random.default_rng(0).permutation(300)
    expected = superior_ability(candidates, baseline, time=np.arange(300), intervals=Intervals(n_bootstrap=100))
    shuffled = {name: values[order] for name, values in candidates.items()}
    assert (
        superior_ability(shuffled, baseline[order], time=np.arange(300)[order], intervals=Intervals(n_bootstrap=100))
        == expected
    )
    candidates["c0"] = np.where(np.arange(300) < 10, np.nan, candidates["c0"])
    assert superior_ability(candidates, baseline, time=np.arange(300), intervals=Intervals(n_bootstrap=100)).n == 290


def test_many_trades_are_tested_in_groups() -> None:
    candidates, baseline = worthless(3, n=9_000, k=2)
    candidates["c1"] = candidates["c1"] + 0.2
    assert superior_ability(
        candidates, baseline, time=np.arange(9_000), intervals=Intervals(n_bootstrap=100)
    ).superior == ("c1",)


@pytest.mark.parametrize("n", [0, 5, 19])
def test_too_few_trades_give_no_p_value(n: int) -> None:
    candidates, baseline = worthless(0, n=n)
    assert math.isnan(superior_ability(candidates, baseline, time=np.arange(n)).p_value)


def test_a_candidate_equal_to_the_baseline_is_no_evidence() -> None:
    baseline = np.random.default_rng(0).standard_normal(50)
    found = superior_ability({"same": baseline}, baseline, time=np.arange(50))
    assert math.isnan(found.p_value)
    assert found.superior == ()
