"""The benchmark's ladder in backtesting.py: a trade a rung, and stops moved at each close."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

from exitladder.arrays import FloatArray

if TYPE_CHECKING:
    from peers import Sample

BEFORE = 2  # it calls `next` from the second bar on, and what that orders fills at the third one's open


class Scaled(Strategy):  # type: ignore[misc]
    """Two rungs and a runner, entered at the third bar's open."""

    targets = (0.0, 0.0)
    side, risk, entry, trail, time = 1, 0.0, 0.0, 0.0, 0
    atr: Any = None

    def init(self) -> None:
        """Forget the trade before."""
        self.best, self.line = self.side * self.entry, -np.inf

    def next(self) -> None:
        """Enter, move the stops, or leave when time is up."""
        t = len(self.data) - 1 - BEFORE
        if t < 0:
            order, stop = (self.buy if self.side > 0 else self.sell), self.entry - self.side * self.risk
            for target, size in zip((*self.targets, None), (25, 25, 50), strict=True):
                order(size=size, sl=stop, tp=target)
            return
        if not self.trades:
            return
        self.best = max(self.best, self.side * (self.data.High[-1] if self.side > 0 else self.data.Low[-1]))
        self.line = max(self.line, self.best - self.trail * self.atr[t])
        if t == self.time - 1:
            for trade in self.trades:
                trade.close()
        elif len(self.trades) < 3:
            for trade in self.trades:
                signed = max(self.side * trade.sl, self.side * self.entry, self.line)
                if signed > self.side * trade.sl:
                    trade.sl = self.side * signed


def run_ladders(sample: Sample) -> FloatArray:
    """Net r of each pair, one run a pair."""
    out = np.empty((len(sample.placed), len(sample.ladders)))
    bars = sample.placed.bars
    numbers = sample.numbers()
    n = len(sample.open)
    for i, start in enumerate(sample.placed.entry_bar):
        part = slice(int(start) - BEFORE, int(start) + n)
        table = pd.DataFrame(
            {"Open": bars.open[part], "High": bars.high[part], "Low": bars.low[part], "Close": bars.close[part]},
            index=pd.to_datetime(bars.time[part]),
        )
        entry, side, risk = bars.open[start], int(sample.side[i]), sample.risk[i]
        for m, (first, second, trail) in enumerate(numbers):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = Backtest(table, Scaled, cash=1e7, commission=2e-4).run(
                    side=side, risk=risk, entry=entry, trail=trail, time=n - 1, atr=sample.atr[:, i],
                    targets=(entry + side * first * risk, entry + side * second * risk),
                )  # fmt: skip
            out[i, m] = found["_trades"]["PnL"].sum() / (risk * 100.0)
    return out
