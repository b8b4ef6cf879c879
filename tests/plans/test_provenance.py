"""What a ladder was tuned on is read and written exactly, and is no part of the ladder."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from exitladder.errors import LadderError
from exitladder.plans.file import ladder_fingerprint, ladder_from_mapping, ladder_to_toml, read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.plans.provenance import TunedOn, trade_fingerprint, without_fingerprints

SECOND = 1_000_000_000
TUNED = TunedOn(
    choice="ladder_with_model",
    exit="tuned ladder",
    model="models:/exitladder-exhaustion/1",
    run="0123",
    verdict="worse",
    verdict_text="'tuned ladder' earned less than \"your own exits\".",
    first=5 * SECOND,
    last=86_400 * SECOND,
    trades=frozenset(trade_fingerprint("AAPL", 1, day * 86_400 * SECOND) for day in range(20)),
)


@pytest.fixture
def ladder() -> Ladder:
    return ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"time": 40}})


def test_the_table_reads_back_equal(ladder: Ladder, tmp_path: Path) -> None:
    path = tmp_path / "ladder.toml"
    path.write_text(ladder_to_toml(replace(ladder, tuned=TUNED)))
    assert read_ladder(path).tuned == TUNED
    table = tomllib.loads(path.read_text())["tuned"]
    assert table["choice"] == "ladder_with_model"
    assert table["until"].isoformat() == "1970-01-02T00:00:00+00:00"
    assert table["n_trades"] == len(table["trades"]) == 20


def test_it_is_never_hashed(ladder: Ladder) -> None:
    marked = replace(ladder, tuned=TUNED)
    assert marked == ladder and hash(marked) == hash(ladder) and repr(marked) == repr(ladder)
    assert ladder_fingerprint(marked) == ladder_fingerprint(ladder)


def test_a_fingerprint_tells_symbol_side_and_entry_bar_apart() -> None:
    prints = {trade_fingerprint(*trade) for trade in (("A", 1, 0), ("A", -1, 0), ("B", 1, 0), ("A", 1, SECOND))}
    assert len(prints) == 4 and all(len(item) == 12 for item in prints)
    # Other programs compute the same: SHA-256 of symbol, side and start of the bar in nanoseconds.
    assert trade_fingerprint("AAPL", 1, 1_577_923_200 * SECOND) == "7bdc32d429bb"


def test_a_page_shows_the_file_without_the_fingerprints(ladder: Ladder) -> None:
    text = without_fingerprints(ladder_to_toml(replace(ladder, tuned=TUNED)))
    assert 'choice = "ladder_with_model"' in text and "n_trades = 20" in text
    assert not any(item in text for item in TUNED.trades)
    plain = ladder_to_toml(ladder)
    assert without_fingerprints(plain) == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choice": "best"}, "tuned.choice must be one of own_exits, simple"),
        ({"verdict": "good"}, "tuned.verdict must be one of better"),
        ({"n_trades": 3}, "must list all 3 trades"),
        ({"trades": "all"}, "must be a list of fingerprints"),
        ({"until": "yesterday"}, "must be a timestamp with a time zone"),
        ({"spam": 1}, "Unknown key 'spam' in tuned"),
    ],
)
def test_what_was_edited_by_hand_is_refused(ladder: Ladder, change: dict[str, object], message: str) -> None:
    table = tomllib.loads(ladder_to_toml(replace(ladder, tuned=TUNED)))
    table["tuned"] |= change
    with pytest.raises(LadderError, match=message):
        ladder_from_mapping(table)
