"""What came of a model's probabilities: only later trades count, and only outcomes that the bars show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.models.answer_drift import NO_ANSWERS
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.pipelines.inputs.predictions import with_features_of
from exitladder.pipelines.score import score
from exitladder.pipelines.train import TrainResult
from exitladder.pipelines.training.answers import answers_now
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@pytest.fixture(scope="module")
def early(trained: TrainResult) -> ExhaustionModel:
    """The model as it was after its first two stages."""
    model = trained.trained.model
    return replace(model, stages=model.stages[:2])


def test_trades_after_the_training_are_compared_with_their_outcomes(
    bars: BarSet, trades: Trades, early: ExhaustionModel, small: Settings
) -> None:
    settings = with_features_of(early, small, bars)
    found = answers_now(bars, trades, early, settings)
    later = int((trades.entry_time >= early.stages[-1].valid_from_ns).sum())
    assert 0 < found.n_trades <= later and found.n_answers > found.n_trades
    assert 0 < found.predicted < 1 and 0 < found.observed < 1
    assert f"over {found.n_trades:,} trades since training" in found.sentence
    # Bars that are not known yet give no outcomes.
    middle = int(np.quantile(bars.close_time, 0.8))
    known = answers_now(bars.until(middle), trades, early, settings)
    assert 0 < known.n_answers < found.n_answers


def test_without_later_trades_or_a_model_there_is_no_finding(
    bars: BarSet, some_open: Trades, classic: Ladder, trained: TrainResult, small: Settings
) -> None:
    assert answers_now(bars, some_open, None, small) == NO_ANSWERS
    result = score(bars, some_open, classic, trained.model, small)
    assert result.answers.n_answers == 0 and result.answers.sentence == ""
