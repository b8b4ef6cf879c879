"""Exits by sessions, exchange time, hours and gaps on hand-worked days (rule X11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import LadderError
from exitladder.execution import ORDERS, Simulation, simulate
from exitladder.execution.standing import standing_orders
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.contracts import Contract, Contracts
from exitladder.trades.trades import PlacedTrades

NEW_YORK = "America/New_York"
HOUR = 3_600 * 10**9
Row = tuple[str, float, float, float, float]
SHARES = Contract(session="09:30-16:00", exchange_tz=NEW_YORK, half_days=("2024-11-29 13:00",))


def market(rows: list[Row], minutes: int = 60, contract: Contract | None = SHARES, volume: Any = None) -> BarSet:
    """Bars of X from rows of local stamp, open, high, low, close."""
    stamps = pd.DatetimeIndex([row[0] for row in rows]).tz_localize(NEW_YORK).tz_convert("UTC").as_unit("ns")
    opened, high, low, close = (np.array([row[k] for row in rows], dtype=np.float64) for k in range(1, 5))
    volume = None if volume is None else np.array(volume, dtype=np.float64)
    bars = BarSet([Bars("X", minutes * 60 * 10**9, np.asarray(stamps.asi8), opened, high, low, close, volume)])
    return bars if contract is None else bars.with_contracts(Contracts({"X": contract}))


def session(day: str, first: str = "09:30", last: str = "15:30", freq: str = "1h", price: float = 100.0) -> list[Row]:
    """Bars of one day that end a tenth above their open; each bar opens at the same price."""
    stamps = pd.date_range(f"{day} {first}", f"{day} {last}", freq=freq)
    return [(str(stamp), price, price + 0.5, price - 0.5, price + 0.1) for stamp in stamps]


@pytest.fixture(scope="session")
def leaves(
    placed_on: Callable[..., PlacedTrades],
) -> Callable[..., tuple[str, str, float]]:
    """The last sale of a long entered at 100: its bar in New York, order and price."""

    def play(bars: BarSet, stop: Mapping[str, Any], when: str, at: str = "open") -> tuple[str, str, float]:
        done = played(placed_on, bars, stop, when, at)
        last = done.fills_frame().iloc[-1]
        return f"{last['bar_time'].tz_convert(NEW_YORK):%a %d %H:%M}", str(last["order"]), float(last["price"])

    return play


def played(
    placed_on: Callable[..., PlacedTrades], bars: BarSet, stop: Mapping[str, Any], when: str, at: str = "open"
) -> Simulation:
    time = pd.Timestamp(when, tz=NEW_YORK).value
    placed = placed_on(bars, {"time": time, "entry": 100.0, "stop": 90.0, "at": at})
    return simulate(placed, ladder_from_mapping({"stop": stop}))


WEEK = [
    *session("2024-11-26"),
    *session("2024-11-27"),
    *session("2024-11-29", last="12:30"),  # the day after Thanksgiving, a half day
    *session("2024-12-02"),
    *session("2024-12-03"),
]


@pytest.mark.parametrize(
    ("stop", "when", "at", "want"),
    [
        # Yahoo's hourly bars: the last begins at 15:30 and ends with the session, not at 16:30.
        ({"session_close": True}, "2024-11-26 10:30", "open", ("Tue 26 15:30", "session")),
        ({"session_close": True}, "2024-11-29 09:30", "open", ("Fri 29 12:30", "session")),
        # Entered at the close of the session: that time has passed, and the next session counts.
        ({"session_close": True}, "2024-11-27 15:30", "close", ("Fri 29 12:30", "session")),
        # 15:55: the last bar that ends by then begins at 14:30; on a half day the close at 13:00 comes first.
        ({"clock": "15:55"}, "2024-11-26 10:30", "open", ("Tue 26 14:30", "clock")),
        ({"clock": "15:30"}, "2024-11-26 10:30", "open", ("Tue 26 14:30", "clock")),
        ({"clock": "15:55"}, "2024-11-29 10:30", "open", ("Fri 29 12:30", "clock")),
        # Entered with half an hour to go: no bar ends in time, and the bar of the entry is the nearest.
        ({"clock": "15:55"}, "2024-11-26 15:30", "open", ("Tue 26 15:30", "clock")),
        ({"time": "1 session"}, "2024-11-26 10:30", "open", ("Tue 26 15:30", "time")),
        ({"time": "3 sessions"}, "2024-11-26 10:30", "open", ("Fri 29 12:30", "time")),
        ({"time": "4h"}, "2024-11-26 10:30", "open", ("Tue 26 13:30", "time")),
        ({"time": "10m"}, "2024-11-26 10:30", "open", ("Tue 26 10:30", "time")),
        # Between sessions, and over a weekend: the last bar that ended before.
        ({"time": "6h"}, "2024-11-27 14:30", "open", ("Wed 27 15:30", "time")),
        ({"time": "1d"}, "2024-11-29 12:30", "open", ("Fri 29 12:30", "time")),
        # 16:00 to 09:30 is 17.5 hours; 13:00 on Friday to 09:30 on Monday is 68.5.
        ({"max_gap": "60h"}, "2024-11-26 10:30", "open", ("Mon 02 09:30", "gap")),
        ({"max_gap": "17h"}, "2024-11-26 15:30", "close", ("Wed 27 09:30", "gap")),
        ({"time": 3, "session_close": True}, "2024-11-26 10:30", "open", ("Tue 26 13:30", "time")),
    ],
)
def test_the_bar_and_the_order(
    stop: dict[str, Any], when: str, at: str, want: tuple[str, str], leaves: Callable[..., tuple[str, str, float]]
) -> None:
    bar, order, price = leaves(market(WEEK), stop, when, at)
    assert (bar, order) == want
    assert price == pytest.approx(100.0 if order == "gap" or ("time" in stop and stop["time"] == 3) else 100.1)


def test_a_day_trade_is_flat_before_the_weekend(leaves: Callable[..., tuple[str, str, float]]) -> None:
    """Long 100 @ 100.00 on Friday, stop 99.00: held over the weekend it opens at 92.70 on Monday, a loss of 7.3 R."""
    bars = market([*session("2024-11-22"), *session("2024-11-25", price=92.7)])
    assert leaves(bars, {}, "2024-11-22 10:30")[1] == "mark"
    time = pd.Timestamp("2024-11-22 10:30", tz=NEW_YORK).value
    for stop, want in (({}, -7.3), ({"session_close": True}, 0.1), ({"max_gap": "36h"}, -7.3)):
        done = _one(bars, stop, {"time": time, "entry": 100.0, "stop": 99.0, "at": "open"})
        assert done.r[0] == pytest.approx(want), stop


def _one(bars: BarSet, stop: Mapping[str, Any], trade: Mapping[str, Any], **tables: Any) -> Simulation:
    from exitladder.trades.files import trades_from_frame
    from exitladder.trades.trades import place_trades

    row = {
        "trade_id": "T", "symbol": "X", "side": "long" if trade.get("side", 1) > 0 else "short", "quantity": 1.0,
        "entry_time": pd.Timestamp(trade["time"], tz="UTC"), "entry_price": trade["entry"],
        "stop_price": trade["stop"], "entry_at": trade["at"],
    }  # fmt: skip
    placed = place_trades(trades_from_frame(pd.DataFrame([row])), bars)
    return simulate(placed, ladder_from_mapping({"stop": stop, **tables}))


def test_the_clock_follows_daylight_saving_time(leaves: Callable[..., tuple[str, str, float]]) -> None:
    """New York's clock went back on Sunday 3 November 2024: 16:00 was 20:00 UTC on Friday and 21:00 UTC on Monday."""
    bars = market([*session("2024-11-01"), *session("2024-11-04"), *session("2024-11-05")])
    found = []
    for day in ("2024-11-01", "2024-11-04"):
        assert leaves(bars, {"clock": "14:30"}, f"{day} 09:30")[0].endswith("13:30")
        time = pd.Timestamp(f"{day} 09:30", tz=NEW_YORK).value
        done = _one(bars, {"session_close": True}, {"time": time, "entry": 100.0, "stop": 90.0, "at": "open"})
        found.append(f"{done.fills_frame()['bar_time'].iloc[-1]:%H:%M}")
    assert found == ["19:30", "20:30"]
    # six hours of the wall clock are not six hours of the exchange's clock over the change
    night = market(
        [*session("2024-11-02", "00:00", "23:00"), *session("2024-11-03", "04:00", "20:00")],
        contract=Contract(session="00:00-24:00", exchange_tz=NEW_YORK),
    )
    assert leaves(night, {"time": "8h"}, "2024-11-02 22:00")[0] == "Sun 03 04:00"
    assert leaves(night, {"clock": "05:00"}, "2024-11-02 22:00")[0] == "Sun 03 04:00"


