"""A challenger scored in the shadow of the champion: real models, two evenings, and outcomes noted in between."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from exitladder.bars.bars import BarSet
from exitladder.pipelines.promote import promote
from exitladder.pipelines.promotion.shadow import paired_record
from exitladder.pipelines.score import score
from exitladder.pipelines.tracking.record import Record, run_files
from exitladder.pipelines.train import TrainResult
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

pytestmark = pytest.mark.slow


def test_the_challenger_predicts_what_the_champion_scores_and_outcomes_follow(
    bars: BarSet, some_open: Trades, trained: TrainResult, small: Settings, classic: Ladder, tmp_path: Path
) -> None:
    settings = replace(small, tracking=replace(small.tracking, store=str(tmp_path / "mlruns"), enabled=False))
    home, runs = tmp_path / "mlruns", []
    for alias in ("champion", "challenger"):
        record = Record(home, "train", alias, "small")
        shutil.copytree(run_files(Path(small.tracking.store), trained.run_id) / "model", record.files / "model")
        record.close("FINISHED")
        promote(record.run_id, settings, alias=alias, because="a test")
        runs.append(record.run_id)
    evening = int(bars.close_time.max()) - 30 * 86_400_000_000_000
    first = score(bars, some_open, classic, "champion", settings, asof=evening)
    assert "no outcome is known yet" in first.shadow
    assert (first.frame["exhaustion"].notna()).any()
    later = score(bars, some_open, classic, "champion", settings, asof=int(bars.close_time.max()))
    paired = paired_record(home, runs[0], runs[1])
    assert paired.n_rows > paired.n_decided > 0
    # the same model twice: no difference on any bar, so nothing to bet on
    assert paired.brier is not None
    assert paired.brier[0] == paired.brier[1]
    assert not paired.bet.has_won
    assert "has not earned the place yet" in later.shadow
    assert score(bars, some_open, classic, runs[1], settings).shadow == ""
