"""Longer bars hold what the shorter ones held, and only closed ones come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import bars_from_frame, read_bars
from exitladder.bars.resample import resample_bars
from exitladder.errors import BarsError


def hours(n: int, start: str = "2024-01-01", tz: str = "UTC") -> BarSet:
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    open_ = np.append(100.0, close[:-1])
    table = pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) * 1.001,
            "low": np.minimum(open_, close) * 0.999,
            "close": close,
            "volume": rng.integers(0, 9, n).astype(float),
            "spread": rng.random(n),
        },
        index=pd.date_range(start, periods=n, freq="h", tz=tz),
    )
    return bars_from_frame(table, "ACME")[0]


@pytest.mark.parametrize(("interval", "rule"), [("4h", "4h"), ("1d", "1D"), ("2h", "2h")])
def test_equals_pandas(interval: str, rule: str) -> None:
    bars = hours(24 * 30 + 5)
    table = bars["ACME"].to_frame().set_index("timestamp")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "last"}
    expected = table.resample(rule).agg(how)
    longer = resample_bars(bars, interval)["ACME"].to_frame().set_index("timestamp")
    complete = expected.index <= table.index[-1] + pd.Timedelta("1h") - pd.Timedelta(rule)
    pd.testing.assert_frame_equal(longer, expected[complete], check_freq=False, check_index_type=False)


def test_a_bar_that_can_still_change_is_left_out() -> None:
    assert len(resample_bars(hours(24 * 3), "1d")["ACME"]) == 3
    assert len(resample_bars(hours(24 * 3 - 1), "1d")["ACME"]) == 2
    with pytest.raises(BarsError, match="at least one closed bar of 1d"):
        resample_bars(hours(23), "1d")


def test_days_of_a_zone_with_daylight_saving() -> None:
    bars = hours(24 * 6, "2024-03-08", "America/New_York")
    longer = resample_bars(bars, "1d", tz="America/New_York")["ACME"]
    starts = pd.to_datetime(longer.time, utc=True).tz_convert("America/New_York")
    assert (starts == starts.normalize()).all()
    assert np.diff(longer.time).tolist() == [h * 3600 * 10**9 for h in (24, 24, 23, 24, 24)]


def test_weeks_begin_on_monday() -> None:
    longer = resample_bars(hours(24 * 30), "1w")["ACME"]
    assert {pd.Timestamp(int(t)).day_of_week for t in longer.time} == {0}


def test_only_longer_and_whole() -> None:
    for interval in ("30m", "90m"):
        with pytest.raises(BarsError, match="'ACME' has 1h bars"):
            resample_bars(hours(10), interval)
    same = hours(10)
    assert resample_bars(same, "1h").fingerprint() == same.fingerprint()


def test_hours_of_real_stocks_add_up_to_their_days(shared_data: Path) -> None:
    for symbol in ("AAPL", "SPY"):
        from_hours = resample_bars(read_bars(shared_data / "lean-usa" / f"{symbol}-1h.parquet")[0], "1d")[symbol]
        days = read_bars(shared_data / "lean-usa" / f"{symbol}-1d.parquet")[0][symbol]
        n = len(from_hours)
        assert n == len(days) - 1  # the last day of the file is not over by the clock
        for name in ("time", "open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(getattr(from_hours, name), getattr(days, name)[:n])
