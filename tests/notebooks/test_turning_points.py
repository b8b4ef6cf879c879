"""The notebook on turning points runs, and its conclusions follow from its numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import exitladder


@pytest.fixture(scope="module")
def cells(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cells after they have run, by their ids."""
    folder = tmp_path_factory.mktemp("turning_points")
    with pytest.MonkeyPatch.context() as patch:
        # The kernel runs elsewhere, and must find the package that is tested here.
        patch.setenv("PYTHONPATH", str(Path(exitladder.__file__).resolve().parents[1]))
        patch.setenv("IPYTHONDIR", str(folder / ".ipython"))
        notebook = nbformat.read(root / "notebooks" / "turning_points.ipynb", as_version=4)
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    return {cell.id: cell for cell in notebook.cells}


def printed(cell: Any) -> str:
    shown = [o.get("data", {}).get("text/plain", "") for o in cell.outputs]
    return "\n".join([o.text for o in cell.outputs if o.output_type == "stream"] + shown)


def test_runs_without_warnings(cells: dict[str, Any]) -> None:
    for cell in cells.values():
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", (cell.id, output.text)


def test_finds_the_tops_that_are_in_the_bars(cells: dict[str, Any]) -> None:
    text = printed(cells["tops"])
    for day in ("2000-09-01", "2007-12-28", "2012-09-19"):
        assert day in text
    assert "AAPL's highest close was on 2012-09-19" in printed(cells["one"])


def test_has_a_line_for_every_family_of_bars(cells: dict[str, Any]) -> None:
    for family in ("momentum", "oscillators", "stretch", "volatility", "volume", "levels", "regime", "cross_asset"):
        assert family in printed(cells["features"]) and family in printed(cells["ranks"])


def test_claims_no_more_than_luck_allows(cells: dict[str, Any]) -> None:
    """The closing words say that some of it is luck: that must be so."""
    best, typical, rare = map(float, re.findall(r"0\.\d+", printed(cells["chance"])))
    assert typical < best < rare + 0.05


def test_shows_two_pictures(cells: dict[str, Any]) -> None:
    pictures = [c.id for c in cells.values() for o in c.get("outputs", []) if "image/png" in o.get("data", {})]
    assert pictures == ["weeks", "one"]
