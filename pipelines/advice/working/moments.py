"""Moments as scores hold them, written and read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def moment_text(moment: int) -> str:
    """Return a moment as ``managed_from`` holds it: a date if it is midnight UTC, else with the time.

    Examples
    --------
    >>> moment_text(pd.Timestamp("2024-03-01").value), moment_text(pd.Timestamp("2024-03-01 15:30").value)
    ('2024-03-01', '2024-03-01T15:30:00Z')
    """
    when = pd.Timestamp(moment, tz="UTC")
    return f"{when:%Y-%m-%d}" if when == when.normalize() else f"{when:%Y-%m-%dT%H:%M:%SZ}"


def entered_at(row: Mapping[str, Any]) -> int | None:
    """Return when the trade of an earlier row was entered, nanoseconds since 1970 UTC; None if it does not say."""
    entered = pd.to_datetime(str(row.get("entry_time") or ""), utc=True, errors="coerce")
    return None if pd.isna(entered) else int(entered.as_unit("ns").value)
