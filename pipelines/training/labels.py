"""The labels that the model learns, and their effective sample size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.models.labels.comparison import forward_return, pivot_hazard, remaining_mfe, triple_barrier
from exitladder.models.labels.labels import Labels, average_uniqueness, continuation_advantage, race, reachable_rows
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.settings.tables import LabelSettings


@dataclass(frozen=True)
class RowLabels:
    """The labels of all rows.

    Parameters
    ----------
    exhaustion : Labels
        0 or 1: the race, or the hazard of the pivot.
    decision : Labels
        Higher values favour holding: the advantage of continuing, or one of the labels it is compared with.
    reachable : bool array, shape (n_rows,)
        Rows to train on.
    """

    exhaustion: Labels
    decision: Labels
    reachable: npt.NDArray[np.bool_]


def row_labels(prepared: Prepared, settings: LabelSettings) -> RowLabels:
    """Return the labels that `labels.exhaustion` and `labels.decision` name, for every row."""
    placed, rows, atr, chosen = prepared.placed, prepared.rows, prepared.atr, settings
    back, beyond = chosen.race_give_back_atr, chosen.race_extend_atr
    if chosen.exhaustion == "pivot_hazard":
        exhaustion = pivot_hazard(placed, rows, atr, back)
    else:
        exhaustion = race(placed, rows, atr, back, beyond)
    if chosen.decision == "forward_return":
        decision = forward_return(placed, rows, chosen.horizon_bars, prepared.risk)
    elif chosen.decision == "remaining_mfe":
        decision = remaining_mfe(placed, rows, atr, back, prepared.risk)
    elif chosen.decision == "triple_barrier":
        decision = triple_barrier(placed, rows, atr, back, beyond, chosen.horizon_bars)
    else:
        decision = continuation_advantage(placed, rows, atr, chosen.baseline_trail_atr, prepared.risk)
    return RowLabels(exhaustion, decision, reachable_rows(placed, rows, atr, chosen.reachable_trail_atr))


def n_effective(prepared: Prepared, labels: Labels, used: npt.NDArray[np.bool_]) -> float:
    """Return the effective sample size of the labels of some rows: the sum of their average uniqueness.

    A label depends on the bars from the one after its row to the one at which it is known, and shares them with the
    labels of neighbouring rows. Symbols are counted separately although they move together, so this is an upper bound.

    Parameters
    ----------
    prepared : Prepared
    labels : Labels
        Of all rows.
    used : bool array, shape (n_rows,)
        Rows to count; those whose label is not known are left out.

    Returns
    -------
    float
    """
    chosen = np.flatnonzero(used & labels.is_known)
    return float(average_uniqueness(prepared.rows.bar_of(chosen) + 1, labels.end_bar[chosen]).sum())
