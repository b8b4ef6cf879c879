"""What the files say of the market may be old or contradictory: nothing comes twice, and users are asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.cli.screens.score import score_screen
from exitladder.execution.book.tonight import AccountNow
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.advice.schema import score_schema
from exitladder.pipelines.advice.working.previous import read_previous
from exitladder.pipelines.pages.score import score_page
from exitladder.pipelines.score import records, score, write_scores
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.files import read_trades
from exitladder.trades.trades import Trades

DAY = 86_400 * 10**9
LADDER: dict[str, Any] = {
    "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "3R"}],
    "stop": {"breakeven_after": 1},
    "costs": {"lot": 1, "tick": 0.01, "min_quantity": 1},
}
NO_RUNGS: dict[str, Any] = {"stop": {"trail": "2R"}, "costs": {"lot": 1, "tick": 0.01}}
QUIET, QUIET_TOO = [100.0, 100.8, 99.2, 100.0], [100.0, 100.9, 99.5, 100.5]


def market(*rows: list[float], volume: list[float] | None = None) -> BarSet:
    table = np.array(rows, dtype=float)
    time = pd.Timestamp("2024-01-01").value + DAY * np.arange(len(table))
    prices = dict(zip(("open", "high", "low", "close"), table.T, strict=True))
    traded = None if volume is None else np.array(volume)
    return BarSet([Bars(symbol="ACME", interval_ns=DAY, time=time, **prices, volume=traded)])


def book(**columns: Any) -> Trades:
    row = {
        "trade_id": "T1", "symbol": "ACME", "side": "long", "entry_time": "2024-01-01", "entry_price": 100.0,
        "quantity": 100.0, "stop_price": 98.0, "quantity_open": 100.0, "managed_from": "2024-01-01", **columns,
    }  # fmt: skip
    return read_trades(pd.DataFrame([row]))


@pytest.fixture(scope="module")
def plain() -> Settings:
    return load_settings(None, ["tracking.enabled=false", "data.splits=keep"])


def one(bars: BarSet, trades: Trades, settings: Settings, ladder: dict[str, Any] = LADDER, **how: Any) -> Any:
    asof = how.pop("asof", None)
    found = score(bars, trades, ladder_from_mapping(ladder), None, settings, asof=asof, management=Management(**how))
    (row,) = found.frame.to_dict("records")
    return row


def after_carrying_out(row: Any, broker: list[tuple[float, str, float]]) -> list[tuple[float, str, float]]:
    """Return the stops and limits at a broker that does what each order says, and knows nothing else."""
    left = list(broker)
    for order in row["working"]:
        key = (order["quantity"], order["type"], order["price"])
        if order["do"] != "leave" and key in left:
            left.remove(key)
    return left + [(o["quantity"], o["type"], o["price"]) for o in row["orders"] if o["do"] != "leave"]


def stops(orders: list[tuple[float, str, float]]) -> float:
    return sum(quantity for quantity, kind, _ in orders if kind == "stop")


SHORT = {"side": "short", "stop_price": 105.0}


@pytest.mark.parametrize(
    ("columns", "bar"),
    [
        ({"stop_price": 95.0, "working_stop": 98.0}, [100, 100.5, 97, 97.5]),
        ({"stop_price": 95.0, "working_orders": "SELL 100 STOP 98"}, [100, 100.5, 97, 97.5]),
        ({"stop_price": 95.0, "working_orders": "60 STOP 98; 40 STOP 99"}, [100, 100.5, 97, 97.5]),
        ({**SHORT, "working_stop": 102.0}, [100, 103, 99.5, 102.5]),
    ],
)
def test_a_moved_stop_that_the_price_has_passed_is_never_replaced_by_a_looser_one(
    columns: dict[str, Any], bar: list[float], plain: Settings
) -> None:
    row = one(market(QUIET, bar), book(**columns), plain, NO_RUNGS)
    assert (row["action"], row["urgency"]) == ("exit", "exit")
    price = "102" if columns.get("side") == "short" else "98"
    assert row["summary"].startswith(f"Your stop of {price} was reached on 2 Jan 2024; see whether it filled. ")
    sell = "buy back" if columns.get("side") == "short" else "sell"
    assert row["summary"].endswith(f"If not, {sell} 100 at the open.")
    assert [order["type"] for order in row["orders"]] == ["market"]
    assert row["cancels"] and all("STOP" in text for text in row["cancels"])
    assert row["instructions"][0].startswith("CANCEL") and row["checks"][0] in row["summary"]
    screen = " ".join(score_screen(pd.DataFrame([row]), 80).split())
    assert row["summary"] in screen and screen.count(f"stop of {price} was reached") == 1
    assert "see whether it filled" in score_page(pd.DataFrame([row]))


def test_a_stop_of_the_earlier_output_that_later_bars_reached_ends_the_trade(plain: Settings) -> None:
    """The stop kept at 99 is the user's own; the price dipped to 98.9 and is back: it was there, and has filled."""
    first = one(market(QUIET), book(stop_price=95.0, working_stop=99.0), plain, NO_RUNGS)
    assert first["stop_price"] == 99.0
    dip = [[100, 100.5, 98.9, 100.2], QUIET_TOO]
    for trades in (book(stop_price=95.0), book(stop_price=95.0, working_stop=99.0)):
        row = one(market(QUIET, *dip), trades, plain, NO_RUNGS, previous={"T1": first})
        assert (row["action"], row["urgency"], row["cancels"]) == ("exit", "exit", ["SELL 100 ACME STOP 99"])
        assert "Your stop of 99 was reached on 2 Jan 2024" in row["summary"]
    # the same night again: not a bar has come since
    again = one(market(QUIET), book(stop_price=95.0), plain, NO_RUNGS, previous={"T1": first})
    assert again["instructions"] == ["LEAVE SELL 100 ACME STOP 99 GTC"] and again["checks"] == []
    # nothing trades in a halt, so nothing fills
    halt = [98.0, 98.0, 98.0, 98.0]
    still = market(QUIET, halt, QUIET_TOO, volume=[5e4, 0.0, 5e4])
    assert one(still, book(stop_price=95.0), plain, NO_RUNGS, previous={"T1": first})["action"] == "hold"


