"""The same tuning without the model, to be read beside the one with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution import simulate_own_exits
from exitladder.pipelines.inputs.predictions import MODEL_SERIES
from exitladder.pipelines.tuning.choice import Choice, Tuning
from exitladder.pipelines.tuning.folds import WalkForward
from exitladder.plans.ladder import Ladder, Stop
from exitladder.settings.tables import Settings


@dataclass(frozen=True)
class WithoutModel:
    """A ladder tuned walk-forward without the model, on the same parts.

    Parameters
    ----------
    tuning : Tuning
    folds : tuple of Choice
    choice : Choice
        On all trades that had ended.
    """

    tuning: Tuning
    folds: tuple[Choice, ...]
    choice: Choice

    def net_r(self, own_exits_known: bool, fold: IntArray) -> FloatArray:
        """Return net R of every trade under the ladder of its fold, shape (n_trades,).

        Parameters
        ----------
        own_exits_known : bool
            Whether a fold may have kept the user's own exits.
        fold : int array, shape (n_trades,)
        """
        placed = self.tuning.prepared.placed
        net_r = np.full(len(placed), np.nan)
        for k, choice in enumerate(self.folds):
            part = fold == k
            if own_exits_known and choice.keeps_own_exits:
                net_r[part] = simulate_own_exits(placed.take(part), self.tuning.base).r
            else:
                net_r[part] = self.tuning.net_r([choice.ladder], part)[:, 0]
        return net_r


def without_model(tuning: Tuning, walk: WalkForward) -> WithoutModel | None:
    """Return the same walk-forward tuning without predictions; None if there are none.

    Parameters
    ----------
    tuning : Tuning
        With the model.
    walk : WalkForward
    """
    if tuning.predictions is None:
        return None
    settings = _without_model_rungs(tuning.settings)
    plain = Tuning.of(tuning.prepared, settings, None, _own_ladder(tuning), tuning.progress, tuning.backend)
    name = f"{tuning.backend.name}-without-model"
    return WithoutModel(plain, *plain.choose_each(walk, name))


def _without_model_rungs(settings: Settings) -> Settings:
    """Return settings without the rungs of ``search.indicator_rungs`` that read the model."""
    texts = settings.search.indicator_rungs
    kept = [text for text in texts if not set(MODEL_SERIES) & set(re.findall(r"\w+", text))]
    return settings if len(kept) == len(texts) else settings.with_values({"search": {"indicator_rungs": kept}})


def _own_ladder(tuning: Tuning) -> Ladder | None:
    """Return the user's ladder; if it reads the model's series, only its stop, costs and execution."""
    own = tuning.own_ladder
    if own is None or not set(own.series) & set(MODEL_SERIES):
        return own
    plain, stop = Stop(), own.stop
    kept = replace(
        stop,
        breakeven_after=plain.breakeven_after,
        breakeven_offset=plain.breakeven_offset,
        trail=plain.trail,
        trail_after=plain.trail_after,
        trail_from=plain.trail_from,
    )
    return replace(own, rungs=(), stop=kept)
