"""Ladders, trades, bars and signals as the flat arrays that the compiled kernels walk over.

Nothing is decided here; units are looked up and shapes are made. The kernel computes the price of each level
once per trade, from the facts known at the entry (`exitladder.execution.kernel.entry_facts`).

To add a setting of a ladder, add a column to `Plan.number` or `Plan.code`; of a rung, a column to
`Plan.rung_number` or `Plan.rung_code`. No signature changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, FloatTable, IntArray, IntTable
from exitladder.errors import LadderError, did_you_mean
from exitladder.execution.kernel.codes import (
    COMPARISONS,
    POLICIES,
    STATE_CODES,
    TO_AVERAGE,
    TO_AVERAGE_AND_COSTS,
    UNITS,
)
from exitladder.plans.adds import Add
from exitladder.plans.ladder import STATE_SERIES, Ladder, Rung
from exitladder.plans.units import Condition, Distance, Target

# Columns of Plan.number.
(
    N_INITIAL,
    N_BREAKEVEN,
    N_TRAIL,
    N_TRAIL_FROM,
    N_COMMISSION,
    N_PER_UNIT,
    N_FIXED,
    N_LEAST,
    N_SLIP_RATE,
    N_SLIP_TICKS,
    N_SLIP_ATR,
    N_FUNDING,
    N_BORROW,
    N_TICK,
    N_LOT,
    N_MINIMUM,
    N_PARTICIPATION,
    N_LEVERAGE,
    N_MARGIN,
    N_MAXIMUM,  # maximum size as a multiple of the first quantity, in units, and in price times quantity; 0 is none
    N_MAXIMUM_UNITS,
    N_MAXIMUM_MONEY,
    PLAN_NUMBERS,
) = range(23)
# Columns of Plan.code.
(
    C_RUNGS,
    C_INITIAL_UNIT,
    C_BREAKEVEN_AFTER,
    C_BREAKEVEN_UNIT,
    C_TRAIL_UNIT,
    C_TRAIL_AFTER,
    C_TIME,
    C_POLICY,
    C_THROUGH,
    C_ATR,
    C_SIGNALS,
    C_DUE,  # row of `Entries.due`, -1 without exits by the clock (X11)
    C_SLICES,  # number of rungs with their own stop or trail (X10); 0 skips all that slices need
    C_GROWS,  # 1 if the plan adds to positions or limits their size
    C_ADDS,
    C_SIGNAL_ADDS,
    C_AFTER_EXIT,
    C_UNTIL,  # bars in which adds may fill, 0 for all
    C_BREAKEVEN_FROM,  # 1 if break-even is measured from the average entry
    PLAN_CODES,
) = range(20)
# Columns of Plan.rung_number.
(
    RN_FRACTION,
    RN_TARGET,  # the target's value in its unit
    RN_STOP,  # a slice's own stop, trail and the MFE that arms it
    RN_TRAIL,
    RN_TRAIL_FROM,
    RUNG_NUMBERS,
) = range(6)
# Columns of Plan.rung_code.
(
    RC_UNIT,  # unit of the target, 0 for a signal rung
    RC_FIRST,  # the rung's conditions are those from RC_FIRST to RC_END
    RC_END,
    RC_REST,  # 1 if it sells all that is left (X12)
    RC_SLICE,  # 1 if it has a stop or a trail of its own (X10)
    RC_STOP_UNIT,
    RC_TRAIL_UNIT,
    RC_TRAIL_AFTER,  # from 0, -1 without
    RC_FOLLOW,
    RC_FROM_AVERAGE,
    RUNG_CODES,
) = range(11)
# Columns of Plan.add_number.
(
    AN_QUANTITY,  # multiple of the first quantity, units, price times quantity; 0 for the two that are not given
    AN_UNITS,
    AN_MONEY,
    AN_VALUE,
    AN_STOP,
    ADD_NUMBERS,
) = range(6)
# Columns of Plan.add_code.
(
    AC_UNIT,  # 0 for a signal add
    AC_CHAINED,
    AC_CURRENT,
    AC_STOP_UNIT,
    AC_FIRST,
    AC_END,
    ADD_CODES,
) = range(7)


_STOPS = {None: 0, "average": TO_AVERAGE, "average+costs": TO_AVERAGE_AND_COSTS}

# Columns of Entries.due.
D_BAR, D_LATE, D_ORDER, D_PASSED, DUE_COLUMNS = range(5)


class Timing(NamedTuple):
    """The exits of a ladder that the clock gives (X11): those fields of `exitladder.plans.ladder.Stop`."""

    hours: float | None
    sessions: int | None
    session_close: bool
    clock: str | None
    max_gap: float | None


class Plan(NamedTuple):
    """Ladders in rows.

    Parameters
    ----------
    number : float64 array, shape (n_ladders, PLAN_NUMBERS)
    code : int64 array, shape (n_ladders, PLAN_CODES)
        Rung numbers count from 0 here, -1 means none; `C_ATR` is a row of `Market.atr`.
    rung_number : float64 array, shape (n_ladders, max_rungs, RUNG_NUMBERS)
    rung_code : int64 array, shape (n_ladders, max_rungs, RUNG_CODES)
    series, comparison : int64 array, shape (n_conditions,)
        The conditions of all rungs, one after the other.
    threshold : float64 array, shape (n_conditions,)
    slices : bool, optional
        True if a rung of any ladder has its own stop or trail (X10). None by its type keeps all that slices need out
        of the compiled kernel: it is compiled several times faster.
    add_number : float64 array, shape (n_ladders, max_adds, ADD_NUMBERS)
    add_code : int64 array, shape (n_ladders, max_adds, ADD_CODES)
    grows : bool, optional
        True if any plan adds to positions or limits their size; otherwise None, as for `slices`.
    """

    number: FloatTable
    code: IntTable
    rung_number: FloatTable
    rung_code: IntTable
    series: IntArray
    comparison: IntArray
    threshold: FloatArray
    slices: bool | None
    add_number: FloatTable
    add_code: IntTable
    grows: bool | None


class Market(NamedTuple):
    """Bars of all symbols end to end, ATR by window, and the finer bars inside each bar.

    Parameters
    ----------
    open, high, low, close, volume : float64 array, shape (n_bars,)
    atr : float64 array, shape (n_windows, n_bars)
    finer_open, finer_high, finer_low, finer_close, finer_volume : float64 array, shape (n_finer_bars,)
    idle, finer_idle : bool array, shape (n_bars,), (n_finer_bars,)
        Whether nothing traded in a bar (S4a); empty where that is so of none.
    finer_first, finer_end : int64 array, shape (n_bars,)
        Bar t is made up of the finer bars from ``finer_first[t]`` to ``finer_end[t]``; equal if it has none.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    idle: BoolArray
    atr: FloatTable
    finer_open: FloatArray
    finer_high: FloatArray
    finer_low: FloatArray
    finer_close: FloatArray
    finer_volume: FloatArray
    finer_idle: BoolArray
    finer_first: IntArray
    finer_end: IntArray


