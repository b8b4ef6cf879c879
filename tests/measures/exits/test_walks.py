"""The compiled walks over the bars of each trade, to the last bit against the same walks in numpy, trade by trade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exitladder.arrays import FloatArray
from exitladder.bars.bars import BarSet
from exitladder.execution import Simulation
from exitladder.execution.kernel import state as s
from exitladder.measures.exits.best_exit import best_exits
from exitladder.measures.exits.closed import NEAR, ClosedTrades, closed_trades
from exitladder.measures.exits.excursions import excursion_bars, position_excursions
from exitladder.measures.exits.sessions import sessions_of

HOUR = 3_600 * 10**9
LADDER = {
    "rungs": [{"fraction": f, "target": target} for f, target in ((0.25, "0.5R"), (0.3, "1R"), (0.1, "2R"))],
    "stop": {"breakeven_after": 1, "trail": "2ATR", "trail_after": 1, "time": 60},
    "costs": {"slippage_bps": 3},
}


class Slow:
    """One closed trade, its bars in R."""

    def __init__(self, closed: ClosedTrades, i: int) -> None:
        self.state, self.bars = closed.simulation.states[closed.rows[i]], closed.simulation.placed.bars
        self.first, self.own = int(closed.first[i]), slice(int(closed.start[i]), int(closed.start[i + 1]))
        self.bar, self.r, self.share = (column[self.own] for column in (closed.bar, closed.r, closed.share))

    def in_r(self, price: FloatArray) -> FloatArray:
        return np.asarray((self.state[s.SIDE] * price - self.state[s.ENTRY]) / self.state[s.RISK])

    def prices(self, first: int, stop: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Open, best and worst."""
        part = slice(first, max(first, stop))
        high, low = self.in_r(self.bars.high[part]), self.in_r(self.bars.low[part])
        return self.in_r(self.bars.open[part]), *((high, low) if self.state[s.SIDE] > 0 else (low, high))

    def excursion_bars(self, mfe: float, mae: float, entry_bar: int) -> tuple[int, int]:
        last = int(self.bar[-1])
        _, high, low = self.prices(self.first, last)
        out = []
        for extreme, reached, sold in (
            (mfe, high >= mfe - NEAR, self.r >= mfe - NEAR),
            (mae, low <= mae + NEAR, self.r <= mae + NEAR),
        ):
            found = [self.first + int(reached.argmax())] if reached.any() else []
            found += [int(self.bar[sold.argmax()])] if sold.any() else []
            out.append(entry_bar if abs(extreme) <= NEAR else min(found, default=last))
        return out[0], out[1]

    def position(self) -> tuple[float, float]:
        best = worst = made = 0.0
        left, bar, before = 1.0, self.first, (0.0, 1.0)
        for k, (at, r) in enumerate(zip(self.bar.tolist(), self.r.tolist(), strict=True)):
            opened, high, low = self.prices(bar, at + 1)
            values: list[FloatArray] = [np.array([made + left * r])]
            if at >= bar:
                values += [made + left * high[:-1], made + left * low[:-1], made + left * opened[-1:]]
                before = (made, left)
            made, left = made + float(self.share[k]) * r, left - float(self.share[k])
            if k + 1 < len(self.bar) and self.bar[k + 1] > at >= self.first:
                _, high, low = self.prices(at, at + 1)
                values += [made + left * high, made + left * low, before[0] + before[1] * low]
            seen = np.concatenate(values)
            best, worst = max(best, float(seen.max())), min(worst, float(seen.min()))
            bar = max(bar, at + 1)
        return best, worst

    def best_exit(self, own: float, mae: float, until: int) -> float:
        share, r = float(self.share[-1]), float(self.r[-1])
        made = own - share * r
        begin = self.first if len(self.bar) == 1 else max(self.first, int(self.bar[-2]) + 1)
        opened, high, low = self.prices(begin, until + 1)
        least = -max(1.0, -mae) - NEAR
        too_low = made + share * low < least
        stop = int(too_low.argmax()) if too_low.any() else len(too_low)
        best = float(high[:stop].max(initial=-np.inf))
        if stop < len(too_low) and made + share * opened[stop] >= least:
            best = max(best, float(opened[stop]))
        return made + share * max(r, best)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_walk_equals_the_slow_one(seed: int, run: Callable[..., Simulation], bars_from: Any) -> None:
    rng = np.random.default_rng(seed)
    n = 700
    close = 100 + np.cumsum(np.round(rng.normal(0, 1, n), 1))
    opened = np.concatenate([[100.0], close[:-1]]) + np.where(rng.random(n) < 0.2, np.round(rng.normal(0, 1, n), 1), 0)
    reach = np.round(np.abs(rng.normal(0, 0.7, (2, n))), 1)
    rows = np.column_stack([opened, np.maximum(opened, close) + reach[0], np.minimum(opened, close) - reach[1], close])
    trades = []
    for bar in rng.integers(20, n - 1, 150):
        side, inside = int(rng.choice([1, -1])), bool(rng.random() < 0.5)
        entry = float(close[bar] if inside else opened[bar])
        stop = entry - side * float(rng.choice([0.5, 2.0, 5.0]))
        at = "intrabar" if inside else "open"
        trades.append({"bar": bar, "side": side, "entry": entry, "stop": stop, "quantity": 100.0, "at": at})
    simulation = run(BarSet([bars_from(rows.tolist())]), LADDER, trades)
    closed, sessions = closed_trades(simulation), sessions_of(simulation.placed.bars)
    assert len(closed) > 100
    assert (closed.n_exits > 2).any()
    position, bars = position_excursions(closed), excursion_bars(closed)
    best = best_exits(closed, position["position_mae_r"], sessions)["hindsight_best_exit_r"]
    mfe, mae = simulation.mfe_r[closed.rows], simulation.mae_r[closed.rows]
    entry_bar, until = simulation.placed.entry_bar[closed.rows], sessions.closing_bar(closed.bar[closed.last_exit])
    for i in range(len(closed)):
        slow = Slow(closed, i)
        found = slow.position()
        assert (position["position_mfe_r"][i], position["position_mae_r"][i]) == found
        assert (bars[0][i], bars[1][i]) == slow.excursion_bars(mfe[i], mae[i], int(entry_bar[i]))
        last = int(until[i]) if until[i] >= 0 else int(closed.end[i]) - 1
        assert best[i] == slow.best_exit(float(closed.exit_r[i]), found[1], last)
