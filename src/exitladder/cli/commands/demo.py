"""``exitladder demo``: the main job on sample data."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.session import Session, example, session_command


@click.command("demo", epilog=example("exitladder demo --out demo/"))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("exitladder-demo"),
    show_default=True,
    metavar="DIR",
    help="Folder for the page and the files.",
)
@click.option("--trials", type=click.IntRange(min=1), metavar="N", help="Candidate ladders (tuning.n_trials).")
@session_command
def command(session: Session, out: Path) -> None:
    """Run the whole main job on sample data.

    Bars, entries by a named rule, features, the exhaustion model, a tuned ladder judged on trades it never
    saw, and advice on what is open: shown as a page, kept as files and tracked.
    """
    from exitladder.pipelines.demo import demo

    result = demo(out, session.settings, command=session.command, progress=session.progress)
    if session.form == "json":
        session.emit(result.to_mapping())
        return
    session.emit(result.summary_frame())
    if session.form == "table":
        session.stdout.write(
            f"\n{result.verdict}\n\nThe page: {result.page}\nThe run: {result.run_id} (exitladder ui shows it)\n"
        )
