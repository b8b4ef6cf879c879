"""Files of other programs opened: every table in them, as rows of texts, whatever the container."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from exitladder.errors import ExitladderError, InputFileError
from exitladder.files.conventions import MEGABYTE
from exitladder.files.tables import read_table
from exitladder.files.untrusted.limits import how_to_raise, limit
from exitladder.files.untrusted.shapes import parse_json

_HEADS = {b"PK\x03\x04": "zip", b"PAR1": "parquet", b"ARROW1": "feather"}


@dataclass(frozen=True)
class Sheet:
    """Rows of texts as a file holds them, tables and all between them.

    Parameters
    ----------
    name : str
        The file's name, with the sheet's or table's where it holds several.
    unit : {"line", "row"}
        What `numbers` count.
    rows : list of list of str
    numbers : list of int
    hidden : list of frozenset of int
        Positions of cells that the page hides, by row; empty where the container knows none.
    """

    name: str
    unit: str
    rows: list[list[str]]
    numbers: list[int]
    hidden: list[frozenset[int]]

    @classmethod
    def of(cls, name: str, rows: Iterable[Sequence[object]], unit: str = "row") -> Sheet:
        """Return a sheet of rows of any cells, counted from 1.

        Parameters
        ----------
        name : str
            The sheet's name in messages.
        rows : iterable of sequence of object
            Cells of any type; they become texts.
        unit : {"line", "row"}
            What the numbers of the rows count.

        Returns
        -------
        Sheet
        """
        texts = [[_text(cell) for cell in row] for row in rows]
        return cls(name, unit, texts, list(range(1, len(texts) + 1)), [frozenset()] * len(texts))

    @classmethod
    def of_records(cls, name: str, records: Sequence[dict[str, Any]]) -> Sheet:
        """Return a sheet with a header of all keys and a row a record."""
        keys = list(dict.fromkeys(key for record in records for key in record))
        return cls.of(name, [keys, *([record.get(key) for key in keys] for record in records)])

    @classmethod
    def of_frame(cls, name: str, frame: pd.DataFrame) -> Sheet:
        """Return a sheet of a table; an index with a name becomes a column."""
        if frame.index.name is not None and frame.index.name not in frame:
            frame = frame.reset_index()
        rows = frame.astype(object).itertuples(index=False, name=None)
        return cls.of(name, [[str(c) for c in frame.columns], *rows])


def open_source(path: str | Path) -> list[Sheet]:
    """Return the sheets of a file: text in any usual encoding, Excel, HTML, XML, JSON, SQLite, Parquet or a zip.

    Raises
    ------
    InputFileError
        If the file is missing, of no known kind or cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        raise InputFileError(f"A file must be given, but '{path}' is a folder. Name one file in it.")
    if not path.exists():
        raise InputFileError(f"The file '{path}' does not exist. Check the path.")
    try:
        most = limit("EXITLADDER_MAX_SOURCE_MB") * MEGABYTE
        if path.stat().st_size > most:
            raise InputFileError(
                f"A file may have {most // MEGABYTE:,} MB, but '{path}' has more. "
                f"{how_to_raise('EXITLADDER_MAX_SOURCE_MB')}"
            )
        with path.open("rb") as stream:
            is_base = stream.read(16).startswith(b"SQLite format 3")
        if is_base:
            return _sqlite(path)
        return _sheets(path.name, path.read_bytes())
    except (ExitladderError, MemoryError):
        raise
    # openpyxl, sqlite3 and the parsers of markup let through whatever a broken file causes in them
    except Exception as cause:
        reason = " ".join(str(cause).split()).rstrip(".") or type(cause).__name__
        raise InputFileError(
            f"The file '{path}' cannot be read: {reason}. Export it again, or save it as CSV."
        ) from cause


def _sheets(name: str, data: bytes) -> list[Sheet]:
    kind = next((kind for mark, kind in _HEADS.items() if data.startswith(mark)), "")
    if kind == "zip":
        return _zip(name, data)
    if kind in ("parquet", "feather"):
        return [Sheet.of_frame(name, _columnar(data, kind))]
    text = decoded(name, data)
    start = text.lstrip()[:200].lower()
    if start.startswith(("{", "[")):
        return _json(name, text)
    if start.startswith(("<?xml", "<flexqueryresponse")):
        return _xml(name, text)
    if start.startswith("<"):
        return [_html(name, text)]
    return [_delimited(name, text)]


