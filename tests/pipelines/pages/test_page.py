"""The pages: whole in one file, safe with any text a user may bring, and readable without pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from exitladder.errors import OutputFileError
from exitladder.pipelines.advice.traded import NOT_TO_SEND, adjusted_warning
from exitladder.pipelines.backtest_summary import NO_TARGET, has_target, without_all_out
from exitladder.pipelines.pages.first_lines.danger import danger_text
from exitladder.pipelines.pages.page import (
    KeyNumber,
    PageContent,
    PictureGroup,
    Reproduction,
    page_html,
    write_page,
)
from exitladder.pipelines.pages.saved_run import key_numbers
from exitladder.pipelines.pages.tuning import model_worth
from exitladder.pipelines.pages.whole_run import linked, links_between
from exitladder.pipelines.plots.captions import HOW_TO_READ, to_page
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.plots.policy import forest_picture
from exitladder.pipelines.plots.style import to_svg
from exitladder.pipelines.tuning.samples.labels import WALK_FORWARD_COMMAND
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.units import Target

EVIL = '<script>alert("x")</script>'
VOID = {"meta", "img", "br", "link", "hr"}


class Checker(HTMLParser):
    """Holds tags against each other and collects what a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]
        self.ids += [str(found["id"])] if "id" in found else []
        if tag == "img":
            self.images.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def check(html: str) -> Checker:
    """Return what the page holds, having refused what no page of ours may have."""
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert all(load.startswith(("data:image/", "#")) for load in checker.loads)
    assert not re.search(r"url\(|@import|expression\(", html)
    assert "script" not in checker.tags
    assert not re.search(r"<[^>]+\son\w+=", html)
    assert all(image.get("alt") for image in checker.images)
    return checker


@pytest.fixture
def picture() -> Picture:
    return Picture(to_svg(Figure(figsize=(2, 1))), f"Title {EVIL}", f"Caption {EVIL}", f'Alt " {EVIL}')


@pytest.fixture
def open_trades() -> pd.DataFrame:
    orders = [
        {"type": "market", "side": "sell", "quantity": 15.0, "price": np.nan, "rung": 3, "kind": "rung"},
        {"type": "stop", "side": "sell", "quantity": 55.0, "price": 418.25, "rung": None, "kind": "trail"},
    ]
    return pd.DataFrame(
        [
            {
                "trade_id": f"T{EVIL}", "symbol": f"S{EVIL}", "side": "long", "asof": "2024-01-05", "quantity_open": 70,
                "price": 430.5, "open_r": 1.62, "mfe_r": 2.4, "give_back_r": 0.78, "bars_held": 14, "exhaustion": 0.74,
                "hold_value_r": -0.12, "action": "reduce", "action_quantity": 15, "stop_price": 418.25,
                "orders": orders, "reasons": [f"exhaustion {EVIL}"], "warnings": [f"warned {EVIL}"],
            },
            {
                "trade_id": "T-2", "symbol": "IBM", "side": "short", "asof": "2024-01-05", "quantity_open": 3,
                "price": 99.0, "open_r": np.nan, "mfe_r": 0.0, "give_back_r": 0.0, "bars_held": 1, "exhaustion": np.nan,
                "hold_value_r": np.nan, "action": "hold", "action_quantity": 0, "stop_price": 101.0,
                "orders": '[{"type": "limit", "side": "buy", "quantity": 1, "price": 95.5, "rung": 1, "kind": "rung"}]',
                "reasons": "no condition holds; the stop is far", "warnings": "",
            },
        ]
    )  # fmt: skip


