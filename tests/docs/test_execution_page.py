"""The page on execution says what the engine does, and its pictures show it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def docs(root: Path) -> Path:
    return root / "docs"


@pytest.fixture
def examples(docs: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(docs))
    return importlib.import_module("rule_examples")


def quoted_lines(page: str) -> dict[str, list[str]]:
    """Return the quoted lines under each picture, by its name."""
    parts = re.split(r"!\[[^\]]+\]\(pictures/rules/(\w+)\.svg\)", page)
    names, texts = parts[1::2], parts[2::2]
    return {name: re.findall(r"^> (.+)$", text, re.MULTILINE) for name, text in zip(names, texts, strict=True)}


def test_every_quoted_line_is_what_the_engine_did(docs: Path, examples: Any) -> None:
    quoted = quoted_lines((docs / "execution.md").read_text())
    assert list(quoted) == [example.name for example in examples.EXAMPLES]
    for example in examples.EXAMPLES:
        done = [examples.describe(case) for case in example.cases]
        # Neighbours in one paragraph of the page may share one line where the engine did the same.
        once = [line for k, line in enumerate(done) if k == 0 or line != done[k - 1]]
        printed = [line for k, line in enumerate(quoted[example.name]) if k == 0 or line != quoted[example.name][k - 1]]
        assert printed == once, example.name


def test_the_page_has_each_rule_and_a_picture_for_it(docs: Path, examples: Any) -> None:
    page = (docs / "execution.md").read_text()
    rules = re.findall(r"^## ([XS]\d+b?) ", page, re.MULTILINE)
    names = [*(f"X{k}" for k in range(1, 8)), "X7b", "X8", "X9", "X10", "X11"]
    assert rules == [*names, *(f"S{k}" for k in range(1, 7))]
    for rule in rules:
        assert f"pictures/rules/{rule.lower()}.svg" in page


def test_each_picture_on_disk_shows_the_fills_of_the_engine(docs: Path, examples: Any) -> None:
    """Pictures hold their text as text, so one that was not drawn anew after a change is found out."""
    folder = docs / "pictures" / "rules"
    assert {p.stem for p in folder.iterdir()} == {example.name for example in examples.EXAMPLES}
    for example in examples.EXAMPLES:
        picture = (folder / f"{example.name}.svg").read_text()
        assert len(picture) < 40_000
        for case in example.cases:
            for row in examples.run(case).fills_frame().to_dict("records"):
                if row["order"] != "entry":
                    what = "marked" if row["order"] == "mark" else examples.order_name(row)
                    assert f"{what}: {row['quantity']:g} @ {row['price']:.2f}" in picture, example.name


def test_a_picture_is_the_same_when_drawn_again(docs: Path, examples: Any) -> None:
    rule_pictures = importlib.import_module("rule_pictures")
    worked = examples.example("worked")
    first, second = (rule_pictures.compact_svg(rule_pictures.draw_example(worked)) for _ in range(2))
    assert first == second
    for text in (
        b"rung 1: 25 @ 52.00",
        b"rung 2: 25 @ 54.50",
        b"breakeven: 50 @ 50.00",
        b"stop 48",
        b"entry 50",
        b"bar 5",
    ):
        assert text in first


def test_the_worked_example_by_hand(examples: Any) -> None:
    (case,) = examples.example("worked").cases
    done = examples.run(case)
    assert done.r[0] == 0.25 * 1 + 0.25 * 2.25 + 0.5 * 0
    assert done.fills.price.tolist() == [50.0, 52.0, 54.5, 50.0]
    assert done.fills.bar.tolist() == [0, 1, 3, 4]
    assert done.reason[0] == "breakeven"
