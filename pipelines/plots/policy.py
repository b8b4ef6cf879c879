"""Plots that compare exit policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from exitladder.pipelines.plots.data import distribution, underwater
from exitladder.pipelines.plots.style import (
    EMPHASIS,
    FAINT,
    GAIN_TEXT,
    HALF,
    LOSS,
    LOSS_TEXT,
    MUTED,
    new_figure,
    no_data,
    policy_colours,
    signed,
    styled,
    zero_line,
)

_TUNED_SHADE = "#F3F5F7"


@styled
def equity_picture(
    curves: pd.DataFrame, *, emphasised: str | None = None, untouched_from: pd.Timestamp | None = None
) -> Figure:
    """Draw the cumulative net R of all policies and the drawdown of the highlighted one.

    Parameters
    ----------
    curves : DataFrame
        Cumulative net R: index time, one column per policy.
    emphasised : str, optional
        The highlighted policy.
    untouched_from : Timestamp, optional
        Start of the out-of-sample part. The part before it was tuned on and is shaded: it is no evidence.

    Returns
    -------
    Figure
    """
    figure = new_figure(height=4.8)
    if curves.empty:
        return no_data(figure, "No trades.")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1.0])
    # matplotlib does not handle time zone names; all timestamps here are UTC.
    times = pd.DatetimeIndex(curves.index).tz_localize(None)
    colours = policy_colours(list(curves.columns), emphasised)
    for name in sorted(curves.columns, key=lambda name: name == emphasised):
        ours = name == emphasised
        axes.step(
            times,
            curves[name].to_numpy(dtype=float),
            where="post",
            color=colours[name],
            label=name,
            linewidth=2.3 if ours else 1.2,
            alpha=1.0 if ours else 0.85,
            zorder=4 if ours else 3,
        )
    shown = emphasised if emphasised in curves.columns else str(curves.columns[0])
    depth = underwater(curves[shown])
    below.fill_between(times, depth.to_numpy(dtype=float), 0, step="post", color=LOSS, alpha=0.35, linewidth=0)
    if untouched_from is not None:
        boundary = pd.Timestamp(untouched_from).tz_localize(None)
        if times[0] < boundary:
            for panel in (axes, below):
                panel.axvspan(times[0], min(boundary, times[-1]), color=_TUNED_SHADE, zorder=0, linewidth=0)
                panel.axvline(boundary, color=MUTED, linewidth=1.0, linestyle=(0, (2, 2)))
            axes.annotate(
                "in-sample  |  out of sample",
                (boundary, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=8,
                color=MUTED,
            )
    zero_line(axes)
    axes.set_ylabel("cumulative net R")
    below.set_ylabel("drawdown (R)")
    axes.legend(loc="upper left", ncols=2)
    _dates(below)
    return figure


@styled
def book_picture(curve: pd.DataFrame, actions: pd.DataFrame) -> Figure:
    """Draw the account of a book at its closes: equity, exposure and margin, and which limit acted when.

    Parameters
    ----------
    curve : DataFrame
        The columns of ``book.csv`` with equity, its ``close_time`` as stamps.
    actions : DataFrame
        The columns of ``book_actions.csv``, its ``close_time`` as stamps.

    Returns
    -------
    Figure
    """
    names = sorted(actions["action"].unique())
    figure = new_figure(height=4.6 + 0.22 * len(names))
    axes, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=[2.6, 1.4, 0.3 + 0.22 * len(names)])
    times = pd.DatetimeIndex(curve["close_time"]).tz_localize(None)
    start = float(curve["equity"].iloc[0] - curve["pnl"].iloc[0])
    axes.plot(times, start + curve["pnl_without_limits"], color=MUTED, linewidth=1.2, label="without the limits")
    axes.plot(times, curve["equity"], color=EMPHASIS, linewidth=2.0, label="the book")
    axes.set_ylabel("equity")
    axes.legend(loc="upper left", ncols=2)
    equity = curve["equity"].where(curve["equity"] > 0)
    middle.plot(times, curve["exposure"] / equity, color=EMPHASIS, linewidth=1.2, label="exposure")
    middle.plot(times, curve["margin_used"] / equity, color=LOSS, linewidth=1.0, label="margin used")
    middle.set_ylabel("over equity")
    middle.legend(loc="upper left", ncols=2)
    for place, name in enumerate(names):
        when = pd.DatetimeIndex(actions.loc[actions["action"] == name, "close_time"]).tz_localize(None)
        below.plot(when, np.full(len(when), place), "|", color=EMPHASIS, markersize=8)
    below.set_yticks(range(len(names)), names, fontsize=8)
    below.set_ylim(len(names) - 0.4, -0.6)
    below.grid(visible=False)
    _dates(below)
    return figure


def _dates(axes: Axes) -> None:
    locator: Any = cast(Any, AutoDateLocator)(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(cast(Any, ConciseDateFormatter)(locator))


@styled
def distribution_picture(net_r: Mapping[str, npt.ArrayLike], *, emphasised: str | None = None) -> Figure:
    """Draw the cumulative distribution of net R per trade for each policy."""
    figure = new_figure(HALF, 4.4)
    tables = {name: table for name, table in distribution(net_r).items() if len(table)}
    if not tables:
        return no_data(figure, "No trades with a result.")
    axes = figure.add_subplot()
    colours = policy_colours(list(tables), emphasised)
    for name in sorted(tables, key=lambda name: name == emphasised):
        ours = name == emphasised
        axes.step(
            tables[name]["r"],
            tables[name]["share"],
            where="post",
            color=colours[name],
            label=f"{name} (mean {signed(tables[name]['r'].mean())}R)",
            linewidth=2.3 if ours else 1.2,
            zorder=4 if ours else 3,
        )
    every = np.concatenate([table["r"].to_numpy() for table in tables.values()])
    low, high = np.quantile(every, [0.005, 0.99])
    axes.set_xlim(float(low) - 0.2, float(high) + 0.2)
    axes.set_ylim(0, 1.01)
    zero_line(axes, vertical=True)
    axes.set_xlabel("net R per trade")
    axes.set_ylabel("share of trades at or below")
    axes.legend(loc="lower right", fontsize=8)
    return figure


@styled
def forest_picture(differences: pd.DataFrame, candidate: str, *, other: str = "") -> Figure:
    """Draw the difference of the candidate from each policy with its confidence interval.

    Parameters
    ----------
    differences : DataFrame
        policy, difference_r (candidate minus policy, per trade), low, high; rows without numbers are omitted.
    candidate : str
    other : str
        The only exit compared with, if the rows are groups of trades.

    Returns
    -------
    Figure
    """
    rows = differences.dropna(subset=["difference_r", "low", "high"]).reset_index(drop=True)
    figure = new_figure(height=0.9 + 0.42 * max(len(rows), 1))
    if rows.empty:
        return no_data(figure, "Nothing to compare with.")
    axes = figure.add_subplot()
    y = np.arange(len(rows))[::-1]
    for at, row in zip(y, rows.itertuples(), strict=True):
        low, value, high = (float(str(getattr(row, name))) for name in ("low", "difference_r", "high"))
        colour = GAIN_TEXT if low > 0 else LOSS_TEXT if high < 0 else MUTED
        axes.plot([low, high], [at, at], color=colour, linewidth=3.0, solid_capstyle="butt", alpha=0.75)
        axes.plot([value], [at], "D", color=colour, markersize=7, markeredgecolor="white")
        axes.annotate(
            f"{signed(value, 3)}R  [{signed(low, 3)}, {signed(high, 3)}]",
            (1.0, at),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=colour,
            annotation_clip=False,
        )
    zero_line(axes, vertical=True)
    axes.set_yticks(y, [str(name) if other else f"vs {name}" for name in rows["policy"]])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(visible=False, axis="y")
    against = f"'{other}'" if other else "the other policy"
    axes.set_xlabel(f"'{candidate}' minus {against}, net R per trade")
    axes.spines["left"].set_color(FAINT)
    return figure
