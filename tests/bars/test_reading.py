"""Bars are read from every usual kind of file, and refused with rule, value, place and cure."""

from __future__ import annotations

import datetime
import decimal
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.reading import bars_from_frame, check_bar_files, read_bars
from exitladder.errors import BarsError, InputFileError

HEADER = "timestamp,open,high,low,close,volume\n"
GOOD = HEADER + "".join(f"2024-01-0{d},10,12,9,{10 + d / 10},100\n" for d in range(1, 6))


def write(folder: Path, text: str, name: str = "ACME.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(BarsError) as caught:
        read_bars(path, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_plain_csv(tmp_path: Path) -> None:
    bars, report = read_bars(write(tmp_path, GOOD))
    assert bars.symbols == ("ACME",)
    assert bars["ACME"].interval == "1d"
    assert bars["ACME"].close.tolist() == [10.1, 10.2, 10.3, 10.4, 10.5]
    assert bars["ACME"].time[0] == pd.Timestamp("2024-01-01", tz="UTC").value
    assert report.errors == report.warnings == ()


@pytest.mark.parametrize("kind", ["csv.gz", "parquet", "feather"])
def test_other_kinds_give_the_same_bars(tmp_path: Path, kind: str) -> None:
    expected, _ = read_bars(write(tmp_path, GOOD))
    table = pd.read_csv(tmp_path / "ACME.csv")
    path = tmp_path / "there" / f"ACME-1d.{kind}"
    path.parent.mkdir()
    if kind == "csv.gz":
        path.write_bytes(gzip.compress(GOOD.encode()))
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        table.to_feather(path)
    assert read_bars(path)[0].fingerprint() == expected.fingerprint()
    assert read_bars(path.parent)[0].fingerprint() == expected.fingerprint()


SPELLINGS = {
    "yahoo": "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,10,12,9,11,11,5\n2024-01-03,10,12,9,11,11,5\n",
    "yfinance": (
        "Price,Close,High,Low,Open,Volume\nTicker,ACME,ACME,ACME,ACME,ACME\nDate,,,,,\n"
        "2024-01-02,11,12,9,10,5\n2024-01-03,11,12,9,10,5\n"
    ),
    "upper": "DATE;OPEN;HIGH;LOW;CLOSE;VOL\n2024-01-02;10;12;9;11;5\n2024-01-03;10;12;9;11;5\n",
    "comma decimals": (
        "Date;Open;High;Low;Close;Volume\n02.01.2024;10,0;12,0;9,0;11,0;5\n03.01.2024;10,0;12,0;9,0;11,0;5\n"
    ),
    "seconds": "time,o,h,l,c,v\n1704153600,10,12,9,11,5\n1704240000,10,12,9,11,5\n",
    "ccxt": "timestamp,open,high,low,close,volume\n1704153600000,10,12,9,11,5\n1704240000000,10,12,9,11,5\n",
    "ccxt arrays": "0,1,2,3,4,5\n1704153600000,10,12,9,11,5\n1704240000000,10,12,9,11,5\n",
    "no header": "1704153600000,10,12,9,11,5\n1704240000000,10,12,9,11,5\n",
    "binance": (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count\n"
        "1704153600000,10,12,9,11,5,1704239999999,50,3\n1704240000000000,10,12,9,11,5,1704326399999999,50,3\n"
    ),
    "binance dump": (
        "1704153600000,10,12,9,11,5,1704239999999,50,3,2,20,0\n1704240000000,10,12,9,11,5,1704326399999,50,3,2,20,0\n"
    ),
    "metatrader": (
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\n"
        "2024.01.02\t00:00:00\t10\t12\t9\t11\t5\n2024.01.03\t00:00:00\t10\t12\t9\t11\t5\n"
    ),
    "alpha vantage": (
        "timestamp,1. open,2. high,3. low,4. close,5. volume\n2024-01-02,10,12,9,11,5\n2024-01-03,10,12,9,11,5\n"
    ),
    "dukascopy": (
        "Gmt time,Open,High,Low,Close,Volume\n"
        "02.01.2024 00:00:00.000,10,12,9,11,5\n03.01.2024 00:00:00.000,10,12,9,11,5\n"
    ),
    "american": (
        "Date,Open,High,Low,Close,Volume\n01/02/2024,10,12,9,11,5\n01/03/2024,10,12,9,11,5\n01/14/2024,10,12,9,11,5\n"
    ),
    "web address first": "https://example.org\nunix,date,symbol,open,high,low,close,volume\n"
    "1704153600,2024-01-02,ACME,10,12,9,11,5\n1704240000,2024-01-03,ACME,10,12,9,11,5\n",
    "aware": (
        "Datetime,Open,High,Low,Close,Volume\n"
        "2024-01-01 19:00:00-05:00,10,12,9,11,5\n2024-01-02 19:00:00-05:00,10,12,9,11,5\n"
    ),
    "numbers as dates": "date,open,high,low,close,volume\n20240102,10,12,9,11,5\n20240103,10,12,9,11,5\n",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(tmp_path: Path, name: str) -> None:
    bars, _ = read_bars(write(tmp_path, SPELLINGS[name]))
    own = bars["ACME"]
    assert pd.Timestamp(int(own.time[0])) == pd.Timestamp("2024-01-02")
    assert pd.Timestamp(int(own.time[1])) == pd.Timestamp("2024-01-03")
    assert (own.open[0], own.high[0], own.low[0], own.close[0]) == (10, 12, 9, 11)
    assert own.volume is not None and own.volume[0] == 5


def test_symbol_column_and_further_series(tmp_path: Path) -> None:
    text = (
        "Symbol,date,open,high,low,close,Open Interest,remark\n"
        "NA,2024-01-01,1,1,1,1,7,x\nTRUE,2024-01-01,2,2,2,2,8,y\nNA,2024-01-02,3,3,3,3,9,\n"
    )
    bars, report = read_bars(write(tmp_path, text, "all.csv"))
    assert bars.symbols == ("NA", "TRUE")
    assert bars["NA"].extra["open_interest"].tolist() == [7, 9]
    assert bars["NA"].volume is None
    assert any("remark" in note for note in report.notes)


def test_symbols_with_dashes_and_mixed_intervals(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "BTC-USD-1d.csv")
    hours = HEADER + "".join(f"2024-01-01 0{h}:00,10,12,9,11,1\n" for h in range(4))
    write(tmp_path, hours, "BTC-USD-1h.csv")
    message = refusal(tmp_path)
    for part in ("'BTC-USD'", "BTC-USD-1d.csv", "BTC-USD-1h.csv", "--interval 1h"):
        assert part in message
    bars, _ = read_bars(tmp_path, interval="1h")
    assert bars.symbols == ("BTC-USD",) and bars["BTC-USD"].interval == "1h"
    assert read_bars(tmp_path / "BTC-USD-1d.csv")[0]["BTC-USD"].interval == "1d"


def test_mixed_intervals_that_no_name_tells(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "ACME-1d.csv")
    write(tmp_path, GOOD, "ACME.csv")
    assert "Each symbol must come once, but 'ACME' is in ACME-1d.csv (1d bars) and in ACME.csv" in refusal(tmp_path)


def test_folder_skips_what_is_no_bars_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, "a,b\n1,2\n", "other.csv")
    write(tmp_path, "not a table", "notes.md")
    write(tmp_path, "broken", ".hidden.csv")
    bars, report = read_bars(tmp_path)
    assert bars.symbols == ("ACME",)
    assert any("other.csv" in note for note in report.notes)


def test_folder_without_bars_names_its_folders(tmp_path: Path) -> None:
    (tmp_path / "daily").mkdir()
    assert "name one of them: daily" in refusal(tmp_path)
    assert "AAPL.csv" in refusal(tmp_path / "daily")


def test_naive_stamps_are_in_tz(tmp_path: Path) -> None:
    rows = "".join(f"2024-11-0{day} {clock},10,12,9,11,1\n" for day in (1, 4) for clock in ("09:30", "10:30", "11:30"))
    path = write(tmp_path, HEADER + rows)
    time = read_bars(path, tz="America/New_York")[0]["ACME"].time
    assert [str(pd.Timestamp(int(t))) for t in time[[0, 3]]] == ["2024-11-01 13:30:00", "2024-11-04 14:30:00"]
    assert "Did you mean 'America/New_York'?" in refusal(path, tz="America/NewYork")


BROKEN = {
    "missing column": (
        "date,open,high,low\n2024-01-01,1,2,1\n",
        ["'close' is missing", "ACME.csv has: date, open, high, low"],
    ),
    "no rows": (HEADER, ["at least one bar", "ACME.csv"]),
    "unreadable stamp": (
        GOOD + "yesterday,10,12,9,11,1\n",
        ["timestamp that can be read", "'yesterday'", "line 7", "ISO 8601", "--repair"],
    ),
    "unsorted": (
        HEADER + "2024-01-03,10,12,9,11,1\n2024-01-02,10,12,9,11,1\n2024-01-01,10,12,9,11,1\n",
        ["Stamps must increase", "2024-01-02 comes after 2024-01-03", "line 3", "2 rows of", "Sort the file"],
    ),
    "duplicate": (
        GOOD + "2024-01-05,10,12,9,10.5,100\n",
        ["must appear once", "2024-01-05 appears again with the same values", "line 7"],
    ),
    "conflicting duplicate": (GOOD + "2024-01-05,10,12,9,10.6,100\n", ["appears again with other values", "line 7"]),
    "high below low": (
        HEADER + "2024-01-01,10,12,9,11,1\n2024-01-02,10,8,9,9,1\n",
        ["high must not be below low", "high is 8 and low is 9", "ACME.csv, line 3, 2024-01-02", "--repair"],
    ),
    "open outside": (
        HEADER + "2024-01-01,13,12,9,11,1\n",
        ["open and close must be between low and high", "open is 13, low 9, high 12", "line 2"],
    ),
    "close outside": (HEADER + "2024-01-01,10,12,9,8.5,1\n", ["close is 8.5, low 9, high 12"]),
    "NaN price": (HEADER + "2024-01-01,10,12,9,,1\n", ["finite number", "close is NaN", "line 2"]),
    "infinite price": (HEADER + "2024-01-01,10,inf,9,10,1\n", ["high is inf"]),
    "negative price": (
        HEADER + "2020-04-17,18,19,17,18,1\n2020-04-20,17.73,17.85,-40.32,-37.63,1\n",
        ["greater than 0", "April 2020", "low is -40.32", "line 3, 2020-04-20"],
    ),
    "zero price": (HEADER + "2024-01-01,0,12,0,11,1\n", ["greater than 0", "open is 0"]),
    "text price": (HEADER + "2024-01-01,12x,1300,1200,1250,1\n", ["open must be a number", "12x", "line 2"]),
    "NaN volume": (
        HEADER + "2024-01-01,10,12,9,11,\n2024-01-02,10,12,9,11,5\n",
        ["volume must be a number on every row", "line 2"],
    ),
    "negative volume": (HEADER + "2024-01-01,10,12,9,11,-5\n", ["volume must be 0 or more", "-5"]),
    "two prices": ("date,O,Open price,high,low,close\n2024-01-01,1,1,1,1,1\n", ["'O' and 'Open price' could both be"]),
    "blank symbol": ("symbol,date,open,high,low,close\n,2024-01-01,1,1,1,1\n", ["symbol must be filled in", "line 2"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_bars_are_refused(tmp_path: Path, name: str) -> None:
    text, parts = BROKEN[name]
    message = refusal(write(tmp_path, text))
    for part in parts:
        assert part in message


def test_blank_lines_do_not_shift_the_place(tmp_path: Path) -> None:
    text = HEADER + "2024-01-01,10,12,9,11,1\n\n\n2024-01-02,10,8,9,9,1\n\n"
    assert "line 5" in refusal(write(tmp_path, text))


def test_every_broken_rule_is_in_the_report(tmp_path: Path) -> None:
    text = HEADER + "2024-01-02,10,8,9,9,1\n2024-01-01,10,12,9,,1\n2024-01-03,10,12,9,8,-1\n"
    report = check_bar_files(write(tmp_path, text))
    rules = [f.rule for f in report.of_severity("error")]
    assert rules == ["unsorted", "high_below_low", "nan_price", "outside_high_low", "negative_volume"]
    assert "4 more rules are broken" in refusal(tmp_path / "ACME.csv")
    frame = report.to_frame()
    assert frame["symbol"].tolist() == ["ACME"] * 5
    assert report.symbols_frame()["n_error"].tolist() == [5]


def test_repairs_are_made_in_order_and_counted(tmp_path: Path) -> None:
    text = (
        HEADER + "2024-01-04,10,12,9,11,1\n"
        "2024-01-02,10,11,9,10,1\n2024-01-02,10,11,9,10,1\n"  # exact repeat
        "2024-01-03,10,11,9,10,1\n2024-01-03,10,11,9,10.5,1\n"  # the last one counts
        "2024-01-05,10,12,9,,1\n"
        "2024-01-06,-1,12,-2,11,1\n"
        "2024-01-07,13,12,9,8,1\n"  # moved into 9 ... 12
        "2024-01-08,10,9,12,11,-4\n"  # high and low exchanged; volume to 0
        "2024-01-09,10,8,9,9,1\n"  # high below low, and no swap helps
        ",10,12,9,11,1\n"
    )
    bars, report = read_bars(write(tmp_path, text), repair=True)
    own = bars["ACME"]
    assert [pd.Timestamp(int(t)).day for t in own.time] == [2, 3, 4, 7, 8]
    assert own.open.tolist() == [10, 10, 10, 12, 10]
    assert own.close.tolist() == [10, 10.5, 11, 9, 11]
    assert own.high.tolist() == [11, 11, 12, 12, 12]
    assert own.low.tolist() == [9, 9, 9, 9, 9]
    assert own.volume is not None and own.volume.tolist() == [1, 1, 1, 1, 0]
    assert report.repaired("ACME") == {
        "unreadable_stamp": 1,
        "nan_price": 1,
        "price_not_positive": 1,
        "unsorted": 1,
        "duplicate": 1,
        "conflicting_duplicate": 1,
        "high_below_low": 2,
        "outside_high_low": 1,
        "negative_volume": 1,
    }
    assert report.errors == ()
    assert all("Repaired:" in message for message in report.warnings)


def test_repair_cannot_make_bars_of_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "2024-01-01,,,,,\n")
    assert "at least one bar of 'ACME'" in refusal(path, repair=True)


def test_unreadable_files(tmp_path: Path) -> None:
    for name, content, part in (
        ("a.parquet", b"PAR1 this is not parquet", "cannot be read as parquet"),
        ("b.csv.gz", b"not gzip", "cannot be read as csv.gz"),
        ("c.feather", b"nothing", "cannot be read as feather"),
        ("d.csv", b"", "is empty"),
        ("e.csv", b"date,open\n1,2,3,4\n", "cannot be read as csv"),
        ("f.csv", b"\xff\xfe\x00date", "UTF-16"),
        ("g.xlsx", b"PK", "cannot be read as xlsx"),
        ("h.json", b"{}", "must be CSV"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputFileError, match=part) as caught:
            read_bars(path)
        assert name in str(caught.value)
    with pytest.raises(InputFileError, match="does not exist"):
        read_bars(tmp_path / "nowhere.csv")


def test_possible_split_is_told_by_date_and_ratio() -> None:
    close = np.concatenate([np.full(30, 100.0), np.full(30, 25.2)])
    table = pd.DataFrame(
        {"open": close, "high": close, "low": close, "close": close}, index=pd.date_range("2024-01-01", periods=60)
    )
    _, report = bars_from_frame(table, "ACME")
    (warning,) = report.warnings
    assert "2024-01-31 (4:1)" in warning and "adj_close" in warning


def test_a_table_reads_as_its_file_does(tmp_path: Path) -> None:
    expected, _ = read_bars(write(tmp_path, GOOD))
    table = pd.read_csv(tmp_path / "ACME.csv", index_col="timestamp", parse_dates=True)
    assert read_bars(table, symbol="ACME")[0].fingerprint() == expected.fingerprint()
    with pytest.raises(BarsError, match=r"high is 8 and low is 9 \(the table of 'ACME', row 2, 2024-01-02\)"):
        read_bars(table.assign(high=[12.0, 8, 12, 12, 12]), symbol="ACME")


def test_tables_of_yfinance(tmp_path: Path) -> None:
    days = pd.DatetimeIndex(pd.to_datetime(["2024-01-05", "2024-01-08"]), name="Date")
    one = pd.DataFrame({"Close": 11.0, "High": 12.0, "Low": 9.0, "Open": 10.0, "Volume": 5}, index=days)
    both = pd.concat({"AAA": one, "BBB": 2 * one}, axis=1)
    for table in (both, both.swaplevel(axis=1)):
        table.to_parquet(tmp_path / "all.parquet")
        bars, _ = read_bars(tmp_path / "all.parquet")
        assert bars.symbols == ("AAA", "BBB")
        assert bars["BBB"].close.tolist() == [22, 22] and bars["BBB"].interval == "1d"


def test_dates_and_decimals_of_a_database(tmp_path: Path) -> None:
    row = dict.fromkeys(("open", "high", "low", "close"), decimal.Decimal("10.5"))
    table = pd.DataFrame([{"date": datetime.date(2024, 1, d), **row} for d in (1, 2)])
    table.to_parquet(tmp_path / "ACME-1D.parquet")
    own = read_bars(tmp_path)[0]["ACME"]
    assert own.close.tolist() == [10.5, 10.5] and own.interval == "1d"


def test_gaps_are_noted() -> None:
    time = pd.date_range("2024-01-01", periods=100, freq="h").delete([50, 51, 52])
    table = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 1.0), index=time)
    _, report = bars_from_frame(table, "ACME")
    (gap,) = [f for f in report.findings if f.rule == "gap"]
    assert gap.count == 1 and "0 days" not in gap.message and "04:00:00" in gap.message


def test_a_name_that_contradicts_its_bars_is_told(tmp_path: Path) -> None:
    hours = HEADER + "".join(f"2024-01-01 0{h}:00,10,12,9,11,1\n" for h in range(4))
    bars, report = read_bars(write(tmp_path, hours, "ACME-1d.csv"))
    assert bars["ACME"].interval == "1h"
    assert "says 1d" in report.warnings[0]
