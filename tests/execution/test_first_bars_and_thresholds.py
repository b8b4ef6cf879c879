"""Rules X4a to X5b, X12, S1a and S4a, and prices on extreme ticks, one small market at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exitladder.errors import LadderError
from exitladder.execution import Simulation, simulate_many
from exitladder.execution.batch import grouping as batch
from exitladder.execution.signals import Signals
from exitladder.execution.standing import standing_orders
from exitladder.plans.file import ladder_fingerprint, ladder_from_mapping, ladder_to_mapping
from exitladder.plans.words import describe_ladder, in_words
from exitladder.trades.trades import PlacedTrades

Run = Callable[..., Simulation]
Exits = Callable[..., list[tuple[int, str, float, float]]]
WALKING = ("ohlc", "nearer_extreme")
POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme", "finer_bars")
FLAT = [100.0, 100.5, 99.5, 100.0]


def plan(policy: str = "stop_first", **parts: Any) -> dict[str, Any]:
    """A ladder under an intrabar policy; `stop` and `rungs` as in a file."""
    return {"execution": {"intrabar": policy, **parts.pop("execution", {})}, "rungs": [], **parts}


def in_batch(
    rows: Any, ladder: dict[str, Any], trade: Any, placed_on: Callable[..., PlacedTrades], **series: Any
) -> Any:
    """Net r of one trade under a ladder, from the kernel of batches."""
    placed = placed_on(rows, trade)
    arrays = {name: np.array(values, dtype=np.float64) for name, values in series.items()}
    ladders = [ladder_from_mapping(ladder)] * batch.LEAST_LADDERS
    assert not len(batch.batches(ladders)[1])
    return simulate_many(placed, ladders, Signals.from_bars(placed, arrays, arrays))[0, 0]


# -- X5a: a stop only ever tightens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", WALKING)
@pytest.mark.parametrize(("close", "bar"), [(104.9, 2), (105.5, 3)])
def test_x5a_what_a_walk_lifted_the_stop_to_stays(run: Run, exits: Exits, policy: str, close: float, bar: int) -> None:
    """The stop stands at 105 after the high of 106; the ATR of that bar alone would put it back to 100."""
    rows = [
        [100, 101, 99, 100],
        [100, 100.5, 99.5, 100],
        [100, 106, 100, close],
        [105.2, 105.3, 104, 104.5],
        [104.5, 104.6, 104.4, 104.5],
    ]
    ladder = plan(policy, atr_window=1, stop={"trail": "1ATR"})
    done = run(rows, ladder, {"bar": 2, "entry": 100.0, "stop": 90.0, "quantity": 100.0})
    # Under ohlc the walk falls to the low after the high.
    assert exits(done) == [(2 if policy == "ohlc" else bar, "trail", 100.0, 105.0)]


def test_x7b_counts_a_bar_that_a_walk_would_have_left_with_a_higher_stop(run: Run) -> None:
    rows = [[100, 101, 99, 100], [100, 100.5, 99.5, 100], [100.5, 106, 100.2, 105.5], [105.6, 106, 105.4, 105.8]]
    trade = {"bar": 1, "at": "close", "entry": 100.0, "stop": 90.0}
    found = {}
    for policy in ("stop_first", "ohlc"):
        ladder = plan(policy, atr_window=1, stop={"trail": "1ATR"})
        found[policy] = run(rows, ladder, trade)
    # Bar 2: best 106, ATR before 1, after 6 or so: the walked line ends at 105, that of closed bars at 100.2.
    assert [int(s.ambiguous_bars[0]) for s in found.values()] == [1, 1]


# -- X5b: the line before the first closed bar ------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("at", ["close", "intrabar"])
def test_x5b_an_open_beyond_the_line_of_the_entry_fills_there(
    run: Run, exits: Exits, placed_on: Callable[..., PlacedTrades], policy: str, at: str
) -> None:
    """2% below the entry is 98; the first exposed bar opens at 96, beyond it (X2b)."""
    rows = [FLAT, [96, 99, 95.5, 98.5]]
    ladder = plan(policy, stop={"trail": "2%"})
    trade = {"at": at, "entry": 100.0, "stop": 90.0, "quantity": 100.0}
    assert exits(run(rows, ladder, trade)) == [(1, "trail", 100.0, 96.0)]
    if policy == "stop_first":
        assert in_batch(rows, ladder, trade, placed_on) == -0.4


@pytest.mark.parametrize(("at", "level"), [("close", 94.0), ("intrabar", 98.0)])
def test_x5b_the_line_of_the_entry_has_the_atr_known_then(
    run: Run, exits: Exits, placed_on: Callable[..., PlacedTrades], at: str, level: float
) -> None:
    """The bar before the entry's has an ATR of 2, that of the entry one of 6; its own high of 104 does not count."""
    rows = [FLAT, [100, 101, 99, 100], [100, 104, 98, 100], [99, 99.5, 93, 95]]
    ladder = plan(atr_window=1, stop={"trail": "1ATR"})
    trade = {"bar": 2, "at": at, "entry": 100.0, "stop": 90.0, "quantity": 10.0}
    assert exits(run(rows, ladder, trade)) == [(3, "trail", 10.0, level)]
    assert in_batch(rows, ladder, trade, placed_on) == (level - 100) / 10


