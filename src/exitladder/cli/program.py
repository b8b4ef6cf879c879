"""The program: its commands, imported on use, and its exit codes."""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from exitladder import __version__
from exitladder.cli.garbage import collect_rarely, leave_at_exit
from exitladder.cli.interruption import interruptible
from exitladder.cli.screen import fitted
from exitladder.cli.session import ARGUMENTS, HELP, example
from exitladder.errors import ExitladderError, did_you_mean
from exitladder.runtime.interpreting import permit
from exitladder.secrets import masked

COMMANDS = (
    "demo", "run", "init", "bars", "trades", "features", "train", "tune", "plan", "backtest", "options", "crowding",
    "score", "export", "compare", "report", "promote", "model", "ui", "track", "doctor",
)  # fmt: skip
DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class Program(click.Group):
    """A group that imports a command's module on use and determines the exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of a typical project."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; imports its module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"exitladder.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the named command, or suggest a similar one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"No such command '{args[0]}'. {did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of a call, which remembers the arguments as they were typed.

        Parameters
        ----------
        info_name : str or None
            Name of the program as typed.
        args : list of str
        parent : click.Context, optional
        **extra
            Passed on to click.

        Returns
        -------
        click.Context
        """
        typed = list(args)
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[ARGUMENTS] = typed
        return context

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program.

        Parameters
        ----------
        args : sequence of str, optional
            Arguments of the command line; by default those of the process.
        prog_name, complete_var : str, optional
            As in `click.Group.main`.
        standalone_mode : bool
            Whether to end the process with the exit code.

        Returns
        -------
        int
            Exit code: 0 (success), 1 (error), 2 (wrong usage) or 130 (interrupted).
        """
        is_debugging = "--debug" in (sys.argv[1:] if args is None else args)
        is_process = args is None
        if is_process:
            collect_rarely()
            permit()
        with interruptible():
            code = self._run(is_debugging, args, prog_name, complete_var, extra)
        if is_process:
            leave_at_exit()
        if standalone_mode:
            sys.exit(code)
        return code

    def _run(
        self,
        is_debugging: bool,
        args: Sequence[str] | None,
        prog_name: str | None,
        complete_var: str | None,
        extra: dict[str, Any],
    ) -> int:
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except click.Abort:
            # If the interruption passed through code that a library had compiled from text, Python remembers it and
            # would end `python -m` by a signal instead of the exit code below. Running another text clears it.
            exec("")
            _say("interrupted: no partial files were left behind")
            return INTERRUPTED
        except click.ClickException as error:
            shown = io.StringIO()
            error.show(shown)
            click.echo(masked(shown.getvalue()), err=True, nl=False)
            return error.exit_code
        except ExitladderError as error:
            _say(f"error: {error}", error if is_debugging else None)
            return FAILED
        except BrokenPipeError:
            # the reader of a pipe, such as head, has closed it
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return DONE
        except (OSError, MemoryError) as error:
            reason = " ".join(str(error).split()) or "out of memory"
            _say(
                f"error: the operating system reported: {reason}. Free some space or choose another location.",
                error if is_debugging else None,
            )
            return FAILED
        except Exception as error:
            hint = "" if is_debugging else " Run the command again with --debug and report the output."
            text = " ".join(str(error).split()) or "no message"
            _say(
                f"error: this is a bug in exitladder ({type(error).__name__}: {text}).{hint}",
                error if is_debugging else None,
            )
            return FAILED
        return code if isinstance(code, int) else DONE


def _say(message: str, error: BaseException | None = None) -> None:
    if error is not None:
        click.echo(masked("".join(traceback.format_exception(error))), err=True, nl=False)
    click.echo(fitted(masked(message), sys.stderr), err=True)


@click.group(
    cls=Program,
    context_settings=HELP,
    epilog=example("exitladder demo", "exitladder init my-project"),
)
@click.version_option(__version__, prog_name="exitladder")
def main() -> None:
    """Predict exhaustion, tune how to scale out of a position, and test the result out of sample.

    Data goes to stdout, progress and warnings to stderr. `exitladder demo` runs the whole workflow on sample
    data; `exitladder init` creates a project of your own.
    """
