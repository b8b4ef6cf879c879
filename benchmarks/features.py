"""RSI, Bollinger bands, ATR and momentum over 500 symbols of 5,000 bars: this package, a bare TA-Lib loop, pandas.

Run as ``python benchmarks/features.py [--symbols 500] [--bars 5000] [--rounds 9]``. The three run in
turn inside one process; each must give the same numbers; what is told are medians of the ratios of
neighbouring runs, in CPU seconds of the process (so that neighbours on the machine matter less).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import talib

from exitladder.bars import Bars, BarSet, FloatArray
from exitladder.features import FeatureSet, feature_matrix

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
        members.append(Bars(f"S{k:04d}", DAY, np.arange(n_bars) * DAY, open_, high, low, close))
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


def run(function: Callable[[BarSet], FloatArray], bars: BarSet) -> tuple[float, float, FloatArray]:
    cpu, wall = time.process_time(), time.perf_counter()
    values = function(bars)
    return time.process_time() - cpu, time.perf_counter() - wall, values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--bars", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    bars = random_bars(options.symbols, options.bars)
    functions = {"exitladder": ours, "TA-Lib loop": bare_talib, "pandas": with_pandas}
    wanted = ours(bars)
    for name, function in functions.items():
        values = function(bars)
        both = np.isfinite(wanted)
        np.testing.assert_allclose(values[both], wanted[both], rtol=1e-6, atol=1e-6, err_msg=name)
    cpu: dict[str, list[float]] = {name: [] for name in functions}
    wall: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(options.rounds):
        for name, function in functions.items():
            used, passed, _ = run(function, bars)
            cpu[name].append(used)
            wall[name].append(passed)
    print(f"{options.symbols} symbols x {options.bars} bars, {len(NAMES)} columns equal to 1e-6")
    print(f"{'':14}{'CPU ms':>10}{'wall ms':>10}{'ratio to exitladder (CPU, median)':>36}")
    for name in functions:
        ratio = np.median(np.array(cpu[name]) / np.array(cpu["exitladder"]))
        print(f"{name:14}{1000 * np.median(cpu[name]):10.1f}{1000 * np.median(wall[name]):10.1f}{ratio:36.2f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
