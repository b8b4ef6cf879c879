"""The tables of measured exits on the page of a backtest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from exitladder.measures.exits.summary import UNITS
from exitladder.measures.exits.text import MARK, NOTE, key_measures, number_text, shown_measures, value_text
from exitladder.pipelines.pages.page import PageTable

_FORMS = {"r": "{:+.3f}", "percent": "{:+.2f}", "money": "{:+,.0f}"}
_HEADS = {"r": "R", "percent": "%", "money": "Money"}


def exit_tables(summary: Mapping[str, Any]) -> list[PageTable]:
    """Return the main measures of all policies side by side, and a folded table of every measure for each policy.

    Parameters
    ----------
    summary : mapping
        The content of summary.json; without ``exit_quality`` (version 0.1), there are no tables.
    """
    quality = summary.get("exit_quality") or {"policies": {}, "notes": []}
    confidence = summary.get("resampling", {}).get("confidence")
    interval = "" if confidence is None else f" with {100 * confidence:.4g}% confidence intervals"
    notes = " ".join(f"{MARK} {note}" if note == NOTE else note[:1].upper() + note[1:] for note in quality["notes"])
    if not quality["policies"]:
        return []
    rows = key_measures(quality["policies"])
    head = PageTable(
        "Exits measured",
        f"Means per closed trade, in R or as a share. {notes}",
        pd.DataFrame(
            [{k: v.replace("-", "−") if k != "measure" else v for k, v in row.items()} for row in rows]
        ).rename(columns={"measure": "Measure"}),
    )
    return [head] + [
        PageTable(
            f"Exit quality: {policy}",
            f"Means per trade of {measures['n_closed']:,} closed trades{interval}; % of the entry price, money in "
            "account currency.",
            pd.DataFrame([_row(one) for one in shown_measures(measures)]),
            is_detail=True,
        )
        for policy, measures in quality["policies"].items()
    ]


def _row(one: Mapping[str, Any]) -> dict[str, str]:
    if "share" in one:
        units = dict.fromkeys(_HEADS.values(), "") | {"R": value_text(one["share"], "{:.1%}")}
    else:
        units = {_HEADS[unit]: value_text(one[unit], _FORMS[unit]) for unit in UNITS}
    values = {f"{head} or share" if head == "R" else head: text.replace("-", "−") for head, text in units.items()}
    return {
        "Measure": one["label"],
        "Trades": number_text(one["n"], ",.0f"),
        **values,
        "Hindsight": "hindsight" if one["hindsight"] else "",
    }
