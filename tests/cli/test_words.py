"""Names of JSON as words on a screen."""

from __future__ import annotations

import pandas as pd

from exitladder.cli.screens.parts import texts_table
from exitladder.cli.screens.promote import history_screen
from exitladder.cli.screens.words import frame_in_words, mapping_in_words


def test_words_for_names_and_no_value_is_lost() -> None:
    moment = pd.Timestamp("2024-01-31 07:15", tz="UTC")
    found = mapping_in_words({"n_without_stop": 3, "is_well": True, "first_entry": moment, "symbols": []})
    assert found == {"without stop": 3, "well": "yes", "first entry": "2024-01-31 07:15 UTC"}
    # two names that would be one word keep their own
    assert mapping_in_words({"n_rows": 1, "rows": 2}) == {"n_rows": 1, "rows": 2}
    assert mapping_in_words({"rows": 2, "n_rows": 1}) == {"rows": 2, "n_rows": 1}
    frame = frame_in_words(pd.DataFrame({"n_rows": [1], "rows": [2], "is_sent": [True]}))
    assert frame.to_dict("list") == {"n_rows": [1], "rows": [2], "sent": ["yes"]}


def test_a_column_without_text_is_left_out() -> None:
    text = texts_table([{"a": "x", "p": "", "n": 0}, {"a": "y", "p": None, "n": 2}])
    assert text.split() == ["a", "n", "─" * 5, "x", "0", "y", "2"]
    assert texts_table([]) == ""


def test_the_history_of_promotions_says_who_when_and_why() -> None:
    row = {"number": 2, "at": "2024-01-31 07:15:30 UTC", "alias": "champion", "slot": "model", "action": "promote"}
    row |= {"run_id": "b" * 32, "model": "models:/desk/2", "who": "ada", "because": "it was better", "before": "a" * 32}
    text = history_screen(pd.DataFrame([row | {"failed": "min_trades, verdict"}]))
    assert text.startswith("2. 2024-01-31 07:15 UTC, promote by ada\n  champion among the models: " + "b" * 32)
    assert "reason: it was better" in text and "failed: min trades, verdict" in text and "a" * 32 in text
    assert history_screen(pd.DataFrame()) == "Nothing was promoted yet.\n"
