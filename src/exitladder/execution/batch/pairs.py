"""One trade under every ladder of a batch, once `exitladder.execution.batch.kernel` has prepared the trade.

If only net R is requested, `ends` is None, and the compiler removes the code that writes them.
"""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray, FloatTable
from exitladder.execution.batch.packed import (
    P_BREAKEVEN,
    P_BREAKEVEN_CELL,
    P_CELLS,
    P_IN_ORDER,
    P_PLACE,
    P_STAYS,
    P_TIME,
    P_TRAIL,
    P_TRAIL_CELL,
    Batch,
    Path,
    Prepared,
    Slippage,
    TradeTerms,
)
from exitladder.execution.batch.touches import NEVER, clamp, first_at_least, follow_trail, sell_of, stop_code
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel.compiled import inlined
from exitladder.execution.kernel.packed import Ends
from exitladder.execution.kernel.rounding import armed_at, commission_of, on_grid, to_tick


@inlined
def slippage_of(number: FloatArray) -> Slippage:
    """Return the slippage of a batch; `number` is `exitladder.execution.batch.packed.Batch.number`."""
    tick = number[n.N_TICK]
    return Slippage(number[n.N_SLIP_RATE], number[n.N_SLIP_TICKS] * tick, number[n.N_SLIP_ATR], tick)


@inlined
def at_market(base: float, atr_before: float, slippage: Slippage) -> float:
    """Return the signed price that a market or stop order gets (S3).

    Parameters
    ----------
    base : float
        Signed market price.
    atr_before : float
        ATR known before the bar, in price.
    slippage : Slippage

    Returns
    -------
    float
        Signed price after slippage, rounded to the tick against the trade.
    """
    by_atr = slippage.atr * atr_before if slippage.atr > 0.0 else 0.0
    return to_tick(base - (abs(base) * slippage.rate + slippage.ticks + by_atr), slippage.tick)


@inlined
def write_skipped(row: int, out: FloatTable, ends: Ends | None) -> None:
    """Write that a trade was skipped under every ladder.

    Parameters
    ----------
    row : int
    out : float64 array, shape (n_trades, n_ladders)
    ends : Ends, optional
    """
    for m in range(out.shape[1]):
        out[row, m] = np.nan
        if ends is not None:
            ends.last_bar[row, m], ends.n_fills[row, m], ends.mfe_r[row, m] = -1, 0, np.nan


@inlined
def first_touch_cells(batch: Batch, terms: TradeTerms, path: Path, prepared: Prepared) -> None:
    """For every cell write when it sells, from which bar on that matters, and the money if there is room for it.

    Parameters
    ----------
    batch : Batch
    terms : TradeTerms
    path : Path
    prepared : Prepared
    """
    cell_target, cell_slot, arm_from = batch.cell_target, batch.cell_slot, batch.arm_from
    code, cell_code, cell_after = prepared.code, prepared.cell_code, prepared.cell_after
    cell_gain, cell_fee = prepared.cell_gain, prepared.cell_fee
    count, n_targeted = terms.n_bars, len(cell_target)
    for c in range(n_targeted):
        touch = code[cell_target[c]]
        cell_code[c] = touch
        cell_after[c] = (touch >> 2) + 1 if touch < NEVER and prepared.size[cell_slot[c]] > 0.0 else count
    for c in range(n_targeted, len(cell_code)):
        cell_code[c] = NEVER
    cell_after[n_targeted] = count
    cell_after[n_targeted + 1] = 0
    for k in range(len(arm_from)):
        from_price = armed_at(terms.entry, arm_from[k], terms.risk)
        cell_after[n_targeted + 2 + k] = min(first_at_least(path.best, from_price, count) + 1, count)
    for c in range(min(n_targeted, len(cell_gain))):
        cell_gain[c] = cell_fee[c] = 0.0
        quantity, price = prepared.sells[cell_slot[c]], prepared.received[cell_target[c]]
        if code[cell_target[c]] < NEVER and quantity > 0.0:
            cell_gain[c] = (price - terms.entry) * quantity
            cell_fee[c] = commission_of(price, quantity, batch.number)


