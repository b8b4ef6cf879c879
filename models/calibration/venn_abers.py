"""Venn-Abers calibration: two isotonic fits, one for either outcome of the row that is asked about.

The row itself is added to the calibration rows, once as a 0 and once as a 1; the isotonic regressions then give
p0 and p1 for it. If rows are exchangeable, the true probability is between them, and their distance measures how
uncertain the calibration of such a prediction is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray

Point = tuple[float, float]


@dataclass(frozen=True)
class VennAbers:
    """Two rising step functions of the raw probability.

    Parameters
    ----------
    x0, p0 : tuple of float
        p0 of a raw probability in [x0[i], x0[i + 1]); 0 below x0[0].
    x1, p1 : tuple of float
        p1 of a raw probability in (x1[i - 1], x1[i]]; 1 above x1[-1].

    Notes
    -----
    Source: V. Vovk, I. Petej and V. Fedorova, Large-scale probabilistic predictors with and without
    guarantees of validity (2015), inductive Venn-Abers predictors, algorithms 1 and 2.
    """

    x0: tuple[float, ...]
    p0: tuple[float, ...]
    x1: tuple[float, ...]
    p1: tuple[float, ...]

    @classmethod
    def fit(cls, p: FloatArray, y: FloatArray) -> VennAbers:
        """Return the step functions of calibration rows.

        Parameters
        ----------
        p : float64 array, shape (n,)
            Out-of-fold raw probabilities.
        y : float64 array, shape (n,)
            0 or 1.
        """
        x, place = np.unique(p, return_inverse=True)
        n = np.bincount(place).astype(np.float64)
        ones = np.bincount(place, y).astype(np.float64)
        p1 = _with_a_one(n, ones)
        # A 0 from the left is a 1 from the right.
        p0 = 1.0 - _with_a_one(n[::-1], (n - ones)[::-1])[::-1]
        begins = np.concatenate([[True], np.diff(p0) > 0])
        ends = np.concatenate([np.diff(p1) > 0, [True]])
        return cls(*(tuple(map(float, part)) for part in (x[begins], p0[begins], x[ends], p1[ends])))

    def bounds(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return p0 and p1 of raw probabilities, same shape each; NaN stays NaN."""
        p = np.asarray(p, dtype=np.float64)
        low = np.concatenate([[0.0], self.p0])[np.searchsorted(self.x0, p, side="right")]
        high = np.concatenate([self.p1, [1.0]])[np.searchsorted(self.x1, p, side="left")]
        unknown = np.isnan(p)
        return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)

    def apply(self, p: FloatArray) -> FloatArray:
        """Return the one probability p1 / (1 - p0 + p1), which has the least greatest regret in log loss."""
        low, high = self.bounds(p)
        return np.asarray(high / (1.0 - low + high))

    def to_mapping(self) -> dict[str, Any]:
        """Return the kind and the steps."""
        steps = {"x0": list(self.x0), "p0": list(self.p0), "x1": list(self.x1), "p1": list(self.p1)}
        return {"kind": "venn_abers", **steps}

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> VennAbers:
        """Return the calibrator that plain values describe."""
        return cls(*(tuple(map(float, table[name])) for name in ("x0", "p0", "x1", "p1")))


def _with_a_one(n: FloatArray, ones: FloatArray) -> FloatArray:
    """Return the isotonic regression at each value once a 1 is added there, shape (n_values,).

    The slope of the greatest convex minorant of the sums (of rows, of ones), which is rebuilt as the added
    row moves from the first value to the last; each corner enters and leaves once.
    """
    # Place 0 is the added row's beginning, place i + 1 the sums up to value i.
    x = [-1.0, 0.0, *np.cumsum(n).tolist()]
    y = [-1.0, 0.0, *np.cumsum(ones).tolist()]
    points: list[Point] = list(zip(x, y, strict=True))
    corners: list[Point] = []
    for point in points:
        while len(corners) > 1 and _turn(corners[-2], corners[-1], point) <= 0:
            corners.pop()
        corners.append(point)
    corners.reverse()
    out = np.empty(len(n))
    for i in range(len(n)):
        (ax, ay), (bx, by) = corners[-1], corners[-2]
        out[i] = (by - ay) / (bx - ax)
        # The added row moves behind value i: the sums before it lose the row, and value i comes in front.
        before, here, after = points[i], points[i + 1], points[i + 2]
        moved = (before[0] + after[0] - here[0], before[1] + after[1] - here[1])
        points[i + 1] = moved
        if _turn(corners[-1], corners[-2], moved) >= 0:
            continue
        corners.pop()
        while len(corners) > 1 and _turn(moved, corners[-1], corners[-2]) <= 0:
            corners.pop()
        corners.append(moved)
    return np.clip(out, 0.0, 1.0)


def _turn(a: Point, b: Point, c: Point) -> float:
    """Return above 0 where the way from a over b to c turns left, 0 where it is straight."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
