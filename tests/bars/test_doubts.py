"""Everything doubtful in bars is reported in one go, with its rows, and the worst comes first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.bars.checking.check_screen import check_screen, with_unfinished
from exitladder.bars.checking.notes import untraded
from exitladder.bars.checking.report import BarsReport
from exitladder.bars.reading import bars_from_frame, check_bar_files, read_bars
from exitladder.errors import BarsError

HEADER = "timestamp,open,high,low,close,volume\n"
V2 = HEADER + (
    "2024-01-02,89,90,88,89.5,10\n2024-01-03,200,90.36,88.55,89,10\n2024-01-04,89,90,88.5,89.4,10\n"
    "2024-01-05,89.4,90.2,88.9,89.9,10\n"
)


def table(n: int = 60, freq: str = "D", start: str = "2024-01-01") -> pd.DataFrame:
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.005, n)))
    open_ = np.concatenate([[100.0], close[:-1]])
    frame = pd.DataFrame({"open": open_, "close": close, "volume": 1000.0})
    frame["high"], frame["low"] = np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998
    return frame.set_index(pd.date_range(start, periods=n, freq=freq, tz="UTC"))


def found(frame: pd.DataFrame) -> dict[str, int]:
    report = bars_from_frame(frame, "ACME")[1]
    return {f.rule: f.count for f in report.findings}


def test_a_bad_open_is_moved_into_its_bar_and_makes_no_price_reachable(tmp_path: Path) -> None:
    path = tmp_path / "X.csv"
    path.write_text(V2)
    with pytest.raises(BarsError, match=r"open is 200, low 88.55, high 90.36, .* typical ranges outside"):
        read_bars(path)
    bars, report = read_bars(path, repair=True)
    own = bars["X"]
    assert own.high.tolist() == [90, 90.36, 90, 90.2] and own.open[1] == 90.36
    assert report.repaired() == {"bad_tick": 1}


def test_a_bar_at_another_level_is_dropped(tmp_path: Path) -> None:
    frame = table()
    frame.loc[frame.index[30], ["high", "low"]] = [1.01, 0.99]  # in pounds, open and close in pence
    bars, report = bars_from_frame(frame, "X", repair=True)
    assert len(bars["X"]) == 59 and bars["X"].low.min() > 50
    assert report.repaired() == {"bad_tick": 1}


def test_a_stamp_that_cannot_be_read_is_no_reason_to_drop_a_priced_row(tmp_path: Path) -> None:
    path = tmp_path / "X.csv"
    path.write_text(V2.replace("2024-01-04", "90000") + ",,,,,\n")
    with pytest.raises(BarsError):
        read_bars(path, repair=True)


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_spikes_are_found_in_every_price(column: str) -> None:
    frame = table()
    away = 0.6 if column == "low" else 1.6
    i = frame.index[30]
    frame.loc[i, column] *= away
    frame.loc[i, "high"] = frame.loc[i, ["open", "high", "close"]].max()
    report = bars_from_frame(frame, "ACME")[1]
    (spike,) = [f for f in report.findings if f.rule == "spike"]
    assert spike.severity == "warning" and spike.count == 1 and "2024-01-31" in spike.message
    assert spike.rows is not None and spike.rows["timestamp"].tolist() == [i]


def test_a_crash_that_trades_on_is_no_spike() -> None:
    frame = table()
    frame.loc[frame.index[30] :, ["open", "high", "low", "close"]] *= 0.7
    assert "spike" not in found(frame)


def test_a_live_row_at_the_end_is_left_out() -> None:
    frame = table(20)
    live = frame.iloc[[-1]].set_axis([frame.index[-1] + pd.Timedelta("16:00:01")])
    bars, report = bars_from_frame(pd.concat([frame, live]), "ACME")
    assert len(bars["ACME"]) == 20 and bars["ACME"].time[-1] == frame.index[-1].value
    (warning,) = report.warnings
    assert "comes 0 days 16:00:01 after the one before, and its bars are 1d long" in warning


def test_a_row_between_two_days_overlaps() -> None:
    frame = table(20)
    extra = frame.iloc[[9]].set_axis([frame.index[9] + pd.Timedelta("16:00:01")])
    assert found(pd.concat([frame, extra]).sort_index()) == {"overlapping": 1}


def test_hours_and_days_in_one_file_are_named() -> None:
    hours, days = table(6, "h"), table(4, "D", "2024-01-02")
    report = bars_from_frame(pd.concat([hours, days]), "ACME")[1]
    (finding,) = [f for f in report.findings if f.rule == "mixed_lengths"]
    assert "has 1h bars and" in finding.message and "1d apart" in finding.message


def test_sessions_and_daylight_saving_are_neither() -> None:
    sessions = [table(7, "h", f"2024-03-{d:02d} 14:30") for d in (4, 5, 6, 7, 8, 11, 12, 13, 14, 15)]
    local = pd.date_range("2024-01-01", periods=200, freq="D", tz="America/New_York").tz_convert("UTC")
    for frame in (pd.concat(sessions), table(200).set_axis(local)):
        assert not {"overlapping", "mixed_lengths", "live_row"} & set(found(frame))


def test_bars_without_trading_are_named_and_told_from_unknown_volume() -> None:
    rows = ["100,100.5,99.5,100,10"] * 3 + ["95,95,95,95,0"] * 3 + ["80,81,79,80,10"] * 3 + ["80,81,79,80,0"]
    frame = pd.DataFrame([r.split(",") for r in rows], columns=["open", "high", "low", "close", "volume"]).astype(float)
    frame.index = pd.date_range("2024-01-01", periods=len(rows))
    bars, report = bars_from_frame(frame, "ACME")
    rules = {f.rule: f for f in report.findings}
    assert rules["no_trading"].count == 3 and "longest stretch is 3 bars from 2024-01-04" in rules["no_trading"].message
    assert rules["unknown_volume"].count == 1
    assert untraded(bars["ACME"]).tolist() == [False] * 3 + [True] * 3 + [False] * 4


@given(st.lists(st.tuples(st.sampled_from([0.0, 5.0]), st.booleans()), min_size=1, max_size=20))
def test_nothing_is_called_untraded_before_the_first_volume(rows: list[tuple[float, bool]]) -> None:
    frame = pd.DataFrame({"open": 10.0, "high": [10.0 + moved for _, moved in rows], "low": 10.0, "close": 10.0})
    frame["volume"] = [v for v, _ in rows]
    own = bars_from_frame(frame.set_index(pd.date_range("2024-01-01", periods=len(rows))), "A")[0]["A"]
    seen = False
    for (volume, moved), still in zip(rows, untraded(own), strict=True):
        assert still == (seen and volume == 0 and not moved)
        seen |= volume > 0


def test_rolls_at_the_pace_of_contract_months_are_a_warning() -> None:
    frame = table(1000)
    for k in range(90, 1000, 91):
        frame.loc[frame.index[k] :, ["open", "high", "low", "close"]] *= 1.08
    report = bars_from_frame(frame, "CL")[1]
    (jump,) = [f for f in report.findings if f.rule == "level_jump"]
    assert jump.severity == "warning" and jump.count >= 9 and "pace of contract months" in jump.message


def test_splits_are_reported_beside_errors(tmp_path: Path) -> None:
    frame = table(100)
    frame.loc[frame.index[60] :, ["open", "high", "low", "close"]] /= 4
    frame.loc[frame.index[60] :, "volume"] *= 4
    frame.loc[frame.index[5], "high"] = np.nan
    frame.rename_axis("date").to_csv(tmp_path / "X.csv")
    report = check_bar_files(tmp_path / "X.csv")
    assert [f.rule for f in report.of_severity("error", "warning")] == ["nan_price", "possible_split"]
    assert report.rows_frame()["rule"].tolist()[:2] == ["nan_price", "possible_split"]


def test_the_worst_rows_come_first_and_all_are_listed(tmp_path: Path) -> None:
    (tmp_path / "X.csv").write_text(V2 + "2024-01-06,90.3,90.2,88.9,89.9,10\n2024-01-07,,90.2,88.9,89.9,10\n")
    report = check_bar_files(tmp_path / "X.csv")
    rows = report.rows_frame()
    assert rows["rule"].tolist() == ["bad_tick", "nan_price", "outside_high_low"]
    assert report.worst_rows(1)["open"].tolist() == [200]
    screen = check_screen(report, tmp_path / "X.csv")
    assert screen.parts[0][0] == "1 symbol, 0 bars: 3 errors in 1 symbol"
    assert any("--repair" in step for step in screen.next_steps)


def test_a_bar_that_has_not_ended_is_named() -> None:
    report = bars_from_frame(table(20), "ACME")[1]
    end = int(pd.Timestamp("2024-01-21", tz="UTC").value)
    hour = 3600 * 10**9
    assert with_unfinished(report, end - 13 * hour).of_severity("warning")[0].rule == "unfinished"
    assert with_unfinished(report, end).findings == report.findings
    assert with_unfinished(BarsReport(), end) == BarsReport()


def test_real_bad_ticks_are_found(shared_data: Path) -> None:
    report = check_bar_files(shared_data / "coinbase" / "BTC-USD-4h.parquet")
    (spike,) = [f for f in report.findings if f.rule == "spike"]
    assert spike.rows is not None
    assert "2018-04-03 20:00" in {f"{t:%Y-%m-%d %H:%M}" for t in spike.rows["timestamp"]}
