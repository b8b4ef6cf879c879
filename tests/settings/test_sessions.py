"""Trading hours proposed from the stamps of intraday bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from exitladder.bars.bars import Bars
from exitladder.bars.reading import bars_from_frame
from exitladder.cli.program import main
from exitladder.settings.loading import load_settings
from exitladder.settings.sessions import propose_session


def hours(tz: str, first: str, last: str, step: str = "30min", half: str = "") -> pd.DataFrame:
    """Return a year of bars on weekdays from `first` to `last` on the clock of `tz`, one day ending at noon."""
    days = pd.date_range("2023-01-02", periods=300, freq="B")
    ends = ["12:30" if f"{day:%Y-%m-%d}" == half else last for day in days]
    stamps = [
        pd.date_range(f"{day:%Y-%m-%d} {first}", f"{day:%Y-%m-%d} {end}", freq=step, inclusive="left")
        for day, end in zip(days, ends, strict=True)
    ]
    index = pd.DatetimeIndex(np.concatenate(stamps)).tz_localize(tz).tz_convert("UTC")
    return pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 100.0), index=index)


def as_bars(table: pd.DataFrame) -> Bars:
    return bars_from_frame(table, "ACME")[0]["ACME"]


@pytest.mark.parametrize(
    ("tz", "first", "last"),
    [
        ("America/New_York", "09:30", "16:00"), ("Europe/London", "08:00", "16:30"), ("Asia/Tokyo", "09:00", "15:00"),
        ("Australia/Sydney", "10:00", "16:00"),
    ],
)  # fmt: skip
def test_the_hours_of_a_known_exchange_name_their_zone(tz: str, first: str, last: str) -> None:
    found = propose_session(as_bars(hours(tz, first, last)))
    assert (found.session, found.exchange_tz) == (f"{first}-{last}", tz)
    assert found.half_days == ()


def test_half_days_are_named() -> None:
    found = propose_session(as_bars(hours("America/New_York", "09:30", "16:00", half="2023-11-24")))
    assert found.session == "09:30-16:00" and found.half_days == ("2023-11-24 12:30",)
    assert "1 shorter days, the last ones 2023-11-24" in found.text


def test_hourly_bars_that_begin_before_the_open_are_known_too() -> None:
    table = hours("America/New_York", "09:00", "16:00", "1h")
    for tz in ("UTC", "America/New_York"):
        assert propose_session(as_bars(table), tz).session == "09:30-16:00"


def test_a_zone_that_stamps_do_not_settle_is_asked_for() -> None:
    table = hours("America/Chicago", "07:00", "13:00")
    found = propose_session(as_bars(table))
    assert not found.session and "--tz" in found.text
    told = propose_session(as_bars(table), "America/Chicago")
    assert (told.session, told.exchange_tz) == ("07:00-13:00", "America/Chicago")


def test_around_the_clock_and_daily_bars() -> None:
    index = pd.date_range("2024-01-01", periods=900, freq="h")
    coins = pd.DataFrame(100.0, index=index, columns=["open", "high", "low", "close"])
    assert propose_session(as_bars(coins)).session == "00:00-24:00"
    days = coins.set_axis(pd.date_range("2020-01-01", periods=900), axis=0)
    assert propose_session(as_bars(days)).session == "" and propose_session(as_bars(days)).text == ""


def test_init_writes_the_proposal_with_a_remark(tmp_path: Path) -> None:
    table = hours("America/New_York", "09:30", "16:00", half="2023-11-24")
    table.rename_axis("timestamp").to_csv(tmp_path / "ACME-30m.csv")
    done = CliRunner().invoke(main, ["init", str(tmp_path / "p"), "--bars", str(tmp_path / "ACME-30m.csv")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "p" / "exitladder.toml").read_text()
    assert "# session, a proposal: 09:30-16:00 America/New_York on 299 of 300 days" in text
    contract = load_settings(tmp_path / "p" / "exitladder.toml", []).symbols["ACME"]
    assert (contract.session, contract.exchange_tz) == ("09:30-16:00", "America/New_York")
    assert contract.half_days == ("2023-11-24 12:30",)
    assert "a proposal" in done.output
