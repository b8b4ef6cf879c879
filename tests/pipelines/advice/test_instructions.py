"""What to do with each order: nothing is placed twice, and afterwards tonight's orders are in the market, no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from exitladder.bars.bars import Bars, BarSet
from exitladder.cli.screens.score import score_screen
from exitladder.errors import TradesError
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.advice.orders import Order
from exitladder.pipelines.advice.schema import score_schema
from exitladder.pipelines.advice.working.instructions import instructed
from exitladder.pipelines.advice.working.orders import STOP_PRICE, Working
from exitladder.pipelines.advice.working.previous import read_previous
from exitladder.pipelines.advice.working.resting import left_over
from exitladder.pipelines.advice.working.stated import stated_orders
from exitladder.pipelines.inputs.faulty_rows import FaultyTrade
from exitladder.pipelines.pages.score import score_page
from exitladder.pipelines.score import records, score, with_faulty, write_scores
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


def market(*rows: list[float]) -> BarSet:
    table = np.array(rows, dtype=float)
    time = pd.Timestamp("2024-01-01").value + DAY * np.arange(len(table))
    prices = dict(zip(("open", "high", "low", "close"), table.T, strict=True))
    return BarSet([Bars(symbol="ACME", interval_ns=DAY, time=time, **prices, volume=None)])


def book(**columns: Any) -> Trades:
    row = {
        "trade_id": "T1", "symbol": "ACME", "side": "long", "entry_time": "2024-01-01", "entry_price": 100.0,
        "quantity": 100.0, "stop_price": 98.0, "quantity_open": 100.0, "managed_from": "2024-01-01", **columns,
    }  # fmt: skip
    return read_trades(pd.DataFrame([row]))


@pytest.fixture(scope="module")
def plain() -> Settings:
    return load_settings(None, ["tracking.enabled=false", "data.splits=keep"])


def frame_of(bars: BarSet, trades: Trades, settings: Settings, ladder: dict[str, Any], **how: Any) -> pd.DataFrame:
    return score(bars, trades, ladder_from_mapping(ladder), None, settings, management=Management(**how)).frame


def one(bars: BarSet, trades: Trades, settings: Settings, ladder: dict[str, Any] = LADDER, **how: Any) -> Any:
    (row,) = frame_of(bars, trades, settings, ladder, **how).to_dict("records")
    return row


def done(row: Any) -> list[str]:
    return [order["do"] for order in row["orders"]]


def test_what_works_already_is_left_and_not_copied(plain: Settings) -> None:
    first = one(market(QUIET), book(), plain)
    assert first["instructions"] == [
        "REPLACE SELL 100 ACME STOP 98 WITH SELL 50 ACME STOP 98 GTC",
        "PLACE SELL 25 ACME LIMIT 102 GTC OCO rung-1",
        "PLACE SELL 25 ACME STOP 98 GTC OCO rung-1",
        "PLACE SELL 25 ACME LIMIT 106 GTC OCO rung-2",
        "PLACE SELL 25 ACME STOP 98 GTC OCO rung-2",
    ]
    assert 'data-copy="' + "\n".join(first["instructions"]) + '"' in score_page(pd.DataFrame([first]))
    second = one(market(QUIET, QUIET_TOO), book(), plain, previous={"T1": first})
    assert set(done(second)) == {"leave"} and second["cancels"] == []
    assert all(text.startswith("LEAVE SELL") for text in second["instructions"])
    html, screen = score_page(pd.DataFrame([second])), score_screen(pd.DataFrame([second]), 80)
    assert "data-copy" not in html and "leave 25 @ 102 | 98" in html
    assert screen.count("  leave") == 5 and "place" not in screen


def test_a_stop_price_that_is_the_listed_stop_is_left(plain: Settings) -> None:
    row = one(market(QUIET), book(), plain, NO_RUNGS)
    assert row["instructions"] == ["LEAVE SELL 100 ACME STOP 98 GTC"]
    assert [(order["source"], order["do"]) for order in row["working"]] == [("stop_price", "leave")]
    reduce_only = load_settings(None, ["tracking.enabled=false", "orders.oco_mode=reduce"])
    row = one(market(QUIET), book(), reduce_only)
    assert dict(zip([order["id"] for order in row["orders"]], done(row), strict=True))["stop"] == "leave"


def test_a_fill_takes_its_group_along_and_the_stop_moves(plain: Settings) -> None:
    """The first target has filled at 102: its stop is gone, and the others go to break-even."""
    first = one(market(QUIET), book(), plain)
    up = market(QUIET, [100, 102.5, 100.0, 102.2])
    second = one(up, book(quantity_open=75.0), plain, previous={"T1": first})
    assert second["cancels"] == []
    assert second["instructions"] == [
        "REPLACE SELL 25 ACME STOP 98 WITH SELL 25 ACME STOP 100 GTC OCO rung-2",
        "REPLACE SELL 50 ACME STOP 98 WITH SELL 50 ACME STOP 100 GTC",
        "LEAVE SELL 25 ACME LIMIT 106 GTC OCO rung-2",
    ]
    moved = next(order for order in second["orders"] if order["id"] == "rest stop")
    assert (moved["was_price"], moved["was_quantity"], moved["replaces"]) == (98, 50, "rest stop")
    # not filled by the file: sold at the open, and its orders are cancelled first
    late = one(up, book(), plain, previous={"T1": first})
    assert "SELL 25 ACME LIMIT 102" in late["cancels"]
    assert late["instructions"][0].startswith("CANCEL") and late["action"] == "reduce"


def test_of_two_orders_that_read_alike_the_group_is_named(plain: Settings) -> None:
    """Both rungs are for 25 with a stop at 98: cancelling the wrong one would leave a limit without its stop."""
    first = one(market(QUIET), book(), plain)
    up = market(QUIET, [100, 102.5, 100.0, 102.2])
    # rung 1 was reached and has not filled: it is sold at the open, and the stops move
    late = one(up, book(), plain, previous={"T1": first})
    assert "SELL 25 ACME STOP 98 (OCO rung-1)" in late["cancels"]
    assert any(
        text.startswith("REPLACE SELL 25 ACME STOP 98 (OCO rung-2) WITH SELL 25 ACME STOP 100 GTC")
        for text in late["instructions"]
    )
    screen = score_screen(pd.DataFrame([late]), 80)
    assert "SELL 25 ACME STOP 98 (OCO rung-1)" in screen and "was 25 at 98 [rung-2]" in " ".join(screen.split())
    assert "STOP 98 (OCO rung-1)" in score_page(pd.DataFrame([late]))
    # without a twin no group is named
    assert "SELL 25 ACME LIMIT 102" in late["cancels"]
    # a trade that is gone
    (text,) = left_over({"T1": first}, ())
    assert "SELL 25 ACME STOP 98 (OCO rung-1), " in text and "SELL 25 ACME STOP 98 (OCO rung-2)" in text


def test_an_exit_cancels_every_limit_that_rests(plain: Settings) -> None:
    ladder = {**LADDER, "stop": {"time": 2}}
    first = one(market(QUIET), book(), plain, ladder)
    second = one(market(QUIET, QUIET_TOO), book(), plain, ladder, previous={"T1": first})
    assert second["action"] == "exit"
    assert {"SELL 25 ACME LIMIT 102", "SELL 25 ACME LIMIT 106", "SELL 50 ACME STOP 98"} <= set(second["cancels"])
    assert second["instructions"][-1].startswith("PLACE SELL 100 ACME MARKET")
    nothing = one(market(QUIET, QUIET_TOO), book(quantity_open=0), plain, previous={"T1": first})
    assert len(nothing["cancels"]) == 5 and nothing["orders"] == []


def test_orders_for_the_day_are_placed_anew(plain: Settings) -> None:
    day = load_settings(None, ["tracking.enabled=false", "orders.time_in_force=day"])
    first = one(market(QUIET), book(), day)
    second = one(market(QUIET, QUIET_TOO), book(), day, previous={"T1": first})
    assert set(done(second)) == {"place"} and second["cancels"] == []
    same_night = one(market(QUIET), book(), day, previous={"T1": first})
    assert set(done(same_night)) == {"leave"}


def test_a_stop_in_profit_has_a_column_of_its_own_and_is_never_loosened(plain: Settings) -> None:
    bars = market(QUIET, [100, 105, 100, 104.5])
    row = one(bars, book(working_stop=101.5), plain, NO_RUNGS)
    assert (row["stop_before"], row["stop_price"]) == (101.5, 101.5)
    assert row["instructions"] == ["LEAVE SELL 100 ACME STOP 101.5 GTC"]
    assert any("tighter than the ladder's 101" in text for text in row["warnings"])
    looser = one(bars, book(working_stop=99.0), plain, NO_RUNGS)
    assert looser["urgency"] == "move_stop"
    assert looser["instructions"] == ["REPLACE SELL 100 ACME STOP 99 WITH SELL 100 ACME STOP 101 GTC"]
    none = one(bars, book(working_stop=0.0), plain, NO_RUNGS)
    assert none["urgency"] == "stop_missing" and done(none) == ["place"] and none["cancels"] == []
    # the column wins over earlier scores
    other = one(bars, book(working_stop=99.0), plain, NO_RUNGS, previous={"T1": row})
    assert (other["stop_before"], done(other)) == (99.0, ["replace"])


def test_orders_that_the_file_states_are_left(plain: Settings) -> None:
    cell = "sell 25 limit 102; 25 stop 98; SELL 55 ACME STOP 98 GTC; 10 limit 140"
    row = one(market(QUIET), book(working_orders=cell), plain)
    assert row["cancels"] == ["SELL 10 ACME LIMIT 140"]
    assert sorted(done(row)) == ["leave", "leave", "place", "place", "replace"]
    assert row["stop_before"] == 98.0
    nothing = one(market(QUIET), book(working_orders="none"), plain)
    assert set(done(nothing)) == {"place"} and nothing["urgency"] == "stop_missing"


def test_working_orders_that_cannot_be_read_name_their_trade_alone(plain: Settings) -> None:
    both = pd.concat([book().to_frame(), book(trade_id="T2", working_orders="a stop at 98").to_frame()])
    rows = frame_of(market(QUIET), read_trades(both), plain, LADDER).set_index("trade_id")
    assert rows.loc["T1", "orders"] and "trade 'T2' has 'a stop at 98'" in str(rows.loc["T2", "summary"])
    (german,) = stated_orders("25 LIMIT 386,79 GTC", 1) or []
    assert german.price == 386.79
    for text, problem in (
        ("5 LIMIT 1,234", "has '5 LIMIT 1,234'"),
        ("5 OTHER STOP 98", "is an order of OTHER"),
        ("buy 5 stop 98", "adds to a long"),
    ):
        with pytest.raises(TradesError, match=problem):
            stated_orders(text, 1, "T1", "ACME")


def test_an_unknown_stop_is_named_the_same_everywhere(plain: Settings) -> None:
    row = one(market(QUIET), book(stop_price=np.nan), plain, {**LADDER, "stop": {"initial": "2%"}})
    text = "any stop of ACME that works at your broker now: your files state none"
    assert row["cancels"] == [text] and row["instructions"][0] == f"CANCEL {text}"
    html = score_page(pd.DataFrame([row]))
    assert html.count(f"CANCEL {text}") >= 3  # shown, its own button, and the button for all
    assert text in " ".join(score_screen(pd.DataFrame([row]), 80).split())


def test_a_night_without_scores_forgets_nothing(plain: Settings, tmp_path: Path) -> None:
    """On the second night the row is faulty; the third finds management and orders of the first."""
    first = frame_of(market(QUIET), book(managed_from=None), plain, LADDER)
    write_scores(first, tmp_path / "1.csv")
    known = read_previous(tmp_path / "1.csv")
    second = with_faulty(first.iloc[:0], [FaultyTrade("T1", "ACME", "entry_price is wrong.")], known)
    assert second.loc[0, "managed_from"] == "2024-01-02" and second.loc[0, "orders"] == []
    write_scores(second, tmp_path / "2.json")
    row = one(market(QUIET, QUIET_TOO), book(managed_from=None), plain, previous=read_previous(tmp_path / "2.json"))
    assert set(done(row)) == {"leave"} and row["bars_managed"] == 1


def test_an_output_of_a_later_evening_is_not_used(plain: Settings) -> None:
    """Scored for a past day, or on bars that were not updated: what the earlier orders did is not known."""
    later = one(market(QUIET, QUIET_TOO), book(), plain)
    row = one(market(QUIET), book(), plain, previous={"T1": later})
    assert row["urgency"] == "ask" and row["orders"] == []
    assert "its row is of 2024-01-02 and the last bar of ACME here closed on 2024-01-01" in row["summary"]
    # once the bars are there, it is used
    assert set(done(one(market(QUIET, QUIET_TOO), book(), plain, previous={"T1": row}))) == {"leave"}


def test_outputs_hold_the_schema(plain: Settings) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the extra notebooks")
    first = one(market(QUIET), book(), plain)
    rows = [first, one(market(QUIET, [100, 102.5, 100.0, 102.2]), book(), plain, previous={"T1": first})]
    jsonschema.validate(json.loads(json.dumps(records(pd.DataFrame(rows)), default=str)), score_schema())


prices = st.sampled_from([97.0, 98.0, 99.0, 102.0, 104.0])
quantities = st.sampled_from([1.0, 3.0, 7.0])
kinds = st.sampled_from(["limit", "stop"])
names = st.sampled_from(["", "rest stop", "rung-1 target", "rung-1 stop"])
working = st.lists(
    st.builds(
        lambda kind, quantity, price, name: Working(kind, "sell", quantity, price, STOP_PRICE, name),
        kinds, quantities, prices, names,
    ),
    max_size=5,
)  # fmt: skip
wanted = st.lists(
    st.builds(
        lambda kind, quantity, price, rung: Order(kind, "sell", quantity, price, rung, "rung"),
        kinds, quantities, prices, st.sampled_from([None, 1, 2]),
    ),
    max_size=5,
)  # fmt: skip


@given(wanted, working)
@examples(deadline=None, max_examples=200)
def test_carried_out_the_instructions_leave_the_listed_orders_and_no_others(
    listed: list[Order], before: list[Working]
) -> None:
    listed = [
        Order(order.type, order.side, order.quantity, order.price, order.rung, order.kind, f"order {k}")
        for k, order in enumerate(listed)
    ]
    orders, old = instructed(listed, before)
    broker = [(order.type, order.quantity, order.price) for order in old if order.do == "leave"]
    broker += [(order.type, order.quantity, order.price) for order in orders if order.do in ("place", "replace")]
    assert sorted(broker) == sorted((order.type, order.quantity, order.price) for order in listed)
    replaced = sorted((order.quantity, order.price) for order in old if order.do == "replace")
    assert replaced == sorted((order.was_quantity, order.was_price) for order in orders if order.do == "replace")


class Broker:
    """Holds orders in groups, knows nothing of the ladder, and does only what the instructions of a night say."""

    def __init__(self, quantity: float, stop: float, side: int) -> None:
        self.side, self.held = side, quantity
        self.closing = "sell" if side > 0 else "buy"
        self.orders: list[dict[str, Any]] = [
            {"type": "stop", "quantity": quantity, "price": stop, "oco": None, "id": ""}
        ]
        self.later: list[dict[str, Any]] = []
        self.sold: dict[tuple[int, float], float] = {}

    def carry_out(self, row: Any) -> None:
        for order in row["working"]:  # what is taken to be in the market must be there, and nothing else
            found = [o for o in self.orders if all(o[name] == order[name] for name in ("type", "quantity", "price"))]
            assert found, (order, self.orders)
            if order["do"] != "leave":
                self.orders.remove(found[0])
        assert len([order for order in row["working"] if order["do"] == "leave"]) == len(self.orders)
        names = ("type", "quantity", "price")
        for order in row["orders"]:
            assert order["side"] == self.closing and order["reduce_only"]
            if order["do"] == "leave":
                next(o for o in self.orders if all(o[name] == order[name] for name in names))["id"] = order["id"]
            else:
                self.orders.append({name: order[name] for name in (*names, "oco", "id")})
        self.later = row["replacements"]
        listed = sorted(tuple(str(order[name]) for name in names) for order in row["orders"])
        assert sorted(tuple(str(order[name]) for name in names) for order in self.orders) == listed

    def live_through(self, k: int, bar: dict[str, float]) -> None:
        good, bad = ("high", "low") if self.side > 0 else ("low", "high")
        for order in [order for order in self.orders if order["type"] == "market"]:
            self._fill(k, order, bar["open"])
        self.orders = [order for order in self.orders if order["quantity"] > 1e-9]
        resting = sorted(self.orders, key=lambda o: (o["type"] != "stop", abs(o["price"] - bar["open"])))
        for at_open in (True, False):
            for order in resting:
                sign = self.side if order["type"] == "limit" else -self.side
                at = bar["open"] if at_open else bar[good if order["type"] == "limit" else bad]
                if order["quantity"] > 1e-9 and sign * (at - order["price"]) >= 0:
                    self._fill(k, order, at if at_open else order["price"])
        self.orders = [order for order in self.orders if order["quantity"] > 1e-9]

    def _fill(self, k: int, order: dict[str, Any], price: float) -> None:
        quantity = order["quantity"]
        for other in self.orders:
            if other is order or (order["oco"] is not None and other["oco"] == order["oco"]):
                other["quantity"] -= quantity
        self.held -= quantity
        assert self.held >= -1e-9
        key = (k, round(price, 8))
        self.sold[key] = self.sold.get(key, 0.0) + quantity
        for change in self.later:
            if change["after"] == order["id"]:
                for other in self.orders:
                    other["quantity"] = 0.0 if other["id"] in change["cancel"] else other["quantity"]
                self.orders += [
                    {name: placed[name] for name in ("type", "quantity", "price", "oco", "id")}
                    for placed in change["place"]
                ]


def fall_and_rise(seed: int) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0.001, 0.012, 40))), 2)
    opens = np.round(np.concatenate([[100.0], close[:-1]]) * (1 + rng.normal(0, 0.003, 40)), 2)
    high = np.round(np.maximum(opens, close) * (1 + np.abs(rng.normal(0, 0.006, 40))), 2)
    low = np.round(np.minimum(opens, close) * (1 - np.abs(rng.normal(0, 0.006, 40))), 2)
    return [list(map(float, bar)) for bar in zip(opens, high, low, close, strict=True)]


NIGHTLY: dict[str, Any] = {
    "rungs": [
        {"fraction": 0.3, "target": "1R"},
        {"fraction": 0.2, "when": ["open_r >= 1.5"]},
        {"fraction": 0.2, "target": "2R"},
    ],
    "stop": {"breakeven_after": 1, "trail": "2R", "time": 25},
    "costs": {"lot": 1, "tick": 0.01, "min_quantity": 1},
}


@pytest.mark.parametrize(("seed", "mode"), [*((seed, "oco") for seed in range(4)), (0, "reduce"), (3, "reduce")])
def test_night_after_night_the_instructions_alone_give_the_fills_of_the_backtest(seed: int, mode: str) -> None:
    from exitladder.execution import simulate
    from exitladder.execution.signals import Signals
    from exitladder.trades.trades import place_trades

    settings = load_settings(None, ["tracking.enabled=false", "data.splits=keep", f"orders.oco_mode={mode}"])
    rows = fall_and_rise(seed)
    side = 1 if seed % 2 == 0 else -1
    entry = rows[0][3]
    trades = book(
        side="long" if side > 0 else "short", entry_price=entry, stop_price=round(entry * (1 - side * 0.02), 2),
        quantity=13.0, quantity_open=13.0, entry_at="close",
    )  # fmt: skip
    whole = simulate(place_trades(trades, market(*rows)), ladder_from_mapping(NIGHTLY), Signals.none(1))
    wanted: dict[tuple[int, float], float] = {}
    for k in range(len(whole.fills)):
        if int(whole.fills.side[k]) != side and int(whole.fills.bar[k]) < 39:
            key = (int(whole.fills.bar[k]), round(float(whole.fills.price[k]), 8))
            wanted[key] = wanted.get(key, 0.0) + float(whole.fills.quantity[k])
    broker = Broker(13.0, float(trades.stop_price[0]), side)
    earlier: dict[str, Any] = {}
    for night in range(39):
        held = trades_with(trades, broker.held)
        row = one(market(*rows[: night + 1]), held, settings, NIGHTLY, previous=earlier)
        broker.carry_out(row)
        earlier = {"T1": json.loads(json.dumps(row, default=str))}
        names = ("open", "high", "low", "close")
        broker.live_through(night + 1, dict(zip(names, rows[night + 1], strict=True)))
        if broker.held < 1e-9:
            break
    assert broker.sold == pytest.approx(wanted) and len(wanted) > 0


def trades_with(trades: Trades, held: float) -> Trades:
    frame = trades.to_frame().assign(quantity_open=held)
    return read_trades(frame)
