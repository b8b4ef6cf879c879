"""False-alarm rate and power of drift monitoring.

Symbols with persistent volatility regimes, partly shared, are trained on and then monitored on fresh bars of the
same kind, and on bars with a multiple of the volatility. Each line is printed with its counts.

Run ``python benchmarks/drift.py --help``.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.signal import lfilter

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.features import FeatureSet
from exitladder.features.matrix import matrix_values
from exitladder.models.drift import LEVEL, WINDOW, DriftReference, moved, windows

DAY = 86_400 * 10**9
FEATURES = FeatureSet.from_names(["default"])
# Bars before the window that is watched, so that every feature has warmed up.
LEAD = 300
FRESH = 8


def market(seed: int, n_bars: int, n_symbols: int, *, volatility: float = 1.0, first_day: int = 0) -> BarSet:
    """Return daily bars with correlated returns and volatility in spells, shared and own; `volatility` scales it."""
    rng = np.random.default_rng(seed)

    def spells(memory: float, size: float) -> FloatArray:
        shocks = rng.normal(0, size * np.sqrt(1 - memory**2), n_bars)
        shocks[0] = rng.normal(0, size)
        return np.asarray(lfilter([1.0], [1.0, -memory], shocks))

    shared_volatility, shared_return = spells(0.985, 0.35), rng.standard_normal(n_bars)
    made = []
    for k in range(n_symbols):
        sigma = 0.012 * volatility * np.exp(shared_volatility + spells(0.97, 0.25))
        z = np.sqrt(0.4) * shared_return + np.sqrt(0.6) * rng.standard_normal(n_bars)
        close = 100 * np.exp(np.cumsum(sigma * z))
        open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(0.1 * sigma * rng.standard_normal(n_bars))
        reach = np.abs(rng.normal(0, 0.6, (2, n_bars))) * sigma
        made.append(
            Bars(
                f"S{k}",
                DAY,
                (first_day + np.arange(n_bars, dtype=np.int64)) * DAY,
                open_,
                np.maximum(open_, close) * np.exp(reach[0]),
                np.minimum(open_, close) * np.exp(-reach[1]),
                close,
                np.exp(10 + spells(0.9, 0.4) + 0.3 * np.abs(z)),
            )
        )
    return BarSet(made)


def monitored(
    bars: BarSet, n_last: int | None = None
) -> tuple[FloatArray, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return features, symbol and which values count, of the last bars of each symbol."""
    values, lengths = matrix_values(bars, FEATURES, 1), np.diff(bars.start)
    place = np.arange(bars.n_bars) - np.repeat(bars.start[:-1], lengths)
    counted = place[:, None] >= np.array([column.first for column in FEATURES.columns])
    kept = place >= (0 if n_last is None else lengths.min() - n_last)
    return values[kept], np.repeat(np.arange(len(lengths)), lengths)[kept], counted[kept]


def reference(bars: BarSet) -> DriftReference:
    """Return the distributions of all bars."""
    values, symbol, counted = monitored(bars)
    return DriftReference.of(FEATURES.bar_names, values, windows(bars.time), symbol, counted=counted)


def compared(known: DriftReference, bars: BarSet) -> pd.DataFrame:
    """Return the comparison of the last window of bars."""
    values, symbol, counted = monitored(bars, WINDOW)
    return known.compare(FEATURES.bar_names, values, symbol, counted=counted)


def alarms(seed: int, n_bars: int, n_symbols: int, n_scored: int, volatility: float, n_fresh: int) -> list[list[str]]:
    """Return the quantities flagged as drifted in each of several fresh windows."""
    known = reference(market(seed, n_bars, n_symbols))
    found = []
    for k in range(n_fresh):
        fresh = market(10_000 + 100 * seed + k, LEAD + WINDOW, n_scored, volatility=volatility, first_day=n_bars)
        table = compared(known, fresh)
        found.append(table["name"][moved(table)].tolist())
    return found


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="training markets per row; %(default)s")
    chosen = parser.parse_args()
    print(f"{FRESH} fresh windows of {WINDOW} bars per training market, {chosen.seeds} markets; level {LEVEL:g}")
    print(f"{'trained on':>22} {'scored':>6} {'volatility':>10} {'alarms':>14} {'share':>6}  named first")
    for n_symbols, n_bars, n_scored in ((8, 2000, 8), (8, 2000, 1), (4, 3000, 4), (20, 1200, 5), (1, 3000, 1)):
        for volatility in (1.0, 1.7, 2.5, 4.0):
            windows = [
                names
                for seed in range(chosen.seeds)
                for names in alarms(seed, n_bars, n_symbols, n_scored, volatility, FRESH)
            ]
            n = sum(bool(names) for names in windows)
            named = pd.Series([names[0] for names in windows if names], dtype=object).value_counts()
            text = ", ".join(f"{name} {count}" for name, count in named.head(3).items())
            span = f"{n_symbols} x {n_bars} bars"
            print(
                f"{span:>22} {n_scored:>6} {volatility:>10g} {f'{n}/{len(windows)}':>14} "
                f"{n / len(windows):>6.1%}  {text}"
            )


if __name__ == "__main__":
    main()
