"""A number that changes with the rules' source, for the cache of compiled code.

The compiler keeps machine code on disk by the file of the compiled function alone. Were another file changed,
such as the one that says when a stop fills, it would go on running the old rule. So every function that is kept
closes over this number, which is part of its key in the cache; what it calls is not kept on its own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

COMPILED_FILES = (
    "batch_kernel.py",
    "batch_pairs.py",
    "closing.py",
    "life.py",
    "many_trades.py",
    "meetings.py",
    "one_bar.py",
    "order_codes.py",
    "orders.py",
    "own_exits.py",
    "plan.py",
    "rounding.py",
    "setup.py",
    "signal_meetings.py",
    "state.py",
)


def source_number() -> int:
    """Return a number that two states of the files with compiled code share only if they are equal."""
    digest = hashlib.sha256()
    for name in COMPILED_FILES:
        digest.update(name.encode())
        digest.update((Path(__file__).parent / name).read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")


SOURCES = source_number()
