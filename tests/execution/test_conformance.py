"""Cases that other backtesters keep in their own tests, each under the intrabar policy that its source uses.

Numbers C01 to C68 are those of the project's survey of its peers. Where we answer otherwise on purpose, the test is
called a divergence and says why. Not expressible as an exit ladder, and so not here: adds to a position (C20 to C23,
C24 in part), targets that change with time (C16), exits at the worst price of a bar by wall clock (C15, second half),
targets moved by user code (C28, C29), candle splitting as such (C32), stepped trailing and order lists (C66),
stop distances quoted by leverage (C25).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import LadderError
from exitladder.execution import STATUS, Simulation
from exitladder.execution.standing import state_frame
from exitladder.plans.file import ladder_from_mapping

Run = Callable[..., Simulation]
Exits = Callable[..., list[tuple[int, str, float, float]]]
ALL = ("stop_first", "target_first", "ohlc", "nearer_extreme")
HOUR = 3_600 * 10**9
near: Any = pytest.approx


def plan(
    *rungs: tuple[float, Any], policy: str = "stop_first", costs: dict[str, Any] | None = None, **stop: Any
) -> Any:
    """A ladder of (fraction, target) rungs; conditions come as a list."""
    return {
        "rungs": [
            {"fraction": f, "when": t} if isinstance(t, list) else {"fraction": f, "target": t} for f, t in rungs
        ],
        "stop": stop,
        "costs": costs or {},
        "execution": {"intrabar": policy},
    }


def ratio(simulation: Simulation) -> float:
    """Profit as a share of the entry price, as freqtrade quotes it."""
    trades = simulation.placed.trades
    return float(simulation.pnl[0] / (trades.entry_price[0] * trades.quantity[0]))


# -- freqtrade, tests/optimize/test_backtest_detail.py: bar 0 is the signal's, entry at the open of bar 1

B0 = [5000.0, 5025.0, 4975.0, 4987.0]
B1 = [5000.0, 5025.0, 4975.0, 4987.0]
FLAT5 = [5000.0, 5050.0, 4950.0, 5000.0]


def freqtrade(stop: float, side: int = 1) -> dict[str, Any]:
    return {"bar": 1, "side": side, "entry": 5000.0, "stop": stop}


@pytest.mark.parametrize("policy", ALL)
def test_c01_stop(run: Run, policy: str) -> None:
    rows = [B0, B1, [4987.0, 5012.0, 4600.0, 4600.0]]
    simulation = run(rows, plan(policy=policy), freqtrade(4950.0))
    assert (simulation.exit_bar[0], ratio(simulation)) == (2, near(-0.010))


def test_c02_stop_before_target_in_one_bar(run: Run) -> None:
    rows = [B0, B1, [4987.0, 5750.0, 4850.0, 5750.0]]
    simulation = run(rows, plan((1.0, "6%")), freqtrade(4900.0))
    assert (simulation.reason[0], ratio(simulation)) == ("stop", near(-0.020))


@pytest.mark.parametrize("policy", ALL)
def test_c03_target(run: Run, policy: str) -> None:
    rows = [B0, B1, [4987.0, 5300.0, 4950.0, 5050.0]]
    assert ratio(run(rows, plan((1.0, "3%"), policy=policy), freqtrade(4900.0))) == near(0.030)


@pytest.mark.parametrize("policy", ["ohlc", "stop_first"])
def test_c04_trail(run: Run, policy: str) -> None:
    rows = [B0, FLAT5, [5000.0, 5250.0, 4750.0, 4850.0], [4850.0, 5050.0, 4650.0, 4750.0]]
    simulation = run(rows, plan(policy=policy, trail="10%"), freqtrade(4500.0))
    assert (simulation.exit_bar[0], simulation.exit_price[0], ratio(simulation)) == (3, 4725.0, near(-0.055))


def test_c05_trail_high_first(run: Run) -> None:
    rows = [B0, FLAT5, FLAT5, [5000.0, 5200.0, 4550.0, 4850.0], [4850.0, 4900.0, 4800.0, 4850.0]]
    simulation = run(rows, plan(policy="ohlc", trail="10%"), freqtrade(4500.0))
    assert (simulation.exit_bar[0], simulation.exit_price[0], ratio(simulation)) == (3, 4680.0, near(-0.064))
    # T4: where the bar's own high may not lift the stop that its low meets, the trade goes on.
    assert run(rows, plan(trail="10%"), freqtrade(4500.0)).status[0] == STATUS.index("open")


LATE = [[5000.0, 5100.0, 4950.0, 5100.0], [5100.0, 5251.0, 5100.0, 5100.0]]


@pytest.mark.parametrize("policy", ALL)
def test_c06_a_trail_that_is_never_armed_leaves_the_stop(run: Run, policy: str) -> None:
    rows = [B0, *LATE, [4850.0, 5050.0, 4650.0, 4750.0], [4750.0, 4950.0, 4350.0, 4750.0]]
    simulation = run(rows, plan(policy=policy, trail="10%", trail_from="1R"), freqtrade(4500.0))
    assert (simulation.exit_bar[0], ratio(simulation)) == (4, near(-0.100))


@pytest.mark.parametrize("policy", ALL)
def test_c07_divergence_a_gapped_trail_fills_at_the_open(run: Run, policy: str) -> None:
    # T2: freqtrade books the trail's 5093.47 (+0.019) though the bar opened at 5000, where nobody paid that.
    rows = [B0, *LATE, [5000.0, 5150.0, 4650.0, 4750.0]]
    simulation = run(rows, plan(policy=policy, trail="3%", trail_from="0.5R"), freqtrade(4500.0))
    assert (simulation.exit_bar[0], simulation.exit_price[0], ratio(simulation)) == (3, 5000.0, 0.0)


@pytest.mark.parametrize("policy", ALL)
def test_c08_gap_below_the_trail(run: Run, policy: str) -> None:
    rows = [B0, *LATE, [4850.0, 5050.0, 4650.0, 4750.0]]
    simulation = run(rows, plan(policy=policy, trail="3%", trail_from="0.5R"), freqtrade(4500.0))
    assert (simulation.exit_bar[0], ratio(simulation)) == (3, near(-0.030))


@pytest.mark.parametrize("policy", ALL)
def test_c09_the_same_for_a_short(run: Run, policy: str) -> None:
    # T10: mirrored by hand in the peer, and wrong there several times.
    rows = [
        B0,
        [5000.0, 5050.0, 4890.0, 4890.0],
        [4890.0, 4890.0, 4749.0, 4890.0],
        [5150.0, 5350.0, 4950.0, 4950.0],
    ]
    simulation = run(rows, plan(policy=policy, trail="3%", trail_from="0.5R"), freqtrade(5500.0, side=-1))
    assert (simulation.exit_bar[0], simulation.exit_price[0], ratio(simulation)) == (3, 5150.0, near(-0.030))


@pytest.mark.parametrize("policy", ALL)
def test_c10_divergence_a_trail_armed_in_a_bar_binds_from_the_next(run: Run, policy: str) -> None:
    # High first, freqtrade arms and hits the trail within bar 2 (+0.019); by X5 it binds from bar 3, which gaps.
    rows = [B0, LATE[0], [5100.0, 5251.0, 4650.0, 5100.0], [4850.0, 5050.0, 4650.0, 4750.0]]
    simulation = run(rows, plan(policy=policy, trail="3%", trail_from="0.5R"), freqtrade(4500.0))
    assert (simulation.exit_bar[0], ratio(simulation)) == (3, near(-0.030))


@pytest.mark.parametrize("policy", ALL)
def test_c11_target_in_the_entry_bar(run: Run, policy: str) -> None:
    rows = [B0, [5000.0, 5100.0, 4950.0, 5100.0]]
    simulation = run(rows, plan((1.0, "1%"), policy=policy), freqtrade(4500.0))
    assert (simulation.exit_bar[0], simulation.exit_price[0], ratio(simulation)) == (1, 5050.0, near(0.010))


@pytest.mark.parametrize("policy", ALL)
def test_c12_stop_in_the_entry_bar(run: Run, policy: str) -> None:
    rows = [B0, [5000.0, 5100.0, 4600.0, 5100.0]]
    assert ratio(run(rows, plan(policy=policy), freqtrade(4750.0))) == near(-0.050)


@pytest.mark.parametrize("policy", ALL)
def test_c15_time_exit_at_the_open(run: Run, policy: str) -> None:
    rows = [B0, B1, [4987.0, 5300.0, 4950.0, 5050.0], [4980.0, 5000.0, 4940.0, 4962.0]]
    simulation = run(rows, plan(policy=policy, time=2), freqtrade(4500.0))
    assert (simulation.exit_bar[0], simulation.exit_price[0], ratio(simulation)) == (3, 4980.0, near(-0.004))


@pytest.mark.parametrize("policy", ALL)
def test_c17_a_signal_acts_on_the_next_bar(run: Run, policy: str) -> None:
    ladder = plan((1.0, ["leave >= 1"]), policy=policy)
    rows = [B0, B1, B1, [5010.0, 5010.0, 4855.0, 5010.0], [5010.0, 5010.0, 4990.0, 4995.0]]
    simulation = run(rows, ladder, freqtrade(4950.0), series={"leave": [0, 0, 0, 1, 0]})
    assert (simulation.exit_bar[0], simulation.reason[0], ratio(simulation)) == (3, "stop", near(-0.010))
    rows = [B0, B1, B1, [5010.0, 5010.0, 4986.0, 5010.0], [5010.0, 5010.0, 4855.0, 4995.0]]
    simulation = run(rows, ladder, freqtrade(4950.0), series={"leave": [0, 0, 0, 1, 0]})
    assert (simulation.exit_bar[0], simulation.reason[0], ratio(simulation)) == (4, "rung", near(0.002))


def test_c24_divergence_a_remainder_below_the_minimum_is_sold_with_the_rest(run: Run, exits: Exits) -> None:
    # freqtrade refuses a sale that would leave less than the minimum; S1 lets nothing stay behind.
    ladder = plan((0.95, "1R"), costs={"min_quantity": 10})
    sales = exits(run([[100.0, 103.0, 99.0, 102.0]], ladder, {"entry": 100.0, "stop": 98.0, "quantity": 60.0}))
    assert sales == [(0, "rung", 60, 102.0)]


# -- jesse, tests/test_parent_strategy.py: closes walk one unit a bar


def steps(*closes: float) -> list[list[float]]:
    """Bars from close to close."""
    rows = [[closes[0]] * 4]
    for before, close in pairwise(closes):
        rows.append([before, max(before, close), min(before, close), close])
    return rows


@pytest.mark.parametrize("policy", ALL)
def test_c26_three_targets_make_one_trade(run: Run, policy: str) -> None:
    ladder = plan((1 / 3, 11.0), (1 / 3, 13.0), (1 / 3, 15.0), policy=policy)
    simulation = run(steps(*range(7, 18)), ladder, {"entry": 7.0, "stop": 5.0, "quantity": 1.5})
    assert (simulation.exit_price[0], simulation.n_fills[0]) == (near(13.0), 4)
    assert simulation.quantity_left[0] == 0.0


@pytest.mark.parametrize("policy", ALL)
def test_c27_three_stops_of_a_short(run: Run, policy: str) -> None:
    ladder = plan((1 / 3, 4.0), (1 / 3, 5.0), policy=policy)
    simulation = run(steps(*range(3, 9)), ladder, {"side": -1, "entry": 3.0, "stop": 6.0, "quantity": 1.5})
    assert simulation.exit_price[0] == near(5.0)


def test_c33_fees_on_both_sides(run: Run) -> None:
    # T21: peers netted none, one or both of the fees.
    ladder = plan((1.0, 20.0), costs={"commission_bps": 20})
    assert run(steps(10, 20), ladder, {"entry": 10.0, "stop": 5.0}).pnl[0] == near(9.94)
    short = {"side": -1, "entry": 10.0, "stop": 20.0}
    assert run(steps(10, 20), plan(costs={"commission_bps": 20}), short).pnl[0] == near(-10.06)


# -- backtesting.py, backtesting/test/_test.py: bars 3 to 10 of its GOOG data

I3, I4 = [111.24, 111.6, 103.57, 104.87], [104.96, 108.0, 103.88, 106.0]
I5 = [104.95, 107.95, 104.66, 107.91]
I9, I10 = [102.7, 102.97, 99.67, 100.25], [99.19, 102.37, 98.94, 101.51]


@pytest.mark.parametrize("policy", ALL)
def test_c34_a_stop_that_the_open_passed_comes_before_the_target(run: Run, policy: str) -> None:
    # T11. Its stop is set after the entry's bar, so the trade is entered at that bar's close here.
    trade = {"entry": 106.0, "stop": 105.0, "at": "close"}
    simulation = run([I4, I5], plan((1.0, 107.9), policy=policy), trade)
    assert (simulation.reason[0], simulation.exit_price[0]) == ("stop", 104.95)


def test_c35_divergence_an_entry_inside_a_bar_is_exposed_from_the_next(run: Run) -> None:
    # Its sell stop at 108 and target of 105 fill within one bar; which came first is not known (T9), so X6 waits.
    trade = {"side": -1, "entry": 108.0, "stop": 113.0, "at": "intrabar"}
    simulation = run([I3, I4], plan((1.0, 105.0)), trade)
    assert (simulation.exit_bar[0], simulation.exit_price[0]) == (1, 104.96)


@pytest.mark.parametrize("policy", ALL)
def test_c36_a_gapped_stop_fills_at_the_open_and_r_stays(run: Run, policy: str) -> None:
    simulation = run([I9, I10], plan(policy=policy), {"entry": 102.7, "stop": 99.5})
    assert (simulation.exit_price[0], simulation.risk[0]) == (99.19, near(3.2))


@pytest.mark.parametrize("policy", ALL)
def test_c37_commissions(run: Run, policy: str) -> None:
    rows = [[float(p)] * 4 for p in (1, 1, 1, 2, 4, 1, 2)]
    ladder = plan((1.0, 3.0), policy=policy, costs={"commission_fixed": 10, "commission_bps": 100})
    simulation = run(rows, ladder, {"bar": 1, "entry": 1.0, "stop": 0.5, "quantity": 100.0})
    assert (simulation.commission[0], simulation.pnl[0]) == (near(25.0), near(275.0))


@pytest.mark.parametrize("policy", ALL)
def test_c38_c39_crashes_through_the_stop(run: Run, policy: str) -> None:
    # T3, T39: neither the stop's price nor the close before the gap.
    rows = [[float(p)] * 4 for p in (100, 100, 100, 50, 50)]
    assert run(rows, plan(policy=policy), {"entry": 100.0, "stop": 90.0}).exit_price[0] == 50.0
    rows = [[c - 10.0, c, c - 10.0, c] for c in (100.0, 101.0, 102.0, 50.0, 51.0)]
    assert run(rows, plan(policy=policy), {"entry": 90.0, "stop": 80.0}).exit_price[0] == 40.0


# -- nautilus


@pytest.mark.parametrize("policy", ALL)
@pytest.mark.parametrize(
    ("side", "stop", "bar", "price"),
    [
        (-1, 90.015, [90.005, 90.020, 90.000, 90.018], 90.015),
        (-1, 90.015, [90.025, 90.030, 90.020, 90.028], 90.025),
        (1, 89.985, [90.000, 90.005, 89.980, 89.990], 89.985),
        (1, 89.985, [89.975, 89.980, 89.970, 89.972], 89.975),
    ],
)
def test_c40_stops_fill_at_their_trigger_or_the_gap(
    run: Run, policy: str, side: int, stop: float, bar: list[float], price: float
) -> None:
    # T13: never at the bar's extreme.
    rows = [[90.0, 90.005, 89.995, 90.0], bar]
    assert run(rows, plan(policy=policy), {"side": side, "entry": 90.0, "stop": stop}).exit_price[0] == price


@pytest.mark.parametrize(("policy", "order"), [("ohlc", [90.030, 90.010]), ("nearer_extreme", [90.010, 90.030])])
def test_c41_the_order_of_fills_follows_the_path(run: Run, exits: Exits, policy: str, order: list[float]) -> None:
    # T12. Two orders of one position here: a limit above and a partial stop-out below.
    rows = [[90.015, 90.020, 90.012, 90.015], [90.012, 90.030, 90.010, 90.015]]
    trade = {"entry": 90.015, "stop": 89.9, "quantity": 2.0}
    sales = exits(run(rows, plan((0.5, 90.030), (0.5, 90.010), policy=policy), trade))
    assert [sale[3] for sale in sales] == order


def test_c43_the_stop_covers_what_a_partly_filled_target_left(run: Run, exits: Exits) -> None:
    # T20, T38.
    rows = [[100.0, 100.5, 99.5, 100.0, 50.0], [101.0, 102.0, 100.0, 101.0, 50.0], [101.0, 101.0, 97.0, 97.0, 1e6]]
    ladder = plan((1.0, 102.0))
    ladder["execution"]["participation"] = 0.1
    sales = exits(run(rows, ladder, {"entry": 100.0, "stop": 98.0, "quantity": 10.0}))
    assert sales == [(1, "rung", 5, 102.0), (2, "stop", 5, 98.0)]


# -- Lean


@pytest.mark.parametrize("policy", ALL)
@pytest.mark.parametrize(
    ("side", "entry", "stop", "bar", "price"),
    [
        (1, 292.0, 291.5, [290.5, 290.5, 289.5, 290.5], 290.5),
        (-1, 290.0, 290.5, [291.5, 292.5, 291.5, 291.5], 291.5),
        (1, 102.0, 101.5, [102.0, 102.5, 101.0, 101.5], 101.5),
    ],
)
def test_c46_stop_market_gaps(
    run: Run, policy: str, side: int, entry: float, stop: float, bar: list[float], price: float
) -> None:
    placed_after = [entry, max(entry, stop), min(entry, stop), entry]  # touches the stop before it is placed
    simulation = run(
        [placed_after, bar], plan(policy=policy), {"side": side, "entry": entry, "stop": stop, "at": "close"}
    )
    assert (simulation.exit_bar[0], simulation.exit_price[0]) == (1, price)


@pytest.mark.parametrize(("trail", "filled"), [("1R", 95.0), ("10%", 94.5)])
def test_c47_a_trail_only_tightens(run: Run, trail: str, filled: float) -> None:
    rows = [[p] * 4 for p in (100.0, 95.0, 97.5, 105.0)] + [[105.0, 105.0, 94.0, 94.0]]
    trade = {"entry": 100.0, "stop": 90.0}
    for seen, stop in ((1, 90.0), (3, 90.0), (4, filled)):
        assert state_frame(run(rows[:seen], plan(trail=trail), trade))["stop_price"][0] == stop
    assert run(rows, plan(trail=trail), trade).exit_price[0] == filled


@pytest.mark.parametrize(
    ("side", "prices", "give_back"),
    [
        (1, (100, 120, 110), 10),
        (1, (100, 140, 120, 130, 110), 30),
        (1, (100, 120, 110, 120, 140, 115), 25),
        (-1, (100, 60, 80, 70, 90), 30),
        # Divergence: Lean takes the greatest drawdown on the way (10, 20 and 20); ours is MFE less the exit.
        (1, (100, 120, 110, 120, 130, 125), 5),
        (1, (100, 80, 110), 0),
        (-1, (100, 120, 90), 0),
    ],
)
def test_c49_give_back(run: Run, side: int, prices: tuple[float, ...], give_back: float) -> None:
    rows = [[float(p)] * 4 for p in (*prices, prices[-1])]
    trade = {"side": side, "entry": 100.0, "stop": 100.0 - side * 50.0}
    simulation = run(rows, plan(time=len(prices)), trade)
    assert simulation.give_back_r[0] * simulation.risk[0] == near(give_back)


@pytest.mark.parametrize("policy", ALL)
def test_c51_one_leg_leaves_the_rest_to_the_other(run: Run, exits: Exits, policy: str) -> None:
    rows = steps(100, 98, 103)
    ladder = plan((0.3, 99.0), (0.7, 102.0), policy=policy)
    sales = exits(run(rows, ladder, {"entry": 100.0, "stop": 95.0, "quantity": 100.0}))
    assert sales == [(1, "rung", 30, 99.0), (2, "rung", near(70), 102.0)]


# -- pynecore: entry at the open of bar 1 at 100

P0 = [100.0, 100.5, 99.5, 100.0]
PYNE = {"bar": 1, "entry": 100.0, "stop": 80.0, "quantity": 2.0}


def test_c52_two_targets_in_two_bars(run: Run, exits: Exits) -> None:
    rows = [P0, P0, [100.0, 115.0, 100.0, 115.0], [115.0, 125.0, 115.0, 125.0]]
    ladder = plan((0.5, 110.0), (0.5, 120.0), policy="nearer_extreme")
    assert exits(run(rows, ladder, PYNE)) == [(2, "rung", 1, 110.0), (3, "rung", 1, 120.0)]


@pytest.mark.parametrize("policy", ALL)
def test_c53_a_gap_over_both_targets_fills_both_at_the_open(run: Run, exits: Exits, policy: str) -> None:
    # T16: none may be lost.
    rows = [P0, P0, [125.0, 125.5, 124.5, 125.0]]
    ladder = plan((0.5, 110.0), (0.5, 120.0), policy=policy)
    assert exits(run(rows, ladder, PYNE)) == [(2, "rung", 1, 125.0), (2, "rung", 1, 125.0)]


@pytest.mark.parametrize("policy", ALL)
def test_c54_a_rung_fires_once_and_sells_of_the_original_size(run: Run, exits: Exits, policy: str) -> None:
    # T18: not 1, then a half, then a quarter.
    rows = [P0, P0, [101.0, 106.0, 100.5, 105.0], [105.0, 108.0, 104.0, 107.0], [107.0, 109.0, 105.0, 108.0]]
    sales = exits(run(rows, plan((0.5, 105.0), policy=policy), PYNE))
    assert [sale for sale in sales if sale[1] == "rung"] == [(2, "rung", 1, 105.0)]


@pytest.mark.parametrize("policy", ALL)
def test_c55_the_stop_nearest_the_open_first(run: Run, exits: Exits, policy: str) -> None:
    # T17.
    rows = [P0, P0, [98.0, 98.5, 88.0, 92.0]]
    sales = exits(run(rows, plan((0.5, 95.0), policy=policy), {**PYNE, "stop": 90.0}))
    assert sales == [(2, "rung", 1, 95.0), (2, "stop", 1, 90.0)]


def test_c59_a_target_on_the_rising_leg_comes_before_the_trail(run: Run) -> None:
    # T7.
    rows = [P0, [100.0, 100.05, 99.95, 100.0], [100.0, 101.0, 99.90, 100.30]]
    ladder = plan((1.0, 100.60), policy="nearer_extreme", trail="0.3R", trail_from="0.1R")
    assert run(rows, ladder, {**PYNE, "stop": 99.0}).exit_price[0] == 100.60


@pytest.mark.parametrize("policy", ALL)
def test_c60_a_gapped_target_pays_no_slippage_and_a_gapped_stop_does(run: Run, policy: str) -> None:
    # T15.
    costs = {"tick": 0.01, "slippage_ticks": 1}
    trade = {**PYNE, "entry": 100.01, "stop": 99.5}
    ladder = plan((1.0, 100.50), policy=policy, costs=costs)
    assert run([P0, [100.0, 100.2, 99.9, 100.0], [101.0, 101.2, 100.9, 101.0]], ladder, trade).exit_price[0] == 101.0
    assert run([P0, [100.0, 100.2, 99.9, 100.0], [99.0, 99.2, 98.9, 99.0]], ladder, trade).exit_price[0] == 98.99


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("policy", ALL)
def test_c61_three_rungs_on_one_bar_leave_it_flat(run: Run, exits: Exits, policy: str, side: int) -> None:
    # T25: closed in parts is closed.
    rows = [P0, [100.0, 110.0, 99.9, 109.0]] if side > 0 else [P0, [100.0, 100.1, 90.0, 91.0]]
    ladder = plan((0.3, "0.1R"), (0.3, "0.2R"), (0.4, "0.3R"), policy=policy, costs={"lot": 1})
    simulation = run(rows, ladder, {**PYNE, "side": side, "stop": 100.0 - side * 20.0, "quantity": 10.0})
    assert [sale[2] for sale in exits(simulation)] == [3, 3, 4]
    assert STATUS[simulation.status[0]] == "closed"


def test_c61_c68_divergence_a_ladder_that_sells_more_than_all_is_refused() -> None:
    # T19: peers clamp 70 % + 70 % to 7 and 3; a plan that contradicts itself is refused where it is made.
    with pytest.raises(LadderError, match=r"fractions of the rungs must sum to at most 1 .*, but sum to 1.4"):
        ladder_from_mapping(plan((0.7, "1R"), (0.7, "2R")))


@pytest.mark.parametrize(
    ("pieces", "want"),
    [
        ([[100, 105, 100, 105], [105, 112, 105, 110], [110, 110, 95, 95], [95, 95, 88, 90]], 110.0),
        ([[100, 100, 95, 95], [95, 95, 88, 90], [90, 105, 90, 105], [105, 112, 105, 110]], 90.0),
    ],
)
def test_c63_finer_bars(run: Run, pieces: list[list[float]], want: float, bars_from: Callable[..., Bars]) -> None:
    bar = [100.0, 112.0, 88.0, float(pieces[-1][3])]
    finer = BarSet([bars_from(pieces, interval=HOUR // 4, first=HOUR)])
    simulation = run([P0, bar], plan((1.0, 110.0), policy="finer_bars"), {**PYNE, "stop": 90.0}, finer=finer)
    assert simulation.exit_price[0] == want


# -- backtrader, trade-executor


@pytest.mark.parametrize("policy", ALL)
def test_c67_a_partial_exit_leaves_the_entry_price(run: Run, policy: str) -> None:
    # T22: both fills are measured from 10.
    ladder = plan((0.5, 12.5), (0.5, 14.5), policy=policy)
    simulation = run(steps(10, 12.5, 14.5), ladder, {"entry": 10.0, "stop": 9.0})
    assert simulation.fills.r.tolist() == [0.0, 2.5, 4.5]


@pytest.mark.parametrize("policy", ALL)
def test_c68_the_last_level_closes_what_is_left(run: Run, policy: str) -> None:
    ladder = plan((0.4, "10%"), (0.3, "15%"), (0.3, "20%"), policy=policy)
    simulation = run(steps(100, 111, 116, 121), ladder, {"entry": 100.0, "stop": 90.0, "quantity": 1.0})
    assert (simulation.n_fills[0], simulation.quantity_left[0]) == (4, 0.0)


# -- traps of the survey that no case above and no rule's test names


def test_t6_a_trail_is_not_armed_and_hit_on_the_entry_bar(run: Run) -> None:
    rows = [[100.0, 110.0, 99.0, 100.0]]
    for policy in ALL:
        assert (
            run(rows, plan(policy=policy, trail="1R", trail_from="1R"), {"entry": 100.0, "stop": 98.0}).status[0] == 1
        )


def test_t14_trigger_and_profit_use_one_price(run: Run) -> None:
    simulation = run([P0, [100.0, 100.0, 97.0, 99.9]], plan(), {"entry": 100.0, "stop": 98.0})
    assert simulation.r[0] == -1.0


def test_t27_a_stop_is_a_price_and_no_fill_moves_it(run: Run) -> None:
    rows = steps(100, 103, 101)
    simulation = run(rows, plan((0.5, "1R")), {"entry": 100.0, "stop": 98.0})
    assert state_frame(simulation)["stop_price"][0] == 98.0


def test_t28_what_a_stop_could_not_sell_is_sold_later_and_not_forgotten(run: Run) -> None:
    rows = [[*P0, 100.0], [98.0, 98.0, 97.0, 97.0, 3.0], *[[97.0, 98.0, 96.0, 97.0, 2.0]] * 4]
    ladder = plan()
    ladder["execution"]["participation"] = 1.0
    simulation = run(rows, ladder, {"entry": 100.0, "stop": 98.0, "quantity": 10.0})
    assert (simulation.quantity_left[0], simulation.n_fills[0], simulation.reason[0]) == (0.0, 6, "stop")


def test_t31_history_before_the_entry_is_all_that_a_trade_needs(run: Run) -> None:
    rows = [[100.0, 101.0 + k % 3, 99.0, 100.0] for k in range(12)] + steps(100, 104, 108, 101, 95)
    trade = {"bar": 12, "entry": 100.0}
    ladder = plan((0.5, "1ATR"), initial="2ATR", trail="1ATR") | {"atr_window": 3}
    one = run(rows, ladder, trade)
    # The same trade at the start of a later stretch of the data, with the ATR's history before it.
    assert run(rows[4:], ladder, {**trade, "bar": 8}).r[0] == near(one.r[0], abs=0.05)


def test_t37_results_do_not_depend_on_the_run(run: Run) -> None:
    rows = [P0, [98.0, 98.5, 88.0, 92.0]]
    ladder = plan((0.25, "-0.2R"), (0.25, "-0.2R"), (0.25, "-0.3R"))
    first = run(rows, ladder, PYNE | {"bar": 0})
    assert all(run(rows, ladder, PYNE | {"bar": 0}).fills_frame().equals(first.fills_frame()) for _ in range(3))
    assert first.fills.rung.tolist() == [0, 1, 2, 3, 0]


def test_t41_an_open_trade_is_marked_and_not_dropped(run: Run) -> None:
    simulation = run(steps(100, 101), plan(), {"entry": 100.0, "stop": 98.0})
    assert (STATUS[simulation.status[0]], simulation.r[0]) == ("open", 0.5)


def test_t43_an_atr_not_warmed_up_blocks_the_rung_and_borrows_nothing(run: Run) -> None:
    rows = [[100.0, 101.0, 99.0, 100.0]] * 3 + [[100.0, 120.0, 99.0, 119.0]]
    ladder = plan((0.5, "1ATR"), trail="1ATR") | {"atr_window": 2}
    simulation = run(rows, ladder, {"entry": 100.0, "stop": 98.0})
    assert simulation.inactive_rungs[0] == 1
    assert simulation.n_fills[0] == 2
