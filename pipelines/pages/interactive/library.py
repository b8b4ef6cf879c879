"""The JavaScript of Plotly, packed to be part of a page."""

from __future__ import annotations

import base64
import gzip
from functools import cache


@cache
def packed_plotly() -> str:
    """Return Plotly's minified JavaScript, from its Python package, compressed by gzip and encoded by base 64."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    # without a time stamp, so that equal pages have equal bytes
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode("ascii")
