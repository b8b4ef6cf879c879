"""The as-of model: no prediction knows anything later than its row, and a saved model is the same model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.errors import ModelError
from exitladder.models.calibration.calibrators import logit
from exitladder.models.exhaustion import training as exhaustion_training
from exitladder.models.exhaustion.file import load_model, save_model, table_digest
from exitladder.models.exhaustion.model import ExhaustionModel, Predictions
from exitladder.models.forests.rows import TrainingRows
from exitladder.settings.tables import ModelSettings

QUICK = ModelSettings(n_estimators=20, num_leaves=4, min_child_samples=20, learning_rate=0.2, row_step=1)


def fitted(rows: TrainingRows, chosen: ModelSettings = QUICK, **more: Any) -> ExhaustionModel:
    return ExhaustionModel.fit(rows, chosen, **{"n_folds": 4, "embargo_ns": 5 * 3_600 * 10**9, "threads": 1, **more})


@pytest.fixture(scope="module")
def rows(make: Any) -> TrainingRows:
    made: TrainingRows = make.training_rows()
    return made


@pytest.fixture(scope="module")
def model(rows: TrainingRows) -> ExhaustionModel:
    return fitted(rows, context={"features": {"names": ["default"]}})


def same(a: Predictions, b: Predictions) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
        for name in ("exhaustion", "hold_value_r", "stage")
    )


def test_it_learns_out_of_fold_what_is_there_to_learn(model: ExhaustionModel) -> None:
    # The first stage has too few trades to hold any out, and says nothing.
    assert model.spans()["silent"].tolist() == ["exhaustion, hold_value_r", "", "", "", ""]
    assert model.metrics["auc"] > 0.68
    assert model.metrics["log_loss_gain"] > 5 * model.metrics["log_loss_gain_error"] > 0
    assert model.metrics["hold_gain_r2"] > 5 * model.metrics["hold_gain_r2_error"] > 0
    assert model.metrics["calibration_error"] < 0.06
    assert model.metrics["hold_correlation"] > 0.2
    assert model.metrics["n_stages"] == len(model.stages) == 5
    assert model.importance()["feature"][0] == "feature_0"
    assert model.reliability["n"].sum() == model.metrics["n_rows"]


def test_nothing_is_learnt_where_there_is_nothing(make: Any) -> None:
    model = fitted(make.training_rows(skill=0.0, seed=4))
    assert set(model.spans()["silent"]) == {"exhaustion, hold_value_r"}
    metrics = model.metrics
    assert [metrics["log_loss_gain"], metrics["hold_gain_r2"]] == pytest.approx([0, 0], abs=1e-12)
    assert abs(metrics["auc"] - 0.5) < 0.03
    assert not abs(metrics["hold_correlation"]) > 0.06


def test_every_training_label_was_known_an_embargo_before_its_stage_serves(model: ExhaustionModel, make: Any) -> None:
    for stage in model.stages:
        assert stage.last_label_ns <= stage.valid_from_ns - 5 * make.hour
    spans = model.spans()
    assert spans["valid_from"].is_monotonic_increasing
    assert spans["n_rows"].is_monotonic_increasing
    # these trades are too few to rehearse on: the first stage speaks as it is
    assert spans["calibration"].tolist()[0] == "none"
    assert set(spans["calibration"].tolist()[1:]) <= {"platt", "isotonic", "venn_abers"}


def test_rows_before_the_first_stage_are_not_answered(model: ExhaustionModel, rows: TrainingRows) -> None:
    result = model.predict(rows.X, rows.time_ns)
    before = rows.time_ns < model.stages[0].valid_from_ns
    assert np.isnan(result.exhaustion[before]).all()
    assert np.isnan(result.hold_value_r[before]).all()
    assert (result.stage[before] == -1).all()
    assert np.isfinite(result.exhaustion[~before]).all()
    np.testing.assert_array_equal(result.is_known, ~before)


def test_the_last_stage_serves_after_the_embargo_or_for_advice_from_the_last_label_on(
    model: ExhaustionModel, rows: TrainingRows
) -> None:
    last = model.stages[-1]
    assert last.last_label_ns == rows.end_ns.max()
    times = np.array([last.last_label_ns, last.valid_from_ns - 1, last.valid_from_ns])
    np.testing.assert_array_equal(model.stage_of(times), [3, 3, 4])
    np.testing.assert_array_equal(model.stage_of(times, embargo=False), [4, 4, 4])


@settings(max_examples=12, deadline=None)
@given(stage=st.integers(0, 4), hours=st.integers(-40, 12), seed=st.integers(0, 1000))
def test_predictions_do_not_change_when_later_data_do(
    model: ExhaustionModel, rows: TrainingRows, stage: int, hours: int, seed: int
) -> None:
    """Features of rows after a time near a stage's start, and labels known only after it, are replaced by noise."""
    rng = np.random.default_rng(seed)
    time = model.stages[stage].valid_from_ns + hours * 3_600 * 10**9
    later = rows.time_ns > time
    X = rows.X.copy()
    X[later] = rng.standard_normal(X[later].shape) * 3
    other = replace(
        rows,
        X=X,
        race=np.where(rows.race_end_ns > time, rng.integers(0, 2, len(rows)).astype(float), rows.race),
        hold=np.where(rows.hold_end_ns > time, rng.standard_normal(len(rows)) * 5, rows.hold),
    )
    again = fitted(other)
    assert [s.valid_from_ns for s in again.stages] == [s.valid_from_ns for s in model.stages]
    earlier = ~later
    assert same(
        again.predict(rows.X[earlier], rows.time_ns[earlier]), model.predict(rows.X[earlier], rows.time_ns[earlier])
    )


