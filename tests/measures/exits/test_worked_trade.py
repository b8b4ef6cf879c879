"""One trade of six bars with every number worked by hand, long and mirrored; sessions; which trades count."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution import Simulation, simulate, simulate_own_exits
from exitladder.measures.exits.catalogue import measures_of
from exitladder.measures.exits.later import Horizons
from exitladder.measures.exits.managing import set_and_forget
from exitladder.measures.exits.sessions import session_note, sessions_of
from exitladder.measures.exits.summary import summarise_exits
from exitladder.measures.exits.table import KEYS, ExitTables
from exitladder.measures.exits.text import exits_text
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.units import Target
from exitladder.settings.contracts import Contract
from exitladder.statistics.intervals import Intervals
from exitladder.trades.trade_fills import TradeFills
from exitladder.trades.trades import PlacedTrades

Place = Callable[..., PlacedTrades]
# Three hours before the close of New York on a Monday, and on the Tuesday.
ROWS = [
    [100.0, 101.0, 99.0, 100.5],
    [100.5, 103.0, 100.0, 102.5],  # half sold at 102
    [102.5, 104.5, 101.5, 104.0],  # half sold at 103
    [104.0, 105.0, 103.5, 104.5],
    [104.5, 106.0, 100.5, 101.0],
    [101.0, 102.0, 97.0, 97.5],
]
HOURS = [pd.Timestamp(f"2024-03-0{day}T{hour}:00", tz="America/New_York") for day in (4, 5) for hour in (13, 14, 15)]
NEW_YORK = Contract(multiplier=5, session="09:30-16:00", exchange_tz="America/New_York")
WORKED = {
    "n_exits": 2, "percent_per_r": 2.0, "money_per_r": 1000.0,
    "net_r": 1.25, "exit_r": 1.25,  # half at 1R, half at 1.5R
    "mfe_r": 1.5, "mae_r": -0.5, "hindsight_give_back_r": 0.25,  # 103 and 99
    # Bar 2: 0.5 made by the half sold, and half of the 1.5R of its high.
    "position_mfe_r": 1.25, "position_mae_r": -0.5,
    # 99 to 103 is 2R: entered 1.5R below the best price, left 1.75R above the worst.
    "hindsight_entry_efficiency": 0.75, "hindsight_exit_efficiency": 0.875, "hindsight_total_efficiency": 0.625,
    # The last half at 104.5 (2.25R), the best until that day's close: 0.5 + 1.125.
    "hindsight_best_exit_r": 1.625, "hindsight_best_exit_gain_r": 0.375, "hindsight_best_exit_efficiency": 1.25 / 1.625,
    "target_r": 2.0, "updraw": 0.75, "drawdown": 0.5,
    "set_and_forget_r": 2.0, "managing_r": -0.75,  # bar 3 reached 104
    "first_exit_r": 1.0, "last_exit_r": 1.5, "scaling_r": -0.25, "scaling_vs_first_r": 0.25,
    # Closes of bar 3, of bar 4, of Monday (bar 3) and of Tuesday (bar 6), each minus 1.25.
    "hindsight_first_exit_1_bars_later_r": 0.75, "hindsight_last_exit_1_bars_later_r": 1.0,
    "hindsight_first_exit_session_end_r": 0.75, "hindsight_last_exit_session_end_r": 0.75,
    "hindsight_first_exit_1_sessions_later_r": -2.5, "hindsight_last_exit_1_sessions_later_r": -2.5,
}  # fmt: skip


def market(rows: list[list[float]], times: list[pd.Timestamp], contract: Contract | None = None) -> BarSet:
    opened, high, low, close = np.array(rows).T.copy()
    time = np.array([stamp.value for stamp in times])
    bars = BarSet([Bars("X", 3_600 * 10**9, time, opened, high, low, close)])
    return bars if contract is None else bars.with_contracts({"X": contract})


def sold_in_halves(placed: PlacedTrades, prices: tuple[float, float]) -> PlacedTrades:
    times = [HOURS[0].value, HOURS[1].value + 1, HOURS[2].value + 1]
    fills = TradeFills(
        np.array([0, 3]), np.array(times), np.array([True, False, False]), np.array([100.0, *prices]),
        np.array([100.0, 50.0, 50.0]),
    )  # fmt: skip
    closed = replace(placed.trades, fills=fills, exit_time=fills.time[2:], exit_price=fills.price[2:])
    return replace(placed, trades=closed)


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_every_number_of_a_worked_trade(placed_on: Place, side: int) -> None:
    def seen(price: float) -> float:
        return price if side > 0 else 200 - price

    rows = [[seen(r[0]), max(map(seen, r[1:3])), min(map(seen, r[1:3])), seen(r[3])] for r in ROWS]
    bars = market(rows, HOURS, NEW_YORK)
    trade = {"time": HOURS[0].value, "side": side, "entry": 100.0, "stop": seen(98), "quantity": 100.0}
    placed = sold_in_halves(placed_on(bars, trade), (seen(102), seen(103)))
    own = simulate_own_exits(placed, ladder_from_mapping({}))
    left_alone = set_and_forget(own.ladder, Target(2.0, "R"))
    assert left_alone is not None
    tables = ExitTables(sessions_of(bars), Horizons(bars=(1,), sessions=(1,)))
    row = tables.of(own, simulate(placed, left_alone)).iloc[0].to_dict()
    assert {name: row[name] for name in WORKED} == pytest.approx(WORKED)
    assert (row["mfe_time"], row["mae_time"]) == (HOURS[1], HOURS[0])
    assert set(row) == {*WORKED, "trade_id", "symbol", "side", "entry_time", "mfe_time", "mae_time"}


def test_money_and_percent_of_a_worked_trade(placed_on: Place) -> None:
    bars = market(ROWS, HOURS, NEW_YORK)
    trade = {"time": HOURS[0].value, "entry": 100.0, "stop": 98.0, "quantity": 100.0}
    own = simulate_own_exits(sold_in_halves(placed_on(bars, trade), (102, 103)), ladder_from_mapping({}))
    found = summarise_exits(ExitTables(sessions_of(bars)).of(own))
    # 100 x 5 x the 1.25R of 2 points; 2.5 points of 100.
    assert {unit: found["net"][unit]["value"] for unit in ("r", "percent", "money")} == {
        "r": 1.25, "percent": 2.5, "money": 1250.0,
    }  # fmt: skip
    assert found["net"]["r"]["low"] is None  # one trade has no interval
    assert found["exit_efficiency"]["share"]["value"] == 0.875
    # No target, no losing trade, no sixth bar: nothing is made up for them.
    assert not {"managing", "updraw", "run_up_of_losers", "last_exit_5_bars_later"} & set(found)


STOPPED = [[100, 101.5, 99, 101], [101, 104, 97.5, 103], [103, 110, 102, 109]]


def test_the_best_exit_does_not_outlive_the_stop(run: Callable[..., Simulation]) -> None:
    """Bar 2 breaks the stop: its own high may have come afterwards, so only its open counts, and bar 3 not at all."""
    simulation = run(STOPPED, {}, {"entry": 100.0, "stop": 98.0})
    row = ExitTables(sessions_of(simulation.placed.bars)).of(simulation).iloc[0]
    assert row["exit_r"] == -1.0
    assert row["hindsight_best_exit_r"] == 0.75
    assert np.isnan(row["target_r"]) and np.isnan(row["managing_r"])


def test_the_risk_allowed_is_the_one_that_was_taken(placed_on: Place) -> None:
    """A trade held through 1.25R against it may be held through as much for its best exit, and no more."""
    rows = [[100, 101, 97.5, 99], [99, 100, 98, 99], [99, 103, 97.5, 102], [102, 109, 97, 108]]
    placed = placed_on(rows, {"entry": 100.0, "stop": 98.0, "exit_time": 3_600 * 10**9, "exit_price": 99.0})
    own = simulate_own_exits(placed, ladder_from_mapping({}))
    row = ExitTables(sessions_of(own.placed.bars)).of(own).iloc[0]
    assert (row["position_mae_r"], row["hindsight_best_exit_r"]) == (-1.25, 1.5)


def test_open_trades_and_exits_nobody_got_have_no_row(placed_on: Place) -> None:
    hour = 3_600 * 10**9
    trade = {"entry": 100.0, "stop": 98.0}
    placed = placed_on(ROWS, [trade, trade | {"exit_time": 2 * hour, "exit_price": 102.0},
                              trade | {"exit_time": 2 * hour, "exit_price": 120.0}])  # fmt: skip
    own = simulate_own_exits(placed, ladder_from_mapping({}))
    assert ExitTables(sessions_of(own.placed.bars)).of(own)["trade_id"].tolist() == ["T1"]


def test_a_session_ends_at_its_close_and_none_at_the_end_of_the_data() -> None:
    sessions = sessions_of(market(ROWS[:5], HOURS[:5], NEW_YORK))
    assert sessions.number.tolist() == [0, 0, 0, 1, 1]
    assert sessions.closing_bar(np.array([0, 2, 3])).tolist() == [2, 2, -1]
    assert sessions.closing_bar(np.array([0, 2, 3]), 1).tolist() == [-1, -1, -1]
    assert sessions_of(market(ROWS, HOURS, NEW_YORK)).last.tolist() == [2, 5]


def test_bars_after_the_close_belong_to_the_next_session() -> None:
    evening = [pd.Timestamp(f"2024-03-04T{hour}:00", tz="America/New_York") for hour in (15, 16, 17, 18)]
    night = [pd.Timestamp(f"2024-03-05T{hour:02}:00", tz="America/New_York") for hour in (9, 17)]
    futures = Contract(session="18:00-17:00", exchange_tz="America/New_York")
    assert sessions_of(market(ROWS, evening + night, futures)).number.tolist() == [0, 0, 1, 1, 1, 2]
    assert sessions_of(market(ROWS, evening + night, NEW_YORK)).number.tolist() == [0, 1, 1, 1, 1, 2]
    # Without hours, dates on the exchange's clock; without a zone, dates in UTC, and that is said.
    dates = Contract(exchange_tz="America/New_York")
    assert sessions_of(market(ROWS, evening + night, dates)).number.tolist() == [0, 0, 0, 0, 1, 1]
    unknown = sessions_of(market(ROWS, evening + night))
    assert unknown.number.tolist() == [0, 0, 0, 0, 1, 1]
    assert "midnight UTC" in session_note(unknown, {"X": 1})
    assert session_note(unknown, {"Y": 1}) == session_note(sessions_of(market(ROWS, HOURS, dates)), {"X": 1}) == ""


def test_a_daily_bar_is_a_session_of_its_own(bars_from: Callable[..., Bars]) -> None:
    two = [bars_from(ROWS, symbol=name, interval=86_400 * 10**9) for name in ("A", "B")]
    sessions = sessions_of(BarSet(two))
    assert sessions.closing_bar(np.arange(12)).tolist() == list(range(12))
    # The last bar of a symbol has no later session, although another symbol follows.
    assert sessions.closing_bar(np.array([4, 5, 6]), 1).tolist() == [5, -1, 7]
    assert sessions.without_zone == ()


def test_the_summary_by_hand() -> None:
    n = 40
    net = np.where(np.arange(n) % 4 == 0, -1.0, 1.0)
    table = pd.DataFrame(dict.fromkeys((one.column for one in measures_of([])), np.full(n, 0.5)))
    table = table.assign(
        net_r=net, mae_r=np.where(net > 0, -0.25, -1.0), mfe_r=np.where(net > 0, 2.0, 0.5), exit_r=net,
        hindsight_best_exit_r=np.where(net > 0, 2.0, 0.5), percent_per_r=2.0, money_per_r=np.arange(n) * 10.0,
        entry_time=pd.date_range("2024-01-01", periods=n, freq="D", tz="UTC"), scaling_r=np.nan,
    )  # fmt: skip
    found = summarise_exits(table, intervals=Intervals(n_bootstrap=200))
    assert (found["n_closed"], found["heat_on_winners"]["n"], found["run_up_of_losers"]["n"]) == (40, 30, 10)
    assert found["heat_on_winners"]["r"]["value"] == -0.25
    assert found["run_up_of_losers"]["r"] == {"value": 0.5, "low": None, "high": None}  # ten cases are too few
    assert found["net"]["percent"]["value"] == 1.0
    assert found["net"]["money"]["value"] == pytest.approx((net * np.arange(n) * 10).mean())
    # 30 wins of 1R against 2R, 10 losses of 1R against 0.5R: sums, not the mean of ratios.
    efficiency = found["best_exit_efficiency"]["share"]
    assert efficiency["value"] == pytest.approx(20 / 65)
    assert efficiency["low"] < efficiency["value"] < efficiency["high"]
    assert "scaling" not in found
    assert {name for name, one in found.items() if name != "n_closed" and one["hindsight"]} == {
        "give_back", "entry_efficiency", "exit_efficiency", "total_efficiency", "best_exit", "best_exit_gain",
        "best_exit_efficiency",
    }  # fmt: skip


def test_the_text_fits_a_terminal_and_marks_hindsight() -> None:
    n = 25
    later = [f"hindsight_{which}_exit_{what}_r" for which in ("first", "last")
             for what in ("20_bars_later", "session_end", "1_sessions_later", "12_sessions_later")]  # fmt: skip
    names = [one.column for one in measures_of(later)]
    table = pd.DataFrame(dict.fromkeys(names, -10.0 - np.arange(n) / 10))
    table = table.assign(hindsight_best_exit_r=9.0, percent_per_r=9.0, money_per_r=90_000.0)
    table["entry_time"] = pd.date_range("2024-01-01", periods=n, freq="D", tz="UTC")
    summary = summarise_exits(table, intervals=Intervals(n_bootstrap=200))
    lines = exits_text("your own exits", summary, 0.95).splitlines()
    assert max(map(len, lines)) <= 80
    marked = {line[:28].strip() for line in lines if "*" in line}
    assert {"give-back *", "best last exit *", "last exit at session end *", "first exit + 1 session *"} <= marked
    assert not {line for line in lines if line.startswith(("MFE", "managing", "scaling")) and "*" in line}


def test_all_that_looks_past_the_exit_is_called_hindsight(run: Callable[..., Simulation]) -> None:
    """Change every bar after the last exit: only measures called hindsight may move."""
    ladder = {"rungs": [{"fraction": 0.5, "target": "0.5R"}, {"fraction": 0.5, "target": "1R"}]}
    trade = {"entry": 100.0, "stop": 98.0}
    after: list[list[float]] = [[101, 103, 100, 102], [102, 102, 97, 98], [98, 99, 97, 98]]
    rows: list[list[float]] = [[100, 101, 99, 100.5], [100.5, 102, 100, 101], *after]
    other = [*rows[:2], *([[r[0] + 5, r[1] + 9, r[2], r[3] + 5] for r in rows[2:]])]
    tables = []
    for market_rows in (rows, other):
        simulation = run(market_rows, ladder, trade)
        tables.append(ExitTables(sessions_of(simulation.placed.bars), Horizons((1,), (1,))).of(simulation).iloc[0])
    first, second = tables
    moved = {str(name) for name in first.index if not (first[name] == second[name] or pd.isna(first[name]))}
    assert moved
    assert all(name.startswith("hindsight_") for name in moved)
    assert set(KEYS) <= set(first.index)


def test_nothing_that_decides_reads_measured_exits(root: Path) -> None:
    """They describe the past; only what reports may import them."""
    readers = set()
    for folder in ("src/exitladder", "features", "models", "pipelines"):
        for path in (root / folder).rglob("*.py"):
            tree = ast.parse(path.read_text())
            imported: list[Any] = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
            names = [getattr(node, "module", None) or "" for node in imported]
            names += [alias.name for node in imported for alias in node.names]
            if any("measures.exits" in name or "exit_quality" in name for name in names):
                readers.add(path.relative_to(root).as_posix().removeprefix("src/exitladder/"))
    assert {path for path in readers if not path.startswith("measures/exits/")} == {
        "api/verbs.py", "cli/commands/trades/exits.py", "cli/screens/backtest.py", "pipelines/backtest.py",
        "pipelines/exit_quality.py", "pipelines/pages/charts.py", "pipelines/pages/exits.py",
        "measures/impact.py",  # sessions of bars only
    }  # fmt: skip
