"""A new project's files are whole, explained, and read back to the defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from click.testing import Result

from exitladder.plans.file import read_ladder
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings

Run = Callable[..., Result]


def test_files_read_back(run: Run, tmp_path: Path) -> None:
    assert run("init", "project").exit_code == 0
    assert load_settings(tmp_path / "project" / "exitladder.toml") == Settings()
    ladder = read_ladder(tmp_path / "project" / "ladder.toml")
    assert ladder.name == "classic" and len(ladder.rungs) == 2 and ladder.runner == 0.5


def test_every_key_is_there_and_explained(run: Run, tmp_path: Path) -> None:
    run("init")
    text = (tmp_path / "exitladder.toml").read_text()
    tables = tomllib.loads(text)
    for part in fields(Settings):
        keys = {f.name for f in fields(getattr(Settings(), part.name))}
        # the keys of these tables are the user's symbols and currencies
        keys = {"symbols": set(), "currencies": {"account"}}.get(part.name, keys)
        assert set(tables[part.name]) == keys
    before = ""
    for line in text.splitlines():
        if " = " in line and not line.startswith("#"):
            name = line.split(" = ")[0]
            assert "   # " in line or before.startswith(("#", "slippage")), f"{name} has no comment"
        assert len(line) <= 120
        before = line


def test_a_plan_has_the_ladder_and_every_table(run: Run, tmp_path: Path) -> None:
    assert run("init", "--plan", "--set", "costs.commission_bps=7").exit_code == 0
    plan, ladder = (read_ladder(tmp_path / name) for name in ("plan.toml", "ladder.toml"))
    assert (plan.rungs, plan.stop, plan.costs) == (ladder.rungs, ladder.stop, ladder.costs)
    assert plan.costs.commission_bps == 7 and len(plan.adds) == 1 and plan.add_rules.until_bars == 20
    assert plan.size.rule == "fraction" and plan.book.equity == 100_000
    assert all(len(line) <= 120 for line in (tmp_path / "plan.toml").read_text().splitlines())


def test_overrides_are_written(run: Run, tmp_path: Path) -> None:
    assert run("init", "--set", "tuning.n_trials=7", "--set", 'project.name="mine"').exit_code == 0
    settings = load_settings(tmp_path / "exitladder.toml")
    assert (settings.tuning.n_trials, settings.project.name) == (7, "mine")


def test_nothing_is_overwritten_unasked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ladder.toml").write_text("mine")
    refused = run("init")
    assert refused.exit_code == 1
    assert "ladder.toml already exists" in refused.stderr and "--force" in refused.stderr
    assert (tmp_path / "ladder.toml").read_text() == "mine"
    assert not (tmp_path / "exitladder.toml").exists()
    assert run("init", "--force").exit_code == 0
    assert read_ladder(tmp_path / "ladder.toml").name == "classic"


def test_the_settings_file_of_the_folder_is_read_and_named_once(run: Run, sample: Path, tmp_path: Path) -> None:
    run("init")
    told = run("bars", "check", sample).stderr
    assert told.count("settings: exitladder.toml") == 1
    (tmp_path / "other.toml").write_text("[data]\ntz = 'UTC'\n")
    assert "settings:" not in run("bars", "check", sample, "--settings", "other.toml").stderr
    (tmp_path / "exitladder.toml").write_text("[tuning]\nn_trial = 7\n")
    refused = run("bars", "check", sample)
    assert refused.exit_code == 1
    assert "Unknown key 'n_trial' in tuning" in refused.stderr and "exitladder.toml" in refused.stderr
    assert run("bars", "check", sample, "--settings", "other.toml").exit_code == 0
    # The file is not read by the command that would write it anew.
    assert run("init", "--force").exit_code == 0


def test_ladder_and_settings_have_the_same_costs(run: Run, tmp_path: Path) -> None:
    assert run("init", "--set", "costs.commission_bps=1.5").exit_code == 0
    costs = load_settings(tmp_path / "exitladder.toml").costs
    assert costs.commission_bps == 1.5
    assert read_ladder(tmp_path / "ladder.toml").costs.has_rates_of(costs)


def test_a_tick_volume_shows_no_lot(run: Run, tmp_path: Path) -> None:
    rows = [f"2024.01.02\t{h:02}:00:00\t1.2\t1.3\t1.1\t1.25\t{900 + h}\t0\t2" for h in range(20)]
    head = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
    (tmp_path / "GBPUSD_H1_202401020000_202401021900.csv").write_text("\n".join([head, *rows]) + "\n")
    made = run("init", "--bars", "GBPUSD_H1_202401020000_202401021900.csv")
    assert made.exit_code == 0, made.stderr
    contract = load_settings(tmp_path / "exitladder.toml").symbols["GBPUSD"]
    assert contract.lot == 0 and contract.min_quantity == 0
    assert "set lot and min_quantity" in made.stderr
