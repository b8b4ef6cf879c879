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
from exitladder.pipelines.options.score.columns import COLUMNS, options_score_schema

PAGE = (Path(__file__).parents[2] / "docs" / "options.md").read_text()
COMMAND = next(line for line in PAGE.splitlines() if line.startswith("exitladder options backtest"))


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's files."""
    monkeypatch.chdir(tmp_path)
    tables = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    for name, text in zip(("quotes.csv", "bars.csv", "trades.csv", "open.csv"), tables, strict=True):
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
    refused = run(line="exitladder report tuned --out tuned.html")
    assert refused.exit_code == 1 and "A tuning of options has no page" in refused.stderr
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


def test_the_evening_prints_what_the_page_shows_and_thursday_fills_it(example: Path) -> None:
    line = _line("exitladder options score")
    found = run(line=line)
    assert found.exit_code == 0, found.stderr
    assert found.stdout.split() == re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[2].split()
    rows = {row["trade_id"]: row for row in json.loads(Path("wednesday.json").read_text())}
    # 3.40 is 2.00 above 1.40, of 3.60 at most; 0.35 of 0.50 for the put, whose R is 1.50 - 0.50
    assert rows["spread"]["max_profit_share"] == pytest.approx(2 / 3.6)
    assert rows["put"]["premium_r"] == pytest.approx(0.35)
    assert rows["put"]["open_pnl"] == pytest.approx(0.35 * 200)
    assert rows["spread"]["orders"][0]["why"] == [
        {"condition": "max_profit_share >= 0.5", "value": pytest.approx(2 / 3.6)}
    ]
    run()
    fills = pd.read_csv("result/fills.csv")
    thursday = fills[(fills["bar_time"].str[:10] == "2024-03-14") & (fills["order"] == "rung")]
    filled = {(row.trade_id, row.leg): (row.side, row.quantity, row.contract) for row in thursday.itertuples()}
    listed = {
        (trade_id, order["leg"]): (order["side"], order["quantity"], order["contract"])
        for trade_id, row in rows.items()
        for order in row["orders"]
    }
    assert listed == filled


def test_rows_hold_the_published_schema(example: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the extra notebooks")
    schema = json.loads((Path(__file__).parents[2] / "docs" / "options_score.schema.json").read_text())
    assert schema == options_score_schema()
    line = _line("exitladder options score")
    for day in ("2024-03-11", "2024-03-13", "2024-03-14", "2024-03-15"):
        found = run("--format", "json", line=line.replace("2024-03-13", day).replace("wednesday", day))
        jsonschema.validate(json.loads(found.stdout), schema)
        jsonschema.validate(json.loads(Path(f"{day}.json").read_text()), schema)
    printed = run("--format", "csv", line=line)
    assert printed.stdout.splitlines()[0].split(",") == list(COLUMNS)


def test_report_and_compare_of_the_page(example: Path) -> None:
    assert run().exit_code == 0
    for line in (_line("exitladder report"), _line("exitladder options backtest", "options.rate=0.01")):
        assert run(line=line).exit_code == 0
    page = Path("result.html").read_text()
    assert "Backtest of &#39;half at half&#39; on options" in page and "What each condition did" in page
    refused = run(line=_line("exitladder compare").replace(" --allow-differences", ""))
    assert refused.exit_code == 1 and "rate 0.0 and 0.01" in " ".join(refused.stderr.split())
    found = run("--format", "json", line=_line("exitladder compare"))
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["pairs"][0]["difference_r"] == 0


def test_a_plan_is_not_compared_on_the_positions_it_was_tuned_on(example: Path) -> None:
    run(line=next(line for line in PAGE.splitlines() if line.startswith("exitladder options tune")))
    assert run().exit_code == 0
    assert run(line=COMMAND.replace("plan.toml", "tuned/tuned.toml").replace("result/", "tuned-result/")).exit_code == 0
    assert set(pd.read_csv("tuned-result/trades.csv")["sample"]) == {"in_sample"}
    (pair,) = json.loads(run("--format", "json", line="exitladder compare result tuned-result").stdout)["pairs"]
    assert pair["verdict"] is None and "tuned on 2 of these 2 trades" in pair["verdict_text"]
    assert "--walk-forward" not in pair["verdict_text"]


def _line(begin: str, part: str = "") -> str:
    """Return a command of the page, by its beginning and a part."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[1:])
    return next(line for line in blocks.splitlines() if line.startswith(begin) and part in line)


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
        assert "`options score`" in " ".join(found.stderr.split())
    both = run("--volatility", "iv.csv")
    assert both.exit_code == 2 and "either --quotes FILE or --volatility FILE" in both.stderr


def test_what_was_closed_but_no_quote_shows_is_not_ordered_again(example: Path) -> None:
    """The plan closes half of four; the owner holds two the evening after, and the file has no quotes of that day."""
    quotes = pd.read_csv("quotes.csv")
    quotes[quotes["timestamp"] <= "2024-03-13"].to_csv("early.csv", index=False)
    head = "trade_id,symbol,side,entry_time,quantity,quantity_open,entry_price,expiry,strike,right,strike_2\n"
    plan = Path("plan.toml").read_text().split("[[rungs]]")
    Path("half.toml").write_text("[[rungs]]".join(plan[:2]) + "[costs]" + plan[2].split("[costs]")[1])
    line = "exitladder options score --trades now.csv --quotes early.csv --bars bars.csv --plan half.toml --since-entry"
    ordered = []
    for held in (4, 3, 2):
        Path("now.csv").write_text(f"{head}s,XYZ,long,2024-03-11,4,{held},1.40,2024-03-15,100,call,105\n")
        result = run("--asof", "2024-03-13", "--out", "now.json", "--set", "tracking.enabled=false", line=line)
        assert result.exit_code == 0, result.output
        ordered.append([order["quantity"] for order in json.loads(Path("now.json").read_text())[0]["orders"]])
    assert ordered == [[2, 2], [1, 1], []]
