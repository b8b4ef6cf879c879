"""Diagnostics of a tuned ladder: parameter importance, sensitivity, plateau or peak, and stability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.space.columns import column_of, ladder_columns
from exitladder.models.search.space.edges import Edge, at_edges, edges_text
from exitladder.models.search.space.importance import parameter_importance
from exitladder.models.search.space.neighbours import Slice, neighbours, slices
from exitladder.models.search.space.space import SUGGESTED
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.plans.ladder import Ladder

N_NEIGHBOURS = 200
_PLATEAU, _PEAK = 2 / 3, 1 / 3


@dataclass(frozen=True)
class Plateau:
    """Ladders close to the tuned one, evaluated on the trades it was tuned on.

    Parameters
    ----------
    behind : float64 array, shape (n_neighbours,)
        By how much each is worse in the first objective; negative if it is better.
    standard_error : float
        Of the tuned ladder's own objective.
    """

    behind: FloatArray
    standard_error: float

    @property
    def share(self) -> float:
        """Share of the neighbours that are no more than one standard error behind; NaN without neighbours."""
        return float(np.mean(self.behind <= self.standard_error)) if len(self.behind) else float("nan")

    @property
    def median(self) -> float:
        """Median of how much the neighbours are worse; NaN without neighbours."""
        return float(np.median(self.behind)) if len(self.behind) else float("nan")

    @property
    def kind(self) -> str:
        """`plateau` (two thirds of the neighbours or more), `peak` (less than one third), `slope` or `unknown`."""
        if not len(self.behind):
            return "unknown"
        return "plateau" if self.share >= _PLATEAU else "peak" if self.share < _PEAK else "slope"


@dataclass(frozen=True)
class LadderDiagnostics:
    """Diagnostics of a tuned ladder, on the trades that it was tuned on.

    Parameters
    ----------
    objective : str
        The first one, to which all of these refer.
    importance : DataFrame
        See `parameter_importance`.
    fit : float
        Share of the variance between held-out trials that the model behind the importance explains.
    slices : DataFrame
        One row per value of a parameter, all others as tuned: parameter, value, objective, behind (by how much it is
        worse than the tuned ladder), standard_error (of that), is_tuned.
    plateau : Plateau
    stability : DataFrame
        One row per parameter: parameter, a column per fold and `final` of its values, and agreement from 0 (as far
        apart as if drawn at random from the ladders tried) to 1 (the same in all).
    front : DataFrame
        With several objectives, the ladders that no other beats: the objectives and is_chosen; else empty.
    tried : DataFrame
        The objectives of all ladders tried, and whether they keep the constraints.
    edges : tuple of Edge
        Values of the ladder at an edge of the range searched.
    """

    objective: str
    importance: pd.DataFrame
    fit: float
    slices: pd.DataFrame
    plateau: Plateau
    stability: pd.DataFrame
    front: pd.DataFrame
    tried: pd.DataFrame
    edges: tuple[Edge, ...] = ()

    @property
    def agreement(self) -> float:
        """Mean agreement over the parameters; NaN with a single ladder."""
        return float(self.stability["agreement"].mean()) if len(self.stability) else float("nan")

    def to_mapping(self) -> dict[str, Any]:
        """Return the key numbers."""
        leading = self.importance.head(3) if self.fit > 0 else self.importance.head(0)
        return {
            "objective": self.objective,
            "depends_on": [
                {"parameter": str(name), "importance": float(share)}
                for name, share in zip(leading["parameter"], leading["importance"], strict=True)
            ],
            "importance_fit": self.fit,
            "plateau": self.plateau.kind,
            "plateau_share": self.plateau.share,
            "plateau_standard_error": self.plateau.standard_error,
            "median_neighbour_behind": self.plateau.median,
            "n_neighbours": len(self.plateau.behind),
            "fold_agreement": self.agreement,
            "n_front": len(self.front),
            "at_edges": [
                {"part": edge.part, "value": edge.value, "end": edge.end, "key": edge.key} for edge in self.edges
            ],
        }

    @property
    def text(self) -> str:
        """The diagnostics in a few sentences."""
        n = len(self.plateau.behind)
        near = (
            f"{self.plateau.share:.0%} of {n} neighbouring ladders are within one standard error "
            f"({self.plateau.standard_error:.3f}) of its {self.objective.replace('_', ' ')} on the trades tuned on; "
            f"the median neighbour is {abs(self.plateau.median):.3f} "
            f"{'worse' if self.plateau.median >= 0 else 'better'}"
        )
        words = {
            "plateau": f"The ladder is on a plateau: {near}.",
            "slope": f"The ladder is on a slope: {near}.",
            "peak": f"The ladder is an isolated peak, which suggests overfitting: only {near}.",
            "unknown": "The ladder is outside the search space, so no neighbouring ladders were evaluated.",
        }
        sentences = [words[self.plateau.kind]]
        leading = self.importance["parameter"].head(3).tolist()
        if self.fit > 0 and leading:
            sentences.append(
                f"The objective depends most on {', '.join(leading)} "
                f"(a model of the trials explains {self.fit:.0%} of the variance between held-out trials)."
            )
        else:
            sentences.append("No parameter explains the differences between the trials.")
        if np.isfinite(self.agreement):
            sentences.append(
                f"Its parameters agree {self.agreement:.0%} with those tuned on other stretches of the past "
                "(0%: as if drawn at random; 100%: identical)."
            )
        sentences += [edges_text(self.edges)] if self.edges else []
        return " ".join(sentences)


def diagnostics(
    objectives: Objectives,
    tried: Evaluation,
    ladders: tuple[Ladder, ...],
    ladder: Ladder,
    folds: Mapping[str, Ladder],
) -> LadderDiagnostics:
    """Return the diagnostics of a tuned ladder; only the trades of `objectives` are used.

    Parameters
    ----------
    objectives : Objectives
        Of the trades that it was tuned on, with their search space.
    tried, ladders : Evaluation, tuple of Ladder
        The ladders that the search tried, with their evaluation.
    ladder : Ladder
        The tuned one.
    folds : mapping of str to Ladder
        The ladders tuned on other stretches of the past, by their names.

    Returns
    -------
    LadderDiagnostics
    """
    ladder = replace(ladder, name=SUGGESTED)
    importance, fit = parameter_importance(ladders, tried.values[:, 0], objectives.seed)
    near = [] if objectives.space is None else neighbours(objectives.space, ladder, N_NEIGHBOURS, objectives.seed)
    cuts = () if objectives.space is None else slices(objectives.space, ladder)
    return LadderDiagnostics(
        objective=objectives.names[0],
        importance=importance,
        fit=fit,
        slices=_slices_table(objectives, ladder, cuts),
        plateau=Plateau(_behind(objectives, ladder, near)[1], objectives.standard_error(ladder)),
        stability=stability({**folds, "final": ladder}, ladders),
        front=_front(tried, objectives.choose(tried, list(ladders))),
        tried=pd.DataFrame(tried.values, columns=list(tried.objectives)).assign(is_feasible=tried.feasible),
        edges=() if objectives.space is None else at_edges(objectives.space, ladder),
    )


def stability(folds: Mapping[str, Ladder], tried: tuple[Ladder, ...]) -> pd.DataFrame:
    """Return the parameters of ladders side by side, with their agreement.

    Parameters
    ----------
    folds : mapping of str to Ladder
    tried : tuple of Ladder
        The ladders that a search tried; their distance from each other defines no agreement.

    Returns
    -------
    DataFrame
        parameter, one column per ladder, agreement: 1 less the mean difference between two of the ladders over that
        between two of those tried; two differ by 1 where only one has the part, or where choices differ.
    """
    nothing = pd.DataFrame(columns=["parameter", *folds, "agreement"])
    if len(folds) < 2:
        return nothing
    table = pd.DataFrame({name: ladder_columns(ladder) for name, ladder in folds.items()})
    among = pd.DataFrame([ladder_columns(ladder) for ladder in dict.fromkeys(tried)])
    rows = []
    for parameter, values in table.iterrows():
        column = among[parameter] if parameter in among else pd.Series(dtype=object)
        if column.nunique() < 2 and values.nunique() < 2:
            continue  # nothing to choose; another parameter says whether a ladder has it at all
        expected = _apart(column.tolist()[:200], column)
        agreement = 1.0 if expected == 0 else max(0.0, 1.0 - _apart(values.tolist(), column) / expected)
        rows.append({"parameter": str(parameter), **values.to_dict(), "agreement": agreement})
    return pd.DataFrame(rows) if rows else nothing


def _apart(values: list[Any], among: pd.Series) -> float:
    """Return the mean difference of two of the values, numbers in units of the range of `among`."""
    numbers = pd.to_numeric(among, errors="coerce")
    wide = float(numbers.max() - numbers.min()) if numbers.notna().any() else 0.0
    total, pairs = 0.0, 0
    for k, a in enumerate(values):
        for b in values[k + 1 :]:
            pairs += 1
            if pd.isna(a) or pd.isna(b):
                total += float(pd.isna(a) != pd.isna(b))
            elif isinstance(a, str) or wide == 0:
                total += float(a != b)
            else:
                total += min(1.0, abs(a - b) / wide)
    return total / pairs if pairs else 0.0


def _behind(objectives: Objectives, ladder: Ladder, others: list[Ladder]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the first objective of other ladders, how far it is behind the ladder's, and that difference's error."""
    if not others:
        return np.empty(0), np.empty(0), np.empty(0)
    values = objectives.judge([ladder, *others]).values[:, 0]
    error = objectives.standard_errors([ladder, *others], 0)
    return values[1:], values[0] - values[1:], error[1:]


def _slices_table(objectives: Objectives, ladder: Ladder, cuts: tuple[Slice, ...]) -> pd.DataFrame:
    every = [other for cut in cuts for other in cut.ladders]
    values, behind, error = _behind(objectives, ladder, every)
    names = [column_of(cut.name) for cut in cuts for _ in cut.ladders]
    return pd.DataFrame(
        {
            "parameter": names,
            "value": [_shown(cut, other) for cut in cuts for other in cut.ladders],
            "objective": values,
            "behind": behind,
            "standard_error": error,
            "is_tuned": [other == ladder for other in every],
        }
    ).drop_duplicates(["parameter", "value"], ignore_index=True)


def _shown(cut: Slice, ladder: Ladder) -> float | str:
    """Return a ladder's own number or word for the parameter of a slice."""
    return ladder_columns(ladder).get(column_of(cut.name), "none")


def _front(tried: Evaluation, chosen: int) -> pd.DataFrame:
    if len(tried.objectives) < 2:
        return pd.DataFrame(columns=[*tried.objectives, "trial", "is_chosen"])
    rows = tried.front()
    table = pd.DataFrame(tried.values[rows], columns=list(tried.objectives))
    return table.assign(trial=rows, is_chosen=rows == chosen)
