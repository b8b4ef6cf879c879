"""What the price did after the exit: by hand, mirrored, cut by the end of the data, and against a slow reference."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.execution import Simulation, simulate_own_exits
from exitladder.measures.after_exit import COLUMNS, after_exit
from exitladder.measures.after_exit_summary import summarise_after_exit
from exitladder.measures.data_gaps import coarse_bars, inactive_rungs
from exitladder.plans.file import ladder_from_mapping
from exitladder.statistics import Intervals
from exitladder.trades.trades import PlacedTrades

Run = Callable[..., Simulation]
Rows = Sequence[Sequence[float]]
HOUR = 3_600 * 10**9

LONG = {"entry": 100.0, "stop": 98.0, "quantity": 100.0}
SHORT = LONG | {"side": -1, "stop": 102.0}
HALVES = {"rungs": [{"fraction": 0.5, "target": "1R"}, {"fraction": 0.5, "target": "2R"}]}
SCRATCHED = {**HALVES, "stop": {"breakeven_after": 1}}

STOPPED: Rows = [
    [100, 101, 99, 100],
    [100, 100.5, 97.5, 98],  # the stop
    [98, 99, 97, 98.5],
    [98.5, 102.5, 98, 101],  # the first target, which had been there for the taking
    [101, 101, 96, 97],
]  # fmt: skip
SCRATCH: Rows = [
    [100, 102.5, 100, 102],  # rung 1, breakeven from the next bar on
    [102, 102, 99.5, 101],  # scratched at 100
    [101, 103, 100.5, 103],
    [103, 104.5, 97.0, 98],  # rung 2 and the initial stop: who knows, so the stop
    [98, 99, 97.5, 98],
]  # fmt: skip


def mirrored(rows: Rows) -> list[list[float]]:
    """Return the market seen in a mirror at 100."""
    return [[200 - o, 200 - low, 200 - high, 200 - c] for o, high, low, c in rows]


@pytest.mark.parametrize(("rows", "trade"), [(STOPPED, LONG), (mirrored(STOPPED), SHORT)], ids=["long", "short"])
def test_a_trade_stopped_before_its_target(run: Run, rows: Rows, trade: dict[str, Any]) -> None:
    found = after_exit(run(rows, HALVES, trade), bars=3)
    assert list(found) == list(COLUMNS)
    row = found.iloc[0]
    assert row["last_fill_r"] == -1.0
    # From the entry in R of 2.00: the best is 102.5, the worst 96, the last close 97.
    assert (row["after_best_r"], row["after_worst_r"], row["after_close_r"]) == (1.25, -2.0, -1.5)
    assert (row["next_rung"], row["next_rung_r"], row["is_first_target"]) == (1, 1.0, True)
    assert (row["bars_to_next_rung"], row["bars_to_stop"]) == (2.0, 0.0)
    assert not row["is_cut"]


@pytest.mark.parametrize(("rows", "trade"), [(SCRATCH, LONG), (mirrored(SCRATCH), SHORT)], ids=["long", "short"])
def test_a_breakeven_scratch(run: Run, rows: Rows, trade: dict[str, Any]) -> None:
    simulation = run(rows, SCRATCHED, trade)
    assert simulation.reason[0] == "breakeven"
    row = after_exit(simulation, bars=3).iloc[0]
    assert (row["next_rung"], row["next_rung_r"], row["is_first_target"]) == (2, 2.0, False)
    assert (row["last_fill_r"], row["after_best_r"], row["after_worst_r"], row["after_close_r"]) == (0, 2.25, -1.5, -1)
    assert (row["bars_to_next_rung"], row["bars_to_stop"]) == (2.0, 2.0)
    result = summarise_after_exit(after_exit(simulation, bars=3), simulation.trades_frame())["breakeven_scratches"]
    assert result["reached_stop_first"]["value"] == 1
    assert result["reached_next_rung_first"]["value"] == 0


def test_the_bar_of_the_exit_does_not_count(run: Run) -> None:
    """The rest of the bar in which the stop filled may have come before it."""
    rows = [[100, 101, 99, 100], [100, 110, 90, 100], [100, 100.5, 99.5, 100]]
    row = after_exit(run(rows, HALVES, LONG), bars=1).iloc[0]
    assert (row["after_best_r"], row["after_worst_r"], row["after_close_r"]) == (0.25, -0.25, 0.0)
    assert math.isnan(row["bars_to_next_rung"])


def test_trades_cut_by_the_end_of_the_data_are_counted(run: Run) -> None:
    trades = [LONG, LONG | {"bar": 4, "entry": 101.0, "stop": 97.0}]
    found = after_exit(run(STOPPED, HALVES, trades))
    assert found["horizon_bars"].tolist() == [5, 5]
    assert found["after_bars"].tolist() == [3, 0]
    assert found["is_cut"].tolist() == [True, True]
    assert found.loc[1, ["after_best_r", "after_worst_r", "after_close_r", "bars_to_next_rung"]].isna().all()
    result = summarise_after_exit(found, run(STOPPED, HALVES, trades).trades_frame())["after_exit"]
    assert (result["n_trades"], result["n_cut"], result["n_without_bars"], result["n_measured"]) == (2, 2, 1, 0)
    assert result["mean_change_r"]["value"] is None


def test_bars_of_another_symbol_are_not_followed(bars_from: Callable[..., Any], run: Run) -> None:
    from exitladder.bars.bars import BarSet

    bars = BarSet([bars_from(STOPPED[:2]), bars_from([[500.0] * 4] * 9, symbol="Y")])
    assert after_exit(run(bars, HALVES, LONG))["after_bars"].tolist() == [0]


def test_a_trade_is_followed_as_long_as_it_was_held(run: Run) -> None:
    flat = [[100.0, 100.5, 99.5, 100.0]]
    for held, expected in ((3, 5), (8, 8), (70, 60)):
        simulation = run(flat * 150, {**HALVES, "stop": {"time": held}}, LONG)
        assert simulation.bars_held[0] == held
        assert after_exit(simulation)["after_bars"].tolist() == [expected]
    assert after_exit(simulation, shortest=1, longest=65)["after_bars"].tolist() == [65]


def test_open_and_skipped_trades_have_no_exit(run: Run) -> None:
    found = after_exit(run([[100, 101, 99, 100]] * 3, HALVES, [LONG, LONG | {"stop": 101.0}]))
    assert len(found) == 0
    assert list(found) == list(COLUMNS)
    result = summarise_after_exit(found, run([[100, 101, 99, 100]] * 3, HALVES, [LONG]).trades_frame())
    json.dumps(result, allow_nan=False)
    assert result["after_exit"]["n_trades"] == 0


def test_a_ladder_without_targets_has_no_next_rung(run: Run) -> None:
    row = after_exit(run(STOPPED, {}, LONG), bars=3).iloc[0]
    assert row["next_rung"] is pd.NA
    assert math.isnan(row["next_rung_r"])
    assert not row["is_first_target"]
    assert row["after_best_r"] == 1.25


def test_through_needs_a_tick_beyond(run: Run) -> None:
    rows = [*STOPPED[:3], [98.5, 102.0, 98, 101]]
    through = {**HALVES, "costs": {"tick": 0.5}, "execution": {"limit_fill": "through"}}
    assert after_exit(run(rows, HALVES, LONG), bars=2)["bars_to_next_rung"].tolist() == [2.0]
    assert after_exit(run(rows, through, LONG), bars=2)["bars_to_next_rung"].isna().all()


def test_own_exits_are_followed_too(placed_on: Callable[..., PlacedTrades]) -> None:
    placed = placed_on(STOPPED, LONG | {"exit_time": 2 * HOUR, "exit_price": 98.5})
    row = after_exit(simulate_own_exits(placed, ladder_from_mapping(HALVES)), bars=2).iloc[0]
    assert (row["last_fill_r"], row["after_best_r"], row["after_close_r"]) == (-0.75, 1.25, -1.5)
    assert row["bars_to_stop"] == 0.0  # it had sat through its stop


@pytest.mark.parametrize("wrong", [{"bars": 0}, {"shortest": 0}, {"shortest": 9, "longest": 8}])
def test_impossible_horizons_are_refused(run: Run, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        after_exit(run(STOPPED, HALVES, LONG), **wrong)


TARGETS = (0.5, 1.0, 1.5, 3.0)


@given(data=st.data())
def test_it_agrees_with_a_slow_reference(data: st.DataObject, run: Run, worlds: ModuleType) -> None:
    rows = data.draw(worlds.bar_rows(0.25, 6, 20))
    targets: list[float] = sorted(data.draw(st.lists(st.sampled_from(TARGETS), max_size=3, unique=True)))
    stop: dict[str, Any] = {"breakeven_after": 1} if data.draw(st.booleans()) and targets else {}
    if data.draw(st.booleans()):
        stop["time"] = data.draw(st.integers(1, 4))
    trades = []
    for _ in range(data.draw(st.integers(1, 4))):
        bar, side = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.sampled_from([1, -1]))
        distance = data.draw(st.sampled_from([0.5, 1.0, 2.0, 4.0]))
        trades.append({"bar": bar, "side": side, "entry": rows[bar][0], "stop": rows[bar][0] - side * distance})
    bars = data.draw(st.sampled_from([None, 1, 2, 7]))
    simulation = run(rows, {"rungs": [{"fraction": 0.25, "target": f"{t}R"} for t in targets], "stop": stop}, trades)
    found = after_exit(simulation, bars=bars, shortest=2, longest=4).to_dict("records")
    expected = _slowly(simulation, rows, trades, targets, bars)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        for name, value in theirs.items():
            assert ours[name] == value or (pd.isna(ours[name]) and pd.isna(value)), (name, ours, theirs)


def _slowly(
    simulation: Simulation, rows: Rows, trades: list[dict[str, Any]], targets: list[float], bars: int | None
) -> list[dict[str, Any]]:
    """Follow each trade from its row of trades.csv and its fills, in plain Python."""
    fills = simulation.fills_frame()
    out = []
    for result, trade in zip(simulation.trades_frame().to_dict("records"), trades, strict=True):
        if result["status"] != "closed":
            continue
        side, entry, risk = trade["side"], trade["entry"], abs(trade["entry"] - trade["stop"])
        own = fills[fills["trade_id"] == result["trade_id"]]
        done = set(own["rung"].dropna())
        left = [k for k in range(len(targets)) if k + 1 not in done]
        exit_bar = int(own["bar_time"].iloc[-1].value // HOUR)
        horizon = min(max(result["bars_held"], 2), 4) if bars is None else bars
        best = worst = close = to_rung = to_stop = math.nan
        if result["mae_r"] <= -1:
            to_stop = 0
        seen = 0
        for row in rows[exit_bar + 1 : exit_bar + 1 + horizon]:
            seen += 1
            ends = [side * (p - entry) / risk for p in row[1:3]]
            best, worst = max(*ends, *([] if math.isnan(best) else [best])), min(*ends, *([] if seen == 1 else [worst]))
            close = side * (row[3] - entry) / risk
            if left and max(ends) >= targets[left[0]] and math.isnan(to_rung):
                to_rung = seen
            if min(ends) <= -1 and math.isnan(to_stop):
                to_stop = seen
        out.append(
            {
                "trade_id": result["trade_id"],
                "horizon_bars": horizon,
                "after_bars": seen,
                "is_cut": seen < horizon,
                "last_fill_r": own["r"].iloc[-1],
                "after_best_r": best,
                "after_worst_r": worst,
                "after_close_r": close,
                "next_rung": left[0] + 1 if left else pd.NA,
                "next_rung_r": targets[left[0]] if left else math.nan,
                "is_first_target": bool(left) and not done,
                "bars_to_next_rung": to_rung,
                "bars_to_stop": to_stop,
            }
        )
    return out


def _book(rows: Sequence[tuple[str, dict[str, Any]]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tables of trades that were closed by an order, and of what came after."""
    usual = {
        "horizon_bars": 5, "after_bars": 5, "is_cut": False, "last_fill_r": 0.0, "after_best_r": 1.0,
        "after_worst_r": -0.5, "after_close_r": 0.5, "next_rung": pd.NA, "next_rung_r": np.nan,
        "is_first_target": False, "bars_to_next_rung": np.nan, "bars_to_stop": np.nan,
    }  # fmt: skip
    after = pd.DataFrame([{"trade_id": f"T{i}", **usual, **more} for i, (_, more) in enumerate(rows)])
    time = pd.date_range("2024-01-01", periods=len(rows), freq="D", tz="UTC")
    reasons = [reason for reason, _ in rows]
    trades = pd.DataFrame({"trade_id": after["trade_id"], "entry_time": time, "reason": reasons})
    return after.astype({"next_rung": "Int64"}), trades