def test_training_again_gives_the_same_trees_to_the_bit(model: ExhaustionModel, rows: TrainingRows) -> None:
    again = fitted(rows)
    assert [s.race.text for s in again.stages] == [s.race.text for s in model.stages]
    assert again.metrics == model.metrics
    two_threads = fitted(rows, threads=2)
    assert same(two_threads.predict(rows.X, rows.time_ns), model.predict(rows.X, rows.time_ns))
    assert not same(fitted(rows, seed=1).predict(rows.X, rows.time_ns), model.predict(rows.X, rows.time_ns))


def test_unreachable_and_unlabelled_rows_teach_nothing(model: ExhaustionModel, rows: TrainingRows) -> None:
    """Rows of noise put beside the others, unreachable or without labels, leave every tree as it was."""
    noise = rows.X[::3] * -5
    padding = np.full(len(noise), np.nan)
    unreachable = np.arange(len(noise)) % 2 == 0
    more = TrainingRows(
        X=np.concatenate([rows.X, noise]),
        names=rows.names,
        trade=np.concatenate([rows.trade, rows.trade[::3]]),
        time_ns=np.concatenate([rows.time_ns, rows.time_ns[::3]]),
        race=np.concatenate([rows.race, np.where(unreachable, 1.0, padding)]),
        race_end_ns=np.concatenate([rows.race_end_ns, rows.race_end_ns[::3]]),
        hold=np.concatenate([rows.hold, np.where(unreachable, 9.0, padding)]),
        hold_end_ns=np.concatenate([rows.hold_end_ns, rows.hold_end_ns[::3]]),
        reachable=np.concatenate([rows.reachable, ~unreachable]),
    )
    assert same(fitted(more).predict(rows.X, rows.time_ns), model.predict(rows.X, rows.time_ns))


def test_every_nth_bar_of_a_trade(rows: TrainingRows) -> None:
    chosen = rows.every(7)
    for trade in (0, 5, 149):
        np.testing.assert_array_equal(np.flatnonzero(chosen[rows.trade == trade]), np.arange(0, 30, 7))
    shuffled = np.random.default_rng(0).permutation(len(rows))
    moved = replace(
        rows, **{n: getattr(rows, n)[shuffled] for n in ("X", "trade", "time_ns", "race", "race_end_ns", "hold",
                                                         "hold_end_ns", "reachable")},
    )  # fmt: skip
    np.testing.assert_array_equal(moved.every(7), chosen[shuffled])
    assert fitted(rows, replace(QUICK, row_step=3)).stages[-1].n_rows == 150 * 10


def test_explanations_add_up_to_the_raw_log_odds(model: ExhaustionModel, rows: TrainingRows) -> None:
    chosen = np.flatnonzero(rows.time_ns >= model.stages[-2].valid_from_ns)[:200]
    parts = model.explain(rows.X[chosen], rows.time_ns[chosen])
    raw = logit(model.stages[-2].raw(rows.X[chosen], "exhaustion", 1))
    rest = raw - parts.sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-9)
    assert np.isnan(model.explain(rows.X[:3], rows.time_ns[:3])).all()
    assert np.abs(parts).mean(axis=0).argmax() == 0


# Saving and loading


