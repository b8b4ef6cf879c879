"""A ladder is never judged on the trades it was tuned on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import InputFileError, LadderError, TradesError
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.backtest import backtest, backtest_walk_forward
from exitladder.pipelines.compare import compare
from exitladder.pipelines.report import report
from exitladder.pipelines.score import score, write_scores
from exitladder.pipelines.train import TrainResult
from exitladder.pipelines.tune import TuneResult, tune
from exitladder.pipelines.tuning.policies import OWN_EXITS, TUNED
from exitladder.pipelines.tuning.samples.labels import (
    IN_SAMPLE,
    MIXED,
    OUT_OF_SAMPLE,
    SampleCounts,
    duplicate_note,
    n_duplicates,
)
from exitladder.plans.file import read_ladder
from exitladder.plans.ladder import Ladder, Stop
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades, place_trades

MOMENT = pd.Timestamp("2012-01-03", tz="UTC")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provenance")


@pytest.fixture(scope="module")
def past(some_open: Trades) -> Trades:
    """Trades entered before `MOMENT`, those left later still open."""
    return some_open.take(some_open.entry_time < MOMENT.value)


@pytest.fixture(scope="module")
def tuned(bars: BarSet, past: Trades, small: Settings, trained: TrainResult, folder: Path) -> TuneResult:
    """A tuning with a model that knew the market until `MOMENT`."""
    return tune(bars.until(MOMENT.value), past, small, model=trained.model, out=folder / "tuned")


def test_every_ladder_of_a_tuning_says_what_it_was_tuned_on(tuned: TuneResult, folder: Path) -> None:
    ladder, recommended = (read_ladder(folder / "tuned" / f"{name}.toml") for name in ("ladder", "recommended"))
    for found in (ladder, recommended):
        assert found.tuned is not None
        assert found.tuned.run == tuned.run_id
        assert found.tuned.last <= MOMENT.value
        assert len(found.tuned.trades) == tuned.tuned.walk.final.sum()
        assert found.tuned.verdict == tuned.tuned.verdict.kind
    assert ladder == tuned.tuned.ladder
    assert ladder.tuned is not None and recommended.tuned is not None
    assert ladder.tuned.choice in ("ladder", "ladder_with_model")
    assert (ladder.tuned.choice == "ladder_with_model") == bool(ladder.tuned.model)
    assert recommended.tuned.choice == tuned.tuned.recommended.choice
    assert recommended.tuned.verdict_text == tuned.to_mapping()["recommendation"]
    for k, cut in enumerate(tuned.tuned.walk.folds, start=1):
        part = read_ladder(folder / "tuned" / "folds" / f"fold-{k}.toml").tuned
        assert part is not None and part.last == cut.cut and len(part.trades) == cut.training.sum()


def test_a_tuning_leads_with_its_recommendation(tuned: TuneResult, folder: Path) -> None:
    shown = tuned.to_mapping()
    assert next(iter(shown)) == "recommendation"
    assert shown["recommended"]["choice"] in ("own_exits", "simple", "ladder", "ladder_with_model")
    page = (folder / "tuned" / "index.html").read_text(encoding="utf-8")
    assert page.index('aria-label="Recommendation"') < page.index('aria-label="Verdict"')
    assert "Recommended exit before each part" in page
    assert not any(item in page for item in read_ladder(folder / "tuned" / "ladder.toml").tuned.trades)  # type: ignore[union-attr]


def test_on_its_own_trades_a_ladder_gets_no_verdict(
    tuned: TuneResult, bars: BarSet, past: Trades, small: Settings, trained: TrainResult, folder: Path
) -> None:
    ladder = read_ladder(folder / "tuned" / "ladder.toml")
    found = backtest(bars.until(MOMENT.value), past, ladder, small, model=trained.model)
    assert found.summary["sample"] == IN_SAMPLE
    assert found.summary["n_in_sample"] == tuned.tuned.walk.final.sum() < len(past)
    assert found.summary["n_mixed"] == len(past) - found.summary["n_in_sample"]
    assert found.summary["verdict"] is None
    assert "exitladder backtest --walk-forward" in found.summary["verdict_text"]
    assert all(row["difference_r"] is None for row in found.summary["beside"].values())
    assert found.trades["sample"].value_counts()[IN_SAMPLE] == found.summary["n_in_sample"]
    found.write(folder / "own")
    page = report(str(folder / "own"), folder / "own.html", small).read_text(encoding="utf-8")
    assert "No verdict: The ladder was tuned on" in page and "in sample" in page
    hold = backtest(bars.until(MOMENT.value), past, Ladder(stop=Stop(time=40), costs=ladder.costs), small)
    assert hold.summary["sample"] == OUT_OF_SAMPLE and "sample" not in hold.trades
    hold.write(folder / "hold")
    compared = compare([str(folder / "hold"), str(folder / "own")], small)
    (pair,) = compared["pairs"]
    assert pair["verdict"] is None and pair["sample"] == IN_SAMPLE and pair["n_trades"] == 0
    assert "exitladder backtest --walk-forward" in pair["verdict_text"]
    assert pair["difference_seen_r"] == pytest.approx((found.trades["r"] - hold.trades["r"]).mean())
    samples = [source["sample"] for source in compared["sources"].values()]
    assert samples == [OUT_OF_SAMPLE, IN_SAMPLE]
    shown = compared["sources"][str(folder / "own")]
    assert shown["n_in_sample"] == found.summary["n_in_sample"]
    taken = ("r_per_bar", "mean_open", "max_open", "capital_used")
    assert [shown[name] for name in taken] == pytest.approx([found.summary[name] for name in taken])
    assert found.summary["max_open"] >= found.summary["mean_open"] > 0
    assert {*taken} <= set(found.summary["beside"][OWN_EXITS])


def test_only_later_trades_count_in_a_verdict(
    tuned: TuneResult, bars: BarSet, some_open: Trades, small: Settings, trained: TrainResult, folder: Path
) -> None:
    ladder = read_ladder(folder / "tuned" / "ladder.toml")
    found = backtest(bars, some_open, ladder, small, model=trained.model)
    labels = found.trades.set_index("trade_id")["sample"]
    entered = pd.to_datetime(found.trades.set_index("trade_id")["entry_time"], utc=True)
    assert ladder.tuned is not None
    until = pd.Timestamp(ladder.tuned.last, tz="UTC")
    assert (labels[entered >= until] == OUT_OF_SAMPLE).all()
    assert set(labels[entered < until]) == {IN_SAMPLE, MIXED}
    assert found.summary["sample"] == MIXED
    later = found.trades[(labels == OUT_OF_SAMPLE).to_numpy()]
    assert found.summary["n_out_of_sample"] == len(later)
    beside = found.summary["beside"][OWN_EXITS]
    # 12 are open; an own exit outside its bar is no baseline (E2)
    assert 0 < beside["n_trades"] <= found.summary["n_out_of_sample"] - 12
    assert f"Based on {beside['n_pairs']:,} trades" in found.summary["verdict_text"]
    found.write(folder / "all")
    hold = backtest(bars, some_open, Ladder(stop=Stop(time=40), costs=ladder.costs), small)
    hold.write(folder / "all hold")
    (pair,) = compare([str(folder / "all hold"), str(folder / "all")], small)["pairs"]
    joined = later.set_index("trade_id")["r"] - hold.trades.set_index("trade_id")["r"]
    assert pair["difference_r"] == pytest.approx(joined.mean())
    assert pair["n_trades"] == joined.notna().sum() and pair["sample"] == MIXED
    assert pair["verdict"] in ("better", "worse", "no_difference")


def test_the_walk_forward_replayed_gives_the_numbers_of_the_tuning(
    tuned: TuneResult, bars: BarSet, past: Trades, small: Settings, trained: TrainResult, folder: Path
) -> None:
    found = backtest_walk_forward(bars.until(MOMENT.value), past, folder / "tuned", small, model=trained.model)
    test = tuned.tuned.walk.test
    expected = tuned.tuned.net_r.loc[test, TUNED]
    again = found.trades.set_index("trade_id")["r"]
    assert again.index.tolist() == expected.index.tolist()
    assert again.to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12, nan_ok=True)
    row = tuned.tuned.scoreboard.table.set_index("policy").loc[TUNED]
    for name in ("r_per_bar", "mean_open", "max_open", "capital_used"):
        assert found.summary[name] == pytest.approx(row[name])
    own_row = tuned.tuned.scoreboard.table.set_index("policy").loc[OWN_EXITS]
    assert found.summary["beside"][OWN_EXITS]["r_per_bar"] == pytest.approx(own_row["r_per_bar"])
    assert found.summary["expectancy_r"]["value"] == pytest.approx(row["expectancy_r"])
    assert found.summary["win_rate"]["value"] == pytest.approx(row["win_rate"])
    assert found.summary["cvar_5_r"]["value"] == pytest.approx(row["cvar_r"])
    against = tuned.tuned.scoreboard.comparisons[OWN_EXITS]
    difference = found.summary["beside"][OWN_EXITS]["difference_r"]
    assert [difference[key] for key in ("value", "low", "high")] == pytest.approx(
        [against.difference_r, against.low, against.high]
    )
    assert found.summary["sample"] == OUT_OF_SAMPLE and found.summary["n_in_sample"] == 0
    assert found.summary["verdict"] == tuned.tuned.verdict.kind
    assert found.summary["n_before_walk_forward"] == (~test).sum()
    found.write(folder / "walk")
    page = report(str(folder / "walk"), folder / "walk.html", small).read_text(encoding="utf-8")
    assert "Backtest of the walk-forward ladders" in page
    (pair,) = compare([str(folder / "tuned"), str(folder / "walk")], small)["pairs"]
    assert pair["difference_r"] == pytest.approx(0.0, abs=1e-12) and pair["sample"] == OUT_OF_SAMPLE
    with pytest.raises(TradesError, match="entered after its first tuning"):
        early = past.take(past.entry_time < tuned.tuned.walk.cut)
        backtest_walk_forward(bars, early, folder / "tuned", small, model=trained.model)


def test_a_folder_without_a_walk_forward_is_refused(
    tuned: TuneResult, bars: BarSet, past: Trades, small: Settings, tmp_path: Path
) -> None:
    with pytest.raises(InputFileError, match="--out folder of exitladder tune"):
        backtest_walk_forward(bars, past, tmp_path, small)
    (tmp_path / "fold-1.toml").write_text("rungs = []\n[stop]\ntime = 4\n")
    with pytest.raises(LadderError, match=r"must have a \[tuned\] table"):
        backtest_walk_forward(bars, past, tmp_path, small)


def test_trades_of_one_symbol_side_and_entry_bar_are_near_duplicates(bars: BarSet, past: Trades) -> None:
    twice = past.take([0, 1, 2, 2, 2])
    placed = place_trades(replace(twice, entry_price=twice.entry_price * np.array([1, 1, 1, 1.001, 0.999])), bars)
    assert n_duplicates(placed) == 2
    (text,) = duplicate_note(placed)
    assert text.startswith("2 of the 5 trades are near-duplicates")
    assert duplicate_note(place_trades(past.take([0, 1, 2]), bars)) == []


def test_the_sample_of_a_run() -> None:
    assert SampleCounts(0, 0, 3).sample == OUT_OF_SAMPLE and SampleCounts(0, 0, 3).text == ""
    assert SampleCounts(3, 0, 0).sample == SampleCounts(3, 2, 0).sample == IN_SAMPLE
    assert SampleCounts(3, 0, 1).sample == SampleCounts(0, 2, 1).sample == SampleCounts(0, 2, 0).sample == MIXED
    assert SampleCounts(3, 2, 1).text == (
        "The ladder was tuned on 3 of these 6 trades, and 2 more were alive in the time that its tuning saw; 1 is out "
        "of sample."
    )


def test_score_names_the_verdict_and_gives_no_orders_with_own_exits(
    tuned: TuneResult, bars: BarSet, some_open: Trades, small: Settings, trained: TrainResult, folder: Path
) -> None:
    ladder = read_ladder(folder / "tuned" / "ladder.toml")
    assert ladder.tuned is not None
    untouched = Management(assume="untouched")
    result = score(bars, some_open, ladder, trained.model, small, management=untouched)
    assert ladder.tuned.verdict_text in result.verdict and "verdict of the tuning" in result.verdict
    assert any(result.frame["orders"].map(len))
    write_scores(result.frame, folder / "advice.html", result.verdict)
    assert "verdict of the tuning" in (folder / "advice.html").read_text(encoding="utf-8")
    own = replace(ladder, tuned=replace(ladder.tuned, choice="own_exits", verdict_text="Keep your own exits: why."))
    kept = score(bars, some_open, own, trained.model, small, management=untouched).frame
    assert sorted(kept["trade_id"]) == sorted(result.frame["trade_id"])
    assert (kept["action"] == "hold").all() and (kept["action_quantity"] == 0).all()
    assert not any(kept["orders"].map(len))
    assert all(
        reasons == ["No orders: your own exits close this trade. Keep your own exits: why."]
        for reasons in kept["reasons"]
    )
    stops = pd.Series(some_open.stop_price, index=some_open.trade_id)[kept["trade_id"]]
    assert np.array_equal(kept["stop_price"], stops, equal_nan=True)
    done = backtest(bars, some_open, own, small, model=trained.model)
    known = done.trades[(done.trades["sample"] == OUT_OF_SAMPLE).to_numpy()]
    beside = done.summary["beside"][OWN_EXITS]
    assert beside["difference_r"]["value"] == 0.0 and 0 < beside["n_pairs"] <= len(known)
    assert score(bars, some_open, replace(ladder, tuned=None), trained.model, small).verdict == ""


def test_the_page_of_the_tuning_is_made_again_from_its_files(tuned: TuneResult, small: Settings, folder: Path) -> None:
    again = report(str(folder / "tuned"), folder / "again.html", small)
    assert again.read_text(encoding="utf-8") == (folder / "tuned" / "index.html").read_text(encoding="utf-8")
    printed = json.loads((folder / "tuned" / "tune.json").read_text(encoding="utf-8"))
    assert printed["recommendation"] == tuned.to_mapping()["recommendation"]
