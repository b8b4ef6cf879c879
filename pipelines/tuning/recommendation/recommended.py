"""The recommended exit as a ladder, in a sentence, and with its training trades."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.pipelines.inputs.predictions import READABLE
from exitladder.pipelines.tuning.policies import (
    EDGE,
    MODEL_OR_TRAIL,
    OWN_EXITS,
    OWN_LADDER,
    SIMPLEST,
    TRAILING_STOP,
    TUNED,
    WITHOUT_MODEL,
)
from exitladder.pipelines.tuning.recommendation.contradictions import Witnesses
from exitladder.pipelines.tuning.recommendation.exit_choice import SIMPLE_EXITS, Evidence
from exitladder.pipelines.tuning.samples.labels import fingerprints_of
from exitladder.plans.ladder import Ladder
from exitladder.plans.provenance import Choice, TunedOn
from exitladder.plans.words import in_words
from exitladder.statistics.verdict import measured

if TYPE_CHECKING:
    from exitladder.pipelines.tuning.folds import Mask
    from exitladder.pipelines.tuning.tuned import Tuned

_SIDES = ("with_model", "without_model", "model_difference")
_FINDINGS = {
    "edge": "The model's training found an edge.",
    "no edge": "The model's training found no edge, so the recommendation does not use it.",
    "harm": "The model's training found that it does harm, so the recommendation does not use it.",
    "unknown": "The model does not record whether its training found an edge, so the recommendation does not use it.",
}


@dataclass(frozen=True)
class RecommendedExit:
    """What to do from now on.

    Parameters
    ----------
    choice : {"own_exits", "simple", "ladder", "ladder_with_model"}
    exit : str
        Name of the exit.
    ladder : Ladder
        That executes it; with own exits, only their costs and initial stop.
    sentence : str
    facts : dict
        The out-of-sample result of choosing exits in this way, and the results with and without the model.
    parts, evidence : list of dict
        The exit chosen before each part; the comparisons behind the choice.
    """

    choice: Choice
    exit: str
    ladder: Ladder
    sentence: str
    facts: dict[str, Any]
    parts: list[dict[str, Any]]
    evidence: list[dict[str, Any]]

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that ``exitladder tune`` prints under ``recommended``."""
        return {"choice": self.choice, "exit": self.exit, "ladder_text": self.ladder_text, **self.facts}

    @property
    def ladder_text(self) -> str:
        """The ladder in words."""
        return self.exit if self.choice == "own_exits" else in_words(self.ladder)


def recommended_exit(tuned: Tuned) -> RecommendedExit:
    """Return the recommended exit of a tuning.

    Parameters
    ----------
    tuned : Tuned
    """
    found = tuned.recommendation
    name = found.exit
    if name == SIMPLEST:
        name = tuned.choice.simplest
    if _keeps_own_exits(tuned, name):
        name = OWN_EXITS
    ladder = _ladder_of(tuned, name)
    choice = choice_of(name, ladder)
    size = tuned.size
    # own exits keep the quantities of the trades
    sized = ladder if size is None or choice == "own_exits" else size.sized(ladder)
    deciding = found.choice.deciding if name == found.exit else None
    parts = [
        {"fold": k, "exit": choice.exit, "n_scored": int(cut.test.sum()), "expectancy_r": _mean(found.net_r[cut.test])}
        for k, (cut, choice) in enumerate(zip(tuned.walk.folds, found.parts, strict=True), start=1)
    ]
    return RecommendedExit(
        choice=choice,
        exit=name,
        ladder=sized,
        sentence=f"{_sentence(tuned, choice, name, ladder, deciding)} {'' if size is None else size.text}".strip(),
        facts=_facts(tuned),
        parts=parts,
        evidence=[item.to_mapping() for item in found.choice.evidence],
    )


def choice_of(name: str, ladder: Ladder) -> Choice:
    """Return what an exit is in the ``[tuned]`` table of its ladder.

    Parameters
    ----------
    name : str
        Of the exit.
    ladder : Ladder
    """
    if name == OWN_EXITS:
        return "own_exits"
    if name in SIMPLE_EXITS:
        return "simple"
    return "ladder_with_model" if set(ladder.series) & set(READABLE) else "ladder"


