"""Rows of opens for backtesting.py, and a run of it for each trade of a list."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest

from exitladder.exporters.programs.replay import PLAN, commission_of

AT_OPEN, WHOLE = 0, 1


def rows_of(bars: pd.DataFrame, n_whole: int) -> pd.DataFrame:
    """Return rows of each bar: its open, then the whole of it.

    Columns other than prices and volume are kept: the row of an open has those of the bar before.

    Parameters
    ----------
    bars : DataFrame
        Columns Open, High, Low, Close, optionally Volume and others; a sorted DatetimeIndex.
    n_whole : int
        Rows of the whole bar.

    Returns
    -------
    DataFrame
        With the columns Phase, 0 for the open, and Bar.
    """
    rest = [name for name in bars.columns if name not in ("Open", "High", "Low", "Close", "Volume")]
    opens = bars.copy()
    opens[rest] = opens[rest].shift(1)
    for name in ("High", "Low", "Close"):
        opens[name] = opens["Open"]
    step = pd.Timedelta(np.diff(bars.index).min()) / (n_whole + 1)
    opens["Phase"], opens["Bar"] = AT_OPEN, np.arange(len(bars))
    parts = [opens]
    for phase in range(WHOLE, WHOLE + n_whole):
        part = bars.assign(Phase=phase, Bar=np.arange(len(bars)))
        part.index = part.index + phase * step
        parts.append(part)
    every = pd.concat(parts).sort_index(kind="stable")
    if "Volume" in every:
        every["Volume"] = every["Volume"].astype(float)
    return every


class EntersTrades:
    """Entries at the opens that a list of trades gives, for a strategy with `enter`."""

    entries: Any = None  # trades by the bar of their entry

    def on_bar(self: Any) -> None:
        """Enter the trades of the next bar."""
        for trade in (self.entries or {}).get(int(self.data.Bar[-1]) + 1, []):
            self.enter(trade["side"], trade["quantity"], trade["stop"], trade["price"], trade["atr"])


def run_each(
    bars: pd.DataFrame,
    trades: list[dict[str, Any]],
    strategy: type[Any],
    walk: Callable[[pd.DataFrame], pd.DataFrame],
    **options: Any,
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, float, Any]]:
    """Yield a run of backtesting.py for each trade that is entered at an open.

    Parameters
    ----------
    bars : DataFrame
        From `read_bars`.
    trades : list of dict
        From `read_trades`; those that were not entered at an open are left out.
    strategy : type
        With `EntersTrades`.
    walk : callable
        Makes the rows of the strategy.
    **options
        Of backtesting.py's `Backtest`.

    Yields
    ------
    trade : dict
    part : DataFrame
        The bars from two before the entry on.
    unit : float
        Quantity of one unit of backtesting.py.
    found : Series
        From its `run`.
    """
    table = bars.rename(columns={name: str(name).capitalize() for name in bars.columns})
    for trade in trades:
        if trade["at"] != "open" or trade["bar"] < 2:
            warnings.warn(f"trade {trade['trade_id']} is not entered at an open after the second bar", stacklevel=2)
            continue
        part = table.iloc[trade["bar"] - 2 :]
        unit = PLAN["lot"] or trade["quantity"] * 1e-6
        found = Backtest(
            walk(part.tz_localize(None)), strategy, cash=1e3 * trade["price"] * trade["quantity"] / unit,
            commission=lambda size, price, unit=unit: commission_of(size * unit, price) / unit, **options,
        ).run(entries={2: [trade]})  # fmt: skip
        yield trade, part, unit, found
