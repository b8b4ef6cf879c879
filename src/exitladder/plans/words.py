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
    >>> in_words(ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "1R", "stop": "0.5R", "trail": "2ATR"}]}))
    '50% at 1R (own stop 0.5R, own trail 2ATR)'
    """
    parts = [rung_in_words(rung) for rung in ladder.rungs]
    stop = ladder.stop
    if stop.breakeven_after is not None:
        parts.append(f"breakeven after rung {stop.breakeven_after}")
    if stop.trail is not None:
        parts.append(f"trail {stop.trail}{_armed(stop)}")
    parts += _times_in_words(stop)
    return ", ".join(parts) or "initial stop only"


def share_of(rung: Rung) -> str:
    """Return how much a rung sells, in words."""
    return "the rest" if rung.sells_rest else f"{rung.fraction * 100:.4g}%"


def rung_in_words(rung: Rung) -> str:
    """Return the share, the trigger and the own stop of a rung, in words."""
    return " ".join(part for part in (share_of(rung), trigger_of(rung), own_stop_of(rung)) if part)


def trigger_of(rung: Rung) -> str:
    """Return what makes a rung sell, in words.

    Examples
    --------
    >>> from exitladder.plans.units import Distance, Target
    >>> trigger_of(Rung(0.5, Target(1.0, "R"))), trigger_of(Rung(0.5, stop=Distance(0.5, "R")))
    ('at 1R', 'until its stop')
    """
    if rung.target is None and not rung.when:
        return "until its stop"
    return f"{'when' if rung.is_signal else 'at'} {rung.trigger}"


def own_stop_of(rung: Rung) -> str:
    """Return the stop and the trail of a slice in brackets, empty for another rung.

    Examples
    --------
    >>> from exitladder.plans.units import Distance
    >>> own_stop_of(Rung(0.5, stop=Distance(0.5, "R"), follow=True))
    '(own stop 0.5R, follows the stop of the trade)'
    """
    if not rung.is_slice:
        return ""
    parts = [f"own stop {rung.stop}"] if rung.stop is not None else []
    if rung.trail is not None:
        parts.append(f"own trail {rung.trail}{_armed(rung)}")
    if rung.follow:
        parts.append("follows the stop of the trade")
    return f"({', '.join(parts)})"


def _armed(trailed: Rung | Stop) -> str:
    """Return what arms a trail, in words that follow its width; empty if it is armed from the entry."""
    if trailed.trail_after is not None:
        return f" after rung {trailed.trail_after}"
    return f" from {trailed.trail_from}" if trailed.trail_from is not None else ""


def describe_ladder(ladder: Ladder) -> dict[str, str]:
    """Return a short description of each part of a ladder, for side-by-side comparison.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> ladder = ladder_from_mapping({"rungs": [{"fraction": 0.25, "target": "1R"}], "stop": {"trail": "3ATR"}})
    >>> describe_ladder(ladder)["rungs"], describe_ladder(ladder)["stop"]
    ('25% at 1R; runner 75%', 'trail 3ATR')
    """
    parts = [rung_in_words(rung) for rung in ladder.rungs]
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
        texts.append(f"trail {stop.trail}{_armed(stop)}")
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
