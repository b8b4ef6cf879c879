"""Positions in options that a plan was tuned on: they are no evidence for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exitladder.arrays import BoolArray
from exitladder.options.positions.trades import OptionTrade
from exitladder.plans.provenance import TunedOn, trade_fingerprint


def fingerprint(trade: OptionTrade) -> str:
    """Return the fingerprint of a position: it depends on its legs, its side and its entry."""
    legs = " / ".join(str(contract) for contract, _ in trade.legs)
    return trade_fingerprint(legs, trade.side, trade.entry_time)


def samples_of(trades: Sequence[OptionTrade], tuned: TunedOn | None) -> tuple[BoolArray, BoolArray]:
    """Return which positions a plan was tuned on, and which others were entered while the tuning saw prices.

    Parameters
    ----------
    trades : sequence of OptionTrade
    tuned : TunedOn or None
        Of the plan; None if it was not tuned.

    Returns
    -------
    in_sample, mixed : bool array, shape (n,)
    """
    if tuned is None:
        return np.zeros(len(trades), dtype=bool), np.zeros(len(trades), dtype=bool)
    inside = np.array([fingerprint(trade) in tuned.trades for trade in trades])
    # a position entered before the tuning and still held during it saw prices that the tuning saw
    seen = np.array([trade.entry_time < tuned.last for trade in trades])
    held = np.array([trade.contract.expiry >= tuned.first for trade in trades])
    return inside, ~inside & seen & held


def tuned_on_text(in_sample: BoolArray, mixed: BoolArray) -> str:
    """Return how many positions do not count in a verdict.

    Parameters
    ----------
    in_sample, mixed : bool array, shape (n,)

    Returns
    -------
    str
    """
    n, n_in, n_mixed = len(in_sample), int(in_sample.sum()), int(mixed.sum())
    rest = f", and {n_mixed:,} more were open while it was tuned" if n_mixed else ""
    return f"The plan was tuned on {n_in:,} of the {n:,} positions{rest}: they do not count in the verdict."
