"""Results of many plans at once: those of a replay of each plan alone, and the plans that are tried."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.options.test_hedging import BAND, DAYS, EXPIRY, STRIKE, market, path, positions, split_market

from exitladder.bars.reading import read_bars
from exitladder.errors import SettingsError
from exitladder.files.conventions import PLAIN
from exitladder.files.table import Table
from exitladder.options.black_scholes import greeks
from exitladder.options.market import OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import option_plan
from exitladder.options.positions.replay import replay
from exitladder.options.positions.tables import net_money
from exitladder.options.positions.trades import OptionTrade, read_option_trades
from exitladder.options.quote_files import quotes_of_table
from exitladder.options.tuning.candidates import Candidate, classics, grid
from exitladder.options.tuning.greeks import prepare
from exitladder.options.tuning.paths import paths_of
from exitladder.options.tuning.table import ResultTable
from exitladder.plans.file import ladder_from_mapping, ladder_to_toml
from exitladder.settings.options import OptionSearch, OptionSettings

COSTS = {"commission_per_unit": 0.65, "commission_fixed": 1.5, "commission_min": 2.0, "commission_bps": 3.0,
         "slippage_ticks": 1.0, "tick": 0.01}  # fmt: skip
LEGS = [(100.0, "put", 95.0), (100.0, "put", None), (105.0, "call", None), (95.0, "call", 105.0)]


def rough_market(seed: int) -> tuple[OptionMarket, list[OptionTrade]]:
    """Quotes with holes, crossed rows and missing bids; long and short calls, puts and verticals of several days."""
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2024-01-01", periods=30)
    spots = 100 * np.exp(rng.normal(0, 0.025, 30).cumsum())
    bars = pd.DataFrame({"timestamp": days, "symbol": "XYZ", "open": spots, "close": spots})
    tables = []
    years = (days[-1] - days).days.to_numpy() / 365
    for strike in (95.0, 100.0, 105.0):
        for right, sign in (("call", 1.0), ("put", -1.0)):
            value = greeks(spots, strike, years, 0.4, sign).value
            half = 0.02 + 0.1 * rng.random(30)
            table = pd.DataFrame({"timestamp": days, "underlying": "XYZ", "expiry": days[-1], "strike": strike,
                                  "right": right, "bid": np.maximum(value - half, 0.0).round(2),
                                  "ask": (value + half).round(2)})  # fmt: skip
            crossed, nobid, noask = (rng.random(30) < share for share in (0.05, 0.15, 0.1))
            table.loc[crossed, ["bid", "ask"]] = [3.0, 1.0]
            table.loc[nobid, "bid"] = 0.0
            table.loc[noask & ~nobid, "ask"] = np.nan
            tables.append(table[rng.random(30) > 0.05])
    quotes = quotes_of_table(Table.from_frame(pd.concat(tables, ignore_index=True), "quotes"), "", PLAIN)
    known = read_bars(bars.assign(high=spots, low=spots))[0]
    rows = []
    for k in range(24):
        strike, right, second = LEGS[k % 4]
        side = "long" if rng.random() < 0.5 else "short"
        rows.append({"trade_id": f"T{k}", "symbol": "XYZ", "side": side, "entry_time": days[int(rng.integers(0, 12))],
                     "quantity": int(rng.integers(1, 8)), "expiry": days[-1], "strike": strike, "right": right,
                     "strike_2": second, "style": "american" if k % 3 else "european"})  # fmt: skip
    return OptionMarket(quotes, known, OptionSettings()), read_option_trades(pd.DataFrame(rows), OptionSettings())


def one_by_one(
    of: OptionMarket, trades: Sequence[OptionTrade], candidate: Candidate, base: Any, at_risk: np.ndarray
) -> np.ndarray:
    """The results of replays, in R of the base."""
    plan = option_plan(candidate.ladder(base, "one"))
    outcomes = [replay([trade], plan, Valuer(of))[0] for trade in trades]
    return np.asarray(np.array([net_money(outcome) for outcome in outcomes]) / at_risk)


def checked(of: OptionMarket, trades: list[OptionTrade], base: Any, n: int, seed: int) -> int:
    """Compare some plans of the grid; return how many of their results differ from holding."""
    plan = option_plan(base)
    search = OptionSearch(
        exits=(*OptionSearch().exits, "bars_held >= 2..9", "mfe_r >= 0.2 and give_back_r >= 0.1..0.6")
    )
    plans = grid(search, trades, plan.stop_share)
    valuer = Valuer(of)
    prepare(valuer, trades)
    names = sorted({c.series for one in plans for rung in one.rungs for c in rung.when})
    paths, _ = paths_of(trades, plan, valuer, names)
    kept = [i for i, path in enumerate(paths) if path is not None]
    trades = [trades[i] for i in kept]
    table = ResultTable([path for path in paths if path is not None], plan)
    rng, n_different = np.random.default_rng(seed), 0
    held = table.net_r(Candidate((), math.nan, 0))
    for k in rng.choice(len(plans), n, replace=False):
        found = table.net_r(plans[k])
        slow = one_by_one(of, trades, plans[k], base, table.at_risk)
        assert found == pytest.approx(slow, abs=1e-9, nan_ok=True), plans[k]
        n_different += int((np.abs(found - held) > 1e-6).sum())
    return n_different


@pytest.mark.parametrize("seed", [1, 2])
def test_they_are_those_of_replays_one_by_one(seed: int) -> None:
    of, trades = rough_market(seed)
    base = ladder_from_mapping({"name": "base", "stop": {"initial": "70%"}, "costs": COSTS})
    assert checked(of, trades, base, 16, seed) > 80
    # without a stop shorts without a stop_price have no R
    few = [trade for trade in trades if trade.side > 0 or trade.second is not None]
    assert checked(of, few, ladder_from_mapping({"costs": COSTS}), 6, seed) > 10


@pytest.mark.parametrize("make", [market, split_market])
def test_the_same_with_hundreds_of_contracts_across_a_split(make: Any) -> None:
    of = make(path(6), **BAND)
    row = {"symbol": "XYZ", "right": "call", "strike": STRIKE, "expiry": EXPIRY, "style": "european"}
    rows = [
        {
            **row,
            "trade_id": f"{side}{k}",
            "side": side,
            "entry_time": DAYS[k],
            "quantity": 3 + k,
            "stop_price": 90.0 if side == "short" else math.nan,
        }
        for side in ("long", "short")
        for k in (2, 9, 20)
    ]
    trades = read_option_trades(pd.DataFrame(rows), OptionSettings())
    assert checked(of, trades, ladder_from_mapping({"costs": {"commission_per_unit": 0.65}}), 12, 4) > 15


def test_sizes_of_quotes_limit_an_exit_of_its_own() -> None:
    of = market(path(6), **BAND)
    (contract,) = of.quotes
    bars = of.quotes[contract]
    small = replace(bars, bid_size=np.full(len(bars), 4.0), ask_size=np.full(len(bars), 50.0))
    of = replace(of, quotes=replace(of.quotes, bars={contract: small}))
    base, trades = ladder_from_mapping({"costs": {"commission_per_unit": 0.65}}), positions("long", 10)
    plan = option_plan(base)
    closed = Candidate(
        (ladder_from_mapping({"rungs": [{"fraction": "rest", "when": ["bars_held >= 5"]}]}).rungs), math.nan, 1
    )
    paths, _ = paths_of(trades, plan, Valuer(of), ["bars_held"])
    assert paths[0] is not None
    found = ResultTable([paths[0]], plan).net_r(closed)
    # ten contracts are sold on three days, four at a time
    bids = bars.bid[7:10, 0]
    paid = paths[0].premium
    money = 100 * (4 * bids[0] + 4 * bids[1] + 2 * bids[2] - 10 * paid) - 2 * 10 * 0.65
    assert found[0] == pytest.approx(money / (1000 * paid))


def test_every_plan_of_the_grid_is_a_plan_of_a_file() -> None:
    _, trades = rough_market(1)
    base = ladder_from_mapping({"name": "base", "stop": {"initial": "70%"}, "costs": COSTS})
    plans = grid(OptionSearch(n_values=2), trades, 0.7)
    assert len(plans) == len({(one.rungs, repr(one.stop)) for one in plans}) > 300
    for one in [*plans, *classics(trades, 0.7).values()]:
        ladder = one.ladder(base, "one")
        assert ladder_from_mapping(tomllib.loads(ladder_to_toml(ladder))) == ladder
        assert option_plan(ladder).stop_share == pytest.approx(one.stop, nan_ok=True)
    # the simplest first: no exit, with the stop that is there anyway
    assert plans[0] == Candidate((), 0.7, 0)
    assert max(len(one.rungs) for one in plans) == 3


def test_what_is_searched_follows_the_settings_and_the_positions() -> None:
    _, trades = rough_market(1)
    longs = [trade for trade in trades if trade.side > 0]

    def stops(search: OptionSearch, them: Sequence[OptionTrade], stop: float) -> set[str]:
        return {f"{one.stop:g}" for one in grid(search, them, stop)}

    one_exit = OptionSearch(exits=("days_to_expiry <= 5..10",), n_values=2, n_exits=1, stop=(50.0, 100.0))
    assert stops(one_exit, longs, math.nan) == {"nan", "0.5", "1"}
    # a short without a stop_price would have no R without a stop
    assert stops(one_exit, trades, 0.7) == {"0.7", "0.5", "1"} and stops(one_exit, longs, 0.7) == {
        "0.7",
        "nan",
        "0.5",
        "1",
    }
    stopped = [replace(trade, stop_price=0.01) for trade in longs]
    assert stops(one_exit, stopped, math.nan) == {"nan"}
    assert len(grid(one_exit, stopped, math.nan)) == 3
    assert list(classics([t for t in longs if t.second is None], math.nan)) == ["21 days to expiry"]
    with pytest.raises(SettingsError, match="at most 50,000 plans"):
        grid(OptionSearch(n_exits=4, n_values=8), longs, math.nan)
    with pytest.raises(SettingsError, match=r"can read .* but one reads 'premium'"):
        grid(OptionSearch(exits=("premium >= 1",)), longs, math.nan)
    # after a sale of a part it would be another number
    with pytest.raises(SettingsError, match="but one reads 'position_delta'"):
        grid(OptionSearch(exits=("position_delta >= 100",)), longs, math.nan)
    with pytest.raises(SettingsError, match=r"must read 'series >= least\.\.most'"):
        grid(OptionSearch(exits=("delta around 0.5",)), longs, math.nan)
    with pytest.raises(SettingsError, match="start with its smaller number"):
        grid(OptionSearch(exits=("delta >= 0.5..0.2",)), longs, math.nan)
