"""Value of the model on real bars, market by market.

The model is trained on the trades of an entry rule with the default settings: purged walk-forward, so every
prediction is out of fold. Calibration is evaluated on all of them against a constant that knows the base rate of
these very rows; value on the later half of the trades, with trailing stop and threshold tuned on the earlier half.
As a placebo, the same is measured with predictions shuffled between the trades of a stage. The model has an edge
only if it beats the placebo too.

Run ``python benchmarks/real_markets.py [--market all] [--data FOLDER]``. The market ``sample`` comes with the
package; the others need the real market data beside the project.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.reading import read_bars
from exitladder.models.calibration.measures import reliability
from exitladder.models.labels.labels import race, reachable_rows
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.training.model import Trained, train_model
from exitladder.pipelines.training.value import INDICATOR_OR_TRAIL
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL, TRAILING_STOP
from exitladder.sample import load_sample_bars
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.statistics.mean import MeanInterval, mean_interval
from exitladder.trades.entries import RULES, make_trades

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
# Where another company had the ticker before, or the file has a hole of years.
LEAN_FROM = {
    "FB": "2012-05-18", "USO": "2006-04-10", "EEM": "2003-04-11", "BAC": "1998-10-01", "WM": "2009-08-05",
    "QQQ": "2011-03-23",
}  # fmt: skip
# Splits and bonus issues of the Indian stocks, which are as traded: first date at the new price, shares for one.
NSE_SPLITS = {
    "BAJFINANCE": [("2016-09-08", 10)], "EICHERMOT": [("2020-08-24", 10)], "GRASIM": [("2016-10-06", 5)],
    "BRITANNIA": [("2018-11-29", 2)], "HDFCBANK": [("2019-09-19", 2)], "RELIANCE": [("2017-09-07", 2)],
    "INFY": [("2015-06-15", 2), ("2018-09-04", 2)], "ITC": [("2016-07-01", 1.5)], "ONGC": [("2016-12-15", 1.5)],
}  # fmt: skip


def nse(data: Path) -> BarSet:
    """Return 23 stocks of the NIFTY 50, daily, adjusted for splits and bonus issues."""
    found = []
    for path in sorted((data / "nse").glob("*-1d.parquet")):
        symbol = path.name.removesuffix("-1d.parquet")
        frame = pd.read_parquet(path)[["timestamp", "open", "high", "low", "close", "volume"]]
        factor = np.ones(len(frame))
        for date, ratio in NSE_SPLITS.get(symbol, []):
            factor[frame["timestamp"] < pd.Timestamp(date, tz="UTC")] /= ratio
        found.append(_adjusted(frame, factor, symbol))
    return BarSet(found)


def lean_daily(data: Path) -> BarSet:
    """Return ten American stocks and funds, daily, adjusted for splits and dividends."""
    return _lean(data, "1d", ("AAPL", "AIG", "BAC", "EEM", "FB", "IWM", "QQQ", "SPY", "USO", "WM"))


def lean_hourly(data: Path) -> BarSet:
    """Return four American stocks and funds, hourly, adjusted for splits and dividends."""
    return _lean(data, "1h", ("AAPL", "AIG", "BAC", "SPY"))


def binance(data: Path) -> BarSet:
    """Return Bitcoin in dollars, hourly."""
    return read_bars(data / "binance" / "BTCUSDT-1h.parquet")[0]


def fx(data: Path) -> BarSet:
    """Return three currency pairs, hourly; their volume counts ticks."""
    names = ("AUDUSD", "GBPUSD", "USDJPY")
    return BarSet([read_bars(data / "mt5-ejtrader" / f"{s}-1h.parquet")[0][s] for s in names])


def sample(data: Path) -> BarSet:
    """Return the package's own sample: five American stocks, daily."""
    return load_sample_bars()[0]


MARKETS: dict[str, Callable[[Path], BarSet]] = {
    "sample": sample, "nse": nse, "lean-1d": lean_daily, "lean-1h": lean_hourly, "binance-1h": binance, "fx-1h": fx,
}  # fmt: skip


def _lean(data: Path, interval: str, symbols: tuple[str, ...]) -> BarSet:
    factors = pd.read_csv(data / "lean-usa" / "factor-files.csv.gz")
    found = []
    for symbol in symbols:
        frame = pd.read_parquet(data / "lean-usa" / f"{symbol}-{interval}.parquet")
        frame = frame[frame["timestamp"] >= pd.Timestamp(LEAN_FROM.get(symbol, "1990-01-01"), tz="UTC")]
        own = factors[factors["symbol"] == symbol].sort_values("last_date")
        # A bar takes the first row whose last date is not before its own; New York's dates for hours.
        day = frame["timestamp"] if interval == "1d" else frame["timestamp"].dt.tz_convert("America/New_York")
        row = np.searchsorted(own["last_date"].to_numpy(), day.dt.strftime("%Y%m%d").astype(int).to_numpy())
        factor = (own["price_factor"] * own["split_factor"]).to_numpy()
        found.append(_adjusted(frame, factor[np.minimum(row, len(own) - 1)], symbol))
    return BarSet(found)


