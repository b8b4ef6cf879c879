"""Descriptions of a ladder in words."""

from __future__ import annotations

from exitladder.plans.file import ladder_fingerprint
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.times import hours_text


def in_words(ladder: Ladder) -> str:
    """Return a one-line description of a ladder, without costs and execution.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> in_words(
    ...     ladder_from_mapping(
    ...         {
    ...             "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.5, "when": ["exhaustion >= 0.7"]}],
    ...             "stop": {"initial": "2ATR", "breakeven_after": 1, "trail": "3ATR", "trail_from": "2R", "time": 40},
    ...         }
    ...     )
    ... )
    '25% at 1R, 50% when exhaustion >= 0.7, breakeven after rung 1, trail 3ATR from 2R, time stop after 40 bars'
    >>> in_words(Ladder())
    'initial stop only'
    """
    parts = [_rung_in_words(rung) for rung in ladder.rungs]
    stop = ladder.stop
    if stop.breakeven_after is not None:
        parts.append(f"breakeven after rung {stop.breakeven_after}")
    if stop.trail is not None:
        armed = f" from {stop.trail_from}" if stop.trail_from is not None else ""
        armed = f" after rung {stop.trail_after}" if stop.trail_after is not None else armed
        parts.append(f"trail {stop.trail}{armed}")
    parts += _times_in_words(stop)
    return ", ".join(parts) or "initial stop only"


def share_of(rung: Rung) -> str:
    """Return how much a rung sells, in words."""
    return "the rest" if rung.sells_rest else f"{rung.fraction * 100:.4g}%"


def _rung_in_words(rung: Rung) -> str:
    return f"{share_of(rung)} {'when' if rung.is_signal else 'at'} {rung.trigger}"


def describe_ladder(ladder: Ladder) -> dict[str, str]:
    """Return a short description of each part of a ladder, for side-by-side comparison.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> ladder = ladder_from_mapping({"rungs": [{"fraction": 0.25, "target": "1R"}], "stop": {"trail": "3ATR"}})
    >>> describe_ladder(ladder)["rungs"], describe_ladder(ladder)["stop"]
    ('25% at 1R; runner 75%', 'trail 3ATR')
    """
    parts = [_rung_in_words(rung) for rung in ladder.rungs]
    if ladder.runner > 1e-9:
        parts.append(f"runner {100 * ladder.runner:.4g}%")
    return {
        "name": ladder.name,
        "rungs": "; ".join(parts),
        "stop": "; ".join(describe_stop(ladder)) or "stop of each trade",
        "intrabar": ladder.execution.intrabar,
        "fingerprint": ladder_fingerprint(ladder),
    }


def describe_stop(ladder: Ladder) -> list[str]:
    """Return a short description of each stop rule."""
    stop = ladder.stop
    texts = []
    if stop.initial is not None:
        texts.append(f"initial {stop.initial} for trades without a stop")
    if stop.breakeven_after is not None:
        offset = (
            f" {stop.breakeven_offset.value:+.4g}{stop.breakeven_offset.unit}" if stop.breakeven_offset.value else ""
        )
        texts.append(f"to entry{offset} after rung {stop.breakeven_after}")
    if stop.trail is not None:
        armed = ""
        if stop.trail_after is not None:
            armed = f" after rung {stop.trail_after}"
        elif stop.trail_from is not None:
            armed = f" from {stop.trail_from}"
        texts.append(f"trail {stop.trail}{armed}")
    return texts + _times_in_words(stop)


def _times_in_words(stop: Stop) -> list[str]:
    texts = []
    if stop.time is not None:
        texts.append(f"time stop after {stop.time} bars")
    if stop.hours is not None:
        texts.append(f"time stop after {hours_text(stop.hours)}")
    if stop.sessions is not None:
        texts.append(f"time stop after {stop.sessions} session{'s' if stop.sessions > 1 else ''}")
    if stop.session_close:
        texts.append("flat at the session's close")
    if stop.clock is not None:
        texts.append(f"flat at {stop.clock} exchange time")
    if stop.max_gap is not None:
        texts.append(f"out after a gap longer than {hours_text(stop.max_gap)}")
    return texts
