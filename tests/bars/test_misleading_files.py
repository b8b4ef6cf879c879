"""Files of bars that could be read as something else: read right, or asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pandas as pd
import pytest

from exitladder.bars.reading import check_bar_files, read_bars
from exitladder.errors import BarsError, InputFileError, TradesError
from exitladder.files.conventions import Conventions
from exitladder.trades.files import read_trades

HEADER = "Date,Open,High,Low,Close,Volume"


def read(folder: Path, text: str, name: str = "ACME.csv", **how: Any) -> list[str]:
    """Return the starts of the only symbol's bars, and their length as the last item."""
    path = folder / name
    path.write_text(text)
    bars, _ = read_bars(path, conventions=Conventions(**how))
    (symbol,) = bars.symbols
    own = bars[symbol]
    return [*(pd.Timestamp(int(t)).strftime("%Y-%m-%d %H:%M:%S") for t in own.time), own.interval]


def stamped(*stamps: str, header: str = HEADER, more: str = ",10,12,9,11,500") -> str:
    return "\n".join([header, *(f"{stamp}{more}" for stamp in stamps)]) + "\n"


@pytest.mark.parametrize(
    ("days", "length"),
    [
        (("45292.395833", "45292.4375", "45292.479167"), "1h"),
        (("45292.39583", "45292.4375", "45292.47917"), "1h"),
        (("45292.3958", "45292.4375", "45292.4792"), "1h"),
    ],
)
def test_serial_days_cut_to_few_decimals_mean_whole_minutes(tmp_path: Path, days: tuple[str, ...], length: str) -> None:
    assert read(tmp_path, stamped(*days)) == [f"2024-01-01 {hour}:30:00" for hour in ("09", "10", "11")] + [length]


def test_serial_days_keep_their_seconds(tmp_path: Path) -> None:
    assert read(tmp_path, stamped("45292.395845", "45292.395856", "45292.395868"))[:3] == [
        f"2024-01-01 09:30:0{second}" for second in (1, 2, 3)
    ]


def test_short_dates_that_may_begin_with_the_year_are_asked_about(tmp_path: Path) -> None:
    for mark in "/.":
        days = pd.bdate_range("2024-01-02", periods=40).strftime(f"%y{mark}%m{mark}%d")
        with pytest.raises(BarsError, match="may begin with the year"):
            read(tmp_path, stamped(*days))


@pytest.mark.parametrize("form", ["%d/%m/%y", "%m/%d/%y", "%d.%m.%y"])
@pytest.mark.parametrize("first", ["2001-01-02", "2012-11-30", "2024-02-01"])
def test_short_dates_that_end_with_the_year_are_read(tmp_path: Path, form: str, first: str) -> None:
    days = pd.bdate_range(first, periods=60)
    found = read(tmp_path, stamped(*days.strftime(form)))
    assert found == [*days.strftime("%Y-%m-%d 00:00:00"), "1d"]


def test_stamps_at_the_last_moment_of_a_bar_are_its_end(tmp_path: Path) -> None:
    hours = [f"2024-01-02 {hour}:59:59" for hour in ("09", "10", "11")]
    assert read(tmp_path, stamped(*hours)) == [f"2024-01-02 {hour}:00:00" for hour in ("09", "10", "11")] + ["1h"]
    millis = [str(1_704_185_999_999 + 3_600_000 * k) for k in range(3)]
    assert read(tmp_path, stamped(*millis))[0] == "2024-01-02 08:00:00"
    assert read(tmp_path, stamped(*hours), stamps="start")[0] == "2024-01-02 09:59:59"
    seconds = [f"2024-01-02 09:59:{second}" for second in (57, 58, 59)]
    assert read(tmp_path, stamped(*seconds)) == [*seconds, "1s"]


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y%m%d"])
def test_dates_of_sessions_do_not_move_with_stamps_at_the_end(tmp_path: Path, form: str) -> None:
    days = pd.date_range("2024-01-02", periods=4)
    found = read(tmp_path, stamped(*days.strftime(form)), stamps="end")
    assert found == [*days.strftime("%Y-%m-%d 00:00:00"), "1d"]
    with_time = read(tmp_path, stamped(*days.strftime("%Y-%m-%d %H:%M")), stamps="end")
    assert with_time[0] == "2024-01-01 00:00:00"


