"""The exhaustion model: out-of-sample predictions for every bar of every trade.

A model trained once would predict the past in-sample. This one is a sequence of stages, each trained on labels
that were known before it became valid; the latest stage that was valid when a row was decided predicts it. So no
prediction is ever in-sample, for any trade on any symbol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError
from exitladder.models.exhaustion import RANK, SERIES
from exitladder.models.exhaustion.forgetting import Ways
from exitladder.models.exhaustion.stage import Stage
from exitladder.models.exhaustion.training import Training, stage_spans
from exitladder.models.forests.growing import LEAST_OF_A_CLASS, LEAST_ROWS, LEAST_TRADES, MakeTrainer, train_here
from exitladder.models.forests.rows import RowSymbols, TrainingRows, check_matrix
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import ModelSettings


@dataclass(frozen=True)
class Predictions:
    """Predictions, one value per row; NaN where no stage was valid yet.

    Parameters
    ----------
    exhaustion : float64 array, shape (n_rows,)
        Calibrated probability that price gives back before it extends.
    hold_value_r : float64 array, shape (n_rows,)
        Expected advantage of holding under the baseline trail over leaving now, R.
    stage : int16 array, shape (n_rows,)
        The stage that predicted the row, -1 where none was valid.
    silent : mapping of str to tuple of bool
        By series, which stages are silent: their predictions are the past's constant, and no rule may act on them.
    own : mapping of str to bool array, shape (n_rows,)
        By series, which rows a model of their symbol predicted; a stage's silence does not concern them.
    hushed : mapping of str to bool array, shape (n_rows,)
        By series, which rows a silent book of a pooled model predicted, whether the stage is silent or not.
    exit_rank : float64 array, shape (n_rows,), optional
        Both series as one rank from 0 to 1, higher values favour selling; NaN where neither may be acted on. None if
        no stage has ranks.
    """

    exhaustion: FloatArray
    hold_value_r: FloatArray
    stage: npt.NDArray[np.int16]
    silent: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    own: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    hushed: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    exit_rank: FloatArray | None = None

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """Whether a stage predicted the row, shape (n_rows,)."""
        return self.stage >= 0

    def reading(self, series: str) -> FloatArray:
        """Return the values of a series that a rule may act on: NaN also where the stage is silent."""
        if series == RANK:
            return np.full(len(self.stage), np.nan) if self.exit_rank is None else self.exit_rank
        values = spoken(getattr(self, series), self.stage, self.silent.get(series, ()), self.own.get(series))
        hushed = self.hushed.get(series)
        return values if hushed is None else np.where(hushed, np.nan, values)

    def take(self, rows: IntArray) -> Predictions:
        """Return the predictions of some rows, repeated or not."""
        own, hushed = ({series: flags[rows] for series, flags in table.items()} for table in (self.own, self.hushed))
        rank = None if self.exit_rank is None else self.exit_rank[rows]
        return replace(
            self,
            exhaustion=self.exhaustion[rows],
            hold_value_r=self.hold_value_r[rows],
            stage=self.stage[rows],
            own=own,
            hushed=hushed,
            exit_rank=rank,
        )


def spoken(
    values: FloatArray,
    stage: npt.NDArray[np.int16],
    silent: tuple[bool, ...],
    own: npt.NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Return predictions with NaN where the stage that made them is silent.

    Parameters
    ----------
    values : float64 array, shape (n_rows,)
    stage : int16 array, shape (n_rows,)
        -1 where none predicted.
    silent : tuple of bool
        By stage; none if no stage is silent.
    own : bool array, shape (n_rows,), optional
        Rows that a model of their symbol predicted.

    Returns
    -------
    float64 array, shape (n_rows,)
    """
    if not any(silent):
        return values
    is_silent = np.array([*silent, False])[stage]
    return np.where(is_silent if own is None else is_silent & ~own, np.nan, values)


