"""Summary of simulated trades: every measure with its confidence interval (summary.json)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.measures.cash import DAYS_PER_YEAR, CashFlow, cash_flow, money_per_point
from exitladder.measures.rungs import rung_measures
from exitladder.plans.ladder import Ladder
from exitladder.statistics.bootstrap import Resampling
from exitladder.statistics.drawdown import fall_as_share, fall_in_money
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import MIN_TRADES, in_order_of_time, nanoseconds, plan_resampling
from exitladder.statistics.ratios import Measure, Ratio, Sums, measure, sharpe_of_sums, sortino_of_sums, with_interval
from exitladder.statistics.tail import cvar_with_interval

CVAR_SHARE = 0.05
Interval = dict[str, float | None]


def summarise(
    trades: pd.DataFrame,
    fills: pd.DataFrame,
    ladder: Ladder,
    *,
    intervals: Intervals = Intervals(),
    policies: Mapping[str, npt.ArrayLike] | None = None,
    account: CashFlow | None = None,
) -> dict[str, Any]:
    """Return the measures of simulated trades as plain values for strict JSON.

    Parameters
    ----------
    trades, fills : DataFrame
        With the columns of trades.csv and fills.csv. Skipped trades are counted and otherwise ignored.
        **Open trades are marked to market** at the last close: excluding them would exclude exactly the
        winners that no exit has closed yet.
    ladder : Ladder
        The one that was simulated.
    intervals : Intervals
        Confidence, number of resamples and seed.
    policies : mapping of str to array of float, shape (n_trades,), optional
        Net R of each row of `trades` under each intrabar policy (NaN if skipped).
    account : CashFlow, optional
        The account marked at every close, from `exitladder.measures.marked.marked_account`; its equity at the start, if
        known, gives the drawdown as a share. By default results are booked at fills only, since the tables hold no
        prices between them.

    Returns
    -------
    dict
        Counts are plain numbers. Every measure is ``{"value", "low", "high"}``, the ends being those
        of its interval, with None if undefined (no losing trade: no profit
        factor) or what the trades are too few for (``min_trades_for_interval``). Losses are negative.

        ``n_trades`` (executed: closed and open), ``n_closed``, ``n_open``, ``n_skipped``,
        ``skipped_reasons``, ``closed_by``, ``n_fills``, ``n_ambiguous_trades``, ``n_ambiguous_bars``,
        ``n_breakeven_scratches`` (closed by the stop at the entry);
        ``expectancy_r`` mean net R per trade; ``win_rate`` share of trades with a **net** result above
        zero; ``profit_factor`` sum of net R won over sum lost; ``mean_win_r``, ``mean_loss_r``;
        ``sharpe_per_trade``, ``sortino_per_trade`` of net R, not annualised;
        ``sharpe_daily_annualised``, ``sortino_daily_annualised`` of the account's daily results, all
        calendar days; ``max_drawdown_r`` maximum drawdown of the sum of net R in
        order of exits, ``max_drawdown_account`` of the account in its currency,
        ``max_drawdown_account_share`` as a share of its peak (if `account` knows its equity at the start);
        ``cvar_5_r`` mean of the worst 5% of trades; ``mean_capture`` sum of net R over sum of MFE, for
        trades with MFE above zero; ``mean_of_capture_ratios`` the mean of the ratios per trade, which
        small MFEs dominate; ``mean_mfe_r``, ``mean_mae_r``, ``mean_give_back_r``, ``mean_bars_held``,
        ``fills_per_trade``; ``net_pnl``, ``commission``, ``slippage``, ``financing`` sums in account currency;
        ``cost_r`` mean commission, slippage and financing per trade in R; ``cost_share_of_gross`` costs as a share
        of the gross result, None if that is not positive; ``rungs`` see `rung_measures`; ``intrabar``
        the expectancy under each policy and the spread between the best and the worst;
        ``resampling`` the settings of the bootstrap.
    """
    carried = trades.loc[(trades["status"] != "skipped").to_numpy() & trades["r"].notna().to_numpy()]
    carried = carried.iloc[np.argsort(nanoseconds(carried["entry_time"]), kind="stable")]
    r = carried["r"].to_numpy(np.float64)
    mean, plan = plan_resampling(r, nanoseconds(carried["entry_time"]), intervals)
    tail = cvar_with_interval(r, plan, CVAR_SHARE)
    return {
        **_counts(trades, carried, fills),
        "expectancy_r": with_interval(mean.value, mean.low, mean.high),
        **_trade_measures(carried, fills, plan),
        "cvar_5_r": with_interval(*tail),
        "max_drawdown_r": _drawdown_r(carried, intervals),
        **_account_measures(account or cash_flow(carried, fills), len(r), intervals),
        "rungs": rung_measures(carried, fills, ladder, plan),
        "intrabar": _spread(policies or {}, trades, intervals),
        "resampling": {
            **asdict(intervals),
            "min_trades_for_interval": MIN_TRADES,
            "resampled": mean.resampled or None,
            "block": _plain(mean.block),
            "n_effective": _plain(mean.n_effective),
        },
    }


def _counts(trades: pd.DataFrame, carried: pd.DataFrame, fills: pd.DataFrame) -> dict[str, Any]:
    status = trades["status"]
    closed_by = carried.loc[(carried["status"] == "closed").to_numpy(), "reason"].value_counts()
    skipped = trades.loc[(status == "skipped").to_numpy(), "reason"].value_counts()
    ambiguous = carried["ambiguous_bars"].to_numpy(np.float64)
    return {
        "n_trades": len(carried),
        "n_closed": int((carried["status"] == "closed").sum()),
        "n_open": int((carried["status"] == "open").sum()),
        "n_skipped": int((status == "skipped").sum()),
        "skipped_reasons": {str(k): int(v) for k, v in skipped.items()},
        "closed_by": {str(k): int(v) for k, v in closed_by.items()},
        "n_breakeven_scratches": int(closed_by.get("breakeven", 0)),
        "n_fills": int((fills["order"] != "mark").sum()),
        "n_ambiguous_trades": int((ambiguous > 0).sum()),
        "n_ambiguous_bars": int(np.nansum(ambiguous)),
    }


def _trade_measures(trades: pd.DataFrame, fills: pd.DataFrame, plan: Resampling | None) -> dict[str, Any]:
    """Return what follows from sums over trades."""
    r = trades["r"].to_numpy(np.float64)
    mfe = trades["mfe_r"].to_numpy(np.float64)
    pnl = trades["pnl"].to_numpy(np.float64)
    kinds = ("commission", "slippage", "financing")
    row = pd.Index(trades["trade_id"]).get_indexer(pd.Index(fills["trade_id"]))
    commission, slippage, financing = (_cost_per_trade(len(trades), fills, row, kind) for kind in kinds)
    cost = commission + slippage + financing
    if "planned_risk" in trades:  # of a plan with adds
        unit = trades["planned_risk"].to_numpy(np.float64)
    else:
        unit = trades["risk"].to_numpy(np.float64) * trades["quantity"].to_numpy(np.float64) * money_per_point(trades)
    moved = mfe > 0
    columns: dict[str, npt.ArrayLike] = {
        "n": np.ones(len(r)),
        "r": r,
        "r_squared": r**2,
        "shortfall_squared": np.minimum(r, 0.0) ** 2,
        "wins": r > 0,
        "losses": r < 0,
        "won_r": np.maximum(r, 0.0),
        "lost_r": np.minimum(r, 0.0),
        "moved": moved,
        "moved_r": np.where(moved, r, 0.0),
        "moved_mfe_r": np.where(moved, mfe, 0.0),
        "capture": np.divide(r, mfe, out=np.zeros(len(r)), where=moved),
        "mfe_r": np.nan_to_num(mfe),
        "mae_r": np.nan_to_num(trades["mae_r"].to_numpy(np.float64)),
        "give_back_r": np.nan_to_num(trades["give_back_r"].to_numpy(np.float64)),
        "bars_held": np.nan_to_num(trades["bars_held"].to_numpy(np.float64)),
        "n_fills": np.nan_to_num(trades["n_fills"].to_numpy(np.float64)),
        "cost": cost,
        "cost_r": np.divide(cost, unit, out=np.zeros(len(r)), where=unit > 0),
        "gross": np.nan_to_num(pnl) + cost,
    }
    measures: dict[str, Measure] = {
        "win_rate": Ratio.share("wins", "n"),
        "profit_factor": _profit_factor,
        "mean_win_r": Ratio.mean("won_r", "wins"),
        "mean_loss_r": Ratio.mean("lost_r", "losses"),
        "sharpe_per_trade": partial(sharpe_of_sums, n="n", total="r", squares="r_squared"),
        "sortino_per_trade": partial(sortino_of_sums, n="n", total="r", shortfall_squares="shortfall_squared"),
        "mean_capture": Ratio("moved_r", "moved_mfe_r", cases="moved"),
        "mean_of_capture_ratios": Ratio.mean("capture", "moved"),
        "mean_mfe_r": Ratio("mfe_r", "n"),
        "mean_mae_r": Ratio("mae_r", "n"),
        "mean_give_back_r": Ratio("give_back_r", "n"),
        "mean_bars_held": Ratio("bars_held", "n"),
        "fills_per_trade": Ratio("n_fills", "n"),
        "cost_r": Ratio("cost_r", "n"),
        "cost_share_of_gross": _cost_share,
    }
    return {
        **measure(columns, measures, plan),
        "net_pnl": float(np.nansum(pnl)),
        "commission": float(commission.sum()),
        "slippage": float(slippage.sum()),
        "financing": float(financing.sum()),
        **({"dividends": float(np.nansum(trades["dividends"]))} if "dividends" in trades else {}),
    }


def _profit_factor(sums: Sums) -> FloatArray:
    return np.asarray(np.divide(sums["won_r"], -sums["lost_r"]))


def _cost_share(sums: Sums) -> FloatArray:
    # Without a gross profit, any cost exceeds all of it.
    return np.asarray(np.where(sums["gross"] > 0, sums["cost"] / sums["gross"], np.inf))


def _cost_per_trade(n_trades: int, fills: pd.DataFrame, row: npt.NDArray[np.intp], kind: str) -> FloatArray:
    """Return the sum of a kind of cost over the fills of each trade; `row` is the trade of each fill, -1 if none."""
    if kind not in fills:  # version 0.1 wrote no financing
        return np.zeros(n_trades)
    cost = np.nan_to_num(fills[kind].to_numpy(np.float64))
    return np.asarray(np.bincount(row[row >= 0], cost[row >= 0], n_trades), dtype=np.float64)


def _drawdown_r(trades: pd.DataFrame, intervals: Intervals) -> Interval:
    """Return the drawdown of the sum of net R; trades that end at the same moment are summed first."""
    if not len(trades):
        return with_interval(math.nan)
    leaving = trades["exit_time"]
    last = pd.Series(np.where(leaving.isna(), np.iinfo(np.int64).max, 0))
    when = np.where(last > 0, last, nanoseconds(leaving.fillna(trades["entry_time"])))
    _, place = np.unique(when, return_inverse=True)
    r = trades["r"].to_numpy(np.float64)
    booked = np.asarray(np.bincount(place, r), dtype=np.float64)
    value, low, high = fall_in_money(booked, _series_plan(booked, intervals))
    return with_interval(value, low, high) if len(r) >= MIN_TRADES else with_interval(value)


def _account_measures(cash: CashFlow | None, n_trades: int, intervals: Intervals) -> dict[str, Interval]:
    names = (
        "sharpe_daily_annualised",
        "sortino_daily_annualised",
        "max_drawdown_account",
        "max_drawdown_account_share",
    )
    if cash is None:
        return dict.fromkeys(names, with_interval(math.nan))
    daily = cash.daily()
    enough = n_trades >= MIN_TRADES and cash.n_days >= MIN_TRADES
    plan = _series_plan(daily, intervals)
    year = math.sqrt(DAYS_PER_YEAR)
    columns = {"n": np.ones(len(daily)), "pnl": daily, "squares": daily**2, "shortfall": np.minimum(daily, 0.0) ** 2}
    measures: dict[str, Measure] = {
        names[0]: lambda sums: year * sharpe_of_sums(sums, "n", "pnl", "squares"),
        names[1]: lambda sums: year * sortino_of_sums(sums, "n", "pnl", "shortfall"),
    }
    found = measure(columns, measures, plan if enough else None)
    # Falls are followed close by close; whole days are what is resampled.
    fine = Resampling(plan.unit[cash.day], plan.n_units, plan.block, intervals)
    fall = fall_in_money(cash.pnl, fine)
    found[names[2]] = with_interval(*(fall if enough else fall[:1]))
    share = fall_as_share(cash.pnl, fine, cash.start_equity) if cash.start_equity else (math.nan,)
    found[names[3]] = with_interval(*(share if enough else share[:1]))
    return found


def _series_plan(values: FloatArray, intervals: Intervals) -> Resampling:
    influence = values - values.mean()
    return Resampling.plan(np.arange(len(values)), influence, intervals)


def _spread(policies: Mapping[str, npt.ArrayLike], trades: pd.DataFrame, intervals: Intervals) -> dict[str, Any]:
    """Return the expectancy under each intrabar policy and the best's advantage over the worst."""
    results = {name: np.asarray(values, dtype=np.float64) for name, values in policies.items()}
    empty = {"n_trades": 0, "expectancy_r": {}, "best": None, "worst": None, "spread_r": with_interval(math.nan)}
    if not results:
        return empty
    common = ~np.isnan(np.column_stack(list(results.values()))).any(axis=1)
    time = trades["entry_time"]

    def mean_of(values: FloatArray) -> Interval:
        x, when = in_order_of_time(np.where(common, values, np.nan), time)
        found, _ = plan_resampling(x, when, intervals)
        return with_interval(found.value, found.low, found.high)

    if not common.any():
        return empty | {"expectancy_r": dict.fromkeys(results, with_interval(math.nan))}
    means = {name: float(values[common].mean()) for name, values in results.items()}
    best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    return {
        "n_trades": int(common.sum()),
        "expectancy_r": {name: mean_of(values) for name, values in results.items()},
        "best": best,
        "worst": worst,
        "spread_r": mean_of(results[best] - results[worst]),
    }


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
