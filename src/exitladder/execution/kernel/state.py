"""The state of one trade during its simulation: places of a float array, a table of its rungs, and the fill book.

Prices are signed: a short is a long on negated prices, so one code serves both sides and a mirrored
market gives the mirrored result to the bit. Quantities are counted in lots (in units if there is
no lot), so that they stay whole. Everything is a float, so that compiled code passes few arrays around:
many small ones cost more than the rules do.

To add a fact about the trade, add a place before `SIZE`; about each rung, a row before `RUNG_ROWS`; about each
fill, a column before `BOOK_COLUMNS`. No signature changes: functions take a `Position`.

The position is divided into parts: one for each slice (`LOTS` of a rung with `OWN`), and the rest, which the stop of
the trade covers. `LEFT` is all of it and `RESERVED` the sum of the slices, 0 in a ladder without slices. A sale names
the part that it may empty (`exitladder.execution.kernel.orders.sell`). Adds (`exitladder.execution.kernel.adds`) raise
`LEFT`; `START` stays the first quantity and `ENTRY` the first price. What their fills amount to, the average entry,
the quantity entered and the planned risk, is in `Position.growth`, their orders in `Position.adds`.
"""

from __future__ import annotations

from typing import NamedTuple

from exitladder.arrays import FloatArray, FloatTable, IntArray

(
    SIDE,
    ENTRY,  # signed entry price
    RISK,  # R in price
    START,  # entered quantity, in lots
    LEFT,  # quantity left, in lots
    LEAST,  # smallest quantity that may be ordered, in lots
    STOP,  # the initial stop
    BREAKEVEN,  # the stop once breakeven is on; NaN if it cannot be resolved
    BREAKEVEN_ON,
    BREAKEVEN_NEXT,  # decided in this bar, in force from the next
    LINE,  # the trail as completed bars left it
    WALK_LINE,  # the trail as the walk inside this bar ratchets it
    WALKED,  # the line that a walk of this bar ends at, whatever the policy (X7b)
    ARMED,
    ARMED_NEXT,
    LIQUIDATION,
    BEST,
    WORST,
    BAR_BEST,  # best and worst price filled in this bar
    BAR_WORST,
    BUDGET,  # lots that may still be traded in this bar
    EXIT_ORDER,  # order code of a market order for all that is left, -1 without
    EXIT_RUNG,  # the rung that gave it (X12), -1 without
    WAITING,  # whether a rung waits for the next open as a market order
    ATR_BEFORE,  # of the last closed bar
    HELD,
    AMBIGUOUS,
    AMBIGUOUS_HERE,
    COARSE,  # bars that fell back to stop_first for want of finer bars
    GROSS,
    COMMISSION,
    FINANCING,
    FINANCING_DUE,  # accrued since the last fill
    ENTRY_COMMISSION,
    SOLD,  # units sold
    SOLD_VALUE,  # units sold times signed price
    LAST_ORDER,
    LAST_BAR,
    SKIPPED_WHY,
    FILLS,
    FILL_ROW,  # next row of the fill book, -1 without a book
    TRADE,
    INACTIVE_RUNGS,
    DUE_BAR,  # the bar at which the clock ends the trade (X11), -1 without
    DUE_LATE,  # whether that is at the open after it and not at its close
    DUE_ORDER,
    DUE_PASSED,  # whether a time had passed at the entry, so that it is in the next session
    RESERVED,  # lots of all slices that are still held (X10)
    MAIN_EXIT,  # order code of the stop that sells the unreserved lots at the next open, -1 without
    SMALL_REST,  # whether a rest below the smallest order was left without one (S1a)
    N_UP,  # number of limit rungs
    N_DOWN,  # number of partial stop-outs
    CUT_TO,  # lots that a limit of risk leaves at the next open (B9), -1 without
    SIZE,
) = range(54)

# Rows of the table of rungs, one column a rung.
(
    LEVEL,  # the order's price
    REACH,  # the price that fills it: one tick beyond under `through`
    LOTS,  # quantity not sold yet
    KIND,
    STATUS,
    UP,  # limit rungs from the lowest; the first N_UP places
    DOWN,  # partial stop-outs from the highest; the first N_DOWN places
    # Of slices (X10); not written, and not read, in a ladder without one.
    OWN,  # 1 if the rung is a slice
    OWN_STOP,  # its own stop, never below the trade's initial one
    OWN_UNIT,  # unit and width of its trail
    OWN_WIDTH,
    OWN_AFTER,  # the rung whose fill arms its trail, -1 without
    OWN_FROM,  # the MFE in R that arms it, 0 without
    OWN_ARMED,
    OWN_ARMED_NEXT,
    OWN_LINE,  # as LINE, WALK_LINE and WALKED of the trade
    OWN_WALK_LINE,
    OWN_WALKED,
    OWN_EXIT,  # order code of its own stop whose rest waits for the next open, -1 without
    FOLLOWS,  # 1 if breakeven and trail of the trade move it too
    RUNG_ROWS,
) = range(21)

