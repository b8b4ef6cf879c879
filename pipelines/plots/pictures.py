"""The pictures of a run, drawn from its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from exitladder.features import describe_catalogue
from exitladder.pipelines.plots.captions import (
    answers_picture,
    book_picture,
    calibration_picture,
    dependence_picture,
    distribution_picture,
    equity_picture,
    family_picture,
    forest_picture,
    front_picture,
    importance_picture,
    ladder_picture,
    mfe_picture,
    plateau_picture,
    rung_picture,
    slices_picture,
    stability_picture,
    to_page,
    trade_picture,
)
from exitladder.pipelines.plots.data import (
    Reliability,
    cumulative_r,
    held_path,
    ladder_steps,
    leading_features,
    mfe_against_exit,
    reliability,
    rung_hits,
)
from exitladder.pipelines.plots.diagnostics import objective_in_words
from exitladder.pipelines.plots.examples import TradeExample
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.training.model import Trained
from exitladder.pipelines.training.record import model_summary
from exitladder.pipelines.tuning.diagnostics import LadderDiagnostics
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.words import rung_in_words

# less than this is no change of a prediction
_FLAT = 1e-9


def model_pictures(trained: Trained) -> list[Picture]:
    """Return calibration, importance of features and families, and partial dependence of a trained model."""
    return summary_pictures(model_summary(trained.model), reliability_of(trained))


def summary_pictures(summary: Mapping[str, Any], found: Reliability | None) -> list[Picture]:
    """Return the pictures of a model from its summary.

    Parameters
    ----------
    summary : mapping
        Of `exitladder.pipelines.training.record.model_summary`.
    found : Reliability or None
        How its out-of-fold probabilities compare with the outcomes, if that is known.
    """
    table, by_family = pd.DataFrame(summary["importance"]), pd.DataFrame(summary["families"])
    families = dict(describe_catalogue().set_index("name")["family"])
    leading = leading_features(dict(zip(table["feature"], table["exhaustion"], strict=True)), families)
    leading = leading[leading["share"] > 0]
    top = ", ".join(leading["feature"].head(3))
    pictures = [to_page(importance_picture(leading), "importance", f"Most important features: {top}.", half=True)]
    if found is not None:
        alt = (
            f"Predicted and observed frequency of exhaustion in {len(found.bins)} bins; base rate "
            f"{found.base_rate:.3f}, calibration error {found.calibration_error:.3f}."
        )
        pictures.insert(0, to_page(calibration_picture(found), "calibration", alt, half=True))
    shares = ", ".join(f"{r.family} {r.exhaustion:.0%}" for r in by_family.head(3).itertuples())
    pictures.append(
        to_page(family_picture(by_family), "families", f"Importance for exhaustion by family: {shares}.", half=True)
    )
    lines = summary["dependence"]
    if lines:
        alt = f"Mean predictions along {', '.join(line['feature'] for line in lines)}."
        # flat lines only are left out of pages
        pictures.append(replace(to_page(answers_picture(lines), "answers", alt), is_empty=is_silent(lines)))
    return pictures


def is_silent(lines: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether no feature changes either prediction, so that the partial dependence is flat lines only.

    Parameters
    ----------
    lines : sequence of mapping
        As in ``dependence`` of the model's summary.

    Returns
    -------
    bool
        False without lines.

    Examples
    --------
    >>> flat = {"feature": "held", "values": [1, 2], "exhaustion": [0.5, 0.5], "hold_value_r": [0.1, 0.1]}
    >>> is_silent([flat]), is_silent([flat | {"exhaustion": [0.5, 0.6]}]), is_silent([])
    (True, False, False)
    """
    return bool(lines) and all(
        max(line[name]) - min(line[name]) < _FLAT for line in lines for name in ("exhaustion", "hold_value_r")
    )


def reliability_of(trained: Trained) -> Reliability | None:
    """Return the reliability of the out-of-fold predictions, None without any."""
    known = trained.outcomes.dropna()
    return reliability(known["outcome"], known["predicted"]) if len(known) else None


def diagnostic_pictures(found: LadderDiagnostics) -> list[Picture]:
    """Return the diagnostics of a tuned ladder: neighbours, parameter importance, front, slices and stability."""
    leading = ", ".join(f"{row.parameter} {row.importance:.0%}" for row in found.importance.head(3).itertuples())
    pictures = [
        to_page(plateau_picture(found.plateau, found.objective), "plateau", found.text),
        to_page(
            dependence_picture(found.importance, found.fit),
            "dependence",
            f"Most important parameters: {leading or 'none'}.",
        ),
    ]
    if len(found.front):
        chosen = found.front[found.front["is_chosen"].to_numpy(bool)].iloc[0]
        names = [str(name) for name in found.front if name not in ("trial", "is_chosen")]
        values = ", ".join(f"{name} {chosen[name]:+.3f}" for name in names)
        alt = f"{len(found.front)} ladders on the Pareto front; chosen: {values}."
        pictures.append(to_page(front_picture(found.tried, found.front), "front", alt))
    n = found.slices["parameter"].nunique()
    alt = f"{objective_in_words(found.objective)} along each of {n} parameters of the ladder."
    pictures.append(to_page(slices_picture(found.slices, found.objective), "slices", alt))
    alt = f"Parameters of the ladder as tuned on {len(found.stability.columns) - 2} training windows."
    pictures.append(to_page(stability_picture(found.stability), "stability", alt))
    return pictures


