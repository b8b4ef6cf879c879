"""Tables on a narrow terminal: nothing is broken inside a word, a number or a date."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from exitladder.cli.output import rendered
from exitladder.cli.screen import fitted
from exitladder.cli.session import Session
from exitladder.settings.loading import load_settings

N = 12
FRAME = pd.DataFrame(
    {
        "symbol": [f"SYM{k}" for k in range(N)],
        "first": pd.date_range("2007-01-03", periods=N, tz="UTC"),
        "last_bar_of_all": pd.date_range("2013-12-30 23:05", periods=N, freq="5min", tz="UTC"),
        **{f"n_of_some_kind_{k}": range(10**6, 10**6 + N) for k in range(6)},
        "message": ["a text of several words that can be wrapped"] * N,
    }
)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [60, 80, 120, 400])
def test_words_numbers_and_dates_stay_whole(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = rendered(FRAME, "table", Screen())
    assert max(map(len, text.splitlines())) <= width
    words = set(text.split())
    assert {"SYM3", "2007-01-03", "2013-12-30", "23:10", "1000003", "wrapped", "symbol"} <= words
    # each block repeats the first column, and no other column comes twice
    assert text.count("SYM3") == len([line for line in text.splitlines() if line.startswith("symbol")])
    assert text.count("1000003") == 6 and text.count("2007-01-03") == 1


def test_a_word_wider_than_the_screen_is_folded_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = rendered(pd.DataFrame({"name": ["run"], "path": ["x" * 100]}), "table", Screen())
    assert text.count("x") == 100 and max(map(len, text.splitlines())) <= 40


def test_large_numbers_are_written_out() -> None:
    text = rendered(pd.DataFrame({"volume": [6694139.4], "ratio": [1.25]}), "table", io.StringIO())
    assert "6694139" in text and "1.25" in text and "e+" not in text


def test_text_wraps_on_a_screen_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    text = "- a sentence that is wider than the screen\nshort"
    assert fitted(text, io.StringIO()) == text
    assert fitted(text, Screen()) == "- a sentence that is wider\n  than the screen\nshort"


def test_names_do_not_steer_the_terminal() -> None:
    stream = io.StringIO()
    Session(load_settings(None), "table", True, stream).write("symbol \x1b[2J\nnext line\n")
    assert stream.getvalue() == "symbol \\x1b[2J\nnext line\n"
