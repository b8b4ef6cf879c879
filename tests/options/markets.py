"""Small markets of option quotes, written as tables, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import read_bars
from exitladder.files.conventions import PLAIN
from exitladder.files.table import Table
from exitladder.options.market import Events, OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import OptionPlan, option_plan
from exitladder.options.positions.replay import Outcome, replay
from exitladder.options.positions.trades import OptionTrade, read_option_trades
from exitladder.options.quote_files import quotes_of_table
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.options import OptionSettings

EXPIRY = "2024-03-15"
DAYS = [f"2024-03-{day:02d}" for day in (11, 12, 13, 14, 15)]
"""Monday to Friday; the Friday is the expiry."""
CLOSES_UP = [100.0, 102.0, 101.0, 104.0, 105.0]


def snapshots(right: str, strike: float, quotes: Sequence[tuple[float, float] | None], **more: Any) -> pd.DataFrame:
    """Return daily snapshots of one contract: (bid, ask) per day from Monday on, None for a day without a row."""
    rows = [
        {"timestamp": day, "underlying": "XYZ", "expiry": EXPIRY, "strike": strike, "right": right,
         "bid": quote[0], "ask": quote[1], **{name: values[k] for name, values in more.items()}}
        for k, (day, quote) in enumerate(zip(DAYS, quotes, strict=True)) if quote is not None
    ]  # fmt: skip
    return pd.DataFrame(rows)


def underlying(closes: Sequence[float]) -> BarSet:
    frame = pd.DataFrame({"timestamp": DAYS, "open": closes, "high": closes, "low": closes, "close": closes})
    return read_bars(frame.assign(symbol="XYZ"))[0]


def market_of(*tables: pd.DataFrame, closes: Sequence[float], **settings: Any) -> OptionMarket:
    """Return a market of daily snapshots."""
    events = settings.pop("events", Events())
    quotes = quotes_of_table(Table.from_frame(pd.concat(tables, ignore_index=True), "quotes"), "", PLAIN)
    return OptionMarket(quotes, underlying(closes), OptionSettings(**settings), events)


def trade_of(side: str = "long", strike: float = 100, right: str = "call", **more: Any) -> OptionTrade:
    row = {
        "trade_id": "T1", "symbol": "XYZ", "side": side, "entry_time": DAYS[0], "quantity": 4, "expiry": EXPIRY,
        "strike": strike, "right": right, **more,
    }  # fmt: skip
    return read_option_trades(pd.DataFrame([row]), OptionSettings())[0]


def plan_of(table: Mapping[str, Any] | None = None) -> OptionPlan:
    return option_plan(ladder_from_mapping(dict(table or {})))


def replayed(market: OptionMarket, trade: OptionTrade, table: Mapping[str, Any] | None = None) -> Outcome:
    return replay([trade], plan_of(table), Valuer(market))[0]


def told(outcome: Outcome) -> list[tuple[str, int, int, float]]:
    """Return the fills: order, leg, contracts and price."""
    assert outcome.position is not None
    return [(f.order, f.leg.number, f.quantity, round(f.price, 10)) for f in outcome.position.fills]