def test_a_stop_in_reach_goes_first_and_the_bar_counts() -> None:
    """In the last bar the low of 98 meets a stop at 98.5; with a stop at 95 the close of 99 does, less 0.1 %."""
    rows = [*session("2024-11-26", last="14:30"), ("2024-11-26 15:30", 100.0, 103.0, 98.0, 99.0)]
    bars = market([*rows, *session("2024-11-27")])
    time = pd.Timestamp("2024-11-26 12:30", tz=NEW_YORK).value
    trade = {"time": time, "entry": 100.0, "at": "open"}
    costs = {"slippage_bps": 10.0}
    stopped = _one(bars, {"session_close": True}, {**trade, "stop": 98.5}, costs=costs)
    assert stopped.reason[0] == "stop" and stopped.bars_held[0] == 3
    assert stopped.exit_price[0] == pytest.approx(98.5 * 0.999)
    at_close = _one(bars, {"session_close": True}, {**trade, "stop": 95.0}, costs=costs)
    assert at_close.reason[0] == "session" and at_close.bars_held[0] == 4
    assert at_close.exit_price[0] == pytest.approx(99.0 * 0.999)
    assert at_close.mfe_r[0] == pytest.approx(0.6) and at_close.mae_r[0] == pytest.approx(-0.4)
    rung = {"rungs": [{"fraction": 0.5, "target": "0.5R"}]}
    both = _one(bars, {"session_close": True}, {**trade, "stop": 95.0}, **rung)
    assert both.fills_frame()["price"].tolist() == [100.0, 102.5, 99.0]


