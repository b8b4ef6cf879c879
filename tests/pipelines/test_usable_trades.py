"""Trades that cannot be judged are left out and counted: entries outside their bars, ticks wider than R/4."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import bars_from_frame
from exitladder.errors import ExitladderWarning, TradesError
from exitladder.measures.data_gaps import removed_rungs
from exitladder.pipelines.backtest import backtest
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.inputs.usable_trades import BEFORE_COSTS
from exitladder.pipelines.pages.saved_run import backtest_page
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.files import read_trades, trades_from_frame
from exitladder.trades.trades import Trades

DAYS = pd.date_range("2024-01-01", periods=40)
LADDER = {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"initial": "2%", "breakeven_after": 1}}


@pytest.fixture(scope="module")
def market() -> BarSet:
    """Forty days from 99 to 101, opened and closed at 100."""
    return bars_from_frame(pd.DataFrame({"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0}, index=DAYS), "ES")[
        0
    ]


def book(*rows: dict[str, Any]) -> Trades:
    whole = {"symbol": "ES", "side": "long", "entry_time": "2024-01-20", "entry_price": 100.0, "quantity": 10}
    table = [whole | {"trade_id": f"T{k}", "stop_price": 98.0} | row for k, row in enumerate(rows, start=1)]
    return trades_from_frame(pd.DataFrame(table))


@pytest.fixture
def quiet(tmp_path: Path) -> Settings:
    return load_settings(None, [f"tracking.store={str(tmp_path / 'runs')!r}", "validation.n_bootstrap=100"])


def test_the_limit_is_a_tenth_of_the_trades_own_risk(market: BarSet, quiet: Settings) -> None:
    """0.2 above the bar is 0.1 R of 2; the same 0.2 with a stop farther away is less."""
    trades = book(
        {"entry_at": "intrabar", "entry_price": 101.19, "stop_price": 99.19},
        {"entry_at": "intrabar", "entry_price": 101.25, "stop_price": 99.25},
        {"entry_at": "intrabar", "entry_price": 101.25, "stop_price": 98.0},
    )
    with pytest.warns(ExitladderWarning, match=r"1 of 3 trades, such as 'T2' of ES.*left out.*outside_entries=keep"):
        prepared = prepare(market, trades, quiet)
    assert prepared.placed.trades.trade_id.tolist() == ["T1", "T3"]
    assert prepared.notes.to_mapping()["left_out"] == {"entry_outside_bar": 1}
    kept = replace(quiet, data=replace(quiet.data, outside_entries="keep"))
    asked = prepare(market, trades, kept)
    assert len(asked.placed) == 3 and any("are kept (data.outside_entries=keep)" in t for t in asked.notes.texts)


def test_without_a_stop_the_limit_is_that_of_the_settings_not_the_ladders(market: BarSet, quiet: Settings) -> None:
    trades = book({"entry_at": "intrabar", "entry_price": 101.3, "stop_price": np.nan}, {})
    wide = ladder_from_mapping({"stop": {"initial": "50%"}})
    percent = replace(quiet, labels=replace(quiet.labels, initial_stop="2%"))
    with pytest.warns(ExitladderWarning, match="1 of 2 trades, such as 'T1'"):
        prepare(market, trades, percent, ladder=wide)
    loose = replace(quiet, labels=replace(quiet.labels, initial_stop="4%"))
    assert len(prepare(market, trades, loose, ladder=wide).placed) == 2


def test_if_none_is_left_they_are_refused(market: BarSet, quiet: Settings) -> None:
    with pytest.raises(TradesError, match="1 of 1 trades, such as 'T1'"):
        prepare(market, book({"entry_at": "intrabar", "entry_price": 104.0, "stop_price": 103.0}), quiet)


def test_an_open_trade_is_kept_and_told(market: BarSet, quiet: Settings) -> None:
    with pytest.warns(ExitladderWarning, match="should be corrected first"):
        prepared = prepare(
            market, book({"entry_at": "intrabar", "entry_price": 104.0, "stop_price": 103.0}), quiet, keeps_all=True
        )
    assert len(prepared.placed) == 1


def test_a_position_is_held_to_its_bars_fill_by_fill(market: BarSet, quiet: Settings) -> None:
    """The average of 98 and 102 is inside; neither fill was possible."""
    fills = pd.DataFrame(
        [("T1", "2024-01-18", "buy", 5, 98.0), ("T1", "2024-01-20", "buy", 5, 102.0)],
        columns=["trade_id", "time", "side", "quantity", "price"],
    )
    table = book({"stop_price": 96.0}, {}).to_frame().drop(columns="entry_at")
    with pytest.warns(ExitladderWarning, match="such as 'T1'"):
        prepared = prepare(market, read_trades(table, fills=fills), quiet)
    assert prepared.placed.trades.trade_id.tolist() == ["T2"]


def test_a_tick_above_a_quarter_of_r_skips_the_trade(market: BarSet, quiet: Settings, tmp_path: Path) -> None:
    """R of 0.03, 0.05 and 2 under a tick of 0.01: a third, a fifth and a two-hundredth."""
    trades = book({"stop_price": 99.97}, {"stop_price": 99.95}, {})
    ladder = ladder_from_mapping(LADDER | {"costs": {"tick": 0.01, "commission_bps": 1}})
    with pytest.warns(ExitladderWarning) as told:
        result = backtest(market, trades, ladder, quiet)
    texts = [str(warning.message) for warning in told]
    assert any("more than R/4 in 1 of 3 trades, such as 'T1'" in text and "tick_too_wide" in text for text in texts)
    # half a tick of R = 0.05 is 0.1 R
    assert any("more than R/20 in 1 of 2 trades" in text and "about 0.100 R per exit" in text for text in texts)
    summary = result.summary
    assert summary["skipped_reasons"] == {"tick_too_wide": 1} and summary["n_skipped"] == 1
    assert summary["data"]["n_coarse_tick"] == 1 and summary["data"]["rounding_r"] == pytest.approx(0.1)
    row = result.trades.set_index("trade_id").loc["T1"]
    assert (row["status"], row["reason"]) == ("skipped", "tick_too_wide") and np.isnan(row["r"])
    result.write(tmp_path / "out")
    read = pd.read_csv(tmp_path / "out" / "trades.csv")
    assert read["status"].tolist().count("skipped") == 1 and len(read) == 3
    page = backtest_page(tmp_path / "out")
    assert ("left out: tick above R/4", "1") in page.data_notes
    assert any("R/4" in warning for warning in page.warnings)


def test_rungs_without_size_are_counted_one_by_one(market: BarSet, quiet: Settings) -> None:
    """Of one contract no half can be sold: rung 1 never fills, so break-even never arms."""
    ladder = ladder_from_mapping(LADDER | {"costs": {"lot": 1, "min_quantity": 1, "commission_fixed": 1}})
    with pytest.warns(ExitladderWarning, match=r"removed rung 1 in 1 of 2 trades.*stop move after their fill"):
        result = backtest(market, book({"quantity": 1}, {"quantity": 2}), ladder, quiet)
    assert result.summary["removed_rungs"] == {"n_trades": 1, "by_rung": [1]} == removed_rungs(result.simulation)
    assert result.summary["inactive_rungs"]["by_rung"] == [0]


@pytest.mark.parametrize("bps", [0, 1])
def test_before_costs_is_said_until_there_are_costs(market: BarSet, quiet: Settings, bps: float) -> None:
    ladder = ladder_from_mapping(LADDER | {"costs": {"commission_bps": bps}})
    summary = backtest(market, book({}, {"entry_time": "2024-01-21"}), ladder, quiet).summary
    assert (BEFORE_COSTS in summary["verdict_text"]) is (bps == 0)
    assert summary["data"]["before_costs"] is (bps == 0)
    json.dumps(summary, allow_nan=False)


def test_a_trip_inside_one_bar_names_the_interval_that_would_do(market: BarSet, quiet: Settings) -> None:
    closed = {"entry_time": "2024-01-20 10:00", "exit_time": "2024-01-20 10:20", "exit_price": 100.5}
    with pytest.warns(ExitladderWarning, match=r"1 of 2 trades .* inside one bar.*bars of 15m or shorter"):
        notes = prepare(market, book(closed, {}), quiet).notes
    assert (notes.n_same_bar, notes.needs_bars_of) == (1, "15m")
    dates = {"entry_time": "2024-01-20", "exit_time": "2024-01-20", "exit_price": 100.5}
    with pytest.warns(ExitladderWarning, match="give times of day"):
        assert prepare(market, book(dates, {}), quiet).notes.needs_bars_of == ""


def test_an_entry_at_neither_price_is_counted(market: BarSet, quiet: Settings) -> None:
    with pytest.warns(ExitladderWarning, match="1 of 2 trades were entered at the start of a bar"):
        notes = prepare(market, book({"entry_price": 100.7}, {}), quiet).notes
    assert notes.entries == {"n_at_open": 1, "n_at_close": 0, "n_inside": 0, "n_unsettled": 1}


def test_trades_of_a_rule_are_called_simulated(market: BarSet, quiet: Settings) -> None:
    made = book({"trade_id": "ES-20240120-L", "tag": "random"})
    (note,) = (text for text in prepare(market, made, quiet).notes.texts if "Simulated" in text)
    assert "rule random (exitladder trades make)" in note and "not from an account" in note
    assert not any("Simulated" in text for text in prepare(market, book({"tag": "random"}), quiet).notes.texts)
