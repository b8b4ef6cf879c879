"""The command ``promote``: champion and challenger, by a gate that was set beforehand."""

from exitladder.cli.commands.promote.command import command

__all__ = ["command"]
