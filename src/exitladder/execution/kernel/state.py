"""The state of one trade while it is simulated, as places in one float array, and of its rungs in one table.

Prices are signed: a short is a long on negated prices, so one code serves both sides and a mirrored
market gives the mirrored result to the bit. Quantities are counted in lots (in units where there is
no lot), so that they stay whole. Everything is a float so that compiled code passes one array around:
handing it many small ones costs more than the rules do.
"""

from __future__ import annotations

(
    SIDE,
    ENTRY,  # signed entry price
    RISK,  # R in price
    START,  # entered quantity, in lots
    LEFT,  # quantity left, in lots
    LEAST,  # smallest quantity that may be ordered, in lots
    STOP,  # the initial stop
    BREAKEVEN,  # where the stop goes once breakeven is on; NaN where it cannot be resolved
    BREAKEVEN_ON,
    BREAKEVEN_NEXT,  # decided in this bar, in force from the next
    LINE,  # the trail as completed bars left it
    WALK_LINE,  # the trail as the walk inside this bar ratchets it
    ARMED,
    ARMED_NEXT,
    LIQUIDATION,
    BEST,
    WORST,
    BAR_BEST,  # best and worst price filled in this bar
    BAR_WORST,
    BUDGET,  # lots that may still be traded in this bar
    EXIT_ORDER,  # order code of a market order for all that is left, -1 without
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
    N_UP,  # number of limit rungs
    N_DOWN,  # number of partial stop-outs
    SIZE,
) = range(44)

# Rows of the table of rungs, one column a rung.
(
    LEVEL,  # the order's price
    REACH,  # the price that fills it: one tick beyond under `through`
    LOTS,  # quantity not sold yet
    KIND,
    STATUS,
    UP,  # limit rungs from the lowest; the first N_UP places
    DOWN,  # partial stop-outs from the highest; the first N_DOWN places
    RUNG_ROWS,
) = range(8)

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
    B_NET_R,
    BOOK_COLUMNS,
) = range(10)
