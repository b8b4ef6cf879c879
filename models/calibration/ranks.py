"""One score of both series: ranks of the predictions among those of the past, and the rank of their mean.

The probability of exhaustion and the value of holding have different units. Each becomes a rank, the share of the
past's predictions that favoured selling less. The mean of both ranks is ranked in the same way, so that the score is
spread evenly: 0.95 means that one bar in twenty of the past favoured selling more. The past are the rows held out
within the training part of a stage, so no rank knows a row that it is given to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.errors import ModelError

# Every hundredth, and finer at both ends: an exit fires on few bars.
LEVELS = np.concatenate([[0.0, 0.0025, 0.005], np.arange(1, 100) / 100, [0.995, 0.9975, 1.0]])


@dataclass(frozen=True)
class Ranks:
    """Quantiles of the past's predictions at `LEVELS`, increasing.

    Parameters
    ----------
    exhaustion : tuple of float
        Of calibrated probabilities.
    hold_value_r : tuple of float
        Of values in R.
    both : tuple of float
        Of the mean of both ranks, each from 0 (favours holding) to 1 (favours selling).
    """

    exhaustion: tuple[float, ...]
    hold_value_r: tuple[float, ...]
    both: tuple[float, ...]

    @classmethod
    def fit(cls, exhaustion: FloatArray, hold_value_r: FloatArray) -> Ranks:
        """Return the ranks among these predictions.

        Parameters
        ----------
        exhaustion, hold_value_r : float64 array, shape (n,)
            Of the same rows, at least one.

        Returns
        -------
        Ranks
        """
        of_race, of_hold = (_quantiles(values) for values in (exhaustion, hold_value_r))
        mean = (_rank(exhaustion, of_race) + 1 - _rank(hold_value_r, of_hold)) / 2
        return cls(of_race, of_hold, _quantiles(mean))

    def of(self, exhaustion: FloatArray, hold_value_r: FloatArray) -> FloatArray:
        """Return the score of rows, from 0 to 1; higher values favour selling.

        Parameters
        ----------
        exhaustion, hold_value_r : float64 array, shape (n,)
            NaN where the series is not known.

        Returns
        -------
        float64 array, shape (n,)
            The rank of the one series that is known, where only one is; NaN where none is.
        """
        race = _rank(exhaustion, self.exhaustion)
        hold = 1 - _rank(hold_value_r, self.hold_value_r)
        joint = _rank((race + hold) / 2, self.both)
        return np.where(np.isnan(race), hold, np.where(np.isnan(hold), race, joint))

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values from which `ranks_from_mapping` makes equal ranks."""
        return {name: list(values) for name, values in asdict(self).items()}


def ranks_from_mapping(table: Mapping[str, Any]) -> Ranks:
    """Return the ranks that plain values describe.

    Raises
    ------
    ModelError
        If the quantiles are not finite numbers in increasing order, one for each level.
    """
    found = Ranks(**{name: tuple(map(float, table[name])) for name in Ranks.__dataclass_fields__})
    for values in (found.exhaustion, found.hold_value_r, found.both):
        if len(values) != len(LEVELS) or not np.isfinite(values).all() or (np.diff(values) < 0).any():
            raise ModelError(
                f"The ranks of a stage must be {len(LEVELS)} finite numbers in increasing order for each series, but "
                "are not. Train the model again."
            )
    return found


def _quantiles(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(f"{value:.9g}") for value in np.quantile(values, LEVELS))


def _rank(values: FloatArray, quantiles: tuple[float, ...]) -> FloatArray:
    """Return the share of the past below each value, that of equal values counting by half; NaN stays NaN."""
    distinct, at, counts = np.unique(np.asarray(quantiles), return_inverse=True, return_counts=True)
    level = np.bincount(at, LEVELS, len(distinct)) / counts
    return np.where(np.isnan(values), np.nan, np.interp(values, distinct, level))