@pytest.fixture
def content(picture: Picture, open_trades: pd.DataFrame) -> PageContent:
    policies = pd.DataFrame(
        {
            "policy": ["tuned ladder", f"other {EVIL}"],
            "n_trades": [1200, 1200],
            "expectancy_r": [0.125, -0.0001],
            "expectancy_low": [0.1, np.nan],
            "expectancy_high": [0.15, np.nan],
            "win_rate": [0.512, 0.4],
            "sharpe": [np.nan, np.nan],
            "difference_r": [np.nan, 0.1251],
            "low": [np.nan, -0.02],
            "high": [np.nan, 0.27],
        }
    )
    return PageContent(
        title=f"Run {EVIL}",
        subtitle=f"sub {EVIL}",
        verdict="better",
        verdict_text=f"The tuned ladder made 0.125R more {EVIL}.",
        key_numbers=[KeyNumber(f"Label {EVIL}", "+0.12R", f"note {EVIL}", "good")],
        policies=policies,
        candidate="tuned ladder",
        groups=[PictureGroup(f"Group {EVIL}", [picture], f"text {EVIL}"), PictureGroup("Empty group", [])],
        data_notes=[(f"Symbols {EVIL}", f"A {EVIL}")],
        warnings=[f"warned {EVIL}"],
        open_trades=open_trades,
        ladder_toml=f'name = "{EVIL}"',
        method=[f"method {EVIL}"],
        reproduction=Reproduction(f"exitladder tune {EVIL}", 7, {"numpy": "2.4"}, {"Bars": "abc"}, "f" * 32),
    )


def test_a_page_is_whole_safe_and_complete(content: PageContent) -> None:
    html = page_html(content)
    found = check(html)
    assert "<script" not in html
    assert html.count(EVIL) == 0
    assert found.text.count(EVIL) == 20
    for part in (
        "The tuned ladder made 0.125R more", "1,200", "+0.125", "[+0.100, +0.150]", "51.2%", "[−0.020, +0.270]",
        "abc", "numpy 2.4", "sell 15 at market (rung 3)", "sell 55 stop 418.25 (trail)",
        "buy 1 limit 95.5 (rung 1)", "not investment advice",
    ):  # fmt: skip
        assert part in found.text, part
    assert "Sharpe" not in found.text, "a column without a number is left out"
    assert "Empty group" not in found.text
    assert len(found.images) == 1


def test_a_number_that_rounds_to_nothing_has_no_sign(content: PageContent) -> None:
    assert "−0.000" not in check(page_html(content)).text


def test_the_same_words_stand_under_the_first_picture_only(picture: Picture) -> None:
    group = PictureGroup("Trades", [picture, replace(picture, title="second"), replace(picture, caption="other")])
    text = check(page_html(PageContent(title="t", groups=[group]))).text
    assert text.count("Caption") == 1
    assert "other" in text


def test_a_page_of_nothing_is_still_a_page() -> None:
    found = check(page_html(PageContent(title="Nothing yet")))
    assert "Nothing yet" in found.text
    assert "Exit policies" not in found.text


@pytest.mark.parametrize(
    ("verdict", "word"), [("better", "Better"), ("worse", "Worse"), ("no_difference", "No established difference")]
)
def test_the_verdict_is_in_words_and_not_in_colour_alone(verdict: str, word: str) -> None:
    html = page_html(PageContent(title="t", verdict=verdict, verdict_text="v"))  # type: ignore[arg-type]
    assert word in check(html).text


def test_pages_are_files(tmp_path: Path, content: PageContent) -> None:
    path = write_page(tmp_path / "new" / "report.html", content)
    assert path.read_text(encoding="utf-8") == page_html(content)
    assert b"\r" not in path.read_bytes()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFileError, match="cannot be written"):
        write_page(tmp_path / "file" / "report.html", content)


def test_a_picture_may_be_png() -> None:
    assert Picture(b"\x89PNG...", "t", "c", "a").address.startswith("data:image/png;base64,")


def test_a_picture_without_data_is_left_out() -> None:
    empty = to_page(
        forest_picture(pd.DataFrame(columns=["policy", "difference_r", "low", "high"]), "ladder"), "forest", ""
    )
    full = Picture(b"<svg/>", "Shown", "", "a")
    html = page_html(PageContent("t", groups=[PictureGroup("Both", [empty, full]), PictureGroup("None", [empty])]))
    assert html.count("<img") == 1 and ">Shown</h3>" in html
    assert ">Both</h2>" in html and ">None</h2>" not in html and "#none" not in html


def test_the_same_warning_of_many_trades_is_said_once_above_them() -> None:
    adjusted = [adjusted_warning(symbol, 56.1, 430.5) for symbol in ("AAPL", "IBM")]
    rows = [
        {
            "trade_id": f"T{k}",
            "symbol": symbol,
            "side": "long",
            "action": "hold",
            "orders": [],
            "warnings": [text, "other"],
        }
        for k, (symbol, text) in enumerate([("AAPL", adjusted[0]), ("AAPL", adjusted[0]), ("IBM", adjusted[1])])
    ]
    html = page_html(PageContent("t", open_trades=pd.DataFrame(rows)))
    assert "Do not send the orders of AAPL, IBM:" in html and html.count("Do not send: adjusted prices.") == 3
    assert html.count(NOT_TO_SEND) == 2  # once per symbol


