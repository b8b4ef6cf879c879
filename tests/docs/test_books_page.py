"""The commands and the plans of the page "Books" run on the sample's bars, and its Python joins the files."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from exitladder.bars.bars import BarSet
from exitladder.bars.writing import write_bars
from exitladder.cli import main
from exitladder.plans.file import ladder_from_mapping
from exitladder.sample import load_sample_bars
from exitladder.trades.entries import make_trades

PAGE = (Path(__file__).parents[2] / "docs" / "books.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0].splitlines()
PLANS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
CAPPED = """name = "capped"
rungs = []
[stop]
initial = "2ATR"
trail = "4ATR"
[book]
equity = 100000
max_open = 3
[costs]
commission_bps = 2.0
slippage_bps = 3.0
lot = 1
min_quantity = 1
"""


def test_the_plans_of_the_page_are_valid() -> None:
    book, target = (ladder_from_mapping(tomllib.loads(block)) for block in PLANS)
    assert book.limits and book.book.limits and target.target is not None and target.risk.window == 60


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder in which the page's commands ran, and what each printed."""
    folder = tmp_path_factory.mktemp("books")
    bars = BarSet([load_sample_bars()[0][symbol] for symbol in ("AAPL", "GOOG", "IBM", "MSFT")])
    (folder / "data").mkdir()
    for symbol in bars.symbols:
        write_bars(BarSet([bars[symbol]]), folder / "data" / f"{symbol}.csv")
    trades = make_trades(bars, "donchian").to_frame()
    recent = trades[pd.to_datetime(trades["entry_time"], utc=True) > pd.Timestamp("2008-01-01", tz="UTC")]
    recent.to_csv(folder / "trades.csv", index=False)
    still = recent.groupby("symbol").tail(1)
    still.assign(quantity_open=still["quantity"]).to_csv(folder / "open.csv", index=False)
    (folder / "book.toml").write_text(PLANS[0])
    (folder / "capped.toml").write_text(CAPPED)
    more = ["--set", "tracking.enabled=false", "--set", "validation.n_bootstrap=200", "--set", "data.splits=keep"]
    more += ["--set", "tuning.book_trials=3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        results: list[Result] = []
        for line in COMMANDS:
            results.append(CliRunner().invoke(main, [*shlex.split(line)[1:], *more, "--quiet"]))
            assert results[-1].exit_code == 0, (line, results[-1].output)
    return folder, results


@pytest.mark.slow
def test_the_commands_of_the_page(done: Any) -> None:
    folder, results = done
    page = (folder / "book.html").read_text(encoding="utf-8")
    assert "Which limit acted when" in page and "The limits against no limits" in page
    compared = results[3].stdout
    assert "return a year" in compared and "limits[1]" in compared and "CVaR 5%, day" in compared
    tuned = json.loads((folder / "tuned" / "tune.json").read_text())
    table = PAGE.partition("## Tuning the numbers")[2].partition("## Tonight")[0]
    named = set(
        re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in table.splitlines() if line[:3] == "| `"))
    )
    assert named == set(tuned), named ^ set(tuned)
    assert tuned["n_trials"] == 5 and "Tuned book" in (folder / "tuned.html").read_text(encoding="utf-8")
    rows = json.loads((folder / "tonight.json").read_text())
    held = {row["trade_id"]: row["quantity_open"] for row in rows}
    for row in rows:
        sales = sum(o["quantity"] for o in row["orders"] if o["type"] == "market")
        assert sales <= held[row["trade_id"]] and isinstance(row["limits_held"], list)


@pytest.mark.slow
def test_the_python_of_the_page_joins_fills_with_the_account_after_them(
    done: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(done[0])
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)
    joined = found["joined"]
    gap = joined["close_time"] - joined["bar_time"]
    # daily bars: the account at the close of the very day of the fill
    assert (gap == pd.Timedelta(days=1)).all() and np.isfinite(joined["equity"]).all()
