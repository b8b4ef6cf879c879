"""``exitladder compare``: paired comparison of runs."""

from __future__ import annotations

import click

from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command


@click.command("compare", epilog=example("exitladder compare plain/ tuned/ --format json"))
@click.argument("sources", nargs=-1, required=True, metavar="A B ...")
@session_command
def command(session: Session, sources: tuple[str, ...]) -> None:
    """Compare runs trade by trade.

    Compares every other run with the first: difference, confidence interval, p-value, verdict.

    A run is a run id, an output folder of backtest, or its trades.csv.
    """
    import pandas as pd

    from exitladder.pipelines.compare import compare

    if len(sources) < 2:
        raise click.UsageError("Give at least two runs to compare.")
    found = compare(list(sources), session.settings, session.progress)
    if session.form == "json":
        session.emit(found)
        return
    if session.form == "table":
        from exitladder.cli.screens.compare import compare_screen

        session.write(compare_screen(found, width_of(session.stdout)))
        return
    session.emit(pd.DataFrame(found["pairs"]).drop(columns="terms_differ"))
