"""The linear model beside a stage's forest, and the weights of both, found on the stage's own training rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import logit
from exitladder.models.exhaustion.linear import Linear
from exitladder.models.exhaustion.own import Unseen, mean_of
from exitladder.models.exhaustion.stacking import HeldOut, combined, fit_stack
from exitladder.models.exhaustion.stage import Blend
from exitladder.models.forests.boosting import Learner
from exitladder.models.forests.growing import StageTraining, predict_rows


def fit_blend(training: StageTraining, parts: Sequence[Learner], objective: str) -> tuple[Blend, Unseen | None]:
    """Return the linear model and the best weights of a stage, and its predictions of its held-out rows.

    Every fold of the forest is one here too: linear model and constant of its rows predict the rows that it holds out.

    Parameters
    ----------
    training : StageTraining
    parts : sequence of Learner
        The forest of each fold; none if there were too few rows for folds, and then the stage is silent.
    objective : {"binary", "regression"}

    Returns
    -------
    Blend
    Unseen or None
        None if no rows were held out.
    """
    rows, train = training.rows, training.train
    known, y = training.labelled(objective)
    label = rows.race if objective == "binary" else rows.hold
    threads = int(training.parameters["num_threads"])
    found: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    asked: list[IntArray] = []
    for (fit, held), forest in zip(training.folds, parts, strict=bool(parts)):
        learnt, kept = (chosen[np.isfinite(label[train[chosen]])] for chosen in (fit, held))
        own, out, of_own = train[learnt], train[kept], training.weight_of(learnt)
        line = Linear.fit(rows.X, own, label[own], objective, columns=training.columns, weight=of_own)
        trees = predict_rows(partial(forest.predict, threads=threads), rows, out)
        found.append(
            (
                np.full(len(out), mean_of(label[own], objective, of_own), dtype=np.float64),
                predict_rows(line.predict, rows, out),
                logit(trees) if objective == "binary" else trees,
            )
        )
        asked.append(kept)
    weight = training.weight_of(known)
    linear = Linear.fit(rows.X, train[known], y, objective, columns=training.columns, weight=weight)
    if not found:
        return Blend(linear, fit_stack(None, mean_of(y, objective, weight), objective)), None
    position = np.concatenate(asked)
    at = train[position]
    constant, of_line, of_forest = (np.concatenate(column) for column in zip(*found, strict=True))
    held_out = HeldOut(
        constant, of_line, of_forest, label[at], rows.time_ns[at], rows.over_ns[at], training.weight_of(position)
    )
    stack = fit_stack(held_out, mean_of(y, objective, weight), objective)
    pooled = combined(constant, of_line, of_forest, (stack.linear, stack.forest))
    return Blend(linear, stack), Unseen(at, pooled, constant if stack.silent else pooled)
