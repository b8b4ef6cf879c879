"""The table of docs/exports.md: what each program can express. ``python -m exitladder.exporters.capabilities``."""

from __future__ import annotations

import sys

from exitladder.exporters.asks import ASKS
from exitladder.exporters.targets import HOOK, NO, TARGETS, YES

_MARKS = {YES: "yes", HOOK: "`--hooks`", NO: "no"}


def capability_table() -> str:
    """Return the table as Markdown, one row per rule and one column per program."""
    names = [target.name for target in TARGETS]
    rows = [["the ladder has", *names], ["---"] * (len(names) + 1)]
    rows += [[text, *(_MARKS[target.level(kind)] for target in TARGETS)] for kind, text in ASKS.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def differences() -> str:
    """Return the rules on which each program differs as Markdown lists."""
    parts = []
    for target in TARGETS:
        if target.differs:
            lines = "\n".join(f"- {text}" for text in target.differs)
            parts.append(f"### {target.title}\n\n{lines}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(f"{capability_table()}\n\n{differences()}\n")
