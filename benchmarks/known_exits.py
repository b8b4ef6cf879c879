"""Exits known from the literature, on entries of different character, and what `tune` finds of them.

Entries: pullbacks (RSI(2) comes back above 10, long only), breakouts (Donchian), opening ranges (intraday: the first
bar of the day, and its other side as the stop), overnight (bought at the close, sold at the next open) and random ones.
`tune` runs with ``search.indicator_rungs = "classic"``, so the same exits are candidates. The table shows each exit on
the trades that `tune` scored: net R per trade with a standard error by days of entry, R per bar, and R per capital day
(in thousandths). The last table has a row for each, with the exits that were best in hindsight. Markets of the real
data are skipped if their folder is absent.

Run ``python benchmarks/known_exits.py [--market sample ...] [--data FOLDER] [--set KEY=VALUE]``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from real_markets import DATA, MARKETS

from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.models.search.space.classic import classic_ladders
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.tuning.policies import SIMPLEST, TUNED
from exitladder.pipelines.tuning.results import Results, results_of
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.statistics.mean import clustered_error
from exitladder.trades.entries import make_trades
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import Trades

MOST_TRADES = 1_000
SETTINGS = ("project.threads=1", "tuning.storage=memory", "search.indicator_rungs=classic")
COSTS = {"sample": 5.0, "nse": 8.0, "lean-1d": 5.0, "lean-1h": 5.0, "binance-1h": 8.5, "fx-1h": 1.0}
NEW_YORK = "America/New_York"
# Where sessions close: of hourly bars it is not in the files.
EXCHANGE_TZ = {"lean-1h": NEW_YORK, "binance-1h": "UTC", "fx-1h": "UTC"}


@dataclass(frozen=True)
class Row:
    """An exit on the scored trades: mean net R, its standard error, R per bar and per capital day."""

    exit: str
    mean_r: float
    error: float
    r_per_bar: float
    r_per_capital_day: float


def pullbacks(bars: BarSet) -> Trades:
    """Return long entries after a sharp fall: RSI(2) comes back above 10."""
    return make_trades(bars, "rsi_reversal", fast_window=2, threshold=10.0, sides="long", lot=0.0)


def breakouts(bars: BarSet) -> Trades:
    """Return Donchian breakouts of 20 bars, both sides."""
    return make_trades(bars, "donchian", lot=0.0)


def at_random(bars: BarSet) -> Trades:
    """Return random entries, both sides."""
    return make_trades(bars, "random", lot=0.0)


def overnight(bars: BarSet) -> Trades:
    """Return every fifth close bought, and sold at the next open: the trader's own exit."""
    rows = []
    for symbol in bars:
        one = bars[symbol]
        for k in range(250, len(one) - 1, 5):
            price = one.close[k]
            move = np.mean(one.high[k - 14 : k] - one.low[k - 14 : k])
            if price <= 2 * move:
                continue
            rows.append(
                _row(symbol, one.time[k], 1, price, price - 2 * move)
                | {"entry_at": "close", "exit_time": pd.Timestamp(one.time[k + 1]), "exit_price": one.open[k + 1]}
            )
    return trades_from_frame(pd.DataFrame(rows))


def opening_ranges(bars: BarSet) -> Trades:
    """Return entries at the open after the first close of a day beyond its first bar, which gives the stop, too."""
    rows = []
    for symbol in bars:
        one = bars[symbol]
        date = pd.DatetimeIndex(one.time, tz="UTC").tz_convert(NEW_YORK).normalize().asi8
        first = np.append(0, np.flatnonzero(np.diff(date)) + 1)
        for begin, end in zip(first, np.append(first[1:], len(date)), strict=True):
            high, low = one.high[begin], one.low[begin]
            beyond = np.flatnonzero((one.close[begin + 1 : end - 1] > high) | (one.close[begin + 1 : end - 1] < low))
            if not len(beyond):
                continue
            k = begin + 2 + int(beyond[0])
            side, price = (1, one.open[k]) if one.close[k - 1] > high else (-1, one.open[k])
            stop = low if side > 0 else high
            if side * (price - stop) > 0:
                rows.append(_row(symbol, one.time[k], side, price, stop))
    return trades_from_frame(pd.DataFrame(rows))


def _row(symbol: str, when: int, side: int, price: float, stop: float) -> dict[str, Any]:
    return {
        "trade_id": f"{symbol}-{when}",
        "symbol": symbol,
        "side": "long" if side > 0 else "short",
        "entry_time": pd.Timestamp(when),
        "entry_price": price,
        "quantity": 1.0,
        "stop_price": stop,
    }


ENTRIES: Mapping[str, Callable[[BarSet], Trades]] = {
    "pullback RSI(2)": pullbacks,
    "breakout": breakouts,
    "opening range": opening_ranges,
    "overnight": overnight,
    "random": at_random,
}


def is_intraday(bars: BarSet) -> bool:
    """Return whether all bars are shorter than a day."""
    return bool((bars.interval_ns < DAY_NS).all())


def entries_of(bars: BarSet) -> list[str]:
    """Return the entries that bars allow: an opening range needs intraday bars, a night needs daily ones."""
    without = "overnight" if is_intraday(bars) else "opening range"
    return [name for name in ENTRIES if name != without]


def latest(trades: Trades, most: int) -> Trades:
    """Return the latest trades, at most so many."""
    order = np.argsort(trades.entry_time, kind="stable")
    return trades.take(np.sort(order[-most:]))