# Places of the growth of a trade whose plan adds to it or limits its size (PL1 to PL8); without such a plan, none.
(
    G_AVERAGE,  # signed average price of all entries
    G_AVERAGE_BEFORE,  # the same before this bar
    G_HELD_AVERAGE,  # signed average price of the lots held, which an exit leaves unchanged
    G_ENTERED,  # lots of all entries
    G_COSTS_DUE,  # commission of entries that no exit has been charged yet
    G_PLANNED_RISK,  # W, in price times quantity
    G_BEST,  # best and worst price of a bar less the average entry before it
    G_WORST,
    G_STOP_NEXT,  # the stop that an add moves to, in force from the next bar (PL6)
    G_REDUCED,  # whether lots were sold in an earlier bar
    G_REDUCED_NEXT,  # the same, this bar included
    G_MADE,  # adds that filled
    G_DROPPED,  # adds without quantity after the caps (PL7)
    G_INACTIVE,  # adds that cannot be resolved at the entry, or only beyond the stop
    G_ENTRY_ATR,
    G_LIQUIDATED,  # number of the averaging add that lies beyond liquidation (PL9), 0 without, and that price
    G_LIQUIDATED_AT,
    GROWTH,
) = range(18)

# Rows of the table of adds; one column an add, and, below, one column a rung.
(
    A_LEVEL,  # the order's price
    A_REACH,  # the price that fills it
    A_KIND,
    A_STATUS,
    A_AT_OPEN,  # 1 if it rested before this open
    A_PRICE,  # the price of its fill
    A_PLANNED,  # the price at which it is planned, NaN if it will not fill, and the lots after the maximum size
    A_PLANNED_LOTS,
    A_REACHED,  # which add is at this place of the order in which the price reaches them
    # From the plan.
    A_UNIT,
    A_VALUE,
    A_CHAINED,  # 1 if it is measured from the fill of the add before it
    A_CURRENT,  # 1 if it uses the ATR of the last closed bar
    A_LOTS,  # wanted, if the plan states them
    A_MONEY,  # wanted, in price times quantity
    A_STOP_UNIT,
    A_STOP,
    A_FIRST,  # its conditions
    A_END,
    # Of rungs.
    A_FRACTION,
    A_BEGUN,  # 1 once the rung has sold: its size is final
    A_FROM_AVERAGE,
    A_TARGET_UNIT,
    A_TARGET,
    ADD_ROWS,
) = range(25)

# Columns of the fill book.
(
    B_TRADE,
    B_BAR,
    B_ORDER,
    B_RUNG,
    B_QUANTITY,
    B_PRICE,
    B_COMMISSION,
    B_SLIPPAGE,
    B_FINANCING,
    B_NET_R,
    BOOK_COLUMNS,
) = range(11)


class Position(NamedTuple):
    """One trade under one ladder while it is simulated.

    Parameters
    ----------
    state : float64 array, shape (SIZE,)
    rungs : float64 array, shape (RUNG_ROWS, max_rungs)
    number : float64 array, shape (PLAN_NUMBERS,)
        The ladder's row of `exitladder.execution.kernel.packed.Plan.number`.
    code : int64 array, shape (PLAN_CODES,)
        The ladder's row of `Plan.code`.
    book : float64 array, shape (n_rows, BOOK_COLUMNS)
        Without rows, fills are only counted.
    slices : bool, optional
        `Plan.slices`.
    growth : float64 array, shape (GROWTH,)
        Without places if no plan adds to positions or limits them.
    adds : float64 array, shape (ADD_ROWS, max_columns)
        As many columns as a plan has adds or rungs, whichever is more.
    grows : bool, optional
        `Plan.grows`.
    """

    state: FloatArray
    rungs: FloatTable
    number: FloatArray
    code: IntArray
    book: FloatTable
    slices: bool | None
    growth: FloatArray
    adds: FloatTable
    grows: bool | None


class Bar(NamedTuple):
    """One bar in signed prices: `high` is the best price for the trade on both sides.

    Parameters
    ----------
    number : int
        Bar number through the whole `BarSet`; of a finer bar, that of the bar it belongs to.
    open, high, low, close : float
    volume : float
        In units; NaN if unknown.
    """

    number: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Order(NamedTuple):
    """One order to sell.

    Parameters
    ----------
    kind : int
        Order code of `exitladder.execution.kernel.codes`.
    rung : int
        Rung number from 0, -1 if no rung sells.
    slips : bool
        Whether it pays slippage: market and stop orders do, limit orders do not (S3).
    """

    kind: int
    rung: int
    slips: bool


class Fill(NamedTuple):
    """One row of the fill book.

    Parameters
    ----------
    bar, order, rung : int
    quantity : float
        In units.
    price : float
        Signed, slippage included.
    commission, slippage, financing : float
        In account currency; financing is that accrued since the fill before.
    net_r : float
        Contribution to the trade's net r.
    """

    bar: int
    order: int
    rung: int
    quantity: float
    price: float
    commission: float
    slippage: float
    financing: float
    net_r: float


class Record(NamedTuple):
    """Everything that a run over trades writes down.

    Parameters
    ----------
    states : float64 array, shape (n_trades, SIZE)
    rungs : float64 array, shape (n_trades, RUNG_ROWS, n_rungs)
    book : float64 array, shape (n_fills, BOOK_COLUMNS)
        Without rows, fills are only counted.
    rows : int64 array, shape (n_trades,)
        Row of the book at which each trade's fills begin.
    growth : float64 array, shape (n_trades, GROWTH)
        Shape (n_trades, 0) if no plan adds to positions or limits them.
    adds : float64 array, shape (n_trades, ADD_ROWS, n_columns)
        Without rows and columns in that case.
    """

    states: FloatTable
    rungs: FloatTable
    book: FloatTable
    rows: IntArray
    growth: FloatTable
    adds: FloatTable
