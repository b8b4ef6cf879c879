"""Positions of several entries placed at their first one (`data.several_entries`) by every command."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError
from exitladder.execution import simulate_own_exits
from exitladder.pipelines.comparison.sources import simulated_source
from exitladder.pipelines.inputs.prepare import base_ladder, placed_at_entries, prepare
from exitladder.pipelines.score import score
from exitladder.plans.file import ladder_from_mapping
from exitladder.runtime.progress import SILENT
from exitladder.settings.tables import Settings
from exitladder.trades.trade_fills import TradeFills
from exitladder.trades.trades import Trades, place_trades


@pytest.fixture(scope="module")
def built(bars: BarSet, some_open: Trades) -> Trades:
    """As much again is bought at noon of the next bar: measured from there at the average, or from the first entry."""
    placed = place_trades(some_open.take(np.argsort(some_open.entry_time)[-60:]), bars)
    last = bars.start[placed.symbol_index + 1] - 1
    placed = placed.take(placed.entry_bar + 3 < last)
    own, n, second = placed.trades, len(placed), placed.entry_bar + 1
    noon = 12 * 3_600 * 10**9
    is_open = own.is_open
    sizes = np.where(is_open, 2, 3)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    kept = np.stack([np.ones(n, bool), np.ones(n, bool), ~is_open], axis=1).ravel()
    columns = {
        "time": np.stack([bars.time[placed.entry_bar] + noon, bars.time[second] + noon, own.exit_time], axis=1),
        "is_entry": np.tile([True, True, False], (n, 1)),
        "price": np.stack([own.entry_price, bars.close[second], own.exit_price], axis=1),
        "quantity": np.stack([own.quantity, own.quantity, 2 * own.quantity], axis=1),
    }
    fills = TradeFills(start, **{name: values.ravel()[kept] for name, values in columns.items()})
    return replace(
        own, entry_time=bars.time[second] + noon, entry_price=(own.entry_price + bars.close[second]) / 2,
        quantity=2 * own.quantity, quantity_open=np.where(is_open, 2 * own.quantity, np.nan),
        entry_at=np.full(n, -1, dtype=np.int8), n_entries=np.full(n, 2), fills=fills,
    )  # fmt: skip


@pytest.fixture
def first(small: Settings) -> Settings:
    return small.with_values({"data": {"several_entries": "first"}})


def test_a_comparison_places_them_at_the_first_entry(
    bars: BarSet, built: Trades, small: Settings, first: Settings
) -> None:
    late, early = (simulated_source("own", (bars, built), settings, SILENT) for settings in (small, first))
    known = early.trades["r"].notna()  # exits at prices that their bar does not have are no baseline
    assert (early.trades.loc[known, "n_adds"] == 1).all()
    assert "n_adds" not in late.trades or not late.trades["n_adds"].fillna(0).any()
    shared = early.trades.index.intersection(late.trades.index)
    assert (early.trades.loc[shared, "entry_time"] < late.trades.loc[shared, "entry_time"]).all()
    # the result of the own exits is that of the engine, with the second entry as an add
    placed = prepare(bars, placed_at_entries(built, first), first).placed
    done = simulate_own_exits(placed, base_ladder(first))
    expected = dict(zip(placed.trades.trade_id, done.r, strict=True))
    closed = early.trades["r"].dropna()
    assert len(closed) > 10
    assert closed.tolist() == pytest.approx([expected[name] for name in closed.index])


def test_placing_twice_changes_nothing(built: Trades, first: Settings) -> None:
    once = placed_at_entries(built, first)
    twice = placed_at_entries(once, first)
    for name in ("entry_time", "entry_price", "quantity", "stop_price"):
        np.testing.assert_array_equal(getattr(once, name), getattr(twice, name))


def test_orders_never_cover_the_first_entry_alone(
    bars: BarSet, built: Trades, small: Settings, first: Settings
) -> None:
    ladder = ladder_from_mapping(
        {"rungs": [{"fraction": 0.5, "target": "2R"}], "stop": {"initial": "2ATR", "time": 30}}
    )
    with pytest.raises(LadderError, match=r"several_entries=last, or with a plan that has \[\[adds\]\]"):
        score(bars, built, ladder, None, first)
    plan = replace(ladder, adds=ladder_from_mapping({"adds": [{"quantity": 1.0, "at": "0.5R"}]}).adds)
    one, other = (score(bars, built, plan, None, settings).frame for settings in (small, first))
    assert one["orders"].tolist() == other["orders"].tolist()
    held = dict(zip(built.trade_id, built.quantity_open, strict=True))
    for row in other.to_dict("records"):
        if row["orders"]:
            stops = [o["quantity"] for o in row["orders"] if o["type"] in ("stop", "market") and o["reduce_only"]]
            assert sum(stops) == pytest.approx(held[row["trade_id"]])
