"""Whether kernels run as plain Python in this process: for little work, the compiler's start takes longest.

Importing numba and loading compiled kernels takes longer than following a handful of trades in Python. The choice is
made once in a process, before the first kernel is imported, and holds to its end; the results have the same bits. Only
a process that runs a single command may choose it: kernels of everything it does later would be slow.
"""

from __future__ import annotations

import sys

MOST_STEPS = 5_000
"""Bars of trades that Python may follow: more would take as long as the compiler's start."""

_SINGLE_COMMAND = "single command"
_CHOSEN = "chosen"
_state: set[str] = set()


def permit() -> None:
    """Permit the choice: this process runs one command and ends."""
    _state.add(_SINGLE_COMMAND)


def interpret_if_small(steps: int) -> bool:
    """Choose plain Python for kernels if there are few bars of trades to follow, and no kernel is imported yet."""
    if steps <= MOST_STEPS and _SINGLE_COMMAND in _state and "exitladder.runtime.compiling" not in sys.modules:
        _state.add(_CHOSEN)
    return is_interpreted()


def is_interpreted() -> bool:
    """Return whether kernels of this process run as plain Python."""
    return _CHOSEN in _state
