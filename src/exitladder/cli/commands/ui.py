"""``exitladder ui``: the MLflow UI for the project's runs."""

from __future__ import annotations

import click

from exitladder.cli.session import Session, example, session_command


@click.command("ui", epilog=example("exitladder ui --port 5001"))
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=5000, show_default=True, help="Port; 0 selects a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; the default is local only.")
@click.option("--open/--no-open", "is_opened", default=True, show_default=True, help="Open the UI in the browser.")
@session_command
def command(session: Session, port: int, host: str, is_opened: bool) -> None:
    """Open the MLflow UI for the project's runs.

    Stop it with Ctrl-C.
    """
    from exitladder.pipelines.dashboards.mlflow import serve
    from exitladder.pipelines.tracking.address import chosen_store

    tracking = session.settings.tracking
    serve(chosen_store(tracking.store, tracking.folder), host, port, open_browser=is_opened)
