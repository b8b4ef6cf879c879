"""What the user holds of a trade, and the stop that is in the market."""

from __future__ import annotations

import numpy as np

from exitladder.pipelines.advice.adds.happened import entries_of, sold_before
from exitladder.pipelines.advice.rows.followed import Followed


def quantity_held(followed: Followed, assume: str) -> tuple[float, list[str]]:
    """Return the quantity that the user holds, NaN if it is not known, and the assumption in words."""
    trades, i = followed.placed.trades, followed.i
    own, entered = float(trades.quantity_open[i]), float(trades.quantity[i])
    if np.isfinite(own):
        return own, []
    if assume == "untouched":
        return entered, ["quantity_open is blank: assumed all that was entered (--assume untouched)."]
    if assume == "followed":
        left = followed.ladder_left if followed.status != "skipped" or followed.state is not None else entered
        if followed.managed_from == "":
            return left, []
        return left, ["quantity_open is blank: assumed what the ladder left (--assume followed)."]
    return np.nan, []


def quantity_managed(followed: Followed, held: float) -> float:
    """Return the quantity held when the ladder began to manage a trade; NaN if it is not known."""
    trades, i = followed.placed.trades, followed.i
    before = (followed.previous or {}).get("quantity_managed", np.nan)
    if before is not None and np.isfinite(before):
        return float(before)
    entries = entries_of(trades, i) if followed.happened is not None else None
    if entries is not None:
        bars = followed.placed.bars
        begins = int(bars.time[followed.first_bar]) if followed.first_bar < bars.n_bars else np.iinfo(np.int64).max
        return float(entries.quantity.sum()) - sold_before(trades, i, begins)
    if followed.managed_from and followed.first_bar >= int(followed.placed.end_bar[i]):
        return held
    if trades.fills is not None and trades.fills.start[i + 1] > trades.fills.start[i]:
        own = trades.own_exits()
        part = slice(int(own.start[i]), int(own.start[i + 1]))
        bars = followed.placed.bars
        begins = int(bars.time[followed.first_bar]) if followed.first_bar < bars.n_bars else np.iinfo(np.int64).max
        sold = own.quantity[part][own.time[part] < begins]
        return float(trades.quantity[i]) - float(sold[np.isfinite(sold)].sum())
    return float(trades.quantity[i]) if not followed.managed_from else np.nan


def stop_before(followed: Followed, assume: str) -> float:
    """Return the stop that is in the market now, NaN if none is known."""
    kept, own = (followed.previous or {}).get("stop_price"), float(followed.placed.trades.stop_price[followed.i])
    if followed.stated is not None:
        stops = [followed.side * order.price for order in followed.stated if order.type == "stop" and order.price]
        stop = followed.side * min(stops) if stops else 0.0
    elif np.isfinite(followed.working_stop):
        stop = followed.working_stop
    else:
        stop = own if kept is None else float(kept)
    if stop == 0:
        return float("nan")
    if np.isnan(stop) and assume == "followed" and not followed.managed_from:
        stop = followed.initial_stop
    # a stop that the price has passed is not in the market any more
    return stop if followed.side * (followed.price - stop) > 0 else np.nan


def is_live(followed: Followed, stop: float) -> bool:
    """Whether no price since the entry has passed a stop, so that it must still be in the market."""
    placed, i = followed.placed, followed.i
    part = slice(int(placed.first_bar[i]), int(placed.end_bar[i]))
    worst = placed.bars.low[part].min() if followed.side > 0 else placed.bars.high[part].max()
    return bool(followed.side * (float(worst) - stop) > 0)