@pytest.mark.filterwarnings("ignore")
def test_a_length_in_the_name_that_no_bar_has_is_not_believed(tmp_path: Path) -> None:
    days = [f"2024-01-0{day}" for day in (2, 3, 4, 5)]
    assert read(tmp_path, stamped(*days), "ACME-1h.csv")[-1] == "1d"
    thin = [f"2024-01-02 {time}" for time in ("09:00", "09:07", "09:12", "09:31", "10:02")]
    assert read(tmp_path, stamped(*thin), "ACME-1m.csv")[-1] == "1m"


def test_lengths_that_a_column_names_may_not_be_mixed(tmp_path: Path) -> None:
    rows = "".join(f"2024-01-{day},10,12,9,11,{length}\n" for day, length in (("02", "1d"), ("03", "1d"), ("08", "1w")))
    with pytest.raises(BarsError, match="'1d', '1w'"):
        read(tmp_path, "Date,Open,High,Low,Close,Interval\n" + rows)
    assert read(tmp_path, "Date,Open,High,Low,Close,Interval\n" + rows.replace("1w", "1d"))[0][:10] == "2024-01-02"


@pytest.mark.parametrize("name", ["Price", "Last", "Settle"])
def test_the_close_under_another_name(tmp_path: Path, name: str) -> None:
    text = stamped("2024-01-02", "2024-01-03", header=f"Date,Open,High,Low,{name},Volume")
    assert read(tmp_path, text)[0] == "2024-01-02 00:00:00"
    both = stamped("2024-01-02", header="Date,Open,High,Low,Close,Last", more=",10,12,9,11,10.5")
    path = tmp_path / "BOTH.csv"
    path.write_text(both)
    assert read_bars(path)[0]["BOTH"].close[0] == 11.0
    unclear = stamped("2024-01-02", header="Date,Open,High,Low,Last,Settle", more=",10,12,9,11,10.5")
    with pytest.raises((BarsError, InputFileError), match="could both be"):
        read(tmp_path, unclear)


def test_points_in_a_file_of_semicolons_are_asked_about_if_volumes_could_be_thousands(tmp_path: Path) -> None:
    header = HEADER.replace(",", ";")
    open_to_both = stamped("2024-01-02", "2024-01-03", header=header, more=";1.234;1.256;1.211;1.240;1.000")
    with pytest.raises((BarsError, InputFileError), match=r"the volume '1\.000'"):
        read(tmp_path, open_to_both)
    for mark, price in ((",", 1234.0), (".", 1.234)):
        path = tmp_path / "ACME.csv"
        assert read_bars(path, conventions=Conventions(decimal=mark))[0]["ACME"].open[0] == price
    dated = stamped("02.01.2024", "03.01.2024", header=header, more=";100;101;99;100;1.000")
    with pytest.raises((BarsError, InputFileError), match=r"the volume '1\.000'"):
        read(tmp_path, dated)
    trades = tmp_path / "trades.csv"
    trades.write_text("trade_id;symbol;side;entry_time;entry_price;quantity\nT1;A;long;01.03.2024;100;1.000\n")
    with pytest.raises(InputFileError, match=r"the quantity '1\.000'"):
        read_trades(trades)
    for settled in (";148.234;148.256;148.211;148.240;1000", ";1.234;1.256;1.211;1.24;1.000"):
        assert read(tmp_path, stamped("2024-01-02", header=header, more=settled))


