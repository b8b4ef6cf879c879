"""A ladder tuned on the past, and what that was worth on trades never touched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.bars import FloatArray, IntArray
from exitladder.execution import simulate, simulate_many, simulate_own_exits
from exitladder.execution.overfitting import pbo_cscv
from exitladder.execution.sharpe import dsr_of
from exitladder.execution.verdict import Verdict, verdict
from exitladder.ladder import Ladder
from exitladder.ladder_file import ladder_to_mapping
from exitladder.models.judged import Evaluate
from exitladder.models.ladder_search import SearchResult, search
from exitladder.models.search_space import SearchSpace
from exitladder.pipelines.objectives import Objectives
from exitladder.pipelines.policies import (
    OWN_EXITS,
    OWN_LADDER,
    TUNED,
    Policy,
    tune_baselines,
)
from exitladder.pipelines.predictions import MODEL_SERIES, RowPredictions, signals_for
from exitladder.pipelines.prepare import Prepared, base_ladder
from exitladder.pipelines.scoreboard import Scoreboard, score_policies
from exitladder.pipelines.split import LEAST_TRADES, Holdout, hold_out
from exitladder.progress import SILENT, Progress
from exitladder.settings import Settings
from exitladder.signals import Signals
from exitladder.trades import Trades

_PBO_BLOCKS = 10
_MOST_TRIALS = 1000
_HOLD_VALUE_QUANTILES = (0.005, 0.5)


@dataclass(frozen=True)
class Tuned:
    """A ladder tuned on the training part and scored once on the test part.

    Parameters
    ----------
    ladder : Ladder
    policies : tuple of Policy
        The tuned ladder first, then the baselines and the user's own ladder.
    baseline : str
        What the verdict is about: the user's own exits where known, else the user's ladder, else
        the baseline that was best on the training part.
    entry_time : int64 array, shape (n_trades,)
    net_r : DataFrame, shape (n_trades, n_policies)
        Net R of every trade (training and test) under every policy, by trade_id.
    scoreboard : Scoreboard
        On the test part.
    """

    ladder: Ladder
    policies: tuple[Policy, ...]
    baseline: str
    holdout: Holdout
    entry_time: IntArray
    net_r: pd.DataFrame
    scoreboard: Scoreboard
    search: SearchResult
    dsr: float
    pbo: float
    verdict: Verdict
    predictions: RowPredictions | None

    def results_frame(self) -> pd.DataFrame:
        """Return net R of every trade under every policy: trade_id, entry_time, part, then a column a policy."""
        table = self.net_r.reset_index()
        table.insert(1, "entry_time", pd.to_datetime(self.entry_time, utc=True, unit="ns"))
        part = np.where(self.holdout.test, "test", np.where(self.holdout.training, "training", "purged"))
        table.insert(2, "part", part)
        return table

    def to_mapping(self) -> dict[str, Any]:
        """Return what ``exitladder tune`` prints, without the run."""
        against = self.scoreboard.comparisons[self.baseline]
        return {
            "ladder": ladder_to_mapping(self.ladder),
            "baseline": self.baseline,
            "difference_r": against.difference_r,
            "interval": [against.low, against.high],
            "p_value": against.p_value,
            "dsr": self.dsr,
            "pbo": self.pbo,
            "n_trials": self.search.n_trials,
            "n_training": int(self.holdout.training.sum()),
            "n_test": int(self.holdout.test.sum()),
            "n_purged": self.holdout.n_purged,
            "test_from": self.holdout.cut_time.isoformat(),
            "policies": self.scoreboard.table.to_dict("records"),
            "predictions": self.predictions.counts() if self.predictions else None,
            "verdict": self.verdict.kind,
            "verdict_text": self.verdict.text,
        }


def tune_ladder(
    prepared: Prepared,
    settings: Settings,
    *,
    predictions: RowPredictions | None = None,
    own_ladder: Ladder | None = None,
    progress: Progress = SILENT,
) -> Tuned:
    """Return the ladder that was best on the training part, judged on the test part.

    Parameters
    ----------
    predictions : RowPredictions, optional
        Makes rungs on the model's word part of the search.
    own_ladder : Ladder, optional
        The user's; it gives costs, execution and initial stop, is a candidate, and is judged too.
    """
    base = _base(settings, own_ladder)
    holdout = hold_out(prepared, settings, max(settings.search.time_bars))
    training = _tuning_trades(prepared, holdout, predictions)
    space = _space(prepared, settings, base, training, predictions)
    placed = prepared.placed.take(training)
    names = {*(MODEL_SERIES if predictions is not None else ()), *(own_ladder.series if own_ladder else ())}
    every = signals_for(prepared.placed, names, prepared, predictions)
    signals = every.take(np.flatnonzero(training))

    baselines = tune_baselines(placed, base, settings, signals, progress)
    own = [Policy(OWN_LADDER, own_ladder)] if own_ladder is not None else []

    objectives = Objectives.of(settings, placed, signals, base, space)
    evaluate = objectives.judge

    found = search(
        space,
        evaluate,
        settings.tuning.n_trials,
        seed=settings.project.seed,
        # Baselines that the space does not hold (no rung, say) are what a ladder is held against, not ladders.
        warm_starts=[p.ladder for p in own]
        + [p.ladder for p in baselines if space.parameters_of(p.ladder) is not None],
        progress=progress,
    )
    ladder = replace(found.ladders[objectives.choose(found.judged, list(found.ladders))], name=TUNED)
    policies = (Policy(TUNED, ladder), *baselines, *own)
    net_r = pd.DataFrame(
        {p.name: simulate(prepared.placed, p.ladder, every).r for p in policies},
        index=pd.Index(prepared.placed.trades.trade_id, name="trade_id"),
    )
    if _knows_own_exits(prepared.placed.trades.take(holdout.test)):
        net_r[OWN_EXITS] = simulate_own_exits(prepared.placed, base).r
    baseline = _baseline(net_r, baselines, own_ladder, evaluate)
    board = score_policies(
        {str(name): column[holdout.test] for name, column in _columns(net_r).items()},
        prepared.entry_time[holdout.test],
        TUNED,
        settings,
    )
    against = board.comparisons[baseline]
    gains = _trial_gains(
        prepared, holdout, found, every, net_r[baseline].to_numpy(np.float64), settings.project.threads
    )
    return Tuned(
        ladder=ladder,
        policies=policies,
        baseline=baseline,
        holdout=holdout,
        entry_time=prepared.entry_time,
        net_r=net_r,
        scoreboard=board,
        search=found,
        dsr=_deflated(gains, found.n_trials, against.n_effective),
        pbo=pbo_cscv(gains, n_blocks=_PBO_BLOCKS).pbo,
        verdict=verdict(against, TUNED, baseline),
        predictions=predictions,
    )


def _base(settings: Settings, own_ladder: Ladder | None) -> Ladder:
    base = base_ladder(settings)
    if own_ladder is None:
        return base
    return replace(
        base,
        atr_window=own_ladder.atr_window,
        stop=replace(base.stop, initial=own_ladder.stop.initial or base.stop.initial),
        costs=own_ladder.costs,
        execution=own_ladder.execution,
    )


def _space(
    prepared: Prepared,
    settings: Settings,
    base: Ladder,
    training: npt.NDArray[np.bool_],
    predictions: RowPredictions | None,
) -> SearchSpace:
    """The settings' space; thresholds on the hold value lie where training predictions do."""
    if predictions is None:
        return SearchSpace(settings.search, base)
    said = predictions.hold_value_r[np.repeat(training, prepared.rows.lengths)]
    said = said[np.isfinite(said)]
    if not len(said):
        return SearchSpace(settings.search, base)
    low, high = (round(float(q), 4) for q in np.quantile(said, _HOLD_VALUE_QUANTILES))
    return SearchSpace(settings.search, base, MODEL_SERIES, (low, high))


