"""Time to validate an Arrow table in full, beside reading it: ``python benchmarks/validation.py``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

ROWS = 5_000_000


def main() -> None:
    """Print the CPU seconds of reading, validating and converting a file of bars."""
    rng = np.random.default_rng(0)
    columns = {name: rng.random(ROWS) for name in ("open", "high", "low", "close", "volume")}
    stamps = pa.array(np.arange(ROWS) * 10**9, pa.timestamp("ns", "UTC"))
    table = pa.table({"timestamp": stamps, **columns, "symbol": pa.array(["ACME"] * ROWS)})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "bars.parquet"
        pq.write_table(table, path)
        moments = [time.process_time()]
        read = pq.read_table(path)
        moments.append(time.process_time())
        read.validate(full=True)
        moments.append(time.process_time())
        read.to_pandas()
        moments.append(time.process_time())
    for name, seconds in zip(("read", "validate", "convert"), np.diff(moments), strict=True):
        sys.stdout.write(f"{name:10} {seconds:6.2f} s\n")


if __name__ == "__main__":
    main()
