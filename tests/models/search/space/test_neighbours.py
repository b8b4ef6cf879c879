"""Neighbours and slices: ladders of the space, close by, each once, and the same whenever they are asked for."""

from __future__ import annotations

import pytest

from exitladder.models.search.space.neighbours import neighbours, parameters_in, slices
from exitladder.models.search.space.space import SearchSpace
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Distance, Target
from exitladder.settings.ranges import DistanceRange
from exitladder.settings.tables import SearchSettings

BASE = Ladder(name="base", stop=Stop(initial=Distance(2.0, "ATR")))
RANGES = (DistanceRange(0.5, 4.0, "R"),), (DistanceRange(1.5, 8.0, "ATR"),)
SPACE = SearchSpace(
    SearchSettings(n_rungs=(1, 3), time_bars=(10, 100), first_target=RANGES[0], trail_width=RANGES[1]), BASE
)
LADDER = Ladder(
    name="tuned",
    rungs=(Rung(0.25, Target(1.0, "R")), Rung(0.25, Target(2.0, "R"))),
    stop=Stop(initial=Distance(2.0, "ATR"), breakeven_after=1, trail=Distance(3.0, "ATR"), trail_after=1, time=40),
)


def test_neighbours_are_close_and_in_the_space() -> None:
    near = neighbours(SPACE, LADDER, 12, seed=3)
    assert near == neighbours(SPACE, LADDER, 12, seed=3) != neighbours(SPACE, LADDER, 12, seed=4)
    assert len(near) == len(set(near)) == 12 and LADDER not in near
    for other in near:
        assert SPACE.parameters_of(other) is not None
        assert len(other.rungs) == 2 and other.stop.breakeven_after == other.stop.trail_after == 1
        trail, time = other.stop.trail, other.stop.time
        assert trail is not None and abs(trail.value - 3.0) <= 0.75
        assert time is not None and 30 <= time <= 52
        assert all(
            rung.target is not None and mine.target is not None and abs(rung.target.value - mine.target.value) <= 1.0
            for rung, mine in zip(other.rungs, LADDER.rungs, strict=True)
        )


def test_a_slice_varies_one_parameter_over_its_range() -> None:
    found = {s.name: s for s in slices(SPACE, LADDER)}
    assert set(found) == set(parameters_in(SPACE, LADDER).parameters)
    trail = found["trail_atr_steps"]
    widths = [ladder.stop.trail.value for ladder in trail.ladders if ladder.stop.trail is not None]
    assert widths == sorted(widths) and (widths[0], widths[-1]) == (1.5, 8.0)
    assert all(ladder.rungs == LADDER.rungs for ladder in trail.ladders)
    assert [len(ladder.rungs) for ladder in found["n_rungs"].ladders] == [1, 2, 3]
    for one in found.values():
        assert one.ladders[one.at] == LADDER
        assert len(set(one.ladders)) == len(one.ladders) == len(one.values) > 1


@pytest.mark.parametrize("time", [None, 500])
def test_a_ladder_outside_the_space_has_none(time: int | None) -> None:
    outside = Ladder(stop=Stop(time=time))
    assert neighbours(SPACE, outside, 8, 0) == []
    assert slices(SPACE, outside) == ()
