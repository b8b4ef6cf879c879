"""Splits: nothing a training label looks at reaches into the test, and no trade is on both sides."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge  # type: ignore[import-untyped]
from sklearn.model_selection import GridSearchCV, cross_val_score  # type: ignore[import-untyped]

from exitladder.errors import ModelError
from exitladder.models.labels.labels import average_uniqueness
from exitladder.models.splits import CombinatorialPurged, PurgedWalkForward

Samples = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def samples(draw: st.DrawFn) -> Samples:
    """Samples of 8 to 25 trades that begin anywhere, last some bars and have labels of any length."""
    start, end, group = [], [], []
    for trade in range(draw(st.integers(8, 25))):
        begin = draw(st.integers(0, 60))
        for step in range(draw(st.integers(1, 4))):
            start.append(begin + step)
            end.append(begin + step + draw(st.integers(0, 15)))
            group.append(trade)
    return np.array(start), np.array(end), np.array(group)


@settings(max_examples=200, deadline=None)
@given(drawn=samples(), n_splits=st.integers(1, 6), embargo=st.integers(0, 10))
def test_walk_forward_trains_only_on_labels_known_before_the_test(drawn: Samples, n_splits: int, embargo: int) -> None:
    """Trap T42: later trades never teach earlier ones, as they would in a random split."""
    start, end, group = drawn
    tested: list[int] = []
    for fold in PurgedWalkForward(n_splits, embargo).folds(start, end, group):
        assert end[fold.train].max() <= start[fold.test].min() - embargo
        assert fold.test_start_ns == start[fold.test].min()
        assert not set(group[fold.train]) & set(group[fold.test])
        for part in (fold.train, fold.test):
            assert set(np.flatnonzero(np.isin(group, group[part]))) == set(part)
        tested.extend(fold.test)
    assert len(tested) == len(set(tested))


@settings(max_examples=200, deadline=None)
@given(drawn=samples(), embargo=st.integers(0, 10), n_test=st.integers(1, 2))
def test_combinatorial_purges_on_both_sides_of_every_test_block(drawn: Samples, embargo: int, n_test: int) -> None:
    start, end, group = drawn
    splitter = CombinatorialPurged(4, n_test, embargo)
    try:
        folds = splitter.folds(start, end, group)
    except ModelError as error:
        assert "different times" in str(error)
        return
    singles = [set(fold.test) for fold in CombinatorialPurged(4, 1).folds(start, end, group)]
    for fold, chosen in zip(folds, splitter.test_blocks(), strict=True):
        assert set(fold.test) == set().union(*(singles[b] for b in chosen))
        assert not set(group[fold.train]) & set(group[fold.test])
        for block in chosen:
            rows = sorted(singles[block])
            first, last = start[rows].min(), end[rows].max()
            for i in fold.train:
                assert end[i] < first or start[i] > last + embargo


def test_a_label_that_is_missing_later_moves_no_earlier_cut() -> None:
    """Whether late trades have labels is known only later, so the cuts go by all trades where they are given."""
    start = np.arange(12)
    full = PurgedWalkForward(3).folds(start, start + 1)
    for missing in ([11], [9, 10, 11]):
        kept = np.delete(start, missing)
        found = PurgedWalkForward(3).folds(kept, kept + 1, block_starts=start)
        assert [fold.test_start_ns for fold in found] == [3, 6, 9][: len(found)]
        for before, after in zip(full[:2], found[:2], strict=True):
            np.testing.assert_array_equal(after.train, before.train)
    assert PurgedWalkForward(3).folds(start[:-3], start[:-3] + 1)[1].test_start_ns == 4


def test_combinatorial_counts_and_paths() -> None:
    """Six blocks, two tested at a time: 15 splits that make up 5 whole histories."""
    splitter = CombinatorialPurged(6, 2)
    start = np.arange(60)
    folds = splitter.folds(start, start)
    assert len(folds) == splitter.get_n_splits() == 15
    assert splitter.test_blocks() == list(combinations(range(6), 2))
    paths = splitter.paths()
    assert paths.shape == (5, 6)
    for block in range(6):
        assert len(set(paths[:, block])) == 5
        assert all(block in splitter.test_blocks()[fold] for fold in paths[:, block])


def test_splitters_serve_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    start = np.arange(120)
    spans = np.column_stack([start, start + 3, start // 4])
    X = rng.standard_normal((120, 2))
    for splitter, n in ((PurgedWalkForward(4, 2), 4), (CombinatorialPurged(6, 2, 2), 15)):
        scores = cross_val_score(LinearRegression(), X, X @ [1.0, 2.0], cv=splitter, groups=spans)
        assert len(scores) == n
        assert scores.min() > 0.999
        search = GridSearchCV(Ridge(), {"alpha": [0.0, 1e6]}, cv=splitter).fit(X, X @ [1.0, 2.0], groups=spans)
        assert search.best_params_ == {"alpha": 0.0}
        assert search.n_splits_ == splitter.get_n_splits(X, None, spans) == n
    with pytest.raises(ModelError, match="columns start, end"):
        next(PurgedWalkForward(2).split(X))


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: PurgedWalkForward(5).folds(np.arange(5), np.arange(5)), "at least 6 trades"),
        (lambda: PurgedWalkForward(1).folds([5, 6], [4, 7]), "1 samples end before they start"),
        (lambda: PurgedWalkForward(1).folds([], []), "there are none"),
        (lambda: PurgedWalkForward(1).folds([1, 2], [3]), "the same length"),
        (lambda: PurgedWalkForward(0), "n_splits must be a whole number from 1"),
        (lambda: CombinatorialPurged(3, 3), "n_test_blocks must be below"),
        (lambda: CombinatorialPurged(3, 1).folds([1, 1, 1, 2], [2, 2, 2, 3]), "different times"),
    ],
)
def test_what_cannot_be_split_is_refused(make_it: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make_it()


def test_average_uniqueness_of_the_published_examples() -> None:
    """Labels by bar (110), (110), (010), (011); then AFML's spans {1-3}, {3-4}, {5-6}."""
    np.testing.assert_allclose(average_uniqueness([0, 0, 3], [1, 3, 3]), [0.5, 0.625, 0.5], atol=1e-12)
    np.testing.assert_allclose(average_uniqueness([1, 3, 5], [3, 4, 6]), [5 / 6, 3 / 4, 1.0], atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(spans=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), min_size=1, max_size=30))
def test_average_uniqueness_equals_counting_bar_by_bar(spans: list[tuple[int, int]]) -> None:
    first = np.array([a for a, _ in spans])
    last = first + np.array([n for _, n in spans])
    count = [np.sum((first <= t) & (t <= last)) for t in range(40)]
    expected = [np.mean([1 / count[t] for t in range(a, b + 1)]) for a, b in zip(first, last, strict=True)]
    np.testing.assert_allclose(average_uniqueness(first, last), expected, rtol=1e-12)
