"""What tuning a ladder is worth on real bars, market by market: the verdicts of ``tune`` with a model of ``train``.

Trades of a named rule; the model is trained in stages and the ladder walk-forward, both with the default settings,
after costs that such a market asks for. Nothing is chosen by looking at these results.

Run ``python benchmarks/tuned_markets.py [--market all] [--data FOLDER]``. The market ``sample`` comes with the
package; the others need the real market data beside the project.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from real_markets import DATA, MARKETS

from exitladder.entries import RULES, make_trades
from exitladder.pipelines.ladder_tuning import Tuned, tune_ladder
from exitladder.pipelines.model_training import train_model
from exitladder.pipelines.policies import SIMPLEST, TUNED
from exitladder.pipelines.predictions import predict_rows
from exitladder.pipelines.prepare import prepare
from exitladder.settings import Settings, load_settings

# Commission and slippage of a small account, basis points a fill.
COSTS = {
    "sample": (2.0, 3.0), "lean-1d": (2.0, 3.0), "lean-1h": (2.0, 3.0), "nse": (3.0, 5.0), "binance-1h": (7.5, 1.0),
    "fx-1h": (0.3, 0.7),
}  # fmt: skip
HEADS = (
    "market", "trades", "scored", "parts", "tuned (R)", "best simple exit (R)", "difference (R), 95 %", "p",
    "worst 5 %: tuned, simple (R)", "drawdown: tuned, simple (R)", "DSR", "PBO", "more trades needed", "verdict",
)  # fmt: skip


def settings_of(market: str, extra: list[str]) -> Settings:
    """Return the default settings with the market's costs."""
    commission, slippage = COSTS[market]
    costs = [f"costs.commission_bps={commission}", f"costs.slippage_bps={slippage}"]
    return load_settings(None, ["tracking.enabled=false", "tuning.storage='memory'", *costs, *extra])


def tuned_on(market: str, data: Path, rule: str, settings: Settings) -> tuple[int, Tuned]:
    """Return how many trades the rule enters, and the ladder tuned on them."""
    bars = MARKETS[market](data)
    prepared = prepare(bars, make_trades(bars, rule, lot=0.0), settings)
    predictions = predict_rows(prepared, train_model(prepared, settings).model)
    return len(prepared.placed), tune_ladder(prepared, settings, predictions=predictions)


def line_of(market: str, n_trades: int, tuned: Tuned) -> str:
    """Return a market's row."""
    board = tuned.scoreboard.table.set_index("policy")
    fall = tuned.accounts.set_index("policy")["max_drawdown_r"]
    found = tuned.against
    needed = "–" if not found.trades_needed else f"{found.trades_needed:,}"
    cells = (
        market, f"{n_trades:,}", f"{found.n:,}", str(len(tuned.folds)), f"{board['expectancy_r'][TUNED]:+.3f}",
        f"{board['expectancy_r'][SIMPLEST]:+.3f}",
        f"{found.difference_r:+.3f} ({found.low:+.3f} to {found.high:+.3f})", f"{found.p_value:.2f}",
        f"{board['cvar_r'][TUNED]:.2f}, {board['cvar_r'][SIMPLEST]:.2f}", f"{fall[TUNED]:.0f}, {fall[SIMPLEST]:.0f}",
        f"{tuned.luck.dsr:.2f}", f"{tuned.luck.pbo:.2f}", needed, tuned.verdict.kind.replace("_", " "),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print a row for each market, and the words of each verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", default="all", choices=["all", *MARKETS])
    parser.add_argument("--rule", default="donchian", choices=list(RULES), help="what enters the trades")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="change a setting")
    args = parser.parse_args()
    print(f"| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
    said = []
    for market in MARKETS if args.market == "all" else [args.market]:
        began = time.perf_counter()
        n_trades, tuned = tuned_on(market, args.data, args.rule, settings_of(market, args.set))
        print(line_of(market, n_trades, tuned), flush=True)
        said.append(f"**{market}**: {tuned.verdict.text}")
        sys.stderr.write(f"{market}: {time.perf_counter() - began:.0f} s\n")
    print("\n" + "\n\n".join(said))


if __name__ == "__main__":
    main()