def test_the_summary_by_hand() -> None:
    first = {"next_rung": 1, "next_rung_r": 1.0, "is_first_target": True}
    second = {"next_rung": 2, "next_rung_r": 2.0}
    after, trades = _book(
        [
            ("stop", first | {"bars_to_stop": 0.0, "last_fill_r": -1.0, "bars_to_next_rung": 3.0}),
            ("stop", first | {"bars_to_stop": 0.0, "last_fill_r": -1.0}),
            ("time", first | {"bars_to_next_rung": 2.0, "bars_to_stop": 4.0}),
            ("time", first | {"bars_to_next_rung": 4.0, "bars_to_stop": 4.0}),  # one bar for both: the stop
            ("time", first),
            ("breakeven", second | {"bars_to_next_rung": 1.0}),
            ("breakeven", second | {"bars_to_stop": 5.0, "after_close_r": -1.5}),
            ("breakeven", second),
            ("breakeven", {"after_best_r": 3.0}),  # every target had filled
            ("breakeven", second | {"is_cut": True, "after_bars": 2, "bars_to_next_rung": 1.0}),
            ("rung", {"last_fill_r": 2.0}),
        ]
    )
    result = summarise_after_exit(after, trades, intervals=Intervals(n_bootstrap=50))
    json.dumps(result, allow_nan=False)
    found = result["after_exit"]
    assert (found["n_trades"], found["n_cut"], found["n_without_bars"], found["n_measured"]) == (11, 1, 0, 10)
    assert (found["n_without_target"], found["n_stopped"], found["n_left_early"]) == (5, 2, 3)
    assert found["stopped_then_first_target"]["value"] == 1 / 2
    assert found["left_then_first_target"]["value"] == 1 / 3
    assert found["left_then_stop"]["value"] == 1 / 3
    assert found["mean_change_r"]["value"] == pytest.approx((2 * 1.5 + 6 * 0.5 - 1.5 - 1.5) / 10)
    assert found["by_reason"]["stop"]["n"] == 2
    assert found["by_reason"]["stop"]["mean_change_r"]["value"] == 1.5
    assert found["by_reason"]["rung"]["mean_further_r"]["value"] == -1.0
    scratches = result["breakeven_scratches"]
    assert (scratches["n"], scratches["n_cut"], scratches["n_measured"], scratches["n_with_next_rung"]) == (5, 1, 4, 3)
    assert scratches["share"]["value"] == 5 / 11
    assert scratches["reached_next_rung_first"]["value"] == 1 / 3
    assert scratches["reached_stop_first"]["value"] == 1 / 3
    assert scratches["mean_best_r"]["value"] == (1 + 1 + 1 + 3) / 4
    assert scratches["mean_change_r"]["value"] == (0.5 - 1.5 + 0.5 + 0.5) / 4


