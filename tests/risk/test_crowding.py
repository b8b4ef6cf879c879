"""Crowds at one level against closed forms, and properties that every crowd has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitladder.risk.crowding import (
    NO_FALL,
    ONE_LEVEL,
    AlmgrenFall,
    Crowd,
    Exits,
    Law,
    PowerFall,
    compare_exits,
    simulate_crowd,
)
from exitladder.risk.impact import Almgren, PowerLaw

CROWD = Crowd(holders=8, size=0.3, volatility=0.02, atr=0.03, bars_per_day=6, bars=6)
LAWS: list[Law] = [PowerFall(), PowerFall(PowerLaw(0.5, 0.8)), AlmgrenFall(100.0)]


def run(exits: Exits, law: Law, crowd: Crowd = CROWD, **more: bool) -> tuple[np.ndarray, np.ndarray]:
    found = simulate_crowd(crowd, exits, law, paths=30, seed=3, **more)
    return found.price, found.fall


def test_all_at_one_level_fall_by_the_square_root_of_what_they_hold() -> None:
    found = simulate_crowd(CROWD, Exits(), PowerFall(), paths=5, seed=1)
    # prefactor · σ · √(N q / V), of which they pay two thirds on average
    fall = 0.75 * 0.02 * np.sqrt(0.3)
    assert found.fall == pytest.approx(np.full(5, fall))
    assert found.price == pytest.approx(np.full((5, 8), -2 / 3 * fall))
    assert (found.rounds == 1).all() and (found.unsold == 0).all()


def test_almgrens_crowd_pays_half_of_what_stays_and_all_of_what_passes() -> None:
    found = simulate_crowd(CROWD, Exits(), AlmgrenFall(100.0), paths=2, seed=1)
    lasting, passing = Almgren().parts(0.3, 1.0, 0.02, 1 / 6, 100.0)
    assert found.price == pytest.approx(np.full((2, 8), -(lasting / 2 + passing)))
    assert found.fall == pytest.approx(np.full(2, lasting))


@pytest.mark.parametrize("law", LAWS)
def test_moving_levels_by_nothing_is_one_level(law: Law) -> None:
    one, none = run(Exits(), law), run(Exits(jitter=0.0, participation=0.0), law)
    assert np.array_equal(one[0], none[0]) and np.array_equal(one[1], none[1])
    found = compare_exits(CROWD, {"same": Exits()}, law, paths=20, seed=2)
    assert (found["same"].alone == 0).all() and (found["same"].everyone == 0).all()


@pytest.mark.parametrize("exits", [Exits(), Exits(0.7), Exits(participation=0.05), Exits(0.7, 0.05)])
def test_without_impact_a_crowd_costs_nothing_and_with_it_never_less_than_nothing(exits: Exits) -> None:
    calm = compare_exits(CROWD, {"way": exits}, NO_FALL, paths=20, seed=4)["way"]
    assert (calm.cost == 0).all() and (calm.alone == 0).all()
    for law in LAWS:
        assert (compare_exits(CROWD, {"way": exits}, law, paths=20, seed=4)[ONE_LEVEL].cost > 0).all()
        assert (run(exits, law)[1] >= 0).all()


def test_slicing_by_volume_saves_the_crowd_nothing_under_the_lasting_law_and_costs_him_who_waits_alone() -> None:
    found = compare_exits(replace(CROWD, bars=12), {"slices": Exits(participation=0.05)}, PowerFall(), paths=20, seed=5)
    # the last to sell pays the whole fall; the area under the law is the same for all together
    assert found["slices"].everyone == pytest.approx(np.zeros(20), abs=1e-12)
    assert (found["slices"].alone < 0).all()
    # what passes with each bar is saved by those who wait
    paid = compare_exits(replace(CROWD, bars=12), {"slices": Exits(participation=0.05)}, LAWS[2], paths=20, seed=5)
    assert (paid["slices"].everyone > 0).all()
    absorbed = replace(CROWD, bars=12, recovery=0.5)
    assert (
        compare_exits(absorbed, {"s": Exits(participation=0.05)}, PowerFall(), paths=20, seed=5)["s"].everyone > 0
    ).all()


def test_levels_apart_save_the_crowd_a_part_and_the_larger_crowd_falls_deeper() -> None:
    found = compare_exits(CROWD, {"moved": Exits(0.5)}, PowerFall(), paths=200, seed=6)["moved"]
    assert found.everyone.mean() > 3 * found.everyone.std() / np.sqrt(200)
    assert found.falls.rounds.mean() > 2
    larger = run(Exits(0.5), PowerFall(), replace(CROWD, size=0.6))[1]
    assert larger.mean() > run(Exits(0.5), PowerFall())[1].mean()


def test_the_same_seed_gives_the_same_crowd_and_every_unit_is_sold_or_counted() -> None:
    one, other = (simulate_crowd(CROWD, Exits(0.5, 0.05), PowerFall(), paths=10, seed=7) for _ in range(2))
    assert np.array_equal(one.price, other.price)
    assert ((one.unsold >= 0) & (one.unsold <= 1)).all()


@pytest.mark.parametrize("change", [{"holders": 0}, {"size": 0.0}, {"recovery": 1.5}, {"volatility": -1.0}])
def test_an_impossible_crowd_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a crowd needs"):
        replace(CROWD, **change)  # type: ignore[arg-type]