def test_x5b_an_entry_at_the_open_has_no_line_before_the_first_close(run: Run, exits: Exits) -> None:
    rows = [[100, 100.5, 97, 99], [99, 99.5, 98.2, 99]]
    trade = {"entry": 100.0, "stop": 90.0, "quantity": 10.0}
    assert exits(run(rows, plan(stop={"trail": "2%"}), trade)) == [(1, "trail", 10.0, pytest.approx(98.49))]
    # The walk of the bar itself has one from the entry on.
    assert exits(run(rows, plan("ohlc", stop={"trail": "2%"}), trade)) == [(0, "trail", 10.0, pytest.approx(98.49))]


@pytest.mark.parametrize("policy", WALKING)
def test_x2b_an_entry_above_its_bar_is_stopped_at_the_open(run: Run, exits: Exits, policy: str) -> None:
    """The trader's own price of 100 lies above the open of 96, which is beyond the line at 98."""
    trade = {"entry": 100.0, "stop": 90.0, "quantity": 10.0, "at": "open"}
    assert exits(run([[96, 99, 95.5, 98.5]], plan(policy, stop={"trail": "2%"}), trade)) == [(0, "trail", 10.0, 96.0)]


# -- X4a: thresholds that are met exactly -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("open_r >= 0.3", True), ("mfe_r >= 0.3", True), ("open_r <= 0.3", True), ("give_back_r <= 0", True),
        ("open_r > 0.3", False), ("open_r < 0.3", False), ("mfe_r > 0.3", False), ("give_back_r > 0", False),
        ("open_r >= 0.30001", False), ("open_r > 0.29999", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("side", [1, -1])
def test_x4a_conditions_have_the_slack_of_touches(
    run: Run, exits: Exits, placed_on: Callable[..., PlacedTrades], condition: str, holds: bool, side: int
) -> None:
    """100.30 less 100 is 0.2999999999999972 in floating point."""
    rows = [[100, 100.3, 99.8, 100.3], [100.1, 100.2, 100.0, 100.1], [100.0] * 4]
    if side < 0:
        rows = [[200 - o, 200 - low, 200 - h, 200 - c] for o, h, low, c in rows]
    ladder = plan(rungs=[{"fraction": 1.0, "when": [condition, "bars_held <= 1"]}])
    trade = {"side": side, "entry": 100.0, "stop": 100.0 - side, "quantity": 10.0}
    done = run(rows, ladder, trade)
    assert (exits(done)[0][:2] == (1, "rung")) == holds
    assert in_batch(rows, ladder, trade, placed_on) == done.r[0]


def test_x4a_target_arming_and_condition_agree(run: Run, exits: Exits) -> None:
    rows = [[100, 100.3, 99.8, 100.3], [100.25, 100.28, 100.0, 100.1]]
    trade = {"entry": 100.0, "stop": 99.0, "quantity": 10.0}
    target = plan(rungs=[{"fraction": 1.0, "target": "0.3R"}])
    assert exits(run(rows, target, trade)) == [(0, "rung", 10.0, 100.3)]
    armed = plan(stop={"trail": "0.1R", "trail_from": "0.3R"})
    assert exits(run(rows, armed, trade))[0][:2] == (1, "trail")


# -- X12: a rung that sells the rest ----------------------------------------------------------------------------------

REST = {"fraction": "rest", "when": ["hot >= 1"]}


def test_x12_a_rung_sells_all_that_is_left(run: Run, exits: Exits) -> None:
    rows = [[100, 102.5, 99.5, 102], [102, 103, 101.5, 102], [101.8, 102, 101, 101.5], FLAT]
    ladder = plan(rungs=[{"fraction": 0.5, "target": "1R"}, {"fraction": 0.5, "target": "5R"}, REST])
    trade = {"entry": 100.0, "stop": 98.0, "quantity": 10.0}
    done = run(rows, ladder, trade, {"hot": [0, 1, 0, 0]})
    assert exits(done) == [(0, "rung", 5.0, 102.0), (2, "rung", 5.0, 101.8)]
    assert done.fills.rung.tolist() == [0, 1, 3]
    assert done.reason[0] == "rung"


def test_x12_volume_may_hold_it_up_and_nothing_else_is_in_the_market_then(run: Run, exits: Exits) -> None:
    rows = [[*FLAT, 100], [100, 103, 99.5, 100, 6], [99, 110, 90, 99, 100]]
    ladder = plan(rungs=[REST, {"fraction": 0.5, "target": "1R"}], execution={"participation": 1.0})
    trade = {"entry": 100.0, "stop": 98.0, "quantity": 10.0}
    done = run(rows, ladder, trade, {"hot": [1, 0, 0]})
    assert exits(done) == [(1, "rung", 6.0, 100.0), (2, "rung", 4.0, 99.0)]
    assert done.fills.rung.tolist() == [0, 1, 1]


def test_x12_it_is_listed_as_one_market_order(run: Run) -> None:
    ladder = plan(rungs=[{"fraction": 0.5, "target": "1R"}, REST])
    orders = standing_orders(run([FLAT], ladder, {"entry": 100.0, "stop": 98.0, "quantity": 10.0}, {"hot": [1]}))
    assert orders[["type", "quantity", "rung"]].to_numpy().tolist() == [["market", 10.0, 2]]


def test_x12_it_is_no_part_of_the_sum_and_has_its_own_words() -> None:
    table = plan(rungs=[{"fraction": 0.75, "target": "1R"}, {"fraction": 0.25, "target": "2R"}, REST])
    ladder = ladder_from_mapping(table)
    assert ladder.runner == 0
    assert ladder_to_mapping(ladder)["rungs"][2] == {"fraction": "rest", "when": ["hot >= 1.0"]}
    assert ladder_from_mapping(ladder_to_mapping(ladder)) == ladder
    assert "the rest when hot >= 1" in in_words(ladder)
    assert "the rest when hot >= 1" in describe_ladder(ladder)["rungs"]
    other = ladder_from_mapping({**table, "rungs": table["rungs"][:2]})
    assert ladder_fingerprint(other) != ladder_fingerprint(ladder)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"rungs": [{"fraction": "rest", "target": "1R"}]}, r'rungs\[1\].fraction = "rest" .* give it "when"'),
        ({"rungs": [REST], "stop": {"breakeven_after": 1}}, "breakeven_after refers to rung 1, which sells all"),
        ({"rungs": [{"fraction": "all", "when": ["hot >= 1"]}]}, "must be above 0 and at most 1"),
    ],
)
def test_x12_refuses_a_rest_that_cannot_be(table: dict[str, Any], message: str) -> None:
    with pytest.raises(LadderError, match=message):
        ladder_from_mapping(table)


