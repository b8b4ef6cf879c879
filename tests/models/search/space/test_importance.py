"""Importance and columns: what was made to matter is found, and what was not is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.models.search.space.columns import column_of, ladder_columns
from exitladder.models.search.space.importance import parameter_importance
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.space.trials import RecordedTrial, exact_trial
from exitladder.plans.ladder import Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.ranges import distance_ranges
from exitladder.settings.tables import SearchSettings

BASE = Ladder(stop=Stop(initial=Distance(2.0, "ATR")))
SPACE = SearchSpace(SearchSettings(n_rungs=(2, 2), time_stop=("bars",)), BASE)


def at_random(rng: np.random.Generator) -> RecordedTrial:
    return RecordedTrial(lambda name, within: within.value_at(float(rng.random())))


def drawn(n: int, seed: int = 0) -> list[Ladder]:
    rng = np.random.default_rng(seed)
    return [SPACE.suggest(at_random(rng)) for _ in range(n)]


def test_what_matters_is_found() -> None:
    ladders = drawn(300)
    columns = [ladder_columns(ladder) for ladder in ladders]
    values = np.array([-abs(float(c["target 1"]) - 2.0) + 0.01 * float(c["time stop (bars)"]) for c in columns])
    table, fit = parameter_importance(ladders, values)
    assert fit > 0.8
    assert table["parameter"].tolist()[:2] == ["target 1", "time stop (bars)"]
    assert table["importance"].sum() == pytest.approx(1.0)
    assert table["importance"][:2].sum() > 0.95
    again, same = parameter_importance(ladders, values)
    assert again.equals(table) and same == fit


def test_noise_explains_nothing() -> None:
    ladders = drawn(200)
    _, fit = parameter_importance(ladders, np.random.default_rng(1).normal(size=200))
    assert fit < 0.1


def test_too_few_or_equal_trials_say_nothing() -> None:
    ladders = drawn(60)
    for values in (np.ones(60), np.where(np.arange(60) < 39, np.arange(60.0), np.nan)):
        table, fit = parameter_importance(ladders, values)
        assert table.empty and np.isnan(fit)
    table, fit = parameter_importance([ladders[0]] * 60, np.arange(60.0))
    assert table.empty


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_parameter_shows_itself_in_a_column(seed: int) -> None:
    rung = "rsi_14 >= 60..85 and open_r >= 0..2"
    wide = SearchSettings(
        n_rungs=(0, 3), stop=(1.0, 4.0), breakeven_offset_r=(0.05, 0.5),
        trail_width=distance_ranges([["1.5ATR", "8ATR"], ["0.5R", "4R"], ["1%", "20%"]], ""),
        first_target=distance_ranges([["0.5R", "4R"], ["1%", "20%"]], ""), trail_after=(1, 2),
        indicator_rungs=(rung,), hold_value_min_r=(0.0, 1.0),
    )  # fmt: skip
    space = SearchSpace(wide, BASE, ("exhaustion", "hold_value_r"))
    trial = at_random(np.random.default_rng(seed))
    ladder = space.suggest(trial)
    columns = ladder_columns(ladder)
    for name, value in trial.parameters.items():
        is_absent = value is False or value == "off" or (name == "n_rungs" and value == 0)
        assert column_of(name) in columns or is_absent, name
    assert space.suggest(exact_trial(trial.parameters)) == ladder
