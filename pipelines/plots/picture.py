"""A picture with caption and alternative text."""

from __future__ import annotations

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A picture (SVG or PNG) with title, caption and alternative text; an empty one has no data and is not shown."""

    image: bytes
    title: str
    caption: str
    alt: str
    half: bool = False
    kind: str = "picture"
    is_empty: bool = False

    @property
    def address(self) -> str:
        """The picture as a data URL, so the page needs no other file."""
        kind = "png" if self.image.startswith(b"\x89PNG") else "svg+xml"
        return f"data:image/{kind};base64,{base64.b64encode(self.image).decode('ascii')}"
