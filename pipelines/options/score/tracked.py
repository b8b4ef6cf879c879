"""The record of a run of ``exitladder options score``."""

from __future__ import annotations

from exitladder.files.output import csv_text, json_text
from exitladder.options.market import OptionMarket
from exitladder.options.positions.trades import OptionTrade
from exitladder.pipelines.options.described import describe_quotes, options_run
from exitladder.pipelines.options.score.columns import URGENCIES, counted, flat_rows
from exitladder.pipelines.options.score.score import OptionsScore
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings

SCORES = "options_scores.json"
"""File of a run of ``options score`` that its page is made from."""


def recorded_score(
    result: OptionsScore, trades: list[OptionTrade], ladder: Ladder, market: OptionMarket, settings: Settings
) -> str:
    """Record the advice as a run and return its id; empty if tracking is off or nothing is open.

    Parameters
    ----------
    result : OptionsScore
    trades : list of OptionTrade
    ladder : Ladder
    market : OptionMarket
    settings : Settings

    Returns
    -------
    str
    """
    if not len(result.frame):
        return ""
    counts = {name: int((result.frame["urgency"] == name).sum()) for name in URGENCIES}
    said = counted(result.frame["urgency"])
    with options_run("score", trades, ladder, market, describe_quotes(market.quotes), settings) as run:
        run.log_metrics(
            {"n_open": len(result.frame), "n_trades": len(result.frame)} | {f"n_{k}": n for k, n in counts.items()}
        )
        run.log_tags({"verdict": said})
        run.describe(f"Advice on {len(result.frame)} open positions in options: {said}.")
        run.log_result(f"{len(result.frame)} open, {counts['exit'] + counts['reduce']} to act on")
        saved = {"basis": result.basis, "notes": result.notes, "rows": result.records()}
        run.log_artifact(json_text(saved) + "\n", SCORES)
        run.log_artifact(csv_text(flat_rows(result.frame)), "scores.csv")
    return run.run_id
