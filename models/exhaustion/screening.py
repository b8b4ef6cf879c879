"""Screening of feature families on a stage's own training rows.

Many features that say nothing cost a model more than a few that say something bring. So the default features are
always used, and every other family must first show, on rows held out within the stage's training part, that a linear
model predicts better with it than without it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.exhaustion.linear import Linear
from exitladder.models.exhaustion.stacking import gain_over
from exitladder.models.forests.growing import StageTraining
from exitladder.models.forests.rows import TrainingRows

# Several families are tried, so one standard error is too little.
LEAST_ERRORS = 2.0
# Rows of a fold are enough to tell; evenly spaced ones are taken of more.
_MOST_ROWS = 10_000


def screened(training: StageTraining) -> StageTraining:
    """Return the training without the families that do not predict held-out rows better.

    Parameters
    ----------
    training : StageTraining

    Returns
    -------
    StageTraining
        The same if there are no families to screen. Without held-out rows none of them is used.
    """
    families = training.rows.families
    candidates = sorted({name for name in families if name})
    if not candidates:
        return training
    base = np.array([not name for name in families])
    chosen = tuple(name for name in candidates if base.any() and _helps(training, base, _columns(families, name)))
    used = base | np.isin(np.array(families, dtype=object), chosen)
    if not base.any():
        used, chosen = ~base, tuple(candidates)
    # LightGBM does not split where the gain counts nothing.
    parameters = {**training.parameters, "feature_contri": used.astype(float).tolist()}
    return replace(training, parameters=parameters, columns=used, families=chosen)


def _columns(families: tuple[str, ...], name: str) -> npt.NDArray[np.bool_]:
    return np.array([family == name for family in families])


def _helps(training: StageTraining, base: npt.NDArray[np.bool_], own: npt.NDArray[np.bool_]) -> bool:
    """Return whether either label is clearly better predicted with the family."""
    return any(_gains(training, base, own, objective) for objective in ("binary", "regression"))


def _gains(training: StageTraining, base: npt.NDArray[np.bool_], own: npt.NDArray[np.bool_], objective: str) -> bool:
    rows, train = training.rows, training.train
    label = rows.race if objective == "binary" else rows.hold
    without: list[FloatArray] = []
    with_it: list[FloatArray] = []
    asked: list[IntArray] = []
    for fit, held in training.folds:
        learnt, out = (_some(train[part][np.isfinite(label[train[part]])]) for part in (fit, held))
        for columns, found in ((base, without), (base | own, with_it)):
            line = Linear.fit(rows.X, learnt, label[learnt], objective, columns=columns)
            found.append(_predicted(line, rows, out))
        asked.append(out)
    if not asked:
        return False
    at = np.concatenate(asked)
    gain = gain_over(
        np.concatenate(with_it), np.concatenate(without), label[at], rows.time_ns[at], rows.over_ns[at], objective
    )
    return bool(gain.mean > LEAST_ERRORS * gain.error)


def _some(rows: IntArray) -> IntArray:
    return rows[:: max(1, len(rows) // _MOST_ROWS)]


def _predicted(line: Linear, rows: TrainingRows, chosen: IntArray) -> FloatArray:
    return np.concatenate([np.empty(0), *(line.predict(rows.X[part]) for part in rows.pieces(chosen))])