def _tuning_trades(prepared: Prepared, holdout: Holdout, predictions: RowPredictions | None) -> npt.NDArray[np.bool_]:
    """Training trades that every candidate can be judged on: with a model, those it speaks about.

    Before its first fold the model is silent. Trades from then would be executed without the
    model's rungs and would make every threshold look the same.
    """
    if predictions is None:
        return holdout.training
    spoken = np.zeros(len(prepared.placed), dtype=bool)
    has_rows = prepared.rows.lengths > 0
    spoken[has_rows] = predictions.stage[prepared.rows.start[:-1][has_rows]] >= 0
    both = holdout.training & spoken
    return both if both.sum() >= LEAST_TRADES else holdout.training


def _columns(net_r: pd.DataFrame) -> dict[str, FloatArray]:
    return {str(name): net_r[name].to_numpy(dtype=np.float64) for name in net_r}


def _knows_own_exits(test: Trades) -> bool:
    """Whether the user's book tells how most of these trades ended."""
    return bool((~test.is_open).mean() >= 0.5)


def _baseline(net_r: pd.DataFrame, baselines: list[Policy], own_ladder: Ladder | None, evaluate: Evaluate) -> str:
    if OWN_EXITS in net_r:
        return OWN_EXITS
    if own_ladder is not None:
        return OWN_LADDER
    values = evaluate([p.ladder for p in baselines]).values[:, 0]
    return baselines[int(np.argmax(values))].name


def _trial_gains(
    prepared: Prepared, holdout: Holdout, found: SearchResult, signals: Signals, baseline: FloatArray, threads: int
) -> FloatArray:
    """What every distinct trial gains on the baseline, trade by trade of the test part; the best trial first."""
    test = np.flatnonzero(holdout.test)
    ladders = list(dict.fromkeys((found.best, *found.ladders)))[:_MOST_TRIALS]
    net_r = simulate_many(prepared.placed.take(test), ladders, signals.take(test), threads=threads)
    gains = net_r - baseline[test][:, None]
    return np.asarray(gains[np.isfinite(gains).all(axis=1)])


def _deflated(gains: FloatArray, n_trials: int, n_effective: float) -> float:
    """Deflated Sharpe ratio of the best trial's gain."""
    if len(gains) < 2 or gains.shape[1] < 2:
        return float("nan")
    spread = gains.std(axis=0, ddof=1)
    sharpe = np.divide(gains.mean(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    # Trials that were not distinct count as tried, but say nothing on the variance.
    tried = np.concatenate([sharpe, np.full(max(0, n_trials - len(sharpe)), np.nan)])
    return dsr_of(gains[:, 0], tried, n_effective=n_effective)
