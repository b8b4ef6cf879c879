"""Run by vectorbt's own Python: a portfolio with entries and exits in parts, and its records."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt

folder = Path(sys.argv[1])
rng = np.random.default_rng(7)
index = pd.date_range("2024-01-01", periods=120, freq="D")
close = pd.DataFrame(
    {"AAA": 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 120))), "BBB": 50 * np.exp(np.cumsum(rng.normal(0, 0.02, 120)))},
    index=index,
)
size = pd.DataFrame(0.0, index=index, columns=close.columns)
for start in (3, 30, 60, 90):
    size.iloc[start] = 10
    size.iloc[start + 5] = -4
    size.iloc[start + 9] = -6
size.iloc[115] = 10
portfolio = vbt.Portfolio.from_orders(close, size.replace(0.0, np.nan), fees=0.001, init_cash=100_000, freq="D")
portfolio.exit_trades.records_readable.to_csv(folder / "exit_trades.csv", index=False)
portfolio.positions.records_readable.to_csv(folder / "positions.csv", index=False)
portfolio.orders.records_readable.to_csv(folder / "orders.csv", index=False)
exits = portfolio.exit_trades.records_readable
closed = exits[exits["Status"] == "Closed"]
(folder / "expected.json").write_text(
    json.dumps({"closed_pnl": float(closed["PnL"].sum()), "n_positions": len(portfolio.positions.records_readable)})
)