def rows_of(tuned: Tuned, prepared: Prepared, settings: Settings) -> list[Row]:
    """Return a row for each known exit, then for each exit of the tuning, on the trades that it scored."""
    test, base = np.flatnonzero(tuned.walk.test), tuned.base
    placed = prepared.placed.take(test)
    known = list(classic_ladders(base))
    signals = signals_for(prepared.placed, {name for ladder in known for name in ladder.series}, prepared).take(test)
    threads = settings.project.threads
    found = results_of(placed, known, signals, base, with_time=True, threads=threads)
    rows = [_measured(ladder.name, found, k) for k, ladder in enumerate(known)]
    board = tuned.scoreboard.table.set_index("policy")
    for name in board.index:
        net_r = tuned.net_r[str(name)].to_numpy(np.float64)[test]
        error, _ = clustered_error(net_r[np.isfinite(net_r)], prepared.entry_time[test][np.isfinite(net_r)] // DAY_NS)
        per_bar = float(board.loc[name, "r_per_bar"])
        rows.append(Row(str(name), float(np.nanmean(net_r)), float(error), per_bar, float("nan")))
    return rows


def _measured(name: str, found: Results, k: int) -> Row:
    net_r, day = found.net_r[:, k], found.entry_day
    valid = np.isfinite(net_r)
    error, _ = clustered_error(net_r[valid], day[valid])
    assert found.bars is not None and found.capital_days is not None
    held, capital = found.bars[valid, k].sum(), np.nansum(found.capital_days[valid, k])
    total = float(net_r[valid].sum())
    return Row(name, total / max(int(valid.sum()), 1), float(error), total / max(held, 1), total / max(capital, 1e-12))


def measure(market: str, bars: BarSet, entry: str, settings: Settings) -> tuple[Tuned, list[Row]]:
    """Return the tuning on the latest trades of an entry, and the rows of its table."""
    prepared = prepare(bars, latest(ENTRIES[entry](bars), MOST_TRADES), settings)
    tuned = tune_ladder(prepared, settings)
    return tuned, rows_of(tuned, prepared, settings)


def table_of(market: str, entry: str, tuned: Tuned, rows: list[Row]) -> str:
    """Return the table of an entry in Markdown, with what `tune` recommends and which known exits it uses."""
    n = int(tuned.walk.test.sum())
    series = sorted({name for choice in tuned.folds for name in choice.ladder.series})
    lines = [
        f"**{market}, {entry}**: {n:,} scored trades. Recommended: {tuned.recommended.exit}. "
        f"Known exits in the tuned ladders: {', '.join(series) or 'none'}.",
        "",
        "| exit | R per trade | R per bar | R per capital day, 1/1000 |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        capital = "" if np.isnan(row.r_per_capital_day) else f"{1_000 * row.r_per_capital_day:+.3f}"
        lines.append(f"| {row.exit} | {row.mean_r:+.3f} ± {row.error:.3f} | {row.r_per_bar:+.4f} | {capital} |")
    return "\n".join(lines)


def summary_of(market: str, entry: str, tuned: Tuned, rows: list[Row]) -> str:
    """Return the row of an entry in the last table: the best known and the best other exit, in hindsight."""
    n_known = len(list(classic_ladders(tuned.base)))
    known, others = rows[:n_known], {row.exit: row for row in rows[n_known:]}
    ladder = others.pop(TUNED)
    # it is one of the others, chosen in each part
    others.pop(SIMPLEST, None)
    used = sorted({name for choice in tuned.folds for name in choice.ladder.series})
    cells = [f"{market}: {entry}", f"{int(tuned.walk.test.sum()):,}"]
    for among in (known, list(others.values())):
        trade, bar = max(among, key=lambda row: row.mean_r), max(among, key=lambda row: row.r_per_bar)
        cells.append(f"{trade.exit}, {trade.mean_r:+.3f} ± {trade.error:.3f}")
        cells.append(f"{bar.exit}, {bar.r_per_bar:+.4f}")
    cells += [f"{ladder.mean_r:+.3f} ± {ladder.error:.3f}; {ladder.r_per_bar:+.4f}", tuned.recommended.exit]
    return f"| {' | '.join([*cells, ', '.join(f'`{name}`' for name in used)])} |"


SUMMARY = (
    "| entries | scored | best known exit, R per trade | R per bar | best other exit, R per trade | R per bar "
    "| tuned ladder, R per trade; per bar | recommended | known exits in the tuned ladders |\n" + "| --- " * 9 + "|"
)


def main() -> None:
    """Print a table for each market and entry, then a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", nargs="+", default=[*MARKETS], choices=[*MARKETS], metavar="NAME")
    parser.add_argument("--entry", nargs="+", default=[*ENTRIES], choices=[*ENTRIES], metavar="NAME")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    args = parser.parse_args()
    summary = [SUMMARY]
    for market in args.market:
        try:
            bars = MARKETS[market](args.data)
        except (OSError, ValueError) as error:
            print(f"{market}: skipped ({error})", flush=True)
            continue
        costs = (f"costs.commission_bps={COSTS[market]}",)
        settings = load_settings(None, [*SETTINGS, *costs, *args.set])
        if zone := EXCHANGE_TZ.get(market):
            settings = settings.with_values({"symbols": {name: {"exchange_tz": zone} for name in bars.symbols}})
        for entry in (name for name in entries_of(bars) if name in args.entry):
            began = time.perf_counter()
            tuned, rows = measure(market, bars, entry, settings)
            summary.append(summary_of(market, entry, tuned, rows))
            print(f"{table_of(market, entry, tuned, rows)}\n\n({time.perf_counter() - began:.0f} s)\n", flush=True)
    print("\n".join(summary))


if __name__ == "__main__":
    main()
