"""The demo page: verdict first, then the evidence, then the advice."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from exitladder.execution import Simulation
from exitladder.execution.signals import Signals
from exitladder.pipelines.pages.page import KeyNumber, PageContent, PictureGroup, Reproduction, Tone
from exitladder.pipelines.pages.tables import account_table, fold_table
from exitladder.pipelines.plots.pictures import (
    diagnostic_pictures,
    example_pictures,
    model_pictures,
    trades_pictures,
    tuned_pictures,
)
from exitladder.pipelines.tracking.provenance import describe_bars, describe_trades, versions
from exitladder.pipelines.training.model import Trained
from exitladder.pipelines.tuning.policies import TUNED
from exitladder.pipelines.tuning.tuned import Tuned
from exitladder.plans.file import ladder_to_toml
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


def key_numbers(tuned: Tuned) -> list[KeyNumber]:
    """Return the key numbers at the top of the page."""
    board = tuned.scoreboard.table.set_index("policy")
    against = tuned.against
    row: dict[Any, Any] = board.loc[TUNED].to_dict()
    tone: Tone = "good" if against.low > 0 else "bad" if against.high < 0 else ""
    return [
        KeyNumber(
            f"vs {tuned.baseline}",
            f"{against.difference_r:+.3f} R",
            f"per trade; {against.confidence:.0%} CI [{against.low:+.3f}, {against.high:+.3f}]",
            tone,
        ),
        KeyNumber(
            "expectancy per trade", f"{row['expectancy_r']:+.3f} R", f"{row['n_trades']:.0f} scored trades, after costs"
        ),
        KeyNumber("win rate", f"{row['win_rate']:.0%}", "trades with a net gain, after costs"),
        KeyNumber("worst 5% of trades", f"{row['cvar_r']:+.2f} R", "mean (CVaR)"),
        KeyNumber(
            "deflated Sharpe ratio",
            _share(tuned.luck.dsr),
            f"of the difference, for {tuned.luck.n_trials:,} candidates tried",
        ),
        KeyNumber(
            "overfitting (PBO)",
            _share(tuned.luck.pbo),
            "probability that the best in-sample ladder ranks below the median out of sample",
        ),
    ]


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def model_note(trained: Trained) -> str:
    """Return a short text on the out-of-fold performance of the model."""
    result = trained.to_mapping()
    text = (
        f"Out of fold, the model has an AUC of {result['auc']:.3f} (0.5: no skill) and a calibration error of "
        f"{result['calibration_error']:.3f}; the base rate of exhaustion is {result['base_rate']:.3f}. "
    )
    found = trained.value.comparison
    if found is None:
        return text + "There are too few trades to measure the value of its signal in R."
    return text + (
        "Exiting on the model's signal or the trailing stop, rather than at the best trailing stop alone, changed the "
        f"result by {found.difference_r:+.3f} R per trade ({found.confidence:.0%} CI [{found.low:+.3f}, "
        f"{found.high:+.3f}]) out of sample. Leak check (look-ahead): {trained.leaks.verdict}."
    )


def demo_content(
    *,
    trained: Trained,
    tuned: Tuned,
    trades: pd.DataFrame,
    fills: pd.DataFrame,
    last: Simulation,
    signals: Signals,
    entries: Trades,
    scores: pd.DataFrame,
    data_notes: list[tuple[str, str]],
    settings: Settings,
    run_id: str,
) -> PageContent:
    """Return the content of the demo page.

    Parameters
    ----------
    trained : Trained
    tuned : Tuned
    trades, fills : DataFrame
        All test parts, each executed with the ladder tuned before it.
    last : Simulation
        The last test part; the example trades come from it.
    signals : Signals
        Model signals of its trades.
    entries : Trades
        All trades of the demo.
    scores : DataFrame
        Advice on open trades, with the columns that `exitladder score` writes.
    data_notes : list of (str, str)
        Facts on the data, as label and text.
    settings : Settings
    run_id : str

    Returns
    -------
    PageContent
    """
    bars = last.placed.bars
    plans = tuned_pictures(tuned)
    return PageContent(
        title="exitladder: exit optimization",
        subtitle=f"Sample data: {', '.join(bars.symbols)}, daily, {_span(bars.time)}",
        verdict=tuned.verdict.kind,
        verdict_text=tuned.verdict.text,
        key_numbers=key_numbers(tuned),
        policies=tuned.scoreboard.table,
        candidate=TUNED,
        tables=[fold_table(tuned.folds_frame()), account_table(tuned.accounts)],
        groups=[
            PictureGroup("Ladder and performance", plans),
            PictureGroup("Sensitivity", diagnostic_pictures(tuned.diagnostics), tuned.diagnostics.text),
            PictureGroup(
                "Profit capture", trades_pictures(trades, fills, max(len(c.ladder.rungs) for c in tuned.folds))
            ),
            PictureGroup("Example trades", example_pictures(last, signals, np.ones(len(last), dtype=bool))),
            PictureGroup("Model", model_pictures(trained), model_note(trained)),
        ],
        data_notes=[*data_notes, *_counts(tuned, trades)],
        open_trades=scores,
        ladder_toml=ladder_to_toml(tuned.ladder),
        method=[
            f"Trades entered from {tuned.walk.cut_time:%Y-%m-%d} on are scored in {len(tuned.walk.folds)} test parts, "
            "each once, by the ladder tuned on earlier trades. Trades that could still have been open when a part "
            "begins are excluded from its training set (purged). The model is trained in stages, each on labels known "
            "at that time.",
            "Every policy in the table with parameters was tuned on the same earlier trades with the same objective. "
            "The ladder in the chart and the file is tuned on all trades that had ended by the last bar.",
            "If a bar reaches both stop and target, the stop is assumed to fill first; gaps fill at the open.",
        ],
        reproduction=Reproduction(
            command="exitladder demo",
            seed=settings.project.seed,
            versions=versions(),
            fingerprints={
                "bars": str(describe_bars(bars)["bars_fingerprint"]),
                "trades": str(describe_trades(entries)["trades_fingerprint"]),
            },
            run_id=run_id,
        ),
    )


def _span(time: np.ndarray) -> str:
    first, last = (pd.Timestamp(int(t), tz="UTC") for t in (time.min(), time.max()))
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _counts(tuned: Tuned, tested: pd.DataFrame) -> list[tuple[str, str]]:
    status = tested["status"].value_counts()
    return [
        ("trades before the first test part", f"{int((~tuned.walk.test).sum())}"),
        ("of these purged", f"{tuned.walk.folds[0].n_purged}"),
        ("trades scored (once each)", f"{int(tuned.walk.test.sum())}"),
        ("of these still open at the last bar (marked to market)", f"{int(status.get('open', 0))}"),
        ("of these skipped", f"{int(status.get('skipped', 0))}"),
        ("of these with a bar that reached both stop and target", f"{int((tested['ambiguous_bars'] > 0).sum())}"),
    ]
