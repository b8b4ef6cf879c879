"""Promotion: the gate, reasons, the history that only grows, rollback, processes at once, kills, the paired record."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.cli.screens.promote import promote_screen
from exitladder.errors import TrackingError
from exitladder.pipelines.promote import promote, promotion_history, rollback
from exitladder.pipelines.promotion.shadow import paired_record, separate_gains
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.promotions import FILE, add_promotion, history, holder, promotions_opened
from exitladder.pipelines.tracking.record import Record, read_record
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings

DAY = 86_400_000_000_000


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """Settings of a store without anything that sends."""
    return load_settings(None, [f"tracking.store={str(tmp_path / 'mlruns')!r}", "tracking.enabled=false"])


def trained(settings: Settings, *, finding: str = "edge", n: int = 500, names: tuple[str, ...] = ("a", "b")) -> str:
    """Record a finished run of train without training; return its id."""
    record = Record(Path(settings.tracking.store), "train", "", "test")
    record.values["metrics"] = {"n_trades_out_of_fold": [float(n), 0]}
    record.values["tags"] = {"leak_check": "passed", "model": f"models:/test/{record.run_id[:2]}"}
    record.values["params"] = {"data.last_entry": "2024-06-01T00:00:00+00:00"}
    model = {
        "names": list(names),
        "context": {"value_finding": finding, "intervals": ["1d"], "labels": {}},
        "stages": [{"valid_from_ns": pd.Timestamp("2023-06-01", tz="UTC").value}],
    }
    (record.files / "model").mkdir()
    (record.files / "model" / "model.json").write_text(json.dumps(model))
    (record.files / "settings.json").write_text(json.dumps(settings.to_mapping()))
    record.close("FINISHED")
    return record.run_id


def test_a_model_that_passes_becomes_champion_and_every_command_finds_it(project: Settings) -> None:
    run = trained(project)
    with pytest.raises(TrackingError, match=r"There is no champion.*exitladder promote"):
        resolve_model("champion", project.tracking.store)
    result = promote(run, project, who="ada")
    assert all(check.has_passed for check in result.checks)
    assert resolve_model("champion", project.tracking.store) == Path(project.tracking.store) / "artifacts" / run / (
        "artifacts/model"
    )
    record = read_record(Path(project.tracking.store), run)
    assert record is not None
    assert record["tags"]["alias.champion"] == "yes"
    assert result.promotion.evidence["gate_first_seen"] > 0
    text = promote_screen(result.to_mapping(), 80)
    assert "min_trades" not in text
    assert "at least 100" in text
    assert max(map(len, text.splitlines()[1:])) <= 80


@pytest.mark.parametrize(
    ("made", "rule"),
    [({"finding": "no edge"}, "finding"), ({"n": 20}, "min_trades")],
)
def test_a_model_that_fails_needs_a_reason_which_is_kept(project: Settings, made: dict[str, Any], rule: str) -> None:
    run = trained(project, **made)
    with pytest.raises(TrackingError, match=f"{rule} must be .*--because"):
        promote(run, project)
    assert history(Path(project.tracking.store)) == []
    promote(run, project, because="only a trial")
    (row,) = promotion_history(project).to_dict("records")
    assert (row["because"], row["failed"]) == ("only a trial", rule)


def test_a_gate_that_was_lowered_after_the_run_does_not_count(project: Settings) -> None:
    run = trained(project, n=20)
    lowered = replace(project, promotion=replace(project.promotion, min_trades=10))
    with pytest.raises(
        TrackingError, match=r"gate must be .*, set before the run, but is changed: min_trades was 100 and is 10 now"
    ):
        promote(run, lowered)


def test_a_folder_stands_for_the_run_that_it_names(project: Settings, tmp_path: Path) -> None:
    run = trained(project)
    out = tmp_path / "out"
    out.mkdir()
    for content in (None, "{", '{"run_id": 3}', '{"run_id": "../x"}'):
        if content is not None:
            (out / "run.json").write_text(content)
        with pytest.raises(TrackingError, match=r"holds run.json with a run_id.*no run has this name. Give the run id"):
            promote(str(out), project)
    (out / "run.json").write_text(json.dumps({"run_id": run}))
    assert promote(str(out), project).promotion.run_id == run


def test_other_features_than_the_champions_fail(project: Settings) -> None:
    promote(trained(project), project)
    with pytest.raises(TrackingError, match="schema must be same, but is 1 features differ"):
        promote(trained(project, names=("a", "b", "c")), project)


def test_an_exit_is_judged_by_its_trades_out_of_sample(project: Settings) -> None:
    record = Record(Path(project.tracking.store), "backtest", "mine", "test")
    table = pd.DataFrame(
        {"trade_id": range(300), "entry_time": pd.date_range("2020", periods=300, tz="UTC").astype(str)}
    )
    table = table.assign(r=0.1, sample=["in_sample"] * 250 + ["out_of_sample"] * 50)
    table.to_csv(record.files / "trades.csv", index=False)
    (record.files / "summary.json").write_text(json.dumps({"verdict": "better"}))
    (record.files / "settings.json").write_text(json.dumps(project.to_mapping()))
    record.close("FINISHED")
    with pytest.raises(TrackingError, match=r"min_trades must be at least 100, but is 50; min_days .* but is 50"):
        promote("mine", project)


def test_rollback_gives_the_alias_back_and_says_what_changed(project: Settings) -> None:
    first, second = trained(project), trained(project, n=700)
    promote(first, project)
    changed = promote(second, project).changed
    assert {"what": "n_trades", "before": "500", "now": "700"} in changed
    done = rollback(project, because="drawdown")
    assert done.promotion.run_id == first
    assert (done.promotion.before, done.promotion.because) == (second, "drawdown")
    home = Path(project.tracking.store)
    assert [row.action for row in history(home)] == ["promote", "promote", "rollback"]
    assert rollback(project).promotion.run_id == ""
    assert holder(home, "champion") is None
    with pytest.raises(TrackingError, match="no champion now"):
        rollback(project)


def test_the_history_cannot_be_changed_and_a_forged_one_is_found(project: Settings) -> None:
    home = Path(project.tracking.store)
    for _ in range(2):
        promote(trained(project), project)
    with pytest.raises(TrackingError, match="only added to"), promotions_opened(home) as opened:
        opened.execute("update history set who = 'mallory'")
    with sqlite3.connect(home / FILE) as forged:
        forged.execute("drop trigger history_loses_none")
        forged.execute("delete from history where id = 1")
    forged.close()
    with pytest.raises(TrackingError, match=r"row 2 .* changed, or a row before it was removed"):
        history(home)


WRITER = """
import sys
from pathlib import Path
from exitladder.pipelines.tracking.promotions import add_promotion
for k in range(20):
    add_promotion(Path(sys.argv[1]), {"alias": "champion", "slot": "model", "action": "promote",
        "run_id": f"{sys.argv[2]}{k}", "model": "", "who": sys.argv[2], "because": "", "evidence": {}})
    print(k, flush=True)
