"""``exitladder features``: what is known at every bar's close, as a table."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import load_bars, path_option, reading_options
from exitladder.cli.session import Session, example, session_command


@click.command(
    "features",
    epilog=example(
        "exitladder features --bars data/ --set default --out features.parquet", "exitladder features --list"
    ),
)
@path_option("--bars", "Bars: a file, or a folder of files.", required=False)
@reading_options
@click.option("--side", type=click.Choice(["long", "short"]), default="long", show_default=True, help="Whose view.")
@click.option("--list", "is_list", is_flag=True, help="List all features and what they mean.")
@path_option("--out", "File (.parquet or .csv); without it the table goes to stdout.", required=False)
@session_command(takes_names=True)
def command(
    session: Session,
    names: tuple[str, ...],
    bars: Path | None,
    repair: bool,
    interval: str | None,
    side: str,
    is_list: bool,
    out: Path | None,
) -> None:
    """Write what is known at every bar's close.

    The table has symbol, timestamp (the bar's start) and one column a feature.

    --set also takes the name of a feature, of a family or of a set; --list shows them.
    """
    from exitladder.features import FeatureSet, describe_catalogue, features_frame
    from exitladder.output_files import write_table

    if is_list:
        session.emit(describe_catalogue())
        return
    if bars is None:
        raise click.UsageError("Missing option '--bars'.")
    wanted = FeatureSet.from_names(names or session.settings.features.names)
    table = features_frame(load_bars(session, bars, repair, interval), wanted, 1 if side == "long" else -1)
    if out is None:
        session.emit(table)
        return
    write_table(table, out)
    session.emit({"file": str(out), "n_rows": len(table), "n_features": table.shape[1] - 2})
