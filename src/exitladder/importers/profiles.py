"""Each program's file as data: its headers, filters, zone, signs and rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from exitladder.importers.sources import Sheet

Spellings = tuple[str, ...]

ZONE_BEHIND = re.compile(
    r"[\s_]*[(\[]?\s*(?:UTC|GMT)\s*(?P<sign>[+-]?)(?P<hour>\d{0,2}):?(?P<minute>\d{2})?\s*[)\]]?\s*$", re.IGNORECASE
)
"""The offset behind the header of a column of times: ``Time(UTC+8)``, ``Date (UTC)``, ``Created GMT``."""


@dataclass(frozen=True)
class Profile:
    """One kind of table of one program.

    Parameters
    ----------
    name : str
        What ``--from`` takes; tables of one program may share it.
    title : str
        What messages call it.
    kind : {"fills", "round_trips", "legs"}
        A row an execution, a row a closed slice, or two rows (entry and exit) a slice.
    columns : mapping of str to spellings
        Of each column read; compared by letters and digits only. ``price*`` allows a currency behind, ``time#2``
        means the second column of that name.
    needs : sequence of str
        Columns without which a table is not of this kind.
    marks : sequence of str
        Further headers that it must have, by letters and digits.
    keep : mapping of str to words
        Rows are kept whose cell is one of these words (lower case); the others are counted and named.
    sides : mapping of str to int
        Words for the side that only this program uses.
    zone : str
        Time zone of its stamps where the file says none; blank: that of the user (``--tz``).
    signed : bool
        Whether quantities always carry the side, also where all are positive.
    costs : {1, -1}
        Sign of costs: -1 if costs are negative numbers.
    profit : {"", "gross", "net", "net or gross"}
        What its column of profit is: before or after commission.
    group : sequence of str
        Columns that make rows one position; blank: fills by symbol, round trips one by one.
    matching : {"average", "fifo"}
        How the program matches exits to entries.
    prepare : str
        Name of the step in `exitladder.importers.steps` that the table needs before it is read.
    notes : sequence of str
        Assumptions, reported at every import.
    refusal : str
        Why such a file cannot be used, and what to export in its place.
    """

    name: str
    title: str
    kind: str
    columns: Mapping[str, Spellings]
    needs: Spellings
    marks: Spellings = ()
    keep: Mapping[str, Spellings] = field(default_factory=dict)
    sides: Mapping[str, int] = field(default_factory=dict)
    zone: str = ""
    signed: bool = False
    costs: int = 1
    profit: str = ""
    group: Spellings = ()
    matching: str = "average"
    prepare: str = ""
    notes: Spellings = ()
    refusal: str = ""


@dataclass(frozen=True)
class Found:
    """A table found in a sheet.

    Parameters
    ----------
    profile : Profile
    sheet : Sheet
    frame : DataFrame of str
        The columns of the profile that are there, and ``line`` with the place of each row.
    headers : dict of str to str
        The file's own header of each column.
    currency : str
        Read from the headers, blank where they tell none.
    before : list of list of str
        The rows above the table.
    rest : DataFrame of str
        The columns that the profile does not read, by the file's own headers; rows as those of `frame`.
    """

    profile: Profile
    sheet: Sheet
    frame: pd.DataFrame
    headers: dict[str, str]
    currency: str
    before: list[list[str]]
    rest: pd.DataFrame = field(default_factory=pd.DataFrame)

    def has(self, *names: str) -> bool:
        """Return whether all these columns are there."""
        return all(name in self.frame for name in names)


def key_of(header: str) -> str:
    """Return a header's letters and digits in lower case, without accents; a percent sign is ``pct``.

    Examples
    --------
    >>> key_of("Net P&L USD"), key_of("S / L"), key_of("Prélèvement"), key_of("Profit %")
    ('netplusd', 'sl', 'prelevement', 'profitpct')
    """
    plain = unicodedata.normalize("NFKD", header.lower().replace("%", "pct"))
    return "".join(c for c in plain if c.isalnum())


def find_tables(sheets: Sequence[Sheet], profiles: Sequence[Profile]) -> list[Found]:
    """Return all tables in the sheets that are of a known kind, in the order of the profiles."""
    found: list[tuple[int, Found]] = []
    for sheet in sheets:
        heads = [(n, *match) for n, row in enumerate(sheet.rows) if (match := _match(row, profiles)) is not None]
        for k, (n, order, labels, currency) in enumerate(heads):
            end = heads[k + 1][0] if k + 1 < len(heads) else len(sheet.rows)
            table, rest = _table(sheet, n, end, labels)
            if len(table):
                headers = {name: sheet.rows[n][column] for name, column in labels.items()}
                found.append((order, Found(profiles[order], sheet, table, headers, currency, sheet.rows[:n], rest)))
    return [table for _, table in sorted(found, key=lambda f: f[0])]


def _match(row: Sequence[str], profiles: Sequence[Profile]) -> tuple[int, dict[str, int], str] | None:
    if sum(bool(cell) for cell in row) < 3:
        return None
    keys = [key_of(cell) for cell in row]
    without_zones = [key_of(ZONE_BEHIND.sub("", cell)) for cell in row]
    if sum(key.isdigit() for key in keys) > len(keys) // 2:
        return None
    for order, profile in enumerate(profiles):
        labels, currency = _labels(row, without_zones if profile.prepare == "plain" else keys, profile)
        if all(name in labels for name in profile.needs) and all(mark in keys for mark in profile.marks):
            return order, labels, currency
    return None


def _labels(row: Sequence[str], keys: list[str], profile: Profile) -> tuple[dict[str, int], str]:
    labels: dict[str, int] = {}
    currency = ""
    for name, spellings in profile.columns.items():
        for spelling in spellings:
            text, _, count = spelling.partition("#")
            starred = text.endswith("*")
            places = [
                k
                for k, key in enumerate(keys)
                if key == text.rstrip("*") or (starred and key.startswith(text[:-1]) and _coin(row[k], key, text))
            ]
            nth = int(count or 1) - 1
            if len(places) > nth:
                labels[name] = places[nth]
                if starred and (coin := _coin(row[places[nth]], keys[places[nth]], text)):
                    currency = coin
                break
    return labels, currency


def _coin(header: str, key: str, text: str) -> str:
    """Return the currency behind a header such as `Price USD`."""
    last = re.split(r"[\s_(]+", header.strip(" )"))[-1]
    is_coin = re.fullmatch(r"[A-Z]{3,5}", last) is not None and key == text.rstrip("*") + last.lower()
    return last if is_coin else ""


def _table(sheet: Sheet, head: int, end: int, labels: dict[str, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the columns of the profile, and the others by their headers."""
    width = len(sheet.rows[head])
    hidden_head = sheet.hidden[head]
    others = {name: k for k, name in reversed(list(enumerate(sheet.rows[head]))) if name and k not in labels.values()}
    rows, rest, lines = [], [], []
    for n in range(head + 1, end):
        row = sheet.rows[n]
        if len(row) != width and sheet.hidden[n]:
            # MetaTrader hides cells in rows that its header has not
            row = [cell for k, cell in enumerate(row) if k not in sheet.hidden[n] or k in hidden_head]
        if sum(bool(cell) for cell in row) == 0:
            continue
        if len(row) < width and sum(bool(cell) for cell in row) == 1:
            break  # the title of the next table
        rows.append([row[k] if k < len(row) else "" for k in labels.values()])
        rest.append([row[k] if k < len(row) else "" for k in others.values()])
        lines.append(f"{sheet.name}, {sheet.unit} {sheet.numbers[n]}")
    frame = pd.DataFrame(rows, columns=list(labels), dtype=object)
    frame["line"] = lines
    return frame, pd.DataFrame(rest, columns=list(others), dtype=object)