def test_a_stop_that_only_the_file_states_may_be_younger_than_the_last_bar(plain: Settings) -> None:
    row = one(market(QUIET, [100, 100.5, 97, 99.5]), book(stop_price=95.0, working_stop=98.0), plain, NO_RUNGS)
    assert (row["urgency"], row["stop_price"]) == ("exit", 98.0)
    assert row["summary"].startswith("Your stop of 98 was reached on 2 Jan 2024, if it worked then; see whether")
    assert row["instructions"] == ["LEAVE SELL 100 ACME STOP 98 GTC"]


def test_a_late_exit_names_the_newest_stop_and_asks_for_it(plain: Settings) -> None:
    """The time stop is reached; the old stop_price 98 has long been moved."""
    ladder = {**NO_RUNGS, "stop": {"time": 1}}
    rows = [QUIET, QUIET_TOO, [100.5, 101, 99.6, 100.5], [100.5, 101, 99.6, 100.5]]
    closed = one(market(*rows), book(working_stop=99.0), plain, ladder)
    assert "with your own stop at 99: sell at the open" in closed["summary"] and "98" not in closed["summary"]
    assert closed["cancels"] == ["SELL 100 ACME STOP 99"]
    earlier = {"T1": {"asof": "2024-01-03", "stop_price": 99.55, "quantity_open": 100.0, "orders": [
        {"type": "stop", "side": "sell", "quantity": 100.0, "price": 99.55, "id": "rest stop"}]}}  # fmt: skip
    dipped = [*rows[:3], [100.5, 101, 99.5, 100.5]]
    row = one(market(*dipped), book(), plain, ladder, previous=earlier)
    assert row["summary"].startswith(
        "Your stop of 99.55 was reached on 4 Jan 2024; see whether it filled. If not, the "
    )
    assert row["urgency"] == "exit" and row["cancels"] == ["SELL 100 ACME STOP 99.55"]
    # without any: the same as before
    none = one(market(*rows), book(working_stop=0.0), plain, ladder)
    assert none["urgency"] == "stop_missing" and "with no stop" in none["summary"]


