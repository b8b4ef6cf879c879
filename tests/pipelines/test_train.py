"""`train`: what it prints, what it keeps, and that it never answers from memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.screens.train import train_screen
from exitladder.errors import ExitladderWarning
from exitladder.files.output import json_text
from exitladder.models.exhaustion.file import load_model
from exitladder.pipelines.inputs.job import open_job
from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.train import TrainResult, train
from exitladder.pipelines.training.model import train_model
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

PROMISED = {
    "run_id", "model", "n_trades", "n_rows", "log_loss", "brier", "base_rate", "auc", "calibration_error", "value_r",
    "value_interval", "baselines", "leak_check", "leak_reasons",
}  # fmt: skip


def test_prints_what_is_promised(trained: TrainResult) -> None:
    result = trained.to_mapping()
    assert set(result) >= PROMISED
    json_text(result)
    assert result["leak_check"] == "passed"
    # Nothing follows the next bar, and the same features a bar later do: the check could have seen a leak.
    assert result["leak_notes"] == []
    assert result["leak_measures"]["next_bar_correlation"] < 0.2 < result["leak_measures"]["shifted_correlation"]
    assert result["n_trades"] == 762
    assert 0 < result["base_rate"] < 1
    assert result["value_interval"][0] <= result["value_r"] <= result["value_interval"][1]
    baselines = result["baselines"]
    for name in ("constant", "logistic regression", "LightGBM on shuffled labels"):
        assert 0.6 < baselines[name]["log_loss"] < 0.8
    policies = ("logistic regression", "best trailing stop", "RSI and Bollinger or trail", "model or trail")
    assert all(np.isfinite(baselines[name]["expectancy_r"]) for name in policies)


def test_calibration_is_told_with_intervals_over_all_and_by_group(trained: TrainResult) -> None:
    result = trained.to_mapping()
    for name in ("log_loss", "brier", "calibration_error"):
        low, high = result[f"{name}_interval"]
        assert low <= result[name] <= high
    groups = result["calibration_by_group"]
    for kind in ("all", "side", "symbol", "year"):
        assert sum(row["n_rows"] for row in groups if row["by"] == kind) == result["n_rows_out_of_fold"]
    assert {row["group"] for row in groups if row["by"] == "side"} == {"long", "short"}
    assert groups[0]["brier"]["value"] == result["brier"]


def test_training_again_says_the_same_to_the_bit(
    trained: TrainResult, bars: BarSet, trades: Trades, small: Settings
) -> None:
    again = train_model(prepare(bars, trades, small), small)
    assert json_text(again.to_mapping()) == json_text(trained.trained.to_mapping())
    for one, other in zip(again.model.stages, trained.trained.model.stages, strict=True):
        assert (one.race.text, one.hold.text) == (other.race.text, other.hold.text)


def test_every_reference_names_the_same_model(trained: TrainResult, store: Path) -> None:
    by_run = resolve_model(trained.run_id, store)
    by_version = resolve_model(trained.model, store)
    assert (by_run / "model.json").read_text() == (by_version / "model.json").read_text()
    # Other tests train into this store too: the alias names the newest of them.
    assert (resolve_model("models:/small-exhaustion@newest", store) / "model.json").is_file()


def test_the_newest_model_is_not_taken_without_a_word_if_it_has_no_edge(
    trained: TrainResult, bars: BarSet, trades: Trades, small: Settings, store: Path
) -> None:
    newest = "models:/small-exhaustion@newest"
    assert load_model(resolve_model(newest, store)).context["value_finding"] != "edge"
    with pytest.warns(ExitladderWarning, match="the model that was trained last, and its training"):
        open_job(bars, trades, small, model=newest)
    open_job(bars, trades, small, model=trained.model)  # chosen by its version: no warning


def test_a_model_of_a_few_trades_is_registered_with_the_doubt(
    bars: BarSet, trades: Trades, small: Settings, tmp_path: Path
) -> None:
    few = trades.take(np.argsort(trades.entry_time, kind="stable")[:11])
    own_store = small.with_values({"tracking": {"store": str(tmp_path / "mlruns")}})
    screen = train_screen(train(bars, few, own_store).to_mapping(), 80)
    assert screen.startswith("Too few trades to tell whether the model has an edge.")
    # the alias is moved, and the screen says so; what was not measured is left out
    assert "small-exhaustion@newest, although no edge was found" in screen
    assert "nan" not in screen


def test_store_holds_no_pickle_and_the_pictures(trained: TrainResult, store: Path) -> None:
    names = [p.name for p in store.rglob("*") if p.is_file()]
    assert not [n for n in names if n.endswith((".pkl", ".pickle", ".joblib", ".cloudpickle"))]
    assert {"calibration_by_group.csv", "calibration.svg", "importance.svg", "model.json", "settings.json"} <= set(
        names
    )


def test_no_row_is_answered_by_a_stage_that_knew_its_label(
    trained: TrainResult, bars: BarSet, trades: Trades, small: Settings
) -> None:
    prepared = prepare(bars, trades, small)
    predictions = trained.trained.predictions
    when = bars.close_time[prepared.rows.bar]
    last_label = np.array([s.last_label_ns for s in trained.trained.model.stages])
    is_predicted = predictions.stage >= 0
    assert is_predicted.any() and not is_predicted.all()
    assert (last_label[predictions.stage[is_predicted]] < when[is_predicted]).all()
    assert predictions.counts()["n_rows_in_sample"] == 0


def test_past_predictions_do_not_depend_on_later_bars(
    bars: BarSet, trades: Trades, small: Settings, scrambled_after: Callable[[BarSet, int], BarSet]
) -> None:
    prepared = prepare(bars, trades, small)
    model = train_model(prepared, small).model
    moment = model.stages[1].valid_from_ns
    other = prepare(scrambled_after(bars, moment), trades, small)
    again = train_model(other, small).model
    # Where folds are cut depends on how many later rows have labels; what the first of them says must not.
    assert again.stages[0].valid_from_ns == model.stages[0].valid_from_ns
    until = min(moment, again.stages[1].valid_from_ns)
    before = bars.close_time[prepared.rows.bar] < until
    first, second = predict_rows(prepared, model), predict_rows(other, again)
    np.testing.assert_array_equal(first.exhaustion[before], second.exhaustion[before])
    np.testing.assert_array_equal(first.hold_value_r[before], second.hold_value_r[before])
    assert np.isfinite(first.exhaustion[before]).any()


def test_even_the_first_stage_is_calibrated_by_rehearsal(trained: TrainResult) -> None:
    assert set(trained.trained.model.spans()["calibration"]) <= {"platt", "isotonic", "venn_abers"}


def test_loading_gives_the_same_predictions(
    trained: TrainResult, bars: BarSet, trades: Trades, small: Settings, store: Path
) -> None:
    model = load_model(resolve_model(trained.model, store))
    again = predict_rows(prepare(bars, trades, small), model)
    np.testing.assert_array_equal(again.exhaustion, trained.trained.predictions.exhaustion)
