"""Commands on a full disk: a small file system in memory, mounted for the test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from exitladder.cli import main
from exitladder.errors import ExitladderWarning, ModelError
from exitladder.models.search.studies.database import Database
from exitladder.pipelines.tracking.tracker import Tracker

KILOBYTES = 128


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={KILOBYTES}k", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _fill(disk: Path, free: int = 0) -> Path:
    """Leave so many kilobytes free, and return the file that takes the space."""
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    os.truncate(filler, filler.stat().st_size - 1024 * free)
    return filler


def _files(disk: Path) -> dict[str, bytes]:
    return {path.relative_to(disk).as_posix(): path.read_bytes() for path in disk.rglob("*") if path.is_file()}


def _run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args])


def _bars(n_bars: int, symbols: str) -> pd.DataFrame:
    """Return bars of symbols with one letter each, of numbers that cannot be packed."""
    chance = np.random.default_rng(0)
    stamps = np.tile(pd.date_range("2020-01-01", periods=n_bars, tz="UTC"), len(symbols))
    low, opened, close, above = np.array([[100], [101], [101], [102]]) + chance.random((4, n_bars * len(symbols)))
    return pd.DataFrame(
        {
            "symbol": np.repeat(list(symbols), n_bars), "timestamp": stamps,
            "open": opened, "high": above, "low": low, "close": close, "volume": opened * 1000,
        }
    )  # fmt: skip


@pytest.mark.parametrize("out", ["bars", "bars.csv", "bars.parquet"])
def test_an_output_larger_than_the_disk_leaves_what_was_there(tmp_path: Path, disk: Path, out: str) -> None:
    _bars(20, "A").to_parquet(tmp_path / "few.parquet")
    assert _run("bars", "adjust", tmp_path / "few.parquet", "--out", disk / out).exit_code == 0
    before = _files(disk)
    _bars(900, "ABCDE").to_parquet(tmp_path / "many.parquet")
    result = _run("bars", "adjust", tmp_path / "many.parquet", "--out", disk / out)
    assert result.exit_code == 1
    assert "cannot be written: No space left on device" in " ".join(result.stderr.split())
    assert _files(disk) == before


def test_a_full_disk_is_told_before_anything_is_read(disk: Path) -> None:
    filler = _fill(disk)
    result = _run("bars", "adjust", "there-are-no-such-bars", "--out", disk / "out")
    assert result.exit_code == 1
    assert "cannot be written to: No space left on device" in " ".join(result.stderr.split())
    assert list(disk.iterdir()) == [filler]


def test_a_database_of_studies_is_not_made_on_a_full_disk(disk: Path) -> None:
    for free in (0, 32):
        filler = _fill(disk, free)
        with pytest.raises(ModelError, match=r"studies\.db.*([Nn]o space left|disk is full)"):
            Database(f"sqlite:///{disk / 'studies.db'}")
        assert list(disk.iterdir()) == [filler]


def test_a_run_on_a_full_disk_is_not_recorded_and_not_broken(disk: Path) -> None:
    filler = _fill(disk)
    with (
        pytest.warns(ExitladderWarning, match=r"No space left.*This run is not recorded|not recorded.*No space left"),
        Tracker(disk).run("backtest") as run,
    ):
        run.log_metrics({"a": 1})
    assert run.run_id == ""
    assert [path for path in disk.rglob("*") if path.is_file() and path != filler] == []
