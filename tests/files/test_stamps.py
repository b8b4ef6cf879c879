"""Stamps in all their spellings mean one instant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.clock import NO_TIME
from exitladder.files.numbers import decimal_mark, parse_numbers
from exitladder.files.stamps import read_stamps, stamps_to_ns

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


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["15/01/24", "03/02/24"], "2024-01-15"),
        (["01/15/2024", "02/03/2024"], "2024-01-15"),
        (["31.01.24 15:30"], "2024-01-31 15:30"),
        (["31-Jan-24 15:30"], "2024-01-31 15:30"),
        (["20240131;153000"], "2024-01-31 15:30"),
        (["20240131153000"], "2024-01-31 15:30"),
        (["202401311530", "202401311531"], "2024-01-31 15:30"),
        (["31.01.2024 15:30:00.000 GMT+0100"], "2024-01-31 14:30"),
        (["20240131 15:30:00 US/Eastern"], "2024-01-31 20:30"),
        (["2024-01-31T15:30:00-05:00[America/New_York]"], "2024-01-31 20:30"),
        (["2024-01-31 15:30 EST"], "2024-01-31 20:30"),
        (["01/31/2024 12:05 AM"], "2024-01-31 00:05"),
        (["2024-01-31 24:00"], "2024-02-01"),
    ],
)
def test_forms_of_a_column(texts: list[str], first: str) -> None:
    assert pd.Timestamp(int(stamps_to_ns(pd.Series(texts))[0])) == pd.Timestamp(first)


@pytest.mark.parametrize("dates", ["dayfirst", "monthfirst"])
def test_an_option_settles_only_what_a_column_leaves_open(dates: str) -> None:
    found = read_stamps(pd.Series(["01/02/2024", "03/02/2024"]), dates=dates)
    month = 2 if dates == "dayfirst" else 1
    assert pd.Timestamp(int(found.ns[0])).month == month
    settled = read_stamps(pd.Series(["31/01/2024", "01/02/2024"]), dates=dates)
    assert [pd.Timestamp(int(t)).month for t in settled.ns] == [1, 2] and settled.order == "day first"


@pytest.mark.parametrize(
    "column",
    [[0, 1, 2], [2000, 2001], [202401], [1.5], ["01012020"], ["20-01-01"], ["01/02/24"], ["31/01/24", "01/31/24"]],
)
def test_columns_that_settle_nothing_say_why(column: list[object]) -> None:
    found = read_stamps(pd.Series(column))
    assert found.problem and (found.ns == NO_TIME).all()


@pytest.mark.parametrize("word", ["now", "today", "12:00", "2024", "2020-02-20-02-05", "2024-01-31 15:30 CST", "1e5"])
def test_words_and_halves_are_unreadable(word: str) -> None:
    assert stamps_to_ns(pd.Series(["2024-01-31", word]))[1] == NO_TIME


def test_serial_days_of_a_spreadsheet() -> None:
    found = read_stamps(pd.Series([45322.645833333336, 45323.0]))
    assert pd.Timestamp(int(found.ns[0])) == INSTANT.tz_localize(None) and "serial days" in found.form


def test_a_time_beside_its_date_keeps_its_zeros() -> None:
    date = pd.Series([20240131] * 3)
    for times in (
        pd.Series([90000, 93000, 153000]),
        pd.Series(["090000", "093000", "153000"]),
        pd.Series(["0900", "0930", "1530"]),
    ):
        found = read_stamps(date, time_of_day=times)
        assert [f"{pd.Timestamp(int(t)):%H:%M}" for t in found.ns] == ["09:00", "09:30", "15:30"]


def test_the_repeated_hour_of_several_symbols_is_told_by_the_order() -> None:
    zone = "America/New_York"
    hours = pd.Series(pd.date_range("2024-11-03 00:00", periods=6, freq="h", tz=zone).tz_localize(None))
    expected = stamps_to_ns(hours, zone).tolist()
    assert stamps_to_ns(pd.concat([hours, hours], ignore_index=True), zone).tolist() == 2 * expected
    assert stamps_to_ns(hours[::-1].reset_index(drop=True), zone).tolist() == expected[::-1]


def test_dates_are_dates_on_the_clock_of_their_own_zone() -> None:
    for offset in ("-05:00", "+05:30", "+00:00"):
        found = read_stamps(pd.Series([f"2024-01-02 00:00:00{offset}", f"2024-01-03 00:00:00{offset}"]))
        assert found.are_dates and pd.Timestamp(int(found.wall[0])) == pd.Timestamp("2024-01-02")
    assert read_stamps(pd.Series(["2024-01-02", "2024-01-03"]), tz="Asia/Kolkata").is_date.all()
    assert not read_stamps(pd.Series(["2024-01-02 09:30"])).are_dates


@pytest.mark.parametrize(
    ("texts", "decimal", "expected"),
    [
        (["1,0810", "1,0850"], ",", [1.081, 1.085]),
        (["16.752,21", "1.100"], ",", [16752.21, 1100]),
        (["1,029.34", "(1,201.91)"], ".", [1029.34, -1201.91]),
        (["$95.72", "USD 1,000.50"], ".", [95.72, 1000.5]),
        (["5 000.00", "1'234.50"], ".", [5000, 1234.5]),
        (["1.23M", "980.5K"], ".", [1.23e6, 980500]),
        (["−5.25", "+3.5"], ".", [-5.25, 3.5]),
    ],
)
def test_numbers_of_a_column(texts: list[str], decimal: str, expected: list[float]) -> None:
    column = pd.Series(texts)
    assert decimal_mark([column]) == decimal
    values, bad = parse_numbers(column, decimal)
    assert values.tolist() == pytest.approx(expected, rel=1e-15) and not bad.any()


@pytest.mark.parametrize("text", ["1,23,4", "1.2.3", "12x", "--5", "1,,000", "abc", "."])
def test_what_is_no_number_is_marked(text: str) -> None:
    values, bad = parse_numbers(pd.Series(["1.5", text, None]), ".")
    assert bad.tolist() == [False, True, False] and np.isnan(values[1:]).all()


@pytest.mark.parametrize(
    "texts",
    [
        ("31. Mär 2024", "1. Okt. 2024"),
        ("Sonntag, 31. März 2024", "Di., 1. Oktober 2024"),
        ("dim. 31 mars 2024", "1er oct. 2024"),
        ("31 de marzo de 2024", "1 de octubre de 2024"),
        ("31-mar-2024", "01-ott-2024"),
        ("31 de março de 2024", "1 de out. de 2024"),
        ("zo 31 mrt 2024", "1 okt 2024"),
        ("31. Ma\u0308rz 2024", "1. Okt 2024"),
    ],
)
def test_months_of_seven_languages(texts: tuple[str, str]) -> None:
    found = read_stamps(pd.Series(texts))
    assert [str(pd.Timestamp(int(t)).date()) for t in found.ns] == ["2024-03-31", "2024-10-01"] and not found.problem


@pytest.mark.parametrize("texts", [("31. März 2024", "1 août 2024"), ("1 jan 2024", "1 maj 2024"), ("5 sty 2024",)])
def test_months_of_two_languages_or_an_unknown_one_are_refused(texts: tuple[str, ...]) -> None:
    assert "All months of a column must be in one language" in read_stamps(pd.Series(texts)).problem
