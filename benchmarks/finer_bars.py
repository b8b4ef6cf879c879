"""How far each intrabar policy is from what shorter bars show, on real bars.

Run as ``python benchmarks/finer_bars.py [--data FOLDER] [--bootstrap 2000]``. Trades of a named rule are executed
under every policy; ``finer_bars``, which walks the shorter bars, is what the others are measured against. What
the shorter bars leave open (both prices inside one of them) is taken stop first, so it is no truth either.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.reading import read_bars
from exitladder.bars.resample import resample_bars
from exitladder.execution import STATUS, Simulation, simulate
from exitladder.measures.data_gaps import coarse_bars
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.statistics import Intervals
from exitladder.statistics.mean import MeanInterval, mean_interval
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import place_trades

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FINER = "finer_bars"
POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme")
ENTRIES: dict[str, Any] = {"rule": "donchian", "window": 5, "cooldown_bars": 0, "stop_atr": 1.0, "lot": 0.0}
LADDERS = (
    ladder_from_mapping({"name": "all out at 1R", "rungs": [{"fraction": 1.0, "target": "1R"}]}),
    ladder_from_mapping(
        {
            "name": "classic 25/25/50",
            "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
            "stop": {"breakeven_after": 1, "trail": "3ATR", "trail_after": 1, "time": 40},
        }
    ),
    ladder_from_mapping(
        {
            "name": "tight trail",
            "rungs": [{"fraction": 0.5, "target": "1R"}],
            "stop": {"trail": "0.5ATR", "trail_from": "0.5R"},
        }
    ),
)


@dataclass(frozen=True)
class Market:
    """Bars, the shorter ones inside them, and maybe others inside them that are not as short."""

    name: str
    bars: BarSet
    finer: BarSet
    less_fine: BarSet | None = None


@dataclass(frozen=True)
class Distance:
    """Difference of a policy from the shorter bars: policy minus `finer_bars`, in R per trade.

    `n_stop_moved` trades differ without an ambiguous bar: a breakeven or a trail that something inside a bar
    sets off is in force from the next shorter bar there, and here from the next bar.
    """

    share: float
    all_trades: MeanInterval
    where_it_differs: float
    share_better: float
    n_stop_moved: int


@dataclass(frozen=True)
class Row:
    """One ladder on one market."""

    ladder: str
    n_trades: int
    n_ambiguous: int
    coarse: dict[str, int]
    finer_r: float
    distances: dict[str, Distance]


def study(market: Market, n_bootstrap: int = 2000) -> list[Row]:
    """Return one row per ladder."""
    return [study_ladder(market, ladder, n_bootstrap) for ladder in LADDERS]


def study_ladder(market: Market, ladder: Ladder, n_bootstrap: int) -> Row:
    placed = place_trades(make_trades(market.bars, **ENTRIES), market.bars)

    def run(policy: str) -> Simulation:
        execution = replace(ladder.execution, intrabar=policy)
        return simulate(placed, replace(ladder, execution=execution), finer=market.finer)

    walked, plain = run(FINER), run("stop_first")
    # A mark at the last close is no exit, and says nothing about the order of high and low.
    closed = (walked.status == STATUS.index("closed")) & (plain.status == STATUS.index("closed"))
    time = placed.trades.entry_time
    distances = {}
    for policy in POLICIES:
        difference = run(policy).r - walked.r
        differs = closed & (np.abs(difference) > 1e-9)
        distances[policy] = Distance(
            share=float(differs.sum() / max(closed.sum(), 1)),
            all_trades=mean_interval(
                np.where(closed, difference, np.nan), time=time, intervals=Intervals(n_bootstrap=n_bootstrap)
            ),
            where_it_differs=float(difference[differs].mean()) if differs.any() else float("nan"),
            share_better=float((closed & (difference > 1e-9)).sum() / max(closed.sum(), 1)),
            n_stop_moved=int((differs & (plain.ambiguous_bars == 0) & (walked.ambiguous_bars == 0)).sum()),
        )
    return Row(
        ladder=ladder.name,
        n_trades=int(closed.sum()),
        n_ambiguous=int((plain.ambiguous_bars[closed] > 0).sum()),
        coarse=coarse_bars(walked),
        finer_r=float(walked.r[closed].mean()),
        distances=distances,
    )


def markets(data: Path) -> Iterator[Market]:
    """Yield the markets with bars and shorter bars in the folder."""

    def read(name: str) -> BarSet:
        return read_bars(data / f"{name}.parquet")[0]

    quarters, minutes = read("binance/BTCUSDT-15m"), read("binance/BTCUSDT-1m")
    hours = resample_bars(quarters, "1h")
    print(f"BTCUSDT hours made of 15m equal the exchange's own: {equality_text(hours, read('binance/BTCUSDT-1h'))}.\n")
    yield Market("BTCUSDT 1h in 15m, 2024", hours, quarters)
    yield Market("BTCUSDT 1h in 1m, December 2024", overlapping(hours, minutes), minutes, quarters)
    yield Market("BTCUSDT 15m in 1m, December 2024", overlapping(quarters, minutes), minutes)
    yield Market("SPY 1d in 1h, 1998 to 2021", read("lean-usa/SPY-1d"), read("lean-usa/SPY-1h"))
    factors = pd.read_csv(data / "lean-usa" / "factor-files.csv.gz", dtype={"last_date": str})
    days, own_hours = (adjusted(read(f"lean-usa/AAPL-{interval}"), factors) for interval in ("1d", "1h"))
    yield Market("AAPL 1d in 1h, both adjusted, 1998 to 2021", days, own_hours)


def walked_coarser(market: Market, finer: BarSet) -> str:
    """Return the difference of a walk of other shorter bars from the market's own, for each ladder."""
    placed = place_trades(make_trades(market.bars, **ENTRIES), market.bars)
    result = []
    for ladder in LADDERS:
        walk = replace(ladder, execution=replace(ladder.execution, intrabar=FINER))
        difference = simulate(placed, walk, finer=finer).r - simulate(placed, walk, finer=market.finer).r
        share = float((np.abs(difference) > 1e-9).mean())
        result.append(f"{100 * share:.1f}%: {np.nanmean(difference):+.3f} under '{ladder.name}'")
    return ", ".join(result)


