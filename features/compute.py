"""Features of all symbols, computed in one process or in several."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.features.feature_set import FeatureSet
from exitladder.features.matrix import feature_matrix


def features_frame(
    bars: BarSet, features: FeatureSet, side: int = 1, *, workers: int = 1, scheduler: str = ""
) -> pd.DataFrame:
    """Return the bar features as a table: symbol, timestamp (UTC, bar start), one column per feature.

    Each value is known at the close of the bar that its timestamp starts.

    Parameters
    ----------
    bars : BarSet
    features : FeatureSet
    side : int
        +1 for the view of a long trade, -1 for that of a short one (of the mirrored market).
    workers : int
        Processes that share the symbols; 1 computes in this process.
    scheduler : str
        Address of a Dask scheduler whose workers share the symbols instead.

    Returns
    -------
    DataFrame
        One row per bar.
    """
    if workers != 1 or scheduler:
        from exitladder.features.parallel import shared_feature_matrix

        matrix = shared_feature_matrix(bars, features, side, workers=workers, scheduler=scheduler)
    else:
        matrix = feature_matrix(bars, features, side)
    symbol = np.repeat(np.array(bars.symbols, dtype=object), np.diff(bars.start))
    head = pd.DataFrame({"symbol": symbol, "timestamp": pd.to_datetime(bars.time, utc=True, unit="ns")})
    return pd.concat([head, pd.DataFrame(matrix.values, columns=list(matrix.names))], axis=1)
