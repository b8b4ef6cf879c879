"""What is kept with a model: partial dependence by the definition, importance that adds up, the span trained on."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.train import TrainResult
from exitladder.pipelines.training.knowledge import family_importance, partial_dependence
from exitladder.pipelines.training.model import training_rows
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


def test_partial_dependence_is_the_mean_answer_with_one_feature_changed(
    trained: TrainResult, bars: BarSet, trades: Trades, small: Settings
) -> None:
    model = trained.trained.model
    X = training_rows(prepare(bars, trades, small), small).X[:40]
    found = partial_dependence(model, X)
    assert 0 < len(found) <= 6
    leading = model.importance().set_index("feature").mean(axis=1).sort_values(ascending=False, kind="stable")
    assert [line["feature"] for line in found] == leading.index[: len(found)].tolist()
    late = np.full(1, model.stages[-1].valid_from_ns)
    for line in found[:2]:
        assert line["values"] == sorted(set(line["values"]))
        for value, exhaustion, hold in zip(line["values"], line["exhaustion"], line["hold_value_r"], strict=True):
            predictions = []
            for row in X:
                other = row.copy()
                other[model.names.index(line["feature"])] = value
                predictions.append(model.predict(other[None], late))
            assert exhaustion == pytest.approx(np.mean([s.exhaustion[0] for s in predictions]))
            assert hold == pytest.approx(np.mean([s.hold_value_r[0] for s in predictions]))


def test_families_share_out_the_gain(trained: TrainResult) -> None:
    table = family_importance(trained.trained.model)
    assert table["n_features"].sum() == len(trained.trained.model.names)
    assert table["exhaustion"].sum() == pytest.approx(1)
    assert table["hold_value"].sum() == pytest.approx(1)
    assert {"trade_state", "volatility", "momentum"} <= set(table["family"])


def test_the_span_is_that_of_the_rows_learnt_from(
    trained: TrainResult, bars: BarSet, trades: Trades, small: Settings
) -> None:
    span = trained.trained.model.context["training"]
    rows = training_rows(prepare(bars, trades, small), small)
    assert span["first_row_ns"] == rows.time_ns[rows.is_used].min()
    assert span["last_label_ns"] == trained.trained.model.stages[-1].last_label_ns
    assert span["n_rows"] == trained.trained.n_rows
    assert (span["n_symbols"], span["symbols"]) == (5, list(bars.symbols))
    assert span["n_long"] + span["n_short"] == len(trades)
