"""``exitladder run``: the whole workflow on your own bars and trades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exitladder.cli.inputs import (
    TradeFiles,
    bars_options,
    load_bars_and_trades,
    out_option,
    path_option,
    trades_options,
)
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command


@click.command("run", epilog=example("exitladder run --bars data/ --trades trades.csv --out result/"))
@bars_options
@trades_options("Trades (.csv or .parquet); open ones get orders.")
@path_option("--ladder", "Your own ladder (.toml), as an additional baseline.", required=False)
@click.option(
    "--trials", type=click.IntRange(min=1), metavar="N", help="Number of candidate ladders (tuning.n_trials)."
)
@out_option("Folder for the pages and the files; index.html is the summary.", "folder")
@session_command
def command(
    session: Session,
    bars: Path,
    repair: bool,
    interval: str | None,
    trades: TradeFiles,
    ladder: Path | None,
    out: Path,
) -> None:
    """Run the whole workflow on your own bars and trades.

    Checks the data, trains the model, tunes a ladder walk-forward, backtests the recommended exit, compares the tuned
    ladders with your own exits, and lists the orders of open trades. Writes one page for each and a summary, the same
    files as the single commands, and tracks the runs.
    """
    from exitladder.pipelines.books.run import PARTS as PARTS_OF_BOOK
    from exitladder.pipelines.books.run import run_book
    from exitladder.pipelines.run import PARTS, run
    from exitladder.plans.file import read_plan

    own = read_plan(ladder) if ladder else None
    parts = PARTS_OF_BOOK if own is not None and own.shares_account else PARTS
    session.say(f"part 1 of {len(parts) + 1}: read and check bars and trades")
    session, market, known = load_bars_and_trades(session, bars, trades, repair, interval)
    how: dict[str, Any] = {
        "out": out, "command": session.command, "tell": session.say, "progress": session.progress
    }  # fmt: skip
    if own is not None and own.shares_account:
        shown = run_book(market, known, session.settings, plan=own, **how).to_mapping()
    else:
        shown = run(market, known, session.settings, ladder=own, **how).to_mapping()
    if session.form == "table":
        from exitladder.cli.screens.run import run_book_screen, run_screen

        screen = run_book_screen if shown.get("kind") == "book" else run_screen
        session.write(screen(shown, str(out), width_of(session.stdout)))
        return
    session.emit(shown)
