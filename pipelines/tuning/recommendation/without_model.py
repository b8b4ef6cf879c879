"""The same tuning without the model, to be read beside the one with it."""

from __future__ import annotations

import re
from dataclasses import replace

from exitladder.pipelines.inputs.predictions import READABLE
from exitladder.pipelines.tuning.choice import Tuning
from exitladder.pipelines.tuning.folds import WalkForward
from exitladder.pipelines.tuning.recommendation.simpler_tuning import SimplerTuning
from exitladder.plans.ladder import Ladder, Stop
from exitladder.settings.tables import Settings


def without_model(tuning: Tuning, walk: WalkForward) -> SimplerTuning | None:
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
    return SimplerTuning(plain, *plain.choose_each(walk, name))


def _without_model_rungs(settings: Settings) -> Settings:
    """Return settings without the rungs of ``search.indicator_rungs`` that read the model."""
    texts = settings.search.indicator_rungs
    kept = [text for text in texts if not set(READABLE) & set(re.findall(r"\w+", text))]
    return settings if len(kept) == len(texts) else settings.with_values({"search": {"indicator_rungs": kept}})


def _own_ladder(tuning: Tuning) -> Ladder | None:
    """Return the user's ladder; if it reads the model's series, only its stop, costs and execution."""
    own = tuning.own_ladder
    if own is None or not set(own.series) & set(READABLE):
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
