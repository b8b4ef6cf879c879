"""One table of bars in two hundred spellings reads as the same bars, or is asked about; never as others."""

from __future__ import annotations

import gzip
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.reading import read_bars
from exitladder.errors import BarsError, InputFileError
from exitladder.files.conventions import Conventions

N = 40
OPTIONS = ("--dayfirst", "--monthfirst", "--decimal", "--stamps", "--columns", "--tz")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin")


def table(start: str, step: str) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    close = np.round(1500 * np.exp(np.cumsum(rng.normal(0, 0.004, N))), 2)
    open_ = np.append(1500.0, close[:-1])
    high = np.round(np.maximum(open_, close) + rng.uniform(0.01, 3, N), 2)
    low = np.round(np.minimum(open_, close) - rng.uniform(0.01, 3, N), 2)
    time = pd.date_range(start, periods=N, freq=step, tz="UTC")
    volume = rng.integers(1_000, 900_000, N).astype(float)
    return pd.DataFrame({"time": time, "open": open_, "high": high, "low": low, "close": close, "volume": volume})


STAMPS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "ISO": lambda t: t.dt.strftime("%Y-%m-%d %H:%M:%S"),
    "T": lambda t: t.dt.strftime("%Y-%m-%dT%H:%M"),
    "slashes": lambda t: t.dt.strftime("%Y/%m/%d %H:%M"),
    "points": lambda t: t.dt.strftime("%Y.%m.%d %H:%M"),
    "day first": lambda t: t.dt.strftime("%d/%m/%Y %H:%M"),
    "month first": lambda t: t.dt.strftime("%m/%d/%Y %I:%M %p"),
    "German": lambda t: t.dt.strftime("%d.%m.%Y %H:%M:%S"),
    "two-digit year": lambda t: t.dt.strftime("%d/%m/%y %H:%M"),
    "month's name": lambda t: t.dt.strftime("%d-%b-%Y %H:%M"),
    "American": lambda t: t.dt.strftime("%b %d, %Y %H:%M"),
    "compact": lambda t: t.dt.strftime("%Y%m%d%H%M%S"),
    "compact in two": lambda t: t.dt.strftime("%Y%m%d %H%M%S"),
}
AWARE: dict[str, Callable[[pd.Series], pd.Series]] = {
    "seconds": lambda t: (t.dt.as_unit("ns").astype("int64") // 10**9).astype(str),
    "milliseconds": lambda t: (t.dt.as_unit("ns").astype("int64") // 10**6).astype(str),
    "microseconds": lambda t: (t.dt.as_unit("ns").astype("int64") // 10**3).astype(str),
    "Z": lambda t: t.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "offset": lambda t: t.map(lambda stamp: stamp.isoformat()),
    "GMT": lambda t: t.map(lambda stamp: stamp.strftime("%d.%m.%Y %H:%M:%S.000 GMT%z")),
}
# headers of ten well-known sources: stamp, open, high, low, close, volume
HEADERS = {
    "Yahoo": ["Date", "Open", "High", "Low", "Close", "Volume"],
    "TradingView": ["time", "open", "high", "low", "close", "Volume"],
    "MetaTrader 5": ["<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>"],
    "Interactive Brokers": ["date", "open", "high", "low", "close", "volume"],
    "Binance": ["open_time", "open", "high", "low", "close", "volume"],
    "Alpha Vantage": ["timestamp", "1. open", "2. high", "3. low", "4. close", "5. volume"],
    "Dukascopy": ["Gmt time", "Open", "High", "Low", "Close", "Volume"],
    "ccxt": ["timestamp", "open", "high", "low", "close", "volume"],
    "Stooq": ["Date", "Open", "High", "Low", "Close", "Vol"],
    "short": ["t", "o", "h", "l", "c", "v"],
    "none": [],
}


def numbers(values: pd.Series, decimal: str, thousands: str) -> pd.Series:
    def spelled(value: float) -> str:
        text = f"{value:,.0f}" if value % 1 == 0 else f"{value:,.2f}"
        return text.replace(",", "\0").replace(".", decimal).replace("\0", thousands)

    return values.map(spelled)


def spell(frame: pd.DataFrame, pick: random.Random, folder: Path, *, is_daily: bool) -> tuple[Path, Conventions, str]:
    """Write the table in one of many spellings; return the file, what is said about it, and how it was written."""
    zone = pick.choice(ZONES)
    at_end = not is_daily and pick.random() < 0.25
    time = frame["time"] + (frame["time"].iloc[1] - frame["time"].iloc[0] if at_end else pd.Timedelta(0))
    kind = pick.choice([*STAMPS, *([] if is_daily else AWARE)])
    if is_daily:
        stamps = STAMPS[kind](time).str.replace(r"[ T](00:00(:00)?|12:00 AM|000000)$", "", regex=True)
        stamps = stamps.str.removesuffix("000000") if kind == "compact" else stamps
    elif kind in AWARE:
        stamps = AWARE[kind](time.dt.tz_convert(zone))
    else:
        stamps = STAMPS[kind](time.dt.tz_convert(zone).dt.tz_localize(None))
    decimal, separator = pick.choice([(".", ","), (".", ";"), (".", "\t"), (",", ";"), (",", "\t"), (".", "|")])
    grouping = "" if separator == "," else {".": ",", ",": "."}[decimal]
    thousands = pick.choice(["", grouping])
    columns = [stamps] + [
        numbers(frame[name], decimal, thousands) for name in ("open", "high", "low", "close", "volume")
    ]
    source = pick.choice(list(HEADERS))
    rows = [
        separator.join(f'"{cell}"' if separator in cell else cell for cell in row) for row in zip(*columns, strict=True)
    ]
    header = [separator.join(HEADERS[source])] if HEADERS[source] else []
    content = "\n".join([*header, *rows, ""]).replace("\n", pick.choice(["\n", "\r\n"]))
    encoding = pick.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    packing = pick.choice([".csv", ".txt", ".csv.gz", ".zip"])
    path = folder / f"ACME{packing}"
    if packing == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("ACME.csv", content.encode(encoding))
    else:
        path.write_bytes(gzip.compress(content.encode(encoding)) if packing == ".csv.gz" else content.encode(encoding))
    # without a header line, some of these are NinjaTrader's, which stamps the end
    stamped = "end" if at_end else "auto" if header else "start"
    said = Conventions(tz=zone, stamps=stamped)
    return (
        path,
        said,
        f"{kind} {zone} {decimal!r} {thousands!r} {separator!r} {source} {encoding} {packing} end={at_end}",
    )


@pytest.mark.parametrize("seed", range(200))
def test_every_spelling_reads_the_same_or_is_asked(tmp_path: Path, seed: int) -> None:
    pick = random.Random(seed)
    is_daily = pick.random() < 0.3
    # days up to the 12th leave open which of two numbers is the month
    start = pick.choice(["2024-01-15", "2024-01-01"])
    frame = table(start, "D" if is_daily else "h")
    if start == "2024-01-01" and not is_daily:
        frame = frame.iloc[:30]
    path, said, how = spell(frame, pick, tmp_path, is_daily=is_daily)
    try:
        bars, _ = read_bars(path, conventions=said)
    except (BarsError, InputFileError) as refusal:
        assert any(option in str(refusal) for option in OPTIONS), (how, str(refusal))
        return
    own = bars["ACME"]
    assert own.time.tolist() == frame["time"].dt.as_unit("ns").astype("int64").tolist(), how
    for name in ("open", "high", "low", "close", "volume"):
        values = getattr(own, name)
        assert values is not None and values.tolist() == frame[name].tolist(), (how, name)


def test_few_spellings_have_to_be_asked_about(tmp_path: Path) -> None:
    asked = 0
    for seed in range(100):
        pick = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        path, said, _ = spell(table("2024-01-15", "h"), pick, folder, is_daily=False)
        try:
            read_bars(path, conventions=said)
        except (BarsError, InputFileError):
            asked += 1
    assert asked <= 10
