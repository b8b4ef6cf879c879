"""A pooled model evaluated book by book: its gain over the mean of the book's past, and the book's own threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.models.calibration.calibrators import logit
from exitladder.models.exhaustion import SERIES
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.exhaustion.stacking import Gain, gain_over
from exitladder.models.forests.rows import TrainingRows
from exitladder.pipelines.inputs.books import book_rows
from exitladder.pipelines.inputs.predictions import RowPredictions, predicted_trades
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.pipelines.training.value import ModelValue, model_value
from exitladder.pipelines.tuning.folds import LEAST_TRADES
from exitladder.pipelines.tuning.model_policy import ModelPolicy, tune_model_policy
from exitladder.pipelines.tuning.policies import EDGE
from exitladder.settings.tables import Settings


@dataclass(frozen=True)
class BookResult:
    """What a pooled model is worth on one book.

    Parameters
    ----------
    name : str
    n_trades : int
    gains : dict of str to Gain
        By series: how much smaller the out-of-fold loss is than that of the mean of the book's past.
    n_silent : dict of str to int
        By series: in how many stages the book is silent.
    value : ModelValue
        Threshold and trail tuned on the book's earlier trades, executed on its later ones.
    policy : ModelPolicy or None
        Threshold and trail of the book; None if it has too few trades.
    """

    name: str
    n_trades: int
    gains: dict[str, Gain]
    n_silent: dict[str, int]
    value: ModelValue
    policy: ModelPolicy | None

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that ``exitladder train`` prints of a book."""
        against, race, hold = self.value.comparison, self.gains["exhaustion"], self.gains["hold_value_r"]
        return {
            "name": self.name,
            "n_trades": self.n_trades,
            "log_loss_gain": _known(race.mean),
            "log_loss_gain_error": _known(race.error),
            "hold_gain_r2": _known(hold.mean),
            "hold_gain_r2_error": _known(hold.error),
            **{f"n_stages_silent_on_{series}": n for series, n in self.n_silent.items()},
            "value_r": against.difference_r if against else None,
            "value_interval": [against.low, against.high] if against else None,
            "value_finding": self.value.finding,
            "policy": self.policy.to_mapping() if self.policy else None,
        }


def book_results(
    prepared: Prepared, rows: TrainingRows, model: ExhaustionModel, predictions: RowPredictions, settings: Settings
) -> tuple[BookResult, ...]:
    """Return the results of each book of a pooled model; none if it is not pooled.

    Parameters
    ----------
    prepared : Prepared
    rows : TrainingRows
    model : ExhaustionModel
    predictions : RowPredictions
        Out of fold.
    settings : Settings

    Returns
    -------
    tuple of BookResult
    """
    of_row = book_rows(prepared)
    if of_row is None:
        return ()
    return tuple(
        _result(name, of_row.index == k, prepared, rows, model, predictions, settings)
        for k, name in enumerate(of_row.names)
    )


def _result(
    name: str,
    own: np.ndarray,
    prepared: Prepared,
    rows: TrainingRows,
    model: ExhaustionModel,
    predictions: RowPredictions,
    settings: Settings,
) -> BookResult:
    gains = {}
    for series in SERIES:
        is_race = series == "exhaustion"
        label = rows.race if is_race else rows.hold
        known = np.flatnonzero(own & rows.is_used & (predictions.stage >= 0) & np.isfinite(label))
        said = getattr(predictions, series)[known]
        constant = constants_of(model, series, name)[predictions.stage[known]]
        gains[series] = gain_over(
            logit(said) if is_race else said, constant, label[known], rows.time_ns[known], rows.over_ns[known],
            "binary" if is_race else "regression",
        )  # fmt: skip
    trades = np.zeros(len(prepared.placed), dtype=bool)
    trades[np.unique(prepared.rows.trade[own])] = True
    book, said_of_book = prepared.take(trades), predictions.take(own)
    value = model_value(book, said_of_book, settings)
    policy = None
    if len(predicted_trades(book, said_of_book)) >= LEAST_TRADES:
        policy = tune_model_policy(book, said_of_book, settings).advised(value.finding == EDGE)
    silent = {series: sum(_is_silent(model, k, series, name) for k in range(len(model.stages))) for series in SERIES}
    return BookResult(name, int(trades.sum()), gains, silent, value, policy)


def constants_of(model: ExhaustionModel, series: str, book: str) -> FloatArray:
    """Return the mean of a book's past at each stage, that of the pool where the book was unknown: log-odds or R.

    Parameters
    ----------
    model : ExhaustionModel
    series : str
    book : str

    Returns
    -------
    float64 array, shape (n_stages,)
    """
    found = []
    for stage in model.stages:
        own = next((m for m in stage.own_models(series) if m.symbol == book), None)
        blend = stage.race_blend if series == "exhaustion" else stage.hold_blend
        stack = own.stack if own is not None else blend.stack if blend is not None else None
        found.append(np.nan if stack is None else stack.constant)
    return np.array(found)


def _is_silent(model: ExhaustionModel, k: int, series: str, book: str) -> bool:
    stage = model.stages[k]
    own = next((m for m in stage.own_models(series) if m.symbol == book), None)
    return stage.silent(series) if own is None else own.stack.silent


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