def test_an_order_at_market_of_the_earlier_output_is_asked_for_before_it_is_sent_again(plain: Settings) -> None:
    ladder = {**NO_RUNGS, "stop": {"time": 1}}
    bars = [QUIET, QUIET_TOO, QUIET_TOO]
    first = one(market(*bars[:2]), book(), plain, ladder)
    assert first["action"] == "exit"
    row = one(market(*bars), book(), plain, ladder, previous={"T1": first})
    assert row["summary"].startswith("The earlier output had SELL 100 ACME MARKET; see whether it filled. If not, ")
    assert "your own stop" not in row["summary"]  # the earlier output has cancelled it


def test_the_check_of_a_late_rung_comes_first(plain: Settings) -> None:
    first = one(market(QUIET), book(), plain)
    row = one(market(QUIET, [100, 102.5, 100.0, 102.2]), book(), plain, previous={"T1": first})
    assert row["action"] == "reduce"
    assert row["summary"].startswith(
        "SELL 25 ACME LIMIT 102 was reached on 2 Jan 2024; see whether it filled. If not, "
    )


@pytest.mark.parametrize("stale", [0.0, 97.0])
@pytest.mark.parametrize("is_old_truth", [True, False])
def test_a_working_stop_left_from_the_night_before_never_doubles_a_stop(
    stale: float, is_old_truth: bool, plain: Settings
) -> None:
    """Whichever is right, the file or the earlier output: afterwards stops cover the position once."""
    first = one(market(QUIET), book(working_stop=stale), plain)
    row = one(market(QUIET, QUIET_TOO), book(working_stop=stale), plain, previous={"T1": first})
    (check,) = row["checks"]
    assert "contradict each other" in check and ("no stop" if not stale else "97") in check
    broker = [(100.0, "stop", stale)] if stale else []
    if not is_old_truth:
        broker = [(o["quantity"], o["type"], o["price"]) for o in first["orders"]]
    left = after_carrying_out(row, broker)
    assert stops(left) == 100 and len(left) == len(set(left)) + 1  # two stops of 25 at one price
    # a column that agrees with the earlier output leaves its orders
    agreed = one(market(QUIET, QUIET_TOO), book(working_stop=98.0), plain, previous={"T1": first})
    assert {order["do"] for order in agreed["orders"]} == {"leave"} and agreed["checks"] == []


@pytest.mark.parametrize("is_old_truth", [True, False])
def test_working_orders_left_from_the_night_before_never_double_an_order(is_old_truth: bool, plain: Settings) -> None:
    first = one(market(QUIET), book(working_orders="none"), plain)
    row = one(market(QUIET, QUIET_TOO), book(working_orders="none"), plain, previous={"T1": first})
    broker = [] if is_old_truth else [(o["quantity"], o["type"], o["price"]) for o in first["orders"]]
    assert stops(after_carrying_out(row, broker)) == 100
    assert "working_orders of the trades file and the earlier output contradict" in row["checks"][0]
    cell = "; ".join(f"{o['quantity']} {o['type']} {o['price']}" for o in first["orders"])
    agreed = one(market(QUIET, QUIET_TOO), book(working_orders=cell), plain, previous={"T1": first})
    assert {order["do"] for order in agreed["orders"]} == {"leave"} and agreed["checks"] == []


def test_working_orders_for_more_than_is_held_are_remarked(plain: Settings) -> None:
    row = one(market(QUIET), book(quantity_open=40.0, working_orders="SELL 80 STOP 98"), plain, NO_RUNGS)
    assert "stop orders for 80, but you hold 40" in row["checks"][0] and "you are short" in row["checks"][0]
    assert row["instructions"] == ["REPLACE SELL 80 ACME STOP 98 WITH SELL 40 ACME STOP 98 GTC"]
    fine = one(market(QUIET), book(quantity_open=40.0, working_orders="40 LIMIT 102; 40 STOP 98"), plain, NO_RUNGS)
    assert fine["checks"] == []


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"symbol": "OTHER"}, "symbol OTHER, not ACME"),
        ({"side": "short"}, "short, not long"),
        ({"entry_time": "2023-12-01"}, "entered 2023-12-01, not 2024-01-01"),
    ],
)
def test_an_earlier_row_of_another_trade_is_not_used(columns: dict[str, Any], told: str, plain: Settings) -> None:
    first = one(market(QUIET), book(managed_from=None), plain)
    found = score(
        market(QUIET, QUIET_TOO), book(managed_from=None), ladder_from_mapping(LADDER), None, plain,
        management=Management(previous={"T1": {**first, **columns}}),
    )  # fmt: skip
    (row,) = found.frame.to_dict("records")
    assert told in row["checks"][0] and "cancel its orders if they work still: SELL" in row["checks"][0]
    assert row["bars_managed"] == 0 and [o["source"] for o in row["working"]] == ["stop_price"]
    assert any(told in note for note in found.notes)


