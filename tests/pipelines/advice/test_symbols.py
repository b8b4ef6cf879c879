"""A symbol's own model counts alike in backtests and in advice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.features import row_matrix
from exitladder.models.calibration.calibrators import logit
from exitladder.models.exhaustion.linear import Linear
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.exhaustion.own import OwnModel
from exitladder.models.exhaustion.stacking import Stack
from exitladder.pipelines.advice.uncertainty import outlook_of
from exitladder.pipelines.advice.wording.reasons import moves_of
from exitladder.pipelines.inputs.predictions import predict_rows, symbols_of
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.train import TrainResult
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades, small: Settings) -> Prepared:
    return prepare(bars, trades, small)


@pytest.fixture(scope="module")
def model(trained: TrainResult, prepared: Prepared) -> ExhaustionModel:
    """The trained model, with one of its own for IBM that reads the first feature alone."""
    plain = trained.trained.model
    n = len(plain.names)
    weight = (0.5, *(0.0,) * (n - 1))
    line = Linear((0.0,) * n, (0.0,) * n, (1.0,) * n, weight, 0.1)
    own = (OwnModel("IBM", line, Stack(0.0, linear=1.0, forest=0.0, silent=False)),)
    return replace(plain, stages=tuple(replace(stage, race_own=own, hold_own=own) for stage in plain.stages))


def test_advice_and_backtest_read_the_same(prepared: Prepared, model: ExhaustionModel, trained: TrainResult) -> None:
    rows = prepared.rows
    last = rows.start[1:] - 1
    every, plain = predict_rows(prepared, model), predict_rows(prepared, trained.trained.model)
    now = outlook_of(prepared, model, last)
    for name in ("exhaustion", "hold_value_r"):
        np.testing.assert_array_equal(getattr(now, name), every.reading(name)[last])
    is_ibm = (prepared.placed.trades.symbol == "IBM") & (every.stage[last] >= 0)
    assert is_ibm.any() and np.isnan(now.low[is_ibm]).all()
    assert (every.exhaustion[last][is_ibm] != plain.exhaustion[last][is_ibm]).any()
    others = ~(prepared.placed.trades.symbol == "IBM")
    assert np.array_equal(every.exhaustion[last][others], plain.exhaustion[last][others], equal_nan=True)


def test_the_own_model_is_the_one_explained(prepared: Prepared, model: ExhaustionModel) -> None:
    last = prepared.rows.start[1:] - 1
    chosen = last[prepared.placed.trades.symbol == "IBM"][-5:]
    X: Any = row_matrix(prepared.placed, prepared.rows, prepared.features, select=chosen).values
    when = prepared.placed.bars.close_time[prepared.rows.bar_of(chosen)]
    symbols = symbols_of(prepared, model, chosen)
    moves = moves_of(model, X, when, "exhaustion", symbols)
    predicted = model.predict(X, when, symbols=symbols).exhaustion
    assert np.array_equal(moves[:, 1:], np.zeros_like(moves[:, 1:]))
    # Without the first feature, the log-odds are those of the intercept.
    np.testing.assert_allclose(logit(predicted - moves[:, 0]), 0.1, atol=1e-6)
