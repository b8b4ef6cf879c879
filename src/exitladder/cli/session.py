"""Common parts of all commands: settings, output format, progress, warnings."""

from __future__ import annotations

import contextlib
import functools
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

import click

from exitladder.cli.interruption import Interruptible
from exitladder.cli.screen import fitted
from exitladder.errors import ExitladderWarning, without_control
from exitladder.files.places import check_folder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.secrets import masked

if TYPE_CHECKING:
    import pandas as pd

    from exitladder.settings.tables import Settings

# wide help on wide terminals
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
# where the arguments of the call are kept in click's context
ARGUMENTS = "exitladder.arguments"
# read from the current folder if no other settings file is given
SETTINGS_FILE = "exitladder.toml"
# `init` writes that file; the numbers of `demo` are the same everywhere
_WITHOUT_PROJECT = ("init", "demo")
# commands that record runs
_TRACKED = ("run", "train", "tune", "backtest", "score", "demo")
FORMATS = ("table", "json", "csv")
# options that say how files are read, each a key of [data]
READING_OPTIONS = ("stamps", "dayfirst", "monthfirst", "decimal", "columns", "symbol", "symbol_map")


@dataclass(frozen=True)
class Session:
    """One run of one command.

    Parameters
    ----------
    settings : Settings
        The settings file with the overrides of the command line.
    form : {"table", "json", "csv"}
        Output format.
    is_quiet : bool
    stdout : text stream
        Destination of data. While a command runs, ``sys.stdout`` is stderr, so no library can write into the data.
    warned : list of str
        The warnings so far.
    """

    settings: Settings
    form: str
    is_quiet: bool
    stdout: TextIO | IO[str]
    warned: list[str] = field(default_factory=list)

    @functools.cached_property
    def progress(self) -> Progress:
        """Progress display on stderr; silent with ``--quiet``."""
        if self.is_quiet:
            return Interruptible(SILENT)
        from exitladder.cli.stages import stages_on

        return Interruptible(stages_on(sys.stderr))

    @property
    def command(self) -> str:
        """The command as it was typed, with the user's home folder as ``~``."""
        typed = click.get_current_context().meta.get(ARGUMENTS, [])
        home = str(Path.home())
        return masked(shlex.join(["exitladder", *typed]).replace(home + "/", "~/")) if typed else ""

    def emit(self, value: pd.DataFrame | dict[str, Any]) -> None:
        """Write a table or a mapping to stdout in the requested format."""
        from exitladder.cli.output import rendered

        self.stdout.write(rendered(value, self.form, self.stdout))

    def show(self, value: pd.DataFrame | dict[str, Any]) -> None:
        """Write like `emit`, but a table with words in place of the names that JSON and CSV have."""
        if self.form == "table":
            from exitladder.cli.output import shown_table
            from exitladder.cli.screens.words import frame_in_words, mapping_in_words

            if not isinstance(value, dict):
                self.stdout.write(shown_table(frame_in_words(value), self.stdout))
                return
            value = mapping_in_words(value)
        self.emit(value)

    def say(self, text: str) -> None:
        """Write a line to stderr unless ``--quiet`` is given."""
        if not self.is_quiet:
            _tell(text)

    def write(self, text: str) -> None:
        """Write text to stdout, fitted to a terminal."""
        lines = [without_control(line) for line in text.split("\n")]
        self.stdout.write(fitted("\n".join(lines), self.stdout))

    def warn(self, text: str) -> None:
        """Write a warning to stderr, even with ``--quiet``, and keep it."""
        self.warned.append(text)
        _tell(f"warning: {text}")


def _tell(text: str) -> None:
    """Write a line to stderr, above the bars of progress if there are any."""
    shown = fitted(text, sys.stderr)
    # imported only by commands that have stages
    stages = sys.modules.get("exitladder.cli.stages")
    if stages is None or not stages.print_above(shown):
        click.echo(shown, err=True)


