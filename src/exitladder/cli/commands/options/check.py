"""``exitladder options check``: the quotes of a file, counted."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import file_options
from exitladder.cli.session import Session, example, session_command


@click.command("check", epilog=example("exitladder options check quotes.parquet --underlying AAPL"))
@click.argument("quotes", type=click.Path(path_type=Path))
@click.option("--underlying", default="", metavar="SYMBOL", help="The underlying, if the file has no such column.")
@file_options
@session_command
def check(session: Session, quotes: Path, underlying: str) -> None:
    """Count the quotes of a file that can be bought, sold, or neither.

    A sale needs a bid, a purchase an ask. Crossed quotes, blanks and rows of zeros are no quotes. Inside bars whose
    highs and lows of bid and ask contradict each other, no limit order fills.
    """
    from exitladder.options.quote_files import read_quotes
    from exitladder.pipelines.options.check import checked_quotes

    found = checked_quotes(read_quotes(quotes, symbol=underlying, conventions=session.settings.data.conventions))
    session.show(found)
