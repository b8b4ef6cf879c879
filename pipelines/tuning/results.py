"""Results of trades under each of several ladders: the inputs of objectives and constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.execution import Simulation, simulate_many
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import STATUS
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades

N = TypeVar("N", bound=np.generic)


@dataclass(frozen=True)
class Results:
    """Results of trades in order of their entries, one column per ladder.

    Parameters
    ----------
    net_r : float64 array, shape (n_trades, n_ladders)
        In units of the base ladder's risk, see `base_risk`; NaN if a trade was skipped.
    entry_day : int64 array, shape (n_trades,)
        Days since 1970 UTC.
    last_day : int64 array, shape (n_trades, n_ladders), or None
        Day of the last sale, or of the mark of a trade still open. This and the next two are None
        if only net R was asked for.
    n_fills : int64 array, shape (n_trades, n_ladders), or None
        The entry and every sale.
    mfe_r : float64 array, shape (n_trades, n_ladders), or None
    gross_r : float64 array, shape (n_trades, n_ladders), or None
        Net R without any cost; None if it was not asked for.
    """

    net_r: FloatArray
    entry_day: IntArray
    last_day: IntArray | None = None
    n_fills: IntArray | None = None
    mfe_r: FloatArray | None = None
    gross_r: FloatArray | None = None

    def take(self, trades: npt.NDArray[np.bool_] | IntArray) -> Results:
        """Return the results of these trades (positions or mask)."""
        return Results(
            self.net_r[trades],
            self.entry_day[trades],
            _part(self.last_day, trades),
            _part(self.n_fills, trades),
            _part(self.mfe_r, trades),
            _part(self.gross_r, trades),
        )

    def of_ladders(self, ladders: npt.NDArray[np.bool_] | IntArray) -> Results:
        """Return the results under these ladders (positions or mask)."""
        columns = (slice(None), ladders)
        return Results(
            self.net_r[columns],
            self.entry_day,
            _part(self.last_day, columns),
            _part(self.n_fills, columns),
            _part(self.mfe_r, columns),
            _part(self.gross_r, columns),
        )

    @classmethod
    def joined(cls, parts: Sequence[Results]) -> Results:
        """Return results of other trades under the same ladders as one."""
        return cls(
            np.concatenate([part.net_r for part in parts]),
            np.concatenate([part.entry_day for part in parts]),
            _joined([part.last_day for part in parts]),
            _joined([part.n_fills for part in parts]),
            _joined([part.mfe_r for part in parts]),
            _joined([part.gross_r for part in parts]),
        )


def _part(table: npt.NDArray[N] | None, where: Any) -> npt.NDArray[N] | None:
    return None if table is None else table[where]


def _joined(tables: Sequence[npt.NDArray[N] | None]) -> npt.NDArray[N] | None:
    known = [table for table in tables if table is not None]
    return np.concatenate(known) if known else None


def base_risk(placed: PlacedTrades, ladder: Ladder, base: Ladder) -> FloatArray:
    """Return the ladder's R in units of the base's, shape (n_trades,).

    A ladder with another initial stop has another R for trades without a stop of their own. The size of the position
    stays the same, so results are in units of the original risk, and a wider stop shows its larger losses.

    Parameters
    ----------
    placed : PlacedTrades
    ladder, base : Ladder

    Returns
    -------
    float64 array, shape (n_trades,)
        In units of the base's R; 1 for trades with a stop of their own.

    Raises
    ------
    ValueError
        If their initial stops have different units.

    Examples
    --------
    With a stop three ATR away instead of two, a full loss is one and a half base R.
    """
    own, other = ladder.stop.initial, base.stop.initial
    if own is None or other is None or own == other:
        return np.ones(len(placed))
    if own.unit != other.unit:
        raise ValueError(f"initial stops must have the same unit to share one R, but are {own} and {other}")
    return np.where(np.isfinite(placed.trades.stop_price), 1.0, own.value / other.value)


def net_r_of(
    placed: PlacedTrades, ladders: Sequence[Ladder], signals: Signals | None, base: Ladder, *, threads: int = 0
) -> FloatArray:
    """Return net R of every trade under every ladder in the base's R, shape (n_trades, n_ladders).

    Parameters
    ----------
    placed : PlacedTrades
    ladders : sequence of Ladder
    signals : Signals or None
        The series that the ladders read.
    base : Ladder
        Its risk is the unit.
    threads : int
        0 for all cores.

    Returns
    -------
    float64 array, shape (n_trades, n_ladders)
        In the base's R.
    """
    net_r = simulate_many(placed, ladders, signals, threads=threads)
    return np.asarray(net_r * _scales(placed, ladders, base))


def results_of(
    placed: PlacedTrades,
    ladders: Sequence[Ladder],
    signals: Signals | None,
    base: Ladder,
    *,
    with_fills: bool = False,
    with_gross: bool = False,
    threads: int = 0,
) -> Results:
    """Return the results of trades under every ladder.

    Parameters
    ----------
    placed : PlacedTrades
    ladders : sequence of Ladder
    signals : Signals or None
        The series that the ladders read.
    base : Ladder
        Its risk is the unit.
    with_fills : bool
        Whether to return the last day of each trade, its fills and its MFE.
    with_gross : bool
        Whether to return the results without costs; this executes everything once more.
    threads : int
        0 for all cores.

    Returns
    -------
    Results
        In the base's R; trades in order of their entries.
    """
    from exitladder.execution.many_ladders import simulate_outcomes

    order = np.argsort(placed.trades.entry_time, kind="stable")
    placed = placed.take(order)
    signals = signals.take(order) if signals is not None else None
    scale = _scales(placed, ladders, base)
    entry_day = placed.trades.entry_time // DAY_NS
    gross = None
    if with_gross:
        free = [replace(ladder, costs=ladder.costs.times(0.0)) for ladder in ladders]
        gross = np.asarray(simulate_many(placed, free, signals, threads=threads) * scale)
    if not with_fills:
        net_r = simulate_many(placed, ladders, signals, threads=threads)
        # A ladder's column in one piece: measures sum columns, and would else copy the table time and again.
        return Results(np.asfortranarray(net_r * scale), entry_day, gross_r=gross)
    found = simulate_outcomes(placed, ladders, signals, threads=threads)
    # In place, and days looked up by bar: these tables can be large.
    found.net_r[:] *= scale
    found.mfe_r[:] *= scale
    return Results(
        found.net_r,
        entry_day,
        last_day=(placed.bars.time // DAY_NS)[found.last_bar],
        n_fills=found.n_fills,
        mfe_r=found.mfe_r,
        gross_r=gross,
    )


def results_of_simulation(simulation: Simulation, free: Simulation | None = None) -> Results:
    """Return the results of a simulation, such as that of the user's own exits, as a single column.

    Parameters
    ----------
    simulation : Simulation
    free : Simulation, optional
        The same without costs.
    """
    placed = simulation.placed
    order = np.argsort(placed.trades.entry_time, kind="stable")
    is_open = simulation.status == STATUS.index("open")
    last = np.where(is_open, placed.end_bar - 1, simulation.exit_bar)
    # Own exits are known as one fill each.
    fills = np.where(simulation.status == STATUS.index("skipped"), 0, simulation.n_fills)
    return Results(
        simulation.r[order, None],
        (placed.trades.entry_time // DAY_NS)[order],
        last_day=(placed.bars.time[last] // DAY_NS)[order, None],
        n_fills=fills[order, None],
        mfe_r=simulation.mfe_r[order, None],
        gross_r=None if free is None else free.r[order, None],
    )


def _scales(placed: PlacedTrades, ladders: Sequence[Ladder], base: Ladder) -> FloatArray:
    if all(ladder.stop.initial == base.stop.initial for ladder in ladders):
        return np.ones((1, 1))
    return np.stack([base_risk(placed, ladder, base) for ladder in ladders], axis=1)
