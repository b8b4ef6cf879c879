"""The screen of `promote`: who has the alias now, the gate, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from exitladder.cli.screens.parts import texts_table

_MOST = 20
_RULES = {"min_trades": "trades", "min_days": "days", "gate": "written before"}


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
                "gate": _RULES.get(check["rule"], check["rule"].replace("_", " ")),
                "required": str(check["required"]).replace("no_difference", "no difference"),
                "found": str(check["found"]).replace("no_difference", "no difference"),
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


def history_screen(rows: pd.DataFrame) -> str:
    """Return the history of aliases as text, the latest change first.

    Parameters
    ----------
    rows : DataFrame
        Of `exitladder.pipelines.promote.promotion_history`.

    Returns
    -------
    str
    """
    if rows.empty:
        return "Nothing was promoted yet.\n"
    parts = []
    for row in rows.to_dict("records"):
        lines = [
            f"{row['number']}. {str(row['at'])[:16]} UTC, {row['action']} by {row['who']}",
            f"{row['alias']} among the {row['slot']}s: {row['run_id'] or 'none'}"
            + (f" ({row['model']})" if row["model"] else ""),
            f"before: {row['before']}" if row["before"] else "",
            f"failed: {row['failed'].replace('_', ' ')}" if row["failed"] else "",
            f"reason: {row['because']}" if row["because"] else "",
        ]
        parts.append("\n  ".join(line for line in lines if line) + "\n")
    return "\n".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"
