"""``exitladder tune``: tune a ladder and evaluate it out of sample."""

from __future__ import annotations

from pathlib import Path

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
    "--trials", type=click.IntRange(min=1), metavar="N", help="Number of candidate ladders (tuning.n_trials)."
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
    """
    from exitladder.pipelines.tune import tune
    from exitladder.plans.file import read_plan

    session, market, known = load_bars_and_trades(session, bars, trades, repair, interval)
    result = tune(
        market,
        known,
        session.settings,
        model=model,
        ladder=read_plan(ladder) if ladder else None,
        fresh=fresh,
        out=out,
        command=session.command,
        progress=session.progress,
    )
    shown = result.to_mapping()
    if session.form == "table":
        from exitladder.cli.screens.tune import tune_screen

        session.write(tune_screen(shown, str(out), width_of(session.stdout)))
        return
    session.emit(shown)
