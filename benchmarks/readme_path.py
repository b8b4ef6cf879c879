"""The README's way from files to a recommendation, checked on trades that came later.

For each market: entries of a named rule, each left at the close of its 20th bar (the trader's own exits). The commands
see only the data known when 70% of the trades had been entered: ``bars check``, ``trades check``, ``train`` (with
``--train``), ``tune``. Then ``backtest`` executes the recommended exit and the tuned ladder on the trades entered after
that moment. The table sets the numbers that ``tune`` printed beside the later ones with both intervals, says if they
overlap, gives the p-value of their difference (both intervals counted), and names each contradiction:

- "verdict": `tune` said better or worse than own exits, and the later interval is wholly on the other side of zero;
- "difference": the printed and the later difference from own exits differ significantly (5%, p-values adjusted for the
  number of markets shown by Holm's method: of many true numbers, some differ by chance);
- "recommendation": the recommended exit later earned significantly less than own exits.

The last line tests all markets together: the sum of the squared differences in standard errors (chi-squared).

    python benchmarks/readme_path.py [--market NAME ...] [--data FOLDER] [--jsons FOLDER] [--train] [--commands]

The market ``sample`` comes with the package. The others need a folder of market data and are left out, with the reason,
if their files are missing. Nothing is chosen by looking at these results.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from real_markets import DATA, MARKETS
from scipy.special import chdtrc, ndtr, ndtri
from tuned_markets import COSTS, exitladder, kept_json

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import read_bars
from exitladder.bars.writing import write_bars
from exitladder.pipelines.tuning.policies import OWN_EXITS, TUNED
from exitladder.statistics.comparison import holm
from exitladder.trades.entries import RULES, make_trades
from exitladder.trades.files import write_trades
from exitladder.trades.trades import Trades

SEEN, OWN_BARS = 0.7, 20
HEADS = (
    "market", "trades: seen, later", "tune: tuned minus own exits (R)", "verdict", "recommendation",
    "later: tuned minus own exits (R)", "intervals overlap", "p, adjusted", "later: recommended minus own exits (R)",
    "later R per trade: own, tuned, recommended", "contradicted",
)  # fmt: skip


def _one_file(*place: str) -> Callable[[Path], BarSet]:
    return lambda data: read_bars(data.joinpath(*place))[0]


BOOKS: dict[str, Callable[[Path], BarSet]] = {
    **{name: MARKETS[name] for name in ("sample", "lean-1d", "nse", "fx-1h", "binance-1h")},
    "6e-1m": _one_file("xcme", "6E-202403-1m.parquet"),
    "spy-1m": _one_file("ninjatrader", "SPY-1m.parquet"),
}
BOOK_COSTS = COSTS | {"6e-1m": (0.1, 0.2), "spy-1m": (0.3, 0.3)}


def book_of(bars: BarSet, rule: str, most: int) -> Trades:
    """Return the trades of a rule, each left at the close of its 20th bar.

    Parameters
    ----------
    bars : BarSet
    rule : str
    most : int
        Of more trades only the latest are taken.
    """
    made = make_trades(bars, rule, lot=0.0)
    exit_time, exit_price = np.empty(len(made), dtype=np.int64), np.empty(len(made))
    has_end = np.zeros(len(made), dtype=bool)
    for symbol in bars.symbols:
        own, rows = bars[symbol], np.flatnonzero(made.symbol == symbol)
        last = np.searchsorted(own.time, made.entry_time[rows], side="right") - 1 + OWN_BARS - 1
        has_end[rows] = last < len(own.time)
        last = np.minimum(last, len(own.time) - 1)
        exit_time[rows], exit_price[rows] = own.time[last] + own.interval_ns - 1, own.close[last]
    ended = replace(made, exit_time=exit_time, exit_price=exit_price, quantity_open=np.full(len(made), np.nan))
    kept = np.flatnonzero(has_end)
    return ended.take(np.sort(kept[np.argsort(made.entry_time[kept], kind="stable")][-most:]))


def path_of(market: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return what the commands printed: ``tune``, the later backtests, and the commands themselves."""
    bars = BOOKS[market](args.data.resolve())
    trades = book_of(bars, args.rule, args.most)
    cut = int(np.quantile(trades.entry_time, SEEN, method="higher"))
    commission, slippage = BOOK_COSTS[market]
    changes = (f"costs.commission_bps={commission}", f"costs.slippage_bps={slippage}", *args.set)
    sets = [word for change in changes for word in ("--set", change)]
    seen, later = trades.exit_time <= cut, trades.entry_time > cut
    given: list[str] = []

    def give(*words: str) -> dict[str, Any]:
        given.append(f"exitladder {shlex.join(words)}")
        return exitladder(folder, *words)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_bars(bars.until(cut), folder / "bars.parquet")
        write_bars(bars, folder / "later-bars.parquet")
        write_trades(trades.take(np.flatnonzero(seen)), folder / "trades.csv")
        write_trades(trades.take(np.flatnonzero(later)), folder / "later.csv")
        book = ("--bars", "bars.parquet", "--trades", "trades.csv")
        give("bars", "check", "bars.parquet")
        give("trades", "check", "trades.csv", "--bars", "bars.parquet")
        model = ("--model", give("train", *book, *sets)["model"]) if args.train else ()
        tuned = give("tune", *book, *model, *sets, "--out", "tuned")
        after = ("--bars", "later-bars.parquet", "--trades", "later.csv", *model, *sets)
        found = {TUNED: give("backtest", *after, "--ladder", "tuned/ladder.toml", "--out", "later-tuned")}
        if tuned["recommended"]["choice"] != "own_exits":
            found["recommended"] = give("backtest", *after, "--ladder", "tuned/recommended.toml", "--out", "later-rec")
    return {"seen": int(seen.sum()), "later": int(later.sum()), "tune": tuned, "backtests": found, "commands": given}


