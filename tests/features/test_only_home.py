"""Training and scoring see a market by the features alone: nobody else computes an indicator for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

INDICATORS = r"\btalib\b|\.rolling\(|\.ewm\(|\.pct_change\(|features\.(windows|families)\b"


@pytest.mark.parametrize("room", ["models", "pipelines"])
def test_no_other_room_computes_an_indicator(root: Path, room: str) -> None:
    for path in sorted((root / room).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(INDICATORS, text), path


def test_learning_knows_no_features_by_name(root: Path) -> None:
    """Models get a matrix and its names; which features these are is the settings' affair."""
    for path in sorted((root / "models").rglob("*.py")):
        assert "exitladder.features" not in path.read_text(encoding="utf-8"), path
