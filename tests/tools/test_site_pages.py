"""The documentation site: links that fit it, pages written from the program, and no request to another server."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from site_pages import links, meanings, notebooks, offline, reference

from exitladder.cli.program import COMMANDS
from exitladder.settings.tables import Settings


def test_links_lead_to_pages_of_the_site() -> None:
    text = (
        "[a](../README.md#x) [b](tuning.md#y) [c](../src/exitladder/errors.py) [d](https://example.org) "
        "![p](pictures/equity.png) [e](../notebooks/own_bars.ipynb) [f](#here)\n\n```sh\n[g](../README.md)\n```\n"
    )
    assert links.rewrite_links(text, "docs/model.md", "model.md") == (
        "[a](index.md#x) [b](tuning.md#y) c [d](https://example.org) "
        "![p](pictures/equity.png) [e](notebooks/own_bars.md) [f](#here)\n\n```sh\n[g](../README.md)\n```\n"
    )
    assert links.rewrite_links("[a](docs/tuning.md)", "README.md", "index.md") == "[a](tuning.md)"
    assert links.rewrite_links("[a](../tuning.md)", "docs/design/layout.md", "design/layout.md") == "[a](../tuning.md)"


def test_what_a_page_loads_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<link rel="canonical" href="https://a.org"><a href="https://b.org">b</a><script src="app.js"></script>'
        '<script src="https://c.org/x.js"></script><img src="//d.org/x.png"><style>p{background:url("http://e.org")}'
        '</style><link rel="stylesheet" href="https://f.org/x.css">'
    )
    (tmp_path / "b.css").write_text('@import "https://g.org/x.css"; p {background: url(x.png)}')
    found = [re.sub(r"https?:|/", "", address)[:5] for _, address in offline.foreign_loads(tmp_path)]
    assert sorted(found) == ["c.org", "d.org", "e.org", "f.org", "g.org"]


def notebook(tmp_path: Path, outputs: list[dict[str, Any]]) -> Path:
    path = tmp_path / "story.ipynb"
    cells = [
        {"cell_type": "markdown", "id": "head", "metadata": {}, "source": ["# Story"]},
        {"cell_type": "code", "id": "one", "metadata": {}, "source": ["1 + 1"], "outputs": outputs},
    ]
    path.write_text(json.dumps({"cells": cells}))
    return path


def test_a_notebook_becomes_a_page_with_its_outputs(tmp_path: Path) -> None:
    outputs: list[dict[str, Any]] = [
        {"output_type": "stream", "name": "stdout", "text": ["\x1b[1mtwo\x1b[0m\n"]},
        {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": ["<Figure size 1x1>"]}},
    ]
    page, pictures = notebooks.notebook_page(notebook(tmp_path, outputs))
    assert page.startswith("# Story\n\n*This page is the notebook `notebooks/story.ipynb`, with")
    assert "```python\n1 + 1\n```\n\n```text\ntwo\n```" in page
    assert pictures == {"story-one-0.png": b"hi"} and "](story-one-0.png)" in page
    with pytest.raises(ValueError, match="cell one ended with KeyError"):
        notebooks.notebook_page(notebook(tmp_path, [{"output_type": "error", "ename": "KeyError"}]))


def test_reference_pages_hold_what_the_program_has() -> None:
    commands, settings, ladder = (reference.PAGES[name]() for name in ("commands", "settings", "ladder"))
    for name in COMMANDS:
        assert f"## exitladder {name}" in commands
    assert "`--walk-forward`" in commands and "exitladder bars fetch" in commands
    assert f"| `search.n_rungs` | `{list(Settings().search.n_rungs)}` |" in settings
    for key in ("breakeven_after", "trail_from", "commission_bps", "intrabar", 'time = "3 sessions"'):
        assert f"| `{key}` |" in ladder
    # Every row of every table has a meaning.
    for page in (settings, ladder):
        assert not re.findall(r"^\| `[^|]+\| \| *\|$|\|  \|$", page, re.MULTILINE)


def test_columns_and_measures_come_from_the_program() -> None:
    columns, measures = reference.PAGES["columns"](), reference.PAGES["measures"]()
    for name in ("managed_from", "give_back_r", "fill_id", "after_best_r", "urgency"):
        assert f"`{name}`" in columns
    assert "`exit_efficiency`" in measures and "sharpe_daily" in measures


def test_every_page_has_its_place_in_the_navigation(root: Path) -> None:
    """The build fails otherwise, but takes longer."""
    config = (root / "mkdocs.yml").read_text()
    pages = [path.name for path in sorted((root / "docs").glob("*.md"))]
    assert [name for name in pages if f": {name}\n" not in config] == []


def test_every_column_has_a_unit_and_a_meaning() -> None:
    from exitladder.measures.after_exit import COLUMNS as AFTER_EXIT
    from exitladder.trades.files import OPTIONAL, REQUIRED
    from exitladder.trades.fills import FILL_COLUMNS

    assert set(meanings.BROUGHT) == {*REQUIRED, *OPTIONAL} and set(meanings.FILLS_BROUGHT) == set(FILL_COLUMNS)
    assert set(meanings.AFTER_EXIT) == set(AFTER_EXIT)
    assert meanings.meaning("trades.csv", "hindsight_first_exit_5_bars_later_r") == (
        "R", "Everything sold that much later, less the exits made.",
    )  # fmt: skip
    assert meanings.meaning("fills.csv", "unknown") is None
    page = reference.PAGES["columns"]()
    assert not re.findall(r"^\| `[^|]+\|[^|]*\| *\|$", page, re.MULTILINE)
    from exitladder.measures.exits.built import COLUMNS as AS_BUILT

    assert all(meanings.meaning("exit_quality.csv", name) for name in AS_BUILT)
    from exitladder.execution.book.book import Curve

    assert set(meanings.BOOK) == set(Curve._fields)