# -- S1a: a rung sells its own quantity -------------------------------------------------------------------------------


def test_s1a_under_a_cap_a_rung_sells_its_own_quantity(run: Run, exits: Exits) -> None:
    rows = [[*FLAT, 8], [100, 102.5, 99.5, 102, 8], [102, 104, 101, 102, 8], [101, 101.5, 100.5, 101, 8]]
    ladder = plan(
        rungs=[{"fraction": 0.7, "target": "1R"}, {"fraction": 0.3, "target": "2R"}],
        stop={"time": 3},
        costs={"min_quantity": 5.0},
        execution={"participation": 1.0},
    )
    done = run(rows, ladder, {"entry": 100.0, "stop": 98.0, "quantity": 10.0})
    assert exits(done) == [(1, "rung", 7.0, 102.0), (3, "time", 3.0, 101.0)]
    assert done.small_rests.tolist() == [True]


def test_s1a_without_a_cap_dust_goes_with_the_fill_that_would_leave_it(run: Run, exits: Exits) -> None:
    ladder = plan(rungs=[{"fraction": 0.7, "target": "1R"}], costs={"min_quantity": 5.0})
    done = run([[100, 102.5, 99.5, 102]], ladder, {"entry": 100.0, "stop": 98.0, "quantity": 10.0})
    assert exits(done) == [(0, "rung", 10.0, 102.0)]
    assert done.small_rests.tolist() == [False]


# -- S4a: bars in which nothing traded --------------------------------------------------------------------------------

IDLE_AT_97 = [97.0, 97.0, 97.0, 97.0, 0.0]


