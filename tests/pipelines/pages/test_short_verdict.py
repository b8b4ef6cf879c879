"""The short form of a verdict: nothing is lost between it and its details."""

from __future__ import annotations

import pytest

from exitladder.pipelines.pages.first_lines.short_verdict import split_verdict

COSTS = "All results are before costs: no costs are set ([costs])."


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Better by +0.1 R.", "Better by +0.1 R."),
        ("Better. Risk, 'a' vs 'b': 1 vs 2. It was tuned 4 times.", "Better."),
        (f"Better. It was tuned 4 times. {COSTS} The gain takes time: 9.4 bars.", f"Better. {COSTS}"),
        (f"Better. {COSTS}", f"Better. {COSTS}"),
        ("", ""),
    ],
)
def test_details_are_split_off_and_nothing_is_lost(text: str, short: str) -> None:
    first, details = split_verdict(text)
    assert first == short
    assert sorted(f"{first} {details}".split()) == sorted(text.split())
