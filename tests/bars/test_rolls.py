"""Rolls of futures: small jumps at the pace of contracts, and columns that name the contract."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars
from exitladder.bars.checking.rolls import _chance_of, _median_before, likely_rolls
from exitladder.bars.reading import bars_from_frame

HOUR = 3600 * 10**9


def walk(seed: int = 0, days: int = 900) -> pd.DataFrame:
    """Return hourly bars of a market that trades around the clock on weekdays, with small gaps between bars."""
    rng = np.random.default_rng(seed)
    index = pd.date_range("2020-01-01", periods=days * 24, freq="h")
    index = index[index.day_of_week < 5]
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, len(index))))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.00005, len(index)))
    high, low = np.maximum(open_, close) * 1.0003, np.minimum(open_, close) * 0.9997
    return pd.DataFrame({"open": open_, "high": high, "low": low, "close": close}, index=index)


def quarters(table: pd.DataFrame, sessions_before: int = 4) -> pd.DatetimeIndex:
    """Return the dates that are some sessions before the third Friday of each quarter's last month."""
    days = pd.DatetimeIndex(table.index).normalize().unique()
    fridays = pd.date_range(days[0], days[-1], freq="WOM-3FRI")
    at = days.get_indexer(fridays[fridays.month % 3 == 0]) - sessions_before
    return days[at[at > 0]]


def spliced(table: pd.DataFrame, size: float) -> pd.DataFrame:
    steps = np.searchsorted(quarters(table).to_numpy(), table.index.to_numpy(), side="right")
    return table.mul(pd.Series((1 + size) ** steps, index=table.index), axis=0)


def as_bars(table: pd.DataFrame) -> Bars:
    return bars_from_frame(table, "ES")[0]["ES"]


@pytest.mark.parametrize("size", [0.002, -0.003])
def test_jumps_of_a_fifth_of_a_percent_are_found_with_their_dates(size: float) -> None:
    table = spliced(walk(), size)
    found = likely_rolls(as_bars(table))
    assert found is not None
    assert found.pace == "every quarter, 4 sessions before the third Friday"
    dates = pd.DatetimeIndex(table.index[found.rows]).normalize()
    assert set(dates) <= set(quarters(table)) and len(dates) >= 0.8 * len(quarters(table))
    assert found.jump == pytest.approx(size, abs=0.0005)


def test_random_walks_have_none() -> None:
    assert [seed for seed in range(40) if likely_rolls(as_bars(walk(seed, 400))) is not None] == []


def test_news_at_the_pace_of_quarters_is_no_roll() -> None:
    table = spliced(walk(), 0.003)
    on_news = pd.DatetimeIndex(table.index).normalize().isin(quarters(table))
    table["volume"] = np.where(on_news, 500.0, 100.0)
    assert likely_rolls(as_bars(table)) is None
    assert likely_rolls(as_bars(table.assign(volume=100.0))) is not None


def test_reading_warns_and_adjusts_nothing() -> None:
    table = spliced(walk(), 0.002)
    bars, report = bars_from_frame(table, "ES")
    (roll,) = [f for f in report.findings if f.rule == "roll"]
    assert roll.severity == "warning" and "Nothing was adjusted" in roll.message and "+0.2" in roll.message
    assert bars["ES"].close.tolist() == table["close"].tolist()
    assert roll.rows is not None and len(roll.rows) == roll.count


def test_a_column_of_contracts_names_every_roll() -> None:
    table = walk(days=60).iloc[:200]
    table["contract"] = np.where(np.arange(200) < 80, "ESZ3", np.where(np.arange(200) < 150, "ESH4", "ESM4"))
    _, report = bars_from_frame(table, "ES")
    (roll,) = [f for f in report.findings if f.rule == "roll"]
    assert roll.count == 2
    assert "ESZ3 to ESH4" in roll.message and "ESH4 to ESM4" in roll.message
    newest_first = bars_from_frame(table.iloc[::-1], "ES", repair=True)[1]
    (again,) = [f for f in newest_first.findings if f.rule == "roll"]
    assert again.rows is not None and roll.rows is not None
    assert again.rows["timestamp"].tolist() == roll.rows["timestamp"].tolist()
    same = bars_from_frame(table.assign(contract="ESZ3"), "ES")[1]
    assert not [f for f in same.findings if f.rule == "roll"]


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 40])
def test_the_usual_volume_is_the_median_of_the_ten_dates_before(n: int) -> None:
    volume = np.round(np.random.default_rng(n).lognormal(3, 1, n))
    slow = [float(np.median(volume[max(0, k - 10) : k])) if k else float(volume[0]) for k in range(n)]
    assert _median_before(volume).tolist() == slow


def test_the_chance_of_hits_is_binomial() -> None:
    from scipy.stats import binom

    rng = np.random.default_rng(0)
    for n in rng.integers(4, 200, 300).tolist():
        hits, share = int(rng.integers(1, n + 1)), float(rng.uniform(1e-4, 0.2))
        assert _chance_of(hits, n, share) == binom.sf(hits - 1, n, share)
