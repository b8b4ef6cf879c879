"""Splits in time that keep what a label looks ahead to out of the training part.

A label made at one time is known only at a later one. *Purging* drops from the training part every
sample whose label was not yet known when the test part begins; the *embargo* leaves a further gap, so
that slow dependence does not carry over. Samples of one group (a trade) are never divided between
training and test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from exitladder.arrays import IntArray
from exitladder.errors import ModelError


@dataclass(frozen=True)
class Fold:
    """One division into training and test.

    Parameters
    ----------
    number : int
        From 0, in time order.
    train, test : int64 array
        Positions of samples, increasing.
    test_start_ns : int
        The earliest start of a test sample.
    """

    number: int
    train: IntArray
    test: IntArray
    test_start_ns: int


@dataclass(frozen=True)
class PurgedWalkForward:
    """Walk-forward folds: train on the past, test on the next block of groups.

    Groups are ordered by their earliest start and cut into ``n_splits + 1`` blocks of like size. Fold k
    tests block k + 1 and trains on all groups *all of whose* samples ended at or before the block's
    start less the embargo.

    Parameters
    ----------
    n_splits : int
        Number of folds.
    embargo_ns : int
        Gap between the last training label's end and the test's start, nanoseconds.

    Examples
    --------
    Six trades, each started a day after the one before and known two days after its start. The fold that
    tests trades 4 and 5 may not train on trade 3, which is known only on day 5:

    >>> import numpy as np
    >>> start = np.arange(6)
    >>> fold = PurgedWalkForward(n_splits=2).folds(start, start + 2)[-1]
    >>> fold.test, fold.train
    (array([4, 5]), array([0, 1, 2]))

    As a splitter of scikit-learn, it finds starts and ends (and groups) in the columns of `groups`:

    >>> [test for _, test in PurgedWalkForward(n_splits=2).split(start, groups=np.column_stack([start, start + 2]))]
    [array([2, 3]), array([4, 5])]
    """

    n_splits: int = 5
    embargo_ns: int = 0

    def __post_init__(self) -> None:
        _whole(self.n_splits, "n_splits", 1)
        _whole(self.embargo_ns, "embargo_ns", 0)

    def folds(
        self,
        start_ns: npt.ArrayLike,
        end_ns: npt.ArrayLike,
        group: npt.ArrayLike | None = None,
        *,
        block_starts: npt.ArrayLike | None = None,
    ) -> list[Fold]:
        """Return the folds; one that has nothing to train on or to test is left out.

        Parameters
        ----------
        start_ns, end_ns : int64 array, shape (n_samples,)
            When each sample is decided and when its label is known.
        group : int array, shape (n_samples,), optional
            The trade of each sample; each sample is its own group where it is left out.
        block_starts : int64 array, shape (n,), optional
            Starts used for the block boundaries instead of the groups' own. Only later data show which samples get
            a label; boundaries from all trades' starts keep that knowledge out.

        Returns
        -------
        list of Fold
            In time order.

        Raises
        ------
        ModelError
            If there are fewer groups than blocks.
        """
        samples = _Samples.of(start_ns, end_ns, group)
        starts = samples.group_start if block_starts is None else np.asarray(block_starts, dtype=np.int64)
        edges = _block_edges(starts, self.n_splits + 1)
        folds = []
        for number, (edge, following) in enumerate(pairwise(edges[1:])):
            in_test = (samples.group_start >= edge) & (samples.group_start < following)
            in_train = (samples.group_end <= edge - self.embargo_ns) & (samples.group_start < edge)
            if in_test.any() and in_train.any():
                folds.append(Fold(number, samples.rows_of(in_train), samples.rows_of(in_test), int(edge)))
        return folds

    def split(self, X: Any, y: Any = None, groups: npt.ArrayLike | None = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield (train, test) as scikit-learn's splitters do.

        Parameters
        ----------
        X, y : object
            Ignored; present for scikit-learn.
        groups : int64 array, shape (n_samples, 2) or (n_samples, 3)
            Columns start, end (nanoseconds) and, optionally, group.

        Yields
        ------
        train, test : int64 array
            Positions of samples, increasing.

        Raises
        ------
        ModelError
            If `groups` is missing or has another shape.
        """
        yield from ((fold.train, fold.test) for fold in self.folds(*_columns(groups)))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds; with `groups`, without those that purging leaves no training samples.

        Parameters
        ----------
        X, y : object
            Ignored; present for scikit-learn.
        groups : int64 array, shape (n_samples, 2) or (n_samples, 3), optional
            As in `split`.

        Returns
        -------
        int
        """
        return self.n_splits if groups is None else len(self.folds(*_columns(groups)))


@dataclass(frozen=True)
class CombinatorialPurged:
    """All ways of testing on some of the blocks, purged on both sides of each of them.

    Groups are ordered by their earliest start and cut into `n_blocks` blocks of like size; every choice of
    `n_test_blocks` of them is a fold. A training group is dropped where its span from first start to last
    end meets the span of a test block, or where it begins within the embargo after one.

    Parameters
    ----------
    n_blocks, n_test_blocks : int
    embargo_ns : int

    Notes
    -----
    Source: M. López de Prado, Advances in Financial Machine Learning (2018), chapter 12.

    Examples
    --------
    >>> CombinatorialPurged(6, 2).get_n_splits(), CombinatorialPurged(6, 2).n_paths
    (15, 5)
    """

    n_blocks: int = 6
    n_test_blocks: int = 2
    embargo_ns: int = 0

    def __post_init__(self) -> None:
        _whole(self.n_blocks, "n_blocks", 2)
        _whole(self.n_test_blocks, "n_test_blocks", 1)
        _whole(self.embargo_ns, "embargo_ns", 0)
        if self.n_test_blocks >= self.n_blocks:
            raise ModelError(
                f"n_test_blocks must be below n_blocks={self.n_blocks}, so that something is left to train on, "
                f"but is {self.n_test_blocks}."
            )

    @property
    def n_paths(self) -> int:
        """Number of whole histories that the folds' tests make up."""
        return comb(self.n_blocks - 1, self.n_test_blocks - 1)

    def test_blocks(self) -> list[tuple[int, ...]]:
        """Return the blocks that each fold tests, in the order of the folds."""
        return list(combinations(range(self.n_blocks), self.n_test_blocks))

    def folds(self, start_ns: npt.ArrayLike, end_ns: npt.ArrayLike, group: npt.ArrayLike | None = None) -> list[Fold]:
        """Return the folds, one for each choice of test blocks.

        Parameters
        ----------
        start_ns, end_ns : int64 array, shape (n_samples,)
            When each sample is decided and when its label is known.
        group : int array, shape (n_samples,), optional
            The trade of each sample; by default each sample is its own group.

        Returns
        -------
        list of Fold
            In the order of `test_blocks`.

        Raises
        ------
        ModelError
            If there are too few groups, or too many begin at the same time.
        """
        samples = _Samples.of(start_ns, end_ns, group)
        edges = _block_edges(samples.group_start, self.n_blocks)
        blocks = [(samples.group_start >= a) & (samples.group_start < b) for a, b in pairwise(edges)]
        if not all(block.any() for block in blocks):
            raise ModelError(
                f"The groups must begin at {self.n_blocks} different times at least to be cut into as many blocks, "
                "but too many of them begin at the same time. Use fewer blocks."
            )
        folds = []
        for number, chosen in enumerate(self.test_blocks()):
            in_test = np.logical_or.reduce([blocks[b] for b in chosen])
            in_train = ~in_test
            for b in chosen:
                first, last = samples.group_start[blocks[b]].min(), samples.group_end[blocks[b]].max()
                in_train &= (samples.group_end < first) | (samples.group_start > last + self.embargo_ns)
            test = samples.rows_of(in_test)
            folds.append(Fold(number, samples.rows_of(in_train), test, int(samples.start[test].min())))
        return folds

    def paths(self) -> IntArray:
        """Return the fold from which each path takes each block, shape (n_paths, n_blocks)."""
        table = np.empty((self.n_paths, self.n_blocks), dtype=np.int64)
        used = np.zeros(self.n_blocks, dtype=np.int64)
        for fold, chosen in enumerate(self.test_blocks()):
            for block in chosen:
                table[used[block], block] = fold
                used[block] += 1
        return table

    def split(self, X: Any, y: Any = None, groups: npt.ArrayLike | None = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield (train, test) as scikit-learn's splitters do.

        Parameters
        ----------
        X, y : object
            Ignored; present for scikit-learn.
        groups : int64 array, shape (n_samples, 2) or (n_samples, 3)
            Columns start, end (nanoseconds) and, optionally, group.

        Yields
        ------
        train, test : int64 array
            Positions of samples, increasing.

        Raises
        ------
        ModelError
            If `groups` is missing or has another shape.
        """
        yield from ((fold.train, fold.test) for fold in self.folds(*_columns(groups)))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object
            Ignored; present for scikit-learn.

        Returns
        -------
        int
        """
        return comb(self.n_blocks, self.n_test_blocks)


@dataclass(frozen=True)
class _Samples:
    """Spans of samples, and of the groups they belong to."""

    start: IntArray
    group: IntArray
    group_start: IntArray
    group_end: IntArray

    @classmethod
    def of(cls, start_ns: npt.ArrayLike, end_ns: npt.ArrayLike, group: npt.ArrayLike | None) -> _Samples:
        start, end = np.asarray(start_ns, dtype=np.int64), np.asarray(end_ns, dtype=np.int64)
        given = np.arange(len(start)) if group is None else np.asarray(group)
        if not start.ndim == 1 or not len(start) == len(end) == len(given):
            raise ModelError(
                f"Starts, ends and groups must have the same length, but have {len(start)}, {len(end)}, {len(given)}."
            )
        if not len(start):
            raise ModelError("There must be samples to split, but there are none.")
        if (end < start).any():
            raise ModelError(
                f"A label must not be known before its sample is decided, but {int((end < start).sum())} samples end "
                "before they start."
            )
        names, numbered = np.unique(given, return_inverse=True)
        first = np.full(len(names), np.iinfo(np.int64).max)
        last = np.full(len(names), np.iinfo(np.int64).min)
        np.minimum.at(first, numbered, start)
        np.maximum.at(last, numbered, end)
        return cls(start, numbered.astype(np.int64), first, last)

    def rows_of(self, groups: npt.NDArray[np.bool_]) -> IntArray:
        return np.flatnonzero(groups[self.group]).astype(np.int64)


def _block_edges(starts: IntArray, n_blocks: int) -> IntArray:
    """Return the starts of blocks with like numbers of groups, and one time after all starts."""
    n = len(starts)
    if n < n_blocks:
        raise ModelError(
            f"There must be at least {n_blocks} trades to be cut into {n_blocks} blocks in time, but there are "
            f"{n}. Give more trades or use fewer folds (validation.n_folds)."
        )
    ordered = np.sort(starts)
    cuts = ordered[[k * n // n_blocks for k in range(n_blocks)]]
    return np.concatenate([cuts, [ordered[-1] + 1]]).astype(np.int64)


def _columns(groups: npt.ArrayLike | None) -> list[IntArray]:
    table = None if groups is None else np.asarray(groups)
    if table is None or table.ndim != 2 or table.shape[1] not in (2, 3):
        raise ModelError(
            "groups must be an array with the columns start, end and (optionally) group, times in nanoseconds, "
            f"but is {'not given' if table is None else f'of shape {table.shape}'}."
        )
    return [table[:, k].astype(np.int64) for k in range(table.shape[1])]


def _whole(value: object, name: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ModelError(f"{name} must be a whole number from {least}, but is {value!r}.")
