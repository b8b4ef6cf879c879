"""``exitladder train``: train the exhaustion model."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import TradeFiles, bars_options, load_bars_and_trades, trades_options
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command


@click.command(
    "train",
    epilog=example("exitladder train --bars data/ --trades trades.csv --settings exitladder.toml --format json"),
)
@bars_options
@trades_options("Trades (.csv or .parquet).")
@click.option(
    "--compare-labels",
    "with_labels",
    is_flag=True,
    help="Also train on every other label and print the out-of-fold value of each.",
)
@click.option(
    "--paths",
    "with_paths",
    is_flag=True,
    help="Also evaluate the model on the five paths of combinatorial purged cross-validation.",
)
@click.option(
    "--scheduler",
    "model_scheduler",
    metavar="ADDRESS",
    help="Dask scheduler whose workers train if the rows exceed memory.",
)
@session_command
def command(
    session: Session,
    bars: Path,
    repair: bool,
    interval: str | None,
    trades: TradeFiles,
    with_labels: bool,
    with_paths: bool,
) -> None:
    """Train the exhaustion model.

    Tracks the run, registers the model and stores its model card (model_card.html). Prints the model's REF, its
    performance against simple baselines, and the result of the leak check.
    """
    from exitladder.pipelines.train import train

    session, market, book = load_bars_and_trades(session, bars, trades, repair, interval)
    result = train(
        market, book, session.settings, with_labels=with_labels, with_paths=with_paths, progress=session.progress
    )
    shown = result.to_mapping()
    if session.form == "table" and not (with_labels or with_paths):
        from exitladder.cli.screens.train import train_screen

        session.write(train_screen(shown, width_of(session.stdout)))
        return
    session.emit(shown)
