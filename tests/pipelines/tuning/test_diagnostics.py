"""The portrait: a plateau is told from a peak, folds that agree from folds that do not, and it is all of the past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.files.output import json_text
from exitladder.models.search.search import SearchResult, search
from exitladder.models.search.space.space import SearchSpace
from exitladder.pipelines.inputs.prepare import Prepared, base_ladder, prepare
from exitladder.pipelines.plots.diagnostics import (
    dependence_picture,
    front_picture,
    plateau_picture,
    slices_picture,
    stability_picture,
)
from exitladder.pipelines.plots.style import to_svg
from exitladder.pipelines.tuning.diagnostics import LadderDiagnostics, Plateau, diagnostics, stability
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.plans.ladder import Ladder
from exitladder.settings.loading import load_settings
from exitladder.trades.trades import Trades

SETTINGS = load_settings(
    None,
    [
        "tuning.objectives=['expectancy_r', 'cvar_r']",
        "search.time_bars=[10, 60]",
        "search.time_stop=bars",
        "project.threads=1",
    ],
)
BASE = base_ladder(SETTINGS)
SPACE = SearchSpace(SETTINGS.search, BASE)


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades) -> Prepared:
    return prepare(bars, trades, SETTINGS).take(np.arange(200))


@pytest.fixture(scope="module")
def objectives(prepared: Prepared) -> Objectives:
    return Objectives.of(SETTINGS, prepared.placed, None, BASE, SPACE)


@pytest.fixture(scope="module")
def found(objectives: Objectives) -> SearchResult:
    return search(SPACE, objectives.judge, 80, seed=1, batch_size=40, sampler="random")


@pytest.fixture(scope="module")
def drawn(objectives: Objectives, found: SearchResult) -> LadderDiagnostics:
    ladder = found.ladders[objectives.choose(found.evaluation, list(found.ladders))]
    return diagnostics(objectives, found.evaluation, found.ladders, ladder, {"fold 1": found.ladders[3]})


def test_slices_are_executed_again(objectives: Objectives, found: SearchResult, drawn: LadderDiagnostics) -> None:
    ladder = found.ladders[objectives.choose(found.evaluation, list(found.ladders))]
    own = objectives.judge([ladder]).values[0, 0]
    tuned = drawn.slices[drawn.slices["is_tuned"]]
    assert (tuned["objective"] == own).all() and (tuned["behind"] == 0).all()
    assert set(tuned["parameter"]) == set(drawn.slices["parameter"])
    time = drawn.slices[drawn.slices["parameter"] == "time stop (bars)"]
    other = replace(ladder, stop=replace(ladder.stop, time=int(time["value"].iloc[0])))
    assert time["objective"].iloc[0] == objectives.judge([other]).values[0, 0]
    np.testing.assert_allclose(own - drawn.slices["objective"].to_numpy(), drawn.slices["behind"].to_numpy())


def test_the_front_names_the_chosen(objectives: Objectives, found: SearchResult, drawn: LadderDiagnostics) -> None:
    chosen = drawn.front[drawn.front["is_chosen"]]
    assert chosen["trial"].tolist() == [objectives.choose(found.evaluation, list(found.ladders))]
    np.testing.assert_array_equal(drawn.front["trial"], found.evaluation.front())


def test_it_is_told_in_words_numbers_and_pictures(drawn: LadderDiagnostics) -> None:
    json_text(drawn.to_mapping())
    assert f"{drawn.plateau.share:.0%} of {len(drawn.plateau.behind)} neighbouring ladders" in drawn.text
    assert 0 <= drawn.plateau.share <= 1 and len(drawn.plateau.behind) > 100
    for figure in (
        dependence_picture(drawn.importance, drawn.fit),
        slices_picture(drawn.slices, drawn.objective),
        plateau_picture(drawn.plateau, drawn.objective),
        stability_picture(drawn.stability),
        front_picture(drawn.tried, drawn.front),
        dependence_picture(drawn.importance.head(0), float("nan")),
        slices_picture(drawn.slices.head(0), drawn.objective),
        plateau_picture(Plateau(np.empty(0), 0.1), "sharpe"),
        stability_picture(drawn.stability.head(0)),
        front_picture(drawn.tried, drawn.front.head(0)),
    ):
        assert to_svg(figure).startswith(b"<?xml")


def test_a_ladder_outside_the_space_has_a_portrait_too(objectives: Objectives, found: SearchResult) -> None:
    outside = Ladder(stop=replace(BASE.stop, time=200))
    result = diagnostics(objectives, found.evaluation, found.ladders, outside, {})
    assert result.plateau.kind == "unknown" and result.slices.empty and result.stability.empty
    assert "outside the search space" in result.text
    json_text(result.to_mapping())


@pytest.mark.parametrize(("behind", "kind"), [(0.05, "plateau"), (0.2, "peak")])
def test_a_plateau_is_told_from_a_peak(behind: float, kind: str) -> None:
    plateau = Plateau(np.full(50, behind), 0.1)
    assert plateau.kind == kind and plateau.median == behind
    assert Plateau(np.repeat([0.05, 0.2], 25), 0.1).kind == "slope"


def test_folds_that_agree_and_folds_that_do_not(found: SearchResult) -> None:
    one = found.ladders[0]
    same = stability({"a": one, "b": one, "final": one}, found.ladders)
    assert (same["agreement"] == 1.0).all()
    rng = np.random.default_rng(0)
    at_random = [
        stability({str(k): found.ladders[k] for k in rng.choice(len(found.ladders), 6, replace=False)}, found.ladders)
        for _ in range(20)
    ]
    mean = pd.concat(at_random).groupby("parameter")["agreement"].mean()
    assert mean.min() >= 0 and mean.mean() < 0.4
    assert stability({"final": one}, found.ladders).empty
