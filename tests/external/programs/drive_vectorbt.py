"""Brackets in vectorbt: prints [exit bar, exit price] of each entry as JSON."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt

table = pd.read_csv(sys.argv[1], parse_dates=["time"], index_col="time")
entries = json.loads(Path(sys.argv[2]).read_text())
enters = np.zeros((len(table), len(entries)), dtype=bool)
stop, target = np.zeros(enters.shape), np.zeros(enters.shape)
for k, entry in enumerate(entries):
    enters[entry["bar"], k] = True
    # Fractions of the open entered at.
    price = table["Open"].iloc[entry["bar"]]
    stop[:, k], target[:, k] = 1 - entry["stop"] / price, entry["target"] / price - 1


def wide(name: str) -> pd.DataFrame:
    """Return a column of the bars once for each entry."""
    return pd.DataFrame(np.repeat(table[[name]].to_numpy(), len(entries), axis=1), index=table.index)


made = vbt.Portfolio.from_signals(
    wide("Close"),
    enters,
    np.zeros_like(enters),
    size=10,
    price=wide("Open"),
    open=wide("Open"),
    high=wide("High"),
    low=wide("Low"),
    sl_stop=stop,
    tp_stop=target,
    stop_entry_price="fillprice",
    stop_exit_price="stoplimit",
    init_cash=1e6,
)
records = made.trades.records.sort_values("col")
print(json.dumps([[int(r.exit_idx), float(r.exit_price)] for r in records.itertuples()]))
