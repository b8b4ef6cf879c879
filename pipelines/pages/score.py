"""The page of what to do with open trades."""

from __future__ import annotations

import pandas as pd

from exitladder.pipelines.pages.page import ScorePage, score_html

_URGENCY = {"exit": 0, "reduce": 1, "hold": 2}


def score_page(frame: pd.DataFrame) -> str:
    """Return the page of a score table as HTML, what is to be done first on top."""
    trades = frame.loc[frame["action"].map(_URGENCY).sort_values(kind="stable").index]
    shared = _shared_warnings(trades["warnings"].tolist())
    own = pd.Series(
        [[text for text in predicted if text not in shared] for predicted in trades["warnings"]], index=trades.index
    )
    asof = f"{trades['asof'].max():%Y-%m-%d %H:%M} UTC" if len(trades) else ""
    return score_html(ScorePage(trades=trades.assign(warnings=own), asof=asof, warnings=shared))


def _shared_warnings(warnings: list[list[str]]) -> list[str]:
    """Return what is said of every one of several trades: said once, on top of the page."""
    return (
        [text for text in warnings[0] if all(text in predicted for predicted in warnings)] if len(warnings) > 1 else []
    )
