"""Whether earlier scores are of the same trades and of the same ladder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.pipelines.advice.working.moments import entered_at, moment_text
from exitladder.pipelines.advice.working.resting import left_over
from exitladder.plans.file import ladder_fingerprint
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import Trades

# counted by the earlier ladder
_OF_LADDER = ("managed_from", "quantity_managed")


def of_same_trades(
    previous: Mapping[str, Mapping[str, Any]], trades: Trades, ladder: Ladder
) -> tuple[dict[str, Mapping[str, Any]], dict[str, str], str]:
    """Return the rows of earlier scores that are of these trades, why others are not, and a note on the ladder.

    Parameters
    ----------
    previous : mapping of str to mapping
        Earlier rows by trade_id.
    trades : Trades
        The open ones.
    ladder : Ladder

    Returns
    -------
    rows : dict of str to mapping
        A row of another symbol, side or entry is left out: its orders are not those of the trade. One of another
        ladder keeps its orders, which are in the market, but not from when that ladder managed the trade.
    texts : dict of str to str
        By trade_id, what differs, with the orders to cancel.
    note : str
        On rows of another ladder; empty without any.
    """
    kept, texts = dict(previous), dict[str, str]()
    now, others = ladder_fingerprint(ladder), list[str]()
    for i, trade_id in enumerate(map(str, trades.trade_id)):
        row = previous.get(trade_id)
        if row is None:
            continue
        why = _difference(row, trades, i)
        if why:
            del kept[trade_id]
            orders = " ".join(left_over({trade_id: row}, ()))
            texts[trade_id] = (
                f"Trade {trade_id} of the earlier output is another one: {why}. Its orders are not used for this "
                f"trade. {orders}".strip()
            )
        elif row.get("ladder") and row["ladder"] != now:
            others.append(trade_id)
            kept[trade_id] = {name: value for name, value in row.items() if name not in _OF_LADDER}
    if not others:
        return kept, texts, ""
    named = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    note = (
        f"The earlier output is of another ladder than '{ladder.name}' (trades {named}). Its orders are taken to be in "
        "the market. This ladder manages these trades from the next bar on, unless the trades file has managed_from."
    )
    return kept, texts, note


def _difference(row: Mapping[str, Any], trades: Trades, i: int) -> str:
    """Return in which way an earlier row is of another trade; columns that it lacks are not compared."""
    side, symbol = "long" if trades.side[i] > 0 else "short", str(trades.symbol[i])
    found = []
    if row.get("symbol") and _plain(row["symbol"]) != _plain(symbol):
        found.append(f"symbol {row['symbol']}, not {symbol}")
    if row.get("side") and row["side"] != side:
        found.append(f"{row['side']}, not {side}")
    entered = entered_at(row)
    if entered is not None and entered not in _entries(trades, i):
        found.append(f"entered {row['entry_time']}, not {moment_text(int(trades.entry_time[i]))}")
    return ", ".join(found)


def _entries(trades: Trades, i: int) -> set[int]:
    """Return when a trade was entered: with several entries, a ladder without adds counts from the last one."""
    found = {int(trades.entry_time[i])}
    if trades.fills is not None:
        part = slice(int(trades.fills.start[i]), int(trades.fills.start[i + 1]))
        found |= set(trades.fills.time[part][trades.fills.is_entry[part]].tolist())
    return found


def _plain(symbol: Any) -> str:
    return "".join(letter for letter in str(symbol).casefold() if letter.isalnum())
