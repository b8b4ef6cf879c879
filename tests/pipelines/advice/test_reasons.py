"""Reasons are true: direction, value, unit, and none if the model does not discriminate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.features import FeatureSet, row_matrix
from exitladder.models.calibration.calibrators import Isotonic, Platt, logit
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.pipelines.advice.open_trades import advice_job, last_rows, open_trades, score_open
from exitladder.pipelines.advice.wording.reasons import LEAST_MOVE, NO_REASON, plain_reasons
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.train import TrainResult
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


def reason(name: str, value: float, weight: float, side: int = 1, of: str = "exhaustion") -> str:
    ((reasons,),) = plain_reasons((name,), np.array([[value]]), np.array([[weight]]), np.array([side]), of=of)
    return reasons


def test_values_come_with_their_unit_or_scale() -> None:
    assert (
        reason("atr_pct_14", 2.345, 0.2)
        == "atr_pct_14 is 2.35% (100 · ATR(14) / price): raises the probability of exhaustion by 20.0 points"
    )
    assert (
        reason("held", 1, -0.2)
        == "held is 1 bar (closed bars since the entry): lowers the probability of exhaustion by 20.0 points"
    )
    assert reason("held", 12, -0.2).startswith("held is 12 bars (")
    assert "is 0.92 (" in reason("bb_pctb_20", 0.92, 0.2)
    assert ", 0 at the lower band, 1 at the upper)" in reason("bb_pctb_20", 0.92, 0.2)
    assert reason("mfe_r", np.nan, 0.2).startswith("mfe_r is unknown (")


def test_a_short_mentions_the_mirrored_market() -> None:
    assert "mirrored" not in reason("rsi_14", 80, 0.2)
    assert ", mirrored for a short)" in reason("rsi_14", 80, 0.2, -1)
    for same_for_both in ("atr_pct_14", "volume_z_20", "open_r"):
        assert "mirrored" not in reason(same_for_both, 1.0, 0.2, -1)


def test_the_value_of_holding_is_in_r() -> None:
    assert reason("open_r", 2.0, -0.126, of="hold_value_r").endswith(": lowers the value of holding by 0.13 R")
    assert reason("open_r", 2.0, 0.05, of="hold_value_r").endswith(": raises the value of holding by 0.05 R")


def test_every_feature_there_is_has_words_without_a_semicolon() -> None:
    """Reasons are joined by semicolons in a CSV file."""
    names = FeatureSet.from_names(["all", "rsi_21", "roc_7_x12", "series_oil_z_30"]).names
    reasons = plain_reasons(
        names, np.full((len(names), len(names)), 1.5), np.eye(len(names)), -np.ones(len(names), int)
    )
    assert [len(one) for one in reasons] == [1] * len(names)
    for name, (text,) in zip(names, reasons, strict=True):
        assert text.startswith(f"{name} is 1.5")
        assert ";" not in text
        assert "()" not in text


def test_the_strongest_three_come_first_and_the_weightless_not_at_all() -> None:
    names = ("roc_10", "rsi_14", "clv", "open_r", "held")
    reasons = plain_reasons(names, np.ones((2, 5)), np.array([[0.1, -0.5, 0.0, 0.3, 0.2], [0, 0, 4e-3, 0, 0]]))
    assert [text.split()[0] for text in reasons[0]] == ["rsi_14", "open_r", "held"]
    assert reasons[1] == []


@pytest.fixture(scope="module")
def by_value() -> Ladder:
    """Everything goes as soon as holding is worth less than the world."""
    return ladder_from_mapping(
        {
            "name": "by value",
            "rungs": [{"fraction": 1.0, "when": ["hold_value_r <= 99", "held >= 2"]}],
            "stop": {"initial": "9ATR"},
        }
    )


def with_calibrator(model: ExhaustionModel, calibrator: Platt | Isotonic) -> ExhaustionModel:
    return replace(model, stages=tuple(replace(stage, calibrator=calibrator) for stage in model.stages))


def test_reasons_tell_how_far_each_feature_moves_the_calibrated_probability(
    trained: TrainResult, bars: BarSet, some_open: Trades, classic: Ladder, small: Settings
) -> None:
    model = with_calibrator(trained.trained.model, Platt(4.0, 0.1))
    trades = open_trades(some_open)
    frame = score_open(advice_job(bars, trades, small, model), classic)
    prepared = prepare(bars, trades, small, max_bars=int(np.diff(bars.start).max()))
    X = row_matrix(prepared.placed, prepared.rows, prepared.features, select=last_rows(prepared)).values
    when = prepared.placed.bars.close_time[prepared.rows.bar_of(last_rows(prepared))]
    moves = []
    for i, row in enumerate(frame.to_dict("records")):
        race = model.stages[model.stage_of(when[i : i + 1])[0]].race
        # By hand: log-odds without the feature's Shapley value, through the same line.
        x = logit(race.predict(X[i : i + 1]))[0]
        parts = race.contributions(X[i : i + 1])[0]
        here, without = (1 / (1 + np.exp(-(4.0 * z + 0.1))) for z in (x, x - parts))
        moves.append(np.abs(here - without).max())
        assert row["exhaustion"] == pytest.approx(here)
        strongest = [k for k in np.argsort(-np.abs(here - without), kind="stable")[:3]
                     if abs((here - without)[k]) >= LEAST_MOVE]  # fmt: skip
        for k, text in zip(strongest, row["reasons"][-len(strongest) :] if strongest else [], strict=True):
            size = f"by {100 * abs(here - without[k]):.1f} points"
            assert text.startswith(f"{model.names[k]} is ")
            assert text.endswith(f"{'raises' if parts[k] > 0 else 'lowers'} the probability of exhaustion {size}")
        assert not any("value of holding" in text for text in row["reasons"])
    assert max(moves) > 1.5 * LEAST_MOVE


def test_an_exit_by_hold_value_gives_its_reasons_first(
    trained: TrainResult, bars: BarSet, some_open: Trades, by_value: Ladder, small: Settings
) -> None:
    one = open_trades(some_open).take(np.array([0]))
    first = int(prepare(bars, one, small).placed.first_bar[0])
    # The condition holds for the first time at the close of the second bar.
    seen = bars.until(int(bars.close_time[first + 1]))
    (row,) = score_open(advice_job(seen, one, small, trained.trained.model), by_value).to_dict("records")
    assert [(o["type"], o["rung"]) for o in row["orders"]] == [("market", 1)]
    assert row["reasons"][0] == "The conditions of rung 1 were met at the close."
    prepared = prepare(seen, one, small)
    X = row_matrix(prepared.placed, prepared.rows, prepared.features, select=last_rows(prepared)).values
    model = trained.trained.model
    (stage,) = model.stage_of(np.array([bars.close_time[first + 1]]))
    (parts,) = model.stages[stage].hold.contributions(X)
    n = min(3, int((np.abs(parts) >= LEAST_MOVE).sum()))
    about_holding = [text for text in row["reasons"] if "value of holding" in text]
    assert row["reasons"][1 : 1 + len(about_holding)] == about_holding
    assert len(about_holding) == max(n, 1)
    assert (about_holding[0] == NO_REASON["hold_value_r"]) == (n == 0)


@pytest.mark.parametrize("flat", [Platt(0.0, -0.2), Isotonic((0.2, 0.8), (0.5, 0.5))])
def test_a_probability_that_is_the_same_for_all_has_no_reasons(
    flat: Platt | Isotonic, trained: TrainResult, bars: BarSet, some_open: Trades, classic: Ladder, small: Settings
) -> None:
    model = with_calibrator(trained.trained.model, flat)
    frame = score_open(advice_job(bars, open_trades(some_open), small, model), classic)
    assert frame["exhaustion"].nunique() == 1
    assert not any(
        "points" in text and text.startswith(model.names) for reasons in frame["reasons"] for text in reasons
    )
    assert all(reasons[-1] == NO_REASON["exhaustion"] for reasons in frame["reasons"])
