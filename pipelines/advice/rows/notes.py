"""Notes on one open trade that concern its orders."""

from __future__ import annotations

import numpy as np

from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.pipelines.advice.rows.followed import Followed

# this many bars in a row without trading are a halt, or an illiquid symbol
_HALTED = 3


def remarks(followed: Followed) -> list[str]:
    """Return what a trader should know before sending the orders of a trade."""
    texts = []
    wanted = [order.price for order in followed.standing if order.price is not None]
    moved = any(abs(followed.shown(price) - price) > 1e-9 * abs(price) for price in wanted)
    if followed.venue.is_tick_found and moved:
        texts.append(
            f"No tick is set: prices of {followed.placed.trades.symbol[followed.i]} are rounded against you to "
            f"{followed.venue.tick:g}, the last decimal of its prices. Set tick under [costs] or [symbols]."
        )
    removed = np.flatnonzero(followed.done.rungs[followed.k, s.STATUS] == o.WITHOUT_SIZE) + 1
    if followed.state is not None and len(removed):
        named = ", ".join(map(str, removed))
        texts.append(f"Rounding to the lot removed rung {named}: nothing is sold there.")
    silent = _bars_without_trading(followed)
    if silent >= _HALTED:
        texts.append(
            f"{followed.placed.trades.symbol[followed.i]} has not traded in its last {silent} bars (volume 0): it may "
            "be halted. Orders fill once it trades again."
        )
    if followed.missed:
        named = " and ".join(map(str, followed.missed))
        many, it, verbs = (
            ("s", "They", ("sell", "move")) if len(followed.missed) > 1 else ("", "It", ("sells", "moves"))
        )
        texts.append(
            f"Passed before the ladder began: rung{many} {named}. {it} {verbs[0]} nothing and {verbs[1]} no stop."
        )
    passed = [k for k in followed.missed_adds if followed.happened is None or k not in followed.happened.done]
    if passed:
        named, them = " and ".join(map(str, passed)), "They are" if len(passed) > 1 else "It is"
        texts.append(
            f"Passed before the plan began: add{'s' if len(passed) > 1 else ''} {named}. {them} not bought late."
        )
    texts += _never_armed(followed, [int(k) for k in removed])
    if followed.trail_waits:
        texts.append("The trailing stop would have begun beyond the market; it waits until the price is at the entry.")
    return texts


def _never_armed(followed: Followed, removed: list[int]) -> list[str]:
    """Return why break-even or the trail can no longer begin: the rung that begins it never fills."""
    if followed.state is None:
        return []
    stop, texts = followed.ladder.stop, []
    waiting: dict[int, list[str]] = {}
    for rung, what in ((stop.breakeven_after, "Break-even"), (stop.trail_after, "the trailing stop")):
        if rung is not None and rung in (*followed.missed, *removed):
            waiting.setdefault(rung, []).append(what)
    for rung, names in waiting.items():
        what = " and ".join(names)
        what, waits = what[0].upper() + what[1:], "it waits" if len(names) == 1 else "they wait"
        why = (
            "whose price was passed before the ladder began"
            if rung in followed.missed
            else "which is smaller than an order can be"
        )
        texts.append(
            f"{what} cannot begin any more: {waits} for rung {rung}, {why}. To have the stop tighter, move it at your "
            "broker and write its price into working_stop; it is never loosened."
        )
    return texts


def _bars_without_trading(followed: Followed) -> int:
    """Return how many of the last bars had no trading: volume 0 and one price, in a series that has volume (S4a)."""
    bars, symbol = followed.placed.bars, int(followed.placed.symbol_index[followed.i])
    end = int(followed.placed.end_bar[followed.i])
    if bars.volume[end - 1] != 0:  # as most often
        return 0
    part = slice(int(bars.start[symbol]), end)
    volume = bars.volume[part]
    if not (volume > 0).any():
        return 0
    traded = (volume != 0) | (bars.high[part] > bars.low[part])
    return int(np.argmax(traded[::-1]))