def test_the_risk_of_the_recommended_exit_is_said_from_its_own_row() -> None:
    row = {"policy": "best trailing stop", "n_trades": 381.0, "max_drawdown_account_r": -121.7, "max_open": 44.0,
           "win_rate": 0.226}  # fmt: skip
    other = {**row, "policy": "tuned ladder", "max_drawdown_account_r": -3.0}
    result = {"policies": [other, row], "recommended": {"exit": "best trailing stop"}, "data": {"before_costs": True}}
    walk = {"expectancy_r": {"value": 0.6, "low": -0.16, "high": 1.56}, "resampling": {"confidence": 0.95}}
    text = danger_text(result, {"risk_per_trade": 0.005}, walk)
    assert "-121.7 R" in text and "61% of the account" in text and "0.5% of it at risk" in text
    assert "44 positions" in text and "win rate of 23%" in text and "(95% CI [-0.160, +1.560])" in text
    assert text.endswith("before costs.")
    paid = danger_text({**result, "data": {"before_costs": False}}, {})
    assert "costs" not in paid and "of the account at" not in paid and "CI" not in paid
    assert danger_text({**result, "recommended": {}}, {}) == ""
    assert text.replace("-", "−")[:60] in page_html(PageContent("t", recommendation="Use it.", danger=text))


def test_ladders_without_a_target_are_not_held_against_their_first_target() -> None:
    assert has_target(Ladder(rungs=(Rung(0.5, Target(2.0, "R")),))) and not has_target(Ladder())
    first, own = "all out at the first target", "your own exits"
    summary = {
        "baseline": first, "verdict": "no_difference", "verdict_text": f"the same as '{first}'",
        "beside": {first: {}, own: {}}, "exit_quality": {"policies": {"ladder": {}, first: {}}, "notes": []},
        "data": {"before_costs": True},
    }  # fmt: skip
    kept = without_all_out(summary)
    assert list(kept["beside"]) == [own] and list(kept["exit_quality"]["policies"]) == ["ladder"]
    assert kept["verdict"] is None and first not in kept["verdict_text"] and "before costs" in kept["verdict_text"]
    against_own = without_all_out({**summary, "baseline": own, "verdict_text": "better than own"})
    assert (against_own["verdict"], against_own["verdict_text"]) == ("no_difference", "better than own")


def test_a_page_of_a_run_refers_to_its_walk_forward() -> None:
    page = PageContent("t", verdict_text=f"No verdict: all seen. For one, run: {WALK_FORWARD_COMMAND}. Before costs.")
    text = linked(page, links_between()).verdict_text
    assert text == "No verdict: all seen. For one, see 'Out of sample' (walk.html, linked above). Before costs."
    other = linked(PageContent("t", verdict_text=NO_TARGET), links_between()).verdict_text
    assert "comparison.html" in other and "exitladder" not in other


def test_both_drawdowns_of_a_backtest_have_their_definition() -> None:
    summary = {"max_drawdown_r": {"value": -78.2, "low": None, "high": None}, "max_drawdown_account_r": -121.8}
    shown = {item.label: (item.value, item.note) for item in key_numbers(summary)}
    assert shown["drawdown booked at exits"] == ("-78.2 R", "whole trades in order of their exits")
    assert shown["account drawdown"] == ("-121.8 R", "marked at every close, 1R per trade; verdicts speak of this one")


def test_a_chart_is_explained_by_what_both_of_its_forms_show() -> None:
    text = HOW_TO_READ["equity"][1]
    assert "dashed line" in text and not any(word in text for word in ("shaded", "white"))


def test_a_model_that_changed_no_trade_never_changed_an_exit() -> None:
    assert "never changed an exit" in model_worth(0.0, 0.0, 0.0, 0.95)
    assert "by +0.100 R per trade (95% CI [-0.200, +0.400])" in model_worth(0.1, -0.2, 0.4, 0.95)
    assert "–" in model_worth(0.0, None, None, None)
