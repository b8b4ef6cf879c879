"""``exitladder compare``: runs held against each other."""

from __future__ import annotations

import click

from exitladder.cli.session import Session, example, session_command


@click.command("compare", epilog=example("exitladder compare plain/ tuned/ --format json"))
@click.argument("sources", nargs=-1, required=True, metavar="A B ...")
@session_command
def command(session: Session, sources: tuple[str, ...]) -> None:
    """Compare runs trade by trade.

    Every later run against the first: difference, interval, p-value, verdict.

    A run is a run id, a folder that backtest has written, or its trades.csv.
    """
    import pandas as pd

    from exitladder.pipelines.compare import compare

    if len(sources) < 2:
        raise click.UsageError("Give at least two runs to compare.")
    found = compare(list(sources), session.settings)
    if session.form == "json":
        session.emit(found)
        return
    session.emit(pd.DataFrame(found["pairs"]))
    if session.form == "table":
        session.stdout.write("\n")
        session.emit(pd.DataFrame([{"source": name, **metrics} for name, metrics in found["sources"].items()]))
