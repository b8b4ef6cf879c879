"""Slices (X10): rungs with their own stop and trail, one small market at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exitladder.execution import Simulation
from exitladder.execution.batch.grouping import LEAST_LADDERS, batches
from exitladder.execution.standing import standing_orders, state_frame
from exitladder.plans.file import ladder_from_mapping

Run = Callable[..., Simulation]
near: Any = pytest.approx

LONG = {"entry": 100.0, "stop": 98.0, "quantity": 100.0}  # R = 2
FLAT = [100.0, 100.5, 99.8, 100.0]


def plan(*rungs: dict[str, Any], intrabar: str = "stop_first", costs: dict[str, Any] | None = None, **stop: Any) -> Any:
    return {"rungs": list(rungs), "stop": stop, "costs": costs or {}, "execution": {"intrabar": intrabar}}


def sales(simulation: Simulation) -> list[tuple[int, str, int, float, float]]:
    """Bar, order, rung, quantity and price of each sale."""
    frame = simulation.fills_frame()
    fills = simulation.fills
    return [
        (int(fills.bar[k]), str(frame["order"][k]), int(fills.rung[k]), float(fills.quantity[k]), float(fills.price[k]))
        for k in range(len(fills))
        if frame["order"][k] != "entry"
    ]


def test_worked_example(run: Run) -> None:
    """Half is a slice with a stop at -0.5R: it is stopped at 49 while the other half lives on to its target."""
    rows = [[50.0, 50.6, 49.4, 50.2], [50.2, 50.5, 48.8, 49.6], [49.6, 52.4, 49.5, 52.0]]
    table = plan({"fraction": 0.5, "target": "2R", "stop": "0.5R"}, {"fraction": 0.5, "target": "1R"})
    simulation = run(rows, table, {"entry": 50.0, "stop": 48.0, "quantity": 100.0})
    assert sales(simulation) == [(1, "stop", 1, 50, 49.0), (2, "rung", 2, 50, 52.0)]
    assert simulation.r[0] == 0.25
    assert simulation.reason[0] == "rung"


def test_the_stop_nearest_the_open_goes_first(run: Run) -> None:
    rows = [FLAT, [100.0, 100.2, 97.0, 97.5]]
    table = plan(
        {"fraction": 0.25, "stop": "0.75R"}, {"fraction": 0.25, "target": "-0.5R"}, {"fraction": 0.25, "stop": "0.25R"}
    )
    assert sales(run(rows, table, LONG)) == [
        (1, "stop", 3, 25, 99.5),
        (1, "rung", 2, 25, 99.0),
        (1, "stop", 1, 25, 98.5),
        (1, "stop", 0, 25, 98.0),
    ]


def test_a_gap_fills_every_stop_at_the_open_and_a_partial_stop_out_with_its_stop(run: Run) -> None:
    rows = [FLAT, [97.0, 97.5, 96.0, 97.0]]
    table = plan({"fraction": 0.25, "target": "-0.25R", "stop": "0.5R"}, {"fraction": 0.25, "target": "-0.5R"})
    assert sales(run(rows, table, LONG)) == [(1, "stop", 1, 25, 97.0), (1, "stop", 0, 75, 97.0)]


BOTH = [FLAT, [100.0, 102.5, 98.5, 100.0], FLAT]


@pytest.mark.parametrize(("intrabar", "first"), [("stop_first", "stop"), ("target_first", "rung"), ("ohlc", "rung")])
def test_target_and_stop_of_a_slice_in_one_bar_as_the_policy_says(run: Run, intrabar: str, first: str) -> None:
    table = plan(
        {"fraction": 0.5, "target": "1R", "stop": "0.5R"}, {"fraction": 0.5, "target": "1R"}, intrabar=intrabar
    )
    simulation = run(BOTH, table, LONG)
    price = 99.0 if first == "stop" else 102.0
    # The other half is not stopped in this bar, so its target fills under every policy.
    assert sorted(sales(simulation)) == sorted([(1, first, 1, 50, price), (1, "rung", 2, 50, 102.0)])
    assert simulation.ambiguous_bars[0] == 1


def test_stopping_the_trade_leaves_a_slice_its_target(run: Run) -> None:
    """The stop of the trade, at break-even, takes what is not reserved; the slice's target fills in the same bar."""
    rows = [FLAT, [100.0, 102.2, 100.2, 102.0], [102.0, 104.5, 99.8, 101.0]]
    table = plan(
        {"fraction": 0.25, "target": "1R"},
        {"fraction": 0.25, "target": "2R", "stop": "1R"},
        {"fraction": 0.25, "target": "2R"},
        breakeven_after=1,
    )
    assert sales(run(rows, table, LONG)) == [
        (1, "rung", 1, 25, 102.0),
        (2, "breakeven", 0, 50, 100.0),
        (2, "rung", 2, 25, 104.0),
    ]


