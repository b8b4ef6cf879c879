"""The command ``crowding``: many holders that sell at one level."""

from exitladder.cli.commands.crowding.command import command

__all__ = ["command"]
