"""The watch for drift: it knows the training span alone, is quiet while nothing moves, and names what has."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.models.drift import WINDOW
from exitladder.pipelines.advice.drift import drift_notice, drift_now
from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.score import score, write_scores
from exitladder.pipelines.train import TrainResult
from exitladder.pipelines.training.knowledge import drift_reference
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


def wilder_at_the_end(bars: BarSet, times: float) -> BarSet:
    """The same bars, with the moves of the last ones multiplied."""
    changed = []
    for symbol in bars:
        b = bars[symbol]
        base = b.close[-WINDOW - 1]
        factor = np.where(np.arange(len(b)) >= len(b) - WINDOW, times, 1.0)
        moves = np.diff(np.log(b.close), prepend=np.log(b.close[0]))
        moves -= np.where(factor > 1, moves[-WINDOW:].mean(), 0)
        close = np.where(factor > 1, base * np.exp(np.cumsum(np.where(factor > 1, moves * factor, 0))), b.close)
        shape = [np.exp(np.log(getattr(b, name) / b.close) * factor) * close for name in ("open", "high", "low")]
        changed.append(
            Bars(
                symbol,
                b.interval_ns,
                b.time,
                shape[0],
                np.maximum.reduce([*shape, close]),
                np.minimum.reduce([*shape, close]),
                close,
                b.volume,
            )
        )
    return BarSet(changed)


def test_quiet_on_the_market_that_it_learnt_on(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    result = score(bars, some_open, classic, trained.model, small)
    assert result.notice == ""
    assert not result.drift["has_moved"].any()
    assert {"atr_pct_14", "held", "exhaustion", "hold_value_r"} <= set(result.drift["name"])
    assert (result.drift["p_adjusted"] <= 1).all()


def test_drifted_bars_are_named_in_every_output(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings, tmp_path: Path
) -> None:
    result = score(wilder_at_the_end(bars, 6.0), some_open, classic, trained.model, small)
    moved = result.drift[result.drift["has_moved"]]
    assert "atr_pct_14" in set(moved["name"])
    assert "atr_pct_14 is at percentile" in result.notice
    assert all(result.notice in warnings for warnings in result.frame["warnings"])
    write_scores(result.frame, tmp_path / "scores.json")
    assert all(result.notice in row["warnings"] for row in json.loads((tmp_path / "scores.json").read_text()))
    write_scores(result.frame, tmp_path / "scores.html")
    assert (tmp_path / "scores.html").read_text().count("differ from its training data") == 1


def test_the_reference_knows_nothing_after_its_last_row(
    bars: BarSet,
    trades: Trades,
    small: Settings,
    trained: TrainResult,
    scrambled_after: Callable[[BarSet, int], BarSet],
) -> None:
    early = trades.take(trades.entry_time < pd.Timestamp("2008-01-01", tz="UTC").value)
    prepared = prepare(bars, early, small)
    last = int(bars.close_time[prepared.rows.bar].max())
    other = prepare(scrambled_after(bars, last), early, small)
    model = trained.trained.model
    kept = drift_reference(prepared, predict_rows(prepared, model))
    assert kept == drift_reference(other, predict_rows(other, model))
    assert kept["bars"]["watched"] and kept["rows"]["watched"]
    assert {w["name"] for w in kept["bars"]["watched"]} == set(prepared.features.bar_names)


def test_a_file_of_open_trades_alone_tells_nothing_of_trades(
    bars: BarSet, some_open: Trades, trained: TrainResult, small: Settings
) -> None:
    model = trained.trained.model
    symbols = bars.symbols
    every = drift_now(bars, some_open, symbols, model, small)
    left = drift_now(bars, some_open.take(some_open.is_open), symbols, model, small)
    assert set(every["name"]) - set(left["name"]) == {*prepare(bars, some_open, small).features.state_names,
                                                      "exhaustion", "hold_value_r"}  # fmt: skip


def test_only_the_last_bars_of_the_symbols_scored_count(
    bars: BarSet, some_open: Trades, trained: TrainResult, small: Settings
) -> None:
    table = drift_now(bars, some_open, ["IBM", "IBM"], trained.trained.model, small).set_index("name")
    assert (table.loc["roc_10", "n_values"], table.loc["roc_10", "n_symbols"]) == (WINDOW, 1)


def test_a_model_without_a_reference_says_nothing(
    bars: BarSet, some_open: Trades, trained: TrainResult, small: Settings
) -> None:
    model = replace(trained.trained.model, context={**trained.trained.model.context, "drift": {}})
    table = drift_now(bars, some_open, bars.symbols, model, small)
    assert table.empty
    assert drift_notice(table, 3) == ""


@pytest.mark.parametrize(("n_symbols", "words"), [(1, "of the scored symbol,"), (4, "of the 4 scored symbols,")])
def test_the_notice_names_the_farthest_and_counts_the_rest(n_symbols: int, words: str) -> None:
    table = pd.DataFrame(
        {
            "name": ["volume_z_20", "b", "c", "d", "quiet"],
            "psi": [3.0, 1.0, 0.5, 0.2, 0.05],
            "percentile": [np.nan, 93.2, 12.0, 60.0, 50.0],
            "not_known": [1.0, 0.0, 0.0, 0.0, 0.0],
            "not_known_in_training": 0.02,
            "p_adjusted": [0.0, 0.0004, 0.001, 0.002, 1.0],
            "has_moved": [True, True, True, True, False],
        }
    )
    notice = drift_notice(table, n_symbols)
    assert words in notice
    assert "volume_z_20 is missing in 100% of rows (training: 2%) (PSI 3.00: large, p < 1e-06)" in notice
    assert "b is at percentile 93 of training on average (PSI 1.00: large, p 0.0004)" in notice
    assert notice.count("(PSI ") == 3
    assert ", and 1 more. Predictions" in notice
    assert "quiet" not in notice


def test_nothing_is_judged_by_trades_of_the_future(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    moment = pd.Timestamp("2012-06-15", tz="UTC").value
    before = some_open.take(some_open.entry_time < moment)
    is_closed = before.is_open | (before.exit_time < moment)
    then = replace(before, exit_time=np.where(is_closed, before.exit_time, NO_TIME))
    now = score(bars, some_open, classic, trained.model, small, asof=moment).drift
    pd.testing.assert_frame_equal(now, score(bars.until(moment), then, classic, trained.model, small).drift)
