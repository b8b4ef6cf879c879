"""Every import on the page "Your data" is run, on files written after each source's field list."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.importers.files import files_of_the_page, freqtrade_base

from exitladder.cli import main
from exitladder.importers.catalogue import NAMES
from exitladder.trades.files import read_trades

PAGE = (Path(__file__).parents[2] / "docs" / "your_data.md").read_text()
COMMANDS = [c for c in re.findall(r"exitladder trades import [^`\n]+", PAGE) if "EXPORT" not in c]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files_of_the_page().items():
        (tmp_path / name).write_text(text)
    freqtrade_base(tmp_path / "tradesv3.sqlite")
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    fills = tmp_path / "fills.csv"
    assert len(read_trades(tmp_path / "trades.csv", fills=fills if fills.exists() else None)) >= 1


def test_the_page_names_every_program() -> None:
    titles = {"ibkr": "Interactive Brokers", "mt4": "MetaTrader 4", "mt5": "MetaTrader 5", "fills": "list of fills",
              "round-trips": "list of round trips"}  # fmt: skip
    missing = [name for name in NAMES if titles.get(name, name).lower() not in PAGE.lower()]
    assert missing == []
