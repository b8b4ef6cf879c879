"""``exitladder init``: create a project."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.session import Session, example, session_command


@click.command("init", epilog=example("exitladder init my-project"))
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@session_command
def command(session: Session, folder: Path, force: bool) -> None:
    """Create a project with settings and a ladder.

    Writes exitladder.toml, with a comment on every setting, and ladder.toml to a folder (default: current folder).
    """
    from exitladder.errors import OutputFileError
    from exitladder.files.output import write_folder
    from exitladder.settings.template import LADDER_TOML, settings_toml

    contents = {"exitladder.toml": settings_toml(session.settings), "ladder.toml": LADDER_TOML}
    there = [name for name in contents if (folder / name).exists()]
    if there and not force:
        raise OutputFileError(
            f"Existing files are not overwritten, but {' and '.join(there)} already "
            f"{'exists' if len(there) == 1 else 'exist'} in '{folder}'. Choose another folder or add --force."
        )
    write_folder(folder, contents)
    session.emit({"settings": str(folder / "exitladder.toml"), "ladder": str(folder / "ladder.toml")})