def example(*lines: str) -> str:
    """Return the examples at the end of a command's help, one per line."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def session_command(function: Callable[..., Any] | None = None, *, takes_names: bool = False) -> Callable[..., Any]:
    """Add the common options to a command; the function receives a `Session` first.

    With `takes_names`, values of ``--set`` without an equals sign are passed to the function as ``names``.
    """
    if function is None:
        return functools.partial(session_command, takes_names=takes_names)

    @functools.wraps(function)
    def run(
        settings_file: Path | None,
        overrides: tuple[str, ...],
        seed: int | None,
        form: str,
        is_quiet: bool,
        is_debugging: bool,
        **options: Any,
    ) -> Any:
        from exitladder.settings.loading import load_settings

        if takes_names:
            options["names"] = tuple(text for text in overrides if "=" not in text)
            overrides = tuple(text for text in overrides if "=" in text)
        changes = [f"{key}={_as_toml(value)}" for key, value in _shortcuts(options).items()]
        if seed is not None:
            changes.append(f"project.seed={seed}")
        found = _settings_here() if settings_file is None else None
        if found is not None and not is_quiet:
            click.echo(f"settings: {found} (in this folder; --settings FILE reads another one)", err=True)
        settings = load_settings(settings_file or found, [*overrides, *changes])
        _begin_tracking(settings)
        warned: list[str] = []
        with _only_data_on_stdout() as stdout, _plain_warnings(warned):
            session = Session(settings, form, is_quiet, stdout, warned)
            return function(session, **options)

    for option in reversed(_COMMON):
        run = option(run)
    return run


def _settings_here() -> Path | None:
    """Return the settings file of the current folder, None if there is none or the command must not depend on it."""
    here = Path(SETTINGS_FILE)
    return here if click.get_current_context().info_name not in _WITHOUT_PROJECT and here.is_file() else None


def _begin_tracking(settings: Settings) -> None:
    """Check where a command records its run, and let the process that sends it load MLflow in the meantime."""
    command = click.get_current_context().info_name
    if command not in _TRACKED or not settings.tracking.enabled:
        return
    from exitladder.pipelines.tracking.address import chosen_store
    from exitladder.pipelines.tracking.sender import SENDER

    address = chosen_store(settings.tracking.store, settings.tracking.folder)
    if command in ("run", "train"):
        # the model is kept there and nowhere else
        check_folder(address.home)
    SENDER.start()


_COMMON: tuple[Callable[..., Any], ...] = (
    click.option(
        "--settings",
        "settings_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Settings file; default: exitladder.toml of this folder, if there is one.",
    ),
    click.option("--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Override a key; repeatable."),
    click.option("--seed", type=click.IntRange(min=0), help="Random seed (project.seed)."),
    click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Output format on stdout."),
    click.option("--quiet", "-q", "is_quiet", is_flag=True, help="Show only warnings and errors on stderr."),
    click.option("--debug", "is_debugging", is_flag=True, help="Show the traceback of an error."),
)  # fmt: skip


def _shortcuts(options: dict[str, Any]) -> dict[str, Any]:
    """Remove the options that stand for settings from `options` and return them by the setting's name."""
    names = {"tz": "data.tz", "trials": "tuning.n_trials"}
    names |= {name: f"data.{name}" for name in READING_OPTIONS}
    names |= {f"tuning_{name}": f"tuning.{name}" for name in ("sampler", "storage", "study", "workers", "scheduler")}
    names["model_scheduler"] = "model.scheduler"
    found = {names[name]: options.pop(name) for name in list(options) if name in names}
    # candidates are ladders, or numbers of a book
    found["tuning.book_trials"] = found.get("tuning.n_trials")
    return {name: value for name, value in found.items() if value is not None}


def _as_toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


@contextlib.contextmanager
def _only_data_on_stdout() -> Iterator[TextIO]:
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        yield stdout
    stdout.flush()


@contextlib.contextmanager
def _plain_warnings(warned: list[str]) -> Iterator[None]:
    """Show and keep exitladder's own warnings, each once; ignore those of libraries, which the user cannot fix."""

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if str(message) in warned:
            return
        warned.append(str(message))
        click.echo(fitted(f"warning: {message}", sys.stderr), err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ExitladderWarning)
        warnings.showwarning = show
        yield
