"""Bars fetched from an archive: a real server on this machine, with zip files in the exchange's layout."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from exitladder.bars.archives import months_from
from exitladder.bars.bars import BarSet
from exitladder.bars.reading import bars_from_frame, read_bars
from exitladder.clock import interval_from_name

Run = Callable[..., Result]

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
SERIES = ("quote_volume", "n_trades", "taker_volume", "taker_quote_volume")


@dataclass
class ArchiveServer:
    """Files by path, the answers that go before them, and what was asked.

    Parameters
    ----------
    files : dict of str to bytes
        By path, without the slash at its beginning; all else is a 404.
    refusals : dict of str to list of int
        Status codes that a path answers with before it gives its file.
    cut : set of str
        Paths whose body ends in the middle, whatever its header says.
    asked : list of (method, path)
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    refusals: dict[str, list[int]] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def put(self, name: str, content: bytes, checksum: str | None = None) -> str:
        """Publish a month's file with its checksum, and return its path."""
        symbol, interval, _ = name.split("-", 2)
        path = f"data/spot/monthly/klines/{symbol}/{interval}/{name}"
        self.files[path] = content
        self.files[f"{path}.CHECKSUM"] = f"{checksum or hashlib.sha256(content).hexdigest()}  {name}\n".encode()
        return path

    def put_month(self, symbol: str, interval: str, month: str, bars: pd.DataFrame, **how: object) -> str:
        """Publish those of the bars that start in a month."""
        name = f"{symbol}-{interval}-{month}"
        inside = bars[bars["timestamp"].dt.strftime("%Y-%m") == month]
        return self.put(f"{name}.zip", zipped({f"{name}.csv": klines_csv(inside, interval, **how)}))  # type: ignore[arg-type]