def _adjusted(frame: pd.DataFrame, factor: np.ndarray, symbol: str) -> Bars:
    """Return bars as the product adjusts and checks them."""
    return read_bars(frame.assign(adj_close=frame["close"] * factor), symbol=symbol)[0][symbol]


@dataclass(frozen=True)
class Row:
    """Results on one market."""

    market: str
    n_symbols: int
    trained: Trained
    log_loss_gain: MeanInterval
    calibration_error: float
    seconds: float


def measure(market: str, bars: BarSet, rule: str, settings: Settings) -> Row:
    """Train on the trades of the entry rule, and evaluate the out-of-fold predictions."""
    began = time.perf_counter()
    prepared = prepare(bars, make_trades(bars, rule, lot=0.0), settings)
    trained = train_model(prepared, settings)
    gain, error = _calibration(prepared, trained, settings)
    return Row(market, len(bars), trained, gain, error, time.perf_counter() - began)


def _calibration(prepared: Prepared, trained: Trained, settings: Settings) -> tuple[MeanInterval, float]:
    """Return how much smaller the log loss is than a constant's, by trade, and the calibration error."""
    labels, predictions = settings.labels, trained.predictions
    y = race(prepared.placed, prepared.rows, prepared.atr, labels.race_give_back_atr, labels.race_extend_atr).value
    reachable = reachable_rows(prepared.placed, prepared.rows, prepared.atr, labels.reachable_trail_atr)
    evaluation = reachable & (predictions.stage >= 0) & np.isfinite(y)
    p, truth, trade = predictions.exhaustion[evaluation], y[evaluation], prepared.rows.trade[evaluation]
    base = truth.mean()
    gain = np.where(truth > 0, np.log(p / base), np.log((1 - p) / (1 - base)))
    # Rows of a trade overlap, so trades are resampled: each counts with the sum of its rows.
    total = np.bincount(trade, gain, minlength=len(prepared.placed))
    n_rows = np.bincount(trade, minlength=len(prepared.placed))
    own = n_rows > 0
    interval = mean_interval(
        total[own] / n_rows[own].mean(),
        time=prepared.entry_time[own],
        intervals=settings.intervals,
    )
    table = reliability(p, truth)
    return interval, float(np.average(np.abs(table.predicted - table.observed), weights=table.n))


def main() -> None:
    """Print a line for each market."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", default="all", choices=["all", *MARKETS])
    parser.add_argument("--rule", default="donchian", choices=list(RULES), help="what enters the trades")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    parser.add_argument("--threads", type=int, default=0, help="0 means all cores")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    args = parser.parse_args()
    settings = load_settings(None, [f"project.threads={args.threads}", *args.set])
    print(
        "market      symbols trades scored    AUC  log loss: base, less by (95% CI), 1/1000    ECE    "
        "over the past's constant, 1/1000  silent  trail  RSI+BB   model  model - trail, R (95% CI) shuffled  "
        "finding  leaks   seconds"
    )
    for market in MARKETS if args.market == "all" else [args.market]:
        row = measure(market, MARKETS[market](args.data), args.rule, settings)
        print(line_of(row), flush=True)


def line_of(row: Row) -> str:
    """Return a market's line."""
    metrics, value, gain = row.trained.model.metrics, row.trained.value, row.log_loss_gain
    against = value.comparison
    base = metrics["base_rate"]
    constant = -(base * np.log(base) + (1 - base) * np.log(1 - base))
    r = value.expectancy_r
    silent = "+".join(f"{sum(stages)}/{len(stages)}" for stages in row.trained.model.silent.values())
    difference = f"{against.difference_r:+.3f} {_ends(against.low, against.high)}" if against else "too few trades"
    return (
        f"{row.market:<11} {row.n_symbols:>7} {row.trained.n_trades:>6} {against.n if against else 0:>6}  "
        f"{metrics['auc']:.3f}  {constant:.4f}  {1e3 * gain.value:+6.2f} {_ends(1e3 * gain.low, 1e3 * gain.high, 2)}   "
        f"{row.calibration_error:.3f}  {1e3 * metrics['log_loss_gain']:+6.2f} ± "
        f"{1e3 * metrics['log_loss_gain_error']:.2f}  {silent:<11}  {r.get(TRAILING_STOP, np.nan):+.3f}  "
        f"{r.get(INDICATOR_OR_TRAIL, np.nan):+.3f}  {r.get(MODEL_OR_TRAIL, np.nan):+.3f}  {difference:<24}  "
        f"{value.shuffled_gain_r:+8.3f}  {value.finding:<8} {row.trained.leaks.verdict:<7} "
        f"{row.seconds:.0f}"
    )


def _ends(low: float, high: float, digits: int = 3) -> str:
    return f"[{low:+.{digits}f}, {high:+.{digits}f}]"


if __name__ == "__main__":
    main()
