"""The page of documentation is what the code says."""

from __future__ import annotations

from pathlib import Path

from exitladder.features.catalogue_page import catalogue_page


def test_the_page_is_in_step(root: Path) -> None:
    written = (root / "docs" / "features.md").read_text(encoding="utf-8")
    assert written == catalogue_page(), "run: python -m exitladder.features.catalogue_page > docs/features.md"


def test_the_page_has_one_row_a_column() -> None:
    rows = [line for line in catalogue_page().splitlines() if line.startswith(("| `", "| **`"))]
    assert len(rows) == len({row.split("`")[1] for row in rows})
    assert any("`rsi_14`" in row and "TA-Lib RSI" in row for row in rows)
