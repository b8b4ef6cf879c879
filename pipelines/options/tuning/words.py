"""A tuning of plans on options in sentences."""

from __future__ import annotations

from exitladder.pipelines.options.evidence import HOLD, STOP_ONLY
from exitladder.pipelines.options.tuning.policies import OWN, TUNED
from exitladder.pipelines.tuning.recommendation.exit_choice import ExitChoice
from exitladder.plans.ladder import Ladder
from exitladder.plans.words import rung_in_words
from exitladder.statistics.mean import MIN_TRADES
from exitladder.statistics.verdict import measured

NOT_IN_A_PLAN = (
    "A plan cannot take the stop of a position away: recommended.toml keeps it, so leave stop_price out of the trades "
    "file as well."
)


def plan_in_words(ladder: Ladder) -> str:
    """Return a plan on options in one line, without its costs.

    Parameters
    ----------
    ladder : Ladder

    Returns
    -------
    str

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> plan_in_words(ladder_from_mapping({"rungs": [{"fraction": "rest", "when": ["days_to_expiry <= 21"]}]}))
    'close when days_to_expiry <= 21'
    >>> plan_in_words(ladder_from_mapping({"stop": {"initial": "50%"}}))
    'stop at 50% of the premium'
    >>> plan_in_words(ladder_from_mapping({}))
    'no exit before expiry'
    """
    parts = [rung_in_words(rung) for rung in ladder.rungs if not rung.sells_rest]
    whole = "the rest" if parts else "close"
    parts += [f"{whole} when {rung.trigger}" for rung in ladder.rungs if rung.sells_rest]
    if ladder.stop.initial is not None:
        parts.append(f"stop at {ladder.stop.initial} of the premium")
    if ladder.stop.time is not None:
        parts.append(f"close after {ladder.stop.time} quotes")
    return ", ".join(parts) or "no exit before expiry"


def recommendation_text(choice: ExitChoice, text: str, n_scored: int, best: float, *, can_hold: bool) -> str:
    """Return what to do from now on, and why.

    Parameters
    ----------
    choice : ExitChoice
    text : str
        The recommended plan in words.
    n_scored : int
        Positions scored out of sample.
    best : float
        Mean net R of the best exit on them.
    can_hold : bool
        Whether a plan can state holding to expiry.

    Returns
    -------
    str
    """
    name, deciding = choice.exit, choice.deciding
    hint = f" But every exit lost money (the best {best:+.2f} R per position): change the entries." if best < 0 else ""
    hint += f" {NOT_IN_A_PLAN}" if name == HOLD and not can_hold else ""
    if deciding is not None:
        what = {HOLD: "Hold to expiry", TUNED: f"Use the {TUNED} ({text})"}.get(name, f"Use '{name}' ({text})")
        return (
            f"{what}: it earned more than '{deciding.against}' on {deciding.found.n:,} positions scored out of sample, "
            f"{measured(deciding.found)}, significant after correction for the number of exits compared.{hint}"
        )
    kept = {OWN: "Keep your plan", STOP_ONLY: "Keep the stop alone", HOLD: "Hold to expiry"}[name]
    if n_scored:
        return f"{kept}: no other exit earned significantly more on {n_scored:,} positions scored out of sample.{hint}"
    return f"{kept}: there are too few positions to choose an exit by."


def no_walk_text(n_known: int, n_open: int) -> str:
    """Return why nothing was scored out of sample.

    Parameters
    ----------
    n_known, n_open : int
        Different positions with a result, and those that had not expired at the last quote.

    Returns
    -------
    str
    """
    still = f" ({n_open:,} more had not expired at the last quote)" if n_open else ""
    have = "has" if n_known == 1 else "have"
    return (
        f"Too few positions for a walk-forward: {n_known:,} {have} a result{still}. It needs at least {MIN_TRADES} to "
        f"score, and at least {MIN_TRADES} that had expired before the first of them. The results below are those of "
        "the positions tuned on, and show nothing about others."
    )