def test_a_bar_in_which_nothing_traded_passes_the_exit_on() -> None:
    """S4a: the last bar of Tuesday is known not to have traded, so the exit is at Wednesday's open."""
    rows = [*session("2024-11-26", last="14:30"), ("2024-11-26 15:30", 100.1, 100.1, 100.1, 100.1)]
    rows += session("2024-11-27", price=97.0)
    bars = market(rows, volume=[10.0] * 6 + [0.0] + [10.0] * 7)
    time = pd.Timestamp("2024-11-26 12:30", tz=NEW_YORK).value
    done = _one(bars, {"session_close": True}, {"time": time, "entry": 100.0, "stop": 90.0, "at": "open"})
    assert done.reason[0] == "session" and done.exit_price[0] == 97.0


def test_a_missing_last_bar_makes_the_exit_overdue(leaves: Callable[..., tuple[str, str, float]]) -> None:
    bars = market([*session("2024-11-26", last="14:30"), *session("2024-11-27", price=99.0)])
    assert leaves(bars, {"session_close": True}, "2024-11-26 10:30") == ("Wed 27 09:30", "session", 99.0)
    # without a schedule the last bar of a date is its last, as the next date shows
    zone_only = market([*session("2024-11-26", last="14:30"), *session("2024-11-27", price=99.0)], contract=None)
    zone_only = zone_only.with_contracts(Contracts({"X": Contract(exchange_tz=NEW_YORK)}))
    assert leaves(zone_only, {"session_close": True}, "2024-11-26 10:30")[:2] == ("Tue 26 14:30", "session")
    assert leaves(zone_only, {"session_close": True}, "2024-11-27 10:30")[1] == "mark"


def test_daily_bars_are_sessions_and_know_no_clock(leaves: Callable[..., tuple[str, str, float]]) -> None:
    days = [(f"2024-11-{day:02d}", 100.0, 100.5, 99.5, 100.1) for day in (25, 26, 27, 29)]
    bars = market(days, minutes=1440, contract=None)
    assert leaves(bars, {"session_close": True}, "2024-11-25")[:2] == ("Mon 25 00:00", "session")
    assert leaves(bars, {"time": "3 sessions"}, "2024-11-25")[:2] == ("Wed 27 00:00", "time")
    assert leaves(bars, {"session_close": True}, "2024-11-25", "close")[0] == "Tue 26 00:00"
    with pytest.raises(LadderError, match="needs bars shorter than a day, but those of 'X' last 1d"):
        leaves(bars, {"clock": "15:55"}, "2024-11-25")


