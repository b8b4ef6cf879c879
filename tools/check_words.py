"""Check user-facing texts for words that a reader of the field stumbles over.

Reads ``words.toml`` beside this file. Checked are the Markdown pages outside of code, docstrings and string
literals of the package's modules, templates, and the Markdown of notebooks. Every hit is printed with its file, line,
words and rule; the exit code is 1 if there is one.

Paths under ``pending`` in the list are skipped, unless ``--all`` or ``--only`` is given.

    python tools/check_words.py [--all | --only PATH ...] [--count]
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).resolve().parent / "words.toml"
CODE = ("src/exitladder", "features", "models", "pipelines", "benchmarks", "tools")
PAGES = ("*.md", ".github/*.md", "docs/*.md", "docs/design/*.md", "src/exitladder/sample/*.md")
TEMPLATES = ("pipelines/pages/*.jinja",)
NOTEBOOKS = ("notebooks/*.ipynb",)


@dataclass(frozen=True)
class Rule:
    """A pattern that texts must not contain, and the words to use instead."""

    name: str
    pattern: re.Pattern[str]
    cure: str


@dataclass
class Words:
    """The rules and their exceptions."""

    rules: list[Rule]
    exceptions: list[dict[str, str]]
    pending: list[str] = field(default_factory=list)
    unused: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path = LIST) -> Words:
        """Return the rules of a TOML file; every exception needs a path, a text and a reason."""
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        rules = [Rule(r["name"], re.compile(r["pattern"], re.IGNORECASE), r["cure"]) for r in table["rules"]]
        exceptions = table.get("exceptions", [])
        for exception in exceptions:
            missing = {"path", "text", "reason"} - set(exception)
            if missing:
                raise SystemExit(f"Every exception needs a path, a text and a reason, but {exception} lacks {missing}.")
        return cls(rules, exceptions, table.get("pending", []), set(range(len(exceptions))))

    def allows(self, path: str, line: str) -> bool:
        """Return whether an exception covers a line."""
        for k, exception in enumerate(self.exceptions):
            if path.endswith(exception["path"]) and exception["text"].casefold() in line.casefold():
                self.unused.discard(k)
                return True
        return False


@dataclass(frozen=True)
class Hit:
    """A forbidden word in a file."""

    path: str
    line: int
    words: str
    rule: Rule


def markdown_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a Markdown text, without code blocks and inline code."""
    in_code = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        elif not in_code:
            yield number, re.sub(r"`[^`]*`", "", line)


def python_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of docstrings and of string literals with a space, without doctest code."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value):
            continue
        last = node.end_lineno or node.lineno
        for number in range(node.lineno, last + 1):
            line = node.value if node.lineno == last else lines[number - 1]
            if not line.lstrip().startswith((">>>", "...")):
                yield number, re.sub(r"`[^`]*`", "", line)


def template_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a template, without its tags."""
    for number, line in enumerate(text.splitlines(), start=1):
        yield number, re.sub(r"<[^>]*>|\{%.*?%\}|\{\{.*?\}\}", " ", line)


def notebook_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a notebook's Markdown cells, numbered by cell."""
    for number, cell in enumerate(json.loads(text)["cells"]):
        if cell["cell_type"] == "markdown":
            for _, line in markdown_lines("".join(cell["source"])):
                yield number, line


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file that is checked, with its kind."""
    for patterns, kind in ((PAGES, "markdown"), (TEMPLATES, "template"), (NOTEBOOKS, "notebook")):
        for pattern in patterns:
            yield from ((path, kind) for path in sorted(root.glob(pattern)))
    for folder in CODE:
        # rglob does not follow the links to features, models and pipelines, which are listed by themselves
        yield from ((path, "python") for path in sorted((root / folder).rglob("*.py")))


_READERS: dict[str, Callable[[str], Iterator[tuple[int, str]]]] = {
    "markdown": markdown_lines,
    "python": python_lines,
    "template": template_lines,
    "notebook": notebook_lines,
}


def _is_below(path: Path, places: list[Path]) -> bool:
    return any(path.resolve() == place or place in path.resolve().parents for place in places)


def hits(root: Path, words: Words, only: Iterable[str] = (), skip: Iterable[str] = ()) -> list[Hit]:
    """Return the forbidden words in the texts below a folder.

    Parameters
    ----------
    root : Path
        Root of the repository.
    words : Words
    only : iterable of str, optional
        Paths relative to the root; files elsewhere are not checked.
    skip : iterable of str, optional
        Paths relative to the root that are not checked.

    Returns
    -------
    list of Hit
        In the order of the files and their lines.
    """
    wanted, skipped = ([(root / place).resolve() for place in places] for places in (only, skip))
    found: list[Hit] = []
    for path, kind in files(root):
        if (wanted and not _is_below(path, wanted)) or _is_below(path, skipped):
            continue
        name = path.relative_to(root).as_posix()
        seen: dict[tuple[int, str, str], Hit] = {}
        for number, line in _READERS[kind](path.read_text(encoding="utf-8")):
            for rule in words.rules:
                for match in rule.pattern.finditer(line):
                    if not words.allows(name, line):
                        seen[number, rule.name, match[0]] = Hit(name, number, match[0], rule)
        found += sorted(seen.values(), key=lambda hit: hit.line)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the hits and return the exit code."""
    parser = argparse.ArgumentParser(description="Check texts for the words of tools/words.toml.")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--only", nargs="+", default=[], metavar="PATH", help="check only these files and folders")
    scope.add_argument("--all", action="store_true", dest="is_all", help="check pending paths too")
    parser.add_argument("--count", action="store_true", help="print the number of hits per file")
    options = parser.parse_args(arguments)
    words = Words.read()
    found = hits(ROOT, words, options.only, () if options.only or options.is_all else words.pending)
    if options.count:
        for path, n in Counter(hit.path for hit in found).most_common():
            print(f"{n:5}  {path}")
    else:
        for hit in found:
            print(f"{hit.path}:{hit.line}: '{hit.words}' ({hit.rule.name}): {hit.rule.cure}")
    if options.is_all:
        for k in sorted(words.unused):
            print(f"note: the exception {words.exceptions[k]} matches nothing", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
