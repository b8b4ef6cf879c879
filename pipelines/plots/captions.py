"""Figures of a run, with title, caption and alternative text for a page.

Only this module and the modules whose functions it exports import matplotlib.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from exitladder.pipelines.plots.diagnostics import (
    dependence_picture,
    front_picture,
    plateau_picture,
    slices_picture,
    stability_picture,
)
from exitladder.pipelines.plots.ladder import ladder_picture, rung_picture
from exitladder.pipelines.plots.model import answers_picture, calibration_picture, family_picture, importance_picture
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.plots.policy import book_picture, distribution_picture, equity_picture, forest_picture
from exitladder.pipelines.plots.style import NO_DATA, to_png, to_svg
from exitladder.pipelines.plots.trade import mfe_picture, trade_picture

__all__ = [
    "HOW_TO_READ",
    "answers_picture",
    "book_picture",
    "calibration_picture",
    "dependence_picture",
    "distribution_picture",
    "equity_picture",
    "family_picture",
    "forest_picture",
    "front_picture",
    "importance_picture",
    "ladder_picture",
    "mfe_picture",
    "plateau_picture",
    "rung_picture",
    "slices_picture",
    "stability_picture",
    "to_page",
    "to_png",
    "to_svg",
    "trade_picture",
]

HOW_TO_READ: dict[str, tuple[str, str]] = {
    "ladder": (
        "Ladder",
        "Each bar is a rung: the share of the original quantity sold, and its target in R (1R is the initial risk of "
        "the trade). Hatched rungs have no fixed price: a condition at a bar's close triggers them. "
        "The box lists the stop rules.",
    ),
    "equity": (
        "Cumulative net R",
        "After costs, if any are set. If there is a dashed line, evaluate only the part after it: the ladder and the "
        "other exits were tuned on the part before it, where a tuned ladder always looks good. The lower panel shows "
        "the drawdown of the highlighted policy.",
    ),
    "book": (
        "The account",
        "Marked at every close. Above: equity, and that of the same entries without limits and with all the money they "
        "need. Middle: exposure and margin used over equity. Below: each mark is a close at which a limit, the target, "
        "the daily loss or a margin call acted; the orders fill at the next open.",
    ),
    "forest": (
        "Difference from each policy",
        "Mean difference per trade against each other exit policy, out of sample, with its confidence interval. If an "
        "interval contains zero, the difference is not statistically significant.",
    ),
    "distribution": (
        "Distribution of net R per trade",
        "Cumulative distribution: the share of trades that ended at or below each R. A line further to the right is "
        "better at that level. Scaling out usually cuts both tails: fewer full losses, fewer large gains.",
    ),
    "mfe": (
        "Profit capture",
        "Each dot is a trade. A trade on the dashed line was sold at its best price; a trade far below it gave back "
        "profit. Capture is the sum of results over the sum of best open profits (MFE).",
    ),
    "rungs": (
        "Hit rate and result by exit",
        "A rung that rarely fills only lowers the chance of the others; a rung that fills on nearly every trade sells "
        "early. The right panel shows the mean result of each kind of exit.",
    ),
    "calibration": (
        "Calibration",
        "Out-of-fold predictions. Points on the dashed line mean that an event predicted at 70% occurs 70% of the "
        "time. A flat row of points at the base rate means that the model has no skill.",
    ),
    "families": (
        "Feature importance by family",
        "The same gain, summed by feature family, for both predictions. It shows which features the model uses, not "
        "that its predictions are right.",
    ),
    "answers": (
        "Partial dependence",
        "For the most important features: the mean prediction of the last stage over a sample of training rows, with "
        "this feature set to each value in turn (Friedman 2001). A flat line means that the feature alone has no "
        "effect. If features are correlated, some of these rows do not occur in practice.",
    ),
    "importance": (
        "Feature importance",
        "Share of the trees' total gain. It shows which features the model uses, not what causes a move to end.",
    ),
    "front": (
        "Pareto front",
        "Each dot is a ladder that was tried. No other ladder is better in both objectives than one on the line. The "
        "chosen ladder is highlighted: among those with a first objective within one standard error of the best, it "
        "has the best second objective.",
    ),
    "plateau": (
        "Plateau or peak",
        "Neighbouring ladders, each number changed by up to a tenth of its range, against the tuned ladder on the "
        "training trades. Grey: within one standard error. A ladder much better than its neighbours was found by "
        "chance.",
    ),
    "dependence": (
        "Parameter importance",
        "Loss of accuracy of a model of the trials, on held-out trials, when one parameter is shuffled. It applies to "
        "the ladders that were tried, on the training trades.",
    ),
    "slices": (
        "Sensitivity to single parameters",
        "Each ladder was simulated again on the training trades. The band is one standard error of the difference from "
        "the tuned ladder (dot). A flat line means that the parameter hardly matters.",
    ),
    "stability": (
        "Stability over time",
        "Parameters chosen before each test part, from the training window at that time, and the final ones. The bar "
        "shows their agreement: zero if they differ as much as the ladders tried.",
    ),
    "trade": (
        "Example trade",
        "Candles with the entry (triangle), the resting rungs (dashed), the stop (orange line), and each fill with its "
        "quantity and R.",
    ),
}


HALVES = frozenset({"distribution", "mfe", "calibration", "importance", "front", "plateau", "dependence"})


def to_page(
    figure: Figure, kind: str, alt: str, *, title: str = "", half: bool | None = None, explain: bool = True
) -> Picture:
    """Return a figure as a picture for the page, with the standard caption of its kind.

    Parameters
    ----------
    figure : Figure
    kind : str
        A key of `HOW_TO_READ`.
    alt : str
        Alternative text with the numbers of the picture.
    title : str, optional
        Title instead of the standard one.
    half : bool, optional
        Whether two such pictures fit in one row; by default as its kind is drawn.
    explain : bool
        Whether to show the caption; it is not needed under every picture of a kind.

    Returns
    -------
    Picture
    """
    heading, caption = HOW_TO_READ[kind]
    return Picture(
        image=to_svg(figure),
        title=title or heading,
        caption=caption if explain else "",
        alt=alt,
        half=kind in HALVES if half is None else half,
        kind=kind,
        is_empty=figure.get_gid() == NO_DATA,
    )