def test_an_earlier_output_of_another_ladder_keeps_its_orders_but_not_its_time(plain: Settings, tmp_path: Path) -> None:
    found = score(market(QUIET), book(managed_from=None), ladder_from_mapping(LADDER), None, plain)
    write_scores(found.frame, tmp_path / "1.csv")
    earlier = read_previous(tmp_path / "1.csv")
    same = one(market(QUIET, QUIET_TOO), book(managed_from=None), plain, previous=earlier)
    assert same["bars_managed"] == 1 and not any("another ladder" in text for text in same["warnings"])
    other = score(
        market(QUIET, QUIET_TOO), book(managed_from=None), ladder_from_mapping(NO_RUNGS), None, plain,
        management=Management(previous=earlier),
    )  # fmt: skip
    (row,) = other.frame.to_dict("records")
    assert row["bars_managed"] == 0 and row["managed_from"] == "2024-01-03"
    assert len(row["working"]) == 5 and stops(after_carrying_out(row, _at_broker(found.frame))) == 100
    assert any("The earlier output is of another ladder" in note for note in other.notes)
    assert any("The earlier output is of another ladder" in text for text in row["warnings"])


def _at_broker(frame: pd.DataFrame) -> list[tuple[float, str, float]]:
    return [(o["quantity"], o["type"], o["price"]) for o in frame["orders"].iloc[0]]


@pytest.mark.parametrize("bars", [[QUIET], [QUIET, QUIET_TOO]])
def test_a_fill_that_no_bar_shows_is_not_left_working_nor_sold_again(bars: list[list[float]], plain: Settings) -> None:
    first = one(market(QUIET), book(), plain)
    row = one(market(*bars), book(quantity_open=75.0), plain, previous={"T1": first})
    assert "quantity_open fell from 100 to 75" in row["checks"][0] and "update the bars" in row["checks"][0]
    assert 102.0 not in [order["price"] for order in row["orders"]]
    for filled in (True, False):  # whether the limit has filled, or the user sold by hand
        broker = _at_broker(pd.DataFrame([first]))
        if filled:
            broker.remove((25.0, "limit", 102.0))
            broker.remove((25.0, "stop", 98.0))
        left = after_carrying_out(row, broker)
        assert stops(left) == 75 and (25.0, "limit", 102.0) not in left
    # ten of them are no order that was listed: all are placed anew
    odd = one(market(*bars), book(quantity_open=90.0), plain, previous={"T1": first})
    assert {order["do"] for order in odd["orders"]} == {"place"} and len(odd["cancels"]) == 5
    assert "the orders of the earlier output are cancelled" in odd["checks"][0]


def test_an_order_at_market_that_filled_before_its_bar_is_there_is_not_sent_again(plain: Settings) -> None:
    ladder = {**LADDER, "rungs": [{"fraction": 0.25, "when": ["open_r >= -10"]}]}
    first = one(market(QUIET), book(), plain, ladder)
    assert first["action_quantity"] == 25
    row = one(market(QUIET), book(quantity_open=75.0), plain, ladder, previous={"T1": first})
    assert row["action"] == "hold" and "rung 1 is taken to have filled" in row["checks"][0]
    waits = one(market(QUIET), book(), plain, ladder, previous={"T1": first})
    assert waits["orders"][0]["do"] == "leave" and waits["checks"] == []


