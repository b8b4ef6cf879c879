"""``exitladder doctor``: check the project and its surroundings."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.session import Session, example, session_command


@click.command("doctor", epilog=example("exitladder doctor", "exitladder doctor --repair"))
@click.option("--repair", is_flag=True, help="Make safe repairs; a database that is replaced is kept.")
@session_command
def command(session: Session, repair: bool) -> int:
    """Check stores, runs, leftovers, versions, threads and caches.

    Exit code 1 if something is wrong. --repair closes runs whose process has ended and those that version 0.1 left
    open, sends runs that the store lacks, removes unfinished files of killed processes, and replaces a database that is
    incomplete or of an earlier MLflow.
    """
    import pandas as pd

    from exitladder.pipelines.doctor import doctor

    found = doctor(session.settings, Path(), repair=repair)
    mapping = found.to_mapping()
    session.show(mapping if session.form == "json" else pd.DataFrame(mapping["checks"]))
    return 0 if found.is_well else 1
