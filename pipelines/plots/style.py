"""Common style of all plots: a colour-blind-safe palette, fonts, and output formats."""

from __future__ import annotations

import functools
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

P = ParamSpec("P")

# Okabe and Ito (2008), black and yellow left out: yellow is not readable on white.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, MUTED, FAINT, PAPER = "#1B2430", "#5B6673", "#D9DEE4", "#FFFFFF"
EMPHASIS = BLUE
OTHERS = (ORANGE, GREEN, PURPLE, RED, "#7A7A7A", "#8C6D31", SKY)
GAIN, LOSS = GREEN, RED
NO_DATA = "no data"  # marks a figure that shows a sentence only
GAIN_TEXT, LOSS_TEXT = "#00795A", "#B34700"  # dark enough to be read as small type

BY_TIME = ("time", "session", "clock", "gap")  # orders given by the clock and not by a price
FILL_COLOURS = {
    "rung": GAIN, "stop": LOSS, "breakeven": ORANGE, "trail": PURPLE, "mark": MUTED, "add": BLUE,
    **dict.fromkeys(BY_TIME, MUTED),
}  # fmt: skip

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": PAPER,
    "axes.unicode_minus": True,
    "grid.color": "#EDF0F3",
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "text.color": INK,
    "text.parse_math": False,  # a symbol such as $SPX is no formula
    "figure.facecolor": PAPER,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "path.simplify": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "exitladder",
    "savefig.facecolor": PAPER,
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the common style without changing the style of the user's notebook."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapped


WIDE, HALF = 10.6, 5.6


def new_figure(width: float = WIDE, height: float = 4.2) -> Figure:
    """Return an empty figure (size in inches), independent of matplotlib's global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_svg(figure: Figure) -> bytes:
    """Return the figure as SVG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE), _quiet_fonts():
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": "exitladder"})
    # A browser without DejaVu falls back to a font of the same width, so nothing overlaps.
    return buffer.getvalue().replace(b"'DejaVu Sans', sans-serif", b"'DejaVu Sans', Verdana, sans-serif")


def to_png(figure: Figure, dots_per_inch: int = 110) -> bytes:
    """Return the figure as PNG."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE), _quiet_fonts():
        FigureCanvasAgg(figure).print_figure(
            buffer, format="png", dpi=dots_per_inch, metadata={"Software": "exitladder"}
        )
    return buffer.getvalue()


@contextmanager
def _quiet_fonts() -> Iterator[None]:
    """Draw a missing glyph as a box without a warning, which would not help."""
    logger = logging.getLogger("matplotlib.font_manager")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            yield
    finally:
        logger.setLevel(before)


def policy_colours(policies: Sequence[str], emphasised: str | None) -> dict[str, str]:
    """Return a colour per policy; the highlighted policy has the same colour in all plots."""
    others = [name for name in policies if name != emphasised]
    colours = {name: OTHERS[k % len(OTHERS)] for k, name in enumerate(others)}
    return {name: EMPHASIS if name == emphasised else colours[name] for name in policies}


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign, using a true minus sign; one that rounds to zero has none.

    Examples
    --------
    >>> signed(-0.5), signed(-0.001)
    ('−0.50', '0.00')
    """
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if any(digit in text for digit in "123456789") else text.lstrip("+-")


def zero_line(axes: Axes, *, vertical: bool = False) -> None:
    """Draw the line at zero."""
    (axes.axvline if vertical else axes.axhline)(0.0, color=MUTED, linewidth=0.9, zorder=1)


def no_data(figure: Figure, text: str) -> Figure:
    """Return the figure, marked as `NO_DATA`, with a sentence instead of a plot."""
    figure.set_gid(NO_DATA)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, transform=axes.transAxes)
    return figure
