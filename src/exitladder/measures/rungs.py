"""Hit rate and result of each rung of a ladder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.plans.ladder import Ladder
from exitladder.plans.words import trigger_of
from exitladder.statistics.bootstrap import Resampling
from exitladder.statistics.ratios import Ratio, measure


def rung_measures(
    trades: pd.DataFrame, fills: pd.DataFrame, ladder: Ladder, plan: Resampling | None
) -> list[dict[str, Any]]:
    """Return the measures of each rung, in ladder order.

    Parameters
    ----------
    trades : DataFrame
        With the columns of trades.csv, without skipped trades, in the order of the plan.
    fills : DataFrame
        With the columns of fills.csv.
    ladder : Ladder
    plan : Resampling or None
        None gives values without intervals.

    Returns
    -------
    list of dict
        The measures of one rung each, by name.
    """
    n, n_rungs = len(trades), len(ladder.rungs)
    hit, price_r = _by_trade_and_rung(trades, fills, n_rungs)
    columns: dict[str, FloatArray] = {"n": np.ones(n)}
    measures = {}
    for k in range(n_rungs):
        before = f"hit_{k}" if k else "n"
        columns[f"hit_{k + 1}"] = hit[:, k]
        columns[f"r_{k + 1}"] = price_r[:, k]
        columns[f"both_{k + 1}"] = hit[:, k] * (hit[:, k - 1] if k else 1.0)
        measures[f"hit_rate {k}"] = Ratio.share(f"hit_{k + 1}", "n")
        measures[f"hit_rate_given_previous {k}"] = Ratio.share(f"both_{k + 1}", before)
        measures[f"mean_r {k}"] = Ratio.mean(f"r_{k + 1}", f"hit_{k + 1}")
    found = measure(columns, measures, plan)
    return [
        {
            "rung": k + 1,
            "fraction": float(rung.fraction),
            "trigger": rung.trigger or trigger_of(rung),
            "n_hits": int(hit[:, k].sum()),
            "hit_rate": found[f"hit_rate {k}"],
            "hit_rate_given_previous": found[f"hit_rate_given_previous {k}"],
            "mean_r": found[f"mean_r {k}"],
        }
        for k, rung in enumerate(ladder.rungs)
    ]


def _by_trade_and_rung(trades: pd.DataFrame, fills: pd.DataFrame, n_rungs: int) -> tuple[FloatArray, FloatArray]:
    """Return whether each rung filled and at which R (0 if not), both shape (n_trades, n_rungs)."""
    shape = (len(trades), n_rungs)
    fills = fills.loc[(fills["order"] == "rung").to_numpy()]
    row = pd.Index(trades["trade_id"]).get_indexer(pd.Index(fills["trade_id"]))
    rung = pd.to_numeric(fills["rung"]).fillna(0).to_numpy(np.float64).astype(np.int64) - 1
    known = (row >= 0) & (rung >= 0) & (rung < n_rungs)
    cell = row[known] * n_rungs + rung[known]
    quantity = fills["quantity"].to_numpy(np.float64)[known]
    price = fills["price"].to_numpy(np.float64)[known]
    side = np.where((trades["side"] == "long").to_numpy(), 1.0, -1.0)[row[known]]
    entry = trades["entry_price"].to_numpy(np.float64)[row[known]]
    risk = trades["risk"].to_numpy(np.float64)[row[known]]
    size = shape[0] * shape[1]
    sold = np.bincount(cell, quantity, size)
    weighted = np.bincount(cell, quantity * side * (price - entry) / risk, size)
    price_r = np.divide(weighted, sold, out=np.zeros(size), where=sold > 0)
    return (sold > 0).astype(np.float64).reshape(shape), price_r.reshape(shape)
