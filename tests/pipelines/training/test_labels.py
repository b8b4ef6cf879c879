"""Labels by the settings, what they are worth in independent ones, and in money."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.models.labels.comparison import forward_return, pivot_hazard, remaining_mfe, triple_barrier
from exitladder.models.labels.labels import Labels, continuation_advantage, race, reachable_rows
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.train import train
from exitladder.pipelines.training.labels import n_effective, row_labels
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades, small: Settings) -> Prepared:
    return prepare(bars, trades.take(np.arange(60)), small)


def same(a: Labels, b: Labels) -> bool:
    return np.array_equal(a.value, b.value, equal_nan=True) and np.array_equal(a.end_bar, b.end_bar)


def test_settings_name_the_labels(prepared: Prepared, small: Settings) -> None:
    placed, rows, atr, risk = prepared.placed, prepared.rows, prepared.atr, prepared.risk
    usual = row_labels(prepared, small.labels)
    assert same(usual.exhaustion, race(placed, rows, atr, 1.9, 1.9))
    assert same(usual.decision, continuation_advantage(placed, rows, atr, 3.0, risk))
    np.testing.assert_array_equal(usual.reachable, reachable_rows(placed, rows, atr, 6.0))
    other = {
        "decision=forward_return": ("decision", forward_return(placed, rows, 7, risk)),
        "decision=remaining_mfe": ("decision", remaining_mfe(placed, rows, atr, 1.9, risk)),
        "decision=triple_barrier": ("decision", triple_barrier(placed, rows, atr, 1.9, 1.9, 7)),
        "exhaustion=pivot_hazard": ("exhaustion", pivot_hazard(placed, rows, atr, 1.9)),
    }
    for chosen, (part, expected) in other.items():
        key, value = chosen.split("=")
        changed = small.with_values({"labels": {"horizon_bars": 7, key: value}})
        assert same(getattr(row_labels(prepared, changed.labels), part), expected)


def test_the_number_of_independent_labels_is_the_sum_of_their_average_uniqueness(
    prepared: Prepared, small: Settings
) -> None:
    """Counted bar by bar: of each label's bars, the mean of one over how many labels look at the bar."""
    labels = row_labels(prepared, small.labels)
    used = labels.reachable & labels.decision.is_known & (prepared.rows.trade < 8)
    first, last = prepared.rows.bar[used] + 1, labels.decision.end_bar[used]
    looked_at = np.zeros(prepared.placed.bars.n_bars)
    for a, b in zip(first, last, strict=True):
        looked_at[a : b + 1] += 1
    expected = sum(np.mean(1 / looked_at[a : b + 1]) for a, b in zip(first, last, strict=True))
    assert n_effective(prepared, labels.decision, used) == pytest.approx(expected, rel=1e-12)
    assert expected < 0.2 * used.sum()


def test_labels_are_compared_by_what_they_earn(bars: BarSet, trades: Trades, small: Settings) -> None:
    quick = small.with_values({"model": {"n_estimators": 5, "ensemble": 1}, "validation": {"n_folds": 2}})
    half = trades.take(np.arange(0, len(trades), 2))
    result = train(bars, half, quick, with_labels=True, with_paths=True).to_mapping()
    rows = {row["label"]: row for row in result["labels"]}
    assert list(rows) == [
        "continuation_advantage", "race", "forward_return", "pivot_hazard", "remaining_mfe", "triple_barrier",
    ]  # fmt: skip
    for row in rows.values():
        assert row["value_low"] <= row["value_r"] <= row["value_high"]
        assert 0 < row["n_effective"] < row["n_rows"] < result["n_rows"] + 1
        assert row["expectancy_r"] == pytest.approx(
            result["baselines"]["best trailing stop"]["expectancy_r"] + row["value_r"]
        )
        assert np.isfinite(row["auc"]) == (row["output"] == "exhaustion")
    # What is learnt by default is learnt again here.
    assert rows["race"]["auc"] == result["auc"]
    assert rows["continuation_advantage"]["correlation"] == result["hold_correlation"]
    assert result["n_effective"]["exhaustion"] == rows["race"]["n_effective"]
    # All of the reachable rows, told in five ways.
    assert [path["n_rows"] for path in result["paths"]] == [rows["race"]["n_rows"]] * 5
    assert len({path["auc"] for path in result["paths"]}) == 5
