"""Pages on options in a headless Chromium: desktop and phone, both themes, hostile names, no request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from tests.options.markets import CLOSES_UP, DAYS, EXPIRY, snapshots

from exitladder.cli import main

EVIL = "<script>alert(1)</script>"
CALL = [(2.0, 2.2), (3.0, 3.2), (4.4, 4.6), (4.1, 4.3), (4.9, 5.1)]
WING = [(0.8, 0.9), (1.3, 1.4), (0.9, 1.0), (0.9, 1.1), (0.0, 0.1)]
SEEN = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a backtest and of an evening, of the same positions."""
    folder = tmp_path_factory.mktemp("options")
    pd.concat([snapshots("call", 100, CALL), snapshots("call", 105, WING)]).to_csv(folder / "q.csv", index=False)
    prices = dict.fromkeys(("open", "high", "low", "close"), CLOSES_UP)
    pd.DataFrame({"timestamp": DAYS, "symbol": "XYZ"} | prices).to_csv(folder / "b.csv", index=False)
    rows = [
        {"trade_id": f"{EVIL if k == 0 else 'T'}{k}", "symbol": "XYZ", "side": "long", "entry_time": DAYS[k % 3],
         "quantity": 4, "quantity_open": 4 if k != 3 else None, "entry_price": 1.4 if k % 2 else 2.2,
         "expiry": EXPIRY, "strike": 100, "right": "call", "strike_2": 105 if k % 2 else None}
        for k in range(8)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "t.csv", index=False)
    (folder / "p.toml").write_text('[[rungs]]\nfraction = 0.5\nwhen = ["premium_r >= 0.3"]\n[stop]\ntime = 3\n')
    files = [f"--{name}={folder / file}" for name, file in
             (("trades", "t.csv"), ("quotes", "q.csv"), ("bars", "b.csv"), ("plan", "p.toml"))]  # fmt: skip
    style = ["--set", "options.style=european", "--set", "tracking.enabled=false"]
    for line in (
        ["options", "backtest", *files, "--out", str(folder / "result"), *style],
        ["report", str(folder / "result"), "--out", str(folder / "backtest.html")],
        ["options", "score", *files, "--asof", DAYS[3], "--since-entry", "--out", str(folder / "score.html"), *style],
    ):
        done = CliRunner().invoke(main, line)
        assert done.exit_code == 0, done.output
    return folder


@pytest.mark.parametrize("name", ["backtest", "score"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(browser: Any, pages: Path, name: str, width: int) -> None:
    browser.open(pages / f"{name}.html", width, 900)
    browser.wait(f"{SEEN} <= {width}")
    assert browser.requests == []
    assert EVIL in browser.js("document.body.innerText") and not browser.js("!!document.querySelector('main script')")
    # on a phone the rows of orders and positions are cards: no value is out of sight
    tables = "[...document.querySelectorAll('table.stack')]"
    assert browser.js(f"{tables}.length") >= 1
    if width == 390:
        assert browser.js(f"{tables}.every((one) => one.getBoundingClientRect().right <= {width})")


@pytest.mark.parametrize("name", ["backtest", "score"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_barrier(
    browser: Any, barriers: Callable[[str], list[str]], pages: Path, name: str, theme: str
) -> None:
    browser.open(pages / f"{name}.html")
    assert barriers(theme) == []
