"""Weekly and monthly bars stamped with the last date of their period, and daily bars stamped at an hour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.reading import check_bar_files, read_bars
from exitladder.files.conventions import Conventions


def firsts(folder: Path, stamps: pd.DatetimeIndex, form: str = "%Y-%m-%d", said: str = "auto") -> list[str]:
    """Write bars of these stamps, and return when the bars that are read from them begin."""
    close = 100 + np.arange(len(stamps)) % 5
    table = pd.DataFrame({"Date": stamps.strftime(form), "Open": close, "High": close + 1, "Low": close - 1})
    table.assign(Close=close, Volume=10).to_csv(folder / "ACME.csv", index=False)
    bars, _ = read_bars(folder / "ACME.csv", conventions=Conventions(stamps=said))
    return [str(t) for t in pd.DatetimeIndex(bars["ACME"].time.view("M8[ns]"))[:3]]


def rules(folder: Path) -> list[str]:
    return [finding.rule for finding in check_bar_files(folder / "ACME.csv").findings]


def test_ends_of_months_are_the_ends_of_bars(tmp_path: Path) -> None:
    """January's prices are stamped 2024-01-31: a trade of 15 January must be on them, not on December's."""
    for freq in ("ME", "BME"):
        stamps = pd.date_range("2024-01-31", periods=8, freq=freq)
        assert firsts(tmp_path, stamps) == ["2024-01-01 00:00:00", "2024-02-01 00:00:00", "2024-03-01 00:00:00"]
        assert "period_ends" in rules(tmp_path)
        assert firsts(tmp_path, stamps, said="start")[0] == "2024-01-31 00:00:00"
    begins = pd.date_range("2024-01-01", periods=8, freq="MS")
    assert firsts(tmp_path, begins)[0] == "2024-01-01 00:00:00" and "period_ends" not in rules(tmp_path)


def test_weeks_that_end_on_fridays(tmp_path: Path) -> None:
    fridays = pd.date_range("2024-01-05", periods=20, freq="W-FRI")
    with_holiday = fridays.where(fridays != "2024-03-29", pd.Timestamp("2024-03-28"))  # Good Friday
    for stamps in (fridays, with_holiday):
        assert firsts(tmp_path, stamps)[:2] == ["2023-12-30 00:00:00", "2024-01-06 00:00:00"]
        assert "period_ends" in rules(tmp_path)
    for weekday in ("W-MON", "W-SUN"):
        stamps = pd.date_range("2024-01-05", periods=20, freq=weekday)
        assert firsts(tmp_path, stamps)[0] == str(stamps[0]) and "period_ends" not in rules(tmp_path)
        assert firsts(tmp_path, stamps, said="end")[0] == str(stamps[0] - pd.Timedelta("6D"))


@pytest.mark.parametrize(("said", "first"), [("auto", "2024-01-02 22:00:00"), ("end", "2024-01-01 22:00:00")])
def test_an_hour_behind_daily_dates_is_asked_about(tmp_path: Path, said: str, first: str) -> None:
    days = pd.bdate_range("2024-01-02", periods=12) + pd.Timedelta("22h")
    assert firsts(tmp_path, days, "%Y-%m-%d %H:%M", said)[0] == first
    assert "hour_of_days" in rules(tmp_path)
    assert firsts(tmp_path, days.normalize(), said="auto")[0] == "2024-01-02 00:00:00"
    assert "hour_of_days" not in rules(tmp_path)


@pytest.mark.parametrize("header", ["Datetime", "Date,Time"])
def test_midnight_written_as_24_is_the_end_of_a_bar(tmp_path: Path, header: str) -> None:
    gap = "," if "," in header else " "
    lines = [f"2024-01-02{gap}{hour}:00,100,101,99,100" for hour in range(20, 25)]
    (tmp_path / "ACME.csv").write_text("\n".join([f"{header},Open,High,Low,Close", *lines]) + "\n")
    bars, report = read_bars(tmp_path / "ACME.csv")
    assert str(pd.Timestamp(int(bars["ACME"].time[-1]))) == "2024-01-02 23:00:00"
    assert "marking the end of a bar" in report.how_read()[0]


def test_prices_in_two_currencies_are_refused(tmp_path: Path) -> None:
    rows = [f"2024-01-0{k},{'$' if k < 4 else '€'}100,101,99,100.5" for k in range(2, 8)]
    (tmp_path / "ACME.csv").write_text("\n".join(["Date,Open,High,Low,Close", *rows]) + "\n")
    assert "one currency, but there are $ and €" in check_bar_files(tmp_path / "ACME.csv").errors[0]
