"""Every rule of execution, one small market at a time. Names carry the rule's number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution import STATUS, Simulation, simulate_own_exits
from exitladder.execution.standing import standing_orders, state_frame
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import PlacedTrades

Run = Callable[..., Simulation]
Exits = Callable[..., list[tuple[int, str, float, float]]]
HOUR = 3_600 * 10**9
near: Any = pytest.approx

WORKED = [
    [50.0, 51.0, 49.0, 50.8],
    [50.8, 52.5, 50.5, 52.2],
    [52.2, 53.0, 51.0, 51.5],
    [54.5, 55.0, 53.9, 54.2],
    [53.0, 53.5, 49.5, 49.9],
]
CLASSIC = {
    "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
    "stop": {"breakeven_after": 1},
}
LONG = {"entry": 100.0, "stop": 98.0, "quantity": 100.0}
FLAT = [100.0, 100.5, 99.5, 100.0]


def ladder(*rungs: tuple[float, Any], **stop: Any) -> dict[str, Any]:
    """A ladder of (fraction, target) rungs, conditions in a list, and a stop."""
    return {
        "rungs": [
            {"fraction": f, "when": t} if isinstance(t, list) else {"fraction": f, "target": t} for f, t in rungs
        ],
        "stop": stop,
    }


def test_worked_example(run: Run, exits: Exits) -> None:
    simulation = run(WORKED, CLASSIC, {"entry": 50.0, "stop": 48.0, "quantity": 100.0})
    assert exits(simulation) == [(1, "rung", 25, 52.0), (3, "rung", 25, 54.5), (4, "breakeven", 50, 50.0)]
    assert simulation.r[0] == 0.8125
    assert simulation.pnl[0] == 162.5
    assert simulation.mfe_r[0] == 2.5
    assert simulation.fills.r.tolist() == [0.0, 1.0, 2.25, 0.0]
    frame = simulation.trades_frame().loc[0]
    assert (frame["status"], frame["reason"], frame["bars_held"]) == ("closed", "breakeven", 4)
    assert frame["exit_price"] == (25 * 52 + 25 * 54.5 + 50 * 50) / 100
    assert frame["give_back_r"] == 2.5 - 0.8125
    assert frame["capture"] == 0.8125 / 2.5


def test_worked_example_mirrored_for_a_short(run: Run, exits: Exits) -> None:
    rows = [[100 - o, 100 - low, 100 - h, 100 - c] for o, h, low, c in WORKED]
    simulation = run(rows, CLASSIC, {"side": -1, "entry": 50.0, "stop": 52.0, "quantity": 100.0})
    assert exits(simulation) == [(1, "rung", 25, 48.0), (3, "rung", 25, 45.5), (4, "breakeven", 50, 50.0)]
    assert simulation.r[0] == 0.8125


def test_x1_a_signal_at_the_close_of_a_bar_fills_at_the_next_open(run: Run, exits: Exits) -> None:
    rows = [FLAT, [100, 101, 99.5, 100.8], [100.6, 101, 100, 100.5], FLAT]
    simulation = run(rows, ladder((0.5, ["hot >= 1"])), LONG, series={"hot": [0, 1, 0, 0]})
    assert exits(simulation) == [(2, "rung", 50, 100.6), (3, "mark", 50, 100.0)]


def test_x2a_market_orders_fill_before_the_gapped_stop(run: Run, exits: Exits) -> None:
    rows = [FLAT, FLAT, [97.0, 97.5, 96.0, 97.0]]
    simulation = run(rows, ladder((0.25, ["hot >= 1"])), LONG, series={"hot": [0, 1, 0]})
    assert exits(simulation) == [(2, "rung", 25, 97.0), (2, "stop", 75, 97.0)]


def test_x2b_a_gap_is_filled_at_the_open_and_never_at_the_stop(run: Run, exits: Exits) -> None:
    rows = [FLAT, [97.0, 99.0, 96.5, 98.5]]
    assert exits(run(rows, ladder(), LONG)) == [(1, "stop", 100, 97.0)]


def test_x2b_an_open_at_the_stop_is_beyond_it(run: Run, exits: Exits) -> None:
    rows = [FLAT, [98.0, 99.0, 98.0, 98.5]]
    assert exits(run(rows, ladder(), LONG)) == [(1, "stop", 100, 98.0)]


def test_x2b_a_partial_stop_out_gaps_with_its_own_quantity_and_slippage(run: Run, exits: Exits) -> None:
    rows = [FLAT, [98.5, 99.5, 98.4, 99.0], FLAT]
    plan = ladder((0.25, "-0.5R")) | {"costs": {"slippage_bps": 100}}
    assert exits(run(rows, plan, LONG))[0] == (1, "rung", 25, near(98.5 * 0.99))


def test_x2b_both_stop_and_partial_gapped_is_one_fill_of_all(run: Run, exits: Exits) -> None:
    rows = [FLAT, [97.0, 97.5, 96.0, 97.0]]
    assert exits(run(rows, ladder((0.25, "-0.5R")), LONG)) == [(1, "stop", 100, 97.0)]


def test_x2c_all_limit_rungs_that_the_open_passed_fill_there_without_slippage(run: Run, exits: Exits) -> None:
    rows = [FLAT, [107.0, 107.5, 106.0, 107.0]]
    plan = ladder((0.25, "1R"), (0.25, "2R"), (0.25, "3R"), (0.25, "4R")) | {"costs": {"slippage_bps": 50}}
    assert exits(run(rows, plan, LONG)) == [
        (1, "rung", 25, 107.0),
        (1, "rung", 25, 107.0),
        (1, "rung", 25, 107.0),
        (1, "mark", 25, 107.0),
    ]


def test_x2c_an_entry_price_below_the_bar_does_not_pay_the_open(run: Run, exits: Exits) -> None:
    # The file says 100, the bar opens at 103: a target of 102 pays 102 and not the open.
    rows = [[103.0, 104.0, 101.0, 103.0], FLAT]
    assert exits(run(rows, ladder((1.0, "1R")), LONG | {"at": "open"})) == [(0, "rung", 100, 102.0)]


BOTH = [FLAT, [100.0, 103.0, 97.0, 100.0]]


def test_x3_stop_first(run: Run, exits: Exits) -> None:
    simulation = run(BOTH, ladder((0.5, "1R")), LONG)
    assert exits(simulation) == [(1, "stop", 100, 98.0)]
    assert simulation.ambiguous_bars[0] == 1


def test_x3_target_first(run: Run, exits: Exits) -> None:
    plan = ladder((0.5, "1R")) | {"execution": {"intrabar": "target_first"}}
    simulation = run(BOTH, plan, LONG)
    assert exits(simulation) == [(1, "rung", 50, 102.0), (1, "stop", 50, 98.0)]
    assert simulation.ambiguous_bars[0] == 1


@pytest.mark.parametrize(
    ("opened", "first"),
    [(101.0, "high"), (99.0, "low"), (100.0, "low")],
    ids=["nearer to the high", "nearer to the low", "tie: the adverse one"],
)
def test_x3_nearer_extreme(run: Run, exits: Exits, opened: float, first: str) -> None:
    rows = [FLAT, [opened, 103.0, 97.0, 100.0]]
    plan = ladder((0.5, "1R")) | {"execution": {"intrabar": "nearer_extreme"}}
    assert exits(run(rows, plan, LONG))[0][1] == ("rung" if first == "high" else "stop")


def test_x3_ohlc_takes_the_high_first_for_both_sides(run: Run, exits: Exits) -> None:
    plan = ladder((0.5, "1R")) | {"execution": {"intrabar": "ohlc"}}
    assert exits(run(BOTH, plan, LONG)) == [(1, "rung", 50, 102.0), (1, "stop", 50, 98.0)]
    short = {"side": -1, "entry": 100.0, "stop": 102.0, "quantity": 100.0}
    assert exits(run(BOTH, plan, short)) == [(1, "stop", 100, 102.0)]


def test_x3_the_nearer_of_several_rungs_fills_first(run: Run, exits: Exits) -> None:
    rows = [FLAT, [100.0, 107.0, 99.0, 106.0]]
    plan = ladder((0.25, "3R"), (0.25, "1R"), (0.25, "2R"))
    assert [e[3] for e in exits(run(rows, plan, LONG))[:3]] == [102.0, 104.0, 106.0]


def test_x3_of_two_stops_the_one_nearest_the_open_first(run: Run, exits: Exits) -> None:
    rows = [[100.0, 100.5, 99.8, 100.0], [99.8, 100.0, 97.0, 97.5]]
    plan = ladder((0.25, "-0.75R"), (0.25, "-0.25R"))
    assert exits(run(rows, plan, LONG)) == [(1, "rung", 25, 99.5), (1, "rung", 25, 98.5), (1, "stop", 50, 98.0)]


def test_x3_a_partial_stop_out_does_not_hinder_a_limit_rung(run: Run, exits: Exits) -> None:
    rows = [FLAT, [100.0, 102.5, 98.5, 100.0], FLAT]
    simulation = run(rows, ladder((0.25, "1R"), (0.25, "-0.5R")), LONG)
    assert exits(simulation)[:2] == [(1, "rung", 25, 99.0), (1, "rung", 25, 102.0)]
    assert simulation.ambiguous_bars[0] == 1


def test_x3_through_asks_for_one_tick_beyond(run: Run, exits: Exits) -> None:
    """T40: touched or traded through is a policy."""
    plan = ladder((1.0, "1R")) | {"costs": {"tick": 0.01}, "execution": {"limit_fill": "through"}}
    touched = [FLAT, [100.0, 102.0, 99.0, 101.0], [101.0, 102.01, 100.0, 101.0]]
    assert exits(run(touched, plan, LONG)) == [(2, "rung", 100, 102.0)]
    plan["costs"] = {}
    assert exits(run(touched, plan, LONG)) == [(2, "rung", 100, 102.0)]


def test_x3_touch_survives_the_arithmetic_of_decimals(run: Run, exits: Exits) -> None:
    # 50.1 + (50.1 - 49.8) is 50.400000000000006 in binary; the high of 50.4 touches it all the same.
    rows = [[50.1, 50.2, 50.0, 50.1], [50.1, 50.4, 50.0, 50.2]]
    sales = exits(run(rows, ladder((1.0, "1R")), {"entry": 50.1, "stop": 49.8}))
    assert sales == [(1, "rung", 1.0, near(50.4))]
    assert sales[0][3] <= 50.4  # and pays nothing that the bar did not trade


def finer(rows: list[list[float]], bar: int, bars_from: Callable[..., Bars]) -> BarSet:
    piece = HOUR // len(rows)
    return BarSet([bars_from(rows, interval=piece, first=bar * HOUR)])


def test_x3_finer_bars_tell_the_order(run: Run, exits: Exits, bars_from: Callable[..., Bars]) -> None:
    plan = ladder((0.5, "1R")) | {"execution": {"intrabar": "finer_bars"}}
    up_first = finer([[100, 103, 100, 102.5], [102.5, 102.6, 97, 100]], 1, bars_from)
    simulation = run(BOTH, plan, LONG, finer=up_first)
    assert exits(simulation) == [(1, "rung", 50, 102.0), (1, "stop", 50, 98.0)]
    assert (simulation.ambiguous_bars[0], simulation.coarse_bars[0]) == (0, 1)
    down_first = finer([[100, 100.5, 97, 99], [99, 103, 99, 100]], 1, bars_from)
    assert exits(run(BOTH, plan, LONG, finer=down_first)) == [(1, "stop", 100, 98.0)]


def test_x3_finer_bars_that_do_not_make_up_the_bar_are_not_believed(
    run: Run, exits: Exits, bars_from: Callable[..., Bars]
) -> None:
    plan = ladder((0.5, "1R")) | {"execution": {"intrabar": "finer_bars"}}
    half = finer([[100, 103, 100, 102.5], [102.5, 102.6, 99, 100]], 1, bars_from)  # the low of 97 is missing
    simulation = run(BOTH, plan, LONG, finer=half)
    assert exits(simulation) == [(1, "stop", 100, 98.0)]
    assert simulation.coarse_bars[0] == 2


def test_x3_breakeven_acts_from_the_next_finer_bar(run: Run, exits: Exits, bars_from: Callable[..., Bars]) -> None:
    rows = [FLAT, [101.0, 102.5, 99.5, 101.0], FLAT]
    plan = ladder((0.5, "1R"), breakeven_after=1) | {"execution": {"intrabar": "finer_bars"}}
    pieces = finer([[101, 102.5, 101, 101], [101, 101, 99.5, 101]], 1, bars_from)
    assert exits(run(rows, plan, LONG, finer=pieces)) == [(1, "rung", 50, 102.0), (1, "breakeven", 50, 100.0)]


def test_x4_on_the_last_bar_only_open_and_fills_count(run: Run) -> None:
    rows = [FLAT, [100.2, 103.5, 97.0, 103.0]]
    simulation = run(rows, ladder(), LONG)
    assert simulation.mfe_r[0] == 0.25  # 100.5 of bar 0, not 103.5
    assert simulation.mae_r[0] == -1.0  # the stop, not 97
    assert simulation.bars_held[0] == 1


def test_x4_a_nan_makes_a_condition_false(run: Run, exits: Exits) -> None:
    simulation = run([FLAT] * 3, ladder((1.0, ["hot < 1"])), LONG, series={"hot": [np.nan] * 3})
    assert exits(simulation) == [(2, "mark", 100, 100.0)]


def test_x4_all_conditions_must_hold(run: Run, exits: Exits) -> None:
    plan = ladder((1.0, ["hot >= 1", "bars_held >= 3"]))
    simulation = run([FLAT] * 6, plan, LONG, series={"hot": [1, 1, 0, 1, 1, 1]})
    assert exits(simulation) == [(4, "rung", 100, 100.0)]


@pytest.mark.parametrize(
    ("condition", "bar"),
    [
        ("open_r >= 0.5", 2),
        ("mfe_r >= 1.5", 2),
        ("mae_r <= -0.5", 3),
        ("give_back_r >= 1.25", 3),
        ("bars_held >= 2", 2),
        ("stop_distance_r >= 1.5", 2),
    ],
)
def test_x4_trade_state_series(run: Run, exits: Exits, condition: str, bar: int) -> None:
    rows = [FLAT, [100, 103, 100, 101], [101, 101, 99, 100], FLAT]
    assert exits(run(rows, ladder((1.0, [condition])), LONG))[0][:2] == (bar, "rung")


def test_x5_breakeven_is_in_force_from_the_next_bar(run: Run, exits: Exits) -> None:
    rows = [[100.0, 102.5, 99.0, 101.0], [101.0, 101.0, 99.0, 99.5]]
    simulation = run(rows, ladder((0.5, "1R"), breakeven_after=1), LONG)
    assert exits(simulation) == [(0, "rung", 50, 102.0), (1, "breakeven", 50, 100.0)]


def test_x5_breakeven_offset(run: Run, exits: Exits) -> None:
    rows = [[100.0, 102.5, 99.9, 101.0], [101.0, 101.0, 99.0, 99.5]]
    simulation = run(rows, ladder((0.5, "1R"), breakeven_after=1, breakeven_offset="0.1R"), LONG)
    assert exits(simulation)[1] == (1, "breakeven", 50, 100.2)


def test_x5_the_trail_stands_at_the_best_of_completed_bars(run: Run, exits: Exits) -> None:
    """T5: by the high, not by the close alone."""
    # Bar 1 makes the best price 105; its own low of 102 may not be stopped by the line of 103 it draws.
    rows = [FLAT, [100.0, 105.0, 99.9, 104.5], [104.5, 104.8, 102.5, 103.0]]
    assert exits(run(rows, ladder(trail="1R"), LONG)) == [(2, "trail", 100, 103.0)]


def test_x5_the_line_ratchets_from_the_entry_and_is_armed_by_the_rung(run: Run, exits: Exits) -> None:
    # The line is at 103 after bar 0 but binds from bar 2, after the rung of bar 1 has filled; bar 1 dips below it.
    rows = [[100.0, 105.0, 99.0, 104.0], [104.0, 106.5, 102.0, 104.0], [104.0, 105.0, 103.0, 104.0]]
    assert exits(run(rows, ladder((0.5, "3R"), trail="1R", trail_after=1), LONG)) == [
        (1, "rung", 50, 106.0),
        (2, "trail", 50, 104.0),
    ]


def test_x5_a_trail_armed_above_the_next_open_fills_at_that_open(run: Run, exits: Exits) -> None:
    rows = [[100.0, 105.0, 99.0, 102.5], [102.2, 106.5, 102.0, 102.5], [102.0, 102.0, 101.0, 101.5]]
    assert exits(run(rows, ladder((0.5, "3R"), trail="1R", trail_after=1), LONG))[1] == (2, "trail", 50, 102.0)


def test_x5_a_trail_armed_by_r_binds_from_the_next_bar(run: Run, exits: Exits) -> None:
    rows = [[100.0, 103.0, 98.5, 101.0], [101.0, 104.0, 102.0 - 1.5, 103.0], [103.0, 103.5, 102.0, 103.0]]
    simulation = run(rows, ladder(trail="1R", trail_from="2R"), LONG)
    assert exits(simulation) == [(2, "trail", 100, 102.0)]


def test_x5_a_stop_never_loosens(run: Run, exits: Exits) -> None:
    """T32."""
    # The range explodes in bar 3: the line of 2 ATR drawn after bar 2 stays.
    rows = [[100, 101, 99, 100]] * 3 + [[100, 101, 99, 100.5], [100.5, 109, 100.4, 108], [108, 108, 98.9, 99]]
    plan = ladder(trail="0.5ATR") | {"atr_window": 1}
    trade = {"bar": 3, "entry": 100.0, "stop": 90.0, "quantity": 100.0}
    simulation = run(rows, plan, trade)
    assert exits(simulation) == [(5, "trail", 100, 109.0 - 0.5 * 8.6)]


def test_x5_a_breakeven_that_an_atr_should_offset_needs_that_atr(run: Run, exits: Exits) -> None:
    rows = [[100.0, 102.5, 99.9, 101.0], [101.0, 101.0, 99.0, 99.5]]
    simulation = run(rows, ladder((0.5, "1R"), breakeven_after=1, breakeven_offset="0.1ATR"), LONG)
    assert exits(simulation)[1][:2] == (1, "mark")


def test_x6_a_trade_entered_at_the_open_lives_through_its_bar(run: Run, exits: Exits) -> None:
    rows = [[100.0, 101.0, 97.0, 100.0], FLAT]
    assert exits(run(rows, ladder(), LONG)) == [(0, "stop", 100, 98.0)]


@pytest.mark.parametrize("at", ["intrabar", "close"])
def test_x6_otherwise_it_is_first_exposed_in_the_next_bar(run: Run, exits: Exits, at: str) -> None:
    rows = [[100.0, 103.0, 97.0, 100.0], FLAT]
    simulation = run(rows, ladder((0.5, "1R")), {**LONG, "at": at})
    assert exits(simulation) == [(1, "mark", 100, 100.0)]
    assert simulation.mfe_r[0] == 0.25


def test_x6_with_finer_bars_from_the_first_one_after_the_entry(
    run: Run, exits: Exits, bars_from: Callable[..., Bars]
) -> None:
    rows = [[100.0, 103.0, 97.0, 100.0], FLAT]
    pieces = finer([[100, 103, 99, 100], [100, 101, 97, 100]], 0, bars_from)
    plan = ladder((0.5, "1R")) | {"execution": {"intrabar": "finer_bars"}}
    trade = {**LONG, "time": HOUR // 4, "at": "intrabar"}
    simulation = run(rows, plan, trade, finer=pieces)
    assert exits(simulation) == [(0, "stop", 100, 98.0)]  # the 103 came before the entry, the 97 after it
    assert simulation.bars_held[0] == 0


def test_x7_a_time_stop_is_decided_at_the_close_and_fills_at_the_next_open(run: Run, exits: Exits) -> None:
    rows = [FLAT, FLAT, [100.3, 101.0, 99.5, 100.0], FLAT]
    simulation = run(rows, ladder(time=2), LONG)
    assert exits(simulation) == [(2, "time", 100, 100.3)]
    assert simulation.bars_held[0] == 2


def test_x7_time_counts_bars_and_not_hours(
    placed_on: Callable[..., PlacedTrades], bars_from: Callable[..., Bars]
) -> None:
    """T36."""
    from exitladder.execution import simulate

    part = bars_from([FLAT] * 4)
    gapped = Bars("X", HOUR, np.array([0, 1, 60, 61]) * HOUR, part.open, part.high, part.low, part.close)
    simulation = simulate(placed_on(BarSet([gapped]), LONG), ladder_from_mapping(ladder(time=3)))
    assert simulation.exit_bar[0] == 3


def test_x7b_what_the_open_settled_is_not_ambiguous(run: Run) -> None:
    rows = [FLAT, [102.5, 103.0, 97.0, 100.0]]
    simulation = run(rows, ladder((0.5, "1R")), LONG)
    assert simulation.ambiguous_bars[0] == 0


def test_x8_what_is_left_at_the_end_is_marked_and_open(run: Run, exits: Exits) -> None:
    rows = [[100.0, 102.5, 99.9, 101.0], [101.0, 101.5, 100.5, 101.0]]
    plan = ladder((0.5, "1R")) | {"costs": {"commission_fixed": 1.0}}
    simulation = run(rows, plan, LONG)
    assert exits(simulation) == [(0, "rung", 50, 102.0), (1, "mark", 50, 101.0)]
    assert STATUS[simulation.status[0]] == "open"
    assert (simulation.exit_bar[0], simulation.reason[0]) == (-1, "")
    assert np.isnan(simulation.exit_price[0])
    assert simulation.capture[0] == simulation.r[0] / 1.25
    assert simulation.pnl[0] == 100.0 + 50.0 - 2.0  # the mark costs no commission
    assert simulation.give_back_r[0] == 1.25 - 0.5


def test_x9_a_rung_without_size_passes_its_quantity_on(run: Run, exits: Exits) -> None:
    rows = [[100.0, 107.0, 99.9, 101.0]]
    plan = ladder((0.25, "1R"), (0.25, "2R"), (0.25, "3R")) | {"costs": {"lot": 1}}
    trade = {**LONG, "quantity": 2.0}
    # 0.5 rounds to nothing and goes on to rung 2, which sells 1; 0.5 of rung 3 has nobody to go on to.
    assert exits(run(rows, plan, trade)) == [(0, "rung", 1, 104.0), (0, "mark", 1, 101.0)]


def test_x9_what_is_asked_for_is_clamped_to_what_is_left(run: Run, exits: Exits) -> None:
    rows = [FLAT, [100.0, 100.0, 98.9, 99.0], [99.0, 105.0, 98.9, 104.0], FLAT]
    plan = ladder((0.5, "2R"), (0.5, ["hot >= 1"])) | {"costs": {"min_quantity": 60}}
    sales = exits(run(rows, plan, LONG, series={"hot": [0, 1, 0, 0]}))
    assert sum(sale[2] for sale in sales) == 100


def test_s1_float_multiples_are_snapped_before_rounding_down(run: Run) -> None:
    """T23."""
    plan = ladder() | {"costs": {"lot": 0.0001}}
    trades = [{**LONG, "quantity": 173.432}, {**LONG, "quantity": 50.00055}]
    assert run([FLAT], plan, trades).quantity.tolist() == [173.432, 50.0005]


def test_s1_the_minimum_is_checked_after_rounding_down(run: Run) -> None:
    plan = ladder() | {"costs": {"lot": 1, "min_quantity": 2}}
    trades = [{**LONG, "quantity": 1.9999}, {**LONG, "quantity": 2.0}]
    assert run([FLAT], plan, trades).reason.tolist() == ["quantity_below_minimum", ""]


def test_s1_a_remainder_below_the_minimum_goes_with_the_last_fill(run: Run, exits: Exits) -> None:
    rows = [[100.0, 107.0, 99.9, 101.0]]
    plan = ladder((0.95, "1R")) | {"costs": {"min_quantity": 10}}
    assert exits(run(rows, plan, LONG)) == [(0, "rung", 100, 102.0)]


def test_s1_no_dust_of_floating_point_stays_behind(run: Run, exits: Exits) -> None:
    rows = [[100.0, 107.0, 99.9, 101.0]]
    simulation = run(rows, ladder((0.3, "1R"), (0.3, "2R"), (0.4, "3R")), {**LONG, "quantity": 0.7})
    assert len(exits(simulation)) == 3
    assert simulation.quantity_left[0] == 0
    assert simulation.n_fills[0] == 4


def test_s2_commission_on_entry_and_every_exit_with_a_minimum(run: Run) -> None:
    rows = [[100.0, 107.0, 99.9, 101.0], [101.0, 101.0, 90.0, 91.0]]
    costs = {"commission_bps": 10, "commission_per_unit": 0.01, "commission_fixed": 0.5, "commission_min": 7.0}
    simulation = run(rows, ladder((0.5, "1R")) | {"costs": costs}, LONG)
    # entry 10 + 1 + 0.5, rung 5.1 + 0.5 + 0.5 -> 7, stop 4.9 + 0.5 + 0.5 -> 7
    assert simulation.fills.commission.tolist() == near([11.5, 7.0, 7.0])
    assert simulation.pnl[0] == near(50 * 2 - 50 * 2 - 25.5)
    # The entry's commission is spread over the exits by quantity.
    assert simulation.fills.net_r.tolist() == near([0.0, (100 - 7 - 5.75) / 200, (-100 - 7 - 5.75) / 200])


def test_s3_slippage_is_paid_by_market_and_stop_fills_only(run: Run) -> None:
    rows = [[100.0, 103.0, 99.9, 101.0], [101.0, 101.0, 90.0, 91.0]]
    costs = {"slippage_bps": 1, "half_spread_bps": 2, "slippage_ticks": 1, "tick": 0.01}
    simulation = run(rows, ladder((0.5, "1R")) | {"costs": costs}, LONG)
    # 98 less 3 bps (0.0294) less one tick is 97.9606, and down to the tick 97.96.
    assert simulation.fills.price.tolist() == [100.0, 102.0, 97.96]
    assert simulation.fills.slippage.tolist() == near([0.0, 0.0, 2.0])


def test_s3_slippage_by_atr_uses_the_last_closed_bar(run: Run, exits: Exits) -> None:
    rows = [[100, 101, 99, 100]] * 2 + [[100, 104, 99, 100], [100, 130, 90, 91]]
    plan = ladder() | {"atr_window": 1, "costs": {"slippage_atr": 0.1}}
    assert exits(run(rows, plan, {**LONG, "bar": 2})) == [(3, "stop", 100, 98.0 - 0.1 * 5.0)]


def test_s3_prices_round_to_the_tick_against_the_trader(run: Run, exits: Exits) -> None:
    rows = [[100.0, 101.0, 99.9, 101.0], [101.0, 104.0, 95.0, 95.0]]
    plan = ladder((0.5, "0.33%")) | {"costs": {"tick": 0.05}}
    assert exits(run(rows, plan, {**LONG, "stop": 97.99})) == [(0, "rung", 50, 100.3), (1, "stop", 50, 97.95)]
    short = {"side": -1, "entry": 100.0, "stop": 102.01, "quantity": 100.0}
    assert exits(run(rows, plan, short))[0] == (1, "stop", 100, 102.05)


@pytest.mark.parametrize(("beyond", "price"), [(1e-6, 999_899.98), (0.0, 999_899.99)])
def test_s3_a_price_just_below_a_tick_rounds_down_also_at_a_million(
    run: Run, exits: Exits, beyond: float, price: float
) -> None:
    """Slippage of one tick and a ten-thousandth of one costs two ticks; of one tick, but for rounding errors, one."""
    rows = [[1e6, 1e6 + 1, 1e6 - 1, 1e6], [1e6, 1e6, 999_800.0, 999_850.0]]
    costs = {"slippage_bps": (0.01 + beyond) / 999_900 * 1e4, "tick": 0.01}
    trade = {**LONG, "entry": 1e6, "stop": 999_900.0}
    assert exits(run(rows, ladder() | {"costs": costs}, trade)) == [(1, "stop", 100, price)]


def with_volume(rows: list[list[float]], *volume: float) -> list[list[float]]:
    return [[*row, v] for row, v in zip(rows, volume, strict=True)]


def test_s4_a_fill_takes_at_most_a_share_of_the_volume(run: Run, exits: Exits) -> None:
    rows = with_volume([FLAT, [99, 99, 97, 97.5], [97, 98, 96, 97], [96.5, 97, 96, 97]], 1000, 400, 200, 1000)
    plan = ladder() | {"execution": {"participation": 0.1}}
    assert exits(run(rows, plan, LONG)) == [(1, "stop", 40, 98.0), (2, "stop", 20, 97.0), (3, "stop", 40, 96.5)]


def test_s4_what_is_left_of_a_limit_stays_resting(run: Run, exits: Exits) -> None:
    rows = with_volume([FLAT, [101, 102.5, 100, 101], [101, 103, 100, 101], FLAT], 10, 300, 1000, 1000)
    plan = ladder((0.5, "1R"), breakeven_after=1) | {"execution": {"participation": 0.1}}
    sales = exits(run(rows, plan, LONG))
    assert sales[:2] == [(1, "rung", 30, 102.0), (2, "rung", 20, 102.0)]
    # Breakeven waits for all of the rung: bar 2 dips to the entry, bar 3 is the first under it.
    assert sales[2] == (3, "breakeven", 50, 100.0)


def test_s4_rounding_of_the_cap_makes_no_dust(run: Run, exits: Exits) -> None:
    # 0.1 of 3 is 0.30000000000000004: rung 1 takes it all, and the 5e-17 beyond is nobody's fill.
    rows = with_volume([[100.0, 101.5, 99.5, 100.0], FLAT], 3, 0)
    plan = ladder((0.3, "0.5R"), (0.1, "0.5R")) | {"execution": {"participation": 0.1}}
    assert [e[1] for e in exits(run(rows, plan, {**LONG, "quantity": 1.0}))] == ["rung", "mark"]
    rows = with_volume([FLAT, FLAT, *[FLAT] * 6], 0, 3, 3, 3, 10, 10, 1, 1)
    plan = ladder(time=1) | {"execution": {"participation": 0.1}}
    simulation = run(rows, plan, {**LONG, "quantity": 2.9})
    assert (STATUS[simulation.status[0]], simulation.quantity_left[0]) == ("closed", 0.0)


def test_s4_needs_volume(run: Run) -> None:
    from exitladder.errors import LadderError

    with pytest.raises(
        LadderError, match="participation caps fills by the bar's volume, but the bars of 'X' have none"
    ):
        run([FLAT], ladder() | {"execution": {"participation": 0.1}}, LONG)


def test_s5_financing_is_signed_by_side(run: Run) -> None:
    plan = ladder(time=2) | {"costs": {"funding_bps_per_bar": 10, "borrow_bps_per_bar": 4}}
    short = {"side": -1, "entry": 100.0, "stop": 102.0, "quantity": 100.0}
    simulation = run([FLAT] * 4, plan, [LONG, short])
    assert simulation.financing.tolist() == near([2 * 10.0, 2 * -6.0])
    assert simulation.pnl.tolist() == near([-20.0, 12.0])


def test_s6_liquidation_comes_before_a_wider_stop(run: Run, exits: Exits) -> None:
    """T24: nothing can veto it."""
    rows = [FLAT, [99.0, 99.5, 94.0, 95.0]]
    plan = ladder((0.5, "1R"), breakeven_after=1) | {"execution": {"leverage": 20, "maintenance_margin": 0.01}}
    wide = {**LONG, "stop": 90.0}
    price = 100 * (1 - 1 / 20) / (1 - 0.01)
    assert exits(run(rows, plan, wide)) == [(1, "liquidation", 100, near(price))]
    assert exits(run(rows, plan, LONG)) == [(1, "stop", 100, 98.0)]
    short = {"side": -1, "entry": 100.0, "stop": 120.0, "quantity": 100.0}
    up = [FLAT, [101.0, 106.0, 100.0, 105.0]]
    assert exits(run(up, plan, short))[0][1:] == ("liquidation", 100, near(100 * (1 + 1 / 20) / 1.01))


def test_targets_in_every_unit(run: Run, exits: Exits) -> None:
    rows = [[100, 101, 99, 100], [100, 101, 99, 100], [100, 120, 99.5, 119]]
    trade = {**LONG, "bar": 2}
    for target, price in [("1.5R", 103.0), ("2ATR", 104.0), ("5%", 105.0), (107.25, 107.25), ("107.25", 107.25)]:
        plan = ladder((1.0, target)) | {"atr_window": 1}
        assert exits(run(rows, plan, trade)) == [(2, "rung", 100, price)]


SWINGS = [10, 9, 8, 7, 6, 5, 6, 7, 8, 9, 10, 9, 8, 9, 8, 8, 8, 8, 9, 30]


def test_targets_by_confirmed_swings(run: Run, exits: Exits) -> None:
    # Pivot low 5 - 0.5 at bar 5, pivot high 10 + 0.5 at bar 10; both are confirmed five bars later.
    rows = [[v, v + 0.5, v - 0.5, v] for v in map(float, SWINGS)]
    trade = {"bar": 18, "entry": 9.0, "stop": 8.0, "quantity": 10.0}
    plan = ladder((0.5, "fib 1.5"), (0.5, "resistance 1"))
    assert exits(run(rows, plan, trade)) == [(19, "rung", 5, 30.0), (19, "rung", 5, 30.0)]  # both gapped
    rows[-1] = [9.0, 30.0, 9.0, 29.0]
    assert exits(run(rows, plan, trade)) == [(19, "rung", 5, 10.5), (19, "rung", 5, 4.5 + 1.5 * 6)]


def test_a_swing_not_confirmed_yet_leaves_the_rung_inactive(run: Run, exits: Exits) -> None:
    rows = [[v, v + 0.5, v - 0.5, v] for v in map(float, SWINGS)]
    trade = {"bar": 14, "entry": 8.0, "stop": 6.0, "quantity": 10.0}  # the high of bar 10 is known at 15
    simulation = run(rows, ladder((0.5, "fib 1.5"), (0.5, "resistance 1")), trade)
    assert simulation.inactive_rungs[0] == 2
    assert [sale[1] for sale in exits(simulation)] == ["mark"]


def test_a_short_reads_the_mirrored_swings(run: Run, exits: Exits) -> None:
    rows = [[40 - v, 40.5 - v, 39.5 - v, 40 - v] for v in map(float, SWINGS)]
    rows[-1] = [31.0, 31.0, 10.0, 11.0]
    trade = {"side": -1, "bar": 18, "entry": 31.0, "stop": 32.0, "quantity": 10.0}
    plan = ladder((0.5, "fib 1.5"), (0.5, "resistance 1"))
    assert exits(run(rows, plan, trade)) == [(19, "rung", 5, 29.5), (19, "rung", 5, 26.5)]


def test_a_trade_without_any_stop_is_skipped_with_its_reason(run: Run) -> None:
    trades = [
        {"entry": 100.0},
        {"entry": 100.0, "stop": 101.0},
        {"entry": 100.0, "stop": 100.0},
        {"entry": 100.0, "stop": 98.0, "bar": 1, "at": "close"},
    ]
    simulation = run([FLAT] * 2, ladder(), trades)
    assert simulation.reason.tolist() == ["no_stop", "stop_beyond_entry", "stop_beyond_entry", "no_bar_after_entry"]
    assert all(STATUS[k] == "skipped" for k in simulation.status)
    assert np.isnan(simulation.r).all() and np.isnan(simulation.mfe_r).all()
    assert len(simulation.fills) == 0
    assert run([FLAT] * 2, ladder(initial="2ATR"), {"entry": 100.0}).reason.tolist() == ["atr_unknown"]


def test_the_initial_stop_of_the_ladder_uses_the_atr_closed_before_the_entry(run: Run) -> None:
    """T30."""
    rows = [[100, 101, 99, 100], [100, 101, 99, 100], [100, 110, 90, 100], [100, 101, 99, 100]]
    plan = ladder(initial="2ATR") | {"atr_window": 1}
    trades = [{"bar": 2, "entry": 100.0}, {"bar": 2, "entry": 100.0, "at": "close"}]
    assert run(rows, plan, trades).risk.tolist() == [4.0, 40.0]


def test_standing_orders_of_an_open_trade(run: Run) -> None:
    rows = [[100.0, 102.5, 99.9, 101.0], [101.0, 101.5, 100.5, 101.0]]
    plan = ladder((0.25, "1R"), (0.25, "3R"), (0.1, ["hot >= 1"]), breakeven_after=1)
    simulation = run(rows, plan, LONG, series={"hot": [0, 1]})
    orders = standing_orders(simulation)
    assert orders[["type", "side", "quantity", "price", "kind"]].astype(object).where(
        orders.notna(), None
    ).values.tolist() == [
        ["market", "sell", 10.0, None, "rung"],
        ["limit", "sell", 25.0, 106.0, "rung"],
        ["stop", "sell", 65.0, 100.0, "breakeven"],
    ]
    assert orders["rung"].tolist()[:2] == [3, 2]
    state = state_frame(simulation).loc[0]
    assert (state["quantity_open"], state["price"], state["open_r"], state["mfe_r"]) == (75.0, 101.0, 0.5, 1.25)
    assert (state["stop_price"], state["stop_kind"], state["bars_held"]) == (100.0, "breakeven", 2)


def test_standing_orders_of_a_time_stop_and_of_a_trade_just_entered(run: Run) -> None:
    fresh = {**LONG, "trade_id": "fresh", "bar": 1, "at": "close"}
    orders = standing_orders(run([FLAT] * 2, ladder((0.5, "1R"), time=2), [LONG, fresh]))
    assert orders["trade_id"].tolist() == ["T0", "fresh", "fresh"]
    assert orders["type"].tolist() == ["market", "limit", "stop"]
    assert orders["kind"].tolist() == ["time", "rung", "stop"]
    assert orders["quantity"].tolist() == [100.0, 50.0, 100.0]


def test_tables_have_the_promised_columns(run: Run) -> None:
    simulation = run(WORKED, CLASSIC, {"entry": 50.0, "stop": 48.0, "quantity": 100.0})
    assert ", ".join(simulation.fills_frame().columns) == (
        "trade_id, fill, bar_time, order, rung, side, quantity, price, commission, slippage, financing, r"
    )
    assert ", ".join(simulation.trades_frame().columns) == (
        "trade_id, symbol, side, status, reason, quantity, entry_time, entry_price, risk, exit_time, exit_price, "
        "pnl, financing, r, mfe_r, mae_r, give_back_r, capture, bars_held, n_fills, ambiguous_bars"
    )
    assert simulation.fills_frame()["fill"].tolist() == [1, 2, 3, 4]
    assert simulation.fills_frame()["side"].tolist() == ["buy", "sell", "sell", "sell"]


def test_own_exits_pay_commission_and_no_slippage(placed_on: Callable[..., PlacedTrades]) -> None:

    rows = [[100, 103, 99, 102], [102, 105, 101, 104], [104, 120, 90, 104], [104, 104, 104, 104]]
    trades = [
        {**LONG, "exit_time": 2 * HOUR + 1, "exit_price": 103.0},
        {**LONG, "side": -1, "stop": 102.0, "exit_time": 2 * HOUR, "exit_price": 103.0},
        LONG,
        {"entry": 100.0, "exit_time": HOUR, "exit_price": 101.0},
        {**LONG, "bar": 2, "exit_time": HOUR, "exit_price": 101.0},
    ]
    plan = ladder((0.5, "1R")) | {"costs": {"commission_fixed": 1.0, "slippage_bps": 100.0}}
    simulation = simulate_own_exits(placed_on(rows, trades), ladder_from_mapping(plan))
    assert simulation.reason.tolist() == ["time", "time", "", "no_stop", "exit_before_entry"]
    assert simulation.pnl[:3].tolist() == [298.0, -302.0, 399.0]
    assert simulation.mfe_r[0] == 2.5  # 105 of bar 1; of the exit's bar only the open and the exit
    assert simulation.bars_held[:2].tolist() == [2, 2]
    assert simulation.status.tolist() == [0, 0, 1, 2, 2]
