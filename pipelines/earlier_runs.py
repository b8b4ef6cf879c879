"""Runs that version 0.1 left open in a store: it kept no records, so that nothing says which process made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exitladder.pipelines.tracking.address import ARTIFACTS, StoreAddress
from exitladder.pipelines.tracking.mlflow_store import mlflow_client
from exitladder.pipelines.tracking.page.logged_models import RUN_TAG
from exitladder.runtime.sqlite_files import opened_to_read

# no run takes longer
SECONDS_TO_BE_ENDED = 86_400.0
_OPEN = """
    select run_uuid, name, start_time from runs
    where status = 'RUNNING' and lifecycle_stage = 'active'
      and exists (
        select 1 from tags
        where tags.run_uuid = runs.run_uuid and key = 'mlflow.source.name' and value like 'exitladder %'
      )
      and not exists (select 1 from tags where tags.run_uuid = runs.run_uuid and key = ?)
    order by start_time
"""


@dataclass(frozen=True)
class EarlierRun:
    """A run of version 0.1 that is open in the store.

    Parameters
    ----------
    run_id, name : str
    started_ms : int
        Milliseconds since 1970 UTC.
    """

    run_id: str
    name: str
    started_ms: int

    def has_ended(self, now: float) -> bool:
        """Whether its process must have ended by now, seconds since 1970 UTC: it began more than a day ago."""
        return now - self.started_ms / 1000 > SECONDS_TO_BE_ENDED

    def __str__(self) -> str:
        return f"{self.name} ({datetime.fromtimestamp(self.started_ms / 1000, UTC):%Y-%m-%d})"


def open_earlier_runs(database: Path) -> list[EarlierRun]:
    """Return the runs of version 0.1 that are open in a store's SQLite file, oldest first."""
    with opened_to_read(database) as opened:
        rows = opened.execute(_OPEN, (RUN_TAG,)).fetchall()
    return [EarlierRun(str(run_id), str(name or run_id), int(start or 0)) for run_id, name, start in rows]


def close_earlier_runs(address: StoreAddress, runs: list[EarlierRun]) -> None:
    """Close runs as KILLED; they end when the last of their files was written."""
    with mlflow_client(address) as client:
        for run in runs:
            written = [path.stat().st_mtime for path in (address.home / ARTIFACTS / run.run_id).rglob("*")]
            end = max([run.started_ms, *(int(1000 * moment) for moment in written)])
            client.set_terminated(run.run_id, "KILLED", end_time=end)
