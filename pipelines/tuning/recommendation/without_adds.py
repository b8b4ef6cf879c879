"""The same tuning without adds: a plan that adds is recommended only if it earned significantly more than this."""

from __future__ import annotations

from exitladder.errors import SettingsError
from exitladder.pipelines.tuning.choice import Tuning
from exitladder.pipelines.tuning.folds import WalkForward
from exitladder.pipelines.tuning.recommendation.simpler_tuning import SimplerTuning
from exitladder.pipelines.tuning.recommendation.sizes import refuse_size
from exitladder.plans.adds import without_adds
from exitladder.plans.ladder import Ladder
from exitladder.plans.size import without_size_rule
from exitladder.settings.tables import Settings

# What capital a plan ties up per planned risk is not known at the entry.
_NOT_WITH_ADDS = "r_per_capital_day"


def searches_adds(settings: Settings, own_ladder: Ladder | None) -> bool:
    """Return whether a candidate of the search may have adds: those of ``search.adds``, or those of the own ladder."""
    searched = bool(set(settings.search.adds) - {"off"})
    return searched or (own_ladder is not None and without_size_rule(own_ladder).is_plan)


def refuse_adds_with(settings: Settings, own_ladder: Ladder | None, *, model: bool) -> None:
    """Refuse to search adds together with what cannot be compared with them yet.

    Parameters
    ----------
    settings : Settings
    own_ladder : Ladder or None
    model : bool
        Whether there is a model.

    Raises
    ------
    SettingsError
    LadderError
        A size rule that cannot be compared; see `refuse_size`.
    """
    refuse_size(settings, own_ladder)
    if not searches_adds(settings, own_ladder):
        return
    if model:
        who = "search.adds asks for them"
        if own_ladder is not None and without_size_rule(own_ladder).is_plan:
            who = f"ladder '{own_ladder.name}' has them"
        raise SettingsError(
            f"Adds cannot yet be tuned together with a model, but {who}. Leave out --model, or set "
            'search.adds = ["off"] and give a ladder without adds.'
        )
    if _NOT_WITH_ADDS in settings.tuning.objectives:
        raise SettingsError(
            f"tuning.objectives must not have {_NOT_WITH_ADDS} if candidates add to positions: the capital of a plan "
            "grows with its fills. Use r_per_bar, or leave out the adds."
        )


def tuned_without_adds(tuning: Tuning, walk: WalkForward) -> SimplerTuning | None:
    """Return the same walk-forward tuning without adds; None if no candidate has any.

    Parameters
    ----------
    tuning : Tuning
    walk : WalkForward
    """
    if not searches_adds(tuning.settings, tuning.own_ladder):
        return None
    settings = tuning.settings.with_values({"search": {"adds": ["off"]}})
    own = None if tuning.own_ladder is None else without_adds(tuning.own_ladder)
    plain = Tuning.of(tuning.prepared, settings, None, own, tuning.progress, tuning.backend)
    return SimplerTuning(plain, *plain.choose_each(walk, f"{tuning.backend.name}-without-adds"))
