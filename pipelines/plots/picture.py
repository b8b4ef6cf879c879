"""A picture with its caption and its text alternative."""

from __future__ import annotations

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A picture (SVG or PNG) with its words; `alt` tells what it shows to readers who cannot see it."""

    image: bytes
    title: str
    caption: str
    alt: str
    half: bool = False
    kind: str = "picture"

    @property
    def address(self) -> str:
        """The picture as a data address, so that the page needs no other file."""
        kind = "png" if self.image.startswith(b"\x89PNG") else "svg+xml"
        return f"data:image/{kind};base64,{base64.b64encode(self.image).decode('ascii')}"
