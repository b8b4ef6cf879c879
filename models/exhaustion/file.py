"""An exhaustion model as a folder: LightGBM's own text files and one JSON with their checksums."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.errors import ExitladderError, ModelError
from exitladder.files.conventions import MEGABYTE
from exitladder.files.untrusted.limits import how_to_raise, limit
from exitladder.files.untrusted.shapes import Anything, check_shape, parse_json, read_json_text
from exitladder.models.calibration.calibrators import calibrator_from_mapping
from exitladder.models.calibration.ranks import ranks_from_mapping
from exitladder.models.drift import DriftReference
from exitladder.models.estimators.fitted import Fitted, Scale
from exitladder.models.estimators.saving import from_bytes, to_bytes
from exitladder.models.exhaustion.linear import linear_from_mapping
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.exhaustion.own import OwnModel
from exitladder.models.exhaustion.stacking import stack_from_mapping
from exitladder.models.exhaustion.stage import Blend, Stage
from exitladder.models.forests.boosting import Forest, Learner
from exitladder.models.forests.checking import check_booster
from exitladder.settings.tables import ModelSettings, Settings

# 2: model.json has a checksum of its own. 3: a stage may have linear models and weights beside its forests. 4: symbols
# may have models of their own, and stages screened families. A model is written as the least version that can hold it,
# which earlier versions of exitladder may read.
# 5: estimators of scikit-learn may be in place of forests. 6: stages may have ranks of their predictions,
# and forget.
SCHEMA_VERSION, WITHOUT_RANKS, WITHOUT_ESTIMATORS, WITHOUT_SYMBOLS, FORESTS_ALONE = 6, 5, 4, 3, 2
MODEL_FILE = "model.json"
_KIND = "exitladder exhaustion model"
_MOST_STAGES = 1000
_MOST_PARTS = 100
# Keys of the settings that earlier versions do not know; left out at their defaults.
_NEW_SETTINGS = ("estimator", "hold_estimator", "forget", "memory", "book")
_PART = {"file": str, "sha256": str}
_NUMBERS = [float]
_BLEND = {
    "linear": {"middle": _NUMBERS, "mean": _NUMBERS, "spread": _NUMBERS, "weight": _NUMBERS, "intercept": float},
    "stack": {
        "constant": float,
        "linear": float,
        "forest": float,
        "silent": bool,
        "gain": (float, None),
        "error": (float, None),
    },
}
_ESTIMATORS = {
    "parts": [_PART],
    "scale": {"middle": _NUMBERS, "mean": _NUMBERS, "spread": _NUMBERS, "used": [bool]},
    "shares": _NUMBERS,
}
_STAGE = {
    "valid_from_ns": int,
    "last_label_ns": int,
    "n_rows": int,
    "n_trades": int,
    "calibrator": {"kind": str},
    "race": (_PART, _ESTIMATORS),
    "hold": (_PART, _ESTIMATORS),
    "race_blend?": _BLEND,
    "hold_blend?": _BLEND,
    "race_own?": [{"symbol": str, **_BLEND}],
    "hold_own?": [{"symbol": str, **_BLEND}],
    "families?": [str],
    "ranks?": {"exhaustion": _NUMBERS, "hold_value_r": _NUMBERS, "both": _NUMBERS},
    "memory?": {str: str},
}
_COLUMN = {
    "version?": Anything,
    "formula?": str,
    "first?": int,
    "warm_up?": int,
    "probe?": (float, None),
    "size?": (float, None),
}
_CONTEXT = {
    "features?": {
        "names": [str],
        "fingerprint?": str,
        "columns?": {str: _COLUMN},
        "libraries?": {str: str},
        "exchange_tz?": str,
        "benchmark?": str,
        "series?": {str: Anything},
    },
    "intervals?": [str],
    "labels?": {"max_bars": int},
    "value_finding?": str,
    "books?": {str: {"intervals": [str], "symbols": [str], "value_finding?": str}},
    "drift?": (None, {"bars?": {str: Anything}, "rows?": {str: Anything}}),
    "dependence?": [
        {"feature": str, "values": [(float, None)], "exhaustion": [(float, None)], "hold_value_r": [(float, None)]}
    ],
}
_SHAPE = {
    "names": [str],
    "stages": [_STAGE],
    "settings": {str: Anything},
    "metrics": {str: (float, None)},
    "reliability": {"n": [float], "predicted": [(float, None)], "observed": [(float, None)]},
    "context": _CONTEXT,
}


def save_model(model: ExhaustionModel, folder: str | Path) -> Path:
    """Write a model to a folder and return the folder.

    Two text files a stage (archives that skops reads for estimators of scikit-learn), and `model.json` with the schema
    version, the features with their parameters and warm-up, the span trained on, the stages' spans, calibration,
    linear models and weights, the settings, the metrics, the SHA-256 of each file and that of all this itself.
    Nothing is pickled.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    stages = []
    for k, stage in enumerate(model.stages):
        entry: dict[str, Any] = {
            "valid_from_ns": stage.valid_from_ns,
            "last_label_ns": stage.last_label_ns,
            "n_rows": stage.n_rows,
            "n_trades": stage.n_trades,
            "calibrator": stage.calibrator.to_mapping(),
            **({"families": list(stage.families)} if stage.families else {}),
            **({"memory": dict(stage.memory)} if stage.memory else {}),
            **({"ranks": stage.ranks.to_mapping()} if stage.ranks is not None else {}),
        }
        for part in ("race", "hold"):
            entry[part] = _write_learner(getattr(stage, part), target, f"stage_{k:02d}_{part}")
            blend: Blend | None = getattr(stage, f"{part}_blend")
            if blend is not None:
                entry[f"{part}_blend"] = {"linear": blend.linear.to_mapping(), "stack": blend.stack.to_mapping()}
            if own := getattr(stage, f"{part}_own"):
                entry[f"{part}_own"] = [
                    {"symbol": m.symbol, "linear": m.linear.to_mapping(), "stack": m.stack.to_mapping()} for m in own
                ]
        stages.append(entry)
    table: dict[str, Any] = {
        "kind": _KIND,
        "schema_version": _schema_version(stages),
        "names": list(model.names),
        "context": dict(model.context),
        "settings": _settings_of(model),
        "metrics": {key: _plain(value) for key, value in model.metrics.items()},
        "reliability": {key: [_plain(v) for v in column] for key, column in model.reliability.items()},
        "stages": stages,
    }
    table["sha256"] = table_digest(table)
    # Written last: a folder whose writing broke off has no model in it.
    (target / MODEL_FILE).write_text(json.dumps(table, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return target


def _write_learner(learner: Any, folder: Path, name: str) -> dict[str, Any]:
    """Write a forest's text, or the archives of estimators, and return its entry."""
    if isinstance(learner, Forest):
        return _write_part(folder / f"{name}.txt", learner.text.encode())
    archives = [to_bytes(estimator) for estimator in learner.estimators]
    parts = [_write_part(folder / f"{name}_{k:02d}.skops", content) for k, content in enumerate(archives)]
    return {
        "parts": parts,
        "scale": {k: list(v) for k, v in asdict(learner.scale).items()},
        "shares": list(learner.shares),
    }


def _write_part(path: Path, content: bytes) -> dict[str, str]:
    path.write_bytes(content)
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest()}


def _settings_of(model: ExhaustionModel) -> dict[str, Any]:
    """Return the settings; keys that earlier versions do not know are left out at their defaults."""
    values = asdict(model.settings)
    plain = {key: value for key, value in asdict(ModelSettings()).items() if key in _NEW_SETTINGS}
    return {key: value for key, value in values.items() if key not in plain or value != plain[key]}


def _schema_version(stages: Sequence[Mapping[str, Any]]) -> int:
    """Return the least version that can read these stages."""
    if any({"ranks", "memory"} & set(entry) for entry in stages):
        return SCHEMA_VERSION
    if any("parts" in entry[part] for entry in stages for part in ("race", "hold")):
        return WITHOUT_RANKS
    if any({"race_own", "hold_own", "families"} & set(entry) for entry in stages):
        return WITHOUT_ESTIMATORS
    return WITHOUT_SYMBOLS if any("race_blend" in entry for entry in stages) else FORESTS_ALONE


def load_model(folder: str | Path, *, names: Sequence[str] | None = None) -> ExhaustionModel:
    """Return the model in a folder, verified.

    Parameters
    ----------
    folder : path
    names : sequence of str, optional
        The features that will be given to it; refused where they are not those it was trained on.

    Raises
    ------
    ModelError
        If a file is missing, changed or malformed, the schema is another, or the features differ. No booster is
        given to LightGBM before `check_booster` has checked every tree of it.
    """
    source = Path(folder)
    table = _read_table(source)
    try:
        check_shape(table, _SHAPE, MODEL_FILE)
        _check_values(table)
        model = ExhaustionModel(
            names=tuple(table["names"]),
            stages=tuple(_stage(k, entry, source, table["names"]) for k, entry in enumerate(table["stages"])),
            settings=Settings().with_values({"model": table["settings"]}, MODEL_FILE).model,
            metrics={key: math.nan if value is None else value for key, value in table["metrics"].items()},
            reliability=pd.DataFrame(table["reliability"]),
            context=table["context"],
        )
    except ModelError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, ExitladderError) as cause:
        raise ModelError(
            f"{MODEL_FILE} must hold every part of a model, but does not: {str(cause).rstrip('.')} ({source}). "
            "Train the model again."
        ) from cause
    if names is not None:
        check_names(tuple(names), model.names, f"the model in {source}")
    return model


