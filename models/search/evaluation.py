"""Evaluations: objectives and constraints of a batch of ladders, and its Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError
from exitladder.plans.ladder import Ladder


def mean_of_blocks(values: FloatArray) -> FloatArray:
    """Return the mean of each row's blocks that have a value, shape (n_ladders,); NaN where none has."""
    known = np.isfinite(values)
    total, count = np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0))


@dataclass(frozen=True)
class BlockScores:
    """Values of ladders on consecutive blocks of trades; pruned ladders lack the later blocks.

    Parameters
    ----------
    values : float64 array, shape (n_ladders, n_blocks)
        The objective on each block, blocks in the order of evaluation; NaN where a block was not evaluated or
        has no value.
    n_looked : int64 array, shape (n_ladders,)
        Number of blocks evaluated.
    """

    values: FloatArray
    n_looked: IntArray

    @property
    def is_pruned(self) -> npt.NDArray[np.bool_]:
        """Whether a ladder was pruned before its last block, shape (n_ladders,)."""
        return np.asarray(self.n_looked < self.values.shape[1])

    @property
    def mean(self) -> FloatArray:
        """Mean of the blocks evaluated, shape (n_ladders,); NaN where none has a value."""
        return mean_of_blocks(self.values)

    def take(self, positions: npt.ArrayLike) -> BlockScores:
        """Return the ladders at `positions`."""
        rows = np.asarray(positions)
        return BlockScores(self.values[rows], self.n_looked[rows])

    @classmethod
    def joined(cls, parts: Sequence[BlockScores]) -> BlockScores:
        """Return batches as one."""
        return cls(np.concatenate([p.values for p in parts]), np.concatenate([p.n_looked for p in parts]))


@dataclass(frozen=True)
class Evaluation:
    """Objectives and constraints of a batch of ladders.

    Parameters
    ----------
    values : float64 array, shape (n_ladders, n_objectives)
        Greater is better; NaN where a ladder has none.
    violations : float64 array, shape (n_ladders, n_constraints)
        By how much each constraint is broken; a ladder is feasible where all are at most 0.
    objectives, constraints : tuple of str
        Names of the columns; there may be no constraint.
    block_scores : BlockScores or None
        Values by blocks of trades, if ladders may be pruned. Pruned ladders have no values.

    Raises
    ------
    ModelError
        If names and columns do not agree.

    Examples
    --------
    >>> evaluation = Evaluation.of_values([0.1, float("nan"), 0.3], "expectancy_r")
    >>> evaluation.front()
    array([2])
    """

    values: FloatArray
    violations: FloatArray
    objectives: tuple[str, ...]
    constraints: tuple[str, ...]
    block_scores: BlockScores | None = None

    def __post_init__(self) -> None:
        n = len(self.values)
        for table, names, what in (
            (self.values, self.objectives, "values"),
            (self.violations, self.constraints, "violations"),
        ):
            if table.shape != (n, len(names)):
                raise ModelError(
                    f"{what} of {n} ladders must have a column for each of {list(names)}, but have shape {table.shape}."
                )
        if not self.objectives:
            raise ModelError("Ladders must be evaluated by at least one objective, but there is none.")

    @classmethod
    def of_values(cls, values: npt.ArrayLike, objective: str = "value") -> Evaluation:
        """Return the evaluation of ladders by one objective without constraints; `values` has shape (n_ladders,)."""
        column = np.asarray(values, dtype=np.float64).reshape(-1, 1)
        return cls(column, np.empty((len(column), 0)), (objective,), ())

    @classmethod
    def joined(cls, parts: Sequence[Evaluation]) -> Evaluation:
        """Return batches of the same objectives and constraints as one."""
        first = parts[0]
        block_scores = [part.block_scores for part in parts if part.block_scores is not None]
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.violations for part in parts]),
            first.objectives,
            first.constraints,
            BlockScores.joined(block_scores) if block_scores else None,
        )

    def __len__(self) -> int:
        return len(self.values)

    def take(self, positions: npt.ArrayLike) -> Evaluation:
        """Return the ladders at `positions`."""
        rows = np.asarray(positions)
        block_scores = None if self.block_scores is None else self.block_scores.take(rows)
        return Evaluation(self.values[rows], self.violations[rows], self.objectives, self.constraints, block_scores)

    @property
    def has_values(self) -> npt.NDArray[np.bool_]:
        """Whether every objective of a ladder is a number, shape (n_ladders,)."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    @property
    def feasible(self) -> npt.NDArray[np.bool_]:
        """Whether a ladder has values and breaks no constraint, shape (n_ladders,); a violation of NaN breaks it."""
        return np.asarray(self.has_values & (self.violations <= 0).all(axis=1))

    @property
    def is_pruned(self) -> npt.NDArray[np.bool_]:
        """Whether a ladder was pruned before it was evaluated on all trades, shape (n_ladders,)."""
        return np.zeros(len(self), dtype=np.bool_) if self.block_scores is None else self.block_scores.is_pruned

    @property
    def broken(self) -> FloatArray:
        """By how much a ladder breaks its constraints in sum, shape (n_ladders,); infinite for a violation of NaN."""
        return np.asarray(np.nan_to_num(np.maximum(self.violations, 0.0), nan=np.inf).sum(axis=1))

    def front(self) -> IntArray:
        """Return positions of the feasible ladders that no feasible one beats, in order; of equals the first.

        One beats another if it is at least as good in every objective and better in one. If no
        ladder is feasible, those with the smallest violation are used instead.
        """
        usable = self.feasible
        if not usable.any():
            broken = np.where(self.has_values, self.broken, np.inf)
            usable = self.has_values & (broken == broken.min(initial=np.inf))
        rows = np.flatnonzero(usable)
        _, first = np.unique(self.values[rows], axis=0, return_index=True)
        rows = rows[np.sort(first)]
        worth = self.values[rows]
        # From the greatest first objective on, what beats a ladder comes before it: only the front needs be asked.
        front = np.empty((0, worth.shape[1]))
        kept = []
        for k in np.lexsort(-worth.T[::-1]):
            if not (front >= worth[k]).all(axis=1).any():
                front = np.concatenate([front, worth[k : k + 1]])
                kept.append(k)
        return np.asarray(rows[sorted(kept)], dtype=np.int64)


Evaluate = Callable[[list[Ladder]], Evaluation]
Prune = Callable[[list[Ladder], FloatArray], Evaluation]


@dataclass(frozen=True)
class Evaluator:
    """The evaluation of ladders in a search.

    Parameters
    ----------
    evaluate : callable
        Takes ladders and returns their evaluation.
    prune : callable, optional
        The same, given the incumbent's values on every block of trades: ladders that are worse may be pruned.
    """

    evaluate: Evaluate
    prune: Prune | None = None

    def __call__(self, ladders: list[Ladder], incumbent: FloatArray | None = None) -> Evaluation:
        """Return the evaluation of ladders, pruned against the incumbent if there is one."""
        if self.prune is None or incumbent is None:
            return self.evaluate(ladders)
        return self.prune(ladders, incumbent)
