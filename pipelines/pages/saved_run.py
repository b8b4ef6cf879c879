"""The page of a backtest, built from the files of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.pipelines.backtest_summary import to_show
from exitladder.pipelines.comparison.books import acted_when
from exitladder.pipelines.pages.account import acted_table, book_tables, size_tables
from exitladder.pipelines.pages.exits import exit_tables
from exitladder.pipelines.pages.interactive.data import equity_data
from exitladder.pipelines.pages.page import KeyNumber, PageContent, PageTable, PictureGroup, Reproduction
from exitladder.pipelines.pages.tables import before_or_after, data_rows, limited_table, open_rows, unsaid_notes
from exitladder.pipelines.plots.pictures import account_picture, ladder_picture_of, policy_pictures, trades_pictures
from exitladder.pipelines.tracking.saved_files import read_json, read_saved_table
from exitladder.pipelines.tuning.policies import TUNED
from exitladder.pipelines.tuning.samples.labels import OUT_OF_SAMPLE
from exitladder.plans.file import read_ladder
from exitladder.plans.provenance import without_fingerprints


def backtest_page(folder: Path) -> PageContent:
    """Return the page of a backtest from the files in its folder."""
    texts = {"trade_id": str, "symbol": str}
    trades = read_saved_table(folder / "trades.csv", texts)
    fills = read_saved_table(folder / "fills.csv", {"trade_id": str})
    summary = read_json(folder / "summary.json")
    file = folder / "ladder.toml"
    # A walk-forward has a ladder for each part.
    ladder = read_ladder(file) if file.is_file() else None
    plans = [ladder] if ladder else [read_ladder(path) for path in sorted((folder / "folds").glob("*.toml"))]
    summary = to_show(summary, plans)
    # The name that the verdict and the measured exits use.
    name = ladder.name if ladder else TUNED
    n_rungs = len(ladder.rungs) if ladder else int(pd.to_numeric(fills["rung"]).fillna(0).max())
    done = trades.dropna(subset=["r"])
    net_r = pd.DataFrame({name: done["r"].to_numpy()}, index=pd.to_datetime(done["entry_time"], utc=True))
    counts = trades["status"].value_counts()
    return PageContent(
        title=f"Backtest of '{ladder.name}'" if ladder else "Backtest of the walk-forward ladders",
        subtitle=f"{len(trades):,} trades in {trades['symbol'].nunique()} symbols",
        verdict=summary.get("verdict") or "none",
        verdict_text=summary.get("verdict_text")
        or "The results of this ladder on these trades. To test whether it is better than another exit, use exitladder "
        "compare or exitladder tune.",
        key_numbers=key_numbers(summary),
        policies=_policies(name, summary),
        candidate=name,
        tables=[
            *limited_table(_limited(name, summary)),
            *size_tables(summary),
            *book_tables(summary),
            *exit_tables(summary),
        ],
        groups=[
            *([PictureGroup("The ladder", [ladder_picture_of(ladder)])] if ladder and ladder.rungs else []),
            *_book_group(folder),
            PictureGroup(
                "Results", policy_pictures(net_r.sort_index(), name, untouched_from=_untouched(done)), widget="equity"
            ),
            PictureGroup("Profit capture", trades_pictures(trades, fills, n_rungs)),
        ],
        data_notes=[
            *((str(kind), f"{int(n):,}") for kind, n in [*counts.items(), *_samples(trades)]),
            *open_rows(summary),
            *data_rows(summary.get("data", {})),
        ],
        warnings=unsaid_notes(summary),
        reproduction=_reproduction(summary),
        charts={"equity": equity_data(net_r.sort_index(), name, _untouched(done))} if len(done) else {},
        ladder_toml=without_fingerprints(file.read_text(encoding="utf-8")) if ladder else "",
    )


def _book_group(folder: Path) -> list[PictureGroup]:
    """Return the account of a book over time, with the limits that acted; nothing without a book with equity."""
    if not all((folder / name).is_file() for name in ("book.csv", "book_actions.csv")):
        return []
    curve, actions = (
        read_saved_table(folder / name, {"trade_id": str}).assign(
            close_time=lambda t: pd.to_datetime(t["close_time"], utc=True)
        )
        for name in ("book.csv", "book_actions.csv")
    )
    acted = acted_table(acted_when(actions))
    table = PageTable("Which limit acted when", "Closes at which it decided something.", acted) if len(acted) else None
    pictures = [account_picture(curve, actions)] if np.isfinite(curve["equity"]).all() and len(curve) else []
    return [PictureGroup("The book", pictures, table=table)] if pictures or table is not None else []


def _reproduction(summary: dict[str, Any]) -> Reproduction | None:
    """Return the command and the seed; nothing if the run was made from Python or by an older version."""
    command = summary.get("command")
    return Reproduction(command, int(summary["resampling"]["seed"])) if command else None


def _policies(ladder: str, summary: dict[str, Any]) -> pd.DataFrame:
    """Return the ladder and the exits beside it, one row each; empty before version 0.2."""
    rows = []
    for name, entry in _exits(ladder, summary):
        mean, against = entry["expectancy_r"], entry.get("difference_r") or {}
        rows.append(
            {
                "policy": name,
                "n_trades": entry["n_trades"],
                "expectancy_r": mean["value"],
                "expectancy_low": mean["low"],
                "expectancy_high": mean["high"],
                "difference_r": against.get("value"),
                "low": against.get("low"),
                "high": against.get("high"),
                **{key: entry.get(key) for key in ("p_adjusted", *_TAKEN)},
            }
        )
    return pd.DataFrame(rows) if len(rows) > 1 else pd.DataFrame()


def _limited(ladder: str, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one account with limits under the ladder and under each exit beside it; nothing without a limit."""
    return [{"policy": name, **found["account"]} for name, found in _exits(ladder, summary) if found.get("account")]


