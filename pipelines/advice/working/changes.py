"""What changed since earlier scores: the stop, the orders, the action and the model's view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exitladder.pipelines.advice.wording.sentences import price_text

_SAME = 1e-9
_POINTS = 0.05


def changes_since(row: Mapping[str, Any], previous: Mapping[str, Any] | None) -> list[str]:
    """Return what changed since a trade's row of earlier scores, in words; nothing without such a row."""
    if previous is None:
        return []
    texts = []
    if row["action"] != previous.get("action"):
        texts.append(f"action: {previous.get('action')} to {row['action']}")
    for name, label in (("stop_price", "stop"), ("quantity_open", "open quantity")):
        old, new = _number(previous.get(name)), _number(row[name])
        if not (np.isnan(old) and np.isnan(new)) and not abs(new - old) <= _SAME * abs(old):
            texts.append(f"{label}: {price_text(old) or 'none'} to {price_text(new) or 'none'}")
    old, new = _number(previous.get("exhaustion")), _number(row["exhaustion"])
    if abs(new - old) >= _POINTS:
        texts.append(f"exhaustion: {old:.0%} to {new:.0%}")
    return texts


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
