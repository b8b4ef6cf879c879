"""Tables, JSON and CSV of the same data; progress where it belongs."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd

from exitladder.cli.output import rendered
from exitladder.cli.stages import Bars, Lines, stages_on

MAPPING = {
    "run_id": "a1",
    "value": float("nan"),
    "interval": [0.1, 0.25],
    "expectancy_r": {"value": 0.1, "low": -0.25, "high": 0.5},
    "win_rate": {"value": 0.5, "low": None, "high": None},
    "model": {"auc": 0.61234567, "at": pd.Timestamp("2024-01-31", tz="UTC")},
    "rows": [{"policy": "all out", "r": 0.1}, {"policy": "ladder", "r": None}],
}


def test_mapping_in_every_form() -> None:
    stream = io.StringIO()
    parsed = json.loads(rendered(MAPPING, "json", stream))
    assert parsed["value"] is None and parsed["model"]["at"] == "2024-01-31T00:00:00Z"
    pairs = dict(list(csv.reader(io.StringIO(rendered(MAPPING, "csv", stream))))[1:])
    assert pairs["model.auc"] == "0.61234567" and pairs["model.at"] == "2024-01-31T00:00:00Z"
    assert pairs["interval"] == "0.1, 0.25" and pairs["rows.1.policy"] == "ladder"
    table = rendered(MAPPING, "table", stream)
    assert "expectancy_r   0.1 [-0.25, 0.5]\nwin_rate       0.5\n" in table
    assert pairs["expectancy_r.low"] == "-0.25"
    assert "model.auc      0.612346" in table and "\nrows\npolicy" in table and "all out" in table


def test_json_is_ascii_and_csv_keeps_all_digits() -> None:
    frame = pd.DataFrame({"name": ["Zürich"], "r": [0.1 + 0.2]})
    assert rendered(frame, "json", io.StringIO()).isascii()
    assert json.loads(rendered(frame, "json", io.StringIO())) == [{"name": "Zürich", "r": 0.1 + 0.2}]
    assert rendered(frame, "csv", io.StringIO()) == "name,r\nZürich,0.30000000000000004\n"


def test_a_table_that_is_no_screen_is_never_cut() -> None:
    frame = pd.DataFrame({"message": ["x" * 500], "n": [1]})
    assert "x" * 500 in rendered(frame, "table", io.StringIO())
    assert rendered(frame.head(0), "table", io.StringIO()).startswith("message")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_stages_are_lines_or_bars() -> None:
    stream = io.StringIO()
    shown = stages_on(stream)
    assert isinstance(shown, Lines)
    with shown.stage("training", 10) as advance:
        advance(3)
    assert stream.getvalue().startswith("training: done in 0.")
    screen = Screen()
    bars = stages_on(screen)
    assert isinstance(bars, Bars)
    with bars.stage("training", 10) as advance:
        for _ in range(5):
            advance(2)
    assert "training" in screen.getvalue() and "10/10" in screen.getvalue()