class Entries(NamedTuple):
    """Trades in rows.

    Parameters
    ----------
    side : int64 array, shape (n_trades,)
        +1 long, -1 short.
    price, stop, quantity : float64 array, shape (n_trades,)
        Of the entry; `stop` is NaN if the trade has none of its own.
    entry_bar, first_bar, end_bar : int64 array, shape (n_trades,)
        Bar of the entry, first exposed bar (X6), and the end of the symbol's bars.
    known_bar : int64 array, shape (n_trades,)
        Last bar closed at or before the entry, -1 if there is none.
    finer_entry : int64 array, shape (n_trades,)
        First finer bar after an entry inside its bar, -1 if there is none.
    anchor, swing : float64 array, shape (n_trades,)
        Signed price of the last confirmed swing's end, and its length.
    levels : float64 array, shape (n_trades, n_levels)
        Signed prices of the confirmed swing levels beyond the entry, nearest first.
    supports : float64 array, shape (n_trades, n_supports)
        The same on the losing side of the entry, for adds.
    due : int64 array, shape (n_timings, n_trades, DUE_COLUMNS)
        From `exitladder.execution.clock_exits.clock_exits`.
    """

    side: IntArray
    price: FloatArray
    stop: FloatArray
    quantity: FloatArray
    entry_bar: IntArray
    first_bar: IntArray
    end_bar: IntArray
    known_bar: IntArray
    finer_entry: IntArray
    anchor: FloatArray
    swing: FloatArray
    levels: FloatTable
    supports: FloatTable
    due: IntTable


class Readings(NamedTuple):
    """The buffer of `exitladder.execution.signals.Signals`, with its names for the arrays."""

    values: FloatArray
    base: IntTable
    first: IntTable
    end: IntTable


