"""The page of the demo: the verdict first, then why to believe it, then what to do."""

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
    """Return the few numbers at the top of the page."""
    board = tuned.scoreboard.table.set_index("policy")
    against = tuned.against
    row: dict[Any, Any] = board.loc[TUNED].to_dict()
    tone: Tone = "good" if against.low > 0 else "bad" if against.high < 0 else ""
    return [
        KeyNumber(
            f"against {tuned.baseline}",
            f"{against.difference_r:+.3f} R",
            f"a trade; {against.confidence:.0%} interval {against.low:+.3f} to {against.high:+.3f}",
            tone,
        ),
        KeyNumber(
            "expectancy, trades scored", f"{row['expectancy_r']:+.3f} R", f"{row['n_trades']:.0f} trades, after costs"
        ),
        KeyNumber("win rate", f"{row['win_rate']:.0%}", "trades that ended above 0, after costs"),
        KeyNumber("worst 5 % of trades", f"{row['cvar_r']:+.2f} R", "their mean (CVaR)"),
        KeyNumber(
            "deflated Sharpe", _share(tuned.luck.dsr), f"of the difference, for {tuned.luck.n_trials} candidates tried"
        ),
        KeyNumber(
            "overfitting (PBO)", _share(tuned.luck.pbo), "how often the best of half the past is below the median after"
        ),
    ]


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def model_note(trained: Trained) -> str:
    """Return one sentence on how good the model is, out of fold."""
    described = trained.to_mapping()
    text = (
        f"Out of fold the model has an AUC of {described['auc']:.3f} (0.5 is a coin) and a calibration error of "
        f"{described['calibration_error']:.3f}; the base rate of exhaustion is {described['base_rate']:.3f}. "
    )
    found = trained.value.comparison
    if found is None:
        return text + "There are too few trades to say what its word is worth in R."
    return text + (
        f"Leaving on its word or at the trail, and not at the best trail alone, was worth {found.difference_r:+.3f} R "
        f"a trade ({found.low:+.3f} to {found.high:+.3f}) on trades that neither had seen. "
        f"The checks for knowledge of the future {trained.leaks.verdict}."
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
    """Return what the demo's page shows.

    Parameters
    ----------
    trades, fills : DataFrame
        Of all test parts, each executed by the ladder tuned before it.
    last : Simulation
        The last test part; examples are taken from it.
    signals : Signals
        Of its trades.
    """
    bars = last.placed.bars
    plans = tuned_pictures(tuned)
    return PageContent(
        title="exitladder: where to get out",
        subtitle=f"Sample data: {', '.join(bars.symbols)}, daily, {_span(bars.time)}",
        verdict=tuned.verdict.kind,
        verdict_text=tuned.verdict.text,
        key_numbers=key_numbers(tuned),
        policies=tuned.scoreboard.table,
        candidate=TUNED,
        tables=[fold_table(tuned.folds_frame()), account_table(tuned.accounts)],
        groups=[
            PictureGroup("The plan and what it is worth", plans),
            PictureGroup("What the ladder is like", diagnostic_pictures(tuned.diagnostics), tuned.diagnostics.text),
            PictureGroup("What it kept", trades_pictures(trades, fills, max(len(c.ladder.rungs) for c in tuned.folds))),
            PictureGroup("Some trades, bar by bar", example_pictures(last, signals, np.ones(len(last), dtype=bool))),
            PictureGroup("The model", model_pictures(trained), model_note(trained)),
        ],
        data_notes=[*data_notes, *_counts(tuned, trades)],
        open_trades=scores,
        ladder_toml=ladder_to_toml(tuned.ladder),
        method=[
            f"Trades entered from {tuned.walk.cut_time:%Y-%m-%d} on were scored in {len(tuned.walk.folds)} parts, each "
            "once, by what had been tuned on earlier trades. A trade whose exit could still have been open when a part "
            "begins was not tuned on for it. The model speaks in stages, each trained on labels known before.",
            "Every policy in the table that has parameters was tuned on the same past trades, by the same objective; "
            "the ladder drawn and written is tuned on all trades that had ended by the last bar.",
            "Inside a bar that reaches both stop and target the stop is taken to come first; gaps fill at the open.",
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
        ("trades before the first part scored", f"{int((~tuned.walk.test).sum())}"),
        ("of these purged", f"{tuned.walk.folds[0].n_purged}"),
        ("trades scored once", f"{int(tuned.walk.test.sum())}"),
        ("of these still open at the last bar (marked)", f"{int(status.get('open', 0))}"),
        ("of these skipped", f"{int(status.get('skipped', 0))}"),
        ("with a bar that reached both stop and target", f"{int((tested['ambiguous_bars'] > 0).sum())}"),
    ]
