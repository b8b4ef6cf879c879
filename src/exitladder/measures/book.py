"""What a book did, in plain values for ``summary.json``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from exitladder.execution import Simulation
from exitladder.execution.book.book import BookResult
from exitladder.measures.marked import marked_account
from exitladder.statistics.metrics import max_drawdown_of_sum
from exitladder.statistics.risk.coverage import Coverage


def book_summary(result: BookResult, without: Simulation) -> dict[str, Any]:
    """Return the results of a book.

    Parameters
    ----------
    result : BookResult
    without : Simulation
        The same entries without limits of any kind, and with all the money they need.

    Returns
    -------
    dict
        ``equity_start``, ``equity_end``, ``net_pnl``, ``max_drawdown`` (money, at closes), ``max_drawdown_share`` (of
        the highest equity before it), ``max_exposure`` and ``max_margin_used`` (shares of equity, None without equity),
        ``max_open``, ``left_out`` (trades by reason), ``reductions`` and ``not_judged`` (by limit; those of ``target``
        are purchases too), ``n_margin_calls``, ``n_worst_calls``, ``n_daily_losses``, ``n_ended``, ``without_limits``
        (``net_pnl`` and ``max_drawdown``) and ``var_tests`` (the back-test of each value at risk that a limit reads).
    """
    curve = result.curve
    equity, start = curve.equity, result.simulation.ladder.book.equity
    with np.errstate(divide="ignore", invalid="ignore"):
        exposure = np.where(equity > 0, curve.exposure / equity, np.nan)
        margin = np.where(equity > 0, curve.margin_used / equity, np.nan)
    pnl = curve.pnl
    return {
        "equity_start": start,
        "equity_end": None if start is None else float(equity[-1]),
        "net_pnl": float(pnl[-1]),
        "max_drawdown": abs(max_drawdown_of_sum(np.diff(pnl, prepend=0.0))),
        "max_drawdown_share": None if start is None else float(np.max(1 - equity / np.maximum.accumulate(equity))),
        "max_exposure": None if start is None else _largest(exposure),
        "max_margin_used": None if start is None else _largest(margin),
        "max_open": int(curve.n_open.max()),
        "left_out": result.left_out,
        "reductions": result.fired,
        "not_judged": result.unknown,
        "n_margin_calls": result.n_margin_calls,
        "n_worst_calls": result.n_worst_calls,
        "n_daily_losses": result.n_daily_losses,
        "n_ended": result.n_ended,
        "without_limits": _without(without),
        "var_tests": {name: _test(found) for name, found in result.var_tests.items()},
    }


def _largest(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None


def _without(done: Simulation) -> dict[str, Any]:
    account = marked_account([done], [done.money_per_r])
    fall = math.nan if account is None else max_drawdown_of_sum(account.pnl)
    return {"net_pnl": float(np.nansum(done.pnl)), "max_drawdown": None if math.isnan(fall) else abs(float(fall))}


def _test(found: Coverage | None) -> dict[str, Any]:
    """Return the back-test of a value at risk; without figures if no loss has a forecast."""
    if found is None:
        return {"text": "No loss has a forecast: the history is shorter than the window."}
    return {
        "n_forecasts": found.n,
        "n_exceptions": found.n_exceptions,
        "expected": found.expected,
        "p_share": found.share.p,
        "p_independence": found.independence.p,
        "p_conditional": found.conditional.p,
        "p_durations": found.durations.p,
        "power_twice": found.power_twice,
        "size": found.size,
        "text": found.sentence(),
    }
