"""The worked example of the page "Options" is run on the page's own files and prints what the page shows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from exitladder.cli import main
from exitladder.options.positions.plan import SERIES
from exitladder.options.positions.tables import FLAGS

PAGE = (Path(__file__).parents[2] / "docs" / "options.md").read_text()
COMMAND = next(line for line in PAGE.splitlines() if line.startswith("exitladder options backtest"))


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's files."""
    monkeypatch.chdir(tmp_path)
    tables = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    for name, text in zip(("quotes.csv", "bars.csv", "trades.csv"), tables, strict=True):
        (tmp_path / name).write_text(text)
    (tmp_path / "plan.toml").write_text(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])
    return tmp_path


def run(*more: str, line: str = COMMAND) -> Result:
    return CliRunner().invoke(main, [*shlex.split(line)[1:], *more])


def test_it_prints_what_the_page_shows(example: Path) -> None:
    result = run()
    assert result.exit_code == 0, result.stderr
    # the page shows a terminal of 80 columns
    assert result.stdout.split() == re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0].split()


def test_tuning_prints_what_the_page_shows(example: Path) -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith("exitladder options tune"))
    result = run(line=line)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split() == re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[1].split()
    # the plan to use is the one of the page, and a backtest takes it
    again = run("--format", "json", line=COMMAND.replace("plan.toml", "tuned/recommended.toml"))
    found = json.loads(again.stdout)
    assert (found["n_closed"], found["n_in_sample"], found["costs"]) == (2, 2, 13)
    summary = json.loads(Path("tuned/tune.json").read_text())
    for key in (*summary, *summary["recommended"]):
        assert f"`{key}`" in PAGE or key in ("exit", "plan_text", "expectancy_r", "difference_from_default_r",
                                             "interval_from_default"), key  # fmt: skip
    for name in ("recommended.toml", "tuned.toml", "trials.csv", "net_r.csv", "folds.csv", "tune.json"):
        assert Path("tuned", name).is_file() and f"`{name}`" in PAGE


def test_what_a_tuning_needs_is_asked_for(example: Path) -> None:
    line = "exitladder options tune --trades trades.csv --bars bars.csv --out x/"
    assert "either --quotes FILE or --volatility FILE" in run(line=line).stderr
    bad = run("--set", 'options_search.exits=["premium > 1"]', line=f"{line} --quotes quotes.csv")
    assert bad.exit_code == 1 and "one reads 'premium'" in " ".join(bad.stderr.split())
    few = run("--set", "options_search.n_exits=1", "--format", "json", line=f"{line} --quotes quotes.csv")
    summary = json.loads(few.stdout)
    # without a plan the stop of the put's row is what stays, and a plan cannot take it away
    assert summary["recommended"]["exit"] == "stop only" and summary["n_plans"] < 100
    assert any(note.startswith("before costs") for note in summary["notes"])


def test_report_says_that_a_backtest_of_options_has_no_page(example: Path) -> None:
    assert run().exit_code == 0
    refused = run(line="exitladder report result --out page.html")
    assert refused.exit_code == 1 and not Path("page.html").exists()
    assert "'result' is a backtest of options, which has no page" in " ".join(refused.stderr.split())


def test_the_numbers_that_the_page_explains(example: Path) -> None:
    found = json.loads(run("--format", "json").stdout)
    assert found["n_closed"] == 2 and found["verdict"] == "no_difference" and found["costs"] == 13
    fills = pd.read_csv("result/fills.csv")
    spread = fills[(fills["trade_id"] == "spread") & (fills["rung"] == 1)]
    assert spread["price"].tolist() == [4.1, 1.1] and spread["quantity"].tolist() == [2, 2]
    trades = pd.read_csv("result/trades.csv").set_index("trade_id")
    # 1.40 paid, half sold at 3.00 and half at 4.80; 16 legs of contracts at 0.65
    assert trades.loc["spread", "pnl"] == pytest.approx(400 * (0.5 * 1.6 + 0.5 * 3.4) - 16 * 0.65)
    assert trades.loc["put", "hold_to_expiry_r"] == pytest.approx((100 - 1.3) / 200)
    assert fills.groupby("trade_id")["r"].sum().to_dict() == pytest.approx(trades["r"].to_dict())
    assert (trades["r"] * trades["risk"] * 100 * trades["quantity"]).to_dict() == pytest.approx(trades["pnl"].to_dict())


def test_values_of_the_page(example: Path) -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("exitladder options value")]
    call, put = (json.loads(run("--format", "json", line=line).stdout) for line in lines)
    assert call["value"] == pytest.approx(2.1334, abs=5e-5) and call["delta"] == pytest.approx(0.372483, abs=1e-6)
    assert put["implied_volatility"] == pytest.approx(0.2, abs=2e-4)
    counts = json.loads(run("--format", "json", line="exitladder options check quotes.csv").stdout)
    assert (counts["quotes"], counts["two_sided"], counts["no_bid"], counts["last"]) == (15, 12, 3, "2024-03-15")


def test_quotes_by_the_model_from_the_command_line(example: Path) -> None:
    Path("iv.csv").write_text("timestamp,implied_volatility\n2024-03-08,0.25\n2024-03-12,0.28\n")
    line = COMMAND.replace("--quotes quotes.csv", "--volatility iv.csv") + " --set options.style=european"
    refused = run(line=line)
    assert refused.exit_code == 1 and "options.half_spread is 0" in refused.stderr
    done = run("--set", "options.half_spread=0.05", "--format", "json", line=line)
    assert done.exit_code == 0, done.stderr
    assert any("no skew" in note for note in json.loads(done.stdout)["notes"])


def test_series_events_and_settings_are_on_the_page() -> None:
    for name in (*(name for name in SERIES if name != "open_r"), *FLAGS):
        assert f"`{name}`" in PAGE, name


def test_an_option_and_other_commands_do_not_mix(example: Path) -> None:
    (example / "ladder.toml").write_text('[[rungs]]\nfraction = 0.5\ntarget = "1R"\n[stop]\ninitial = "2ATR"\n')
    for line in (
        "exitladder backtest --bars bars.csv --trades trades.csv --ladder ladder.toml --out x/",
        "exitladder trades exits --bars bars.csv --trades trades.csv",
        "exitladder score --bars bars.csv --trades trades.csv --ladder ladder.toml",
    ):
        found = run(line=line)
        assert found.exit_code == 1 and "exitladder options backtest" in found.stderr, line
    both = run("--volatility", "iv.csv")
    assert both.exit_code == 2 and "either --quotes FILE or --volatility FILE" in both.stderr
