"""Plots of the model: calibration, feature importance and partial dependence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from exitladder.pipelines.plots.data import Reliability
from exitladder.pipelines.plots.style import (
    BLUE,
    EMPHASIS,
    FAINT,
    HALF,
    MUTED,
    ORANGE,
    OTHERS,
    WIDE,
    new_figure,
    no_data,
    styled,
)


@styled
def calibration_picture(found: Reliability) -> Figure:
    """Draw the observed frequency of exhaustion against its predicted probability."""
    figure = new_figure(HALF, 5.2)
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=[4.0, 1.0])
    bins = found.bins
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=(0, (5, 3)))
    axes.axhline(found.base_rate, color=FAINT, linewidth=1.2)
    axes.errorbar(
        bins["predicted"],
        bins["observed"],
        yerr=[bins["observed"] - bins["low"], bins["high"] - bins["observed"]],
        fmt="o-",
        color=BLUE,
        ecolor=BLUE,
        elinewidth=1.2,
        markersize=5.5,
        linewidth=1.2,
    )
    low = max(0.0, float(min(bins["predicted"].min(), bins["low"].min())) - 0.04)
    high = min(1.0, float(max(bins["predicted"].max(), bins["high"].max())) + 0.04)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.annotate(
        f"base rate {found.base_rate:.1%}",
        (high, found.base_rate),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=MUTED,
    )
    axes.text(
        0.03,
        0.97,
        f"Brier {found.brier:.4f}\nlog loss {found.log_loss:.4f}\ncalibration error {found.calibration_error:.3f}",
        transform=axes.transAxes,
        va="top",
        fontsize=8.5,
        linespacing=1.5,
    )
    axes.set_ylabel("observed frequency")
    middle = (found.histogram["left"] + found.histogram["right"]) / 2
    counts.bar(middle, found.histogram["n"], width=0.044, color=BLUE, alpha=0.45)
    counts.set_ylabel("rows")
    counts.set_xlabel("predicted probability of exhaustion")
    counts.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


@styled
def importance_picture(leading: pd.DataFrame) -> Figure:
    """Draw the share of the total gain of the leading features, coloured by family."""
    figure = new_figure(HALF, 1.0 + 0.21 * max(len(leading), 4))
    if leading.empty:
        return no_data(figure, "The model uses no feature.")
    axes = figure.add_subplot()
    families = list(dict.fromkeys(leading["family"]))
    palette = (EMPHASIS, *OTHERS)
    colours = {family: palette[k % len(palette)] for k, family in enumerate(families)}
    y = np.arange(len(leading))[::-1]
    axes.barh(y, leading["share"], color=[colours[family] for family in leading["family"]], height=0.7)
    axes.set_yticks(y, leading["feature"].tolist(), fontsize=8)
    axes.set_ylim(-0.6, len(leading) - 0.4)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of all gain")
    axes.legend(
        handles=[Patch(color=colours[family], label=family.replace("_", " ")) for family in families],
        loc="lower right",
        fontsize=8,
    )
    return figure


@styled
def family_picture(families: pd.DataFrame) -> Figure:
    """Draw the share of the total gain of each feature family, for both predictions.

    Parameters
    ----------
    families : DataFrame
        Columns family, exhaustion and hold_value, from `training.knowledge.family_importance`.
    """
    figure = new_figure(HALF, 1.0 + 0.36 * max(len(families), 4))
    axes = figure.add_subplot()
    y = np.arange(len(families))[::-1]
    axes.barh(y + 0.19, families["exhaustion"], color=BLUE, height=0.34, label="exhaustion")
    axes.barh(y - 0.19, families["hold_value"], color=ORANGE, height=0.34, label="hold value")
    axes.set_yticks(y, [str(name).replace("_", " ") for name in families["family"]], fontsize=8)
    axes.set_ylim(-0.6, len(families) - 0.4)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of all gain")
    axes.legend(loc="lower right", fontsize=8)
    return figure


@styled
def answers_picture(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the partial dependence of both predictions on some features: exhaustion above, hold value below.

    Parameters
    ----------
    lines : sequence of mapping
        feature, values, exhaustion, hold_value_r, from `training.knowledge.partial_dependence`.
    """
    if not lines:
        return no_data(new_figure(WIDE, 2.0), "The model uses no feature.")
    figure = new_figure(WIDE, 3.9)
    grid = figure.subplots(2, len(lines), sharex="col", sharey="row", squeeze=False)
    rows = (("exhaustion", BLUE, "exhaustion"), ("hold_value_r", ORANGE, "hold value (R)"))
    for axes, (name, colour, label) in zip(grid, rows, strict=True):
        for one, line in zip(axes, lines, strict=True):
            one.plot(line["values"], line[name], color=colour, marker="o", markersize=2.5)
            one.tick_params(labelsize=7.5)
            one.locator_params(axis="x", nbins=4)
        axes[0].set_ylabel(label)
        every = np.concatenate([line[name] for line in lines])
        # A flat line must look flat: less than a percentage point, or a hundredth of an R, is no effect.
        least, middle = 0.02, (every.max() + every.min()) / 2
        half = max(every.max() - every.min(), least) * 0.55
        axes[0].set_ylim(middle - half, middle + half)
    grid[0][0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    for one in grid[1]:
        if one.get_ylim()[0] < 0 < one.get_ylim()[1]:
            one.axhline(0.0, color=MUTED, linewidth=0.8)
    for one, line in zip(grid[1], lines, strict=True):
        one.set_xlabel(str(line["feature"]), fontsize=8)
    return figure
