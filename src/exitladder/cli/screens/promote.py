"""The screen of `promote`: who has the alias now, the gate, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import texts_table

_MOST = 20


def promote_screen(found: Mapping[str, Any], width: int) -> str:
    """Return the screen of a promotion or a rollback.

    Parameters
    ----------
    found : mapping
        What ``--format json`` prints.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    what = f"{found['alias']} among the {found['slot']}s"
    head = f"{found['run_id']} is the {what}." if found["run_id"] else f"There is no {what} any more."
    if found["before"]:
        head += f" Before: {found['before']}."
    if found["because"]:
        head += f" Because: {found['because']}"
    text = f"{head}\n"
    if found["checks"]:
        rows = [
            {
                "gate": check["rule"],
                "required": check["required"],
                "found": check["found"],
                "passed": "yes" if check["has_passed"] else "no",
            }
            for check in found["checks"]
        ]
        text += "\n" + texts_table(rows, width)
    changed = found["changed"]
    if changed:
        rows = [{key: _cut(row[key]) for key in ("what", "before", "now")} for row in changed[:_MOST]]
        more = f" ({_MOST} of {len(changed)}; --format json has all)" if len(changed) > _MOST else ""
        text += f"\nChanged from the one before{more}\n" + texts_table(rows, width)
    return text


def _cut(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"
