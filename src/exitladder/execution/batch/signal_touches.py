"""When the conditions of signal rungs first hold, as the event numbers of `exitladder.execution.batch.kernel`.

The readings of a condition do not depend on the ladder (`stop_distance_r` does, and is left to the general kernel),
so each different set of conditions is searched for once per trade. Every comparison is turned into one kind,
``value >= threshold``: ``<=`` and ``<`` by changing signs, ``>`` and ``<`` by the next larger threshold, all of which
is exact. One pass along a series then finds when each of the thresholds is first reached, and only from the latest
of these on do the conditions of a set have to be checked together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, FloatTable, IntArray
from exitladder.execution.batch.packed import Path, TradeTerms
from exitladder.execution.batch.touches import NEVER
from exitladder.execution.kernel.bar_close import BARS_HELD, AtClose, slack_in_r, state_value
from exitladder.execution.kernel.compiled import counted
from exitladder.execution.kernel.packed import Readings, series_code, series_codes
from exitladder.plans.ladder import Ladder
from exitladder.plans.units import Condition


class Conditions(NamedTuple):
    """The different conditions of a batch.

    Parameters
    ----------
    series : int64 array, shape (n_rows,)
        Codes of the series that are read; `sign` is -1 if their smallest values are searched for.
    sign : float64 array, shape (n_rows,)
    strict : bool array, shape (n_rows,)
        Whether a value equal to the threshold is none that holds; the slack of X4a then counts against it.
    row_end : int64 array, shape (n_rows,)
        End of each row's comparisons.
    row : int64 array, shape (n_comparisons,)
        By row and within a row ascending by threshold, NaN last.
    threshold : float64 array, shape (n_comparisons,)
    set_end : int64 array, shape (n_sets,)
        End of each set's comparisons in `member`.
    member : int64 array, shape (n_members,)
    """

    series: IntArray
    sign: FloatArray
    strict: BoolArray
    row_end: IntArray
    row: IntArray
    threshold: FloatArray
    set_end: IntArray
    member: IntArray


def condition_sets(ladders: Sequence[Ladder]) -> dict[tuple[Condition, ...], int]:
    """Return the number of each different set of conditions."""
    sets: dict[tuple[Condition, ...], int] = {}
    for ladder in ladders:
        for rung in ladder.rungs:
            if rung.when:
                sets.setdefault(rung.when, len(sets))
    return sets


def make_conditions(ladders: Sequence[Ladder], series_names: Sequence[str]) -> Conditions:
    """Return the sets of conditions that the ladders' signal rungs wait for, in the order of `condition_sets`.

    Parameters
    ----------
    ladders : sequence of Ladder
    series_names : sequence of str
        Series of the signals.

    Returns
    -------
    Conditions

    Raises
    ------
    LadderError
        If a condition reads a series that the signals do not hold.
    """
    known = series_codes(series_names)
    for ladder in ladders:
        for j, rung in enumerate(ladder.rungs):
            for condition in rung.when:
                series_code(condition, known, j, ladder)
    sets = list(condition_sets(ladders))
    member_of = [((known[c.series], _sign(c), c.operator in (">", "<")), _least(c)) for when in sets for c in when]
    rows = sorted({row for row, _ in member_of})
    row_at = {row: k for k, row in enumerate(rows)}
    row_of = np.array([row_at[row] for row, _ in member_of], dtype=np.int64)
    least = np.array([value for _, value in member_of], dtype=np.float64)
    order = np.lexsort((least, row_of))
    # Equal comparisons of different sets are one.
    row, threshold = row_of[order], least[order]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (row[1:] != row[:-1]) | (threshold[1:] != threshold[:-1])
    member = np.empty(len(order), dtype=np.int64)
    member[order] = np.cumsum(new) - 1
    row = row[new]
    return Conditions(
        series=np.array([series for series, _, _ in rows], dtype=np.int64),
        sign=np.array([sign for _, sign, _ in rows], dtype=np.float64),
        strict=np.array([strict for _, _, strict in rows], dtype=np.bool_),
        row_end=np.searchsorted(row, np.arange(len(rows)), side="right").astype(np.int64),
        row=row,
        threshold=threshold[new],
        set_end=np.cumsum([len(conditions) for conditions in sets], dtype=np.int64),
        member=member,
    )


def _sign(condition: Condition) -> float:
    return 1.0 if condition.operator in (">=", ">") else -1.0


def _least(condition: Condition) -> float:
    """Return the least value, times the sign, with which a condition holds; NaN if none does."""
    threshold = _sign(condition) * condition.threshold
    if condition.operator in (">=", "<="):
        return threshold
    return float(np.nextafter(threshold, np.inf)) if threshold < np.inf else np.nan


@counted
def read_series(
    conditions: Conditions, readings: Readings, terms: TradeTerms, path: Path, closes: FloatArray
) -> FloatTable:
    """Return the readings of each row of `conditions` at the closes of a trade's bars, times its sign, with slack.

    Parameters
    ----------
    conditions : Conditions
    readings : Readings
    terms : TradeTerms
    path : Path
    closes : float64 array, shape (n_bars,)
        Of the market.

    Returns
    -------
    float64 array, shape (n_rows, n_bars - 1)
        Without the last bar: an order decided at its close would fill after the exit.
    """
    i, count, slack = terms.trade, terms.n_bars - 1, slack_in_r(terms.entry, terms.risk)
    out = np.empty((len(conditions.series), count))
    for r in range(len(conditions.series)):
        k, sign = conditions.series[r], conditions.sign[r]
        given = 0.0
        if k < 0 and k != BARS_HELD:
            given = -slack if conditions.strict[r] else slack
        worst = terms.entry
        for h in range(count):
            bar = terms.first + h
            if k < 0:
                worst = min(worst, path.low[h])
                close = terms.side * closes[bar]
                now = AtClose(close, terms.entry, terms.risk, path.best[h], worst, h + 1.0, np.nan, slack)
                out[r, h] = sign * state_value(k, now) + given
            elif readings.first[k, i] <= bar < readings.end[k, i]:
                out[r, h] = sign * readings.values[readings.base[k, i] + bar]
            else:
                out[r, h] = np.nan
    return out


@counted
def first_touch_conditions(conditions: Conditions, read: FloatTable, code: IntArray) -> None:
    """For every set of conditions write the market order's number: the open after the first close they all hold at.

    Parameters
    ----------
    conditions : Conditions
    read : float64 array, shape (n_rows, n_bars)
        From `read_series`.
    code : int64 array, shape (n_sets,)
        Written.
    """
    row, threshold, row_end = conditions.row, conditions.threshold, conditions.row_end
    set_end, member = conditions.set_end, conditions.member
    count = read.shape[1]
    earliest = np.full(len(threshold), count)
    c = 0
    for r in range(len(row_end)):
        h = 0
        while c < row_end[r] and h < count:
            if read[r, h] >= threshold[c]:
                earliest[c] = h
                c += 1
            else:
                h += 1
        c = row_end[r]
    start = 0
    for k in range(len(set_end)):
        end = set_end[k]
        h = 0
        for m in range(start, end):
            h = max(h, earliest[member[m]])
        # In turns: each condition moves on to its next bar, until none has to move.
        m, agreed = start, 0
        while h < count and agreed < end - start:
            r, least = row[member[m]], threshold[member[m]]
            agreed += 1
            if not read[r, h] >= least:
                agreed = 1
                h += 1
                while h < count and not read[r, h] >= least:
                    h += 1
            m = m + 1 if m + 1 < end else start
        code[k] = 4 * (h + 1) if h < count else NEVER
        start = end
