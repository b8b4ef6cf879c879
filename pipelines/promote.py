"""``exitladder promote``: give a run the alias champion or challenger, if it passes the gate, and take it back."""

from __future__ import annotations

import getpass
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from exitladder.errors import TrackingError
from exitladder.pipelines.promotion.evidence import Evidence, evidence_of, recorded_run, what_changed
from exitladder.pipelines.promotion.gate import Check, check_gate, gate_fingerprint
from exitladder.pipelines.promotion.shadow import shadow_summary
from exitladder.pipelines.tracking.promotions import (
    ALIASES,
    SLOTS,
    Promotion,
    add_promotion,
    history,
    holder,
    note_gate,
)
from exitladder.pipelines.tracking.runs import find_run
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.runtime.shown import Shown
from exitladder.secrets import masked
from exitladder.settings.tables import Settings


@dataclass(frozen=True, repr=False)
class PromoteResult(Shown):
    """A promotion, or a rollback.

    Parameters
    ----------
    promotion : Promotion
        The row of the history.
    checks : list of Check
        The gate; empty for a rollback.
    changed : list of dict
        What differs from the run that had the alias before: what, before, now.
    """

    promotion: Promotion
    checks: list[Check] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)

    def headline(self) -> str:
        """Return which run has the alias now, and the conditions of the gate that failed."""
        row = self.promotion
        failed = [check.rule for check in self.checks if not check.has_passed]
        now = f"{row.run_id or 'no run'} is {row.alias} ({row.slot})"
        return f"{now}; failed: {', '.join(failed)}." if failed else f"{now}."

    def to_frame(self) -> pd.DataFrame:
        """Return the conditions of the gate, one per row: rule, required, found, has_passed."""
        columns = ["rule", "required", "found", "has_passed"]
        return pd.DataFrame([asdict(check) for check in self.checks], columns=columns)

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that the command prints."""
        return {
            **_row(self.promotion),
            "checks": [asdict(check) for check in self.checks],
            "changed": self.changed,
        }


def promote(
    run: str, settings: Settings, *, alias: str = "champion", because: str = "", who: str = ""
) -> PromoteResult:
    """Give a run an alias, if it passes the gate of ``[promotion]``.

    Runs of ``train`` are models, runs of ``tune`` and ``backtest`` exits; each has a champion and a challenger of its
    own. A challenger needs no gate: it is tried beside the champion.

    Parameters
    ----------
    run : str
        Run id, or the name of the newest run of that name.
    settings : Settings
    alias : {"champion", "challenger"}
    because : str
        Reason to promote a run that fails the gate; kept in the history with the failed checks.
    who : str
        Who promotes; the user of the system by default.

    Returns
    -------
    PromoteResult

    Raises
    ------
    TrackingError
        If there is no such run, it fails the gate and no reason is given, or the history cannot be written.
    """
    if alias not in ALIASES:
        raise TrackingError(f"An alias must be champion or challenger, but is {alias!r}.")
    tracker = Tracker.from_settings(settings)
    home = tracker.store.home
    found = evidence_of(find_run(run, tracker.store), home)
    now = {name: holder(home, name, found.slot) for name in ALIASES}
    before = now[alias]
    if before is not None and before.run_id == found.run.run_id:
        raise TrackingError(f"'{found.run.name}' is the {alias} already, since {_time(before.at)}.")
    known = {name: _known(row, tracker) for name, row in now.items()}
    gate = asdict(settings.promotion)
    written = note_gate(home, gate_fingerprint(gate), gate)
    checks = check_gate(found, known["champion"], settings.promotion)
    failed = [check for check in checks if not check.has_passed]
    if alias == "champion" and failed and not because.strip():
        said = "; ".join(f"{check.rule} must be {check.required}, but is {check.found}" for check in failed)
        raise TrackingError(
            f"A champion must pass the gate of [promotion], but '{found.run.name}' does not: {said}. To promote it all "
            'the same, give the reason, which the history keeps: --because "TEXT".'
        )
    row = add_promotion(
        home,
        {
            "alias": alias,
            "slot": found.slot,
            "action": "promote",
            "run_id": found.run.run_id,
            "model": found.model,
            "who": who or _user(),
            "because": masked(because.strip()),
            "evidence": {
                "gate": gate,
                "gate_fingerprint": gate_fingerprint(gate),
                "gate_first_seen": written,
                "run_started": int(found.run.started * 1000),
                "checks": [asdict(check) for check in checks],
                "shadow": shadow_summary(home) if found.slot == "model" else None,
            },
        },
        expected_before=before.run_id if before else "",
    )
    _tell_store(tracker, row)
    return PromoteResult(row, checks, what_changed(known[alias], found))


def rollback(
    settings: Settings, *, alias: str = "champion", slot: str = "", because: str = "", who: str = ""
) -> PromoteResult:
    """Give an alias back to the run that had it before; a second rollback goes one further back.

    Parameters
    ----------
    settings : Settings
    alias : {"champion", "challenger"}
    slot : {"model", "exit", ""}
        Empty: the one that was changed last.
    because, who : str

    Returns
    -------
    PromoteResult

    Raises
    ------
    TrackingError
        If nothing was promoted before.
    """
    tracker = Tracker.from_settings(settings)
    home = tracker.store.home
    rows = history(home, alias, slot)
    if slot == "" and rows:
        rows = [row for row in rows if row.slot == rows[-1].slot]
    stack: list[Promotion] = []
    for row in rows:
        if row.action == "promote":
            stack.append(row)
        elif stack:
            stack.pop()
    if not stack:
        raise TrackingError(f"A rollback needs a promotion to take back, but there is no {alias} now.")
    back = stack[-2] if len(stack) > 1 else None
    done = add_promotion(
        home,
        {
            "alias": alias,
            "slot": stack[-1].slot,
            "action": "rollback",
            "run_id": back.run_id if back else "",
            "model": back.model if back else "",
            "who": who or _user(),
            "because": masked(because.strip()),
            "evidence": {"takes_back": stack[-1].number},
        },
        expected_before=stack[-1].run_id,
    )
    _tell_store(tracker, done)
    was, now = _known(stack[-1], tracker), _known(back, tracker)
    return PromoteResult(done, [], what_changed(was, now) if now is not None else [])


def promotion_history(settings: Settings, alias: str = "") -> pd.DataFrame:
    """Return the history of aliases, newest first: when, alias, what, run, who, why, failed checks, before."""
    tracker = Tracker.from_settings(settings)
    rows = [_row(row) for row in reversed(history(tracker.store.home, alias))]
    columns = ["number", "at", "alias", "slot", "action", "run_id", "model", "who", "because", "failed", "before"]
    return pd.DataFrame(rows, columns=columns)


def _row(row: Promotion) -> dict[str, Any]:
    failed = [check["rule"] for check in row.evidence.get("checks", []) if not check["has_passed"]]
    values = {name: getattr(row, name) for name in ("number", "alias", "slot", "action", "run_id", "model")}
    return values | {
        "at": _time(row.at),
        "who": row.who,
        "because": row.because,
        "failed": ", ".join(failed),
        "before": row.before,
        "gate": row.evidence.get("gate_fingerprint", ""),
    }


def _known(row: Promotion | None, tracker: Tracker) -> Evidence | None:
    """Return what a run that has an alias has shown; None if it is gone."""
    if row is None or row.slot not in SLOTS:
        return None
    try:
        return evidence_of(find_run(row.run_id, tracker.store), tracker.store.home)
    except TrackingError:
        return None


def _tell_store(tracker: Tracker, row: Promotion) -> None:
    """Note the alias in the tags of both runs, and let the store have it; one that is away gets it later."""
    for run_id in (row.before, row.run_id):
        if run_id and recorded_run(run_id, tracker.store.home):
            tracker.note_alias(run_id, row)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _time(milliseconds: int) -> str:
    return f"{pd.Timestamp(milliseconds, unit='ms', tz='UTC'):%Y-%m-%d %H:%M:%S} UTC"