def klines_csv(bars: pd.DataFrame, interval: str, *, unit: str = "ms", header: bool = False) -> str:
    """Return bars as the exchange writes them, prices with eight decimals as it does."""
    step = {"ms": 1, "us": 1000}[unit]
    start = bars["timestamp"].dt.as_unit("ms").astype("int64")
    end = (start + interval_from_name(interval) // 10**6) * step - 1
    lines = [HEADER] if header else []
    for i, row in enumerate(bars.itertuples(index=False)):
        prices = ",".join(f"{getattr(row, name):.8f}" for name in ("open", "high", "low", "close", "volume"))
        extra = [getattr(row, name, 0.0) for name in SERIES]
        series = f"{extra[0]:.8f},{int(extra[1])},{extra[2]:.8f},{extra[3]:.8f}"
        lines.append(f"{start.iloc[i] * step},{prices},{end.iloc[i]},{series},0")
    return "\n".join(lines) + "\n"


def zipped(members: dict[str, str]) -> bytes:
    """Return a zip file with these members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return packed.getvalue()


def made_bars(first: str, last: str, interval: str = "1h", seed: int = 1) -> pd.DataFrame:
    """Return a random walk of bars that start from one stamp to another, rounded to eight decimals."""
    rng = np.random.default_rng(seed)
    time = pd.date_range(first, last, freq=interval, tz="UTC", unit="us")
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.004, len(time)))), 8)
    open_ = np.round(close * np.exp(rng.normal(0, 0.002, len(time))), 8)
    columns = {
        "timestamp": time,
        "open": open_,
        "high": np.round(np.maximum(open_, close) * 1.001, 8),
        "low": np.round(np.minimum(open_, close) * 0.999, 8),
        "close": close,
        "volume": np.round(rng.gamma(2, 50, len(time)), 8),
    }
    extra = {name: np.round(rng.gamma(2, 50, len(time)), 0 if name == "n_trades" else 8) for name in SERIES}
    return pd.DataFrame({**columns, **extra})


@contextmanager
def serving() -> Iterator[ArchiveServer]:
    """Give a server on a free port of this machine, which ends with the context."""
    archive = ArchiveServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            archive.asked.append((self.command, path))
            refusals = archive.refusals.get(path, [])
            content = archive.files.get(path)
            status = refusals.pop(0) if refusals else 200 if content is not None else 404
            body = content if status == 200 and content is not None else b"<Error/>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                # a client that has seen enough hangs up
                with suppress(ConnectionError):
                    self.wfile.write(body[: len(body) // 2] if path in archive.cut else body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        archive.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield archive
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[ArchiveServer]:
    """The archive, named to the commands by its environment variable."""
    # waiting is tested by that it happens, not by how long it takes
    monkeypatch.setattr("exitladder.files.web._WAITS", (0.01, 0.01, 0.01))
    with serving() as server:
        monkeypatch.setenv("EXITLADDER_BASE_URL", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


def as_read(bars: pd.DataFrame, symbol: str = "BTCUSDT") -> BarSet:
    return bars_from_frame(bars, symbol)[0]


def is_same(one: BarSet, other: BarSet) -> bool:
    return one.fingerprint() == other.fingerprint()


BARS = made_bars("2024-11-01", "2025-02-28 23:00")
FETCH = ("bars", "fetch", "BTCUSDT", "--interval", "1h", "--from", "2024-11", "--to", "2025-02")


def fill(archive: ArchiveServer, symbol: str = "BTCUSDT", bars: pd.DataFrame = BARS, left_out: str = "") -> None:
    """Publish months as the exchange did: milliseconds up to 2024, microseconds then; here some with a header."""
    for month in ("2024-11", "2024-12", "2025-01", "2025-02"):
        if month != left_out:
            unit = "us" if month >= "2025" else "ms"
            archive.put_month(symbol, "1h", month, bars, unit=unit, header=month in ("2024-12", "2025-02"))


@pytest.mark.parametrize("out", ["BTCUSDT-1h.parquet", "bars.csv", "folder"])
def test_what_is_fetched_is_what_went_in(run: Run, tmp_path: Path, archive: ArchiveServer, out: str) -> None:
    fill(archive)
    done = run(*FETCH, "--out", out, "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)[0] == {
        "file": "BTCUSDT-1h.parquet" if out == "folder" else out, "symbol": "BTCUSDT", "interval": "1h",
        "n_bars": len(BARS), "first": "2024-11-01T00:00:00Z", "last": "2025-02-28T23:00:00Z",
    }  # fmt: skip
    assert "warning" not in done.stderr
    assert is_same(read_bars(tmp_path / out)[0], as_read(BARS))
    checked = run("bars", "check", out, "--format", "json")
    assert checked.exit_code == 0
    assert [f["rule"] for f in json.loads(checked.stdout)["findings"]] == [""]


def test_several_symbols_make_one_file_that_other_commands_read(
    run: Run, tmp_path: Path, archive: ArchiveServer
) -> None:
    other = made_bars("2024-11-01", "2025-02-28 23:00", seed=2)
    fill(archive)
    fill(archive, "ETHUSDT", other)
    done = run(*FETCH, "ethusdt", "BTCUSDT", "--out", "two.parquet", "--format", "json")
    assert done.exit_code == 0, done.stderr
    two = read_bars(tmp_path / "two.parquet")[0]
    assert two.symbols == ("BTCUSDT", "ETHUSDT")
    assert is_same(BarSet([two["ETHUSDT"]]), as_read(other, "ETHUSDT"))
    assert run("trades", "make", "--bars", "two.parquet", "--out", "trades.csv").exit_code == 0
    assert run("bars", "resample", "two.parquet", "--to", "1d", "--out", "days").exit_code == 0


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("2024-11", "for 2024-11 (404): the first available is 2024-12."),
        ("2024-12", "for 2024-12 (404): a gap between the bars of 2024-11-30 23:00 UTC and 2025-01-01."),
        ("2025-02", "for 2025-02 (404): the last available is 2025-01;"),
    ],
)
def test_a_month_that_is_missing_is_a_warning(
    run: Run, tmp_path: Path, archive: ArchiveServer, left_out: str, message: str
) -> None:
    fill(archive, left_out=left_out)
    done = run(*FETCH, "--out", "b.parquet")
    assert done.exit_code == 0, done.stderr
    assert f"warning: The archive has no bars of 'BTCUSDT' {message}" in done.stderr
    kept = BARS[BARS["timestamp"].dt.strftime("%Y-%m") != left_out]
    assert is_same(read_bars(tmp_path / "b.parquet")[0], as_read(kept))
    checked = json.loads(run("bars", "check", "b.parquet", "--format", "json").stdout)["findings"]
    assert [f["rule"] for f in checked] == (["gap"] if left_out == "2024-12" else [""])


def test_hours_that_are_missing_inside_a_month_are_kept_missing(
    run: Run, tmp_path: Path, archive: ArchiveServer
) -> None:
    holed = BARS.drop(index=[*range(100, 110), 1500])
    fill(archive, bars=holed)
    assert run(*FETCH, "--out", "b.parquet").exit_code == 0
    assert is_same(read_bars(tmp_path / "b.parquet")[0], as_read(holed))


@pytest.mark.parametrize("status", [503, 429])
def test_a_server_that_stumbles_is_asked_again(run: Run, tmp_path: Path, archive: ArchiveServer, status: int) -> None:
    fill(archive)
    path = "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip"
    archive.refusals = {path: [status], f"{path}.CHECKSUM": [status, status]}
    assert run(*FETCH, "--out", "b.parquet").exit_code == 0
    assert [archive.asked.count(("GET", p)) for p in (path, f"{path}.CHECKSUM")] == [2, 3]
    assert is_same(read_bars(tmp_path / "b.parquet")[0], as_read(BARS))


MONTH = "BTCUSDT-1h-2024-12"
PATH = f"data/spot/monthly/klines/BTCUSDT/1h/{MONTH}.zip"
GOOD = klines_csv(BARS[BARS["timestamp"].dt.strftime("%Y-%m") == "2024-12"], "1h")
LINES = GOOD.splitlines()


def wrong_checksum(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", archive.files[PATH], checksum="0" * 64)


def no_checksum(archive: ArchiveServer) -> None:
    del archive.files[f"{PATH}.CHECKSUM"]


def checksum_is_a_page(archive: ArchiveServer) -> None:
    archive.files[f"{PATH}.CHECKSUM"] = b"<html>come in</html>"


def cut_body(archive: ArchiveServer) -> None:
    archive.cut.add(PATH)


def always_busy(archive: ArchiveServer) -> None:
    archive.refusals[PATH] = [503] * 9


def forbidden(archive: ArchiveServer) -> None:
    archive.refusals[f"{PATH}.CHECKSUM"] = [403] * 9


def no_zip(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", b"PK but no zip")


def spoilt_zip(archive: ArchiveServer) -> None:
    content = bytearray(archive.files[PATH])
    content[2000] ^= 0xFF
    archive.put(f"{MONTH}.zip", bytes(content))


def other_member(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", zipped({f"../{MONTH}.csv": GOOD, "notes.txt": "x"}))


def bomb(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": GOOD + "\n" * 10_000_000}))


def large(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", archive.files[PATH] + bytes(10_000_000))


def nothing_inside(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": ""}))


def header_alone(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": HEADER + "\n"}))


def other_columns(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": "\n".join([HEADER.replace("high,low", "low,high"), *LINES])}))


def long_line(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": "\n".join([*LINES[:7], LINES[7] + ",9", *LINES[8:]])}))


def long_lines(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": "\n".join([HEADER, *(f"{line},9" for line in LINES)])}))


def short_line(archive: ArchiveServer) -> None:
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": "\n".join([*LINES[:7], LINES[7][:20], *LINES[8:]])}))


def text_price(archive: ArchiveServer) -> None:
    row = LINES[7].split(",")
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": "\n".join([*LINES[:7], ",".join([row[0], "dear", *row[2:]])])}))


def broken_rule(archive: ArchiveServer) -> None:
    row = LINES[7].split(",")
    line = ",".join([row[0], row[1], row[3], row[2], *row[4:]])
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": "\n".join([*LINES[:7], line, *LINES[8:]])}))


def other_month(archive: ArchiveServer) -> None:
    content = klines_csv(BARS[BARS["timestamp"].dt.strftime("%Y-%m") == "2024-11"], "1h")
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": content}))


def other_interval(archive: ArchiveServer) -> None:
    content = klines_csv(made_bars("2024-12-01", "2024-12-05", "30min"), "30m")
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": content}))


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (wrong_checksum, f"The SHA-256 of {MONTH}.zip must be {'0' * 64}, as its CHECKSUM says, but is"),
        (no_checksum, "Every month must be verified against its SHA-256, but there is no 'http://127.0.0.1"),
        (checksum_is_a_page, "A CHECKSUM must begin with 64 hexadecimal digits"),
        (cut_body, "cannot be read: it ended after "),
        (always_busy, "cannot be read: the server answers 503 Service Unavailable (4 tries)."),
        (forbidden, "cannot be read: the server answers 403 Forbidden. Check the network"),
        (no_zip, f"{MONTH}.zip must be a zip file that can be unpacked, but is not: File is not a zip file."),
        (spoilt_zip, f"{MONTH}.zip must be a zip file that can be unpacked, but is not:"),
        (other_member, f"{MONTH}.zip must hold {MONTH}.csv, but holds ../{MONTH}.csv, notes.txt."),
        (bomb, f"{MONTH}.csv may have 302000 bytes, but has more"),
        (large, f"{MONTH}.zip' may have 302000 bytes, but has more"),
        (nothing_inside, f"{MONTH}.csv must hold the 12 columns of klines"),
        (header_alone, f"There must be at least one bar, but {MONTH}.csv has none"),
        (other_columns, f"{MONTH}.csv must hold the 12 columns of klines"),
        (long_line, f"{MONTH}.csv cannot be read as klines: Expected 12 fields in line 8, saw 13."),
        (long_lines, f"{MONTH}.csv cannot be read as klines: Length of header or names does not match"),
        (short_line, f"Every line must have the 12 columns of klines, but one has fewer ({MONTH}.csv, line 8)."),
        (text_price, f"open must be a number, but is 'dear' ({MONTH}.csv, line 8)"),
        (broken_rule, "high must not be below low"),
        (other_month, f"Every bar of {MONTH}.csv must start in 2024-12, but one starts at 2024-11-01"),
        (other_interval, f"{MONTH}.csv must hold 1h bars, but holds 30m bars."),
    ],
)  # fmt: skip
def test_nothing_is_written_where_anything_is_wrong(
    run: Run, tmp_path: Path, archive: ArchiveServer, spoil: Callable[[ArchiveServer], None], part: str
) -> None:
    fill(archive)
    spoil(archive)
    done = run(*FETCH, "--out", "b.parquet")
    assert (done.exit_code, done.stdout) == (1, "")
    assert part in done.stderr
    assert done.stderr.count("error: ") == 1 and "bug" not in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_broken_rule_is_repaired_on_request(run: Run, tmp_path: Path, archive: ArchiveServer) -> None:
    fill(archive)
    broken_rule(archive)
    done = run(*FETCH, "--repair", "--out", "b.parquet")
    assert done.exit_code == 0
    assert f"({MONTH}.csv, line 8, 2024-12-01 07:00 UTC). Repaired: swap high and low" in done.stderr
    assert is_same(read_bars(tmp_path / "b.parquet")[0], as_read(BARS))


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (("BTCUSD", "1h", "2024-11", "2024-12"), "must be 1h bars of 'BTCUSD' in one of the months 2024-11 to 2024-12"),
        (("BTCUSDT", "1h", "2023-01", "2023-01"), "(404, such as 'http://127.0.0.1"),
        (("BTC/USDT", "1h", "2024-11", "2024-12"), "must be written as the exchange does, such as BTCUSDT, but is"),
        (("BTCUSDT", "90m", "2024-11", "2024-12"), "'90m' is not among its own: 1s, 1m,"),
        (("BTCUSDT", "1mo", "2024-11", "2024-12"), "'1mo' is not among its own"),
        (("BTCUSDT", "1h", "2024-13", "2024-12"), "--from must be a month such as 2023-01, but is '2024-13'."),
        (("BTCUSDT", "1h", "2024-12", "2024-11"), "2024-12 comes after 2024-11"),
        (("BTCUSDT", "1h", "2024-12", "2099-01"), "--to must be a month that is over, but 2099-01 is not"),
        (("BTCUSDT", "1h", "2024-12", "2024-12", "--source", "binanse"), "Did you mean 'binance'?"),
        (("BTCUSDT", "1h", "2024-12", "2024-12", "--base-url", "file:///etc"), "must begin with https:// or http://"),
    ],
)  # fmt: skip
def test_what_cannot_be_there_is_told(
    run: Run, tmp_path: Path, archive: ArchiveServer, args: tuple[str, ...], part: str
) -> None:
    fill(archive)
    symbol, interval, first, last, *more = args
    done = run("bars", "fetch", symbol, "--interval", interval, "--from", first, "--to", last, "--out", "b.csv", *more)
    assert done.exit_code == 1
    assert part in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_address_and_the_cure_are_told(run: Run, tmp_path: Path, archive: ArchiveServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = run(*FETCH, "--base-url", f"{address}/", "--out", "b.parquet")
    assert done.exit_code == 1
    assert f"'{address}/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-11.zip.CHECKSUM' cannot be" in done.stderr
    assert "Connection refused (4 tries). Check the network" in done.stderr and "--base-url" in done.stderr
    assert list(tmp_path.iterdir()) == [] and archive.asked == []


def test_a_server_that_stays_silent_is_given_up(
    run: Run, tmp_path: Path, archive: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exitladder.files.web._TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = run(*FETCH, "--base-url", address, "--out", "b.parquet")
    assert done.exit_code == 1 and "cannot be read: timed out (4 tries)." in done.stderr
    assert list(tmp_path.iterdir()) == []


def endless_continue(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        threading.Event().wait(0.01)


def a_byte_at_a_time(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    while True:
        connection.sendall(b"0")
        threading.Event().wait(0.1)


def a_header_at_a_time(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for k in range(10_000):
        connection.sendall(b"X-%d: 1\r\n" % k)
        threading.Event().wait(0.1)


def answering(text: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(text)


@contextmanager
def hostile(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Give the address of a server that misbehaves in the same way on every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.settimeout(30)
                connection.recv(4096)
                behave(connection)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("behave", "part"),
    [
        (endless_continue, "it was not read whole within 0.7 s"),
        (a_byte_at_a_time, "it was not read whole within 0.7 s"),
        (a_header_at_a_time, "it was not read whole within 0.7 s"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nxx"), "must begin with 64 hexadecimal digits"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nxx"), "must begin with 64 hexadecimal digits"),
        (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nxx\r\n"), "cannot be read: "),
        (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n"), "cannot be read: "),
        (answering(b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n"), "cannot be read: "),
        (answering(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"), "redirects to"),
        (answering(b"nonsense\r\n\r\n"), "cannot be read: "),
        (answering(b""), "cannot be read: "),
    ],
)  # fmt: skip
def test_no_server_holds_the_command_for_ever(
    run: Run, tmp_path: Path, archive: ArchiveServer, monkeypatch: pytest.MonkeyPatch,
    behave: Callable[[socket.socket], None], part: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("exitladder.files.web._DEADLINE", 0.7)
    before = time.monotonic()
    with hostile(behave) as address:
        done = run(*FETCH, "--base-url", address, "--out", "b.parquet")
    assert time.monotonic() - before < 10
    assert done.exit_code == 1 and part in done.stderr
    assert "bug" not in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_packings_that_are_spoilt_are_reported(
    run: Run, tmp_path: Path, archive: ArchiveServer, method: int
) -> None:
    fill(archive)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as file:
        file.writestr(f"{MONTH}.csv", GOOD)
    content = bytearray(packed.getvalue())
    content[200:260] = bytes(60)
    archive.put(f"{MONTH}.zip", bytes(content))
    done = run(*FETCH, "--out", "b.parquet")
    assert done.exit_code == 1 and "must be a zip file that can be unpacked, but is not" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_running_month_is_not_asked_for() -> None:
    running = pd.Timestamp.now("UTC").tz_localize(None).to_period("M")
    assert months_from(str(running - 2)) == [running - 2, running - 1]


def test_months_that_are_kept_are_verified_again(run: Run, tmp_path: Path, archive: ArchiveServer) -> None:
    fill(archive)
    asked = [*FETCH, "--out", "b.parquet", "--cache", "months"]

    def zips() -> list[str]:
        archive.asked.clear()
        done = run(*asked)
        assert done.exit_code == 0, done.stderr
        assert is_same(read_bars(tmp_path / "b.parquet")[0], as_read(BARS))
        return [path.rpartition("-1h-")[2] for _, path in archive.asked if path.endswith(".zip")]

    assert zips() == ["2024-11.zip", "2024-12.zip", "2025-01.zip", "2025-02.zip"]
    assert zips() == []
    (tmp_path / "months" / f"{MONTH}.zip").write_bytes(b"spoilt on the disk")
    assert zips() == ["2024-12.zip"]
    # as where the exchange corrects a month that it had published
    archive.put(f"{MONTH}.zip", zipped({f"{MONTH}.csv": GOOD, "new.txt": ""}))
    assert zips() == ["2024-12.zip"]
    assert zips() == []
    wrong_checksum(archive)
    assert run(*asked).exit_code == 1
    assert sorted(f.name for f in (tmp_path / "months").iterdir())[1] == f"{MONTH}.zip"


@pytest.mark.parametrize(("interval", "first", "last"), [("1d", "2024-01", "2024-03"), ("1w", "2024-01", "2024-03")])
def test_longer_bars(run: Run, tmp_path: Path, archive: ArchiveServer, interval: str, first: str, last: str) -> None:
    bars = made_bars("2024-01-01", "2024-03-31", {"1d": "1D", "1w": "7D"}[interval])
    for month in ("2024-01", "2024-02", "2024-03"):
        archive.put_month("BTCUSDT", interval, month, bars)
    given = ("--interval", interval, "--from", first, "--to", last, "--out", f"BTCUSDT-{interval}.parquet")
    done = run("bars", "fetch", "BTCUSDT", *given)
    assert done.exit_code == 0, done.stderr
    found = read_bars(tmp_path / f"BTCUSDT-{interval}.parquet")[0]["BTCUSDT"]
    assert found.interval == interval and found.close.tolist() == bars["close"].tolist()


@pytest.mark.parametrize(
    ("name", "first", "last"), [("BTCUSDT-1h", "2017-08", "2018-03"), ("BTCUSDT-15m", "2024-01", "2024-11")]
)
def test_real_bars_come_back_to_the_bit(
    run: Run, tmp_path: Path, archive: ArchiveServer, shared_data: Path, name: str, first: str, last: str
) -> None:
    """Real bars of the exchange, holes included, put into its layout and fetched."""
    file = shared_data / "binance" / f"{name}.parquet"
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    real = pd.read_parquet(file)
    month = real["timestamp"].dt.strftime("%Y-%m")
    real = real[(month >= first) & (month <= last)][["timestamp", "open", "high", "low", "close", "volume"]]
    interval = name.partition("-")[2]
    for k, text in enumerate(sorted(month.loc[real.index].unique())):
        archive.put_month("BTCUSDT", interval, text, real, unit=("ms", "us")[k % 2], header=k % 3 == 0)
    given = ("--interval", interval, "--from", first, "--to", last, "--out", "real.parquet")
    done = run("bars", "fetch", "BTCUSDT", *given)
    assert done.exit_code == 0, done.stderr
    found, expected = read_bars(tmp_path / "real.parquet")[0]["BTCUSDT"], as_read(real)["BTCUSDT"]
    for column in ("time", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(found, column), getattr(expected, column)), column
    assert found.interval == interval
    assert run("bars", "check", "real.parquet").exit_code == 0


def test_no_other_module_can_ask_for_an_address(root: Path) -> None:
    """What opens addresses: this command, and the dashboards, which look whether their own servers are up."""
    found = set()
    for folder in ("src/exitladder", "features", "models", "pipelines"):
        for file in (root / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and {a.name for a in node.names} != {"url2pathname"}:
                    modules = [node.module or ""]
                if any(
                    m.split(".")[0] in ("http", "socket", "requests", "httpx", "aiohttp", "ftplib") for m in modules
                ):
                    found.add(file.name)
                if any(m.startswith("urllib.request") or m == "urllib" for m in modules):
                    found.add(file.name)
    assert found == {"web.py", "servers.py"}
