"""The command ``run``: the whole workflow on your own bars and trades."""

from exitladder.cli.commands.run.command import command

__all__ = ["command"]
