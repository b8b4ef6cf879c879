"""The history of aliases: which run was champion or challenger, from when, by whom, why, and on what evidence.

One SQLite file beside the records, ``promotions.db``. Rows are only ever added: triggers forbid changes, and each row
carries a digest over itself and the row before, so that a changed or missing row is found. A row is written in one
transaction that holds the file's lock, so a killed process leaves the row whole or no row, and two processes at once
follow each other.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exitladder.errors import TrackingError
from exitladder.runtime.sqlite_files import opened_to_read

FILE = "promotions.db"
ALIASES = ("champion", "challenger")
SLOTS = ("model", "exit")
_SECONDS = 30.0
_COLUMNS = ("at", "alias", "slot", "action", "run_id", "model", "who", "because", "evidence", "before")
_TABLES = """
create table if not exists history (
  id integer primary key autoincrement, at integer not null, alias text not null, slot text not null,
  action text not null, run_id text not null, model text not null, who text not null, because text not null,
  evidence text not null, before text not null, digest text not null);
create table if not exists gates (
  fingerprint text primary key, first_seen integer not null, content text not null);
create table if not exists shadow (
  asof integer not null, trade_id text not null, symbol text not null, champion text not null,
  challenger text not null, p_champion real not null, p_challenger real not null, noted integer not null,
  primary key (asof, trade_id, champion, challenger));
create table if not exists outcomes (
  asof integer not null, trade_id text not null, outcome real not null, known integer not null,
  primary key (asof, trade_id));
create trigger if not exists history_keeps_rows before update on history
  begin select raise(abort, 'history is only added to'); end;
create trigger if not exists history_loses_none before delete on history
  begin select raise(abort, 'history is only added to'); end;
create trigger if not exists shadow_keeps_rows before update on shadow
  begin select raise(abort, 'shadow is only added to'); end;
create trigger if not exists outcomes_keep_rows before update on outcomes
  begin select raise(abort, 'outcomes are only added to'); end;
"""


@dataclass(frozen=True)
class Promotion:
    """A row of the history.

    Parameters
    ----------
    number : int
        Its place in the history, from 1.
    at : int
        Milliseconds since 1970 UTC.
    alias : {"champion", "challenger"}
    slot : {"model", "exit"}
        What has the alias: a model (a run of ``train``), or an exit (a run of ``tune`` or ``backtest``).
    action : {"promote", "rollback"}
    run_id : str
        Of the run that has the alias from then on; empty if nothing has.
    model : str
        Reference of its registered model; empty for an exit.
    who, because : str
    evidence : mapping
        The checks of the gate, its fingerprint and when it was written.
    before : str
        Run that had the alias before; empty if none had.
    """

    number: int
    at: int
    alias: str
    slot: str
    action: str
    run_id: str
    model: str
    who: str
    because: str
    evidence: Mapping[str, Any]
    before: str


@contextmanager
def promotions_opened(home: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that writes, in one transaction that is kept whole or not at all.

    Raises
    ------
    TrackingError
        If the file cannot be written, is damaged, or stays locked.
    """
    place = home / FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(place, timeout=_SECONDS, isolation_level=None)) as opened:
            opened.execute("pragma synchronous = full")
            # the lock is taken before anything is read, so two processes follow each other
            opened.execute("begin immediate")
            try:
                for statement in _statements():
                    opened.execute(statement)
                yield opened
                opened.execute("commit")
            except BaseException:
                opened.execute("rollback")
                raise
    except (sqlite3.DatabaseError, OSError) as error:
        raise TrackingError(
            f"The history of promotions cannot be written: '{place}' ({error}). If another command holds it, try "
            "again; if it is damaged, restore it from a backup."
        ) from error


def _statements() -> list[str]:
    """Return the statements that make the tables, each whole: a trigger has semicolons of its own."""
    found, part = [], ""
    for piece in _TABLES.split(";"):
        part += piece + ";"
        if sqlite3.complete_statement(part):
            found.append(part.strip())
            part = ""
    return found


