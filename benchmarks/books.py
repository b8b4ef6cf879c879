"""One account with limits against the same trades without any, after costs, on the sample's shares and on a walk.

The limits were written down before any result was seen, and none is tuned. All books share the entries (Donchian
breakouts of the sample; random entries on eight driftless walks), the exit (initial stop 2 ATR, trail 4 ATR, time stop
60 bars), the money (100,000) and on the sample the costs (2 + 3 basis points). `--large` times 500 positions over ten
years of daily bars instead.

`--tune` tunes the numbers of four such books walk-forward, on the sample, on the daily markets of `--data` (those that
are there) and on the walks, with 2 + 3 basis points on real bars: one row per book, whatever comes out.

    python benchmarks/books.py
    python benchmarks/books.py --large
    python benchmarks/books.py --tune [--market sample ...] [--data FOLDER]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from real_markets import DATA, lean_daily, nse

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution.book.book import simulate_book
from exitladder.execution.signals import Signals
from exitladder.measures.book import book_frame, book_summary
from exitladder.pipelines.tuning.book.candidates import NONE, OWN
from exitladder.pipelines.tuning.book.evidence import WALK
from exitladder.pipelines.tuning.book.tuned import TunedBook, tune_book
from exitladder.plans.file import ladder_from_mapping
from exitladder.sample import load_sample_bars
from exitladder.settings.tables import Settings
from exitladder.statistics.intervals import Intervals
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import PlacedTrades, place_trades

MONEY = 100_000
COSTS = {"commission_bps": 2.0, "slippage_bps": 3.0}
EXIT: dict[str, Any] = {"rungs": [], "stop": {"initial": "2ATR", "trail": "4ATR", "time": 60}}
VAR = {"when": "var > 0.015", "reduce_to": "until"}
BOOKS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "at most 3 positions": ({"max_open": 3}, []),
    "daily loss 2%, all closed": ({"daily_loss": 0.02, "daily_loss_action": "close"}, []),
    "half of what has lost 0.5% of equity": ({}, [{"when": "open_loss_equity >= 0.005", "reduce_to": 0.5}]),
    "VaR of the book at most 1.5%": ({"limits": [VAR]}, []),
    "the same, largest risk first": ({"limits": [VAR], "reduce": "largest_risk"}, []),
    "half at a drawdown of 10%": ({"limits": [{"when": "drawdown_equity >= 0.1", "reduce_to": 0.5}]}, []),
}  # fmt: skip
TUNED: dict[str, dict[str, Any]] = {
    "at most 3, and half of what has lost 0.5%": {
        "book": {"max_open": 3},
        "limits": [{"when": "open_loss_equity >= 0.005", "reduce_to": 0.5}],
    },
    "VaR of the book at most 1.5%": {"book": {"limits": [VAR]}, "risk": {"level": 0.95}},
    "half at a drawdown of 10%": {"book": {"limits": [{"when": "drawdown_equity >= 0.1", "reduce_to": 0.5}]}},
    "each position 5% volatility a year": {"target": {"volatility": 0.05, "floor": 0.1}, "risk": {"window": 60}},
}
DAY = 86_400 * 10**9


def walks(n_symbols: int = 8, n_bars: int = 2_500, seed: int = 1) -> BarSet:
    """Return daily bars of driftless walks of eight steps a day."""
    rng = np.random.default_rng(seed)
    members = []
    for k in range(n_symbols):
        steps = rng.normal(0.0, 0.35, size=(n_bars, 8)).cumsum(axis=1)
        close = 200 + np.cumsum(steps[:, -1])
        opened = np.concatenate([[200.0], close[:-1]])
        path = opened[:, None] + steps
        high, low = np.maximum(path.max(axis=1), opened), np.minimum(path.min(axis=1), opened)
        members.append(Bars(f"walk{k}", DAY, np.arange(n_bars, dtype=np.int64) * DAY, opened, high, low, path[:, -1]))
    return BarSet(members)


def tables(book: dict[str, Any], limits: list[dict[str, Any]], money: float) -> dict[str, Any]:
    """Return the tables of a book; value at risk is estimated at 95%."""
    risk = {"risk": {"level": 0.95}} if "limits" in book else {}
    return {"book": {"equity": money} | book, "limits": limits} | risk


def rows(placed: PlacedTrades, costs: dict[str, float]) -> list[tuple[str, ...]]:
    """Return one row per book: trades, profit and drawdown with and without its limits, reductions."""
    found: list[tuple[str, ...]] = []
    plan = {**EXIT, "costs": costs}
    for name, (book, limits) in {"no limit": ({}, []), **BOOKS}.items():
        result = simulate_book(placed, ladder_from_mapping(plan | tables(book, limits, MONEY)))
        done = book_summary(result, result.simulation, book_frame(result, result.simulation), Intervals(n_bootstrap=2))
        test = done["var_tests"].get("book") or {}
        found.append(
            (
                name,
                f"{int((result.simulation.status != 2).sum()):,}",
                f"{done['net_pnl']:+,.0f}",
                f"{done['max_drawdown']:,.0f}",
                f"{done['net_pnl'] / done['max_drawdown']:+.2f}",
                f"{done['max_exposure']:.2f}x",
                f"{sum(done['reductions'].values()) + done['n_daily_losses']:,}",
                f"{test['n_exceptions']:,} of {test['n_forecasts']:,}, {test['expected']:.0f} stated" if test else "",
            )
        )
    return found


def large() -> None:
    """Print the processor time of 500 positions over ten years of daily bars."""
    bars = walks(500, 2_520)
    placed = place_trades(make_trades(bars, "random"), bars)
    simulate_book(placed.take(np.arange(50)), ladder_from_mapping({**EXIT, "book": {"equity": 1e9}}))
    print("| 500 symbols, 2,520 days | trades | most open | processor s |\n| --- | --- | --- | --- |")
    for name in ("no limit", "at most 3 positions", "VaR of the book at most 1.5%"):
        book, limits = BOOKS.get(name, ({}, []))
        table = EXIT | tables(book | ({"max_open": 300} if "max_open" in book else {}), limits, 1e9)
        began = time.process_time()
        result = simulate_book(placed, ladder_from_mapping(table))
        spent = time.process_time() - began
        said = name.replace("3", "300") if "max_open" in book else name
        print(f"| {said} | {len(placed):,} | {int(result.curve.n_open.max()):,} | {spent:.1f} |")


MARKETS = {"sample": "sample", "nse": "NIFTY 50, 23 shares", "lean-usa": "US, ten shares", "walks": "driftless walks"}


def markets_to_tune(data: Path, wanted: Iterable[str]) -> Iterator[tuple[str, BarSet, str, dict[str, float]]]:
    """Yield name, bars, rule of the entries and costs of each market that is there."""
    load = {"sample": lambda _: load_sample_bars()[0], "nse": nse, "lean-usa": lean_daily, "walks": lambda _: walks()}
    for name in wanted:
        if name in ("sample", "walks") or (data / name).is_dir():
            is_walk = name == "walks"
            yield MARKETS[name], load[name](data), "random" if is_walk else "donchian", {} if is_walk else COSTS


def tuned_row(market: str, plan: str, found: TunedBook) -> str:
    """Return one row of the table of `--tune`."""
    ratios = [found.accounts[name]["sharpe_daily"] for name in (OWN, WALK, NONE)]
    cells = ["" if ratio is None else f"{ratio:+.2f}" for ratio in ratios]
    cells += [
        f"{one.figures.removeprefix('Sharpe ratio ')}" for one in (found.compared[WALK, OWN], found.compared[NONE, OWN])
    ]
    return " | ".join([market, plan, f"{found.n_days:,}", f"{len(found.candidates.plans)}", *cells, found.choice])


def tuned(data: Path, wanted: Iterable[str]) -> None:
    """Print what a tuning of each book recommends, and the evidence."""
    head = (
        "market | book | days scored | plans tried | own Sharpe | tuned | no limits | tuned minus own | none minus own"
    )
    print(f"| {head} | recommended | processor s |\n|{' --- |' * 11}")
    for market, bars, rule, costs in markets_to_tune(data, wanted):
        placed = place_trades(make_trades(bars, rule), bars)
        placed = placed.take(np.argsort(placed.trades.entry_time, kind="stable"))
        for name, parts in TUNED.items():
            table = {**EXIT, "costs": costs, **parts, "book": {"equity": MONEY} | parts.get("book", {})}
            began = time.process_time()
            found = tune_book(placed, ladder_from_mapping(table), Signals.none(len(placed)), Settings())
            spent = time.process_time() - began
            print(f"| {tuned_row(market, name, found)} | {spent:.0f} |", flush=True)


def main() -> int:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--large", action="store_true", help="Time a large book.")
    options.add_argument("--tune", action="store_true", help="Tune the numbers of books.")
    options.add_argument("--market", nargs="+", choices=MARKETS, default=list(MARKETS), help="Markets of --tune.")
    options.add_argument("--data", type=Path, default=DATA, help="Folder of real market data.")
    given = options.parse_args()
    if given.large:
        large()
        return 0
    if given.tune:
        tuned(given.data, given.market)
        return 0
    sample, walk = load_sample_bars()[0], walks()
    markets = {
        "sample, Donchian breakouts, after costs": (place_trades(make_trades(sample, "donchian"), sample), COSTS),
        "driftless walks, random entries, no costs": (place_trades(make_trades(walk, "random"), walk), {}),
    }
    for market, (placed, costs) in markets.items():
        print(f"\n| {market} | trades | profit | largest fall | profit / fall | most exposure | reduced | beyond VaR |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for row in rows(placed, costs):
            print("| " + " | ".join(row) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
