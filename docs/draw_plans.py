"""Draws the pictures of docs/plans.md into docs/pictures/plans: ``python docs/draw_plans.py [NAME ...]``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plan_examples import EQUITY, SIZES, TECHNIQUES, Technique, sized
from rule_examples import Case, run
from rule_pictures import compact_svg

from exitladder.execution.signals import Signals
from exitladder.pipelines.plots.examples import stop_path
from exitladder.pipelines.plots.style import BLUE, GAIN, INK, LOSS, MUTED, new_figure, signed, styled

FOLDER = Path(__file__).resolve().parent / "pictures" / "plans"
_BAR = "#4A5A69"


@styled
def draw_technique(technique: Technique) -> Figure:
    """Draw prices, stop, average entry and fills of each case, and below them the quantity held."""
    figure = new_figure(7.6, 3.6)
    panels = figure.subplots(2, len(technique.cases), sharex="col", height_ratios=(3, 1), squeeze=False)
    for top, bottom, case in zip(*panels, technique.cases, strict=True):
        _draw_case(top, bottom, case)
    return figure


def _draw_case(top: Axes, bottom: Axes, case: Case) -> None:
    done = run(case)
    for x, (opened, high, low, close) in enumerate(case.rows):
        top.vlines(x, low, high, color=_BAR, linewidth=1.5, zorder=2)
        top.hlines([opened], x - 0.17, x, color=_BAR, linewidth=1.5, zorder=2)
        top.hlines([close], x, x + 0.17, color=_BAR, linewidth=1.5, zorder=2)
    path = stop_path(done, Signals.none(1), 0)
    bars = pd.DatetimeIndex(path.index).as_unit("ns").asi8 // (86_400 * 10**9)
    top.step([*bars, bars[-1] + 1], [*path, path.iloc[-1]], where="post", color=LOSS, linewidth=1.2, zorder=3)
    held, bought, paid = 0.0, 0.0, 0.0
    x, sizes, averages = [0.0], [0.0], [np.nan]
    for row, bar in zip(done.fills_frame().to_dict("records"), done.fills.bar, strict=True):
        quantity, price, order = float(row["quantity"]), float(row["price"]), row["order"]
        if order == "mark":
            continue
        is_entry = order in ("entry", "add")
        held += quantity if is_entry else -quantity
        bought, paid = (bought + quantity, paid + quantity * price) if is_entry else (bought, paid)
        x.append(float(bar))
        sizes.append(held)
        averages.append(paid / bought)
        colour = BLUE if is_entry else GAIN if price > paid / bought else LOSS
        top.plot(bar, price, "^" if is_entry else "o", color=colour, markersize=7, markeredgecolor="white", zorder=6)
    end = x[-1] if held <= 0 else float(len(case.rows) - 1)
    top.step([*x[1:], end], [*averages[1:], averages[-1]], where="post", color=INK, linestyle="--", linewidth=1)
    bottom.fill_between([*x, end], [*sizes, held], step="post", color=BLUE, alpha=0.35, linewidth=0)
    bottom.set_ylim(0, 1.15 * max(sizes))
    bottom.set_xticks(range(0, len(case.rows), 3), [f"bar {k + 1}" for k in range(0, len(case.rows), 3)])
    bottom.set_ylabel("held", fontsize=8, color=MUTED)
    top.set_title(
        f"{case.title}: {signed(float(done.r[0]))} R of planned risk, {done.pnl[0]:+.0f} in money".replace("-", "−"),
        fontsize=9,
    )


@styled
def draw_sizes() -> Figure:
    """Draw the quantity of each trade under each rule, and the equity before it."""
    figure = new_figure(7.6, 4.2)
    panels = figure.subplots(2, 2, sharex=True).ravel()
    for axes, (name, rule) in zip(panels, SIZES.items(), strict=True):
        found = sized(rule)
        quantity = np.where(np.isfinite(found.share), found.simulation.quantity, 0.0)
        n = np.arange(len(quantity))
        won = found.simulation.pnl > 0
        axes.bar(n, quantity, color=np.where(won, GAIN, LOSS), width=0.8)
        axes.set_title(name, fontsize=9)
        axes.set_ylabel("quantity", fontsize=8, color=MUTED)
        line = axes.twinx()
        line.plot(n, found.equity / EQUITY, color=INK, linewidth=1.2)
        line.set_ylabel("equity / start", fontsize=8, color=MUTED)
        line.grid(visible=False)
    for axes in panels[2:]:
        axes.set_xlabel("trade", fontsize=8, color=MUTED)
    return figure


def drawings() -> dict[str, Figure]:
    """Return every picture by name."""
    return {technique.name: draw_technique(technique) for technique in TECHNIQUES} | {"sizes": draw_sizes()}


def main(names: Sequence[str]) -> None:
    """Draw the pictures named, or all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, figure in drawings().items():
        if not names or name in names:
            path = FOLDER / f"{name}.svg"
            path.write_bytes(compact_svg(figure))
            sys.stdout.write(f"{path} {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
