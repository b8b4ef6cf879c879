"""The sample that the engines of other programs are compared on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades


@dataclass(frozen=True)
class Sample:
    """Trades with their windows of bars, signed so that up is in the trade's favour; shape (n_bars, n_trades)."""

    placed: PlacedTrades
    ladders: list[Ladder]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    atr: FloatArray
    risk: FloatArray

    @property
    def n_pairs(self) -> int:
        """How many (trade, ladder) there are."""
        return len(self.placed) * len(self.ladders)

    @property
    def side(self) -> FloatArray:
        """+1 long, -1 short, shape (n_trades,)."""
        return self.placed.trades.side.astype(np.float64)

    def take(self, n_trades: int, n_ladders: int) -> Sample:
        """The first trades and ladders."""
        columns = [getattr(self, name)[:, :n_trades] for name in ("open", "high", "low", "close", "atr")]
        return Sample(self.placed.take(np.arange(n_trades)), self.ladders[:n_ladders], *columns, self.risk[:n_trades])

    def with_costs(self, costs: Costs) -> Sample:
        """The same at other costs."""
        return replace(self, ladders=[replace(ladder, costs=costs) for ladder in self.ladders])

    def numbers(self) -> FloatArray:
        """Targets in R and the trail in ATR of each ladder, shape (n_ladders, 3); 0 where there is none."""
        out = np.zeros((len(self.ladders), 3))
        for row, ladder in zip(out, self.ladders, strict=True):
            for j, rung in enumerate(ladder.rungs):
                row[j] = rung.target.value if rung.target else 0.0
            row[2] = ladder.stop.trail.value if ladder.stop.trail else 0.0
        return out