def difference_of(summary: dict[str, Any]) -> tuple[float, float, float]:
    """Return a backtest's difference from own exits with its interval; NaN if it is not known.

    Raises
    ------
    ValueError
        If some of the trades count as in-sample.
    """
    if summary["sample"] != "out_of_sample":
        raise ValueError(f"All later trades must be out of sample, but the backtest says {summary['sample']}.")
    found = summary["beside"][OWN_EXITS]["difference_r"]
    value, low, high = (math.nan if found[key] is None else float(found[key]) for key in ("value", "low", "high"))
    return value, low, high


def distance(printed: tuple[float, float, float], later: tuple[float, float, float]) -> float:
    """Return how far the later difference is from the printed one, in standard errors of both.

    Their intervals' ends that face each other give the standard errors.
    """
    toward = (printed[1], later[2]) if later[0] < printed[0] else (printed[2], later[1])
    error = math.hypot(toward[0] - printed[0], toward[1] - later[0]) / ndtri(0.975)
    return float((later[0] - printed[0]) / error)


def contradictions(
    verdict: str, p_adjusted: float, later: tuple[float, float, float], followed: tuple[float, ...]
) -> list[str]:
    """Return which printed results the later ones contradict; see the module.

    Parameters
    ----------
    verdict : {"better", "worse", "no_difference"}
    p_adjusted : float
        Of the difference between the printed and the later number, adjusted for the number of markets.
    later : (float, float, float)
        Tuned ladder minus own exits on the later trades, with the interval.
    followed : (float, float, float)
        Recommended exit minus own exits on the later trades; zeros if own exits are recommended.
    """
    found = []
    if (verdict == "better" and later[2] < 0) or (verdict == "worse" and later[1] > 0):
        found.append("verdict")
    if p_adjusted <= 0.05:
        found.append("difference")
    if followed[2] < 0:
        found.append("recommendation")
    return found


def shown(value: float, low: float, high: float) -> str:
    """Return a difference with its interval."""
    return "–" if math.isnan(value) else f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def numbers_of(path: dict[str, Any]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the difference of the tuned ladder from own exits, with its interval: as printed, and later."""
    tune = path["tune"]
    if tune["baseline"] != OWN_EXITS:
        raise ValueError(f"The verdict must be about {OWN_EXITS}, but is about '{tune['baseline']}'.")
    return (tune["difference_r"], *tune["interval"]), difference_of(path["backtests"][TUNED])


def line_of(market: str, path: dict[str, Any], p: float, p_adjusted: float) -> str:
    """Return a market's row."""
    tune, backtests = path["tune"], path["backtests"]
    printed, later = numbers_of(path)
    changed = "recommended" in backtests
    followed = difference_of(backtests["recommended"]) if changed else (0.0, 0.0, 0.0)
    overlap = "yes" if later[1] <= printed[2] and printed[1] <= later[2] else "no"
    own = backtests[TUNED]["beside"][OWN_EXITS]["expectancy_r"]["value"]
    means = [own, backtests[TUNED]["expectancy_r"]["value"]]
    means.append(backtests["recommended"]["expectancy_r"]["value"] if changed else own)
    cells = (
        market, f"{path['seen']:,}, {path['later']:,}", shown(*printed), tune["verdict"].replace("_", " "),
        tune["recommended"]["exit"], shown(*later), overlap,
        f"{p:.2f}, {p_adjusted:.2f}", shown(*followed) if changed else "own exits",
        ", ".join(f"{mean:+.3f}" for mean in means),
        ", ".join(contradictions(tune["verdict"], p_adjusted, later, followed)) or "none",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print a row for each market, then the recommendations and, if asked, the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--market", nargs="+", default=[*BOOKS], choices=[*BOOKS], metavar="NAME", help=", ".join(BOOKS)
    )
    parser.add_argument("--rule", default="donchian", choices=list(RULES), help="entry rule")
    parser.add_argument("--most", type=int, default=1_000, help="latest trades of a market that are used")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    parser.add_argument("--train", action="store_true", help="train a model and tune with it")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="change a setting")
    parser.add_argument("--jsons", type=Path, metavar="FOLDER", help="folder of the printed outputs, reused if present")
    parser.add_argument("--commands", action="store_true", help="show the commands")
    args = parser.parse_args()
    found, paragraphs = {}, []
    for market in args.market:
        began = time.perf_counter()
        try:
            path = kept_json(args.jsons, market, partial(path_of, market, args))
        except FileNotFoundError as missing:
            sys.stderr.write(f"{market} left out: {missing}\n")
            continue
        found[market] = path
        paragraphs.append(f"**{market}**: {path['tune']['recommendation']}")
        if args.commands:
            paragraphs.append("\n".join(f"    {command}" for command in path["commands"]))
        sys.stderr.write(f"{market}: {time.perf_counter() - began:.0f} s\n")
    distances = np.array([distance(*numbers_of(path)) for path in found.values()])
    p_values = 2 * ndtr(-np.abs(distances))
    print(f"| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
    for (market, path), p, adjusted in zip(found.items(), p_values, holm(p_values), strict=True):
        print(line_of(market, path, float(p), float(adjusted)))
    together = float(chdtrc(len(distances), (distances**2).sum())) if len(distances) else math.nan
    print("\n" + "\n\n".join([*paragraphs, f"All differences together: p = {together:.2f}"]))


if __name__ == "__main__":
    main()
