"""Trades that show what a ladder does, with all that is needed to draw them bar by bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from exitladder.execution import Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.execution.standing import state_frame
from exitladder.pipelines.plots.data import trade_window
from exitladder.plans.ladder import Rung

_COLUMNS = ["timestamp", "open", "high", "low", "close"]


@dataclass(frozen=True)
class TradeExample:
    """One trade to be drawn; its fills and its result are in ``fills.csv`` and ``trades.csv``.

    Parameters
    ----------
    trade_id : str
    bars : DataFrame
        timestamp, open, high, low, close of the bars around the trade.
    targets : tuple of (int, float)
        Rung number and price of the rungs whose price is known at the entry.
    stop : Series
        Stop price in force in each bar, by the bar's timestamp.
    """

    trade_id: str
    bars: pd.DataFrame
    targets: tuple[tuple[int, float], ...]
    stop: pd.Series

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        bars = {name: self.bars[name].astype(float).tolist() for name in _COLUMNS[1:]}
        return {
            "trade_id": self.trade_id,
            "bars": {"timestamp": _texts(self.bars["timestamp"]), **bars},
            "targets": [{"rung": number, "price": price} for number, price in self.targets],
            "stop": {"timestamp": _texts(self.stop.index), "price": self.stop.astype(float).tolist()},
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TradeExample:
        """Return the example that `to_mapping` gave."""
        bars, stop = pd.DataFrame(values["bars"], columns=_COLUMNS), values["stop"]
        return cls(
            trade_id=str(values["trade_id"]),
            bars=bars.assign(timestamp=pd.to_datetime(bars["timestamp"], utc=True, format="ISO8601")),
            targets=tuple((int(target["rung"]), float(target["price"])) for target in values["targets"]),
            stop=pd.Series(
                stop["price"], pd.to_datetime(stop["timestamp"], utc=True, format="ISO8601"), dtype=np.float64
            ),
        )


def example_trades(simulation: Simulation, signals: Signals, most: int = 40) -> list[TradeExample]:
    """Return trades to look at: four with many fills, won and lost, of different symbols, then the largest results.

    Parameters
    ----------
    simulation : Simulation
        Of a ladder.
    signals : Signals
        Of its trades.
    most : int
        Number of trades at most.

    Returns
    -------
    list of TradeExample
    """
    trades, fills = simulation.trades_frame(), simulation.fills_frame()
    return [_example(simulation, signals, i, trades.iloc[i], fills) for i in _representative_trades(simulation, most)]


def _texts(stamps: pd.Series | pd.Index) -> list[str]:
    return [pd.Timestamp(stamp).isoformat() for stamp in stamps]


def _example(simulation: Simulation, signals: Signals, i: int, trade: pd.Series, fills: pd.DataFrame) -> TradeExample:
    bars = simulation.placed.bars[str(trade["symbol"])].to_frame()[_COLUMNS]
    own = fills[fills["trade_id"] == trade["trade_id"]]
    times = [pd.Timestamp(trade["entry_time"]), *pd.to_datetime(own["bar_time"], utc=True)]
    return TradeExample(
        trade_id=str(trade["trade_id"]),
        bars=trade_window(bars, times, most=len(bars)),
        targets=tuple(_targets(simulation.ladder.rungs, trade)),
        stop=stop_path(simulation, signals, i),
    )


def _representative_trades(simulation: Simulation, most: int) -> list[int]:
    """Return the positions of trades with many fills, won and lost, of different symbols."""
    chosen: list[int] = []
    symbols: set[str] = set()
    r = np.nan_to_num(simulation.r)
    order = np.lexsort((np.arange(len(r)), -np.abs(r), -simulation.n_fills))
    for won in (True, False, True, True):
        for i in order:
            symbol = str(simulation.placed.trades.symbol[i])
            if simulation.n_fills[i] > 0 and (r[i] > 0) == won and symbol not in symbols and len(chosen) < most:
                chosen.append(int(i))
                symbols.add(symbol)
                break
    others = [int(i) for i in np.argsort(-np.abs(r), kind="stable") if simulation.n_fills[i] > 0 and i not in chosen]
    return (chosen + others)[:most]


def stop_path(simulation: Simulation, signals: Signals, i: int) -> pd.Series:
    """Return the stop in force in each bar of a trade, by the bar's time stamp.

    The trade is executed once for every number of bars held; the stop that the engine then has in the market for the
    next bar is the stop of that bar.

    Parameters
    ----------
    simulation : Simulation
    signals : Signals
        Of all its trades.
    i : int
        Position of the trade.

    Returns
    -------
    Series of float
        Price; NaN until a stop is in force.
    """
    placed = simulation.placed
    first, last = int(placed.first_bar[i]), int(simulation.exit_bar[i])
    last = int(placed.end_bar[i]) - 1 if last < 0 else last
    ends = np.arange(first + 1, last + 1)
    stamps = pd.to_datetime(placed.bars.time[first : last + 1], utc=True, unit="ns")
    initial = float(placed.trades.entry_price[i]) - int(placed.trades.side[i]) * float(simulation.risk[i])
    if not len(ends):
        return pd.Series([initial], index=stamps)
    copies = np.full(len(ends), i)
    lives = placed.take(copies)
    names = np.array([f"{k}" for k in range(len(ends))], dtype=object)
    lives = replace(lives, end_bar=ends, trades=replace(lives.trades, trade_id=names))
    state = state_frame(simulate(lives, simulation.ladder, signals.take(copies))).set_index("trade_id")["stop_price"]
    path = [initial, *(float(state.get(name, np.nan)) for name in names)]
    return pd.Series(path, index=stamps).ffill()


def _targets(rungs: tuple[Rung, ...], trade: pd.Series) -> list[tuple[int, float]]:
    """Prices of the rungs that are known from R or the entry alone."""
    side = 1 if trade["side"] == "long" else -1
    price, risk = float(trade["entry_price"]), float(trade["risk"])
    units = {"R": risk, "%": price / 100}
    return [
        (number, price + side * rung.target.value * units[rung.target.unit])
        for number, rung in enumerate(rungs, start=1)
        if rung.target is not None and rung.target.unit in units
    ]