def check_names(given: Sequence[str], trained: Sequence[str], place: str) -> None:
    """Refuse features that are not those trained on; the message names the difference.

    Parameters
    ----------
    given, trained : sequence of str
        Features in order.
    place : str
        The model, for the message.

    Raises
    ------
    ModelError
        If names or their order differ.

    Examples
    --------
    >>> check_names(("a", "c"), ("a", "b"), "the model in runs/1")
    Traceback (most recent call last):
    exitladder.errors.ModelError: The features must be those that the model was trained on ...
    """
    if tuple(given) == tuple(trained):
        return
    missing = [name for name in trained if name not in given]
    extra = [name for name in given if name not in trained]
    parts = [f"{word}: {', '.join(n)}" for word, n in (("missing", missing), ("not trained on", extra)) if n]
    moved = [
        f"place {k + 1} holds {a}, not {b}" for k, (a, b) in enumerate(zip(given, trained, strict=False)) if a != b
    ]
    first = f" ({moved[0]})" if moved else ""
    raise ModelError(
        "The features must be those that the model was trained on, in their order, but differ from "
        f"{place}: {'; '.join(parts or [f'the same features in another order or number{first}'])}. "
        "Compute the model's own feature set, or train again."
    )


def _read_table(source: Path) -> Mapping[str, Any]:
    path = source / MODEL_FILE
    try:
        table = parse_json(read_json_text(path))
    except OSError as cause:
        raise ModelError(
            f"A model is a folder with {MODEL_FILE}, but '{path}' cannot be read: {cause.strerror}."
        ) from cause
    except ValueError as cause:
        raise ModelError(f"{MODEL_FILE} must be JSON, but '{path}' is not: {cause}. Train the model again.") from cause
    if not isinstance(table, dict) or table.get("kind") != _KIND:
        raise ModelError(f"{MODEL_FILE} must describe an exhaustion model, but '{path}' does not.")
    if table.get("schema_version") not in range(FORESTS_ALONE, SCHEMA_VERSION + 1):
        raise ModelError(
            f"The model's schema must be version {FORESTS_ALONE} to {SCHEMA_VERSION}, but '{path}' has version "
            f"{table.get('schema_version')!r}. Train the model again, or use the exitladder version that wrote it."
        )
    found, stated = table_digest(table), str(table.get("sha256"))
    if found != stated:
        raise ModelError(
            f"{MODEL_FILE} must be unchanged, but '{path}' has SHA-256 {found[:12]}… and states {stated[:12]}…. "
            "The file was changed; copy the model from its run again."
        )
    return table


