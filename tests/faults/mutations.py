"""Seeded mutations of files: bytes, texts, rows and cells as accident and malice change them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

TOKENS = (
    "", "nan", "inf", "-inf", "1e999", "-1e400", "9" * 400, "0", "-1", "1e308", "-0", "null", "true", "None",
    "'", '"', "\0", "\x1b[2J", "\ufeff", "é", "=HYPERLINK(1)", "now", "today", "12:00", "2020-02-30",
    "2020-02-20-02-05", "01012020", "0000-00-00", "9999999999999", "-62135596800000", "1969-12-31T23:59:60Z",
    "2024-01-01T00:00+99:99", "1,2,3", "[]", "{}", "[[[[", "a.a.a.a.a", "a" * 5000, "١٢٣", "1_000", "0x10",
    "NaT", "../../etc/passwd", "BTC/USD", "long", "buy", "%n%s", ",", ";", "\t", "\r", "\n", " ", "-", "1/0",
    "1e-400", "2024-13-01", "Infinity", "-9223372036854775809", "18446744073709551616", "100000000",
    "50000000",
)  # fmt: skip


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return a changed file: some bytes, lines, cells or tokens."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(_WAYS)(content, rng)
    return content


def mutate_value(value: Any, rng: random.Random) -> Any:
    """Return a changed JSON value: one part of it is replaced, left out or repeated."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.choice((1, 1, 2))):
        where: Any = value
        path: list[tuple[Any, Any]] = []
        while isinstance(where, (dict, list)) and where and (not path or rng.random() < 0.85):
            key = rng.choice(list(where)) if isinstance(where, dict) else rng.randrange(len(where))
            path.append((where, key))
            where = where[key]
        if not path:
            return rng.choice(_VALUES)
        parent, key = path[-1]
        way = rng.randrange(4)
        if way == 0:
            del parent[key]
        elif way == 1 and isinstance(parent, list):
            parent.insert(key, parent[key])
        elif way == 2 and isinstance(where, (int, float)) and not isinstance(where, bool):
            parent[key] = rng.choice((-where, where * 1e6, where + 1, 10**30, -1, 0, 1e308))
        else:
            parent[key] = json.loads(json.dumps(rng.choice(_VALUES)))
    return value


_VALUES: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "1",
    0,
    -1,
    2**63,
    10**400,
    1e308,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    "a" * 1000,
    "\x1b[2J",
)


def _flip(content: bytes, rng: random.Random) -> bytes:
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if out:
            out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _leave_out(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.choice((1, 4, 64, 1000)) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    part = content[start : start + rng.choice((1, 8, 100))]
    return content[:start] + part * rng.choice((2, 3, 50)) + content[start + len(part) :]


def _insert(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice(TOKENS).encode() + content[start:]


def _lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    k = rng.randrange(len(lines))
    way = rng.randrange(4)
    if way == 0:
        del lines[k]
    elif way == 1:
        lines.insert(k, lines[rng.randrange(len(lines))])
    elif way == 2:
        m = rng.randrange(len(lines))
        lines[k], lines[m] = lines[m], lines[k]
    else:
        lines = lines[:k] + lines[k : k + 1] * 20 + lines[k:]
    return b"\n".join(lines)


def _cell(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    k = rng.choice((0, rng.randrange(len(lines)), rng.randrange(len(lines))))
    for mark in (b",", b";", b"=", b" "):
        if mark in lines[k]:
            cells = lines[k].split(mark)
            cells[rng.randrange(len(cells))] = rng.choice((rng.choice(TOKENS).encode(), rng.choice(cells)))
            lines[k] = mark.join(cells)
            break
    return b"\n".join(lines)


def _column(content: bytes, rng: random.Random) -> bytes:
    """Give every row of a column one value, as a program does that writes nonsense."""
    lines = content.split(b"\n")
    n = lines[0].count(b",") + 1
    k, token = rng.randrange(n), rng.choice(TOKENS).encode()
    for i, line in enumerate(lines[1:], start=1):
        cells = line.split(b",")
        if len(cells) == n:
            cells[k] = token
            lines[i] = b",".join(cells)
    return b"\n".join(lines)


_WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip, _flip, _cut, _leave_out, _repeat, _insert, _lines, _cell, _cell, _column,
)  # fmt: skip
