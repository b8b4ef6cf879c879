"""``exitladder init``: create a project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from exitladder.cli.inputs import path_option
from exitladder.cli.session import Session, example, session_command


@click.command("init", epilog=example("exitladder init my-project", "exitladder init my-project --bars data/"))
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@path_option("--bars", "Bars whose tick and lot are proposed for the settings: a file or a folder.", required=False)
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@session_command
def command(session: Session, folder: Path, bars: Path | None, force: bool) -> None:
    """Start a project: its settings and a ladder.

    Writes exitladder.toml, with every setting explained, and ladder.toml into a folder, here by default. With --bars
    it proposes a [symbols] table with the tick and lot that the bars show; add multiplier, currency and session.
    """
    from exitladder.errors import OutputFileError
    from exitladder.files.output import write_folder
    from exitladder.settings.template import LADDER_TOML, settings_toml

    settings, ladder = session.settings, LADDER_TOML
    if bars is not None:
        from exitladder.bars.reading import read_bars
        from exitladder.settings.proposal import ladder_with_steps, propose_contracts

        found, _ = read_bars(bars, tz=settings.data.tz, adjust="none")
        settings = replace(settings, symbols=propose_contracts(found, settings.symbols))
        ladder = ladder_with_steps(ladder, settings.symbols)
        session.say(
            f"proposed tick and lot of {len(found)} symbols from their bars; add multiplier, currency and session "
            "where they are not 1, the account's and unknown"
        )
    contents = {"exitladder.toml": settings_toml(settings), "ladder.toml": ladder}
    there = [name for name in contents if (folder / name).exists()]
    if there and not force:
        raise OutputFileError(
            f"Existing files are not overwritten, but {' and '.join(there)} already "
            f"{'exists' if len(there) == 1 else 'exist'} in '{folder}'. Choose another folder or add --force."
        )
    write_folder(folder, contents)
    session.emit({"settings": str(folder / "exitladder.toml"), "ladder": str(folder / "ladder.toml")})