@pytest.mark.parametrize(
    ("asof", "missed"), [("2024-01-20", 0), ("2024-01-21", 0), ("2024-01-22", 0), ("2024-01-23", 1), ("2024-01-25", 3)]
)
def test_old_bars_are_in_every_output(asof: str, missed: int, plain: Settings, tmp_path: Path) -> None:
    """Fifteen trading days until Friday 19 January 2024: over the weekend no bar is missing."""
    days = pd.bdate_range("2024-01-01", "2024-01-19")
    table = np.array([QUIET] * len(days))
    prices = dict(zip(("open", "high", "low", "close"), table.T, strict=True))
    time = days.as_unit("ns").asi8
    bars = BarSet([Bars(symbol="ACME", interval_ns=DAY, time=time, **prices, volume=None)])
    row = one(bars, book(), plain, asof=asof)
    assert row["bars_missed"] == missed
    assert row["bar_age_days"] == (pd.Timestamp(asof) - pd.Timestamp("2024-01-20")).days
    assert any(text.startswith("Old bars: the last one closed on 2024-01-19") for text in row["warnings"]) == bool(
        missed
    )
    clock = one(bars, book(), plain, clock_ns=pd.Timestamp(asof).value)
    assert clock["bars_missed"] == missed
    write_scores(pd.DataFrame([row]), tmp_path / "scores.csv")
    assert pd.read_csv(tmp_path / "scores.csv").loc[0, "bars_missed"] == missed


@pytest.mark.parametrize("how", [{}, {"since_entry": True}])
def test_a_position_whose_last_fill_is_on_the_last_bar_counts_from_its_first(how: Any, plain: Settings) -> None:
    """Bought 100 at 100 and 50 at 102 on the third day: average 100.67, best price 103, last 102.2."""
    rows = [("2024-01-01", "buy", 100, 100.0), ("2024-01-03T10:00", "buy", 50, 102.0)]
    names = ("time", "side", "quantity", "price")
    fills = [{"trade_id": "T1", "symbol": "ACME", **dict(zip(names, row, strict=True))} for row in rows]
    bars = market([100.0, 100.8, 99.2, 100.4], [100, 103, 99.5, 102.5], [102.5, 102.9, 101.8, 102.2])
    row = one(bars, read_trades(pd.DataFrame(fills)), plain, {**NO_RUNGS, "stop": {"initial": "2%"}}, **how)
    average = (100 * 100.0 + 50 * 102.0) / 150
    risk = 0.02 * average
    assert (row["bars_held"], row["quantity_open"]) == (3, 150)
    assert row["open_r"] == pytest.approx((102.2 - average) / risk, rel=1e-6)
    assert row["mfe_r"] == pytest.approx((103.0 - average) / risk, rel=1e-6)
    assert row["give_back_r"] == pytest.approx(row["mfe_r"] - row["open_r"])
    # entered within the last bar: no bar is held yet, and the best price is the last
    young = one(bars, book(entry_time="2024-01-03T10:00", entry_price=101.9, managed_from=None), plain, NO_RUNGS, **how)
    assert (young["bars_held"], young["give_back_r"]) == (0, 0.0)
    assert young["mfe_r"] == young["open_r"] == pytest.approx(0.3 / 3.9)


def test_a_position_entered_again_under_a_ladder_without_adds_is_asked_about(plain: Settings) -> None:
    rows = [("2024-01-01T00:00", "buy", 100, 100.0), ("2024-01-02T10:00", "buy", 50, 100.2)]
    names = ("time", "side", "quantity", "price")
    fills = pd.DataFrame([{"trade_id": "T1", "symbol": "ACME", **dict(zip(names, row, strict=True))} for row in rows])
    ladder = {**NO_RUNGS, "stop": {"initial": "2%"}}
    first = one(market(QUIET), read_trades(fills[:1]), plain, ladder)
    assert [order["price"] for order in first["orders"]] == [98.0]
    row = one(market(QUIET, QUIET_TOO), read_trades(fills), plain, ladder, previous={"T1": first})
    assert row["urgency"] == "ask" and row["orders"] == []
    assert row["summary"].startswith("The fills entered the position again at 2024-01-02")
    assert row["instructions"] == ["LEAVE SELL 100 ACME STOP 98"]
    # asked about until it is settled
    again = one(market(QUIET, QUIET_TOO, QUIET), read_trades(fills), plain, ladder, previous={"T1": row})
    assert (again["summary"], again["instructions"]) == (row["summary"], row["instructions"])


