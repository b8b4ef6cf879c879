"""Exports run in the programs that they are for, and their fills are the engine's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.exporters.markets import market, sales, sales_and_adds, trades_on
from tests.exporters.runs import (
    compiled_mql5,
    in_freqtrade,
    in_mql5,
    in_pine,
    in_python,
    run,
    with_adds_in_pine,
    with_adds_in_python,
)

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


TRANCHES: dict[str, Any] = {
    "stop": {"trail": "3ATR", "trail_from": "1.5R", "time": 12},
    "adds": [{"quantity": 0.5, "at": "-0.4R"}, {"quantity": 0.25, "when": ["open_r >= 0.5"], "stop": "1.5R"}],
    "size": {"maximum": 1.6},
    "costs": {"tick": 0.25, "lot": 1.0},
}


@pytest.mark.parametrize("program", ["backtesting", "vectorbt"])
def test_python_programs_book_adds_as_the_engine(external: External, program: str, tmp_path: Path) -> None:
    python = external(program)
    pyramid = {"quantity": 0.25, "at": "0.5R", "spacing": "previous", "stop": "2ATR"}
    plan = ladder_from_mapping(TRANCHES | {"rungs": LADDER["rungs"][:1], "adds": [*TRANCHES["adds"][:1], pyramid]})
    placed = trades_on(market(3), 3, n=6)
    theirs = with_adds_in_python(python, program, placed, plan, tmp_path)
    assert theirs == sales_and_adds(simulate(placed, plan))


def test_freqtrade_buys_adds_as_target_first(external: External, tmp_path: Path) -> None:
    python = external("freqtrade")
    placed = trades_on(market(3), 3)
    plan = ladder_from_mapping(TRANCHES | {"execution": {"intrabar": "target_first"}})
    theirs, tags = in_freqtrade(python, placed, plan, tmp_path)
    ours = sales_and_adds(simulate(placed, plan))
    differ = [i for i, expected in enumerate(ours) if theirs[i] != expected]
    assert not differ
    assert {"add 1", "add 2", "exit time", "trailing_stop_loss"} <= tags


def without_slices(policy: str = "stop_first", *, partial_stop: bool = False) -> Ladder:
    """The ladder without its slice, under an intrabar policy."""
    first, _, stop_out, signal = LADDER["rungs"]
    rungs = [first, {"fraction": 0.25, "target": "2R"}, *([stop_out] if partial_stop else []), signal]
    return ladder_from_mapping(LADDER | {"rungs": rungs, "execution": {"intrabar": policy}})


def test_freqtrade_fills_as_target_first(external: External, tmp_path: Path) -> None:
    python = external("freqtrade")
    placed = trades_on(market(3), 3)
    ladder = without_slices("target_first")
    theirs, tags = in_freqtrade(python, placed, ladder, tmp_path)
    ours = sales(simulate(placed, ladder))
    differ = [i for i, expected in enumerate(ours) if theirs[i] != expected]
    # The one rule on which it differs: its backtest places one order per candle, and these two rungs met one.
    two_in_one = [i for i, fills in enumerate(ours) if len({bar for bar, _, _ in fills}) < len(fills)]
    assert differ == two_in_one
    equal = set(range(len(ours))) - set(differ)
    assert all(sum(placed.trades.side[i] == side for i in equal) >= 10 for side in (1, -1))
    assert {"ladder 1", "ladder 2", "ladder 3", "exit time", "exit stop", "trailing_stop_loss"} <= tags


def test_pine_fills_as_its_broker_emulator_walks(external: External, tmp_path: Path) -> None:
    python = external("pine")
    placed, simulation = in_turn(trades_on(market(3), 3), without_slices("nearer_extreme"))
    assert len(placed) >= 10
    assert in_pine(python, placed, simulation.ladder, tmp_path) == sales(simulation)


def test_pine_holds_adds_as_entries_of_their_own(external: External, tmp_path: Path) -> None:
    """Rungs grow with the position, the stop covers every entry, and the maximum leaves the last add a part."""
    python = external("pine")
    pyramid = {"quantity": 0.5, "at": "0.6R", "stop": "1.2R"}
    signal = {"units": 7, "when": ["open_r >= 0.5"]}
    rungs = [LADDER["rungs"][0], {"fraction": 0.25, "target": "2R"}, LADDER["rungs"][3]]
    table = LADDER | {"rungs": rungs, "adds": [*TRANCHES["adds"][:1], pyramid, signal], "size": {"maximum": 2.5}}
    placed, simulation = in_turn(
        trades_on(market(3), 3), ladder_from_mapping(table | {"execution": {"intrabar": "nearer_extreme"}})
    )
    ours = sales_and_adds(simulation)
    assert sum(quantity < 0 for fills in ours for _, _, quantity in fills) >= 8
    assert with_adds_in_pine(python, placed, simulation.ladder, tmp_path) == ours


def test_pine_rests_a_chained_add_from_the_fill_before(external: External, tmp_path: Path) -> None:
    """From the next bar on: trades in which the engine filled two adds of a chain in one bar are left out."""
    python = external("pine")
    unit = {"quantity": 0.5, "at": "0.3R", "spacing": "previous", "stop": "1.2R"}
    rungs = [{"fraction": 0.25, "target": "2R"}]
    table = LADDER | {"rungs": rungs, "adds": [unit, unit, {**unit, "at": "0.5ATR", "stop": "average"}]}
    ladder = ladder_from_mapping(table | {"execution": {"intrabar": "nearer_extreme"}})
    every = trades_on(market(1), 1)
    bought = [[bar for bar, _, quantity in fills if quantity < 0] for fills in sales_and_adds(simulate(every, ladder))]
    placed, simulation = in_turn(
        every.take([i for i, bars in enumerate(bought) if len(set(bars)) == len(bars)]), ladder
    )
    ours = sales_and_adds(simulation)
    assert sum(sum(quantity < 0 for _, _, quantity in fills) >= 2 for fills in ours) >= 5
    assert with_adds_in_pine(python, placed, simulation.ladder, tmp_path) == ours


def in_turn(placed: PlacedTrades, ladder: Ladder) -> tuple[PlacedTrades, Simulation]:
    """Trades that follow each other, none of which sells in the bar of its entry, and what becomes of them."""
    simulation = simulate(placed, ladder)
    first = [fills[0][0] if fills else -1 for fills in sales_and_adds(simulation)]
    kept: list[int] = []
    last = -1
    for i, bar in enumerate(placed.entry_bar):
        if bar > last + 1 and simulation.exit_bar[i] > 0 and first[i] > bar:
            kept.append(i)
            last = int(simulation.exit_bar[i])
    chosen = placed.take(np.array(kept))
    return chosen, simulate(chosen, ladder)


@pytest.fixture(scope="module")
def compiler() -> str:
    """A compiler of C++: none of MQL5 runs here."""
    found = shutil.which("g++") or shutil.which("clang++")
    if found is None:
        pytest.skip("no C++ compiler is installed; on Debian: apt install g++")
    return found


@pytest.fixture(scope="module")
def expert(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The MQL5 expert, compiled as C++. The model has the trade class and its traps."""
    return compiled_mql5(compiler, without_slices(partial_stop=True), tmp_path_factory.mktemp("mql5"))


