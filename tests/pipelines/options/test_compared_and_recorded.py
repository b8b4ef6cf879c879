"""Backtests of options compared with each other, recorded as runs, and shown on a page."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.pipelines.test_backtest_options import WEEKS, market, positions

from exitladder.clock import DAY_NS
from exitladder.errors import TradesError
from exitladder.options.market import OptionMarket
from exitladder.options.positions.trades import OptionTrade
from exitladder.pipelines.compare import compare
from exitladder.pipelines.comparison.options import options_source
from exitladder.pipelines.comparison.outcomes import bookings
from exitladder.pipelines.options.backtest import OptionsResult, backtest_options
from exitladder.pipelines.pages.comparison import comparison_html
from exitladder.pipelines.pages.options.backtest import options_backtest_page
from exitladder.pipelines.pages.page import page_html
from exitladder.pipelines.report import report
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.statistics.mean import nanoseconds

NEXT_DAY: dict[str, Any] = {"name": "next day", "stop": {"time": 1}}
NOTHING: dict[str, Any] = {"name": "nothing"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return load_settings(None, ["validation.n_bootstrap=400", "tracking.enabled=false"])


def backtested(
    name: str,
    plan: Mapping[str, Any],
    settings: Settings,
    trades: list[OptionTrade] | None = None,
    seen: OptionMarket | None = None,
) -> OptionsResult:
    ladder = ladder_from_mapping(dict(plan))
    result = backtest_options(trades or positions(WEEKS), ladder, seen or market(), settings)
    result.write(Path(name))
    return result


def test_a_pair_is_the_backtests_own_comparison_with_doing_nothing(settings: Settings) -> None:
    ours = backtested("ours", NEXT_DAY, settings)
    backtested("held", NOTHING, settings)
    found = compare(["held", "ours"], settings)
    (pair,) = found["pairs"]
    own = ours.summary["beside"]["hold to expiry"]["difference_r"]
    tables = [pd.read_csv(f"{name}/trades.csv").set_index("trade_id")["r"] for name in ("ours", "held")]
    assert pair["difference_r"] == pytest.approx((tables[0] - tables[1]).mean()) == pytest.approx(own["value"])
    assert pair["interval"] == pytest.approx([own["low"], own["high"]])
    assert (pair["verdict"], pair["n_trades"], found["kind"]) == ("better", 40, "options")
    assert pair["account"] is None and pair["measures"]["cvar_5_r"]["candidate"] is not None
    assert "ours against held" in comparison_html(found)


def test_repeated_rows_are_one_and_a_single_day_gives_no_interval(settings: Settings) -> None:
    twice = [replace(trade, trade_id=f"{trade.trade_id}-{k}") for k in range(3) for trade in positions(WEEKS)]
    for name, plan in (("held", NOTHING), ("ours", NEXT_DAY)):
        backtested(name, plan, settings, twice)
        backtested(f"{name}-once", plan, settings)
    (many,), (once,) = (compare(pair, settings)["pairs"] for pair in (["held", "ours"], ["held-once", "ours-once"]))
    assert many["n_trades"] == 40 and many["interval"] == once["interval"]
    (one,) = positions([WEEKS[3]])
    day = [replace(one, trade_id=f"D{n}", entry_price=1.4 + n / 100) for n in range(30)]
    for name, plan in (("held-day", NOTHING), ("ours-day", NEXT_DAY)):
        backtested(name, plan, settings, day)
    (pair,) = compare(["held-day", "ours-day"], settings)["pairs"]
    assert pair["interval"] == [None, None] and pair["verdict"] == "no_difference"
    assert "a single day" in pair["verdict_text"] and math.isfinite(pair["difference_r"])
    assert {row["low"] for row in pair["measures"].values()} == {None}


def test_each_fill_books_its_own_part_of_a_position(settings: Settings) -> None:
    """The rows of fills.csv add up to the results, so a day books what its fills earned."""
    half = {"name": "half", "rungs": [{"fraction": 0.5, "when": ["bars_held >= 1"]}]}
    result = backtested("half", half, settings, [replace(one, quantity=4) for one in positions(WEEKS)])
    source = options_source("half", Tracker.from_settings(settings))
    done = source.trades["r"].dropna().index
    first = int(nanoseconds(source.trades["entry_time"]).min() // DAY_NS)
    fills = result.fills[result.fills["trade_id"].isin(done)]
    day = nanoseconds(fills["bar_time"]) // DAY_NS - first
    earned = np.bincount(day, fills["r"])
    assert (fills["quantity"] == 2).sum() >= len(done)
    assert bookings(source, done).daily(first, len(earned)) == pytest.approx(earned)


def test_what_cannot_be_compared_is_refused(settings: Settings) -> None:
    backtested("held", NOTHING, settings)
    Path("shares").mkdir()
    Path("shares/trades.csv").write_text("trade_id,entry_time,r,status\nT0,2024-01-01,1.0,closed\n")
    for names in (["held", "shares"], ["shares", "held"]):
        with pytest.raises(TradesError, match="'held' is a backtest of options and 'shares' is not"):
            compare(names, settings)
    backtested("costly", NEXT_DAY | {"costs": {"commission_per_unit": 1}}, settings)
    with pytest.raises(TradesError, match="costs of 'held' and 'costly' differ"):
        compare(["held", "costly"], settings)
    seen = market()
    later = replace(seen, quotes=seen.without_quotes_after(seen.quotes.last - 1).quotes)
    backtested("fewer", NEXT_DAY, settings, seen=later)
    with pytest.raises(TradesError, match="quotes of 'held' and 'fewer' differ"):
        compare(["held", "fewer"], settings)
    assert compare(["held", "fewer"], settings, allows_differences=True)["pairs"][0]["n_trades"] >= 39
    moved = [replace(t, contract=replace(t.contract, right=-1.0)) for t in positions(WEEKS)]
    backtested("puts", NEXT_DAY, settings, [*positions(WEEKS)[:30], *moved[30:]])
    with pytest.raises(TradesError, match="has contract"):
        compare(["held", "puts"], settings, allows_differences=True)


def test_a_backtest_is_recorded_with_its_data_metrics_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(None, ["validation.n_bootstrap=400", "options.rate=0.01"])
    result = backtested("out", NEXT_DAY, settings)
    folder = Path("mlruns/artifacts") / result.run_id
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "FINISHED" and record["kind"] == "backtest"
    assert record["name"] == "backtest next day · better"
    assert record["params"]["options.rate"] == "0.01" and record["params"]["data.n_quotes"] == "120"
    assert record["tags"]["instrument"] == "options" and record["tags"]["verdict"] == "better"
    metrics = {name: value for name, (value, _) in record["metrics"].items()}
    own = result.summary["beside"]["hold to expiry"]
    assert metrics["difference_r"] == own["difference_r"]["value"] and metrics["low"] == own["difference_r"]["low"]
    assert metrics["hold_to_expiry/expectancy_r"] == own["expectancy_r"]["value"] and metrics["n_trades"] == 40
    assert record["quotes_dataset"]["digest"] == record["params"]["data.quotes_fingerprint"]
    for name in ("fills.csv", "trades.csv", "decisions.csv", "summary.json"):
        assert (folder / "artifacts" / name).read_bytes() == (Path("out") / name).read_bytes()
    # another quote is another fingerprint, another order of rows is not
    changed = market()
    first = next(iter(changed.quotes.values()))
    first.bid[0] += 0.01
    again = backtested("again", NEXT_DAY, settings, seen=changed)
    other = json.loads((Path("mlruns/artifacts") / again.run_id / "run.json").read_text())
    assert other["params"]["data.quotes_fingerprint"] != record["params"]["data.quotes_fingerprint"]
    assert other["params"]["data.trades_fingerprint"] == record["params"]["data.trades_fingerprint"]
    page = report(result.run_id, Path("page.html"), settings)
    assert "next day" in page.read_text()


def test_decisions_say_what_was_read_and_lead_to_the_fills(settings: Settings) -> None:
    plan = {"name": "half", "rungs": [{"fraction": 0.5, "when": ["premium_r >= 0.2"]}], "stop": {"initial": "90%"}}
    trades = [replace(trade, quantity=4) for trade in positions(WEEKS)]
    result = backtested("out", plan, settings, trades)
    decisions = pd.read_csv("out/decisions.csv")
    assert set(decisions["order"]) == {"rung"} and (decisions["premium_r"] >= 0.2).all()
    for row in decisions.itertuples():
        value = float(re.fullmatch(r"premium_r >= 0.2 at (.*)", str(row.why))[1])  # type: ignore[index]
        assert value == pytest.approx(row.premium_r, rel=1e-5)
    filled = result.fills[result.fills["order"] == "rung"]
    # what is decided at the last quote before expiry has no quote to fill at
    last = decisions["trade_id"].map({t.trade_id: t.contract.expiry for t in trades})
    in_time = decisions[pd.to_datetime(decisions["known_at"]) <= pd.to_datetime(last, utc=True)]
    assert sorted(filled["trade_id"]) == sorted(in_time["trade_id"]) and (decisions["quantity"] == 2).all()


def test_the_page_adds_up_and_names_what_the_conditions_did(settings: Settings) -> None:
    plan = {"name": "half", "rungs": [{"fraction": 0.5, "when": ["premium_r >= 0.2"]}]}
    trades = [replace(trade, quantity=4) for trade in positions(WEEKS)]
    result = backtested("out", plan, settings, trades)
    page = options_backtest_page(Path("out"))
    conditions = page.tables[0].rows
    assert conditions["Earned (R)"].sum() == pytest.approx(result.trades["r"].sum())
    assert conditions["Contracts closed"].sum() == 160
    assert conditions["Decided"].iloc[0] == len(result.decisions) > 20  # type: ignore[arg-type]
    (row,) = page.policies[page.policies["policy"] == "hold to expiry"].to_dict("records")
    assert row["expectancy_r"] == result.summary["beside"]["hold to expiry"]["expectancy_r"]["value"]
    assert row["win_rate"] == (result.trades["hold_to_expiry_r"] > 0).mean()
    curves = {line["name"]: line["values"][-1] for line in page.charts["equity"]["lines"]}
    assert curves["half"] == pytest.approx(result.trades["r"].sum(), abs=1e-3)
    assert curves["hold to expiry"] == pytest.approx(result.trades["hold_to_expiry_r"].sum(), abs=1e-3)
    marks = next(group for group in page.groups if group.title == "Positions").table
    assert marks is not None and marks.rows["Mark"].tolist() == pytest.approx(result.trades["mark"].tolist())
    html = page_html(page)
    assert "premium_r &gt;= 0.2" in html and "at the bid and purchases at the ask" in html
    assert "a bar that reaches both the stop and a target" not in html
