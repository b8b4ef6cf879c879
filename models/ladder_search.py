"""The search for a ladder: the only file that loads Optuna, at first use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars import FloatArray
from exitladder.errors import ModelError
from exitladder.ladder import Ladder
from exitladder.models.judged import Evaluate, Judged
from exitladder.models.search_space import SearchSpace
from exitladder.progress import SILENT, Progress


@dataclass(frozen=True)
class SearchResult:
    """What a search tried and found.

    Parameters
    ----------
    best : Ladder
        Of the greatest value; the earliest of equals.
    best_value : float
    ladders : tuple of Ladder
        All that were evaluated, in order: warm starts first.
    table : DataFrame
        One row a ladder: trial, source (warm_start or search), value, and the space's parameters.
    n_trials : int
        How many ladders were looked at, warm starts counted: what a deflated Sharpe ratio has to know.
    """

    best: Ladder
    best_value: float
    ladders: tuple[Ladder, ...]
    table: pd.DataFrame
    n_trials: int


def search(
    space: SearchSpace,
    evaluate: Evaluate,
    n_trials: int,
    *,
    seed: int = 0,
    batch_size: int = 16,
    warm_starts: Sequence[Ladder] = (),
    progress: Progress = SILENT,
) -> SearchResult:
    """Return the ladder of the greatest value among those tried; the same seed tries the same ones.

    Parameters
    ----------
    space : SearchSpace
    evaluate : callable
        Takes a list of ladders and returns what they are worth; one whose value is NaN is never best.
    n_trials : int
        Ladders that the search suggests, besides the warm starts.
    seed : int
    batch_size : int
        Ladders asked for before any of them is evaluated. The first batches are drawn at random.
    warm_starts : sequence of Ladder
        Evaluated first. Those that the space holds teach the search as well.
    progress : Progress

    Raises
    ------
    ModelError
        If no ladder has a value.
    """
    _at_least_one(n_trials=n_trials, batch_size=batch_size)
    optuna = _optuna()
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=_startup(n_trials)),
    )
    tried = _Tried()
    with progress.stage("searching ladders", len(warm_starts) + n_trials) as advance:
        if warm_starts:
            values = _values(evaluate, list(warm_starts))
            for ladder, value in zip(warm_starts, values, strict=True):
                parameters = space.parameters_of(ladder)
                tried.add("warm_start", ladder, value, parameters or {})
                if parameters is not None:
                    _teach(study, space, parameters, value)
            advance(len(warm_starts))
        done = 0
        while done < n_trials:
            trials = [study.ask() for _ in range(min(batch_size, n_trials - done))]
            ladders = [space.suggest(trial) for trial in trials]
            for trial, ladder, value in zip(trials, ladders, _values(evaluate, ladders), strict=True):
                tried.add("search", ladder, value, trial.params)
                if np.isfinite(value):
                    study.tell(trial, float(value))
                else:
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
            done += len(trials)
            advance(len(trials))
    return tried.result()


class _Tried:
    """Ladders tried so far with their values."""

    def __init__(self) -> None:
        self.ladders: list[Ladder] = []
        self.rows: list[dict[str, Any]] = []

    def add(self, source: str, ladder: Ladder, value: float, parameters: dict[str, Any]) -> None:
        self.rows.append({"trial": len(self.rows), "source": source, "value": float(value), **parameters})
        self.ladders.append(ladder)

    def result(self) -> SearchResult:
        table = pd.DataFrame(self.rows)
        values = table["value"].to_numpy(dtype=np.float64)
        if not np.isfinite(values).any():
            raise ModelError(
                f"At least one ladder must have a value, but all {len(values)} tried have none: no trade could be "
                "simulated. Check that trades have a stop_price, or give the ladder an initial stop."
            )
        at = int(np.nanargmax(np.where(np.isfinite(values), values, np.nan)))
        return SearchResult(self.ladders[at], float(values[at]), tuple(self.ladders), table, len(values))


def _values(evaluate: Evaluate, ladders: list[Ladder]) -> FloatArray:
    judged: Judged = evaluate(ladders)
    if judged.values.shape != (len(ladders), 1):
        raise ModelError(
            f"evaluate must return one value a ladder ({len(ladders)}), but returned shape {judged.values.shape}."
        )
    return judged.values[:, 0]


def _teach(study: Any, space: SearchSpace, parameters: dict[str, Any], value: float) -> None:
    """Put a finished trial into the study, with the distributions a suggestion would have used."""
    if not np.isfinite(value):
        return
    study.enqueue_trial(parameters)
    trial = study.ask()
    space.suggest(trial)
    study.tell(trial, float(value))


def _startup(n_trials: int) -> int:
    """Return how many trials are drawn at random before the search learns: enough to fill a space of ten."""
    return int(np.clip(n_trials // 4, 10, 40))


def _optuna() -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _at_least_one(**counts: int) -> None:
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
            raise ModelError(f"{name} must be a whole number from 1, but is {count!r}.")
