"""The demo: everything in one go, the same on a second run, and a page that needs no network."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from exitladder.pipelines.demo import DemoResult, demo, demo_settings, demo_work
from exitladder.pipelines.report import report
from exitladder.sample.planted import PlantedMarket
from exitladder.settings.tables import Settings

# half of the demo's trades, with trends that are easier to see
PLANTED = PlantedMarket(n_cycles=40, trend=0.4, after=-0.6)


@pytest.fixture(scope="module")
def shown(small: Settings, tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return demo(tmp_path_factory.mktemp("demo"), small, market=PLANTED)


def test_writes_the_page_and_its_tables(shown: DemoResult) -> None:
    folder = shown.page.parent
    names = {p.name for p in folder.iterdir()}
    assert names > {
        "index.html", "ladder.toml", "fills.csv", "trades.csv", "policies.csv", "scores.csv", "entries.csv",
        "tune.json", "run.json", "model_summary.json",
    }  # fmt: skip
    page = shown.page.read_text()
    first = shown.verdict.split(". ")[0].split(":")[0]
    assert first.replace("'", "&#39;") in page
    assert not re.search(r"(src|href)\s*=\s*[\"']https?:", re.sub(r"(?s)<script.*?</script>", "", page))


def test_the_page_is_that_of_any_tuning(shown: DemoResult, small: Settings, tmp_path: Path) -> None:
    page = shown.page.read_text()
    again = shown.page.parent / "again.html"
    assert report(str(shown.page.parent), again, small).read_text() == page
    # elsewhere, links to the other act would lead nowhere
    assert "planted/index.html" in page
    assert "planted/index.html" not in report(str(shown.page.parent), tmp_path / "again.html", small).read_text()
    for title in ("Sensitivity", "Profit capture", "Example trades", "Model"):
        assert f">{title}</h2>" in page
    assert "Open trades" in page and "calibration error" in page
    # Before version 0.2 the summary of the model was called as the file of a model is.
    old = tmp_path / "old"
    shutil.copytree(shown.page.parent, old)
    (old / "model_summary.json").rename(old / "model.json")
    run = (old / "run.json").read_text()
    (old / "run.json").write_text(run.replace("model_summary.json", "model.json"))
    assert report(str(old), old / "page.html", small).read_text() == page


def test_compares_with_every_baseline_on_the_untouched_part(shown: DemoResult) -> None:
    table = shown.summary_frame().set_index("policy")
    assert {"best single target", "best trailing stop", "classic 25/25/50", "hold to the time stop"} < set(table.index)
    assert (table["n_trades"] == shown.work.tuned.walk.test.sum()).all()


def test_shows_each_test_part_and_the_account_over_all(shown: DemoResult) -> None:
    page = shown.page.read_text()
    tuned = shown.work.tuned
    assert len(tuned.folds) == 3
    for row in tuned.folds_frame().to_dict("records"):
        assert row["test_from"][:10] in page
        assert html.escape(row["ladder_text"]) in page
    assert "Account over all test parts" in page


def test_trades_written_are_those_scored_once(shown: DemoResult) -> None:
    trades = pd.read_csv(shown.page.parent / "trades.csv").set_index("trade_id")
    result = shown.work.tuned.net_r.loc[trades.index, "tuned ladder"]
    assert len(trades) == shown.work.tuned.walk.test.sum()
    assert trades["r"].to_numpy() == pytest.approx(result.to_numpy(), abs=1e-9, nan_ok=True)
    fills = pd.read_csv(shown.page.parent / "fills.csv")
    assert set(fills["trade_id"]) <= set(trades.index)


def test_scores_what_is_open_at_the_last_bar(shown: DemoResult) -> None:
    trades = pd.read_csv(shown.page.parent / "trades.csv")
    assert set(shown.work.scores["trade_id"]) == set(trades.loc[trades["status"] == "open", "trade_id"])


def test_is_the_same_on_a_second_run(shown: DemoResult, small: Settings) -> None:
    again = demo_work(demo_settings(small))
    pd.testing.assert_frame_equal(again.tuned.net_r, shown.work.tuned.net_r, check_exact=True)
    pd.testing.assert_frame_equal(again.tuned.scoreboard.table, shown.summary_frame(), check_exact=True)
    pd.testing.assert_frame_equal(again.scores, shown.work.scores, check_exact=True)
    assert again.tuned.verdict == shown.work.tuned.verdict


def test_in_the_second_act_the_model_finds_what_was_planted(shown: DemoResult) -> None:
    act = shown.planted
    assert act.trained.value.finding == "edge"
    for choice in act.tuned.folds:
        assert any(rung.is_signal for rung in choice.ladder.rungs)
    table = act.tuned.scoreboard.table.set_index("policy")["expectancy_r"]
    assert table["tuned ladder"] > table["best simple exit"]
    page = act.page.read_text()
    assert "This market is generated" in page and "../index.html" in page


def test_only_the_first_act_is_recorded(shown: DemoResult) -> None:
    run = json.loads((shown.planted.page.parent / "run.json").read_text())
    assert shown.run_id and not run["run_id"]


def test_a_ladder_without_rungs_is_not_drawn(shown: DemoResult) -> None:
    for page, tuned in ((shown.page, shown.work.tuned), (shown.planted.page, shown.planted.tuned)):
        assert ("Each bar is a rung" in page.read_text()) == bool(tuned.ladder.rungs)
        assert ("sells nothing on the way" in page.read_text()) == (not tuned.ladder.rungs)
