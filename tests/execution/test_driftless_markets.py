"""On a market that goes nowhere no ladder earns or loses, and what theory knows comes out.

A fill that is a little too good, or a look at what is not known yet, shows here as a mean that is not zero. Bars
are drawn so that open, high, low and close have the joint law of a Brownian motion: the extremes of each step are
those of the bridge between its ends.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.execution import simulate, simulate_many
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import AT_OPEN, PlacedTrades, Trades, place_trades

N_TRADES = 4_000
N_BARS = 240
R = 4.0  # standard deviations of a bar
HOUR = 3_600 * 10**9


def brownian(rng: np.random.Generator, drift: float = 0.0) -> tuple[np.ndarray, ...]:
    """Open, high, low and close of N_TRADES independent markets, side by side; a bar has variance 1."""
    step = rng.normal(drift, 1.0, (N_TRADES, N_BARS))
    close = 10_000 + np.cumsum(step, axis=1)
    opened = close - step
    # High and low of a bridge, each with its exact law; drawing them apart overstates only bars that reach both.
    up, down = rng.uniform(size=(2, N_TRADES, N_BARS))
    high = (opened + close + np.sqrt(step**2 - 2 * np.log(up))) / 2
    low = (opened + close - np.sqrt(step**2 - 2 * np.log(down))) / 2
    return opened, high, low, close


def market(columns: tuple[np.ndarray, ...], side: np.ndarray) -> PlacedTrades:
    """One trade a market, entered at the first open; all markets are laid on one long row of bars."""
    bars = []
    for i in range(N_TRADES):
        opened, high, low, close = (np.ascontiguousarray(c[i]) for c in columns)
        bars.append(Bars(f"S{i:05d}", HOUR, np.arange(N_BARS, dtype=np.int64) * HOUR, opened, high, low, close))
    entry = columns[0][:, 0]
    none = np.full(N_TRADES, np.nan)
    trades = Trades(
        trade_id=np.array([f"T{i}" for i in range(N_TRADES)], dtype=object),
        symbol=np.array([f"S{i:05d}" for i in range(N_TRADES)], dtype=object),
        side=side.astype(np.int8),
        entry_time=np.zeros(N_TRADES, dtype=np.int64),
        entry_price=entry,
        quantity=np.ones(N_TRADES),
        stop_price=entry - side * R,
        entry_at=np.full(N_TRADES, AT_OPEN, dtype=np.int8),
        exit_time=np.full(N_TRADES, NO_TIME),
        exit_price=none,
        quantity_open=none,
        tag=np.array([""] * N_TRADES, dtype=object),
    )
    return place_trades(trades, BarSet(bars))


@pytest.fixture(scope="module")
def driftless() -> PlacedTrades:
    rng = np.random.default_rng(20)
    return market(brownian(rng), rng.choice([1, -1], N_TRADES))


LADDERS: dict[str, dict[str, Any]] = {
    "bracket 1:1": {"rungs": [{"fraction": 1.0, "target": "1R"}]},
    "bracket 3:1": {"rungs": [{"fraction": 1.0, "target": "3R"}]},
    "three rungs": {"rungs": [{"fraction": 0.3, "target": f"{k}R"} for k in (1, 2, 3)]},
    "breakeven": {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"breakeven_after": 1}},
    "trail": {"stop": {"trail": "1R"}},
    "tight trail": {"stop": {"trail": "0.5R"}},
    "trail by ATR": {"stop": {"trail": "3ATR"}},
    "trail from 1R": {"stop": {"trail": "1R", "trail_from": "1R"}},
    "stop-outs": {"rungs": [{"fraction": 0.5, "target": "-0.5R"}, {"fraction": 0.25, "target": "1R"}]},
    "signal": {"rungs": [{"fraction": 0.5, "when": ["give_back_r >= 0.75"]}]},
    "time": {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"time": 20}},
    "all": {
        "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
        "stop": {"breakeven_after": 1, "breakeven_offset": "0.1R", "trail": "2ATR", "trail_after": 1, "time": 60},
    },
}


@pytest.mark.parametrize("policy", ["stop_first", "target_first", "ohlc", "nearer_extreme"])
def test_no_ladder_has_an_edge(driftless: PlacedTrades, policy: str) -> None:
    """The mean lies within its standard error; where the path inside bars matters, no policy flatters."""
    for name, table in LADDERS.items():
        simulation = simulate(driftless, ladder_from_mapping({**table, "execution": {"intrabar": policy}}))
        r = simulation.r
        error = r.std() / math.sqrt(len(r))
        assert r.mean() < 3.5 * error, (name, r.mean(), error)
        if (simulation.ambiguous_bars > 0).mean() < 0.05:
            assert r.mean() > -3.5 * error, (name, r.mean(), error)


def test_costs_make_more_fills_strictly_worse(driftless: PlacedTrades) -> None:
    """A fixed fee of 0.05R a fill costs 0.05R times the fills; on a martingale nothing pays for it."""
    fee = {"costs": {"commission_fixed": 0.05 * R}}
    means = []
    for count in (1, 2, 3):
        rungs = [{"fraction": 1 / count, "target": f"{k + 1}R"} for k in range(count)]
        free = simulate(driftless, ladder_from_mapping({"rungs": rungs}))
        paid = simulate(driftless, ladder_from_mapping({"rungs": rungs, **fee}))
        sold = free.n_fills  # no mark is one
        np.testing.assert_allclose(free.r - paid.r, 0.05 * sold, atol=1e-9)
        means.append((paid.r - free.r).mean())
    assert means[0] > means[1] > means[2]


@pytest.mark.parametrize(("target", "chance"), [(1.0, 1 / 2), (2.0, 1 / 3), (3.0, 1 / 4)])
def test_a_bracket_is_won_as_often_as_its_distances_say(driftless: PlacedTrades, target: float, chance: float) -> None:
    """P(+a before -b) = b / (a + b); the bars that reach both give the band."""
    for policy in ("stop_first", "target_first"):
        ladder = {"rungs": [{"fraction": 1.0, "target": f"{target}R"}], "execution": {"intrabar": policy}}
        simulation = simulate(driftless, ladder_from_mapping(ladder))
        done = simulation.status == 0
        won = (simulation.reason[done] == "rung").mean()
        doubt = simulation.ambiguous_bars[done].mean()
        unfinished = 1 - done.mean()
        assert abs(won - chance) < 4 * math.sqrt(chance * (1 - chance) / done.sum()) + doubt + unfinished


def test_best_price_before_the_stop_follows_its_law(driftless: PlacedTrades) -> None:
    """P(MFE >= x R before the stop) = 1 / (1 + x)."""
    simulation = simulate(driftless, Ladder())
    for x in (0.5, 1.0, 2.0):
        reached = (simulation.mfe_r >= x).mean()
        # On the bar of the stop only the open counts, which leaves out what the bar reached before it.
        assert 1 / (1 + x) - 0.05 < reached < 1 / (1 + x) + 4 * math.sqrt(0.25 / N_TRADES)


def test_a_trailing_stop_gives_back_its_distance(driftless: PlacedTrades) -> None:
    """Driftless, MFE under a trail of d is exponential with mean d; the trail that knows completed bars is wider."""
    simulation = simulate(driftless, ladder_from_mapping({"stop": {"trail": "1R"}, "execution": {"intrabar": "ohlc"}}))
    done = simulation.status == 0
    assert simulation.mfe_r[done].mean() == pytest.approx(1.0, abs=0.15)
    assert simulation.r[done].mean() == pytest.approx(0.0, abs=0.08)
    loose = simulate(driftless, ladder_from_mapping({"stop": {"trail": "1R"}}))
    assert loose.give_back_r[loose.status == 0].mean() == pytest.approx(1.0, abs=0.1)


def test_drift_is_found_and_no_more() -> None:
    """With drift mu: E[profit] = mu E[bars], whatever the exit (Wald); here a trail and a bracket."""
    rng = np.random.default_rng(5)
    placed = market(brownian(rng, drift=0.1), np.ones(N_TRADES, dtype=np.int64))
    for table in ({"stop": {"trail": "1R"}}, {"rungs": [{"fraction": 1.0, "target": "2R"}]}):
        simulation = simulate(placed, ladder_from_mapping(table))
        profit = simulation.r * R
        bars = simulation.bars_held + 0.5  # somewhere inside the last bar
        error = (profit - 0.1 * bars).std() / math.sqrt(N_TRADES)
        assert abs((profit - 0.1 * bars).mean()) < 4 * error + 0.06


def test_a_ladder_is_the_mean_of_its_single_exits(driftless: PlacedTrades) -> None:
    """Without stop moves a ladder's r is the weighted mean of what each target alone would make: linearity."""
    singles = simulate_many(
        driftless, [ladder_from_mapping({"rungs": [{"fraction": 1.0, "target": f"{k}R"}]}) for k in (1, 2, 3)]
    )
    ladder = {"rungs": [{"fraction": f, "target": f"{k}R"} for k, f in ((1, 0.5), (2, 0.25), (3, 0.25))]}
    mixed = simulate(driftless, ladder_from_mapping(ladder))
    np.testing.assert_allclose(mixed.r, singles @ np.array([0.5, 0.25, 0.25]), atol=1e-12)
    assert mixed.r.std() < singles[:, 2].std()


def test_the_bed_finds_a_known_bug(driftless: PlacedTrades) -> None:
    """A stop met on the way but seen only at the close, and booked at its level, is a free lunch; the bed shows it."""
    closes = [
        Bars(s, HOUR, b.time, b.open, np.maximum(b.open, b.close), np.minimum(b.open, b.close), b.close)
        for s, b in driftless.bars.items()
    ]
    blind = place_trades(driftless.trades, BarSet(closes))
    r = simulate(blind, ladder_from_mapping({"stop": {"trail": "0.5R"}})).r
    assert r.mean() > 4 * r.std() / math.sqrt(N_TRADES)
