"""Results of trades under each of several ladders: the inputs of objectives and constraints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, FloatTable, IntArray, IntTable
from exitladder.clock import DAY_NS
from exitladder.execution import Simulation, simulate, simulate_many
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import STATUS
from exitladder.measures.marked import marked_account
from exitladder.measures.marked_days import MarkedDays, marked_days
from exitladder.measures.market_drift import drift_per_bar, drift_r
from exitladder.plans.ladder import Ladder, Stop
from exitladder.statistics.metrics import max_drawdown_of_sum
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
    n_fills : int64 array, shape (n_trades, n_ladders), or None
        The entry and every sale. This and the next are None if only net R was asked for.
    mfe_r : float64 array, shape (n_trades, n_ladders), or None
    gross_r : float64 array, shape (n_trades, n_ladders), or None
        Net R without any cost; None if it was not asked for.
    bars : int64 array, shape (n_trades, n_ladders), or None
        Bars in the market, with that of the last fill. This and the next are None if time was not asked for.
    capital_days : float64 array, shape (n_trades, n_ladders), or None
        Capital in R times days in the market, see `capital_in_r`.
    days : tuple of MarkedDays, one per ladder, or None
        The account's changes from day to day, 1R of the base at risk per trade; None if it was not asked for.
    drift_r : float64 array, shape (n_trades, n_ladders), or None
        What the market's drift alone would have made of each position, in the base's R; see
        `exitladder.measures.market_drift.drift_r`. None if it was not asked for.
    drawdown_r : float64 array, shape (n_ladders,), or None
        Maximum drawdown of that account at any close, not above 0; NaN without a trade. None if it was not asked for,
        or if these are only some of the trades: it is not a sum.
    """

    net_r: FloatArray
    entry_day: IntArray
    n_fills: IntArray | None = None
    mfe_r: FloatArray | None = None
    gross_r: FloatArray | None = None
    bars: IntArray | None = None
    capital_days: FloatArray | None = None
    days: tuple[MarkedDays, ...] | None = None
    drawdown_r: FloatArray | None = None
    drift_r: FloatArray | None = None

    def take(self, trades: npt.NDArray[np.bool_] | IntArray) -> Results:
        """Return the results of these trades (positions or mask)."""
        return Results(
            self.net_r[trades],
            self.entry_day[trades],
            _part(self.n_fills, trades),
            _part(self.mfe_r, trades),
            _part(self.gross_r, trades),
            _part(self.bars, trades),
            _part(self.capital_days, trades),
            None if self.days is None else tuple(each.take(trades) for each in self.days),
            drift_r=_part(self.drift_r, trades),
        )

    def of_ladders(self, ladders: npt.NDArray[np.bool_] | IntArray) -> Results:
        """Return the results under these ladders (positions or mask)."""
        columns = (slice(None), ladders)
        return Results(
            self.net_r[columns],
            self.entry_day,
            _part(self.n_fills, columns),
            _part(self.mfe_r, columns),
            _part(self.gross_r, columns),
            _part(self.bars, columns),
            _part(self.capital_days, columns),
            None if self.days is None else tuple(self.days[k] for k in np.arange(len(self.days))[ladders]),
            _part(self.drawdown_r, ladders),
            _part(self.drift_r, columns),
        )

    @classmethod
    def joined(cls, parts: Sequence[Results]) -> Results:
        """Return results of other trades under the same ladders as one."""
        return cls(
            np.concatenate([part.net_r for part in parts]),
            np.concatenate([part.entry_day for part in parts]),
            _joined([part.n_fills for part in parts]),
            _joined([part.mfe_r for part in parts]),
            _joined([part.gross_r for part in parts]),
            _joined([part.bars for part in parts]),
            _joined([part.capital_days for part in parts]),
            _joined_days([part.days for part in parts]),
            drift_r=_joined([part.drift_r for part in parts]),
        )


def _part(table: npt.NDArray[N] | None, where: Any) -> npt.NDArray[N] | None:
    return None if table is None else table[where]


def _joined(tables: Sequence[npt.NDArray[N] | None]) -> npt.NDArray[N] | None:
    known = [table for table in tables if table is not None]
    return np.concatenate(known) if known else None


def _joined_days(parts: Sequence[tuple[MarkedDays, ...] | None]) -> tuple[MarkedDays, ...] | None:
    known = [part for part in parts if part is not None]
    return tuple(MarkedDays.joined(each) for each in zip(*known, strict=True)) if known else None


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


def capital_in_r(placed: PlacedTrades, base: Ladder) -> FloatArray:
    """Return the capital that a trade ties up at its entry, in R: entry price over R per unit and over the leverage.

    The multiplier and the currency are those of R too, so they cancel. A position of 10,000 whose stop is 2% away risks
    200 and ties up 50 R, or 10 R at a leverage of 5.

    Parameters
    ----------
    placed : PlacedTrades
    base : Ladder
        Gives the initial stop of trades without one, and the leverage (0 means none).

    Returns
    -------
    float64 array, shape (n_trades,)
        In the base's R; NaN for a trade that has none.
    """
    # The engine's own R: a trade with the same stop that is left after a bar.
    shortest = Ladder(atr_window=base.atr_window, stop=Stop(initial=base.stop.initial, time=1), costs=base.costs)
    risk = simulate(placed, shortest).risk
    leverage = base.execution.leverage
    return np.asarray(np.abs(placed.trades.entry_price) / risk / (leverage if leverage > 0 else 1.0))


