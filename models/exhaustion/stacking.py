"""The combination of the past's constant, a linear model and a forest, and the decision whether to say anything.

Predictions are combined on the scale of the label's line: log-odds for the race, R for the value of holding. With the
constant c of the training rows, the combination is c + Σ w_k (prediction_k − c), with weights of at least 0 that add
up to at most 1. The weights are those of least loss on predictions of rows that their learners had not seen.
Source: D. Wolpert, Stacked generalization (1992); L. Breiman, Stacked regressions (1996), for weights of at least 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.errors import ModelError
from exitladder.models.calibration.calibrators import sigmoid
from exitladder.statistics.mean import clustered_error

LEARNERS = ("linear", "forest")
# The gain is measured on so many stretches of time, each with the weights of the others.
STRETCHES = 5
# With fewer blocks of days a standard error means little.
LEAST_BLOCKS = 8
# The one-standard-error rule: the simpler prediction, the constant, is kept unless the stack gains more than that.
LEAST_ERRORS = 1.0
# Weights below this say nothing that a reader could act on.
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True)
class Gain:
    """How much smaller a loss is than the constant's, per row, with its standard error by blocks of days.

    Parameters
    ----------
    mean, error : float
        Log loss, or squared error in R². NaN if there are too few blocks.
    n_blocks : int
    """

    mean: float
    error: float
    n_blocks: int


@dataclass(frozen=True)
class Stack:
    """Weights of the learners, and whether the result may be used.

    Parameters
    ----------
    constant : float
        Log-odds of the training rows' base rate, or their mean in R.
    linear, forest : float
        Weights, at least 0, at most 1 together; the rest is the constant's.
    silent : bool
        The constant is predicted, and no rule may act on it.
    gain, error : float or None
        Of the weights' own test, on rows held out; see `Gain`.
    """

    constant: float
    linear: float
    forest: float
    silent: bool
    gain: float | None = None
    error: float | None = None

    def combine(self, linear: FloatArray, forest: FloatArray) -> FloatArray:
        """Return the combined log-odds or values in R, whether silent or not, same shape."""
        return combined(self.constant, linear, forest, (self.linear, self.forest))

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values from which `stack_from_mapping` makes an equal stack."""
        return asdict(self)


def stack_from_mapping(table: Mapping[str, Any]) -> Stack:
    """Return the stack that plain values describe.

    Raises
    ------
    ModelError
        If the weights are not what weights must be.
    """
    found = Stack(**{name: table[name] for name in Stack.__dataclass_fields__})
    weights = (found.linear, found.forest)
    if not np.isfinite([found.constant, *weights]).all() or min(weights) < 0 or sum(weights) > 1 + 1e-6:
        raise ModelError(
            f"The weights of a stack must be at least 0 and at most 1 together, but are {weights[0]:g} (linear) and "
            f"{weights[1]:g} (forest). Train the model again."
        )
    return found


@dataclass(frozen=True)
class HeldOut:
    """Predictions of rows whose learners had not seen them.

    Parameters
    ----------
    constant, linear, forest : float64 array, shape (n,)
        Log-odds or R; the constant is that of the rows that the learners were trained on.
    y : float64 array, shape (n,)
        Labels: 0 or 1, or R.
    time_ns : int64 array, shape (n,)
        When each row is decided.
    over_ns : int64 array, shape (n,)
        When its label is known.
    weight : float64 array, shape (n,), optional
        Of each row in the loss; 1 by default.
    """

    constant: FloatArray
    linear: FloatArray
    forest: FloatArray
    y: FloatArray
    time_ns: IntArray
    over_ns: IntArray
    weight: FloatArray | None = None


def fit_stack(
    held: HeldOut | None,
    constant: float,
    objective: str,
    *,
    against: FloatArray | None = None,
    least_errors: float = LEAST_ERRORS,
) -> Stack:
    """Return the stack of least loss on held-out rows, silent unless it clearly beats the constant there.

    Its gain is measured on stretches of time, each with the weights of the other stretches; see `gain_over`.

    Parameters
    ----------
    held : HeldOut or None
        None if there are too few rows to hold any out: the stack is then silent.
    constant : float
        Of all training rows: log-odds, or R.
    objective : {"binary", "regression"}
    against : float64 array, shape (n,), optional
        Predictions of the held-out rows to beat instead of the constant.
    least_errors : float
        Standard errors that the gain must exceed.

    Returns
    -------
    Stack
    """
    if held is None or len(held.y) < 2 * STRETCHES:
        return Stack(constant, 0.0, 0.0, silent=True)
    linear, forest = _weights(held, np.arange(len(held.y)), objective)
    order = np.argsort(held.time_ns, kind="stable")
    said = held.constant.copy()
    for stretch in np.array_split(order, STRETCHES):
        others = np.setdiff1d(order, stretch, assume_unique=True)
        of_stretch = held.constant[stretch], held.linear[stretch], held.forest[stretch]
        said[stretch] = combined(*of_stretch, _weights(held, others, objective))
    least = held.constant if against is None else against
    gain = gain_over(said, least, held.y, held.time_ns, held.over_ns, objective, weight=held.weight)
    silent = not gain.mean > least_errors * gain.error or linear + forest < _LEAST_WEIGHT
    return Stack(constant, linear, forest, silent, *_known(gain))


