"""Fills of a ladder by the programs that it is exported to, compared with the engine's, trade by trade.

    python tools/external.py backtesting vectorbt freqtrade pine
    python benchmarks/exports.py [--trades 40]

Trades on the sample's IBM bars, rounded to a tick of a cent: entries at opens, stops 4% away. Each program runs its own
export in its own environment; the MQL5 expert runs as C++ against a small model of MetaTrader 5, whose compiler is part
of that program. A program that is not installed is left out with a notice.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import external  # noqa: E402
from tests.exporters import runs  # noqa: E402
from tests.exporters.markets import Filled, sales, trades_on  # noqa: E402

from exitladder.execution import simulate  # noqa: E402
from exitladder.plans.file import ladder_from_mapping  # noqa: E402
from exitladder.plans.ladder import Ladder  # noqa: E402
from exitladder.sample import load_sample_bars  # noqa: E402
from exitladder.trades.trades import PlacedTrades  # noqa: E402

TICK = 0.01


def ladder_under(policy: str) -> Ladder:
    return ladder_from_mapping(
        {
            "name": "classic",
            "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
            "stop": {"breakeven_after": 1, "trail": "3ATR", "trail_after": 1, "time": 40},
            "costs": {"tick": TICK, "lot": 1.0},
            "execution": {"intrabar": policy},
        }
    )


def sample(n: int) -> PlacedTrades:
    bars = load_sample_bars()[0]["IBM"]
    last = slice(len(bars) - 1500, len(bars))
    prices = {name: np.round(getattr(bars, name)[last] / TICK) * TICK for name in ("open", "high", "low", "close")}
    cut = replace(bars, time=bars.time[last], volume=None if bars.volume is None else bars.volume[last], **prices)
    placed = trades_on(cut, 1, n=n)
    trades = placed.trades
    stop = np.round(trades.entry_price * (1 - 0.04 * trades.side), 2)
    return replace(placed, trades=replace(trades, stop_price=stop))


def in_turn(placed: PlacedTrades, ladder: Ladder) -> PlacedTrades:
    """Trades of which none begins before the one before has ended: Pine has one position."""
    ends = simulate(placed, ladder).exit_bar
    kept, last = [], -1
    for i, bar in enumerate(placed.entry_bar):
        if bar > last + 1 and ends[i] > 0:
            kept.append(i)
            last = int(ends[i])
    return placed.take(np.array(kept))


def tell(program: str, policy: str, placed: PlacedTrades, run: Callable[[Ladder, Path], list[list[Filled]]]) -> None:
    ladder = ladder_under(policy)
    ours = sales(simulate(placed, ladder))
    with tempfile.TemporaryDirectory() as folder:
        try:
            theirs = run(ladder, Path(folder))
        except external.NotHereError as reason:
            print(f"{program:28} {reason}")
            return
    pairs = list(zip(ours, theirs, strict=True))
    fills = sum(len(fills) for fills in ours)
    same = sum(len(set(a) & set(b)) for a, b in pairs)
    trades = sum(a == b for a, b in pairs)
    print(f"{program:28} {policy:15} {len(ours):7} {trades:7} {fills:7} {same:7}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=40)
    placed = sample(parser.parse_args().trades)
    longs = placed.take(np.flatnonzero(placed.trades.side > 0))
    print(f"{'program':28} {'policy here':15} {'trades':>7} {'equal':>7} {'fills':>7} {'equal':>7}")
    for name in ("backtesting", "vectorbt"):
        tell(name, "stop_first", placed, lambda of, at, n=name: runs.in_python(external.find(n), n, placed, of, at))
    tell("freqtrade (longs)", "target_first", longs,
         lambda of, at: runs.in_freqtrade(external.find("freqtrade"), longs, of, at, TICK)[0])  # fmt: skip
    turn = in_turn(placed, ladder_under("nearer_extreme"))
    tell("Pine, PyneCore (in turn)", "nearer_extreme", turn,
         lambda of, at: runs.in_pine(external.find("pine"), turn, of, at, TICK))  # fmt: skip
    compiler = shutil.which("g++") or shutil.which("clang++")
    for hedging in (True, False) if compiler else ():
        tell(f"MQL5 model, {'hedging' if hedging else 'netting'}", "stop_first", placed,
             lambda of, at, h=hedging: runs.in_mql5(
                 runs.compiled_mql5(str(compiler), of, at), placed, hedging=h, tick=TICK))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
