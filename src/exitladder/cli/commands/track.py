"""``exitladder track``: the tracked runs, and those that the store lacks."""

from __future__ import annotations

import click

from exitladder.cli.session import Session, example, session_command


@click.command("track", epilog=example("exitladder track --sync", "exitladder track --format csv"))
@click.option("--sync", "is_syncing", is_flag=True, help="Send the runs that the store lacks, each once.")
@session_command
def command(session: Session, is_syncing: bool) -> None:
    """List the recorded runs, or send them to the store.

    Runs are recorded in a folder first and sent to the store (tracking.store) in the background. If the store was
    unreachable, --sync sends the missing runs. Each run is sent once, even if several folders send at the same time.
    """
    from exitladder.errors import TrackingError
    from exitladder.pipelines.tracking.address import chosen_store
    from exitladder.pipelines.tracking.record import close_stale
    from exitladder.pipelines.tracking.runs import runs_frame

    address = chosen_store(session.settings.tracking.store, session.settings.tracking.folder)
    close_stale(address.home)
    if not is_syncing:
        frame = runs_frame(address)
        if session.form != "table":
            session.emit(frame)
            return
        from exitladder.cli.screens.track import track_screen

        session.write(track_screen(frame, str(address)))
        return
    from exitladder.pipelines.tracking.sync import sync

    report = sync(address)
    if report.failed:
        reason = next(iter(report.failed.values()))
        raise TrackingError(
            f"The store {address} took {len(report.sent)} runs, but not {len(report.failed)} others: {reason}. Correct "
            "the cause and repeat the command."
        )
    session.show({"store": str(address), "sent": len(report.sent), "present": len(report.present)})
