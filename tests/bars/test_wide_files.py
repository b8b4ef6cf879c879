"""Tables with one column for each symbol and price are read as one symbol each, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.reading import bars_from_frame, check_bar_files, read_bars
from exitladder.errors import BarsError

DAYS = pd.date_range("2024-01-02", periods=5)
FIELDS = ("Open", "High", "Low", "Close", "Volume")


def history(first: float) -> pd.DataFrame:
    close = first + np.arange(5) % 3 + 0.25
    values = (close, close + 1, close - 1, close + 0.5, np.full(5, 10.0))
    return pd.DataFrame(dict(zip(FIELDS, values, strict=True)), index=DAYS)


SYMBOLS = {"AAPL": history(100), "BRK-B": history(300)}


def wide(label: str, *, stamp: str = "Date") -> pd.DataFrame:
    columns = {
        label.format(symbol=symbol, field=field): frame[field] for symbol, frame in SYMBOLS.items() for field in FIELDS
    }
    return pd.DataFrame(columns).rename_axis(stamp).reset_index()


@pytest.mark.parametrize(
    ("label", "stamp"),
    [
        ("{symbol}_{field}", "Date"),
        ("{symbol} {field}", "timestamp"),
        ("{field}.{symbol}", "Index"),
        ("{symbol}.{field}", "Index"),
        ("('{field}', '{symbol}')", "('Date', '')"),
    ],
)
def test_one_symbol_per_prefix_or_suffix(tmp_path: Path, label: str, stamp: str) -> None:
    wide(label, stamp=stamp).to_csv(tmp_path / "all.csv", index=False)
    bars, report = read_bars(tmp_path / "all.csv")
    long = pd.concat([frame.assign(symbol=symbol) for symbol, frame in SYMBOLS.items()])
    assert bars.fingerprint() == bars_from_frame(long)[0].fingerprint()
    assert "read as 2 symbols, AAPL, BRK-B" in report.how_read()[0]


def test_days_without_a_price_of_one_symbol_are_left_out(tmp_path: Path) -> None:
    table = wide("{symbol}_{field}")
    table.loc[0, [f"BRK-B_{field}" for field in FIELDS]] = np.nan
    table.to_csv(tmp_path / "all.csv", index=False)
    bars, report = read_bars(tmp_path)  # a folder
    assert [len(bars[s]) for s in bars] == [5, 4]
    assert "1 rows in which 'BRK-B' has no price were left out" in report.how_read()[0]


@pytest.mark.parametrize("sides", [("Bid", "Ask"), ("Mark", "Index"), ("USD", "EUR")])
def test_bid_and_ask_are_no_symbols(tmp_path: Path, sides: tuple[str, str]) -> None:
    columns = {f"{side} {field}": history(100)[field] for side in sides for field in FIELDS}
    pd.DataFrame(columns).rename_axis("Date").to_csv(tmp_path / "quotes.csv")
    assert "'open' and 'high'" in check_bar_files(tmp_path / "quotes.csv").errors[0]


def test_a_symbol_that_lacks_a_price_is_not_read(tmp_path: Path) -> None:
    wide("{symbol}_{field}").drop(columns="BRK-B_Low").to_csv(tmp_path / "all.csv", index=False)
    with pytest.raises(BarsError, match="Bars must have the columns"):
        read_bars(tmp_path / "all.csv")
