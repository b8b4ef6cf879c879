"""The commands about bars, trades and features do what the functions do."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from exitladder.bars.reading import read_bars
from exitladder.bars.resample import resample_bars
from exitladder.features.families.trade_state import STATE_NAMES
from exitladder.sample import load_sample_bars
from exitladder.trades.entries import RULES, make_trades
from exitladder.trades.files import read_trades

Run = Callable[..., Result]
BROKEN = "timestamp,open,high,low,close\n2024-01-02,10,8,9,9\n2024-01-01,10,12,9,11\n"


def test_bars_check_lists_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ACME.csv").write_text(BROKEN)
    result = run("bars", "check", "ACME.csv", "--format", "json")
    assert result.exit_code == 1
    output = json.loads(result.stdout)
    assert [f["rule"] for f in output["findings"]] == ["unsorted", "high_below_low"]
    assert output["symbols"][0]["n_error"] == 2
    assert result.stderr.startswith(
        "error: 2 rules are broken in the bars of 'ACME.csv'. The worst: Stamps must increase"
    )
    repaired = run("bars", "check", "--bars", "ACME.csv", "--repair", "--format", "csv")
    assert repaired.exit_code == 0
    table = pd.read_csv(io.StringIO(repaired.stdout))
    assert table["severity"].tolist()[:2] == ["repaired", "repaired"]


def test_bars_check_as_a_table(run: Run, sample: Path) -> None:
    result = run("bars", "check", sample)
    assert result.exit_code == 0
    assert "AAPL     1d         3270   2000-03-01" in result.stdout
    assert "2000-09-29 (-52%)" in result.stdout


def test_bars_adjust_writes_what_was_read(run: Run, tmp_path: Path, sample: Path) -> None:
    assert run("bars", "adjust", sample, "--out", "adjusted").exit_code == 0
    expected, _ = load_sample_bars()
    assert read_bars(tmp_path / "adjusted")[0].fingerprint() == expected.fingerprint()
    assert run("bars", "adjust", sample, "--out", "all.csv.gz").exit_code == 0
    assert read_bars(tmp_path / "all.csv.gz")[0].fingerprint() == expected.fingerprint()


def test_bars_resample(run: Run, tmp_path: Path, sample: Path) -> None:
    result = run("bars", "resample", "--bars", sample, "--to", "1w", "--out", "weeks", "--format", "json")
    assert next(row["file"] for row in json.loads(result.stdout)) == "AAPL-1w.parquet"
    expected = resample_bars(load_sample_bars()[0], "1w")
    assert read_bars(tmp_path / "weeks")[0].fingerprint() == expected.fingerprint()
    assert run("bars", "resample", sample, "--to", "4h", "--out", "x").exit_code == 1


def test_trades_make_and_check(run: Run, tmp_path: Path, sample: Path) -> None:
    made = run(
        "trades", "make", "--bars", sample, "--window", 55, "--sides", "long", "--out", "t.csv", "--format", "json"
    )
    expected = make_trades(load_sample_bars()[0], window=55, sides="long")
    assert read_trades(tmp_path / "t.csv").fingerprint() == expected.fingerprint()
    output = json.loads(made.stdout)
    assert (output["n_trades"], output["n_short"], output["n_open"]) == (len(expected), 0, len(expected))
    checked = run("trades", "check", "--trades", "t.csv", "--bars", sample, "--format", "json")
    shown = json.loads(checked.stdout)
    assert {**shown, **output, "n_outside_bar": 0} == shown
    assert shown["faults"] == shown["worst_rows"] == shown["to_do"] == []
    raw = run("trades", "check", "--trades", "t.csv", "--bars", sample, "--set", "data.adjust=none")
    assert raw.exit_code == 1 and "Probably one side is adjusted" in raw.stderr


def test_trades_make_knows_every_rule_in_its_help(run: Run, sample: Path) -> None:
    text = run("trades", "make", "--help").stdout
    assert [rule for rule in RULES if rule not in text] == []
    wrong = run("trades", "make", "--bars", sample, "--rule", "donchain")
    assert wrong.exit_code == 1 and "Did you mean 'donchian'?" in wrong.stderr


def test_seed_reaches_random_entries(run: Run, sample: Path) -> None:
    args = ("trades", "make", "--bars", sample, "--rule", "random", "--format", "csv", "-q")
    first, again, other = run(*args, "--seed", 1), run(*args, "--set", "project.seed=1"), run(*args, "--seed", 2)
    assert first.stdout == again.stdout != other.stdout


def test_a_stop_on_the_wrong_side_is_told_with_its_place(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text(
        "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price\nT-17,ACME,long,2024-01-02,100,1,101.2\n"
    )
    result = run("trades", "check", "--trades", "trades.csv")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: stop_price must be below entry_price for a long, but trade 'T-17' has stop_price=101.2 and "
        "entry_price=100 (trades.csv, line 2). Correct the stop or the side. stop_price is the stop at the entry, "
        "which defines R; a stop moved since then belongs in the column working_stop, and stop_price may be blank.\n"
    )
    # by either name
    assert run("trades", "check", "trades.csv").stderr == result.stderr
    assert run("trades", "check").exit_code == 2


def test_check_tells_all_faults_on_one_screen(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text(
        "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price\n"
        "T1,ACME,long,2024-01-02,100,1,101.2\nT2,ACME,lnog,2024-01-02,100,1,\nT3,ACME,long,2024-13-02,100,1,\n"
        "T4,ACME,long,2024-01-02,100,-1,\nT4,ACME,short,2024-01-02,100,1,\n"
    )
    result = run("trades", "check", "trades.csv", "--format", "json")
    assert result.exit_code == 1 and "5 rules are broken in all" in result.stderr
    faults = json.loads(result.stdout)["faults"]
    for rule, line in (("unique", 6), ("long or short", 3), ("quantity", 5), ("entry_time", 4), ("stop_price", 2)):
        assert any(rule in fault and f"line {line}" in fault for fault in faults), rule
    screen = run("trades", "check", "trades.csv").stdout
    assert "Faults" in screen and "To do" in screen and len(screen.splitlines()) < 25
    # each fault once
    assert "Worst rows" not in screen and all(screen.count(f"line {line}") == 1 for line in range(2, 7))


def test_check_names_fills_outside_their_bar(run: Run, tmp_path: Path) -> None:
    rows = "\n".join(f"2024-01-{day:02d},100,101,99,100" for day in range(2, 9))
    (tmp_path / "TY-1d.csv").write_text(f"timestamp,open,high,low,close\n{rows}\n")
    (tmp_path / "trades.csv").write_text(
        "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price,exit_time,exit_price\n"
        "T1,TY,long,2024-01-03,100,10,98,2024-01-05,1005\nT2,TY,long,2024-01-03,100,10,98,2024-01-04,100.5\n"
        "T3,TY,long,2024-01-03,100,10,98,2024-01-04,101.1\n"
    )
    result = run("trades", "check", "trades.csv", "--bars", "TY-1d.csv", "--format", "json")
    shown = json.loads(result.stdout)
    assert result.exit_code == 0 and len(shown["worst_rows"]) == 1
    assert "T1: exit at 1005" in shown["worst_rows"][0] and "452.0 R" in shown["worst_rows"][0]


def test_check_holds_sound_rows_to_their_bars_though_others_have_faults(run: Run, tmp_path: Path) -> None:
    rows = "\n".join(f"2024-01-{day:02d},0.0000229,0.0000231,0.0000228,0.000023" for day in range(2, 9))
    (tmp_path / "TY-1d.csv").write_text(f"timestamp,open,high,low,close\n{rows}\n")
    (tmp_path / "trades.csv").write_text(
        "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price,exit_time,exit_price\n"
        "T1,TY,long,2024-01-03,0.000025,10,0.0000222,,\nT2,TY,long,2024-01-03,0.0000229,0,0.0000222,,\n"
        "T3,TY,long,2024-01-05,0.0000229,10,0.0000222,2024-01-04,0.000023\n"
    )
    result = run("trades", "check", "trades.csv", "--bars", "TY-1d.csv")
    assert result.exit_code == 1 and "2 rules are broken" in result.stderr
    assert "T1: entry at 0.000025 on 2024-01-03, but its bar runs from 0.0000228 to 0.0000231" in result.stdout
    assert "trade 'T2' has quantity" in result.stdout and "trade 'T3' was entered" in result.stdout


def test_check_tells_the_points_of_entry_and_trips_inside_one_bar(run: Run, tmp_path: Path) -> None:
    days = ["100,100.5,99.5,100"] * 3 + ["100,110,99,101"] + ["101,101.5,100.5,101"] * 5
    rows = "\n".join(f"2024-01-{day:02d},{prices}" for day, prices in enumerate(days, start=1))
    (tmp_path / "ACME-1d.csv").write_text(f"timestamp,open,high,low,close\n{rows}\n")
    (tmp_path / "trades.csv").write_text(
        "trade_id,symbol,side,entry_time,entry_price,quantity,stop_price,exit_time,exit_price\n"
        "T1,ACME,long,2024-01-04,101,100,98,,\nT2,ACME,long,2024-01-04,100,100,98,,\n"
        "T3,ACME,long,2024-01-04,105,100,98,,\nT4,ACME,long,2024-01-04 10:00,105,100,98,2024-01-04 10:07,106\n"
        "T5,ACME,long,2024-01-05,102.5,100,98,,\n"
    )
    result = run("trades", "check", "trades.csv", "--bars", "ACME-1d.csv", "--format", "json")
    shown = json.loads(result.stdout)
    assert {name: n for name, n in shown.items() if name.startswith("entries_")} == {
        "entries_at_open": 1, "entries_at_close": 1, "entries_inside": 1, "entries_unsettled": 2,
    }  # fmt: skip
    assert shown["n_same_bar"] == 1 and shown["n_left_out"] == 1
    assert any("bars of 5m or shorter would separate them" in line for line in shown["to_do"])
    assert any("data.outside_entries=keep" in line for line in shown["to_do"])
    assert any("1 at the open and 1 at the close of their bar by price" in line for line in shown["assumed"])


def test_import_understands_a_broker(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broker.csv").write_text(
        "Ticker;Open Time;Open Price;Size;Stop;Account\n"
        "ACME;02.01.2024 10:00;100,5;10;95,0;X1\nACME;14.01.2024 11:00;101,5;-4;110,0;X1\n"
    )
    result = run(
        "trades", "import", "broker.csv", "--map", "Ticker=symbol", "--map", "Open Time=entry_time",
        "--map", "Open Price=entry_price", "--map", "Size=quantity", "--map", "Stop=stop_price",
        "--value", "tag=broker", "--tz", "Europe/Berlin", "--out", "trades.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    trades = read_trades(tmp_path / "trades.csv")
    assert trades.trade_id.tolist() == ["T-1", "T-2"]
    assert trades.side.tolist() == [1, -1] and trades.quantity.tolist() == [10, 4]
    assert trades[0].entry_time == pd.Timestamp("2024-01-02 09:00", tz="UTC")
    assert trades.tag.tolist() == ["broker"] * 2
    for part in ("left out: Account", "side: from the sign", "numbered T-1 to T-2"):
        assert part in result.stderr


@pytest.mark.parametrize(
    ("args", "code", "part"),
    [
        (["--map", "Tiker=symbol"], 1, "broker.csv has no column 'Tiker'. Did you mean 'Ticker'?"),
        (["--map", "Ticker=symbl"], 1, "Trades have no column 'symbl'. Did you mean 'symbol'?"),
        (["--map", "Ticker"], 2, "must have the form LEFT=RIGHT"),
        ([], 1, "No column of broker.csv is known as symbol, entry_price, quantity"),
    ],
)
def test_import_says_what_is_wrong(run: Run, tmp_path: Path, args: list[str], code: int, part: str) -> None:
    (tmp_path / "broker.csv").write_text("Ticker,side,entry_time\nACME,BUY,2024-01-02\n")
    result = run("trades", "import", "broker.csv", *args, "--out", "t.csv")
    assert result.exit_code == code
    assert part in result.stderr
    assert not (tmp_path / "t.csv").exists()


def test_features_by_name_and_set(run: Run, tmp_path: Path, sample: Path) -> None:
    bars = sample / "IBM-1d.parquet"
    catalogue = json.loads(run("features", "--describe", "--format", "json").stdout)
    name = next(row["name"] for row in catalogue if row["name"].startswith("rsi"))
    one = run("features", "--bars", bars, "--set", name, "--out", "one.csv")
    assert one.exit_code == 0, one.stderr
    assert list(pd.read_csv(tmp_path / "one.csv")) == ["symbol", "timestamp", name]
    assert run("features", "--bars", bars, "--set", "default", "--out", "many.parquet").exit_code == 0
    many = pd.read_parquet(tmp_path / "many.parquet")
    assert len(many) == 3270 and list(many)[:2] == ["symbol", "timestamp"] and many.shape[1] > 10
    wrong = run("features", "--bars", bars, "--set", "rsi_nonsense", "--out", "x.csv")
    assert wrong.exit_code == 1 and "nonsense" in wrong.stderr
    assert run("features").exit_code == 2


def test_features_are_described(run: Run) -> None:
    every = json.loads(run("features", "--describe", "--format", "json").stdout)
    assert len(every) > 110
    for row in every:
        assert row["looks_ahead"] == "no"
        assert row["formula"] and row["unit"] and row["source"] and row["warm_up"] >= row["first"]
    some = json.loads(
        run("features", "--describe", "--set", "rsi_21", "--set", "trade_state", "--format", "json").stdout
    )
    assert [row["name"] for row in some][:2] == ["rsi_21", "held"] and len(some) == 1 + len(STATE_NAMES)
    shown = run("features", "--describe", "--set", "rsi_21").stdout
    assert "Wilder's RSI(21) of the close" in shown


def test_features_by_two_processes_are_the_same_file(run: Run, tmp_path: Path, sample: Path) -> None:
    for name, more in (("one.csv", ()), ("two.csv", ("--workers", "2"))):
        given = ("--set", "features.benchmark=IBM", "--set", "rsi_14", "--set", "beta_60", "--out", name)
        assert run("features", "--bars", sample, *given, *more).exit_code == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    both = run("features", "--bars", sample, "--workers", "2", "--scheduler", "tcp://localhost:1")
    assert both.exit_code == 2 and "not both" in both.stderr
