"""A broker's list of round trips made into trades."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from exitladder.bars.layouts.columns import snake_name
from exitladder.errors import TradesError, did_you_mean
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.tables import Table
from exitladder.trades.files import OPTIONAL, REQUIRED, trades_of_table
from exitladder.trades.trades import Trades

_SIDES = {
    "long": ("long", "l", "buy", "b", "bot", "bought", "1"),
    "short": ("short", "s", "sell", "sld", "sold", "ss", "sell short", "short sell", "-1"),
}


def import_trades(
    table: Table, renames: Mapping[str, str], values: Mapping[str, str], *, conventions: Conventions = PLAIN
) -> tuple[Trades, list[str]]:
    """Return trades of a broker's table, with notes on how it was read.

    Parameters
    ----------
    table : Table
    renames : mapping of str to str
        From the table's columns to those of trades.
    values : mapping of str to str
        Columns that are the same for every trade, such as ``symbol``.
    conventions : Conventions
        Time zone, order of day and month, and decimal mark, if the file leaves them open.

    Returns
    -------
    trades : Trades
    notes : list of str
        How columns were interpreted and which were left out.

    Raises
    ------
    TradesError
        If a rename names an unknown column, or the trades break a rule.
    """
    frame, described = table.frame.copy(), []
    known = (*REQUIRED, *OPTIONAL)
    for name in (*renames.values(), *values):
        if name not in known:
            raise TradesError(f"Trades have no column '{name}'. {did_you_mean(name, known)}")
    for old in renames:
        if old not in frame:
            raise TradesError(f"{table.name} has no column '{old}'. {did_you_mean(old, map(str, frame.columns))}")
    replaced = [c for c in frame.columns if c not in renames and snake_name(c) in {*renames.values(), *values}]
    frame = frame.drop(columns=replaced).rename(columns=dict(renames)).assign(**values)
    frame = frame.rename(columns={c: snake_name(c) for c in frame.columns if snake_name(c) in known})
    described += _find_side(frame)
    _refuse_missing(frame, table, renames)
    unused = [str(c) for c in frame.columns if c not in known]
    if unused:
        described.append(f"left out: {', '.join(unused)}")
        frame = frame.drop(columns=unused)
    words = frame["side"].astype("str").str.strip().str.lower() if "side" in frame else pd.Series([], dtype="str")
    described += _understand(frame, table)
    if not words.isin(["long", "short"]).any():
        _refuse_executions(frame, table)
    return trades_of_table(Table(frame, table.name, table.unit, table.numbers), conventions), described


def _refuse_missing(frame: pd.DataFrame, table: Table, renames: Mapping[str, str]) -> None:
    """Reject a table in which no column is known as one that trades must have, by the file's own headers.

    Raises
    ------
    TradesError
        If there is one.
    """
    # side and trade_id may follow from others
    missing = [name for name in REQUIRED if name not in frame and name not in ("trade_id", "side")]
    if missing:
        headers = [str(c) for c in table.frame.columns if c not in renames and not str(c).startswith("Unnamed: ")]
        has = ", ".join(headers[:20]) + (f" and {len(headers) - 20} more" if len(headers) > 20 else "")
        example = f"{headers[0] if headers else 'Opened'}={missing[0]}"
        raise TradesError(
            f"No column of {table.name} is known as {', '.join(missing)} (it has: {has}). Name each with --map, "
            f"such as --map '{example}'. If a row is an execution, name time, side, quantity and price instead; the "
            "side of a file with one side is --side, and a symbol that it lacks --symbol."
        )


_SIDE_NAMES = ("side", "direction", "long_short", "position_side", "type", "buy_sell", "action", "market_pos", "b_s")


def _find_side(frame: pd.DataFrame) -> list[str]:
    """Take a column of sides under any usual name, or `is_short`, as the side; return notes."""
    if "side" in frame:
        return []
    names = {snake_name(c): c for c in frame.columns}
    words = {text for texts in _SIDES.values() for text in texts}
    for name in _SIDE_NAMES:
        if name in names:
            given = frame[names[name]].astype("str").str.strip().str.lower()
            if given.isin(words).all():
                frame["side"] = frame.pop(names[name])
                return [f"side: from the column '{names[name]}'"]
    if "is_short" in names:
        short = frame.pop(names["is_short"]).astype("str").str.strip().str.lower()
        frame["side"] = np.where(short.isin(["true", "1", "1.0", "yes"]), "short", "long")
        return ["side: from the column 'is_short'"]
    return []


def _refuse_executions(frame: pd.DataFrame, table: Table) -> None:
    """Refuse a table none of whose rows has an exit or a stop, and in which a symbol is both bought and sold."""
    if any(name in frame and frame[name].notna().any() for name in ("exit_time", "exit_price", "stop_price")):
        return
    if not {"symbol", "side", "entry_time"} <= set(frame.columns):
        return
    both = frame.drop_duplicates(["symbol", "side"]).groupby("symbol").size() > 1
    if both.any():
        raise TradesError(
            f"Trades must be positions, but {table.name} looks like a list of executions: none of its {len(frame)} "
            f"rows has an exit, and '{both.index[both][0]}' is both bought and sold. Import it without --map where its "
            "columns are known, or rename them to time, side, quantity and price to read them as fills."
        )


def _understand(frame: pd.DataFrame, table: Table) -> list[str]:
    """Read sides, signs and missing ids in place; return notes."""
    described = []
    if "quantity" in frame:
        quantity = pd.to_numeric(frame["quantity"], errors="coerce")
        if "side" not in frame and quantity.notna().all():
            if not (quantity < 0).any():
                raise TradesError(
                    f"Trades must have a side, but {table.name} has no column of sides and all quantities are "
                    "positive, which tells none. Give it with --side long or --side short, or name the column with "
                    "--map OLD=side."
                )
            frame["side"] = np.where(quantity < 0, "short", "long")
            described.append("side: from the sign of the quantity")
        if (quantity < 0).any() and quantity.notna().all():
            frame["quantity"] = quantity.abs()
            described.append(f"quantity: {int((quantity < 0).sum())} negative ones made positive")
    if "side" in frame:
        meaning = {text: side for side, texts in _SIDES.items() for text in texts}
        text = frame["side"].astype("str").str.strip().str.lower().str.removesuffix(".0")
        frame["side"] = text.map(meaning).fillna(frame["side"].astype("str"))
        read = sorted((set(text.dropna()) & set(meaning)) - {"long", "short"})
        if read:
            described.append("side: " + ", ".join(f"{word} read as {meaning[word]}" for word in read))
    if "trade_id" not in frame:
        frame["trade_id"] = [f"T-{n}" for n in range(1, len(frame) + 1)]
        described.append(f"trade_id: numbered T-1 to T-{len(frame)}")
    return described
