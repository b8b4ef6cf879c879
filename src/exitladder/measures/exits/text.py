"""The measures of exits as a table of text, 80 columns wide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MARK = "*"
_MONEY = 9
NOTE = "hindsight: uses prices not known at the exit. For comparison, not a target."

# the measures worth a line where all policies are side by side
_KEY = (
    "net", "mfe", "mae", "heat_on_winners", "managing", "scaling", "exit_efficiency", "best_exit_gain",
    "last_exit_1_sessions_later", "last_exit_5_bars_later",
)  # fmt: skip


def key_measures(policies: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the main measures as rows of texts: the measure, then its mean under each policy.

    Parameters
    ----------
    policies : mapping
        By policy, from `exitladder.measures.exits.summary.summarise_exits`.
    """
    rows = []
    for name in _KEY:
        found = {policy: measures[name] for policy, measures in policies.items() if name in measures}
        if found:
            first = next(iter(found.values()))
            label = first["label"] + (f" {MARK}" if first["hindsight"] else "")
            rows.append({"measure": label} | {policy: _mean_text(found.get(policy)) for policy in policies})
    return rows


def _mean_text(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    if "share" in entry:
        return number_text(entry["share"]["value"], ".1%")
    return number_text(entry["r"]["value"], "+.3f")


def exits_text(name: str, summary: Mapping[str, Any], confidence: float, *, before_costs: bool = False) -> str:
    """Return the measures of one policy as lines of at most 80 characters.

    Parameters
    ----------
    name : str
        Of the policy.
    summary : mapping
        From `exitladder.measures.exits.summary.summarise_exits`.
    confidence : float
        Of the intervals.
    before_costs : bool
        Whether no cost is set.

    Returns
    -------
    str
    """
    n = summary["n_closed"]
    interval = f"R [{100 * confidence:.4g}% CI]"
    lines = [
        f"{name}: exits of {n:,} closed trade{'s' if n != 1 else ''}, means per trade"
        + (", before costs" if before_costs else ""),
        f"{'measure':<28}{'n':>7} {interval:<26}{'%':>8}{'money':>10}",
    ]
    lines += [_line(entry) for entry in shown_measures(summary)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def shown_measures(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the measures to show: where no trade had several exits, those that would say the same twice are left out.

    Parameters
    ----------
    summary : mapping
        From `exitladder.measures.exits.summary.summarise_exits`.
    """
    names = [name for name, entry in summary.items() if isinstance(entry, Mapping)]
    if "scaling" not in summary:
        names = [name for name in names if not name.startswith(("position_", "first_exit_"))]
    return [summary[name] for name in names]


def _line(entry: Mapping[str, Any]) -> str:
    label = entry["label"] + (f" {MARK}" if entry["hindsight"] else "")
    head = f"{label:<28}{entry['n']:>7,} "
    if "share" in entry:
        return head + value_text(entry["share"], "{:.1%}")
    percent, money = number_text(entry["percent"]["value"], "+.2f"), money_text(entry["money"]["value"])
    columns = f"{percent:>8} {money:>9}"
    # a wide amount takes the space before the percentage
    columns = columns.removeprefix(" ") if len(money) > _MONEY else columns
    return f"{head}{value_text(entry['r'], '{:+.3f}'):<26}{columns}"


def money_text(value: float | None) -> str:
    """Return an amount in whole units, a small one with three significant digits.

    Examples
    --------
    >>> money_text(-1234.4), money_text(0.0000123456), money_text(0.0), money_text(None)
    ('-1,234', '+1.23e-05', '0', '')
    """
    if value is None or value == 0 or not math.isfinite(value) or abs(value) >= 100:
        return number_text(value, "+,.0f")
    text = f"{value:+.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    return text if len(text) <= _MONEY else f"{value:+.2e}"


def value_text(value: Mapping[str, float | None], form: str) -> str:
    """Return a value with its interval.

    Examples
    --------
    >>> value_text({"value": 1.5, "low": None, "high": None}, "{:+.2f}")
    '+1.50'
    """
    texts = [number_text(value[key], form[2:-1]) for key in ("value", "low", "high")]
    return texts[0] if value["low"] is None or value["high"] is None else f"{texts[0]} [{texts[1]}, {texts[2]}]"


def number_text(value: float | None, form: str) -> str:
    """Return a formatted number, empty if there is none; zero has no sign.

    Examples
    --------
    >>> number_text(-0.001, "+.2f"), number_text(None, "+.2f")
    ('0.00', '')
    """
    if value is None:
        return ""
    text = format(value, form)
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")
