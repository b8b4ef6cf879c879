"""A ladder adopted today manages from today: what was passed before is missed, no book is sold out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.screens.score import score_screen
from exitladder.clock import NO_TIME
from exitladder.errors import InputFileError
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.advice.working.previous import read_previous
from exitladder.pipelines.pages.score import score_page
from exitladder.pipelines.score import score
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.tables import Settings
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import Trades

DAY = 86_400 * 10**9
TWO_RUNGS: dict[str, Any] = {
    "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "3R"}],
    "stop": {"breakeven_after": 1, "trail": "2R", "trail_from": "1R"},
    "costs": {"lot": 1, "tick": 0.01, "min_quantity": 1},
}


@pytest.fixture
def market(daily: Callable[[list[list[float]]], BarSet]) -> BarSet:
    """Up from 100 to 104.5, over the first target at 102, and back to 101."""
    closes = [100, 101, 102.5, 104.5, 103, 101]
    rows = [[a, max(a, b) + 0.2, min(a, b) - 0.2, b] for a, b in zip([100, *closes], closes, strict=False)]
    return daily(rows)


@pytest.fixture
def daily() -> Callable[[list[list[float]]], BarSet]:
    from exitladder.bars.bars import Bars

    def make(rows: list[list[float]]) -> BarSet:
        table = np.array(rows, dtype=float)
        time = pd.Timestamp("2024-01-01").value + DAY * np.arange(len(table))
        prices = dict(zip(("open", "high", "low", "close"), table.T, strict=True))
        return BarSet([Bars(symbol="ACME", interval_ns=DAY, time=time, **prices, volume=None)])

    return make


def book(**columns: Any) -> Trades:
    row = {
        "trade_id": "T1", "symbol": "ACME", "side": "long", "entry_time": "2024-01-01", "entry_price": 100.0,
        "quantity": 100, "stop_price": 98.0, "quantity_open": 100, **columns,
    }  # fmt: skip
    return trades_from_frame(pd.DataFrame([row]))


@pytest.fixture
def plain() -> Settings:
    from exitladder.settings.loading import load_settings

    return load_settings(None, ["tracking.enabled=false", "data.splits=keep"])


def one(market: BarSet, trades: Trades, settings: Settings, ladder: dict[str, Any] = TWO_RUNGS, **how: Any) -> Any:
    (row,) = score(
        market, trades, ladder_from_mapping(ladder), None, settings, management=Management(**how)
    ).frame.to_dict("records")
    return row


def limits(row: Any) -> list[tuple[int, float, float]]:
    return [(o["rung"], o["quantity"], o["price"]) for o in row["orders"] if o["type"] == "limit"]


def test_a_rung_passed_before_is_missed_and_arms_nothing(market: BarSet, plain: Settings) -> None:
    row = one(market, book(), plain)
    assert (row["action"], row["missed_rungs"], row["bars_managed"]) == ("hold", [1], 0)
    assert limits(row) == [(2, 25, 106.0)]
    assert row["stop_price"] == 98.0  # not at break-even: rung 1 has not filled
    assert row["managed_from"] == "2024-01-07"
    assert row["mfe_r"] == pytest.approx(2.35)


def test_a_trade_of_which_nothing_is_held_has_no_orders(market: BarSet, plain: Settings) -> None:
    row = one(market, book(quantity_open=0), plain)
    assert (row["action"], row["urgency"], row["orders"]) == ("hold", "hold", [])
    assert "quantity_open is 0" in row["summary"]


def test_a_stop_of_the_users_own_that_no_price_has_passed_is_named(
    daily: Callable[..., BarSet], plain: Settings
) -> None:
    """The trail has closed the trade at 103, and the stop at 98 still protects it."""
    rows = [[100, 100.5, 99.5, 100], [100, 106, 100, 105], [105, 105, 102, 103], [103, 103.5, 102.5, 103]]
    ladder = {**TWO_RUNGS, "rungs": [], "stop": {"trail": "1R"}}
    row = one(daily(rows), book(), plain, ladder, since_entry=True)
    assert row["urgency"] == "exit" and "with your own stop at 98: sell at the open" in row["summary"]
    rows[2] = [105, 105, 97, 103]
    row = one(daily(rows), book(), plain, ladder, since_entry=True)
    assert row["urgency"] == "stop_missing" and "with no stop: sell at the open" in row["summary"]


def test_since_entry_replays_the_ladder(market: BarSet, plain: Settings) -> None:
    row = one(market, book(), plain, since_entry=True)
    assert (row["action"], row["action_quantity"]) == ("reduce", 25)
    assert "rungs were reached that your open quantity does not show" in row["summary"]


def test_a_trade_managed_from_its_entry_is_followed_as_in_a_backtest(market: BarSet, plain: Settings) -> None:
    replayed = one(market, book(quantity_open=75), plain, since_entry=True)
    managed = one(market, book(quantity_open=75, managed_from="2024-01-01"), plain)
    same = ["orders", "replacements", "action", "summary", "stop_price", "open_r", "mfe_r", "bars_held", "bars_managed"]
    assert [replayed[name] for name in same] == [managed[name] for name in same]
    assert len(managed["orders"]) == 3


def test_rungs_trail_and_time_count_from_the_managed_bar(daily: Callable[..., BarSet], plain: Settings) -> None:
    """The trail of 2R is armed, as MFE reached 1R before; its line is of managed bars only."""
    rows = [[100, 100.5, 99.5, 100], [100, 106, 100, 105], [105, 105, 103, 103], [103, 103.5, 102.5, 103]]
    ladder = {**TWO_RUNGS, "rungs": [], "stop": {"trail": "2R", "trail_from": "1R", "time": 2}}
    first = one(daily(rows[:2]), book(), plain, ladder)
    assert (first["action"], first["stop_price"], first["managed_from"]) == ("hold", 98.0, "2024-01-03")
    kept = {"T1": first}
    second = one(daily(rows[:3]), book(), plain, ladder, previous=kept)
    assert (second["stop_price"], second["bars_managed"], second["managed_from"]) == (101.0, 1, "2024-01-03")
    assert (second["urgency"], second["changes"]) == ("move_stop", ["stop: 98 to 101"])
    assert second["orders"][0]["replaces"] == second["orders"][0]["id"] == first["orders"][0]["id"]
    third = one(daily(rows), book(), plain, ladder, previous=kept)
    assert (third["action"], third["orders"][0]["kind"]) == ("exit", "time")


def test_conditions_on_extremes_count_from_the_entry(daily: Callable[..., BarSet], plain: Settings) -> None:
    rows = [[100, 100.5, 99.5, 100], [100, 106, 100, 105], [105, 105, 103, 103]]
    ladder = {"rungs": [{"fraction": 0.5, "when": ["give_back_r >= 1.5"]}], "costs": {"lot": 1}}
    row = one(daily(rows), book(managed_from="2024-01-03"), plain, ladder)
    assert (row["action"], row["action_quantity"]) == ("reduce", 50)
    assert "the give-back from the best price 1.5 R is at or above 1.5 R (rung 1)" in row["summary"]


@pytest.mark.parametrize("clock", [{"session_close": True}, {"time": "3 sessions"}, {"time": "36h"}])
def test_the_clock_begins_with_the_ladder(clock: dict[str, Any], market: BarSet, plain: Settings) -> None:
    row = one(market, book(), plain, {**TWO_RUNGS, "stop": dict(TWO_RUNGS["stop"]) | clock})
    assert row["action"] == "hold" and not any(o["type"] == "market" for o in row["orders"])


def test_a_ladders_own_stop_that_was_passed_sells_nothing(daily: Callable[..., BarSet], plain: Settings) -> None:
    market = daily([[100, 101, 99, 100]] * 20 + [[100, 100, 90, 90]])
    ladder = {"stop": {"initial": "2ATR"}}
    row = one(market, book(entry_time="2024-01-18", stop_price=np.nan), plain, ladder)
    assert (row["action"], row["urgency"], row["orders"]) == ("hold", "stop_missing", [])
    assert "you hold 100 with no stop: sell, or give the trade a stop_price" in row["summary"]
    own = one(market, book(entry_time="2024-01-18", stop_price=95.0), plain, ladder)
    assert (own["action"], own["orders"][0]["type"]) == ("exit", "market")


@pytest.mark.parametrize(
    ("assume", "quantity", "urgency"), [("", None, "ask"), ("untouched", 100, "reduce"), ("followed", 75, "hold")]
)
def test_a_blank_open_quantity_is_asked_for(
    assume: str, quantity: float | None, urgency: str, market: BarSet, plain: Settings
) -> None:
    trades = book(quantity_open=np.nan, managed_from="2024-01-01")
    row = one(market, trades, plain, assume=assume)
    if quantity is None:
        assert np.isnan(row["quantity_open"]) and row["orders"] == [] and "--assume" in row["summary"]
    else:
        assert row["quantity_open"] == quantity
        assert any(f"assumed {quantity:g}" in text for text in row["warnings"])
    assert row["urgency"] in (urgency, "move_stop")


def test_stale_and_unknown_symbols_are_named_alone(market: BarSet, plain: Settings) -> None:
    from exitladder.bars.bars import Bars

    acme = market["ACME"]
    newer = Bars(
        symbol="NEW", interval_ns=DAY, time=acme.time + 312 * DAY, open=acme.open, high=acme.high, low=acme.low,
        close=acme.close, volume=None,
    )  # fmt: skip
    both = BarSet([acme, newer])
    frame = trades_from_frame(
        pd.concat([
            book().to_frame(), book(trade_id="T2", symbol="NEW", entry_time="2024-11-08").to_frame(),
            book(trade_id="T3", symbol="GONE").to_frame(),
        ]).drop(columns="entry_at")
    )  # fmt: skip
    rows = score(both, frame, ladder_from_mapping(TWO_RUNGS), None, plain).frame.set_index("trade_id")
    assert "312 days older" in str(rows.loc["T1", "summary"]) and rows.loc["T1", "orders"] == []
    assert "no bars of GONE" in str(rows.loc["T3", "summary"])
    assert rows.loc["T2", "orders"]


def test_nothing_managed_reads_a_later_bar(daily: Callable[..., BarSet], plain: Settings) -> None:
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 60)))
    rows = [[a, max(a, b) * 1.004, min(a, b) * 0.996, b] for a, b in zip([100, *close], close, strict=False)]
    trades = replace(book(entry_price=100.0), managed_from=np.array([pd.Timestamp("2024-01-20").value]))
    ladder = {**TWO_RUNGS, "stop": {"trail": "3ATR", "trail_from": "1R", "time": 30}}
    whole = daily(rows)
    for n in range(22, 50, 3):
        moment = pd.Timestamp("2024-01-01").value + n * DAY
        cut = one(daily(rows[:n]), trades, plain, ladder)
        seen = score(
            whole, trades, ladder_from_mapping(ladder), None, plain, asof=moment, management=Management()
        ).frame.iloc[0]
        assert cut["orders"] == seen["orders"] and cut["summary"] == seen["summary"]


def test_managed_from_is_read_and_written() -> None:
    trades = book(managed_from="2024-01-05")
    assert trades.managed_from is not None and trades.managed_from[0] == pd.Timestamp("2024-01-05").value
    back = trades_from_frame(trades.to_frame())
    assert back.managed_from is not None and back.managed_from[0] == trades.managed_from[0]
    blank = book(managed_from=None)
    assert blank.managed_from is None or blank.managed_from[0] == NO_TIME


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"managed_from": "nonsense"}, "nonsense"),
        ({"stop_price": "abc"}, "stop_price must be a number"),
        ({"quantity_managed": -5}, "quantity_managed must be 0 or more"),
        ({"orders": [1]}, "a list of orders"),
        ({"orders": [{"id": "stop", "quantity": "many"}]}, "quantity of order 1 must be a number"),
        ({"orders": "stop"}, "a list of orders"),
    ],
)
def test_earlier_output_that_was_damaged_is_refused(row: dict[str, Any], text: str, tmp_path: Path) -> None:
    path = tmp_path / "last.json"
    path.write_text(json.dumps([{"trade_id": "T1", **row}]))
    with pytest.raises(InputFileError, match=text):
        read_previous(path)


def test_orders_at_adjusted_prices_are_not_to_be_sent(market: BarSet, plain: Settings) -> None:
    adjusted = BarSet([replace(market["ACME"], factor=np.full(market.n_bars, 0.8))])
    row = one(adjusted, book(), plain)
    assert row["traded_close"] == 126.25
    assert "Do not send these orders" in row["warnings"][0] and "126.25 as traded, 101 adjusted" in row["warnings"][0]
    frame = pd.DataFrame([row])
    html, screen = score_page(frame), score_screen(frame, 80)
    assert 'class="note danger" role="alert"' in html and 'class="copy"' not in html and "SELL 25 ACME" in html
    assert "Do not send these orders" in screen
    # adjusted before, but not on the last bar: the prices are the market's
    same = BarSet([replace(market["ACME"], factor=np.array([0.8] * (market.n_bars - 1) + [1.0]))])
    row = one(same, book(), plain)
    assert np.isnan(row["traded_close"]) and row["warnings"] == one(market, book(), plain)["warnings"]
    html = score_page(pd.DataFrame([row]))
    assert 'class="copy"' in html and 'role="alert"' not in html


def test_a_reduced_trade_says_that_its_stop_moves_and_counts(daily: Callable[..., BarSet], plain: Settings) -> None:
    """The user sold nothing at the first target; the trail has moved to 103."""
    rows = [[100, 100.5, 99.5, 100], [100, 105, 100, 105], [105, 105, 104, 104.5]]
    ladder = {**TWO_RUNGS, "stop": {"trail": "1R"}}
    row = one(daily(rows), book(), plain, ladder, since_entry=True)
    assert row["action"] == "reduce" and row["summary"].endswith("Move the stop of the rest from 98 to 103.")
    head = "1 open trade: 1 to reduce, 1 with a stop to move (1 of them named before)"
    assert head in score_screen(pd.DataFrame([row]), 80).replace("\n", " ")
    assert head in score_page(pd.DataFrame([row]))


def test_without_a_tick_prices_have_the_decimals_of_the_bars(daily: Callable[..., BarSet], plain: Settings) -> None:
    rows = [[100, 100.5, 99.5, 100], [100, 105, 100, 104.8], [104.8, 105, 104, 104.5]]
    ladder = {**TWO_RUNGS, "rungs": [], "stop": {"trail": "1.333R"}, "costs": {"lot": 1}}
    row = one(daily(rows), book(), plain, ladder, since_entry=True)
    (stop,) = row["orders"]
    assert stop["price"] == row["stop_price"] == 102.3  # 105 less 2.666, rounded down
    assert "to 102.3:" in row["summary"] and any("rounded against you to 0.1" in text for text in row["warnings"])
    short = book(side="short", stop_price=102.0)
    rows = [[100, 100.5, 99.5, 100], [100, 100, 95, 95.2], [95.2, 96, 95.1, 95.5]]
    assert one(daily(rows), short, plain, ladder, since_entry=True)["stop_price"] == 97.7  # 97.666, rounded up
    rows[2][3] = 95.123456789
    row = one(daily(rows), short, plain, ladder, since_entry=True)
    assert row["stop_price"] == pytest.approx(97.666) and not any("No tick" in text for text in row["warnings"])


def test_a_missing_stop_is_placed_and_a_known_one_is_never_blank(market: BarSet, plain: Settings) -> None:
    row = one(market, book(stop_price=np.nan), plain, {**TWO_RUNGS, "stop": {"initial": "2%"}})
    assert row["urgency"] == "stop_missing" and row["summary"].startswith(
        "Place a stop at 98 for 100: it is the initial"
    )
    html = score_page(pd.DataFrame([row]))
    assert 'none <span class="arrow">→</span> 98<' in html
    assert "Not in this risk: <b>1 without a stop now (1.50 R after these orders)</b>" in html
    row = one(market, book(stop_price=99.0, symbol="GONE"), plain)
    assert row["stop_before"] == row["stop_price"] == 99.0
    assert '99 <span class="arrow">→</span> 99<' in score_page(pd.DataFrame([row]))
    row = one(market, book(stop_price=101.5, entry_price=102.5, entry_time="2024-01-04"), plain)
    assert row["checks"] == ["Your stop of 101.5 was reached on 6 Jan 2024; see whether it filled."]


def test_defects_of_bars_that_no_open_trade_needs_are_not_reported(market: BarSet) -> None:
    from exitladder.bars.checking.report import BarsReport, Finding
    from exitladder.pipelines.advice.scorable import of_open_trades

    def found(rule: str, *days: str, symbol: str = "ACME") -> Finding:
        rows = pd.DataFrame({"timestamp": pd.to_datetime(list(days), utc=True)})
        return Finding(symbol, "warning", rule, len(days), "", f"{rule} {days}", rows)

    kept = [
        found("possible_split", "2023-12-20"),
        found("spike", "2024-01-03"),
        found("big_move", "2020-01-01", "2024-01-02"),
    ]
    gone = [
        found("possible_split", "2014-06-09"), found("possible_split", "2024-01-03"), found("gap", "2020-01-01"),
        found("spike", "2024-01-03", symbol="OTHER"),
    ]  # fmt: skip
    whole = [Finding("", "warning", "symbol_case", 1, "", "two spellings")]
    closed = book(trade_id="T0", entry_time="2014-06-01", exit_time="2014-06-20", exit_price=99.0, quantity_open=np.nan)
    both = trades_from_frame(pd.concat([book().to_frame(), closed.to_frame()]).drop(columns="entry_at"))
    report = of_open_trades(BarsReport(findings=(*gone, *kept, *whole)), both)
    assert list(report.findings) == [*kept, *whole]


def test_warnings_of_all_trades_say_so(market: BarSet, plain: Settings) -> None:
    both = pd.concat([book().to_frame(), book(trade_id="T2", quantity=50, quantity_open=50).to_frame()]).drop(
        columns="entry_at"
    )
    frame = score(market, trades_from_frame(both), ladder_from_mapping(TWO_RUNGS), None, plain).frame
    text = "All 2 trades: Passed before the ladder began: rung 1."
    assert text in score_page(frame) and text in " ".join(score_screen(frame, 80).split())


def test_old_bars_are_named_with_and_without_a_clock(market: BarSet, plain: Settings) -> None:
    clock = int(market.close_time.max()) + 312 * DAY
    ladder = ladder_from_mapping(TWO_RUNGS)
    result = score(market, book(), ladder, None, plain, management=Management(clock_ns=clock))
    assert "312 days ago. Update the bars" in result.notes[0]
    assert "312 days before --asof" in score(market, book(), ladder, None, plain, asof=clock).notes[0]
    assert score(market, book(), ladder, None, plain, asof="2024-01-09").notes == ()
    assert result.notes[0] in score_page(result.frame, notes=result.notes)


def test_before_the_ladder_begins_there_are_no_orders(market: BarSet, plain: Settings) -> None:
    row = one(market, book(managed_from="2024-02-01"), plain)
    assert (row["action"], row["urgency"], row["orders"], row["stop_price"]) == ("hold", "hold", [], 98.0)
    assert "from 2024-02-01 on; until then it has no orders, and your stop at 98 stays" in row["summary"]
    assert row["cancels"] == [] and row["working"][0]["do"] == "leave"
    # over a long weekend, the next bar is the first managed one
    assert one(market, book(managed_from="2024-01-10"), plain)["orders"]


def test_a_halted_symbol_and_rungs_below_the_smallest_order_are_named(
    daily: Callable[..., BarSet], plain: Settings
) -> None:
    flat = [101.0, 101.0, 101.0, 101.0]
    bars = daily([[100, 101.5, 99.5, 101], *[flat] * 4])
    halted = BarSet([replace(bars["ACME"], volume=np.array([5e4, 0, 0, 0, 0]))])
    row = one(halted, book(), plain)
    assert any("ACME has not traded in its last 4 bars" in text for text in row["warnings"])
    assert not any("has not traded" in text for text in one(bars, book(), plain)["warnings"])
    large = {**TWO_RUNGS, "costs": {"lot": 1, "tick": 0.01, "min_quantity": 60}}
    small = one(bars, book(), plain, large)
    assert limits(small) == [] and any("removed rung 1, 2" in text for text in small["warnings"])


def test_an_entry_far_from_its_bar_is_named_alone(market: BarSet, plain: Settings) -> None:
    both = pd.concat(
        [book().to_frame(), book(trade_id="T2", entry_price=110.0, quantity=50, quantity_open=50).to_frame()]
    )
    frame = score(
        market, trades_from_frame(both.drop(columns="entry_at")), ladder_from_mapping(TWO_RUNGS), None, plain
    ).frame.set_index("trade_id")
    assert frame.loc["T1", "orders"] and "entry price 110 is far outside of its bar" in str(frame.loc["T2", "summary"])
