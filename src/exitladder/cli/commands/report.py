"""``exitladder report``: the HTML page of a run."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import out_option
from exitladder.cli.session import Session, example, session_command


@click.command("report", epilog=example("exitladder report tuned/ --out tuned.html"))
@click.argument("source")
@out_option("Output file (.html).", endings=(".html", ".htm"))
@session_command
def command(session: Session, source: str, out: Path) -> None:
    """Write the page of a run.

    Writes a single self-contained HTML file. SOURCE is a run id or an output folder of backtest, options backtest or
    tune. The page of a training run is the model card, that of a run of score or options score its orders.
    """
    from exitladder.pipelines.report import report

    session.show({"page": str(report(source, out, session.settings, session.progress))})
