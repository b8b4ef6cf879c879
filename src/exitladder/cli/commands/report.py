"""``exitladder report``: a run as one page."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import path_option
from exitladder.cli.session import Session, example, session_command


@click.command("report", epilog=example("exitladder report tuned/ --out tuned.html"))
@click.argument("source")
@path_option("--out", "The page (.html).")
@session_command
def command(session: Session, source: str, out: Path) -> None:
    """Write the page of a run.

    It is one HTML file that opens without a network. SOURCE is a run id, or a folder that backtest or tune has written.
    Of a training run the page is the model's card.
    """
    from exitladder.pipelines.report import report

    session.emit({"page": str(report(source, out, session.settings))})
