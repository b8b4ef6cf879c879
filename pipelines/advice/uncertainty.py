"""How sure the model is of one prediction: the Venn-Abers interval of a probability, and the spread of a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.pipelines.inputs.predictions import RowsSeen, rows_seen
from exitladder.pipelines.inputs.prepare import Prepared

if TYPE_CHECKING:
    from exitladder.models.exhaustion.model import ExhaustionModel


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
    exit_rank : float64 array
        Both series as one rank.
    """

    exhaustion: FloatArray
    hold_value_r: FloatArray
    low: FloatArray
    high: FloatArray
    spread_r: FloatArray
    exit_rank: FloatArray


def outlook_of(
    prepared: Prepared, model: ExhaustionModel | None, last: IntArray, seen: RowsSeen | None = None
) -> Outlook:
    """Return the predictions at some rows, with how sure they are.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel or None
    last : int64 array, shape (n_trades,)
        Row numbers; -1 for a trade without rows.
    seen : RowsSeen, optional
        The rows of the trades that have one, if they are known already.

    Returns
    -------
    Outlook
    """
    found = Outlook(*(np.full(len(last), np.nan) for _ in range(6)))
    alive = np.flatnonzero(last >= 0)
    if model is None or not len(alive):
        return found
    seen = rows_seen(prepared, model, last[alive]) if seen is None else seen
    distinct = _outlook(model, seen)
    for name in ("exhaustion", "hold_value_r", "low", "high", "spread_r", "exit_rank"):
        getattr(found, name)[alive] = getattr(distinct, name)[seen.place]
    return found


def _outlook(model: ExhaustionModel, seen: RowsSeen) -> Outlook:
    """Return the predictions of distinct rows."""
    from exitladder.models.calibration.venn_abers import VennAbers

    X, n = seen.X, len(seen.X)
    now = model.predict(X, seen.when, symbols=seen.symbols)
    low, high, spread = (np.full(n, np.nan) for _ in range(3))
    has_own = np.isnan(now.reading("exhaustion")) | now.own.get("exhaustion", np.zeros(n, dtype=bool))
    for k in np.unique(now.stage[now.stage >= 0]):
        rows, stage = np.flatnonzero(now.stage == k), model.stages[k]
        if isinstance(stage.calibrator, VennAbers) and not stage.silent("exhaustion"):
            ends = stage.calibrator.bounds(stage.raw(X[rows], "exhaustion"))
            # A symbol's own model is not calibrated by the stage.
            low[rows], high[rows] = (np.where(has_own[rows], np.nan, end) for end in ends)
        heard = [part for part in model.stages[: k + 1] if not part.silent("hold_value_r")]
        if len(heard) > 1 and not stage.silent("hold_value_r"):
            own = seen.symbols.take(rows)
            spread[rows] = np.std([part.values(X[rows], "hold_value_r", symbols=own) for part in heard], axis=0, ddof=1)
    return Outlook(now.reading("exhaustion"), now.reading("hold_value_r"), low, high, spread, now.reading("exit_rank"))