def test_only_target_or_conditions_arm_what_comes_after_a_rung(run: Run) -> None:
    stopped = [FLAT, [100.0, 100.2, 98.8, 100.0], [100.0, 101.0, 98.5, 100.0], FLAT]
    table = plan({"fraction": 0.5, "target": "1R", "stop": "0.5R"}, breakeven_after=1, breakeven_offset="-0.5R")
    simulation = run(stopped, table, LONG)
    assert sales(simulation) == [(1, "stop", 1, 50, 99.0), (3, "mark", 0, 50, 100.0)]
    assert state_frame(simulation)["stop_price"].tolist() == [98.0]
    reached = [FLAT, [100.0, 102.2, 99.8, 102.0], [102.0, 102.1, 98.5, 100.0]]
    assert sales(run(reached, table, LONG)) == [(1, "rung", 1, 50, 102.0), (2, "breakeven", 0, 50, 99.0)]


def test_the_trail_of_a_slice_is_armed_by_the_fill_of_another_rung(run: Run) -> None:
    rows = [FLAT, [100.0, 102.2, 101.0, 102.0], [102.0, 102.1, 101.0, 101.5], FLAT]
    table = plan({"fraction": 0.25, "target": "1R"}, {"fraction": 0.5, "trail": "0.5R", "trail_after": 1})
    # 102.2 less 1.0 is 101.2, in force from the bar after the fill.
    assert sales(run(rows, table, LONG)) == [
        (1, "rung", 1, 25, 102.0),
        (2, "trail", 2, 50, near(101.2)),
        (3, "mark", 0, 25, 100.0),
    ]


def test_a_slice_follows_breakeven_only_if_it_says_so(run: Run) -> None:
    rows = [FLAT, [100.0, 102.2, 100.2, 102.0], [102.0, 102.1, 99.8, 100.5], [100.5, 100.6, 98.9, 99.5]]
    table = plan(
        {"fraction": 0.25, "target": "1R"},
        {"fraction": 0.25, "stop": "0.5R", "follow": True},
        {"fraction": 0.25, "stop": "0.5R"},
        breakeven_after=1,
    )
    assert sales(run(rows, table, LONG)) == [
        (1, "rung", 1, 25, 102.0),
        (2, "breakeven", 0, 25, 100.0),
        (2, "breakeven", 2, 25, 100.0),
        (3, "stop", 3, 25, 99.0),
    ]


def test_a_stop_of_its_own_is_never_farther_than_the_initial_stop(run: Run) -> None:
    rows = [FLAT, [100.0, 100.2, 96.0, 97.0]]
    assert sales(run(rows, plan({"fraction": 0.5, "stop": "5%"}), LONG)) == [
        (1, "stop", 0, 50, 98.0),
        (1, "stop", 1, 50, 98.0),
    ]


def test_a_trail_at_the_own_stop_but_for_rounding_is_the_stop(run: Run) -> None:
    # 0.5R and 1% of 102 are both 1.02, and computed they differ in the last digit; of equal stops the earlier counts
    rows = [[102.0] * 4, [100.0] * 4]
    long = {"entry": 102.0, "stop": 102.0 - 102.0 * 0.02, "quantity": 100.0}
    table = plan({"fraction": 0.5, "stop": "0.5R", "trail": "1%"})
    assert sales(run(rows, table, long))[0][:3] == (1, "stop", 1)


def test_targets_at_one_price_but_for_rounding_fill_in_the_order_of_the_file(run: Run) -> None:
    rows = [[102.0] * 4, [102.0, 104.0, 102.0, 102.0]]
    long = {"entry": 102.0, "stop": 102.0 - 102.0 * 0.02, "quantity": 100.0}
    for first, second in (("0.5R", "1%"), ("1%", "0.5R")):
        table = plan({"fraction": 0.25, "target": first}, {"fraction": 0.25, "target": second})
        assert [sale[2] for sale in sales(run(rows, table, long))[:2]] == [1, 2]


def test_what_rounding_removes_passes_slices_by(run: Run) -> None:
    """Two units in lots of 1: rung 1 rounds to zero, and rung 3 or the runner gets its quantity."""
    rows = [FLAT, [100.0, 102.2, 99.8, 102.0]]
    small = {"fraction": 0.25, "target": "1R", "stop": "1R"}
    own = {"fraction": 0.5, "target": "1R", "stop": "1R"}
    other = {"fraction": 0.25, "target": "1R"}
    table = plan(small, own, other, costs={"lot": 1.0})
    assert sales(run(rows, table, LONG | {"quantity": 2.0})) == [(1, "rung", 2, 1, 102.0), (1, "rung", 3, 1, 102.0)]
    table = plan(small, own, costs={"lot": 1.0})
    assert sales(run(rows, table, LONG | {"quantity": 2.0})) == [(1, "rung", 2, 1, 102.0), (1, "mark", 0, 1, 102.0)]


