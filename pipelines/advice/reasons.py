"""The model's plainest reasons for what it says about a trade."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.features import FeatureSet, describe_catalogue, row_matrix
from exitladder.models.calibration.calibrators import logit, sigmoid
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.pipelines.inputs.prepare import Prepared

_N_REASONS = 3
# Probability or R: what moves an answer by less is no reason.
LEAST_MOVE = 0.005
NO_REASON = {
    "exhaustion": "Nothing that the model looks at moves the probability of exhaustion by half a point here.",
    "hold_value_r": f"Nothing that the model looks at moves the value of holding by {LEAST_MOVE:g} R here.",
}
# Units that follow a number; the others are scales and are told with the formula.
_UNITS = frozenset({"%", "R", "ATR", "ATR per bar", "ATR per root bar", "bars", "standard deviations"})


@dataclass(frozen=True)
class _Words:
    """How a feature is told: what it is, its unit, and whether a short sees it mirrored."""

    formula: str
    unit: str
    is_mirrored: bool

    def value(self, value: float) -> str:
        """Return the value with its unit, if that follows a number."""
        if np.isnan(value):
            return "is not known"
        unit = "bar" if self.unit == "bars" and value == 1 else self.unit
        return f"is {value:.3g} {unit}" if self.unit in _UNITS else f"is {value:.3g}"

    def about(self, side: int) -> str:
        """Return what the number means."""
        scale = self.unit if re.search(r"\d", self.unit) else ""
        mirrored = "mirrored for a short" if side < 0 and self.is_mirrored else ""
        return ", ".join(part for part in (self.formula, scale, mirrored) if part)


def plain_reasons(
    names: tuple[str, ...],
    values: npt.NDArray[np.floating],
    moves: FloatArray,
    sides: npt.NDArray[np.integer] | None = None,
    *,
    of: str = "exhaustion",
) -> list[list[str]]:
    """Return the strongest reasons of each row, in words, the strongest first.

    Parameters
    ----------
    names : tuple of str
        Features in the order of the columns.
    values : float array, shape (n_rows, n_features)
    moves : float array, shape (n_rows, n_features)
        How far each feature moves the probability of exhaustion, or the value of holding in R; NaN rows have no
        reasons.
    sides : int array, shape (n_rows,), optional
        +1 long, -1 short; long by default. Features are in the trade's direction: for a short most are mirrored.
    of : {"exhaustion", "hold_value_r"}
        What is moved.

    Examples
    --------
    >>> plain_reasons(("rsi_14", "clv"), np.array([[81.0, 0.1]]), np.array([[0.07, -0.001]]))
    [["rsi_14 is 81 (Wilder's RSI(14) of the close, 0 to 100): speaks for exhaustion, by 7.0 points"]]
    >>> short = np.array([-1])
    >>> ((said,),) = plain_reasons(("open_r",), np.array([[4.2]]), np.array([[-0.12]]), short, of="hold_value_r")
    >>> said
    'open_r is 4.2 R ((close − entry price) / R): takes 0.12 R off the value of holding'
    """
    words = _words(names)
    sides = np.ones(len(values), dtype=np.int64) if sides is None else sides
    described = _exhaustion if of == "exhaustion" else _hold_value
    predicted: list[list[str]] = []
    for value, move, side in zip(values, moves, sides, strict=True):
        if not np.isfinite(move).all():
            predicted.append([])
            continue
        strongest = np.argsort(-np.abs(move), kind="stable")[:_N_REASONS]
        predicted.append(
            [
                f"{names[k]} {words[names[k]].value(float(value[k]))} ({words[names[k]].about(int(side))}): "
                f"{described(float(move[k]))}"
                for k in strongest
                if abs(move[k]) >= LEAST_MOVE
            ]
        )
    return predicted


def model_reasons(
    prepared: Prepared, model: ExhaustionModel, last: npt.NDArray[np.int64], acts_on_hold_value: Sequence[bool]
) -> list[list[str]]:
    """Return the model's plainest reasons at each trade's last row; none where it has none.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel
    last : int64 array, shape (n_trades,)
        Row numbers; -1 where a trade has none.
    acts_on_hold_value : sequence of bool
        Trades about which something is to be done because of ``hold_value_r``: what it rests on comes first.
    """
    reasons: list[list[str]] = [[] for _ in last]
    alive = np.flatnonzero(last >= 0)
    if not len(alive):
        return reasons
    matrix = row_matrix(prepared.placed, prepared.rows, prepared.features, select=last[alive])
    when = prepared.placed.bars.close_time[prepared.rows.bar_of(last[alive])]
    sides = prepared.placed.trades.side[alive]
    for of in ("hold_value_r", "exhaustion"):
        asked = np.array([of == "exhaustion" or acts_on_hold_value[int(i)] for i in alive])
        if asked.any():
            X = matrix.values[asked]
            moves = moves_of(model, X, when[asked], of)
            predicted = plain_reasons(matrix.names, X, moves, sides[asked], of=of)
            for i, move, sentences in zip(alive[asked], moves, predicted, strict=True):
                is_silent = not sentences and bool(np.isfinite(move).all())
                reasons[i] += [NO_REASON[of]] if is_silent else sentences
    return reasons


def moves_of(model: ExhaustionModel, X: npt.NDArray[np.float32], when: IntArray, of: str = "exhaustion") -> FloatArray:
    """Return how far each feature moves an answer, shape (n_rows, n_features); NaN where no stage answers.

    For the value of holding these are its Shapley values, in R. Shapley values of exhaustion are in log-odds before
    calibration; here they are told as what matters: the calibrated probability less what it would be with the
    feature's own share of the log-odds taken out. That is 0 where the calibration lets nothing through.
    """
    parts = model.explain(X, when, embargo=False, of=of)
    if of != "exhaustion":
        return parts
    stage = model.stage_of(when, embargo=False)
    moves = np.full(parts.shape, np.nan)
    for k in np.unique(stage[stage >= 0]):
        chosen, calibrator = np.flatnonzero(stage == k), model.stages[k].calibrator
        raw = model.stages[k].race.predict(X[chosen])
        without = sigmoid(logit(raw)[:, None] - parts[chosen])
        described = calibrator.apply(without.ravel()).reshape(without.shape)
        moves[chosen] = calibrator.apply(raw)[:, None] - described
    return moves


def _exhaustion(move: float) -> str:
    return f"speaks {'for' if move > 0 else 'against'} exhaustion, by {100 * abs(move):.1f} points"


def _hold_value(move: float) -> str:
    size = f"{abs(move):.2g} R"
    return f"adds {size} to the value of holding" if move > 0 else f"takes {size} off the value of holding"


def _words(names: tuple[str, ...]) -> dict[str, _Words]:
    """Return the words of features; of one that the catalogue does not know, none but its name."""
    table = describe_catalogue(names).set_index("name")
    mirrored = {column.name for column in FeatureSet.from_names(names).columns if column.feature.mirror != "even"}
    # What a formula says after a semicolon is of rare cases.
    return {
        name: _Words(
            str(table.loc[name, "formula"]).split(";")[0].strip(), str(table.loc[name, "unit"]), name in mirrored
        )
        for name in names
    }
