"""Features against their peers, the whole catalogue by family, and the rows of trades, in one run.

Run as ``python benchmarks/features.py [--symbols 500] [--bars 5000] [--rounds 9]``.

RSI, Bollinger bands, ATR and momentum are computed by this package, by a bare loop of TA-Lib calls, by pandas
and by polars-talib (left out with a notice where it is not installed). All run in turn inside one process and
must give the same numbers; reported are medians of the ratios of neighbouring runs, in CPU seconds of the
process (so that neighbours on the machine matter less). Then every family alone: its time, and its memory in a
process of its own. Last, rows of trade state.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import talib

from exitladder.arrays import FloatArray
from exitladder.bars.atr import atr_of_set
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.features import FeatureSet, describe_catalogue, feature_matrix, trade_state_rows
from exitladder.features.catalogue import EXAMPLE_SERIES
from exitladder.features.outside import ExtraSeries, Outside, Steps
from exitladder.trades.rows import trade_rows
from exitladder.trades.trades import Trades, place_trades

try:
    import polars
    import polars_talib
except ImportError:
    polars = None

DAY = 86_400 * 10**9
NAMES = ("rsi_14", "bb_pctb_20", "bb_width_20", "atr_pct_14", "mom_atr_10")


def random_bars(n_symbols: int, n_bars: int) -> BarSet:
    rng = np.random.default_rng(0)
    members = []
    for k in range(n_symbols):
        close = 100 * np.exp(np.cumsum(rng.normal(scale=0.01, size=n_bars)))
        open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(scale=0.002, size=n_bars))
        high = np.maximum(open_, close) * (1 + rng.random(n_bars) * 0.004)
        low = np.minimum(open_, close) * (1 - rng.random(n_bars) * 0.004)
        volume = rng.lognormal(9, 1, n_bars).round()
        members.append(Bars(f"S{k:04d}", DAY, np.arange(n_bars) * DAY, open_, high, low, close, volume))
    return BarSet(members)


def ours(bars: BarSet) -> FloatArray:
    return feature_matrix(bars, FeatureSet.from_names(NAMES), 1).values


def bare_talib(bars: BarSet) -> FloatArray:
    out = np.empty((bars.n_bars, len(NAMES)), order="F")
    for k in range(len(bars)):
        part = slice(int(bars.start[k]), int(bars.start[k + 1]))
        high, low, close = bars.high[part], bars.low[part], bars.close[part]
        upper, middle, lower = talib.BBANDS(close, 20)
        atr = talib.ATR(high, low, close, 14)
        width = upper - lower
        out[part, 0] = talib.RSI(close, 14)
        out[part, 1] = (close - lower) / width
        out[part, 2] = 100 * width / middle
        out[part, 3] = 100 * atr / close
        out[part, 4] = talib.MOM(close, 10) / atr
    return out


def with_pandas(bars: BarSet) -> FloatArray:
    shape = (len(bars), -1)
    high, low, close = (pd.DataFrame(x.reshape(shape).T) for x in (bars.high, bars.low, bars.close))
    change = close.diff()
    up, down = (wilder(x, 14) for x in (change.clip(lower=0), -change.clip(upper=0)))
    before = close.shift()
    ranges = np.maximum(high, before) - np.minimum(low, before)
    atr = wilder(ranges, 14)
    window = close.rolling(20)
    middle, deviation = window.mean(), window.std(ddof=0)
    columns = (
        100 * up / (up + down),
        0.5 + (close - middle) / (4 * deviation),
        400 * deviation / middle,
        100 * atr / close,
        close.diff(10) / atr,
    )
    return np.column_stack([c.to_numpy().T.ravel() for c in columns])


def wilder(x: pd.DataFrame, n: int) -> pd.DataFrame:
    """Wilder's average, started with the mean of n values, which pandas has no method for."""
    started = x.copy()
    started.iloc[n] = x.iloc[1 : n + 1].mean()
    started.iloc[:n] = np.nan
    return started.ewm(alpha=1 / n, adjust=False).mean()


def with_polars(frame: Any) -> Callable[[BarSet], FloatArray]:
    """The same by polars-talib; the table is made beforehand, because a polars user has the bars in it already."""

    def run(bars: BarSet) -> FloatArray:
        col, own = polars.col, polars_talib
        bands = own.bbands(col("close"), 20)
        upper, middle, lower = (bands.struct.field(f"{name}band") for name in ("upper", "middle", "lower"))
        atr = own.atr(col("high"), col("low"), col("close"), 14)
        out = frame.select(
            own.rsi(col("close"), 14).over("symbol").alias("rsi"),
            ((col("close") - lower) / (upper - lower)).over("symbol").alias("pctb"),
            (100 * (upper - lower) / middle).over("symbol").alias("width"),
            (100 * atr / col("close")).over("symbol").alias("atr"),
            (own.mom(col("close"), 10) / atr).over("symbol").alias("mom"),
        )
        return np.asarray(out.to_numpy())

    return run


