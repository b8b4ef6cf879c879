"""Times of a ladder's exits as its file writes them: bars, sessions, durations and times of day."""

from __future__ import annotations

import re

from exitladder.errors import LadderError

_NUMBER = r"(\d+\.?\d*|\.\d+)"
_DURATION = re.compile(rf"\s*{_NUMBER}\s*(m|h|d)\s*")
_COUNT = re.compile(r"\s*(\d+)\s*(bar|session)s?\s*")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0}


def hours_from_text(text: object, place: str) -> float:
    """Return the hours of a duration such as ``"36h"``, ``"90m"`` or ``"2d"``; `place` is used in error messages.

    Examples
    --------
    >>> hours_from_text("90m", "stop.max_gap")
    1.5
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or float(match[1]) <= 0:
        raise LadderError(f'{place} must be a duration above 0, such as "36h", "90m" or "2d", but is {text!r}.')
    return float(match[1]) * _HOURS[match[2]]


def hours_text(hours: float) -> str:
    """Return hours as text that `hours_from_text` reads back to the bit.

    Examples
    --------
    >>> hours_text(36.0), hours_text(1.5)
    ('36h', '1.5h')
    """
    return f"{int(hours) if hours == int(hours) else repr(hours)}h"


def time_from_text(value: object, place: str) -> dict[str, object]:
    """Return ``stop.time`` as the field of `exitladder.plans.ladder.Stop` that holds it.

    Examples
    --------
    >>> time_from_text("40 bars", "stop.time"), time_from_text("6h", "stop.time"), time_from_text("1 session", "")
    ({'time': 40}, {'hours': 6.0}, {'sessions': 1})
    """
    if not isinstance(value, str):
        return {"time": value}
    if match := _COUNT.fullmatch(value):
        return {"time" if match[2] == "bar" else "sessions": int(match[1])}
    if _DURATION.fullmatch(value):
        return {"hours": hours_from_text(value, place)}
    raise LadderError(f'{place} must be given in bars (40), hours ("6h") or sessions ("3 sessions"), but is {value!r}.')


def is_clock(text: object) -> bool:
    """Whether a text is a time of day such as ``15:55``; ``24:00`` is the end of the day."""
    return isinstance(text, str) and _CLOCK.fullmatch(text) is not None


def minutes_of(clock: str) -> int:
    """Return the minutes of a time of day since midnight.

    Examples
    --------
    >>> minutes_of("15:55")
    955
    """
    return int(clock[:2]) * 60 + int(clock[3:])
