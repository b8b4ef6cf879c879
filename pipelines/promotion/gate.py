"""The gate of a promotion: conditions set in ``[promotion]`` before a run, and checked after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from exitladder.pipelines.promotion.evidence import Evidence
from exitladder.settings.tables import PromotionSettings

_VERDICTS = {
    "better": {"better"},
    "not_worse": {"better", "no_difference"},
    "edge": {"edge"},
    "no_harm": {"edge", "no edge"},
}
NOT_MEASURED = "not measured yet"


@dataclass(frozen=True)
class Check:
    """One condition of the gate.

    Parameters
    ----------
    rule : str
        Key of ``[promotion]``, or ``gate`` and ``leak_check``, which hold for every promotion.
    required, found : str
    has_passed : bool
    """

    rule: str
    required: str
    found: str
    has_passed: bool


def gate_fingerprint(gate: Mapping[str, Any]) -> str:
    """Return the fingerprint of a gate: the same for the same conditions."""
    return hashlib.sha256(json.dumps(dict(gate), sort_keys=True).encode()).hexdigest()[:16]


def check_gate(found: Evidence, champion: Evidence | None, gate: PromotionSettings) -> list[Check]:
    """Return every condition of the gate with what the run has shown.

    Parameters
    ----------
    found : Evidence
    champion : Evidence or None
        Of the run that is champion now.
    gate : PromotionSettings
        Of the current settings. If the run was made under another gate, the first check fails: a gate that is changed
        after the result is known tests nothing.

    Returns
    -------
    list of Check
    """
    now = asdict(gate)
    own = found.settings.get("promotion")
    checks = [
        Check(
            "gate",
            "as it is now, set before the run",
            "unknown: the run has no [promotion]" if not isinstance(own, Mapping) else _changed(own, now),
            isinstance(own, Mapping) and dict(own) == now,
        )
    ]
    is_model = found.slot == "model"
    wanted = gate.finding if is_model else gate.verdict
    checks.append(
        Check(
            "finding" if is_model else "verdict",
            wanted,
            found.verdict or "unknown",
            wanted == "any" or found.verdict in _VERDICTS[wanted],
        )
    )
    for rule, value in (("min_trades", found.n_trades), ("min_days", found.n_days)):
        least = now[rule]
        checks.append(Check(rule, f"at least {least:,}", _count(value), value is not None and value >= least))
    if not is_model:
        return checks
    checks.append(Check("leak_check", "passed", found.leak_check or "unknown", found.leak_check == "passed"))
    drifted = found.n_drifted
    checks.append(
        Check(
            "max_drifted",
            f"at most {gate.max_drifted:,}",
            NOT_MEASURED if drifted is None else _count(drifted),
            drifted is None or drifted <= gate.max_drifted,
        )
    )
    return [*checks, _schema(found, champion, gate)]


def _changed(own: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the keys of a gate that were changed after a run, with both values."""
    keys = [key for key in dict.fromkeys([*now, *own]) if own.get(key) != now.get(key)]
    if not keys:
        return "the same"
    was, is_now = ({key: some.get(key, "not set") for key in keys} for some in (own, now))
    return "changed: " + ", ".join(f"{key} was {was[key]} and is {is_now[key]} now" for key in keys)


def _schema(found: Evidence, champion: Evidence | None, gate: PromotionSettings) -> Check:
    if champion is None:
        return Check("schema", gate.schema, "no champion to compare with", has_passed=True)
    same = set(found.features) == set(champion.features) and set(found.intervals) == set(champion.intervals)
    apart = len(set(found.features) ^ set(champion.features))
    said = "same" if same else f"{apart} features differ; bars of {', '.join(found.intervals)}"
    return Check("schema", gate.schema, said, same or gate.schema == "any")


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"