def test_why_break_even_can_no_longer_begin_is_said(plain: Settings) -> None:
    bars = market(QUIET, [100, 102.5, 100.0, 101.5])
    row = one(bars, book(managed_from=None), plain)
    assert any(
        text.startswith("Break-even cannot begin any more: it waits for rung 1, whose price was passed before")
        for text in row["warnings"]
    )
    trail = {**LADDER, "stop": {"trail": "2R", "trail_after": 1}}
    assert any(
        "The trailing stop cannot begin" in t for t in one(bars, book(managed_from=None), plain, trail)["warnings"]
    )
    small = {**LADDER, "costs": {"lot": 1, "tick": 0.01, "min_quantity": 60}}
    assert any("smaller than an order can be" in text for text in one(bars, book(), plain, small)["warnings"])
    assert not any("cannot begin" in text for text in one(market(QUIET), book(), plain)["warnings"])


def test_the_outputs_hold_the_schema(plain: Settings) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the extra notebooks")
    first = one(market(QUIET), book(working_stop=97.0), plain)
    rows = [
        one(market(QUIET, QUIET_TOO), book(working_stop=97.0), plain, previous={"T1": first}, asof="2024-01-09"),
        one(market(QUIET, [100, 100.5, 97, 97.5]), book(stop_price=95.0, working_stop=98.0), plain, NO_RUNGS),
    ]
    jsonschema.validate(json.loads(json.dumps(records(pd.DataFrame(rows)), default=str)), score_schema())


def test_a_fill_that_no_bar_shows_is_not_sold_again_beside_stated_orders(plain: Settings) -> None:
    first = one(market(QUIET), book(), plain)
    cell = "25 LIMIT 106; 75 STOP 98"
    row = one(market(QUIET), book(quantity_open=75.0, working_orders=cell), plain, previous={"T1": first})
    assert 102.0 not in [order["price"] for order in row["orders"]]
    assert any("rung 1 is taken to have filled" in text for text in row["checks"])
    assert stops(after_carrying_out(row, [(25.0, "limit", 106.0), (75.0, "stop", 98.0)])) == 75
    nothing = one(market(QUIET), book(quantity_open=0.0), plain, previous={"T1": first})
    assert nothing["checks"] == [] and len(nothing["cancels"]) == 5


def test_what_was_bought_by_hand_is_asked_about_and_never_sold(plain: Settings) -> None:
    columns = {"quantity_open": 150.0, "quantity": 150.0}
    first, bars = one(market(QUIET), book(), plain), market(QUIET, QUIET_TOO)
    row = one(bars, book(**columns), plain, previous={"T1": first})
    assert row["urgency"] == "ask" and row["orders"] == [] and row["action"] == "hold"
    assert row["summary"].startswith(
        "quantity_open rose from 100 to 150 since the earlier output: give the fills with --fills"
    )
    assert len(row["instructions"]) == len(first["orders"]) == 5
    assert all(text.startswith("LEAVE ") for text in row["instructions"])
    # asked about until it is settled
    again = one(market(QUIET, QUIET_TOO, QUIET), book(**columns), plain, previous={"T1": row})
    assert again["summary"] == row["summary"] and again["instructions"] == row["instructions"]
    settled = one(market(QUIET, QUIET_TOO, QUIET), book(), plain, previous={"T1": again})
    assert [order["do"] for order in settled["orders"]] == ["leave"] * 5


@pytest.mark.parametrize("assume", ["untouched", "followed"])
def test_a_quantity_that_rose_is_asked_about_where_the_open_quantity_is_assumed(assume: Any, plain: Settings) -> None:
    blank: dict[str, Any] = {"quantity_open": None, "managed_from": None}
    first, bars = one(market(QUIET), book(**blank), plain, assume=assume), market(QUIET, QUIET_TOO)
    row = one(bars, book(**blank, quantity=150.0), plain, previous={"T1": first}, assume=assume)
    assert row["orders"] == [] and row["summary"].startswith("quantity rose from 100 to 150 since the earlier output")
    same = one(bars, book(**blank), plain, previous={"T1": first}, assume=assume)
    assert [order["do"] for order in same["orders"]] == ["leave"] * 5


