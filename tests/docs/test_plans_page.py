"""The examples of docs/plans.md print what the page shows, and its plans are valid."""

from __future__ import annotations

import doctest
import re
import tomllib
from pathlib import Path

from exitladder.plans.file import ladder_from_mapping

PAGE = Path(__file__).parents[2] / "docs" / "plans.md"


def test_the_examples_of_the_page() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted >= 6
    assert not found.failed


def test_the_plans_of_the_page_are_valid() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        assert ladder_from_mapping(tomllib.loads(block)).adds
