"""Linear models of single symbols beside a stage's combination, each only where it predicts its symbol better.

A law that holds for one symbol of many is diluted in a model of all rows. A symbol with enough trades therefore gets
a linear model of its own rows. Its weight and that of the stage's combination are found on the rows held out within
the stage's training part, as the weights of the combination are; the rest is the mean of the symbol's own labels. So
the symbol's level, its response to the stage's combination and a law of its own are all shrunk by their value there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import logit
from exitladder.models.exhaustion.linear import Linear
from exitladder.models.exhaustion.stacking import HeldOut, Stack, fit_stack
from exitladder.models.forests.growing import LEAST_OF_A_CLASS, LEAST_ROWS, StageTraining, predict_rows

# A symbol with fewer training trades keeps to what all symbols say.
LEAST_TRADES = 60
# Several symbols are tried, so one standard error is too little.
LEAST_ERRORS = 2.0


@dataclass(frozen=True)
class OwnModel:
    """The linear model of one symbol.

    Parameters
    ----------
    symbol : str
    linear : Linear
    stack : Stack
        Weights of the linear model and, as `forest`, of the stage's combination.
    """

    symbol: str
    linear: Linear
    stack: Stack

    def combine(self, X: npt.NDArray[np.float32], pooled: FloatArray) -> FloatArray:
        """Return log-odds or values in R for rows of the symbol, given what the stage's combination says of them."""
        return self.stack.combine(self.linear.predict(X), pooled)

    def contributions(self, X: npt.NDArray[np.float32], pooled: FloatArray) -> FloatArray:
        """Return what each feature adds, given its share in the stage's combination, shape (n_rows, n_features)."""
        return self.stack.linear * self.linear.contributions(X) + self.stack.forest * pooled


@dataclass(frozen=True)
class Unseen:
    """What a stage says of its held-out rows.

    Parameters
    ----------
    at : int64 array, shape (n,)
        Positions of the rows, fold by fold.
    pooled, spoken : float64 array, shape (n,)
        What the combination says, and what the stage says in its place: the constant if it is silent.
    """

    at: IntArray
    pooled: FloatArray
    spoken: FloatArray


def fit_own(training: StageTraining, unseen: Unseen | None, objective: str) -> tuple[OwnModel, ...]:
    """Return the models of the symbols that predict their held-out rows better than the stage does.

    Parameters
    ----------
    training : StageTraining
    unseen : Unseen or None
        None if no rows were held out: then there are none.
    objective : {"binary", "regression"}

    Returns
    -------
    tuple of OwnModel
        Empty with a single symbol.
    """
    rows, train = training.rows, training.train
    if unseen is None or rows.symbols is None:
        return ()
    own = rows.symbols.index[train]
    present = np.unique(own)
    if len(present) < 2:
        return ()
    found = (_fit(training, unseen, objective, int(k)) for k in present if _n_trades(rows.trade[train[own == k]]))
    return tuple(model for model in found if model is not None)


def _n_trades(trades: IntArray) -> bool:
    return len(np.unique(trades)) >= LEAST_TRADES


def _fit(training: StageTraining, unseen: Unseen, objective: str, symbol: int) -> OwnModel | None:
    """Return a symbol's model, None if it does not clearly beat the stage on held-out rows."""
    rows, train = training.rows, training.train
    assert rows.symbols is not None
    label = rows.race if objective == "binary" else rows.hold

    def own(chosen: IntArray) -> IntArray:
        part = train[chosen]
        return part[(rows.symbols.index[part] == symbol) & np.isfinite(label[part])]  # type: ignore[union-attr]

    constant: list[FloatArray] = []
    line: list[FloatArray] = []
    for fit, held in training.folds:
        learnt, asked = own(fit), own(held)
        if not _enough(label[learnt], objective):
            return None
        constant.append(np.full(len(asked), mean_of(label[learnt], objective)))
        line.append(
            predict_rows(
                Linear.fit(rows.X, learnt, label[learnt], objective, columns=training.columns).predict, rows, asked
            )
        )
    mine = rows.symbols.index[unseen.at] == symbol
    at = unseen.at[mine]
    held_out = HeldOut(
        np.concatenate(constant), np.concatenate(line), unseen.pooled[mine], label[at], rows.time_ns[at],
        rows.over_ns[at],
    )  # fmt: skip
    known = own(np.arange(len(train)))
    stack = fit_stack(
        held_out, mean_of(label[known], objective), objective, against=unseen.spoken[mine], least_errors=LEAST_ERRORS
    )
    if stack.silent:
        return None
    return OwnModel(
        rows.symbols.names[symbol], Linear.fit(rows.X, known, label[known], objective, columns=training.columns), stack
    )


def _enough(y: FloatArray, objective: str) -> bool:
    if len(y) < LEAST_ROWS:
        return False
    return objective != "binary" or min(int(y.sum()), len(y) - int(y.sum())) >= LEAST_OF_A_CLASS


def mean_of(y: FloatArray, objective: str) -> float:
    """Return the mean of the labels, as log-odds for the race."""
    return float(logit(np.array(y.mean()))) if objective == "binary" else float(y.mean())


def names_of(models: Sequence[OwnModel]) -> list[str]:
    """Return the symbols that have a model of their own."""
    return [model.symbol for model in models]
