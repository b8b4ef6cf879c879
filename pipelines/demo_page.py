"""The page of the demo: the verdict first, then why to believe it, then what to do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from exitladder.execution import Simulation
from exitladder.ladder_file import ladder_to_toml
from exitladder.pipelines.ladder_tuning import Tuned
from exitladder.pipelines.model_training import Trained
from exitladder.pipelines.page import KeyNumber, PageContent, PictureGroup, Reproduction, Tone
from exitladder.pipelines.pictures import example_pictures, model_pictures, trades_pictures, tuned_pictures
from exitladder.pipelines.policies import TUNED
from exitladder.pipelines.provenance import describe_bars, describe_trades, versions
from exitladder.settings import Settings
from exitladder.signals import Signals


def key_numbers(tuned: Tuned) -> list[KeyNumber]:
    """Return the few numbers at the top of the page."""
    board = tuned.scoreboard.table.set_index("policy")
    against = tuned.scoreboard.comparisons[tuned.baseline]
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
            "expectancy, untouched part", f"{row['expectancy_r']:+.3f} R", f"{row['n_trades']:.0f} trades, after costs"
        ),
        KeyNumber("win rate", f"{row['win_rate']:.0%}", "trades that ended above 0, after costs"),
        KeyNumber("worst 5 % of trades", f"{row['cvar_r']:+.2f} R", "their mean (CVaR)"),
        KeyNumber(
            "deflated Sharpe", _share(tuned.dsr), f"of the difference, for {tuned.search.n_trials} candidates tried"
        ),
        KeyNumber("overfitting (PBO)", _share(tuned.pbo), "chance that the best of the past is below the median after"),
    ]


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def model_note(trained: Trained) -> str:
    """Return one sentence on how good the model is, out of fold."""
    told = trained.to_mapping()
    text = (
        f"Out of fold the model has an AUC of {told['auc']:.3f} (0.5 is a coin) and a calibration error of "
        f"{told['calibration_error']:.3f}; the base rate of exhaustion is {told['base_rate']:.3f}. "
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
    simulation: Simulation,
    signals: Signals,
    scores: pd.DataFrame,
    data_notes: list[tuple[str, str]],
    settings: Settings,
    run_id: str,
) -> PageContent:
    """Return what the demo's page shows."""
    test = tuned.holdout.test
    trades, fills = simulation.trades_frame(), simulation.fills_frame()
    tested = trades[test]
    filled = fills[fills["trade_id"].isin(tested["trade_id"])]
    bars = simulation.placed.bars
    plans = tuned_pictures(tuned)
    return PageContent(
        title="exitladder: where to get out",
        subtitle=f"Sample data: {', '.join(bars.symbols)}, daily, {_span(bars.time)}",
        verdict=tuned.verdict.kind,
        verdict_text=tuned.verdict.text,
        key_numbers=key_numbers(tuned),
        policies=tuned.scoreboard.table,
        candidate=TUNED,
        groups=[
            PictureGroup("The plan and what it is worth", plans),
            PictureGroup("What it kept", trades_pictures(tested, filled, len(tuned.ladder.rungs))),
            PictureGroup("Some trades, bar by bar", example_pictures(simulation, signals, np.asarray(test))),
            PictureGroup("The model", model_pictures(trained), model_note(trained)),
        ],
        data_notes=[*data_notes, *_counts(tuned, tested)],
        open_trades=scores,
        ladder_toml=ladder_to_toml(tuned.ladder),
        method=[
            f"Trades entered before {tuned.holdout.cut_time:%Y-%m-%d} were learnt from and tuned on; "
            f"{tuned.holdout.n_purged} whose exits could still have been open then belong to neither part. "
            "The rest was scored once.",
            "Every policy in the table that has parameters was tuned on the same past trades, by the same objective.",
            "Inside a bar that reaches both stop and target the stop is taken to come first; gaps fill at the open.",
        ],
        reproduction=Reproduction(
            command="exitladder demo",
            seed=settings.project.seed,
            versions=versions(),
            fingerprints={
                "bars": str(describe_bars(bars)["bars_fingerprint"]),
                "trades": str(describe_trades(simulation.placed.trades)["trades_fingerprint"]),
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
        ("trades tuned on", f"{int(tuned.holdout.training.sum())}"),
        ("trades purged between the parts", f"{tuned.holdout.n_purged}"),
        ("trades scored once", f"{int(tuned.holdout.test.sum())}"),
        ("of these still open at the last bar (marked)", f"{int(status.get('open', 0))}"),
        ("of these skipped", f"{int(status.get('skipped', 0))}"),
        ("with a bar that reached both stop and target", f"{int((tested['ambiguous_bars'] > 0).sum())}"),
    ]
