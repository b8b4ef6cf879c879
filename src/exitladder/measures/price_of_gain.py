"""What a gain over another exit takes: time in the market, capital, depth of drawdown."""

from __future__ import annotations

import math
from collections.abc import Mapping

MUCH_MORE = 1.25
"""A gain that takes more than this many times as long, as much capital or as deep a drawdown is bought with it."""

DRAWDOWNS = {
    "max_drawdown_account_r": "account drawdown: 1R at risk per trade, open positions valued at every close; verdicts "
    "speak of this one",
    "max_drawdown_r": "drawdown booked at exits: whole trades in order of their exits",
    "account.max_drawdown_r": "drawdown of one account with the limits of [account], valued at every close",
}
"""What each drawdown of a backtest is, by its key in ``summary.json``."""


def price_of_gain(difference_r: float, ours: Mapping[str, object], theirs: Mapping[str, object]) -> list[str]:
    """Return what a gain takes in time, capital and drawdown, one sentence with both numbers each.

    Parameters
    ----------
    difference_r : float
        Gain in net R per trade; nothing is bought unless it is above 0.
    ours, theirs : mapping
        Exposure of the exit and of the one that it is compared with, with the keys of
        `exitladder.measures.exposure.exposure` and ``max_drawdown_account_r``. Unknown values (None, NaN or left out)
        give no sentence.

    Returns
    -------
    list of str
        Time: more than 1.25 times the bars in the market and less R per bar. Capital: more than 1.25 times the capital
        used. Drawdown: more than 1.25 times as deep.

    Examples
    --------
    >>> price_of_gain(0.37, {"bars_in_market": 97, "r_per_bar": 0.009}, {"bars_in_market": 3, "r_per_bar": 0.018})
    ['The gain takes time: 97.0 bars per trade vs 3.0, +0.009 R per bar in the market vs +0.018 R.']
    """
    if not difference_r > 0:
        return []
    said = []
    held, rate = _pair("bars_in_market", ours, theirs), _pair("r_per_bar", ours, theirs)
    if held[0] > MUCH_MORE * held[1] and rate[0] < rate[1]:
        said.append(
            f"The gain takes time: {held[0]:.1f} bars per trade vs {held[1]:.1f}, {rate[0]:+.3g} R per bar in the "
            f"market vs {rate[1]:+.3g} R."
        )
    used, most = _pair("capital_used", ours, theirs), _pair("max_open", ours, theirs)
    if used[0] > MUCH_MORE * used[1]:
        said.append(
            f"The gain takes capital: up to {used[0]:,.0f} vs {used[1]:,.0f} in the market at one time, and up to "
            f"{most[0]:.0f} open trades vs {most[1]:.0f}."
        )
    fall = _pair("max_drawdown_account_r", ours, theirs)
    if -fall[0] > MUCH_MORE * -fall[1]:
        said.append(
            f"The gain takes a deeper account drawdown: {fall[0]:.1f} R vs {fall[1]:.1f} R at worst, open trades "
            "valued at every close."
        )
    return said


def _pair(name: str, *sides: Mapping[str, object]) -> tuple[float, float]:
    values = [side.get(name) for side in sides]
    first, second = (float(value) if isinstance(value, (int, float)) else math.nan for value in values)
    return first, second
