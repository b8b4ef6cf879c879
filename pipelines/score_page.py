"""The page of what to do with open trades."""

from __future__ import annotations

import pandas as pd

from exitladder.pipelines.page import ScorePage, score_html

_URGENCY = {"exit": 0, "reduce": 1, "hold": 2}


def score_page(frame: pd.DataFrame) -> str:
    """Return the page of a score table as HTML, what is to be done first on top."""
    order = frame["action"].map(_URGENCY).sort_values(kind="stable").index
    asof = frame["asof"].max()
    return score_html(ScorePage(trades=frame.loc[order], asof=f"{asof:%Y-%m-%d %H:%M} UTC" if len(frame) else ""))
