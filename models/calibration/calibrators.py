"""Maps from a model's raw probabilities to calibrated ones.

A calibrator is fitted on out-of-fold predictions only: on its own training rows a model is overconfident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.errors import ModelError, did_you_mean
from exitladder.models.calibration.venn_abers import VennAbers

_LEAST = 1e-12


class Calibrator(Protocol):
    """Maps raw probabilities to calibrated ones and knows its own JSON form."""

    def apply(self, p: FloatArray) -> FloatArray:
        """Return calibrated probabilities of raw ones, same shape; NaN stays NaN."""

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values from which `calibrator_from_mapping` makes an equal calibrator."""


@dataclass(frozen=True)
class Identity:
    """Leaves probabilities as they are."""

    def apply(self, p: FloatArray) -> FloatArray:
        """Return `p`."""
        return np.asarray(p, dtype=np.float64)

    def to_mapping(self) -> dict[str, Any]:
        """Return ``{"kind": "none"}``."""
        return {"kind": "none"}


@dataclass(frozen=True)
class Platt:
    """A logistic line on the log-odds: sigmoid(slope · logit(p) + intercept)."""

    slope: float
    intercept: float

    @classmethod
    def fit(cls, p: FloatArray, y: FloatArray) -> Platt:
        """Return the line of greatest likelihood.

        The slope is at least 0: predictions that rank the wrong way round out of fold have no value, and inverting
        them would fit noise; then all get the base rate. It is at most 1: calibration may take back what a model
        claims, and not add to it.

        Parameters
        ----------
        p : float64 array, shape (n,)
            Out-of-fold raw probabilities.
        y : float64 array, shape (n,)
            0 or 1.
        """
        p, y = _checked(p, y)
        x = logit(p)
        beta = np.array([1.0, 0.0])
        design = np.column_stack([x, np.ones_like(x)])
        for _ in range(100):
            fitted = sigmoid(design @ beta)
            weight = np.maximum(fitted * (1 - fitted), 1e-10)
            # A trace of ridge keeps the step finite where all predictions are equal or separate perfectly.
            hessian = design.T @ (design * weight[:, None]) + 1e-6 * np.eye(2)
            step = np.linalg.solve(hessian, design.T @ (y - fitted) - 1e-6 * beta)
            size = float(np.abs(step).max())
            beta = beta + step / max(1.0, size)
            if size < 1e-10:
                break
        if beta[0] < 0:
            rate = np.clip(y.mean(), _LEAST, 1 - _LEAST)
            return cls(0.0, float(np.log(rate / (1 - rate))))
        if beta[0] > 1:
            return cls(1.0, _shift(x, y))
        return cls(float(beta[0]), float(beta[1]))

    def apply(self, p: FloatArray) -> FloatArray:
        """Return calibrated probabilities."""
        return sigmoid(self.slope * logit(np.asarray(p, dtype=np.float64)) + self.intercept)

    def to_mapping(self) -> dict[str, Any]:
        """Return the kind, the slope and the intercept."""
        return {"kind": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True)
