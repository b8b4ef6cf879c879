"""Adjusting by adj_close takes splits out and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.bars.adjust import adjust_prices
from exitladder.bars.reading import bars_from_frame, read_bars
from exitladder.errors import BarsError
from exitladder.sample import load_sample_bars


def move(close: np.ndarray, time: np.ndarray, date: str) -> float:
    i = int(np.searchsorted(time, pd.Timestamp(date, tz="UTC").value))
    return float(close[i] / close[i - 1] - 1)


def test_splits_of_the_sample_vanish_and_the_real_fall_stays() -> None:
    bars, report = load_sample_bars()
    apple, microsoft = bars["AAPL"], bars["MSFT"]
    for date in ("2000-06-21", "2005-02-28"):
        assert abs(move(apple.close, apple.time, date)) < 0.1
    assert abs(move(microsoft.close, microsoft.time, "2003-02-18")) < 0.1
    assert move(apple.close, apple.time, "2000-09-29") == pytest.approx(-0.519, abs=0.001)
    assert "adj_close" not in bars.extra
    assert report.n_adjusted > 10_000 and report.warnings == ()
    assert any("'AAPL' were adjusted by adj_close" in note for note in report.notes)


def test_as_traded_they_are_there_and_warned_of(shared_data: object) -> None:
    path = f"{shared_data}/quandl-wiki/AAPL-1d.parquet"
    bars, report = read_bars(path, adjust="none")
    apple = bars["AAPL"]
    assert move(apple.close, apple.time, "2005-02-28") == pytest.approx(-0.496, abs=0.01)
    assert "2000-06-21 (2:1), 2005-02-28 (2:1)" in report.warnings[0]
    assert "adj_close" in bars.extra and report.n_adjusted == 0


@given(
    st.lists(st.tuples(st.floats(0.01, 1e5), st.floats(0, 0.5), st.floats(0.001, 1000)), min_size=1, max_size=20),
)
def test_adjusted_bars_keep_their_shape(rows: list[tuple[float, float, float]]) -> None:
    close, spread, factor = (np.array(c) for c in zip(*rows, strict=True))
    columns = {
        "open": close * (1 + spread / 2),
        "high": close * (1 + spread),
        "low": close * (1 - spread),
        "close": close,
        "volume": np.full(len(close), 1000.0),
        "adj_close": close * factor,
    }
    out = adjust_prices(columns).columns
    assert (out["close"] == columns["adj_close"]).all()
    assert (out["high"] >= np.maximum(out["open"], out["close"])).all()
    assert (out["low"] <= np.minimum(out["open"], out["close"])).all()
    np.testing.assert_allclose(out["high"] / out["low"], columns["high"] / columns["low"], rtol=1e-12)
    # money that changed hands stays
    np.testing.assert_allclose(out["volume"] * out["close"], columns["volume"] * close, rtol=1e-12)


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf, 1e12])
def test_absurd_factors_are_refused(bad: float) -> None:
    table = pd.DataFrame(
        {"open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "adj_close": [10.0, bad * 10]},
        index=pd.date_range("2024-01-01", periods=2),
    )
    with pytest.raises(BarsError, match=r"adj_close divided by close .* bar 2.*data.adjust=none"):
        bars_from_frame(table, "ACME")
    assert len(bars_from_frame(table, "ACME", adjust="none")[0]["ACME"]) == 2


def test_a_factor_that_falls_is_told() -> None:
    table = pd.DataFrame(
        {"open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "adj_close": [10.0, 8.0, 10.0]},
        index=pd.date_range("2024-01-01", periods=3),
    )
    _, report = bars_from_frame(table, "ACME")
    assert "falls by more than 5% on 1 bars, first at the table of 'ACME', row 2, 2024-01-02" in report.warnings[0]
