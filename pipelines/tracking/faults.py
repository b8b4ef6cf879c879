"""Errors of libraries in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from exitladder.errors import ExitladderError, TrackingError


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Turn any error inside into a `TrackingError` that begins with `what`."""
    try:
        yield
    except ExitladderError:
        raise
    except Exception as error:
        raise TrackingError(f"{what}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