class Isotonic:
    """A non-decreasing line through points (x, y), linear between them; for many thousands of rows."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    @classmethod
    def fit(cls, p: FloatArray, y: FloatArray) -> Isotonic:
        """Return the isotonic regression of least squares, kept within [1 / (n + 2), 1 - 1 / (n + 2)].

        Parameters are as in `Platt.fit`.
        """
        from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]

        p, y = _checked(p, y)
        fitted = IsotonicRegression(y_min=1 / (len(y) + 2), y_max=1 - 1 / (len(y) + 2), out_of_bounds="clip").fit(p, y)
        return cls(tuple(map(float, fitted.X_thresholds_)), tuple(map(float, fitted.y_thresholds_)))

    def apply(self, p: FloatArray) -> FloatArray:
        """Return calibrated probabilities."""
        return np.interp(np.asarray(p, dtype=np.float64), self.x, self.y)

    def to_mapping(self) -> dict[str, Any]:
        """Return the kind and the points."""
        return {"kind": "isotonic", "x": list(self.x), "y": list(self.y)}


KINDS = ("platt", "isotonic", "venn_abers", "none")


def fit_calibrator(kind: str, p: FloatArray, y: FloatArray) -> Calibrator:
    """Return a calibrator of that kind, fitted on out-of-fold predictions.

    Parameters
    ----------
    kind : {"platt", "isotonic", "venn_abers", "none"}
    p : float64 array, shape (n,)
        Out-of-fold raw probabilities, finite.
    y : float64 array, shape (n,)
        0 or 1.

    Returns
    -------
    Calibrator

    Raises
    ------
    ModelError
        If the kind is unknown, or predictions and labels cannot be used.

    Examples
    --------
    >>> p = np.array([0.05, 0.05, 0.95, 0.95] * 25)
    >>> y = np.array([0, 1, 0, 1] * 25)
    >>> fit_calibrator("platt", p, y).apply(np.array([0.95])).round(2)
    array([0.5])
    """
    if kind == "platt":
        return Platt.fit(p, y)
    if kind == "isotonic":
        return Isotonic.fit(p, y)
    if kind == "venn_abers":
        return VennAbers.fit(*_checked(p, y))
    if kind == "none":
        return Identity()
    raise ModelError(f"Unknown calibration '{kind}'. {did_you_mean(kind, KINDS)}")


def calibrator_from_mapping(table: Mapping[str, Any]) -> Calibrator:
    """Return the calibrator that plain values describe."""
    kind = table.get("kind")
    if kind not in KINDS:
        raise ModelError(f"Unknown calibration {str(kind)!r}. {did_you_mean(str(kind), KINDS)}")
    try:
        if kind == "platt":
            return Platt(*_numbers([table["slope"], table["intercept"]], "slope and intercept"))
        if kind == "isotonic":
            x, y = (_numbers(table[name], name) for name in ("x", "y"))
            _refuse_steps(x, y, "x and y", len(y))
            return Isotonic(x, y)
        if kind == "venn_abers":
            x0, p0, x1, p1 = (_numbers(table[name], name) for name in ("x0", "p0", "x1", "p1"))
            _refuse_steps(x0, p0, "x0 and p0", len(p0))
            _refuse_steps(x1, p1, "x1 and p1", len(p1))
            return VennAbers(x0, p0, x1, p1)
    except KeyError as missing:
        raise ModelError(
            f"The calibration '{kind}' must have {missing}, but does not. Train the model again."
        ) from None
    return Identity()


def _shift(x: FloatArray, y: FloatArray) -> float:
    """Return the intercept of greatest likelihood beside log-odds with a slope of 1."""
    shift = 0.0
    for _ in range(100):
        fitted = sigmoid(x + shift)
        step = float((y - fitted).sum() / (np.maximum(fitted * (1 - fitted), 1e-10).sum() + 1e-6))
        shift += step / max(1.0, abs(step))
        if abs(step) < 1e-10:
            break
    return shift


def _numbers(values: Any, name: str) -> tuple[float, ...]:
    is_list = isinstance(values, (list, tuple))
    if not is_list or not all(isinstance(v, (int, float)) and abs(v) < 1e300 for v in values):
        raise ModelError(f"The calibration's {name} must be finite numbers, but are not. Train the model again.")
    return tuple(map(float, values))


def _refuse_steps(x: tuple[float, ...], p: tuple[float, ...], names: str, n: int) -> None:
    if len(x) != n or not n or list(x) != sorted(x) or not all(0 <= value <= 1 for value in p):
        raise ModelError(
            f"The calibration's {names} must be of one length, ascending, and probabilities, but are not. Train the "
            "model again."
        )


def discriminates(calibrator: Calibrator) -> bool:
    """Return whether different raw probabilities can get different calibrated ones; not so for a flat calibrator.

    Examples
    --------
    >>> discriminates(Platt(0.8, 0.1)), discriminates(Platt(0.0, 0.1))
    (True, False)
    """
    predicted = calibrator.apply(np.linspace(0.005, 0.995, 199))
    return bool(np.ptp(predicted) > 1e-9)


def logit(p: FloatArray) -> FloatArray:
    """Return the log-odds of probabilities, kept finite."""
    inside = np.clip(p, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(inside / (1 - inside)))


def sigmoid(x: FloatArray) -> FloatArray:
    """Return the probabilities of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -700, 700))))


def _checked(p: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    p, y = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if p.shape != y.shape or p.ndim != 1 or not len(p):
        raise ModelError(f"A calibrator needs as many predictions as labels, but has {p.shape} and {y.shape}.")
    if not np.isfinite(p).all() or not np.isin(y, (0.0, 1.0)).all():
        raise ModelError("A calibrator needs finite predictions and labels of 0 and 1; leave out rows without them.")
    return p, y
