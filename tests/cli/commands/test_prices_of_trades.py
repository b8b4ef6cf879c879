"""Bars with an adjusted close beside trades: the entry prices decide which prices are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

Run = Callable[..., Result]

DIV = (
    "Date,Open,High,Low,Close,Adj Close,Volume\n"
    "2024-01-02,100,101,99,100,97,10\n2024-01-03,100,101,99,100,97,10\n2024-01-04,100,104,96.5,100,97,10\n"
    "2024-01-05,100,101,99.5,100,97,10\n2024-01-08,97.2,98,96,97.5,97.5,10\n2024-01-09,97.5,98.5,97,98,98,10\n"
)
TRADE = "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price\nT1,DIV,long,2024-01-04,100,10,94\n"
LADDER = '[[rungs]]\nfraction = 0.5\ntarget = "1R"\n\n[stop]\ninitial = "2%"\n'


@pytest.fixture
def net_r(run: Run, tmp_path: Path) -> Callable[..., tuple[float, str]]:
    """The R of the one trade in a file, and what the backtest said."""
    (tmp_path / "DIV.csv").write_text(DIV)
    (tmp_path / "raw.csv").write_text(TRADE)
    (tmp_path / "ladder.toml").write_text(LADDER)

    def backtest(trades: str, *options: str) -> tuple[float, str]:
        files = ("--bars", "DIV.csv", "--trades", trades, "--ladder", "ladder.toml", "--out", "out")
        done = run("backtest", *files, *options, "--set", "tracking.enabled=false")
        assert done.exit_code == 0, done.stderr
        return float(pd.read_csv(tmp_path / "out" / "trades.csv")["r"].iloc[0]), done.stderr

    return backtest


def test_trades_as_traded_choose_bars_as_traded(run: Run, net_r: Callable[..., tuple[float, str]]) -> None:
    """Known answers: as traded, the price fell by 2 and the dividend of 3 is credited; R is 6."""
    r, said = net_r("raw.csv")
    assert r == pytest.approx(1 / 6)
    assert "1 of 1 entry prices fit only bars as traded" in said and "data.adjust=adj_close" in said
    assert "were adjusted by adj_close" not in said
    checked = run("trades", "check", "raw.csv", "--bars", "DIV.csv")
    assert checked.exit_code == 0 and "read as traded instead of adjusted" in checked.stderr
    assert net_r("raw.csv", "--set", "data.adjust=none")[0] == r
    assert net_r("raw.csv", "--set", "data.adjust=adj_close")[0] == pytest.approx(-1 / 3)


def test_adjusted_trades_choose_adjusted_bars(run: Run, net_r: Callable[..., tuple[float, str]]) -> None:
    assert run("trades", "adjust", "--trades", "raw.csv", "--bars", "DIV.csv", "--out", "adjusted.csv").exit_code == 0
    r, said = net_r("adjusted.csv")
    assert r == pytest.approx(0.1718, abs=1e-4)
    assert "as traded" not in said
