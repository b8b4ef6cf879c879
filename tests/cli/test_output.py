"""Tables, JSON and CSV of the same data; progress where it belongs."""

from __future__ import annotations

import csv
import io
import json
import re
import time

import pandas as pd
import pytest

from exitladder.cli.output import rendered
from exitladder.cli.stages import Bars, Lines, print_above, stages_on

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


def test_a_stage_of_minutes_tells_how_far_it_is_in_a_file() -> None:
    stream = io.StringIO()
    with Lines(stream, news_seconds=0.02).stage("training", 10) as advance:
        advance(3)
        begin = time.monotonic()
        while "\n" not in stream.getvalue() and time.monotonic() < begin + 10:
            time.sleep(0.01)
    assert stream.getvalue().startswith("training: at work for 0 s (3 of 10)\n")


def test_a_long_stage_is_a_line_in_a_file() -> None:
    stream = io.StringIO()
    shown = stages_on(stream)
    assert isinstance(shown, Lines)
    with shown.stage("too short to tell", 10):
        pass
    assert stream.getvalue() == ""
    shown = Lines(stream, least_seconds=0.0)
    with pytest.raises(ValueError), shown.stage("training", 10) as advance:
        advance(3)
        raise ValueError
    with shown.stage("training", 10) as advance:
        advance(3)
        advance(7)
    with shown.stage("page", 1):
        pass
    lines = [re.sub(r"[0-9.]+ s", "0.1 s", line) for line in stream.getvalue().splitlines()]
    assert lines == [
        "training: stopped after 0.1 s (3 of 10)",
        "training: done in 0.1 s (10 of 10)",
        "page: done in 0.1 s",
    ]


def test_a_warning_during_a_stage_stands_on_lines_of_its_own() -> None:
    screen = Screen()
    assert not print_above("no stage runs")
    with Bars(screen, least_seconds=0.0).stage("training", 10) as advance:
        advance(2)
        time.sleep(0.2)
        assert print_above("warning: [a bracket] is kept as it is")
        time.sleep(0.2)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).replace("\r", "\n").splitlines()
    assert "warning: [a bracket] is kept as it is" in lines
    assert not print_above("the stage has ended")


def test_a_long_stage_is_a_bar_on_a_terminal() -> None:
    assert isinstance(stages_on(Screen()), Bars)
    screen = Screen()
    bars = Bars(screen, least_seconds=0.0)
    with bars.stage("training", 10) as advance:
        for _ in range(5):
            advance(2)
        with bars.stage("one of its parts", 4) as inner:
            inner(1)
            time.sleep(0.25)
    assert "training" in screen.getvalue() and "10 of 10" in screen.getvalue()
    assert "one of its parts" in screen.getvalue() and "1 of 4" in screen.getvalue()
    # at its end, the inner stage is gone
    assert "one of its parts" not in screen.getvalue().rpartition("training")[2]
    quick = Screen()
    bars = Bars(quick, least_seconds=60.0)
    with bars.stage("too short to tell", 10):
        pass
    with pytest.raises(ValueError), bars.stage("too short to tell", 10):
        raise ValueError
    assert quick.getvalue() == ""