def gain_over(
    said: FloatArray,
    constant: FloatArray,
    y: FloatArray,
    time_ns: IntArray,
    over_ns: IntArray,
    objective: str,
    *,
    weight: FloatArray | None = None,
) -> Gain:
    """Return the paired difference of the losses, with a standard error by blocks of days; see `block_of`.

    Parameters
    ----------
    said, constant : float64 array, shape (n,)
        Predictions and the constant that they are compared with: log-odds or R.
    y : float64 array, shape (n,)
    time_ns, over_ns : int64 array, shape (n,)
        When each row is decided, and when its label is known.
    objective : {"binary", "regression"}
    weight : float64 array, shape (n,), optional
        Of each row in the mean; 1 by default.

    Returns
    -------
    Gain
    """
    if not len(y):
        return Gain(np.nan, np.nan, 0)
    difference = losses(constant, y, objective) - losses(said, y, objective)
    if weight is not None:
        difference = difference * weight / weight.mean()
    error, n_blocks = clustered_error(difference, block_of(time_ns, over_ns))
    return Gain(float(difference.mean()), error if n_blocks >= LEAST_BLOCKS else np.nan, n_blocks)


def block_of(time_ns: IntArray, over_ns: IntArray) -> IntArray:
    """Return the number of the block of days of each row.

    A block holds all rows decided on some days in a row: as many as nine of ten labels last, one at least, so that
    neither the symbols of a day nor the bars of a trade count as independent.

    Parameters
    ----------
    time_ns, over_ns : int64 array, shape (n,)
        When each row is decided, and when its label is known; at least one row.

    Returns
    -------
    int64 array, shape (n,)
    """
    days = max(1, int(np.ceil(np.quantile(over_ns - time_ns, 0.9) / DAY_NS)))
    return np.asarray(time_ns // (days * DAY_NS), dtype=np.int64)


def losses(said: FloatArray, y: FloatArray, objective: str) -> FloatArray:
    """Return the log loss of log-odds, or the squared error of values, by row.

    Parameters
    ----------
    said, y : float64 array, shape (n,)
        Predictions (log-odds or R) and labels.
    objective : {"binary", "regression"}

    Returns
    -------
    float64 array, shape (n,)
    """
    return np.asarray(np.logaddexp(0.0, said) - y * said if objective == "binary" else (said - y) ** 2)


def combined(
    constant: float | FloatArray, linear: FloatArray, forest: FloatArray, weights: tuple[float, float]
) -> FloatArray:
    """Return log-odds or values in R of three learners together.

    Parameters
    ----------
    constant, linear, forest : float64 array, shape (n_rows,)
        What each learner says; the constant may be one number for all rows.
    weights : (float, float)
        Of the linear model and of the forest.

    Returns
    -------
    float64 array, shape (n_rows,)
    """
    return np.asarray(constant + weights[0] * (linear - constant) + weights[1] * (forest - constant))


def _weights(held: HeldOut, chosen: IntArray, objective: str) -> tuple[float, float]:
    """Return the weights of linear model and forest with the least loss on some rows; the problem is convex."""
    c, y = held.constant[chosen], held.y[chosen]
    moves = np.column_stack([held.linear[chosen] - c, held.forest[chosen] - c])
    scale = 1.0 if objective == "binary" else max(float(y.var()), 1e-12)
    share = None if held.weight is None else held.weight[chosen] / held.weight[chosen].sum()

    def loss_at(w: FloatArray) -> tuple[float, FloatArray]:
        said = c + moves @ w
        residual = sigmoid(said) - y if objective == "binary" else 2 * (said - y)
        loss = losses(said, y, objective)
        if share is None:
            return float(loss.mean() / scale), moves.T @ residual / len(y) / scale
        return float(share @ loss / scale), moves.T @ (share * residual) / scale

    # it takes longer to load than all else that a command without a model needs
    from scipy.optimize import minimize

    found = minimize(  # type: ignore[call-overload]
        loss_at,
        np.full(2, 0.25),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * 2,
        constraints={"type": "ineq", "fun": lambda w: 1 - w.sum(), "jac": lambda _: -np.ones(2)},
        options={"ftol": 1e-10, "maxiter": 200},
    )
    w = np.clip(found.x, 0.0, 1.0)
    w[w < _LEAST_WEIGHT] = 0.0
    w = w / max(1.0, float(w.sum()))
    return float(w[0]), float(w[1])


def _known(gain: Gain) -> tuple[float | None, float | None]:
    return tuple(None if np.isnan(v) else float(v) for v in (gain.mean, gain.error))  # type: ignore[return-value]
