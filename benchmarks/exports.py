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
from tests.exporters.markets import Filled, sales, sales_and_adds, trades_on  # noqa: E402

from exitladder.execution import simulate  # noqa: E402
from exitladder.plans.file import ladder_from_mapping, ladder_to_mapping  # noqa: E402
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


def chain_under(policy: str) -> Ladder:
    """Three adds, each from the fill of the one before, whose stop follows."""
    unit = {"quantity": 0.5, "at": "0.3R", "spacing": "previous", "stop": "1R"}
    table = ladder_to_mapping(plan_under(policy))
    return ladder_from_mapping({**table, "name": "chain", "adds": [unit] * 3})


def plan_under(policy: str) -> Ladder:
    pyramid = [{"quantity": 0.5, "at": "0.5R", "stop": "1R"}] if policy == "stop_first" else []
    return ladder_from_mapping(
        {
            "name": "tranches",
            "rungs": [{"fraction": 0.25, "target": "2R"}],
            "adds": [{"quantity": 0.5, "at": "-0.4R"}, *pyramid, {"quantity": 0.25, "when": ["open_r >= 1"]}],
            "stop": {"trail": "3ATR", "trail_from": "1R", "time": 40},
            "size": {"maximum": 2.0},
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


def in_turn(placed: PlacedTrades, ladder: Ladder, *, later: bool = False) -> PlacedTrades:
    """Trades of which none begins before the one before has ended: Pine has one position.

    `later` leaves out trades with a fill in the bar of their entry, where no order but the stop rests in Pine.
    """
    done = simulate(placed, ladder)
    ends, fills = done.exit_bar, sales_and_adds(done)
    kept, last = [], -1
    for i, bar in enumerate(placed.entry_bar):
        if bar > last + 1 and ends[i] > 0 and not (later and fills[i] and fills[i][0][0] == bar):
            kept.append(i)
            last = int(ends[i])
    return placed.take(np.array(kept))


def tell(
    program: str, policy: str, placed: PlacedTrades, run: Callable[[Ladder, Path], list[list[Filled]]],
    *, plan: Callable[[str], Ladder] | None = None,
) -> None:  # fmt: skip
    ladder, adds = (plan or ladder_under)(policy), plan is not None
    ours = (sales_and_adds if adds else sales)(simulate(placed, ladder))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
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
    print(f"{'program':28} {'policy here':15} {'trades':>7} {'equal':>7} {'fills':>7} {'equal':>7}")
    for name in ("backtesting", "vectorbt"):
        tell(name, "stop_first", placed, lambda of, at, n=name: runs.in_python(external.find(n), n, placed, of, at))
    tell("freqtrade", "target_first", placed,
         lambda of, at: runs.in_freqtrade(external.find("freqtrade"), placed, of, at, TICK)[0])  # fmt: skip
    turn = in_turn(placed, ladder_under("nearer_extreme"))
    tell("Pine, PyneCore (in turn)", "nearer_extreme", turn,
         lambda of, at: runs.in_pine(external.find("pine"), turn, of, at, TICK))  # fmt: skip
    compiler = shutil.which("g++") or shutil.which("clang++")
    for hedging in (True, False) if compiler else ():
        tell(f"MQL5 model, {'hedging' if hedging else 'netting'}", "stop_first", placed,
             lambda of, at, h=hedging: runs.in_mql5(
                 runs.compiled_mql5(str(compiler), of, at), placed, hedging=h, tick=TICK))  # fmt: skip
    for name in ("backtesting", "vectorbt"):
        tell(f"{name}, plan with adds", "stop_first", placed,
             lambda of, at, n=name: runs.with_adds_in_python(external.find(n), n, placed, of, at),
             plan=plan_under)  # fmt: skip
    for hedging in (True, False) if compiler else ():
        for name, of_plan in (("adds", plan_under), ("chained adds", chain_under)):
            tell(f"MQL5 {'hedging' if hedging else 'netting'}, {name}", "stop_first", placed,
                 lambda of, at, h=hedging: runs.in_mql5(
                     runs.compiled_mql5(str(compiler), of, at), placed, hedging=h, tick=TICK),
                 plan=of_plan)  # fmt: skip
    after = in_turn(placed, plan_under("nearer_extreme"), later=True)
    tell("Pine, plan with adds", "nearer_extreme", after,
         lambda of, at: runs.with_adds_in_pine(external.find("pine"), after, of, at, TICK),
         plan=plan_under)  # fmt: skip
    chain = in_turn(placed, chain_under("nearer_extreme"), later=True)
    tell("Pine, chained adds", "nearer_extreme", chain,
         lambda of, at: runs.with_adds_in_pine(external.find("pine"), chain, of, at, TICK),
         plan=chain_under)  # fmt: skip
    tell("freqtrade, plan with adds", "target_first", placed,
         lambda of, at: runs.in_freqtrade(external.find("freqtrade"), placed, of, at, TICK)[0],
         plan=plan_under)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
