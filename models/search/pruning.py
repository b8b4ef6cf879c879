"""Pruning: ladders dropped before they are evaluated on all trades, by Wilcoxon's test over blocks of trades.

A ladder is compared with the best one known when its batch was requested (the incumbent), block by block, on the
same trades. It is dropped if it is significantly worse on the blocks so far; the others are evaluated on further
blocks, and a ladder that is evaluated to the end has the same value as without pruning, to the bit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.search.evaluation import mean_of_blocks

N_BLOCKS = 16
# Numbers of blocks after which the test runs; fewer blocks have no power, and each test costs a call of the engine.
LOOKS = (4, 8)


def trade_blocks(n_trades: int) -> list[IntArray]:
    """Return the positions of each block's trades, blocks in the order of evaluation.

    A block is a stretch of consecutive trades, since these depend on each other and blocks should not. The order
    halves the gaps between the blocks before, so that the first blocks cover the whole period.

    Examples
    --------
    >>> [int(block[0]) for block in trade_blocks(160)][:6]
    [0, 80, 40, 120, 20, 100]
    """
    n = min(N_BLOCKS, n_trades)
    width = max((n - 1).bit_length(), 1)
    order = sorted(range(n), key=lambda k: int(f"{k:0{width}b}"[::-1], 2))
    stretches = np.array_split(np.arange(n_trades, dtype=np.int64), max(n, 1))
    return [stretches[k] for k in order]


def is_worse(seen: FloatArray, incumbent: FloatArray, p_threshold: float) -> npt.NDArray[np.bool_]:
    """Return which ladders are significantly worse than the incumbent on the blocks so far.

    Parameters
    ----------
    seen : float64 array, shape (n_ladders, n_seen)
        Value of each ladder on the first blocks.
    incumbent : float64 array, shape (n_blocks,)
        Value of the best ladder so far on all blocks. A block on which either has no value does not count.
    p_threshold : float
        p value below which a ladder counts as worse.

    Returns
    -------
    bool array, shape (n_ladders,)

    Notes
    -----
    The rule is that of Optuna's ``WilcoxonPruner``: a ladder whose mean is at least the
    incumbent's over all blocks is kept even if the test finds it worse, so that the final best is always evaluated
    on all trades.
    """
    difference = np.nan_to_num(seen - incumbent[: seen.shape[1]])
    # Without any value the test finds nothing either, so a mean of NaN never decides.
    below = mean_of_blocks(seen) < np.nanmean(incumbent)
    return np.asarray((signed_rank_p(difference) < p_threshold) & below)


def signed_rank_p(differences: FloatArray) -> FloatArray:
    """Return the p value of Wilcoxon's signed-rank test that each row's differences are below 0, shape (n,).

    Parameters
    ----------
    differences : float64 array, shape (n, k)

    Notes
    -----
    The exact distribution of k differences without ties, which scipy's exact test gives. Of equal sizes those above 0
    take the higher ranks, and a difference of 0 counts as above: the sum of ranks is then the greatest that any way
    to break the ties could give, so ties never make the test find too much. Each row's p is its own.

    Examples
    --------
    >>> signed_rank_p(np.array([[-1.0, -2.0, -3.0, -4.0], [1.0, -2.0, 3.0, -4.0]]))
    array([0.0625, 0.4375])
    """
    n, k = differences.shape
    if not n or not k:
        return np.ones(n)
    order = np.lexsort((differences, np.abs(differences)), axis=1)
    is_above = np.take_along_axis(differences, order, axis=1) >= 0
    return _at_most(k)[is_above @ np.arange(1, k + 1)]


@lru_cache(maxsize=64)
def _at_most(k: int) -> FloatArray:
    """Return the probability that the ranks of positive differences sum to at most 0, 1, 2, ..."""
    ways = np.ones(1)
    for rank in range(1, k + 1):
        ways = np.convolve(ways, np.concatenate([[0.5], np.zeros(rank - 1), [0.5]]))
    return np.asarray(np.minimum(np.cumsum(ways), 1.0))