@pytest.mark.parametrize("is_short", [False, True])
def test_stops_at_several_prices_are_asked_about_and_left(is_short: bool, plain: Settings) -> None:
    cell, named, side = "70 STOP 99.5; 5 STOP 97", "97 and 99.5", {}
    if is_short:
        cell, named, side = "70 STOP 101; 5 STOP 103", "101 and 103", {"side": "short", "stop_price": 102.0}
    row = one(market(QUIET), book(**side, working_orders=cell), plain)
    assert row["urgency"] == "ask" and row["orders"] == [] and row["cancels"] == []
    assert row["summary"].startswith(f"working_orders has stops at {named}, but score keeps one stop price")
    assert f"({'101' if is_short else '99.5'} is the tightest)" in row["summary"]
    for rung in ({"target": "2R", "stop": "0.5R"}, {"target": "-0.5R"}):  # a slice, and a partial stop-out
        own = {**LADDER, "rungs": [{"fraction": 0.5, **rung}]}
        assert one(market(QUIET), book(**side, working_orders=cell), plain, own)["orders"]


def test_stops_that_earlier_scores_placed_at_several_prices_are_no_question(plain: Settings) -> None:
    sliced = {**LADDER, "rungs": [{"fraction": 0.5, "target": "2R", "stop": "0.5R"}]}
    first = one(market(QUIET), book(), plain, sliced)
    placed = [o for o in first["orders"] if o["type"] == "stop"]
    cell = "; ".join(f"{o['quantity']:g} STOP {o['price']:g}" for o in placed)
    assert len({o["price"] for o in placed}) == 2
    now = market(QUIET, QUIET_TOO)
    assert one(now, book(working_orders=cell), plain, previous={"T1": first})["orders"]
    # another ladder, in the next evening
    assert one(now, book(working_orders=cell), plain, NO_RUNGS, previous={"T1": first})["orders"]
    assert one(now, book(working_orders=cell), plain, NO_RUNGS)["urgency"] == "ask"


BOOK: dict[str, Any] = {
    **LADDER,
    "limits": [{"when": ["open_loss_equity >= 0.01"], "reduce_to": 0.5}],
    "book": {"equity": 10_000.0},
}


@pytest.mark.parametrize(("held", "missing"), [(100.0, 50), (80.0, 30)])
@pytest.mark.parametrize("side", ["long", "short"])
def test_a_sale_by_a_limit_that_did_not_fill_is_not_forgotten(
    held: float, missing: int, side: str, plain: Settings
) -> None:
    columns = {} if side == "long" else {"side": "short", "stop_price": 102.0}
    fall, calm = [100, 100.5, 98.5, 98.8], [98.8, 99.5, 98.6, 99.4]
    if side == "short":
        fall, calm = [[200 - row[k] for k in (0, 2, 1, 3)] for row in (fall, calm)]
    account = AccountNow(equity=10_000.0)
    first = one(market(QUIET, fall), book(**columns), plain, BOOK, account=account)
    assert (first["action"], first["action_quantity"]) == ("reduce", 50)
    trades = book(quantity_open=held, **columns)
    row = one(market(QUIET, fall, calm), trades, plain, BOOK, account=account, previous={"T1": first})
    assert row["action"] == "hold" and row["urgency"] == "reduce"
    order, sell = ("SELL", "sell") if side == "long" else ("BUY", "buy back")
    told = (
        f"The earlier output had {order} 50 ACME MARKET; see whether it filled. If not, {sell} {missing} at the open, "
        "and cover as much less with stops."
    )
    assert row["checks"] == [told]
    assert row["summary"].startswith(f"{told} Hold {held:g}")
    done = one(
        market(QUIET, fall, calm), book(quantity_open=50.0, **columns), plain, BOOK, account=account,
        previous={"T1": first},
    )  # fmt: skip
    assert (done["checks"], done["urgency"]) == ([], "hold")
