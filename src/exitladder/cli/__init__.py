"""The command line: what a user runs in a terminal. Nothing heavy is loaded before a command needs it."""

from exitladder.cli.program import main

__all__ = ["main"]
