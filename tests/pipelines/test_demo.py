"""The demo: everything in one go, the same on a second run, and a page that needs no network."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pandas as pd
import pytest

from exitladder.pipelines.demo import DemoResult, demo, demo_settings, demo_work
from exitladder.pipelines.report import report
from exitladder.settings.tables import Settings


@pytest.fixture(scope="module")
def shown(small: Settings, tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return demo(tmp_path_factory.mktemp("demo"), small)


def test_writes_the_page_and_its_tables(shown: DemoResult) -> None:
    folder = shown.page.parent
    names = {p.name for p in folder.iterdir()}
    assert names > {
        "index.html", "ladder.toml", "fills.csv", "trades.csv", "policies.csv", "scores.csv", "entries.csv",
        "tune.json", "run.json", "model.json",
    }  # fmt: skip
    page = shown.page.read_text()
    first = shown.verdict.split(". ")[0].split(":")[0]
    assert first.replace("'", "&#39;") in page
    assert not re.search(r"(src|href)\s*=\s*[\"']https?:", page)


def test_the_page_is_that_of_any_tuning(shown: DemoResult, small: Settings, tmp_path: Path) -> None:
    page = shown.page.read_text()
    assert report(str(shown.page.parent), tmp_path / "again.html", small).read_text() == page
    for title in ("Sensitivity", "Profit capture", "Example trades", "Model"):
        assert f"<h2>{title}</h2>" in page
    assert "Open trades" in page and "calibration error" in page


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
