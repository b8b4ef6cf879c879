"""Plots of trades: a single trade bar by bar, and the profit capture of all trades."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from exitladder.pipelines.plots.data import Capture, held_path, trade_window
from exitladder.pipelines.plots.style import (
    BLUE,
    BY_TIME,
    FILL_COLOURS,
    GAIN,
    GAIN_TEXT,
    HALF,
    INK,
    LOSS,
    LOSS_TEXT,
    MUTED,
    new_figure,
    no_data,
    signed,
    styled,
    zero_line,
)

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
    """Draw one trade: candles, entry, rungs, the path of the stop, and every fill with quantity and R.

    Of a trade with adds also the average entry, and the quantity held below the prices.

    Parameters
    ----------
    bars : DataFrame
        Bars of the trade's symbol (timestamp, open, high, low, close); only those around the trade are shown.
    trade : Series
        A row of ``trades.csv``.
    fills : DataFrame
        The trade's rows of ``fills.csv``.
    targets : sequence of (int, float)
        Number and price of the rungs with a known price.
    stop_path : Series, optional
        Active stop price in each bar, by the bar's timestamp; default: the initial stop.

    Returns
    -------
    Figure
    """
    grows = bool((fills["order"] == "add").any())
    figure = new_figure(height=5.6 if grows else 4.6)
    times = [pd.Timestamp(trade["entry_time"]), *pd.to_datetime(fills["bar_time"], utc=True)]
    window = trade_window(bars, times)
    stamps = pd.DatetimeIndex(window["timestamp"])
    axes = figure.add_subplot(figure.add_gridspec(5, 1)[:4, 0] if grows else 111)
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
            _margin_label(axes, right, level, label, GAIN_TEXT)
    beyond = [f"rung {number} at {level:.6g}" for number, level in targets if not bottom < level < top]
    if beyond:
        axes.text(
            0.995,
            0.985,
            "outside the chart: " + ", ".join(beyond),
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=8,
            color=GAIN_TEXT,
        )
    _stop_line(axes, stamps, entry, last, stop_path, price - side * risk)
    marker = "^" if side > 0 else "v"
    axes.plot([entry], [price], marker, color=BLUE, markersize=9, markeredgecolor="white", zorder=6)
    _fill_marks(axes, window, stamps, fills, side)
    _bar_ticks(axes, stamps)
    axes.set_xlim(-1, len(window) + 0.14 * len(window))
    if grows:
        _average_line(axes, stamps, fills, (entry, last), right)
        _size_below(figure, axes, stamps, fills, last)
    state = f"net {signed(float(trade['r']))}R" + (" (open, marked to market)" if trade["status"] == "open" else "")
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
            color=LOSS_TEXT,
            ha="right",
            va="center",
            fontsize=8,
        )


def _average_line(
    axes: Axes, stamps: pd.DatetimeIndex, fills: pd.DataFrame, life: tuple[float, float], right: float
) -> None:
    """Draw the average entry from the entry to the last fill; a bar's adds move it from that bar on."""
    path = held_path(fills)
    x = np.append(stamps.searchsorted(path.index, side="right") - 1.0, life[1] + 0.5)
    average = path["average"].to_numpy(dtype=float)
    axes.step(x, np.append(average, average[-1]), where="post", color=BLUE, linewidth=1.3, linestyle="--", zorder=3)
    _margin_label(axes, right, float(average[-1]), f"average {average[-1]:.6g}", BLUE)


def _size_below(figure: Figure, axes: Axes, stamps: pd.DatetimeIndex, fills: pd.DataFrame, last: float) -> None:
    """Draw the quantity held over time below the prices."""
    path = held_path(fills)
    below = figure.add_subplot(figure.add_gridspec(5, 1)[4, 0], sharex=axes)
    x = np.append(stamps.searchsorted(path.index, side="right") - 1.0, last + 0.5)
    held = path["held"].to_numpy(dtype=float)
    below.fill_between(x, np.append(held, held[-1]), step="post", color=BLUE, alpha=0.25, linewidth=0)
    below.step(x, np.append(held, held[-1]), where="post", color=BLUE, linewidth=1.2)
    below.set_ylim(0, 1.15 * float(held.max()))
    below.set_ylabel("held")
    axes.tick_params(labelbottom=False)


