"""``exitladder tune``: a ladder tuned on the past and judged on trades it never saw."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import TradeFiles, bars_options, load_bars, load_trades, path_option, trades_options
from exitladder.cli.session import Session, example, session_command


@click.command("tune", epilog=example("exitladder tune --bars data/ --trades trades.csv --trials 200 --out tuned/"))
@bars_options
@trades_options("Trades (.csv or .parquet).")
@click.option(
    "--model",
    metavar="REF",
    help="Model for the ladder's exhaustion rung: run id, models:/NAME/VERSION or models:/NAME@alias.",
)
@path_option("--ladder", "Your own ladder (.toml), to be judged against.", required=False)
@click.option("--trials", type=click.IntRange(min=1), metavar="N", help="Candidate ladders (tuning.n_trials).")
@click.option(
    "--sampler",
    "tuning_sampler",
    metavar="NAME",
    help="How candidates are found: mixture, tpe, nsga2, cmaes, qmc or random.",
)
@click.option(
    "--storage",
    "tuning_storage",
    metavar="URL",
    help="Where studies are kept: sqlite:///PATH or postgresql://USER@HOST/DATABASE.",
)
@click.option(
    "--study", "tuning_study", metavar="NAME", help="Name of the study (tuning.study); without, one by its content."
)
@click.option("--fresh", is_flag=True, help="Begin anew: delete what is kept of these studies.")
@click.option(
    "--workers", "tuning_workers", type=click.IntRange(min=1), metavar="N", help="Processes that share the search."
)
@click.option(
    "--scheduler", "tuning_scheduler", metavar="ADDRESS", help="Dask scheduler whose workers look at candidates."
)
@path_option("--out", "Folder for ladder.toml, trials.csv, folds.csv, net_r.csv and more.")
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
    """Tune a ladder and judge it honestly.

    Walk-forward: tuned anew before each part of the later trades, each part scored once. The ladder tuned on all
    of them is written as ladder.toml, with every trial beside it.
    """
    from exitladder.pipelines.tune import tune
    from exitladder.plans.file import read_ladder

    market = load_bars(session, bars, repair, interval)
    result = tune(
        market,
        load_trades(session, trades, market),
        session.settings,
        model=model,
        ladder=read_ladder(ladder) if ladder else None,
        fresh=fresh,
        out=out,
        progress=session.progress,
    )
    session.emit(result.to_mapping())
