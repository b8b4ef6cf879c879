"""The numbers that the compiled kernels use for orders, states, policies and units.

Plain module constants, because compiled code reads them as literals. Names are those of the output files.
"""

from __future__ import annotations

from exitladder.plans.ladder import INTRABAR_POLICIES, STATE_SERIES
from exitladder.plans.units import OPERATORS

ORDERS = (
    "entry", "rung", "stop", "breakeven", "trail", "time", "liquidation", "mark", "session", "clock", "gap", "add",
    "limit", "daily_loss", "margin_call", "target",
)  # fmt: skip
ENTRY, RUNG, STOP, BREAKEVEN, TRAIL, TIME, LIQUIDATION, MARK, SESSION, CLOCK, GAP, ADD = range(12)
LIMIT_OF_RISK, DAILY_LOSS, MARGIN_CALL, TARGET = range(12, 16)  # of books (docs/design/books.md)

STATUS = ("closed", "open", "skipped")
CLOSED, OPEN, SKIPPED = range(3)

# Why a trade is skipped.
SKIP_REASONS = (
    "",
    "no_stop",  # neither the trade nor the ladder gives a stop, so there is no R
    "atr_unknown",  # the initial stop or the slippage needs an ATR that has not warmed up at the entry
    "stop_beyond_entry",  # R would be zero or negative
    "quantity_below_minimum",  # rounded down to the lot, nothing that may be ordered is left
    "no_bar_after_entry",  # no bar after the entry is known yet
    "exit_before_entry",  # own exits only
    "exit_outside_bar",  # own exits only: its price was not traded in its bar (E2)
    "above_maximum_size",  # the first entry alone is above the maximum size of the plan (PL7)
    "no_equity",  # size rules only (PL10): nothing is left in the account
    "no_edge",  # the Kelly fraction of the trades closed so far is 0 or below
    "volatility_unknown",  # too few bars before the entry, or bars that never move
    # Entries that a book leaves out (B3).
    "book_max_open",
    "book_margin",
    "book_daily_loss",
    "book_ruined",
    "book_regime",
)
(
    NOT_SKIPPED, NO_STOP, ATR_UNKNOWN, STOP_BEYOND_ENTRY, BELOW_MINIMUM, NO_BAR, EXIT_BEFORE_ENTRY, EXIT_OUTSIDE_BAR,
    ABOVE_MAXIMUM, NO_EQUITY, NO_EDGE, VOLATILITY_UNKNOWN, BOOK_MAX_OPEN, BOOK_MARGIN, BOOK_DAILY_LOSS, BOOK_RUINED,
    BOOK_REGIME,
) = range(17)  # fmt: skip

POLICIES = INTRABAR_POLICIES
STOP_FIRST, TARGET_FIRST, OHLC, NEARER_EXTREME, FINER_BARS = range(5)

UNITS = ("", "R", "ATR", "%", "price", "fib", "resistance", "support")
NO_UNIT, IN_R, IN_ATR, IN_PERCENT, IN_PRICE, IN_FIB, IN_RESISTANCE, IN_SUPPORT = range(8)

COMPARISONS = OPERATORS  # >=, <=, >, <
STATE_CODES = {name: -1 - k for k, name in enumerate(STATE_SERIES)}  # negative: trade state, else a row of Signals

# The kind of each rung for one trade, and its status.
# KEPT: a slice with neither target nor conditions (X10). REST: a signal rung that sells all that is left (X12).
INACTIVE, KEPT, LIMIT, STOP_OUT, SIGNAL, REST = range(6)
RESTING, PENDING, DONE, WITHOUT_SIZE, WITHDRAWN = range(5)  # WITHDRAWN: a stop took its quantity (X10)

# The kind of each add for one trade (PL1), and one more status: CHAINED waits for the fill of the add before it (PL5).
DEAD, AVERAGING, PYRAMIDING, SIGNALLED = range(4)
CHAINED = 5
# Where an add moves the stop, beside the units of a distance from its fill (PL6).
TO_AVERAGE, TO_AVERAGE_AND_COSTS = 10, 11

# Prices closer than this share of themselves are one price: 16 units in the last place, the most that
# computing a level from entry, stop and multiple can lose. A power of two, so that scaling stays exact.
SLACK = 2.0**-48
# X4a: conditions on r, and the MFE that arms a trail, count a price this close (times the entry price) as reached.
CONDITION_SLACK = 1e-10
# A quantity this close to a multiple of the lot (relative) is that multiple, for quantities are sums of many fills.
SNAP = 1e-10
# But never one farther away than this share of a lot, unless rounding errors alone are larger.
MOST_SNAP = 1e-3
# A price this close to a tick (relative) is on it: 64 units in the last place, what computing a level from entry, stop
# and a multiple of up to fifty can lose. Anything wider would round a price in the trader's favour (M3).
TICK_SNAP = 2.0**-46
# A remainder below this share of the entered quantity is dust of floating point, not a position.
DUST = 1e-9
