"""What commands print on terminals of 80, 100 and 160 columns: every line fits, and no word or number is broken."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click.testing
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.writing import write_bars
from exitladder.cli import main
from exitladder.pipelines.tracking.promotions import add_promotion
from exitladder.pipelines.tracking.record import Record
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.plans.file import ladder_from_mapping, ladder_to_toml
from exitladder.sample import load_sample_bars

pytestmark = pytest.mark.slow

WIDTHS = (80, 100, 160)
COMMANDS = {
    "bars check": ["bars", "check", "bars"],
    "bars check, intraday": ["bars", "check", "hours"],
    "bars check, faults": ["bars", "check", "faults.csv"],
    "bars resample": ["bars", "resample", "bars", "--to", "1w", "--out", "weeks"],
    "trades check": ["trades", "check", "trades.csv", "--bars", "bars"],
    "trades make": ["trades", "make", "--bars", "bars", "--rule", "donchian", "--out", "made.csv"],
    "trades exits": ["trades", "exits", "--trades", "closed.csv", "--bars", "bars"],
    "features": ["features", "--bars", "bars", "--set", "atr_pct_14"],
    "catalogue": ["features", "--describe"],
    "doctor": ["doctor"],
    "track": ["track", "--set", "tracking.folder=runs"],
    "promote": ["promote", "--history", "--set", "tracking.folder=runs"],
    "init": ["init", "project"],
    "plan": ["plan", "plan.toml", "--entry", "1310.55", "--atr", "21.37", "--equity", "123456"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("widths")
    bars = load_sample_bars()[0]
    until = pd.Timestamp("2002-01-01", tz="UTC").value
    write_bars(BarSet([bars["IBM"], bars["MSFT"]]).until(until), path / "bars")
    made = ["trades", "make", "--bars", str(path / "bars"), "--rule", "donchian", "--out", str(path / "trades.csv")]
    assert CliRunner().invoke(main, made).exit_code == 0
    trades = pd.read_csv(path / "trades.csv")[:20]
    closes = {symbol: pd.Series(bars[symbol].close, bars[symbol].time) for symbol in ("IBM", "MSFT")}
    entry = pd.to_datetime(trades["entry_time"], utc=True)
    exits = [
        closes[symbol].index[int(closes[symbol].index.searchsorted(time.value)) + 5]
        for symbol, time in zip(trades["symbol"], entry, strict=True)
    ]
    trades["exit_time"] = [pd.Timestamp(int(time), tz="UTC").isoformat() for time in exits]
    trades["exit_price"] = [closes[s].loc[time] for s, time in zip(trades["symbol"], exits, strict=True)]
    trades.to_csv(path / "closed.csv", index=False)
    plan = {"size": {"rule": "fraction", "fraction": 0.01}, "book": {"equity": 1e5}, "stop": {"initial": "2ATR"}}
    _others(path)
    adds = [{"quantity": 1.0, "at": "0.5ATR", "spacing": "previous"}] * 3
    (path / "plan.toml").write_text(ladder_to_toml(ladder_from_mapping({**plan, "adds": adds})))
    return path


def _others(path: Path) -> None:
    """Write bars of hours with long symbols, bars with faults, and two runs, one of which was promoted."""
    rng = np.random.default_rng(0)
    time = np.arange(600) * 3_600_000_000_000 + pd.Timestamp("2024-01-02", tz="UTC").value
    close = 2e-5 * np.exp(np.cumsum(rng.normal(0, 0.01, 600)))
    names = ("1000SATS-USDT-PERP", "ETH-USDT-PERP")
    market = [Bars(name, time[1] - time[0], time, close, close * 1.01, close * 0.99, close, None) for name in names]
    write_bars(BarSet(market), path / "hours")
    rows = [f"2024-01-{day:02d},100,{101 + 400 * (day == 9)},99,{100 - 50 * (day > 15)},10" for day in range(1, 31)]
    (path / "faults.csv").write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")
    tracker = Tracker(path / "runs", "desk", enabled=False)
    for name in ("nse donchian · tune · no difference", "us equities, breakouts of 55 days · backtest · better"):
        record = Record(tracker.store.home, "backtest", name, "desk")
        record.close("FINISHED")
    row = {"alias": "champion", "slot": "exit", "action": "promote", "run_id": record.run_id, "model": "", "who": "ada"}
    add_promotion(tracker.store.home, row | {"because": "it was better on all days", "evidence": {}})


@pytest.fixture
def printed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str], int], str]:
    """A function that returns what a command prints on a terminal of a width."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda self: True)

    def run(args: list[str], width: int) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        extra = ["--force"] if args[0] == "init" else []
        found = CliRunner().invoke(main, [*args, *extra])
        assert found.exit_code == 0 or "faults.csv" in args, found.stderr
        return found.stdout

    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_every_line_fits_and_the_text_is_the_same_at_every_width(
    name: str, printed: Callable[[list[str], int], str]
) -> None:
    texts = {width: printed(COMMANDS[name], width) for width in WIDTHS}
    for text in texts.values():
        # names of JSON are words here; those of files and settings, such as exit_time, are what a user types
        assert not re.search(r"\b(n|is|has)_[a-z]|possible_split|run_id|bad_tick|(?<!=)\b(True|False)\b", text)
    for width, text in texts.items():
        assert text.strip()
        assert max(map(len, text.splitlines())) <= width
    # a table that is too wide becomes a paragraph per row: the same words, none of them broken
    words = {width: set(re.findall(r"[\w.%+-]{4,}", text)) for width, text in texts.items()}
    assert words[80] <= words[160] | {part for word in words[160] for part in re.split(r"[_-]", word)} | _folded(words)


def _folded(words: dict[int, set[str]]) -> set[str]:
    """Return words that only a narrow terminal has because a header broke at an underscore."""
    return {word for word in words[80] if any(word.strip("_") in whole for whole in words[160])}


def test_a_wide_table_becomes_a_paragraph_per_row(printed: Callable[[list[str], int], str]) -> None:
    text = printed(["features", "--describe"], 80)
    assert re.search(r"(?m)^rsi_14\n  family \w+; ", text)
    assert text.count("\nrsi_14\n") == 1
