"""Long CSV files, against pandas and Python cell by cell."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from exitladder.files.csv_text import LONG, csv_parts, number_texts
from exitladder.files.output import csv_text, iso_stamp
from exitladder.files.text.number_texts import rows_of_numbers

N = LONG + 37


def numbers(seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Doubles of every size, whole numbers, and the edges at which the spelling changes."""
    rng = np.random.default_rng(seed)
    edges = [0.0, -0.0, 1e-4, 9.9999e-5, 1e10, 1e15, 1e16, 1e22, 5e-324, 999999999999999.9, 0.1 + 0.2, np.inf, -np.inf]
    edges += [np.nan, 1e-5, -1e-4, 9999999999.5, 10000000000.5, 123456789012345680.0, -3.0]
    any_bits = rng.integers(0, 2**64, 20_000, dtype=np.uint64).view(np.float64)
    usual = rng.normal(0, 1, 40_000) * 10.0 ** rng.integers(-7, 18, 40_000)
    whole = rng.integers(-(10**6), 10**6, 2_000).astype(np.float64)
    prices = np.round(rng.lognormal(4, 2, 20_000), 2)
    return np.concatenate([edges, any_bits, usual, whole, prices])


@pytest.mark.parametrize("seed", [1, 2])
def test_numbers_are_written_as_python_writes_them(seed: int) -> None:
    values = numbers(seed)
    expected = [None if value != value else repr(value) for value in values.tolist()]
    assert number_texts(values).to_pylist() == expected


def every_power() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Powers of two and ten with both neighbours, and the smallest and largest doubles."""
    powers = np.concatenate([2.0 ** np.arange(-1074, 1024), [float(f"1e{k}") for k in range(-323, 309)]])
    small = np.arange(1, 2_000, dtype=np.uint64).view(np.float64)
    largest = [np.finfo(np.float64).max, np.finfo(np.float64).tiny, 2.0**53 + 2, 2.0**53 - 1]
    return np.concatenate([powers, np.nextafter(powers, 0), np.nextafter(powers, np.inf), small, largest])


@pytest.mark.parametrize("values", [numbers(1), numbers(2), every_power(), -every_power()])
def test_rows_of_numbers_are_written_as_python_writes_them(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    block = values[: len(values) // 5 * 5].reshape(-1, 5)
    text, ends = rows_of_numbers(block)
    rows = [text[begin:end].tobytes().decode() for begin, end in itertools.pairwise(ends)]
    assert rows == [",".join("" if x != x else repr(x) for x in row) for row in block.tolist()]


def table() -> pd.DataFrame:
    """A column of every kind that a result has, texts that need quotation marks among them."""
    rng = np.random.default_rng(3)
    texts = np.array(
        ["plain", "", "a,b", 'say "x"', "two\nlines", "return\r", " space", "é", "'=1", "None"], dtype=object
    )
    some = texts[rng.integers(0, len(texts), N)]
    holes = some.copy()
    holes[::7] = None
    return pd.DataFrame(
        {
            "a text, of any kind": pd.Series(some, dtype="str"),
            "missing": pd.Series(holes, dtype="str"),
            "object": pd.Series(holes, dtype=object),
            "nothing": pd.Series([None] * N, dtype=object),
            "number": numbers(4)[:N],
            "integer": rng.integers(-9, 10**12, N),
            "small": rng.integers(-9, 9, N).astype(np.int8),
            "rung": pd.Series(rng.integers(0, 4, N), dtype="Int64").where(rng.random(N) > 0.5),
            "flag": rng.random(N) > 0.5,
            "number at the end": np.where(rng.random(N) > 0.5, np.nan, rng.normal(size=N)),
        }
    )


def test_rows_of_no_or_one_number() -> None:
    assert rows_of_numbers(np.zeros((0, 3)))[1].tolist() == [0]
    assert rows_of_numbers(np.array([[np.nan], [2.5]]))[1].tolist() == [0, 0, 3]


@pytest.mark.parametrize("last", ["number at the end", "missing", "rung", "flag"])
def test_every_kind_of_column_is_written_as_pandas_writes_it(last: str) -> None:
    frame = table()
    frame = frame[[name for name in frame if name != last] + [last]]
    assert b"".join(csv_parts(frame)).decode() == frame.to_csv(index=False, lineterminator="\n")


def test_a_long_table_is_written_in_parts_that_join() -> None:
    frame = pd.concat([table()] * 45, ignore_index=True)
    parts = list(csv_parts(frame))
    assert len(parts) > 2
    assert b"".join(parts).decode() == frame.to_csv(index=False, lineterminator="\n")


@pytest.mark.parametrize("frame", [table()[["number"]], table().iloc[:3], table().iloc[:0]])
def test_short_and_narrow_tables(frame: pd.DataFrame) -> None:
    assert b"".join(csv_parts(frame)).decode() == frame.to_csv(index=False, lineterminator="\n")


def test_stamps_are_written_one_like_the_other() -> None:
    rng = np.random.default_rng(5)
    moments = rng.integers(0, 2 * 10**18, N)
    moments[::2] -= moments[::2] % 10**9
    moments[::3] -= moments[::3] % 1000
    stamps = pd.Series(pd.to_datetime(moments, utc=True)).where(rng.random(N) > 0.1)
    plain, abroad = stamps.dt.tz_localize(None), stamps.dt.tz_convert("America/New_York")
    for column in (stamps, abroad, plain, stamps.dt.as_unit("s")):
        frame = pd.DataFrame({"at": column, "n": range(N)})
        lines = csv_text(frame).splitlines()[1:]
        expected = ["" if pd.isna(value) else iso_stamp(value) for value in column]
        assert [line.split(",")[0] for line in lines] == expected
