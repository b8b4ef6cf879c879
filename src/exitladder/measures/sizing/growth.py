"""A size rule against constant size on the same trades: growth, drawdown and risk of ruin."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.execution import STATUS, Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.measures.marked import marked_account
from exitladder.measures.sizing.fractions import fraction_curve
from exitladder.measures.sizing.planned import PlannedRisk
from exitladder.measures.sizing.resamples import lived_of, log_growth, order_of, replay_rule, resampling_of
from exitladder.measures.sizing.sized import Sized
from exitladder.plans.ladder import Ladder
from exitladder.plans.size import Size, size_in_words, without_size_rule
from exitladder.statistics.bootstrap import Resampling
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.ratios import with_interval
from exitladder.trades.trades import PlacedTrades

_YEAR_NS = 365.25 * DAY_NS
_SKIPPED = STATUS.index("skipped")
_SIZE_REASONS = ("quantity_below_minimum", "no_equity", "no_edge", "volatility_unknown", "above_maximum_size")


def constant_size(
    sized: Sized, placed: PlacedTrades, signals: Signals | None = None, *, finer: BarSet | None = None
) -> Simulation | None:
    """Return the same trades with one planned risk in money for all, None if no trade was taken.

    Parameters
    ----------
    sized : Sized
    placed : PlacedTrades
    signals : Signals, optional
    finer : BarSet, optional

    Returns
    -------
    Simulation
        The planned risk is the mean share of equity that the rule risked, times the starting equity; quantities are
        rounded down to the lot. Trades that the rule skipped are left out here too.
    """
    ladder = sized.ladder
    taken = np.flatnonzero(np.isfinite(sized.share))
    start = ladder.book.equity
    if not len(taken) or start is None:
        return None
    risk = float(sized.share[taken].mean()) * start
    planned = PlannedRisk(placed, replace(ladder, size=Size(maximum=ladder.size.maximum)))
    quantity = np.zeros(len(placed))
    for i in taken:
        quantity[i] = planned.quantity(int(i), risk, None)
    trades = replace(placed.trades, quantity=quantity)
    plan = replace(without_size_rule(ladder), size=Size(maximum=ladder.size.maximum))
    return simulate(replace(placed, trades=trades), plan, signals, finer=finer)


@dataclass(frozen=True)
class _Path:
    """The account of one way to size, in shares of the starting equity."""

    final: float
    growth: float
    annual: float
    drawdown: float


def sizing_summary(sized: Sized, constant: Simulation | None, intervals: Intervals) -> dict[str, Any]:
    """Return what the sizes of a plan did: growth, drawdown and ruin, beside constant size.

    Parameters
    ----------
    sized : Sized
    constant : Simulation or None
        From `constant_size`.
    intervals : Intervals

    Returns
    -------
    dict
        Plain values: ``rule``, ``n_trades``, ``n_skipped`` by reason, ``equity``; with a starting equity ``sized`` and
        ``constant`` (final equity, growth per trade and year, drawdown, risk of ruin), their ``difference`` with
        intervals, the ``ruin`` level and horizon, and ``fractions`` of the growth curve.
    """
    done, ladder = sized.simulation, sized.ladder
    reasons = [str(reason) for reason in done.reason[done.status == _SKIPPED]]
    taken = np.isfinite(sized.share)
    start = ladder.book.equity
    found: dict[str, Any] = {
        "rule": ladder.size.rule,
        "in_words": size_in_words(ladder.size) or "the quantities of the trades",
        "n_trades": int((done.status != _SKIPPED).sum()),
        "skipped": {name: reasons.count(name) for name in _SIZE_REASONS if name in reasons},
        "equity": start,
        "mean_share": float(sized.share[taken].mean()) if taken.any() else None,
        "max_share": float(sized.share[taken].max()) if taken.any() else None,
    }
    if start is None or constant is None:
        return found
    paths = _path(done, start), _path(constant, start)
    for name, path in zip(("sized", "constant"), paths, strict=True):
        found[name] = {
            "final_equity": path.final * start,
            "growth_per_trade": _plain(path.growth),
            "growth_per_year": _plain(path.annual),
            "max_drawdown": path.drawdown,
        }
    resampled = _resampled(sized, constant, intervals)
    if resampled is not None:
        _put_resampled(found, paths, resampled, (start, ladder.size.ruin))
    if ladder.size.rule in ("fraction", "kelly"):
        known = np.where(np.isfinite(done.r), done.r, sized.paper_r)
        found["fractions"] = fraction_curve(lived_of(sized, known, np.ones(len(known))), intervals)
    return found


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _path(done: Simulation, start: float) -> _Path:
    """Return how an account with these positions, marked at every close, ends."""
    taken = done.status != _SKIPPED
    account = marked_account([done], [done.money_per_r])
    final = 1.0 + float(done.pnl[taken].sum()) / start
    if account is None or not taken.any():
        return _Path(1.0, 0.0, 0.0, 0.0)
    equity = 1.0 + np.concatenate([[0.0], np.cumsum(account.pnl)]) / start
    fall = float(np.min(equity / np.maximum.accumulate(equity) - 1.0))
    if fall <= -1.0:
        final = 0.0  # lost everything on the way: what came later was not traded
    first = int(done.placed.trades.entry_time[taken].min())
    years = max(int(done.placed.bars.close_time[done.last_bar[taken]].max()) - first, 1) / _YEAR_NS
    log = math.log(final) if final > 0 else -math.inf
    growth = math.expm1(log / years) if log / years < 50 else math.inf
    return _Path(max(final, 0.0), log / int(taken.sum()), growth, max(fall, -1.0))


@dataclass(frozen=True)
class _Resampled:
    """Ends of the resamples, shape (n_bootstrap, 3) each: final equity, drawdown, ruined."""

    plan: Resampling
    sized: FloatArray
    constant: FloatArray
    n: int


def _resampled(sized: Sized, constant: Simulation, intervals: Intervals) -> _Resampled | None:
    """Return both ways to size on the same resamples of the trades; None with too few."""
    from exitladder.measures.sizing.replay import MONEY, Rule, replay

    done, start = sized.simulation, sized.ladder.book.equity
    assert start is not None
    rule, base = replay_rule(sized)
    r = np.where(np.isfinite(done.r), done.r, sized.paper_r)
    lived = lived_of(sized, r, base)
    used = order_of(sized, np.isfinite(r) & np.isfinite(base))
    plan = resampling_of(lived.r, lived.entry, lived.close, intervals)
    if plan is None:
        return None
    edges = np.searchsorted(plan.unit, np.arange(plan.n_units + 1))
    lived = lived._replace(edges=edges)
    fixed = lived._replace(
        r=np.where(np.isfinite(constant.r), constant.r, 0.0)[used],
        base=np.where(np.isfinite(constant.planned_risk), constant.planned_risk, 0.0)[used] / start,
    )
    level = 1.0 - sized.ladder.size.ruin
    ends: tuple[list[FloatArray], list[FloatArray]] = [], []
    for draws in plan.draws():
        ends[0].append(replay(draws, lived, rule, level))
        ends[1].append(replay(draws, fixed, Rule(MONEY), level))
    return _Resampled(plan, np.concatenate(ends[0]), np.concatenate(ends[1]), len(used))


def _put_resampled(
    found: dict[str, Any], paths: tuple[_Path, _Path], some: _Resampled, terms: tuple[float, float]
) -> None:
    """Put intervals, the risk of ruin and the differences into the summary.

    Parameters
    ----------
    found : dict
    paths : (_Path, _Path)
        Sized and constant.
    some : _Resampled
    terms : (float, float)
        Starting equity, and the share whose loss is ruin.
    """
    start, ruin = terms
    plan = some.plan
    for name, path, ends in zip(("sized", "constant"), paths, (some.sized, some.constant), strict=True):
        entry = found[name]
        entry["final_equity"] = _with(plan, path.final * start, ends[:, 0] * start)
        entry["growth_per_trade"] = _with(plan, path.growth, log_growth(ends, some.n))
        entry["risk_of_ruin"] = float(ends[:, 2].mean())
        entry["drawdown_95"] = float(np.quantile(ends[:, 1], 0.05))
    gain = paths[0].growth - paths[1].growth
    with np.errstate(invalid="ignore"):
        apart = log_growth(some.sized, some.n) - log_growth(some.constant, some.n)
    found["difference"] = {
        "growth_per_trade": _with(plan, gain, apart),
        "final_equity": _with(
            plan, (paths[0].final - paths[1].final) * start, (some.sized[:, 0] - some.constant[:, 0]) * start
        ),
        "max_drawdown": _with(plan, paths[0].drawdown - paths[1].drawdown, some.sized[:, 1] - some.constant[:, 1]),
        "risk_of_ruin": found["sized"]["risk_of_ruin"] - found["constant"]["risk_of_ruin"],
    }
    found["ruin"] = {
        "level": ruin,
        "equity": (1.0 - ruin) * start,
        "horizon_trades": some.n,
        "n_resamples": len(some.sized),
        "block": plan.block,
    }


def _with(plan: Resampling, value: float, resampled: FloatArray) -> dict[str, Any]:
    return with_interval(value, *plan.interval(value, resampled))


def is_accounted(ladder: Ladder) -> bool:
    """Whether a backtest shows the sizes of a plan: its rule or maximum depends on the book, or the equity is given."""
    return ladder.size.is_sized or ladder.book.equity is not None