ROWS = "".join(f"2024-01-{day:02d},10,12,9,11,{500 + day}\n" for day in (2, 3, 4, 5, 8, 9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"Symbol,ACME\nCurrency,USD\n{HEADER}\n{ROWS}", "2 lines above the header left out, first 'Symbol,ACME'"),
        (f"Symbol: ACME, Exchange: NYSE\n\n{HEADER}\n{ROWS}", "1 line above the header left out"),
        (f"Prices of ACME\n{HEADER}\n{ROWS}", "1 line above the header left out, first 'Prices of ACME'"),
        (f"{HEADER}\n{ROWS}Downloaded on 2024-01-31\n", "first 'Downloaded on 2024-01-31', line 8"),
        (f'{HEADER}\n{ROWS}"Source: X, Y",,,,,\n', "1 line below the table left out"),
    ],
)
def test_lines_around_the_table_are_left_out_and_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "ACME.csv"
    path.write_text(text)
    bars, report = read_bars(path)
    assert bars["ACME"].volume is not None
    assert bars["ACME"].volume.tolist() == [502, 503, 504, 505, 508, 509]
    assert any(said in note for note in report.notes)


def test_files_put_one_behind_the_other_keep_their_rows_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "ACME.csv"
    rows = [f"2024-01-{day:02d},10,12,9,11,500,1.5" for day in (2, 3, 4, 5, 8, 9, 10)] + ["2024-01-11,10,12,9,13,5,2"]
    lines = [f"{HEADER},rsi", *rows[:6], f"{HEADER},rsi", *rows[6:]]
    path.write_text("\n".join(lines) + "\n")
    report = check_bar_files(path)
    (error,) = report.errors
    assert "line 10, 2024-01-11" in error
    path.write_text(path.read_text().replace(",13,", ",11,"))
    bars, report = read_bars(path)
    assert len(bars["ACME"]) == 8
    assert any("1 line that repeat" in note for note in report.notes)


def test_a_total_below_the_table_is_not_dropped(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match="'Total'"):
        read(tmp_path, f"{HEADER}\n{ROWS}Total,,,,,3000\n")


def test_symbols_that_differ_only_in_case_are_named(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    rows = "".join(f"2024-01-0{day},{name},10,12,9,11\n" for day in (2, 3, 4) for name in ("ACME", "acme", "BETA"))
    path.write_text("Date,Symbol,Open,High,Low,Close\n" + rows)
    warned = check_bar_files(path).of_severity("warning")
    assert ["'ACME' and 'acme' differ only in case" in finding.message for finding in warned] == [True]


def test_a_column_of_time_zones_is_not_passed_over(tmp_path: Path) -> None:
    text = stamped("2024-01-02 09:30", "2024-01-02 10:30", header="Time,Open,High,Low,Close,tz", more=",10,12,9,11,EST")
    with pytest.raises(BarsError, match=r"'EST'.*--tz"):
        read(tmp_path, text)
    assert read(tmp_path, text, tz="America/New_York")[0] == "2024-01-02 14:30:00"
    assert read(tmp_path, text.replace("EST", "UTC"))[0] == "2024-01-02 09:30:00"


def test_hours_and_minutes_are_told_apart(tmp_path: Path) -> None:
    rows = "".join(f"2024-01-02,{hour},10,12,9,11,500\n" for hour in (9, 10, 11))
    assert read(tmp_path, f"Date,Hour,Open,High,Low,Close,Volume\n{rows}")[0] == "2024-01-02 09:00:00"
    with pytest.raises(BarsError, match="'9' may be the hour or a minute after midnight"):
        read(tmp_path, f"Date,Time,Open,High,Low,Close,Volume\n{rows}")


def test_dates_that_a_spreadsheet_swapped_are_refused(tmp_path: Path) -> None:
    swapped = [f"2024-{day:02d}-01 00:00:00" if day <= 12 else f"{day}/01/2024" for day in range(8, 20)]
    with pytest.raises(BarsError, match=r"swapped their day and month"):
        read(tmp_path, stamped(*swapped))
    path = tmp_path / "trades.csv"
    rows = "".join(f"T{k},A,long,{day},10,1,9\n" for k, day in enumerate(swapped))
    path.write_text(f"trade_id,symbol,side,entry_time,entry_price,quantity,stop_price\n{rows}")
    with pytest.raises(TradesError, match=r"swapped their day and month"):
        read_trades(path)
    # two forms, and days above 12 in both
    assert read(tmp_path, stamped("2024-01-10", "2024-01-11", "2024-01-13", "14/01/2024", "15/01/2024", "16/01/2024"))


def test_epochs_that_lost_their_digits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match=r"1\.70407E\+12"):
        read(tmp_path, stamped("1.70407E+12", "1.70408E+12", "1.70409E+12"))


