"""Whether pages of a built site load anything from another server: ``python tools/site_pages/offline.py FOLDER``."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path

# Attributes whose address a browser loads by itself; the link of an `a` waits for a click.
_LOADED = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"), "video": ("src",),
    "audio": ("src",), "embed": ("src",), "object": ("data",), "link": ("href",), "use": ("href", "xlink:href"),
}  # fmt: skip
# Relations of a `link` that only name an address.
_NAMED = {"canonical", "alternate", "prev", "next", "license", "author"}


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        if tag == "link" and values.get("rel", "") in _NAMED:
            return
        self.found += [values[name] for name in _LOADED.get(tag, ()) if is_foreign(values.get(name, ""))]
        self.found += foreign_in_css(values.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += foreign_in_css(data)
            self._in_style = False


def is_foreign(address: str) -> bool:
    """Return whether an address is on another server.

    Examples
    --------
    >>> is_foreign("https://example.org/a.js"), is_foreign("//example.org/a.js"), is_foreign("assets/a.js")
    (True, True, False)
    """
    return address.strip().lower().startswith(("http:", "https:", "//"))


def foreign_in_css(text: str) -> list[str]:
    """Return the addresses of other servers that a style loads."""
    addresses = [part.partition(")")[0].strip("\"' ") for part in text.split("url(")[1:]]
    imported = [part.partition(";")[0].strip("\"' ") for part in text.split("@import")[1:]]
    return [address for address in (*addresses, *imported) if is_foreign(address)]


def foreign_loads(folder: Path) -> list[tuple[str, str]]:
    """Return each page or style that loads something from another server, with the address."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".html":
            parser = _Loads()
            parser.feed(path.read_text(encoding="utf-8"))
            found += [(str(path.relative_to(folder)), address) for address in parser.found]
        elif path.suffix == ".css":
            text = path.read_text(encoding="utf-8")
            found += [(str(path.relative_to(folder)), address) for address in foreign_in_css(text)]
    return found


def main() -> None:
    """Print each request to another server, and fail if there is one."""
    folder = Path(sys.argv[1])
    pages = len(list(folder.rglob("*.html")))
    found = foreign_loads(folder)
    for page, address in found:
        print(f"{page} loads {address}")
    print(f"{folder}: {pages} pages, {len(found)} requests to other servers")
    if found or not pages:
        sys.exit(1)


if __name__ == "__main__":
    main()
