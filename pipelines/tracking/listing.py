"""The recorded runs as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exitladder.pipelines.tracking.address import StoreAddress
from exitladder.pipelines.tracking.record import pending, read_records

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run_id", "name", "kind", "status", "started", "is_sent")


def runs_frame(address: StoreAddress) -> pd.DataFrame:
    """Return the recorded runs, newest first: run_id, name, kind, status, started, is_sent."""
    import pandas as pd

    waiting = set(pending(address.home))
    rows = [
        {
            **{name: record[name] for name in COLUMNS[:4]},
            "started": pd.Timestamp(record["started"], unit="ms", tz="UTC"),
            "is_sent": record["run_id"] not in waiting,
        }
        for record in sorted(read_records(address.home), key=lambda record: -int(record["started"]))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
