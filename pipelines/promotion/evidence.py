"""What a run has shown: its verdict or finding, trades and days out of sample, drift since, features."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.clock import DAY_NS
from exitladder.errors import TrackingError
from exitladder.models.exhaustion.file import MODEL_FILE
from exitladder.pipelines.tracking.page.logged_models import MODEL_FOLDER
from exitladder.pipelines.tracking.record import read_record, read_records, run_files
from exitladder.pipelines.tracking.runs import RunRecord
from exitladder.pipelines.tracking.saved_files import read_json, read_saved_table
from exitladder.pipelines.tuning.samples.labels import OUT_OF_SAMPLE

KINDS = {"train": "model", "tune": "exit", "backtest": "exit"}
"""Runs that can be promoted, by the kind of their result."""


@dataclass(frozen=True)
class Evidence:
    """What a run has shown.

    Parameters
    ----------
    run : RunRecord
    slot : {"model", "exit"}
    verdict : str
        Of an exit: better, worse, no_difference; of a model its finding: edge, harm, no edge. Empty if unknown.
    n_trades, n_days : int or None
        Trades out of sample and the days of their entries; of a model the days from its first prediction to the last
        entry. None if unknown.
    n_drifted : int or None
        Features that had drifted at the last score with the model; None if it has not been scored with.
    leak_check : str
        ``passed`` or ``flagged``; empty for an exit.
    features, intervals : list of str
        Of a model.
    settings : mapping
        Of the run; empty if they are not saved.
    """

    run: RunRecord
    slot: str
    verdict: str = ""
    n_trades: int | None = None
    n_days: int | None = None
    n_drifted: int | None = None
    leak_check: str = ""
    features: list[str] = field(default_factory=list)
    intervals: list[str] = field(default_factory=list)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """Reference of the registered model; the run's id until a store has it, empty for an exit."""
        return self.run.tags.get("model", self.run.run_id) if self.slot == "model" else ""


def evidence_of(run: RunRecord, home: Path) -> Evidence:
    """Return what a run has shown.

    Parameters
    ----------
    run : RunRecord
    home : path
        Folder of the records, for later runs of ``score``.

    Returns
    -------
    Evidence

    Raises
    ------
    TrackingError
        If it is no finished run of ``train``, ``tune`` or ``backtest``.
    """
    if run.kind not in KINDS or run.status != "FINISHED":
        raise TrackingError(
            f"Only a finished run of train, tune or backtest can be promoted, but '{run.name}' is a run of "
            f"{run.kind or 'another program'} that is {run.status}. exitladder track lists the runs."
        )
    folder = run.folder if run.folder.is_dir() else run_files(home, run.run_id)
    settings = read_json(folder / "settings.json") if (folder / "settings.json").is_file() else {}
    if KINDS[run.kind] == "model":
        return _of_model(run, folder, settings, home)
    trades = folder / "trades.csv"
    n_trades = n_days = None
    if trades.is_file():
        table = read_saved_table(trades, {"trade_id": str})
        counts = table["r"].notna()
        if "sample" in table:
            counts &= table["sample"] == OUT_OF_SAMPLE
        entered = pd.to_datetime(table.loc[counts, "entry_time"], utc=True)
        n_trades, n_days = int(counts.sum()), int(entered.dt.floor("D").nunique())
    name = "tune.json" if run.kind == "tune" else "summary.json"
    found = read_json(folder / name) if (folder / name).is_file() else {}
    return Evidence(run, "exit", str(found.get("verdict") or ""), n_trades, n_days, settings=settings)


def _of_model(run: RunRecord, folder: Path, settings: Mapping[str, Any], home: Path) -> Evidence:
    path = folder / MODEL_FOLDER / MODEL_FILE
    context: Mapping[str, Any] = {}
    names: list[str] = []
    first = None
    if path.is_file():
        table = read_json(path)
        context = table.get("context") or {}
        names = [str(name) for name in table.get("names") or table.get("features") or []]
        starts = [stage.get("valid_from_ns") for stage in table.get("stages") or [] if isinstance(stage, dict)]
        first = min((int(start) for start in starts if start is not None), default=None)
    last = run.params.get("data.last_entry")
    n_days = None
    if first is not None and last:
        n_days = max(0, int((pd.Timestamp(last).value - first) // DAY_NS))
    n_trades = run.metrics.get("n_trades_out_of_fold")
    return Evidence(
        run=run,
        slot="model",
        verdict=str(context.get("value_finding") or ""),
        n_trades=None if n_trades is None else int(n_trades),
        n_days=n_days,
        n_drifted=_drifted(run, home),
        leak_check=run.tags.get("leak_check", ""),
        features=names,
        intervals=[str(name) for name in context.get("intervals") or []],
        settings=settings,
    )


def _drifted(run: RunRecord, home: Path) -> int | None:
    """Return the number of drifted features at the last score with this model."""
    refs = {run.run_id, run.tags.get("model", "")} - {""}
    newest, found = -1, None
    for record in read_records(home):
        if record["kind"] != "score" or record["tags"].get("scored_model") not in refs:
            continue
        if record["started"] > newest and "n_moved" in record["metrics"]:
            newest, found = record["started"], int(record["metrics"]["n_moved"][0])
    return found


def what_changed(before: Evidence | None, now: Evidence) -> list[dict[str, Any]]:
    """Return what differs between the run that has an alias and the one that takes it: settings, data, features.

    Parameters
    ----------
    before : Evidence or None
    now : Evidence

    Returns
    -------
    list of dict
        ``what``, ``before`` and ``now`` as texts; empty without a run before.
    """
    if before is None:
        return []
    rows: list[tuple[str, Any, Any]] = [
        (name, getattr(before, name), getattr(now, name)) for name in ("verdict", "n_trades", "n_days")
    ]
    shared = set(before.run.metrics) & set(now.run.metrics)
    named = ("expectancy_r", "difference_r", "log_loss", "auc", "calibration_error", "value_r")
    rows += [
        (name, f"{before.run.metrics[name]:.4g}", f"{now.run.metrics[name]:.4g}") for name in named if name in shared
    ]
    rows += [
        (name, before.run.params.get(f"data.{name}"), now.run.params.get(f"data.{name}"))
        for name in ("symbols", "interval", "first_bar", "last_bar", "n_trades")
    ]
    for name, of in (("features added", now), ("features removed", before)):
        other = before if of is now else now
        only = sorted(set(of.features) - set(other.features))
        if only:
            rows.append((name, "", ", ".join(only[:10]) + (f" and {len(only) - 10} more" if len(only) > 10 else "")))
    old, new = (_flat(one.settings) for one in (before, now))
    rows += [(key, old.get(key), new.get(key)) for key in sorted(set(old) | set(new))]
    return [
        {"what": what, "before": "" if a is None else str(a), "now": "" if b is None else str(b)}
        for what, a, b in rows
        if a != b
    ]


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return found


def recorded_run(run_id: str, home: Path) -> bool:
    """Return whether a run has a record here, which tags and aliases can be added to."""
    return read_record(home, run_id) is not None
