"""Plots of the ladder: the plan, and the results of its rungs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from exitladder.pipelines.plots.data import LadderStep
from exitladder.pipelines.plots.style import (
    FAINT,
    FILL_COLOURS,
    GAIN,
    INK,
    LOSS,
    LOSS_TEXT,
    ORANGE,
    PURPLE,
    SKY,
    new_figure,
    no_data,
    signed,
    styled,
    zero_line,
)
from exitladder.plans.ladder import Ladder
from exitladder.plans.words import describe_stop


@styled
def rung_picture(hits: pd.DataFrame) -> Figure:
    """Draw the hit rate and mean result of each rung and each other exit."""
    figure = new_figure(height=0.8 + 0.36 * max(len(hits), 2))
    if hits.empty:
        return no_data(figure, "No exit filled.")
    left, right = figure.subplots(1, 2, sharey=True)
    y = np.arange(len(hits))[::-1]
    colours = [GAIN if name.startswith("rung") else FILL_COLOURS.get(name, LOSS) for name in hits["name"]]
    left.barh(y, hits["hit_rate"], color=colours, height=0.62)
    for at, rate, n in zip(y, hits["hit_rate"], hits["n"], strict=True):
        left.annotate(
            f"{rate:.0%} ({n})", (rate, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
    left.set_yticks(y, hits["name"].tolist())
    left.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    left.set_xlim(0, max(0.05, float(hits["hit_rate"].max())) * 1.22)
    left.set_title("Hit rate (share of trades)")
    means = hits["mean_r"].fillna(0.0)
    right.barh(y, means, color=colours, height=0.62)
    reach = max(0.1, float(means.abs().max()))
    for at, mean, n in zip(y, means, hits["n"], strict=True):
        text = f"{signed(mean)}R" if n else "never"
        right.annotate(
            text,
            (mean, at),
            xytext=(4 if mean >= 0 else -4, 0),
            textcoords="offset points",
            va="center",
            ha="left" if mean >= 0 else "right",
            fontsize=8,
        )
    right.set_xlim(min(0.0, float(means.min())) - 0.25 * reach, max(0.0, float(means.max())) + 0.25 * reach)
    zero_line(right, vertical=True)
    right.set_title("Mean R of the fills")
    for axes in (left, right):
        axes.grid(visible=False, axis="y")
    return figure


@styled
def ladder_picture(ladder: Ladder, steps: Sequence[LadderStep]) -> Figure:
    """Draw the ladder: the share sold at each target, the runner, and the stop rules."""
    figure = new_figure(height=4.2)
    axes, beside = figure.subplots(1, 2, sharey=True, width_ratios=[2.6, 1.0])
    heights = _heights(steps)
    ceiling = max([1.0, *heights]) + 0.3 * _tall(heights)
    for step, height in zip(steps, heights, strict=True):
        colour = SKY if step.level is None else GAIN if height > 0 else LOSS
        text = f"rung {step.number}: sell {step.text}"
        _quantity_bar(axes, height, step.fraction, 0.13 * _tall(heights), colour, text, filled=step.level is not None)
    if ladder.runner > 1e-9:
        text = f"runner: {_percent(ladder.runner)} until the stop, trailing stop or time stop"
        _quantity_bar(axes, ceiling, ladder.runner, 0.13 * _tall(heights), PURPLE, text, filled=False)
    for panel in (axes, beside):
        panel.axhline(0, color=INK, linewidth=1.2, zorder=1)
        panel.axhline(-1, color=LOSS, linewidth=1.4, zorder=1)
    axes.annotate("entry", (1.0, 0), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=8.5)
    axes.annotate(
        "initial stop (−1R)",
        (1.0, -1),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
        color=LOSS_TEXT,
    )
    axes.set_xlim(0, 1.0)
    axes.set_ylim(min([-1.0, *heights]) - 0.12 * _tall(heights), ceiling + 0.14 * _tall(heights))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("share of the original quantity")
    axes.set_ylabel("R")
    _known_heights(axes, steps)
    _stop_panel(beside, ladder, ceiling)
    return figure


def _known_heights(axes: Axes, steps: Sequence[LadderStep]) -> None:
    """Remove the ticks of the R axis above the highest rung with a known target."""
    most = max([1.0, *(step.level for step in steps if step.level is not None)])
    low, high = axes.get_ylim()
    axes.set_yticks([mark for mark in axes.get_yticks() if low <= mark <= most + 1e-9])
    axes.set_ylim(low, high)


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


def _tall(heights: Sequence[float]) -> float:
    return max([1.0, *heights]) - min([-1.0, *heights])


def _quantity_bar(
    axes: Axes, height: float, share: float, thickness: float, colour: str, text: str, *, filled: bool
) -> None:
    axes.barh(
        height,
        share,
        height=thickness,
        color=colour if filled else "white",
        edgecolor=colour,
        hatch="////" if colour == SKY else None,
        linewidth=1.2,
        zorder=3,
    )
    inside = share > 0.5
    axes.annotate(
        text,
        (share, height),
        xytext=(-6 if inside else 6, 0),
        textcoords="offset points",
        va="center",
        ha="right" if inside else "left",
        fontsize=9,
        zorder=4,
        color="white" if inside and filled else INK,
        bbox=None if inside and filled else {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
    )


def _heights(steps: Sequence[LadderStep]) -> list[float]:
    """Return the height of each rung; rungs without a known target are drawn above the others."""
    known = [step.level for step in steps if step.level is not None]
    above = max([1.0, *known])
    gap = 0.3 * _tall(known)
    result = []
    for step in steps:
        if step.level is None:
            above += gap
        result.append(above if step.level is None else step.level)
    return result


def _stop_panel(axes: Axes, ladder: Ladder, ceiling: float) -> None:
    """Draw the stop rules and list them."""
    stop = ladder.stop
    arrow = {"arrowstyle": "-|>", "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
    if stop.breakeven_after is not None:
        axes.annotate("", (0.12, 0), (0.12, -1), arrowprops={**arrow, "color": ORANGE})
    if stop.trail is not None:
        axes.annotate("", (0.24, 0.45 * ceiling), (0.24, -1), arrowprops={**arrow, "color": PURPLE, "linestyle": "--"})
    rules = describe_stop(ladder) or ["stays at the stop of each trade"]
    axes.text(
        0.02,
        0.98,
        "Stop\n" + "\n".join(f"· {rule}" for rule in rules),
        transform=axes.transAxes,
        va="top",
        fontsize=8.5,
        linespacing=1.5,
        zorder=4,
        bbox={"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": FAINT},
    )
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(labelleft=False)
