"""Descriptions of a ladder in words."""

from __future__ import annotations

from exitladder.plans.adds import add_in_words
from exitladder.plans.file import ladder_fingerprint
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.limits import UNTIL, Limit
from exitladder.plans.size import size_in_words
from exitladder.plans.target import target_in_words
from exitladder.plans.times import hours_text
from exitladder.plans.units import Condition

# series of a condition that are measured in R, in words
SERIES_IN_R = {"open_r": "open profit", "mfe_r": "best open profit", "hold_value_r": "hold value"}


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
    parts = (
        [*parts, *describe_adds(ladder)] if parts or not ladder.is_plan else ["initial stop", *describe_adds(ladder)]
    )
    return ", ".join([*parts, *describe_limits(ladder)]) or "initial stop only"


def describe_limits(ladder: Ladder) -> list[str]:
    """Return a short description of each limit of risk.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> limit = {"when": "var > 0.02", "reduce_to": "until"}
    >>> describe_limits(ladder_from_mapping({"book": {"equity": 1e5, "max_open": 3, "limits": [limit]}}))
    ['at most 3 positions open', 'the book reduced until not var > 0.02']
    """

    def cut(limit: Limit) -> str:
        when = " and ".join(map(str, limit.when))
        return f"reduced until not {when}" if limit.reduce_to == UNTIL else f"cut to {limit.reduce_to:.4g} when {when}"

    texts = [cut(limit) for limit in ladder.limits]
    book = ladder.book
    texts += [f"at most {book.max_open} positions open"] if book.max_open is not None else []
    texts += [f"nothing bought after a daily loss of {book.daily_loss:.4g}"] if book.daily_loss is not None else []
    if book.enter_when:
        texts.append(f"entries only when {' and '.join(map(str, book.enter_when))}")
    texts += [target_in_words(ladder.target)] if ladder.target is not None else []
    return texts + [f"the book {cut(limit)}" for limit in book.limits]


def describe_adds(ladder: Ladder) -> list[str]:
    """Return a short description of each add, the maximum size and when adds are withdrawn.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> add = {"quantity": 1.0, "at": "-0.5R"}
    >>> describe_adds(ladder_from_mapping({"adds": [add], "size": {"maximum": 2.0}, "add_rules": {"until_bars": 9}}))
    ['add 1x at -0.5R', 'at most 2x', 'adds in the first 9 bars']
    """
    size, rules = ladder.size, ladder.add_rules
    texts = [f"size {text}" for text in [size_in_words(size)] if text]
    texts += [add_in_words(add) for add in ladder.adds]
    if size.maximum is not None:
        texts.append(f"at most {size.maximum:.4g}x")
    if size.maximum_units is not None:
        texts.append(f"at most {size.maximum_units:.10g} units")
    if size.maximum_money is not None:
        texts.append(f"at most {size.maximum_money:.10g} in money")
    if size.maximum_equity is not None:
        texts.append(f"at most {size.maximum_equity:.4g}x equity")
    if rules.until_bars is not None:
        texts.append(f"adds in the first {rules.until_bars} bars")
    if rules.after_exit:
        texts.append("adds also after a rung")
    return texts


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
    >>> trigger_of(Rung(0.5, when=(Condition("exhaustion", ">=", 0.7), Condition("open_r", ">=", 1.0))))
    'when exhaustion >= 0.7 and open profit >= 1R'
    """
    if rung.target is None and not rung.when:
        return "until its stop"
    if rung.is_signal:
        return f"when {' and '.join(map(condition_in_words, rung.when))}"
    return f"at {rung.trigger}{' from the average entry' if rung.measured_from == 'average' else ''}"


def condition_in_words(condition: Condition) -> str:
    """Return a condition with the name of its series in words.

    Examples
    --------
    >>> condition_in_words(Condition("hold_value_r", "<=", -0.1)), condition_in_words(Condition("rsi_14", ">=", 70.0))
    ('hold value <= -0.1R', 'rsi_14 >= 70')
    """
    if condition.series not in SERIES_IN_R:
        return str(condition)
    return f"{SERIES_IN_R[condition.series]} {condition.operator} {condition.threshold:.10g}R"


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
    adds = {"adds": "; ".join(describe_adds(ladder))} if ladder.is_plan else {}
    return {
        "name": ladder.name,
        "rungs": "; ".join(parts),
        **adds,
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
