"""Real market data with known defects: what the manifest counts is what the checks find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.reading import check_bar_files, read_bars
from exitladder.errors import BarsError
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import place_trades

FOLDERS = ("yahoo-defects", "cboe", "lean-usa", "coinbase", "yahoo-etf", "nse", "mt5-ejtrader", "bitvavo")
COUNTED = {
    "nan_price": "nan_price_rows",
    "price_not_positive": "nonpositive_price_rows",
    "high_below_low": "high_below_low",
    "outside_high_low": "open_or_close_outside_high_low",
    "duplicate": "duplicate_stamps",
}


@pytest.fixture(scope="module")
def manifest(shared_data: Path) -> pd.DataFrame:
    table = pd.read_csv(shared_data / "MANIFEST.csv")
    return table[table["file"].str.startswith(FOLDERS) & table["interval"].notna()]


def test_defects_are_those_of_the_manifest(shared_data: Path, manifest: pd.DataFrame) -> None:
    assert len(manifest) > 60
    for row in manifest.itertuples():
        report = check_bar_files(shared_data / str(row.file), adjust="none")
        found = {f.rule: f.count for f in report.of_severity("error")}
        expected = {rule: int(getattr(row, column)) for rule, column in COUNTED.items() if getattr(row, column)}
        # a row without prices has no volume either
        found.pop("nan_volume", None)
        # an open or close far outside its bar has a rule of its own
        far = found.pop("bad_tick", 0)
        if far:
            found["outside_high_low"] = found.get("outside_high_low", 0) + far
        assert found == expected, row.file
        (summary,) = report.symbols
        assert summary.n_rows == row.rows
        named = Path(str(row.file)).name.removesuffix(".parquet").rpartition("-")
        assert f"{summary.symbol}-{report.symbols_frame()['interval'][0]}" == f"{named[0]}-{named[2]}"


def test_vix_needs_repair_and_has_no_volume(shared_data: Path) -> None:
    path = shared_data / "cboe" / "VIX-1d.parquet"
    with pytest.raises(
        BarsError, match=r"open is 41.6, low 12.76, high 13.61, .* \(VIX-1d.parquet, row 4059, 2006-02-08\)"
    ):
        read_bars(path)
    bars, report = read_bars(path, repair=True)
    assert report.repaired() == {"bad_tick": 6, "outside_high_low": 41}
    own, raw = bars["VIX"], pd.read_parquet(path)
    assert own.volume is None and len(own) == 9235
    assert own.high.tolist() == raw["high"].tolist() and own.low.tolist() == raw["low"].tolist()
    assert own.open[4058] == 13.61


def test_vendor_errors_are_warned_of(shared_data: Path) -> None:
    report = check_bar_files(shared_data / "yahoo-defects", repair=True)
    doubtful = {f.symbol for f in report.findings if f.rule == "possible_split"}
    assert {"AET-L.100x-error", "SSW-JO.100x-error"} <= doubtful
    (error,) = report.of_severity("error")
    assert error.symbol == "SSNLF.bad-div" and "adj_close is -inf" in error.message


def test_unadjusted_splits_of_indian_stocks_are_named(shared_data: Path) -> None:
    _, report = read_bars(shared_data / "nse")
    result = {f.symbol: f.message for f in report.findings if f.rule == "possible_split"}
    for symbol, what in (
        ("BAJFINANCE", "2016-09-08 (10:1)"),
        ("GRASIM", "2016-10-06 (5:1)"),
        ("INFY", "2015-06-15 (2:1), 2018-09-04 (2:1)"),
    ):
        assert what in result[symbol]
    assert "INDUSINDBK" not in result


def test_gaps_of_a_market_that_never_closes(shared_data: Path) -> None:
    _, report = read_bars(shared_data / "binance", interval="1h")
    (gap,) = [f for f in report.findings if f.rule == "gap"]
    assert gap.count == 28 and "1 day 10:00:00" in gap.message


def test_real_trades_are_placed_on_their_bars(shared_data: Path) -> None:
    bars, _ = read_bars(shared_data / "freqtrade")
    source = pd.read_parquet(shared_data / "trades" / "freqtrade-backtest-2018-01.parquet")
    table = pd.DataFrame(
        {
            "trade_id": range(len(source)),
            "symbol": source["pair"].str.replace("/", "-"),
            "side": "long",
            "entry_time": source["open_date"],
            "entry_price": source["open_rate"],
            "quantity": source["amount"],
            "exit_time": source["close_date"],
            "exit_price": source["close_rate"],
        }
    )
    placed = place_trades(trades_from_frame(table, "freqtrade"), bars)
    np.testing.assert_allclose(bars.open[placed.entry_bar], placed.trades.entry_price, rtol=1e-12)
