"""Draws the examples of docs/execution.md: bars, stop, resting orders and fills, all as the engine tells them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rule_examples import Case, Example, Row, order_name, run

from exitladder.execution import Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.execution.standing import standing_orders
from exitladder.pipelines.plots.examples import stop_path
from exitladder.pipelines.plots.style import (
    BLUE,
    BY_TIME,
    FAINT,
    FILL_COLOURS,
    GAIN,
    GAIN_TEXT,
    INK,
    LOSS,
    LOSS_TEXT,
    MUTED,
    new_figure,
    styled,
    to_svg,
)
from exitladder.plans.file import ladder_from_mapping

_TICK = 0.17  # half the width of a bar: where its open and its close are marked
_BAR = "#4A5A69"


@styled
def draw_example(example: Example) -> Figure:
    """Draw the cases of a rule side by side, with one scale of prices."""
    columns = min(example.columns, len(example.cases))
    rows = -(-len(example.cases) // columns)
    figure = new_figure(9.2 if columns > 2 else 7.6, 2.6 * rows)
    panels = figure.subplots(rows, columns, sharey=example.one_scale, squeeze=False).ravel()
    for axes, case in zip(panels, example.cases, strict=True):
        _draw_case(axes, case, wide=columns == 1)
    return figure


def _draw_case(axes: Axes, case: Case, *, wide: bool) -> None:
    done = run(case)
    first = max(0, case.entry_bar - 13)
    last = len(case.rows) - 1
    right = last + (0.75 if wide else 0.6)
    for x, row in enumerate(case.rows[first:], start=first):
        _bar(axes, x, row, faint=x in case.finer or (bool(case.path) and x == last))
    for x, rows in case.finer.items():
        for k, row in enumerate(rows):
            _bar(axes, x + (k - 0.5 * (len(rows) - 1)) * 0.36, row, half_width=0.12)
    if case.path:
        price = dict(zip(("open", "high", "low", "close"), case.rows[-1], strict=False))
        steps = [last + _TICK * (2 * k / (len(case.path) - 1) - 1) for k in range(len(case.path))]
        axes.plot(steps, [price[name] for name in case.path], color=_BAR, linewidth=1.5, zorder=4)
    fresh = replace(done.placed, end_bar=done.placed.first_bar)
    orders = standing_orders(simulate(fresh, ladder_from_mapping(case.ladder)))
    _levels(axes, case, done, orders, right)
    _stop(axes, case, done, orders)
    start = case.entry_bar + {"open": -_TICK, "intrabar": 0.0, "close": _TICK}[case.entry_at]
    axes.plot(
        start, case.entry, "^" if case.side > 0 else "v", color=BLUE, markersize=8, markeredgecolor="white", zorder=6
    )
    _frame(axes, case, orders["price"].dropna().tolist(), first, right)
    _fills(axes, case, done)
    if case.title:
        axes.set_title(case.title, fontsize=9)


def _bar(axes: Axes, x: float, row: Row, *, half_width: float = _TICK, faint: bool = False) -> None:
    """Draw open (left), high, low and close (right) of one bar."""
    colour, width = (FAINT, 5.0) if faint else (_BAR, 1.5)
    axes.vlines(x, row[2], row[1], color=colour, linewidth=width, zorder=2)
    if not faint:
        axes.hlines([row[0]], x - half_width, x, color=colour, linewidth=width, zorder=2)
        axes.hlines([row[3]], x, x + half_width, color=colour, linewidth=width, zorder=2)


def _levels(axes: Axes, case: Case, done: Simulation, orders: pd.DataFrame, right: float) -> None:
    """Draw the entry and the rungs that rest in the market from it on, as the engine tells them."""
    axes.hlines(case.entry, case.entry_bar - _TICK, right, color=INK, linewidth=0.8, zorder=1)
    _label(axes, right, case.entry, f"entry {case.entry:g}", INK)
    for order in orders[orders["kind"] == "rung"].to_dict("records"):
        ends = [b for b, r in zip(done.fills.bar, done.fills.rung, strict=True) if r == order["rung"]]
        until = max(ends) if ends else right
        axes.hlines(
            order["price"], case.entry_bar - _TICK, until, color=GAIN, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1
        )
        text = f"rung {order['rung']}: {order['price']:g}"
        _label(axes, case.entry_bar - _TICK, order["price"], text, GAIN_TEXT, from_left=True)


def _stop(axes: Axes, case: Case, done: Simulation, orders: pd.DataFrame) -> None:
    """Draw the stop in force in each bar; a stop that something tighter stands before is dotted."""
    path = stop_path(done, Signals.none(1), 0)
    bars = [(int(t) - case.first) // case.interval for t in pd.DatetimeIndex(path.index).as_unit("ns").asi8]
    first = orders[orders["kind"] != "rung"].iloc[0]
    x = [bars[0] - 0.5, *(b + 0.5 for b in bars)]
    y = [float(first["price"]), *path.tolist()[1:]]
    axes.step(x, [y[0], *y], where="pre", color=LOSS, linewidth=1.5, zorder=3)
    names = {y[0]: first["kind"]}
    if first["kind"] != "stop":
        axes.hlines(case.stop, x[0], x[-1], color=LOSS, linewidth=1.0, linestyle=(0, (1, 2)), zorder=3)
        names[case.stop] = "stop"
    for level, name in names.items():
        axes.annotate(
            f"{name} {level:g}",
            (x[0], level),
            xytext=(1, -3 * case.side),
            textcoords="offset points",
            va="top" if case.side > 0 else "bottom",
            fontsize=7.5,
            color=LOSS_TEXT,
        )


def _fills(axes: Axes, case: Case, done: Simulation) -> None:
    """Mark each fill where in its bar it happened, and label the fills of a bar together, in order of price."""
    dots: list[tuple[float, float, str]] = []
    labels: dict[tuple[int, bool], list[tuple[float, str]]] = {}
    for row, bar in zip(done.fills_frame().to_dict("records"), done.fills.bar, strict=True):
        if row["order"] == "entry":
            continue
        opened, high, low, close = case.rows[bar][:4]
        price, is_mark = float(row["price"]), row["order"] == "mark"
        market = price + case.side * row["slippage"] / row["quantity"]
        at_close = is_mark or row["order"] in ("session", "clock")
        x = bar + _TICK if at_close else bar - _TICK if abs(market - opened) < 1e-9 else bar
        dots.append((x, close if is_mark else price, FILL_COLOURS.get(row["order"], LOSS)))
        is_above = 2 * price >= high + low if row["order"] in ("rung", "mark", *BY_TIME) else case.side < 0
        text = f"{'marked' if is_mark else order_name(row)}: {row['quantity']:g} @ {price:.2f}"
        labels.setdefault((int(bar), is_above), []).append((price, text))
    for x, y, colour in dots:
        axes.plot(x, y, "o", color=colour, markersize=7, markeredgecolor="white", zorder=7)
    for (bar, is_above), result in labels.items():
        prices = [price for price, _ in result]
        edge = max(case.rows[bar][1], *prices) if is_above else min(case.rows[bar][2], *prices)
        axes.annotate(
            "\n".join(text for _, text in sorted(result, key=lambda one: -one[0])),
            (bar, edge),
            xytext=(0, 7 if is_above else -7),
            textcoords="offset points",
            ha="center",
            va="bottom" if is_above else "top",
            fontsize=7.5,
            linespacing=1.25,
            zorder=8,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )


def _label(axes: Axes, x: float, y: float, text: str, colour: str, *, from_left: bool = False) -> None:
    """Write above a level, from its left end or up to its right end."""
    axes.annotate(
        text,
        (x, y),
        xytext=(0, 2),
        textcoords="offset points",
        ha="left" if from_left else "right",
        va="bottom",
        fontsize=7.5,
        color=colour,
    )


def _frame(axes: Axes, case: Case, levels: Sequence[float], first: int, right: float) -> None:
    """Number the bars from the entry's, and leave room for labels."""
    shown = case.rows[first:]
    low = min([case.stop, *levels, *(r[2] for r in shown)])
    high = max([case.stop, *levels, *(r[1] for r in shown)])
    span = high - low
    old_low, old_high = axes.get_ylim() if axes.get_autoscaley_on() is False else (low, high)
    axes.set_ylim(min(old_low, low - 0.2 * span), max(old_high, high + 0.2 * span))
    axes.set_xlim(first - 0.75, right)
    marks = range(case.entry_bar, len(case.rows))
    names = [f"bar {x - case.entry_bar + 1}" for x in marks]
    if len(case.rows[0]) > 4:
        names = [f"{name}\nvolume {case.rows[x][4]:g}" for name, x in zip(names, marks, strict=True)]
    axes.set_xticks(list(marks), names)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], min_n_ticks=4))
    axes.tick_params(axis="x", labelsize=8, colors=MUTED)
    axes.grid(visible=False, axis="x")


def _short(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def compact_svg(figure: Figure) -> bytes:
    """Return the figure as SVG without what a browser does not need; the same figure gives the same bytes."""
    text = to_svg(figure).decode()
    text = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    family = "font-family: 'DejaVu Sans', Verdana, sans-serif"
    text = text.replace(f"{family}; ", "").replace("*{stroke-linejoin", f"text{{{family}}}*{{stroke-linejoin")
    text = re.sub(r' transform="rotate\(-0 [^"]*"| version="1.1"', "", text)
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"-?\d+\.\d+", _short, tag[0]), text)
    text = re.sub(
        r'<g id="[^"]*"/>| id="(?:axes|patch|text|line2d|[xy]tick|LineCollection|matplotlib|figure)[^"]*"', "", text
    )
    text = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", text))
    return text.strip().encode()