def interval_of(bars: BarSet) -> str:
    return bars[bars.symbols[0]].interval


def equality_text(made: BarSet, own: BarSet) -> str:
    """Return how many bars two sources of one symbol share and how many of them are equal."""
    a, b = made[made.symbols[0]], own[own.symbols[0]]
    _, i, j = np.intersect1d(a.time, b.time, return_indices=True)
    same = np.all([getattr(a, k)[i] == getattr(b, k)[j] for k in ("open", "high", "low", "close")], axis=0)
    return f"{int(same.sum()):,} of the {len(same):,} that both have"


def overlapping(bars: BarSet, finer: BarSet) -> BarSet:
    """Return the bars that begin after the first finer bar and end before the last one's end."""
    own, inside = bars[bars.symbols[0]], finer[finer.symbols[0]]
    last = inside.time[-1] + inside.interval_ns
    return BarSet([rows_of(own, np.flatnonzero((own.time >= inside.time[0]) & (own.time + own.interval_ns <= last)))])


def rows_of(bars: Bars, rows: IntArray) -> Bars:
    """Return some of the bars, prices only."""
    open_, high, low, close = (x[rows] for x in (bars.open, bars.high, bars.low, bars.close))
    return Bars(bars.symbol, bars.interval_ns, bars.time[rows], open_, high, low, close)


def adjusted(bars: BarSet, factors: pd.DataFrame) -> BarSet:
    """Return prices adjusted for splits and dividends.

    A bar takes the first row of its symbol whose last_date is not before the bar's date, so a day and
    its hours get the same factor and still make each other up to the bit.
    """
    symbol = bars.symbols[0]
    own, table = bars[symbol], factors[factors["symbol"] == symbol].sort_values("last_date")
    date = pd.to_datetime(own.time, unit="ns").strftime("%Y%m%d").to_numpy(dtype=str)
    row = np.searchsorted(table["last_date"].to_numpy(dtype=str), date, side="left")
    factor: FloatArray = (table["price_factor"] * table["split_factor"]).to_numpy()[row]
    open_, high, low, close = (x * factor for x in (own.open, own.high, own.low, own.close))
    return BarSet([Bars(symbol, own.interval_ns, own.time, open_, high, low, close)])


def table(rows: list[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        f"| ladder | trades | ambiguous | not walked | mean R, walked | {' | '.join(POLICIES)} |",
        f"| --- | --: | --: | --: | --: |{' --: |' * len(POLICIES)}",
    ]
    for row in rows:
        cells = [
            row.ladder,
            f"{row.n_trades:,}",
            f"{row.n_ambiguous:,}",
            f"{row.coarse['n_bars']:,} of {row.coarse['n_bars_lived']:,}",
            f"{row.finer_r:+.3f}",
            *(cell(row.distances[policy]) for policy in POLICIES),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(distance: Distance) -> str:
    """Return share of trades, mean difference with its interval's half width, and the mean where it differs."""
    mean = distance.all_trades
    half = f" ±{(mean.high - mean.low) / 2:.3f}" if mean.is_known else ""
    where = f" ({distance.where_it_differs:+.2f})" if distance.share > 0 else ""
    return f"{100 * distance.share:.1f}%: {mean.value:+.3f}{half}{where}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of real bars")
    parser.add_argument("--bootstrap", type=int, default=2000)
    options = parser.parse_args()
    if not (options.data / "binance" / "BTCUSDT-15m.parquet").is_file():
        print(f"Skipped: the real bars are not at {options.data}; name their folder with --data.")
        return
    print(f"Entries: {', '.join(f'{k}={v}' for k, v in ENTRIES.items())}; no costs.\n")
    for market in markets(options.data):
        rows = study(market, options.bootstrap)
        print(f"### {market.name}\n\n{table(rows)}\n")
        for row in rows:
            plain = row.distances["stop_first"]
            print(
                f"- {row.ladder}: stop_first is better than finer_bars in {100 * plain.share_better:.1f}% of trades; "
                f"{plain.n_stop_moved:,} trades differ without an ambiguous bar."
            )
        print(flush=True)
        if market.less_fine is not None:
            print(f"The same bars walked in {interval_of(market.less_fine)} instead of {interval_of(market.finer)}:")
            print(f"{walked_coarser(market, market.less_fine)}.\n", flush=True)


if __name__ == "__main__":
    main()
