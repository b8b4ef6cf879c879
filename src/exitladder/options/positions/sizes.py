"""The contracts that quotes show, shared by all positions of a backtest (O1)."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from exitladder.options.contracts import Contract
from exitladder.options.market import OptionMarket


class Sizes:
    """The rest of the sizes of quotes after the fills so far.

    Parameters
    ----------
    market : OptionMarket
    """

    def __init__(self, market: OptionMarket) -> None:
        self.quotes = market.quotes
        self._taken: Counter[tuple[Contract, int, bool]] = Counter()

    def left(self, contract: Contract, start: int, is_buy: bool) -> float:
        """Return the contracts that one side of a quote has left, infinitely many where sizes are unknown.

        Parameters
        ----------
        contract : Contract
        start : int
            Of the quote bar of the fill. What the bar before showed at its close counts; of the first snapshot its own
            size.
        is_buy : bool

        Returns
        -------
        float
        """
        bars = self.quotes[contract]
        i = int(np.searchsorted(bars.start, start))
        sizes = bars.ask_size if is_buy else bars.bid_size
        if i > 0:
            size = float(sizes[i - 1])
        elif np.array_equal(bars.bid[0], bars.bid[0, ::-1], equal_nan=True):
            size = float(sizes[0])
        else:
            return math.inf
        return math.inf if math.isnan(size) else size - self._taken[contract, start, is_buy]

    def take(self, contract: Contract, start: int, is_buy: bool, quantity: int) -> None:
        """Note a fill.

        Parameters
        ----------
        contract : Contract
        start : int
        is_buy : bool
        quantity : int
        """
        self._taken[contract, start, is_buy] += quantity