def test_a_slice_without_a_resolved_target_stays_for_its_stop(run: Run) -> None:
    rows = [FLAT, [100.0, 104.0, 98.9, 101.0], FLAT]
    simulation = run(rows, plan({"fraction": 0.5, "target": "resistance 1", "stop": "0.5R"}), LONG)
    assert sales(simulation) == [(1, "stop", 1, 50, 99.0), (2, "mark", 0, 50, 100.0)]
    assert simulation.inactive_rungs[0] == 1


def test_an_exit_of_all_takes_slices_too(run: Run) -> None:
    rows = [FLAT, [100.0, 100.5, 99.5, 100.4], [100.3, 100.5, 99.5, 100.0]]
    kept = {"fraction": 0.5, "stop": "0.5R"}
    assert sales(run(rows, plan(kept, time=2), LONG)) == [(2, "time", 0, 100, 100.3)]
    rest = plan(kept, {"fraction": "rest", "when": ["hot >= 1"]})
    assert sales(run(rows, rest, LONG, {"hot": [0, 1, 0]})) == [(2, "rung", 2, 100, 100.3)]
    fallen = [FLAT, [100.0, 100.2, 89.0, 95.0]]
    leveraged = plan({"fraction": 0.5, "stop": "0.5R"}, {"fraction": 0.25, "stop": "1R"})
    leveraged["execution"] |= {"leverage": 10.0}
    assert sales(run(fallen, leveraged, {"entry": 100.0, "stop": 80.0, "quantity": 100.0})) == [
        (1, "liquidation", 0, 100, 90.0)
    ]


@pytest.mark.parametrize(("intrabar", "stopped"), [("stop_first", False), ("ohlc", True)])
def test_its_own_trail_ratchets_along_a_walk(run: Run, intrabar: str, stopped: bool) -> None:
    """The high of bar 1 lifts the trail to 102, 1R below 104; the walk meets it in the same bar."""
    rows = [FLAT, [100.0, 104.0, 101.5, 103.0], [103.0, 103.5, 102.5, 103.0]]
    simulation = run(rows, plan({"fraction": 0.5, "trail": "1R"}, intrabar=intrabar), LONG)
    kept = [(1, "trail", 1, 50, 102.0), (2, "mark", 0, 50, 103.0)] if stopped else [(2, "mark", 0, 100, 103.0)]
    assert sales(simulation) == kept
    assert simulation.ambiguous_bars[0] == 1


def test_volume_that_holds_up_one_stop_holds_up_no_other(run: Run) -> None:
    """A tenth of 200 units: the trail of the trade sells 20 of its 50, and the rest at the next open."""
    rows = [[*FLAT, 1e6], [100.0, 100.2, 99.4, 99.5, 200.0], [99.6, 102.5, 99.5, 102.0, 1000.0]]
    table = plan({"fraction": 0.5, "target": "1R", "stop": "1R"}, trail="0.5R")
    table["execution"]["participation"] = 0.1
    assert sales(run(rows, table, LONG)) == [
        (1, "trail", 0, 20, 99.5),
        (2, "trail", 0, 30, 99.6),
        (2, "rung", 1, 50, 102.0),
    ]


def test_each_slice_is_listed_with_its_stop_and_its_target(run: Run) -> None:
    table = plan({"fraction": 0.5, "target": "1R", "stop": "0.5R"}, {"fraction": 0.25, "target": "2R"}, trail="1R")
    orders = standing_orders(run([FLAT, FLAT], table, LONG))
    found = [(row.type, row.kind, row.quantity, row.price) for row in orders.itertuples()]
    assert found == [
        ("limit", "rung", 50, 102.0),
        ("limit", "rung", 25, 104.0),
        ("stop", "stop", 50, 99.0),
        ("stop", "trail", 50, 98.5),
    ]
    assert orders["rung"].fillna(0).tolist() == [1, 2, 1, 0]


def test_the_nearest_stop_of_slices_is_shown_when_nothing_else_is_left(run: Run) -> None:
    rows = [FLAT, [100.0, 102.2, 99.8, 101.0]]
    table = plan(
        {"fraction": 0.5, "target": "1R"}, {"fraction": 0.25, "stop": "0.5R"}, {"fraction": 0.25, "stop": "0.25R"}
    )
    frame = state_frame(run(rows, table, LONG)).loc[0]
    assert (frame["quantity_open"], frame["stop_price"], frame["stop_kind"]) == (50, 99.5, "stop")


def test_slices_run_in_a_batch_apart_from_ladders_without_them() -> None:
    rung = {"fraction": 0.5, "target": "1R"}
    plain, own = (ladder_from_mapping({"rungs": [one]}) for one in (rung, rung | {"stop": "0.5R"}))
    groups, alone = batches([plain, own] * LEAST_LADDERS)
    assert [set(group % 2) for group in groups] == [{0}, {1}] and not len(alone)
