"""Outcomes of many ladders are those of one simulation after another, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exitladder.execution import simulate, simulate_many
from exitladder.execution.outcomes import simulate_outcomes
from exitladder.execution.simulation import STATUS
from exitladder.ladder import Ladder
from exitladder.signals import Signals
from exitladder.trades import PlacedTrades

Place = Callable[..., PlacedTrades]


@given(data=st.data())
def test_outcomes_are_those_of_single_simulations(data: st.DataObject, worlds: ModuleType, placed_on: Place) -> None:
    world = data.draw(worlds.worlds(("stop_first",)))
    placed = placed_on(world.rows, world.trades)
    table: dict[str, Any] = world.ladder
    ladders = [Ladder.from_mapping(table), Ladder.from_mapping({**table, "rungs": [], "stop": {"initial": "2%"}})]
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals = Signals.from_bars(placed, arrays, arrays)
    found = simulate_outcomes(placed, ladders, signals)
    np.testing.assert_array_equal(found.net_r, simulate_many(placed, ladders, signals))
    for m, ladder in enumerate(ladders):
        one = simulate(placed, ladder, signals)
        counts = one.status != STATUS.index("skipped")
        is_open = one.status == STATUS.index("open")
        np.testing.assert_array_equal(found.net_r[:, m], one.r)
        np.testing.assert_array_equal(found.mfe_r[:, m], one.mfe_r)
        np.testing.assert_array_equal(found.n_fills[counts, m], (one.n_fills - is_open)[counts])
        expected = np.where(is_open, placed.end_bar - 1, one.exit_bar)
        np.testing.assert_array_equal(found.last_bar[counts, m], expected[counts])
        assert (found.last_bar[~counts, m] == -1).all() and (found.n_fills[~counts, m] == 0).all()


def test_a_worked_example(placed_on: Place) -> None:
    """The rule book's: sold at bars 2, 4 and 5; best 2.5 R; 0.8125 R net."""
    rows = [
        [50.0, 51.0, 49.0, 50.8], [50.8, 52.5, 50.5, 52.2], [52.2, 53.0, 51.0, 51.5], [54.5, 55.0, 53.9, 54.2],
        [53.0, 53.5, 49.5, 49.9],
    ]  # fmt: skip
    placed = placed_on(rows, {"entry": 50.0, "stop": 48.0, "quantity": 100.0})
    rungs = [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}]
    ladders = [Ladder.from_mapping({"rungs": rungs, "stop": {"breakeven_after": 1}}), Ladder()]
    found = simulate_outcomes(placed, ladders, threads=1)
    np.testing.assert_allclose(found.net_r[0], [0.8125, -0.05], rtol=1e-12)
    assert found.mfe_r[0].tolist() == [2.5, 2.5]
    assert found.n_fills[0].tolist() == [4, 1]
    assert found.last_bar[0].tolist() == [4, 4]
    assert simulate_outcomes(placed, []).net_r.shape == (1, 0)
