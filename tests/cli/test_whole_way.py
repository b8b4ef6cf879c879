"""From bars to advice by commands alone, small: every command prints and writes what is promised."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import read_bars
from exitladder.bars.writing import write_bars
from exitladder.cli import main
from exitladder.cli.screen import fitted
from exitladder.cli.screens.backtest import backtest_screen
from exitladder.cli.screens.compare import compare_screen
from exitladder.cli.screens.score import score_screen
from exitladder.cli.screens.train import train_screen
from exitladder.cli.screens.tune import tune_screen
from exitladder.plans.file import read_ladder
from exitladder.trades.files import read_trades

SMALL = [
    "model.n_estimators=10", "labels.max_bars=40", "validation.n_bootstrap=100", "validation.n_folds=2",
    "search.time_bars=[5,30]", "tuning.n_trials=5", "project.threads=1",
]  # fmt: skip
LADDER = """
name = "halves"
[[rungs]]
fraction = 0.5
target = "1R"
[stop]
breakeven_after = 1
trail = "3ATR"
time = 40
[costs]
commission_bps = 2.0
"""


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *args: object) -> Any:
        """Run a command with small settings; return what it prints as JSON."""
        common = [part for change in SMALL for part in ("--set", change)]
        store = ["--set", f"tracking.store={(self.folder / 'mlruns').as_posix()}"]
        result = CliRunner().invoke(main, [str(a) for a in args] + ["--format", "json", *common, *store])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Project:
    folder = tmp_path_factory.mktemp("project")
    bars = read_bars(sample)[0]
    write_bars(BarSet([bars["IBM"], bars["MSFT"]]), folder / "bars")
    (folder / "ladder.toml").write_text(LADDER)
    return Project(folder)


@pytest.fixture(scope="module")
def trades(project: Project) -> Path:
    path = project.folder / "trades.csv"
    project("trades", "make", "--bars", project.folder / "bars", "--out", path)
    return path


@pytest.fixture(scope="module")
def trained(project: Project, trades: Path) -> Any:
    return project("train", "--bars", project.folder / "bars", "--trades", trades)


@pytest.fixture(scope="module")
def tuned(project: Project, trades: Path, trained: Any) -> Any:
    args = ("--bars", project.folder / "bars", "--trades", trades, "--model", trained["model"])
    return project("tune", *args, "--ladder", project.folder / "ladder.toml", "--out", project.folder / "tuned")


@pytest.fixture(scope="module")
def tested(project: Project, trades: Path) -> Any:
    args = ("--bars", project.folder / "bars", "--trades", trades, "--ladder", project.folder / "ladder.toml")
    return project("backtest", *args, "--out", project.folder / "plain")


def test_train_prints_what_is_promised(trained: Any, trades: Path) -> None:
    assert set(trained) >= {
        "run_id", "model", "n_trades", "n_rows", "log_loss", "brier", "base_rate", "auc", "calibration_error",
        "value_r", "value_interval", "baselines", "leak_check", "leak_reasons",
    }  # fmt: skip
    assert trained["n_trades"] == len(read_trades(trades))
    assert trained["model"].startswith("models:/")


def _is_a_screen(text: str, first: str, most_lines: int, width: int = 80) -> bool:
    lines = fitted(text, Screen()).splitlines()
    return lines[0].startswith(first[:40]) and len(lines) <= most_lines and max(map(len, lines)) <= width


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [80, 100, 160])
def test_screens_put_the_verdict_first_and_fit_the_terminal(
    width: int, trained: Any, tuned: Any, tested: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert _is_a_screen(train_screen(trained, width), "The model ", 20, width)
    tune = tune_screen(tuned, "tuned", width)
    assert _is_a_screen(tune, tuned["recommendation"], 45, width)
    row = next(row for row in tuned["policies"] if row["policy"] == "tuned ladder")
    assert f"{row['expectancy_r']:+.3f}" in tune and f"{row['max_drawdown_account_r']:+.1f}" in tune
    back = backtest_screen(tested, "plain", tested["run_id"], width)
    assert _is_a_screen(back, tested["verdict_text"], 50, width)
    assert f"{tested['expectancy_r']['value']:+.3f}" in back and tested["run_id"] in back
    assert "exit efficiency *" in back and "updraw" not in back


def test_tune_prints_and_writes(project: Project, tuned: Any) -> None:
    assert set(tuned) >= {
        "run_id", "ladder", "baseline", "difference_r", "interval", "dsr", "pbo", "p_value", "n_trials", "verdict",
        "verdict_text",
    }  # fmt: skip
    assert tuned["verdict"] in ("better", "worse", "no_difference")
    assert tuned["n_trials"] >= 5
    ladder = read_ladder(project.folder / "tuned" / "ladder.toml")
    assert ladder.rungs or ladder.stop.trail or ladder.stop.time
    assert tuned["ladder"]["rungs"] is not None


def test_backtest_writes_its_files(project: Project, tested: Any, trades: Path) -> None:
    fills, done = (pd.read_csv(project.folder / "plain" / f"{name}.csv") for name in ("fills", "trades"))
    assert list(fills) == [
        "trade_id", "fill", "bar_time", "order", "rung", "side", "quantity", "price", "commission", "slippage",
        "financing", "r",
    ]  # fmt: skip
    assert list(done)[:21] == [
        "trade_id", "symbol", "side", "status", "reason", "quantity", "entry_time", "entry_price", "risk", "exit_time",
        "exit_price", "pnl", "financing", "r", "mfe_r", "mae_r", "give_back_r", "capture", "bars_held", "n_fills",
        "ambiguous_bars",
    ]  # fmt: skip
    assert len(done) == len(read_trades(trades))
    summary = json.loads((project.folder / "plain" / "summary.json").read_text())
    assert tested["expectancy_r"] == summary["expectancy_r"]
    assert summary["expectancy_r"]["value"] == pytest.approx(done["r"].mean())


def test_every_written_column_and_key_has_a_meaning(project: Project, tuned: Any, tested: Any, root: Path) -> None:
    sys.path.insert(0, str(root / "tools"))
    from site_pages.meanings import FILES, meaning

    written = [path for name in ("tuned", "plain") for path in (project.folder / name).glob("*.csv")]
    assert len(written) > 12
    missing = [
        (path.name, column)
        for path in written
        for column in map(str, pd.read_csv(path, nrows=1))
        if path.name not in FILES or meaning(path.name, column) is None
    ]
    assert missing == []
    page = (root / "docs" / "statistics.md").read_text(encoding="utf-8")
    counted = ("n_", "closed_by", "skipped_reasons")
    assert [key for key in tested if f"`{key}`" not in page and not key.startswith(counted)] == []


def test_score_advises_on_what_was_open_then(
    project: Project, tuned: Any, trained: Any, trades: Path, tested: Any
) -> None:
    table = pd.read_csv(trades)
    done = pd.read_csv(project.folder / "plain" / "trades.csv").set_index("trade_id")
    ended = done.loc[done["status"] == "closed"]
    table["exit_time"] = table["trade_id"].map(ended["exit_time"])
    table["exit_price"] = table["trade_id"].map(ended["exit_price"])
    table.to_csv(project.folder / "book.csv", index=False)
    asof = "2008-06-02"
    book = table.assign(**{c: pd.to_datetime(table[c], utc=True) for c in ("entry_time", "exit_time")})
    moment = pd.Timestamp(asof, tz="UTC") + pd.Timedelta(days=1)  # a date alone means its end
    expected = book[(book["entry_time"] < moment) & ~(book["exit_time"] < moment)]
    advice = project(
        "score", "--bars", project.folder / "bars", "--trades", project.folder / "book.csv", "--asof", asof,
        "--ladder", project.folder / "ladder.toml", "--model", trained["model"], "--out", project.folder / "advice.csv",
    )  # fmt: skip
    assert sorted(row["trade_id"] for row in advice) == sorted(expected["trade_id"])
    shown = score_screen(pd.DataFrame(advice), 80)
    assert _is_a_screen(shown, f"{len(advice)} open trade", 14 * len(advice))
    assert all(row["trade_id"] in shown for row in advice)
    for row in advice:
        assert row["action"] in ("hold", "reduce", "exit")
        assert row["asof"] <= "2008-06-03T00:00:00Z"
        assert all({"type", "side", "quantity", "price", "rung"} <= set(order) for order in row["orders"])
    written = pd.read_csv(project.folder / "advice.csv")
    assert written["trade_id"].tolist() == [row["trade_id"] for row in advice]


def test_compare_and_report(
    project: Project, tuned: Any, tested: Any, trades: Path, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(
        "backtest", "--bars", project.folder / "bars", "--trades", trades, "--model", trained["model"],
        "--ladder", project.folder / "tuned" / "ladder.toml", "--out", project.folder / "other",
    )  # fmt: skip
    found = project("compare", project.folder / "plain", project.folder / "other")
    for width in (80, 100, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        assert _is_a_screen(compare_screen(found, width), found["pairs"][0]["verdict_text"], 25, width)
    (pair,) = found["pairs"]
    # both have the costs of the settings, and differ in steps of price and quantity only
    assert not any("costs" in note for note in pair["terms_differ"])
    assert set(pair) >= {"difference_r", "interval", "p_value", "p_adjusted", "verdict"}
    assert len(found["sources"]) == 2
    assert "exitladder tune --bars " in (project.folder / "tuned" / "index.html").read_text(encoding="utf-8")
    page = project.folder / "page.html"
    for source in (project.folder / "plain", project.folder / "tuned", tuned["run_id"]):
        assert project("report", source, "--out", page)["page"] == str(page)
        text = page.read_text()
        assert text.lstrip().lower().startswith("<!doctype html>") and 'http-equiv="refresh"' not in text


@pytest.fixture
def failing(project: Project) -> Callable[..., str]:
    def fail(*args: object) -> str:
        result = CliRunner().invoke(
            main, [str(a) for a in args] + ["--set", f"tracking.store={project.folder / 'mlruns'}"]
        )
        assert result.exit_code == 1
        return result.stderr

    return fail


def test_the_honest_way_from_tuning_to_a_verdict(
    project: Project, tuned: Any, tested: Any, trades: Path, trained: Any
) -> None:
    folder = project.folder
    args = ("--bars", folder / "bars", "--trades", trades, "--model", trained["model"])
    own = project("backtest", *args, "--ladder", folder / "tuned" / "ladder.toml", "--out", folder / "in-sample")
    assert own["sample"] == "in_sample" and own["n_in_sample"] > 0 and own["verdict"] is None
    assert "exitladder backtest --walk-forward" in own["verdict_text"]
    walk = project("backtest", *args, "--walk-forward", folder / "tuned", "--out", folder / "walk")
    assert walk["sample"] == "out_of_sample" and walk["n_in_sample"] == 0
    scored = {row["policy"]: row for row in tuned["policies"]}["tuned ladder"]
    assert walk["expectancy_r"]["value"] == pytest.approx(scored["expectancy_r"])
    assert walk["n_trades"] == scored["n_trades"]
    seen = project("compare", folder / "plain", folder / "in-sample")["pairs"][0]
    assert seen["verdict"] is None and seen["difference_r"] is None
    honest = project("compare", folder / "plain", folder / "walk")["pairs"][0]
    assert honest["verdict"] in ("better", "worse", "no_difference") and honest["sample"] == "out_of_sample"
    assert next(iter(tuned)) == "recommendation"
    recommended = read_ladder(folder / "tuned" / "recommended.toml")
    assert recommended.tuned is not None and recommended.tuned.choice == tuned["recommended"]["choice"]


def test_either_a_ladder_or_a_walk_forward(project: Project, trades: Path) -> None:
    args = ["backtest", "--bars", str(project.folder / "bars"), "--trades", str(trades), "--out", "x"]
    for more in ([], ["--ladder", "a.toml", "--walk-forward", "tuned"]):
        result = CliRunner().invoke(main, [*args, *more])
        assert result.exit_code == 2 and "either --ladder FILE or --walk-forward DIR" in result.stderr


def test_unknown_key_in_a_ladder_and_unknown_model(project: Project, trades: Path, failing: Callable[..., str]) -> None:
    wrong = project.folder / "wrong.toml"
    wrong.write_text(LADDER.replace("trail =", "trial ="))
    args = ("--bars", project.folder / "bars", "--trades", trades)
    output = failing("backtest", *args, "--ladder", wrong, "--out", project.folder / "never")
    assert "Unknown key 'trial' in stop. Did you mean 'trail'?" in output and "wrong.toml" in output
    ladder = ("--ladder", project.folder / "ladder.toml")
    output = failing("backtest", *args, *ladder, "--model", "models:/nothing/1", "--out", project.folder / "never")
    assert "nothing" in output
    assert not (project.folder / "never").exists()
