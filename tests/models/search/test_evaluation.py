"""Evaluation ladders: which are feasible, and the front that no other beats against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.errors import ModelError
from exitladder.models.search.evaluation import Evaluation

NAMES = ("expectancy_r", "cvar_r", "calmar")


def evaluation(values: list[list[float]], violations: list[list[float]] | None = None) -> Evaluation:
    worth = np.array(values, dtype=np.float64)
    broken = np.empty((len(worth), 0)) if violations is None else np.array(violations, dtype=np.float64)
    return Evaluation(worth, broken, NAMES[: worth.shape[1]], tuple(f"c{k}" for k in range(broken.shape[1])))


def test_the_front_holds_what_no_feasible_ladder_beats() -> None:
    values = [[1.0, 5.0], [2.0, 4.0], [2.0, 3.0], [0.0, 6.0], [9.0, 9.0], [np.nan, 9.0], [2.0, 4.0]]
    broken = [[0.0], [-1.0], [0.0], [0.0], [0.1], [0.0], [0.0]]
    found = evaluation(values, broken)
    assert found.front().tolist() == [0, 1, 3]
    assert found.feasible.tolist() == [True, True, True, True, False, False, True]
    assert found.take([4, 0]).front().tolist() == [1]
    assert len(Evaluation.joined([found, found])) == 14


def test_where_nothing_is_feasible_the_least_broken_stand_in() -> None:
    found = evaluation([[1.0], [3.0], [2.0], [9.0]], [[2.0, -1.0], [0.5, 0.5], [1.0, 0.0], [np.nan, 0.0]])
    assert found.front().tolist() == [1]
    assert evaluation([[np.nan], [np.nan]]).front().tolist() == []


@given(st.integers(1, 3).flatmap(lambda k: st.lists(st.lists(st.integers(0, 4), min_size=k, max_size=k), min_size=1)))
def test_the_front_is_the_one_of_the_definition(rows: list[list[int]]) -> None:
    values = [[float(v) for v in row] for row in rows]
    front = evaluation(values).front().tolist()
    expected = []
    for k, mine in enumerate(values):
        beaten = any(all(o >= m for o, m in zip(other, mine, strict=True)) and other != mine for other in values)
        if not beaten and mine not in values[:k]:
            expected.append(k)
    assert front == expected


def test_columns_without_a_name_are_refused() -> None:
    with pytest.raises(ModelError, match=r"values of 2 ladders must have a column for each of \['a'\]"):
        Evaluation(np.zeros((2, 2)), np.empty((2, 0)), ("a",), ())
    with pytest.raises(ModelError, match="violations of 2 ladders"):
        Evaluation(np.zeros((2, 1)), np.empty((3, 0)), ("a",), ())
    with pytest.raises(ModelError, match="at least one objective"):
        Evaluation(np.zeros((2, 0)), np.empty((2, 0)), (), ())
