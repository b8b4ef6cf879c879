"""Crossings and variations of the best candidates, for one objective or several, with constraints."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.space.candidates import Candidate, Cube

# The best that are kept, shares of children that are crossed or drawn anew, coordinates that vary in a child.
N_KEPT = 48
CROSSED, NEW, VARIED = 0.7, 0.08, 2.0
# Widths of a variation, as shares of a coordinate's range; each child draws one in between.
NARROW, WIDE = 0.01, 0.3


class Evolution:
    """The best candidates so far, and children of them.

    Parameters
    ----------
    cube : Cube
    """

    def __init__(self, cube: Cube) -> None:
        self.cube = cube
        self.points: FloatArray = np.empty((0, cube.n))
        self.evaluation: Evaluation | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known yet."""
        return not len(self.points)

    def take(self, candidates: Sequence[Candidate], evaluation: Evaluation) -> None:
        """Keep the best candidates; of equal values only the first, as the ladder is mostly the same."""
        usable = [k for k, c in enumerate(candidates) if evaluation.has_values[k] and c.parameters]
        if not usable:
            return
        points, evaluation = self.cube.points([candidates[k] for k in usable]), evaluation.take(usable)
        if self.evaluation is not None:
            points, evaluation = np.concatenate([self.points, points]), Evaluation.joined([self.evaluation, evaluation])
        _, first = np.unique(evaluation.values, axis=0, return_index=True)
        first = np.sort(first)
        kept = first[order_of(evaluation.take(first))[:N_KEPT]]
        self.points, self.evaluation = points[kept], evaluation.take(kept)

    def children(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Return points that descend from the best ones, shape (n, cube.n)."""
        d = self.cube.n
        # Better ones are parents more often: the square of an even number is mostly small.
        parents = (len(self.points) * rng.random((2, n)) ** 2).astype(np.int64)
        first, second = self.points[parents[0]], self.points[parents[1]]
        crossed = (rng.random((n, 1)) < CROSSED) & (rng.random((n, d)) < 0.5)
        child = np.where(crossed, second, first)
        varied = rng.random((n, d)) < VARIED / d
        width = NARROW * (WIDE / NARROW) ** rng.random((n, 1))
        step = rng.standard_normal((n, d)) * width
        fresh = rng.random((n, d))
        child = np.where(varied, np.where(self.cube.is_choice, fresh, child + step), child)
        new = rng.random((n, 1)) < NEW
        return reflected(np.where(new | np.isnan(child), fresh, child))


def reflected(points: FloatArray) -> FloatArray:
    """Return points with coordinates outside of 0 to 1 mirrored at the border.

    Examples
    --------
    >>> reflected(np.array([-0.25, 0.5, 1.125]))
    array([0.25 , 0.5  , 0.875])
    """
    back = np.abs(points) % 2.0
    return np.asarray(np.where(back > 1.0, 2.0 - back, back))


def order_of(evaluation: Evaluation) -> IntArray:
    """Return positions from best to worst.

    Feasible ladders come before others, those by how little they break. Among the feasible, one objective
    decides by its value; several by front, and within a front by crowding distance (NSGA-II,
    Deb et al. 2002). Those that were pruned come after all with values, by how long they lasted and then by
    their mean until then; those without anything are last. Of equals the earlier one is first.
    """
    lasted, until = np.zeros(len(evaluation)), np.zeros(len(evaluation))
    if evaluation.block_scores is not None:
        pruned = evaluation.is_pruned
        lasted, until = (
            np.where(pruned, evaluation.block_scores.n_looked, 0),
            np.where(pruned, evaluation.block_scores.mean, 0.0),
        )
    values = np.where(evaluation.has_values[:, None], evaluation.values, -math.inf)
    broken = np.where(evaluation.has_values, evaluation.broken, math.inf)
    if values.shape[1] == 1:
        return np.asarray(np.lexsort((-until, -lasted, -values[:, 0], broken)), dtype=np.int64)
    front, apart = np.zeros(len(values)), np.zeros(len(values))
    feasible = np.flatnonzero(evaluation.feasible)
    front[feasible] = fronts(values[feasible])
    for level in np.unique(front[feasible]):
        members = feasible[front[feasible] == level]
        apart[members] = crowding_distance(values[members])
    return np.asarray(np.lexsort((-until, -lasted, -apart, front, broken)), dtype=np.int64)


def fronts(values: FloatArray) -> IntArray:
    """Return the front of each row, 0 for rows that no other beats, shape (n,).

    Examples
    --------
    >>> fronts(np.array([[1.0, 1.0], [2.0, 0.0], [0.5, 0.5], [1.0, 1.0]]))
    array([0, 0, 1, 0])
    """
    at_least = np.asarray((values[:, None, :] >= values[None, :, :]).all(axis=2))
    beats = at_least & ~at_least.T
    front = np.full(len(values), -1, dtype=np.int64)
    level = 0
    while (front < 0).any():
        left = front < 0
        front[left & ~beats[left].any(axis=0)] = level
        level += 1
    return front


def crowding_distance(values: FloatArray) -> FloatArray:
    """Return the crowding distance of each row within its front, shape (n,); infinite at the ends."""
    n = len(values)
    apart = np.zeros(n)
    for column in values.T:
        order = np.argsort(column, kind="stable")
        spread = column[order[-1]] - column[order[0]]
        apart[order[[0, -1]]] = np.inf
        if spread > 0 and n > 2:
            apart[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return apart
