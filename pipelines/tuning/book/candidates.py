"""The plans that a tuning of a book tries: the user's own, none of its limits, and other numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exitladder.errors import LadderError, SettingsError
from exitladder.execution.book.book import without_limits
from exitladder.pipelines.tuning.book.numbers import Number, Searched, searched_numbers, with_values
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings

OWN = "your own numbers"
NONE = "no limits"
TRIED = "tried"


@dataclass(frozen=True)
class Candidates:
    """Plans that differ in the numbers of their book only.

    Parameters
    ----------
    plans : tuple of Ladder
        First the user's own, then the same without limits, then those of `values`.
    searched : tuple of Searched
    values : tuple of dict of Number to float
        Of the plans from the third on.
    n_possible : int
        Combinations of all values.
    """

    plans: tuple[Ladder, ...]
    searched: tuple[Searched, ...]
    values: tuple[dict[Number, float], ...]
    n_possible: int

    def kind(self, k: int) -> str:
        """Return `OWN`, `NONE` or `TRIED`."""
        return (OWN, NONE)[k] if k < 2 else TRIED

    def numbers(self, k: int) -> dict[Number, float | None]:
        """Return the numbers of a plan; without limits there are none."""
        if k < 2:
            return {one.number: one.number.own if k == 0 else None for one in self.searched}
        return dict(self.values[k - 2])

    def in_words(self, k: int) -> str:
        """Return the numbers of a plan, or its kind."""
        return self.kind(k) if k < 2 else "; ".join(number.text(value) for number, value in self.values[k - 2].items())


def candidates_of(plan: Ladder, settings: Settings) -> Candidates:
    """Return the plans that are tried.

    Parameters
    ----------
    plan : Ladder
        With a book, limits or a target.
    settings : Settings
        ``search.book`` names the numbers, ``tuning.book_trials`` bounds how many combinations are tried: all, or as
        many drawn at random.

    Returns
    -------
    Candidates

    Raises
    ------
    SettingsError
        If a number cannot be tuned.
    """
    searched = tuple(searched_numbers(plan, settings.search.book))
    sizes = [len(one.values) for one in searched]
    rows = _rows(sizes, settings.tuning.book_trials, settings.project.seed)
    own = replace(plan, tuned=None)
    plans, values = [own, replace(without_limits(plan), tuned=None)], []
    for row in rows:
        found = {one.number: one.values[k] for one, k in zip(searched, row, strict=True)}
        try:
            candidate = with_values(own, found)
        except LadderError as error:
            said = "; ".join(number.text(value) for number, value in found.items())
            raise SettingsError(f"search.book cannot try {said}: {error}") from None
        if candidate not in plans:
            plans.append(candidate)
            values.append(found)
    return Candidates(tuple(plans), searched, tuple(values), math.prod(sizes))


def _rows(sizes: Sequence[int], most: int, seed: int) -> list[tuple[int, ...]]:
    """Return places in the lists of values: all combinations, or as many different ones as may be tried."""
    if math.prod(sizes) <= most:
        return [tuple(int(k) for k in row) for row in np.ndindex(*sizes)]
    rng = np.random.default_rng(seed)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < most:
        found[tuple(int(rng.integers(size)) for size in sizes)] = None
    return list(found)