def add_promotion(home: Path, values: Mapping[str, Any], expected_before: str | None = None) -> Promotion:
    """Add a row to the history and return it; ``before`` and ``at`` are filled in.

    Parameters
    ----------
    home : path
        Folder of the records.
    values : mapping
        alias, slot, action, run_id, model, who, because, evidence.
    expected_before : str, optional
        The run that must have the alias now.

    Returns
    -------
    Promotion

    Raises
    ------
    TrackingError
        If another process has given the alias away in the meantime, or the file cannot be written.
    """
    with promotions_opened(home) as opened:
        now = _current(opened, values["alias"], values["slot"])
        before = now.run_id if now else ""
        if expected_before is not None and before != expected_before:
            raise TrackingError(
                f"The {values['alias']} was '{expected_before or 'nothing'}' when the gate was checked, but now it is "
                f"'{before or 'nothing'}': another command has changed it. Look at exitladder promote --history, and "
                "repeat the command."
            )
        row = dict(values) | {"before": before, "at": int(time.time() * 1000)}
        row["evidence"] = json.dumps(values["evidence"], sort_keys=True, allow_nan=False)
        texts = [row[name] for name in _COLUMNS]
        last = opened.execute("select digest from history order by id desc limit 1").fetchone()
        digest = _digest(last[0] if last else "", texts)
        marks = ", ".join("?" * (len(_COLUMNS) + 1))
        done = opened.execute(
            f"insert into history ({', '.join(_COLUMNS)}, digest) values ({marks})",
            [*texts, digest],
        )
        return _promotion((done.lastrowid, *texts))


def history(home: Path, alias: str = "", slot: str = "") -> list[Promotion]:
    """Return the rows of the history, oldest first.

    Parameters
    ----------
    home : path
        Folder of the records.
    alias, slot : str
        Rows of these only; empty for all.

    Returns
    -------
    list of Promotion

    Raises
    ------
    TrackingError
        If a row was changed or removed outside exitladder, or the file cannot be read.
    """
    place = home / FILE
    if not place.is_file():
        return []
    try:
        with opened_to_read(place, _SECONDS) as opened:
            rows = opened.execute(f"select id, {', '.join(_COLUMNS)}, digest from history order by id").fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise TrackingError(f"The history of promotions cannot be read: '{place}' ({error}).") from error
    except sqlite3.DatabaseError as error:
        raise TrackingError(
            f"The history of promotions cannot be read: '{place}' ({error}). Restore it from a backup."
        ) from error
    digest = ""
    for row in rows:
        digest = _digest(digest, row[1:-1])
        if digest != row[-1]:
            raise TrackingError(
                f"Each row of the history of promotions must follow from the one before, but row {row[0]} in '{place}' "
                "does not: it was changed, or a row before it was removed. Restore the file from a backup."
            )
    found = [_promotion(row[:-1]) for row in rows]
    return [row for row in found if alias in ("", row.alias) and slot in ("", row.slot)]


def holder(home: Path, alias: str, slot: str = "model") -> Promotion | None:
    """Return the row by which a run has an alias now; None if none has.

    Parameters
    ----------
    home : path
        Folder of the records.
    alias : {"champion", "challenger"}
    slot : {"model", "exit"}

    Returns
    -------
    Promotion or None
    """
    rows = history(home, alias, slot)
    return rows[-1] if rows and rows[-1].run_id else None


def note_gate(home: Path, fingerprint: str, content: Mapping[str, Any]) -> int:
    """Note a gate unless it is known, and return when it was first seen.

    Parameters
    ----------
    home : path
        Folder of the records.
    fingerprint : str
    content : mapping
        Its conditions.

    Returns
    -------
    int
        Milliseconds since 1970 UTC.
    """
    with promotions_opened(home) as opened:
        opened.execute(
            "insert or ignore into gates values (?, ?, ?)",
            (fingerprint, int(time.time() * 1000), json.dumps(content, sort_keys=True)),
        )
        return int(opened.execute("select first_seen from gates where fingerprint = ?", (fingerprint,)).fetchone()[0])


def _current(opened: sqlite3.Connection, alias: str, slot: str) -> Promotion | None:
    row = opened.execute(
        f"select id, {', '.join(_COLUMNS)} from history where alias = ? and slot = ? order by id desc limit 1",
        (alias, slot),
    ).fetchone()
    found = _promotion(row) if row else None
    return found if found and found.run_id else None


def _promotion(row: Any) -> Promotion:
    number, at, alias, slot, action, run_id, model, who, because, evidence, before = row
    return Promotion(number, at, alias, slot, action, run_id, model, who, because, json.loads(evidence), before)


def _digest(before: str, texts: Any) -> str:
    return hashlib.sha256(json.dumps([before, *texts]).encode()).hexdigest()
