"""What scaling out cost or gave against holding everything to the last exit, or selling it all at the first."""

from __future__ import annotations

import numpy as np

from exitladder.measures.exits.closed import ClosedTrades, Columns


def scaling(closed: ClosedTrades) -> Columns:
    """Return the prices of the first and last exit, and what scaling out gave against each alone.

    Parameters
    ----------
    closed : ClosedTrades

    Returns
    -------
    dict
        ``exit_r``, ``first_exit_r``, ``last_exit_r`` in R, before commission; ``scaling_r`` the trade's exit minus
        its last one (full hold), ``scaling_vs_first_r`` minus its first one. Negative if scaling cost. NaN for a
        trade with one exit.
    """
    own, first, last = closed.exit_r, closed.r[closed.first_exit], closed.r[closed.last_exit]
    several = closed.n_exits > 1
    return {
        "exit_r": own,
        "first_exit_r": first,
        "last_exit_r": last,
        "scaling_r": np.where(several, own - last, np.nan),
        "scaling_vs_first_r": np.where(several, own - first, np.nan),
    }
