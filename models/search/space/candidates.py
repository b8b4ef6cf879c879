"""Candidates of a search: their parameters, and their coordinates in the unit cube."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.space.trials import Range, RecordedTrial, exact_trial
from exitladder.plans.ladder import Ladder

# Random suggestions from which the names of a space's parameters are learnt.
_N_SUGGESTIONS = 400


@dataclass(frozen=True)
class Candidate:
    """A ladder with the parameters that suggest it; without parameters if it is outside the space."""

    ladder: Ladder
    parameters: Mapping[str, Any]
    ranges: Mapping[str, Range]


class Cube:
    """A search space as a unit cube with one coordinate per parameter; a candidate may not need all of them.

    Parameters
    ----------
    space : SearchSpace
        Its parameters may depend on each other; their names are collected from random suggestions.

    Attributes
    ----------
    names : tuple of str
    is_choice : bool array, shape (n,)
        Whether a coordinate selects from unordered choices.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        rng = np.random.default_rng(0)
        ranges: dict[str, Range] = {}
        for _ in range(_N_SUGGESTIONS):
            trial = RecordedTrial(lambda name, within: within.value_at(float(rng.random())))
            space.suggest(trial)
            ranges.update(trial.ranges)
        self.names = tuple(ranges)
        self.is_choice = np.array([within.kind == "categorical" for within in ranges.values()], dtype=np.bool_)

    @property
    def n(self) -> int:
        """Coordinates."""
        return len(self.names)

    def at(self, point: FloatArray) -> Candidate:
        """Return the candidate at a point, shape (n,); coordinates it does not need are ignored."""
        shares = dict(zip(self.names, point.tolist(), strict=True))
        # A name too rare to be among the random suggestions stays in the middle.
        return self._candidate(RecordedTrial(lambda name, within: within.value_at(shares.get(name, 0.5))))

    def given(self, parameters: Mapping[str, Any]) -> Candidate:
        """Return the candidate of parameters that the space has suggested."""
        return self._candidate(exact_trial(parameters))

    def warm(self, ladder: Ladder) -> Candidate:
        """Return a ladder as a candidate, with parameters where the space holds it."""
        parameters = self.space.parameters_of(ladder)
        return Candidate(ladder, {}, {}) if parameters is None else self.given(parameters)

    def points(self, candidates: Iterable[Candidate]) -> FloatArray:
        """Return the coordinates of candidates, shape (n_candidates, n); NaN for a parameter that one does not have."""
        rows = [
            [c.ranges[name].share_of(c.parameters[name]) if name in c.ranges else math.nan for name in self.names]
            for c in candidates
        ]
        return np.asarray(rows, dtype=np.float64).reshape(-1, self.n)

    def _candidate(self, trial: RecordedTrial) -> Candidate:
        ladder = self.space.suggest(trial)
        return Candidate(ladder, trial.parameters, trial.ranges)
