"""The notebook of the whole workflow runs from the first cell to the last; its many pictures are not stored."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

import exitladder

BASELINES = (
    "best simple exit",
    "best single target",
    "best trailing stop",
    "classic 25/25/50",
    "hold to the time stop",
)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebook works: its runs and files land there."""
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def cells(root: Path, folder: Path) -> dict[str, Any]:
    """The cells of the main job after they have run, by their ids."""
    with pytest.MonkeyPatch.context() as patch:
        # The kernel runs elsewhere, and must find the package that is tested here.
        patch.setenv("PYTHONPATH", str(Path(exitladder.__file__).resolve().parents[1]))
        patch.setenv("IPYTHONDIR", str(folder / ".ipython"))
        notebook = read(root / "notebooks" / "main_job.ipynb")
        client = NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        client.execute()
    return {cell.id: cell for cell in notebook.cells}


def printed(cell: Any) -> str:
    """Return what a cell printed and the plain form of what it showed."""
    shown = [o.get("data", {}).get("text/plain", "") for o in cell.outputs]
    return "\n".join([o.text for o in cell.outputs if o.output_type == "stream"] + shown)


def n_pictures(cell: Any) -> int:
    return sum("image/svg+xml" in o.get("data", {}) for o in cell.get("outputs", []))


def test_it_is_kept_without_outputs(root: Path) -> None:
    notebook = read(root / "notebooks" / "main_job.ipynb")
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [], cell.id
            assert cell.execution_count is None, cell.id


def test_runs_without_warnings(cells: dict[str, Any], folder: Path) -> None:
    for cell in cells.values():
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", (cell.id, output.text)
    assert (folder / "mlruns").is_dir()


def test_shows_the_four_baselines_and_the_verdict(cells: dict[str, Any], folder: Path) -> None:
    result = json.loads((folder / "tuned" / "tune.json").read_text())
    table = printed(cells["tune"])
    for name in ("tuned ladder", *BASELINES):
        assert name in table
    assert result["verdict_text"] in printed(cells["verdict"])
    assert result["baseline"] in BASELINES


def test_claims_no_more_of_the_model_than_its_numbers(cells: dict[str, Any]) -> None:
    text = printed(cells["train"])
    mine, constant = (
        float(text.split(before)[1].split(after)[0]) for before, after in (("log loss", ","), ("base rate", ";"))
    )
    assert mine == constant or ("no better than" in text) == (mine > constant)
    assert "leak check: passed" in text


def test_compares_on_trades_never_tuned_on(cells: dict[str, Any], folder: Path) -> None:
    result = json.loads((folder / "tuned" / "tune.json").read_text())
    tables = {name: pd.read_csv(folder / name / "trades.csv") for name in ("classic", "tuned")}
    for table in tables.values():
        assert len(table) == result["n_test"]
        assert (pd.to_datetime(table["entry_time"]) >= pd.Timestamp(result["test_from"])).all()
    difference = (tables["tuned"]["r"] - tables["classic"]["r"]).mean()
    outcome = re.search(r"(\S+) R per trade", printed(cells["compare"]))
    assert outcome is not None
    assert float(outcome[1]) == pytest.approx(difference, abs=0.00501)


def test_gives_advice_on_what_is_open(cells: dict[str, Any], folder: Path) -> None:
    trades = pd.read_csv(folder / "tuned" / "trades.csv")
    still_open = trades.loc[trades["status"] == "open", "trade_id"]
    assert len(still_open)
    text = printed(cells["score"])
    assert all(trade_id in text for trade_id in still_open)


def test_shows_its_pictures(cells: dict[str, Any]) -> None:
    counts = {name: n_pictures(cell) for name, cell in cells.items() if n_pictures(cell)}
    assert counts == {"ladder": 1, "one-trade": 1, "model-pictures": 4, "tuned-pictures": 4}