def ladder_picture_of(ladder: Ladder) -> Picture:
    """Return the picture of a ladder."""
    return to_page(ladder_picture(ladder, ladder_steps(ladder)), "ladder", _ladder_alt(ladder.rungs))


def policy_pictures(
    net_r: pd.DataFrame,
    emphasised: str,
    *,
    board: pd.DataFrame | None = None,
    untouched_from: pd.Timestamp | None = None,
) -> list[Picture]:
    """Return equity, differences and distribution of policies.

    Parameters
    ----------
    net_r : DataFrame
        Net R by entry time (the sorted index), one column per policy.
    emphasised : str
        The highlighted policy.
    board : DataFrame, optional
        The table of a `Scoreboard`; without it, no differences are drawn.
    untouched_from : Timestamp, optional
        Start of the out-of-sample part; the distribution covers only this part.

    Returns
    -------
    list of Picture
    """
    scored = net_r if untouched_from is None else net_r[net_r.index >= untouched_from]
    sums = ", ".join(f"{name} {scored[name].sum():+.1f}" for name in net_r)
    pictures = [
        to_page(
            equity_picture(cumulative_r(net_r), emphasised=emphasised, untouched_from=untouched_from),
            "equity",
            f"Cumulative net R on the scored trades: {sums}.",
        )
    ]
    if board is not None:
        others = board[board["policy"] != emphasised]
        differences = "; ".join(f"{r.policy} {r.difference_r:+.3f} R" for r in others.itertuples())
        alt = f"{emphasised} minus each other policy, per trade: {differences}."
        pictures.append(to_page(forest_picture(others, emphasised), "forest", alt))
    values = {str(name): scored[name].to_numpy() for name in scored}
    alt = "Cumulative distribution of net R per trade under each policy, on the scored trades."
    pictures.append(to_page(distribution_picture(values, emphasised=emphasised), "distribution", alt))
    return pictures


def trades_pictures(trades: pd.DataFrame, fills: pd.DataFrame, n_rungs: int) -> list[Picture]:
    """Return profit capture and the results of the rungs.

    Parameters
    ----------
    trades, fills : DataFrame
        With the columns of ``trades.csv`` and ``fills.csv``.
    n_rungs : int
        Number of rungs of the ladder.

    Returns
    -------
    list of Picture
    """
    capture = mfe_against_exit(trades)
    hits = rung_hits(fills, trades, n_rungs)
    return [
        to_page(
            mfe_picture(capture),
            "mfe",
            f"Best open R against net R of {len(capture.trades)} trades; capture {capture.capture:.2f}.",
            half=True,
        ),
        to_page(rung_picture(hits), "rungs", f"Hit rate and mean R of {len(hits)} kinds of exit."),
    ]


def example_pictures(examples: Sequence[TradeExample], trades: pd.DataFrame, fills: pd.DataFrame) -> list[Picture]:
    """Return some trades bar by bar, each with its rungs, its stop as it moved, and its fills.

    Parameters
    ----------
    examples : sequence of TradeExample
    trades, fills : DataFrame
        With the columns of ``trades.csv`` and ``fills.csv``; the examples must be among them.

    Returns
    -------
    list of Picture
        One per example.
    """
    position = pd.Index(trades["trade_id"])
    return [
        _one_trade(one, trades.iloc[position.get_indexer([one.trade_id])[0]], fills[fills["trade_id"] == one.trade_id])
        for one in examples
    ]


def _one_trade(example: TradeExample, trade: pd.Series, fills: pd.DataFrame) -> Picture:
    figure = trade_picture(example.bars, trade, fills, targets=example.targets, stop_path=example.stop)
    n_adds = int((fills["order"] == "add").sum())
    n_exits = len(fills) - 1 - n_adds
    alt = f"{trade['symbol']} {trade['side']}, entered at {trade['entry_price']:.6g}, {n_exits} exit fills."
    if n_adds:
        most = float(held_path(fills)["held"].max())
        alt += f" {n_adds} adds: at most {most:.6g} held, average entry {held_path(fills)['average'].iloc[-1]:.6g}."
    return to_page(figure, "trade", alt, title=f"{trade['symbol']}, {trade['side']}, {trade['r']:+.2f} R")


def _ladder_alt(rungs: tuple[Rung, ...]) -> str:
    parts = [rung_in_words(rung) for rung in rungs]
    return f"The ladder sells {', '.join(parts)}." if parts else "The ladder has no rungs: only the stop exits."


def account_picture(curve: pd.DataFrame, actions: pd.DataFrame) -> Picture:
    """Return the account of a book over time, with the limits that acted.

    Parameters
    ----------
    curve, actions : DataFrame
        ``book.csv`` and ``book_actions.csv``, ``close_time`` as stamps.
    """
    counts = ", ".join(f"{name} {n:,} times" for name, n in actions["action"].value_counts().sort_index().items())
    last = curve.iloc[-1]
    alt = f"Equity at the end {last['equity']:,.0f}; profit {last['pnl']:+,.0f}, without the limits "
    alt += f"{last['pnl_without_limits']:+,.0f}. Acted: {counts or 'nothing'}."
    return to_page(book_picture(curve, actions), "book", alt)
