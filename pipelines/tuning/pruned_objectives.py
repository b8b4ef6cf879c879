"""Evaluation of ladders by blocks of trades, so that those worse than the best so far can be pruned early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.search.evaluation import BlockScores, Evaluation
from exitladder.models.search.pruning import LOOKS, is_worse, trade_blocks
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.pipelines.tuning.results import Results
from exitladder.plans.ladder import Ladder


@dataclass(frozen=True)
class PrunedObjectives:
    """Evaluates ladders as `Objectives` does, by the first objective of its settings, and may prune some early.

    A ladder that is not pruned has the same values to the bit. See `exitladder.models.search.pruning` for the rule.

    Parameters
    ----------
    objectives : Objectives
    """

    objectives: Objectives

    def judge(self, ladders: list[Ladder]) -> Evaluation:
        """Return the evaluation of ladders on all trades, and on every block."""
        return self._judge(ladders, None)

    def judge_against(self, ladders: list[Ladder], incumbent: FloatArray) -> Evaluation:
        """Return the evaluation of ladders; those that turn out worse than the incumbent are pruned and have no value.

        Parameters
        ----------
        ladders : list of Ladder
        incumbent : float64 array, shape (n_blocks,)
            The objective of the best ladder so far on every block, from the block scores of its batch.
        """
        return self._judge(ladders, incumbent)

    def _judge(self, ladders: list[Ladder], incumbent: FloatArray | None) -> Evaluation:
        every = self.objectives
        at_costs = every.at_costs(ladders)
        measure = every.measure(every.names[0])
        blocks = trade_blocks(len(every.placed))
        # Without an incumbent nothing is pruned, and one evaluation on all blocks is the cheapest.
        block_scores = [*(look for look in LOOKS if incumbent is not None and look < len(blocks)), len(blocks)]
        worth = np.full((len(ladders), len(blocks)), np.nan)
        n_looked = np.zeros(len(ladders), dtype=np.int64)
        left = np.arange(len(ladders))
        parts: list[Results] = []
        seen: list[IntArray] = []
        for begin, end in pairwise([0, *block_scores]):
            if parts and not len(left):
                break
            trades = _trades_of(blocks[begin:end])
            found = self._on(trades).results([at_costs[k] for k in left], with_drawdown=False)
            for block in range(begin, end):
                worth[left, block] = measure(found.take(np.searchsorted(trades, blocks[block])))
            n_looked[left] = end
            parts, seen = [*parts, found], [*seen, trades]
            if incumbent is not None and end < len(blocks):
                kept = ~is_worse(worth[left, :end], incumbent, every.settings.prune_p)
                left, parts = left[kept], [part.of_ladders(kept) for part in parts]
        values = np.full((len(ladders), 1), np.nan)
        violations = np.full((len(ladders), len(every.constraints)), np.nan)
        whole = Results.joined(parts).take(np.argsort(np.concatenate(seen)))
        whole = every.with_drawdown(whole, [at_costs[k] for k in left])
        values[left], violations[left] = every.values(whole), every.violations(whole)
        return Evaluation(values, violations, every.names, every.constraints, BlockScores(worth, n_looked))

    def _on(self, trades: IntArray) -> Objectives:
        """Return the objectives on these trades, given by their positions in order of entries."""
        every = self.objectives
        if len(trades) == len(every.placed):
            return every
        chosen = np.argsort(every.placed.trades.entry_time, kind="stable")[trades]
        signals = None if every.signals is None else every.signals.take(chosen)
        return replace(every, placed=every.placed.take(chosen), signals=signals)


def _trades_of(blocks: Sequence[IntArray]) -> IntArray:
    return np.sort(np.concatenate([*blocks, np.empty(0, dtype=np.int64)]))
