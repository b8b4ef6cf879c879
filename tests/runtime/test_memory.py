"""What a process may still take, and matrices that lie on disk."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from exitladder.errors import OutputFileError
from exitladder.runtime.memory import available_bytes, matrix_on_disk

GB = 10**9


def system(folder: Path, files: dict[str, str]) -> Path:
    """A folder with what the kernel tells."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


MACHINE = {"proc/meminfo": "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:    8000000 kB\n"}


def test_what_the_machine_has_left_where_no_group_limits(tmp_path: Path) -> None:
    assert available_bytes(system(tmp_path, MACHINE)) == 8_000_000 * 1024


@pytest.mark.parametrize("parent", [5 * GB, 3 * GB])
def test_the_least_of_a_group_and_its_parents_counts(tmp_path: Path, parent: int) -> None:
    """Version 2; pages of files that are given up at once are not counted as taken."""
    group = {
        "proc/self/cgroup": "0::/jobs/one\n",
        "sys/fs/cgroup/jobs/one/memory.max": "max\n",
        "sys/fs/cgroup/jobs/one/memory.current": f"{GB}\n",
        "sys/fs/cgroup/jobs/memory.max": f"{parent}\n",
        "sys/fs/cgroup/jobs/memory.current": f"{2 * GB}\n",
        "sys/fs/cgroup/jobs/memory.stat": f"anon 1\ninactive_file {GB // 2}\n",
    }
    assert available_bytes(system(tmp_path, MACHINE | group)) == parent - 1.5 * GB


def test_a_container_sees_its_own_limit_at_the_root(tmp_path: Path) -> None:
    """Version 1, where the path is the host's."""
    group = {
        "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/docker/f00\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{4 * GB}\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{3 * GB}\n",
        "sys/fs/cgroup/memory/memory.stat": f"inactive_file 7\ntotal_inactive_file {GB // 4}\n",
    }
    assert available_bytes(system(tmp_path, MACHINE | group)) == 1.25 * GB


def test_something_is_left_here() -> None:
    assert 0 < available_bytes() < math.inf


def test_a_matrix_on_disk_is_like_any_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    matrix = matrix_on_disk(1_000, 3)
    matrix[:] = np.arange(3_000).reshape(1_000, 3)
    assert isinstance(matrix, np.memmap)
    assert matrix.dtype == np.float32
    assert matrix[::500].tolist() == [[0, 1, 2], [1_500, 1_501, 1_502]]
    assert list(tmp_path.iterdir()) == []
    assert matrix_on_disk(0, 3).shape == (0, 3)


def test_a_full_disk_is_reported_before_anything_is_written() -> None:
    with pytest.raises(OutputFileError, match=r"The training rows need 1000000000\.0 GB in .*TMPDIR"):
        matrix_on_disk(10**12, 250_000)
