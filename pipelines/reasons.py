"""The model's plainest reasons for what it says about a trade."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.bars import FloatArray
from exitladder.features import FeatureSet, describe_catalogue, row_matrix
from exitladder.models.exhaustion import ExhaustionModel
from exitladder.pipelines.prepare import Prepared

_N_REASONS = 3
# Log-odds or R: a weight below it is no reason.
_LEAST_WEIGHT = 1e-3
# Units that follow a number; the others are scales and are told with the formula.
_UNITS = frozenset({"%", "R", "ATR", "ATR a bar", "ATR a root bar", "bars", "standard deviations"})


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
    contributions: FloatArray,
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
    contributions : float array, shape (n_rows, n_features)
        What each feature adds to the log-odds of exhaustion, or to the value of holding in R; NaN rows have no
        reasons.
    sides : int array, shape (n_rows,), optional
        +1 long, -1 short; long by default. Features are in the trade's direction: for a short most are mirrored.
    of : {"exhaustion", "hold_value_r"}
        What the contributions add up to.

    Examples
    --------
    >>> plain_reasons(("rsi_14", "clv"), np.array([[81.0, 0.1]]), np.array([[0.7, -0.0001]]))
    [["rsi_14 is 81 (Wilder's RSI(14) of the close, 0 to 100): speaks for exhaustion"]]
    >>> short = np.array([-1])
    >>> ((said,),) = plain_reasons(("open_r",), np.array([[4.2]]), np.array([[-0.12]]), short, of="hold_value_r")
    >>> said
    'open_r is 4.2 R ((close − entry price) / R): takes 0.12 R off the value of holding'
    """
    words = _words(names)
    sides = np.ones(len(values), dtype=np.int64) if sides is None else sides
    told = _exhaustion if of == "exhaustion" else _hold_value
    said: list[list[str]] = []
    for value, weight, side in zip(values, contributions, sides, strict=True):
        if not np.isfinite(weight).all():
            said.append([])
            continue
        strongest = np.argsort(-np.abs(weight), kind="stable")[:_N_REASONS]
        said.append(
            [
                f"{names[k]} {words[names[k]].value(float(value[k]))} ({words[names[k]].about(int(side))}): "
                f"{told(float(weight[k]))}"
                for k in strongest
                if abs(weight[k]) > _LEAST_WEIGHT
            ]
        )
    return said


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
            weights = model.explain(X, when[asked], embargo=False, of=of)
            said = plain_reasons(matrix.names, X, weights, sides[asked], of=of)
            for i, sentences in zip(alive[asked], said, strict=True):
                reasons[i] += sentences
    return reasons


def _exhaustion(weight: float) -> str:
    return f"speaks {'for' if weight > 0 else 'against'} exhaustion"


def _hold_value(weight: float) -> str:
    size = f"{abs(weight):.2g} R"
    return f"adds {size} to the value of holding" if weight > 0 else f"takes {size} off the value of holding"


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
