"""Draws the differences in the Sharpe ratio by market and entry, after and before costs."""

from __future__ import annotations

from collections.abc import Mapping

from scaling_measures import Market, compare

from exitladder.pipelines.plots.captions import to_png
from exitladder.statistics.intervals import Intervals


def draw(
    after: Mapping[str, list[Market]], before: Mapping[str, list[Market]], pair: tuple[int, int], intervals: Intervals
) -> bytes:
    """Return a picture of the differences: one panel per entry, one row per market and one for all.

    Parameters
    ----------
    after, before : mapping of str to list of Market
        By entry style, with and without costs.
    pair : tuple of int
        Candidate and baseline.
    intervals : Intervals

    Returns
    -------
    bytes
        PNG.
    """
    from matplotlib.figure import Figure

    n_rows = max(map(len, after.values())) + 1
    figure = Figure(figsize=(9.5, 0.55 + 0.42 * n_rows), layout="constrained")
    panels = figure.subplots(1, len(after), sharey=True)
    for panel, entry in zip(panels, after, strict=True):
        for label, runs, colour, shift in (
            ("after costs", after, "#b5482a", 0.14),
            ("before", before, "#2b6777", -0.14),
        ):
            rows = [[market] for market in runs[entry]] + [runs[entry]]
            found = [compare(row, *pair, intervals)["sharpe"] for row in rows]
            for k, one in enumerate(found):
                width = 2.6 if k == len(found) - 1 else 1.4
                panel.plot([one.low, one.high], [k + shift] * 2, color=colour, lw=width, solid_capstyle="butt")
                panel.plot(one.difference, k + shift, "o", color=colour, ms=4, label=label if k == 0 else None)
        panel.axvline(0, color="#444", lw=0.8)
        panel.axhline(n_rows - 1.5, color="#bbb", lw=0.8)
        panel.set_yticks(range(n_rows), [*(market.name for market in after[entry]), "all markets"])
        panel.set_title(entry, fontsize=10)
        panel.grid(axis="x", alpha=0.25)
    panels[0].invert_yaxis()
    panels[0].legend(frameon=False, fontsize=8, loc="lower left")
    figure.supxlabel(
        "Sharpe ratio: 3 exits minus trailing stop, 95% CI (right of 0: scaling out is better)", fontsize=9
    )
    return to_png(figure, dots_per_inch=110)
