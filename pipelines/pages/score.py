"""The page with advice on open trades."""

from __future__ import annotations

import pandas as pd

from exitladder.pipelines.pages.page import ScorePage, score_html

_URGENCY = {"exit": 0, "reduce": 1, "hold": 2}


def score_page(frame: pd.DataFrame, verdict: str = "") -> str:
    """Return the page of a score table as HTML, the most urgent trades first, with the verdict of the tuning."""
    trades = frame.loc[frame["action"].map(_URGENCY).sort_values(kind="stable").index]
    shared = _shared_warnings(trades["warnings"].tolist())
    own = pd.Series(
        [[text for text in texts if text not in shared] for texts in trades["warnings"]], index=trades.index
    )
    asof = f"{trades['asof'].max():%Y-%m-%d %H:%M} UTC" if len(trades) else ""
    return score_html(ScorePage(trades=trades.assign(warnings=own), asof=asof, warnings=shared, subtitle=verdict))


def _shared_warnings(warnings: list[list[str]]) -> list[str]:
    """Return the warnings common to several trades, to be shown once at the top of the page."""
    return [text for text in warnings[0] if all(text in texts for texts in warnings)] if len(warnings) > 1 else []