def provenance(
    tuned: Tuned, choice: Choice, exit_name: str, *, trades: Mask, last: int, text: str = "", run: str = ""
) -> TunedOn:
    """Return the ``[tuned]`` table of a ladder of this tuning; its model is filled in by who knows its REF.

    Parameters
    ----------
    tuned : Tuned
    choice : {"own_exits", "simple", "ladder", "ladder_with_model"}
    exit_name : str
    trades : bool array, shape (n_trades,)
        Those it was tuned on.
    last : int
        The end of the known trades, nanoseconds since 1970 UTC.
    text : str
        The verdict in a sentence; by default the first one of the tuning's verdict.
    run : str
        Run id.

    Returns
    -------
    TunedOn
    """
    at = np.flatnonzero(trades)
    return TunedOn(
        choice=choice,
        exit=exit_name,
        run=run,
        verdict=tuned.verdict.kind,
        verdict_text=text or first_sentence(tuned.verdict.text),
        first=int(tuned.entry_time[at].min()) if len(at) else last,
        last=last,
        trades=frozenset(fingerprints_of(tuned.placed.take(at))),
    )


def first_sentence(text: str) -> str:
    """Return the first sentence of a text.

    Examples
    --------
    >>> first_sentence("A earned more: +0.05 R per trade. The whole interval is above zero.")
    'A earned more: +0.05 R per trade.'
    """
    head, stop, _ = text.partition(". ")
    return head + "." if stop else text


def warnings_on(board: pd.DataFrame, baseline: str, kind: str, witnesses: Witnesses) -> list[str]:
    """Return what a verdict must say besides the difference: losing exits, better simple exits, contradictions.

    Parameters
    ----------
    board : DataFrame
        The table of a `Scoreboard`.
    baseline : str
    kind : {"better", "worse", "no_difference"}
        The verdict.
    witnesses : Witnesses
        DSR, PBO and SPA.

    Returns
    -------
    list of str
        One sentence each.
    """
    rows = board.set_index("policy")
    mean = rows["expectancy_r"].astype(float)
    said = []
    if mean.notna().any() and mean.max() < 0:
        said.append(
            f"Every exit lost money on the scored trades; the best was '{mean.idxmax()}' with {mean.max():+.2f} R per "
            "trade."
        )
    simple = mean.reindex([name for name in SIMPLE_EXITS if name in mean.index and name != baseline])
    if len(simple) and simple.max() > mean[TUNED]:
        best = str(simple.idxmax())
        row: dict[Any, Any] = rows.loc[best].to_dict()
        clear = row["high"] < 0 and row["p_adjusted"] <= 0.05
        said.append(
            f"The simple exit '{best}' earned {-row['difference_r']:.3f} R per trade more than '{TUNED}' "
            f"({'significant' if clear else 'not significant'}, chosen in hindsight among the simple exits)."
        )
    if text := witnesses.against_verdict(kind, baseline):
        said.append(text)
    return said


def _keeps_own_exits(tuned: Tuned, name: str) -> bool:
    """Whether the exit was tuned now with the result that no change is best."""
    last = tuned.simpler[name].choice if name in tuned.simpler else tuned.choice
    return (name == TUNED or name in tuned.simpler) and last.keeps_own_exits


def _ladder_of(tuned: Tuned, name: str) -> Ladder:
    if name == OWN_EXITS:
        return replace(tuned.base, name=OWN_EXITS)
    if name in tuned.simpler:
        return replace(tuned.simpler[name].choice.ladder, name=name)
    return tuned.choice.ladder_of(name)


