"""``exitladder features``: the features at every bar's close, as a table."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import load_bars, out_option, path_option, reading_options
from exitladder.cli.session import Session, example, session_command
from exitladder.files.places import TABLES


@click.command(
    "features",
    epilog=example(
        "exitladder features --bars data/ --set default --out features.parquet",
        "exitladder features --describe",
        "exitladder features --bars data/ --set all --workers 4 --out features.parquet",
    ),
)
@path_option("--bars", "Bars: a file or a folder of files.", required=False)
@reading_options
@click.option(
    "--side", type=click.Choice(["long", "short"]), default="long", show_default=True, help="Side of the trade."
)
@click.option("--describe", "is_describing", is_flag=True, help="Print the catalogue: formula, unit, warm-up, source.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Worker processes; symbols are split."
)
@click.option("--scheduler", metavar="ADDRESS", default="", help="Dask scheduler whose workers split the symbols.")
@out_option("Output file (.parquet or .csv); default: stdout.", endings=TABLES, required=False)
@session_command(takes_names=True)
def command(
    session: Session,
    names: tuple[str, ...],
    bars: Path | None,
    repair: bool,
    interval: str | None,
    side: str,
    is_describing: bool,
    workers: int,
    scheduler: str,
    out: Path | None,
) -> None:
    """Compute the features at every bar's close.

    The table has symbol, timestamp (the bar's start) and one column per feature.

    --set also accepts the name of a feature, a family or a set; --describe lists them.
    """
    from exitladder.features import describe_catalogue, feature_set_of, features_frame
    from exitladder.files.output import write_table

    if is_describing:
        session.show(describe_catalogue(names))
        return
    if bars is None:
        raise click.UsageError("Missing option '--bars'.")
    if scheduler and workers > 1:
        raise click.UsageError("Give --workers or --scheduler, not both: a cluster has its own workers.")
    read = load_bars(session, bars, repair, interval)
    wanted = feature_set_of(session.settings, read, names or None)
    table = features_frame(read, wanted, 1 if side == "long" else -1, workers=workers, scheduler=scheduler)
    if out is None:
        session.emit(table)
        return
    write_table(table, out)
    session.show({"file": str(out), "n_rows": len(table), "n_features": table.shape[1] - 2})