@pytest.mark.parametrize("hedging", [True, False])
def test_the_expert_sells_as_the_engine_does(expert: Path, hedging: bool) -> None:
    placed = trades_on(market(3), 3)
    ladder = without_slices(partial_stop=True)
    assert in_mql5(expert, placed, hedging=hedging) == sales(simulate(placed, ladder))


@pytest.mark.parametrize("hedging", [True, False])
@pytest.mark.parametrize("seed", range(3, 9))
def test_the_expert_buys_adds_as_the_engine_does(compiler: str, tmp_path: Path, hedging: bool, seed: int) -> None:
    """Averaging, pyramiding, chained and signal adds; the ticks of a bar come to the stop before the adds beyond.

    Trades in which a pyramiding add and the stop lie in one bar, not settled at the open, are left out.
    """
    chained = {"quantity": 0.5, "at": "0.4R", "spacing": "previous", "stop": "1R"}
    signal = {"units": 7, "when": ["open_r >= 0.8"]}
    below = {"money": 900.0, "at": "-0.4R"}
    adds = [[below, signal], [chained, {**chained, "stop": "average"}], [{**chained, "spacing": "entry"}, below]][
        seed % 3
    ]
    rungs = [{"fraction": 0.25, "target": "1.5R"}, {"fraction": 0.25, "when": ["give_back_r >= 0.8", "bars_held >= 3"]}]
    rules = [{}, {"after_exit": True}, {"until_bars": 5}][seed % 3]
    table = LADDER | {"rungs": rungs, "adds": adds, "size": {"maximum": 2.0}, "add_rules": rules}
    ladder = ladder_from_mapping(table)
    every = trades_on(market(seed), seed)
    placed = every.take(np.flatnonzero(simulate(every, ladder).ambiguous_bars == 0))
    ours = sales_and_adds(simulate(placed, ladder))
    assert sum(quantity < 0 for fills in ours for _, _, quantity in fills) >= 5
    expert = compiled_mql5(compiler, ladder, tmp_path)
    assert in_mql5(expert, placed, hedging=hedging) == ours
    # an expert that starts again does not know what it has bought, and buys nothing
    later = in_mql5(expert, placed, hedging=hedging, age=2)
    assert all(quantity > 0 for fills in later for _, _, quantity in fills)


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
