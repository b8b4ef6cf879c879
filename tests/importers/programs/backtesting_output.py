"""Run by backtesting.py's own Python: a strategy that adds and leaves in parts, and its trades."""

import json
import sys
from pathlib import Path

from backtesting import Backtest, Strategy
from backtesting.lib import crossover
from backtesting.test import GOOG, SMA


class InParts(Strategy):
    def init(self):
        self.fast, self.slow = self.I(SMA, self.data.Close, 10), self.I(SMA, self.data.Close, 20)

    def next(self):
        if self.position and len(self.data) % 7 == 0:
            self.position.close(0.4)
        if crossover(self.fast, self.slow) and not self.position:
            self.buy(size=20, sl=self.data.Close[-1] * 0.8)
        elif crossover(self.slow, self.fast) and not self.position:
            self.sell(size=20, sl=self.data.Close[-1] * 1.2)
        elif len(self.data) % 40 == 0:
            self.position.close()


folder = Path(sys.argv[1])
stats = Backtest(GOOG, InParts, cash=1_000_000, commission=0.002, finalize_trades=True).run()
trades = stats["_trades"]
trades.to_csv(folder / "trades.csv", index=False)
groups = trades.groupby(["EntryBar", "EntryPrice", trades["Size"] > 0])
(folder / "expected.json").write_text(
    json.dumps({"n_slices": len(trades), "n_entries": len(groups), "pnl": float(trades["PnL"].sum())})
)
