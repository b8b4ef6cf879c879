"""Exits by sessions, exchange time, hours and gaps: the kernel finds what the slow reference finds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution import ORDERS, simulate, simulate_many
from exitladder.execution.many_ladders import simulate_outcomes
from exitladder.execution.signals import Signals
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.contracts import Contract, Contracts
from exitladder.trades.trades import PlacedTrades

HOUR = 3_600 * 10**9
PIECE = HOUR // 4
# Hours since 1970 of a Thursday, a Saturday, and of days on which New York's clock changed.
STARTS = [0, 9, 24, 44, 64, 2736, 2740, 2750, 7128, 7136]
NEW_YORK = "America/New_York"
EXCHANGES: list[dict[str, Any]] = [
    {"exchange_tz": "UTC"},
    {"exchange_tz": NEW_YORK},
    {"exchange_tz": "UTC", "session": "00:00-24:00"},
    {"exchange_tz": "UTC", "session": "02:00-09:00"},
    {"exchange_tz": "UTC", "session": "03:15-07:45", "half_days": ("1970-01-01 05:00", "1970-01-02 06:30")},
    {"exchange_tz": "UTC", "session": "05:00-05:00"},
    {"exchange_tz": NEW_YORK, "session": "09:30-16:00", "half_days": ("1970-01-02 13:00",)},
    {"exchange_tz": NEW_YORK, "session": "18:00-17:00", "half_days": ("1970-01-02 13:00", "1970-04-27 12:30")},
    {"exchange_tz": NEW_YORK, "session": "20:00-03:30"},
]


@st.composite
def time_exits(draw: st.DrawFn, session: str) -> dict[str, Any]:
    """One exit by the clock or more."""
    out: dict[str, Any] = {}
    kinds = draw(st.sets(st.sampled_from(["hours", "sessions", "session", "clock", "gap"]), min_size=1, max_size=3))
    if "hours" in kinds:
        out["time"] = draw(st.sampled_from(["10m", "1h", "90m", "2h", "5h", "6.5h", "20h", "1d", "3d"]))
    elif "sessions" in kinds:
        out["time"] = draw(st.sampled_from(["1 session", "2 sessions", "3 sessions"]))
    if "session" in kinds:
        out["session_close"] = True
    if "clock" in kinds:
        begin = session[:5] if session and session[:5] < session[6:] else "00:00"
        times = ["01:00", "03:00", "04:30", "05:00", "06:45", "09:45", "12:00", "15:55", "19:00", "23:00", "24:00"]
        out["clock"] = draw(st.sampled_from([text for text in times if text > begin]))
    if "gap" in kinds:
        out["max_gap"] = draw(st.sampled_from(["0.5h", "2h", "12h", "36h"]))
    return out


@st.composite
def stamps(draw: st.DrawFn, n_bars: int) -> list[int]:
    """Starts of hourly bars; some are missing, and at times a night or a weekend is."""
    step = st.sampled_from([1] * 12 + [2, 3, 16, 20, 40, 66])
    half = PIECE * draw(st.sampled_from([0, 0, 2]))
    steps = [draw(step) for _ in range(n_bars - 1)]
    return [int(v) * HOUR + half for v in draw(st.sampled_from(STARTS)) + np.cumsum([0, *steps])]


def placed_at(
    world: Any, starts: list[int], exchange: dict[str, Any], bars_from: Callable[..., Bars], place: Callable[..., Any]
) -> PlacedTrades:
    """The trades of a world on bars at these stamps."""
    bars = replace(bars_from(world.rows), time=np.array(starts, dtype=np.int64))
    trades = [
        {**t, "time": starts[t["bar"]] + (t["quarter"] * PIECE if t["at"] == "intrabar" else 0)} for t in world.trades
    ]
    contracts = Contracts({"X": Contract(**exchange)})
    placed: PlacedTrades = place(BarSet([bars]).with_contracts(contracts), trades)
    return placed


def finer_at(world: Any, starts: list[int], bars_from: Callable[..., Bars]) -> BarSet | None:
    rows = [(t, k, row) for t, pieces in world.finer.items() for k, row in enumerate(pieces)]
    if not rows:
        return None
    part = bars_from([row for _, _, row in rows], interval=PIECE)
    return BarSet([replace(part, time=np.array([starts[t] + k * PIECE for t, k, _ in rows], dtype=np.int64))])


def clock_of(module: ModuleType, placed: PlacedTrades, stop: Any, exchange: dict[str, Any], i: int) -> Any:
    starts = [module.moment(int(v)) for v in placed.bars.time]
    hours = module.Hours(exchange["exchange_tz"], exchange.get("session", ""), exchange.get("half_days", ()))
    entry, first = int(placed.entry_bar[i]), int(placed.first_bar[i])
    at = placed.entry_at[i]
    clock = module.Clock(stop, starts, timedelta(hours=1), hours, (entry, first, starts[entry]))
    clock.entered = clock.begins if at != 1 else module.moment(int(placed.trades.entry_time[i]))
    return clock


def sales(simulation: Any, i: int, before: int) -> list[tuple[int, str, float, float]]:
    """The sales of a trade in the first bars."""
    fills = simulation.fills
    rows = np.flatnonzero((fills.trade == i) & (fills.bar < before) & (fills.order != ORDERS.index("mark")))
    return [(int(fills.bar[k]), ORDERS[fills.order[k]], fills.quantity[k], fills.price[k]) for k in rows]


def without_signals(table: dict[str, Any]) -> dict[str, Any]:
    """The same ladder with conditions that never hold: the signals of these tests know no cut."""
    rungs = [{**rung, "when": ["bars_held >= 99"]} if "when" in rung else rung for rung in table["rungs"]]
    return {**table, "rungs": rungs}


POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme", "finer_bars")


@pytest.mark.parametrize(
    "policies", [(p,) for p in POLICIES] if "EXITLADDER_LONG" in os.environ else [POLICIES], ids=" ".join
)
@given(data=st.data())
def test_exits_by_the_clock_equal_reference(
    policies: tuple[str, ...],
    data: st.DataObject,
    reference: ModuleType,
    clock_reference: ModuleType,
    against: ModuleType,
    worlds: ModuleType,
    bars_from: Callable[..., Bars],
    placed_on: Callable[..., PlacedTrades],
) -> None:
    world = data.draw(worlds.worlds(policies))
    if world.start > 100:
        # at a million, slippage of basis points ends within rounding of the tick
        world.ladder["costs"] = {k: v for k, v in world.ladder["costs"].items() if k not in ("tick", "slippage_ticks")}
    exchange = data.draw(st.sampled_from(EXCHANGES))
    starts = data.draw(stamps(len(world.rows)))
    table = {**world.ladder, "stop": {**world.ladder["stop"], **data.draw(time_exits(exchange.get("session", "")))}}
    placed = placed_at(world, starts, exchange, bars_from, placed_on)
    ladder = ladder_from_mapping(table)
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals = Signals.from_bars(placed, arrays, arrays)
    finer = finer_at(world, starts, bars_from)
    simulation = simulate(placed, ladder, signals, finer=finer)
    for i in range(len(placed)):
        clock = clock_of(clock_reference, placed, ladder.stop, exchange, i)
        want = against.expected(reference, world, placed, ladder, i, clock)
        against.assert_equal(simulation, i, want, world.start / 100)
    plain = ladder_from_mapping(world.ladder)
    many = simulate_many(placed, [plain, ladder, plain], signals, finer=finer)
    np.testing.assert_array_equal(many[:, 1], simulation.r)
    np.testing.assert_array_equal(many[:, 0], simulate(placed, plain, signals, finer=finer).r)
    if finer is None:
        ends = simulate_outcomes(placed, [ladder, plain], signals)
        np.testing.assert_array_equal(ends.net_r[:, 0], simulation.r)
        np.testing.assert_array_equal(ends.mfe_r[:, 0], simulation.mfe_r)


@given(data=st.data(), cut=st.integers(1, 15))
def test_with_a_schedule_the_future_changes_nothing(
    data: st.DataObject,
    cut: int,
    worlds: ModuleType,
    bars_from: Callable[..., Bars],
    placed_on: Callable[..., PlacedTrades],
) -> None:
    world = data.draw(worlds.worlds(POLICIES[:4]))
    exchange = data.draw(st.sampled_from([e for e in EXCHANGES if "session" in e]))
    starts = data.draw(stamps(len(world.rows)))
    table = {**world.ladder, "stop": {**world.ladder["stop"], **data.draw(time_exits(exchange["session"]))}}
    ladder = ladder_from_mapping(without_signals(table))
    cut = min(cut, len(world.rows) - 1)
    world.trades[:] = [t for t in world.trades if t["bar"] < cut]
    assume(world.trades)
    whole = simulate(placed_at(world, starts, exchange, bars_from, placed_on), ladder)
    later = [v + HOUR * 7 for v in starts[cut:]]
    for part_starts, rows in (
        (starts[:cut], world.rows[:cut]),
        (starts[:cut] + later, world.rows[:cut] + [[v * 1.5 for v in row[:4]] + [row[4]] for row in world.rows[cut:]]),
    ):
        part = simulate(placed_at(replace(world, rows=rows), part_starts, exchange, bars_from, placed_on), ladder)
        for i in range(len(part)):
            if part.reason[i] != "no_bar_after_entry":
                assert sales(part, i, cut) == sales(whole, i, cut)
    # and with bars that are there but not known yet
    placed = placed_at(world, starts, exchange, bars_from, placed_on)
    known = simulate(replace(placed, end_bar=np.full(len(placed), cut)), ladder)
    alone = simulate(
        placed_at(replace(world, rows=world.rows[:cut]), starts[:cut], exchange, bars_from, placed_on), ladder
    )
    np.testing.assert_array_equal(known.states, alone.states)
