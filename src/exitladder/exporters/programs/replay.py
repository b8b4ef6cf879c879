"""Bars and trades of CSV files as the exported Python reads them, and the fills as it writes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pandas as pd

from exitladder.exporters.programs.exit_rules import NAN, Position, atr_of

# The ladder, and the functions that the user fills in; exports write both.
PLAN: dict[str, Any] = {}
HOOKS: dict[str, Callable[..., Any]] = {}

FILL_COLUMNS = ("trade_id", "bar_time", "side", "quantity", "price")


def read_bars(path: str) -> pd.DataFrame:
    """Return the bars of one symbol: a CSV with timestamp, open, high, low, close and optionally volume."""
    table = pd.read_csv(path)
    table.columns = [str(name).lower() for name in table.columns]
    time = next(name for name in ("timestamp", "time", "date", "datetime") if name in table)
    table.index = pd.to_datetime(table[time], utc=True)
    table["atr"] = atr_of(list(table["high"]), list(table["low"]), list(table["close"]), PLAN["atr_window"])
    return table.drop(columns=time)


def read_trades(path: str, bars: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the trades of a CSV in exitladder's columns, with the bar of each entry."""
    table = pd.read_csv(path)
    times = pd.to_datetime(table["entry_time"], utc=True)
    found = []
    for row, time in zip(table.to_dict("records"), times, strict=True):
        bar = int(bars.index.searchsorted(time, side="right")) - 1
        at = row.get("entry_at")
        if not isinstance(at, str):
            at = "open" if bar >= 0 and bars.index[bar] == time else "intrabar"
        known = bar if at == "close" else bar - 1
        if known >= 0:
            found.append(
                {
                    "trade_id": str(row["trade_id"]),
                    "side": 1 if str(row["side"]).lower() in ("long", "buy", "1") else -1,
                    "price": float(row["entry_price"]),
                    "quantity": float(row["quantity"]),
                    "stop": float(row.get("stop_price", NAN)),
                    "bar": bar,
                    "at": at,
                    "atr": float(bars["atr"].iloc[known]),
                }
            )
    return found


def level_prices(side: int, entry: float, time: Any) -> dict[int, float]:
    """Return the prices of rungs whose target is a swing level, from the hook that finds them.

    Parameters
    ----------
    side : int
        +1 long, -1 short.
    entry : float
    time : timestamp
        Of the bar of the entry.

    Returns
    -------
    dict
        Absolute price by rung number.
    """
    if "level_price" not in HOOKS:
        return {}
    swings = [
        (n, rung["target"])
        for n, rung in enumerate(PLAN["rungs"], start=1)
        if rung.get("target") and rung["target"][1] in ("fib", "resistance")
    ]
    return {n: float(HOOKS["level_price"](unit, value, side, entry, time)) for n, (value, unit) in swings}


def series_of(time: Any, position: Position) -> dict[str, float]:
    """Return the series that conditions read at a bar's close, from the hook that knows them."""
    if "series_value" not in HOOKS:
        return {}
    tables = [*PLAN["rungs"], *PLAN.get("adds", [])]
    names = {name for table in tables for name, _, _ in table.get("when", []) if name in PLAN["series"]}
    return {name: float(HOOKS["series_value"](name, time, position.side)) for name in sorted(names)}


def must_leave(time: Any, entered: Any) -> bool:
    """Whether the hook for the clock ends a position at this bar's close."""
    return "must_leave" in HOOKS and bool(HOOKS["must_leave"](time, entered))


def commission_of(quantity: float, price: float) -> float:
    """Return the commission of one fill."""
    costs = PLAN["costs"]
    rate = abs(quantity) * price * costs["commission_rate"]
    cost = rate + abs(quantity) * costs["commission_per_unit"] + costs["commission_fixed"]
    return float(max(cost, costs["commission_min"]))


def write_fills(rows: list[tuple[Any, ...]], path: str) -> None:
    """Write the fills as CSV, to stdout if the path is ``-``."""
    text = pd.DataFrame(rows, columns=list(FILL_COLUMNS)).to_csv(index=False)
    if path == "-":
        print(text, end="")  # noqa: T201
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def replay_files(
    replay: Callable[[pd.DataFrame, list[dict[str, Any]]], list[tuple[Any, ...]]], usage: str | None
) -> None:
    """Replay the files that the command line names: bars, trades and, unless to stdout, where the fills go.

    Parameters
    ----------
    replay : callable
        Takes bars and trades, returns the rows of `FILL_COLUMNS`.
    usage : str or None
        Printed if files are missing.
    """
    if len(sys.argv) < 3:
        raise SystemExit(usage)
    bars = read_bars(sys.argv[1])
    write_fills(replay(bars, read_trades(sys.argv[2], bars)), sys.argv[3] if len(sys.argv) > 3 else "-")
