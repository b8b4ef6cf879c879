"""A page made again from the files of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.errors import InputFileError
from exitladder.pipelines.pages.page import KeyNumber, PageContent, PictureGroup
from exitladder.pipelines.pages.tables import account_table, fold_table
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.plots.pictures import ladder_picture_of, policy_pictures, trades_pictures
from exitladder.pipelines.tuning.policies import TUNED
from exitladder.plans.file import read_ladder
from exitladder.plans.ladder import Ladder

THIS_LADDER = "this ladder"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFileError(
            f"'{path}' must be the JSON that exitladder wrote, but cannot be read: {error}."
        ) from error
    if not isinstance(table, dict):
        raise InputFileError(f"'{path}' must hold a table of names and values, but holds {type(table).__name__}.")
    return table


def _ladder(folder: Path) -> Ladder:
    return read_ladder(folder / "ladder.toml")


def _backtest_page(folder: Path, source: str) -> PageContent:
    texts = {"trade_id": str, "symbol": str}
    trades = pd.read_csv(folder / "trades.csv", dtype=texts)
    fills = pd.read_csv(folder / "fills.csv", dtype={"trade_id": str})
    ladder, summary = _ladder(folder), _read_json(folder / "summary.json")
    done = trades.dropna(subset=["r"])
    net_r = pd.DataFrame({THIS_LADDER: done["r"].to_numpy()}, index=pd.to_datetime(done["entry_time"], utc=True))
    counts = trades["status"].value_counts()
    return PageContent(
        title=f"Backtest of '{ladder.name}'",
        subtitle=f"{len(trades):,} trades in {trades['symbol'].nunique()} symbols",
        verdict_text="What this ladder would have done. Whether it is better than another way out is what "
        "exitladder tune and exitladder compare say.",
        key_numbers=_key_numbers(summary),
        groups=[
            PictureGroup("The plan", [ladder_picture_of(ladder)]),
            PictureGroup("Results", policy_pictures(net_r.sort_index(), THIS_LADDER)),
            PictureGroup("What it kept", trades_pictures(trades, fills, len(ladder.rungs))),
        ],
        data_notes=[(str(name), f"{int(n):,}") for name, n in counts.items()],
        ladder_toml=(folder / "ladder.toml").read_text(encoding="utf-8"),
    )


_SHOWN = {
    "expectancy_r": ("expectancy", "{:+.3f} R", "mean net R a trade"),
    "win_rate": ("win rate", "{:.1%}", "trades that ended above 0, after costs"),
    "profit_factor": ("profit factor", "{:.2f}", "money won over money lost"),
    "cvar_r": ("worst 5 % of trades", "{:+.2f} R", "their mean (CVaR)"),
    "max_drawdown_r": ("deepest fall", "{:+.1f} R", "of the running sum from its best"),
    "capture": ("capture", "{:.1%}", "of the best open profit that was kept"),
}


def _key_numbers(summary: dict[str, Any]) -> list[KeyNumber]:
    shown = []
    for name, (label, form, meaning) in _SHOWN.items():
        entry = summary.get(name)
        if not isinstance(entry, dict) or entry.get("value") is None:
            continue
        note = meaning
        if entry.get("low") is not None:
            note += f"; interval {form.format(entry['low'])} to {form.format(entry['high'])}"
        shown.append(KeyNumber(label, form.format(entry["value"]), note))
    return shown


def _tuned_page(folder: Path, source: str) -> PageContent:
    result = _read_json(folder / "tune.json")
    results = pd.read_csv(folder / "net_r.csv", dtype={"trade_id": str})
    results["entry_time"] = pd.to_datetime(results["entry_time"], utc=True)
    policies = pd.DataFrame(result["policies"])
    ladder = _ladder(folder)
    test_from = pd.Timestamp(result["test_from"])
    net_r = results.set_index("entry_time").drop(columns=["trade_id", "part", "fold"])
    low, high = result["interval"]
    pictures: list[Picture] = [ladder_picture_of(ladder)]
    pictures += policy_pictures(net_r, TUNED, board=policies, untouched_from=test_from)
    return PageContent(
        title="Tuned ladder",
        subtitle=(
            f"{result['n_training_final']:,} trades tuned on; {result['n_test']:,} scored in "
            f"{len(result['folds'])} parts, each once, from {test_from:%Y-%m-%d}"
        ),
        verdict=result["verdict"],
        verdict_text=result["verdict_text"],
        key_numbers=[
            KeyNumber(
                f"against {result['baseline']}",
                f"{result['difference_r']:+.3f} R",
                "a trade" + (f"; interval {low:+.3f} to {high:+.3f}" if low is not None else ""),
            )
        ],
        policies=policies,
        candidate=TUNED,
        tables=[fold_table(pd.DataFrame(result["folds"])), account_table(pd.DataFrame(result["continuous"]))],
        groups=[PictureGroup("The plan and what it is worth", pictures)],
        ladder_toml=(folder / "ladder.toml").read_text(encoding="utf-8"),
    )
