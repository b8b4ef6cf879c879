"""What a model keeps of its features, and that each kind of difference is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exitladder.errors import FeatureError
from exitladder.features import FeatureSet, describe_catalogue, stored_set
from exitladder.features.catalogue import find_column
from exitladder.features.stored_set import feature_set_from_mapping, feature_set_to_mapping, probe_bars, stored_columns

Change = Callable[[dict[str, Any]], None]


def stored(*names: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(json.dumps(feature_set_to_mapping(FeatureSet.from_names(names))))
    return table


def set_in(column: str, key: str, value: object) -> Change:
    def change(table: dict[str, Any]) -> None:
        table["columns"][column][key] = value
        table["fingerprint"] = "0" * 64

    return change


def reverse(table: dict[str, Any]) -> None:
    table["names"].reverse()


def rename(table: dict[str, Any]) -> None:
    table["names"][0] = "rsi_of_old"


def other_library(table: dict[str, Any]) -> None:
    table["columns"]["atr_pct_14"]["probe"] *= 1 + 1e-5
    table["libraries"]["TA-Lib"] = "0.4.0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename, "does not have: rsi_of_old. Train it again"),
        (reverse, "place 1 holds open_r where rsi_14 belongs"),
        (set_in("rsi_14", "version", 7), r"rsi_14 was computed as .*\(version: 7\), here as .*\(version: 1\)"),
        (set_in("rsi_14", "warm_up", 99), r"rsi_14 was .*\(warm-up, bars: 99\), here as .*: 263\)"),
        (set_in("rsi_14", "first", 0), r"rsi_14 was .*\(leading bars without a value: 0\), here as .*: 14\)"),
        (set_in("open_r", "version", 0), r"open_r was computed as '.close − entry price. / R' \(version: 0\)"),
        (other_library, r"atr_pct_14 gave \d\.\d+ on the .* and gives \d\.\d+ here \(TA-Lib 0\.4\.0 then, \d"),
        (set_in("atr_pct_14", "probe", None), "atr_pct_14 gave nothing on"),
        (lambda table: table.update(fingerprint="0" * 64), "their order was changed"),
    ],
)  # fmt: skip
def test_a_difference_is_named(change: Change, message: str) -> None:
    table = stored("atr_pct_14", "rsi_14", "open_r")
    feature_set_from_mapping(table)
    change(table)
    with pytest.raises(FeatureError, match=message):
        feature_set_from_mapping(table)


def test_rounding_of_another_machine_is_no_difference() -> None:
    table = stored("atr_pct_14")
    table["columns"]["atr_pct_14"]["probe"] *= 1 + 1e-12
    table["libraries"]["numpy"] = "1.0"
    assert feature_set_from_mapping(table).names == ("atr_pct_14",)


def test_many_differences_are_counted() -> None:
    table = stored("momentum")
    for entry in table["columns"].values():
        entry["version"] = 0
    with pytest.raises(FeatureError, match=r"roc_5 was .*; roc_10 was .*; roc_20 was .* and \d+ more"):
        feature_set_from_mapping(table)


def test_a_library_that_computes_otherwise_is_noticed_in_every_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars moved by a tenth of a percent stand for it: what is kept of a column must not be blind."""
    names = [
        n
        for n in describe_catalogue()["name"]
        if find_column(n) and not n.startswith(("series_", "session_", "benchmark_"))
    ]
    features = FeatureSet.from_names(names)
    kept = stored_columns(features)
    bars = probe_bars()
    rng = np.random.default_rng(0)
    close = bars.close + rng.choice([-0.3, 0.0, 0.3], len(bars))
    high, low = np.maximum(bars.high, close), np.minimum(bars.low, close)
    volume = bars.volume * rng.uniform(0.5, 3.0, len(bars))  # type: ignore[operator]
    time = bars.time + np.arange(len(bars)) // 7 * 3600 * 10**9
    other = type(bars)("PROBE", bars.interval_ns, time, bars.open, high, low, close, volume)
    monkeypatch.setattr(stored_set, "probe_bars", lambda: other)
    again = stored_columns(features)
    blind = [name for name in names if kept[name]["probe"] == again[name]["probe"]]
    assert blind == []
    assert all(entry["probe"] is not None for entry in kept.values())


def test_the_probe_bars_are_bars_of_a_market() -> None:
    bars = probe_bars()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all() and (bars.low > 0).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (np.diff(bars.time) > 0).all() and (np.diff(bars.time) > bars.interval_ns).any()
    assert bars.volume is not None and 0 < (bars.volume == 0).sum() < 30
