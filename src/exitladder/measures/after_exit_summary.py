"""Summary of prices after the exits: were exits too early, and what did break-even scratches miss.

Like `exitladder.measures.after_exit`, which it is based on, it looks ahead and must not inform any decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import nanoseconds, plan_resampling
from exitladder.statistics.ratios import Measure, Ratio, measure

Columns = dict[str, npt.NDArray[np.float64]]


def summarise_after_exit(
    after: pd.DataFrame, trades: pd.DataFrame, *, intervals: Intervals = Intervals()
) -> dict[str, Any]:
    """Return ``after_exit`` and ``breakeven_scratches`` of summary.json.

    Parameters
    ----------
    after : DataFrame
        From `exitladder.measures.after_exit.after_exit`.
    trades : DataFrame
        With the columns of trades.csv; those of `after` must be among them.
    intervals : Intervals
        Confidence, number of resamples and seed.

    Returns
    -------
    dict
        Measures are ``{"value", "low", "high"}``. They are based on the ``n_measured`` trades that could be
        followed over the whole horizon. Trades cut short by the end of the data (``n_cut``, of which
        ``n_without_bars`` have no bar at all) are excluded, because only their early events are visible.

        ``after_exit``: ``n_trades`` (closed), ``n_cut``, ``n_without_bars``, ``n_measured``,
        ``mean_horizon_bars``; ``mean_best_r``, ``mean_worst_r``, ``mean_close_r`` of the bars after the exit, in
        R from the entry; ``mean_change_r`` that close minus the last fill: if positive, the price on average kept
        moving in the trade's direction; ``mean_further_r`` the best price minus the last fill, available only in
        hindsight; ``n_without_target`` were closed before any target filled: ``n_stopped`` of them had reached
        the initial stop, and ``stopped_then_first_target`` is the share that then reached the first target;
        ``n_left_early`` had not, and ``left_then_first_target`` is the share that reached the first target
        before the initial stop, ``left_then_stop`` the share that reached the stop no later than the target;
        ``by_reason`` the changes by closing order.

        ``breakeven_scratches``: ``n`` trades closed by the break-even stop, ``share`` of closed trades; ``n_cut``,
        ``n_measured``; ``n_with_next_rung``, ``reached_next_rung_first`` share of those that then reached the next
        rung before the initial stop, ``reached_stop_first`` the initial stop no later than that rung, the rest
        neither; ``mean_best_r``, ``mean_close_r``, ``mean_change_r`` as above.
    """
    table = after.merge(trades[["trade_id", "entry_time", "reason"]], on="trade_id", how="left", validate="1:1")
    table = table.iloc[np.argsort(nanoseconds(table["entry_time"]), kind="stable")]
    whole = table.loc[~table["is_cut"].to_numpy(np.bool_)]
    columns = _columns(whole)
    reasons = sorted(whole["reason"].unique())
    measures = {**_MEASURES, **_of_reasons(columns, whole, reasons)}
    _, plan = plan_resampling(columns["change"], nanoseconds(whole["entry_time"]), intervals)
    found = measure(columns, measures, plan)
    return {
        "after_exit": {
            **_counts(table, whole),
            "mean_horizon_bars": float(whole["horizon_bars"].mean()) if len(whole) else None,
            "n_without_target": int(columns["without_target"].sum()),
            "n_stopped": int(columns["stopped"].sum()),
            "n_left_early": int(columns["left"].sum()),
            **{name: found[name] for name in _MEASURES if not name.startswith("scratch ")},
            "by_reason": {
                reason: {
                    "n": int(columns[f"is {reason}"].sum()),
                    "mean_change_r": found[f"change {reason}"],
                    "mean_further_r": found[f"further {reason}"],
                }
                for reason in reasons
            },
        },
        "breakeven_scratches": {
            **_scratch_counts(table, whole, columns, intervals),
            **{name.removeprefix("scratch "): found[name] for name in _MEASURES if name.startswith("scratch ")},
        },
    }


_MEASURES: dict[str, Measure] = {
    "mean_best_r": Ratio.mean("best", "n"),
    "mean_worst_r": Ratio.mean("worst", "n"),
    "mean_close_r": Ratio.mean("close", "n"),
    "mean_change_r": Ratio.mean("change", "n"),
    "mean_further_r": Ratio.mean("further", "n"),
    "left_then_first_target": Ratio.share("left_rung_first", "left"),
    "left_then_stop": Ratio.share("left_stop_first", "left"),
    "stopped_then_first_target": Ratio.share("stopped_then_target", "stopped"),
    "scratch reached_next_rung_first": Ratio.share("scratch_rung_first", "scratch_with_rung"),
    "scratch reached_stop_first": Ratio.share("scratch_stop_first", "scratch_with_rung"),
    "scratch mean_best_r": Ratio.mean("scratch_best", "scratch"),
    "scratch mean_close_r": Ratio.mean("scratch_close", "scratch"),
    "scratch mean_change_r": Ratio.mean("scratch_change", "scratch"),
}


def _columns(whole: pd.DataFrame) -> Columns:
    """Return the columns that the measures sum, one value per trade followed over the whole horizon."""

    def column(name: str) -> npt.NDArray[np.float64]:
        return whole[name].to_numpy(np.float64)

    never = np.inf
    to_rung = np.where(np.isnan(column("bars_to_next_rung")), never, column("bars_to_next_rung"))
    to_stop = np.where(np.isnan(column("bars_to_stop")), never, column("bars_to_stop"))
    # A bar that reaches both counts as having reached the stop first.
    rung_first = to_rung < to_stop
    stop_first = (to_stop <= to_rung) & (to_stop < never)
    best, close, last = column("after_best_r"), column("after_close_r"), column("last_fill_r")
    without_target = whole["is_first_target"].to_numpy(np.bool_)
    stopped, left = without_target & (to_stop == 0), without_target & (to_stop > 0)
    scratch = (whole["reason"] == "breakeven").to_numpy(np.bool_)
    with_rung = scratch & whole["next_rung"].notna().to_numpy(np.bool_)
    found: Mapping[str, npt.ArrayLike] = {
        "n": np.ones(len(whole)),
        "best": best,
        "worst": column("after_worst_r"),
        "close": close,
        "change": close - last,
        "further": best - last,
        "without_target": without_target,
        "left": left,
        "left_rung_first": left & rung_first,
        "left_stop_first": left & stop_first,
        "stopped": stopped,
        "stopped_then_target": stopped & (to_rung < never),
        "scratch": scratch,
        "scratch_with_rung": with_rung,
        "scratch_rung_first": with_rung & rung_first,
        "scratch_stop_first": with_rung & stop_first,
        "scratch_best": np.where(scratch, best, 0.0),
        "scratch_close": np.where(scratch, close, 0.0),
        "scratch_change": np.where(scratch, close - last, 0.0),
    }
    return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}


def _of_reasons(columns: Columns, whole: pd.DataFrame, reasons: list[str]) -> dict[str, Measure]:
    """Add each reason's columns and return its measures."""
    measures: dict[str, Measure] = {}
    for reason in reasons:
        is_it = np.asarray(whole["reason"] == reason, dtype=np.float64)
        columns[f"is {reason}"] = is_it
        for kind in ("change", "further"):
            columns[f"{kind} of {reason}"] = is_it * columns[kind]
            measures[f"{kind} {reason}"] = Ratio.mean(f"{kind} of {reason}", f"is {reason}")
    return measures


def _counts(table: pd.DataFrame, whole: pd.DataFrame) -> dict[str, int]:
    return {
        "n_trades": len(table),
        "n_cut": len(table) - len(whole),
        "n_without_bars": int((table["after_bars"] == 0).sum()),
        "n_measured": len(whole),
    }


def _scratch_counts(table: pd.DataFrame, whole: pd.DataFrame, columns: Columns, intervals: Intervals) -> dict[str, Any]:
    """Count scratches among all closed trades, cut or not: they are known at the exit."""
    scratch = np.asarray(table["reason"] == "breakeven", dtype=np.float64)
    _, plan = plan_resampling(scratch, nanoseconds(table["entry_time"]), intervals)
    share = {"share": Ratio.share("scratch", "n")}
    n_measured = int(columns["scratch"].sum())
    return {
        "n": int(scratch.sum()),
        **measure({"scratch": scratch, "n": np.ones(len(table))}, share, plan),
        "n_cut": int(scratch.sum()) - n_measured,
        "n_measured": n_measured,
        "n_with_next_rung": int(columns["scratch_with_rung"].sum()),
    }
