"""The arrays and tuples that a batch of ladders walks over (`exitladder.execution.batch.kernel`)."""

from __future__ import annotations

from typing import NamedTuple

from exitladder.arrays import CountArray, CountTable, FloatArray, FloatTable, IntArray

MOST_RUNGS = 8

# Columns of Batch.table.
(
    P_PLACE,  # the ladder's place among the results
    P_STAYS,  # first place of `Prepared.stays` of its split
    P_TIME,  # event number of the time stop
    P_BREAKEVEN,
    P_BREAKEVEN_CELL,  # the cell that breakeven waits for
    P_TRAIL,
    P_TRAIL_CELL,  # the cell that arms the trail
    P_IN_ORDER,  # whether rungs can only be reached in their order
    P_CELLS,  # from here on the cell of every rung
) = range(9)


class Batch(NamedTuple):
    """Ladders that share costs, steps, ATR window, initial stop and fill rule.

    Parameters
    ----------
    number : float64 array, shape (PLAN_NUMBERS,)
        The shared numbers of `exitladder.execution.kernel.packed`.
    through, initial_unit : int
    target_unit, target_value : arrays, shape (n_targets,)
        Different targets, by unit and within a unit ascending; `unit_end` has the end of each unit.
    unit_end : int64 array, shape (n_units,)
    breakeven_unit, breakeven_value : arrays, shape (n_breakevens,)
    trail_unit, trail_value : arrays, shape (n_trails,)
        By unit; `trail_end` has the ends of R, ATR and per cent.
    trail_end : int64 array, shape (3,)
    fraction : float64 array, shape (n_splits, max_rungs)
        Different splits of the quantity.
    cell_target, cell_slot : int64 arrays, shape (n_cells,)
        Different pairs of a target and a place in `fraction`, which together say when a rung sells and how much.
        Targets from n_targets on are sets of conditions. Three kinds of cells without a target follow: one that
        is never reached, one that is reached from the entry on, and one for each of `arm_from`.
    arm_from : float64 array, shape (n_froms,)
        MFE in R that arms a trail.
    arming : int64 array
        Cells that arm trails.
    table : uint32 array, shape (n_ladders, P_CELLS + max_rungs)
        One row per ladder. Similar ladders are adjacent, which helps branch prediction.
    tabled_breakevens, tabled_trails, tabled_cells : bool
        Whether next touches are prepared for all bars, and money for all cells.
    longest : int
        Longest time stop, 0 if some ladder has none.
    """

    number: FloatArray
    through: int
    initial_unit: int
    target_unit: IntArray
    target_value: FloatArray
    unit_end: IntArray
    breakeven_unit: IntArray
    breakeven_value: FloatArray
    trail_unit: IntArray
    trail_value: FloatArray
    trail_end: IntArray
    fraction: FloatTable
    cell_target: IntArray
    cell_slot: IntArray
    arm_from: FloatArray
    arming: IntArray
    table: CountTable
    tabled_breakevens: bool
    tabled_trails: bool
    tabled_cells: bool
    longest: int


class TradeTerms(NamedTuple):
    """One trade as a batch sees it; bars count from 0 at its first exposed bar.

    Parameters
    ----------
    trade, row : int
        Its position among the trades, and its row of the results.
    first : int
        Bar number through the whole `BarSet` that counts as 0.
    bars_left : int
        From there to the end of the symbol's bars.
    n_bars : int
        Bars that any of the ladders may hold it; 0 if it is skipped.
    exit_by_stop : int
        Event number at the initial stop.
    at_open : bool
        Whether it was entered at the open of bar 0.
    side : float
        +1 long, -1 short.
    entry, stop, last_close : float
        Signed prices.
    risk, entry_atr : float
        R and the ATR known at the entry, in price.
    lots, least : float
        Entered quantity and smallest quantity that may be ordered, in lots.
    start : float
        Entered quantity in units.
    entry_cost : float
        Commission of the entry.
    """

    trade: int
    row: int
    first: int
    bars_left: int
    n_bars: int
    exit_by_stop: int
    at_open: bool
    side: float
    entry: float
    stop: float
    last_close: float
    risk: float
    entry_atr: float
    lots: float
    least: float
    start: float
    entry_cost: float


class Path(NamedTuple):
    """The bars of one trade in signed prices; arrays of at least `TradeTerms.n_bars`.

    Parameters
    ----------
    open, high, low : float64 array
    best : float64 array
        Highest price from the entry to the end of the bar.
    atr, atr_before : float64 array
        ATR known at the close of the bar, and before the bar.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    best: FloatArray
    atr: FloatArray
    atr_before: FloatArray


class Prepared(NamedTuple):
    """Everything that is worked out once per trade and used by all ladders.

    Parameters
    ----------
    code : int64 array, shape (n_targets + n_sets,)
        Event number at which each target is first reached, or each set of conditions acted upon.
    level, received : float64 array, shape (n_targets + n_sets,)
        Signed price of the order, and the price that it then gets.
    cell_code, cell_after : uint32 array, shape (n_cells,)
        Event number at which each cell sells, and the bar from which its effect on the stop is in force.
    cell_gain, cell_fee : float64 array, shape (n_cells,)
        Gain and commission of each cell; empty unless `Batch.tabled_cells`.
    size, sells : float64 array, shape (n_slots,)
        Lots of each rung of each split, and units that it sells if rungs are reached in their order.
    stays : float64 array, shape (n_slots + n_splits,)
        Lots left before and after each of them.
    breakeven : float64 array, shape (n_breakevens,)
        Signed prices.
    breakeven_next : uint32 array, shape (n_bars, n_breakevens)
        First event from each bar on at which a breakeven stop is reached; empty unless `Batch.tabled_breakevens`.
    trail_next, trail_at : uint32 and float64 array, shape (n_bars, n_trails)
        The same of trails, and their signed price then; empty unless `Batch.tabled_trails`.
    order : int64 array, shape (MOST_RUNGS,)
        Room to sort in.
    """

    code: IntArray
    level: FloatArray
    received: FloatArray
    cell_code: CountArray
    cell_after: CountArray
    cell_gain: FloatArray
    cell_fee: FloatArray
    size: FloatArray
    sells: FloatArray
    stays: FloatArray
    breakeven: FloatArray
    breakeven_next: CountTable
    trail_next: CountTable
    trail_at: FloatTable
    order: IntArray


class Slippage(NamedTuple):
    """The slippage of market and stop orders (S3).

    Parameters
    ----------
    rate : float
        Share of the price.
    ticks, tick : float
        In price; `tick` is the step prices round to.
    atr : float
        Multiple of the ATR known before the bar.
    """

    rate: float
    ticks: float
    atr: float
    tick: float
