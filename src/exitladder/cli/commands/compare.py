"""``exitladder compare``: paired comparison of runs, ladders, own exits and models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exitladder.cli.inputs import (
    TradeFiles,
    load_bars,
    load_bars_and_trades,
    out_option,
    path_option,
    reading_options,
    trades_options,
)
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command


@click.command(
    "compare",
    epilog=example(
        "exitladder compare plain/ tuned/ --out comparison.html",
        "exitladder compare own classic.toml tuned/ladder.toml --bars data/ --trades trades.csv",
        "exitladder compare models:/mine/1 models:/mine/2 --bars data/ --trades trades.csv",
    ),
)
@click.argument("sources", nargs=-1, required=True, metavar="A B ...")
@path_option("--bars", "Bars: for ladders, own exits, models, and the volatility regimes of runs.", required=False)
@reading_options
@trades_options("Trades (.csv or .parquet): for ladders, own exits and models.", required=False)
@click.option(
    "--allow-differences",
    is_flag=True,
    help="Compare although costs, bars, account, entry prices or risk differ; the verdict names what does.",
)
@out_option("Page of the comparison (.html), or all its numbers (.json).", endings=(".html", ".json"), required=False)
@session_command
def command(
    session: Session,
    sources: tuple[str, ...],
    bars: Path | None,
    repair: bool,
    interval: str | None,
    trades: TradeFiles | None,
    allow_differences: bool,
    out: Path | None,
) -> None:
    """Compare runs, ladders, own exits or models, trade by trade.

    Each is compared with the first: exits on the same entries, and beside that in one account with limited capital.
    Each difference has a confidence interval; trades that a ladder was tuned on are left out.

    A and B are run ids, output folders of backtest or tune, their trades.csv, or, with --bars and --trades, ladders
    (.toml), the word own for your own exits, or models. Folders of options backtest are compared with each other.
    """
    import pandas as pd

    from exitladder.pipelines.compare import compare

    if len(sources) < 2:
        raise click.UsageError("Give at least two runs to compare.")
    more: dict[str, Any] = {"allows_differences": allow_differences}
    if trades is not None:
        if bars is None:
            raise click.UsageError("--trades needs --bars.")
        session, more["bars"], more["trades"] = load_bars_and_trades(session, bars, trades, repair, interval)
    elif bars is not None:
        more["bars"] = load_bars(session, bars, repair, interval)
    found = compare(list(sources), session.settings, session.progress, **more)
    if out is not None:
        _write(found, out, session)
    if session.form == "json":
        session.emit(found)
        return
    if session.form == "table":
        from exitladder.cli.screens.compare import compare_screen

        session.write(compare_screen(found, width_of(session.stdout)))
        return
    nested = ("terms_differ", "measures", "account", "by", "decisive", "log_loss", "calibration_error", "value")
    session.emit(pd.DataFrame(found["pairs"]).drop(columns=list(nested), errors="ignore"))


def _write(found: dict[str, Any], out: Path, session: Session) -> None:
    from exitladder.files.output import write_json, write_text

    if out.suffix == ".json":
        write_json(found, out)
        return
    from exitladder.pipelines.pages.comparison import comparison_html

    write_text(comparison_html(found, command=session.command, seed=session.settings.project.seed), out)
