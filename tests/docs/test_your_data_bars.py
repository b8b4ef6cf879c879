"""Every command of the page on bars is run, on files as each source writes them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from exitladder.cli import main

HEADER = "timestamp,open,high,low,close,volume\n"
MT5 = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
STOOQ = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
NINJA = "20240102 093100;16700;16712.5;16690;16705.25;3110\n20240102 093200;16705.25;16720;16700;16718;2870\n"
MINUTES = ("1.1041,1.1046,1.1039,1.1044,830", "1.1044,1.1047,1.1040,1.1041,790")
FILES = {
    "yahoo.csv": "Price,Close,Close,High,High,Low,Low,Open,Open\nTicker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\n"
    "Date,,,,,,,,\n2024-01-02,185.6,370.9,188.4,375.9,183.9,366.8,187.2,373.9\n"
    "2024-01-03,184.3,370.6,185.9,373.3,183.4,368.5,184.2,369.0\n",
    "AMEX_GLD, 1D.csv": "time,open,high,low,close\n1704205800,191.64,191.94,190.2,190.72\n"
    "1704292200,188.95,189.74,187.7,188.96\n1704378600,189.11,189.5,188.65,189.21\n",
    "GBPUSD.csv": MT5 + "2024.01.02\t00:00:00\t1.2731\t1.2736\t1.2729\t1.2733\t1830\t0\t8\n"
    "2024.01.02\t01:00:00\t1.2733\t1.2741\t1.2730\t1.2738\t2210\t0\t7\n",
    "EURUSD.csv": "".join(f"2024.01.02,00:0{k},{row}\n" for k, row in enumerate(MINUTES)),
    "NQ.txt": NINJA,
    "EURUSD-1m.csv": re.sub(r";\d+\n", ";0\n", NINJA),
    "ES.csv": "date,open,high,low,close,volume\n20240102 09:30:00 US/Eastern,4780,4785,4778,4781,1200\n"
    "20240102 09:31:00 US/Eastern,4781,4783,4779,4780,900\n",
    "XBTUSD_60.csv": "1704153600,42000,42100,41900,42050,12.5,310\n1704157200,42050,42200,42000,42150,9.1,250\n",
    "stooq.txt": STOOQ + "AAPL.US,D,20240102,000000,187.2,188.4,183.9,185.6,82488700,0\n"
    "AAPL.US,D,20240103,000000,184.2,185.9,183.4,184.3,58414500,0\n",
    "EURUSD-DK.csv": "Gmt time,Open,High,Low,Close,Volume\n"
    + "".join(f"02.01.2024 0{k}:00:00.000 GMT+0100,{row}\n" for k, row in enumerate(MINUTES)),
    "ETH-USDT.csv": HEADER + "1704153600000,2300,2310,2290,2305,55\n1704157200000,2305,2320,2300,2311,48\n",
    "dax.csv": "Date;Open;High;Low;Close;Volume\n02.01.2024;16.828,67;16.963,44;16.734,44;16.769,36;55.123.400\n"
    "03.01.2024;16.738,12;16.772,83;16.534,67;16.538,39;60.254.100\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of every source that the page names."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "binance").mkdir()
    for month, first in (("2024-01", "2024-01-31 22:00"), ("2024-02", "2024-02-01 00:00")):
        starts = [stamp.value // 10**6 for stamp in pd.date_range(first, periods=2, freq="h").as_unit("ns")]
        rows = [f"{t},42000,42100,41900,42050,12.5,{t + 3_599_999},525000,100,6,252000,0\n" for t in starts]
        (tmp_path / "binance" / f"BTCUSDT-1h-{month}.csv").write_text("".join(rows))
    hours = pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC")
    table = pd.DataFrame({"date": hours, **dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)})
    (tmp_path / "ft").mkdir()
    table.to_feather(tmp_path / "ft" / "BTC_USDT_USDT-1h-futures.feather")
    table.to_feather(tmp_path / "ft" / "BTC_USDT_USDT-8h-funding_rate.feather")
    table.assign(date=hours.tz_localize(None)).to_excel(tmp_path / "book.xlsx", index=False)
    quotes = "".join(f'"01/{day}/2024","190.1","190","191","189","1.5M"\n' for day in (17, 16, 12))
    (tmp_path / "GLD.csv").write_text(f'"Date","Price","Open","High","Low","Vol."\n{quotes}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_page_runs(root: Path, folder: Path) -> None:
    page = (root / "docs" / "your_data_bars.md").read_text(encoding="utf-8")
    commands = [c for c in re.findall(r"exitladder (bars check [^`\n]+)", page) if "FILE" not in c]
    assert len(commands) >= 15
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output)
    shown = next(line for line in page.splitlines() if line.startswith("dax.csv read as:"))
    assert shown in CliRunner().invoke(main, ["bars", "check", "dax.csv"]).output


def test_options_are_settings_too(folder: Path) -> None:
    (folder / "ACME.csv").write_text("Date,Open,High,Low,Close\n01/02/2024,10,12,9,11\n02/02/2024,10,12,9,11\n")
    refused = CliRunner().invoke(main, ["bars", "check", "ACME.csv"])
    assert refused.exit_code == 1 and "--dayfirst" in refused.output
    (folder / "own.toml").write_text("[data]\ndayfirst = true\n")
    for options in (["--dayfirst"], ["--set", "data.dayfirst=true"], ["--settings", "own.toml"]):
        result = CliRunner().invoke(main, ["bars", "check", "ACME.csv", *options])
        assert result.exit_code == 0 and "2024-02-01" in result.output and "day first" in result.output
    both = CliRunner().invoke(main, ["bars", "check", "ACME.csv", "--dayfirst", "--monthfirst"])
    assert both.exit_code == 1 and "dayfirst and monthfirst" in both.output
