"""Provenance of a ladder: the trades it was tuned on, when, and with which verdict (table ``[tuned]``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import tomli_w

from exitladder.errors import LadderError
from exitladder.files.toml import only_keys

Choice = Literal["own_exits", "simple", "ladder", "ladder_with_model"]
CHOICES: tuple[str, ...] = get_args(Choice)
VERDICTS = ("better", "worse", "no_difference")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_LINE = 6
_PRINTS = 12
_TEXTS = ("choice", "exit", "model", "run", "verdict", "verdict_text")


@dataclass(frozen=True)
class TunedOn:
    """What a ladder was tuned on, and the verdict of that tuning.

    Parameters
    ----------
    choice : {"own_exits", "simple", "ladder", "ladder_with_model"}
        What the ladder stands for. With ``own_exits``, trades are closed by the trader's own exits, and the ladder only
        carries costs and the initial stop.
    exit : str
        Name of the exit, such as ``best trailing stop``.
    model : str
        REF of the model whose predictions the tuning read; empty without one.
    run : str
        Run id of the tuning; empty if it was not tracked.
    verdict : {"better", "worse", "no_difference"}
        Of the tuning, on trades that it was not tuned on.
    verdict_text : str
        The verdict in one sentence.
    first, last : int
        The span that the tuning saw: first entry and last known bar close, nanoseconds since 1970 UTC.
    trades : frozenset of str
        Fingerprints of the trades it was tuned on; see `trade_fingerprint`.
    """

    choice: str
    exit: str = ""
    model: str = ""
    run: str = ""
    verdict: str = "no_difference"
    verdict_text: str = ""
    first: int = 0
    last: int = 0
    trades: frozenset[str] = frozenset()

    @property
    def last_time(self) -> str:
        """The last bar close that the tuning saw, as ISO 8601."""
        return _stamp(self.last).isoformat()


def trade_fingerprint(symbol: str, side: int, entry_bar: int) -> str:
    """Return the fingerprint of a trade: 12 hexadecimal digits that depend on symbol, side and entry bar.

    Parameters
    ----------
    symbol : str
    side : int
        +1 long, -1 short.
    entry_bar : int
        Start of the bar of the entry, nanoseconds since 1970 UTC.

    Returns
    -------
    str

    Examples
    --------
    >>> trade_fingerprint("AAPL", 1, 0) == trade_fingerprint("AAPL", 1, 0) != trade_fingerprint("AAPL", -1, 0)
    True
    """
    text = f"{symbol}|{'long' if side > 0 else 'short'}|{int(entry_bar)}"
    return hashlib.sha256(text.encode()).hexdigest()[:_PRINTS]


def tuned_from_mapping(table: object) -> TunedOn:
    """Return the provenance in a ladder's table ``[tuned]``.

    Raises
    ------
    LadderError
        If it contains an unknown key or an invalid value.
    """
    known = only_keys(table, [*_TEXTS, "from", "until", "n_trades", "trades"], "tuned", LadderError)
    values: dict[str, Any] = {}
    for name in _TEXTS:
        value = known.get(name, getattr(TunedOn, name, ""))
        if not isinstance(value, str):
            raise LadderError(f"tuned.{name} must be a string, but is {value!r}.")
        values[name] = value
    for name, allowed in (("choice", CHOICES), ("verdict", VERDICTS)):
        if values[name] not in allowed:
            raise LadderError(f"tuned.{name} must be one of {', '.join(allowed)}, but is {values[name]!r}.")
    trades = known.get("trades", [])
    if not isinstance(trades, list) or not all(isinstance(item, str) for item in trades):
        raise LadderError("tuned.trades must be a list of fingerprints, as written by exitladder tune.")
    if "n_trades" in known and known["n_trades"] != len(trades):
        raise LadderError(
            f"tuned.trades must list all {known['n_trades']} trades of tuned.n_trades, but lists {len(trades)}. "
            "Use the file as exitladder tune wrote it."
        )
    return TunedOn(
        **values, first=_moment(known, "from"), last=_moment(known, "until"), trades=frozenset(map(str, trades))
    )


def tuned_to_toml(tuned: TunedOn) -> str:
    """Return the table ``[tuned]`` as TOML text that `tuned_from_mapping` reads back to an equal value."""
    table = {name: getattr(tuned, name) for name in _TEXTS if getattr(tuned, name)}
    table |= {"from": _stamp(tuned.first), "until": _stamp(tuned.last), "n_trades": len(tuned.trades)}
    return f"[tuned]\n{tomli_w.dumps(table)}{_list_of(sorted(tuned.trades))}"


def without_fingerprints(text: str) -> str:
    """Return the text of a ladder file without the fingerprints of trades, to be read by people."""
    head, key, _ = text.partition("\ntrades = [")
    return f"{head}\n" if key else text


def _list_of(items: list[str]) -> str:
    lines = [items[k : k + _PER_LINE] for k in range(0, len(items), _PER_LINE)]
    inside = "".join("    " + ", ".join(f'"{item}"' for item in line) + ",\n" for line in lines)
    return f"trades = [\n{inside}]\n"


def _moment(table: Mapping[str, Any], name: str) -> int:
    value = table.get(name)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise LadderError(f"tuned.{name} must be a timestamp with a time zone, but is {value!r}.")
    return (value - _EPOCH) // timedelta(microseconds=1) * 1000


def _stamp(moment: int) -> datetime:
    return _EPOCH + timedelta(microseconds=moment // 1000)


def fingerprints(symbols: Iterable[str], sides: Iterable[int], entry_bars: Iterable[int]) -> list[str]:
    """Return the fingerprint of each trade.

    Parameters
    ----------
    symbols : iterable of str
    sides : iterable of int
    entry_bars : iterable of int
        Start of the bar of each entry, nanoseconds since 1970 UTC.

    Returns
    -------
    list of str
    """
    return [trade_fingerprint(symbol, side, bar) for symbol, side, bar in zip(symbols, sides, entry_bars, strict=True)]
