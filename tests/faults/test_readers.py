"""No file, however spoilt, ends a reader otherwise than with data or an error that says what is wrong.

``EXITLADDER_EXAMPLES=2000`` runs 2,000 mutations per reader; `make test` runs some hundreds. A failure can be repeated:
``python tests/faults/worker.py FOLDER N "KIND"`` keeps the file of each failure in FOLDER.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
MUTATIONS = max(200, int(os.environ.get("EXITLADDER_EXAMPLES", "60")))
# Each group runs in a process of its own: what is loaded once is shared by its readers.
GROUPS = {
    "bars": ["bars: text", "bars: packed", "bars: Parquet", "bars: Feather", "bars: Excel", "bars: months"],
    "trades": ["trades", "fills", "imports", "contracts", "actions", "symbol maps"],
    "plans": ["ladders", "settings", "models", "estimators", "studies"],
    "runs": ["runs: compared", "runs: pages"],
}


def worker(folder: Path, count: int, kinds: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(HERE / "worker.py"), str(folder), str(count), *kinds],
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * 3600,
    )
    assert done.returncode in (0, 1), done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("group", GROUPS)
def test_a_spoilt_file_is_read_or_refused(group: str, tmp_path: Path) -> None:
    found = worker(tmp_path, MUTATIONS, GROUPS[group])
    assert [result["kind"] for result in found] == GROUPS[group]
    for result in found:
        assert result["failures"] == [], f"{result['kind']}: {result['failures'][:5]}"
        # neither so tame that nothing is refused, nor so wild that nothing is read
        assert min(result["read"], result["refused"]) > 0


def test_files_that_are_not_spoilt_are_read(tmp_path: Path) -> None:
    found = worker(tmp_path, 0, [kind for kinds in GROUPS.values() for kind in kinds])
    assert {result["kind"]: result["failures"] for result in found} == {kind: [] for g in GROUPS.values() for kind in g}
    # the page of importers has lists of fields alone among its files
    assert all(result["refused"] == 0 for result in found if result["kind"] != "imports"), found
