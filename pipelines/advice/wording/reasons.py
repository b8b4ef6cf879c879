"""The model's strongest reasons for its predictions, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.features import FeatureSet, describe_catalogue
from exitladder.models.calibration.calibrators import logit, sigmoid
from exitladder.pipelines.inputs.predictions import RowsSeen, rows_seen
from exitladder.pipelines.inputs.prepare import Prepared

if TYPE_CHECKING:
    from exitladder.models.exhaustion.model import ExhaustionModel
    from exitladder.models.forests.rows import RowSymbols

_N_REASONS = 3
# Probability or R: a smaller effect is not a reason.
LEAST_MOVE = 0.005
NO_REASON = {
    "exhaustion": "No feature changes the probability of exhaustion by half a percentage point or more here.",
    "hold_value_r": f"No feature changes the value of holding by {LEAST_MOVE:g} R or more here.",
}
# Units that follow a number; other units are scales and are given with the formula.
_UNITS = frozenset({"%", "R", "ATR", "ATR per bar", "ATR per root bar", "bars", "standard deviations"})


@dataclass(frozen=True)
class _Words:
    """Formula and unit of a feature, and whether it is mirrored for a short."""

    formula: str
    unit: str
    is_mirrored: bool

    def value(self, value: float) -> str:
        """Return the value, with its unit if that follows a number."""
        if np.isnan(value):
            return "is unknown"
        unit = "bar" if self.unit == "bars" and value == 1 else self.unit
        space = "" if unit == "%" else " "
        return f"is {value:.3g}{space}{unit}" if self.unit in _UNITS else f"is {value:.3g}"

    def about(self, side: int) -> str:
        """Return the meaning of the number."""
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
    """Return the strongest reasons of each row in words, strongest first.

    Parameters
    ----------
    names : tuple of str
        Features in column order.
    values : float array, shape (n_rows, n_features)
    moves : float array, shape (n_rows, n_features)
        Effect of each feature on the probability of exhaustion, or on the value of holding in R; NaN rows have no
        reasons.
    sides : int array, shape (n_rows,), optional
        +1 long, -1 short; default long. Features are in the trade's direction: most are mirrored for a short.
    of : {"exhaustion", "hold_value_r"}
        The prediction to explain.

    Returns
    -------
    list of list of str
        Up to three sentences per row.

    Examples
    --------
    >>> plain_reasons(("rsi_14", "clv"), np.array([[81.0, 0.1]]), np.array([[0.07, -0.001]]))
    [["rsi_14 is 81 (Wilder's RSI(14) of the close, 0 to 100): raises the probability of exhaustion by 7.0 points"]]
    >>> short = np.array([-1])
    >>> ((text,),) = plain_reasons(("open_r",), np.array([[4.2]]), np.array([[-0.12]]), short, of="hold_value_r")
    >>> text
    'open_r is 4.2 R ((close − entry price) / R): lowers the value of holding by 0.12 R'
    """
    words = _words(names)
    sides = np.ones(len(values), dtype=np.int64) if sides is None else sides
    effect = _exhaustion if of == "exhaustion" else _hold_value
    reasons: list[list[str]] = []
    for value, move, side in zip(values, moves, sides, strict=True):
        if not np.isfinite(move).all():
            reasons.append([])
            continue
        strongest = np.argsort(-np.abs(move), kind="stable")[:_N_REASONS]
        reasons.append(
            [
                f"{names[k]} {words[names[k]].value(float(value[k]))} ({words[names[k]].about(int(side))}): "
                f"{effect(float(move[k]))}"
                for k in strongest
                if abs(move[k]) >= LEAST_MOVE
            ]
        )
    return reasons


def model_reasons(
    prepared: Prepared,
    model: ExhaustionModel,
    last: npt.NDArray[np.int64],
    acts_on_hold_value: Sequence[bool],
    seen: RowsSeen | None = None,
) -> list[list[str]]:
    """Return the model's strongest reasons at each trade's last row.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel
    last : int64 array, shape (n_trades,)
        Row numbers; -1 for a trade without rows.
    acts_on_hold_value : sequence of bool
        Trades with an order triggered by ``hold_value_r``; its reasons come first.
    seen : RowsSeen, optional
        The rows of the trades that have one, if they are known already.

    Returns
    -------
    list of list of str
        Empty for a trade without rows or without a prediction.
    """
    reasons: list[list[str]] = [[] for _ in last]
    alive = np.flatnonzero(last >= 0)
    if not len(alive):
        return reasons
    seen = rows_seen(prepared, model, last[alive]) if seen is None else seen
    acts = np.asarray(acts_on_hold_value, dtype=bool)[alive]
    for of in ("hold_value_r", "exhaustion"):
        asked = np.flatnonzero(acts | (of == "exhaustion"))
        if not len(asked):
            continue
        rows, place = np.unique(seen.place[asked], return_inverse=True)
        X = seen.X[rows]
        moves = moves_of(model, X, seen.when[rows], of, seen.symbols.take(rows))
        texts = plain_reasons(prepared.features.names, X, moves, seen.sides[rows], of=of)
        known = np.asarray(np.isfinite(moves).all(axis=1))
        texts = [
            [NO_REASON[of]] if is_known and not text else text for text, is_known in zip(texts, known, strict=True)
        ]
        for i, k in zip(alive[asked], place, strict=True):
            reasons[i] += texts[k]
    return reasons


def moves_of(
    model: ExhaustionModel,
    X: npt.NDArray[np.float32],
    when: IntArray,
    of: str = "exhaustion",
    symbols: RowSymbols | None = None,
) -> FloatArray:
    """Return the effect of each feature on a prediction.

    For the value of holding, these are its Shapley values, in R. Shapley values of exhaustion are log-odds before
    calibration; here they are converted to calibrated probability minus the calibrated probability without the
    feature's share of the log-odds. The effect is 0 where the calibration is flat or the stage is silent.

    Parameters
    ----------
    model : ExhaustionModel
    X : float32 array, shape (n_rows, n_features)
    when : int64 array, shape (n_rows,)
        Close times, nanoseconds since 1970 UTC.
    of : {"exhaustion", "hold_value_r"}
        The prediction to explain.
    symbols : RowSymbols, optional
        Of the rows; a symbol's own model is explained in place of the stage's.

    Returns
    -------
    float64 array, shape (n_rows, n_features)
        NaN where no stage predicts.
    """
    parts = model.explain(X, when, of=of, symbols=symbols)
    if of != "exhaustion":
        return parts
    stage = model.stage_of(when)
    moves = np.full(parts.shape, np.nan)
    for k in np.unique(stage[stage >= 0]):
        chosen, calibrator = np.flatnonzero(stage == k), model.stages[k].calibrator
        raw = model.stages[k].raw(X[chosen], "exhaustion")
        without = sigmoid(logit(raw)[:, None] - parts[chosen])
        calibrated = calibrator.apply(without.ravel()).reshape(without.shape)
        moves[chosen] = calibrator.apply(raw)[:, None] - calibrated
        # A symbol's own model is not calibrated once more.
        of_rows = None if symbols is None else symbols.take(chosen)
        own, at = model.stages[k].of_symbols(X[chosen], of, of_rows)
        moves[chosen[at]] = sigmoid(own)[:, None] - sigmoid(own[:, None] - parts[chosen[at]])
    return moves


def _exhaustion(move: float) -> str:
    return f"{'raises' if move > 0 else 'lowers'} the probability of exhaustion by {100 * abs(move):.1f} points"


def _hold_value(move: float) -> str:
    return f"{'raises' if move > 0 else 'lowers'} the value of holding by {abs(move):.2g} R"


def _words(names: tuple[str, ...]) -> dict[str, _Words]:
    """Return the formula and unit of features."""
    table = describe_catalogue(names).set_index("name")
    mirrored = {column.name for column in FeatureSet.from_names(names).columns if column.feature.mirror != "even"}
    # The text of a formula after a semicolon covers rare cases.
    return {
        name: _Words(
            str(table.loc[name, "formula"]).split(";")[0].strip(), str(table.loc[name, "unit"]), name in mirrored
        )
        for name in names
    }