@pytest.mark.parametrize("policy", POLICIES)
def test_s4a_nothing_fills_in_a_bar_without_trades(
    run: Run, exits: Exits, placed_on: Callable[..., PlacedTrades], policy: str
) -> None:
    """The stop at 98 waits through the quiet bar and fills at the open of the next that traded."""
    rows = [[*FLAT, 50], IDLE_AT_97, [96.5, 97, 96, 96.5, 10]]
    trade = {"entry": 100.0, "stop": 98.0, "quantity": 10.0}
    done = run(rows, plan(policy), trade)
    assert exits(done) == [(2, "stop", 10.0, 96.5)]
    assert (done.bars_held[0], done.mae_r[0]) == (2, -1.75)
    if policy == "stop_first":
        assert in_batch(rows, plan(), trade, placed_on) == done.r[0]


def test_s4a_a_market_order_waits_for_the_next_trade(
    run: Run, exits: Exits, placed_on: Callable[..., PlacedTrades]
) -> None:
    rows = [[*FLAT, 50], [100.0] * 4 + [0.0], [100.0] * 4 + [0.0], [99.5, 100, 99, 99.5, 10]]
    trade = {"entry": 100.0, "stop": 98.0, "quantity": 10.0}
    ladder = plan(stop={"time": 1})
    assert exits(run(rows, ladder, trade)) == [(3, "time", 10.0, 99.5)]
    assert in_batch(rows, ladder, trade, placed_on) == -0.25


@pytest.mark.parametrize(
    "rows",
    [
        [[*FLAT, 50], [97.5, 97.5, 97, 97.0, 0.0]],  # it moved: its volume is unknown
        [[*FLAT, 0], IDLE_AT_97],  # no volume anywhere before: the series has none
    ],
)
def test_s4a_volume_that_is_not_known_stops_nothing(run: Run, exits: Exits, rows: list[list[float]]) -> None:
    done = run(rows, plan(), {"entry": 100.0, "stop": 98.0, "quantity": 10.0})
    assert exits(done) == [(1, "stop", 10.0, rows[1][0])]


# -- Prices on extreme ticks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1])
def test_s3_a_stop_on_a_fine_tick_stays_on_its_own_side(
    run: Run, placed_on: Callable[..., PlacedTrades], side: int
) -> None:
    """A stop 0.4 ticks from a price of ten thousand million ticks rounds away from it, and is not reached at it."""
    price = 1_000_000.0
    rows = [[price] * 4, [price] * 4]
    trade = {"side": side, "entry": price, "stop": price - side * 0.00004, "quantity": 1.0}
    ladder = plan(costs={"tick": 0.0001})
    done = run(rows, ladder, trade)
    stop = standing_orders(done).iloc[0]
    assert done.status[0] == 1
    assert stop["price"] == pytest.approx(price - side * 0.0001, abs=1e-9)
    assert in_batch(rows, ladder, trade, placed_on) == 0.0


def test_f1_financing_is_in_every_fill_and_adds_up(run: Run) -> None:
    rows = [FLAT, [100, 102.5, 99.5, 102], [102, 102.5, 101, 102], FLAT]
    ladder = plan(rungs=[{"fraction": 0.5, "target": "1R"}], costs={"funding_bps_per_bar": 10.0})
    done = run(rows, ladder, {"entry": 100.0, "stop": 98.0, "quantity": 100.0})
    fills, trades = done.fills_frame(), done.trades_frame()
    # Held at the closes of 100, 102, 102 and 100: 100 units once, then 50.
    assert fills["financing"].tolist() == pytest.approx([0.0, 10.0, 15.2])
    assert trades["financing"].tolist() == pytest.approx([25.2])
    gross = 50 * 2.0 + 50 * 0.0
    assert trades["pnl"][0] == pytest.approx(gross - 25.2)


def test_f2_a_mark_is_no_fill_and_capture_is_net(run: Run) -> None:
    rows = [FLAT, [100, 103, 99.5, 102]]
    ladder = plan(rungs=[{"fraction": 0.5, "target": "1R"}], costs={"commission_fixed": 1.0})
    done = run(rows, ladder, {"entry": 100.0, "stop": 98.0, "quantity": 100.0})
    frame = done.trades_frame().loc[0]
    assert (len(done.fills), frame["n_fills"], frame["status"]) == (3, 2, "open")
    assert frame["capture"] == pytest.approx(done.r[0] / 1.5)
    assert done.r[0] == pytest.approx(1.0 - 2 / 200)