def _columnar(data: bytes, kind: str) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"table.{kind}"
        path.write_bytes(data)
        return read_table(path).frame


def decoded(name: str, data: bytes) -> str:
    """Return a file's text: by its byte order mark, as UTF-16 without one, as UTF-8, else as Windows-1252."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding)
    sample = data[:2000]
    if sample and sample[1::2].count(0) > len(sample) // 4:
        return data.decode("utf-16-le")
    if 0 in sample:
        raise InputFileError(f"'{name}' is a binary file of no known kind. Export it as CSV, Excel or HTML.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _zip(name: str, data: bytes) -> list[Sheet]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and "__MACOSX" not in m.filename]
        names = [m.filename for m in members]
        if "xl/workbook.xml" in names:
            return _xlsx(name, data)
        # freqtrade puts settings, the strategy and market data beside the result
        results = [m for m in members if m.filename.endswith(".json") and not m.filename.endswith("_config.json")]
        found = [m for m in results if b'"strategy"' in archive.open(m).read(1 << 20)]
        chosen = found[:1] if found else members
        if len(chosen) != 1:
            raise InputFileError(
                f"An archive must hold one file, but '{name}' holds {len(names)}: {', '.join(names[:5])}. Unpack it "
                "and name the file with the trades."
            )
        return _sheets(Path(chosen[0].filename).name, _member(archive, chosen[0], name))


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    """Return the content of an archive's member, whatever size the archive states."""
    most = limit("EXITLADDER_MAX_SOURCE_MB") * MEGABYTE
    with archive.open(member) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise InputFileError(
            f"'{member.filename}' in '{name}' may have {most // MEGABYTE:,} MB unpacked, but has more. "
            f"{how_to_raise('EXITLADDER_MAX_SOURCE_MB')}"
        )
    return content


def _xlsx(name: str, data: bytes) -> list[Sheet]:
    import openpyxl  # type: ignore[import-untyped]

    most = limit("EXITLADDER_MAX_SOURCE_MB") * MEGABYTE
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        if sum(member.file_size for member in packed.infolist()) > most:
            raise InputFileError(
                f"A workbook may have {most // MEGABYTE:,} MB unpacked, but '{name}' has more. "
                f"{how_to_raise('EXITLADDER_MAX_SOURCE_MB')}"
            )

    book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    return [Sheet.of(f"{name}, sheet {sheet.title}", sheet.iter_rows(values_only=True)) for sheet in book.worksheets]


