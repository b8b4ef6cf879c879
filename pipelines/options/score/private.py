"""Scores of options without names, contracts, quantities, premiums and money: R and days only, to share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from exitladder.pipelines.options.score.columns import ASK, LISTS
from exitladder.pipelines.options.score.score import OptionsScore

_MONEY = (
    "quantity_open", "underlying_price", "mark", "action_quantity", "stop_price", "entry_price", "open_pnl",
    "quantity_managed", "position_delta", "position_gamma", "position_vega", "position_theta", "gamma_1pct",
    "gamma", "vega", "theta",
)  # fmt: skip
_NAMES = ("contract", "tag", "entry_time", "ladder", "last_trading_day")


def without_money(result: OptionsScore) -> OptionsScore:
    """Return scores with positions and underlyings numbered, and nothing in money, premiums or quantities.

    Parameters
    ----------
    result : OptionsScore

    Returns
    -------
    OptionsScore
        Orders, reasons and other texts with premiums are empty; ``summary`` says what to do in shares.
    """
    frame = result.frame
    symbols = {symbol: f"symbol {k}" for k, symbol in enumerate(dict.fromkeys(frame["symbol"]), start=1)}
    empty: dict[str, Any] = {
        name: pd.Series([[] for _ in frame.index], index=frame.index, dtype=object)
        for name in LISTS
        if name != "missed_rungs"
    }
    private = frame.assign(
        trade_id=[f"position {k}" for k in range(1, len(frame) + 1)],
        symbol=[symbols[symbol] for symbol in frame["symbol"]],
        summary=[
            _sentence(*row) for row in frame[["urgency", "action", "action_quantity", "quantity_open"]].to_numpy()
        ],
        **dict.fromkeys(_NAMES, ""),
        **dict.fromkeys(_MONEY, np.nan),
        **empty,
    )
    return replace(result, frame=private, basis="", notes=())


def _sentence(urgency: str, action: str, quantity: float, held: float) -> str:
    if urgency == ASK:
        return "Not scored."
    if action == "exit":
        return "Close all at the next quote."
    return f"Close {quantity / held:.0%} at the next quote." if action == "reduce" else "Hold."