class Inputs(NamedTuple):
    """Everything that a run over trades and ladders reads."""

    plan: Plan
    entries: Entries
    market: Market
    readings: Readings


class Ends(NamedTuple):
    """How trades ended, to be written by the kernels; of shape (n_trades, n_ladders).

    Parameters
    ----------
    last_bar : int64 array
        Bar of the last sale, or of the mark if the trade is still open; -1 if it was skipped.
    n_fills : int64 array
        The entry and every sale; 0 if it was skipped.
    mfe_r : float64 array
        NaN if it was skipped.
    """

    last_bar: IntTable
    n_fills: IntTable
    mfe_r: FloatTable


def atr_windows(ladders: Sequence[Ladder]) -> list[int]:
    """Return the ATR windows that the ladders use, in the order of the rows of `Market.atr`."""
    return sorted({ladder.atr_window for ladder in ladders})


def timings_of(ladders: Sequence[Ladder]) -> list[Timing]:
    """Return the different exits by the clock of some ladders, in the order of the rows of `Entries.due`."""
    return list(dict.fromkeys(timing_of(ladder) for ladder in ladders if ladder.stop.is_timed))


def timing_of(ladder: Ladder) -> Timing:
    """Return the exits by the clock of a ladder."""
    stop = ladder.stop
    return Timing(stop.hours, stop.sessions, stop.session_close, stop.clock, stop.max_gap)


def make_plan(
    ladders: Sequence[Ladder], series_names: Sequence[str], windows: Sequence[int], timings: Sequence[Timing] = ()
) -> Plan:
    """Return the ladders as arrays.

    Parameters
    ----------
    ladders : sequence of Ladder
    series_names : sequence of str
        Series of the signals that conditions may read.
    windows : sequence of int
        ATR windows, in bars, of the market that the ladders will be run on.
    timings : sequence of Timing
        Of the entries that they will be run on; those of these ladders are among them.

    Returns
    -------
    Plan

    Raises
    ------
    LadderError
        If a condition reads a series that the signals do not hold.
    """
    n, most = len(ladders), max((len(ladder.rungs) for ladder in ladders), default=0)
    number = np.array([_numbers(ladder) for ladder in ladders]).reshape(n, PLAN_NUMBERS)
    code = np.array([_codes(ladder, windows, timings) for ladder in ladders], dtype=np.int64).reshape(n, PLAN_CODES)
    rung_number = np.zeros((n, most, RUNG_NUMBERS))
    rung_code = np.zeros((n, most, RUNG_CODES), dtype=np.int64)
    known = series_codes(series_names)
    conditions: list[tuple[int, int, float]] = []
    for m, ladder in enumerate(ladders):
        for j, rung in enumerate(ladder.rungs):
            first = len(conditions)
            conditions += [
                (series_code(c, known, j, ladder), COMPARISONS.index(c.operator), c.threshold) for c in rung.when
            ]
            rung_number[m, j] = _rung_numbers(rung)
            rung_code[m, j] = _rung_codes(rung, first, len(conditions))
    most_adds = max((len(ladder.adds) for ladder in ladders), default=0)
    add_number = np.zeros((n, most_adds, ADD_NUMBERS))
    add_code = np.zeros((n, most_adds, ADD_CODES), dtype=np.int64)
    for m, ladder in enumerate(ladders):
        for k, add in enumerate(ladder.adds):
            first = len(conditions)
            conditions += [
                (series_code(c, known, k, ladder, "adds"), COMPARISONS.index(c.operator), c.threshold) for c in add.when
            ]
            add_number[m, k] = _add_numbers(add, ladder.costs.multiplier)
            add_code[m, k] = _add_codes(add, first, len(conditions))
    return Plan(
        number=number,
        code=code,
        rung_number=rung_number,
        rung_code=rung_code,
        series=np.array([c[0] for c in conditions], dtype=np.int64),
        comparison=np.array([c[1] for c in conditions], dtype=np.int64),
        threshold=np.array([c[2] for c in conditions], dtype=np.float64),
        slices=True if code[:, C_SLICES].any() else None,
        add_number=add_number,
        add_code=add_code,
        grows=True if code[:, C_GROWS].any() else None,
    )


def series_codes(series_names: Sequence[str]) -> dict[str, int]:
    """Return the codes of all series that conditions may read: rows of the signals, and negative trade state."""
    return {name: k for k, name in enumerate(series_names)} | STATE_CODES


