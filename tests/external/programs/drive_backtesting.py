"""Brackets in backtesting.py: prints [exit bar, exit price] of each entry as JSON."""

import json
import sys
import warnings
from pathlib import Path

import pandas as pd
from backtesting import Backtest, Strategy


class Bracket(Strategy):
    """One long, entered at the open of the bar after `at`."""

    at, stop, target = 0, 0.0, 0.0

    def init(self) -> None:
        """Nothing to prepare."""

    def next(self) -> None:
        """Enter once."""
        if len(self.data) - 1 == self.at:
            self.buy(size=10, sl=self.stop, tp=self.target)


warnings.simplefilter("ignore")
table = pd.read_csv(sys.argv[1], parse_dates=["time"], index_col="time")
found = []
for entry in json.loads(Path(sys.argv[2]).read_text()):
    run = Backtest(table, Bracket, cash=1e6).run(at=entry["bar"] - 1, stop=entry["stop"], target=entry["target"])
    (trade,) = run["_trades"].to_dict("records")
    found.append([int(trade["ExitBar"]), float(trade["ExitPrice"])])
print(json.dumps(found))