def _sqlite(path: Path) -> list[Sheet]:
    sheets = []
    with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as base:
        tables = [row[0] for row in base.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            if table not in ("trades", "orders"):
                continue
            cursor = base.execute(f'select * from "{table}"')
            header = [column[0] for column in cursor.description]
            sheets.append(Sheet.of(f"{path.name}, table {table}", [header, *cursor]))
    base.close()
    return sheets


def _json(name: str, text: str) -> list[Sheet]:
    try:
        content = parse_json(text, has_constants=True)
    except json.JSONDecodeError as cause:
        raise InputFileError(
            f"A file of JSON must be whole, but '{name}' breaks off or is damaged at line {cause.lineno}, column "
            f"{cause.colno}. Export it again."
        ) from cause
    if isinstance(content, list):
        return [Sheet.of_records(name, [row for row in content if isinstance(row, dict)])]
    lists = {
        key: rows for key, rows in content.items() if isinstance(rows, list) and rows and isinstance(rows[0], dict)
    }
    # other programs may name their strategy beside a list of trades
    if isinstance(content.get("strategy"), dict) or ("strategy" in content and not lists):
        return _freqtrade_result(name, content["strategy"])
    performance = content.get("totalPerformance") or content.get("TotalPerformance")
    if isinstance(performance, dict):
        trades = performance.get("closedTrades") or performance.get("ClosedTrades") or []
        return [Sheet.of_records(f"{name}, closed trades", trades)]
    return [Sheet.of_records(f"{name}, {key}", rows) for key, rows in lists.items()]


def _freqtrade_result(name: str, strategies: object) -> list[Sheet]:
    """Return the trades of a backtest by freqtrade, a sheet for each strategy."""
    cure = "Run the backtest again, with --export trades, and import the file that it writes."
    if not isinstance(strategies, dict) or not strategies:
        raise InputFileError(
            f"A result of freqtrade holds results by strategy, but 'strategy' of '{name}' is {_shown(strategies)}. "
            f"{cure}"
        )
    sheets = []
    for strategy, found in strategies.items():
        place = f"strategy '{strategy}' of '{name}'"
        trades = found.get("trades") if isinstance(found, dict) else found
        if not isinstance(trades, list):
            what = "has no list of trades" if isinstance(found, dict) else "is no result"
            raise InputFileError(
                f"A result of freqtrade lists the trades of each strategy, but {place} {what}: {_shown(trades)}. {cure}"
            )
        for k, trade in enumerate(trades, start=1):
            if not isinstance(trade, dict):
                raise InputFileError(
                    f"Each trade of a result of freqtrade has named values, but trade {k} of {place} is "
                    f"{_shown(trade)}. {cure}"
                )
        records = [trade | {"strategy": strategy} for trade in trades]
        sheets.append(Sheet.of_records(f"{name}, strategy {strategy}", records))
    if not any(sheet.rows[1:] for sheet in sheets):
        raise InputFileError(
            f"A result of freqtrade must hold a trade to be imported, but '{name}' has none: its backtest entered "
            "nothing. Run it over a longer time, on more pairs, or with another strategy."
        )
    return sheets


def _shown(value: object) -> str:
    """Return a value of JSON for a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _xml(name: str, text: str) -> list[Sheet]:
    if "<!doctype" in text[:10_000].lower():
        raise InputFileError(f"'{name}' declares a document type, which a list of trades never needs. Export it again.")
    # the text is decoded already, whatever encoding it declares
    root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for element in root.iter():
        if len(element.attrib) > 3:
            by_tag.setdefault(element.tag, []).append(dict(element.attrib))
    return [Sheet.of_records(f"{name}, {tag}", rows) for tag, rows in by_tag.items()]


class _Rows(HTMLParser):
    """The cells of all table rows of a page, and which of them the page hides."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.hidden: list[set[int]] = []
        self.in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
            self.hidden.append(set())
            self.in_cell = False
        elif tag in ("td", "th") and self.rows:
            given = {key: value or "" for key, value in attrs}
            style = given.get("style", "").replace(" ", "")
            if "hidden" in given.get("class", "").split() or "display:none" in style:
                self.hidden[-1].add(len(self.rows[-1]))
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self.in_cell = False

    def handle_data(self, data: str) -> None:
        if self.in_cell:
            self.rows[-1][-1] += data


def _html(name: str, text: str) -> Sheet:
    parser = _Rows()
    parser.feed(text)
    rows = [[_text(cell) for cell in row] for row in parser.rows]
    return Sheet(name, "row", rows, list(range(1, len(rows) + 1)), [frozenset(h) for h in parser.hidden])


def _delimited(name: str, text: str) -> Sheet:
    lines = text.splitlines()
    if not any(line.strip() for line in lines):
        raise InputFileError(f"The file '{name}' is empty.")
    delimiter = max(",;\t|", key=lambda d: max(line.count(d) for line in lines[:40]))
    rows, numbers = [], []
    reader = csv.reader(lines, delimiter=delimiter)
    for row in reader:
        rows.append([_text(cell) for cell in row])
        numbers.append(reader.line_num)
    return Sheet(name, "line", rows, numbers, [frozenset()] * len(rows))


def _text(cell: object) -> str:
    if cell is None or cell is pd.NaT:
        return ""
    if isinstance(cell, float | np.floating):
        number = float(cell)
        return (
            "" if number != number else str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
        )
    if isinstance(cell, pd.Timestamp | datetime | date):
        return cell.isoformat()
    if isinstance(cell, pd.Timedelta):
        return str(cell)
    if isinstance(cell, list | dict):
        return json.dumps(cell)
    if isinstance(cell, np.ndarray):
        return json.dumps(cell.tolist(), default=str)
    text = str(cell).replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-").replace("\ufeff", "")
    return text.strip()
