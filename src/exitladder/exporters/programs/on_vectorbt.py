"""The ladder in vectorbt: orders of each bar decided here, placed and booked by vectorbt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from numba import njit
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import NoOrder

from exitladder.exporters.programs.exit_rules import Fill, Position, to_tick
from exitladder.exporters.programs.growing import Growing
from exitladder.exporters.programs.growing_bar import play_growing_bar
from exitladder.exporters.programs.one_bar import play_bar
from exitladder.exporters.programs.replay import (
    PLAN,
    commission_of,
    level_prices,
    must_leave,
    replay_files,
    series_of,
)


def paid(fill: Fill, position: Position, atr: float) -> float:
    """Return the price of a fill after slippage, on the tick; limit orders have no slippage.

    Parameters
    ----------
    fill : Fill
    position : Position
    atr : float
        Of the last closed bar.

    Returns
    -------
    float
    """
    costs, price = PLAN["costs"], position.side * fill.price
    if fill.order == "add":  # with its slippage, because other adds follow from it
        return fill.price
    if fill.order != "limit":
        away = abs(price) * costs["slippage_rate"] + costs["slippage_ticks"] * PLAN["tick"]
        price -= away + (costs["slippage_atr"] * atr if costs["slippage_atr"] else 0.0)
    return position.side * to_tick(price, PLAN["tick"])


def idle_bars(bars: pd.DataFrame) -> list[bool]:
    """Whether nothing traded in each bar: no volume, one price, in a series that had volume before."""
    if "volume" not in bars:
        return [False] * len(bars)
    still = (bars["high"] == bars["low"]) & (bars["volume"] == 0) & (bars["open"] == bars["close"])
    return list(still & (bars["volume"] > 0).cummax())


def fills_of(bars: pd.DataFrame, trade: dict[str, Any]) -> list[tuple[int, float, float]]:
    """Return the bar, signed quantity and price of the entry and of every exit of a trade.

    Parameters
    ----------
    bars : DataFrame
        Columns open, high, low, close and atr.
    trade : dict
        As `read_trades` returns them.

    Returns
    -------
    list of tuple
    """
    opens, highs, lows, closes, atrs = (list(bars[name]) for name in ("open", "high", "low", "close", "atr"))
    idle, times = idle_bars(bars), bars.index
    side, entry, at_open = trade["side"], trade["bar"], trade["at"] == "open"
    prices = level_prices(side, trade["price"], times[entry])
    given = PLAN, side, trade["price"], trade["quantity"], trade["stop"], trade["atr"], not at_open, prices
    position = Growing(*given) if PLAN.get("adds") else Position(*given)
    found = [(entry, side * position.units(position.start), trade["price"])]
    due: list[Any] = []
    atr = trade["atr"]
    for t in range(entry if at_open else entry + 1, len(bars)):
        if not idle[t]:
            bar, is_entry_bar = (opens[t], highs[t], lows[t]), at_open and t == entry
            if isinstance(position, Growing):
                fills = play_growing_bar(position, bar, due, is_entry_bar)
            else:
                fills = play_bar(position, bar, due, is_entry_bar)
            signs = [side if fill.order == "add" else -side for fill in fills]
            prices_paid = [paid(fill, position, atr) for fill in fills]
            found += [
                (t, sign * fill.quantity, price) for sign, fill, price in zip(signs, fills, prices_paid, strict=True)
            ]
            due = []
        if position.left <= 1e-9 * position.start:
            break
        due = due + position.close_bar(highs[t], lows[t], closes[t], atrs[t], series_of(times[t], position))
        if must_leave(times[t], times[entry]):
            due, position.is_ending = position.open_parts, "clock"
        atr = atrs[t]
    return found


@njit  # type: ignore[untyped-decorator]
def _place(c, begin, end, row, quantity, price, fee, done):  # type: ignore[no-untyped-def]
    """Place the next order of a column, if it is of this bar."""
    col = c.from_col
    k = begin[col] + done[col]
    if k >= end[col] or row[k] != c.i:
        return -1, NoOrder
    done[col] += 1
    return col, nb.order_nb(size=quantity[k], price=price[k], fixed_fees=fee[k])


def portfolio(bars: pd.DataFrame, trades: list[dict[str, Any]], cash: float = 1e9) -> vbt.Portfolio:
    """Return vectorbt's portfolio of trades, one column per trade.

    Parameters
    ----------
    bars : DataFrame
        From `read_bars`, or any with columns open, high, low, close and atr.
    trades : list of dict
        From `read_trades`, or any with the same keys.
    cash : float
        Initial cash per column.

    Returns
    -------
    Portfolio
    """
    of = [fills_of(bars, trade) for trade in trades]
    ends = np.cumsum([len(fills) for fills in of])
    flat = np.array([fill for fills in of for fill in fills], dtype=np.float64).reshape(-1, 3)
    fees = np.array([commission_of(quantity, price) for _, quantity, price in flat])
    close = pd.DataFrame(
        np.repeat(bars[["close"]].to_numpy(), len(trades), axis=1), index=bars.index,
        columns=[trade["trade_id"] for trade in trades],
    )  # fmt: skip
    return vbt.Portfolio.from_order_func(
        close, _place, np.r_[0, ends[:-1]], ends, flat[:, 0].astype(np.int64), flat[:, 1].copy(), flat[:, 2].copy(),
        fees, np.zeros(len(trades), dtype=np.int64), flexible=True, init_cash=cash, max_orders=len(flat),
    )  # fmt: skip


def replay(bars: pd.DataFrame, trades: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the exits and adds that vectorbt booked: trade, time of the bar, side, quantity and price."""
    records = portfolio(bars, trades).order_records
    records = records[np.lexsort((records["id"], records["col"]))]
    rows: list[tuple[Any, ...]] = []
    entered: set[int] = set()
    for record in records:
        is_sale = record["side"] == 1
        if record["col"] in entered:
            trade = trades[record["col"]]
            side = "sell" if is_sale else "buy"
            time = bars.index[record["idx"]]
            rows.append((trade["trade_id"], time, side, float(record["size"]), float(record["price"])))
        entered.add(int(record["col"]))
    return rows


def main() -> None:
    """``python THIS_FILE bars.csv trades.csv [fills.csv]``: replay the exits of trades."""
    replay_files(replay, main.__doc__)


if __name__ == "__main__":
    main()
