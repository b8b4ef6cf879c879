"""One stage of the exhaustion model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import Calibrator, discriminates, logit, sigmoid
from exitladder.models.calibration.ranks import Ranks
from exitladder.models.exhaustion.linear import Linear
from exitladder.models.exhaustion.own import OwnModel
from exitladder.models.exhaustion.stacking import Stack
from exitladder.models.forests.boosting import Learner
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
    race, hold : Learner
        Raw probability of exhaustion, and advantage of holding in R.
    calibrator : Calibrator
        Fitted on out-of-fold predictions of earlier stages.
    race_blend, hold_blend : Blend or None
        None where the forest predicts alone, as in models of version 0.1.
    race_own, hold_own : tuple of OwnModel
        Symbols with a model of their own, which predicts whether the stage is silent or not; of a pooled model its
        books, each silent or not by itself.
    families : tuple of str
        Families beyond the default features that passed the screening.
    ranks : Ranks or None
        Of the predictions of its held-out training rows; None if no rows were held out or the forest predicts alone.
    memory : mapping of str to str
        By series, how the stage forgets: window or decay. Those that do not are left out.
    """

    valid_from_ns: int
    last_label_ns: int
    n_rows: int
    n_trades: int
    race: Learner
    hold: Learner
    calibrator: Calibrator
    race_blend: Blend | None = None
    hold_blend: Blend | None = None
    race_own: tuple[OwnModel, ...] = ()
    hold_own: tuple[OwnModel, ...] = ()
    families: tuple[str, ...] = ()
    ranks: Ranks | None = None
    memory: Mapping[str, str] = field(default_factory=dict)

    def silent(self, series: str) -> bool:
        """Return whether a series (exhaustion or hold_value_r) is the past's constant, on which no rule may act."""
        _, blend = self._learners(series)
        return blend is not None and blend.stack.silent

    def _learners(self, series: str) -> tuple[Learner, Blend | None]:
        return (self.race, self.race_blend) if series == "exhaustion" else (self.hold, self.hold_blend)

    def raw(self, X: Matrix, series: str, threads: int = 0) -> FloatArray:
        """Return the series before calibration, whether silent or not: a probability, or a value in R.

        Parameters
        ----------
        X : float32 array, shape (n_rows, n_features)
        series : {"exhaustion", "hold_value_r"}
        threads : int
            0 means all cores.

        Returns
        -------
        float64 array, shape (n_rows,)
        """
        forest, blend = self._learners(series)
        if blend is None:
            return forest.predict(X, threads)
        is_race = series == "exhaustion"
        found = _combined(blend, forest, X, threads, of_race=is_race)
        return sigmoid(found) if is_race else found

    def values(self, X: Matrix, series: str, threads: int = 0, symbols: RowSymbols | None = None) -> FloatArray:
        """Return the calibrated probability of exhaustion, or the value of holding in R.

        Where the stage is silent and the symbol has no model of its own, it is the past's constant.

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
        float64 array, shape (n_rows,)
        """
        _, blend = self._learners(series)
        is_race = series == "exhaustion"
        if blend is not None and blend.stack.silent:
            constant = np.full(len(X), blend.stack.constant)
            found = sigmoid(constant) if is_race else constant
        else:
            raw = self.raw(X, series, threads)
            found = self.calibrator.apply(raw) if is_race else raw
        own, at = self.of_symbols(X, series, symbols, threads)
        found[at] = sigmoid(own) if is_race else own
        return found

    def own_models(self, series: str) -> tuple[OwnModel, ...]:
        """Return the models of single symbols."""
        return self.race_own if series == "exhaustion" else self.hold_own

    def _own_rows(self, series: str, symbols: RowSymbols | None) -> Iterator[tuple[OwnModel, IntArray]]:
        """Yield the models of single symbols, each with the positions of its rows; none if symbols are not known."""
        if symbols is not None:
            for model in self.own_models(series):
                yield model, symbols.rows_of(model.symbol)

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
        for model, rows in self._own_rows(series, symbols):
            for part in _pieces(len(rows)):
                own = X[rows[part]]
                pooled = self.raw(own, series, threads)
                found.append(model.says(own, logit(pooled) if series == "exhaustion" else pooled))
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
        for model, rows in self._own_rows(series, symbols):
            if len(rows) and model.stack.silent:
                found[rows] = 0.0
            elif len(rows):
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


def _combined(blend: Blend, forest: Learner, X: Matrix, threads: int, *, of_race: bool) -> FloatArray:
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
