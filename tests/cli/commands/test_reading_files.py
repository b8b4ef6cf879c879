"""Commands leave out bars that are not finished and match the spelling of symbols, and say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from exitladder.cli import inputs

Run = Callable[..., Result]
DAYS = "Date,Open,High,Low,Close,Volume\n" + "".join(f"2024-01-0{day},10,12,9,11,5\n" for day in (2, 3, 4, 5))


@pytest.mark.parametrize(("now", "n_bars"), [("2024-01-05 20:00", 3), ("2024-01-06 00:00", 4)])
def test_a_bar_that_may_still_be_forming_is_left_out(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str, n_bars: int
) -> None:
    monkeypatch.setattr(inputs, "now_ns", lambda: pd.Timestamp(now).as_unit("ns").value)
    (tmp_path / "ACME.csv").write_text(DAYS)
    result = run("bars", "adjust", "ACME.csv", "--out", "out.csv")
    assert result.exit_code == 0
    assert len(pd.read_csv(tmp_path / "out.csv")) == n_bars
    assert ("may not be finished" in result.stderr) == (n_bars == 3)


def test_symbols_of_trades_meet_those_of_bars(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ADA_BTC.csv").write_text(DAYS)
    trades = "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price\nT1,ADA/BTC,long,2024-01-03,10,5,9\n"
    (tmp_path / "trades.csv").write_text(trades)
    result = run("trades", "check", "--trades", "trades.csv", "--bars", "ADA_BTC.csv", "--tz", "Asia/Kolkata")
    assert result.exit_code == 0, result.stderr
    assert "ADA/BTC = ADA_BTC" in result.stderr


def test_a_column_named_like_a_feature_is_reported(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ACME.csv").write_text(DAYS.replace("Volume", "rsi_14"))
    result = run("bars", "adjust", "ACME.csv", "--out", "out.csv")
    assert "columns named like built-in features: rsi_14" in result.stderr
