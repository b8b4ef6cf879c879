"""`score` of plans with adds: what rests, what the fills of the user say, and how it reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.cli.screens.score import score_screen
from exitladder.errors import LadderError
from exitladder.files.output import json_text
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.advice.private import without_money
from exitladder.pipelines.advice.schema import score_schema
from exitladder.pipelines.advice.working.previous import read_previous
from exitladder.pipelines.score import ScoreResult, records, score, write_scores
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.files import read_trades
from exitladder.trades.trades import Trades

DAY = 86_400 * 10**9
PLAN: dict[str, Any] = {
    "name": "tranches",
    "rungs": [{"fraction": 0.25, "target": "2R"}],
    "adds": [
        {"quantity": 0.5, "at": "-0.4R"},
        {"quantity": 0.3, "at": "0.5R", "stop": "1R"},
        {"quantity": 0.2, "at": "0.3R", "spacing": "previous", "stop": "1R"},
    ],
    "costs": {"lot": 1, "tick": 0.01, "min_quantity": 1},
}


def market(*rows: list[float]) -> BarSet:
    table = np.array(rows, dtype=float)
    time = pd.Timestamp("2024-01-01").value + DAY * np.arange(len(table))
    prices = dict(zip(("open", "high", "low", "close"), table.T, strict=True))
    return BarSet([Bars(symbol="ACME", interval_ns=DAY, time=time, **prices, volume=None)])


QUIET = [100.0, 101.0, 99.0, 100.0]
HIGHER = [103.0, 105.5, 102.0, 105.0]  # over the second add at 105


def book(fills: Sequence[tuple[str, str, float, float]] = (), **columns: Any) -> Trades:
    row = {
        "trade_id": "T1", "symbol": "ACME", "side": "long", "entry_time": "2024-01-01", "entry_price": 100.0,
        "quantity": 100.0, "stop_price": 90.0, "entry_at": "open", **columns,
    }  # fmt: skip
    rows = [dict(zip(("trade_id", "time", "side", "quantity", "price"), ("T1", *fill), strict=True)) for fill in fills]
    return read_trades(pd.DataFrame([row]), fills=pd.DataFrame(rows) if fills else None)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(None, ["tracking.enabled=false"])


def advised(bars: BarSet, trades: Trades, settings: Settings, table: dict[str, Any] = PLAN, **how: Any) -> ScoreResult:
    return score(bars, trades, ladder_from_mapping(table), None, settings, management=Management(**how))


def adds_of(row: pd.Series) -> list[tuple[int, str, float, float]]:
    return [(o["add"], o["type"], o["quantity"], o["price"]) for o in row["orders"] if "add" in o]


def test_adds_rest_with_a_sentence_each_and_the_risk_of_all(settings: Settings) -> None:
    row = advised(market(QUIET), book(quantity_open=100), settings).frame.iloc[0]
    assert adds_of(row) == [(1, "limit", 50, 96.0), (2, "stop", 30, 105.0)]
    assert row["adds"] == [
        "Buy 50 at 96 (limit): second tranche; then 150 held, average entry 98.6667.",
        "Buy 30 at 105 (stop): third tranche; then 180 held, average entry 99.7222.",
        "Buy 20 at 108 (stop) once add 2 has filled: fourth tranche; then 200 held, average entry 100.55.",
    ]
    assert row["action"] == "hold" and row["risk_after"] == 1000
    assert row["risk_with_adds"] == 1000 + 50 * 6 + 30 * 15
    changes = {change["after"]: change for change in row["replacements"]}
    assert [(o["id"], o["quantity"]) for o in changes["add-2"]["place"]] == [("add-2 stop", 30), ("add-3", 20)]


def test_fills_are_the_adds_that_happened(settings: Settings) -> None:
    """The add that filled sized the rungs anew, moved the stop and placed the next one from its fill."""
    fills = [("2024-01-01", "buy", 100.0, 100.0), ("2024-01-02", "buy", 30.0, 105.2)]
    bars = market(QUIET, HIGHER)
    for since_entry in (False, True):
        row = advised(bars, book(fills), settings, since_entry=since_entry).frame.iloc[0]
        assert (row["quantity_open"], row["quantity_entered"]) == (130, 130)
        assert row["average_entry"] == pytest.approx((100 * 100 + 30 * 105.2) / 130)
        assert row["stop_price"] == 95.2  # 1R below the fill
        assert row["summary"] == "Move the stop from 90 to 95.2: it is the stop of the last add now."
        assert adds_of(row) == [(1, "limit", 50, 96.0), (3, "stop", 20, 108.2)]
        assert [o["quantity"] for o in row["orders"] if o["type"] == "limit" and "add" not in o] == [32]


def test_fills_of_one_day_are_several_adds_if_one_would_not_buy_as_much(settings: Settings) -> None:
    """Dates say no time of day: the adds of a bar come at one moment, in any order, and so do parts of one order."""
    bars = market(QUIET, [101.0, 109.0, 95.0, 107.0])
    entry = ("2024-01-01", "buy", 100.0, 100.0)
    every = [("2024-01-02", "buy", 20.0, 108.0), ("2024-01-02", "buy", 50.0, 96.0), ("2024-01-02", "buy", 30.0, 105.0)]
    row = advised(bars, book([entry, *every]), settings, since_entry=True).frame.iloc[0]
    assert (row["quantity_open"], row["stop_price"], row["warnings"]) == (200, 98.0, [])
    parts = [("2024-01-02", "buy", 20.0, 105.0), ("2024-01-02", "buy", 10.0, 105.3)]
    row = advised(bars, book([entry, *parts]), settings, since_entry=True).frame.iloc[0]
    assert (row["quantity_open"], row["stop_price"]) == (130, 95.1)  # 1R below their average


def test_an_add_that_was_reached_and_not_filled_is_not_bought_late(settings: Settings) -> None:
    bars = market(QUIET, HIGHER)
    row = advised(bars, book(quantity_open=100), settings, since_entry=True).frame.iloc[0]
    assert adds_of(row) == [(1, "limit", 50, 96.0)]
    assert row["action"] == "hold" and row["stop_price"] == 90.0
    assert any("your fills do not show it: it is not bought late" in text for text in row["warnings"])
    assumed = advised(bars, book(), settings, since_entry=True, assume="followed").frame.iloc[0]
    assert assumed["quantity_open"] == 130 and assumed["stop_price"] == 95.0
    adopted = advised(bars, book(quantity_open=100), settings).frame.iloc[0]
    assert adds_of(adopted) == [(1, "limit", 50, 96.0)]
    assert any(text.startswith("Passed before the plan began: add 2.") for text in adopted["warnings"])


def test_a_sale_withdraws_adds_and_their_orders_are_cancelled(settings: Settings, tmp_path: Path) -> None:
    first = market(QUIET)
    before = advised(first, book(quantity_open=100), settings).frame
    write_scores(before, tmp_path / "before.json")
    fills = [("2024-01-01", "buy", 100.0, 100.0), ("2024-01-02", "sell", 25.0, 120.0)]
    bars = market(QUIET, [118.0, 121.0, 117.0, 118.0])
    row = advised(
        bars, book(fills), settings, since_entry=True, previous=read_previous(tmp_path / "before.json")
    ).frame.iloc[0]
    assert adds_of(row) == [] and row["adds"] == []
    assert {"BUY 50 ACME LIMIT 96", "BUY 30 ACME STOP 105"} <= set(row["cancels"])


def test_a_part_of_an_add_is_no_fall_of_the_quantity(settings: Settings, tmp_path: Path) -> None:
    write_scores(advised(market(QUIET), book(quantity_open=100), settings).frame, tmp_path / "before.json")
    before = read_previous(tmp_path / "before.json")
    bars, fills = market(QUIET, [99.0, 99.5, 95.5, 98.0]), [("2024-01-01", "buy", 100.0, 100.0)]
    for bought, moved in (
        (
            [("2024-01-02", "buy", 20.0, 96.0)],
            "quantity_open rose from 100 to 120 since the earlier output: add 1 has filled in part",
        ),
        ([("2024-01-02", "buy", 20.0, 96.0), ("2024-01-02", "sell", 20.0, 98.0)], "quantity_open is 100 as in the"),
        ([("2024-01-02", "buy", 20.0, 96.0), ("2024-01-02", "sell", 30.0, 98.0)], "quantity_open fell from 100 to 90"),
    ):
        row = advised(bars, book(fills + bought), settings, since_entry=True, previous=before).frame.iloc[0]
        assert any(check.startswith(moved) for check in row["checks"]), row["checks"]
        assert "BUY 30 ACME LIMIT 96" in row["cancels"]


def test_a_rise_of_the_quantity_is_an_add_or_asked_about(settings: Settings, tmp_path: Path) -> None:
    write_scores(advised(market(QUIET), book(quantity_open=100), settings).frame, tmp_path / "before.json")
    before, bars = read_previous(tmp_path / "before.json"), market(QUIET, HIGHER)
    # 50 of add 1, 30 of add 2, and 20 of the one after it
    for held, is_scored in ((130.0, True), (200.0, True), (201.0, False)):
        row = advised(
            bars, book(quantity=held, quantity_open=held), settings, since_entry=True, previous=before
        ).frame.iloc[0]
        assert (row["urgency"] != "ask") is is_scored
        assert is_scored or "quantity_open rose from 100 to 201" in row["summary"]
    filled = [("2024-01-01", "buy", 100.0, 100.0), ("2024-01-02", "buy", 150.0, 103.0)]
    row = advised(bars, book(filled), settings, since_entry=True, previous=before).frame.iloc[0]
    assert row["urgency"] != "ask" and row["quantity_open"] == 250


def test_a_signal_add_is_bought_at_the_open_within_the_maximum(settings: Settings) -> None:
    table = {**PLAN, "adds": [{"quantity": 1.0, "when": ["open_r >= 0.3"]}], "size": {"maximum": 1.6}}
    bars = market(QUIET, [101.0, 105.0, 100.0, 104.0])
    result = advised(bars, book(quantity_open=100), settings, table, since_entry=True)
    row = result.frame.iloc[0]
    assert (row["action"], row["urgency"], row["action_quantity"]) == ("add", "add", 60)
    assert row["summary"] == "Buy 60 more at the open. Stop of all: 90."
    assert row["adds"][0].startswith("Buy 60 at the open: second tranche, the open profit 0.4 R is at or above 0.3 R;")


def test_a_short_sells_more_above_its_entry(settings: Settings) -> None:
    trades = book(side="short", stop_price=110.0, quantity_open=100)
    row = advised(market(QUIET), trades, settings).frame.iloc[0]
    assert adds_of(row) == [(1, "limit", 50, 104.0), (2, "stop", 30, 95.0)]
    assert row["adds"][0].startswith("Sell 50 at 104 (limit): second tranche")
    assert {o["side"] for o in row["orders"] if "add" in o} == {"sell"}


def test_outputs_have_the_schema_and_fit_80_columns(settings: Settings, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the extra notebooks")
    result = advised(market(QUIET), book(quantity_open=100), settings)
    jsonschema.validate(json.loads(json_text(records(result.frame))), score_schema())
    screen = score_screen(result.frame, 80)
    assert max(map(len, screen.splitlines())) <= 80
    assert "buy 50 limit 96 (add 1)" in screen and "with all adds 1.75 R" in screen
    write_scores(result.frame, tmp_path / "page.html", charts=result.charts())
    page = (tmp_path / "page.html").read_text()
    assert "BUY 50 ACME LIMIT 96" in page and "second tranche" in page and "add 1" in page
    write_scores(result.frame, tmp_path / "scores.csv")
    back = pd.read_csv(tmp_path / "scores.csv").iloc[0]
    assert json.loads(back["orders"])[-1]["add"] == 2 and "second tranche" in back["adds"]
    hidden = without_money(result.frame).iloc[0]
    assert hidden["adds"] == [] and np.isnan(hidden["average_entry"]) and hidden["risk_with_adds_r"] == 1.75


def test_unplanned_averaging_down_is_refused(settings: Settings) -> None:
    with pytest.raises(LadderError, match="unplanned averaging down"):
        advised(market(QUIET), book(quantity_open=100, stop_price=None), settings)


def test_a_size_rule_leaves_the_orders_of_open_trades_as_they_are(settings: Settings) -> None:
    """A trade in the market has its quantity; only an add within a maximum of equity would depend on more."""
    bars, trades = market(QUIET, QUIET), book(quantity_open=100)
    sized = {"size": {"rule": "fraction", "fraction": 0.01}, "book": {"equity": 1e5}}
    of_equity = {"size": {"maximum_equity": 2.0}, "book": {"equity": 1e5}}
    exits = {name: value for name, value in PLAN.items() if name != "adds"}
    for table, sizes in ((PLAN, sized), (exits, sized), (exits, of_equity)):
        plain, other = (advised(bars, trades, settings, some).frame for some in (table, table | sizes))
        assert json_text(other["orders"].tolist()) == json_text(plain["orders"].tolist())
    with pytest.raises(LadderError, match="does not know the equity"):
        advised(bars, trades, settings, PLAN | of_equity)


SALES = "SELL 25 LIMIT 120; SELL 25 STOP 90; SELL 75 STOP 90"
BOTH_ADDS = "BUY 50 LIMIT 96; BUY 30 STOP 105"


@pytest.mark.parametrize(
    ("cell", "adds", "is_asked"),
    [
        (SALES, ["LEAVE BUY 50 ACME LIMIT 96 GTC", "LEAVE BUY 30 ACME STOP 105 GTC"], False),
        (f"{SALES}; {BOTH_ADDS}", ["LEAVE BUY 50 ACME LIMIT 96 GTC", "LEAVE BUY 30 ACME STOP 105 GTC"], False),
        (  # the column counts for adds too, and does not have the second one
            f"{SALES}; BUY 50 LIMIT 96",
            ["CANCEL BUY 30 ACME STOP 105", "PLACE BUY 30 ACME STOP 105 GTC", "LEAVE BUY 50 ACME LIMIT 96 GTC"],
            True,
        ),
        (  # an order of the trader's own is not of the plan
            f"{SALES}; {BOTH_ADDS}; BUY 10 LIMIT 94",
            ["CANCEL BUY 10 ACME LIMIT 94", "LEAVE BUY 50 ACME LIMIT 96 GTC", "LEAVE BUY 30 ACME STOP 105 GTC"],
            False,
        ),
    ],
)
def test_stated_working_orders_place_no_add_a_second_time(
    cell: str, adds: list[str], is_asked: bool, settings: Settings
) -> None:
    first = advised(market(QUIET), book(quantity_open=100), settings).frame.iloc[0].to_dict()
    trades = book(quantity_open=100, working_orders=cell)
    row = advised(market(QUIET, QUIET), trades, settings, previous={"T1": first}).frame.iloc[0]
    assert [text for text in row["instructions"] if " BUY " in text] == adds
    assert not any(text.startswith("PLACE SELL") for text in row["instructions"])
    assert any("contradict each other" in text for text in row["checks"]) == is_asked


def test_a_cell_of_nothing_says_that_no_add_rests_either(settings: Settings) -> None:
    """Each order of the earlier output is cancelled before it is placed: none comes twice, whoever is right."""
    first = advised(market(QUIET), book(quantity_open=100), settings).frame.iloc[0].to_dict()
    trades = book(quantity_open=100, working_orders="none")
    row = advised(market(QUIET, QUIET), trades, settings, previous={"T1": first}).frame.iloc[0]
    assert "CANCEL BUY 50 ACME LIMIT 96" in row["instructions"]
    assert "PLACE BUY 50 ACME LIMIT 96 GTC" in row["instructions"]


def test_without_an_earlier_output_the_column_alone_knows_the_adds(settings: Settings) -> None:
    trades = book(quantity_open=100, working_orders=f"{SALES}; {BOTH_ADDS}")
    row = advised(market(QUIET, QUIET), trades, settings).frame.iloc[0]
    assert [text for text in row["instructions"] if " BUY " in text] == [
        "LEAVE BUY 50 ACME LIMIT 96 GTC", "LEAVE BUY 30 ACME STOP 105 GTC",
    ]  # fmt: skip


SHARED: dict[str, Any] = {
    **PLAN, "adds": [{"quantity": 0.5, "at": "-0.4R"}, {"quantity": 0.3, "at": "0.5R", "stop": "average"}],
    "size": {"maximum": 1.6},
}  # fmt: skip


@pytest.mark.parametrize("cell", ["", "SELL 25 LIMIT 120; SELL 25 STOP 90; SELL 75 STOP 90"])
@pytest.mark.parametrize("table", [PLAN, SHARED])
def test_what_is_left_of_an_add_that_filled_in_part_is_cancelled(
    table: dict[str, Any], cell: str, settings: Settings
) -> None:
    entry, touch = ("2024-01-01", "buy", 100.0, 100.0), [99.0, 99.5, 96.0, 97.0]
    first = advised(market(QUIET), book([entry]), settings, table, since_entry=True).frame.iloc[0].to_dict()
    columns = {"working_orders": cell} if cell else {}
    trades = book([entry, ("2024-01-02", "buy", 20.0, 96.0)], **columns)
    row = advised(market(QUIET, touch), trades, settings, table, since_entry=True, previous={"T1": first}).frame.iloc[0]
    assert row["quantity_open"] == 120
    assert any(
        text.startswith("quantity_open rose from 100 to 120 since the earlier output: add 1 has filled in part, 20 of")
        for text in row["checks"]
    )
    assert not any("fell" in text for text in row["checks"])
    cancelled = [text for text in row["instructions"] if text.startswith("CANCEL BUY")]
    if table is PLAN:
        assert cancelled == ["CANCEL BUY 30 ACME LIMIT 96"]
        assert "LEAVE BUY 30 ACME STOP 105 GTC" in row["instructions"]
    else:  # two orders of the add, one linked to the other add
        assert {text.partition(" (")[0] for text in cancelled} >= {
            "CANCEL BUY 30 ACME LIMIT 96", "CANCEL BUY 20 ACME LIMIT 96", "CANCEL BUY 20 ACME STOP 105",
        }  # fmt: skip
    stops = [o["quantity"] for o in row["orders"] if o["type"] == "stop" and "add" not in o]
    assert sum(stops) == 120


def test_the_stop_that_followed_an_add_at_market_is_in_the_market_the_evening_after(settings: Settings) -> None:
    table = {**PLAN, "rungs": [], "adds": [{"units": 20, "when": "bars_held >= 1"}]}
    entry = ("2024-01-01", "buy", 100.0, 100.0)
    first = advised(market(QUIET), book([entry]), settings, table, since_entry=True).frame.iloc[0].to_dict()
    (add,) = [order for order in first["orders"] if "add" in order]
    assert (add["type"], add["quantity"]) == ("market", 20)
    trades = book([entry, ("2024-01-02", "buy", 20.0, 100.5)])
    known = {"T1": first}
    row = advised(market(QUIET, QUIET), trades, settings, table, since_entry=True, previous=known).frame.iloc[0]
    assert row["quantity_open"] == 120
    assert sorted(o["quantity"] for o in row["working"] if o["type"] == "stop") == [20, 100]
    # one stop of 120 takes the place of both
    assert [(o["quantity"], o["do"]) for o in row["orders"] if o["type"] == "stop"] == [(120, "replace")]
    assert row["cancels"] == ["SELL 20 ACME STOP 90"] and row["checks"] == []
