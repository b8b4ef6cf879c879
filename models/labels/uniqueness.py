"""Average uniqueness of labels that span the same bars."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray
from exitladder.errors import ModelError


def average_uniqueness(first_bar: npt.ArrayLike, last_bar: npt.ArrayLike) -> FloatArray:
    """Return each label's mean, over the bars it spans, of one over the number of labels that span that bar.

    The sum is the effective number of labels, to be reported beside their count. Used as training weights
    uniqueness changes what is learnt (labels that resolve fast weigh more), so here it is not.

    Parameters
    ----------
    first_bar, last_bar : int array, shape (n,)
        Each label's span, both ends included.

    Returns
    -------
    float64 array, shape (n,)
        Above 0, at most 1.

    Notes
    -----
    Source: M. López de Prado, Advances in Financial Machine Learning (2018), section 4.4.

    Examples
    --------
    Three labels over bars 0 to 3: the first and the second share bar 1.

    >>> average_uniqueness([0, 1, 3], [1, 2, 3])
    array([0.75, 0.75, 1.  ])
    """
    first, last = np.asarray(first_bar, dtype=np.int64), np.asarray(last_bar, dtype=np.int64)
    if not len(first):
        return np.empty(0)
    if (last < first).any():
        raise ModelError("A label's last bar must not lie before its first, but some do.")
    origin = int(first.min())
    length = int(last.max()) - origin + 1
    change = np.zeros(length + 1, dtype=np.int64)
    np.add.at(change, first - origin, 1)
    np.add.at(change, last - origin + 1, -1)
    count = np.cumsum(change[:-1])
    share = np.where(count > 0, 1.0 / np.maximum(count, 1), 0.0)
    running = np.concatenate([[0.0], np.cumsum(share)])
    return np.asarray((running[last - origin + 1] - running[first - origin]) / (last - first + 1))
