"""The data of each plot, independent of drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.errors import ModelError
from exitladder.models.calibration.measures import probability_measures
from exitladder.models.calibration.measures import reliability as bins_of
from exitladder.plans.ladder import Ladder
from exitladder.plans.units import Distance, Target
from exitladder.plans.words import rung_in_words
from exitladder.statistics.shares import wilson_interval


def cumulative_r(net_r: pd.DataFrame) -> pd.DataFrame:
    """Return the cumulative net R of each policy, in time order.

    Parameters
    ----------
    net_r : DataFrame
        Index: time (of the exits, or of the entries). One column of net R per policy; NaN for a skipped
        trade, which adds nothing.

    Examples
    --------
    >>> index = pd.to_datetime(["2024-01-03", "2024-01-02"])
    >>> cumulative_r(pd.DataFrame({"a": [2.0, -1.0]}, index=index))["a"].tolist()
    [-1.0, 1.0]
    """
    ordered = net_r.sort_index(kind="stable").fillna(0.0).cumsum()
    return ordered.groupby(level=0).last() if ordered.index.has_duplicates else ordered


def underwater(curve: pd.Series) -> pd.Series:
    """Return the drawdown of a running sum at each point (0 or less); the sum starts at 0."""
    return curve - curve.cummax().clip(lower=0.0)


@dataclass(frozen=True)
class Capture:
    """Best open profit and realised result of each trade.

    `capture` is the ratio of sums over trades with an MFE above 0: a mean of ratios would be dominated by
    trades that hardly moved.
    """

    trades: pd.DataFrame
    capture: float


def mfe_against_exit(trades: pd.DataFrame) -> Capture:
    """Return mfe_r and r of the closed trades of a ``trades.csv`` table, and their capture."""
    closed = trades.loc[trades["status"] == "closed"] if "status" in trades else trades
    points = closed[["mfe_r", "r"]].astype(float).dropna()
    moved = points[points["mfe_r"] > 0]
    best = float(moved["mfe_r"].sum())
    return Capture(points, float(moved["r"].sum()) / best if best > 0 else float("nan"))


@dataclass(frozen=True)
class Reliability:
    """Reliability of predicted probabilities.

    Parameters
    ----------
    bins : DataFrame
        predicted (mean), observed (share), low, high (Wilson, 95%), n; one row per non-empty bin.
    histogram : DataFrame
        left, right, n: number of predictions in steps of 0.05.
    brier, log_loss, base_rate, calibration_error : float
        The calibration error is the mean absolute distance of observed from predicted, weighted by n.
    """

    bins: pd.DataFrame
    histogram: pd.DataFrame
    brier: float
    log_loss: float
    base_rate: float
    calibration_error: float


def reliability(outcome: npt.ArrayLike, predicted: npt.ArrayLike, n_bins: int = 10) -> Reliability:
    """Return the reliability of predicted probabilities, in bins with equal numbers of rows.

    Parameters
    ----------
    outcome : array, shape (n,)
        0 or 1; rows that are NaN in either array are ignored.
    predicted : array, shape (n,)
        Predicted probabilities.
    n_bins : int

    Returns
    -------
    Reliability

    Raises
    ------
    ModelError
        If no row has both a label and a prediction.
    """
    y, p = np.asarray(outcome, dtype=float), np.asarray(predicted, dtype=float)
    known = np.isfinite(y) & np.isfinite(p)
    y, p = y[known], p[known]
    if not len(y):
        raise ModelError("A calibration needs at least one row with a label and a prediction, but there is none.")
    table = bins_of(p, y, n_bins)
    low, high = wilson_interval(table["observed"].to_numpy(), table["n"].to_numpy(), 0.95)
    measures = probability_measures(p, y)
    steps = np.linspace(0, 1, 21)
    return Reliability(
        bins=table.assign(low=low, high=high)[["predicted", "observed", "low", "high", "n"]],
        histogram=pd.DataFrame({"left": steps[:-1], "right": steps[1:], "n": np.histogram(p, steps)[0]}),
        brier=measures["brier"],
        log_loss=measures["log_loss"],
        base_rate=measures["base_rate"],
        calibration_error=measures["calibration_error"],
    )


def leading_features(gain: Mapping[str, float], families: Mapping[str, str], top: int = 20) -> pd.DataFrame:
    """Return the most important features.

    Parameters
    ----------
    gain : mapping of str to float
        Total gain by feature.
    families : mapping of str to str
        Family by feature.
    top : int
        Maximum number of features.

    Returns
    -------
    DataFrame
        feature, family, share of the total gain; the most important first.
    """
    total = sum(gain.values())
    table = pd.DataFrame(
        {
            "feature": list(gain),
            "family": [families.get(name, "other") for name in gain],
            "share": [value / total if total > 0 else 0.0 for value in gain.values()],
        }
    )
    ordered = table.sort_values(["share", "feature"], ascending=[False, True], kind="stable")
    return ordered.head(top).reset_index(drop=True)


@dataclass(frozen=True)
class LadderStep:
    """A rung of the plot. `level` is in R; None if it is not known in advance."""

    number: int
    fraction: float
    text: str
    level: float | None


def ladder_steps(
    ladder: Ladder, r_per_atr: float | None = None, r_per_percent: float | None = None
) -> list[LadderStep]:
    """Return the rungs of a ladder with their targets in R, if known.

    Parameters
    ----------
    ladder : Ladder
    r_per_atr, r_per_percent : float, optional
        R per ATR, and per percent of the entry price (median of the trades); by default taken from the
        ladder's initial stop if it has that unit.

    Returns
    -------
    list of LadderStep
    """
    initial = ladder.stop.initial
    if initial is not None and initial.unit == "ATR" and r_per_atr is None:
        r_per_atr = 1 / initial.value
    if initial is not None and initial.unit == "%" and r_per_percent is None:
        r_per_percent = 1 / initial.value
    scale = {"R": 1.0, "ATR": r_per_atr, "%": r_per_percent}
    return [
        LadderStep(
            number=number,
            fraction=rung.fraction,
            text=rung_in_words(rung),
            level=_height(rung.target, scale),
        )
        for number, rung in enumerate(ladder.rungs, start=1)
    ]


def _height(target: Target | Distance | None, scale: Mapping[str, float | None]) -> float | None:
    factor = scale.get(target.unit) if target is not None else None
    return target.value * factor if target is not None and factor is not None else None


def distribution(net_r: Mapping[str, npt.ArrayLike]) -> dict[str, pd.DataFrame]:
    """Return the cumulative distribution of net R for each policy (r, share)."""
    result = {}
    for policy, values in net_r.items():
        r = np.asarray(values, dtype=float)
        r = np.sort(r[np.isfinite(r)])
        result[policy] = pd.DataFrame({"r": r, "share": np.arange(1, len(r) + 1) / max(len(r), 1)})
    return result


def rung_hits(fills: pd.DataFrame, trades: pd.DataFrame, n_rungs: int) -> pd.DataFrame:
    """Return the hit rate and mean result of each kind of exit.

    Parameters
    ----------
    fills : DataFrame
        With the columns of ``fills.csv``.
    trades : DataFrame
        With the columns of ``trades.csv``; skipped trades do not count.
    n_rungs : int
        Number of rungs; rungs that never filled are included.

    Returns
    -------
    DataFrame
        name, hit_rate (share of trades with such a fill), mean_r (mean over these trades of the R at which each sold,
        before costs, as in ``rungs`` of ``summary.json``), n (trades); rungs in order, then the other exits by
        frequency.
    """
    carried = trades[trades["status"] != "skipped"]
    n_trades = max(len(carried), 1)
    exits = fills[~fills["order"].isin(["entry", "add", "mark"]) & fills["trade_id"].isin(carried["trade_id"])]
    is_rung = exits["order"] == "rung"
    rungs = pd.to_numeric(exits["rung"], errors="coerce")
    named = exits.assign(name=exits["order"].where(~is_rung, "rung " + rungs.fillna(0).astype(int).astype(str)))
    by_id = carried.set_index("trade_id")
    trade = by_id.loc[named["trade_id"]]
    sign = np.where((trade["side"] == "long").to_numpy(), 1.0, -1.0)
    price_r = sign * (named["price"].to_numpy() - trade["entry_price"].to_numpy()) / trade["risk"].to_numpy()
    weight = named["quantity"].astype(float)
    weighted = named.assign(weight=weight, product=weight * price_r)
    # Within a trade by quantity, across trades each once: shares of one symbol and of another are no common unit.
    by_trade = weighted.groupby(["name", "trade_id"])[["weight", "product"]].sum()
    by_name = (by_trade["product"] / by_trade["weight"]).groupby("name")
    groups = pd.DataFrame({"n": by_name.count(), "mean_r": by_name.mean()})
    order = [f"rung {number}" for number in range(1, n_rungs + 1)]
    others = groups[~groups.index.isin(order)].sort_values("n", ascending=False, kind="stable").index
    table = groups.reindex([*order, *others])
    n = table["n"].fillna(0).astype(int)
    mean = table["mean_r"].to_numpy(dtype=float)
    return pd.DataFrame({"name": table.index, "hit_rate": n.to_numpy() / n_trades, "mean_r": mean, "n": n.to_numpy()})


def held_path(fills: pd.DataFrame) -> pd.DataFrame:
    """Return the quantity held and the average entry after the fills of each bar of a trade.

    Parameters
    ----------
    fills : DataFrame
        The trade's rows of ``fills.csv``, in order.

    Returns
    -------
    DataFrame
        held, average; by the bar's time stamp. The average is of all entries: an exit leaves it (docs/plans.md).
    """
    order, quantity, price = (fills[name] for name in ("order", "quantity", "price"))
    bought = order.isin(["entry", "add"]).to_numpy()
    amount = np.where((order == "mark").to_numpy(), 0.0, quantity.to_numpy(dtype=float))
    entered = np.cumsum(np.where(bought, amount, 0.0))
    cost = np.cumsum(np.where(bought, amount * price.to_numpy(dtype=float), 0.0))
    held = np.cumsum(np.where(bought, amount, -amount))
    table = pd.DataFrame({"held": held, "average": cost / entered}, index=pd.to_datetime(fills["bar_time"], utc=True))
    return table[~table.index.duplicated(keep="last")]


def trade_window(bars: pd.DataFrame, times: Sequence[pd.Timestamp], pad: int = 8, most: int = 300) -> pd.DataFrame:
    """Return the bars from shortly before the first to shortly after the last of these times.

    Parameters
    ----------
    bars : DataFrame
        With timestamp, open, high, low, close, in time order.
    times : sequence of Timestamp
        Entry, fills and exit of a trade.
    pad : int
        Bars shown before and after.
    most : int
        Maximum number of bars; beyond it, adjacent bars are merged.

    Returns
    -------
    DataFrame
    """
    stamps = pd.DatetimeIndex(bars["timestamp"])
    first = int(stamps.searchsorted(min(times), side="right")) - 1
    last = int(stamps.searchsorted(max(times), side="right")) - 1
    shown = bars.iloc[max(first - pad, 0) : last + pad + 1]
    together = -(-len(shown) // most)
    if together <= 1:
        return shown.reset_index(drop=True)
    groups = shown.groupby(np.arange(len(shown)) // together)
    return groups.agg({"timestamp": "first", "open": "first", "high": "max", "low": "min", "close": "last"})
