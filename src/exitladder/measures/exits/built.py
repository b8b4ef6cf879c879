"""Positions that were really built by several entries: size, average and result from first entry to last exit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exitladder.execution.simulation import Simulation, stamps
from exitladder.plans.costs import Costs

COLUMNS = (
    "first_entry_time", "n_entries", "quantity_entered", "average_entry", "largest_quantity", "mean_quantity",
    "planned_risk", "pnl_as_built", "r_as_built",
)  # fmt: skip


def built_positions(own: Simulation) -> pd.DataFrame:
    """Return the closed positions with several entries as they were built.

    Parameters
    ----------
    own : Simulation
        Of own exits, whose trades have their real fills.

    Returns
    -------
    DataFrame
        One row per closed position with several entries: ``trade_id`` and `COLUMNS`. ``quantity_entered`` is the sum of
        all entries and ``average_entry`` their average price; ``largest_quantity`` and ``mean_quantity`` (over the time
        from the first fill to the last) are of the quantity held. ``planned_risk`` is the most that would have been
        lost after any of its fills, had the stop closed all that was held then. ``pnl_as_built`` is the profit of all
        fills at their own prices, less the commission of the costs; ``r_as_built`` divides it by ``planned_risk``, and
        is NaN if no fill left anything at risk. Empty without fills; coin-margined contracts are left out.
    """
    trades = own.placed.trades
    if trades.fills is None or trades.n_entries is None:
        return pd.DataFrame(columns=["trade_id", *COLUMNS])
    inverse = np.zeros(len(trades), dtype=np.bool_)
    factors = np.full(len(trades), own.ladder.costs.multiplier)

    if own.money is not None:
        factors = own.money.factors
        if own.money.coin_gross is not None:
            inverse = ~np.isnan(own.money.coin_gross)
    stop = trades.entry_price - trades.side * own.risk
    several = (trades.n_entries > 1) & ~trades.is_open & ~inverse & (np.diff(trades.fills.start) > 0)
    rows = [
        {"trade_id": trades.trade_id[i]}
        | _built(trades.fills, int(i), (int(trades.side[i]), float(stop[i])), (own.ladder.costs, factors[i]))
        for i in np.flatnonzero(several)
    ]
    table = pd.DataFrame(rows, columns=["trade_id", *COLUMNS])
    table["first_entry_time"] = stamps(table["first_entry_time"].to_numpy(dtype=np.int64))
    table["n_entries"] = table["n_entries"].astype("Int64")
    return table


def _built(fills: Any, i: int, trade: tuple[int, float], money: tuple[Costs, float]) -> dict[str, Any]:
    """Return the row of one position.

    Parameters
    ----------
    fills : TradeFills
    i : int
    trade : (int, float)
        Side and price of the stop.
    money : (Costs, float)
        Costs, and money per price times quantity.

    Returns
    -------
    dict
    """
    (side, stop), (costs, factor) = trade, money
    part = slice(int(fills.start[i]), int(fills.start[i + 1]))
    columns = (fills.time[part], fills.is_entry[part], fills.price[part], fills.quantity[part])
    held = average = cash = largest = over_time = paid = 0.0
    risk, before = 0.0, int(columns[0][0])
    for time, is_entry, price, quantity in zip(*columns, strict=True):
        over_time += held * (int(time) - before)
        before = int(time)
        notional = price * quantity * factor
        paid += max(
            notional * costs.commission_bps / 1e4 + costs.commission_per_unit * quantity + costs.commission_fixed,
            costs.commission_min,
        )
        if is_entry:
            average = price if held <= 0 else (held * average + quantity * price) / (held + quantity)
            held += quantity
            largest = max(largest, held)
        else:
            cash += side * (price - average) * quantity
            held -= quantity
        if held > 0 and np.isfinite(stop):
            risk = max(risk, held * side * (average - stop))
    entered, price = columns[3][columns[1]], columns[2][columns[1]]
    pnl = cash * factor - paid
    lasted = before - int(columns[0][0])
    return {
        "first_entry_time": int(columns[0][0]),
        "n_entries": len(np.unique(columns[0][columns[1]])),
        "quantity_entered": float(entered.sum()),
        "average_entry": float((entered * price).sum() / entered.sum()),
        "largest_quantity": largest,
        "mean_quantity": over_time / lasted if lasted else largest,
        "planned_risk": risk * factor if risk > 0 else np.nan,
        "pnl_as_built": pnl,
        "r_as_built": pnl / (risk * factor) if risk > 0 else np.nan,
    }


def built_note(table: pd.DataFrame, net_r: pd.Series) -> str:
    """Return how positions with several entries did as built, beside their result from the last entry on.

    Parameters
    ----------
    table : DataFrame
        From `built_positions`.
    net_r : Series
        Net R from the last entry on, by trade_id.

    Returns
    -------
    str
        Empty without such positions.
    """
    known = table.dropna(subset=["r_as_built"]) if len(table) else table
    if not len(known):
        return ""
    later = net_r.reindex(known["trade_id"]).mean()
    return (
        f"{_counted(len(known))} built by several entries. As built, from the first entry and over the planned risk, "
        f"the mean result was {known['r_as_built'].mean():+.3f} R per trade; from the last entry on, as the measures "
        f"here count them, {later:+.3f} R (columns of --out)."
    )


def _counted(n: int) -> str:
    return "1 closed position was" if n == 1 else f"{n:,} closed positions were"
