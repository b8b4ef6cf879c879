"""The start of every verb: trades prepared on their bars, with the model that the verb is given."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from exitladder.arrays import IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.errors import ExitladderWarning
from exitladder.execution.signals import Signals
from exitladder.pipelines.inputs.books import with_book
from exitladder.pipelines.inputs.predictions import READABLE, RowPredictions, predict_rows, with_features_of
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tracking.tracker import NEWEST, RunKind, Tracker
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import check_daily_loss
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

if TYPE_CHECKING:
    from exitladder.models.exhaustion.model import ExhaustionModel

_NO_EDGE = {
    "no edge": "found no edge",
    "harm": "found that its signal does harm",
    "": "had too few trades to tell whether it has an edge",
}


@dataclass(frozen=True)
class Job:
    """Trades ready to be worked on, the model if there is one, and where runs are recorded.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
        As given; `prepared` holds them sorted by entry time.
    settings : Settings
        With the features of the model, if there is one.
    prepared : Prepared
    model : ExhaustionModel, optional
    progress : Progress
    reference : str
        REF of the model, as it was given; empty without a model, or with one that has none.
    """

    bars: BarSet
    trades: Trades
    settings: Settings
    prepared: Prepared
    model: ExhaustionModel | None = None
    progress: Progress = SILENT
    reference: str = ""

    @property
    def model_tags(self) -> dict[str, str]:
        """The tag that names the model, for the record of a run."""
        return {"used_model": self.reference} if self.reference else {}

    @cached_property
    def tracker(self) -> Tracker:
        """Where runs are recorded."""
        return Tracker.from_settings(self.settings)

    @cached_property
    def predictions(self) -> RowPredictions | None:
        """The model's predictions for every row, computed at first use; None without a model."""
        if self.model is None:
            return None
        return predict_rows(self.prepared, self.model, self.progress)

    def predictions_for(self, ladders: Iterable[Ladder], first: IntArray | None = None) -> RowPredictions | None:
        """Return the predictions, from the first bars on if these are given, if one of the ladders reads them."""
        if not any(set(ladder.series) & set(READABLE) for ladder in ladders):
            return None
        if first is None or self.model is None:
            return self.predictions
        return predict_rows(self.prepared, self.model, self.progress, first)

    def signals(self, ladders: Iterable[Ladder], max_bars: int | None = None, first: IntArray | None = None) -> Signals:
        """Return every series that these ladders read, for all trades.

        Parameters
        ----------
        ladders : iterable of Ladder
        max_bars : int, optional
            Rows of a trade that may be read at most; all by default.
        first : int64 array, shape (n_trades,), optional
            The bar of each trade from which on the model's series are read; from the first row on by default.

        Returns
        -------
        Signals

        Raises
        ------
        LadderError
            If a condition names an unknown series, or one of the model's without a model.
        """
        ladders = list(ladders)
        names = {name for ladder in ladders for name in ladder.series}
        prepared, predictions = self.prepared, self.predictions_for(ladders, first)
        if max_bars is not None:
            rows, kept = prepared.rows.at_most(max_bars)
            prepared = replace(prepared, rows=rows)
            if predictions is not None:
                predictions = predictions.take(kept)
        return signals_for(prepared.placed, names, prepared, predictions)

    def run(self, kind: RunKind, ladder: Ladder | None = None) -> AbstractContextManager[TrackedRun]:
        """Record a run of this job; see `Tracker.run`."""
        return self.tracker.run(kind, bars=self.bars, trades=self.trades, settings=self.settings, ladder=ladder)


def open_job(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    model: str | ExhaustionModel | None = None,
    max_bars: int | None = None,
    keeps_all: bool = False,
    ladder: Ladder | None = None,
    progress: Progress = SILENT,
) -> Job:
    """Return the trades prepared on their bars, with the model loaded and checked against bars and settings.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
    settings : Settings
    model : str or ExhaustionModel, optional
        A model, or its REF: run id, ``models:/NAME/VERSION``, ``models:/NAME@alias`` or a model folder.
    max_bars : int, optional
        Rows of a trade at most; ``labels.max_bars`` by default.
    keeps_all : bool
        Whether doubtful trades are kept, as open ones must be.
    ladder : Ladder, optional
        The ladder to execute, whose costs and initial stop decide which ticks are too wide.
    progress : Progress
        Shows the trades being placed and the predictions being made.

    Returns
    -------
    Job

    Raises
    ------
    TrackingError
        If there is no such model.
    FeatureError
        If the model's features cannot be computed on these bars as they were in its training.
    TradesError
        If there is no trade, or a trade is outside its bars.
    LadderError
        If the ladder has a daily loss that stops nothing on these bars.
    """
    reference = model if isinstance(model, str) else ""
    if isinstance(model, str):
        from exitladder.models.exhaustion.file import load_model

        model = load_model(resolve_model(model, Tracker.from_settings(settings).store))
    if model is not None:
        model = with_book(model, settings)
        if doubt := _newest_without_edge(reference, model):
            warnings.warn(doubt, ExitladderWarning, stacklevel=2)
        settings = with_features_of(model, settings, bars)
    if ladder is not None:
        check_daily_loss(ladder, on_days=bool((bars.interval_ns >= DAY_NS).all()))
    prepared = prepare(bars, trades, settings, max_bars=max_bars, keeps_all=keeps_all, ladder=ladder, progress=progress)
    return Job(bars, trades, settings, prepared, model, progress=progress, reference=reference)


def _newest_without_edge(reference: str, model: ExhaustionModel) -> str:
    """Return that the model trained last was taken although its training found no edge; empty without a doubt."""
    doubt = _NO_EDGE.get(str(model.context.get("value_finding")))
    if doubt is None or not reference.endswith(f"@{NEWEST}"):
        return ""
    return (
        f"'{reference}' is the model that was trained last, and its training {doubt}. To use another one, name its "
        "version (models:/NAME/VERSION), or promote it and pass --model champion."
    )
