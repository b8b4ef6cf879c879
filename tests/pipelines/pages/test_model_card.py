"""The card of a model: every number is the run's own, limits follow from what was found, and report shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.models.calibration.calibrators import Platt
from exitladder.pipelines.pages.card_limits import known_limits, label_words
from exitladder.pipelines.pages.model_card import model_card, verdict_of
from exitladder.pipelines.plots.pictures import model_pictures
from exitladder.pipelines.report import report
from exitladder.pipelines.tracking.runs import find_run, run_artifact
from exitladder.pipelines.train import TrainResult
from exitladder.pipelines.training.model import Trained
from exitladder.pipelines.training.value import ModelValue
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings


def test_the_card_tells_what_the_run_found(trained: TrainResult, small: Settings) -> None:
    result = trained.to_mapping()
    html = model_card(
        trained.trained, small, model_pictures(trained.trained), name="small-exhaustion", run_id=trained.run_id
    ).html()
    for text in (
        "Model card: small-exhaustion",
        f"{result['log_loss']:.4f}",
        f"{result['auc']:.3f}",
        f"{result['n_rows_out_of_fold']:,} rows",
        "AAPL, FB, GOOG, IBM, MSFT",
        "best trailing stop",
        "side short",
        "year 2008",
        "training windows",
        trained.run_id,
    ):
        assert text in html
    for stage in trained.trained.model.spans()["valid_from"]:
        assert f"{stage:%Y-%m-%d}" in html
    assert html.count("<img ") == 4
    assert "http" not in html.replace("http://www.w3.org", "")
    assert not re.search(r"\bnan\b", html)


def test_the_run_keeps_it_and_report_writes_it(
    trained: TrainResult, store: Path, small: Settings, tmp_path: Path
) -> None:
    kept = run_artifact(trained.run_id, "model_card.html", store).read_text(encoding="utf-8")
    assert report(trained.run_id, tmp_path / "card.html", small).read_text(encoding="utf-8") == kept
    note = find_run(trained.run_id, store).tags["mlflow.note.content"]
    assert note.startswith(verdict_of(trained.trained).replace("−", "-")[:40])


def found(trained: Trained, low: float, high: float) -> Trained:
    comparison = trained.value.comparison
    assert comparison is not None
    p = 0.5 if low <= 0 <= high else 0.01
    other = replace(comparison, difference_r=(low + high) / 2, low=low, high=high, p_value=p)
    return replace(trained, value=ModelValue(other, trained.value.expectancy_r))


@pytest.mark.parametrize(
    ("low", "high", "words", "verdict"),
    [
        (0.1, 0.3, "The model has an edge: ", "better"),
        (-0.3, -0.1, "The model is harmful: ", "worse"),
        (-0.1, 0.3, "The model has no demonstrated edge: ", "no_difference"),
    ],
)
def test_the_verdict_goes_by_the_interval(
    low: float, high: float, words: str, verdict: str, trained: TrainResult, small: Settings
) -> None:
    other = found(trained.trained, low, high)
    assert verdict_of(other).startswith(words)
    card = model_card(other, small, [])
    assert card.verdict == verdict
    # The finding is the first that the page says after its title.
    shown = card.html().split("</header>", 1)[1].split("<p>", 1)
    assert f"<strong>{card.verdict_word}</strong>" in shown[0] and shown[1].startswith(words)
    shows_none = any("shows no gain over the best trailing stop" in text for text in known_limits(other, small))
    assert shows_none == (verdict != "better")


def test_a_gain_that_shuffled_predictions_reach_as_well_is_no_edge(trained: TrainResult, small: Settings) -> None:
    other = found(trained.trained, 0.1, 0.3)
    other = replace(other, value=replace(other.value, shuffled_gain_r=0.2))
    said = verdict_of(other)
    assert said.startswith("The model has no demonstrated edge: ")
    assert "With predictions shuffled between trades, the same tuning changed it by +0.200 R." in said
    assert model_card(other, small, []).verdict == "no_difference"


def test_too_little_data_is_reported(trained: TrainResult, small: Settings) -> None:
    nothing = replace(
        trained.trained,
        value=ModelValue(None, {}),
        policy=None,
        baselines={},
        calibration=pd.DataFrame(),
        model=replace(
            trained.trained.model,
            metrics=dict.fromkeys(trained.trained.model.metrics, np.nan) | {"n_rows": 0, "n_trades": 0, "n_stages": 1},
            context={**trained.trained.model.context, "drift": {}, "dependence": []},
        ),
    )
    html = model_card(nothing, small, model_pictures(nothing)).html()
    assert "No trade was predicted out of fold" in html
    assert "Too few trades were predicted" in html
    assert "too few to measure drift" in html
    assert not re.search(r"\bnan\b", html)


def flat(trained: Trained) -> Trained:
    stages = tuple(replace(stage, calibrator=Platt(0.0, 0.0)) for stage in trained.model.stages)
    return replace(trained, model=replace(trained.model, stages=stages))


def one_sided(trained: Trained) -> Trained:
    span = {**trained.model.context["training"], "n_short": 0}
    return replace(trained, model=replace(trained.model, context={**trained.model.context, "training": span}))


@pytest.mark.parametrize(
    ("change", "words"), [(flat, "same exhaustion, the base rate"), (one_sided, "trained on no short trade")]
)
def test_limits_follow_from_what_was_found(
    change: Callable[[Trained], Trained], words: str, trained: TrainResult, small: Settings
) -> None:
    assert any(words in text for text in known_limits(change(trained.trained), small))
    assert not any("no short trade" in text for text in known_limits(trained.trained, small))


@pytest.mark.parametrize("exhaustion", ["race", "pivot_hazard"])
@pytest.mark.parametrize("decision", ["continuation_advantage", "forward_return", "remaining_mfe", "triple_barrier"])
def test_every_label_is_defined_with_its_distances(exhaustion: str, decision: str) -> None:
    settings = load_settings(None, [f"labels.exhaustion={exhaustion}", f"labels.decision={decision}"])
    definitions = label_words(settings)
    assert definitions[0].startswith("Exhaustion is the calibrated probability that")
    assert definitions[1].startswith("The value of holding (hold_value_r in a ladder's conditions) is ")
    assert "1.9 ATR" in definitions[0]
    assert any(size in definitions[1] for size in ("3 ATR", "20 more bars", "1.9 ATR", "20 bars"))