def test_a_saved_model_is_the_same_model(model: ExhaustionModel, rows: TrainingRows, tmp_path: Path) -> None:
    again = load_model(save_model(model, tmp_path / "model"), names=model.names)
    assert same(again.predict(rows.X, rows.time_ns), model.predict(rows.X, rows.time_ns))
    assert (again.names, again.settings, dict(again.context)) == (model.names, model.settings, dict(model.context))
    assert dict(again.metrics) == dict(model.metrics)
    assert again.reliability.equals(model.reliability)
    assert again.spans().equals(model.spans())
    assert sorted(p.suffix for p in (tmp_path / "model").iterdir()) == [".json"] + [".txt"] * 10


def test_a_model_of_forests_alone_is_written_as_earlier_versions_read_it(rows: TrainingRows, tmp_path: Path) -> None:
    model = fitted(rows, replace(QUICK, combine="forest"))
    again = load_model(save_model(model, tmp_path))
    assert json.loads((tmp_path / "model.json").read_text())["schema_version"] == 2
    assert same(again.predict(rows.X, rows.time_ns), model.predict(rows.X, rows.time_ns))
    assert set(again.spans()["silent"]) == {""}


def test_a_silent_stage_predicts_the_mean_of_its_past_and_is_read_by_no_rule(
    model: ExhaustionModel, rows: TrainingRows
) -> None:
    found = model.predict(rows.X, rows.time_ns)
    first = model.stages[0]
    own = found.stage == 0
    late = rows.over_ns > first.valid_from_ns - 5 * 3_600 * 10**9
    trained = ~np.isin(rows.trade, rows.trade[late])
    assert trained.sum() == first.n_rows
    np.testing.assert_allclose(found.exhaustion[own], rows.race[trained].mean())
    np.testing.assert_allclose(found.hold_value_r[own], rows.hold[trained].mean())
    for series in ("exhaustion", "hold_value_r"):
        np.testing.assert_array_equal(np.isnan(found.reading(series)), found.stage <= 0)
    assert (model.explain(rows.X[own], rows.time_ns[own]) == 0).all()


def edit(change: Callable[[dict[str, Any]], object], *, is_signed: bool = True) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "model.json"
        table = json.loads(path.read_text())
        change(table)
        if is_signed:
            table["sha256"] = table_digest(table)
        path.write_text(json.dumps(table))

    return apply


def spoil_booster(folder: Path) -> None:
    path = folder / "stage_01_hold.txt"
    path.write_text(path.read_text().replace("leaf_value=", "leaf_value=1", 1))


