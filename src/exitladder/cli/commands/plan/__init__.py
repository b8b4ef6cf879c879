"""The command ``plan``: a plan tranche by tranche, before the trade."""

from exitladder.cli.commands.plan.command import command

__all__ = ["command"]
