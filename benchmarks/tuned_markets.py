"""Verdicts of ``exitladder tune`` on real and planted markets, run from the command line as a trader would.

Each market's bars are written to a temporary folder. There the commands are given: ``trades make`` by a named rule,
``train``, and ``tune`` with the model's REF; each is a process of its own, with an MLflow store in that folder. Rows
are made of the JSON that the commands print. Settings are the defaults, with the costs that such a market asks
for. Nothing is chosen by looking at these results.

    python benchmarks/tuned_markets.py [--market NAME ...] [--data FOLDER] [--jsons FOLDER] [--commands]

The market ``sample`` comes with the package; the other real ones need the market data beside the project.
``planted`` has an exhaustion that a model can learn (the world "strong" of ``planted_world.py``), ``planted-none``
is the same without anything to learn: a random walk. Their trades come with them, and their settings fit how long
they last. With ``--jsons`` what ``tune`` printed is kept there, and a market that is there is not tuned again.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from planted_world import BARS, WORLDS, as_bars, as_trades, draw
from real_markets import DATA, MARKETS

from exitladder.bars.writing import write_bars
from exitladder.pipelines.tuning.policies import SIMPLEST, TUNED
from exitladder.trades.entries import RULES
from exitladder.trades.files import write_trades

# Commission and slippage of a small account, basis points a fill.
COSTS = {
    "sample": (2.0, 3.0), "lean-1d": (2.0, 3.0), "lean-1h": (2.0, 3.0), "nse": (3.0, 5.0), "binance-1h": (7.5, 1.0),
    "fx-1h": (0.3, 0.7),
}  # fmt: skip
PLANTED = {"planted": "strong", "planted-none": "null_rw"}
# As long as the worlds last.
PLANTED_SETTINGS = (f"labels.max_bars={BARS}", f"search.time_bars=[10, {BARS}]")
HEADS = (
    "market", "trades", "scored", "parts", "tuned (R)", "best simple exit (R)", "difference (R), 95% CI", "p",
    "worst 5%: tuned, simple (R)", "drawdown: tuned, simple (R)", "DSR", "PBO", "more trades needed", "verdict",
)  # fmt: skip
_NEEDED = re.compile(r"(?:about|(more than)) ([\d,]+) more trades")


def settings_of(market: str) -> list[str]:
    """Return what differs from the default settings."""
    if market in PLANTED:
        return list(PLANTED_SETTINGS)
    commission, slippage = COSTS[market]
    return [f"costs.commission_bps={commission}", f"costs.slippage_bps={slippage}"]


def exitladder(folder: Path, *words: str) -> dict[str, Any]:
    """Return what a command prints as JSON, given in a folder.

    Raises
    ------
    SystemExit
        If the command fails; its last words are shown.
    """
    command = [sys.executable, "-m", "exitladder", *words, "--format", "json", "--quiet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"`exitladder {shlex.join(words)}` failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def tuned_on(market: str, data: Path, rule: str, extra: list[str], n_planted: int) -> dict[str, Any]:
    """Return the output of ``exitladder tune``, with the commands under ``commands`` and ``n_trades``."""
    changes = [word for change in (*settings_of(market), *extra) for word in ("--set", change)]
    given = []

    def give(*words: str) -> dict[str, Any]:
        given.append(f"exitladder {shlex.join(words)}")
        return exitladder(folder, *words)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        book = ("--bars", "bars.parquet", "--trades", "trades.csv")
        if market in PLANTED:
            bars = as_bars(draw(WORLDS[PLANTED[market]], n_planted, 0))
            write_bars(bars, folder / "bars.parquet")
            write_trades(as_trades(bars), folder / "trades.csv")
            n_trades = n_planted
        else:
            write_bars(MARKETS[market](data), folder / "bars.parquet")
            made = give("trades", "make", "--bars", "bars.parquet", "--rule", rule, "--lot", "0", "--out", "trades.csv")
            n_trades = made["n_trades"]
        trained = give("train", *book, *changes)
        result = give("tune", *book, "--model", trained["model"], *changes, "--out", "tuned")
    return result | {"market": market, "n_trades": n_trades, "commands": given}


def line_of(result: dict[str, Any]) -> str:
    """Return a market's row."""
    board = {row["policy"]: row for row in result["policies"]}
    fall = {row["policy"]: row["max_drawdown_r"] for row in result["continuous"]}
    if result["baseline"] != SIMPLEST:
        raise ValueError(f"The verdict must be about the {SIMPLEST}, but is about '{result['baseline']}'.")
    named = _NEEDED.search(result["verdict_text"])
    needed = ("> " if named[1] else "") + named[2] if named else "–"
    low, high = result["interval"]
    cells = (
        result["market"], f"{result['n_trades']:,}", f"{result['n_test']:,}", str(len(result["folds"])),
        f"{board[TUNED]['expectancy_r']:+.3f}", f"{board[SIMPLEST]['expectancy_r']:+.3f}",
        f"{result['difference_r']:+.3f} ({low:+.3f} to {high:+.3f})", f"{result['p_value']:.2g}",
        f"{board[TUNED]['cvar_r']:.2f}, {board[SIMPLEST]['cvar_r']:.2f}", f"{fall[TUNED]:.3g}, {fall[SIMPLEST]:.3g}",
        f"{result['dsr']:.2f}", f"{result['pbo']:.2f}", needed, result["verdict"].replace("_", " "),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def kept_json(folder: Path | None, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a folder keeps under a name; if it keeps nothing yet, it is made and kept."""
    kept = folder / f"{name}.json" if folder else None
    if kept is not None and kept.exists():
        return dict(json.loads(kept.read_text()))
    made = make()
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(made))
    return made


def main() -> None:
    """Print a row for each market, then the words of each verdict and, if asked, the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*MARKETS, *PLANTED]
    parser.add_argument("--market", nargs="+", default=[*MARKETS], choices=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--rule", default="donchian", choices=list(RULES), help="what enters the trades")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    parser.add_argument("--planted-trades", type=int, default=2_000, help="trades of a planted market")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="change a setting")
    parser.add_argument("--jsons", type=Path, metavar="FOLDER", help="folder of the printed outputs, reused if present")
    parser.add_argument("--commands", action="store_true", help="show the commands")
    args = parser.parse_args()
    print(f"| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
    paragraphs = []
    for market in args.market:
        began = time.perf_counter()
        tune = partial(tuned_on, market, args.data.resolve(), args.rule, args.set, args.planted_trades)
        result = kept_json(args.jsons, market, tune)
        print(line_of(result), flush=True)
        paragraphs.append(f"**{market}**: {result['verdict_text']}")
        if args.commands:
            paragraphs.append("\n".join(f"    {command}" for command in result["commands"]))
        sys.stderr.write(f"{market}: {time.perf_counter() - began:.0f} s\n")
    print("\n" + "\n\n".join(paragraphs))


if __name__ == "__main__":
    main()
