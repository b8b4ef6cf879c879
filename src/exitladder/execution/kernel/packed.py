"""Ladders, trades, bars and signals as the flat arrays that the compiled kernels walk over.

Nothing is decided here; units are looked up and shapes are made. What a level is in price is computed
by the kernel, once per trade, from what is known at the entry (`exitladder.execution.kernel.entry_facts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray, IntTable
from exitladder.errors import LadderError, did_you_mean
from exitladder.execution.kernel.codes import COMPARISONS, POLICIES, STATE_CODES, UNITS
from exitladder.plans.ladder import STATE_SERIES, Ladder
from exitladder.plans.units import Condition, Distance

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
) = range(19)
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
) = range(11)


class Plan(NamedTuple):
    """Ladders in rows.

    Parameters
    ----------
    number : float64 array, shape (n_ladders, 19)
    code : int64 array, shape (n_ladders, 11)
        Rung numbers count from 0 here, -1 means none; `C_ATR` is a row of `Market.atr`.
    fraction, value : float64 array, shape (n_ladders, max_rungs)
    unit : int64 array, shape (n_ladders, max_rungs)
        0 for a signal rung.
    condition_first, condition_end : int64 array, shape (n_ladders, max_rungs)
        Where each rung's conditions lie in the three flat arrays that follow.
    series, comparison : int64 array, shape (n_conditions,)
    threshold : float64 array, shape (n_conditions,)
    """

    number: FloatTable
    code: IntTable
    fraction: FloatTable
    value: FloatTable
    unit: IntTable
    condition_first: IntTable
    condition_end: IntTable
    series: IntArray
    comparison: IntArray
    threshold: FloatArray


class Market(NamedTuple):
    """Bars of all symbols end to end, ATR by window, and the finer bars inside each bar.

    `finer_first[t]` to `finer_end[t]` are the finer bars that make up bar t; equal where there are none.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    atr: FloatTable
    finer_open: FloatArray
    finer_high: FloatArray
    finer_low: FloatArray
    finer_close: FloatArray
    finer_volume: FloatArray
    finer_first: IntArray
    finer_end: IntArray


class Entries(NamedTuple):
    """Trades in rows. `known_bar` is the last bar closed at or before the entry, -1 where there is none.

    Prices of `anchor`, `swing` and `levels` are signed: a short is a long on negated prices.
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


class Readings(NamedTuple):
    """The buffer of `exitladder.execution.signals.Signals`."""

    values: FloatArray
    base: IntTable
    first: IntTable
    end: IntTable


class Ends(NamedTuple):
    """How trades ended, to be written by the kernels; of shape (n_trades, n_ladders).

    Parameters
    ----------
    last_bar : int64 array
        Bar of the last sale, or of the mark where a trade is still open; -1 where it was skipped.
    n_fills : int64 array
        The entry and every sale; 0 where it was skipped.
    mfe_r : float64 array
        NaN where it was skipped.
    """

    last_bar: IntTable
    n_fills: IntTable
    mfe_r: FloatTable


def atr_windows(ladders: Sequence[Ladder]) -> list[int]:
    """Return the ATR windows that the ladders use, in the order of the rows of `Market.atr`."""
    return sorted({ladder.atr_window for ladder in ladders})


def make_plan(ladders: Sequence[Ladder], series_names: Sequence[str], windows: Sequence[int]) -> Plan:
    """Return the ladders as arrays; `windows` are the ATR windows of the market they will be run on.

    Raises
    ------
    LadderError
        If a condition reads a series that the signals do not hold.
    """
    n, most = len(ladders), max((len(ladder.rungs) for ladder in ladders), default=0)
    fraction, value = np.zeros((n, most)), np.zeros((n, most))
    unit, first, end = (np.zeros((n, most), dtype=np.int64) for _ in range(3))
    known = series_codes(series_names)
    conditions: list[tuple[int, int, float]] = []
    for m, ladder in enumerate(ladders):
        for j, rung in enumerate(ladder.rungs):
            fraction[m, j] = rung.fraction
            if rung.target is not None:
                unit[m, j], value[m, j] = UNITS.index(rung.target.unit), rung.target.value
            first[m, j] = len(conditions)
            for c in rung.when:
                series = series_code(c, known, j, ladder)
                conditions.append((series, COMPARISONS.index(c.operator), c.threshold))
            end[m, j] = len(conditions)
    return Plan(
        number=np.array([_numbers(ladder) for ladder in ladders]).reshape(n, 19),
        code=np.array([_codes(ladder, windows) for ladder in ladders], dtype=np.int64).reshape(n, 11),
        fraction=fraction,
        value=value,
        unit=unit,
        condition_first=first,
        condition_end=end,
        series=np.array([c[0] for c in conditions], dtype=np.int64),
        comparison=np.array([c[1] for c in conditions], dtype=np.int64),
        threshold=np.array([c[2] for c in conditions], dtype=np.float64),
    )


def series_codes(series_names: Sequence[str]) -> dict[str, int]:
    """Return the codes of all series that conditions may read: rows of the signals, and negative trade state."""
    return {name: k for k, name in enumerate(series_names)} | STATE_CODES


def series_code(condition: Condition, known: Mapping[str, int], j: int, ladder: Ladder) -> int:
    """Return the code of the series that a condition of rung j reads.

    Raises
    ------
    LadderError
        If it is not among the known ones.
    """
    if condition.series not in known:
        raise LadderError(
            f"rungs[{j + 1}] of ladder '{ladder.name}' reads the series '{condition.series}', which is neither "
            f"trade state ({', '.join(STATE_SERIES)}) nor among the given signals. "
            f"{did_you_mean(condition.series, known)}"
        )
    return known[condition.series]


def _value(distance: Distance | None) -> float:
    return 0.0 if distance is None else float(distance.value)


def _unit(distance: Distance | None) -> int:
    return 0 if distance is None else UNITS.index(distance.unit)


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
    ]


def _codes(ladder: Ladder, windows: Sequence[int]) -> list[int]:
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
    ]