def flip(name: str) -> Callable[[Path], None]:
    """Another digit in the middle of a file."""

    def apply(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        place = next(k for k in range(len(content) // 2, len(content)) if chr(content[k]).isdigit())
        content[place] = ord("1") if content[place] != ord("1") else ord("2")
        (folder / name).write_bytes(bytes(content))

    return apply


def exchange(one: str, other: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        first = (folder / one).read_bytes()
        (folder / one).write_bytes((folder / other).read_bytes())
        (folder / other).write_bytes(first)

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_booster, "stage_01_hold.txt' has SHA-256 .* was changed"),
        (lambda folder: (folder / "stage_00_race.txt").unlink(), "needs .*stage_00_race.txt"),
        (lambda folder: (folder / "model.json").unlink(), "A model is a folder with model.json"),
        (lambda folder: (folder / "model.json").write_text("{"), "must be JSON"),
        (flip("stage_00_race.txt"), "stage_00_race.txt' has SHA-256 .* copy it from its run again"),
        (exchange("stage_00_race.txt", "stage_01_race.txt"), "stage_00_race.txt' has SHA-256"),
        (lambda folder: (folder / "stage_02_hold.txt").write_bytes(b""), "stage_02_hold.txt' has SHA-256"),
        (flip("model.json"), "model.json' has SHA-256 .* The file was changed; copy the model from its run again"),
        (edit(lambda t: t["metrics"].update(auc=0.9), is_signed=False), "model.json must be unchanged"),
        (edit(lambda t: t["context"].update(labels={"max_bars": 1}), is_signed=False), "must be unchanged"),
        (edit(lambda t: t.pop("sha256"), is_signed=False), "must be unchanged"),
        (
            edit(lambda t: t.update(schema_version=1)),
            "must be version 2 to 6, but .* has version 1. Train",
        ),
        (edit(lambda t: t["names"].append("extra")), "differ from stage 0 .* missing: extra"),
        (edit(lambda t: t.update(kind="other")), "must describe an exhaustion model"),
        (edit(lambda t: t["names"].reverse()), "differ from stage 0 .* in another order"),
        (edit(lambda t: t.pop("settings")), "must hold every part of a model"),
        (edit(lambda t: t["settings"].update(trees=3)), "must hold every part of a model"),
        (edit(lambda t: t["stages"][1]["calibrator"].update(kind="beta")), "Unknown calibration 'beta'"),
        (edit(lambda t: t["stages"][1]["race_blend"]["stack"].update(forest=-0.1)), "must be at least 0 and at most 1"),
        (edit(lambda t: t["stages"][1]["hold_blend"]["linear"]["mean"].pop()), "must have 4 finite numbers of each"),
    ],
)
def test_a_spoilt_model_is_refused_with_what_is_wrong(
    model: ExhaustionModel, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    folder = save_model(model, tmp_path)
    spoil(folder)
    with pytest.raises(ModelError, match=message):
        load_model(folder)


def test_other_features_are_refused_with_what_differs(model: ExhaustionModel, tmp_path: Path) -> None:
    folder = save_model(model, tmp_path)
    with pytest.raises(ModelError, match="missing: feature_3; not trained on: rsi_14"):
        load_model(folder, names=[*model.names[:3], "rsi_14"])
    with pytest.raises(ModelError, match="one column for each of the 4 features"):
        model.predict(np.zeros((2, 3), dtype=np.float32), np.zeros(2, dtype=np.int64))


# Too little, or wrong


def test_too_little_is_refused_with_what_there_is(make: Any, rows: TrainingRows) -> None:
    with pytest.raises(ModelError, match=r"at least 5 trades .* there are 3"):
        fitted(make.training_rows(n_trades=3))
    with pytest.raises(ModelError, match="there are 30 rows of 6 trades, with"):
        fitted(make.training_rows(n_trades=6, bars_a_trade=5))
    with pytest.raises(ModelError, match="with 0 exhausted and 4500 extended"):
        fitted(replace(rows, race=np.zeros(len(rows))))
    with pytest.raises(ModelError, match="all are unreachable or unresolved"):
        fitted(replace(rows, reachable=np.zeros(len(rows), dtype=bool)))


def test_a_fold_with_one_outcome_has_no_stage_and_later_ones_go_on(rows: TrainingRows, make: Any) -> None:
    """Until the second fold begins only one outcome was ever seen."""
    second = int(np.sort(rows.time_ns[::30])[2 * 150 // 5])
    model = fitted(replace(rows, race=np.where(rows.time_ns < second, 0.0, rows.race)))
    assert len(model.stages) == 3
    assert model.stages[0].valid_from_ns > second
    assert model.metrics["n_rows"] == int((rows.time_ns >= model.stages[0].valid_from_ns).sum())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"race": np.full(4500, 0.5)}, "must be 0, 1 or NaN"),
        ({"trade": np.zeros(3, dtype=np.int64)}, r"trade must have one value per row \(4500\)"),
        ({"race_end_ns": np.zeros(4500, dtype=np.int64), "hold_end_ns": np.zeros(4500, dtype=np.int64)}, "known after"),
        ({"names": ("a", "a", "b", "c")}, "differ from each other"),
        ({"X": np.full((4500, 4), np.inf, dtype=np.float32)}, "'feature_0' holds an infinite value"),
    ],
)
def test_rows_that_contradict_themselves_are_refused(rows: TrainingRows, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        replace(rows, **change)


# Calibration


def test_calibration_is_chosen_by_later_log_loss(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly trained boosters tell the order of the truth on a scale of their own, which no line on log-odds mends."""
    rows = make.training_rows(n_trades=400, skill=0.0)
    truth = np.select([rows.X[:, 0] > 0.7, rows.X[:, 0] > -0.7], [0.995, 0.7], 0.5)
    rows = replace(rows, race=(np.random.default_rng(3).random(len(rows)) < truth).astype(float))
    hardly = replace(QUICK, learning_rate=0.01, n_estimators=5, patience=0, ensemble=1, combine="forest")
    few = fitted(rows, replace(hardly, calibration="auto"))
    assert set(few.spans()["calibration"]) == {"platt"}
    monkeypatch.setattr(exhaustion_training, "FREER_TRADES", 100)
    by_kind = {kind: fitted(rows, replace(hardly, calibration=kind)) for kind in ("auto", "platt", "isotonic")}
    assert by_kind["isotonic"].metrics["log_loss"] < by_kind["platt"].metrics["log_loss"] - 0.01
    assert by_kind["auto"].metrics["log_loss"] < by_kind["platt"].metrics["log_loss"] - 0.004
    # The first stages have too little to choose from.
    assert set(by_kind["auto"].spans()["calibration"][2:]) <= {"isotonic", "venn_abers"}