@inlined
def exit_of(batch: Batch, m: int, terms: TradeTerms, path: Path, prepared: Prepared) -> tuple[int, float]:
    """Return when a ladder's stops or its time stop sell all that is left.

    Parameters
    ----------
    batch : Batch
    m : int
        Row of `Batch.table`.
    terms : TradeTerms
    path : Path
    prepared : Prepared

    Returns
    -------
    int
        The event's number, `NEVER` if there is none.
    float
        Signed price of the stop.
    """
    table, cell_after = batch.table, prepared.cell_after
    leave, kept, count = terms.exit_by_stop, terms.stop, terms.n_bars
    # The tables are unsigned, so that the compiler need not look for places counted from the end.
    time = int(table[m, P_TIME])
    if time < min(terms.exit_by_stop, 4 * terms.bars_left):
        leave = time
    h = int(cell_after[int(table[m, P_BREAKEVEN_CELL])])
    if h < count:
        k = int(table[m, P_BREAKEVEN])
        level, then = prepared.breakeven[k], NEVER
        if batch.tabled_breakevens:
            then = int(prepared.breakeven_next[h, k])
        else:
            while h < count and 4 * h < leave:
                then = stop_code(h, path.open[h], path.low[h], level)
                if then < NEVER:
                    break
                h += 1
        if then < leave:
            leave, kept = then, level
        elif then == leave:
            kept = max(kept, level)
    h = int(cell_after[int(table[m, P_TRAIL_CELL])])
    if h < count and 4 * h < leave:
        k = int(table[m, P_TRAIL])
        if batch.tabled_trails:
            then, at = int(prepared.trail_next[h, k]), prepared.trail_at[h, k]
        else:
            then, at = follow_trail(batch, k, terms, path, h, min(count - 1, leave >> 2))
        if then < leave:
            leave, kept = then, at
        elif then == leave:
            kept = max(kept, at)
    return leave, kept


@inlined
def sell_in_order(
    batch: Batch, m: int, leave: int, terms: TradeTerms, prepared: Prepared, ends: Ends | None
) -> tuple[float, float, float, int, int]:
    """Sell the rungs of a ladder that can only be reached in their order.

    Parameters
    ----------
    batch : Batch
    m : int
        Row of `Batch.table`.
    leave : int
        Number of the event that sells all that is left.
    terms : TradeTerms
    prepared : Prepared
    ends : Ends, optional
        Without it, sales are not counted.

    Returns
    -------
    tuple
        Gain, cost (that of the entry included), lots left, number of sales, target of the last.
    """
    table, cell_target, cell_slot, sells = batch.table, batch.cell_target, batch.cell_slot, prepared.sells
    gross, cost = 0.0, terms.entry_cost
    sales, last = 0, -1
    stay = int(table[m, P_STAYS])
    for j in range(P_CELLS, table.shape[1]):
        cell = int(table[m, j])
        if int(prepared.cell_code[cell]) >= leave:
            break
        if batch.tabled_cells:
            gross += prepared.cell_gain[cell]
            cost += prepared.cell_fee[cell]
        else:
            quantity, price = sells[cell_slot[cell]], prepared.received[cell_target[cell]]
            if quantity > 0.0:
                gross += (price - terms.entry) * quantity
                cost += commission_of(price, quantity, batch.number)
        if ends is not None and sells[cell_slot[cell]] > 0.0:
            sales += 1
            last = cell_target[cell]
        stay += 1
    return gross, cost, prepared.stays[stay], sales, last


@inlined
def order_cells(batch: Batch, m: int, leave: int, prepared: Prepared) -> int:
    """Put the cells of a ladder that sell before event `leave` into the order in which they do; return their number.

    The nearest first, of equal prices the lower rung.

    Parameters
    ----------
    batch : Batch
    m : int
        Row of `Batch.table`.
    leave : int
        Event number.
    prepared : Prepared

    Returns
    -------
    int
        Number of cells in `prepared.order`.
    """
    table, cell_target, order = batch.table, batch.cell_target, prepared.order
    code, level = prepared.code, prepared.level
    count = 0
    for j in range(P_CELLS, table.shape[1]):
        cell = int(table[m, j])
        if int(prepared.cell_code[cell]) >= leave:
            continue
        target = cell_target[cell]
        k = count
        while k > 0:
            before = cell_target[order[k - 1]]
            if code[before] < code[target] or (code[before] == code[target] and level[before] <= level[target]):
                break
            order[k] = order[k - 1]
            k -= 1
        order[k] = cell
        count += 1
    return count


