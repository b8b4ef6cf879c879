"""``exitladder tune``: tune a ladder and evaluate it out of sample."""

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


@click.command("tune", epilog=example("exitladder tune --bars data/ --trades trades.csv --trials 200 --out tuned/"))
@bars_options
@trades_options("Trades (.csv or .parquet).")
@click.option(
    "--model",
    metavar="REF",
    help="Model that the candidates may use: run id, models:/NAME/VERSION or models:/NAME@alias.",
)
@path_option("--ladder", "Your own ladder (.toml), as an additional baseline.", required=False)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of candidates (tuning.n_trials; of a book tuning.book_trials).",
)
@click.option(
    "--sampler",
    "tuning_sampler",
    metavar="NAME",
    help="Sampler: mixture, tpe, nsga2, cmaes, qmc or random.",
)
@click.option(
    "--storage",
    "tuning_storage",
    metavar="URL",
    help="Storage of the studies: sqlite:///PATH or postgresql://USER@HOST/DATABASE.",
)
@click.option(
    "--study",
    "tuning_study",
    metavar="NAME",
    help="Name of the study (tuning.study); default: derived from its content.",
)
@click.option("--fresh", is_flag=True, help="Start over: delete the stored trials of these studies.")
@click.option(
    "--workers", "tuning_workers", type=click.IntRange(min=1), metavar="N", help="Number of worker processes."
)
@click.option(
    "--scheduler", "tuning_scheduler", metavar="ADDRESS", help="Dask scheduler whose workers evaluate candidates."
)
@out_option("Folder for recommended.toml, ladder.toml, folds/, trials.csv, net_r.csv and more.", "folder")
@session_command
def command(
    session: Session,
    bars: Path,
    repair: bool,
    interval: str | None,
    trades: TradeFiles,
    model: str | None,
    ladder: Path | None,
    fresh: bool,
    out: Path,
) -> None:
    """Tune a ladder and evaluate it out of sample.

    Walk-forward: tunes the ladder again before each part of the later trades and scores each part once. Then tunes
    on all trades and writes that ladder to ladder.toml, with every trial in trials.csv.

    Ends with a recommendation, written to recommended.toml: keep your own exits, use a simple exit, or use the
    tuned ladder. With --model it may also be an exit that reads the model.

    With a plan that has a book, limits or a target (--ladder), the exits stay and the numbers of the book are tuned.
    """
    from exitladder.pipelines.tune import tune, tune_numbers
    from exitladder.plans.file import read_plan

    session, market, known = load_bars_and_trades(session, bars, trades, repair, interval)
    own = read_plan(ladder) if ladder else None
    how: dict[str, Any] = {"model": model, "out": out, "command": session.command, "progress": session.progress}
    if own is not None and own.shares_account:
        if fresh:
            session.warn("--fresh has no effect on a book: its trials are not kept.")
        shown = tune_numbers(market, known, session.settings, plan=own, **how).to_mapping()
    else:
        shown = tune(market, known, session.settings, ladder=own, fresh=fresh, **how).to_mapping()
    if session.form == "table":
        from exitladder.cli.screens.tune import tune_screen
        from exitladder.cli.screens.tuned_book import tuned_book_screen

        screen = tuned_book_screen if shown.get("kind") == "book" else tune_screen
        session.write(screen(shown, str(out), width_of(session.stdout)))
        return
    session.emit(shown)
