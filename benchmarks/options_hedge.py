"""Delta hedges of positions on real quotes: through Apple's split of 7:1 (hours), SPXW on its last day (minutes).

The positions and the bands were written down before any result was seen. The quotes cover two days (6 and 9 June 2014)
and one (4 January 2021), so the table shows what a hedge trades and costs, and proves nothing about its use.

    python benchmarks/options_hedge.py --data FOLDER
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.bars.actions import parse_split
from exitladder.bars.reading import read_bars
from exitladder.options.market import Events, OptionMarket
from exitladder.options.positions.trades import OptionTrade, read_option_trades
from exitladder.options.quote_files import read_quotes
from exitladder.pipelines.options.backtest import backtest_options
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.options import OptionSettings

HEDGES: dict[str, dict[str, Any]] = {
    "none": {"hedge": "none"},
    "band of 25 units": {"hedge": "band", "hedge_band": 25.0},
    "band of 100 units": {"hedge": "band", "hedge_band": 100.0},
    "Whalley and Wilmott, aversion 0.0001": {"hedge": "whalley_wilmott", "hedge_aversion": 1e-4},
}
COST = 1.0
"""Basis points per trade of the underlying."""
PLAN = ladder_from_mapping({"name": "held", "costs": {"commission_per_unit": 0.65}})


def apple(data: Path) -> tuple[OptionMarket, list[OptionTrade]]:
    """Return the quotes of 6 and 9 June 2014 with the split between, and calls and puts entered on the 6th."""
    settings = OptionSettings(rate=0.002, underlying_cost_bps=COST)
    quotes = read_quotes(data / "lean-options/AAPL-quotes-1h.parquet", symbol="AAPL")
    bars = read_bars(data / "lean-usa/AAPL-1h.parquet", adjust="none")[0]
    market = OptionMarket(quotes, bars, settings, Events(splits=(parse_split("AAPL,2014-06-09,7:1"),)))
    entry = {"symbol": "AAPL", "entry_time": "2014-06-06 14:00+00:00", "expiry": "2014-06-21"}
    rows = [
        {"trade_id": "call", "side": "long", "strike": 645, "right": "call", "quantity": 4},
        {"trade_id": "put", "side": "short", "strike": 640, "right": "put", "quantity": 3, "stop_price": 40.0},
        {"trade_id": "spread", "side": "long", "strike": 650, "right": "call", "quantity": 10, "strike_2": 665},
    ]
    return market, read_option_trades(pd.DataFrame([entry | row for row in rows]), settings)


def spxw(data: Path) -> tuple[OptionMarket, list[OptionTrade]]:
    """Return the quotes of contracts that expire on 4 January 2021, and two positions entered that morning."""
    settings = OptionSettings(style="european", settlement="close", underlying_cost_bps=COST)
    quotes = read_quotes(data / "lean-options/SPXW-quotes-1m.parquet", symbol="SPXW")
    bars = read_bars(data / "lean-options/SPX-1m.parquet", symbol="SPXW")[0]
    day = [contract for contract in quotes if f"{pd.Timestamp(contract.expiry):%F}" == "2021-01-04"]
    market = OptionMarket(replace(quotes, bars={contract: quotes[contract] for contract in day}), bars, settings)
    entry = {"symbol": "SPXW", "entry_time": "2021-01-04 15:00+00:00", "expiry": "2021-01-04", "right": "call"}
    rows = [
        {"trade_id": "call", "side": "long", "strike": 3700, "quantity": 2},
        {"trade_id": "spread", "side": "short", "strike": 3700, "quantity": 1, "strike_2": 3800},
    ]
    return market, read_option_trades(pd.DataFrame([entry | row for row in rows]), settings)


def rows_of(name: str, market: OptionMarket, trades: list[OptionTrade]) -> list[dict[str, str]]:
    """Return a row per hedge: P&L of the options and of the hedge, its trades, costs and last units."""
    settings, found = load_settings(None, ["validation.n_bootstrap=200"]), []
    for label, hedge in HEDGES.items():
        terms = replace(market.settings, **hedge)
        result = backtest_options(trades, PLAN, replace(market, settings=terms), replace(settings, options=terms))
        did = result.summary.get("hedge") or {"pnl": 0.0, "n_trades": 0, "costs": 0.0, "units": {}, "n_unknown": 0}
        found.append(
            {
                "positions": name,
                "hedge": label,
                "options P&L": f"{result.summary['pnl']:+,.0f}",
                "hedge P&L": f"{did['pnl']:+,.0f}",
                "both": f"{result.summary['pnl'] + did['pnl']:+,.0f}",
                "trades": f"{did['n_trades']}",
                "cost": f"{did['costs']:,.0f}",
                "held at the end": f"{sum(did['units'].values()):+,.0f}",
                "closes not hedged": f"{did['n_unknown']}",
            }
        )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="holds lean-options and lean-usa")
    data = parser.parse_args().data
    table = pd.DataFrame(rows_of("AAPL, across 7:1", *apple(data)) + rows_of("SPXW, last day", *spxw(data)))
    sys.stdout.write(f"| {' | '.join(table.columns)} |\n| {' | '.join('---' for _ in table.columns)} |\n")
    for row in table.itertuples(index=False):
        sys.stdout.write(f"| {' | '.join(row)} |\n")


if __name__ == "__main__":
    main()
