"""A broker's list of round trips made into trades."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from exitladder.bars.columns import snake_name
from exitladder.errors import TradesError, did_you_mean
from exitladder.files.tables import Table
from exitladder.trades.files import OPTIONAL, REQUIRED, trades_of_table
from exitladder.trades.trades import Trades

_SIDES = {
    "long": ("long", "l", "buy", "b", "bot", "bought", "1"),
    "short": ("short", "s", "sell", "sld", "sold", "ss", "sell short", "short sell", "-1"),
}


def import_trades(
    table: Table, renames: Mapping[str, str], values: Mapping[str, str], *, tz: str = "UTC"
) -> tuple[Trades, list[str]]:
    """Return trades of a broker's table, and what was understood on the way.

    Parameters
    ----------
    table : Table
    renames : mapping of str to str
        From the table's columns to those of trades.
    values : mapping of str to str
        Columns that are the same for every trade, such as ``symbol``.
    tz : str
        Time zone of stamps that carry none.

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
    unused = [str(c) for c in frame.columns if c not in known]
    if unused:
        described.append(f"left out: {', '.join(unused)}")
        frame = frame.drop(columns=unused)
    described += _understand(frame)
    return trades_of_table(Table(frame, table.name, table.unit, table.numbers), tz), described


def _understand(frame: pd.DataFrame) -> list[str]:
    """Read sides, signs and missing ids in place; return what was done."""
    described = []
    if "quantity" in frame:
        quantity = pd.to_numeric(frame["quantity"], errors="coerce")
        if "side" not in frame and quantity.notna().all():
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
