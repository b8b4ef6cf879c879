"""Runs that are compared must have the same trades; costs, quantities and risk that differ are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.errors import TradesError
from exitladder.pipelines.compare import compare
from exitladder.settings.tables import Settings

LADDER = 'name = "{name}"\n[[rungs]]\nfraction = 0.5\ntarget = "1R"\n[costs]\ncommission_bps = {bps}\n'


def saved(folder: Path, bps: float = 0.0, *, before_costs: bool = False, **columns: Any) -> str:
    """Write a backtest's folder of 30 trades, with other values in some columns; return its path."""
    folder.mkdir()
    n = 30
    r = np.random.default_rng(0).normal(0.1, 1.0, n)
    table = pd.DataFrame(
        {
            "trade_id": [f"T{k}" for k in range(n)],
            "symbol": "AAPL",
            "side": "long",
            "status": "closed",
            "quantity": 10.0,
            "entry_time": pd.date_range("2024-01-01", periods=n, tz="UTC").astype(str),
            "entry_price": 100.0,
            "risk": 2.0,
            "r": r,
        }
    )
    table.assign(**columns).to_csv(folder / "trades.csv", index=False)
    (folder / "ladder.toml").write_text(LADDER.format(name=folder.name, bps=bps))
    (folder / "summary.json").write_text(json.dumps({"data": {"before_costs": before_costs}}))
    return str(folder)


def test_runs_with_other_costs_are_refused_or_named_in_the_verdict(tmp_path: Path) -> None:
    free, dear = saved(tmp_path / "free"), saved(tmp_path / "dear", 50.0, r=np.linspace(-1, 1, 30))
    with pytest.raises(TradesError, match=r"commission_bps 0 and 50.*--allow-differences"):
        compare([free, dear], Settings())
    (pair,) = compare([free, dear], Settings(), allows_differences=True)["pairs"]
    assert "commission_bps 0 and 50" in pair["verdict_text"]
    assert len(pair["terms_differ"]) == 1
    (pair,) = compare([free, saved(tmp_path / "same")], Settings())["pairs"]
    assert pair["terms_differ"] == []
    assert "commission" not in pair["verdict_text"]


def test_results_before_costs_are_called_so(tmp_path: Path) -> None:
    runs = [saved(tmp_path / name, before_costs=True) for name in "ab"]
    (pair,) = compare(runs, Settings())["pairs"]
    assert "before costs" in pair["verdict_text"]


def test_another_risk_or_quantity_is_named(tmp_path: Path) -> None:
    a, b = saved(tmp_path / "a"), saved(tmp_path / "b", risk=4.0, quantity=[10.0] * 29 + [11.0])
    with pytest.raises(TradesError, match="not the same unit"):
        compare([a, b], Settings())
    (pair,) = compare([a, b], Settings(), allows_differences=True)["pairs"]
    assert "R is not the same unit" in pair["verdict_text"]
    assert "quantity of 1 of 30" in pair["verdict_text"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"side": ["long"] * 29 + ["short"]}, "'T29' has side long"),
        ({"symbol": "MSFT"}, "30 of 30"),
    ],
)
def test_one_id_for_two_trades_is_refused(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    a, b = saved(tmp_path / "a"), saved(tmp_path / "b", **columns)
    with pytest.raises(TradesError, match=said):
        compare([a, b], Settings())


@pytest.mark.parametrize(
    ("part", "key", "values"),
    [("bars", "interval", ("1d", "1h")), ("account", "capital", (0.0, 5000.0)), ("bars", "fingerprint", ("a1", "b2"))],
)
def test_other_bars_or_another_account_are_refused_with_the_difference(
    tmp_path: Path, part: str, key: str, values: tuple[Any, Any]
) -> None:
    runs = [saved(tmp_path / name) for name in "ab"]
    for run, value in zip(runs, values, strict=True):
        (Path(run) / "summary.json").write_text(json.dumps({"data": {}, "terms": {part: {key: value, "same": 1}}}))
    with pytest.raises(TradesError, match=f"The {part} of .* differs \\({key} {values[0]} and {values[1]}\\)"):
        compare(runs, Settings())
