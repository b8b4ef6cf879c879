"""Exports run in the programs that they are for, and their fills are the engine's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.exporters.markets import market, sales, trades_on
from tests.exporters.runs import compiled_mql5, in_freqtrade, in_mql5, in_pine, in_python, run

from exitladder.execution import Simulation, simulate
from exitladder.exporters.ccxt_venues import CCXT_VERSION, VENUES
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades

External = Callable[[str], Path]
LADDER: dict[str, Any] = {
    "rungs": [
        {"fraction": 0.25, "target": "1R"},
        {"fraction": 0.25, "target": "2R", "stop": "0.5R", "trail": "2ATR", "trail_after": 1},
        {"fraction": 0.1, "target": "-0.5R"},
        {"fraction": 0.2, "when": ["give_back_r >= 0.8", "bars_held >= 3"]},
    ],
    "stop": {"breakeven_after": 1, "breakeven_offset": "0.1R", "trail": "3ATR", "trail_from": "1.5R", "time": 12},
    "costs": {"tick": 0.25, "lot": 1.0},
}


@pytest.mark.parametrize("program", ["backtesting", "vectorbt"])
def test_the_export_runs_there_with_the_same_fills(external: External, program: str, tmp_path: Path) -> None:
    python = external(program)
    ladder = ladder_from_mapping(LADDER)
    placed = trades_on(market(3), 3, n=6)
    assert in_python(python, program, placed, ladder, tmp_path) == sales(simulate(placed, ladder))


def without_slices(policy: str = "stop_first", *, partial_stop: bool = False) -> Ladder:
    """The ladder without its slice, under an intrabar policy."""
    first, _, stop_out, signal = LADDER["rungs"]
    rungs = [first, {"fraction": 0.25, "target": "2R"}, *([stop_out] if partial_stop else []), signal]
    return ladder_from_mapping(LADDER | {"rungs": rungs, "execution": {"intrabar": policy}})


def test_freqtrade_fills_as_target_first(external: External, tmp_path: Path) -> None:
    python = external("freqtrade")
    every = trades_on(market(3), 3)
    placed = every.take(np.flatnonzero(every.trades.side > 0))
    ladder = without_slices("target_first")
    theirs, tags = in_freqtrade(python, placed, ladder, tmp_path)
    ours = sales(simulate(placed, ladder))
    differ = [i for i, expected in enumerate(ours) if theirs[i] != expected]
    # The one rule on which it differs: its backtest places one order per candle, and these two rungs met one.
    two_in_one = [i for i, fills in enumerate(ours) if len({bar for bar, _, _ in fills}) < len(fills)]
    assert differ == two_in_one
    assert len(ours) - len(differ) >= 10
    assert {"ladder 1", "ladder 2", "ladder 3", "exit time", "exit stop", "trailing_stop_loss"} <= tags


def test_pine_fills_as_its_broker_emulator_walks(external: External, tmp_path: Path) -> None:
    python = external("pine")
    placed, simulation = in_turn(trades_on(market(3), 3), without_slices("nearer_extreme"))
    assert len(placed) >= 10
    assert in_pine(python, placed, simulation.ladder, tmp_path) == sales(simulation)


def in_turn(placed: PlacedTrades, ladder: Ladder) -> tuple[PlacedTrades, Simulation]:
    """Trades that follow each other, none of which sells in the bar of its entry, and what becomes of them."""
    simulation = simulate(placed, ladder)
    first = [fills[0][0] if fills else -1 for fills in sales(simulation)]
    kept: list[int] = []
    last = -1
    for i, bar in enumerate(placed.entry_bar):
        if bar > last + 1 and simulation.exit_bar[i] > 0 and first[i] > bar:
            kept.append(i)
            last = int(simulation.exit_bar[i])
    chosen = placed.take(np.array(kept))
    return chosen, simulate(chosen, ladder)


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The MQL5 expert, compiled as C++: no MQL5 compiler runs here. The model has the trade class and its traps."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler is installed; on Debian: apt install g++")
    return compiled_mql5(compiler, without_slices(partial_stop=True), tmp_path_factory.mktemp("mql5"))


@pytest.mark.parametrize("hedging", [True, False])
def test_the_expert_sells_as_the_engine_does(expert: Path, hedging: bool) -> None:
    placed = trades_on(market(3), 3)
    ladder = without_slices(partial_stop=True)
    assert in_mql5(expert, placed, hedging=hedging) == sales(simulate(placed, ladder))


def test_a_rejected_request_is_sent_again_and_nothing_is_sold_twice(expert: Path) -> None:
    placed = trades_on(market(3), 3)
    found = in_mql5(expert, placed, hedging=True, rejected=3)
    ended = simulate(placed, without_slices(partial_stop=True)).exit_bar > 0
    sold = [sum(quantity for _, _, quantity in fills) for fills in found]
    assert max(sold) <= 40 + 1e-9
    assert [quantity == 40 for quantity in sold] == ended.tolist()


def test_exchanges_accept_what_ccxt_says(external: External, tmp_path: Path) -> None:
    script = tmp_path / "features.py"
    script.write_text(
        "import json, sys, ccxt\n"
        "found = {}\n"
        "for name, market in json.loads(sys.argv[1]).items():\n"
        "    features = getattr(ccxt, name)().features[market]\n"
        "    order = (features['linear'] if market == 'swap' else features)['createOrder']\n"
        "    names = ('stopLossPrice', 'triggerPrice', 'trailing', 'hedged')\n"
        "    found[name] = [market, *(bool(order.get(key)) for key in names)]\n"
        "print(json.dumps([ccxt.__version__, found]))\n"
    )
    asked = json.dumps({name: venue.market for name, venue in VENUES.items()})
    version, found = json.loads(run(external("freqtrade"), script, asked, cwd=tmp_path))
    assert version == CCXT_VERSION
    assert {name: tuple(values) for name, values in found.items()} == {k: tuple(v) for k, v in VENUES.items()}
