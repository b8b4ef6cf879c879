"""A bar that is still forming is left out, or asked about where only its session could tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.unfinished import TradingSession, is_finished, without_unfinished
from exitladder.errors import BarsError

HOUR = 3_600 * 10**9
NEW_YORK = TradingSession("09:30-16:00", "America/New_York")


def moment(text: str) -> int:
    return pd.Timestamp(text).as_unit("ns").value


def bars(last: str, interval_ns: int, symbol: str = "ACME") -> Bars:
    time = moment(last) + interval_ns * np.arange(-2, 1)
    price = np.full(3, 10.0)
    return Bars(symbol, interval_ns, time, price, price, price, price)


def test_an_hour_is_finished_when_it_is_over() -> None:
    hours = bars("2024-01-05 14:00", HOUR)
    assert is_finished(hours, moment("2024-01-05 15:00")) is True
    assert is_finished(hours, moment("2024-01-05 14:59:59")) is False


@pytest.mark.parametrize(
    ("now", "session", "expected"),
    [
        ("2024-01-05 20:59", NEW_YORK, False),
        ("2024-01-05 21:00", NEW_YORK, True),
        ("2024-07-05 20:00", NEW_YORK, True),
        ("2024-01-05 21:00", None, None),
        ("2024-01-05 05:05", None, None),
        ("2024-01-06 00:00", None, True),
        ("2024-01-05 06:30", TradingSession("09:00-15:30", "Asia/Tokyo"), True),
    ],
)
def test_a_day_is_finished_at_its_sessions_close(
    now: str, session: TradingSession | None, expected: bool | None
) -> None:
    assert is_finished(bars(now[:8] + "05", 24 * HOUR), moment(now), session) is expected


def test_left_out_or_asked() -> None:
    market = BarSet([bars("2024-01-05", 24 * HOUR), bars("2024-01-05 21:00", HOUR, "HOURLY")])
    now = moment("2024-01-05 21:30")
    finished, messages = without_unfinished(market, now, {"ACME": NEW_YORK}, ask=True)
    assert len(finished["ACME"]) == 3 and len(finished["HOURLY"]) == 2
    assert messages == ["The newest bar of 'HOURLY', 2024-01-05 21:00 UTC, is not finished and was left out."]
    with pytest.raises(BarsError, match="--asof 2024-01-05 if its session is over"):
        without_unfinished(market, now, {}, ask=True)
    finished, messages = without_unfinished(market, now, {}, ask=False)
    assert len(finished["ACME"]) == 2 and "may not be finished" in messages[1]
    later = moment("2024-01-07")
    assert without_unfinished(market, later, {}, ask=True)[0] is market