def test_singles_are_the_decimals_that_were_written(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=3)
    frame = pd.DataFrame({"open": 99.7, "high": 100.1, "low": 99.3, "close": 99.9}, index=days, dtype="float32")
    frame.to_parquet(tmp_path / "ACME.parquet")
    bars, _ = read_bars(tmp_path / "ACME.parquet")
    assert bars["ACME"].high.tolist() == [100.1] * 3 and bars["ACME"].low.tolist() == [99.3] * 3


@pytest.mark.parametrize(
    "header",
    [
        "Date,Open (USD),High (USD),Low (USD),Close (USD),Volume (shares)",
        "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen",
        "Datum,Erster,Hoch,Tief,Schlusskurs,Stuecke",
        "Datum,Eröffn.,Hoch,Tief,Zuletzt,Vol.",
        "Fecha,Apertura,Máximo,Mínimo,Último,Volumen",
    ],
)
def test_headers_with_units_and_in_other_languages(tmp_path: Path, header: str) -> None:
    path = tmp_path / "ACME.csv"
    path.write_text(stamped("2024-01-02", "2024-01-03", header=header))
    bars, _ = read_bars(path)
    own = bars["ACME"]
    assert (own.open[0], own.high[0], own.low[0], own.close[0]) == (10.0, 12.0, 9.0, 11.0)
    assert own.volume is not None and own.volume[0] == 500.0


def test_a_sheet_of_notes_and_a_note_below_the_table_are_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "ACME.xlsx"
    book = openpyxl.Workbook()
    bars_sheet, notes = book.active, book.create_sheet("Notes")
    for line in stamped("2024-01-02", "2024-01-03").splitlines():
        bars_sheet.append([float(cell) if cell.isdigit() else cell for cell in line.split(",")])
    bars_sheet.append(["Downloaded in 2024"])
    notes.append(["made by me"])
    book.save(path)
    bars, report = read_bars(path)
    assert len(bars["ACME"]) == 2
    told = " ".join(finding.message for finding in report.findings)
    assert "sheet Notes without a table left out" in told and "below the table left out" in told


def test_the_hour_that_comes_twice_needs_its_zone_and_is_not_repaired_away(tmp_path: Path) -> None:
    path = tmp_path / "ACME.csv"
    hours = ("00:00", "01:00", "01:00", "02:00", "03:00")
    rows = [f"2024-11-03 {hour},10,12,9,{11 + k / 10},500" for k, hour in enumerate(hours)]
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    for repair in (False, True):
        with pytest.raises(BarsError, match=r"clocks may go back.*Pass the time zone"):
            read_bars(path, repair=repair)
    bars, _ = read_bars(path, tz="America/New_York")
    assert bars["ACME"].close.tolist() == [11.0, 11.1, 11.2, 11.3, 11.4]


def test_texts_that_a_spreadsheet_keeps_are_read_without_their_formula(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    rows = [f'="2024-01-0{day}",="0700",="10",12,9,11' for day in (2, 3, 4)]
    path.write_text("\n".join(["Date,Symbol,Open,High,Low,Close", *rows]) + "\n")
    bars, _ = read_bars(path)
    assert list(bars.symbols) == ["0700"] and bars["0700"].open.tolist() == [10.0] * 3
