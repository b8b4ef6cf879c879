"""Exits known from the literature, by name: ``search.indicator_rungs = "classic"``."""

from __future__ import annotations

from dataclasses import replace

from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Condition

CLASSIC = "classic"
# Close above the mean of 5 or 10 closes (for a short: below), RSI(2), bars held, and the week's last day.
CLASSIC_RUNGS = ("zscore_5 > 0", "zscore_10 > 0", "rsi_2 >= 45..85", "bars_held >= 1..21", "day_of_week >= 4")

_ALONE = {
    "close above the mean of 5": "zscore_5 > 0",
    "close above the mean of 10": "zscore_10 > 0",
    "RSI(2) >= 65": "rsi_2 >= 65",
    "1 bar": "bars_held >= 1",
    "5 bars": "bars_held >= 5",
    "10 bars": "bars_held >= 10",
    "end of the week": "day_of_week >= 4",
}
SESSION_CLOSE = "session close"


def classic_ladders(base: Ladder) -> tuple[Ladder, ...]:
    """Return each exit alone, with the parameter that it is known by: the whole position is sold at once.

    Parameters
    ----------
    base : Ladder
        Costs, execution and initial stop. There is no other exit than the initial stop and the limits on holding time
        that the base has.

    Returns
    -------
    tuple of Ladder
        Named after the exit; the last one sells at the close of the session.
    """
    stop = Stop(initial=base.stop.initial, **base.stop.hours_kept)
    found = [
        replace(base, name=name, rungs=(Rung(1.0, when=(Condition.parse(text, name),)),), stop=stop)
        for name, text in _ALONE.items()
    ]
    closing = replace(base, name=SESSION_CLOSE, rungs=(), stop=replace(stop, session_close=True))
    return (*found, closing)


def with_classic(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts of ``search.indicator_rungs`` with the name "classic" written out.

    Examples
    --------
    >>> with_classic(("classic", "close_z > 2"))[2:]
    ('rsi_2 >= 45..85', 'bars_held >= 1..21', 'day_of_week >= 4', 'close_z > 2')
    """
    written: list[str] = []
    for text in texts:
        written += CLASSIC_RUNGS if text.strip() == CLASSIC else (text,)
    return tuple(dict.fromkeys(written))
