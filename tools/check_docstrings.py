"""Counts public functions and methods whose docstring leaves out what a reader needs, and prints them.

``python tools/check_docstrings.py [--max N]``: with three or more arguments (self and cls are not counted) a docstring
needs Parameters, and Returns (or Yields) if something is returned; and Raises if the function itself raises an error of
`exitladder.errors`. With ``--max`` it fails above N.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOPS = ("src/exitladder", "features", "models", "pipelines")
LEAST_ARGUMENTS = 3
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Gap:
    """A function whose docstring lacks sections."""

    path: str
    line: int
    name: str
    missing: tuple[str, ...]

    @property
    def room(self) -> str:
        """The folder, as a reader names it."""
        return str(Path(self.path).parent).removeprefix("src/exitladder").strip("/") or "exitladder"


def errors_of(source: str) -> set[str]:
    """Return the names of the classes that descend from ExitladderError in the source of `exitladder.errors`."""
    known = {"ExitladderError"}
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    while True:
        more = {c.name for c in classes if any(isinstance(b, ast.Name) and b.id in known for b in c.bases)} - known
        if not more:
            return known
        known |= more


def gaps_of(path: str, source: str, errors: set[str]) -> list[Gap]:
    """Return the functions of a module whose docstrings lack sections.

    Parameters
    ----------
    path : str
        The name to report.
    source : str
    errors : set of str
        Names of the errors that a docstring has to say.

    Returns
    -------
    list of Gap
    """
    found = []
    for name, node, is_method in public_functions(ast.parse(source)):
        if n_arguments(node, is_method) < LEAST_ARGUMENTS:
            continue
        described = ast.get_docstring(node) or ""
        wanted: list[tuple[str, ...]] = [("Parameters",)]
        if returns_something(node):
            wanted.append(("Returns", "Yields"))
        if raised_in(node) & errors:
            wanted.append(("Raises",))
        missing = tuple(names[0] for names in wanted if not any(_has_section(described, name) for name in names))
        if missing:
            found.append(Gap(path, node.lineno, name, missing))
    return found


def public_functions(tree: ast.Module) -> Iterator[tuple[str, Function, bool]]:
    """Yield name, function and whether it is a method, for all that a reader of the module may call."""
    for node in tree.body:
        if isinstance(node, Function) and _is_public(node):
            yield node.name, node, False
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for inner in node.body:
                if isinstance(inner, Function) and _is_public(inner):
                    yield f"{node.name}.{inner.name}", inner, not _is_decorated(inner, "staticmethod")


def n_arguments(node: Function, is_method: bool) -> int:
    """Return how many arguments a function takes, without self or cls."""
    given = node.args
    n = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs) + bool(given.vararg) + bool(given.kwarg)
    return n - is_method


def returns_something(node: Function) -> bool:
    """Return whether a function returns or yields a value; by its annotation, or else by its body."""
    if node.returns is not None:
        return ast.unparse(node.returns) not in ("None", "NoReturn", "Never")
    return any(isinstance(n, ast.Return | ast.Yield) and n.value is not None for n in _own(node))


def raised_in(node: Function) -> set[str]:
    """Return the names of what a function itself raises."""
    raised = (n.exc for n in _own(node) if isinstance(n, ast.Raise) and n.exc is not None)
    names = (ast.unparse(e.func if isinstance(e, ast.Call) else e) for e in raised)
    return {name.rpartition(".")[2] for name in names}


def _own(node: ast.AST) -> Iterator[ast.AST]:
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, Function | ast.Lambda | ast.ClassDef):
            yield inner
            yield from _own(inner)


def _is_public(node: Function) -> bool:
    # Overloads and setters are described at the function or property. The docstring of a command is its --help; that of
    # a feature is its formula, and its decorator states windows, unit and source.
    described = ("overload", "setter", "command", "session_command", "feature")
    return not node.name.startswith("_") and not _is_decorated(node, *described)


def _is_decorated(node: Function, *names: str) -> bool:
    called = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
    return any(ast.unparse(d).rpartition(".")[2] in names for d in called)


def _has_section(described: str, name: str) -> bool:
    lines = [line.strip() for line in described.splitlines()]
    return any(a == name and b == "-" * len(name) for a, b in itertools.pairwise(lines))


def main() -> int:
    """Print the functions that lack a section and their number; 1 if it is more than allowed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--max", type=int, default=None, metavar="N", help="fail if more functions lack something")
    most = parser.parse_args().max
    errors = errors_of((ROOT / "src/exitladder/errors.py").read_text(encoding="utf-8"))
    # rglob does not go through links: the linked folders are read once, at their place.
    paths = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))
    gaps = [
        gap
        for path in paths
        for gap in gaps_of(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"), errors)
    ]
    for gap in gaps:
        print(f"{gap.path}:{gap.line}: {gap.name} lacks {', '.join(gap.missing)}")
    for room, n in sorted(Counter(gap.room for gap in gaps).items()):
        print(f"{n:4d}  {room}")
    print(f"{len(gaps)} functions lack a section" + (f" (allowed: {most})" if most is not None else ""))
    if most is not None and len(gaps) < most:
        print(f"Fewer than allowed: lower the number in the Makefile to {len(gaps)}.")
    return int(most is not None and len(gaps) > most)


if __name__ == "__main__":
    sys.exit(main())
