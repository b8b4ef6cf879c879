"""Bars as programs and brokers write them: read right, or refused with the option that settles them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.reading import check_bar_files, read_bars
from exitladder.errors import BarsError, InputFileError
from exitladder.files.conventions import Conventions


def write(folder: Path, text: str, name: str = "ACME.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def starts(path: Path, symbol: str = "ACME", **options: object) -> list[str]:
    own = read_bars(path, **options)[0][symbol]  # type: ignore[arg-type]
    return [pd.Timestamp(int(t)).strftime("%Y-%m-%d %H:%M") for t in own.time]


def refusal(path: Path, **options: object) -> str:
    with pytest.raises((BarsError, InputFileError)) as caught:
        read_bars(path, **options)  # type: ignore[arg-type]
    return str(caught.value)


def daily(*stamps: str, header: str = "Date,Open,High,Low,Close\n") -> str:
    return header + "".join(f"{stamp},10,12,9,11\n" for stamp in stamps)


def test_one_order_of_day_and_month_for_a_column(tmp_path: Path) -> None:
    path = write(tmp_path, daily("15/01/24", "16/01/24", "03/02/24", "05/03/24"))
    assert starts(path)[2:] == ["2024-02-03 00:00", "2024-03-05 00:00"]
    unsettled = write(tmp_path, daily("01/02/24", "02/02/24", "03/02/24"))
    for option in ("--dayfirst", "--monthfirst"):
        assert option in refusal(unsettled)
        assert option in refusal(unsettled, repair=True)
    days = Conventions(dates="dayfirst")
    assert starts(unsettled, conventions=days) == ["2024-02-01 00:00", "2024-02-02 00:00", "2024-02-03 00:00"]
    mixed = write(tmp_path, daily("15/01/2024", "01/16/2024"))
    assert "one order of day and month" in refusal(mixed)


def test_newest_first_is_sorted_and_not_turned_into_other_dates(tmp_path: Path) -> None:
    path = write(tmp_path, daily("13/02/2024", "12/02/2024", "11/02/2024", "10/02/2024"))
    assert "Stamps must increase" in refusal(path)
    assert starts(path, repair=True) == [f"2024-02-{day} 00:00" for day in (10, 11, 12, 13)]


def test_compact_stamps(tmp_path: Path) -> None:
    text = "time,open,high,low,close,volume\n" + "".join(
        f"202401050{clock}00,100,101,99,100,5\n" for clock in (930, 931, 932)
    )
    path = write(tmp_path, text)
    assert starts(path) == ["2024-01-05 09:30", "2024-01-05 09:31", "2024-01-05 09:32"]
    assert read_bars(path)[0]["ACME"].interval == "1m"


@pytest.mark.parametrize(
    "stamps", [("0", "1", "2"), ("2000", "2001"), ("202401", "202402"), ("01012020", "02012020"), ("20-01-01",)]
)
def test_numbers_that_are_no_stamps_are_refused(tmp_path: Path, stamps: tuple[str, ...]) -> None:
    message = refusal(write(tmp_path, daily(*stamps)), repair=True)
    assert stamps[0] in message and "(ACME.csv, column 'Date')" in message


@pytest.mark.parametrize("stamp", ["now", "today", "12:00", "2020-02-20-02-05", "9" * 400])
def test_words_are_no_stamps(tmp_path: Path, stamp: str) -> None:
    assert "ACME.csv" in refusal(write(tmp_path, daily("2024-01-02", "2024-01-03", stamp)))


def test_repair_drops_no_rows_whose_only_fault_is_our_reading(tmp_path: Path) -> None:
    path = write(tmp_path, daily("2024-01-02 CST", "2024-01-03 CST", "2024-01-04", "2024-01-05"))
    message = refusal(path, repair=True)
    assert "2 of 4 cannot be read, first '2024-01-02 CST' (ACME.csv, line 2)" in message


def test_lengths_that_no_market_has_are_refused_unless_said(tmp_path: Path) -> None:
    rows = "".join(f"{1_704_445_200_000 + k * 100},10,12,9,11\n" for k in range(4))
    text = "timestamp,open,high,low,close\n" + rows
    assert "between 1 s and 1 month" in refusal(write(tmp_path, text))
    assert read_bars(write(tmp_path, text, "ACME-100ms.csv"))[0]["ACME"].interval == "100ms"
    assert "between 1 s and 1 month" in refusal(write(tmp_path, daily("2021-01-01", "2022-01-01", "2023-01-01")))


def test_decimal_comma_or_thousands_is_settled_for_the_file(tmp_path: Path) -> None:
    text = "Date;Open;High;Low;Close;Volume\n2024-01-04;3,193;3,299;2,693;3,288;1100\n"
    text += "2024-01-05;3,397;3,568;3,257;3,377;1050\n"
    path = write(tmp_path, text)
    assert "--decimal" in refusal(path) and "'3,193'" in refusal(path)
    for mark, price in ((".", 3193.0), (",", 3.193)):
        assert read_bars(path, conventions=Conventions(decimal=mark))[0]["ACME"].open[0] == price
    points = "Date;Open;High;Low;Close;Volume\n2024-01-04;10.5;12;9;11;980,500\n2024-01-05;10.5;12;9;11;1,200\n"
    own = read_bars(write(tmp_path, points))[0]["ACME"]
    assert own.volume is not None and own.volume.tolist() == [980500, 1200]
    german = "Date;Open;High;Low;Close;Volume\n30.01.2024;1,0810;1,0850;1,0800;1,0830;1.100\n"
    own = read_bars(write(tmp_path, german))[0]["ACME"]
    assert own.close.tolist() == [1.083] and own.volume is not None and own.volume.tolist() == [1100]
    quoted = '"Datum";"Open";"High";"Low";"Close"\n'.replace("Datum", "Date").replace(";", ",")
    quoted += '"30.01.2024","16.752,21","16.800,00","16.700,50","16.752,00"\n'
    assert read_bars(write(tmp_path, quoted))[0]["ACME"].open.tolist() == [16752.21]
    both = "Date;Open;High;Low;Close\n2024-01-04;10,5;12;9;11\n2024-01-05;10.5;12.25;9;11\n"
    assert "same decimal mark" in refusal(write(tmp_path, both))


def test_currency_signs_and_units(tmp_path: Path) -> None:
    text = 'Date,Open,High,Low,Close,Volume\n2024-01-04,$95.72,"$1,096.10",$95.00,$96.00,1.5M\n'
    own = read_bars(write(tmp_path, text))[0]["ACME"]
    assert (own.open[0], own.high[0]) == (95.72, 1096.10)
    assert own.volume is not None and own.volume[0] == 1_500_000


NINJA = (
    "20240102 080000;100;100.4;99.6;100;500\n20240102 090000;100;100.4;99.6;100;500\n"
    "20240102 100000;100;100.6;99.8;100.5;500\n20240102 110000;100.5;106.2;100.4;103.8;500\n"
)


def test_stamps_at_the_end_of_a_bar(tmp_path: Path) -> None:
    ninja = write(tmp_path, NINJA, "ACME.txt")
    assert starts(ninja)[0] == "2024-01-02 07:00"
    assert check_bar_files(ninja).readings[0].stamps == "end"
    assert check_bar_files(ninja).notes == ()
    plain = write(tmp_path, "timestamp;open;high;low;close;volume\n" + NINJA)
    assert starts(plain)[0] == "2024-01-02 08:00"
    assert starts(plain, conventions=Conventions(stamps="end"))[0] == "2024-01-02 07:00"
    no_volume = write(tmp_path, NINJA.replace(";500", ";0"), "EURUSD.csv")
    assert "--stamps end or --stamps start" in refusal(no_volume)
    assert starts(no_volume, "EURUSD", conventions=Conventions(stamps="start"))[0] == "2024-01-02 08:00"
    histdata = write(tmp_path, NINJA.replace(";500", ";0"), "DAT_ASCII_EURUSD_M1_202401.csv")
    assert starts(histdata, "EURUSD")[0] == "2024-01-02 08:00"


def test_close_times_are_used(tmp_path: Path) -> None:
    hour = 3_600_000
    first = 1_704_153_600_000
    ends = "".join(f"{first + (k + 1) * hour - 1},10,12,9,11,5\n" for k in range(3))
    path = write(tmp_path, "close_time,open,high,low,close,volume\n" + ends)
    assert starts(path)[:2] == ["2024-01-02 00:00", "2024-01-02 01:00"]
    # every second bar is missing: the steps say 2h, the two stamps say 1h
    both = "".join(f"{first + k * hour},10,12,9,11,{first + (k + 1) * hour - 1}\n" for k in (0, 2, 4))
    path = write(tmp_path, "open_time,open,high,low,close,close_time\n" + both)
    assert read_bars(path)[0]["ACME"].interval == "1h"


@pytest.mark.parametrize("offset", ["-05:00", "+05:30", "+10:00", "+00:00"])
def test_dates_of_daily_bars_are_calendar_dates(tmp_path: Path, offset: str) -> None:
    days = [f"2024-01-{day:02} 00:00:00{offset}" for day in (2, 3, 4, 5, 8)]
    assert starts(write(tmp_path, daily(*days)))[0] == "2024-01-02 00:00"
    assert starts(write(tmp_path, daily("2024-01-02", "2024-01-03")), tz="Asia/Kolkata")[0] == "2024-01-02 00:00"
    summer = write(tmp_path, daily("2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00"))
    assert starts(summer) == ["2024-03-08 00:00", "2024-03-11 00:00"]
    in_utc = write(tmp_path, daily("2024-03-08 05:00:00Z", "2024-03-11 04:00:00Z", "2024-03-12 04:00:00Z"))
    assert starts(in_utc, tz="America/New_York")[:2] == ["2024-03-08 00:00", "2024-03-11 00:00"]


def test_monthly_files_of_one_symbol_join(tmp_path: Path) -> None:
    header = "open_time,open,high,low,close,volume\n"
    stamps = pd.date_range("2024-01-31 20:00", periods=8, freq="h")
    rows = [f"{t.value // 10**6},10,12,9,{11 + k / 10},5\n" for k, t in enumerate(stamps)]
    write(tmp_path, header + "".join(rows[:5]), "BTCUSDT-1h-2024-01.csv")
    february = write(tmp_path, header + "".join(rows[4:]), "BTCUSDT-1h-2024-02.csv")
    bars, report = read_bars(tmp_path)
    assert bars.symbols == ("BTCUSDT",) and len(bars["BTCUSDT"]) == 8
    assert bars["BTCUSDT"].close.tolist() == [11 + k / 10 for k in range(8)]
    assert any("joined from 2 files" in note and "1 bars are in several and agree" in note for note in report.notes)
    assert [s.n_bars for s in report.symbols] == [8]
    february.write_text(header + "".join(rows[4:]).replace("11.4", "11.9"))
    message = refusal(tmp_path)
    assert "close of 'BTCUSDT' at 2024-02-01 is 11.4 in BTCUSDT-1h-2024-01.csv and 11.9" in message


def test_live_row_and_mixed_lengths(tmp_path: Path) -> None:
    path = write(tmp_path, daily("2024-01-03", "2024-01-04", "2024-01-05", "2024-01-05 16:00:01"))
    bars, report = read_bars(path)
    assert len(bars["ACME"]) == 3 and bars["ACME"].interval == "1d"
    assert "live row" in report.warnings[0] and "line 5" in report.warnings[0]
    hours = [f"2024-01-03 {hour:02}:00" for hour in range(10, 16)]
    mixed = write(tmp_path, daily(*hours, *(f"2024-01-0{day} 10:00" for day in (4, 5, 6, 7))))
    assert any(
        "one length" in warning and "has 1h bars and, from" in warning for warning in read_bars(mixed)[1].warnings
    )
    early = write(tmp_path, daily(*(f"2024-01-03 {hour:02}:30" for hour in range(9, 16)), "2024-01-03 16:00"))
    assert len(read_bars(early)[0]["ACME"]) == 8


def test_tick_volume_where_the_volume_is_zero(tmp_path: Path) -> None:
    text = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    text += "2024.01.02\t00:00:00\t10\t12\t9\t11\t5000\t0\t2\n2024.01.02\t01:00:00\t10\t12\t9\t11\t4000\t0\t2\n"
    bars, report = read_bars(write(tmp_path, text))
    volume = bars["ACME"].volume
    assert volume is not None and volume.tolist() == [5000, 4000]
    assert any("TICKVOL" in note for note in report.notes)
    # the note concerns the one symbol of the file, and the volume shows no lot
    assert {f.symbol for f in report.findings} == set(bars.symbols)
    assert "volume=<TICKVOL>" in report.how_read()[0]
    real = text.replace("\t0\t2", "\t7\t2")
    volume = read_bars(write(tmp_path, real))[0]["ACME"].volume
    assert volume is not None and volume.tolist() == [7, 7]


def test_columns_in_other_letters_are_told_and_doubled_ones_refused(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,成交量\n2024-01-02,10,12,9,11,5\n"
    assert any("成交量" in note for note in read_bars(write(tmp_path, text))[1].notes)
    for header in ("Date,Open,High,Low,Close,Close\n", "Date,Open,High,Low,Close,close\n"):
        assert "must come once" in refusal(write(tmp_path, header + "2024-01-02,10,12,9,11,11\n"))
    table = pd.DataFrame(
        [["2024-01-02", 10.0, 12.0, 9.0, 11.0, 11.0]], columns=["Date", "Open", "High", "Low", "Close", "Close"]
    )
    with pytest.raises(BarsError, match="'Close' twice"):
        read_bars(table, symbol="ACME")


def test_tickers_of_yfinance_in_a_file(tmp_path: Path) -> None:
    by_price = "Price,Close,Close,High,High,Low,Low,Open,Open\nTicker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\n"
    by_price += "Date,,,,,,,,\n2024-01-02,11,22,12,24,9,18,10,20\n"
    by_price += "2024-01-03,11,,12,,9,,10,\n2024-01-04,11,22,12,24,9,18,10,20\n"
    by_ticker = "Ticker,AAPL,AAPL,AAPL,AAPL,MSFT,MSFT,MSFT,MSFT\nPrice,Open,High,Low,Close,Open,High,Low,Close\n"
    by_ticker += "Date,,,,,,,,\n2024-01-02,10,12,9,11,20,24,18,22\n"
    by_ticker += "2024-01-03,10,12,9,11,,,,\n2024-01-04,10,12,9,11,20,24,18,22\n"
    first, report = read_bars(write(tmp_path, by_price))
    assert first.symbols == ("AAPL", "MSFT") and first["MSFT"].close.tolist() == [22, 22]
    assert any("1 rows in which 'MSFT' has no price" in note for note in report.notes)
    assert read_bars(write(tmp_path, by_ticker))[0].fingerprint() == first.fingerprint()
    with pytest.raises(BarsError, match="'Close' twice"):
        read_bars(write(tmp_path, by_price.replace("AAPL,MSFT", "AAPL,AAPL")))


def test_dates_and_times_apart_keep_their_zeros(tmp_path: Path) -> None:
    header = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
    for times in (("090000", "100000", "110000"), ("0900", "1000", "1100"), ("09:00", "10:00", "11:00")):
        text = header + "".join(f"SBER,60,20240105,{time},10,12,9,11,5\n" for time in times)
        path = write(tmp_path, text)
        assert starts(path, "SBER", repair=True) == [f"2024-01-05 {hour}:00" for hour in ("09", "10", "11")]
        assert "per" not in read_bars(path)[0]["SBER"].extra
    stooq = header + "".join(f"AAPL.US,D,2024010{day},000000,10,12,9,11,5\n" for day in (2, 3, 4))
    bars = read_bars(write(tmp_path, stooq))[0]["AAPL.US"]
    assert bars.interval == "1d" and pd.Timestamp(int(bars.time[0])) == pd.Timestamp("2024-01-02")


def test_zones_behind_stamps(tmp_path: Path) -> None:
    text = (
        "Time,Open,High,Low,Close\n01.01.2024 00:00:00.000 GMT+0100,1,2,1,1\n01.01.2024 01:00:00.000 GMT+0100,1,2,1,1\n"
    )
    assert starts(write(tmp_path, text)) == ["2023-12-31 23:00", "2024-01-01 00:00"]
    brokers = daily("20240105 09:30:00 US/Eastern", "20240105 09:31:00 US/Eastern")
    assert starts(write(tmp_path, brokers))[0] == "2024-01-05 14:30"


def test_rounding_noise_is_snapped_and_counted(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Volume\n2024-01-02,100.00000000000001,100,99,100,5\n2024-01-03,100,101,99,100,5\n"
    bars, report = read_bars(write(tmp_path, text))
    assert bars["ACME"].open[0] == 100.0
    assert [f.count for f in report.findings if f.rule == "rounding"] == [1]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "Date,Open,High,Low,Close,Größe\n2024-01-02,10,12,9,11,5\n2024-01-03,10,12,9,11,5\n"
    bars, report = read_bars(write(tmp_path, text, encoding=encoding))
    assert bars["ACME"].close.tolist() == [11, 11]
    assert any("Windows-1252" in note for note in report.notes) == (encoding == "cp1252")


HEADERLESS = {
    "MetaTrader 4": ("2024.01.02,00:00,10,12,9,11,5", "2024.01.02,01:00,10,12,9,11,5"),
    "Kraken": ("1704153600,10,12,9,11,5.5,3", "1704157200,10,12,9,11,5.5,3"),
    "Kraken's API": ("1704153600,10,12,9,11,10.5,5.5,3", "1704157200,10,12,9,11,10.5,5.5,3"),
    "eight columns": ("1704153600000,10,12,9,11,5000,3,51.2", "1704157200000,10,12,9,11,5000,3,51.2"),
}


@pytest.mark.parametrize("name", HEADERLESS)
def test_headerless_files(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "\n".join(HEADERLESS[name]) + "\n")
    assert starts(path) == ["2024-01-02 00:00", "2024-01-02 01:00"]
    own = read_bars(path)[0]["ACME"]
    assert own.volume is not None and own.volume[0] in (5, 5.5, 5000)


def test_headerless_files_of_no_known_shape_are_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path, "7,2024-01-02,10,12,9,11\n8,2024-01-03,10,12,9,11\n")
    assert "--columns" in refusal(path)
    named = Conventions(columns=("row", "date", "open", "high", "low", "close"))
    assert starts(path, conventions=named) == ["2024-01-02 00:00", "2024-01-03 00:00"]
    assert "without a header line" in refusal(write(tmp_path, daily("2024-01-02")), conventions=named)


def test_small_oddities(tmp_path: Path) -> None:
    unnamed = write(tmp_path, daily("2024-01-02", "2024-01-03", header=",Open,High,Low,Close\n"))
    assert starts(unnamed) == ["2024-01-02 00:00", "2024-01-03 00:00"]
    counted = write(tmp_path, ",Date,Open,High,Low,Close\n0,2024-01-02,10,12,9,11\n1,2024-01-03,10,12,9,11\n")
    assert read_bars(counted)[0]["ACME"].extra == {}
    minus = write(tmp_path, "Date,Open,High,Low,Close,Volume\n2024-01-02,10,12,9,11,-1\n2024-01-03,10,12,9,11,-1\n")
    assert read_bars(minus)[0]["ACME"].volume is None


def test_zip_and_excel(tmp_path: Path) -> None:
    text = daily("2024-01-02", "2024-01-03")
    with zipfile.ZipFile(tmp_path / "ACME.zip", "w") as packed:
        packed.writestr("ACME.csv", text)
    assert starts(tmp_path / "ACME.zip") == ["2024-01-02 00:00", "2024-01-03 00:00"]
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as packed:
        packed.writestr("a.csv", text)
        packed.writestr("b.csv", text)
    assert "must hold one" in refusal(tmp_path / "two.zip")
    table = pd.read_csv(io.StringIO(text), parse_dates=["Date"])
    table.to_excel(tmp_path / "ACME.xlsx", index=False)
    assert starts(tmp_path / "ACME.xlsx") == ["2024-01-02 00:00", "2024-01-03 00:00"]
    serial = table.assign(Date=[45296.395833333336, 45296.4375])
    serial.to_excel(tmp_path / "ACME.xlsx", index=False)
    assert starts(tmp_path / "ACME.xlsx") == ["2024-01-05 09:30", "2024-01-05 10:30"]


def test_folder_of_freqtrade(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC"),
            **dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0),
        }
    )
    for name in ("BTC_USDT_USDT-1h-futures", "BTC_USDT_USDT-8h-funding_rate", "BTC_USDT_USDT-8h-mark"):
        table.to_feather(tmp_path / f"{name}.feather")
    bars, report = read_bars(tmp_path)
    assert bars.symbols == ("BTC_USDT_USDT",)
    assert any("funding_rate" in note and "mark" in note for note in report.notes)


def test_names_of_tradingview_and_renaming(tmp_path: Path) -> None:
    path = write(tmp_path, daily("2024-01-02", "2024-01-03"), "AMEX_GLD, 1D.csv")
    assert read_bars(path)[0].symbols == ("GLD",)
    assert read_bars(path, symbol="GOLD")[0].symbols == ("GOLD",)
    write(tmp_path, daily("2024-01-02", "2024-01-03"), "SLV.csv")
    assert "--symbol-map" in refusal(tmp_path, symbol="GOLD")
    (tmp_path / "maps").mkdir()
    renames = write(tmp_path / "maps", "from,to\nGLD,Gold\nother,thing\n", "map.csv")
    assert read_bars(tmp_path, conventions=Conventions(symbol_map=str(renames)))[0].symbols == ("Gold", "SLV")


def test_daily_bars_of_tradingview_get_their_sessions_dates(tmp_path: Path) -> None:
    opens = [pd.Timestamp(f"2024-03-{day} 09:30", tz="America/New_York") for day in ("07", "08", "11", "12")]
    path = write(tmp_path, daily(*(str(int(stamp.timestamp())) for stamp in opens)), "AMEX_GLD, 1D.csv")
    assert starts(path, "GLD") == [f"2024-03-{day} 00:00" for day in ("07", "08", "11", "12")]
    # the same stamps in a file of another program are instants
    other = write(tmp_path, daily(*(str(int(stamp.timestamp())) for stamp in opens)))
    assert starts(other)[0] == "2024-03-07 14:30"


def test_bounds_on_size_and_columns(tmp_path: Path) -> None:
    wide = write(tmp_path, ",".join(f"c{n}" for n in range(3000)) + "\n1\n")
    assert "data.max_columns" in refusal(wide) and len(refusal(wide)) < 400
    import gzip

    big = tmp_path / "BIG.csv.gz"
    big.write_bytes(gzip.compress(daily("2024-01-02").encode() + b"\n" * 3_000_000))
    assert "data.max_unpacked_mb" in refusal(big, conventions=Conventions(max_unpacked_mb=1))
    pd.DataFrame({"a": np.zeros(500_000)}).to_parquet(tmp_path / "BIG.parquet")
    assert "data.max_unpacked_mb" in refusal(tmp_path / "BIG.parquet", conventions=Conventions(max_unpacked_mb=1))


@pytest.mark.parametrize("cell", [b"1", [1], "1" * 400, 10**5000], ids=["bytes", "list", "digits", "integer"])
def test_cells_that_are_no_numbers(cell: object) -> None:
    table = pd.DataFrame({"date": ["2024-01-02"], **dict.fromkeys(("open", "high", "low"), 1.0)})
    table["close"] = pd.Series([cell], dtype=object)
    with pytest.raises(BarsError, match="close"):
        read_bars(table, symbol="ACME")
