"""The notebooks that tell a story run, and what is stored in them holds what they say."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import exitladder

STORIES = (
    "own_bars",
    "scaling_out",
    "tuning_honestly",
    "an_evening",
    "model_judged",
    "adds_and_sizes",
    "options_and_books",
)
STORED = (*STORIES, "turning_points")
MOST_BYTES = 200_000
# What makes a run here cheaper than the stored one.
CHEAPER = {
    "scaling_out": {
        "study.real([*study.ALL_MARKETS], study.DATA)": 'study.real(["sample"], study.DATA)',
        "study.controls(0)": "study.controls(0, n=2, n_bars=600)",
        "n_bootstrap=500": "n_bootstrap=100",
    },
    "adds_and_sizes": {"n_bootstrap=500": "n_bootstrap=50", "def walk(n=6000": "def walk(n=1500"},
    "model_judged": {
        'WORLDS["strong"], 1000, 0': 'WORLDS["strong"], 150, 0',
        "n_estimators=40": "n_estimators=5",
        "row_step=6": "row_step=20",
    },
}


def shown(notebook: Any) -> dict[str, str]:
    """What each code cell shows as text, by its id."""
    return {
        cell.id: "\n".join(
            str(output.get("text") or output.get("data", {}).get("text/plain", "")) for output in cell.outputs
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def read(root: Path, name: str) -> Any:
    return nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)


def cheaper(notebook: Any, name: str) -> Any:
    for before, after in CHEAPER.get(name, {}).items():
        (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and before in cell.source]
        cell.source = cell.source.replace(before, after)
    return notebook


@pytest.fixture(scope="module")
def again(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run a notebook once, and return what its cells show."""
    kept: dict[str, dict[str, str]] = {}

    def run(name: str) -> dict[str, str]:
        if name not in kept:
            folder = tmp_path_factory.mktemp(name)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("PYTHONPATH", str(Path(exitladder.__file__).resolve().parents[1]))
                patch.setenv("IPYTHONDIR", str(folder / ".ipython"))
                patch.chdir(folder)
                notebook = cheaper(read(root, name), name)
                resources = {"metadata": {"path": os.fspath(folder)}}
                NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
            streams = [o for cell in notebook.cells for o in cell.get("outputs", []) if o.get("name") == "stderr"]
            assert streams == []
            kept[name] = shown(notebook)
        return kept[name]

    return run


@pytest.mark.parametrize("name", STORED)
def test_outputs_are_stored_small_and_without_errors(root: Path, name: str) -> None:
    path = root / "notebooks" / f"{name}.ipynb"
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) <= MOST_BYTES
    assert not re.search(r'"output_type": "error"|"/(?:home|tmp|work|root|Users)/', text)
    notebook = read(root, name)
    nbformat.validate(notebook)
    assert any(cell.get("outputs") for cell in notebook.cells)
    assert all(cell.get("execution_count") is None for cell in notebook.cells)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own_bars", "an_evening", "tuning_honestly", "options_and_books"])
def test_a_story_shows_again_what_is_stored(root: Path, again: Any, name: str) -> None:
    stored = shown(read(root, name))
    for cell, text in again(name).items():
        assert text == stored[cell], cell


def test_own_bars_finds_its_planted_defects(root: Path) -> None:
    found = shown(read(root, "own_bars"))["repair"]
    for words in ("increase from row to row", "appears again", "high must not be below low", "9998%"):
        assert words in found


def test_the_best_of_many_is_chance_on_a_driftless_market(root: Path) -> None:
    text = shown(read(root, "tuning_honestly"))
    chosen, other = map(float, re.findall(r"[+-]\d\.\d+", text["many"]))
    assert chosen > other
    mean, error = map(float, re.findall(r"[+-]?\d\.\d+", text["walk"].splitlines()[0]))
    assert abs(mean) < 2.5 * error


def test_the_evening_names_what_is_wrong(root: Path) -> None:
    text = shown(read(root, "an_evening"))
    assert "see whether it filled. If not, sell 100 at the open" in text["tuesday"] and "AAPL" not in text["wednesday"]
    assert "Your stop of 361.39 was reached; see whether it filled" in text["wednesday"]
    assert "stop_price must be below entry_price" in text["mistake"]


def test_the_planted_model_has_an_edge_and_the_real_one_has_none(root: Path) -> None:
    finding = shown(read(root, "model_judged"))["money"].splitlines()[-1].split()
    assert finding == ["finding", "edge", "no", "edge"]


def test_the_drawdown_of_the_control_shrinks_as_on_real_markets(root: Path) -> None:
    stored = shown(read(root, "scaling_out"))
    assert "8 markets" in stored["run"]
    rows = [re.findall(r"[+-]\d+%", line) for line in stored["sharpe"].splitlines() if "[" in line]
    control = [[int(cell.rstrip("%")) for cell in row] for row in rows[-3:]]
    assert all(in_r < -20 and abs(equal) < 5 for in_r, equal in control)


def test_no_plan_or_size_of_the_story_pays(root: Path) -> None:
    stored = shown(read(root, "adds_and_sizes"))
    assert "planned risk 1800.0" in stored["paper"]
    intervals = re.findall(r"\[([+-]\d\.\d+), ([+-]\d\.\d+)\]", stored["adds"])
    assert len(intervals) == 6
    assert all(float(low) < 0 < float(high) for low, high in intervals)
    assert re.search(r"5% of equity +-0.3% +-100.0% +-97%", stored["sizes"])


@pytest.mark.slow
def test_adds_and_sizes_run(again: Any) -> None:
    found = again("adds_and_sizes")
    assert "planned risk 1800.0" in found["paper"]
    assert found["markets"].startswith("shares, breakouts: 762 trades")


@pytest.mark.slow
def test_scaling_out_runs(again: Any) -> None:
    found = again("scaling_out")
    assert "1 markets" in found["run"]
    (difference,) = re.findall(r"\d\.\de-\d+", found["identity"])
    assert float(difference) < 1e-12


@pytest.mark.slow
def test_the_judged_models_run(again: Any) -> None:
    assert "passed" in again("model_judged")["train"]


def test_the_book_and_the_options_claim_what_their_numbers_say(root: Path) -> None:
    text = shown(read(root, "options_and_books"))
    rows = {line.split()[0]: re.findall(r"[+-]\d\.\d+", line) for line in text["against"].splitlines() if "[" in line}
    fall, earned = ([float(x) for x in rows[name]] for name in ("max_drawdown", "return_per_year"))
    assert fall[3] > 0 and earned[3] < 0 < earned[4] and earned[2] < 0
    assert "as many as stated, but they come in clusters" in text["var"]
    sales = [line.split()[-2:] for line in text["tonight"].splitlines() if "-L" in line]
    # the evening sells what the backtest sold
    assert len(sales) == 4 and all(ours == theirs != "0" for ours, theirs in sales)
    assert "20 are needed" in " ".join(text["example"].split())
    assert text["worlds"].split("\n\n")[1].startswith("Hold to expiry")
    assert "earned more than 'hold to expiry'" in " ".join(text["crash"].split())
    assert "tuned on 120 of the 120 positions" in text["again"]
