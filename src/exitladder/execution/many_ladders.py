"""Trades executed under many ladders at once, for tuning and for comparing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray, IntTable
from exitladder.bars.bars import BarSet
from exitladder.execution.contracts import contract_groups, tables_by_group
from exitladder.execution.dispatch import Written, blank_ends, prepare_run
from exitladder.execution.dividends import first_ex_bars, without_dividends
from exitladder.execution.kernel import codes as o
from exitladder.execution.one_ladder import simulate
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import Simulation
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import refuse_limits
from exitladder.runtime.progress import SILENT, Progress
from exitladder.runtime.threads import use_threads
from exitladder.trades.trades import PlacedTrades

# Pairs of trade and ladder held at once if only their moments are asked for: 64 MB.
PAIRS_AT_ONCE = 8_000_000


def simulate_many(
    placed: PlacedTrades,
    ladders: Sequence[Ladder],
    signals: Signals | None = None,
    *,
    finer: BarSet | None = None,
    progress: Progress = SILENT,
    threads: int = 0,
) -> FloatTable:
    """Return net r of every trade under every ladder, equal to the bit to ``simulate(...).r``.

    Parameters
    ----------
    placed : PlacedTrades
    ladders : sequence of Ladder
    signals : Signals, optional
        Holds the series that the ladders' signal rungs read, for these trades.
    finer : BarSet, optional
        Bars of a shorter interval, which the policy ``finer_bars`` walks.
    progress : Progress
    threads : int
        0 means all cores. The result does not depend on it.

    Returns
    -------
    float64 array, shape (n_trades, n_ladders)
        NaN if a trade was skipped.
    """
    if placed.bars.dividends is not None:
        return _with_dividends(placed, ladders, signals, finer, threads).net_r
    if groups := contract_groups(placed):
        (out,) = tables_by_group(
            lambda p, of, heard: (simulate_many(p, of, heard, finer=finer, progress=progress, threads=threads),),
            lambda p, ladder, heard: (simulate(p, ladder, heard, finer=finer).r,),
            groups, placed, ladders, signals,
        )  # fmt: skip
        return out
    out = np.empty((len(placed), len(ladders)))
    if out.size:
        run = prepare_run(placed, ladders, signals, finer)
        with use_threads(threads), progress.stage("simulations", out.size) as advance:
            run(np.arange(len(placed)), Written(out), advance)
    return out


@dataclass(frozen=True)
class Outcomes:
    """How trades ended, arrays of shape (n_trades, n_ladders).

    Parameters
    ----------
    net_r : float64 array
        NaN if a trade was skipped.
    last_bar : int64 array
        Bar number through the whole `BarSet` of the last sale, or of the mark if a trade is still
        open; -1 if it was skipped.
    n_fills : int64 array
        The entry and every sale; 0 if it was skipped.
    mfe_r : float64 array
        Best r reached while any quantity was open, before slippage; NaN if it was skipped.
    """

    net_r: FloatTable
    last_bar: IntTable
    n_fills: IntTable
    mfe_r: FloatTable

    def bars_in_market(self, placed: PlacedTrades) -> IntTable:
        """Return the bars that each of these trades was exposed to under every ladder; 0 if it was skipped.

        Every bar from the first exposed one (X6) to that of the last fill or the mark, as the engine counts them:
        equal to `exitladder.execution.Simulation.bars_in_market`.
        """
        counted = np.maximum(self.last_bar - placed.first_bar[:, None], 0) + 1
        return np.where(self.last_bar >= 0, counted, 0)


def simulate_outcomes(
    placed: PlacedTrades,
    ladders: Sequence[Ladder],
    signals: Signals | None = None,
    *,
    finer: BarSet | None = None,
    threads: int = 0,
) -> Outcomes:
    """Return how every trade ended under every ladder, equal to the bit to what `simulate` gives.

    Parameters
    ----------
    placed : PlacedTrades
    ladders : sequence of Ladder
    signals : Signals, optional
        Holds the series that the ladders' signal rungs read, for these trades.
    finer : BarSet, optional
        Bars of a shorter interval, which the policy ``finer_bars`` walks.
    threads : int
        0 means all cores. The result does not depend on it.

    Returns
    -------
    Outcomes

    Notes
    -----
    In batches, as `simulate_many`; net r alone costs less, and a third of the memory or less.
    """
    if placed.bars.dividends is not None:
        return _with_dividends(placed, ladders, signals, finer, threads)
    if groups := contract_groups(placed):

        def tables(p: PlacedTrades, of: Sequence[Ladder], heard: Signals | None) -> tuple[FloatTable, ...]:
            part = simulate_outcomes(p, of, heard, finer=finer, threads=threads)
            return part.net_r, part.last_bar, part.n_fills, part.mfe_r  # type: ignore[return-value]

        def alone(p: PlacedTrades, ladder: Ladder, heard: Signals | None) -> tuple[FloatArray, ...]:
            return outcome_columns(simulate(p, ladder, heard, finer=finer))

        return Outcomes(*tables_by_group(tables, alone, groups, placed, ladders, signals))  # type: ignore[arg-type]
    shape = (len(placed), len(ladders))
    net_r, ends = np.empty(shape), blank_ends(shape)
    if net_r.size:
        run = prepare_run(placed, ladders, signals, finer)
        with use_threads(threads), SILENT.stage("outcomes", net_r.size) as advance:
            run(np.arange(len(placed)), Written(net_r, ends), advance)
    return Outcomes(net_r, ends.last_bar, ends.n_fills, ends.mfe_r)


def _with_dividends(
    placed: PlacedTrades, ladders: Sequence[Ladder], signals: Signals | None, finer: BarSet | None, threads: int
) -> Outcomes:
    """Return how trades ended, dividends included: pairs held over an ex-date are executed fill by fill.

    Parameters
    ----------
    placed : PlacedTrades
    ladders : sequence of Ladder
    signals : Signals, optional
    finer : BarSet, optional
    threads : int

    Returns
    -------
    Outcomes
        A dividend changes no fill, so that only net r differs from a run without it.
    """
    found = simulate_outcomes(without_dividends(placed), ladders, signals, finer=finer, threads=threads)
    paying = first_ex_bars(placed)
    for m, ladder in enumerate(ladders):
        rows = np.flatnonzero(found.last_bar[:, m] >= paying)
        if len(rows):
            heard = None if signals is None else signals.take(rows)
            found.net_r[rows, m] = simulate(placed.take(rows), ladder, heard, finer=finer).r
    return found


def outcome_columns(done: Simulation) -> tuple[FloatArray, ...]:
    """Return net r, last bar, number of fills and best r of a simulation, as `Outcomes` counts them."""
    is_open, skipped = done.status == o.OPEN, done.status == o.SKIPPED
    last = np.where(is_open, done.placed.end_bar - 1, done.exit_bar)
    return done.r, np.where(skipped, -1, last), np.where(skipped, 0, done.n_fills), done.mfe_r


@dataclass(frozen=True)
class LadderMoments:
    """Summary of each ladder's net r over all trades; arrays of shape (n_ladders,).

    Parameters
    ----------
    n : int64 array
        Trades that count; skipped ones do not.
    mean_r, std_r : float64 array
        Mean and standard deviation (n - 1), NaN without trades.
    downside_r : float64 array
        Root mean square of the losses, gains counting as 0.
    win_rate : float64 array
        Share of trades with a net r above 0.
    worst_r, best_r : float64 array
    """

    n: IntArray
    mean_r: FloatArray
    std_r: FloatArray
    downside_r: FloatArray
    win_rate: FloatArray
    worst_r: FloatArray
    best_r: FloatArray


def simulate_moments(
    placed: PlacedTrades,
    ladders: Sequence[Ladder],
    signals: Signals | None = None,
    *,
    finer: BarSet | None = None,
    progress: Progress = SILENT,
    threads: int = 0,
) -> LadderMoments:
    """Return mean, spread and extremes of every ladder's net R; the memory used does not grow with the trades.

    Parameters
    ----------
    placed, ladders, signals, finer, progress, threads
        As in `simulate_many`; these are the moments of the columns that it returns.

    Returns
    -------
    LadderMoments
    """
    for ladder in ladders:
        refuse_limits(ladder, "A search over many ladders")
    n_ladders = len(ladders)
    sums = np.zeros((5, n_ladders))  # trades, r, r squared, losses squared, wins
    worst, best = np.full(n_ladders, np.inf), np.full(n_ladders, -np.inf)
    if len(placed) and n_ladders and (placed.bars.dividends is not None or contract_groups(placed)):
        rows = max(1, PAIRS_AT_ONCE // n_ladders)
        for start in range(0, len(placed), rows):
            which = np.arange(start, min(start + rows, len(placed)))
            taken, heard = placed.take(which), None if signals is None else signals.take(which)
            part = simulate_many(taken, ladders, heard, finer=finer, progress=progress, threads=threads)
            _add_moments(part, sums, worst, best)
    elif len(placed) and n_ladders:
        run = prepare_run(placed, ladders, signals, finer)
        rows = max(1, PAIRS_AT_ONCE // n_ladders)
        with use_threads(threads), progress.stage("simulations", len(placed) * n_ladders) as advance:
            for start in range(0, len(placed), rows):
                trades = np.arange(start, min(start + rows, len(placed)))
                part = np.empty((len(trades), n_ladders))
                run(trades, Written(part), advance)
                _add_moments(part, sums, worst, best)
    with np.errstate(divide="ignore", invalid="ignore"):
        n = sums[0]
        mean = sums[1] / n
        spread = np.sqrt(np.maximum(sums[2] - n * mean**2, 0.0) / (n - 1))
        none = n == 0
        return LadderMoments(
            n=n.astype(np.int64),
            mean_r=mean,
            std_r=np.where(n > 1, spread, np.nan),
            downside_r=np.sqrt(sums[3] / n),
            win_rate=sums[4] / n,
            worst_r=np.where(none, np.nan, worst),
            best_r=np.where(none, np.nan, best),
        )


def _add_moments(part: FloatTable, sums: FloatTable, worst: FloatArray, best: FloatArray) -> None:
    counts = np.isfinite(part)
    worst[:] = np.minimum(worst, np.where(counts, part, np.inf).min(axis=0))
    best[:] = np.maximum(best, np.where(counts, part, -np.inf).max(axis=0))
    np.copyto(part, 0.0, where=~counts)
    sums[0] += counts.sum(axis=0)
    sums[1] += part.sum(axis=0)
    sums[2] += np.einsum("ij,ij->j", part, part)
    sums[4] += (part > 0).sum(axis=0)
    np.minimum(part, 0.0, out=part)
    sums[3] += np.einsum("ij,ij->j", part, part)
