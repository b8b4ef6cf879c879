"""Results are written whole or not at all, and read back exactly."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.errors import OutputFileError
from exitladder.files.output import json_text, write_bytes, write_folder, write_json, write_table, write_text
from exitladder.files.tables import read_table


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trade_id": ["a", "b"],
            "at": pd.to_datetime(["2024-01-31 15:30", "NaT"], utc=True),
            "r": [0.1 + 0.2, np.nan],
            "n": [1, 2],
        }
    )


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet", "json"])
def test_tables_by_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"t.{suffix}"
    write_table(table(), path)
    assert list(path.parent.iterdir()) == [path]
    if suffix == "json":
        rows = json.loads(path.read_text())
        assert rows == [
            {"trade_id": "a", "at": "2024-01-31T15:30:00Z", "r": 0.30000000000000004, "n": 1},
            {"trade_id": "b", "at": None, "r": None, "n": 2},
        ]
        return
    back = read_table(path).frame
    assert back["r"].tolist()[0] == 0.1 + 0.2 and np.isnan(back["r"][1])
    assert pd.to_datetime(back["at"], utc=True)[0] == pd.Timestamp("2024-01-31 15:30", tz="UTC")
    if suffix == "csv":
        assert path.read_text() == "trade_id,at,r,n\na,2024-01-31T15:30:00Z,0.30000000000000004,1\nb,,,2\n"


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.csv.gz", "two.csv.gz"):
        write_table(table(), tmp_path / name)
    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "two.csv.gz").read_bytes()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_floats_come_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("floats") / "t.csv"
    write_table(pd.DataFrame({"a": values, "b": values}), path)
    back = read_table(path).frame["a"].to_numpy(dtype=np.float64)
    assert back.tobytes() == np.array(values, dtype=np.float64).tobytes()


def test_json_is_strict() -> None:
    value = {
        "nan": float("nan"),
        "inf": np.float64("inf"),
        "int": np.int64(3),
        "flag": np.bool_(True),
        "at": pd.Timestamp("2024-01-31 10:00", tz="America/New_York"),
        "nat": pd.NaT,
        "list": (1, np.array([1.5, np.nan])),
        "path": Path("a/b"),
        2: "key",
    }
    assert json.loads(json_text(value)) == {
        "nan": None, "inf": None, "int": 3, "flag": True, "at": "2024-01-31T15:00:00Z", "nat": None,
        "list": [1, [1.5, None]], "path": "a/b", "2": "key",
    }  # fmt: skip


def test_a_failing_writer_leaves_the_old_file(tmp_path: Path) -> None:
    unwritable = pd.DataFrame({"a": [object()]})
    path = tmp_path / "t.parquet"
    path.write_text("old")
    with pytest.raises(Exception, match="object"):
        write_table(unwritable, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(
        out, {"trades.csv": table(), "summary.json": {"r": float("nan")}, "a.txt": "text", "sub/b.bin": b"\x00"}
    )
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == [
        "a.txt", "sub/b.bin", "summary.json", "trades.csv",
    ]  # fmt: skip
    assert json.loads((out / "summary.json").read_text()) == {"r": None}

    def breaks(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(out, {"a.txt": "new text", "c.txt": breaks})
    assert (out / "a.txt").read_text() == "text"
    assert not (out / "c.txt").exists() and len(list(out.iterdir())) == 4
    write_folder(out, {"c.txt": lambda path: path.write_text("done")})
    assert (out / "c.txt").read_text() == "done"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputFileError, match="cannot be written"):
        write_text("x", tmp_path / "file" / "below.txt")
    with pytest.raises(OutputFileError, match="must be a file, but is a folder"):
        write_bytes(b"x", tmp_path / "folder")
    with pytest.raises(OutputFileError, match="must be a folder, but is a file"):
        write_folder(tmp_path / "file", {"a": "b"})
    with pytest.raises(OutputFileError, match=r"written as one of .csv"):
        write_table(table(), tmp_path / "t.xlsx")


def test_files_have_usual_rights(tmp_path: Path) -> None:
    write_json({}, tmp_path / "a.json")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o666 & ~mask
