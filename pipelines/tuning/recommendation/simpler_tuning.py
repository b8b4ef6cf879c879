"""The same tuning without a part of what candidates may have, to be read beside the one with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution import simulate_own_exits
from exitladder.pipelines.tuning.choice import Choice, Tuning


@dataclass(frozen=True)
class SimplerTuning:
    """The same walk-forward tuning without a part of the candidates, such as the model or adds; on the same parts.

    Parameters
    ----------
    tuning : Tuning
    folds : tuple of Choice
    choice : Choice
        On all trades that had ended.
    """

    tuning: Tuning
    folds: tuple[Choice, ...]
    choice: Choice

    def net_r(self, own_exits_known: bool, fold: IntArray) -> FloatArray:
        """Return net R of every trade under the ladder of its fold, shape (n_trades,).

        Parameters
        ----------
        own_exits_known : bool
            Whether a fold may have kept the user's own exits.
        fold : int array, shape (n_trades,)
        """
        placed = self.tuning.prepared.placed
        net_r = np.full(len(placed), np.nan)
        for k, choice in enumerate(self.folds):
            part = fold == k
            if own_exits_known and choice.keeps_own_exits:
                net_r[part] = simulate_own_exits(placed.take(part), self.tuning.base).r
            else:
                net_r[part] = self.tuning.net_r([choice.ladder], part)[:, 0]
        return net_r
