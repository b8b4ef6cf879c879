"""What a ladder asks of the program that executes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exitladder.plans.ladder import STATE_SERIES, Ladder, Rung, Stop

# Every ask, in the words of the table in docs/exports.md.
ASKS = {
    "target": "target in R, ATR, % or at a price",
    "swing_target": "target at a swing (`fib`, `resistance`)",
    "partial_stop": "partial stop-out (a target below the entry)",
    "state_condition": "condition on the trade itself (`open_r`, `bars_held`, …)",
    "series_condition": "condition on the model or a feature",
    "rest": '`fraction = "rest"`',
    "slice": "rung with its own stop or trail",
    "initial_stop": "initial stop of the ladder",
    "own_stop": "no `stop.initial`: R from the stop of each trade",
    "breakeven": "breakeven after a rung",
    "trail": "trailing stop",
    "time_bars": "time stop in bars",
    "clock": "exit by hours, sessions, clock time or gaps",
    "participation": "cap by the bar's volume (`participation`)",
    "leverage": "liquidation price (`leverage`)",
    "through": '`limit_fill = "through"`',
}


@dataclass(frozen=True)
class Ask:
    """One thing that a ladder asks for.

    Parameters
    ----------
    kind : str
        Key of ``ASKS``.
    place : str
        Where the ladder file asks for it, such as ``rungs[2].when``.
    value : str
        As the file writes it.
    """

    kind: str
    place: str
    value: str


def asks_of(ladder: Ladder) -> list[Ask]:
    """Return what a ladder asks for, in the order of its file.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> ladder = ladder_from_mapping({"rungs": [{"fraction": 0.5, "when": "exhaustion >= 0.7"}], "stop": {"time": 40}})
    >>> [(ask.kind, ask.place) for ask in asks_of(ladder)]
    [('series_condition', 'rungs[1].when'), ('own_stop', 'stop.initial'), ('time_bars', 'stop.time')]
    """
    found = [ask for number, rung in enumerate(ladder.rungs, start=1) for ask in _of_rung(rung, f"rungs[{number}]")]
    found += _of_stop(ladder.stop)
    execution = ladder.execution
    if execution.participation:
        found.append(Ask("participation", "execution.participation", str(execution.participation)))
    if execution.leverage:
        found.append(Ask("leverage", "execution.leverage", str(execution.leverage)))
    if execution.limit_fill == "through":
        found.append(Ask("through", "execution.limit_fill", "through"))
    return found


def _of_rung(rung: Rung, place: str) -> Iterator[Ask]:
    if rung.target is not None:
        kind = "target"
        if rung.target.unit in ("fib", "resistance"):
            kind = "swing_target"
        elif rung.target.value < 0:
            kind = "partial_stop"
        yield Ask(kind, f"{place}.target", str(rung.target))
    for condition in rung.when:
        kind = "state_condition" if condition.series in STATE_SERIES else "series_condition"
        yield Ask(kind, f"{place}.when", str(condition))
    if rung.sells_rest:
        yield Ask("rest", f"{place}.fraction", "rest")
    if rung.is_slice:
        own = "stop" if rung.stop is not None else "trail"
        yield Ask("slice", f"{place}.{own}", str(getattr(rung, own)))


def _of_stop(stop: Stop) -> Iterator[Ask]:
    if stop.initial is not None:
        yield Ask("initial_stop", "stop.initial", str(stop.initial))
    else:
        yield Ask("own_stop", "stop.initial", "none")
    if stop.breakeven_after is not None:
        yield Ask("breakeven", "stop.breakeven_after", str(stop.breakeven_after))
    if stop.trail is not None:
        yield Ask("trail", "stop.trail", str(stop.trail))
    if stop.time is not None:
        yield Ask("time_bars", "stop.time", str(stop.time))
    for name, value in (
        ("time", stop.hours), ("time", stop.sessions), ("clock", stop.clock), ("max_gap", stop.max_gap),
        ("session_close", stop.session_close or None),
    ):  # fmt: skip
        if value is not None:
            yield Ask("clock", f"stop.{name}", str(value))
