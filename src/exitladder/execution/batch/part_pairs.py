"""One trade under every ladder whose position is sold in parts: the sales of a pair one after another.

Events are numbered as in `exitladder.execution.batch.kernel`. Every part has the next event at which its stop is
reached; a stop that a rung moves can only bring it forward, from the bar after that rung's fill. So the next sale is
that of the smallest number: an exit of all before a stop, a stop before a limit order (X2, X3, stop_first). An exit at
the close of bar t (X11) has the number of the next bar's first event, before any order decided at that close.

Prices, lots and money are computed by the same functions, in the same order, as bar by bar.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.execution.batch.packed import MOST_RUNGS, Batch, Path, Prepared, TradeTerms
from exitladder.execution.batch.pairs import at_market, peak_of, slippage_of, sold_at
from exitladder.execution.batch.parts import (
    BY_ENTRY,
    L_ARMED_BY,
    L_BREAKEVEN,
    L_BREAKEVEN_AFTER,
    L_DUE,
    L_RUNGS,
    L_SPLIT,
    L_TIME,
    L_TRAIL,
    R_ARMED_BY,
    R_FOLLOW,
    R_OWN,
    R_REST,
    R_STOP,
    R_TOUCH,
    R_TRAIL,
    Parts,
)
from exitladder.execution.batch.touches import NEVER, follow_trail, stop_code
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel.compiled import counted, inlined
from exitladder.execution.kernel.packed import Ends, Entries
from exitladder.execution.kernel.rounding import commission_of, on_grid
from exitladder.execution.kernel.slice_orders import MAIN, SLICE, comes_first

SNAP = o.SNAP
DUST = o.DUST

# The part that the stop of the trade covers, among those of the slices.
REST_OF_ALL = MOST_RUNGS
# Places of Room.total.
LEFT, RESERVED, GROSS, COST, SALES, LAST_BAR, BAR_BEST, TOTALS = range(8)


class Room(NamedTuple):
    """Facts of one trade in parts, and the state of one of its pairs.

    Parameters
    ----------
    size : float64 array, shape (n_splits, max_rungs)
        Lots of each rung of each split.
    stop_at : float64 array, shape (n_stops,)
        Signed price of each stop of slices, and the event at which it is reached.
    stop_event : int64 array, shape (n_stops,)
    armed : int64 array, shape (n_froms,)
        Bar from which a trail is in force that MFE arms.
    lots : float64 array, shape (MOST_RUNGS,)
        Lots of each rung that are not sold. From here on: the state of a pair.
    touch : int64 array, shape (MOST_RUNGS,)
        Event at which each rung sells; `NEVER` too once it has gone.
    event : int64 array, shape (MOST_RUNGS + 1,)
        Event at which the stop of each part is reached, and its signed price.
    level : float64 array, shape (MOST_RUNGS + 1,)
    total : float64 array, shape (TOTALS,)
    """

    size: FloatTable
    stop_at: FloatArray
    stop_event: IntArray
    armed: IntArray
    lots: FloatArray
    touch: IntArray
    event: IntArray
    level: FloatArray
    total: FloatArray


class InParts(NamedTuple):
    """One trade, prepared, and the ladders of a batch in parts.

    Parameters
    ----------
    batch : Batch
    parts : Parts
    terms : TradeTerms
    path : Path
    prepared : Prepared
    room : Room
    """

    batch: Batch
    parts: Parts
    terms: TradeTerms
    path: Path
    prepared: Prepared
    room: Room


@counted
def empty_room(batch: Batch, parts: Parts) -> Room:
    """Return room for the parts of a batch."""
    n_stops = len(parts.stop_unit)
    return Room(
        np.empty(parts.fraction.shape), np.empty(n_stops), np.empty(n_stops, np.int64),
        np.empty(len(batch.arm_from), np.int64), np.empty(MOST_RUNGS), np.empty(MOST_RUNGS, np.int64),
        np.empty(MOST_RUNGS + 1, np.int64), np.empty(MOST_RUNGS + 1), np.empty(TOTALS),
    )  # fmt: skip


@inlined
def due_event(entries: Entries, row: int, terms: TradeTerms) -> tuple[int, bool]:
    """Return the event at which the clock ends a trade, `NEVER` without one, and whether it is at a close (X11).

    Parameters
    ----------
    entries : Entries
    row : int
        Of `Entries.due`, -1 without exits by the clock.
    terms : TradeTerms

    Returns
    -------
    tuple of int and bool
    """
    if row < 0 or entries.due[row, terms.trade, n.D_BAR] < 0:
        return NEVER, False
    h = entries.due[row, terms.trade, n.D_BAR] - terms.first
    if h < 0:
        return 1, False
    if entries.due[row, terms.trade, n.D_LATE] > 0:
        return (4 * (h + 1) + 1 if h + 1 < terms.bars_left else NEVER), False
    return (4 * (h + 1) if h < terms.bars_left else NEVER), h < terms.bars_left


@inlined
def free_lots(room: Room, lots: float) -> float:
    """Return the lots that no slice reserves; `lots` is the quantity entered."""
    free = room.total[LEFT] - room.total[RESERVED]
    return float(free) if free > DUST * lots else 0.0


@inlined
def settle(trade: InParts, m: int) -> None:
    """Count the reserved lots of ladder m; if no others are left, withdraw the rungs of those (not of the rest)."""
    parts, room, lots = trade.parts, trade.room, trade.terms.lots
    reserved = 0.0
    for j in range(parts.ladder[m, L_RUNGS]):
        if parts.rung[m, j, R_OWN] > 0:
            reserved += room.lots[j]
    room.total[RESERVED] = reserved
    if free_lots(room, lots) <= 0.0:
        for j in range(parts.ladder[m, L_RUNGS]):
            if parts.rung[m, j, R_OWN] <= 0 and parts.rung[m, j, R_REST] <= 0:
                room.touch[j] = NEVER


@inlined
def bring_forward(room: Room, part: int, event: int, level: float) -> None:
    """Let another stop, reached at an event at a signed price, act upon a part as well.

    Parameters
    ----------
    room : Room
    part, event : int
    level : float
    """
    if event < room.event[part]:
        room.event[part], room.level[part] = event, level
    elif event == room.event[part]:
        room.level[part] = max(room.level[part], level)


@inlined
def next_trail(trade: InParts, k: int, h: int) -> tuple[int, float]:
    """Return the first event from a bar on at which a trail is reached, and its signed price then.

    Parameters
    ----------
    trade : InParts
    k : int
        The trail.
    h : int
        The bar, counted from the trade's first.

    Returns
    -------
    tuple of int and float
    """
    batch, terms, path, prepared = trade.batch, trade.terms, trade.path, trade.prepared
    if h >= terms.n_bars:
        return NEVER, 0.0
    if batch.tabled_trails:
        return int(prepared.trail_next[h, k]), prepared.trail_at[h, k]
    return follow_trail(batch, k, terms, path, h, terms.n_bars - 1)


@inlined
def next_breakeven(trade: InParts, k: int, h: int) -> tuple[int, float]:
    """Return the first event from a bar on at which a breakeven stop is reached, and its signed price.

    Parameters
    ----------
    trade : InParts
    k : int
        The breakeven stop.
    h : int
        The bar, counted from the trade's first.

    Returns
    -------
    tuple of int and float
    """
    terms, path, prepared = trade.terms, trade.path, trade.prepared
    level = prepared.breakeven[k]
    if h >= terms.n_bars:
        return NEVER, level
    if trade.batch.tabled_breakevens:
        return int(prepared.breakeven_next[h, k]), level
    for bar in range(h, terms.n_bars):
        event = stop_code(bar, path.open[bar], path.low[bar], level)
        if event < NEVER:
            return event, level
    return NEVER, level


@inlined
def move_main(parts: Parts, m: int, room: Room, event: int, level: float) -> None:
    """Let breakeven or trail of the trade act upon its part and upon the slices that follow it.

    Parameters
    ----------
    parts : Parts
    m : int
        The ladder.
    room : Room
    event : int
    level : float
        Signed price.
    """
    bring_forward(room, REST_OF_ALL, event, level)
    for j in range(parts.ladder[m, L_RUNGS]):
        if parts.rung[m, j, R_OWN] > 0 and parts.rung[m, j, R_FOLLOW] > 0:
            bring_forward(room, j, event, level)


@inlined
def armed_from(by: int, room: Room, fired: int, h: int) -> int:
    """Return the bar from which a trail is in force that is armed now, -1 if it is not.

    Parameters
    ----------
    by : int
        What arms it, as in `Parts`.
    room : Room
    fired, h : int
        The rung that has filled and its bar; `BY_ENTRY` if the trade begins, where it is known when MFE arms a trail.

    Returns
    -------
    int
    """
    if fired != BY_ENTRY:
        return h + 1 if by == fired else -1
    if by == BY_ENTRY:
        return 0
    return int(room.armed[by - MOST_RUNGS]) if by >= MOST_RUNGS else -1


@inlined
def arm(trade: InParts, m: int, fired: int, h: int) -> None:
    """X5: put in force the stops that the entry or the fill of a rung arms.

    Parameters
    ----------
    trade : InParts
    m : int
        The ladder.
    fired, h : int
        As in `armed_from`.
    """
    parts, room = trade.parts, trade.room
    ladder, rung = parts.ladder[m], parts.rung[m]
    if fired != BY_ENTRY and ladder[L_BREAKEVEN_AFTER] == fired:
        event, level = next_breakeven(trade, ladder[L_BREAKEVEN], h + 1)
        move_main(parts, m, room, event, level)
    for j in range(-1, ladder[L_RUNGS]):
        # The trail of the trade first.
        k, by = (ladder[L_TRAIL], ladder[L_ARMED_BY]) if j < 0 else (rung[j, R_TRAIL], rung[j, R_ARMED_BY])
        if k < 0 or (j >= 0 and room.lots[j] <= 0.0):
            continue
        begin = armed_from(by, room, fired, h)
        if begin < 0:
            continue
        event, level = next_trail(trade, k, begin)
        if j < 0:
            move_main(parts, m, room, event, level)
        else:
            bring_forward(room, j, event, level)


@inlined
def begin_pair(trade: InParts, m: int) -> None:
    """Set the parts of ladder m as they are before the first bar, exits of all excepted."""
    parts, terms, room = trade.parts, trade.terms, trade.room
    ladder, rung, total = parts.ladder[m], parts.rung[m], room.total
    total[LEFT], total[GROSS], total[COST], total[SALES] = terms.lots, 0.0, terms.entry_cost, 0.0
    total[RESERVED], total[LAST_BAR], total[BAR_BEST] = 0.0, -1.0, -np.inf
    has_slices = False
    for j in range(ladder[L_RUNGS]):
        rests = rung[j, R_REST] > 0
        room.lots[j] = 0.0 if rests else room.size[ladder[L_SPLIT], j]
        room.touch[j] = NEVER
        if rung[j, R_TOUCH] >= 0 and (rests or room.lots[j] > 0.0):
            room.touch[j] = trade.prepared.code[rung[j, R_TOUCH]]
        if rung[j, R_OWN] > 0:
            has_slices = True
            room.event[j], room.level[j] = room.stop_event[rung[j, R_STOP]], room.stop_at[rung[j, R_STOP]]
    room.event[REST_OF_ALL], room.level[REST_OF_ALL] = terms.exit_by_stop, terms.stop
    if has_slices:
        settle(trade, m)


@inlined
def sell(trade: InParts, h: int, wanted: float, part: float, price: float, base: float) -> None:
    """Sell lots in bar h (S1, X9).

    Parameters
    ----------
    trade : InParts
    h : int
        Bar, counted from the trade's first.
    wanted, part : float
        Lots, and the lots that the order may sell at most: a rest below the smallest order goes with it.
    price, base : float
        Signed prices, with slippage and before it.
    """
    terms, number, total = trade.terms, trade.batch.number, trade.room.total
    lots = min(wanted, part)
    rest = part - lots
    if rest < terms.least * (1.0 - SNAP) or rest <= DUST * terms.lots:
        lots = part
    if lots <= 0.0 or (lots <= DUST * terms.lots and lots < part):
        return
    if total[LEFT] - lots <= DUST * terms.lots:
        lots = total[LEFT]
    quantity = on_grid(lots, number[n.N_LOT])
    total[LEFT] -= lots
    total[GROSS] += (price - terms.entry) * quantity
    total[COST] += commission_of(price, quantity, number)
    total[SALES] += 1.0
    if total[LAST_BAR] != h:
        total[LAST_BAR], total[BAR_BEST] = h, -np.inf
    total[BAR_BEST] = max(total[BAR_BEST], base)


@inlined
def next_stop(trade: InParts, m: int) -> tuple[int, int]:
    """Return the part of ladder m whose stop is reached first (-1 for none) and the event; of several the nearest."""
    rung, room, lots = trade.parts.rung, trade.room, trade.terms.lots
    which, event, level, kind = -1, NEVER, -np.inf, MAIN
    if free_lots(room, lots) > 0.0 and room.event[REST_OF_ALL] < NEVER:
        which, event, level = REST_OF_ALL, room.event[REST_OF_ALL], room.level[REST_OF_ALL]
    for j in range(trade.parts.ladder[m, L_RUNGS]):
        if rung[m, j, R_OWN] <= 0 or room.lots[j] <= 0.0 or room.event[j] > event or room.event[j] == NEVER:
            continue
        if room.event[j] < event or comes_first(room.level[j], SLICE, level, kind):
            which, event, level, kind = j, room.event[j], room.level[j], SLICE
    return which, event


@inlined
def next_touch(trade: InParts, m: int) -> tuple[int, int]:
    """Return the rung of ladder m that sells first (-1 for none) and the event; of several the nearest, then lowest."""
    room = trade.room
    which, event, level = -1, NEVER, np.inf
    for j in range(trade.parts.ladder[m, L_RUNGS]):
        if room.touch[j] < NEVER and room.touch[j] <= event:
            at = trade.prepared.level[trade.parts.rung[m, j, R_TOUCH]]
            if room.touch[j] < event or at < level:
                which, event, level = j, room.touch[j], at
    return which, event


@inlined
def exit_of_all(trade: InParts, entries: Entries, m: int) -> tuple[int, bool]:
    """Return the event at which time or the clock sells all that is left, and whether it is at a close (X7, X11).

    Parameters
    ----------
    trade : InParts
    entries : Entries
    m : int
        The ladder.

    Returns
    -------
    tuple of int and bool
    """
    terms = trade.terms
    leave, at_close = due_event(entries, trade.parts.ladder[m, L_DUE], terms)
    time = trade.parts.ladder[m, L_TIME]
    if 0 < time < terms.bars_left and 4 * time + 1 < leave:
        return 4 * time + 1, False
    return leave, at_close


@inlined
def lots_of(trade: InParts, m: int, j: int) -> float:
    """Return the lots that an order of a rung, or of the stop of a part, may sell at most (X10).

    Parameters
    ----------
    trade : InParts
    m : int
        The ladder.
    j : int
        The rung from 0, or `REST_OF_ALL`.

    Returns
    -------
    float
    """
    if j == REST_OF_ALL or trade.parts.rung[m, j, R_OWN] <= 0:
        return free_lots(trade.room, trade.terms.lots)
    return float(min(trade.room.lots[j], trade.room.total[LEFT]))


@inlined
def sell_pair(trade: InParts, m: int, closes: FloatArray, leave: int, at_close: bool) -> bool:
    """Sell the parts of a ladder in the order in which their orders are reached.

    Parameters
    ----------
    trade : InParts
    m : int
        The ladder.
    closes : float64 array, shape (n_bars,)
        Of the market.
    leave : int
        Event that sells all that is left, `NEVER` without one.
    at_close : bool
        Whether it is at the close of the bar before.

    Returns
    -------
    bool
        Whether the last sale was at a close.
    """
    terms, path, room, prepared = trade.terms, trade.path, trade.room, trade.prepared
    total, slippage = room.total, slippage_of(trade.batch.number)
    fired, h = BY_ENTRY, 0
    arms = True
    while total[LEFT] > 0.0:
        if arms:
            arm(trade, m, fired, h)
        arms = False
        part, stopped = next_stop(trade, m)
        fired, touched = next_touch(trade, m)
        event = min(leave, stopped, touched)
        if event == NEVER:
            return False
        h = event >> 2
        wanted = own = total[LEFT]
        if leave == event:
            h = h - 1 if at_close else h
            base = terms.side * closes[terms.first + h] if at_close else path.open[h]
            price = at_market(base, path.atr_before[h], slippage)
        elif stopped == event:
            base = sold_at(event, room.level[part], path)
            price = at_market(base, path.atr_before[h], slippage)
            wanted = own = lots_of(trade, m, part)
        else:
            touch = trade.parts.rung[m, fired, R_TOUCH]
            base, price = sold_at(event, prepared.level[touch], path), prepared.received[touch]
            if trade.parts.rung[m, fired, R_REST] <= 0:
                wanted, own = room.lots[fired], lots_of(trade, m, fired)
                arms = True
        sell(trade, h, wanted, own, price, base)
        if leave == event:
            return at_close
        gone = part if stopped == event else fired
        if gone != REST_OF_ALL:
            room.lots[gone] = 0.0
            room.touch[gone] = NEVER
        settle(trade, m)
    return False


@inlined
def run_parts(trade: InParts, entries: Entries, closes: FloatArray, out: FloatTable, ends: Ends) -> None:
    """Write net r of one trade under every ladder of a batch in parts, and how it ended.

    Parameters
    ----------
    trade : InParts
    entries : Entries
    closes : float64 array, shape (n_bars,)
        Of the market.
    out : float64 array, shape (n_trades, n_ladders)
    ends : Ends
    """
    terms, path, total, lot = trade.terms, trade.path, trade.room.total, trade.batch.number[n.N_LOT]
    row, whole = terms.row, terms.risk * terms.start
    for m in range(len(trade.parts.ladder)):
        begin_pair(trade, m)
        leave, at_close = exit_of_all(trade, entries, m)
        closed = sell_pair(trade, m, closes, leave, at_close)
        last = int(total[LAST_BAR])
        is_open = total[LEFT] > 0.0
        if is_open:
            total[GROSS] += (terms.last_close - terms.entry) * on_grid(total[LEFT], lot)
            last = terms.n_bars - 1
        out[row, m] = (total[GROSS] - total[COST] - 0.0) / whole
        peak = path.best[last] if is_open or closed else peak_of(terms.entry, last, total[BAR_BEST], path)
        ends.last_bar[row, m] = terms.first + last
        ends.n_fills[row, m] = 1 + int(total[SALES])
        ends.mfe_r[row, m] = (peak - terms.entry) / terms.risk
