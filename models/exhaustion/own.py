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
from exitladder.models.exhaustion.stacking import LEAST_BLOCKS, HeldOut, Stack, block_of, fit_stack
from exitladder.models.forests.growing import LEAST_OF_A_CLASS, LEAST_ROWS, StageTraining, predict_rows

# A symbol with fewer training trades keeps to what all symbols say.
LEAST_TRADES = 60
# Several symbols are tried, so one standard error is too little.
LEAST_ERRORS = 2.0


@dataclass(frozen=True)
class OwnModel:
    """The linear model of one symbol, or of one book of a pool.

    Parameters
    ----------
    symbol : str
        Or the name of the book.
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

    def says(self, X: npt.NDArray[np.float32], pooled: FloatArray) -> FloatArray:
        """Return the same, or the mean of its own labels where the model is silent."""
        return np.full(len(X), self.stack.constant) if self.stack.silent else self.combine(X, pooled)

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
    found = (_fit(training, unseen, objective, int(k)) for k in present if _has_trades(rows.trade[train[own == k]]))
    return tuple(model for model in found if model is not None and not model.stack.silent)


def fit_books(training: StageTraining, unseen: Unseen | None, objective: str) -> tuple[OwnModel, ...]:
    """Return a model for each book of a pool: its own level, calibration and, if that helps, its own linear model.

    A book is silent where its model does not beat the mean of its own labels on its held-out rows by one standard
    error, whatever the other books do. With fewer than 60 trades it is silent, too.

    Parameters
    ----------
    training : StageTraining
        Of rows with books.
    unseen : Unseen or None
        None if no rows were held out: then there are none.
    objective : {"binary", "regression"}

    Returns
    -------
    tuple of OwnModel
        One for each book with labelled rows.
    """
    rows, train = training.rows, training.train
    if unseen is None or rows.books is None:
        return ()
    own = rows.books.index[train]
    found = []
    for k in np.unique(own):
        has_trades = _has_trades(rows.trade[train[own == k]])
        model = _fit(training, unseen, objective, int(k), is_book=True) if has_trades else None
        found.append(_silent(training, objective, int(k)) if model is None else model)
    return tuple(found)


def _silent(training: StageTraining, objective: str, book: int) -> OwnModel:
    """Return a silent model of a book with few trades."""
    rows = training.rows
    assert rows.books is not None
    level = _level(training, objective, book)
    zero = (0.0,) * rows.X.shape[1]
    linear = Linear(zero, zero, (1.0,) * rows.X.shape[1], zero, level)
    return OwnModel(rows.books.names[book], linear, Stack(level, 0.0, 0.0, silent=True))


def _level(training: StageTraining, objective: str, book: int) -> float:
    """Return the mean of a book's labels; of labels from fewer than eight blocks of days, that of all books.

    Trades of one stretch of the market share its direction: the mean of hundreds of them can be far from the next.
    """
    rows, train = training.rows, training.train
    assert rows.books is not None
    label = rows.race if objective == "binary" else rows.hold
    every = train[np.isfinite(label[train])]
    own = every[rows.books.index[every] == book]
    blocks = block_of(rows.time_ns[own], rows.over_ns[own]) if len(own) else own
    is_known = len(np.unique(blocks)) >= LEAST_BLOCKS and _enough(label[own], objective)
    return mean_of(label[own if is_known else every], objective)


def _has_trades(trades: IntArray) -> bool:
    return len(np.unique(trades)) >= LEAST_TRADES


def _fit(
    training: StageTraining, unseen: Unseen, objective: str, group: int, *, is_book: bool = False
) -> OwnModel | None:
    """Return the model of a symbol or book, silent if it is not clearly better on held-out rows.

    A symbol must beat the stage, a book the mean of its own labels. None if there are too few rows.
    """
    rows, train = training.rows, training.train
    groups = rows.books if is_book else rows.symbols
    assert groups is not None
    index = groups.index
    label = rows.race if objective == "binary" else rows.hold

    def own(chosen: IntArray) -> IntArray:
        part = train[chosen]
        return np.asarray(part[(index[part] == group) & np.isfinite(label[part])])

    known = own(np.arange(len(train)))
    if not _enough(label[known], objective):
        return None
    constant: list[FloatArray] = []
    line: list[FloatArray] = []
    for fit, held in training.folds:
        learnt, asked = own(fit), own(held)
        if not _enough(label[learnt], objective):
            if not is_book:
                return None
            # The book did not exist outside this fold: what all books say stands for it.
            every = train[fit][np.isfinite(label[train[fit]])]
            constant.append(np.full(len(asked), mean_of(label[every], objective)))
            line.append(constant[-1])
            continue
        constant.append(np.full(len(asked), mean_of(label[learnt], objective)))
        line.append(
            predict_rows(
                Linear.fit(rows.X, learnt, label[learnt], objective, columns=training.columns).predict, rows, asked
            )
        )
    mine = index[unseen.at] == group
    at = unseen.at[mine]
    held_out = HeldOut(
        np.concatenate(constant), np.concatenate(line), unseen.pooled[mine], label[at], rows.time_ns[at],
        rows.over_ns[at],
    )  # fmt: skip
    beaten = {} if is_book else {"against": unseen.spoken[mine], "least_errors": LEAST_ERRORS}
    level = _level(training, objective, group) if is_book else mean_of(label[known], objective)
    stack = fit_stack(held_out, level, objective, **beaten)
    return OwnModel(
        groups.names[group], Linear.fit(rows.X, known, label[known], objective, columns=training.columns), stack
    )


def _enough(y: FloatArray, objective: str) -> bool:
    if len(y) < LEAST_ROWS:
        return False
    return objective != "binary" or min(int(y.sum()), len(y) - int(y.sum())) >= LEAST_OF_A_CLASS


def mean_of(y: FloatArray, objective: str, weight: FloatArray | None = None) -> float:
    """Return the mean of the labels, as log-odds for the race.

    Parameters
    ----------
    y : float64 array, shape (n,)
    objective : {"binary", "regression"}
    weight : float64 array, shape (n,), optional
        Of each label; 1 by default.

    Returns
    -------
    float
    """
    mean = y.mean() if weight is None else np.average(y, weights=weight)
    return float(logit(np.array(mean))) if objective == "binary" else float(mean)


def names_of(models: Sequence[OwnModel]) -> list[str]:
    """Return the symbols that have a model of their own."""
    return [model.symbol for model in models]
