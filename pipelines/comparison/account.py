"""The account with limited capital: what each exit makes of it when not every trade can be taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.measures.exposure import unit_notional
from exitladder.measures.limited import Entries, entries_taken
from exitladder.pipelines.comparison.outcomes import Bookings, calendar
from exitladder.pipelines.comparison.sources import Source
from exitladder.settings.tables import AccountSettings
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import nanoseconds
from exitladder.statistics.paired_days.days import DayResampling
from exitladder.statistics.paired_days.measures import compare_daily


def limits_for(first: Source, settings: AccountSettings) -> tuple[AccountSettings, str]:
    """Return the limits of the account and a sentence on them.

    Without ``[account]`` in the settings, the account has the capital that the first source tied up at most.
    """
    if settings.is_limited:
        parts = [f"{settings.max_open} open positions"] if settings.max_open else []
        parts += [f"{settings.capital:,.0f} of capital"] if settings.capital else []
        return settings, f"One account with at most {' and '.join(parts)} ([account])."
    most = first.exposure().get("capital_used") or 0.0
    return AccountSettings(capital=float(most)), (
        f"One account with {most:,.0f} of capital, the most that '{first.name}' tied up at one time; set another with "
        "--set account.capital=AMOUNT or account.max_open=N."
    )


@dataclass
class Account:
    """The account; it remembers the trades taken of a source, as the first one is compared with all others.

    Parameters
    ----------
    limits : AccountSettings
    """

    limits: AccountSettings
    _known: dict[str, tuple[pd.Index, BoolArray, dict[str, int]]] = field(default_factory=dict)

    def taken(self, source: Source, ids: pd.Index) -> tuple[BoolArray, dict[str, int]]:
        """Return `taken_trades` of these trades."""
        known = self._known.get(source.name)
        if known is None or not known[0].equals(ids):
            known = self._known[source.name] = (ids, *taken_trades(source, ids, self.limits))
        return known[1:]


def taken_trades(source: Source, ids: pd.Index, limits: AccountSettings) -> tuple[BoolArray, dict[str, int]]:
    """Return which of these trades the account takes, in the order of their entries; see `trades_taken`.

    A sale frees its capital at the close of its bar, whose length is the greatest common divisor of the times between
    bars with fills.

    Parameters
    ----------
    source : Source
        With fills.
    ids : Index
        Of trades with a result.
    limits : AccountSettings

    Returns
    -------
    mask : bool array, shape (n,)
    left_out : dict of str to int
        By limit.
    """
    assert source.fills is not None
    trades = source.trades.loc[ids]
    row = source.fills_of(ids)
    is_add = (source.fills["order"] == "add").to_numpy()
    kept = (source.is_sale | is_add) & (row >= 0)
    # an add ties its capital up from the close of its bar on
    sign = np.where(is_add, -1.0, 1.0)
    row, quantity = row[kept], (source.fills["quantity"].to_numpy(np.float64) * sign)[kept]
    when = source.fill_time[kept] + _bar_length(source.fill_time)
    per_unit = unit_notional(trades) / (source.leverage if source.leverage > 0 else 1.0)
    freed = quantity * per_unit[row]
    closed = (trades["status"] == "closed").to_numpy()
    last = np.full(len(ids), -1)
    last[row] = np.arange(len(row))
    is_last = (closed[row] & (last[row] == np.arange(len(row)))).astype(np.int64)
    entries = Entries(
        time=nanoseconds(trades["entry_time"]),
        trade_id=list(map(str, ids.to_numpy(dtype=object))),
        needed=trades["quantity"].to_numpy(np.float64) * per_unit,
        sales=_Sales.of(len(ids), row, when, is_last, freed),
    )
    return entries_taken(entries, limits)


class _Sales(Sequence[list[tuple[int, int, float]]]):
    """The sales of each trade, cut from one list only when they are asked for: a list per trade costs more.

    Parameters
    ----------
    flat : list of (int, int, float)
        By trade, in order of the fills.
    first : list of int
        Where those of each trade begin, and the end.
    """

    def __init__(self, flat: list[tuple[int, int, float]], first: list[int]) -> None:
        self._flat, self._first = flat, first

    @classmethod
    def of(cls, n: int, row: IntArray, when: IntArray, is_last: IntArray, freed: FloatArray) -> _Sales:
        """Return the sales of `n` trades from arrays with an entry per sale; `row` is the trade of each."""
        order = np.argsort(row, kind="stable")
        columns = (values[order].tolist() for values in (when, is_last, freed))
        first = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))]).tolist()
        return cls(list(zip(*columns, strict=True)), first)

    def __len__(self) -> int:
        return len(self._first) - 1

    @overload
    def __getitem__(self, i: int) -> list[tuple[int, int, float]]: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[list[tuple[int, int, float]]]: ...
    def __getitem__(self, i: int | slice) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        return self._flat[self._first[i] : self._first[i + 1]]


def _bar_length(bar_time: IntArray) -> int:
    between = np.diff(np.unique(bar_time))
    return int(np.gcd.reduce(between)) if len(between) else DAY_NS


def compare_accounts(
    sides: tuple[Source, Source],
    ids: pd.Index,
    booked: tuple[Bookings, Bookings],
    account: Account,
    intervals: Intervals,
) -> dict[str, Any] | None:
    """Return what the account makes of the same entries under two exits; None without fills or a limit.

    Parameters
    ----------
    sides : (Source, Source)
        Candidate and baseline.
    ids : Index
        Of the trades that count.
    booked : (Bookings, Bookings)
    account : Account
    intervals : Intervals

    Returns
    -------
    dict
        ``candidate`` and ``baseline`` (n_taken, n_left_out, left_out, total_r, r_per_taken) and ``measures``: the
        difference of ``r_per_year``, ``sharpe_daily`` and ``max_drawdown_r``, each with interval, of the R that fills
        booked; positions are not valued between fills.
    """
    if not account.limits.is_limited or any(not _has_fills(side) for side in sides) or not len(ids):
        return None
    entered = nanoseconds(sides[0].trades.loc[ids, "entry_time"])
    first, n_days = calendar(entered, booked)
    masks, found = [], {}
    for key, side in zip(("candidate", "baseline"), sides, strict=True):
        mask, left_out = account.taken(side, ids)
        r = side.trades.loc[ids, "r"].to_numpy(np.float64)[mask]
        masks.append(mask)
        found[key] = {
            "n_taken": int(mask.sum()),
            "n_left_out": int((~mask).sum()),
            "left_out": left_out,
            "total_r": float(r.sum()),
            "r_per_taken": float(r.mean()) if len(r) else None,
        }
    daily = [one.daily(first, n_days, mask) for one, mask in zip(booked, masks, strict=True)]
    apart = daily[0] - daily[1]
    day = entered // DAY_NS - first
    # Which trades are taken depends on the exits before, so the dependence is that of the bookings.
    days = DayResampling.of(day, np.zeros(len(day)), apart, intervals)
    measures = compare_daily(days, *daily)
    return found | {"measures": {name: one.to_mapping() for name, one in measures.items()}}


def _has_fills(source: Source) -> bool:
    return source.fills is not None and {"quantity", "entry_price"} <= set(source.trades)
