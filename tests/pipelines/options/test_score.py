"""Tonight's orders on options: what is asked for, from when a plan manages, what rests already, and warnings."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from tests.options.markets import CLOSES_UP, DAYS, EXPIRY, market_of, snapshots

from exitladder.bars.actions import parse_split
from exitladder.cli import main
from exitladder.files.output import json_text
from exitladder.options.market import Dividend, Events, OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import option_plan
from exitladder.options.positions.replay import replay
from exitladder.pipelines.options.score.reading import OpenPositions, read_open_positions
from exitladder.pipelines.options.score.score import Evening, OptionsScore, known_by, score_options
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.options import OptionSettings

CALL = [(2.0, 2.2), (3.0, 3.2), (4.4, 4.6), (4.1, 4.3), (4.9, 5.1)]
WING = [(0.8, 0.9), (1.3, 1.4), (0.9, 1.0), (0.9, 1.1), (0.0, 0.1)]
PUT = [(0.5, 0.6), (0.25, 0.35), (0.05, 0.15), (0.0, 0.1), (0.0, 0.05)]
HALF = {"rungs": [{"fraction": 0.5, "when": ["premium_r >= 0.4"]}], "stop": {"initial": "50%"}}
LIMITS = {"rungs": [{"fraction": 0.25, "target": "0.5R"}, {"fraction": 0.25, "target": "1.5R"}]}


def end_of(day: int) -> int:
    """A moment after the close of a day of the week, Monday 0."""
    return int((pd.Timestamp(DAYS[day], tz="UTC") + pd.Timedelta(days=1)).as_unit("ns").value)


def market(**more: Any) -> OptionMarket:
    tables = [snapshots("call", 100, CALL), snapshots("call", 105, WING), snapshots("put", 95, PUT)]
    return market_of(*tables, closes=CLOSES_UP, style="european", **more)


def row(**more: Any) -> dict[str, Any]:
    known = {"trade_id": "T1", "symbol": "XYZ", "side": "long", "entry_time": DAYS[0], "quantity": 4, "expiry": EXPIRY,
             "strike": 100, "right": "call", "quantity_open": 4, "entry_price": 2.2}  # fmt: skip
    return known | more


def positions(*rows: Mapping[str, Any]) -> OpenPositions:
    return read_open_positions(pd.DataFrame([row(**one) for one in rows or [{}]]), OptionSettings(style="european"))


def scored(
    day: int, *rows: Mapping[str, Any], plan: Mapping[str, Any] = HALF, **how: Any
) -> tuple[OptionsScore, dict[str, dict[str, Any]]]:
    seen = how.pop("market", None) or market()
    known = {"since_entry": True} | how
    result = score_options(positions(*rows), ladder_from_mapping(dict(plan)), seen, Evening(end_of(day), **known))
    return result, {one["trade_id"]: one for one in json.loads(json_text(result.records()))}


def one(day: int, *rows: Mapping[str, Any], **how: Any) -> dict[str, Any]:
    return scored(day, *rows, **how)[1]["T1"]


def told(found: Mapping[str, Any]) -> list[tuple[str, str, int, float | None, str]]:
    return [(o["type"], o["side"], o["quantity"], o["price"], o["kind"]) for o in found["orders"]]


def test_the_plan_decides_at_the_close_and_says_why() -> None:
    # 3.00 on Tuesday is 0.8 above 2.20, of an R of 1.10
    found = one(1)
    assert told(found) == [("market", "sell", 2, None, "rung")]
    assert found["orders"][0]["why"] == [{"condition": "premium_r >= 0.4", "value": pytest.approx(0.8 / 1.1)}]
    assert (found["action"], found["action_quantity"], found["mark"], found["stop_price"]) == ("reduce", 2, 3, 1.1)
    assert found["instructions"] == ["PLACE SELL 2 XYZ 2024-03-15 100 call MARKET DAY"]
    assert "premium_r is 0.7273 (>= 0.4)" in found["summary"]
    assert one(0)["action"] == "hold" and one(2, {"quantity_open": 2})["orders"] == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"quantity_open": None}, "Fill in quantity_open"),
        ({"entry_price": None}, "the quotes at the entry give 2.2"),
        ({"quantity_open": 5}, "more than the 4 entered"),
        ({"side": "short", "quantity_open": 4, "plan": {}}, "Give it a stop_price"),
        ({"strike": 90}, "Add quotes of the contract"),
    ],
)
def test_what_the_file_does_not_settle_is_asked(change: dict[str, Any], says: str) -> None:
    plan = change.pop("plan", HALF)
    found = one(1, change, plan=plan)
    assert found["urgency"] == "ask" and says in found["summary"] and found["orders"] == []
    assert found["quantity_open"] is None or found["quantity_open"] != 0


def test_an_assumption_answers_and_is_named() -> None:
    left = one(2, {"quantity_open": None, "entry_price": None}, assume="followed")
    assert left["quantity_open"] == 2 and left["orders"] == []
    whole = one(1, {"quantity_open": None}, assume="untouched")
    assert whole["quantity_open"] == 4 and any("--assume untouched" in text for text in whole["warnings"])


def test_an_expired_position_is_asked_about() -> None:
    found = one(4)
    assert found["urgency"] == "ask" and "expired on 2024-03-15" in found["summary"]
    assert one(4, {"quantity_open": 0})["urgency"] == "hold"


def test_one_bad_row_does_not_stop_the_others() -> None:
    result, rows = scored(1, {}, {"trade_id": "bad", "side": "lng"}, {"trade_id": "gone", "exit_time": DAYS[1]})
    assert set(rows) == {"T1", "bad"} and rows["T1"]["action"] == "reduce"
    assert rows["bad"]["urgency"] == "ask" and "side must be long or short" in rows["bad"]["summary"]
    twice = scored(1, {}, {}, {"trade_id": "T2"})[0].frame
    assert (twice["urgency"] == "ask").sum() == 2 and "comes more than once" in twice["summary"].str.cat()
    assert list(result.frame["urgency"]) == ["reduce", "ask"]


def test_more_than_the_plan_holds_is_late_and_to_be_seen_first() -> None:
    found = one(2)  # sold at 4.40 on Wednesday by the plan, which holds 2
    assert told(found) == [("market", "sell", 2, None, "late rung")]
    assert "rung 1 filled 2 at 4.4 on 2024-03-13" in found["checks"][0]
    assert "opens a position on the other side" in found["checks"][0]
    over = one(2, plan={"stop": {"time": 2}})
    assert told(over) == [("market", "sell", 4, None, "late exit")] and over["urgency"] == "exit"
    assert over["mark"] == 4.4


@pytest.mark.parametrize("held", [1, 2, 3, 4])
def test_orders_never_exceed_what_is_held(held: int) -> None:
    plan = {"rungs": [*LIMITS["rungs"], {"fraction": 0.5, "when": ["premium_r >= 0.3"]}]}
    found = one(1, {"quantity_open": held}, plan=plan)
    assert sum(order["quantity"] for order in found["orders"]) == held
    assert any("orders are reduced" in text for text in found["warnings"]) == (held < 4)


def test_a_vertical_is_closed_by_one_order_of_two_legs() -> None:
    found = one(2, {"strike_2": 105, "entry_price": 1.4}, plan={"rungs": [{"fraction": 0.5, "when": ["mark >= 3"]}]})
    assert [(o["side"], o["quantity"], o["leg"], o["combo"]) for o in found["orders"]] == [
        ("sell", 2, 1, "rung-1"),
        ("buy", 2, 2, "rung-1"),
    ]
    assert found["mark"] == pytest.approx(3.4) and found["quantity_open"] == 4
    assert found["instructions"][0].count(" AND ") == 1


def test_a_plan_adopted_today_sells_nothing_for_earlier_quotes() -> None:
    first = one(1, since_entry=False)
    assert first["orders"] == [] and first["managed_from"] == "2024-03-13" and first["bars_managed"] == 0
    # the condition holds on Wednesday, too: now the plan manages the position
    for kept in ({"previous": {"T1": first}}, {}):
        change = {} if kept else {"managed_from": first["managed_from"]}
        later = one(2, change, since_entry=False, **kept)
        assert told(later) == [("market", "sell", 2, None, "rung")] and later["managed_from"] == first["managed_from"]
    assert one(2, since_entry=False)["managed_from"] == "2024-03-14"


def test_contracts_closed_before_the_plan_began_are_not_its_own() -> None:
    first = one(0, {"quantity_open": 3}, since_entry=False)
    assert first["quantity_managed"] == 3
    second = one(1, {"quantity_open": 3}, since_entry=False, previous={"T1": first})
    assert told(second) == [("market", "sell", 2, None, "rung")] and second["warnings"] == []
    # the plan has sold its two: one is left, or the order has not filled
    assert one(2, {"quantity_open": 1}, since_entry=False, previous={"T1": second})["orders"] == []
    missed = one(2, {"quantity_open": 3}, since_entry=False, previous={"T1": second})
    assert told(missed) == [("market", "sell", 2, None, "late rung")] and missed["checks"]


def test_a_target_reached_before_the_plan_began_is_missed() -> None:
    # R is 2.20: 3.30 was passed on Wednesday, 5.50 was not
    found = one(2, plan=LIMITS, since_entry=False)
    assert found["missed_rungs"] == [1] and told(found) == [("limit", "sell", 1, 5.5, "rung")]


def test_a_stop_of_ones_own_closes_on_the_first_evening() -> None:
    fallen = [(2.0, 2.2), (0.9, 1.0), (0.8, 0.9), (0.7, 0.8), (0.5, 0.6)]
    seen = market_of(snapshots("call", 100, fallen), closes=CLOSES_UP, style="european")
    own = one(1, {"stop_price": 1.0}, market=seen, since_entry=False, plan={})
    assert told(own) == [("market", "sell", 4, None, "stop")] and "mark is 0.9 (<= 1)" in own["summary"]
    plans = one(1, market=seen, since_entry=False)
    assert plans["orders"] == [] and any("before the plan begins" in text for text in plans["warnings"])


def test_resting_limits_are_left_replaced_or_cancelled() -> None:
    first = one(0, plan=LIMITS)
    assert told(first) == [("limit", "sell", 1, 3.3, "rung"), ("limit", "sell", 1, 5.5, "rung")]
    assert [o["time_in_force"] for o in first["orders"]] == ["gtc", "gtc"]
    again = one(1, plan=LIMITS, previous={"T1": first})
    assert [(o["id"], o["do"]) for o in again["orders"]] == [("rung-1", "leave"), ("rung-2", "leave")]
    # 3.30 was passed on Wednesday; one contract is gone
    sold = one(2, {"quantity_open": 3}, plan=LIMITS, previous={"T1": again})
    assert [(o["id"], o["do"]) for o in sold["orders"]] == [("rung-2", "leave")]
    assert sold["cancels"] == ["SELL 1 XYZ 2024-03-15 100 call LIMIT 3.3"]
    other = {"rungs": [{"fraction": 0.5, "target": "0.7R"}]}
    moved = one(1, plan=other, previous={"T1": first})
    assert moved["instructions"][0].startswith("CANCEL SELL 1 XYZ 2024-03-15 100 call LIMIT 5.5")
    assert moved["orders"][0]["do"] == "replace" and (moved["orders"][0]["was_price"], moved["orders"][0]["price"]) == (
        3.3,
        3.74,
    )


def test_a_question_keeps_the_orders_and_the_begin_for_the_next_evening() -> None:
    first = one(0, plan=LIMITS, since_entry=False)
    asked = one(1, {"quantity_open": None}, plan=LIMITS, since_entry=False, previous={"T1": first})
    assert asked["urgency"] == "ask" and [o["do"] for o in asked["working"]] == ["leave", "leave"]
    bad = one(1, {"side": "lng"}, plan=LIMITS, since_entry=False, previous={"T1": first})
    for earlier in (asked, bad):
        later = one(1, plan=LIMITS, since_entry=False, previous={"T1": earlier})
        assert later["managed_from"] == first["managed_from"] and {o["do"] for o in later["orders"]} == {"leave"}


def test_earlier_rows_of_other_positions_and_plans() -> None:
    first = one(0, plan=LIMITS)
    other = one(1, plan=LIMITS, previous={"T1": first | {"side": "short"}})
    assert "another position: short, not long" in other["checks"][0] and "LIMIT 3.3" in other["checks"][0]
    assert {o["do"] for o in other["orders"]} == {"place"}
    result, rows = scored(1, plan=HALF, previous={"T1": first, "old": first}, since_entry=False)
    assert any("another plan" in note for note in result.notes) and rows["T1"]["managed_from"] == "2024-03-13"
    assert any(note.startswith("old of the earlier output is not open") for note in result.notes)


def test_the_last_session_names_exercise_and_pin() -> None:
    spread = {"strike_2": 105, "entry_price": 1.4}
    texts = " ".join(one(3, spread, plan={})["warnings"])
    assert "ends tomorrow, on 2024-03-15" in texts and "exercise buys 400 XYZ" in texts
    assert "XYZ at 104 is between the strikes" in texts
    assert one(2, spread, plan={})["warnings"] == []
    short = one(3, {"side": "short", "strike": 105, "entry_price": 0.8, "stop_price": 9}, plan={})
    assert any("Pin risk: the short strike 105" in text for text in short["warnings"])
    cash = one(3, plan={}, market=market(settlement="close"))
    assert not any("exercise" in text for text in cash["warnings"])


def test_a_dividend_above_the_time_value_is_warned_of() -> None:
    pytest.importorskip("QuantLib", reason="QuantLib is not installed")
    day = int(pd.Timestamp(DAYS[4]).as_unit("ns").value)
    events = Events(dividends={"XYZ": (Dividend(day, 1.5, day - 30 * 86_400 * 10**9),)})
    seen = replace(market(), events=events, settings=OptionSettings())
    change = {"side": "short", "entry_price": 2.0, "stop_price": 9, "style": "american"}
    texts = " ".join(one(3, change, plan={}, market=seen)["warnings"])
    # 4.30 asked, 4.00 in the money
    assert "ex-date 2024-03-15 pays 1.5, more than the time value" in texts and "(0.3)" in texts
    assert "counts it as assigned tonight" in texts
    away = " ".join(one(0, change, plan={}, market=seen)["warnings"])
    assert "assigned tonight" not in away and "2024-03-15" in away
    # the owner says that it is held: no assignment is assumed, and the plan goes on
    held = one(3, change | {"quantity_open": 4}, plan={"stop": {"time": 4}}, market=seen)
    assert told(held) == [("market", "buy", 4, None, "time")]


def test_a_short_that_a_backtest_counts_as_assigned_is_held_until_its_owner_says_otherwise() -> None:
    pytest.importorskip("QuantLib", reason="QuantLib is not installed")
    quotes = [(3.0, 3.2), (5.5, 5.8), (7.8, 8.0), (6.9, 7.2), (5.0, 5.2)]
    closes = [104.0, 101.0, 98.0, 99.0, 101.0]  # 8.00 in the money and asked on Wednesday
    seen = market_of(snapshots("put", 106, quotes), closes=closes)
    change = {"side": "short", "strike": 106, "right": "put", "entry_price": 3.0, "stop_price": 20}
    own = read_open_positions(pd.DataFrame([row(**change)]), OptionSettings())
    plan = ladder_from_mapping({"stop": {"time": 4}})
    (outcome,) = replay([own.known[0].trade], option_plan(plan), Valuer(seen))
    assert outcome.position is not None and [fill.order for fill in outcome.position.fills] == ["assignment"]
    wednesday, thursday = (
        score_options(own, plan, seen, Evening(end_of(day), since_entry=True)).records()[0] for day in (2, 3)
    )
    assert any("counts it as assigned tonight" in text for text in wednesday["warnings"])
    assert told(thursday) == [("market", "buy", 4, None, "time")] and thursday["checks"] == []


def test_missing_bids_sizes_and_old_quotes() -> None:
    quotes = [(2.0, 2.2), (1.0, 1.2), (0.0, 0.2), None, None]
    sizes = {"bid_size": [9, 9, 1, 9, 9], "ask_size": [9] * 5}
    seen = market_of(snapshots("call", 100, quotes, **sizes), snapshots("put", 95, PUT), closes=CLOSES_UP,
                     style="european")  # fmt: skip
    found = one(2, market=seen)
    assert told(found) == [("market", "sell", 4, None, "stop")] and found["orders"][0]["quantity_shown"] == 1
    texts = " ".join(found["warnings"])
    assert "has no bid: a sale waits" in texts and "show 1 of the 4 to close" in texts
    stale = one(3, market=seen)
    assert any(text.startswith("Stale: the last quote of the contract is of 2024-03-13") for text in stale["warnings"])
    assert stale["quotes_missed"] == 1 and stale["asof"].startswith("2024-03-14")
    assert "Decided on 2024-03-12; it waits" in found["summary"] and "Decided on" not in one(1, market=seen)["summary"]


def test_unknown_greeks_are_named_if_the_plan_reads_them() -> None:
    plan = {"rungs": [{"fraction": 0.5, "when": ["delta >= 0.1"]}]}
    without = replace(market(), bars=None)
    found = one(1, plan=plan, market=without)
    assert found["delta"] is None and any("Unknown at these quotes: delta" in text for text in found["warnings"])
    assert one(1, plan=plan)["action"] == "reduce"


def test_a_split_ahead_is_named_in_the_contracts_of_after_it() -> None:
    split = Events(splits=(parse_split("XYZ,2024-03-14,2:1"),))
    texts = one(2, market=market(events=split), plan={})["warnings"]
    assert any("from then on 4 are 8 of XYZ 2024-03-15 50 call" in text for text in texts)


def test_a_row_of_a_date_is_known_at_the_close_of_its_session() -> None:
    for time, last in (("15:59", DAYS[1]), ("16:00", DAYS[2])):
        moment = pd.Timestamp(f"{DAYS[2]} {time}", tz="America/New_York").as_unit("ns").value
        seen = known_by(market(), int(moment))
        assert pd.Timestamp(seen.quotes.last - 1).strftime("%Y-%m-%d") == last


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["options", "score", *arguments, "--set", "options.style=european"])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    pd.concat([snapshots("call", 100, CALL), snapshots("put", 95, PUT)]).to_csv("quotes.csv", index=False)
    pd.DataFrame(
        {"timestamp": DAYS, "symbol": "XYZ"} | dict.fromkeys(("open", "high", "low", "close"), CLOSES_UP)
    ).to_csv("bars.csv", index=False)
    pd.DataFrame([row()]).to_csv("open.csv", index=False)
    Path("plan.toml").write_text('[[rungs]]\nfraction = 0.5\nwhen = ["premium_r >= 0.4"]\n[stop]\ninitial = "50%"\n')
    names = {"trades": "open.csv", "quotes": "quotes.csv", "bars": "bars.csv", "plan": "plan.toml"}
    return [text for name, value in names.items() for text in (f"--{name}", value)]


def test_exit_codes_files_and_the_way_back(files: list[str]) -> None:
    first = run(*files, "--asof", DAYS[0], "--out", "monday.csv", "--exit-code")
    assert first.exit_code == 0 and "manages 1 position from now on" in first.stderr
    second = run(*files, "--asof", DAYS[1], "--previous", "monday.csv", "--out", "tuesday.json", "--exit-code")
    assert second.exit_code == 0 and "EXIT" not in second.stdout and "REDUCE" in second.stdout
    assert json.loads(Path("tuesday.json").read_text())[0]["managed_from"] == "2024-03-12"
    page = run(*files, "--asof", DAYS[1], "--since-entry", "--out", "today.html")
    assert page.exit_code == 0 and "PLACE SELL 2 XYZ 2024-03-15 100 call MARKET DAY" in Path("today.html").read_text()
    old = run(*files, "--asof", "2024-03-14 12:00", "--tz", "America/New_York", "--since-entry", "--exit-code")
    assert old.exit_code == 0
    Path("quotes.csv").write_text("\n".join(Path("quotes.csv").read_text().splitlines()[:3]) + "\n")
    assert run(*files, "--asof", DAYS[2], "--since-entry", "--exit-code").exit_code == 4
    pd.DataFrame([row(quantity_open=None)]).to_csv("open.csv", index=False)
    assert run(*files, "--asof", DAYS[2], "--exit-code").exit_code == 3
    nothing = run(*files, "--asof", "2024-03-01")
    assert nothing.exit_code == 1 and "has none that ended by" in " ".join(nothing.stderr.split())


def test_every_line_of_the_screen_fits(files: list[str]) -> None:
    rows = [row(trade_id=f"position-{k}-of-a-long-name", quantity_open=k or None) for k in range(4)]
    pd.DataFrame(rows).to_csv("open.csv", index=False)
    shown = run(*files, "--asof", DAYS[3], "--since-entry").stdout
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "NEEDS YOU" in shown and shown.startswith("4 open positions")


def test_private_scores_hold_no_names_prices_or_quantities(files: list[str]) -> None:
    rows = [row(trade_id="secret", tag="mine"), row(trade_id="other", quantity_open=2, strike_2=105, entry_price=1.4)]
    pd.concat([pd.read_csv("quotes.csv"), snapshots("call", 105, WING)]).to_csv("quotes.csv", index=False)
    pd.DataFrame(rows).to_csv("open.csv", index=False)
    shared = run(*files, "--asof", DAYS[1], "--since-entry", "--private", "--out", "shared.json")
    assert shared.exit_code == 0
    text = Path("shared.json").read_text() + shared.stdout
    for secret in ("secret", "other", "mine", "XYZ", "2.2", "100 call", '"mark": 3'):
        assert secret not in text, secret
    found = json.loads(Path("shared.json").read_text())
    assert {one["summary"] for one in found} == {"Close 50% at the next quote.", "Hold."}
    assert found[0]["premium_r"] == pytest.approx(0.8 / 1.1) and found[0]["days_to_expiry"] == 3


def test_a_recorded_run_has_its_page_again(files: list[str]) -> None:
    assert run(*files, "--asof", DAYS[1], "--since-entry").exit_code == 0
    (record,) = Path("mlruns/artifacts").glob("*/run.json")
    found = json.loads(record.read_text())
    assert found["tags"]["instrument"] == "options" and found["tags"]["verdict"] == "1 to reduce"
    assert found["metrics"]["n_trades"][0] == 1 and found["quotes_dataset"]["profile"] == {
        "n_quotes": 10, "n_contracts": 2,
    }  # fmt: skip
    done = CliRunner().invoke(main, ["report", found["run_id"], "--out", "again.html"])
    assert done.exit_code == 0 and "Sell 2 of 4 at market" in Path("again.html").read_text()
    off = run(*files, "--asof", DAYS[1], "--since-entry", "--set", "tracking.enabled=false")
    assert off.exit_code == 0 and len(list(Path("mlruns/artifacts").glob("*/run.json"))) == 1


def test_marks_of_a_position_are_finite_or_named() -> None:
    for day in range(4):
        found = one(day)
        assert math.isfinite(found["mark"]) and found["days_to_expiry"] == 4 - day


def test_it_starts_without_the_engine_and_the_models(files: list[str]) -> None:
    line = ["options", "score", *files, "--asof", DAYS[1], "--since-entry", "--set", "options.style=european"]
    code = (
        "import sys; from exitladder.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "print([name for name in ('numba', 'sklearn', 'lightgbm', 'mlflow', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, *line], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
