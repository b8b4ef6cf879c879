"""Rungs on indicators as the settings declare them: conditions whose thresholds are numbers or ranges."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from exitladder.errors import SettingsError
from exitladder.models.search.space.classic import with_classic
from exitladder.models.search.space.grid import Grid, levels

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_TERM = re.compile(rf"\s*([A-Za-z_]\w*)\s*(>=|<=|>|<)\s*({_NUMBER})\s*(?:\.\.\s*({_NUMBER})\s*)?")


@dataclass(frozen=True)
class Threshold:
    """A condition whose number the search chooses: series, operator and the numbers to choose from."""

    series: str
    operator: str
    grid: Grid


@dataclass(frozen=True)
class SignalRung:
    """A rung that the search may add: it fires at a close where all of its conditions hold.

    Parameters
    ----------
    name : str
        Begins the names of its parameters.
    thresholds : tuple of Threshold
    """

    name: str
    thresholds: tuple[Threshold, ...]

    @property
    def series(self) -> tuple[str, ...]:
        """The series that it reads, in order."""
        return tuple(threshold.series for threshold in self.thresholds)


def indicator_rungs(texts: Sequence[str], taken: Sequence[str] = ()) -> tuple[SignalRung, ...]:
    """Return the rungs that ``search.indicator_rungs`` declares; their names differ from those in `taken`.

    Raises
    ------
    SettingsError
        If a text is not of the form 'series >= least..most and ...'.

    Examples
    --------
    >>> rung, = indicator_rungs(["rsi_14 >= 60..85 and open_r >= 0.5"])
    >>> rung.name, [(t.series, t.operator, t.grid.number(t.grid.high)) for t in rung.thresholds]
    ('rsi_14', [('rsi_14', '>=', 85.0), ('open_r', '>=', 0.5)])
    """
    rungs: list[SignalRung] = []
    for text in with_classic(tuple(texts)):
        thresholds = tuple(_threshold(term, text) for term in re.split(r"\band\b", text))
        name = thresholds[0].series
        before = sum(rung.thresholds[0].series == name for rung in rungs)
        before += sum(other == name or re.fullmatch(rf"{name}_\d+", other) is not None for other in taken)
        rungs.append(SignalRung(f"{name}_{before + 1}" if before else name, thresholds))
    return tuple(rungs)


def _threshold(term: str, text: str) -> Threshold:
    match = _TERM.fullmatch(term)
    if match is None:
        raise SettingsError(
            "search.indicator_rungs must read 'series >= least..most', of which several may be joined by 'and' "
            f"(a single number fixes a threshold), but one is {text!r}."
        )
    limits = (float(match[3]), float(match[4] if match[4] is not None else match[3]))
    if limits[0] > limits[1]:
        raise SettingsError(
            f"The range {match[3]}..{match[4]} in search.indicator_rungs must start with its smaller number ({text!r})."
        )
    return Threshold(match[1], match[2], levels(limits))
