"""Number of threads for compiled code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from exitladder.runtime.interpreting import is_interpreted


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Run compiled loops on this number of threads; 0 means all cores."""
    if is_interpreted():
        yield
        return
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before) if threads > 0 else before)
    try:
        yield
    finally:
        numba.set_num_threads(before)
