"""The screen of `options score`: one line per position, the most urgent first, and the details below."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from exitladder.cli.screens.parts import facts, signed
from exitladder.clock import close_text
from exitladder.pipelines.options.score.columns import counted

_MOST = 80
_WORDS = {"exit": "EXIT", "reduce": "REDUCE", "ask": "NEEDS YOU", "hold": "hold"}
_COLUMNS = (
    ("do", 9), ("trade", 16), ("symbol", 8), ("side", 5), ("held", -6), ("close", -6), ("days", -5), ("mark", -9),
    ("R now", -7),
)  # fmt: skip


def counts_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of positions by urgency.

    Examples
    --------
    >>> counts_of([{"urgency": "exit"}, {"urgency": "hold"}])
    '2 open positions: 1 to exit, 1 to hold'
    """
    counts = counted(row["urgency"] for row in rows)
    return f"{len(rows):,} open position{'s' if len(rows) != 1 else ''}: {counts}"


def options_score_screen(rows: Sequence[Mapping[str, Any]], notes: Sequence[str], width: int) -> str:
    """Return the screen of the advice on open positions in options.

    Parameters
    ----------
    rows : sequence of mapping
        As ``--format json`` prints them.
    notes : sequence of str
        Warnings that concern all positions.
    width : int
        Characters per line.

    Returns
    -------
    str
        A table of 80 characters or fewer, and the details of each position.
    """
    width = min(width, _MOST)
    if not rows:
        return "No position is open: nothing to do.\n"
    noted = [textwrap.fill(f"Note: {text}", width) + "\n" for text in notes]
    head = textwrap.fill(f"{counts_of(rows)}.", width) + "\n"
    return "\n".join([head, *noted, _table(rows), *(_position(row, width) for row in rows)])


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [[name for name, _ in _COLUMNS], *(_cells(row) for row in rows)]
    return "".join(
        " ".join(
            f"{text[: abs(width)]:>{-width}}" if width < 0 else f"{text[:width]:<{width}}"
            for text, (_, width) in zip(line, _COLUMNS, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    trade = str(row["trade_id"])
    return [
        _WORDS[row["urgency"]], trade if len(trade) <= 16 else f"…{trade[-15:]}", str(row["symbol"]), str(row["side"]),
        _number(row["quantity_open"], 6), _number(row["action_quantity"], 6) if row["action_quantity"] else "",
        _number(row["days_to_expiry"], 5), _number(row["mark"], 6), signed(row["premium_r"], 2),
    ]  # fmt: skip


def _position(row: Mapping[str, Any], width: int) -> str:
    mark = "" if pd.isna(row["mark"]) else f", mark {_number(row['mark'])}"
    when = "" if pd.isna(row["asof"]) else f" on {close_text(pd.Timestamp(row['asof']).as_unit('ns').value)}"
    named = row["contract"] or row["symbol"]
    held = f"{row['side']} {_number(row['quantity_open'])}".strip()
    head = f"{named}, {held} ({row['trade_id']}){mark}{when if mark else ''}"
    return textwrap.fill(head, width) + "\n" + facts(
        [
            *(("  first", text) for text in row["checks"]),
            ("  do", str(row["summary"])),
            ("  state", _state(row)),
            ("  Greeks", _greeks(row)),
            *(("  order", text) for text in row["instructions"]),
            ("  changed", "; ".join(row["changes"])),
            *(("  note", text) for text in row["warnings"] if not text.startswith("Not scored: ")),
        ],
        width,
    )  # fmt: skip


def _state(row: Mapping[str, Any]) -> str:
    if pd.isna(row["premium_r"]):
        return ""
    share = row["max_profit_share"]
    parts = [
        f"{signed(row['premium_r'], 2)} R, best {signed(row['mfe_r'], 2)} R",
        "" if pd.isna(share) else f"{share:.0%} of the largest profit",
        f"{_counted(row['days_to_expiry'], 'day')} to {row['last_trading_day']}",
        f"held for {_counted(row['bars_held'], 'quote')}",
        f"managed from {row['managed_from']}" if row["managed_from"] else "",
    ]
    return ", ".join(filter(None, parts))


def _counted(n: float, what: str) -> str:
    return f"{n:,.0f} {what}" if n == 1 else f"{n:,.0f} {what}s"


def _greeks(row: Mapping[str, Any]) -> str:
    if pd.isna(row["delta"]):
        return "" if pd.isna(row["premium_r"]) else "unknown"
    if pd.isna(row["position_delta"]):
        return f"delta {row['delta']:+.3f} per unit; implied volatility {row['implied_volatility']:.1%}"
    return (
        f"delta {row['position_delta']:+.1f}, gamma {row['position_gamma']:+.2f}, vega {row['position_vega']:+.2f}, "
        f"theta {row['position_theta']:+.2f} of the position; implied volatility {row['implied_volatility']:.1%}"
    )


def _number(value: Any, digits: int = 10) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.{digits}g}"