def table_digest(table: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what `model.json` holds, however it is laid out and without the digest itself."""
    rest = {key: value for key, value in table.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _check_values(table: Mapping[str, Any]) -> None:
    """Refuse values of a model that have the right type but cannot be; raises ValueError without a full stop."""
    names, stages = table["names"], table["stages"]
    if not names or len(set(names)) != len(names) or not all(re.fullmatch(r"[\w.:+-]{1,200}", name) for name in names):
        raise ValueError("names must list each feature once, in letters, digits and underscores, but does not")
    if not 1 <= len(stages) <= _MOST_STAGES:
        raise ValueError(f"stages must be from 1 to {_MOST_STAGES:,}, but are {len(stages):,}")
    starts = [stage["valid_from_ns"] for stage in stages]
    if starts != sorted(starts):
        raise ValueError("stages must be in order of valid_from_ns, but are not")
    drift = table["context"].get("drift") or {}
    if drift and set(drift) != {"bars", "rows"}:
        raise ValueError("context.drift must have bars and rows, but does not")
    for reference in drift.values():
        DriftReference.from_mapping(reference)
    lengths = {len(column) for column in table["reliability"].values() if isinstance(column, list)}
    if len(lengths) > 1:
        raise ValueError("the columns of reliability must have one length, but differ")


def _stage(k: int, entry: Mapping[str, Any], source: Path, names: Sequence[str]) -> Stage:
    place = f"stage {k} of the model in {source}"
    return Stage(
        valid_from_ns=int(entry["valid_from_ns"]),
        last_label_ns=int(entry["last_label_ns"]),
        n_rows=int(entry["n_rows"]),
        n_trades=int(entry["n_trades"]),
        race=_learner(entry["race"], "binary", source, names, place),
        hold=_learner(entry["hold"], "regression", source, names, place),
        calibrator=calibrator_from_mapping(entry["calibrator"]),
        race_blend=_blend(entry.get("race_blend"), len(names)),
        hold_blend=_blend(entry.get("hold_blend"), len(names)),
        race_own=_own(entry.get("race_own", ()), len(names)),
        hold_own=_own(entry.get("hold_own", ()), len(names)),
        families=tuple(entry.get("families", ())),
        ranks=ranks_from_mapping(entry["ranks"]) if "ranks" in entry else None,
        memory=dict(entry.get("memory", {})),
    )


def _blend(entry: Mapping[str, Any] | None, n_features: int) -> Blend | None:
    if entry is None:
        return None
    return Blend(linear_from_mapping(entry["linear"], n_features), stack_from_mapping(entry["stack"]))


def _own(entries: Sequence[Mapping[str, Any]], n_features: int) -> tuple[OwnModel, ...]:
    found = tuple(
        OwnModel(e["symbol"], linear_from_mapping(e["linear"], n_features), stack_from_mapping(e["stack"]))
        for e in entries
    )
    if len({model.symbol for model in found}) < len(found):
        raise ValueError("a stage must have one model of a symbol at most, but has more")
    return found


def _learner(entry: Mapping[str, Any], objective: str, source: Path, names: Sequence[str], place: str) -> Learner:
    if "parts" not in entry:
        return _forest(entry, source, names, place)
    lengths = {len(column) for column in (*entry["scale"].values(), entry["shares"])}
    if lengths != {len(names)} or min(entry["scale"]["spread"]) <= 0 or not 1 <= len(entry["parts"]) <= _MOST_PARTS:
        raise ValueError("estimators must have a scale for each feature and at least one part, but have not")
    scale = Scale(*(tuple(entry["scale"][key]) for key in ("middle", "mean", "spread", "used")))
    found = []
    for part in entry["parts"]:
        path, content = _content(part, source)
        found.append(from_bytes(content, len(names), objective, str(path)))
    return Fitted(tuple(names), tuple(found), scale, objective, tuple(entry["shares"]))


def _forest(entry: Mapping[str, str], source: Path, names: Sequence[str], place: str) -> Forest:
    path, content = _content(entry, source)
    text = content.decode("ascii", errors="replace")
    forest = Forest(text)
    check_names(forest.names(), names, place)
    check_booster(text, len(names), str(path))
    return forest


def _content(entry: Mapping[str, str], source: Path) -> tuple[Path, bytes]:
    """Return the path and the content of a part, whose checksum must be the stated one."""
    # The name comes from a file: only a file of this folder is read.
    path = source / Path(entry["file"]).name
    most = limit("EXITLADDER_MAX_MODEL_MB") * MEGABYTE
    try:
        with path.open("rb") as stream:
            content = stream.read(most + 1)
    except OSError as cause:
        raise ModelError(f"The model needs '{path}', but it cannot be read: {cause.strerror}. Train again.") from cause
    if len(content) > most:
        raise ModelError(
            f"A booster file may have {most // MEGABYTE:,} MB, but '{path}' has more. "
            f"{how_to_raise('EXITLADDER_MAX_MODEL_MB')}"
        )
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        raise ModelError(
            f"The booster file must be unchanged, but '{path}' has SHA-256 {found[:12]}… and {MODEL_FILE} "
            f"states {entry['sha256'][:12]}…. The file was changed or truncated; copy it from its run again."
        )
    return path, content


def _plain(value: Any) -> Any:
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number
