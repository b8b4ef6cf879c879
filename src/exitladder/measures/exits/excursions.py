"""How far price went for and against a trade while it was held: of its price, and of its position."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.measures.exits.closed import NEAR, ClosedTrades, Columns


def price_excursions(closed: ClosedTrades) -> Columns:
    """Return ``mfe_r``, ``mae_r`` and ``hindsight_give_back_r``: MFE minus the exit, known only afterwards."""
    mfe, mae = closed.simulation.mfe_r[closed.rows], closed.simulation.mae_r[closed.rows]
    return {"mfe_r": mfe, "mae_r": mae, "hindsight_give_back_r": mfe - closed.exit_r}


def excursion_bars(closed: ClosedTrades) -> tuple[IntArray, IntArray]:
    """Return the first bars at which MFE and MAE were reached, both shape (n,); the entry bar where price never moved.

    Of the bar of the last fill only the open and the fills count, as for MFE and MAE (rule X4).
    """
    n = len(closed)
    best, worst = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    mfe, mae = closed.simulation.mfe_r[closed.rows], closed.simulation.mae_r[closed.rows]
    entry_bar = closed.simulation.placed.entry_bar[closed.rows]
    for i in range(n):
        first, last = int(closed.first[i]), int(closed.bar[closed.last_exit[i]])
        prices = closed.prices(i, first, last)
        own = slice(int(closed.start[i]), int(closed.start[i + 1]))
        for out, extreme, reached, sold in (
            (best, mfe[i], prices.high >= mfe[i] - NEAR, closed.r[own] >= mfe[i] - NEAR),
            (worst, mae[i], prices.low <= mae[i] + NEAR, closed.r[own] <= mae[i] + NEAR),
        ):
            if abs(extreme) <= NEAR:
                out[i] = entry_bar[i]
                continue
            found = [first + int(reached.argmax())] if reached.any() else []
            found += [int(closed.bar[own][sold.argmax()])] if sold.any() else []
            out[i] = min(found, default=last)
    return best, worst


def position_excursions(closed: ClosedTrades) -> Columns:
    """Return ``position_mfe_r`` and ``position_mae_r``: best and worst profit of the position, exits made included.

    In R of the entered quantity, before commission. Earlier partial exits count at the prices they got, and only the
    quantity still held moves with price. Within a bar of a partial exit the order of prices is unknown: the gain
    counts the quantity after it, the loss the worse of before and after.
    """
    best, worst = np.zeros(len(closed)), np.zeros(len(closed))
    for i in range(len(closed)):
        best[i], worst[i] = _of_position(closed, i)
    return {"position_mfe_r": best, "position_mae_r": worst}


def _of_position(closed: ClosedTrades, i: int) -> tuple[float, float]:
    best = worst = made = 0.0
    left, bar = 1.0, int(closed.first[i])
    before = (0.0, 1.0)
    start, end = int(closed.start[i]), int(closed.start[i + 1])
    for k in range(start, end):
        at, r = int(closed.bar[k]), float(closed.r[k])
        prices = closed.prices(i, bar, at + 1)
        values: list[FloatArray] = [np.array([made + left * r])]
        if at >= bar:
            values += [made + left * prices.high[:-1], made + left * prices.low[:-1], made + left * prices.open[-1:]]
            before = (made, left)
        made, left = made + float(closed.share[k]) * r, left - float(closed.share[k])
        if k + 1 < end and closed.bar[k + 1] > at >= closed.first[i]:
            whole = closed.prices(i, at, at + 1)
            values += [made + left * whole.high, made + left * whole.low, before[0] + before[1] * whole.low]
        seen = np.concatenate(values)
        best, worst = max(best, float(seen.max())), min(worst, float(seen.min()))
        bar = max(bar, at + 1)
    return best, worst
