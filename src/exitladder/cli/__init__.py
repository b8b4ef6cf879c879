"""The command line. Heavy modules are imported only when a command needs them."""

from exitladder.cli.program import main

__all__ = ["main"]
