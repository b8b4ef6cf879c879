"""Python files for other programs: the ladder as a literal, and the code that is copied with it."""

from __future__ import annotations

import ast
import pprint
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exitladder.exporters.asks import Ask

PROGRAMS = Path(__file__).with_name("programs")

# Function of each hook, by the ask that needs it: its name, parameters and what it returns.
_HOOKS = {
    "series_condition": (
        "series_value", "name, time, side",
        "Return the value of a series at the close of the bar at `time`; NaN if it is unknown.\n\n"
        "    For a short (side -1) series are those of the mirrored market.",
    ),
    "swing_target": (
        "level_price", "kind, value, side, entry, time",
        "Return the price of a swing target: `kind` is fib or resistance, `value` its ratio or number.",
    ),
    "own_stop": (
        "initial_stop", "trade",
        "Return the price of the initial stop of a trade.",
    ),
    "clock": (
        "must_leave", "time, entered",
        "Return whether the clock ends a position, entered at `entered`, at the close of the bar at `time`.",
    ),
}  # fmt: skip


def python_file(header: Sequence[str], plan: dict[str, Any], hooked: Sequence[Ask], programs: Sequence[str]) -> str:
    """Return a Python file that carries a ladder and the code that executes it.

    Parameters
    ----------
    header : sequence of str
        Lines without comment signs.
    plan : dict
        From `exitladder.exporters.plan.plan_of`.
    hooked : sequence of Ask
        What becomes a function to fill in.
    programs : sequence of str
        Names of the files in ``programs/`` to copy, in order.

    Returns
    -------
    str
    """
    imports: set[str] = set()
    bodies = []
    for name in programs:
        found, body = _split((PROGRAMS / f"{name}.py").read_text(encoding="utf-8"))
        imports |= found
        bodies.append(body)
    comment = "\n".join(f"# {line}".rstrip() for line in header)
    parts = [
        comment,
        "# ruff: noqa\nfrom __future__ import annotations\n\n" + "\n".join(sorted(_joined(imports), key=_import_order)),
        f"PLAN = {literal(plan)}",
        _hooks_code(hooked),
        *bodies,
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def literal(value: Any) -> str:
    """Return plain data as a Python literal of ASCII characters."""
    return ascii_only(pprint.pformat(value, width=110, sort_dicts=False))


def ascii_only(text: str) -> str:
    """Return code whose strings hold other characters with these escaped."""
    return text.encode("ascii", "backslashreplace").decode()


def _hooks_code(hooked: Sequence[Ask]) -> str:
    code, names = [], []
    for kind, (name, parameters, text) in _HOOKS.items():
        asks = [ask for ask in hooked if ask.kind == kind]
        if not asks:
            continue
        places = ", ".join(sorted({ask.place for ask in asks}))
        names.append(f'"{name}": {name}')
        code.append(
            f'def {name}({parameters}):\n    """{text}"""\n'
            f'    raise NotImplementedError("fill in {name}: the ladder asks for it in {places}")'
        )
    return "\n\n\n".join([*code, "HOOKS = {" + ", ".join(names) + "}"])


def hook_names(hooked: Sequence[Ask]) -> list[str]:
    """Return the names of the functions to fill in."""
    return [name for kind, (name, _, _) in _HOOKS.items() if any(ask.kind == kind for ask in hooked)]


def _only(node: ast.Import | ast.ImportFrom, name: ast.alias) -> ast.stmt:
    """Return an import of one name alone."""
    if isinstance(node, ast.ImportFrom):
        return ast.ImportFrom(module=node.module, names=[name], level=node.level)
    return ast.Import(names=[name])


def _joined(imports: set[str]) -> list[str]:
    """Return imports with one line per module."""
    names: dict[str, list[str]] = {}
    for line in sorted(imports):
        start, _, name = line.rpartition(" import ")
        names.setdefault(start, []).append(name if start else line)
    return [
        line for start, found in names.items() for line in ([f"{start} import {', '.join(found)}"] if start else found)
    ]


def _import_order(line: str) -> tuple[bool, str]:
    library = line.split()[1].split(".")[0]
    return library not in ("argparse", "collections", "datetime", "math", "sys", "typing", "warnings"), line


def _split(source: str) -> tuple[set[str], str]:
    """Return the imports of a file, and its code without them, its docstring and what the export itself writes."""
    lines = source.splitlines()
    imports: set[str] = set()
    drop: set[int] = set()
    for k, node in enumerate(ast.parse(source).body):
        inside = range(node.lineno - 1, node.end_lineno or node.lineno)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            drop |= set(inside)
            module = node.module if isinstance(node, ast.ImportFrom) else ""
            if module != "__future__" and not (module or "").startswith("exitladder"):
                imports |= {ast.unparse(_only(node, name)) for name in node.names}
        elif (k == 0 and isinstance(node, ast.Expr)) or (
            isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id in _WRITTEN
        ):
            drop |= set(inside)
    return imports, "\n".join(line for k, line in enumerate(lines) if k not in drop and line != _WRITTEN_NOTE)


_WRITTEN = ("PLAN", "HOOKS")
_WRITTEN_NOTE = "# The ladder, and the functions that the user fills in; exports write both."
