"""An evening's update gives the bars that a whole export gives, and refuses what does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import bars_from_frame, read_bars
from exitladder.bars.update import update_bars
from exitladder.bars.writing import write_bars
from exitladder.cli import main
from exitladder.errors import BarsError
from exitladder.files.conventions import Conventions

LATER = int(pd.Timestamp("2030-01-01", tz="UTC").value)


def history(n: int = 40, symbol: str = "ACME") -> pd.DataFrame:
    close = 100 + np.arange(n) % 7 + 0.25
    frame = pd.DataFrame({"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 10.0})
    return frame.assign(timestamp=pd.date_range("2024-01-01", periods=n, tz="UTC"), symbol=symbol)


def as_bars(*frames: pd.DataFrame) -> BarSet:
    return bars_from_frame(pd.concat(frames, ignore_index=True), adjust="none")[0]


@given(stored=st.integers(2, 39), first=st.integers(0, 38), last=st.integers(2, 40))
def test_parts_join_to_the_whole(tmp_path_factory: pytest.TempPathFactory, stored: int, first: int, last: int) -> None:
    first = min(first, stored, last - 2)
    path = tmp_path_factory.mktemp("bars") / "ACME-1d.parquet"
    write_bars(as_bars(history().head(stored)), path)
    (done,) = update_bars(path, as_bars(history().iloc[first:last]), asof_ns=LATER)
    assert read_bars(path)[0].fingerprint() == as_bars(history().head(max(stored, last))).fingerprint()
    assert (done.n_added, done.n_overlap) == (max(0, last - stored), min(stored, last) - first)


def test_a_bar_stored_unfinished_is_replaced(tmp_path: Path) -> None:
    stored = history().head(20)
    stored.loc[19, ["high", "close"]] = [105.5, 105.0]
    write_bars(as_bars(stored), tmp_path / "o")
    (done,) = update_bars(tmp_path / "o", as_bars(history().iloc[15:22]), asof_ns=LATER)
    assert done.is_last_replaced and done.n_added == 2
    assert read_bars(tmp_path / "o")[0].fingerprint() == as_bars(history().head(22)).fingerprint()


def test_overlapping_bars_that_differ_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "ACME-1d.csv"
    write_bars(as_bars(history().head(20)), path)
    before = path.read_bytes()
    split = history().iloc[15:25].copy()
    split[["open", "high", "low", "close"]] /= 2
    with pytest.raises(BarsError, match=r"4 of 5 of 'ACME' differ: on 2024-01-16 .* split"):
        update_bars(path, as_bars(split), asof_ns=LATER)
    assert path.read_bytes() == before


def test_unfinished_bars_are_left_out(tmp_path: Path) -> None:
    write_bars(as_bars(history().head(20)), tmp_path / "o")
    now = int(pd.Timestamp("2024-01-22 21:00", tz="UTC").value)  # the 21st ended by noon in every zone that matters
    (done,) = update_bars(tmp_path / "o", as_bars(history().iloc[18:23]), asof_ns=now)
    assert (done.n_added, done.n_unfinished) == (1, 2)


def test_a_new_symbol_gets_a_file_and_others_keep_their_bytes(tmp_path: Path) -> None:
    write_bars(as_bars(history().head(20)), tmp_path / "o")
    before = (tmp_path / "o" / "ACME-1d.parquet").read_bytes()
    update_bars(tmp_path / "o", as_bars(history(symbol="BTC/USD")), asof_ns=LATER)
    assert read_bars(tmp_path / "o")[0].symbols == ("ACME", "BTC/USD")
    assert (tmp_path / "o" / "ACME-1d.parquet").read_bytes() == before


def test_a_folder_of_other_names_is_not_doubled(tmp_path: Path) -> None:
    history().head(20).drop(columns="symbol").to_csv(tmp_path / "ACME.csv", index=False)
    with pytest.raises(BarsError, match=r"must be in ACME-1d.parquet to be updated, but are in ACME.csv"):
        update_bars(tmp_path, as_bars(history()), asof_ns=LATER)


def test_adj_close_of_another_day_is_brought_to_one_scale(tmp_path: Path) -> None:
    whole = history()
    path = tmp_path / "ACME-1d.parquet"
    write_bars(as_bars(whole.assign(adj_close=whole["close"]).head(20)), path)
    later = whole.assign(adj_close=whole["close"] * np.where(np.arange(40) < 25, 0.98, 1.0))  # a dividend on day 25
    update_bars(path, as_bars(later.iloc[10:]), asof_ns=LATER)
    own = read_bars(path, adjust="none")[0]["ACME"]
    factor = own.extra["adj_close"] / own.close
    np.testing.assert_allclose(factor, np.where(np.arange(40) < 25, 1.0, 1 / 0.98))
    with pytest.raises(BarsError, match="must overlap"):
        update_bars(path, as_bars(later.assign(timestamp=later["timestamp"] + pd.Timedelta("60D"))), asof_ns=LATER)


def test_the_options_of_bars_check_read_the_newer_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes of New York stamped at their ends, days first, decimal commas, no symbol: the same bars."""
    monkeypatch.chdir(tmp_path)
    start = pd.date_range("2024-02-01 14:30", periods=6, freq="1min", tz="UTC")
    minutes = history(6).assign(timestamp=start, symbol="DAX")
    write_bars(as_bars(minutes.head(4)), tmp_path / "store")
    end = (start + pd.Timedelta("1min")).tz_convert("America/New_York")
    text = minutes.assign(timestamp=end.strftime("%d/%m/%Y %H:%M")).drop(columns="symbol").iloc[2:]
    text.to_csv("export.txt", index=False, sep=";", decimal=",")
    options = ("--stamps", "end", "--dayfirst", "--decimal", ",", "--symbol", "DAX", "--tz", "America/New_York")
    done = CliRunner().invoke(main, ["bars", "update", "store", "export.txt", *options])
    assert done.exit_code == 0, done.output
    assert read_bars(tmp_path / "store")[0].fingerprint() == as_bars(minutes).fingerprint()


def test_stored_bars_of_another_program_are_not_mixed_with_ends(tmp_path: Path) -> None:
    start = pd.date_range("2024-02-01 14:30", periods=6, freq="1min")
    minutes = history(6).assign(timestamp=start)
    minutes.to_csv(tmp_path / "ACME.csv", index=False)
    with pytest.raises(BarsError, match="Begin with new bars"):
        update_bars(tmp_path / "ACME.csv", as_bars(minutes), asof_ns=LATER, conventions=Conventions(stamps="end"))