def compare(bars: BarSet, rounds: int) -> None:
    functions = {"exitladder": ours, "TA-Lib loop": bare_talib, "pandas": with_pandas}
    if polars is None:
        print("polars-talib is not installed and left out: pip install polars polars-talib")
    else:
        symbol = np.repeat(np.array(bars.symbols), np.diff(bars.start))
        prices = {"high": bars.high, "low": bars.low, "close": bars.close}
        functions["polars-talib"] = with_polars(polars.DataFrame({"symbol": symbol, **prices}))
    wanted = ours(bars)
    for name, function in functions.items():
        values = function(bars)
        both = np.isfinite(wanted) & np.isfinite(values)
        assert both.sum() > 0.99 * np.isfinite(wanted).sum(), name
        np.testing.assert_allclose(values[both], wanted[both], rtol=1e-6, atol=1e-6, err_msg=name)
    cpu: dict[str, list[float]] = {name: [] for name in functions}
    wall: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            used, passed = time.process_time(), time.perf_counter()
            function(bars)
            cpu[name].append(time.process_time() - used)
            wall[name].append(time.perf_counter() - passed)
    print(f"{len(bars)} symbols x {bars.n_bars // len(bars)} bars, {len(NAMES)} columns equal to 1e-6")
    print(f"{'':14}{'CPU ms':>10}{'wall ms':>10}{'times exitladder: CPU':>24}{'wall':>8}")
    for name in functions:
        more = [np.median(np.array(x[name]) / np.array(x["exitladder"])) for x in (cpu, wall)]
        print(
            f"{name:14}{1000 * np.median(cpu[name]):10.1f}{1000 * np.median(wall[name]):10.1f}"
            f"{more[0]:24.2f}{more[1]:8.2f}"
        )


def families(bars: BarSet) -> None:
    """Time of each family, and what a process grows by for it."""
    first = Steps.of_closes(bars[bars.symbols[0]])
    outside = Outside(bars.symbols[0], first, {EXAMPLE_SERIES: ExtraSeries("close", 0, False, {"": first})})
    table = describe_catalogue()
    names = {str(f): list(rows["name"]) for f, rows in table.groupby("family", sort=False) if f != "trade_state"}
    names["all of them"] = [name for group in names.values() for name in group]
    print(f"\n{'family':14}{'columns':>8}{'CPU ms':>10}{'ns per value':>14}{'result MB':>11}{'grows by MB':>13}")
    for family, columns in names.items():
        used, grown = in_process(grow, bars, FeatureSet.from_names(columns, outside))
        values = bars.n_bars * len(columns)
        size = f"{8e-6 * values:11.0f}{grown:13.0f}"
        print(f"{family:14}{len(columns):8}{1e3 * used:10.0f}{1e9 * used / values:14.1f}{size}")


def grow(bars: BarSet, features: FeatureSet) -> tuple[float, float]:
    feature_matrix(BarSet([bars[bars.symbols[0]]]), features, 1)  # loads what is compiled
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = peak_mb()
    begin = time.process_time()
    feature_matrix(bars, features, 1)
    used = time.process_time() - begin
    return used, peak_mb() - before


def peak_mb() -> float:
    """Peak memory of this process, from Linux."""
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def in_process(function: Callable[..., Any], *values: Any) -> Any:
    """Call in a fresh process, whose memory nobody else has used."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, values)


def state_rows(bars: BarSet, rounds: int) -> None:
    """Rows of trade state a second on one core."""
    rng = np.random.default_rng(1)
    n = 100 * len(bars)
    k = rng.integers(0, len(bars), n)
    bar = bars.start[k] + rng.integers(20, np.diff(bars.start)[k] - 1)
    side = rng.choice([-1, 1], n).astype(np.int8)
    blank = np.full(n, np.nan)
    trades = Trades(
        trade_id=np.arange(n).astype(str).astype(object),
        symbol=np.array(bars.symbols, dtype=object)[k],
        side=side,
        entry_time=bars.time[bar],
        entry_price=bars.open[bar],
        quantity=np.ones(n),
        stop_price=bars.open[bar] * (1 - 0.02 * side),
        entry_at=np.zeros(n, dtype=np.int8),
        exit_time=np.full(n, NO_TIME),
        exit_price=blank,
        quantity_open=blank,
        tag=np.full(n, "", dtype=object),
    )
    placed = place_trades(trades, bars)
    rows, atr = trade_rows(placed, 120), atr_of_set(bars)
    print()
    for label, names in (
        ("four of R", ("held", "open_r", "mfe_r", "give_back_r")),
        ("all", FeatureSet.from_names(["trade_state"]).state_names),
    ):
        trade_state_rows(placed, rows, atr, names)
        used = []
        for _ in range(rounds):
            begin = time.process_time()
            trade_state_rows(placed, rows, atr, names)
            used.append(time.process_time() - begin)
        print(
            f"trade state, {label}: {rows.n_rows:,} rows x {len(names)} columns, "
            f"{rows.n_rows / np.median(used) / 1e6:.1f} million rows per second"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--bars", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    bars = random_bars(options.symbols, options.bars)
    compare(bars, options.rounds)
    families(random_bars(min(options.symbols, 50), options.bars))
    state_rows(random_bars(min(options.symbols, 50), options.bars), options.rounds)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
