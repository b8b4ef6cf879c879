"""Minimisation of a function of a few numbers by Optuna."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """Range of a number: an integer if `is_whole`, on a logarithmic scale if `log`."""

    low: float
    high: float
    log: bool = False
    is_whole: bool = False


def minimum(
    loss: Callable[[dict[str, float]], float],
    spans: Mapping[str, Span],
    first: Mapping[str, float],
    n_trials: int,
    seed: int = 0,
) -> dict[str, float]:
    """Return the numbers of the smallest loss among those tried; the same seed tries the same ones.

    Parameters
    ----------
    loss : callable
        Takes a number for each name and returns a finite value.
    spans : mapping of str to Span
    first : mapping of str to float
        Tried first, within the spans.
    n_trials : int
    seed : int

    Returns
    -------
    dict of str to float

    Examples
    --------
    >>> minimum(lambda at: abs(at["x"] - 3), {"x": Span(0, 10, is_whole=True)}, {"x": 9}, 15)
    {'x': 3}
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(dict(first))

    def value(trial: optuna.Trial) -> float:
        at: dict[str, float] = {}
        for name, span in spans.items():
            if span.is_whole:
                at[name] = trial.suggest_int(name, int(span.low), int(span.high), log=span.log)
            else:
                at[name] = trial.suggest_float(name, span.low, span.high, log=span.log)
        return loss(at)

    study.optimize(value, n_trials=n_trials)
    return dict(study.best_params)
