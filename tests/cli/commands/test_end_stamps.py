"""Minutes stamped at their end without a hint: prices of trades show it, and the commands ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import Result

Run = Callable[..., Result]


def write(folder: Path, *, at_end: bool, n: int = 8) -> None:
    """Write rising minutes and entries inside every tenth of them, at the middle of the minute and of its range."""
    start = pd.date_range("2024-01-02 14:30", periods=200, freq="1min", tz="UTC")
    open_ = 100 + np.arange(200) * 0.5
    bars = pd.DataFrame({"open": open_, "high": open_ + 0.5, "low": open_, "close": open_ + 0.5, "volume": 10})
    bars.insert(0, "timestamp", start + pd.Timedelta("1min" if at_end else "0min"))
    bars.to_csv(folder / "ACME.csv", index=False)
    rows = np.arange(20, 20 + 10 * n, 10)
    trades = pd.DataFrame({"trade_id": [f"T{k}" for k in range(n)], "symbol": "ACME", "side": "long"})
    trades["entry_time"] = start[rows] + pd.Timedelta("30s")
    trades["entry_price"] = open_[rows] + 0.25
    trades["quantity"], trades["stop_price"] = 1, open_[rows] - 5
    trades.to_csv(folder / "trades.csv", index=False)


def test_bars_stamped_at_their_end_are_asked_about(run: Run, tmp_path: Path) -> None:
    check = ("trades", "check", "trades.csv", "--bars", "ACME.csv")
    write(tmp_path, at_end=True)
    asked = run(*check)
    assert asked.exit_code == 1
    assert "8 entries and exits fit only the bar after their own and 0 only their own" in asked.stdout
    assert "--stamps end" in asked.stderr
    assert run(*check, "--stamps", "end").exit_code == 0
    assert "most likely stamped at their end" not in run(*check, "--stamps", "start").stderr


def test_bars_stamped_at_their_start_and_few_prices_are_not(run: Run, tmp_path: Path) -> None:
    check = ("trades", "check", "trades.csv", "--bars", "ACME.csv")
    write(tmp_path, at_end=False)
    assert run(*check).exit_code == 0
    write(tmp_path, at_end=True, n=4)
    assert "most likely stamped at their end" not in run(*check).stderr
