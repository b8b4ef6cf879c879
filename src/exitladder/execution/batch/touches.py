"""When resting orders are first reached, as the event numbers of `exitladder.execution.batch.kernel`."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray, FloatTable
from exitladder.execution.batch.packed import Batch, Path, Prepared, TradeTerms
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel.compiled import inlined
from exitladder.execution.kernel.packed import Market
from exitladder.execution.kernel.rounding import distance, down_to, on_grid, to_tick, whole_steps

SLACK = o.SLACK
SNAP = o.SNAP
DUST = o.DUST
# Above every number of an event; fits into 32 bits, so that tables of them are small.
NEVER = 2**30


@inlined
def stop_code(h: int, opened: float, low: float, level: float) -> int:
    """Return the number of the event at which bar h reaches a stop, `NEVER` if it does not.

    Parameters
    ----------
    h : int
        Bar, counted from the trade's first.
    opened, low, level : float
        Signed prices.

    Returns
    -------
    int
        Event number.
    """
    if not down_to(low, level):
        return NEVER
    return 4 * h + 1 if down_to(opened, level) else 4 * h + 3


@inlined
def clamp(level: float, low: float, high: float) -> float:
    """Return a price clamped to its bar: levels can be a rounding error outside of it.

    Parameters
    ----------
    level : float
    low : float
    high : float

    Returns
    -------
    float
        Between `low` and `high`.
    """
    return min(max(level, low), high)


@inlined
def first_touch_targets(batch: Batch, terms: TradeTerms, path: Path, prepared: Prepared) -> None:
    """For every target write its order's price, when it is first reached, and the price that it then gets.

    Parameters
    ----------
    batch : Batch
    terms : TradeTerms
    path : Path
    prepared : Prepared
    """
    unit, value, unit_end, tick = batch.target_unit, batch.target_value, batch.unit_end, batch.number[n.N_TICK]
    opens, highs, lows, count = path.open, path.high, path.low, terms.n_bars
    code, level, received = prepared.code, prepared.level, prepared.received
    start = 0
    for u in range(len(unit_end)):
        k, end = start, unit_end[u]
        for j in range(start, end):
            away = distance(unit[j], value[j], terms.risk, terms.entry_atr, terms.entry)
            level[j] = to_tick(terms.entry + away, tick)
            code[j] = NEVER
        h = 0
        while k < end and h < count:
            slack = abs(level[k]) * SLACK
            beyond = 0.0 if batch.through == 0 else (tick if tick > 0.0 else 2.0 * slack)
            reach = level[k] + beyond - slack
            if highs[h] >= reach:
                # X2c does not apply on the bar of an entry at the open.
                gapped = opens[h] >= reach and not (h == 0 and terms.at_open)
                code[k] = 4 * h + (2 if gapped else 3)
                received[k] = to_tick(opens[h] if gapped else clamp(level[k], lows[h], highs[h]), tick)
                k += 1
            else:
                h += 1
        start = end


@inlined
def first_stop(market: Market, side: float, stop: float, first: int, most: int) -> tuple[int, int]:
    """Return when the initial stop is reached.

    Parameters
    ----------
    market : Market
    side : float
        +1 long, -1 short.
    stop : float
        Signed price.
    first : int
        Bar number through the whole `BarSet`, from which bars count.
    most : int
        Bars to look at.

    Returns
    -------
    tuple of int
        The event's number, `NEVER` if there is none, and the number of bars up to it, its own included.
    """
    lows = market.low if side > 0.0 else market.high
    for h in range(most):
        low = side * lows[first + h]
        if down_to(low, stop):
            return stop_code(h, side * market.open[first + h], low, stop), h + 1
    return NEVER, most


@inlined
def table_stops(terms: TradeTerms, path: Path, prepared: Prepared) -> None:
    """For every bar write the first event from it on at which each breakeven stop is reached.

    Parameters
    ----------
    terms : TradeTerms
    path : Path
    prepared : Prepared
    """
    level, following, opens, lows = prepared.breakeven, prepared.breakeven_next, path.open, path.low
    for k in range(len(level)):
        code = NEVER
        for h in range(terms.n_bars - 1, -1, -1):
            code = min(code, stop_code(h, opens[h], lows[h], level[k]))
            following[h, k] = code


@inlined
def line_of_entry(batch: Batch, k: int, terms: TradeTerms) -> float:
    """Return the signed price of a trail before the first bar, -inf for an entry at its open (X5b).

    Parameters
    ----------
    batch : Batch
    k : int
        The trail.
    terms : TradeTerms

    Returns
    -------
    float
        On the tick.
    """
    if terms.at_open:
        return -np.inf
    away = distance(batch.trail_unit[k], batch.trail_value[k], terms.risk, terms.entry_atr, terms.entry)
    return to_tick(terms.entry - away, batch.number[n.N_TICK])


@inlined
def table_lines(batch: Batch, terms: TradeTerms, path: Path, prepared: Prepared) -> None:
    """For every bar write each trail as the bars before it left it.

    Parameters
    ----------
    batch : Batch
    terms : TradeTerms
    path : Path
    prepared : Prepared
    """
    unit_end, width, tick = batch.trail_end, batch.trail_value, batch.number[n.N_TICK]
    risk, best, atr, line = terms.risk, path.best, path.atr, prepared.trail_at
    for k in range(len(width)):
        line[0, k] = line_of_entry(batch, k, terms)
    for h in range(terms.n_bars - 1):
        # The widths of one unit in a loop of their own, which the compiler turns into vector instructions.
        for k in range(unit_end[0]):
            now = to_tick(best[h] - distance(o.IN_R, width[k], risk, atr[h], best[h]), tick)
            line[h + 1, k] = now if now > line[h, k] else line[h, k]
        for k in range(unit_end[0], unit_end[1]):
            now = to_tick(best[h] - distance(o.IN_ATR, width[k], risk, atr[h], best[h]), tick)
            line[h + 1, k] = now if now > line[h, k] else line[h, k]
        for k in range(unit_end[1], unit_end[2]):
            now = to_tick(best[h] - distance(o.IN_PERCENT, width[k], risk, atr[h], best[h]), tick)
            line[h + 1, k] = now if now > line[h, k] else line[h, k]


@inlined
def table_trails(batch: Batch, terms: TradeTerms, path: Path, prepared: Prepared, first: int) -> None:
    """For every bar from `first` on write the first event from it on that reaches each trail, and the trail then.

    Parameters
    ----------
    batch : Batch
    terms : TradeTerms
    path : Path
    prepared : Prepared
    first : int
        Earliest bar in which any trail is armed, counted from the trade's first.
    """
    table_lines(batch, terms, path, prepared)
    opens, lows, following, line = path.open, path.low, prepared.trail_next, prepared.trail_at
    n_trails, last = len(batch.trail_value), terms.n_bars - 1
    for k in range(n_trails):
        following[last, k] = stop_code(last, opens[last], lows[last], line[last, k])
    for h in range(last - 1, first - 1, -1):
        opened, low = opens[h], lows[h]
        at_open, inside = np.uint32(4 * h + 1), np.uint32(4 * h + 3)
        for k in range(n_trails):
            at = line[h, k]
            here = at_open if down_to(opened, at) else inside
            is_reached = down_to(low, at)
            following[h, k] = here if is_reached else following[h + 1, k]
            line[h, k] = at if is_reached else line[h + 1, k]


@inlined
def sell_of(size: float, left: float, lots: float, least: float) -> float:
    """Return the lots that a rung sells; a rest below the minimum goes with it (S1).

    Parameters
    ----------
    size, left, lots, least : float
        In lots: of the rung, the rest, entered quantity, smallest quantity that may be ordered.

    Returns
    -------
    float
        Lots.
    """
    part = min(size, left)
    if part > 0.0 and (left - part < least * (1.0 - SNAP) or left - part <= DUST * lots):
        part = left
    return part


@inlined
def size_splits(fraction: FloatTable, lot: float, terms: TradeTerms, prepared: Prepared) -> None:
    """Write the lots of every split's rungs, what each sells if reached in order, and the lots left in between.

    S1 and X9: rounded down to the lot; a rung without size passes its quantity on. Splits follow one another.

    Parameters
    ----------
    fraction : float64 array, shape (n_splits, max_rungs)
    lot : float
    terms : TradeTerms
    prepared : Prepared
    """
    size, sells, stays, least = prepared.size, prepared.sells, prepared.stays, terms.least
    most = fraction.shape[1]
    for k in range(len(fraction)):
        passed_on, left = 0.0, terms.lots
        stays[k * (most + 1)] = terms.lots
        for j in range(most):
            wanted = fraction[k, j] * terms.start + passed_on
            lots_here = whole_steps(wanted, lot)
            if lots_here <= 0.0 or lots_here < least * (1.0 - SNAP):
                passed_on = wanted
                lots_here = 0.0
            else:
                passed_on = 0.0
            part = sell_of(lots_here, left, terms.lots, least)
            left -= part
            size[k * most + j], sells[k * most + j] = lots_here, on_grid(part, lot)
            stays[k * (most + 1) + j + 1] = left


@inlined
def follow_trail(batch: Batch, k: int, terms: TradeTerms, path: Path, start: int, last: int) -> tuple[int, float]:
    """Return the first event at which one trail is reached, and the trail's signed price then.

    Parameters
    ----------
    batch : Batch
    k : int
        The trail.
    terms : TradeTerms
    path : Path
    start, last : int
        The bars to look at, both included, counted from the trade's first.

    Returns
    -------
    event : int
        `NEVER` if the trail is not reached by `last`.
    line : float
        Signed price.
    """
    unit, width, tick = batch.trail_unit[k], batch.trail_value[k], batch.number[n.N_TICK]
    risk, best, atr = terms.risk, path.best, path.atr
    line = line_of_entry(batch, k, terms)
    for h in range(min(start, last + 1)):
        now = to_tick(best[h] - distance(unit, width, risk, atr[h], best[h]), tick)
        if now > line:
            line = now
    for h in range(start, last + 1):
        if down_to(path.low[h], line):
            return stop_code(h, path.open[h], path.low[h], line), line
        now = to_tick(best[h] - distance(unit, width, risk, atr[h], best[h]), tick)
        if now > line:
            line = now
    return NEVER, line


@inlined
def first_at_least(best: FloatArray, price: float, count: int) -> int:
    """Return the first bar whose best price so far reaches `price` (signed), `count` if none does.

    Parameters
    ----------
    best : float64 array
        Best price so far, ascending.
    price : float
        Signed.
    count : int
        Bars to look at.

    Returns
    -------
    int
        Bar, counted from the trade's first.
    """
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if best[middle] >= price:
            high = middle
        else:
            low = middle + 1
    return low
