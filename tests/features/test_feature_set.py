"""Names, families and sets; what is stored with a model."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from exitladder.errors import FeatureError
from exitladder.features import FeatureSet, describe_catalogue
from exitladder.features.stored_set import feature_set_from_mapping, feature_set_to_mapping


def test_default_has_bar_and_state_columns() -> None:
    features = FeatureSet.from_names(["default"])
    assert 25 <= len(features.names) <= 32
    assert features.names == features.bar_names + features.state_names
    assert {"rsi_14", "bb_pctb_20", "volume_z_20"} <= set(features.bar_names)
    assert {"open_r", "mfe_r", "give_back_r"} <= set(features.state_names)
    assert 250 <= features.warm_up <= 300


def test_families_and_names_join_without_repeating() -> None:
    features = FeatureSet.from_names(["momentum", "roc_10", "rsi_21", "trade_state"])
    assert features.names.count("roc_10") == 1
    assert "rsi_21" in features.names
    assert "held" in features.names


def test_every_listed_name_gives_its_own_column() -> None:
    for name in describe_catalogue()["name"]:
        assert FeatureSet.from_names([name]).names == (name,)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["rsi_1"], "must be between 2 and"),
        (["rsi_99999"], "must be between 2 and"),
        (["atr_percent"], "Did you mean 'atr_pct_14'"),
        ([], "at least one feature"),
        (["rsi_014"], "Unknown feature"),
    ],
)
def test_refusals(names: list[str], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        FeatureSet.from_names(names)


def test_mapping_survives_json_and_notices_changed_formulas() -> None:
    features = FeatureSet.from_names(["default"])
    table = json.loads(json.dumps(feature_set_to_mapping(features)))
    assert feature_set_from_mapping(table) == features
    assert feature_set_from_mapping({"names": list(features.names)}) == features
    table["fingerprint"] = "0" * 64
    with pytest.raises(FeatureError, match="Train it again"):
        feature_set_from_mapping(table)


def test_fingerprint_tells_sets_apart() -> None:
    prints = {FeatureSet.from_names([name]).fingerprint() for name in describe_catalogue()["name"]}
    assert len(prints) == len(describe_catalogue())


def test_catalogue_is_complete() -> None:
    table = describe_catalogue()
    assert table["name"].is_unique
    assert (table["looks_ahead"] == "no").all()
    for column in ("formula", "unit", "source", "family"):
        assert (table[column].str.len() > 0).all(), column
    assert (table["warm_up"] >= table["first"]).all()


def test_import_is_lean() -> None:
    code = (
        "import sys, exitladder.features;"
        "bad = {'sklearn', 'matplotlib', 'mlflow', 'lightgbm', 'optuna'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("table", [{}, {"names": "rsi_14"}, {"names": [14]}, {"names": None}])
def test_a_broken_mapping_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(FeatureError, match="must have a list of names"):
        feature_set_from_mapping(table)