@inlined
def sell_as_reached(
    batch: Batch, m: int, leave: int, terms: TradeTerms, prepared: Prepared
) -> tuple[float, float, float, int, int]:
    """Sell the rungs of a ladder in the order in which they are reached.

    Parameters and results are those of `sell_in_order`.

    Parameters
    ----------
    batch : Batch
    m : int
    leave : int
    terms : TradeTerms
    prepared : Prepared

    Returns
    -------
    tuple
        As `sell_in_order` returns.
    """
    cell_target, cell_slot, order, number = batch.cell_target, batch.cell_slot, prepared.order, batch.number
    left, gross, cost = terms.lots, 0.0, terms.entry_cost
    sales, last = 0, -1
    for k in range(order_cells(batch, m, leave, prepared)):
        part = sell_of(prepared.size[cell_slot[order[k]]], left, terms.lots, terms.least)
        if part > 0.0:
            price, quantity = prepared.received[cell_target[order[k]]], on_grid(part, number[n.N_LOT])
            left -= part
            gross += (price - terms.entry) * quantity
            cost += commission_of(price, quantity, number)
            sales += 1
            last = cell_target[order[k]]
    return gross, cost, left, sales, last


@inlined
def sold_at(event: int, level: float, path: Path) -> float:
    """Return the market price, before slippage and tick, at which an order of this event and signed price fills.

    Parameters
    ----------
    event : int
        Event number.
    level : float
        Signed price of the order.
    path : Path

    Returns
    -------
    float
        Signed price.
    """
    h = event >> 2
    return clamp(level, path.low[h], path.high[h]) if event & 3 == 3 else float(path.open[h])


@inlined
def peak_of(entry: float, h: int, base: float, path: Path) -> float:
    """Return the best price of a trade whose last fill is in bar h at `base`.

    X4: of that bar its open and its fills count. Other fills in it were at its open or, reached on the way, not beyond.

    Parameters
    ----------
    entry : float
        Signed price.
    h : int
        Bar, counted from the trade's first.
    base : float
        Signed market price of the fill.
    path : Path

    Returns
    -------
    float
        Signed price.
    """
    return float(max(path.best[h - 1] if h > 0 else entry, path.open[h], base))


@inlined
def last_bar_and_peak(
    is_left: bool, leave: int, kept: float, touch: tuple[int, float], terms: TradeTerms, path: Path
) -> tuple[int, float]:
    """Return the bar of the last sale or mark, counted from the trade's first, and the best price until then.

    Parameters
    ----------
    is_left : bool
        Whether rungs left anything to sell.
    leave, kept : int, float
        From `exit_of`.
    touch : tuple of int and float
        Event number and signed price of the last rung sold.
    terms : TradeTerms
    path : Path

    Returns
    -------
    bar : int
    peak : float
        Signed price.
    """
    if not is_left:
        leave, kept = touch
    elif leave == NEVER:
        return terms.n_bars - 1, path.best[terms.n_bars - 1]
    h = leave >> 2
    return h, peak_of(terms.entry, h, sold_at(leave, kept, path), path)


@inlined
def run_pairs(
    batch: Batch, terms: TradeTerms, path: Path, prepared: Prepared, out: FloatTable, ends: Ends | None
) -> None:
    """Write net r of one trade under every ladder of the batch, and how it ended if `ends` is given.

    Parameters
    ----------
    batch : Batch
    terms : TradeTerms
    path : Path
    prepared : Prepared
    out : float64 array, shape (n_trades, n_ladders)
    ends : Ends, optional
    """
    number, table, row = batch.number, batch.table, terms.row
    slippage = slippage_of(number)
    lot, entry = number[n.N_LOT], terms.entry
    whole = terms.risk * terms.start
    net_r = out[row]
    for m in range(len(table)):
        leave, kept = exit_of(batch, m, terms, path, prepared)
        if table[m, P_IN_ORDER] > 0:
            gross, cost, left, sales, last = sell_in_order(batch, m, leave, terms, prepared, ends)
        else:
            gross, cost, left, sales, last = sell_as_reached(batch, m, leave, terms, prepared)
        if left > 0.0:
            quantity = on_grid(left, lot)
            if leave == NEVER:
                gross += (terms.last_close - entry) * quantity
            else:
                paid = at_market(sold_at(leave, kept, path), path.atr_before[leave >> 2], slippage)
                gross += (paid - entry) * quantity
                cost += commission_of(paid, quantity, number)
        place = int(table[m, P_PLACE])
        net_r[place] = (gross - cost - 0.0) / whole
        if ends is not None:
            touch = (NEVER, 0.0) if last < 0 else (int(prepared.code[last]), float(prepared.level[last]))
            h, peak = last_bar_and_peak(left > 0.0, leave, kept, touch, terms, path)
            ends.last_bar[row, place] = terms.first + h
            ends.n_fills[row, place] = 1 + sales + int(left > 0.0 and leave < NEVER)
            ends.mfe_r[row, place] = (peak - entry) / terms.risk
