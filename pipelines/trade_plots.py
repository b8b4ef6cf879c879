"""Pictures of trades and of the ladder that ends them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from exitladder.ladder import Ladder
from exitladder.pipelines.plot_data import Capture, LadderStep, trade_window
from exitladder.pipelines.plot_style import (
    BLUE,
    FAINT,
    GAIN,
    HALF,
    INK,
    LOSS,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    new_figure,
    no_data,
    signed,
    styled,
    zero_line,
)
from exitladder.pipelines.provenance import describe_stop

_FILL_COLOURS = {"rung": GAIN, "stop": LOSS, "breakeven": ORANGE, "trail": PURPLE, "time": MUTED, "mark": MUTED}
_UP, _DOWN = "#9DB7C9", "#5F7384"


@styled
def trade_picture(
    bars: pd.DataFrame,
    trade: pd.Series,
    fills: pd.DataFrame,
    *,
    targets: Sequence[tuple[int, float]] = (),
    stop_path: pd.Series | None = None,
) -> Figure:
    """Draw one trade: candles, entry, rungs, the stop as it moved, and every fill with its quantity and R.

    Parameters
    ----------
    bars : DataFrame
        Bars of the trade's symbol (timestamp, open, high, low, close); only the trade's are shown.
    trade : Series
        A row of ``trades.csv``.
    fills : DataFrame
        The trade's rows of ``fills.csv``.
    targets : sequence of (int, float)
        Rung number and price of the rungs that are known in advance.
    stop_path : Series, optional
        Stop price in force in each bar, by the bar's timestamp. Without it the initial stop is drawn.
    """
    figure = new_figure(height=4.6)
    times = [pd.Timestamp(trade["entry_time"]), *pd.to_datetime(fills["bar_time"], utc=True)]
    window = trade_window(bars, times)
    stamps = pd.DatetimeIndex(window["timestamp"])
    axes = figure.add_subplot()
    _candles(axes, window)

    entry = float(stamps.searchsorted(times[0], side="right")) - 1
    last = float(stamps.searchsorted(max(times), side="right")) - 1
    side = 1 if trade["side"] == "long" else -1
    price, risk = float(trade["entry_price"]), float(trade["risk"])
    right = len(window) - 0.5
    axes.hlines(price, entry, right, color=INK, linewidth=1.0, zorder=2)
    _margin_label(axes, right, price, f"entry {price:.6g}", INK)
    bottom, top = _frame_prices(axes, window, [price, price - side * risk, *(level for _, level in targets)])
    for number, level in targets:
        label = f"rung {number}: {signed(side * (level - price) / risk)}R" if risk > 0 else f"rung {number}"
        if bottom < level < top:
            axes.hlines(level, entry, right, color=GAIN, linewidth=1.0, linestyle=(0, (5, 3)), zorder=2)
            _margin_label(axes, right, level, label, GAIN)
    beyond = [f"rung {number} at {level:.6g}" for number, level in targets if not bottom < level < top]
    if beyond:
        axes.text(
            0.995,
            0.985,
            "out of the picture: " + ", ".join(beyond),
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=8,
            color=GAIN,
        )
    _stop_line(axes, stamps, entry, last, stop_path, price - side * risk)
    marker = "^" if side > 0 else "v"
    axes.plot([entry], [price], marker, color=BLUE, markersize=9, markeredgecolor="white", zorder=6)
    _fill_marks(axes, window, stamps, fills, side)
    _bar_ticks(axes, stamps)
    axes.set_xlim(-1, len(window) + 0.14 * len(window))
    state = f"net {signed(float(trade['r']))}R" + (" (still open, marked)" if trade["status"] == "open" else "")
    axes.set_title(f"{trade['symbol']}: {trade['side']} {float(trade['quantity']):.6g} @ {price:.6g}, {state}")
    axes.set_ylabel("price")
    return figure


def _candles(axes: Axes, bars: pd.DataFrame) -> None:
    x = np.arange(len(bars))
    open_, high, low, close = (bars[name].to_numpy(dtype=float) for name in ("open", "high", "low", "close"))
    colours = np.where(close >= open_, _UP, _DOWN).tolist()
    wicks = np.stack([np.column_stack([x, low]), np.column_stack([x, high])], axis=1)
    axes.add_collection(LineCollection(list(wicks), colors=colours, linewidths=0.9, zorder=1))
    width = min(7.0, max(1.2, 330.0 / max(len(bars), 1)))
    bodies = np.stack([np.column_stack([x, open_]), np.column_stack([x, close])], axis=1)
    axes.add_collection(LineCollection(list(bodies), colors=colours, linewidths=width, zorder=1, capstyle="butt"))


def _stop_line(
    axes: Axes, stamps: pd.DatetimeIndex, entry: float, last: float, path: pd.Series | None, initial: float
) -> None:
    if path is None or path.dropna().empty:
        x, y = np.array([entry, last + 0.5]), np.array([initial, initial])
    else:
        known = path.dropna()
        x = stamps.searchsorted(pd.DatetimeIndex(known.index), side="right") - 1.0
        x, y = np.append(x - 0.5, x[-1] + 0.5), np.append(known.to_numpy(dtype=float), known.iloc[-1])
    axes.step(x, y, where="post", color=LOSS, linewidth=1.5, zorder=3)
    if x[0] >= 0:
        axes.annotate(
            "stop",
            (x[0], y[0]),
            xytext=(-4, 0),
            textcoords="offset points",
            color=LOSS,
            ha="right",
            va="center",
            fontsize=8,
        )


def _fill_marks(axes: Axes, bars: pd.DataFrame, stamps: pd.DatetimeIndex, fills: pd.DataFrame, side: int) -> None:
    """Mark the exits; rungs are labelled on the winning side of the bars, the rest on the other."""
    high, low = bars["high"].to_numpy(dtype=float), bars["low"].to_numpy(dtype=float)
    labelled: dict[tuple[int, bool], int] = {}
    for row in fills[fills["order"] != "entry"].itertuples():
        x = int(stamps.searchsorted(pd.Timestamp(str(row.bar_time)), side="right")) - 1
        order, price, r = str(row.order), float(str(row.price)), float(str(row.r))
        colour = _FILL_COLOURS.get(order, LOSS)
        axes.plot([x], [price], "o", color=colour, markersize=7, markeredgecolor="white", zorder=6)
        above = (side > 0) == (order in ("rung", "time", "mark") and r > 0)
        near = slice(max(x - 2, 0), x + 3)
        lift = labelled.get((x // 6, above), 0)
        labelled[x // 6, above] = lift + 1
        offset = 7 + 24 * lift
        rung = f" {int(float(str(row.rung)))}" if order == "rung" else ""
        axes.annotate(
            f"{order}{rung}\n{float(str(row.quantity)):.6g} · {signed(r)}R",
            (x, max(price, high[near].max()) if above else min(price, low[near].min())),
            xytext=(0, offset if above else -offset),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=7.5,
            linespacing=1.15,
            color=colour,
            zorder=7,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )


def _margin_label(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.annotate(
        text,
        (x, y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=colour,
        annotation_clip=False,
    )


def _bar_ticks(axes: Axes, stamps: pd.DatetimeIndex, most: int = 7) -> None:
    """Label bars by number, so that nights and weekends leave no holes."""
    positions = np.unique(np.linspace(0, len(stamps) - 1, min(most, len(stamps))).round().astype(int))
    daily = bool((stamps == stamps.normalize()).all())
    pattern = "%d %b %Y" if daily else "%d %b %H:%M"
    axes.set_xticks(positions, [stamps[k].strftime(pattern) for k in positions])
    axes.grid(visible=False, axis="x")


def _frame_prices(axes: Axes, bars: pd.DataFrame, levels: Sequence[float]) -> tuple[float, float]:
    """Frame the candles, and those levels that do not squeeze the candles flat; return the frame."""
    low, high = float(bars["low"].min()), float(bars["high"].max())
    span = max(high - low, 1e-9 * abs(high))
    near = [level for level in levels if low - span <= level <= high + span]
    low, high = min([low, *near]), max([high, *near])
    frame = low - 0.13 * (high - low), high + 0.13 * (high - low)
    axes.set_ylim(*frame)
    return frame


@styled
def mfe_picture(capture: Capture) -> Figure:
    """Draw where each trade ended against how far it had been in profit."""
    figure = new_figure(HALF, 4.4)
    points = capture.trades
    if points.empty:
        return no_data(figure, "No closed trade.")
    axes = figure.add_subplot()
    most = float(max(points["mfe_r"].quantile(0.995), 1.0)) * 1.05
    won = points["r"] > 0
    for rows, colour, label in ((won, GAIN, "won"), (~won, LOSS, "lost")):
        part = points[rows]
        axes.scatter(
            part["mfe_r"].clip(upper=most),
            part["r"],
            s=14,
            color=colour,
            alpha=0.55,
            linewidths=0,
            label=f"{label} ({len(part)})",
            rasterized=len(points) > 400,
        )
    axes.plot([0, most], [0, most], color=MUTED, linewidth=1.0, linestyle=(0, (5, 3)))
    axes.annotate("sold at the very best", (most * 0.62, most * 0.66), color=MUTED, fontsize=8, ha="right")
    if np.isfinite(capture.capture):
        axes.plot([0, most], [0, capture.capture * most], color=BLUE, linewidth=1.3)
        axes.annotate(
            f"capture {capture.capture:.0%}",
            (most, capture.capture * most),
            xytext=(-2, 5),
            textcoords="offset points",
            color=BLUE,
            ha="right",
            fontsize=9,
        )
    zero_line(axes)
    axes.set_xlabel("best open profit, MFE (R)")
    axes.set_ylabel("net result (R)")
    axes.legend(loc="upper left")
    return figure


@styled
def rung_picture(hits: pd.DataFrame) -> Figure:
    """Draw how often each rung and each other exit filled, and what it brought."""
    figure = new_figure(height=0.8 + 0.36 * max(len(hits), 2))
    if hits.empty:
        return no_data(figure, "No exit has filled.")
    left, right = figure.subplots(1, 2, sharey=True)
    y = np.arange(len(hits))[::-1]
    colours = [GAIN if name.startswith("rung") else _FILL_COLOURS.get(name, LOSS) for name in hits["name"]]
    left.barh(y, hits["hit_rate"], color=colours, height=0.62)
    for at, rate, n in zip(y, hits["hit_rate"], hits["n"], strict=True):
        left.annotate(
            f"{rate:.0%} ({n})", (rate, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
    left.set_yticks(y, hits["name"].tolist())
    left.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    left.set_xlim(0, max(0.05, float(hits["hit_rate"].max())) * 1.22)
    left.set_title("Share of trades in which it filled")
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
    right.set_title("Mean R of its fills")
    for axes in (left, right):
        axes.grid(visible=False, axis="y")
    return figure


@styled
def ladder_picture(ladder: Ladder, steps: Sequence[LadderStep]) -> Figure:
    """Draw the plan: what is sold at which height, what is left to run, and what the stop does."""
    figure = new_figure(height=4.2)
    axes, beside = figure.subplots(1, 2, sharey=True, width_ratios=[2.6, 1.0])
    heights = _heights(steps)
    ceiling = max([1.0, *heights]) + 0.3 * _tall(heights)
    for step, height in zip(steps, heights, strict=True):
        is_signal = ladder.rungs[step.number - 1].is_signal
        colour = SKY if step.level is None else GAIN if height > 0 else LOSS
        text = f"rung {step.number}: sell {_percent(step.fraction)} {'when' if is_signal else 'at'} {step.text}"
        _quantity_bar(axes, height, step.fraction, 0.13 * _tall(heights), colour, text, filled=step.level is not None)
    if ladder.runner > 1e-9:
        text = f"runner: {_percent(ladder.runner)} stays until the stop, the trail or the time stop"
        _quantity_bar(axes, ceiling, ladder.runner, 0.13 * _tall(heights), PURPLE, text, filled=False)
    for panel in (axes, beside):
        panel.axhline(0, color=INK, linewidth=1.2, zorder=1)
        panel.axhline(-1, color=LOSS, linewidth=1.4, zorder=1)
    axes.annotate("entry", (1.0, 0), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=8.5)
    axes.annotate(
        "initial stop (−1R)", (1.0, -1), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=8.5, color=LOSS
    )
    axes.set_xlim(0, 1.0)
    axes.set_ylim(min([-1.0, *heights]) - 0.12 * _tall(heights), ceiling + 0.14 * _tall(heights))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("share of the original quantity")
    axes.set_ylabel("R")
    _stop_panel(beside, ladder, ceiling)
    return figure


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
    """Return where each rung is drawn; those whose level the market will tell stand above the others."""
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
    """Draw what the stop does, and write it down."""
    stop = ladder.stop
    arrow = {"arrowstyle": "-|>", "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
    if stop.breakeven_after is not None:
        axes.annotate("", (0.12, 0), (0.12, -1), arrowprops={**arrow, "color": ORANGE})
    if stop.trail is not None:
        axes.annotate("", (0.24, 0.45 * ceiling), (0.24, -1), arrowprops={**arrow, "color": PURPLE, "linestyle": "--"})
    rules = describe_stop(ladder) or ["stays where each trade brings it"]
    axes.text(
        0.02,
        0.98,
        "The stop\n" + "\n".join(f"· {rule}" for rule in rules),
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