def test_intervals_stand_where_there_are_enough_trades() -> None:
    rng = np.random.default_rng(0)
    after, trades = _book([("breakeven", {"after_close_r": float(x)}) for x in rng.normal(0.2, 1, 80)])
    shuffled = after.sample(frac=1, random_state=1)
    result = summarise_after_exit(after, trades, intervals=Intervals(n_bootstrap=200))
    change = result["after_exit"]["mean_change_r"]
    assert change["low"] < change["value"] < change["high"]
    assert (
        summarise_after_exit(shuffled, trades, intervals=Intervals(n_bootstrap=200))["after_exit"]["mean_change_r"]
        == change
    )
    # No scratch had a rung left, so nothing can be said of it.
    assert result["breakeven_scratches"]["reached_next_rung_first"] == {"value": None, "low": None, "high": None}


def test_nothing_that_decides_reads_what_came_after(root: Path) -> None:
    """It looks ahead; only the backtest, which reports, may import it."""
    readers = set()
    for folder in ("src/exitladder", "features", "models", "pipelines"):
        for path in (root / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
                if any("after_exit" in name for name in names):
                    readers.add(path.relative_to(root).as_posix().removeprefix("src/exitladder/"))
    assert readers == {"pipelines/backtest.py"}


def test_inactive_rungs_are_counted_by_rung(run: Run) -> None:
    ladder = {"rungs": [{"fraction": 0.5, "target": "1R"}, {"fraction": 0.5, "target": "resistance 1"}]}
    found = inactive_rungs(run(STOPPED, ladder, [LONG, LONG | {"bar": 1}, LONG | {"stop": 101.0}]))
    assert found == {"n_trades": 2, "by_rung": [0, 2]}


def test_coarse_bars_are_counted(run: Run, bars_from: Callable[..., Any]) -> None:
    from exitladder.bars.bars import BarSet

    ladder = {**HALVES, "execution": {"intrabar": "finer_bars"}}
    halves = [[100, 101, 100, 101], [101, 101, 99, 100]]  # they make bar 0 up, and there are none for bar 1
    finer = BarSet([bars_from(halves, interval=HOUR // 2)])
    found = coarse_bars(run(STOPPED, ladder, [LONG, LONG | {"bar": 4, "entry": 101.0, "stop": 90.0}], finer=finer))
    assert found == {"n_bars": 2, "n_trades": 2, "n_bars_lived": 3}
