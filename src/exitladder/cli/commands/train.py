"""``exitladder train``: train the exhaustion model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exitladder.cli.inputs import (
    TradeFiles,
    load_bars_and_trades,
    path_option,
    reading_options,
    refuse_as_traded,
    trades_options,
)
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command

if TYPE_CHECKING:
    from exitladder.bars.bars import BarSet
    from exitladder.trades.trades import Trades


@click.command(
    "train",
    epilog=example("exitladder train --bars data/ --trades trades.csv --settings exitladder.toml --format json"),
)
@path_option("--bars", "Bars: a file or a folder of files.", required=False)
@reading_options
@trades_options("Trades (.csv or .parquet).", required=False)
@click.option(
    "--book",
    "books",
    type=(str, click.Path(path_type=Path), click.Path(path_type=Path)),
    multiple=True,
    metavar="NAME BARS TRADES",
    help="A book of a pooled model, in place of --bars and --trades; give it once for each book.",
)
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
    bars: Path | None,
    repair: bool,
    interval: str | None,
    trades: TradeFiles | None,
    books: tuple[tuple[str, Path, Path], ...],
    with_labels: bool,
    with_paths: bool,
) -> None:
    """Train the exhaustion model.

    Tracks the run, registers the model and stores its model card (model_card.html). Prints the model's REF, its
    performance against simple baselines, and the result of the leak check.
    """
    from exitladder.pipelines.train import train

    session, market, entered = _loaded(session, bars, trades, books, repair, interval)
    result = train(
        market, entered, session.settings, with_labels=with_labels, with_paths=with_paths,
        books=tuple(name for name, _, _ in books), command=session.command, progress=session.progress,
    )  # fmt: skip
    shown = result.to_mapping()
    if session.form == "table" and not (with_labels or with_paths):
        from exitladder.cli.screens.train import train_screen

        session.write(train_screen(shown, width_of(session.stdout)))
        return
    session.emit(shown)


def _loaded(
    session: Session,
    bars: Path | None,
    trades: TradeFiles | None,
    books: tuple[tuple[str, Path, Path], ...],
    repair: bool,
    interval: str | None,
) -> tuple[Session, BarSet, Trades]:
    """Return one book, or several pooled, and the session with the settings for them."""
    if not books:
        if bars is None or trades is None:
            raise click.UsageError("Give --bars and --trades, or --book NAME BARS TRADES once for each book of a pool.")
        return load_bars_and_trades(session, bars, trades, repair, interval)
    if bars is not None or trades is not None:
        raise click.UsageError("Give either --bars and --trades, or --book for every book of a pool.")
    from exitladder.pipelines.inputs.books import Book, pooled

    found = []
    for name, path, file in books:
        own, market, entered = load_bars_and_trades(session, path, TradeFiles(file), repair, interval)
        refuse_as_traded(session, own, name)
        found.append(Book(name, market, entered))
    every, entered, settings = pooled(found, session.settings)
    return replace(session, settings=settings), every, entered
