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
from exitladder.pipelines.pages.page import (
    KeyNumber,
    PageContent,
    PictureGroup,
    Reproduction,
    page_html,
    write_page,
)
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.plots.style import to_svg

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
    assert found.text.count(EVIL) == 19
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
