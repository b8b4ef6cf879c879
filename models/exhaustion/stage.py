"""One stage of the exhaustion model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import Calibrator, discriminates, logit, sigmoid
from exitladder.models.exhaustion.linear import Linear
from exitladder.models.exhaustion.own import OwnModel
from exitladder.models.exhaustion.stacking import Stack
from exitladder.models.forests.boosting import Forest
from exitladder.models.forests.rows import ROWS_AT_ONCE, RowSymbols

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Blend:
    """The linear model beside the forest of one label, and the weights of both.

    Parameters
    ----------
    linear : Linear
    stack : Stack
    """

    linear: Linear
    stack: Stack


@dataclass(frozen=True)
class Stage:
    """Boosters trained on labels known up to one time and valid from a later one.

    Parameters
    ----------
    valid_from_ns : int
        The stage may predict rows decided at or after this time.
    last_label_ns : int
        When the last training label was known; at least the embargo before `valid_from_ns`.
    n_rows, n_trades : int
        Size of the training set.
    race, hold : Forest
        Raw probability of exhaustion, and advantage of holding in R.
    calibrator : Calibrator
        Fitted on out-of-fold predictions of earlier stages.
    race_blend, hold_blend : Blend or None
        None where the forest predicts alone, as in models of version 0.1.
    race_own, hold_own : tuple of OwnModel
        Symbols with a model of their own, which predicts whether the stage is silent or not.
    families : tuple of str
        Families beyond the default features that passed the screening.
    """

    valid_from_ns: int
    last_label_ns: int
    n_rows: int
    n_trades: int
    race: Forest
    hold: Forest
    calibrator: Calibrator
    race_blend: Blend | None = None
    hold_blend: Blend | None = None
    race_own: tuple[OwnModel, ...] = ()
    hold_own: tuple[OwnModel, ...] = ()
    families: tuple[str, ...] = ()

    def silent(self, series: str) -> bool:
        """Return whether a series (exhaustion or hold_value_r) is the past's constant, on which no rule may act."""
        _, blend = self._learners(series)
        return blend is not None and blend.stack.silent

    def _learners(self, series: str) -> tuple[Forest, Blend | None]:
        return (self.race, self.race_blend) if series == "exhaustion" else (self.hold, self.hold_blend)

    def raw_exhaustion(self, X: Matrix, threads: int = 0) -> FloatArray:
        """Return the probability of exhaustion before calibration, whether silent or not, shape (n_rows,)."""
        if self.race_blend is None:
            return self.race.predict(X, threads)
        return sigmoid(_combined(self.race_blend, self.race, X, threads, of_race=True))

    def raw_hold_value(self, X: Matrix, threads: int = 0) -> FloatArray:
        """Return the value of holding in R, whether silent or not, shape (n_rows,)."""
        if self.hold_blend is None:
            return self.hold.predict(X, threads)
        return _combined(self.hold_blend, self.hold, X, threads, of_race=False)

    def exhaustion(self, X: Matrix, threads: int = 0, symbols: RowSymbols | None = None) -> FloatArray:
        """Return the calibrated probability of exhaustion.

        Where the stage is silent and the symbol has no model of its own, it is the past's constant.

        Parameters
        ----------
        X : float32 array, shape (n_rows, n_features)
        threads : int
            0 means all cores.
        symbols : RowSymbols, optional
            Of the rows.

        Returns
        -------
        float64 array, shape (n_rows,)
        """
        if self.race_blend is not None and self.race_blend.stack.silent:
            found = np.full(len(X), sigmoid(np.array(self.race_blend.stack.constant)))
        else:
            found = self.calibrator.apply(self.raw_exhaustion(X, threads))
        own, at = self.of_symbols(X, "exhaustion", symbols, threads)
        found[at] = sigmoid(own)
        return found

    def hold_value(self, X: Matrix, threads: int = 0, symbols: RowSymbols | None = None) -> FloatArray:
        """Return the value of holding in R; the past's constant as for `exhaustion`.

        Parameters
        ----------
        X : float32 array, shape (n_rows, n_features)
        threads : int
            0 means all cores.
        symbols : RowSymbols, optional
            Of the rows.

        Returns
        -------
        float64 array, shape (n_rows,)
        """
        if self.hold_blend is not None and self.hold_blend.stack.silent:
            found = np.full(len(X), self.hold_blend.stack.constant)
        else:
            found = self.raw_hold_value(X, threads)
        own, at = self.of_symbols(X, "hold_value_r", symbols, threads)
        found[at] = own
        return found

    def own_models(self, series: str) -> tuple[OwnModel, ...]:
        """Return the models of single symbols."""
        return self.race_own if series == "exhaustion" else self.hold_own

    def of_symbols(
        self, X: Matrix, series: str, symbols: RowSymbols | None, threads: int = 0
    ) -> tuple[FloatArray, IntArray]:
        """Return log-odds or values in R of the rows whose symbol has a model of its own, and their positions.

        Parameters
        ----------
        X : float32 array, shape (n_rows, n_features)
        series : {"exhaustion", "hold_value_r"}
        symbols : RowSymbols or None
            Of the rows; None if they are not known.
        threads : int
            0 means all cores.

        Returns
        -------
        float64 array, shape (n,)
        int64 array, shape (n,)
        """
        found, at = [np.empty(0)], [np.empty(0, dtype=np.int64)]
        for model in self.own_models(series) if symbols is not None else ():
            rows = symbols.rows_of(model.symbol)  # type: ignore[union-attr]
            for part in _pieces(len(rows)):
                own = X[rows[part]]
                race = series == "exhaustion"
                pooled = logit(self.raw_exhaustion(own, threads)) if race else self.raw_hold_value(own, threads)
                found.append(model.combine(own, pooled))
            at.append(rows)
        return np.concatenate(found), np.concatenate(at)

    def contributions(self, X: Matrix, series: str, threads: int = 0, symbols: RowSymbols | None = None) -> FloatArray:
        """Return what each feature adds to the log-odds before calibration or to the value in R; 0 if silent.

        Parameters
        ----------
        X : float32 array, shape (n_rows, n_features)
        series : {"exhaustion", "hold_value_r"}
        threads : int
            0 means all cores.
        symbols : RowSymbols, optional
            Of the rows.

        Returns
        -------
        float64 array, shape (n_rows, n_features)
        """
        is_flat = self.silent(series) or (series == "exhaustion" and not discriminates(self.calibrator))
        found = np.zeros(X.shape) if is_flat else self._pooled_contributions(X, series, threads)
        for model in self.own_models(series) if symbols is not None else ():
            rows = symbols.rows_of(model.symbol)  # type: ignore[union-attr]
            if len(rows):
                pooled = self._pooled_contributions(X[rows], series, threads)
                found[rows] = model.contributions(X[rows], pooled)
        return found

    def _pooled_contributions(self, X: Matrix, series: str, threads: int) -> FloatArray:
        forest, blend = self._learners(series)
        if blend is None:
            return forest.contributions(X, threads)
        found = np.zeros(X.shape)
        if blend.stack.linear:
            found += blend.stack.linear * blend.linear.contributions(X)
        if blend.stack.forest:
            found += blend.stack.forest * forest.contributions(X, threads)
        return found

    def gain(self, series: str) -> FloatArray:
        """Return each feature's share in the learners of a series, by their weights, shape (n_features,).

        A stage whose weights are all the constant's gives the share in its forest, which it does not use.
        """
        forest, blend = self._learners(series)
        total = blend.stack.linear + blend.stack.forest if blend is not None else 0.0
        if blend is None or not total:
            return forest.gain()
        return np.asarray((blend.stack.linear * blend.linear.gain() + blend.stack.forest * forest.gain()) / total)


def _combined(blend: Blend, forest: Forest, X: Matrix, threads: int, *, of_race: bool) -> FloatArray:
    """Return log-odds or values in R by the weights; a learner without weight is not asked."""
    line = trees = np.full(len(X), blend.stack.constant)
    if blend.stack.linear:
        line = np.concatenate([np.empty(0), *(blend.linear.predict(X[part]) for part in _pieces(len(X)))])
    if blend.stack.forest:
        trees = forest.predict(X, threads)
        trees = logit(trees) if of_race else trees
    return blend.stack.combine(line, trees)


def _pieces(n: int) -> Iterator[slice]:
    """Yield parts of n rows, few enough to be copied at once."""
    for at in range(0, n, ROWS_AT_ONCE):
        yield slice(at, at + ROWS_AT_ONCE)
