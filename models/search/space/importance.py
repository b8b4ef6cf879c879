"""Parameter importance: how much a model of the trials loses if one part of the ladders is shuffled."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.models.search.space.columns import ladder_columns
from exitladder.plans.ladder import Ladder

_FOLDS = 5
_REPEATS = 5
_LEAST_TRIALS, _MOST_TRIALS = 40, 2000
# Values below this quantile are raised to it: bad ladders differ a lot and carry little information on the best.
_CUT = 0.1


def parameter_importance(ladders: Sequence[Ladder], values: FloatArray, seed: int = 0) -> tuple[pd.DataFrame, float]:
    """Return how much worse a forest predicts the values of held-out ladders if a column is shuffled.

    Parameters
    ----------
    ladders : sequence of Ladder
        Those that a search has tried; equal ones count once.
    values : float64 array, shape (n_ladders,)
        NaN where a ladder has none. The lowest tenth is raised to the 10% quantile.
    seed : int

    Returns
    -------
    table : DataFrame
        parameter (a column of `ladder_columns`) and importance, the shares of the loss of held-out fit, greatest
        first; a parameter that loses nothing has 0. Empty where fewer than 40 different ladders have a value.
    fit : float
        Share of the variance that the forest explains of ladders held out; where it is near 0 or below, the
        importances mean nothing.

    Notes
    -----
    Permutation importance (Breiman 2001) on held-out folds. It describes the ladders that the search evaluated, which
    are denser where they are better. Of more than 2,000 ladders evenly spaced ones are taken.
    """
    from sklearn.ensemble import RandomForestRegressor  # type: ignore[import-untyped]
    from sklearn.model_selection import KFold  # type: ignore[import-untyped]

    nothing = pd.DataFrame({"parameter": pd.Series(dtype=str), "importance": pd.Series(dtype=np.float64)})
    first = {ladder: k for k, ladder in reversed(list(enumerate(ladders)))}
    rows = np.array(sorted(k for k in first.values() if np.isfinite(values[k])), dtype=np.int64)
    if len(rows) < _LEAST_TRIALS:
        return nothing, float("nan")
    rows = rows[:: math.ceil(len(rows) / _MOST_TRIALS)]
    observed = np.maximum(values[rows], np.quantile(values[rows], _CUT))
    if np.ptp(observed) == 0:
        return nothing, float("nan")
    table, names = _encoded([ladders[k] for k in rows])
    if not names:
        return nothing, float("nan")
    rng = np.random.default_rng(seed)
    residual, lost = 0.0, np.zeros(len(names))
    for learn, held in KFold(_FOLDS, shuffle=True, random_state=seed).split(table):
        forest = RandomForestRegressor(n_estimators=100, min_samples_leaf=3, random_state=seed, n_jobs=1)
        forest.fit(table[learn], observed[learn])
        error = np.sum((forest.predict(table[held]) - observed[held]) ** 2)
        residual += float(error)
        # All shuffled copies at once: a call costs more than its rows.
        shuffled = np.tile(table[held], (len(names), _REPEATS, 1, 1))
        for j in range(len(names)):
            for copy in shuffled[j]:
                copy[:, j] = rng.permutation(copy[:, j])
        predicted = forest.predict(shuffled.reshape(-1, len(names))).reshape(len(names), _REPEATS, len(held))
        lost += ((predicted - observed[held]) ** 2).sum(axis=2).mean(axis=1) - error
    lost = np.maximum(lost, 0.0)
    found = pd.DataFrame({"parameter": names, "importance": lost / lost.sum() if lost.sum() > 0 else lost})
    found = found.sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)
    return found, float(1.0 - residual / np.sum((observed - observed.mean()) ** 2))


def _encoded(ladders: Sequence[Ladder]) -> tuple[FloatArray, list[str]]:
    """Return numbers for the columns that differ: choices by index, and absent parts below all other values."""
    frame = pd.DataFrame([ladder_columns(ladder) for ladder in ladders])
    columns, names = [], []
    for name in frame:
        column = frame[name]
        if column.nunique() < 2:
            continue  # another column shows whether a ladder has it
        if pd.api.types.is_numeric_dtype(column):
            numbers = column.to_numpy(dtype=np.float64)
        else:
            codes = pd.Categorical(column, categories=sorted(column.dropna().unique(), key=str)).codes
            numbers = np.where(codes < 0, np.nan, codes.astype(np.float64))
        low, high = np.nanmin(numbers), np.nanmax(numbers)
        numbers = np.where(np.isnan(numbers), low - max(high - low, 1.0), numbers)
        columns.append(numbers)
        names.append(str(name))
    return np.stack(columns, axis=1) if columns else np.empty((len(ladders), 0)), names
