"""Stamps in all their spellings mean one instant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.clock import NO_TIME
from exitladder.files.stamps import stamps_to_ns

INSTANT = pd.Timestamp("2024-01-31 15:30", tz="UTC")


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31T15:30Z",
        "2024-01-31 15:30:00",
        "2024-01-31 10:30:00-05:00",
        "2024-01-31 10:30:00-0500",
        "2024-01-31 15:30:00+00",
        "2024-01-31 15:30:00 UTC",
        "2024-01-31T15:30:00.000000Z",
        "31.01.2024 15:30",
        "31/01/2024 15:30:00",
        "1/31/2024 3:30 PM",
        "Jan 31, 2024 15:30",
        "20240131 153000",
        "1706715000",
        "1706715000000",
    ],
)
def test_texts(text: str) -> None:
    assert stamps_to_ns(pd.Series([text]))[0] == INSTANT.value


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", ["int64", "float64", "Int64"])
def test_epochs_of_every_unit(unit: str, kind: str) -> None:
    numbers = pd.Series([INSTANT.value // 10**9 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]]).astype(kind)  # type: ignore[call-overload]
    assert stamps_to_ns(numbers)[0] == INSTANT.value


def test_epochs_of_several_units_in_one_column() -> None:
    numbers = pd.Series([1706715000, 1706715000000, 1706715000000000])
    assert (stamps_to_ns(numbers) == INSTANT.value).all()


@given(st.datetimes(min_value=pd.Timestamp("1971-01-01"), max_value=pd.Timestamp("2200-01-01")))
def test_any_stamp_comes_back(when: object) -> None:
    stamp = pd.Timestamp(when)  # type: ignore[arg-type]
    expected = stamp.value
    for form in (
        pd.Series([stamp]),
        pd.Series([stamp], dtype="object"),
        pd.Series([stamp.tz_localize("UTC").tz_convert("Asia/Kolkata")]),
        pd.Series([stamp.isoformat()]),
        pd.Series([stamp.tz_localize("UTC").tz_convert("America/New_York").isoformat()]),
        pd.Series([stamp.value]),
    ):
        assert stamps_to_ns(form)[0] == expected


def test_blank_and_nonsense_are_no_time() -> None:
    series = pd.Series(["2024-01-31", "", None, "soon", "2024-02-30", "99999999999999999999", "0001-01-01"])
    assert (stamps_to_ns(series)[1:] == NO_TIME).all()
    assert (stamps_to_ns(pd.Series([np.nan, np.inf])) == NO_TIME).all()
    assert (stamps_to_ns(pd.Series([True, False])) == NO_TIME).all()


def test_day_and_month_are_not_guessed() -> None:
    assert stamps_to_ns(pd.Series(["01/02/2024"]))[0] == NO_TIME
    column = pd.Series(["01/02/2024", "01/13/2024"])
    assert pd.Timestamp(int(stamps_to_ns(column)[0])) == pd.Timestamp("2024-01-02")


def test_daylight_saving() -> None:
    zone = "America/New_York"
    hours = pd.Series(pd.date_range("2024-11-03 00:00", periods=6, freq="h", tz=zone).tz_localize(None))
    assert (np.diff(stamps_to_ns(hours, zone)) == 3600 * 10**9).all()
    skipped, repeated = pd.Series(["2024-03-10 02:30"]), pd.Series(["2024-11-03 01:30"])
    assert stamps_to_ns(skipped, zone)[0] == NO_TIME
    assert stamps_to_ns(repeated, zone)[0] == NO_TIME
    # Beirut skips a midnight: the day is still a day
    day = pd.Timestamp(int(stamps_to_ns(pd.Series(["2024-03-31"]), "Asia/Beirut")[0]), tz="UTC")
    assert day == pd.Timestamp("2024-03-30 22:00", tz="UTC")
