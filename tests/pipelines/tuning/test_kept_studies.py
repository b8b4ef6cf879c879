"""Every tune's studies are kept, gone on with, told apart by what they are of, and shared by the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from click.testing import CliRunner

from exitladder.bars.bars import BarSet
from exitladder.bars.writing import write_bars
from exitladder.cli import main
from exitladder.errors import ModelError, SettingsError
from exitladder.execution.signals import Signals
from exitladder.models.search.evaluation import Evaluation
from exitladder.pipelines.inputs.prepare import base_ladder, prepare
from exitladder.pipelines.tune import TuneResult, tune
from exitladder.pipelines.tuning.backend import identity_of, search_backend
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.files import write_trades
from exitladder.trades.trades import Trades


@pytest.fixture
def own(small: Settings, tmp_path: Path) -> Settings:
    """The small settings with a store of its own."""
    return replace(small, tracking=replace(small.tracking, store=str(tmp_path / "mlruns")))


def tuned(bars: BarSet, trades: Trades, settings: Settings, **how: Any) -> TuneResult:
    return tune(bars, trades, settings, out=Path(settings.tracking.store).parent / "out", **how)


def studies(settings: Settings) -> dict[str, int]:
    """Trials by study, as Optuna reads them."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{settings.tracking.store}/studies.db")
    found = {s.study_name: s.n_trials for s in optuna.get_all_study_summaries(storage)}
    storage.engine.dispose()
    return found


def test_the_same_tune_reads_what_it_kept(
    bars: BarSet, trades: Trades, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tuned(bars, trades, own)
    kept = studies(own)
    assert [name.rsplit("-", 1)[0] for name in sorted(kept)] == ["tune", *(f"tune-fold-{k}" for k in (1, 2, 3))]
    assert all(24 <= n <= 30 for n in kept.values())  # warm starts are counted
    judge, evaluation = Objectives.judge, []

    def counting(self: Objectives, ladders: list[Ladder]) -> Evaluation:
        evaluation.append(len(ladders))
        return judge(self, ladders)

    monkeypatch.setattr(Objectives, "judge", counting)
    second = tuned(bars, trades, own)
    pd.testing.assert_frame_equal(first.tuned.search.table, second.tuned.search.table)
    assert json.dumps(first.tuned.to_mapping()) == json.dumps(second.tuned.to_mapping())
    assert evaluation.count(24) == 0
    assert studies(own) == kept
    more = replace(own, tuning=replace(own.tuning, n_trials=30))
    tuned(bars, trades, more)
    assert len(studies(own)) == 8


def test_a_named_study_is_of_one_search(bars: BarSet, trades: Trades, own: Settings) -> None:
    named = replace(own, tuning=replace(own.tuning, study="mine", sampler="qmc"))
    tuned(bars, trades, named)
    fewer = trades.take(np.arange(len(trades) - 10))
    with pytest.raises(ModelError, match=r"Study 'mine-fold-1' .* but differs in: trades, .*start again with --fresh"):
        tuned(bars, fewer, named)
    tuned(bars, fewer, named, fresh=True)
    assert sorted(studies(own)) == ["mine", "mine-fold-1", "mine-fold-2", "mine-fold-3"]


def test_nothing_is_kept_in_memory_or_untracked(bars: BarSet, trades: Trades, own: Settings, tmp_path: Path) -> None:
    in_memory = replace(own, tuning=replace(own.tuning, storage="memory"))
    untracked = replace(own, tracking=replace(own.tracking, enabled=False))
    for settings in (in_memory, untracked):
        with search_backend(settings.tuning, settings.tracking) as backend:
            assert backend.store is None
    two = replace(in_memory, tuning=replace(in_memory.tuning, workers=2))
    refused = pytest.raises(SettingsError, match=r"tuning.workers = 2 must share a storage, but tuning.storage is 'mem")
    with refused, search_backend(two.tuning, two.tracking):
        pass
    both = replace(own, tuning=replace(own.tuning, workers=2, scheduler="tcp://127.0.0.1:1"))
    with pytest.raises(SettingsError, match="exclude each other"), search_backend(both.tuning, both.tracking):
        pass
    assert not (tmp_path / "mlruns" / "studies.db").exists()


def test_what_a_ladders_worth_follows_from_is_told_apart(bars: BarSet, trades: Trades, small: Settings) -> None:
    placed = prepare(bars, trades, small).placed
    base = base_ladder(small)

    def identity(
        settings: Settings = small, rows: slice = slice(None), signals: Signals | None = None
    ) -> dict[str, str]:
        taken = placed.take(np.arange(len(placed))[rows])
        return identity_of(Objectives.of(settings, taken, signals, base))

    same = identity()
    assert identity() == same

    def differs(other: dict[str, str]) -> set[str]:
        return {name for name in same if other[name] != same[name]}

    assert differs(identity(rows=slice(1, None))) == {"trades", "entries"}
    weight = replace(small, tuning=replace(small.tuning, downside_weight=0.3))
    assert differs(identity(weight)) == {"objectives"}
    assert differs(identity(replace(small, tuning=replace(small.tuning, sampler="tpe", workers=3)))) == set()
    constraint = replace(small, tuning=replace(small.tuning, max_fills=3.0))
    assert differs(identity(constraint)) == {"objectives"}
    assert differs(identity(replace(constraint, tuning=replace(constraint.tuning, max_fills=4.0)))) == {"objectives"}
    n = len(placed)
    where = np.zeros((1, n), dtype=np.int64)
    series = Signals(("a",), np.zeros(5), where, where, where + 5)
    assert differs(identity(signals=series)) == {"signals"}
    assert identity(signals=replace(series, base=where + 1)) != identity(signals=series)


def test_two_workers_of_the_command_line_find_what_one_finds(
    bars: BarSet, trades: Trades, own: Settings, tmp_path: Path
) -> None:
    write_bars(BarSet([bars["IBM"], bars["MSFT"]]), tmp_path / "bars")
    write_trades(trades.take(np.isin(trades.symbol, ["IBM", "MSFT"])), tmp_path / "trades.csv")

    def command(name: str, *more: str) -> Any:
        args = ["tune", "--bars", "bars", "--trades", "trades.csv", "--trials", "64", "--sampler", "qmc", *more]
        changes = {
            "tracking.store": f"{tmp_path.as_posix()}/mlruns", "validation.n_test_parts": "1", "tuning.batch_size": "8",
            "validation.n_bootstrap": "100", "search.time_bars": "[5, 30]", "costs.commission_bps": "2",
        }  # fmt: skip
        sets = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
        args = [str(tmp_path / a) if a in ("bars", "trades.csv") else a for a in args]
        result = CliRunner().invoke(main, [*args, *sets, "--out", str(tmp_path / name), "--format", "json"])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    alone = command("alone", "--storage", "memory")
    shared = command("shared", "--workers", "2", "--study", "shared")
    for key in ("ladder", "difference_r", "interval", "dsr", "folds", "verdict_text"):
        assert shared[key] == alone[key]
    one, two = (tmp_path / name / "trials.csv" for name in ("alone", "shared"))
    assert one.read_bytes() == two.read_bytes()
    assert sorted(studies(own)) == ["shared", "shared-fold-1"]
