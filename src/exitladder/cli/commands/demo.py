"""``exitladder demo``: the whole workflow on sample data."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import out_option
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command


@click.command("demo", epilog=example("exitladder demo --out demo/"))
@out_option("Folder for the page and the files.", "folder", default=Path("exitladder-demo"))
@click.option(
    "--trials", type=click.IntRange(min=1), metavar="N", help="Number of candidate ladders (tuning.n_trials)."
)
@session_command
def command(session: Session, out: Path) -> None:
    """Run the whole workflow on sample data.

    Bars, entries by a built-in rule, features, the exhaustion model, a tuned ladder evaluated out of sample, and
    advice on open trades. Writes a page and files, and tracks the run.
    """
    from exitladder.pipelines.demo import demo

    result = demo(out, session.settings, command=session.command, progress=session.progress)
    if session.form == "json":
        session.emit(result.to_mapping())
        return
    if session.form == "csv":
        session.emit(result.summary_frame())
        return
    from exitladder.cli.screens.parts import short_verdict
    from exitladder.cli.screens.tune import policies_text

    policies = [{str(k): v for k, v in row.items()} for row in result.summary_frame().to_dict("records")]
    session.write(
        f"{result.recommendation}\n\n{policies_text(policies, width_of(session.stdout))}\n"
        f"{short_verdict(result.verdict)}\n\nPage: {result.page}\nRun: {result.run_id} (view it with exitladder ui)\n"
    )
