"""Scores without names, quantities, prices and money: R only, to share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exitladder.pipelines.advice.rows.columns import LISTS

_MONEY = (
    "quantity_open", "price", "action_quantity", "stop_price", "stop_before", "quantity_managed", "open_pnl",
    "risk_now", "risk_after", "traded_close", "quantity_entered", "average_entry", "risk_with_adds",
)  # fmt: skip


def without_money(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores with trades and symbols numbered, and nothing in money, prices or quantities.

    Parameters
    ----------
    frame : DataFrame
        Of `exitladder.pipelines.score.score`.

    Returns
    -------
    DataFrame
        The same columns and rows; ``orders``, reasons and other texts with prices are empty, and ``summary`` says what
        to do in R and shares.
    """
    symbols = {symbol: f"symbol {k}" for k, symbol in enumerate(dict.fromkeys(frame["symbol"]), start=1)}
    texts = {*LISTS, "adds"} - {"missed_rungs"}
    empty: dict[str, Any] = {
        name: pd.Series([[] for _ in frame.index], index=frame.index, dtype=object) for name in texts if name in frame
    }
    return frame.assign(
        trade_id=[f"trade {k}" for k in range(1, len(frame) + 1)],
        symbol=[symbols[symbol] for symbol in frame["symbol"]],
        summary=[_sentence({str(k): v for k, v in row.items()}) for row in frame.to_dict("records")],
        tag="",
        **{name: "" for name in ("entry_time", "ladder") if name in frame},
        **{name: np.nan for name in _MONEY if name in frame},
        **empty,
    )


def _sentence(row: dict[str, Any]) -> str:
    urgency, stop = str(row["urgency"]), float(row["stop_r"])
    if urgency == "ask":
        return "Not scored."
    if row["action"] == "exit":
        return "Sell all at the open."
    if row["action"] == "reduce":
        return f"Sell {row['action_quantity'] / row['quantity_open']:.0%} at the open."
    if row["action"] == "add":
        return f"Add to the position at the open; stop at {stop:+.2f} R."
    if np.isnan(stop):
        return "No stop is known."
    return f"Move the stop to {stop:+.2f} R." if urgency == "move_stop" else f"Hold; stop at {stop:+.2f} R."
