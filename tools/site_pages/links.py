"""Links of pages as they are in the repository, rewritten for the site."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Files outside docs/ that are pages of the site.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "docs/design": "design/index.md",
}
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)|(!\[[^\]]*\])\(([^)\s]+)\)")


def place_in_site(path: str) -> str | None:
    """Return where a file of the repository is in the site, None if it is not there.

    Examples
    --------
    >>> place_in_site("docs/tuning.md"), place_in_site("README.md"), place_in_site("src/exitladder/errors.py")
    ('tuning.md', 'index.md', None)
    """
    if path in PAGES:
        return PAGES[path]
    if path.startswith("notebooks/") and path.endswith(".ipynb"):
        return path.removesuffix("ipynb") + "md"
    if path.startswith("notebooks/") and path.endswith((".png", ".svg")):
        return path
    if path.startswith("docs/") and not path.endswith(".py"):
        return path.removeprefix("docs/")
    return None


def rewrite_links(text: str, source: str, target: str) -> str:
    """Return a page with its links changed for its place in the site; files that are not in it lose their link.

    Parameters
    ----------
    text : str
        Markdown. Links in code blocks are left alone.
    source : str
        Path of the page in the repository.
    target : str
        Path of the page in the site.

    Returns
    -------
    str
    """

    def changed(match: re.Match[str]) -> str:
        words, link, image, picture = match.groups()
        address = link or picture
        if re.match(r"[a-z]+:|#|/", address):
            return match[0]
        path, _, anchor = address.partition("#")
        found = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        place = place_in_site(found)
        if place is None:
            return str(words)
        address = os.path.relpath(place, posixpath.dirname(target) or ".") + (f"#{anchor}" if anchor else "")
        return f"{image}({address})" if image else f"[{words}]({address})"

    parts = re.split(r"(^ *```.*?^ *```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if k % 2 else _LINK.sub(changed, part) for k, part in enumerate(parts))
