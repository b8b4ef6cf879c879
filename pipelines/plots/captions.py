"""The pictures of a run, ready for a page: drawn, titled, and with a sentence on how to read each.

The only files that know matplotlib are this one and those whose functions it offers.
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
from exitladder.pipelines.plots.policy import distribution_picture, equity_picture, forest_picture
from exitladder.pipelines.plots.style import to_png, to_svg
from exitladder.pipelines.plots.trade import mfe_picture, trade_picture

__all__ = [
    "HOW_TO_READ",
    "answers_picture",
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
        "The ladder",
        "Each bar is a rung: how much of the original quantity is sold, and at which height in R (1R is what the trade "
        "risked). Hatched rungs have no price in advance: a condition at a bar's close triggers them. "
        "The box says what the stop does meanwhile.",
    ),
    "equity": (
        "Net R, added up trade by trade",
        "After costs. Judge only the white part: the shaded part is what the ladder and the other exits were tuned on, "
        "where a tuned plan always looks good. The strip below shows how far the emphasised plan stood below its best.",
    ),
    "forest": (
        "Better or worse, and how sure",
        "Each line is the mean difference a trade against one other way to exit, on trades that nobody tuned on, with "
        "its interval. A line that crosses zero means that this data cannot tell the two apart.",
    ),
    "distribution": (
        "What single trades end at",
        "Follow a line upwards: it tells which share of trades ended at or below that R. A line further to the right "
        "is better there. Scaling out usually cuts both tails: fewer full losses, fewer large gains.",
    ),
    "mfe": (
        "What was there, what was kept",
        "Each dot is a trade. On the dashed line it was sold at the very best price; far below it, profit was given "
        "back. The capture is the sum of results over the sum of best open profits.",
    ),
    "rungs": (
        "Which rungs pay",
        "A rung that hardly ever fills does nothing but lower the chance of the others; one that fills on nearly every "
        "trade sells early. The right side shows what each kind of exit brought.",
    ),
    "calibration": (
        "Can the probability be believed?",
        "On predictions for trades the model had not seen. Points on the dashed line mean that what it calls 70 % "
        "likely comes 70 % of the time. A flat row of points at the base rate means that the model knows nothing.",
    ),
    "families": (
        "What kind of knowledge it uses",
        "The same gain, summed over the families of features, for either answer: how much of what the model learnt to "
        "tell apart rests on each. It says what the model uses, not that it is right.",
    ),
    "answers": (
        "What it would say if one thing were different",
        "For each of the features used most: the mean answer of the last stage over a sample of training rows, with "
        "this one feature set to each value in turn (Friedman 2001). A flat line means that the feature alone moves "
        "nothing. Where features move together, it asks about rows that do not occur.",
    ),
    "importance": (
        "What the model looks at",
        "Share of the trees' gain. It says what the model uses, not what causes a move to end.",
    ),
    "front": (
        "What more of one costs in the other",
        "Each dot is a ladder that was tried. On the line lie those that no other beats in both. The marked one was "
        "chosen: of those whose first objective is within one standard error of the best, it is the best in the other.",
    ),
    "plateau": (
        "Plateau or peak",
        "Ladders close by, each number moved by up to a tenth of its range, against the tuned one on the trades tuned "
        "on. Grey is within one standard error. A ladder that its neighbours do not share in was found by luck.",
    ),
    "dependence": (
        "What its worth depends on",
        "How much worse a model of the trials does on trials it has not seen when a part of the ladders is shuffled. "
        "It speaks of the ladders that were tried, on the trades tuned on.",
    ),
    "slices": (
        "One part varied, the others as tuned",
        "Each ladder was executed again on the trades tuned on. The band is one standard error of the difference from "
        "the tuned ladder (dot). A flat line means that this part hardly matters.",
    ),
    "stability": (
        "Tuned again and again",
        "What was chosen before each test part, from the stretch of the past known then, and at last. The bar is how "
        "far they agree: none where they lie as far apart as the ladders tried.",
    ),
    "trade": (
        "A trade, bar by bar",
        "Candles with the entry (triangle), the rungs waiting above it (dashed), the stop as it moved (red line), and "
        "each fill with its quantity and R.",
    ),
}


HALVES = frozenset({"distribution", "mfe", "calibration", "importance", "front", "plateau", "dependence"})


def to_page(
    figure: Figure, kind: str, alt: str, *, title: str = "", half: bool | None = None, explain: bool = True
) -> Picture:
    """Return a figure as a picture for the page, with the standing words on how to read its kind.

    Parameters
    ----------
    figure : Figure
    kind : str
        A key of `HOW_TO_READ`.
    alt : str
        What the picture shows, with its numbers, for readers who cannot see it.
    title : str, optional
        In place of the standing one.
    half : bool, optional
        Whether two such pictures may stand side by side; by default what its kind is drawn for.
    explain : bool
        Whether the words on how to read it are shown; they need not stand under every one of a kind.
    """
    standing, caption = HOW_TO_READ[kind]
    return Picture(
        image=to_svg(figure),
        title=title or standing,
        caption=caption if explain else "",
        alt=alt,
        half=kind in HALVES if half is None else half,
        kind=kind,
    )
