"""Time and capital of every policy on the test parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from exitladder.arrays import IntArray
from exitladder.execution import Simulation
from exitladder.measures.exposure import exposure
from exitladder.pipelines.tuning.choice import Choice, Mask, Tuning
from exitladder.pipelines.tuning.evidence import executed
from exitladder.pipelines.tuning.policies import TUNED, WITHOUT_MODEL
from exitladder.pipelines.tuning.recommendation.without_model import WithoutModel

# A gain that takes this many times as long, or ties up this many times as much, is said to be bought.
_MUCH_MORE = 1.25


def exposure_of(parts: Sequence[Simulation], leverage: float = 0.0) -> dict[str, float]:
    """Return the time and the capital of simulated trades; see `exitladder.measures.exposure.exposure`."""
    trades, fills = (
        pd.concat([getattr(part, table)() for part in parts], ignore_index=True)
        for table in ("trades_frame", "fills_frame")
    )
    return exposure(trades, fills, leverage=leverage)


def with_exposure(
    board: pd.DataFrame,
    tuning: Tuning,
    choices: Sequence[Choice],
    fold: IntArray,
    test: Mask,
    plain: WithoutModel | None,
) -> pd.DataFrame:
    """Return the table of policies with their time and capital on the test parts.

    Parameters
    ----------
    board : DataFrame
        The table of a `Scoreboard`.
    tuning : Tuning
    choices : sequence of Choice
        One a fold.
    fold : int array, shape (n_trades,)
    test : bool array, shape (n_trades,)
    plain : WithoutModel or None

    Returns
    -------
    DataFrame
        With the columns bars_in_market, r_per_bar, mean_open, max_open and capital_used.
    """
    leverage = tuning.base.execution.leverage
    rows = []
    for name in board["policy"]:
        if name == WITHOUT_MODEL and plain is not None:
            parts = executed(plain.tuning, plain.folds, fold, test, TUNED)
        else:
            parts = executed(tuning, choices, fold, test, str(name))
        rows.append({"policy": name, **exposure_of(parts, leverage)})
    table = board.merge(pd.DataFrame(rows), on="policy", how="left", validate="one_to_one")
    # In the R of the base ladder, as all other columns.
    return table.assign(r_per_bar=table["expectancy_r"] / table["bars_in_market"])


def price_of_gain(board: pd.DataFrame, baseline: str) -> list[str]:
    """Return what a gain over the baseline costs in time and capital, one sentence each; nothing without a gain.

    Parameters
    ----------
    board : DataFrame
        From `with_exposure`.
    baseline : str

    Returns
    -------
    list of str
    """
    rows: dict[Any, dict[Any, Any]] = board.set_index("policy").to_dict("index")
    ours, theirs = rows[TUNED], rows[baseline]
    if not theirs["difference_r"] > 0:
        return []
    said = []
    held = ours["bars_in_market"], theirs["bars_in_market"]
    rate = ours["r_per_bar"], theirs["r_per_bar"]
    if held[0] > _MUCH_MORE * held[1] and rate[0] < rate[1]:
        said.append(
            f"The gain takes time: {held[0]:.1f} bars per trade vs {held[1]:.1f}, {rate[0]:+.3g} R per bar in the "
            f"market vs {rate[1]:+.3g} R."
        )
    used = ours["capital_used"], theirs["capital_used"]
    if used[0] > _MUCH_MORE * used[1]:
        said.append(
            f"The gain takes capital: up to {used[0]:,.0f} vs {used[1]:,.0f} in the market at one time, and up to "
            f"{ours['max_open']:.0f} open trades vs {theirs['max_open']:.0f}."
        )
    return said
