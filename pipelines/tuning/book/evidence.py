"""What a tuning of a book recommends, and the comparisons of accounts that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from exitladder.arrays import BoolArray, FloatArray
from exitladder.pipelines.tuning.book.accounts import MEASURE_OF
from exitladder.pipelines.tuning.book.candidates import NONE, OWN
from exitladder.statistics.comparison import holm
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.paired_days.accounts import compare_daily_accounts

WALK = "numbers tuned before each part"
MOST_P = 0.05
LEAST_DAYS_APART = 20
"""Days on which two accounts must differ before one can be better."""
PAIRS = ((WALK, OWN), (NONE, OWN), (WALK, NONE))
Kind = Literal["better", "worse", "no_difference"]
LABELS = {
    "return_per_year": ("return per year", "%"),
    "sharpe_daily": ("Sharpe ratio", ""),
    "calmar": ("Calmar ratio", ""),
    "max_drawdown": ("drawdown", "%"),
    "cvar_5_daily": ("CVaR 5% of a day", "%"),
}


@dataclass(frozen=True)
class Compared:
    """Two accounts on the days out of sample.

    Parameters
    ----------
    candidate, baseline : str
    n_days_apart : int
        Days on which they differ.
    measures : dict of str to dict
        By measure: ``candidate``, ``baseline``, ``difference``, ``low``, ``high``, ``p_value``, ``p_adjusted`` (for all
        measures of all comparisons of different accounts, Holm) and ``detectable``; None where unknown.
    decisive : str
        The measure that decides.
    """

    candidate: str
    baseline: str
    n_days_apart: int
    measures: Mapping[str, Mapping[str, Any]]
    decisive: str

    @property
    def kind(self) -> Kind:
        """Whether the candidate is better or worse in the decisive measure."""
        one = self.measures[self.decisive]
        known = one["low"] is not None and one["p_adjusted"] is not None and one["p_adjusted"] <= MOST_P
        if not known or self.n_days_apart < LEAST_DAYS_APART:
            return "no_difference"
        return "better" if one["low"] > 0 else "worse" if one["high"] < 0 else "no_difference"

    @property
    def figures(self) -> str:
        """The decisive difference with its interval and p-value, in words."""
        one = self.measures[self.decisive]
        if not self.n_days_apart:
            return "the same account"
        if one["difference"] is None:
            return f"{LABELS[self.decisive][0]} unknown"
        ends = f" [{in_units(one['low'], self.decisive)}, {in_units(one['high'], self.decisive)}]"
        interval = "" if one["low"] is None else f"{ends}, adjusted p {one['p_adjusted']:.2g}"
        return f"{LABELS[self.decisive][0]} {in_units(one['difference'], self.decisive)}{interval}"

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "candidate": self.candidate,
            "baseline": self.baseline,
            "n_days_apart": self.n_days_apart,
            "kind": self.kind,
            "measures": {name: dict(one) for name, one in self.measures.items()},
        }


def in_units(value: float | None, measure: str, *, signed: bool = True) -> str:
    """Return a value of a measure as text: shares as percentages, ratios as they are; empty if unknown.

    Parameters
    ----------
    value : float or None
    measure : str
        Of `LABELS`.
    signed : bool

    Returns
    -------
    str

    Examples
    --------
    >>> in_units(0.0123, "return_per_year"), in_units(-0.25, "sharpe_daily")
    ('+1.23%', '-0.25')
    """
    if value is None:
        return ""
    form = "+" if signed else ""
    return f"{value:{form}.2%}" if LABELS[measure][1] else f"{value:{form}.2f}"


def compare_accounts(
    changes: Mapping[str, FloatArray], active: Mapping[str, BoolArray], objective: str, intervals: Intervals
) -> dict[tuple[str, str], Compared]:
    """Return the comparisons that decide, with p-values adjusted for all of their measures together.

    Parameters
    ----------
    changes : mapping of str to float64 array, shape (n_days,)
        `WALK`, `OWN` and `NONE` on the same calendar days, as shares of the starting equity.
    active : mapping of str to bool array, shape (n_days,)
        Days on which each held a position or moved.
    objective : str
    intervals : Intervals

    Returns
    -------
    dict of (str, str) to Compared
        By candidate and baseline, for each of `PAIRS`.
    """
    found = {
        pair: compare_daily_accounts(
            changes[pair[0]],
            changes[pair[1]],
            active[pair[0]] | active[pair[1]],
            intervals,
            with_calmar=objective == "calmar",
        )
        for pair in PAIRS
    }
    adjusted = _adjusted(
        changes, {pair: {name: one.p_value for name, one in some.items()} for pair, some in found.items()}
    )
    return {
        pair: Compared(
            pair[0],
            pair[1],
            int((np.abs(changes[pair[0]] - changes[pair[1]]) > 1e-12).sum()),
            {
                name: one.to_mapping() | {"p_adjusted": _plain(adjusted[pair, name])}
                for name, one in found[pair].items()
            },
            MEASURE_OF[objective],
        )
        for pair in PAIRS
    }


def _adjusted(
    changes: Mapping[str, FloatArray], p_values: Mapping[tuple[str, str], Mapping[str, float]]
) -> dict[tuple[tuple[str, str], str], float]:
    """Return p-values adjusted together; an account counts once, and one against itself is no hypothesis."""
    same = {name: next(one for one in changes if np.array_equal(changes[one], changes[name])) for name in changes}
    tested: dict[tuple[str, str], Mapping[str, float]] = {}
    for pair, some in p_values.items():
        ours, theirs = same[pair[0]], same[pair[1]]
        if ours != theirs:
            tested.setdefault((ours, theirs), some)
    every = [(pair, name) for pair, some in tested.items() for name in some]
    adjusted = dict(zip(every, holm([tested[pair][name] for pair, name in every]).tolist(), strict=True))
    return {
        (pair, name): adjusted.get(((same[pair[0]], same[pair[1]]), name), p)
        for pair, some in p_values.items()
        for name, p in some.items()
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def recommended(compared: Mapping[tuple[str, str], Compared], last_choice: str) -> str:
    """Return which plan to use: `WALK` (the numbers tuned on all days), `OWN` or `NONE`.

    Your own numbers stay unless another account is better than theirs; of two that are, the one without limits stays
    unless the tuned numbers are better than it, too. They also stay if the tuning on all days chose no limits, which
    are not better than them.

    Parameters
    ----------
    compared : mapping of (str, str) to Compared
    last_choice : str
        What the tuning on all days chose: `WALK` for other numbers, `OWN` or `NONE`.

    Returns
    -------
    str
    """
    none_is_better = compared[NONE, OWN].kind == "better"
    tuned_is_better = compared[WALK, OWN].kind == "better"
    if none_is_better and not (tuned_is_better and compared[WALK, NONE].kind == "better"):
        return NONE
    # that the tuned numbers are better says nothing of no limits
    return WALK if tuned_is_better and last_choice == WALK else OWN


def sentence(choice: str, compared: Mapping[tuple[str, str], Compared], numbers: str, days: Sequence[str]) -> str:
    """Return the recommendation in words.

    Parameters
    ----------
    choice : str
        From `recommended`.
    compared : mapping of (str, str) to Compared
    numbers : str
        The numbers tuned on all days, in words.
    days : sequence of str
        Number of days out of sample, the first and the last.

    Returns
    -------
    str
    """
    span = f"on {days[0]} days from {days[1]} to {days[2]}"
    tuned, none = compared[WALK, OWN], compared[NONE, OWN]
    if choice == WALK:
        return f"Use the tuned numbers ({numbers}): {tuned.figures} against your own, {span}."
    if choice == NONE:
        return f"Leave the limits out: {none.figures} against your own numbers, {span}."
    if tuned.kind == "better":
        return f"Keep your own numbers: on all days the tuning chooses them, too ({span})."
    return (
        f"Keep your own numbers. Against them, the numbers tuned before each part: {tuned.figures}; no limits: "
        f"{none.figures} ({span}). Neither is established as better."
    )


def verdict_text(one: Compared) -> str:
    """Return the verdict on the tuned numbers against the user's own, in words."""
    word = {"better": "are better than", "worse": "are worse than"}.get(one.kind, "do not clearly differ from")
    return f"The numbers tuned before each part {word} your own: {one.figures}."