def test_what_the_settings_do_not_say_is_asked_for(leaves: Callable[..., tuple[str, str, float]]) -> None:
    for stop in ({"session_close": True}, {"clock": "15:55"}, {"time": "2 sessions"}):
        with pytest.raises(LadderError, match=r"Set symbols.X.exchange_tz"):
            leaves(market(WEEK, contract=None), stop, "2024-11-26 10:30")
    assert leaves(market(WEEK, contract=None), {"time": "4h"}, "2024-11-26 10:30")[0] == "Tue 26 13:30"
    with pytest.raises(LadderError, match='must be after the open of the session, but is "09:30"'):
        leaves(market(WEEK), {"clock": "09:30"}, "2024-11-26 10:30")


def test_the_order_for_the_close_is_listed_in_advance(placed_on: Callable[..., PlacedTrades]) -> None:
    """At 15:30 on Tuesday the bar to come is the last of the session; an hour before it is not."""
    bars = market(WEEK)
    time = pd.Timestamp("2024-11-26 10:30", tz=NEW_YORK).value
    placed = placed_on(bars, {"time": time, "entry": 100.0, "stop": 90.0, "at": "open", "quantity": 7.0})
    ladder = ladder_from_mapping({"stop": {"session_close": True}, "rungs": [{"fraction": 0.4, "target": "5R"}]})
    found = {}
    for end in (5, 6):
        orders = standing_orders(simulate(replace(placed, end_bar=np.array([end])), ladder))
        found[end] = list(zip(orders["type"], orders["kind"], orders["quantity"], strict=True))
    assert [row[0] for row in found[5]] == ["limit", "stop"]
    assert found[6][-1] == ("market-on-close", "session", 7.0)
    # the weekend is known to come: after Friday's close the gap is no surprise
    gap = ladder_from_mapping({"stop": {"max_gap": "60h"}})
    friday = int(np.searchsorted(bars.time, pd.Timestamp("2024-11-29 12:30", tz=NEW_YORK).value)) + 1
    orders = standing_orders(simulate(replace(placed, end_bar=np.array([friday])), gap))
    assert list(zip(orders["type"], orders["kind"], strict=True)) == [("market", "gap")]


def test_an_exit_in_the_next_session_is_counted(placed_on: Callable[..., PlacedTrades]) -> None:
    late = played(placed_on, market(WEEK), {"clock": "12:30"}, "2024-11-26 13:30")
    assert late.next_sessions.tolist() == [True] and late.reason[0] == "clock"
    assert not played(placed_on, market(WEEK), {"clock": "12:30"}, "2024-11-26 10:30").next_sessions.any()


def test_a_stop_that_volume_holds_up_keeps_its_name_when_the_clock_was_due_before_the_first_bar(
    clocks: ModuleType, bars_from: Callable[..., Bars], placed_on: Callable[..., PlacedTrades]
) -> None:
    """Entered and stopped inside a bar that ends after the session's time: the rest goes on as the stop (X11, S4)."""
    pieces = [[100.5, 100.5, 100.5, 100.5, 2.5], [100.5, 100.5, 98.0, 98.0, 2.5], [98.0, 100.5, 98.0, 100.5, 2.5]]
    world = SimpleNamespace(
        rows=[[100.0] * 4 + [1.0], [100.5, 100.5, 98.0, 100.5, 10.0], [99.0, 100.25, 97.75, 99.5, 1000.0]],
        trades=[{"bar": 1, "at": "intrabar", "entry": 100.5, "stop": 99.5, "quantity": 10.0, "quarter": 1}],
        finer={1: pieces},
    )
    hour = 3_600 * 10**9
    starts = [8 * hour, 9 * hour, 33 * hour]
    placed = clocks.placed_at(world, starts, {"exchange_tz": "UTC", "session": "02:00-09:30"}, bars_from, placed_on)
    ladder = ladder_from_mapping(
        {"stop": {"session_close": True}, "execution": {"intrabar": "finer_bars", "participation": 0.5}}
    )
    done = simulate(placed, ladder, finer=clocks.finer_at(world, starts, bars_from))
    assert [ORDERS[order] for order in done.fills.order] == ["entry", "stop", "stop", "stop"]
    assert done.reason[0] == "stop"