def days_in_market(placed: PlacedTrades, last_bar: IntTable) -> FloatTable:
    """Return the days, of 24 hours, from each entry to the close of the bar of its last fill, or of its mark.

    Parameters
    ----------
    placed : PlacedTrades
    last_bar : int64 array, shape (n_trades, n_ladders)
        -1 if a trade was skipped.

    Returns
    -------
    float64 array, shape (n_trades, n_ladders)
        0 if a trade was skipped.
    """
    held = placed.bars.close_time[last_bar] - placed.trades.entry_time[:, None]
    return np.where(last_bar >= 0, held / DAY_NS, 0.0)


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
    with_time: bool = False,
    with_days: bool = False,
    with_drawdown: bool = False,
    with_drift: bool = False,
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
        Whether to return the fills of each trade and its MFE.
    with_gross : bool
        Whether to return the results without costs; this executes everything once more.
    with_time : bool
        Whether to return the bars in the market and the capital days as well.
    with_days, with_drawdown, with_drift : bool
        Whether to return the account marked at closes, its maximum drawdown, and the market's drift. This executes
        every ladder on its own: batches keep no fills.
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
    marked: dict[str, Any] = {}
    if with_days or with_drawdown or with_drift:
        runs = (simulate(placed, ladder, signals) for ladder in ladders)
        per_bar = drift_per_bar(placed) if with_drift else None
        marked = _marked(runs, base, with_days=with_days, with_drawdown=with_drawdown, drift=per_bar)
    if not with_fills and not with_time:
        net_r = simulate_many(placed, ladders, signals, threads=threads)
        # A ladder's column in one piece: measures sum columns, and would else copy the table time and again.
        known = Results(np.asfortranarray(net_r * scale), entry_day, gross_r=gross)
        return replace(known, **marked)
    found = simulate_outcomes(placed, ladders, signals, threads=threads)
    # In place, and days looked up by bar: these tables can be large.
    found.net_r[:] *= scale
    found.mfe_r[:] *= scale
    return Results(
        found.net_r,
        entry_day,
        n_fills=found.n_fills,
        mfe_r=found.mfe_r,
        gross_r=gross,
        bars=found.bars_in_market(placed) if with_time else None,
        capital_days=_capital_days(placed, found.last_bar, base) if with_time else None,
        **marked,
    )


def _marked(
    runs: Iterable[Simulation], base: Ladder, *, with_days: bool, with_drawdown: bool, drift: FloatArray | None
) -> dict[str, Any]:
    """Return `days`, `drawdown_r` and `drift_r` of simulations, each made when the one before it is measured."""
    days, falls, drifts = [], [], []
    for done in runs:
        worth = base_risk(done.placed, done.ladder, base)
        if with_days:
            days.append(marked_days(done, worth))
        if with_drawdown:
            account = marked_account([done], [worth])
            falls.append(np.nan if account is None else max_drawdown_of_sum(account.pnl))
        if drift is not None:
            drifts.append(drift_r(done, drift) * worth)
    return {
        "days": tuple(days) if with_days else None,
        "drawdown_r": np.array(falls, dtype=np.float64) if with_drawdown else None,
        "drift_r": None if drift is None else np.stack(drifts, axis=1) if drifts else np.empty((0, 0)),
    }


def _capital_days(placed: PlacedTrades, last_bar: IntTable, base: Ladder) -> FloatTable:
    return np.asarray(capital_in_r(placed, base)[:, None] * days_in_market(placed, last_bar))


def results_of_simulation(
    simulation: Simulation,
    free: Simulation | None = None,
    base: Ladder | None = None,
    *,
    with_days: bool = False,
    with_drawdown: bool = False,
    with_drift: bool = False,
) -> Results:
    """Return the results of a simulation, such as that of the user's own exits, as a single column.

    Parameters
    ----------
    simulation : Simulation
    free : Simulation, optional
        The same without costs.
    base : Ladder, optional
        Needed for the capital days.
    with_days, with_drawdown, with_drift : bool
        Whether to return the account marked at closes, its maximum drawdown, and the market's drift.

    Returns
    -------
    Results
        Trades in order of their entries.
    """
    placed = simulation.placed
    order = np.argsort(placed.trades.entry_time, kind="stable")
    last = simulation.last_bar
    # Own exits are known as one fill each.
    fills = np.where(simulation.status == STATUS.index("skipped"), 0, simulation.n_fills)
    marked = _marked(
        [simulation],
        base or simulation.ladder,
        with_days=with_days,
        with_drawdown=with_drawdown,
        drift=drift_per_bar(placed) if with_drift else None,
    )
    if with_drift:
        marked["drift_r"] = marked["drift_r"][order]
    if with_days:
        marked["days"] = tuple(each.take(order) for each in marked["days"])
    return Results(
        simulation.r[order, None],
        (placed.trades.entry_time // DAY_NS)[order],
        n_fills=fills[order, None],
        mfe_r=simulation.mfe_r[order, None],
        gross_r=None if free is None else free.r[order, None],
        bars=simulation.bars_in_market[order, None],
        capital_days=None if base is None else _capital_days(placed, last[:, None], base)[order],
        **marked,
    )


def _scales(placed: PlacedTrades, ladders: Sequence[Ladder], base: Ladder) -> FloatArray:
    if all(ladder.stop.initial == base.stop.initial for ladder in ladders):
        return np.ones((1, 1))
    return np.stack([base_risk(placed, ladder, base) for ladder in ladders], axis=1)
