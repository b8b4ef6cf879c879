"""A random market with trades, and ladders, on which the code of exports is held to the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.execution import Simulation
from exitladder.trades.trades import ENTRY_AT, PlacedTrades, Trades, place_trades

DAY = 86_400_000_000_000
START = 1_577_836_800_000_000_000  # 2020-01-01
TICK = 0.25
Filled = tuple[int, float, float]


def market(seed: int, n: int = 240, symbol: str = "ABC") -> Bars:
    """Daily bars on quarters, with gaps and ties."""
    rng = np.random.default_rng(seed)
    price, rows = 100.0, []
    for _ in range(n):
        gap = TICK * int(rng.choice([0, 0, 0, 0, 2, -2, 9, -9]))
        opened = max(price + gap, 20.0)
        close = max(opened + TICK * int(rng.integers(-9, 10)), 10.0)
        high = max(opened, close) + TICK * int(rng.integers(0, 5))
        low = min(opened, close) - TICK * int(rng.integers(0, 5))
        rows.append([opened, high, low, close])
        price = close
    table = np.array(rows)
    time = START + DAY * np.arange(n, dtype=np.int64)
    opened, high, low, close = table.T.copy()
    return Bars(symbol, DAY, time, opened, high, low, close, np.full(n, 1000.0))


def trades_on(bars: Bars, seed: int, n: int = 24, entry_at: str = "open", quantity: float = 40.0) -> PlacedTrades:
    """Longs and shorts with stops 1.5 to 6 away, in bars whose ATR is known."""
    rng = np.random.default_rng(seed)
    bar = np.sort(rng.choice(np.arange(20, len(bars) - 5), n, replace=False))
    side = rng.choice([1, -1], n).astype(np.int8)
    price = bars.open[bar] if entry_at == "open" else bars.close[bar]
    unknown = np.full(n, np.nan)
    trades = Trades(
        trade_id=np.array([f"T{k}" for k in range(n)], dtype=object),
        symbol=np.full(n, bars.symbol, dtype=object),
        side=side,
        entry_time=bars.time[bar],
        entry_price=price,
        quantity=np.full(n, quantity),
        stop_price=price - side * TICK * rng.integers(6, 25, n),
        entry_at=np.full(n, ENTRY_AT.index(entry_at), dtype=np.int8),
        exit_time=np.full(n, NO_TIME),
        exit_price=unknown,
        quantity_open=unknown,
        tag=np.full(n, "", dtype=object),
    )
    return place_trades(trades, BarSet([bars]))


DISTANCES = ("0.5R", "1R", "1.5R", "2R", "1ATR", "2.5ATR", "3%")
WIDTHS = ("1R", "0.5ATR", "2ATR", "2%")
CONDITIONS = ("open_r >= 0.4", "give_back_r > 0.4", "bars_held >= 4", "mfe_r >= 0.9", "stop_distance_r < 0.7")


def random_ladder(seed: int, *, slices: bool = False, lot: float = 1.0, tick: float = TICK) -> dict[str, Any]:
    """A ladder with rungs of every kind that trades can resolve without a swing."""
    rng = np.random.default_rng(seed)

    def pick(values: tuple[str, ...]) -> str:
        return str(rng.choice(values))

    rungs: list[dict[str, Any]] = []
    for share in rng.choice([0.1, 0.15, 0.25, 0.3], rng.integers(1, 4)):
        rung: dict[str, Any] = {"fraction": float(share)}
        kind = rng.integers(0, 6)
        if kind == 0:
            rung["when"] = [pick(CONDITIONS)]
            if rng.integers(0, 4) == 0:
                rung["fraction"] = "rest"
        else:
            rung["target"] = pick(DISTANCES) if kind < 5 else "-0.5R"
        if slices and rung["fraction"] != "rest" and rng.integers(0, 2):
            rung["stop"] = pick(("0.5R", "1ATR", "1%"))
            if rng.integers(0, 2):
                rung |= {"trail": pick(WIDTHS), "trail_from": "0.5R"}
            rung["follow"] = bool(rng.integers(0, 2))
        rungs.append(rung)
    movers = [n for n, rung in enumerate(rungs, start=1) if rung["fraction"] != "rest"]
    stop: dict[str, Any] = {}
    if movers and rng.integers(0, 2):
        stop |= {"breakeven_after": int(rng.choice(movers)), "breakeven_offset": "0.1R"}
    if rng.integers(0, 3):
        stop["trail"] = pick(WIDTHS)
        if movers and rng.integers(0, 2):
            stop["trail_after"] = int(rng.choice(movers))
        elif rng.integers(0, 2):
            stop["trail_from"] = "1R"
    if rng.integers(0, 2):
        stop["time"] = int(rng.integers(3, 12))
    return {"rungs": rungs, "stop": stop, "costs": {"tick": tick, "lot": lot}}


def sales(simulation: Simulation) -> list[list[Filled]]:
    """Sales of each trade: bar, price and quantity, those of one bar and price together."""
    frame, fills = simulation.fills_frame(), simulation.fills
    found: list[dict[tuple[int, float], float]] = [{} for _ in range(len(simulation))]
    for row, (order, quantity, price) in enumerate(zip(frame["order"], frame["quantity"], frame["price"], strict=True)):
        if order not in ("entry", "mark"):
            key = int(fills.bar[row]), round(float(price), 8)
            of = found[int(fills.trade[row])]
            of[key] = of.get(key, 0.0) + float(quantity)
    return [sorted((bar, price, round(q, 6)) for (bar, price), q in of.items()) for of in found]


def sales_and_adds(simulation: Simulation) -> list[list[Filled]]:
    """The same with adds, whose quantity is negative."""
    frame, fills = simulation.fills_frame(), simulation.fills
    found: list[list[Filled]] = [[] for _ in range(len(simulation))]
    for row, (order, quantity, price) in enumerate(zip(frame["order"], frame["quantity"], frame["price"], strict=True)):
        if order not in ("entry", "mark"):
            sign = -1.0 if order == "add" else 1.0
            found[int(fills.trade[row])].append((int(fills.bar[row]), float(price), sign * float(quantity)))
    return [gathered(rows) for rows in found]


def gathered(fills: list[Filled]) -> list[Filled]:
    """The same of any list of fills."""
    sums: dict[tuple[int, float], float] = {}
    for bar, price, quantity in fills:
        key = int(bar), round(price, 8)
        sums[key] = sums.get(key, 0.0) + quantity
    return sorted((bar, price, round(q, 6)) for (bar, price), q in sums.items())


def write_csv(placed: PlacedTrades, folder: Path) -> None:
    """Write ``bars.csv`` and ``trades.csv`` as an export reads them."""
    bars, trades = placed.bars, placed.trades
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pd.DataFrame({"timestamp": pd.to_datetime(bars.time, utc=True), **columns}).to_csv(
        folder / "bars.csv", index=False
    )  # fmt: skip
    pd.DataFrame(
        {
            "trade_id": trades.trade_id,
            "side": np.where(trades.side > 0, "long", "short"),
            "entry_time": pd.to_datetime(trades.entry_time, utc=True),
            "entry_price": trades.entry_price,
            "quantity": trades.quantity,
            "stop_price": trades.stop_price,
        }
    ).to_csv(folder / "trades.csv", index=False)
