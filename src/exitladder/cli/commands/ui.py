"""``exitladder ui``: MLflow's page for the project's runs, and Optuna's dashboard for its studies."""

from __future__ import annotations

import click

from exitladder.cli.session import Session, example, session_command


@click.command("ui", epilog=example("exitladder ui --port 5001"))
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=5000, show_default=True, help="Port; 0 selects a free one."
)
@click.option(
    "--studies-port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    help="Port of Optuna's dashboard; 0 selects a free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; the default is local only.")
@click.option("--open/--no-open", "is_opened", default=True, show_default=True, help="Open the pages in the browser.")
@session_command
def command(session: Session, port: int, studies_port: int, host: str, is_opened: bool) -> None:
    """Open the runs in MLflow and the searches in Optuna's dashboard.

    The dashboard needs an extra: pip install 'exitladder[ui]'. Without it, or without studies, only the MLflow UI
    opens. Ctrl-C stops both.
    """
    from exitladder.pipelines.dashboards.mlflow import serve
    from exitladder.pipelines.dashboards.optuna import studies_to_show
    from exitladder.pipelines.tracking.address import chosen_store

    tracking = session.settings.tracking
    studies, reason = studies_to_show(session.settings.tuning, tracking, studies_port)
    if reason:
        session.say(reason)
    serve(chosen_store(tracking.store, tracking.folder), host, port, open_browser=is_opened, studies=studies)
