"""What the recommended exit risks, in words, from the numbers in the files of a tuning and a walk-forward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def danger_text(result: Mapping[str, Any], run: Mapping[str, Any], walk: Mapping[str, Any] | None = None) -> str:
    """Return the drawdown, the positions and the win rate of the recommended exit, and how certain its result is.

    Parameters
    ----------
    result : mapping
        The content of ``tune.json``.
    run : mapping
        The content of the tuning's ``run.json``; empty if it has none.
    walk : mapping, optional
        The content of ``summary.json`` of the walk-forward backtest.

    Returns
    -------
    str
        Empty before version 0.2, whose files do not have these numbers.
    """
    facts = result.get("recommended") or {}
    rows: dict[str, Mapping[str, Any]] = {row["policy"]: row for row in result["policies"]}
    row = rows.get(facts.get("exit", ""), {})
    fall, most, wins = (row.get(name) for name in ("max_drawdown_account_r", "max_open", "win_rate"))
    if fall is None or most is None or wins is None:
        return ""
    text = (
        f"Risk: on the {row['n_trades']:,.0f} trades scored out of sample, this exit had an account drawdown of "
        f"{fall:+.1f} R (marked at every close)"
    )
    if (risk := run.get("risk_per_trade")) is not None:
        text += (
            f", {-fall * risk:.0%} of the account at the start with {100 * risk:.4g}% of it at risk per trade "
            "(tuning.risk_per_trade)"
        )
    text += f", up to {most:,.0f} positions open together and a win rate of {wins:.0%}"
    text += _interval(walk) if walk else ""
    is_before = (result.get("data") or {}).get("before_costs", False)
    return f"{text}{', all before costs' if is_before else ''}."


def _interval(walk: Mapping[str, Any]) -> str:
    """Return the result of the ladders tuned before each part, with its interval; empty if that is unknown."""
    mean = walk.get("expectancy_r") or {}
    value, low, high = (mean.get(name) for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return ""
    confidence = (walk.get("resampling") or {}).get("confidence")
    percent = "" if confidence is None else f"{100 * confidence:.4g}% "
    return (
        f"; the ladders tuned before each part earned {value:+.3f} R per trade out of sample ({percent}CI "
        f"[{low:+.3f}, {high:+.3f}])"
    )
