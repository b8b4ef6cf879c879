"""Diagnostic plots of a tuned ladder: parameter importance, slices, neighbours, stability and Pareto front."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from exitladder.pipelines.plots.style import (
    EMPHASIS,
    FAINT,
    HALF,
    MUTED,
    ORANGE,
    OTHERS,
    WIDE,
    new_figure,
    no_data,
    signed,
    styled,
    zero_line,
)
from exitladder.pipelines.tuning.diagnostics import Plateau

_MOST_BARS = 12
_MOST_PANELS = 12
_COLUMNS = 4


@styled
def dependence_picture(importance: pd.DataFrame, fit: float) -> Figure:
    """Draw the parameter importance of the trials."""
    shown = importance[importance["importance"] > 0].head(_MOST_BARS)
    figure = new_figure(HALF, 1.2 + 0.26 * max(len(shown), 4))
    if shown.empty or not fit > 0:
        return no_data(figure, "No parameter explains the differences between the trials.")
    axes = figure.add_subplot()
    y = np.arange(len(shown))[::-1]
    axes.barh(y, shown["importance"], color=EMPHASIS, height=0.65)
    axes.set_yticks(y, shown["parameter"].tolist(), fontsize=8)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"share of the explained variance\n({fit:.0%} of the variance between held-out trials)", fontsize=8)
    return figure


def objective_in_words(name: str) -> str:
    """Return the name of an objective as a reader says it.

    Examples
    --------
    >>> objective_in_words("mean_minus_downside")
    'mean minus downside'
    """
    return name.removesuffix("_r").replace("_", " ")


@styled
def slices_picture(slices: pd.DataFrame, objective: str) -> Figure:
    """Draw the objective over each parameter, the others as tuned, with one standard error of the difference."""
    names = list(dict.fromkeys(slices["parameter"]))[:_MOST_PANELS]
    n_rows = max(1, math.ceil(len(names) / _COLUMNS))
    figure = new_figure(WIDE, 0.5 + 2.0 * n_rows)
    if not names:
        return no_data(figure, "The ladder is outside the search space.")
    grid = figure.subplots(n_rows, _COLUMNS, sharey=True, squeeze=False)
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    for axes, name in zip(grid.flat, names, strict=False):
        _slice(axes, slices[slices["parameter"] == name])
        axes.set_title(name, fontsize=9)
    for row in grid:
        row[0].set_ylabel("vs tuned ladder", fontsize=8)
    figure.suptitle(
        f"{objective_in_words(objective)}: one parameter varied, all others as tuned",
        fontsize=9,
        color=MUTED,
        x=0.01,
        ha="left",
    )
    return figure


def _slice(axes: Axes, part: pd.DataFrame) -> None:
    part = part.iloc[np.argsort(part["value"].map(str).to_numpy(), kind="stable")]
    tuned = part["is_tuned"].to_numpy(bool)
    gain = -part["behind"].to_numpy(np.float64)
    error = part["standard_error"].to_numpy(np.float64)
    numbers = pd.to_numeric(part["value"], errors="coerce").to_numpy(np.float64)
    zero_line(axes)
    if np.isfinite(numbers).all() and len(part) > 4:
        order = np.argsort(numbers, kind="stable")
        axes.fill_between(
            numbers[order], (gain - error)[order], (gain + error)[order], color=EMPHASIS, alpha=0.18, linewidth=0
        )
        axes.plot(numbers[order], gain[order], color=EMPHASIS)
        at = numbers
    else:
        at = np.arange(len(part), dtype=np.float64)
        axes.errorbar(at, gain, yerr=error, fmt="o", color=EMPHASIS, markersize=4, elinewidth=1.0)
        axes.set_xticks(at, [_word(value) for value in part["value"]], fontsize=7.5)
        axes.set_xlim(-0.5, len(part) - 0.5)
    axes.plot(at[tuned], gain[tuned], "o", color=ORANGE, markersize=7, zorder=4)
    axes.tick_params(labelsize=7.5)


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


@styled
def plateau_picture(plateau: Plateau, objective: str) -> Figure:
    """Draw the difference of neighbouring ladders from the tuned one, with its standard error."""
    figure = new_figure(HALF, 3.4)
    if not len(plateau.behind):
        return no_data(figure, "No neighbouring ladders were evaluated.")
    axes = figure.add_subplot()
    gain, error = -plateau.behind, plateau.standard_error
    low = max(float(gain.min()), -6 * error) if error > 0 else float(gain.min())
    high = max(float(gain.max()), 0.5 * error)
    axes.axvspan(-error, high + error, color=FAINT, alpha=0.6, linewidth=0)
    axes.hist(np.clip(gain, low, None), bins=24, color=EMPHASIS, alpha=0.85)
    zero_line(axes, vertical=True)
    axes.set_xlim(min(low, -1.2 * error) - 0.1 * error, high + 0.3 * error)
    axes.set_xlabel(f"{objective_in_words(objective)}, vs the tuned ladder")
    axes.set_ylabel("neighbouring ladders")
    axes.set_title(f"{plateau.share:.0%} lose less than one standard error: {plateau.kind}")
    return figure


@styled
def stability_picture(stability: pd.DataFrame) -> Figure:
    """Draw each parameter as tuned before each test part, with its agreement."""
    figure = new_figure(WIDE, 1.0 + 0.3 * max(len(stability), 4))
    if stability.empty:
        return no_data(figure, "The ladder was tuned only once.")
    axes = figure.add_subplot()
    folds = [str(name) for name in stability if name not in ("parameter", "agreement")]
    y = np.arange(len(stability))[::-1]
    for at, (_, row) in zip(y, stability.iterrows(), strict=True):
        for k, name in enumerate(folds):
            value = row[name]
            has = not (isinstance(value, float) and math.isnan(value)) and value is not None
            final = name == "final"
            axes.annotate(
                _word(value) if has else "–",
                (k, at),
                ha="center",
                va="center",
                fontsize=8.5,
                color=EMPHASIS if final else MUTED,
                fontweight="bold" if final else "normal",
            )
        axes.barh(at, row["agreement"], left=len(folds) - 0.3, height=0.5, color=EMPHASIS, alpha=0.75)
    axes.set_yticks(y, stability["parameter"].tolist(), fontsize=8.5)
    axes.set_xticks([*range(len(folds)), len(folds) + 0.2], [*folds, "agreement"], fontsize=8.5)
    axes.xaxis.tick_top()
    axes.set_xlim(-0.6, len(folds) + 0.8)
    axes.set_ylim(-0.6, len(stability) - 0.4)
    axes.grid(visible=False)
    for k in range(len(folds)):
        axes.axvline(k + 0.5, color=FAINT, linewidth=0.8)
    for side in ("bottom", "left"):
        axes.spines[side].set_visible(False)
    return figure


@styled
def front_picture(tried: pd.DataFrame, front: pd.DataFrame) -> Figure:
    """Draw all ladders tried by the first two objectives, and the Pareto front."""
    figure = new_figure(HALF, 4.2)
    names = [str(name) for name in tried if name != "is_feasible"][:2]
    if len(names) < 2 or front.empty:
        return no_data(figure, "There is only one objective.")
    axes = figure.add_subplot()
    x, y = names
    seen = tried[np.isfinite(tried[x]) & np.isfinite(tried[y])]
    kept = seen["is_feasible"].to_numpy(bool)
    axes.plot(seen[x][kept], seen[y][kept], ".", color=OTHERS[4], markersize=3.5, alpha=0.6, label="tried")
    if not kept.all():
        axes.plot(seen[x][~kept], seen[y][~kept], "x", color=FAINT, markersize=3.5, label="violates a constraint")
    line = front.sort_values(x)
    axes.plot(line[x], line[y], "o-", color=EMPHASIS, markersize=4.5, label="Pareto front")
    chosen = front[front["is_chosen"].to_numpy(bool)]
    axes.plot(chosen[x], chosen[y], "o", color=ORANGE, markersize=9, label="chosen", zorder=5)
    for _, row in chosen.iterrows():
        axes.set_title(f"chosen: {x} {signed(row[x], 3)}, {y} {signed(row[y], 3)}")
    # Very bad ladders would squeeze the front into a corner.
    axes.set_xlim(*_limits(seen[x], front[x]))
    axes.set_ylim(*_limits(seen[y], front[y]))
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(loc="lower left")
    return figure


def _limits(every: pd.Series, front: pd.Series) -> tuple[float, float]:
    low = min(float(every.quantile(0.1)), float(front.min()))
    high = max(float(every.max()), float(front.max()))
    room = 0.06 * max(high - low, 1e-9)
    return low - room, high + room
