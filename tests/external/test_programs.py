"""Each program that is read from, written to or compared with runs here once, in its own environment."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars
from exitladder.execution import Simulation
from exitladder.sample import load_sample_bars

External = Callable[[str], Path]
PROGRAMS = Path(__file__).with_name("programs")
SHARE = 0.04


def run(external: External, name: str, *args: object) -> Any:
    """Run a script in a program's environment; return the JSON in its last line."""
    python = external(name)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [python, PROGRAMS / f"drive_{name}.py", *map(str, args)], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def market() -> Bars:
    return load_sample_bars()[0]["IBM"]


@pytest.fixture(scope="module")
def entries(market: Bars) -> list[dict[str, float]]:
    """Longs at an open, with a stop and a target as far from it, that end in a bar which meets only one of them."""
    found = []
    for bar in range(100, len(market) - 400, 150):
        price = float(market.open[bar])
        stop, target = price * (1 - SHARE), price * (1 + SHARE)
        low, high = market.low[bar:] <= stop, market.high[bar:] >= target
        end = int(np.argmax(low | high))
        # A fill at a gap's open is another rule, on which these programs differ.
        within = stop < market.open[bar + end] < target
        if end and within and low[end] != high[end]:
            found.append({"bar": bar, "stop": stop, "target": target})
    assert len(found) >= 10
    return found


@pytest.fixture(scope="module")
def files(market: Bars, entries: list[dict[str, float]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("external")
    table = pd.DataFrame(
        {"Open": market.open, "High": market.high, "Low": market.low, "Close": market.close},
        index=pd.to_datetime(market.time),
    )
    table.to_csv(folder / "bars.csv", index_label="time")
    (folder / "entries.json").write_text(json.dumps(entries))
    return folder / "bars.csv", folder / "entries.json"


@pytest.mark.parametrize("name", ["backtesting", "vectorbt"])
def test_brackets_end_where_they_end_here(
    external: External,
    name: str,
    market: Bars,
    entries: list[dict[str, float]],
    files: tuple[Path, Path],
    simulated: Callable[[Bars, list[dict[str, float]]], Simulation],
) -> None:
    theirs = run(external, name, *files)
    ours = simulated(market, entries)
    exits = ours.fills_frame().query("order != 'entry'")
    assert [bar for bar, _ in theirs] == ours.fills.bar[exits.index].tolist()
    np.testing.assert_allclose([price for _, price in theirs], exits["price"], rtol=1e-9)


def test_freqtrade_keeps_a_book_of_trades(external: External, tmp_path: Path) -> None:
    found = run(external, "freqtrade", tmp_path / "tradesv3.sqlite")
    assert found == {"version": "2026.9", "pair": "BTC/USDT", "amount": 10.0, "orders": 1}
    with closing(sqlite3.connect(tmp_path / "tradesv3.sqlite")) as book:
        assert book.execute("SELECT pair, amount, open_rate FROM trades").fetchall() == [("BTC/USDT", 10.0, 100.0)]


def test_nautilus_makes_its_engine(external: External) -> None:
    assert run(external, "nautilus")["version"] == "1.231.0"
