"""Prices after each exit. **Looks ahead by design**: a diagnostic of finished trades.

No decision may use it. No kernel, feature, label or search imports this module; a test enforces that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.simulation import Simulation

SHORTEST, LONGEST = 5, 60
"""A trade is followed for as many bars as it was held, within these limits."""
COLUMNS = (
    "trade_id",
    "horizon_bars",
    "after_bars",
    "is_cut",
    "last_fill_r",
    "after_best_r",
    "after_worst_r",
    "after_close_r",
    "next_rung",
    "next_rung_r",
    "is_first_target",
    "bars_to_next_rung",
    "bars_to_stop",
)


def after_exit(
    simulation: Simulation, *, bars: int | None = None, shortest: int = SHORTEST, longest: int = LONGEST
) -> pd.DataFrame:
    """Return the prices after the last fill of every closed trade, in R and in the trade's direction.

    **Looks ahead**: it covers bars after the trade, so it can evaluate an exit but never make one.

    Parameters
    ----------
    simulation : Simulation
    bars : int, optional
        Bars for which each trade is followed; by default as many as it was held.
    shortest, longest : int
        Limits of that default, in bars.

    Returns
    -------
    DataFrame
        One row per closed trade, in trade order. Bars count from 1, the bar after the last fill; the rest of the
        fill's own bar is excluded, because the order of prices within it is unknown.

        ``trade_id``; ``horizon_bars`` bars requested, ``after_bars`` bars available, ``is_cut`` whether they are
        fewer; ``last_fill_r`` price of the last fill, slippage included; ``after_best_r``, ``after_worst_r`` best
        and worst price of those bars and ``after_close_r`` the close of the last one, all before costs and NaN if
        no bar follows; ``next_rung``, ``next_rung_r`` the nearest limit rung still in the market and its price
        (missing if there was none), ``is_first_target`` whether no limit rung had filled before, which makes it
        the trade's first target; ``bars_to_next_rung``, ``bars_to_stop`` the bar that reached that rung and the
        bar that reached the **initial** stop, NaN if none did; a stop already reached during the trade counts as
        bar 0.

    Raises
    ------
    ValueError
        If a number of bars is not positive, or `shortest` exceeds `longest`.

    Notes
    -----
    A rung is reached at the price that fills it: with ``limit_fill = "through"`` one tick beyond its level.
    Liquidation, costs and further orders of the ladder are ignored: only the price is followed.
    """
    _check(bars, shortest, longest)
    trades = np.flatnonzero(simulation.status == o.CLOSED)
    held = simulation.bars_held[trades]
    horizon = np.clip(held, shortest, longest) if bars is None else np.full(len(trades), bars, dtype=np.int64)
    state = simulation.states[trades]
    entry, risk = state[:, s.ENTRY], state[:, s.RISK]
    rung, level, reach, is_first = _next_rungs(simulation.rungs[trades])
    exit_bar = simulation.exit_bar[trades]
    seen = np.minimum(horizon, simulation.placed.end_bar[trades] - 1 - exit_bar)
    path = _follow(simulation, exit_bar, seen, state[:, s.SIDE], reach, _reach_of_stop(state))
    last_fill = np.cumsum(simulation.n_rows)[trades] - 1

    def in_r(signed_price: FloatArray) -> FloatArray:
        return np.asarray((signed_price - entry) / risk)

    return pd.DataFrame(
        {
            "trade_id": simulation.placed.trades.trade_id[trades],
            "horizon_bars": horizon,
            "after_bars": seen,
            "is_cut": seen < horizon,
            "last_fill_r": simulation.price_r[last_fill],
            "after_best_r": in_r(path.best),
            "after_worst_r": in_r(path.worst),
            "after_close_r": in_r(path.close),
            "next_rung": pd.Series(rung + 1, dtype="Int64").where(rung >= 0),
            "next_rung_r": in_r(level),
            "is_first_target": is_first,
            "bars_to_next_rung": path.bars_to_rung,
            "bars_to_stop": np.where(state[:, s.WORST] <= _reach_of_stop(state), 0.0, path.bars_to_stop),
        },
        columns=list(COLUMNS),
    )


@dataclass(frozen=True)
class _Path:
    """Prices reached after the exits, signed by side; NaN if no bar follows or none reached the level."""

    best: FloatArray
    worst: FloatArray
    close: FloatArray
    bars_to_rung: FloatArray
    bars_to_stop: FloatArray


def _follow(
    simulation: Simulation, exit_bar: IntArray, seen: IntArray, side: FloatArray, reach: FloatArray, stop: FloatArray
) -> _Path:
    """Follow all trades at once, bar by bar after their exits."""
    market = simulation.placed.bars
    path = _Path(*(np.full(len(exit_bar), np.nan) for _ in range(5)))
    for k in range(1, int(seen.max(initial=0)) + 1):
        rows = np.flatnonzero(seen >= k)
        bar, up = exit_bar[rows] + k, side[rows] > 0
        high = np.where(up, market.high[bar], -market.low[bar])
        low = np.where(up, market.low[bar], -market.high[bar])
        path.best[rows] = np.fmax(path.best[rows], high)
        path.worst[rows] = np.fmin(path.worst[rows], low)
        path.close[rows] = side[rows] * market.close[bar]
        for reached, first in ((high >= reach[rows], path.bars_to_rung), (low <= stop[rows], path.bars_to_stop)):
            new = rows[reached & np.isnan(first[rows])]
            first[new] = k
    return path


def _next_rungs(rungs: FloatArray) -> tuple[IntArray, FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Return each trade's nearest limit rung still in the market, or withdrawn because a stop took its quantity.

    Its position (-1 if none), its signed price and the price that fills it (NaN if none), and whether no limit
    rung had filled before it.
    """
    n, _, n_rungs = rungs.shape
    none = np.full(n, np.nan)
    if not n_rungs:
        return np.full(n, -1, dtype=np.int64), none, none, np.zeros(n, dtype=np.bool_)
    is_limit = rungs[:, s.KIND] == o.LIMIT
    resting = is_limit & np.isin(rungs[:, s.STATUS], (o.RESTING, o.WITHDRAWN))
    nearest = np.argmin(np.where(resting, rungs[:, s.LEVEL], np.inf), axis=1)
    found, rows = resting.any(axis=1), np.arange(n)
    has_filled = (is_limit & (rungs[:, s.STATUS] == o.DONE)).any(axis=1)
    return (
        np.where(found, nearest, -1),
        np.where(found, rungs[rows, s.LEVEL, nearest], np.nan),
        np.where(found, rungs[rows, s.REACH, nearest], np.nan),
        found & ~has_filled,
    )


def _reach_of_stop(state: FloatArray) -> FloatArray:
    """Return the signed price at or below which the initial stop counts as reached."""
    return np.asarray(state[:, s.STOP] + np.abs(state[:, s.STOP]) * o.SLACK)


def _check(bars: int | None, shortest: int, longest: int) -> None:
    for name, value in {"bars": 1 if bars is None else bars, "shortest": shortest, "longest": longest}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1 bar, but is {value}.")
    if shortest > longest:
        raise ValueError(f"shortest must not be above longest, but is {shortest} with longest={longest}.")
