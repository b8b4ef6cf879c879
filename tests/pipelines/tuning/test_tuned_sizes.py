"""Sizes tuned on out-of-sample results: causal, bounded by the risk of ruin, recommended only with evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError, SettingsError
from exitladder.measures.sizing.rules import annual_volatility
from exitladder.measures.sizing.sized import simulate_sized
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.tuning.recommendation.size_shares import Results, Units, shares_of
from exitladder.pipelines.tuning.recommendation.sizes import (
    TunedSize,
    account_of,
    best_size,
    refuse_size,
    size_candidates,
    tuned_size,
)
from exitladder.pipelines.tuning.tuned import tune_ladder
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.size import Size
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades, place_trades

DAY = 86_400 * 10**9


def even_bets(n: int, p: float, seed: int) -> Results:
    """Trades that win or lose 1R, one after the other."""
    entry = np.arange(n, dtype=np.int64) * 2 * DAY
    return Results(entry, entry + DAY, np.where(np.random.default_rng(seed).random(n) < p, 1.0, -1.0))


@pytest.fixture
def sized(small: Settings) -> Settings:
    rules = ["fraction", "anti_martingale", "kelly"]
    return small.with_values({"tuning": {"sizes": rules, "size_equity": 1e5}, "validation": {"n_bootstrap": 100}})


def tuned_on(results: Results, settings: Settings) -> TunedSize:
    """Three equal parts."""
    n = len(results.r)
    part = np.arange(n) * 3 // n
    cuts = [int(results.entry[np.argmax(part == k)]) for k in range(3)]
    found = tuned_size(results, part, cuts, settings, None)
    assert found is not None
    return found


def test_no_size_is_recommended_where_nothing_can_be_earned(sized: Settings) -> None:
    found = [tuned_on(even_bets(240, 0.5, seed), sized) for seed in range(6)]
    assert [item.recommended for item in found] == [None] * 6
    assert all(item.text.startswith("Keep constant size") for item in found)
    assert {item.parts[0] for item in found} == {"constant"}  # nothing is known before the first part


def test_an_edge_is_compounded_with_evidence(sized: Settings) -> None:
    found = tuned_on(even_bets(600, 0.75, 3), sized)
    assert found.recommended is not None
    assert found.facts["interval"][0] > 0
    assert found.facts["risk_of_ruin"] <= sized.tuning.size_ruin
    assert found.text.startswith("Size by")
    exits = ladder_from_mapping({"stop": {"initial": "2ATR"}, "size": {"maximum": 3.0}})
    plan = found.sized(exits)
    assert (plan.size.rule, plan.size.maximum, plan.book.equity) == (found.recommended.rule, 3.0, 1e5)
    assert replace(plan, size=exits.size, book=exits.book) == exits


def test_the_bound_on_ruin_excludes_what_grows_fastest(sized: Settings) -> None:
    """On 60% of even bets 20% of equity grows fastest (Kelly), and halves the account with a chance near 1/2."""
    some = even_bets(300, 0.6, 1)
    results = replace(some, r=np.random.default_rng(1).permutation(np.repeat([1.0, -1.0], [180, 120])))
    ruin = [
        account_of(results, np.full(300, share), 0.5, sized.intervals, constant=False).ruin for share in (0.005, 0.2)
    ]
    assert ruin[0] == 0
    assert 0.2 < ruin[1] < 0.8
    greedy = [Size(rule="fraction", fraction=share) for share in (0.005, 0.2)]
    assert best_size(greedy, results, sized) == greedy[0]
    free = sized.with_values({"tuning": {"size_ruin": 1.0}})
    assert best_size(greedy, results, free) == greedy[1]


def test_growth_is_that_of_the_formula(sized: Settings) -> None:
    results = even_bets(100, 0.6, 2)
    account = account_of(results, np.full(100, 0.1), 0.5, sized.intervals, constant=False)
    assert account.growth == pytest.approx(np.log1p(0.1 * results.r).mean())
    constant = account_of(results, np.full(100, 0.001), 0.5, sized.intervals, constant=True)
    assert constant.growth == pytest.approx(np.log1p(0.001 * results.r.sum()) / 100)


def test_no_share_knows_a_later_result(sized: Settings) -> None:
    results = even_bets(90, 0.6, 4)
    later = replace(results, r=np.where(results.entry > results.entry[60], -results.r, results.r))
    ones, money = np.ones(90), np.linspace(50.0, 5_000.0, 90)
    results, later = (replace(one, units=Units(ones, money, {35: 20 * ones})) for one in (results, later))
    every = sized.with_values({"tuning": {"sizes": [*sized.tuning.sizes, "volatility"]}})
    candidates = size_candidates(every, None)
    assert {size.rule for size in candidates} == {"fraction", "volatility", "anti_martingale", "kelly"}
    for size in [*candidates, Size(rule="fraction", fraction=0.01, maximum_equity=2.0)]:
        np.testing.assert_array_equal(shares_of(size, results)[:61], shares_of(size, later)[:61])


def test_a_volatility_target_risks_the_share_that_a_backtest_gives(bars: BarSet, trades: Trades) -> None:
    """From bars and the planned risk of a unit alone, before lots: the share of `simulate_sized`, maximum included."""
    some = place_trades(trades.take(np.arange(0, len(trades), 9)), bars)
    for maximum in (None, 0.3):
        size = {"rule": "volatility", "target_volatility": 0.1, "window": 20}
        size |= {} if maximum is None else {"maximum_equity": maximum}
        plan = ladder_from_mapping({"stop": {"initial": "2ATR", "time": 30}, "size": size, "book": {"equity": 1e6}})
        done = simulate_sized(some, plan)
        money = done.simulation.planned_risk / done.simulation.planned
        units = Units(
            done.simulation.planned_risk / done.simulation.quantity,
            np.abs(some.trades.entry_price) * money,
            {20: annual_volatility(some, 20) * money},
        )
        blank = np.zeros(len(some), dtype=np.int64)
        found = shares_of(plan.size, Results(blank, blank, np.zeros(len(some)), units))
        taken = done.simulation.quantity > 0
        assert taken.sum() > 50
        np.testing.assert_allclose(found[taken], done.share[taken], rtol=1e-9)
        assert (found[~taken] == 0).all() or maximum is not None


def test_a_rule_that_skips_every_trade_says_so(small: Settings) -> None:
    """Kelly grew on a run of wins, has no edge left before the next part, and takes none of its trades."""
    r = np.repeat([1.0, -1.0], [30, 61])
    entry = np.arange(91, dtype=np.int64) * 2 * DAY
    mine = {"rule": "kelly", "fraction": 0.01, "kelly_cap": 0.005}
    plan = ladder_from_mapping({"stop": {"initial": "2ATR"}, "size": mine, "book": {"equity": 1e5}})
    settings = small.with_values({"tuning": {"size_ruin": 1.0}, "validation": {"n_bootstrap": 100}})
    cuts = [0, int(entry[61])]
    found = tuned_size(Results(entry, entry + DAY, r), np.repeat([0, 1], [61, 30]), cuts, settings, plan)
    assert found is not None
    assert found.facts["mean_share"] == 0.0
    # what the user has stays without evidence against it
    assert found.recommended == plan.size
    assert found.text.startswith("Keep your size rule (")
    assert "the rules chosen before each part skipped all of the 30 trades" in found.text
    assert found.text.endswith(f"on all 91 scored trades is {found.facts['own_risk_of_ruin']:.1%}.")
    kept = found.sized(ladder_from_mapping({"stop": {"initial": "2ATR"}}))
    assert (kept.size, kept.book.equity) == (plan.size, 1e5)


def test_what_cannot_be_compared_is_refused(small: Settings) -> None:
    base = {"stop": {"initial": "2ATR"}, "book": {"equity": 1e5}}
    by_volatility = {"rule": "volatility", "target_volatility": 0.1, "maximum_equity": 1.0}
    refuse_size(small, ladder_from_mapping({**base, "size": by_volatility}))
    for size, adds, match in (
        ({"rule": "fixed", "units": 5.0}, [], "do not follow the equity"),
        ({"maximum_equity": 2.0}, [], "do not follow the equity"),
        ({"rule": "anti_martingale", "units": 5.0, "factor": 2.0, "maximum_factor": 2.0}, [], "in units, whose"),
        (by_volatility, [{"quantity": 1.0, "at": "1R"}], "cuts adds to the equity"),
        ({"rule": "fraction", "fraction": 0.01}, [{"money": 1e3, "at": "1R"}], "depend on the first quantity"),
    ):
        with pytest.raises(LadderError, match=match):
            refuse_size(small, ladder_from_mapping({**base, "size": size, "adds": adds}))
    plan = ladder_from_mapping({**base, "adds": [{"units": 5.0, "at": "1R"}]})
    refuse_size(small, plan)
    with pytest.raises(LadderError, match="depend on the first quantity"):
        refuse_size(small.with_values({"tuning": {"sizes": ["fraction"]}}), plan)
    with pytest.raises(SettingsError, match="size_equity"):
        refuse_size(small.with_values({"tuning": {"sizes": ["kelly"]}}), None)
    with pytest.raises(SettingsError, match="size_fraction"):
        refuse_size(small.with_values({"tuning": {"size_fraction": [0.02, 0.01]}}), None)
    with pytest.raises(SettingsError, match="size_volatility"):
        refuse_size(small.with_values({"tuning": {"size_volatility": [0.2, 0.1]}}), None)


@pytest.mark.slow
def test_a_tuning_sizes_the_exits_that_it_recommended(bars: BarSet, trades: Trades, sized: Settings) -> None:
    """The exits are those of the tuning without sizes, and the user's own rule is one of the candidates."""
    tiny = sized.with_values({"tuning": {"n_trials": 2, "sizes": ["off"], "size_equity": 0}})
    some = trades.take(np.isin(trades.symbol.astype(str), ("IBM", "MSFT", "AAPL")))
    rule = {"rule": "fraction", "fraction": 0.005}
    mine = ladder_from_mapping(
        {"stop": {"initial": "2ATR", "trail": "4ATR", "time": 40}, "size": rule, "book": {"equity": 5e4}}
    )
    prepared = prepare(bars, some, tiny)
    found = tune_ladder(prepared, tiny, own_ladder=mine)
    plain = tune_ladder(prepared, tiny, own_ladder=replace(mine, size=Size()))
    assert plain.size is None
    np.testing.assert_array_equal(found.recommendation.net_r, plain.recommendation.net_r)
    assert found.size is not None
    assert set(found.size.parts) <= {"constant", "0.5% of equity at risk"}
    mapping = found.to_mapping()
    assert mapping["sizes"]["n_candidates"] == 1
    assert mapping["recommendation"].endswith(found.size.text)
    assert found.recommended.ladder.size.is_sized == (found.size.recommended is not None)