def _exits(ladder: str, summary: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the ladder and the exits beside it by name; a ladder that stands for own exits is one of them."""
    return [(ladder, summary), *((k, v) for k, v in summary.get("beside", {}).items() if k != ladder)]


def _untouched(trades: pd.DataFrame) -> pd.Timestamp | None:
    """Return the entry after which every trade is out of sample, None if all are or none is."""
    if "sample" not in trades:
        return None
    time = pd.to_datetime(trades["entry_time"], utc=True)
    seen = time[(trades["sample"] != OUT_OF_SAMPLE).to_numpy()]
    later = time[time > seen.max()] if len(seen) else seen
    return pd.Timestamp(later.min()) if len(later) else None


def _samples(trades: pd.DataFrame) -> list[tuple[str, int]]:
    if "sample" not in trades:
        return []
    return [(str(name).replace("_", " "), int(n)) for name, n in trades["sample"].value_counts().items()]


# time, capital and drawdown of each exit
_TAKEN = ("bars_in_market", "r_per_bar", "max_open", "capital_used", "max_drawdown_account_r")
SHOWN = {
    "expectancy_r": ("expectancy per trade", "{:+.3f} R", "mean net R"),
    "win_rate": ("win rate", "{:.1%}", "trades with a net gain, after costs"),
    "profit_factor": ("profit factor", "{:.2f}", "gains divided by losses"),
    "cvar_5_r": ("worst 5% of trades", "{:+.2f} R", "mean (CVaR)"),
    "max_drawdown_r": ("drawdown booked at exits", "{:+.1f} R", "whole trades in order of their exits"),
    "mean_capture": ("profit capture", "{:.1%}", "of the best open profit (MFE)"),
}


def key_numbers(summary: dict[str, Any]) -> list[KeyNumber]:
    """Return the key numbers of a backtest; what an older version did not save is left out."""
    confidence = summary.get("resampling", {}).get("confidence")
    percent = "" if confidence is None else f"{100 * confidence:.4g}% "
    shown = []
    for name, (label, form, meaning) in SHOWN.items():
        entry = summary.get(name)
        if not isinstance(entry, dict) or entry.get("value") is None:
            continue
        note = before_or_after(meaning, summary)
        if entry.get("low") is not None:
            ends = (form.removesuffix(" R").format(entry[end]) for end in ("low", "high"))
            note += f"; {percent}CI [{', '.join(ends)}]"
        shown.append(KeyNumber(label, form.format(entry["value"]), note))
        fall = summary.get("max_drawdown_account_r")
        if name == "max_drawdown_r" and fall is not None:
            shown.append(
                KeyNumber(
                    "account drawdown",
                    f"{fall:+.1f} R",
                    "marked at every close, 1R per trade; verdicts speak of this one",
                )
            )
    return shown
