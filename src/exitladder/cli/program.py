"""The program: its commands, loaded when named, and how it ends."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from exitladder import __version__
from exitladder.cli.interruption import interruptible
from exitladder.cli.session import ARGUMENTS, HELP, example
from exitladder.errors import ExitladderError, did_you_mean

COMMANDS = (
    "demo", "init", "bars", "trades", "features", "train", "tune", "backtest", "score", "compare", "report", "ui",
)  # fmt: skip
DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class Program(click.Group):
    """A group that loads a command's module when the command is named, and decides the exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which a project uses them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, its module loaded now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"exitladder.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named, or say which one may have been meant."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"No such command '{args[0]}'. {did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of a call, which remembers the arguments as they were typed."""
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
        """Run the program and end with 0 (done), 1 (a told error), 2 (wrong usage) or 130 (interrupted)."""
        is_debugging = "--debug" in (sys.argv[1:] if args is None else args)
        with interruptible():
            code = self._run(is_debugging, args, prog_name, complete_var, extra)
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
            # Where it came through code that a library had written as text and run, Python remembers it, and would end
            # `python -m` by a signal in place of the code below. Running another text makes it forget.
            exec("")
            _say("interrupted: nothing was left half-written")
            return INTERRUPTED
        except click.ClickException as error:
            error.show(sys.stderr)
            return error.exit_code
        except ExitladderError as error:
            _say(f"error: {error}", error if is_debugging else None)
            return FAILED
        except BrokenPipeError:
            # the reader of a pipe, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return DONE
        except (OSError, MemoryError) as error:
            reason = " ".join(str(error).split()) or "out of memory"
            _say(
                f"error: the system refused: {reason}. Make room or choose another place.",
                error if is_debugging else None,
            )
            return FAILED
        except Exception as error:
            hint = "" if is_debugging else " Run it again with --debug and report what it shows."
            text = " ".join(str(error).split()) or "no message"
            _say(
                f"error: this is a bug in exitladder ({type(error).__name__}: {text}).{hint}",
                error if is_debugging else None,
            )
            return FAILED
        return code if isinstance(code, int) else DONE


def _say(message: str, error: BaseException | None = None) -> None:
    if error is not None:
        traceback.print_exception(error, file=sys.stderr)
    click.echo(message, err=True)


@click.group(
    cls=Program,
    context_settings=HELP,
    epilog=example("exitladder demo", "exitladder init my-project"),
)
@click.version_option(__version__, prog_name="exitladder")
def main() -> None:
    """Learn where moves exhaust, tune how a position is scaled out, and see what that is worth.

    Data goes to stdout, progress and warnings to stderr. `exitladder demo` shows all of it in one go on
    sample data; `exitladder init` starts a project of your own.
    """