@dataclass(frozen=True)
class ExhaustionModel:
    """Stages in order of the time from which they are valid; made by `fit` or `load`.

    Parameters
    ----------
    names : tuple of str
        Features, in the order of the matrix's columns.
    stages : tuple of Stage
    settings : ModelSettings
    metrics : mapping of str to float
        Of out-of-fold predictions on reachable rows: log_loss, brier, base_rate, auc,
        calibration_error, hold_correlation, n_rows, n_trades, n_stages; log_loss_gain and hold_gain_r2, how much
        smaller log loss and squared error are than those of the past's constants, with their errors by blocks of days.
    reliability : DataFrame
        Columns n, predicted, observed; bins of equal count.
    context : mapping
        What whoever applies the model must do alike: the feature set, the label settings. Plain values.
    """

    names: tuple[str, ...]
    stages: tuple[Stage, ...]
    settings: ModelSettings
    metrics: Mapping[str, float]
    reliability: pd.DataFrame
    context: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        rows: TrainingRows,
        settings: ModelSettings,
        *,
        n_folds: int = 5,
        embargo_ns: int = 0,
        seed: int = 0,
        threads: int = 0,
        progress: Progress = SILENT,
        context: Mapping[str, Any] | None = None,
        make_trainer: MakeTrainer = train_here,
    ) -> ExhaustionModel:
        """Return a model with a stage for each walk-forward fold and a last one trained on everything.

        The last stage is valid from the end of the last label plus the embargo.

        Parameters
        ----------
        rows : TrainingRows
        settings : ModelSettings
        n_folds : int
            Walk-forward folds; the first of ``n_folds + 1`` blocks of trades is only ever trained on.
        embargo_ns : int
            Gap between the last training label, with the rows' own embargo, and the first row that a stage
            predicts; nanoseconds.
        seed, threads : int
            0 threads means all cores.
        progress : Progress
        context : mapping, optional
            Plain values to keep with the model.
        make_trainer : callable
            Trains forests in this process (`train_here`) or on a cluster (`ClusterTrainer`).

        Returns
        -------
        ExhaustionModel

        Raises
        ------
        ModelError
            If there is too little to train even one stage.
        """
        ways = Ways(
            lambda way: Training(rows, settings, embargo_ns, seed, threads, make_trainer, way=way), settings.forget
        )
        used = np.flatnonzero(rows.is_used)
        if not len(used):
            raise ModelError(
                "There must be labelled rows to train on, but there are none: all are unreachable or unresolved. "
                "Give bars that continue after the trades, or smaller label distances (labels.*)."
            )
        spans = stage_spans(rows, n_folds, embargo_ns)
        with progress.stage("training stages", len(spans)) as advance:
            ways.predict_for_first_calibration(spans[0].train)
            for span in spans:
                ways.add_stage(span.train, span.valid_from_ns)
                advance(1)
        training = ways.merged()
        if not training.stages:
            known = rows.race[used][np.isfinite(rows.race[used])]
            raise ModelError(
                f"Training needs at least {LEAST_ROWS} rows of {LEAST_TRADES} trades with {LEAST_OF_A_CLASS} rows of "
                f"either outcome, but there are {len(used)} rows of {len(np.unique(rows.trade[used]))} trades, with "
                f"{int(known.sum())} exhausted and {int(len(known) - known.sum())} extended. Give more trades, a "
                "longer history of bars, or a larger labels.max_bars."
            )
        metrics, table = training.measures()
        return cls(rows.names, tuple(training.stages), settings, metrics, table, dict(context or {}))

    @property
    def silent(self) -> dict[str, tuple[bool, ...]]:
        """By series, which stages are silent."""
        return {name: tuple(stage.silent(name) for stage in self.stages) for name in SERIES}

    def stage_of(self, time_ns: IntArray, *, embargo: bool = True) -> npt.NDArray[np.int16]:
        """Return the stage that predicts rows decided at these times, -1 where none is valid yet."""
        starts = np.array([s.valid_from_ns for s in self.stages], dtype=np.int64)
        if not embargo:
            starts[-1] = self.stages[-1].last_label_ns
        return (np.searchsorted(starts, time_ns, side="right") - 1).astype(np.int16)

    def predict(
        self,
        X: npt.NDArray[np.float32],
        time_ns: IntArray,
        *,
        embargo: bool = True,
        threads: int = 0,
        symbols: RowSymbols | None = None,
    ) -> Predictions:
        """Return the out-of-sample prediction of each row, made at its own time.

        Parameters
        ----------
        X : float32 array, shape (n_rows, n_features)
        time_ns : int64 array, shape (n_rows,)
            When each row is decided: the close of its bar.
        embargo : bool
            False makes the last stage valid from the end of its last label on. For advice on open trades: such
            rows are not in-sample either, and they are not used in measurements.
        threads : int
            0 means all cores.
        symbols : RowSymbols, optional
            Of the rows; without them every row is predicted as that of an unknown symbol.

        Returns
        -------
        Predictions

        Raises
        ------
        ModelError
            If `X` does not have the model's features.
        """
        check_matrix(X, self.names)
        stage = self.stage_of(np.asarray(time_ns, dtype=np.int64), embargo=embargo)
        exhaustion, hold = np.full(len(X), np.nan), np.full(len(X), np.nan)
        for k in np.unique(stage[stage >= 0]):
            part, chosen = self.stages[k], np.flatnonzero(stage == k)
            of = None if symbols is None else symbols.take(chosen)
            exhaustion[chosen] = part.values(X[chosen], "exhaustion", threads, of)
            hold[chosen] = part.values(X[chosen], "hold_value_r", threads, of)
        own, hushed = (self.own_rows(stage, symbols, silent=silent) for silent in (False, True))
        found = Predictions(exhaustion, hold, stage, self.silent, own, hushed)
        return replace(found, exit_rank=self._ranked(found))

    @property
    def has_ranks(self) -> bool:
        """Whether any stage can rank its predictions; models of earlier versions and forests alone cannot."""
        return any(part.ranks is not None for part in self.stages)

    def _ranked(self, found: Predictions) -> FloatArray | None:
        """Return both series as one rank, by the stage of each row."""
        if not self.has_ranks:
            return None
        rank = np.full(len(found.stage), np.nan)
        race, hold = (found.reading(name) for name in SERIES)
        for k in np.unique(found.stage[found.stage >= 0]):
            ranks, chosen = self.stages[k].ranks, np.flatnonzero(found.stage == k)
            if ranks is not None:
                rank[chosen] = ranks.of(race[chosen], hold[chosen])
        return rank

    def own_rows(
        self, stage: npt.NDArray[np.int16], symbols: RowSymbols | None, *, silent: bool = False
    ) -> dict[str, npt.NDArray[np.bool_]]:
        """Return which rows a model of their symbol or book predicts, by series; none if there is no such model.

        Parameters
        ----------
        stage : int16 array, shape (n_rows,)
        symbols : RowSymbols or None
        silent : bool
            Rows of books that are silent, instead of models that may be acted on.

        Returns
        -------
        dict of str to bool array, shape (n_rows,)
        """
        found: dict[str, npt.NDArray[np.bool_]] = {}
        for series in SERIES:
            names = [{m.symbol for m in part.own_models(series) if m.stack.silent == silent} for part in self.stages]
            if symbols is None or not any(names):
                continue
            has_own = np.array([[name in own for name in symbols.names] for own in [*names, set()]])
            found[series] = np.asarray(has_own[stage, symbols.index])
        return found

    def explain(
        self,
        X: npt.NDArray[np.float32],
        time_ns: IntArray,
        *,
        embargo: bool = True,
        threads: int = 0,
        of: str = "exhaustion",
        symbols: RowSymbols | None = None,
    ) -> FloatArray:
        """Return what each feature adds to a prediction: exact Shapley values of the stage that predicts the row.

        A linear model's are weight times distance from the mean.

        Parameters
        ----------
        X : float32 array, shape (n_rows, n_features)
        time_ns : int64 array, shape (n_rows,)
            When each row is decided: the close of its bar.
        embargo : bool
            As in `predict`.
        threads : int
            0 means all cores.
        of : {"exhaustion", "hold_value_r"}
            Contributions to the log-odds of exhaustion before calibration, or to the value of holding in R.
        symbols : RowSymbols, optional
            As in `predict`.

        Returns
        -------
        float64 array, shape (n_rows, n_features)
            NaN where no stage is valid yet; 0 where the stage is silent, and for exhaustion where the calibration gives
            all the same probability.

        Notes
        -----
        Source: S. Lundberg et al., From local explanations to global understanding with explainable AI for trees
        (2020).
        """
        check_matrix(X, self.names)
        stage = self.stage_of(np.asarray(time_ns, dtype=np.int64), embargo=embargo)
        out = np.full(X.shape, np.nan)
        for k in np.unique(stage[stage >= 0]):
            part, chosen = self.stages[k], np.flatnonzero(stage == k)
            out[chosen] = part.contributions(X[chosen], of, threads, None if symbols is None else symbols.take(chosen))
        return out

    def importance(self) -> pd.DataFrame:
        """Return each feature's share of the last stage's gain: columns feature, exhaustion, hold_value."""
        last = self.stages[-1]
        shares = {"exhaustion": last.gain("exhaustion"), "hold_value": last.gain("hold_value_r")}
        table = pd.DataFrame({"feature": self.names, **shares})
        return table.sort_values("exhaustion", ascending=False, kind="stable", ignore_index=True)

    def spans(self) -> pd.DataFrame:
        """Return the stages' spans: columns valid_from, last_label (UTC), n_rows, n_trades, calibration, silent.

        `silent` names the series on which no rule may act; empty if there is none.
        """
        return pd.DataFrame(
            {
                "valid_from": pd.to_datetime([s.valid_from_ns for s in self.stages], utc=True, unit="ns"),
                "last_label": pd.to_datetime([s.last_label_ns for s in self.stages], utc=True, unit="ns"),
                "n_rows": [s.n_rows for s in self.stages],
                "n_trades": [s.n_trades for s in self.stages],
                "calibration": [s.calibrator.to_mapping()["kind"] for s in self.stages],
                "silent": [", ".join(name for name in SERIES if s.silent(name)) for s in self.stages],
            }
        )
