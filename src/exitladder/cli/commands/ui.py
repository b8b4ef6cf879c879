"""``exitladder ui``: MLflow's page on the project's runs."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.session import Session, example, session_command


@click.command("ui", epilog=example("exitladder ui --port 5001"))
@click.option("--port", type=click.IntRange(0, 65_535), default=5000, show_default=True, help="0 takes a free one.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; the default is this machine only."
)
@click.option("--open/--no-open", "is_opened", default=True, show_default=True, help="Open the page in the browser.")
@session_command
def command(session: Session, port: int, host: str, is_opened: bool) -> None:
    """Open MLflow's page on the runs.

    It is served until Ctrl-C.
    """
    from exitladder.pipelines.dashboards.mlflow import serve

    serve(Path(session.settings.tracking.store), host, port, open_browser=is_opened)
