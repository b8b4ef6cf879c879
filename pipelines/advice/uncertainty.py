"""How sure the model is of one prediction: the Venn-Abers interval of a probability, and the spread of a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.venn_abers import VennAbers
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.pipelines.inputs.predictions import rows_seen
from exitladder.pipelines.inputs.prepare import Prepared


@dataclass(frozen=True)
class Outlook:
    """The model's predictions at the last bar of each trade; arrays of shape (n_trades,), NaN where it has no view.

    Parameters
    ----------
    exhaustion, hold_value_r : float64 array
        NaN also where the stage is silent.
    low, high : float64 array
        Venn-Abers interval of `exhaustion`; NaN if the model is calibrated in another way.
    spread_r : float64 array
        Standard deviation of `hold_value_r` over the model's stages so far, each trained on a longer past.
    """

    exhaustion: FloatArray
    hold_value_r: FloatArray
    low: FloatArray
    high: FloatArray
    spread_r: FloatArray


def outlook_of(prepared: Prepared, model: ExhaustionModel | None, last: IntArray) -> Outlook:
    """Return the predictions at some rows, with how sure they are.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel or None
    last : int64 array, shape (n_trades,)
        Row numbers; -1 for a trade without rows.

    Returns
    -------
    Outlook
    """
    found = Outlook(*(np.full(len(last), np.nan) for _ in range(5)))
    alive = np.flatnonzero(last >= 0)
    if model is None or not len(alive):
        return found
    X, when, symbols = rows_seen(prepared, model, last[alive])
    now = model.predict(X, when, symbols=symbols)
    has_own = now.own.get("exhaustion", np.zeros(len(alive), dtype=bool))
    found.exhaustion[alive], found.hold_value_r[alive] = now.reading("exhaustion"), now.reading("hold_value_r")
    for k in np.unique(now.stage[now.stage >= 0]):
        chosen = np.flatnonzero(now.stage == k)
        rows, stage = alive[chosen], model.stages[k]
        if isinstance(stage.calibrator, VennAbers) and not stage.silent("exhaustion"):
            low, high = stage.calibrator.bounds(stage.raw_exhaustion(X[chosen]))
            # A symbol's own model is not calibrated by the stage.
            found.low[rows], found.high[rows] = (np.where(has_own[chosen], np.nan, end) for end in (low, high))
        heard = [part for part in model.stages[: k + 1] if not part.silent("hold_value_r")]
        if len(heard) > 1 and not stage.silent("hold_value_r"):
            own = symbols.take(chosen)
            found.spread_r[rows] = np.std([part.hold_value(X[chosen], symbols=own) for part in heard], axis=0, ddof=1)
    return found
