"""A value at the edge of its range is reported with the key that widens it, and no other value is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exitladder.models.search.space.edges import at_edges, edges_text
from exitladder.models.search.space.space import SearchSpace
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance, Target
from exitladder.settings.tables import SearchSettings

BASE = Ladder(name="base", stop=Stop(initial=Distance(2.0, "ATR")))
SPACE = SearchSpace(SearchSettings(time_stop=("bars", "off")), BASE, ("hold_value_r",))
INSIDE = replace(
    BASE, rungs=(Rung(0.25, Target(2.0, "R")),), stop=replace(BASE.stop, trail=Distance(3.0, "ATR"), time=40)
)


@pytest.mark.parametrize(
    ("change", "key", "end"),
    [
        ({"stop": replace(INSIDE.stop, time=250)}, "search.time_bars", "high"),
        ({"stop": replace(INSIDE.stop, trail=Distance(16.0, "ATR"))}, "search.trail_width", "high"),
        ({"stop": replace(INSIDE.stop, trail=Distance(1.5, "ATR"))}, "search.trail_width", "low"),
        ({"rungs": (Rung(0.25, Target(10.0, "R")),)}, "search.first_target", "high"),
    ],
)
def test_a_value_at_an_edge_is_named_with_its_key(change: dict[str, object], key: str, end: str) -> None:
    (edge,) = at_edges(SPACE, replace(INSIDE, **change))  # type: ignore[arg-type]
    assert (edge.key, edge.end) == (key, end)
    assert key in edges_text((edge,)) and "Widen" in edges_text((edge,))


def test_no_other_value_is() -> None:
    assert at_edges(SPACE, INSIDE) == ()
    assert edges_text(()) == ""
    # The least that there can be is no edge, nor is no time stop, nor a range that follows from the predictions.
    for stop in (replace(INSIDE.stop, time=1), replace(INSIDE.stop, time=None)):
        assert at_edges(SPACE, replace(INSIDE, stop=stop)) == ()
    assert at_edges(SPACE, replace(INSIDE, rungs=(Rung(0.25, Target(0.25, "R")),))) == ()
    low = replace(INSIDE, rungs=(Rung(1.0, when=(Condition("hold_value_r", "<=", -0.5),)),))
    assert SPACE.parameters_of(low) is not None and at_edges(SPACE, low) == ()
    # A fixed number has no edge, and a ladder outside the space has no range.
    fixed = SearchSpace(SearchSettings(time_bars=(40, 40)), BASE)
    assert at_edges(fixed, INSIDE) == ()
    assert at_edges(SPACE, replace(INSIDE, stop=replace(INSIDE.stop, time=251))) == ()