def _sentence(tuned: Tuned, choice: Choice, name: str, ladder: Ladder, deciding: Evidence | None) -> str:
    evidence = tuned.recommendation.choice.evidence
    n_scored = int(tuned.walk.test.sum())
    n = evidence[0].found.n if evidence else n_scored
    scored = f"{n:,} trades scored out of sample"
    if n < n_scored:
        # a trade that an exit could still hold at the last bar is no evidence
        scored = f"{n:,} of the {n_scored:,} trades scored out of sample (those whose longest holding period has ended)"
    if deciding is not None:
        what = f"the simple exit '{name}'" if choice == "simple" else f"the {name}"
        what = {OWN_LADDER: "your ladder", MODEL_OR_TRAIL: f"the model's own exit '{name}'"}.get(name, what)
        text = (
            f"Use {what} ({in_words(ladder)}): it earned more than {_quoted(deciding.against)} on {scored}, "
            f"{measured(deciding.found)}, significant after correction for the number of exits compared"
        )
    elif name == OWN_EXITS and tuned.recommendation.exit != OWN_EXITS:
        text = (
            f"Keep your own exits: the {tuned.recommendation.exit} earned more on {scored}, but on all past trades no "
            "ladder tried scored higher than your exits"
        )
    elif name in (OWN_EXITS, OWN_LADDER):
        text = f"Keep {name}: no other exit earned significantly more on {scored}"
    elif same := no_better_ladder(name, ladder, tuned.choice.ladder):
        text = (
            f"Use the simple exit '{name}' ({in_words(ladder)}), because {same}. In the walk-forward, no tuned ladder "
            f"earned significantly more than the best simple exit on {scored}"
        )
    else:
        text = (
            f"Use the simple exit '{name}' ({in_words(ladder)}), because no tuned ladder earned significantly more "
            f"than the best simple exit on {scored}"
        )
    mean = tuned.scoreboard.table.set_index("policy")["expectancy_r"].astype(float)
    if mean.notna().any() and mean.max() < 0:
        text += f"; but every exit lost money (the best {mean.max():+.2f} R per trade), so change the entries first"
    witnesses = Witnesses(tuned.luck.dsr, tuned.luck.pbo, tuned.superior[tuned.baseline])
    if deciding is not None:
        doubt = witnesses.against_better(is_tuned=name == TUNED)
    elif name == tuned.baseline == tuned.recommendation.exit:
        doubt = witnesses.against_no_difference(name)
    else:
        doubt = ""
    return f"{text}. {doubt}".strip()


def no_better_ladder(name: str, simple: Ladder, tuned: Ladder) -> str:
    """Return that the search ended at the recommended simple exit; empty if its ladder trades otherwise.

    Parameters
    ----------
    name : str
        Of the simple exit.
    simple, tuned : Ladder
        The recommended exit and the result of the search.

    Returns
    -------
    str
    """
    if replace(tuned, name=simple.name) != simple:
        return ""
    kind = "trailing stop" if name == TRAILING_STOP else "exit"
    return f"the search on all past trades found no better ladder and ended at this {kind}"


def _quoted(name: str) -> str:
    return name if name in (OWN_EXITS, OWN_LADDER) else f"'{name}'"


def _facts(tuned: Tuned) -> dict[str, Any]:
    found, scored = tuned.recommendation, tuned.walk.test
    against = found.against_default
    facts: dict[str, Any] = {
        "default": found.default,
        "expectancy_r": _mean(found.net_r[scored]),
        "difference_from_default_r": against.difference_r,
        "interval_from_default": [against.low, against.high],
    }
    if tuned.predictions is None:
        return facts
    with_model = tuned.scoreboard.comparisons[WITHOUT_MODEL]
    left_out = int((tuned.walk.final & ~tuned.choice.training).sum())
    return facts | {
        "model_finding": tuned.predictions.finding or "unknown",
        "model_may_be_recommended": tuned.predictions.finding == EDGE,
        "with_model_r": with_model.candidate_r,
        "without_model_r": with_model.baseline_r,
        "model_difference_r": with_model.difference_r,
        "model_interval": [with_model.low, with_model.high],
        "n_trades_before_model": left_out,
    }


def model_note(facts: Mapping[str, Any]) -> str:
    """Return the results with and without the model, in words; empty without a model.

    Parameters
    ----------
    facts : mapping
        ``recommended`` of `Tuned.to_mapping`, or as read from ``tune.json``.
    """
    if "model_finding" not in facts:
        return ""
    with_model, without, difference, low, high = (
        "–" if value is None or math.isnan(value) else f"{value:+.3f}"
        for value in (*(facts[f"{name}_r"] for name in _SIDES), *facts["model_interval"])
    )
    text = (
        f"With the model, tuning earned {with_model} R per trade, without it {without} R: a difference of {difference} "
        f"R (CI [{low}, {high}])."
    )
    text += f" {_FINDINGS.get(facts['model_finding'], _FINDINGS['unknown'])}"
    if facts["n_trades_before_model"]:
        text += (
            f" {facts['n_trades_before_model']:,} trades from before the model's first stage were left out of tuning "
            "with it."
        )
    return text


def _mean(r: Any) -> float:
    known = np.asarray(r)[np.isfinite(r)]
    return float(known.mean()) if len(known) else math.nan
