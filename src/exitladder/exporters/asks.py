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
    "averaging_add": "averaging add in R, ATR or % below the entry",
    "pyramiding_add": "pyramiding add in R, ATR or % beyond the entry",
    "signal_add": "signal add",
    "level_add": "add at a price or a swing",
    "chained_add": 'add from the fill before (`spacing = "previous"`)',
    "current_atr": '`atr = "current"`',
    "add_stop": "add that moves the stop",
    "average_stop": "add that moves the stop to the average entry",
    "costs_stop": 'add with `stop = "average+costs"`',
    "maximum": "maximum size",
    "maximum_alone": "maximum size without adds",
    "size_rule": "size rule, or a maximum as a multiple of equity",
    "add_rules": "`after_exit`, `until_bars`",
    "from_average": "target or breakeven from the average entry",
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
    found += _of_adds(ladder)
    execution = ladder.execution
    if execution.participation:
        found.append(Ask("participation", "execution.participation", str(execution.participation)))
    if execution.leverage:
        found.append(Ask("leverage", "execution.leverage", str(execution.leverage)))
    if execution.limit_fill == "through":
        found.append(Ask("through", "execution.limit_fill", "through"))
    return found


def _of_adds(ladder: Ladder) -> Iterator[Ask]:
    for number, add in enumerate(ladder.adds, start=1):
        place = f"adds[{number}]"
        if add.when:
            kind = "signal_add"
        elif add.is_averaging is None or (add.at is not None and add.at.unit in ("resistance", "support")):
            kind = "level_add"
        else:
            kind = "averaging_add" if add.is_averaging else "pyramiding_add"
        yield Ask(kind, f"{place}.{'when' if add.when else 'at'}", add.trigger)
        for condition in add.when:
            if condition.series not in STATE_SERIES:
                yield Ask("series_condition", f"{place}.when", str(condition))
        if add.spacing == "previous":
            yield Ask("chained_add", f"{place}.spacing", "previous")
        if add.atr == "current":
            yield Ask("current_atr", f"{place}.atr", "current")
        if add.stop is not None:
            kind = {"average": "average_stop", "average+costs": "costs_stop"}.get(str(add.stop), "add_stop")
            yield Ask(kind, f"{place}.stop", str(add.stop))
    if ladder.size.is_sized:
        named = "rule" if ladder.size.rule != "file" else "maximum_equity"
        yield Ask("size_rule", f"size.{named}", str(getattr(ladder.size, named)))
    for name in ("maximum", "maximum_units", "maximum_money"):
        value = getattr(ladder.size, name)
        if value is not None:
            yield Ask("maximum" if ladder.adds else "maximum_alone", f"size.{name}", f"{value:.10g}")
    if ladder.add_rules.after_exit:
        yield Ask("add_rules", "add_rules.after_exit", "true")
    if ladder.add_rules.until_bars is not None:
        yield Ask("add_rules", "add_rules.until_bars", str(ladder.add_rules.until_bars))
    for number, rung in enumerate(ladder.rungs, start=1):
        if rung.measured_from == "average":
            yield Ask("from_average", f"rungs[{number}].measured_from", "average")
    if ladder.stop.breakeven_from == "average":
        yield Ask("from_average", "stop.breakeven_from", "average")


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
