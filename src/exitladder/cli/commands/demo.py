"""``exitladder demo``: the whole workflow on sample data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.inputs import out_option
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command

if TYPE_CHECKING:
    import pandas as pd


@click.command("demo", epilog=example("exitladder demo --out demo/"))
@out_option("Folder for the page and the files.", "folder", default=Path("exitladder-demo"))
@click.option(
    "--trials", type=click.IntRange(min=1), metavar="N", help="Number of candidate ladders (tuning.n_trials)."
)
@session_command
def command(session: Session, out: Path) -> None:
    """Run the whole workflow on sample data.

    Bars, entries by a built-in rule, features, the exhaustion model, a tuned ladder evaluated out of sample, and
    advice on open trades. A second act does the same on a generated market with a planted exhaustion, to show what a
    model with an edge looks like. Writes pages and files, and tracks the run on the sample.
    """
    from exitladder.pipelines.demo import PLANTED_TEXT, demo
    from exitladder.pipelines.tuning.policies import SIMPLEST, TUNED, WITHOUT_MODEL

    result = demo(out, session.settings, command=session.command, progress=session.progress)
    if session.form == "json":
        session.emit(result.to_mapping())
        return
    if session.form == "csv":
        session.emit(result.summary_frame())
        return
    from exitladder.cli.screens.parts import short_verdict
    from exitladder.cli.screens.tune import policies_text

    width = width_of(session.stdout)
    session.write(
        f"Act 1 of 2, five US shares: {result.recommendation}\n\n"
        f"{policies_text(_rows(result.summary_frame()), width)}\n"
        f"{short_verdict(result.verdict)}\n\n"
    )
    tuned = result.planted.tuned
    rows = [row for row in _rows(tuned.scoreboard.table) if row["policy"] in (TUNED, WITHOUT_MODEL, SIMPLEST)]
    session.write(
        f"Act 2 of 2, a planted market: {tuned.recommended.sentence}\n\n{policies_text(rows, width)}\n"
        f"{short_verdict(tuned.verdict.text)}\n\n{PLANTED_TEXT}\n\n"
        f"Pages: {result.page}, {result.planted.page}\nRun: {result.run_id} (view it with exitladder ui)\n"
    )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
