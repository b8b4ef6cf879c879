"""``exitladder promote``: champion and challenger, by a gate that was set beforehand."""

from __future__ import annotations

import click

from exitladder.cli.session import Session, example, session_command


@click.command(
    "promote",
    epilog=example(
        "exitladder promote 4f1c2a --as challenger",
        'exitladder promote 4f1c2a --as champion --because "agreed on Monday"',
        "exitladder promote --rollback",
        "exitladder promote --history",
    ),
)
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--as", "alias", type=click.Choice(["champion", "challenger"]), help="Alias that the run gets.")
@click.option("--because", default="", metavar="TEXT", help="Reason to promote a run that fails the gate.")
@click.option("--rollback", "is_back", is_flag=True, help="Give the alias back to the run that had it before.")
@click.option("--history", "is_history", is_flag=True, help="Show every change of an alias, newest first.")
@session_command
def command(
    session: Session, run: str | None, alias: str | None, because: str, is_back: bool, is_history: bool
) -> None:
    """Make a run the champion or the challenger.

    A champion must pass the gate of [promotion], which must have been set before the run was made. RUN is a run of
    train (a model) or of tune or backtest (an exit), by its id or name, or as the output folder of tune.
    --model champion then names the model in every command, and score with it lets the challenger predict in the
    shadow. With --rollback and --history, --as is champion by default and all aliases.
    """
    from exitladder.pipelines.promote import promote, promotion_history, rollback

    if sum((run is not None, is_back, is_history)) != 1:
        raise click.UsageError("Give a RUN with --as, or --rollback, or --history.")
    if is_history:
        rows = promotion_history(session.settings, alias or "")
        if session.form != "table":
            session.emit(rows)
            return
        from exitladder.cli.screens.promote import history_screen

        session.write(history_screen(rows))
        return
    if run is not None and alias is None:
        raise click.UsageError("Say what the run becomes: --as champion or --as challenger.")
    if run is not None and alias is not None:
        result = promote(run, session.settings, alias=alias, because=because)
    else:
        result = rollback(session.settings, alias=alias or "champion", because=because)
    if session.form != "table":
        session.emit(result.to_mapping())
        return
    from exitladder.cli.screen import width_of
    from exitladder.cli.screens.promote import promote_screen

    session.write(promote_screen(result.to_mapping(), width_of(session.stdout)))