def _fill_marks(axes: Axes, bars: pd.DataFrame, stamps: pd.DatetimeIndex, fills: pd.DataFrame, side: int) -> None:
    """Mark the exits; rungs are labelled on the profit side of the bars, other exits on the opposite side."""
    high, low = bars["high"].to_numpy(dtype=float), bars["low"].to_numpy(dtype=float)
    labels = _Labels(axes, len(bars))
    for row in fills[fills["order"] != "entry"].itertuples():
        x = int(stamps.searchsorted(pd.Timestamp(str(row.bar_time)), side="right")) - 1
        order, price, r = str(row.order), float(str(row.price)), float(str(row.r))
        colour = FILL_COLOURS.get(order, LOSS)
        axes.plot([x], [price], "o", color=colour, markersize=7, markeredgecolor="white", zorder=6)
        above = (side > 0) == (order in ("rung", "mark", *BY_TIME) and r > 0)
        near = slice(max(x - 2, 0), x + 3)
        edge = max(price, high[near].max()) if above else min(price, low[near].min())
        rung = f" {int(float(str(row.rung)))}" if order == "rung" else ""
        result = "" if order == "add" else f" · {signed(r)}R"
        labels.put(x, edge, f"{order}{rung}\n{float(str(row.quantity)):.6g}{result}", above=above)


class _Labels:
    """Places labels next to the bars, and moves a label outwards if it would cover another."""

    _WIDTH, _HEIGHT = 68.0, 25.0

    def __init__(self, axes: Axes, n_bars: int) -> None:
        self._axes = axes
        low, high = axes.get_ylim()
        self._points_per_bar = 650.0 / (1.14 * n_bars)
        self._points_per_price = 270.0 / (high - low)
        self._taken: list[tuple[float, float]] = []

    def put(self, x: int, edge: float, text: str, *, above: bool) -> None:
        """Place a label above or below a price.

        Parameters
        ----------
        x : int
            Position of the bar.
        edge : float
            Price at which the label begins.
        text : str
        above : bool
            Whether the label is above the price.
        """
        way = 1 if above else -1
        offset = 7.0
        while self._covers(x, edge, way * offset):
            offset += 6.0
        self._taken.append((x * self._points_per_bar, edge * self._points_per_price + way * offset))
        self._axes.annotate(
            text,
            (x, edge),
            xytext=(0, way * offset),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=7.5,
            linespacing=1.15,
            color=INK,
            zorder=7,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )

    def _covers(self, x: int, edge: float, offset: float) -> bool:
        left, base = x * self._points_per_bar, edge * self._points_per_price + offset
        return any(abs(left - u) < self._WIDTH and abs(base - v) < self._HEIGHT for u, v in self._taken)


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
    """Position bars by number, so that nights and weekends leave no gaps."""
    positions = np.unique(np.linspace(0, len(stamps) - 1, min(most, len(stamps))).round().astype(int))
    daily = bool((stamps == stamps.normalize()).all())
    pattern = "%d %b %Y" if daily else "%d %b %H:%M"
    axes.set_xticks(positions, [stamps[k].strftime(pattern) for k in positions])
    axes.grid(visible=False, axis="x")


def _frame_prices(axes: Axes, bars: pd.DataFrame, levels: Sequence[float]) -> tuple[float, float]:
    """Set the price range to the candles and all levels near them; return the range."""
    low, high = float(bars["low"].min()), float(bars["high"].max())
    span = max(high - low, 1e-9 * abs(high))
    near = [level for level in levels if low - span <= level <= high + span]
    low, high = min([low, *near]), max([high, *near])
    frame = low - 0.13 * (high - low), high + 0.13 * (high - low)
    axes.set_ylim(*frame)
    return frame


@styled
def mfe_picture(capture: Capture) -> Figure:
    """Draw each trade's result against its best open profit."""
    figure = new_figure(HALF, 4.4)
    points = capture.trades
    if points.empty:
        return no_data(figure, "No closed trades.")
    axes = figure.add_subplot()
    most = 1.05 * max(float(np.quantile(points["mfe_r"], 0.995)), 1.0)
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
    axes.annotate("sold at the best price", (most * 0.62, most * 0.66), color=MUTED, fontsize=8, ha="right")
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
