"""The state of one trade during its simulation: places of a float array, a table of its rungs, and the fill book.

Prices are signed: a short is a long on negated prices, so one code serves both sides and a mirrored
market gives the mirrored result to the bit. Quantities are counted in lots (in units if there is
no lot), so that they stay whole. Everything is a float, so that compiled code passes few arrays around:
many small ones cost more than the rules do.

To add a fact about the trade, add a place before `SIZE`; about each rung, a row before `RUNG_ROWS`; about each
fill, a column before `BOOK_COLUMNS`. No signature changes: functions take a `Position`.

The position is divided into parts: one for each slice (`LOTS` of a rung with `OWN`), and the rest, which the stop of
the trade covers. `LEFT` is all of it and `RESERVED` the sum of the slices, 0 in a ladder without slices. A sale names
the part that it may empty (`exitladder.execution.kernel.orders.sell`). Purchases after the entry fit in as they are:
they raise `LEFT` and with it the part that is not reserved; the quantity entered (`START`), which sizes, dust and R
count from, and the average entry are then places of their own, as is one table more in `Position` for their orders.
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
    SIZE,
) = range(53)

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
    """

    state: FloatArray
    rungs: FloatTable
    number: FloatArray
    code: IntArray
    book: FloatTable
    slices: bool | None


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
    """

    states: FloatTable
    rungs: FloatTable
    book: FloatTable
    rows: IntArray
