"""One account with a limit on open positions or on capital: the trades that it can take, and their results."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.execution import ORDERS, STATUS, Simulation
from exitladder.measures.cash import DAYS_PER_YEAR
from exitladder.measures.marked import marked_account
from exitladder.settings.tables import AccountSettings
from exitladder.statistics.metrics import max_drawdown_of_sum, sharpe_ratio

_SALES = [k for k, name in enumerate(ORDERS) if name not in ("entry", "add", "mark")]
_ADD = ORDERS.index("add")
_SKIPPED = STATUS.index("skipped")
# Sums of money that agree to this share are equal: a limit that the entries reach exactly is kept.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Taken:
    """The trades that one account takes.

    Parameters
    ----------
    masks : tuple of bool array, shape (n_trades,)
        For each part, the trades taken.
    left_out : dict of str to int
        Number of trades that each limit forbids: ``max_open`` and ``capital``. If both do, ``max_open`` counts.
    """

    masks: tuple[BoolArray, ...]
    left_out: dict[str, int]

    @property
    def n_taken(self) -> int:
        """Number of trades taken."""
        return int(sum(mask.sum() for mask in self.masks))


def trades_taken(parts: Sequence[Simulation], limits: AccountSettings, leverage: float = 0.0) -> Taken:
    """Return the trades that one account takes in the order of their entries; what its limits forbid is left out.

    Parameters
    ----------
    parts : sequence of Simulation
    limits : AccountSettings
    leverage : float
        A position ties up its notional over this; 0 means all of it.

    Returns
    -------
    Taken
        Skipped trades are neither taken nor left out.

    Notes
    -----
    Entries at the same time come in the order of their trade_id, so the result does not depend on the order of rows. A
    sale frees its share of the capital, and the last sale frees the position, at the close of the bar that it fills in:
    an entry on the same bar, or before it closes, finds them still taken. An add ties up capital from the close of its
    bar on, even beyond the limit: the limit decides on entries. Capital is the notional at entry prices, with
    multiplier and currency, over the leverage; profits do not add to it, and losses do not reduce it.
    """
    kept = [np.flatnonzero(_executed(part)) for part in parts]
    sales = [_sales(part, leverage) for part in parts]
    orders = Entries(
        time=np.concatenate([part.placed.trades.entry_time[at] for part, at in zip(parts, kept, strict=True)]),
        trade_id=[str(part.placed.trades.trade_id[i]) for part, at in zip(parts, kept, strict=True) for i in at],
        needed=np.concatenate([part.notional[at] for part, at in zip(parts, kept, strict=True)])
        / (leverage if leverage > 0 else 1.0),
        sales=[found.get(int(i), []) for found, at in zip(sales, kept, strict=True) for i in at],
    )
    taken, left_out = entries_taken(orders, limits)
    masks = []
    for part, at, some in zip(parts, kept, np.split(taken, np.cumsum([len(at) for at in kept])[:-1]), strict=True):
        mask = np.zeros(len(part), dtype=np.bool_)
        mask[at[some]] = True
        masks.append(mask)
    return Taken(tuple(masks), left_out)


@dataclass(frozen=True)
class Entries:
    """Entries that wait for room in an account.

    Parameters
    ----------
    time : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.
    trade_id : list of str
    needed : float64 array, shape (n,)
        Capital that each ties up.
    sales : sequence of sequence of (int, int, float)
        For each, its sales: when they free something, positions freed (0 or 1) and capital freed.
    """

    time: IntArray
    trade_id: list[str]
    needed: FloatArray
    sales: Sequence[Sequence[tuple[int, int, float]]]


def entries_taken(entries: Entries, limits: AccountSettings) -> tuple[BoolArray, dict[str, int]]:
    """Return which entries one account takes, and how many each limit forbids; see `trades_taken`."""
    mask = np.zeros(len(entries.time), dtype=np.bool_)
    left_out = {"max_open": 0, "capital": 0}
    most_open = limits.max_open or math.inf
    most_capital = limits.capital * (1 + _ROUNDING) or math.inf
    held: list[tuple[int, int, float]] = []
    n_open, used = 0, 0.0
    for time, _, i in sorted(zip(entries.time.tolist(), entries.trade_id, range(len(mask)), strict=True)):
        while held and held[0][0] <= time:
            _, closed, freed = heapq.heappop(held)
            n_open, used = n_open - closed, used - freed
        if not n_open:
            used = 0.0
        needed = float(entries.needed[i])
        if n_open + 1 > most_open:
            left_out["max_open"] += 1
        elif used + needed > most_capital:
            left_out["capital"] += 1
        else:
            mask[i] = True
            n_open, used = n_open + 1, used + needed
            for sale in entries.sales[i]:
                heapq.heappush(held, sale)
    return mask, left_out


def _executed(part: Simulation) -> BoolArray:
    return np.asarray((part.status != _SKIPPED) & np.isfinite(part.r))


def _sales(part: Simulation, leverage: float) -> dict[int, list[tuple[int, int, float]]]:
    """Return for each trade when its sales free something: the time, positions and capital freed."""
    fills = part.fills
    is_add = fills.order == _ADD
    rows = np.flatnonzero(np.isin(fills.order, _SALES) | is_add)
    close = part.placed.bars.close_time
    is_closed = part.status == STATUS.index("closed")
    last_row = np.full(len(part), -1)
    last_row[fills.trade[rows]] = rows
    per_unit = part.notional / part.quantity / (leverage if leverage > 0 else 1.0)
    found: dict[int, list[tuple[int, int, float]]] = {}
    for row in rows:
        i = int(fills.trade[row])
        closed = int(is_closed[i] and row == last_row[i])
        freed = float(fills.quantity[row] * per_unit[i]) * (-1.0 if is_add[row] else 1.0)
        found.setdefault(i, []).append((int(close[fills.bar[row]]), closed, freed))
    return found


def account_result(parts: Sequence[Simulation], scales: Sequence[FloatArray], taken: Taken) -> dict[str, Any]:
    """Return the results of the trades that one account takes.

    Parameters
    ----------
    parts : sequence of Simulation
    scales : sequence of float64 array, shape (n_trades,)
        R of each trade in the unit of the results, see `exitladder.pipelines.tuning.results.base_risk`.
    taken : Taken

    Returns
    -------
    dict
        ``n_taken``, ``n_left_out``, ``left_out`` (by limit), ``total_r`` (sum of net R), ``r_per_bar`` (over the bars
        in the market), ``sharpe_daily`` (of the account's daily results in R, annualised), ``max_drawdown_r``,
        ``net_pnl`` and ``max_drawdown`` (both in account currency). Sharpe ratio and drawdowns are of the account
        marked at every close. None for what no trade or no variation leaves unknown.
    """
    r = sum(float((part.r * scale)[mask].sum()) for part, scale, mask in zip(parts, scales, taken.masks, strict=True))
    bars = sum(int(part.bars_in_market[mask].sum()) for part, mask in zip(parts, taken.masks, strict=True))
    in_r = marked_account(parts, [scale * mask for scale, mask in zip(scales, taken.masks, strict=True)])
    money = [np.where(mask, part.money_per_r, 0.0) for part, mask in zip(parts, taken.masks, strict=True)]
    in_money = marked_account(parts, money)
    found: dict[str, Any] = {
        "n_taken": taken.n_taken,
        "n_left_out": sum(taken.left_out.values()),
        "left_out": dict(taken.left_out),
        "total_r": r,
        "r_per_bar": r / bars if bars else math.nan,
        "sharpe_daily": math.nan if in_r is None else sharpe_ratio(in_r.daily(), DAYS_PER_YEAR),
        "max_drawdown_r": math.nan if in_r is None else max_drawdown_of_sum(in_r.pnl),
        "net_pnl": sum(float(part.pnl[mask].sum()) for part, mask in zip(parts, taken.masks, strict=True)),
        "max_drawdown": math.nan if in_money is None else max_drawdown_of_sum(in_money.pnl),
    }
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in found.items()}
