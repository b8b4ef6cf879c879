"""`exitladder options tune` where the best plan is known, where none is better than another, and on real quotes.

    python benchmarks/options_tuning.py --runs 40
    python benchmarks/options_tuning.py --data FOLDER

Real positions are made by a rule that was written down before any result was seen: put verticals on Apple below the
price, sold each hour of two days, and the call vertical of SPXW that is quoted on its last day, each quarter of an
hour. These are few days, so no plan can be recommended; the table shows that the command reports so.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from planted_options import KINDS, market_of, tables

from exitladder.bars.actions import parse_split
from exitladder.bars.reading import read_bars
from exitladder.options.market import Events, OptionMarket
from exitladder.options.positions.trades import OptionTrade, read_option_trades
from exitladder.options.quote_files import read_quotes
from exitladder.pipelines.options.tuning.files import tuning_summary
from exitladder.pipelines.options.tuning.policies import TUNED
from exitladder.pipelines.options.tuning.tuned import tune_options
from exitladder.settings.loading import load_settings
from exitladder.settings.options import OptionSettings

QUICK = ["validation.n_bootstrap=1000"]


def planted(runs: int) -> pd.DataFrame:
    """Return a row per world: the recommendations, and how the tuned plans did against holding."""
    settings, rows = load_settings(None, QUICK), []
    for kind in KINDS:
        exits: Counter[str] = Counter()
        better, gains, plans = 0, [], Counter[str]()
        for seed in range(1, runs + 1):
            market, trades = market_of(tables(kind, seed))
            found = tune_options(trades, None, market, settings)
            exits[found.choice.exit] += 1
            better += found.verdict.kind == "better"
            gains.append(found.against("hold to expiry").difference_r)
            plans[found.choices[-1].text(found.policies)] += 1
        rows.append(
            {
                "world": kind,
                "runs": f"{runs}",
                "verdict better": f"{better}",
                "recommended": ", ".join(f"{name} {count}" for name, count in exits.most_common()),
                "tuned minus hold (R)": f"{np.mean(gains):+.3f}",
                "plan tuned on all, most often": "{} ({})".format(*plans.most_common(1)[0]),
            }
        )
    return pd.DataFrame(rows)


def apple(data: Path) -> tuple[OptionMarket, list[OptionTrade]]:
    """Return put verticals on Apple, sold each hour of 6 and 9 June 2014, with the split of 7:1 between them."""
    settings = OptionSettings(rate=0.002)
    quotes = read_quotes(data / "lean-options/AAPL-quotes-1h.parquet", symbol="AAPL")
    bars = read_bars(data / "lean-usa/AAPL-1h.parquet", adjust="none")[0]
    market = OptionMarket(quotes, bars, settings, Events(splits=(parse_split("AAPL,2014-06-09,7:1"),)))
    rows = [
        {"entry_time": f"{day} {hour}:00+00:00", "expiry": expiry, "strike": strike, "strike_2": other, "right": "put"}
        for day, strike, other in (("2014-06-06", 640.0, 630.0), ("2014-06-09", 91.43, 90.0))
        for expiry in ("2014-06-06", "2014-06-13", "2014-06-21")
        for hour in range(14, 20)
        if expiry >= day
    ]
    return market, sold("AAPL", rows, settings)


def spxw(data: Path) -> tuple[OptionMarket, list[OptionTrade]]:
    """Return call verticals on SPXW, sold each quarter of an hour of 4 January 2021 and expiring on it."""
    settings = OptionSettings(style="european", settlement="close")
    quotes = read_quotes(data / "lean-options/SPXW-quotes-1m.parquet", symbol="SPXW")
    bars = read_bars(data / "lean-options/SPX-1m.parquet", symbol="SPXW")[0]
    moments = pd.date_range("2021-01-04 14:45", "2021-01-04 20:45", freq="15min", tz="UTC")
    rows = [
        {"entry_time": moment, "expiry": "2021-01-04", "strike": 3700.0, "strike_2": 3800.0, "right": "call"}
        for moment in moments
    ]
    return OptionMarket(quotes, bars, settings), sold("SPXW", rows, settings)


def sold(symbol: str, rows: list[dict[str, Any]], settings: OptionSettings) -> list[OptionTrade]:
    """Return two verticals sold for each row."""
    table = pd.DataFrame(rows).assign(symbol=symbol, side="short", quantity=2)
    table["trade_id"] = [f"{symbol}-{k}" for k in range(len(table))]
    return read_option_trades(table, settings)


def real(data: Path) -> pd.DataFrame:
    """Return a row per market of real quotes."""
    rows = []
    for name, (market, trades) in {"AAPL, hours": apple(data), "SPXW, minutes": spxw(data)}.items():
        settings = replace(load_settings(None, QUICK), options=market.settings)
        found = tune_options(trades, None, market, settings)
        summary = tuning_summary(found, market, settings)
        mean = {row["policy"]: row["expectancy_r"]["value"] for row in summary["policies"]}
        rows.append(
            {
                "positions": name,
                "sold": f"{summary['n_trades']}",
                "skipped": f"{summary['n_skipped']}",
                "with a result": f"{summary['n_known']}",
                "scored out of sample": f"{summary['n_scored']}",
                "plans tried": f"{summary['n_plans']:,}",
                "held (R)": f"{mean['hold to expiry']:+.3f}",
                "tuned (R)": f"{mean[TUNED]:+.3f}, {summary['sample'].replace('_', ' ')}",
                "verdict": summary["verdict"].replace("_", " "),
                "recommended": summary["recommended"]["exit"],
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40, metavar="N", help="runs of each planted world")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="real quotes instead: lean-options and lean-usa")
    asked = parser.parse_args()
    table = planted(asked.runs) if asked.data is None else real(asked.data)
    sys.stdout.write(f"| {' | '.join(table.columns)} |\n| {' | '.join('---' for _ in table.columns)} |\n")
    for row in table.itertuples(index=False):
        sys.stdout.write(f"| {' | '.join(row)} |\n")


if __name__ == "__main__":
    main()