def series_code(condition: Condition, known: Mapping[str, int], j: int, ladder: Ladder, part: str = "rungs") -> int:
    """Return the code of the series that a condition reads.

    Parameters
    ----------
    condition : Condition
    known : mapping of str to int
        From `series_codes`.
    j : int
        The rung or the add, from 0.
    ladder : Ladder
    part : {"rungs", "adds"}
        For messages.

    Returns
    -------
    int

    Raises
    ------
    LadderError
        If the series is not known.
    """
    if condition.series not in known:
        raise LadderError(
            f"{part}[{j + 1}] of ladder '{ladder.name}' reads the series '{condition.series}', which is neither "
            f"trade state ({', '.join(STATE_SERIES)}) nor among the given signals. "
            f"{did_you_mean(condition.series, known)}"
        )
    return known[condition.series]


def _value(distance: Distance | Target | None) -> float:
    return 0.0 if distance is None else float(distance.value)


def _unit(distance: Distance | Target | None) -> int:
    return 0 if distance is None else UNITS.index(distance.unit)


def _rung_numbers(rung: Rung) -> list[float]:
    return [rung.fraction, *(_value(length) for length in (rung.target, rung.stop, rung.trail, rung.trail_from))]


def _rung_codes(rung: Rung, first: int, end: int) -> list[int]:
    return [
        _unit(rung.target),
        first,
        end,
        int(rung.sells_rest),
        int(rung.is_slice),
        _unit(rung.stop),
        _unit(rung.trail),
        -1 if rung.trail_after is None else rung.trail_after - 1,
        int(rung.follow),
        int(rung.measured_from == "average"),
    ]


def _add_numbers(add: Add, multiplier: float) -> list[float]:
    # the kernels count in price times quantity; money is that times the multiplier (S8)
    money = 0.0 if add.money is None else add.money / multiplier
    stop = add.stop.value if isinstance(add.stop, Distance) else 0.0
    return [add.quantity or 0.0, add.units or 0.0, money, _value(add.at), stop]


def _add_codes(add: Add, first: int, end: int) -> list[int]:
    stop = _unit(add.stop) if isinstance(add.stop, Distance) else _STOPS[add.stop]
    return [_unit(add.at), int(add.spacing == "previous"), int(add.atr == "current"), stop, first, end]


def _numbers(ladder: Ladder) -> list[float]:
    stop, costs, execution = ladder.stop, ladder.costs, ladder.execution
    return [
        _value(stop.initial),
        _value(stop.breakeven_offset),
        _value(stop.trail),
        _value(stop.trail_from),
        costs.commission_bps / 1e4,
        # the kernels count in price times quantity; money is that times the multiplier (S8)
        costs.commission_per_unit / costs.multiplier,
        costs.commission_fixed / costs.multiplier,
        costs.commission_min / costs.multiplier,
        (costs.slippage_bps + costs.half_spread_bps) / 1e4,
        costs.slippage_ticks,
        costs.slippage_atr,
        costs.funding_bps_per_bar / 1e4,
        costs.borrow_bps_per_bar / 1e4,
        costs.tick,
        costs.lot,
        costs.min_quantity,
        execution.participation,
        execution.leverage,
        execution.maintenance_margin,
        ladder.size.maximum or 0.0,
        ladder.size.maximum_units or 0.0,
        (ladder.size.maximum_money or 0.0) / costs.multiplier,
    ]


def _codes(ladder: Ladder, windows: Sequence[int], timings: Sequence[Timing]) -> list[int]:
    stop, execution = ladder.stop, ladder.execution
    return [
        len(ladder.rungs),
        _unit(stop.initial),
        -1 if stop.breakeven_after is None else stop.breakeven_after - 1,
        _unit(stop.breakeven_offset),
        _unit(stop.trail),
        -1 if stop.trail_after is None else stop.trail_after - 1,
        stop.time or 0,
        POLICIES.index(execution.intrabar),
        int(execution.limit_fill == "through"),
        windows.index(ladder.atr_window),
        sum(rung.is_signal for rung in ladder.rungs),
        timings.index(timing_of(ladder)) if stop.is_timed else -1,
        sum(rung.is_slice for rung in ladder.rungs),
        int(ladder.is_plan),
        len(ladder.adds),
        sum(bool(add.when) for add in ladder.adds),
        int(ladder.add_rules.after_exit),
        ladder.add_rules.until_bars or 0,
        int(stop.breakeven_from == "average"),
    ]