"""


@pytest.mark.slow
def test_two_processes_and_a_kill_leave_whole_rows_in_one_order(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    ones = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "ab"]
    killed = subprocess.Popen([*command, "c"], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    said = [killed.stdout.readline() for _ in range(3)]
    killed.kill()
    said += killed.stdout.readlines()
    killed.wait()
    killed.stdout.close()
    for one in ones:
        assert one.communicate(timeout=60)[0].count("\n") == 20
    rows = history(tmp_path)
    assert [row.before for row in rows[1:]] == [row.run_id for row in rows[:-1]]
    counts = {name: sum(row.who == name for row in rows) for name in "abc"}
    assert (counts["a"], counts["b"]) == (20, 20)
    # what was told is there; a row more may have been written before the kill
    assert len(said) <= counts["c"] <= len(said) + 1
    with pytest.raises(TrackingError, match="another command has changed it"):
        add_promotion(tmp_path, {"alias": "champion", "slot": "model"}, expected_before="nobody")


def shadow_table(n: int, skill: float, seed: int = 0) -> pd.DataFrame:
    """Two predictions per day of outcomes known five days later; the challenger knows `skill` of the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.1, 0.9, n)
    rows = pd.DataFrame({"asof": np.arange(n) // 2 * DAY, "trade_id": [f"T{k}" for k in range(n)]})
    noise = rng.normal(0, 0.02, n)
    return rows.assign(
        p_champion=0.5,
        p_challenger=np.clip(0.5 + skill * (truth - 0.5) + noise, 0.01, 0.99),
        outcome=(rng.random(n) < (truth if skill else 0.5)).astype(float),
        known=rows["asof"] + 5 * DAY,
    )


def test_bars_whose_outcomes_overlap_count_once_and_open_ones_wait() -> None:
    table = shadow_table(100, 1.0)
    gains, bounds = separate_gains(table)
    # bars 0, 5, 10, ... of 50
    assert len(gains) == 10
    assert (np.abs(gains) <= bounds).all()
    c, n, y = (table.loc[:1, name].to_numpy() for name in ("p_champion", "p_challenger", "outcome"))
    assert gains[0] == pytest.approx(np.mean((c - y) ** 2 - (n - y) ** 2))
    table.loc[20, "outcome"] = np.nan
    assert len(separate_gains(table)[0]) == 2


def test_a_better_challenger_earns_the_place_and_an_equal_one_does_not(tmp_path: Path) -> None:
    for name, skill in (("better", 1.0), ("equal", 0.0)):
        home = tmp_path / name
        table = shadow_table(2000, skill)
        with promotions_opened(home) as opened:
            opened.executemany(
                "insert into shadow values (?, ?, 'A', 'old', 'new', ?, ?, 0)",
                table[["asof", "trade_id", "p_champion", "p_challenger"]].to_numpy().tolist(),
            )
            opened.executemany(
                "insert into outcomes values (?, ?, ?, ?)",
                table[["asof", "trade_id", "outcome", "known"]].to_numpy().tolist(),
            )
        record = paired_record(home, "old", "new")
        assert record.bet.has_won == (skill > 0)
        assert ("earned the place: exitladder promote new" in record.text) == (skill > 0)
        assert record.n_decided == 2000
